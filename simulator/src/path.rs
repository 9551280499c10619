//! Explain: the journey of one probe, there and back, with every deny on the way.
//!
//! The probe walks through the same hop functions as a packet that is sent, on a copy of the
//! world's state, so nothing changes. Where a packet would be dropped by a rule, the reason is
//! recorded and the probe goes on, so that all blockers are found at once.

mod ports;
mod print;
mod record;
mod size;
mod walk;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use wirelab_model::{
    CustomerGatewayId, IpNet, NetworkAclEntry, NetworkInterfaceId, RouteDestination, RouteTarget,
    SecurityGroupRuleId, TransitGatewayAttachmentId, TransitGatewayRouteTableId, VpcId,
};

use crate::verdict::{DropReason, Hop};

pub use ports::{SourcePorts, source_ports};
pub use print::{Marks, Names, PathDisplay};
pub use size::{Fit, largest};
pub use walk::{explain, explain_with};

/// What to ask about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// Who would send.
    pub from: Origin,
    /// Where to.
    pub to: IpAddr,
    /// What.
    pub protocol: ProbeProtocol,
    /// Source port of TCP and UDP; one from the sender's ephemeral range by default.
    pub source_port: Option<u16>,
    /// IP total length in octets, 28 at least, to ask about path MTU. `None`: a SYN, or 64 octets.
    pub size: Option<u16>,
}

/// Who sends a probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// A machine: one of its programs sends it.
    Host(SmolStr),
    /// An interface, whether or not there is a machine behind it.
    Interface {
        /// The interface.
        id: NetworkInterfaceId,
        /// Any address; the interface's primary one by default.
        source: Option<IpAddr>,
    },
    /// Somebody on the internet.
    Internet {
        /// A public address.
        source: IpAddr,
    },
    /// The customer's end of a VPN connection.
    CustomerGateway {
        /// The customer gateway.
        id: CustomerGatewayId,
        /// An address behind it.
        source: IpAddr,
    },
}

impl From<&str> for Origin {
    fn from(host: &str) -> Self {
        Self::Host(host.into())
    }
}

impl From<SmolStr> for Origin {
    fn from(host: SmolStr) -> Self {
        Self::Host(host)
    }
}

/// The machine's name, the interface's or gateway's id, or `internet`.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host(name) => f.write_str(name),
            Self::Interface { id, .. } => f.write_str(id.as_str()),
            Self::Internet { source } => write!(f, "internet {source}"),
            Self::CustomerGateway { id, source } => write!(f, "{id} {source}"),
        }
    }
}

/// The protocol of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProbeProtocol {
    /// A SYN, answered by a SYN-ACK.
    Tcp(u16),
    /// A datagram, answered by one.
    Udp(u16),
    /// An ICMP echo.
    Icmp,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathReport {
    /// The question.
    pub probe: Probe,
    /// The source port that the probe had; none of ICMP.
    pub source_port: Option<u16>,
    /// The way there.
    pub forward: Journey,
    /// The way of the ICMP error by which a hop tells the sender why the probe is dropped; none if
    /// nobody tells it.
    pub told: Option<Journey>,
    /// What the machine there would say to the probe.
    pub answer: Answer,
    /// The way of the answer; none if the probe could not be led to a machine. Where the machine
    /// would say nothing, the way of what it should have said.
    pub back: Option<Journey>,
}

/// One direction as it is printed.
#[derive(Clone, Copy, Debug)]
pub struct Way<'a> {
    /// The hops.
    pub journey: &'a Journey,
    /// Whether it is the way there.
    pub forward: bool,
    /// How it ends; of an answer to a probe that does not arrive, how it would end.
    pub outcome: &'static str,
}

/// What the machine at the end makes of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// The probe was not led to a machine.
    NotReached,
    /// Somebody listens, or answers the ping.
    Accepted,
    /// RST or ICMP port unreachable: nobody listens, or the machine's firewall rejects.
    Refused,
    /// Nothing comes back, as from a port without answer or behind a firewall that drops.
    Silent,
}

