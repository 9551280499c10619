//! TCP as the Linux kernel does it (RFC 9293, 5681, 6298, 2018, 2883, 7323, 8985).
//!
//! The names of the kernel's functions stand in the comments, so that a reader can hold
//! `net/ipv4/tcp_input.c` and `tcp_output.c` beside these files:
//!
//! | file | what |
//! | --- | --- |
//! | `connection` | one socket: state, opening, closing, what programs call |
//! | `segment_in` | an arriving segment: checks, state changes |
//! | `acknowledge` | what its ACK and SACK mean for the send queue |
//! | `recovery` | loss: RACK, recovery, undo, congestion window |
//! | `newreno` | loss without SACK: duplicate ACKs |
//! | `send` | new data: bursts, Nagle, MSS, the segments themselves |
//! | `retransmit` | old data: retransmissions, tail loss probes, collapse |
//! | `receive` | arriving data: reassembly, SACK blocks, window, ACK policy |
//! | `timers` | what happens when one fires |
//! | `listener` | requests that have not completed their handshake |
//! | `time_wait` | what is left after closing |
//!
//! ECN is negotiated and new data marked ECT(0) (RFC 3168), but nothing on the way marks CE, so the
//! answer to it is not modelled. Nor are urgent data, TCP MD5, Fast Open, SYN cookies and probing
//! upward from a reduced MSS (`tcp_mtu_probe`).

mod acknowledge;
pub(crate) mod clock;
mod connection;
mod cubic;
mod flight;
mod listener;
mod newreno;
mod options;
mod queue;
mod receive;
mod recovery;
mod retransmit;
mod rtt;
mod segment_in;
mod send;
mod seq;
mod time_wait;
mod timers;

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use wirelab_model::{SimDuration, SimTime};
use wirelab_wire::{IpPacket, TcpFlags, TcpSegment};

use super::packet;
use super::spec::{HostSettings, KernelProfile};

pub(crate) use connection::{Connection, Info, State};
pub(crate) use listener::{Request, RequestInput};
pub(crate) use time_wait::{TimeWait, TimeWaitInput};

/// Octets of a TCP header without options, and of the IP header of the version of `peer`.
const fn headers(peer: std::net::IpAddr) -> u32 {
    match peer {
        std::net::IpAddr::V4(_) => 40,
        std::net::IpAddr::V6(_) => 60,
    }
}

/// Why a connection ended other than by FIN: the `errno` a program sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SocketError {
    /// `ETIMEDOUT`.
    TimedOut,
    /// `ECONNREFUSED`.
    Refused,
    /// `ECONNRESET`.
    Reset,
    /// `EHOSTUNREACH`.
    HostUnreachable,
    /// `ENETUNREACH`.
    NetUnreachable,
    /// `EACCES`: over IPv6, a firewall says that it is forbidden.
    Denied,
}

/// What a connection has to know of its machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TcpConfig {
    pub(crate) kernel: KernelProfile,
    pub(crate) timestamps: bool,
    pub(crate) sack: bool,
    pub(crate) window_scaling: bool,
    pub(crate) mtu_probing: u8,
    pub(crate) retries2: u8,
    pub(crate) syn_retries: u8,
    pub(crate) synack_retries: u8,
    pub(crate) keepalive: Option<Keepalive>,
    pub(crate) fin_timeout: SimDuration,
    pub(crate) dont_fragment: bool,
    /// `SO_RCVBUF` in octets.
    pub(crate) receive_buffer: Option<u32>,
    /// `tcp_ecn`: 0 off, 1 asked for and accepted, 2 accepted.
    pub(crate) ecn: u8,
    /// `ip_default_ttl`.
    pub(crate) ttl: u8,
    /// Octets of memory a packet takes beyond its data.
    pub(crate) overhead: Option<u32>,
}

/// Keepalive of one socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Keepalive {
    pub(crate) time: SimDuration,
    pub(crate) interval: SimDuration,
    pub(crate) probes: u8,
}

