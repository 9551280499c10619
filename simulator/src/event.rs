//! What goes into a [`World`](crate::World) and what comes out of it.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use wirelab_model::{
    Changes, FlowLogId, FlowRecord, IpNet, NetworkInterfaceId, Observation, SimTime,
    VpnConnectionId,
};
use wirelab_wire::{IpPacket, LinkFrame};

use crate::host::{
    ExecId, HostError, HostSpec, OutputStream, ServerSpec, TrafficEvent, TrafficSpec,
};
use crate::verdict::{DropReason, Hop};

/// Something that is done to a world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Input {
    /// The control plane has changed resources.
    Changes(Changes),
    /// A network outside AWS.
    Segment(SegmentSpec),
    /// A machine. An instance's machine may come before its instance.
    Host(Box<HostSpec>),
    /// Names on the internet, for the resolvers of VPCs.
    PublicNames(Vec<(SmolStr, Vec<IpAddr>)>),
    /// Somebody starts a server on a machine, where it stays: it comes up again with the machine.
    /// Whether it could be started is told as the output of a command.
    Serve {
        /// As of [`Input::Exec`].
        id: ExecId,
        /// The machine.
        host: SmolStr,
        /// What is to listen.
        server: Box<ServerSpec>,
    },
    /// Somebody runs a command on a machine.
    Exec {
        /// Chosen by the caller, unique; the output bears it.
        id: ExecId,
        /// The machine.
        host: SmolStr,
        /// Program and arguments.
        argv: Vec<String>,
    },
    /// What a command that is about to start finds on file descriptor 0; of programs `nc` reads it.
    Stdin {
        /// As of [`Input::Exec`], which comes next.
        id: ExecId,
        /// The machine.
        host: SmolStr,
        /// All of it.
        text: String,
    },
    /// A signal ends a command: it prints nothing more and its sockets close. Its status is then
    /// the number of the signal, negative. A command that has ended already stays so.
    Kill {
        /// As of [`Input::Exec`].
        id: ExecId,
        /// 15 for SIGTERM.
        signal: u8,
    },
    /// A client program starts.
    Traffic(TrafficSpec),
    /// The client program of this name ends.
    StopTraffic(SmolStr),
    /// A packet on an interface as if its machine had sent it, with its destination as the next
    /// hop. The machine knows nothing of it; behind an instance's interface there need not be one.
    Packet {
        /// The interface.
        point: CapturePoint,
        /// The packet.
        packet: IpPacket,
    },
    /// One end of a VPN tunnel breaks, or is mended.
    VpnTunnel(VpnTunnelFault),
}

/// One end of a VPN tunnel breaks, without a word to the other, or is mended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VpnTunnelFault {
    /// The connection.
    pub vpn_connection: VpnConnectionId,
    /// 1 or 2.
    pub tunnel: u8,
    /// Which end.
    pub end: VpnEnd,
    /// Breaks, rather than is mended.
    pub broken: bool,
}

/// One of the two ends of a VPN tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum VpnEnd {
    /// AWS's endpoint.
    Aws,
    /// The customer's device.
    Customer,
}

/// Why an input was refused; the world is unchanged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// No machine has this name.
    #[error("no host is called `{0}`")]
    UnknownHost(SmolStr),
    /// Two machines of one name, or two of one instance.
    #[error("there is a host `{0}` already")]
    DuplicateHost(SmolStr),
    /// No segment has this name.
    #[error("no segment is called `{0}`")]
    UnknownSegment(SmolStr),
    /// Two segments of one name.
    #[error("there is a segment `{0}` already")]
    DuplicateSegment(SmolStr),
    /// Two client programs of one name.
    #[error("there is traffic `{0}` already")]
    DuplicateTraffic(SmolStr),
    /// No client program has this name.
    #[error("no traffic is called `{0}`")]
    UnknownTraffic(SmolStr),
    /// No interface has this id.
    #[error("there is no interface {0}")]
    UnknownInterface(NetworkInterfaceId),
    /// The machine has no such interface outside AWS.
    #[error("host `{host}` has no interface `{interface}` outside AWS")]
    UnknownHostInterface {
        /// The machine.
        host: SmolStr,
        /// The interface.
        interface: SmolStr,
    },
    /// No VPN connection has such a tunnel.
    #[error("{vpn_connection} has no tunnel {tunnel}")]
    UnknownTunnel {
        /// The connection.
        vpn_connection: VpnConnectionId,
        /// The number.
        tunnel: u8,
    },
    /// The machine cannot be set up.
    #[error("host `{host}`: {error}")]
    Host {
        /// Its name.
        host: SmolStr,
        /// Why.
        error: HostError,
    },
}