/// One direction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journey {
    /// What went: `SYN`, `SYN-ACK`, `UDP`, `ping`, `pong`, `ICMP 3/4`.
    pub what: SmolStr,
    /// The hops, in order; of a circle, one round.
    pub steps: Vec<PathStep>,
    /// The hops that the probe passes again and again until its TTL is used up.
    pub circle: Option<Range<usize>>,
    /// The machine it ended at, whether or not a rule would have stopped it before.
    pub reached: Option<SmolStr>,
}

/// One hop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathStep {
    /// Where.
    pub hop: Hop,
    /// What it said.
    pub verdict: StepVerdict,
    /// Source address of the packet as it came to the hop.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
}

impl PathStep {
    /// Whether the hop drops the probe.
    #[must_use]
    pub const fn is_deny(&self) -> bool {
        matches!(self.verdict, StepVerdict::Deny(_))
    }
}

/// What a hop said about a probe.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum StepVerdict {
    /// It passes.
    Pass(PassDetail),
    /// It is dropped.
    Deny(DropReason),
}

/// Why a probe passes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PassDetail {
    /// Nothing more to say.
    Plain,
    /// A rule of a security group allows it.
    Rule(SecurityGroupRuleId),
    /// It belongs to a tracked connection.
    Tracked,
    /// This entry of the network ACL allows it.
    Entry(Box<NetworkAclEntry>),
    /// This route was taken.
    Route {
        /// Its block or prefix list.
        destination: RouteDestination,
        /// Where it leads.
        target: RouteTarget,
    },
    /// This route of a transit gateway's table was taken.
    TransitRoute {
        /// Its block.
        destination: IpNet,
        /// The table.
        route_table: TransitGatewayRouteTableId,
        /// Where it leads.
        attachment: TransitGatewayAttachmentId,
    },
    /// It went by this tunnel of a VPN connection.
    Tunnel {
        /// 1 or 2.
        number: u8,
        /// AWS's outside address of it.
        outside_ip_address: Ipv4Addr,
    },
    /// The addresses or ports were translated to these.
    Translated {
        /// Source and port.
        source: (IpAddr, u16),
        /// Destination and port.
        destination: (IpAddr, u16),
    },
}

impl Journey {
    /// Every deny on the way.
    pub fn blockers(&self) -> impl Iterator<Item = &DropReason> {
        self.steps.iter().filter_map(|step| match &step.verdict {
            StepVerdict::Deny(reason) => Some(reason),
            StepVerdict::Pass(_) => None,
        })
    }

    /// What to say after hop number `at`, if it is the last one of a circle.
    #[must_use]
    pub fn again(&self, at: usize) -> Option<String> {
        let circle = self.circle.as_ref().filter(|it| it.end == at + 1)?;
        Some(match circle.len() {
            1 => "(this hop again and again, until the TTL is used up)".to_owned(),
            hops => format!("(these {hops} hops again and again, until the TTL is used up)"),
        })
    }

    /// Whether a packet sent now would arrive.
    #[must_use]
    pub fn delivered(&self) -> bool {
        self.reached.is_some() && self.blockers().next().is_none()
    }
}

