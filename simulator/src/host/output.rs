//! What a machine gives back to its caller.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use wirelab_model::SimTime;
use wirelab_wire::IpPacket;

use super::traffic::TrafficEvent;

/// Everything one call to a machine brought about, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Packets that leave.
    pub packets: Vec<Transmit>,
    /// What happened besides.
    pub events: Vec<HostEvent>,
}

/// A packet that leaves a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transmit {
    /// Index of the interface.
    pub interface: usize,
    /// Whose MAC the frame goes to: the next hop's address, or the packet's own destination.
    pub next_hop: IpAddr,
    /// Whether its sender knows that the next hop lives: the peer has answered (RFC 4861 section
    /// 7.3.1).
    pub confirms: bool,
    /// The packet; a forwarded one has its TTL decremented already.
    pub packet: Box<IpPacket>,
}

/// A command that was started on a machine; the caller chooses the number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ExecId(pub u64);

/// Where a command prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum OutputStream {
    /// File descriptor 1.
    Stdout,
    /// File descriptor 2.
    Stderr,
}

/// What happened on a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HostEvent {
    /// An exchange of a traffic program ended.
    Traffic(TrafficEvent),
    /// A command printed.
    ExecOutput {
        /// Which command.
        id: ExecId,
        /// Where.
        stream: OutputStream,
        /// What, with its line ends.
        text: String,
        /// When.
        at: SimTime,
    },
    /// A command ended; its last output came before this.
    ExecDone {
        /// Which command.
        id: ExecId,
        /// Exit status.
        status: i32,
        /// When.
        at: SimTime,
    },
    /// The machine itself dropped a packet.
    Dropped {
        /// The packet as it was when it was dropped.
        packet: Box<IpPacket>,
        /// Why.
        reason: HostDrop,
    },
}

/// Why a machine dropped a packet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum HostDrop {
    /// The destination is no address of the machine and `ip_forward` is 0.
    #[error("not addressed to this machine, and net.ipv4.ip_forward is 0")]
    NotForwarding,
    /// TTL reached zero while forwarding.
    #[error("the TTL reached 0 while forwarding")]
    TtlExpired,
    /// Longer than the outgoing interface or path allows, with DF set.
    #[error("{size} octets with DF set exceed the MTU {mtu}")]
    MtuExceeded {
        /// MTU in octets.
        mtu: u16,
        /// IP total length in octets.
        size: usize,
        /// Whether ICMP 3/4 was sent.
        icmp_sent: bool,
    },
    /// No route to the destination.
    #[error("no route to {destination}")]
    NoRoute {
        /// Where it was going.
        destination: IpAddr,
    },
    /// From a loopback address to another machine.
    #[error("a packet from a loopback address stays on this machine")]
    LoopbackSource,
    /// Nobody has told the next hop's hardware address (ARP, neighbour discovery).
    #[error("nobody answers for {next_hop}: it has no hardware address to be sent to")]
    NoNeighbor {
        /// The next hop.
        next_hop: IpAddr,
    },
    /// A rule of the machine's own firewall.
    #[error("iptables: {rule}")]
    Firewall {
        /// The rule as `iptables -S` prints it.
        rule: String,
    },
}