/// A network outside AWS: an office LAN, say. Machines reach each other on it directly and other
/// networks through a machine that forwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentSpec {
    /// Name; [`SegmentSpec::INTERNET`] is built in.
    pub name: SmolStr,
    /// Its block.
    pub cidr: IpNet,
    /// Largest IP packet in octets.
    pub mtu: u16,
}

impl SegmentSpec {
    /// The segment that joins every internet gateway and every machine with a public address.
    pub const INTERNET: &'static str = "internet";
}

/// Something that happened, in the order of virtual time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// A capture point saw a frame.
    Captured(Captured),
    /// A flow log's record was made.
    FlowRecord(Box<LoggedRecord>),
    /// A packet was dropped.
    Dropped(Box<Dropped>),
    /// An exchange of a client program ended.
    Traffic(TrafficEvent),
    /// A command printed.
    ExecOutput {
        /// The command.
        id: ExecId,
        /// Where to.
        stream: OutputStream,
        /// What, with its line ends.
        text: String,
        /// When.
        at: SimTime,
    },
    /// A command ended.
    ExecDone {
        /// The command.
        id: ExecId,
        /// Exit status.
        status: i32,
        /// When.
        at: SimTime,
    },
    /// The control plane should know.
    Observation(Observation),
}

/// Where packets are captured.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum CapturePoint {
    /// An instance's interface, as tcpdump on the instance sees it: egress before security group
    /// and network ACL, ingress after them.
    Interface(NetworkInterfaceId),
    /// An interface of a machine outside AWS.
    HostInterface {
        /// The machine.
        host: SmolStr,
        /// `eth0`, `tun0`.
        interface: SmolStr,
    },
}

/// One captured frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Captured {
    /// When.
    pub at: SimTime,
    /// Where.
    pub point: CapturePoint,
    /// Whether the machine sent it.
    pub outbound: bool,
    /// What. On `tun0` the hardware addresses are zero.
    pub frame: LinkFrame,
}

impl Captured {
    /// The IP packet in the frame; none in one of ARP.
    #[must_use]
    pub const fn packet(&self) -> Option<&IpPacket> {
        self.frame.packet()
    }

    /// Whether it is ARP or neighbour discovery, which stays on the link: no rule, route or flow
    /// log sees it.
    #[must_use]
    pub fn is_of_link(&self) -> bool {
        self.frame.is_of_link()
    }
}

/// One flow-log record and when it can be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoggedRecord {
    /// The flow log.
    pub flow_log: FlowLogId,
    /// The record.
    pub record: FlowRecord,
    /// End of the window plus delivery; before it nobody may see the record.
    pub available_at: SimTime,
}

/// One dropped packet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// When.
    pub at: SimTime,
    /// The packet as it was when it was dropped, translated or not.
    pub packet: IpPacket,
    /// Where.
    pub hop: Hop,
    /// Why.
    pub reason: DropReason,
    /// The machine that sent it first, if one did.
    pub from_host: Option<SmolStr>,
    /// The client program ([`TrafficSpec::name`]) whose exchange it belonged to, in either
    /// direction and through address translation.
    pub traffic: Option<SmolStr>,
}
