//! The packet that one would expect to see, as the pattern from which a counterexample departs as
//! little as it can.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::shape::{Between, Kind, Shape};

/// The machine that sends: 10.0.1.5, port 40000.
const SOURCE: (Ipv4Addr, Ipv6Addr) = (
    Ipv4Addr::new(10, 0, 1, 5),
    Ipv6Addr::new(0xfd00, 0, 0, 1, 0, 0, 0, 5),
);
/// The machine that is asked: 10.0.2.10.
const DESTINATION: (Ipv4Addr, Ipv6Addr) = (
    Ipv4Addr::new(10, 0, 2, 10),
    Ipv6Addr::new(0xfd00, 0, 0, 2, 0, 0, 0, 0xa),
);
const MACS: [u8; 12] = [2, 0, 10, 0, 2, 10, 2, 0, 10, 0, 1, 5];
/// Of a program that asks, and of what answers: HTTPS, or nobody for UDP (traceroute's first).
pub(super) const CLIENT: u16 = 40_000;
const HTTPS: u16 = 443;
const TRACEROUTE: u16 = 33_434;

/// Between whom a packet goes.
#[derive(Clone, Debug)]
pub(super) struct Ends {
    pub(super) macs: [u8; 12],
    pub(super) source: Vec<u8>,
    pub(super) destination: Vec<u8>,
    /// Those of the protocol's ordinary packet otherwise.
    pub(super) ports: Option<(u16, u16)>,
}

impl Ends {
    /// Two machines of this page, of the shape's version.
    pub(super) fn of(shape: &Shape) -> Self {
        let (source, destination) = match shape.is_v6() {
            true => (SOURCE.1.octets().to_vec(), DESTINATION.1.octets().to_vec()),
            false => (SOURCE.0.octets().to_vec(), DESTINATION.0.octets().to_vec()),
        };
        Self {
            macs: MACS,
            source,
            destination,
            ports: None,
        }
    }
}

/// Whom a datagram goes to that is for many, with their MAC address: everybody (RFC 919), all
/// machines of the group that each is in (RFC 1112, section 4), all of the network that is asked
/// elsewhere on this page.
pub(super) fn many(shape: &Shape) -> Vec<([u8; 6], Vec<u8>)> {
    if shape.is_v6() {
        let all = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
        return vec![([0x33, 0x33, 0, 0, 0, 1], all.octets().to_vec())];
    }
    let broadcast = |to: [u8; 4]| ([0xff; 6], to.to_vec());
    vec![
        broadcast([255; 4]),
        ([0x01, 0x00, 0x5e, 0, 0, 1], vec![224, 0, 0, 1]),
        broadcast([10, 0, 2, 255]),
    ]
}

/// What a counterexample's structure is, as far as the solver has settled it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Structure {
    /// Octets of the frame.
    pub(super) len: usize,
    pub(super) protocol: u8,
    /// TCP's header in words.
    pub(super) words: u8,
    pub(super) flags: u8,
    /// ICMP's type, ARP's operation.
    pub(super) message: u8,
    /// Whether the transport header is not here, but in the first fragment.
    pub(super) is_later: bool,
}

/// The ports of an ordinary packet from a client.
pub(super) const fn ports(protocol: u8) -> (u16, u16) {
    match protocol {
        17 => (CLIENT, TRACEROUTE),
        _ => (CLIENT, HTTPS),
    }
}

/// An ordinary frame of that shape and structure. Lengths and checksums are left to others.
pub(super) fn frame(shape: &Shape, it: &Structure, ends: &Ends) -> Vec<u8> {
    let mut frame = vec![0; it.len.max(14)];
    put(&mut frame, 0, &ends.macs);
    let at = shape.network as usize;
    match shape.kind {
        Kind::V4 { words, .. } => {
            put(
                &mut frame,
                at,
                &[0x40 | words, 0, 0, 0, 0, 1, 0x40, 0, 64, it.protocol, 0, 0],
            );
            put(&mut frame, at + 12, &ends.source);
            put(&mut frame, at + 16, &ends.destination);
            // No-operation: the option that says nothing.
            put(&mut frame, at + 20, &vec![1; usize::from(words) * 4 - 20]);
        }
        Kind::V6(between) => {
            let next = match between {
                Between::Nothing => it.protocol,
                Between::Fragment => 44,
                Between::Options => 0,
            };
            put(&mut frame, at, &[0x60, 0, 0, 0, 0, 0, next, hops(it)]);
            put(&mut frame, at + 8, &ends.source);
            put(&mut frame, at + 24, &ends.destination);
            match between {
                Between::Nothing => {}
                Between::Fragment => put(&mut frame, at + 40, &[it.protocol, 0, 0, 0, 0, 0, 0, 1]),
                Between::Options => put(&mut frame, at + 40, &[it.protocol, 0, 1, 4, 0, 0, 0, 0]),
            }
        }
        Kind::Arp => {
            put(&mut frame, at, &[0, 1, 8, 0, 6, 4, 0, it.message]);
            put(&mut frame, at + 8, &ends.macs[6..]);
            put(&mut frame, at + 14, &ends.source);
            // Everybody is asked, and who asked is answered (RFC 826).
            match it.message {
                2 => put(&mut frame, at + 18, &ends.macs[..6]),
                _ => put(&mut frame, 0, &[255; 6]),
            }
            put(&mut frame, at + 24, &ends.destination);
            return frame;
        }
    }
    if !it.is_later {
        transport(shape, it, ends, &mut frame);
    }
    frame
}