impl PathReport {
    /// The ways in the order in which they are told: there, what a hop tells the sender, back.
    pub fn ways(&self) -> impl Iterator<Item = Way<'_>> {
        let arrives = self.forward.delivered();
        let ways = [
            (Some(&self.forward), true, true),
            (self.told.as_ref(), false, true),
            (self.back.as_ref(), false, arrives),
        ];
        ways.into_iter().filter_map(|(journey, forward, is_sent)| {
            let journey = journey?;
            let outcome = match (is_sent, journey.delivered()) {
                (true, true) => "DELIVERED",
                (true, false) => "DROPPED",
                (false, true) => "WOULD BE DELIVERED",
                (false, false) => "WOULD BE DROPPED",
            };
            Some(Way {
                journey,
                forward,
                outcome,
            })
        })
    }

    /// Whether the network would carry the probe and its answer, whatever the answer is.
    #[must_use]
    pub fn reachable(&self) -> bool {
        self.forward.delivered() && self.back.as_ref().is_some_and(Journey::delivered)
    }

    /// What the machine at the end makes of the probe, in words, if that is not to let it in.
    #[must_use]
    pub fn said(&self) -> Option<&'static str> {
        match (self.answer, self.forward.delivered()) {
            (Answer::Accepted | Answer::NotReached, _) => None,
            (Answer::Refused, true) => {
                Some("the machine refuses it: nobody listens there, or its own firewall rejects")
            }
            (Answer::Refused, false) => {
                Some("if it arrived, the machine would refuse it: no listener, or its firewall")
            }
            (Answer::Silent, true) if self.reached_service() => {
                Some("the service is reached; it answers requests, not an empty probe")
            }
            (Answer::Silent, true) => Some("the machine itself gives no answer"),
            (Answer::Silent, false) => {
                Some("if it arrived, the machine itself would give no answer")
            }
        }
    }

    /// Whether the probe ends at a service of AWS's: resolver, metadata, time, behind an endpoint.
    fn reached_service(&self) -> bool {
        let last = self.forward.steps.last();
        last.is_some_and(|step| matches!(step.hop, Hop::LinkLocal(_) | Hop::VpcEndpoint(_)))
    }

    /// Every deny, there and back.
    pub fn blockers(&self) -> impl Iterator<Item = &DropReason> {
        let back = self.back.iter().flat_map(Journey::blockers);
        self.forward.blockers().chain(back)
    }
}

impl Probe {
    /// Octets of its IP header and of a UDP or ICMP one.
    pub(crate) const fn smallest(&self) -> u16 {
        match self.to {
            IpAddr::V4(_) => 28,
            IpAddr::V6(_) => 48,
        }
    }
}

/// A probe that cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProbeError {
    /// No machine has this name.
    #[error("no host is called `{0}`")]
    UnknownHost(SmolStr),
    /// No interface has this id.
    #[error("no network interface is called `{0}`")]
    UnknownInterface(NetworkInterfaceId),
    /// No machine is this customer gateway.
    #[error("no machine answers as the customer gateway `{0}`")]
    UnknownCustomerGateway(CustomerGatewayId),
    /// Nobody on the internet has it.
    #[error(
        "{address} is an address of {vpc}: nobody on the internet has it, so nothing comes from it there"
    )]
    NotOnInternet {
        /// The address that was to send.
        address: IpAddr,
        /// Whose it is.
        vpc: VpcId,
    },
    /// Shorter than its own headers.
    #[error("{size} octets do not hold the headers of the probe: the smallest size is {smallest}")]
    TooSmall {
        /// What was asked for.
        size: u16,
        /// What its headers take.
        smallest: u16,
    },
    /// Port 0 cannot be connected to.
    #[error("port 0 is no port that anything listens on: give 1 to 65535")]
    PortZero,
    /// The packet would never leave the machine.
    #[error(
        "{to} is an address of host `{host}` itself: the packet would not leave the machine, so no \
         security group, network ACL or route has a say in it"
    )]
    ToItself {
        /// The machine.
        host: SmolStr,
        /// Its address.
        to: IpAddr,
    },
    /// Longer than the machine's own way out takes.
    #[error(
        "host `{host}` does not send {size} octets: the MTU of its way there is {mtu}, so its own \
         kernel tells the program `Message too long` (EMSGSIZE) and nothing goes on the wire"
    )]
    TooLong {
        /// The machine.
        host: SmolStr,
        /// What was to be sent, in octets.
        size: u16,
        /// MTU of interface or route, or what was learned of the path, in octets.
        mtu: u16,
    },
    /// The machine does not send it: it has no interface, no route, or a firewall of its own.
    #[error("host `{host}` does not send it: {why}")]
    NotSent {
        /// The machine.
        host: SmolStr,
        /// Why.
        why: String,
    },
}
