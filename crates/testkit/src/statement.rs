//! What a script says.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::Value;
use smol_str::SmolStr;
use wirelab_model::SimDuration;
use wirelab_simulator::host::TrafficSpec;
use wirelab_wire::TcpFlags;

/// A world and what happens in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Script {
    /// Seed of the world's own streams.
    pub seed: u64,
    /// Machines talk by themselves, as opposed to being silent while packets are put on their
    /// interfaces one after the other.
    pub live: bool,
    /// What happens, in order.
    pub statements: Vec<Statement>,
}

/// One thing that happens.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// Virtual time since the one before.
    pub wait: SimDuration,
    /// What.
    pub act: Act,
}

/// What happens.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// An API call. Strings `$kind:name` stand for ids: the first id with the prefix `kind` in the
    /// reply to the call named `name`.
    Call {
        /// What its reply's ids are known by.
        name: SmolStr,
        /// EC2's operation.
        operation: SmolStr,
        /// Its parameters.
        parameters: Value,
        /// Who calls; at home, the owner of the id that it names first, if it names one.
        at: Realm,
    },
    /// A machine.
    Machine(Machine),
    /// A packet on an interface.
    Send(Send),
    /// An answer to a packet that was delivered, from where it was delivered.
    Answer(Answer),
    /// A client program starts.
    Traffic {
        /// What it does; `to` is replaced.
        spec: Box<TrafficSpec>,
        /// Whom it talks to.
        to: To,
    },
    /// Nothing but the time before it.
    Wait,
}

/// An account in a Region.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Realm {
    /// The world's own.
    #[default]
    Home,
    /// Its account in another Region.
    Region,
    /// Another account in its Region.
    Account,
}

impl Realm {
    /// The account's id.
    #[must_use]
    pub const fn account(self) -> &'static str {
        match self {
            Self::Home | Self::Region => "123456789012",
            Self::Account => "210987654321",
        }
    }

    /// The Region.
    #[must_use]
    pub const fn region(self) -> &'static str {
        match self {
            Self::Home | Self::Account => "us-east-1",
            Self::Region => "us-west-2",
        }
    }
}

/// A machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Machine {
    /// Of the instance that the call of this name launched.
    Instance {
        /// The call's name; the machine is called so too.
        name: SmolStr,
    },
    /// A customer's VPN device, the machine of a customer gateway.
    Device {
        /// Its name.
        name: SmolStr,
        /// The name of the call that made the customer gateway.
        gateway: SmolStr,
        /// Its address on a LAN of its own.
        address: Ipv4Addr,
    },
    /// On the internet.
    Outside {
        /// Its name.
        name: SmolStr,
        /// Its address.
        address: Ipv4Addr,
        /// Its other address.
        ipv6: Option<Ipv6Addr>,
    },
}

/// A packet put on an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Send {
    /// What answers call it.
    pub label: u32,
    /// Whose interface.
    pub from: Sender,
    /// Where to.
    pub to: To,
    /// What.
    pub shape: Shape,
    /// A source address that is not the sender's own.
    pub spoofed: Option<IpAddr>,
}

/// Whose interface a packet is put on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sender {
    /// The primary interface of the instance that the call of this name launched.
    Instance(SmolStr),
    /// A machine on the internet.
    Outside(SmolStr),
    /// A customer's VPN device, into its tunnels.
    Device(SmolStr),
}

/// Where a packet goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum To {
    /// An address.
    Address(IpAddr),
    /// The first public address of the interface of the instance or NAT gateway that the call of
    /// this name made.
    Public(SmolStr),
}

/// What a packet carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// IANA number.
    pub protocol: u8,
    /// Source port, or identifier of an echo.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// TCP's control bits.
    pub flags: TcpFlags,
    /// Octets of data.
    pub data: u16,
    /// DF.
    pub dont_fragment: bool,
    /// Put on the wire in fragments, as a machine does whose own MTU is small.
    pub in_fragments: bool,
}

/// An answer to a delivered packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// [`Send::label`] of what it answers.
    pub label: u32,
    /// TCP's control bits.
    pub flags: TcpFlags,
    /// Octets of data.
    pub data: u16,
}

impl Script {
    /// The same with other statements.
    #[must_use]
    pub fn with(&self, statements: Vec<Statement>) -> Self {
        Self {
            statements,
            ..*self
        }
    }
}

/// One line a statement.
impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for statement in &self.statements {
            writeln!(f, "{statement}")?;
        }
        Ok(())
    }
}

/// `+350.5s  send 7: i0 > 10.0.2.10 tcp 40000>443 [S] 0 octets`.
impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wait = if self.wait == SimDuration::ZERO {
            String::new()
        } else {
            format!("+{}", self.wait)
        };
        write!(f, "{wait:>10}  {}", self.act)
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call {
                name,
                operation,
                parameters,
                at,
            } => {
                if *at != Realm::Home {
                    write!(f, "{}/{}: ", at.account(), at.region())?;
                }
                if !name.is_empty() {
                    write!(f, "{name} = ")?;
                }
                write!(f, "{operation}")?;
                for (key, value) in parameters.as_object().into_iter().flatten() {
                    match value {
                        Value::String(text) => write!(f, " {key}={text}")?,
                        other => write!(f, " {key}={other}")?,
                    }
                }
                Ok(())
            }
            Self::Machine(Machine::Instance { name }) => write!(f, "machine of {name}"),
            Self::Machine(Machine::Device {
                name,
                gateway,
                address,
            }) => write!(f, "machine {name} at {address}, the device of {gateway}"),
            Self::Machine(Machine::Outside {
                name,
                address,
                ipv6,
            }) => {
                write!(f, "machine {name} at {address} ")?;
                if let Some(ipv6) = ipv6 {
                    write!(f, "and {ipv6} ")?;
                }
                f.write_str("on the internet")
            }
            Self::Send(send) => write!(f, "{send}"),
            Self::Answer(Answer { label, flags, data }) => {
                write!(f, "answer {label}: {flags} {data} octets")
            }
            Self::Traffic { spec, to } => write!(
                f,
                "traffic {}: {} > {to} port {} {:?} every {}",
                spec.name, spec.from, spec.port, spec.program, spec.every
            ),
            Self::Wait => f.write_str("wait"),
        }
    }
}

impl fmt::Display for Send {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shape {
            protocol,
            source_port,
            destination_port,
            flags,
            data,
            dont_fragment,
            in_fragments,
        } = self.shape;
        let from = match &self.from {
            Sender::Instance(name) | Sender::Outside(name) | Sender::Device(name) => name,
        };
        write!(f, "send {}: {from} > {} ", self.label, self.to)?;
        match protocol {
            6 => write!(f, "tcp {source_port}>{destination_port} {flags}")?,
            17 => write!(f, "udp {source_port}>{destination_port}")?,
            1 | 58 => write!(f, "echo request {source_port}")?,
            other => write!(f, "protocol {other}")?,
        }
        write!(f, " {data} octets")?;
        if dont_fragment {
            f.write_str(" DF")?;
        }
        if in_fragments {
            f.write_str(" in fragments")?;
        }
        if let Some(spoofed) = self.spoofed {
            write!(f, " as {spoofed}")?;
        }
        Ok(())
    }
}

impl fmt::Display for To {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(f, "{address}"),
            Self::Public(name) => write!(f, "public address of {name}"),
        }
    }
}