impl TcpConfig {
    pub(crate) fn new(settings: &HostSettings, kernel: KernelProfile) -> Self {
        Self {
            kernel,
            timestamps: settings.tcp_timestamps,
            sack: settings.tcp_sack,
            window_scaling: settings.tcp_window_scaling,
            mtu_probing: settings.tcp_mtu_probing,
            retries2: settings.tcp_retries2,
            syn_retries: settings.tcp_syn_retries,
            synack_retries: settings.tcp_synack_retries,
            keepalive: None,
            fin_timeout: settings.tcp_fin_timeout,
            dont_fragment: !settings.ip_no_pmtu_disc,
            receive_buffer: None,
            ecn: settings.tcp_ecn,
            ttl: settings.ip_default_ttl,
            overhead: settings.driver_overhead,
        }
    }

    /// Takes over what the kernel reads of the machine's settings each time it needs them
    /// (`READ_ONCE(net->ipv4.sysctl_...)` in `tcp_timer.c` and `tcp_fin_time`), so that `sysctl -w`
    /// reaches connections that exist. Everything else was settled when the socket was made.
    const fn follow(&mut self, machine: &Self) {
        self.mtu_probing = machine.mtu_probing;
        self.retries2 = machine.retries2;
        self.syn_retries = machine.syn_retries;
        self.synack_retries = machine.synack_retries;
        self.fin_timeout = machine.fin_timeout;
    }

    /// `tcp_syn_linear_timeouts`, since Linux 6.5.
    const fn linear_timeouts(&self) -> u8 {
        match self.kernel {
            KernelProfile::Linux618 => 4,
            KernelProfile::Linux61 => 0,
        }
    }

    /// The shift that the largest receive buffer needs (`tcp_select_initial_window`).
    pub(crate) const fn window_scale(&self) -> u8 {
        if let Some(octets) = self.receive_buffer {
            return match octets {
                0..=65_535 => 0,
                more => (more.ilog2() - 15) as u8,
            };
        }
        match self.kernel {
            KernelProfile::Linux618 => 10,
            KernelProfile::Linux61 => 7,
        }
    }

    /// Third value of `tcp_rmem` in octets.
    const fn receive_buffer_max(&self) -> u64 {
        match self.kernel {
            KernelProfile::Linux618 => 33_554_432,
            KernelProfile::Linux61 => 6_291_456,
        }
    }
}

/// Both ends of a connection, seen from this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Ends {
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
}

/// Numbers a new connection draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Draws {
    pub(crate) initial_sequence: u32,
    pub(crate) timestamp_offset: u32,
    pub(crate) identification: u16,
}

/// The route of a connection at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PathInfo {
    /// Path MTU in octets: what was learned, or the route's, or the interface's.
    pub(crate) mtu: u32,
    /// MSS to announce in octets, from the route's MTU.
    pub(crate) advertised_mss: u32,
    /// Routers have to cut packets: DF is not set (`ip_dont_fragment`).
    pub(crate) locked: bool,
}

/// What a connection works with during one call.
pub(crate) struct Context<'a> {
    pub(crate) now: SimTime,
    pub(crate) path: PathInfo,
    /// Packets that leave, in order.
    pub(crate) out: &'a mut Vec<IpPacket>,
}

impl Context<'_> {
    /// Milliseconds, the unit of TCP timestamps.
    fn millis(&self) -> u32 {
        (self.now.as_nanos() / 1_000_000) as u32
    }
}

/// The RST for a segment that no socket wants (`tcp_v4_send_reset`, RFC 9293 section 3.10.7.1).
pub(crate) fn reset_for(ends: Ends, segment: &TcpSegment) -> Option<IpPacket> {
    if segment.flags.contains(TcpFlags::RST) {
        return None;
    }
    let (flags, sequence, acknowledgment) = if segment.flags.contains(TcpFlags::ACK) {
        (TcpFlags::RST, segment.acknowledgment, 0)
    } else {
        let end = segment.sequence.wrapping_add(segment.sequence_len());
        (TcpFlags::RST | TcpFlags::ACK, 0, end)
    };
    Some(packet::tcp(
        ends,
        packet::Ip {
            identification: 0,
            dont_fragment: true,
        },
        TcpSegment {
            source_port: ends.local.port(),
            destination_port: ends.remote.port(),
            sequence,
            acknowledgment,
            flags,
            window: 0,
            urgent_pointer: 0,
            options: wirelab_wire::TcpOptions::NONE,
            payload: bytes::Bytes::new(),
        },
    ))
}
