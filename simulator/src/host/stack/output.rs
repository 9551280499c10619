//! The way out of a machine: OUTPUT chain, route, fragmentation.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use wirelab_model::SimTime;
use wirelab_wire::IpPacket;

use super::Stack;
use crate::host::firewall::{Hook, Verdict};
use crate::host::output::{HostDrop, HostEvent, Transmit};
use crate::host::packet;
use crate::host::route::Resolved;

/// What the firewall said of a packet of this machine's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// Nothing against it.
    Accepted,
    /// A rule dropped it without a word (`EPERM` for a socket of UDP).
    Dropped,
    /// A rule refused it and said so (`EPERM`).
    Rejected,
}

/// Whether a packet with that source may not leave this way: loopback addresses stay inside
/// (RFC 1122 section 3.2.1.3; `__mkroute_output`).
pub(super) fn is_martian(source: IpAddr, way: &Resolved) -> bool {
    way.interface != usize::MAX && source.is_loopback()
}

impl Stack {
    /// `sendto()` on a UDP socket with path MTU discovery as it is by default (`IP_PMTUDISC_WANT`):
    /// DF where the packet fits the path as far as that is known, fragments where it does not.
    pub(crate) fn send_udp(&mut self, now: SimTime, port: u16, to: SocketAddr, payload: Bytes) {
        self.send_datagram(now, port, to, payload, self.tcp.dont_fragment);
    }

    /// The same without (`IP_PMTUDISC_DONT`): never DF.
    pub(crate) fn send_udp_in_pieces(
        &mut self,
        now: SimTime,
        port: u16,
        to: SocketAddr,
        payload: Bytes,
    ) {
        self.send_datagram(now, port, to, payload, false);
    }

    fn send_datagram(
        &mut self,
        now: SimTime,
        port: u16,
        to: SocketAddr,
        payload: Bytes,
        discovers: bool,
    ) {
        let Some(resolved) = self.resolve(to.ip()) else {
            return;
        };
        let from = SocketAddr::new(resolved.source, port);
        let ip = packet::Ip {
            identification: self.datagram_identification(now, port),
            dont_fragment: discovers,
        };
        let mut packet = packet::udp(from, to, ip, payload);
        let mtu = self.routes.path_mtu(to.ip(), resolved.mtu, now);
        if packet.total_len() > usize::from(mtu) || self.routes.is_locked(to.ip(), now) {
            packet.header = packet.header.with_dont_fragment(false);
        }
        packet.header.ttl = self.tcp.ttl;
        self.output_in_pieces(now, packet);
    }

    /// Sends packets this machine made.
    pub(crate) fn transmit_all(&mut self, now: SimTime, packets: Vec<IpPacket>) {
        for mut packet in packets {
            packet.header.ttl = self.tcp.ttl;
            self.output(now, packet);
        }
    }

    /// One packet of this machine's own: OUTPUT chain, route, and over IPv4 fragments if it is too
    /// long and has no DF.
    pub(crate) fn output(&mut self, now: SimTime, packet: impl Into<Box<IpPacket>>) -> Sent {
        self.send_out(now, packet.into(), false)
    }

    /// The same of a packet that its sender lets be cut over IPv6 too, where no DF says so: one of
    /// UDP or an echo (RFC 8200 section 4.5).
    pub(crate) fn output_in_pieces(
        &mut self,
        now: SimTime,
        packet: impl Into<Box<IpPacket>>,
    ) -> Sent {
        self.send_out(now, packet.into(), true)
    }

    fn send_out(&mut self, now: SimTime, mut packet: Box<IpPacket>, may_be_cut: bool) -> Sent {
        self.label(&mut packet);
        let destination = packet.header.destination;
        let Some(resolved) = self.resolve(destination) else {
            self.drop_packet(packet, HostDrop::NoRoute { destination });
            return Sent::Accepted;
        };
        if is_martian(packet.header.source, &resolved) {
            self.drop_packet(packet, HostDrop::LoopbackSource);
            return Sent::Accepted;
        }
        let names = super::names(&self.interfaces, None, Some(resolved.interface));
        let mtu = self.routes.path_mtu(destination, resolved.mtu, now);
        match self
            .firewall
            .filter(Hook::Output, &mut packet, names, Some(mtu), now)
        {
            Verdict::Accept => {}
            Verdict::Drop { rule } => {
                self.drop_packet(packet, HostDrop::Firewall { rule });
                return Sent::Dropped;
            }
            Verdict::Reject { rule, with } => {
                self.reject(now, &packet, with);
                self.drop_packet(packet, HostDrop::Firewall { rule });
                return Sent::Rejected;
            }
        }
        if !self.bridged.is_empty() {
            self.cross_bridge_out(&mut packet);
        }
        if resolved.interface == usize::MAX {
            self.count_loopback(packet.total_len());
            self.loopback.put(now, packet);
            return Sent::Accepted;
        }
        // Own packets are cut for the whole path, as far as it is known.
        let mut resolved = resolved;
        if !packet.dont_fragment() {
            resolved.mtu = mtu;
        }
        if may_be_cut && destination.is_ipv6() && packet.total_len() > usize::from(mtu) {
            let identification = self.fragment_identification();
            for piece in packet.fragment_ipv6(mtu, identification) {
                self.emit(&resolved, Box::new(piece));
            }
        } else {
            self.emit(&resolved, packet);
        }
        Sent::Accepted
    }

    /// Puts a packet on its interface, in fragments if need be.
    pub(crate) fn emit(&mut self, resolved: &Resolved, packet: Box<IpPacket>) {
        let size = packet.total_len();
        let confirms = self.confirming;
        let push = |packet| Transmit {
            interface: resolved.interface,
            next_hop: resolved.next_hop,
            confirms,
            packet,
        };
        if size <= usize::from(resolved.mtu) {
            self.count_sent(resolved.interface, size);
            self.sent.push(push(packet));
        } else if packet.dont_fragment() {
            let reason = HostDrop::MtuExceeded {
                mtu: resolved.mtu,
                size,
                icmp_sent: false,
            };
            self.drop_packet(packet, reason);
        } else {
            for piece in packet.fragment(resolved.mtu) {
                self.count_sent(resolved.interface, piece.total_len());
                self.sent.push(push(Box::new(piece)));
            }
        }
    }

    /// Reports a packet this machine drops.
    pub(crate) fn drop_packet(&mut self, packet: Box<IpPacket>, reason: HostDrop) {
        self.notices.push(HostEvent::Dropped { packet, reason });
    }
}
