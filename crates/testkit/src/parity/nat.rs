//! A NAT device between two links as Linux's masquerade is, with a memory as short as it is told:
//! what makes the connections of the machines on both sides break.

use std::net::IpAddr;

use wirelab_model::{SimDuration, SimTime};
use wirelab_wire::{
    IpHeader, IpPacket, IpVersionFields, Ipv4Fields, TcpFlags, TcpOptions, TcpSegment, Transport,
};

use super::manifest::Unknown;

/// Interface numbers.
const INSIDE: usize = 0;
const OUTSIDE: usize = 1;

/// The device.
#[derive(Debug)]
pub(super) struct Nat {
    pub(super) address: IpAddr,
    pub(super) tcp_timeout: SimDuration,
    pub(super) udp_timeout: SimDuration,
    pub(super) unknown: Unknown,
    pub(super) replaced: Option<(SimTime, IpAddr)>,
    pub(super) mappings: Vec<Mapping>,
}

/// Who talks to whom; ports are kept.
#[derive(Clone, Debug)]
pub(super) struct Mapping {
    inside: IpAddr,
    peer: IpAddr,
    ports: (u16, u16),
    protocol: u8,
    used: SimTime,
}

impl Nat {
    /// Translates a packet that came in; gives packets with the interfaces they leave by.
    pub(super) fn on_packet(
        &mut self,
        now: SimTime,
        interface: usize,
        mut packet: IpPacket,
    ) -> Vec<(usize, IpPacket)> {
        if let Some((at, address)) = self.replaced
            && now >= at
        {
            self.replaced = None;
            self.address = address;
            self.mappings.clear();
        }
        let (tcp, udp) = (self.tcp_timeout, self.udp_timeout);
        self.mappings.retain(|mapping| {
            let limit = if mapping.protocol == wirelab_wire::protocol::TCP {
                tcp
            } else {
                udp
            };
            now.since(mapping.used) < limit
        });
        if packet.header.ttl <= 1 || !packet.decrement_ttl() {
            return Vec::new();
        }
        if interface == INSIDE {
            self.outwards(now, packet)
        } else {
            self.inwards(now, packet)
        }
    }

    fn outwards(&mut self, now: SimTime, mut packet: IpPacket) -> Vec<(usize, IpPacket)> {
        let Some(ports) = packet.ports() else {
            return Vec::new();
        };
        let (inside, peer) = (packet.header.source, packet.header.destination);
        let protocol = packet.protocol();
        let known = self.mappings.iter_mut().find(|mapping| {
            mapping.inside == inside
                && mapping.peer == peer
                && mapping.ports == ports
                && mapping.protocol == protocol
        });
        match known {
            Some(mapping) => mapping.used = now,
            None => {
                if let Some(answer) = self.refusal(&packet) {
                    return answer;
                }
                self.mappings.push(Mapping {
                    inside,
                    peer,
                    ports,
                    protocol,
                    used: now,
                });
            }
        }
        packet.header.source = self.address;
        vec![(OUTSIDE, packet)]
    }

    /// What becomes of a segment in the middle of a connection that is not known.
    fn refusal(&self, packet: &IpPacket) -> Option<Vec<(usize, IpPacket)>> {
        let Transport::Tcp(segment) = &packet.transport else {
            return None;
        };
        if segment.flags.contains(TcpFlags::SYN) {
            return None;
        }
        match self.unknown {
            Unknown::Pickup => None,
            Unknown::Drop => Some(Vec::new()),
            Unknown::Reset if segment.flags.contains(TcpFlags::RST) => Some(Vec::new()),
            Unknown::Reset => Some(vec![(INSIDE, reset(packet, segment))]),
        }
    }

    fn inwards(&mut self, now: SimTime, mut packet: IpPacket) -> Vec<(usize, IpPacket)> {
        let Some((source, destination)) = packet.ports() else {
            return Vec::new();
        };
        if packet.header.destination != self.address {
            return Vec::new();
        }
        let protocol = packet.protocol();
        let peer = packet.header.source;
        let known = self.mappings.iter_mut().find(|mapping| {
            mapping.peer == peer
                && mapping.ports == (destination, source)
                && mapping.protocol == protocol
        });
        match known {
            Some(mapping) => {
                mapping.used = now;
                packet.header.destination = mapping.inside;
                vec![(INSIDE, packet)]
            }
            None => self.no_mapping(&packet),
        }
    }

    /// A packet to the device itself: a closed port.
    fn no_mapping(&self, packet: &IpPacket) -> Vec<(usize, IpPacket)> {
        let answer = match &packet.transport {
            Transport::Tcp(segment) if !segment.flags.contains(TcpFlags::RST) => {
                Some(reset(packet, segment))
            }
            Transport::Udp(_) => {
                let code = wirelab_wire::IcmpError::Unreachable(wirelab_wire::Unreachable::Port);
                packet.icmp_error(self.address, code)
            }
            _ => None,
        };
        answer.into_iter().map(|answer| (OUTSIDE, answer)).collect()
    }
}

/// The RST of a machine without a socket (RFC 9293 section 3.10.7.1).
fn reset(packet: &IpPacket, segment: &TcpSegment) -> IpPacket {
    IpPacket {
        header: IpHeader {
            source: packet.header.destination,
            destination: packet.header.source,
            ttl: 64,
            traffic_class: 0,
            version: IpVersionFields::V4(Ipv4Fields {
                identification: 0,
                dont_fragment: true,
                ..Ipv4Fields::default()
            }),
        },
        transport: Transport::Tcp(TcpSegment {
            source_port: segment.destination_port,
            destination_port: segment.source_port,
            sequence: segment.acknowledgment,
            acknowledgment: 0,
            flags: TcpFlags::RST,
            window: 0,
            urgent_pointer: 0,
            options: TcpOptions::NONE,
            payload: bytes::Bytes::new(),
        }),
    }
}