/// Neighbour discovery does not pass a router (RFC 4861, section 7.1).
fn hops(it: &Structure) -> u8 {
    if it.protocol == 58 && (133..=137).contains(&it.message) {
        255
    } else {
        64
    }
}

fn transport(shape: &Shape, it: &Structure, ends: &Ends, frame: &mut [u8]) {
    let at = shape.transport() as usize;
    let (source, destination) = ends.ports.unwrap_or_else(|| ports(it.protocol));
    let mut both = [0; 4];
    both[..2].copy_from_slice(&source.to_be_bytes());
    both[2..].copy_from_slice(&destination.to_be_bytes());
    match it.protocol {
        6 => {
            put(frame, at, &both);
            let answers = u8::from(it.flags & 0x10 != 0);
            put(
                frame,
                at + 4,
                &[0, 0, 0, 1, 0, 0, 0, answers, it.words << 4, it.flags],
            );
            put(frame, at + 14, &64_240_u16.to_be_bytes());
            put(
                frame,
                at + 20,
                &vec![1; (usize::from(it.words) * 4).saturating_sub(20)],
            );
        }
        17 => put(frame, at, &both),
        132 => {
            put(frame, at, &both);
            // A COOKIE ACK, the shortest chunk (RFC 9260, section 3.3.12).
            put(frame, at + 4, &[0, 0, 0, 1, 0, 0, 0, 0, 11, 0, 0, 4]);
        }
        1 => icmp(at, it, ends, frame),
        58 => icmp6(at, it, ends, frame),
        _ => {}
    }
}

fn icmp(at: usize, it: &Structure, ends: &Ends, frame: &mut [u8]) {
    put(frame, at, &[it.message, 0, 0, 0, 0, 0, 0, 0]);
    match it.message {
        0 | 8 => put(frame, at + 4, &[0, 1, 0, 1]),
        3 | 4 | 5 | 11 | 12 => {
            // What was sent the other way, and its first eight octets.
            let mut quoted = [0; 28];
            put(&mut quoted, 0, &[0x45, 0, 0, 28, 0, 1, 0x40, 0, 64, 17]);
            put(&mut quoted, 12, &ends.destination);
            put(&mut quoted, 16, &ends.source);
            put(&mut quoted, 20, &CLIENT.to_be_bytes());
            put(&mut quoted, 22, &TRACEROUTE.to_be_bytes());
            put(&mut quoted, 25, &[8]);
            put(frame, at + 8, &quoted);
        }
        _ => {}
    }
}

fn icmp6(at: usize, it: &Structure, ends: &Ends, frame: &mut [u8]) {
    put(frame, at, &[it.message, 0, 0, 0, 0, 0, 0, 0]);
    match it.message {
        1..=4 => {
            let mut quoted = [0; 48];
            put(&mut quoted, 0, &[0x60, 0, 0, 0, 0, 8, 17, 64]);
            put(&mut quoted, 8, &ends.destination);
            put(&mut quoted, 24, &ends.source);
            put(&mut quoted, 40, &CLIENT.to_be_bytes());
            put(&mut quoted, 42, &TRACEROUTE.to_be_bytes());
            put(&mut quoted, 45, &[8]);
            put(frame, at + 8, &quoted);
        }
        128 | 129 => put(frame, at + 4, &[0, 1, 0, 1]),
        135 | 136 => put(frame, at + 8, &ends.destination),
        _ => {}
    }
}

/// Writes as much as there is room for.
fn put(frame: &mut [u8], at: usize, octets: &[u8]) {
    let room = frame.iter_mut().skip(at);
    room.zip(octets).for_each(|(there, octet)| *there = *octet);
}
