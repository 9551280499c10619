//! Numbers that the stack draws: sequence numbers, identifications, flow labels.

use std::net::{IpAddr, SocketAddr};

use wirelab_model::SimTime;
use wirelab_wire::{IpPacket, IpVersionFields};

use super::Stack;
use crate::host::tcp::{Draws, Ends, clock};

/// Sequence numbers start one higher each 64 ns (`seq_scale`, RFC 6528), so a four-tuple that is
/// used again goes on above its last connection.
const SEQUENCE_STEP_NANOS: u64 = 64;

impl Stack {
    /// What a new connection between `ends` starts with. Sequence number and timestamps are offsets
    /// that the machine keeps for each pair of ends, and clocks (`secure_tcp_seq_and_ts_off`).
    pub(super) fn draw(&mut self, now: SimTime, ends: Ends) -> Draws {
        let offsets = mix(mix(self.secret, ends.local), ends.remote);
        let steps = now.as_nanos() / SEQUENCE_STEP_NANOS;
        Draws {
            initial_sequence: (offsets as u32).wrapping_add(steps as u32),
            timestamp_offset: (offsets >> 32) as u32,
            identification: self.draws.next_u32() as u16,
        }
    }

    /// A number for a message of a program: the id of a DNS query.
    pub(crate) fn draw_u16(&mut self) -> u16 {
        self.draws.next_u32() as u16
    }

    /// The next identification of a packet that belongs to no connected socket; never 0. The
    /// counter jumps by as much as the ticks since its last use (`ip_idents_reserve`).
    pub(crate) fn next_identification(&mut self, now: SimTime) -> u16 {
        let ticks = clock::jiffies(now).saturating_sub(self.identified_at);
        let jump = match ticks {
            0 => 0,
            ticks => scatter(u64::from(self.identification) << 32 ^ ticks) % ticks,
        };
        self.identified_at = clock::jiffies(now);
        let step = (jump as u16).wrapping_add(1);
        self.identification = self.identification.wrapping_add(step).max(1);
        self.identification
    }

    /// The identification of a datagram: a connected socket has a counter of its own.
    pub(super) fn datagram_identification(&mut self, now: SimTime, port: u16) -> u16 {
        if let Some(Some(counter)) = self.udp_ports.get_mut(&port) {
            *counter = counter.wrapping_add(1);
            return *counter;
        }
        self.next_identification(now)
    }

    /// The identification of a packet's fragments over IPv6, which is any number but 0
    /// (`ipv6_select_ident`).
    pub(super) fn fragment_identification(&mut self) -> u32 {
        self.fragment_draws.next_u32().max(1)
    }

    /// The flow label of an own IPv6 packet (`ip6_make_flowlabel` with `auto_flowlabels`, RFC
    /// 6438): one for each flow, which is two ends and a protocol; of ICMPv6 type and code stand
    /// for the ports.
    pub(super) fn label(&self, packet: &mut IpPacket) {
        let icmp = packet.icmp_type_code();
        let icmp = icmp.map(|(kind, code)| (kind.into(), code.into()));
        let (low, high) = icmp.or_else(|| packet.ports()).unwrap_or((0, 0));
        let (source, destination) = (packet.header.source, packet.header.destination);
        let protocol = u64::from(packet.protocol());
        if let IpVersionFields::V6(fields) = &mut packet.header.version {
            let from = mix(self.label_secret ^ protocol, SocketAddr::new(source, low));
            let flow = mix(from, SocketAddr::new(destination, high));
            fields.flow_label = (flow as u32 & 0x000f_ffff).max(1);
        }
    }
}

/// A number that depends on all bits of a state and of an end.
pub(super) fn mix(state: u64, end: SocketAddr) -> u64 {
    let address = match end.ip() {
        IpAddr::V4(it) => it.to_ipv6_mapped().to_bits(),
        IpAddr::V6(it) => it.to_bits(),
    };
    let words = [address as u64, (address >> 64) as u64, end.port().into()];
    words
        .into_iter()
        .fold(state, |state, word| scatter(state ^ word))
}

/// Mixes the bits of a number (the finisher of SplitMix64).
const fn scatter(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
