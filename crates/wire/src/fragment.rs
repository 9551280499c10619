//! Fragmentation and reassembly (RFC 791 section 3.2, RFC 8200 section 4.5).
//!
//! Routers and hosts cut IPv4 packets with [`IpPacket::fragment`]; only its sender cuts an IPv6
//! packet, with [`IpPacket::fragment_ipv6`]. A receiving host owns a [`Reassembler`] and tells it
//! the time.

use std::collections::BTreeMap;
use std::net::IpAddr;

use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use crate::access::{FRAGMENT_HEADER_LEN, IPV6_HEADER_LEN};
use crate::parse::{ipv4_transport, ipv6_transport};
use crate::{IpHeader, IpPacket, IpVersionFields, Ipv4Fields, Ipv6Fields, Ipv6Fragment, Transport};

/// The smallest MTU that IPv4 allows (RFC 791 section 3.2).
const MINIMUM_MTU: usize = 68;
/// The same of IPv6 (RFC 8200 section 5).
const MINIMUM_MTU_V6: usize = 1280;

impl IpPacket {
    /// The packet in pieces of at most `mtu` octets, in order, as Linux cuts them: each but the
    /// last as large as a multiple of 8 octets of data allows.
    ///
    /// A packet that fits, and every IPv6 packet, is returned whole. DF is the caller's business: a
    /// router that sees it set sends an ICMP error instead. An MTU below IPv4's minimum of 68
    /// counts as 68.
    #[must_use]
    pub fn fragment(&self, mtu: u16) -> Vec<Self> {
        let mtu = usize::from(mtu).max(MINIMUM_MTU);
        let IpVersionFields::V4(fields) = self.header.version else {
            return vec![self.clone()];
        };
        if self.total_len() <= mtu {
            return vec![self.clone()];
        }
        self.cut(mtu - self.header.wire_len(), |offset, more| {
            IpVersionFields::V4(Ipv4Fields {
                more_fragments: fields.more_fragments || more,
                fragment_offset: fields.fragment_offset + offset,
                ..fields
            })
        })
    }

    /// The IPv6 packet in pieces of at most `mtu` octets, as its sender cuts it; `identification`
    /// is another for each packet to the same destination (RFC 8200 section 4.5).
    ///
    /// A packet that fits, one that is a fragment already, and every IPv4 packet is returned whole.
    /// An MTU below IPv6's minimum of 1280 counts as 1280.
    #[must_use]
    pub fn fragment_ipv6(&self, mtu: u16, identification: u32) -> Vec<Self> {
        let mtu = usize::from(mtu).max(MINIMUM_MTU_V6);
        let IpVersionFields::V6(Ipv6Fields {
            flow_label,
            fragment: None,
        }) = self.header.version
        else {
            return vec![self.clone()];
        };
        if self.total_len() <= mtu {
            return vec![self.clone()];
        }
        let room = mtu - IPV6_HEADER_LEN - FRAGMENT_HEADER_LEN;
        self.cut(room, |fragment_offset, more_fragments| {
            IpVersionFields::V6(Ipv6Fields {
                flow_label,
                fragment: Some(Ipv6Fragment {
                    identification,
                    more_fragments,
                    fragment_offset,
                }),
            })
        })
    }

    /// Pieces with at most `room` octets of data; `fields` makes a header of a piece's offset and
    /// of whether another one follows.
    fn cut(&self, room: usize, fields: impl Fn(u16, bool) -> IpVersionFields) -> Vec<Self> {
        let data = Bytes::from(self.to_bytes()).slice(self.header.wire_len()..);
        let step = room / 8 * 8;
        let starts = (0..data.len()).step_by(step);
        let pieces = starts.map(|start| {
            let end = data.len().min(start + step);
            let offset = u16::try_from(start / 8).expect("an IP packet is below 64 KiB");
            let mut header = self.header.clone();
            header.version = fields(offset, end < data.len());
            let transport = Transport::Other {
                protocol: self.protocol(),
                payload: data.slice(start..end),
            };
            Self { header, transport }
        });
        pieces.collect()
    }
}

/// Where a packet's data lies in its datagram.
#[derive(Clone, Copy, Debug)]
struct Extent {
    start: usize,
    end: usize,
    more_fragments: bool,
}

impl Extent {
    fn of(packet: &IpPacket) -> Self {
        let start = packet.header.offset();
        Self {
            start,
            end: start + packet.transport.wire_len(),
            more_fragments: packet.header.more_fragments(),
        }
    }

    /// More data than a packet may have (of IPv6: as its payload), or less than 8 octets of it in
    /// front of others.
    fn is_wrong(self, header: &IpHeader) -> bool {
        let longest = match header.is_ipv4() {
            true => MAXIMUM_PACKET - header.wire_len(),
            false => MAXIMUM_PACKET,
        };
        let length = self.end - self.start;
        let ragged = self.more_fragments && (length == 0 || !length.is_multiple_of(8));
        ragged || self.end > longest
    }
}

/// Puts fragments together again, with Linux's rules: a datagram must be whole 30 seconds
/// (`ipfrag_time`; of IPv6 60, `ip6frag_time`) after its first arrived piece, exact repetitions are
/// ignored, pieces that overlap otherwise throw the datagram away (RFC 5722, which Linux applies to
/// IPv4 too), and at most 4 MiB (`ipfrag_high_thresh`) wait.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reassembler {
    datagrams: BTreeMap<Key, Datagram>,
    waiting_octets: usize,
}

/// Nanoseconds on the caller's clock that a datagram may take to become whole.
const TIMEOUT_NANOS: u64 = 30_000_000_000;
/// The same of IPv6.
const TIMEOUT_NANOS_V6: u64 = 60_000_000_000;
/// Octets that may wait.
const HIGH_THRESHOLD: usize = 4 << 20;
/// The longest IP packet.
const MAXIMUM_PACKET: usize = 65535;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Key {
    source: IpAddr,
    destination: IpAddr,
    /// Of IPv6 it says nothing: identifications are one to a pair of addresses.
    protocol: u8,
    identification: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Datagram {
    expires_nanos: u64,
    /// By offset in octets; without overlaps.
    pieces: BTreeMap<usize, IpPacket>,
}

impl Reassembler {
    /// One that holds nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a packet that arrived at `now_nanos`. Returns the packet itself if it is no fragment,
    /// the whole datagram if this was its last missing piece, else nothing.
    pub fn insert(&mut self, now_nanos: u64, packet: IpPacket) -> Option<IpPacket> {
        if !packet.is_fragment() {
            return Some(packet);
        }
        let (protocol, timeout) = match packet.header.is_ipv4() {
            true => (packet.protocol(), TIMEOUT_NANOS),
            false => (0, TIMEOUT_NANOS_V6),
        };
        let key = Key {
            source: packet.source(),
            destination: packet.destination(),
            protocol,
            identification: packet.header.identification(),
        };
        let length = packet.transport.wire_len();
        self.waiting_octets += length;
        let datagram = self.datagrams.entry(key).or_insert_with(|| Datagram {
            expires_nanos: now_nanos.saturating_add(timeout),
            pieces: BTreeMap::new(),
        });
        match datagram.add(packet) {
            Added::Waits => {
                self.keep_below_threshold();
                None
            }
            Added::Ignored => {
                self.waiting_octets -= length;
                None
            }
            Added::Contradicts => {
                self.waiting_octets -= length;
                self.remove(key);
                None
            }
            Added::Whole => self.remove(key).map(Datagram::join),
        }
    }

    /// When the oldest datagram is given up, on the caller's clock.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        let expiries = self
            .datagrams
            .values()
            .map(|datagram| datagram.expires_nanos);
        expiries.min()
    }

    /// Gives up what is due at `now_nanos`. Returns the first fragments of those datagrams whose
    /// first fragment did arrive: about them a host sends "fragment reassembly time exceeded"
    /// (RFC 792).
    pub fn expire(&mut self, now_nanos: u64) -> Vec<IpPacket> {
        let due = |datagram: &Datagram| datagram.expires_nanos <= now_nanos;
        let keys: Vec<Key> = self
            .datagrams
            .iter()
            .filter(|(_, datagram)| due(datagram))
            .map(|(key, _)| *key)
            .collect();
        keys.into_iter()
            .filter_map(|key| self.remove(key)?.pieces.remove(&0))
            .collect()
    }

    fn remove(&mut self, key: Key) -> Option<Datagram> {
        let datagram = self.datagrams.remove(&key)?;
        self.waiting_octets -= datagram.octets();
        Some(datagram)
    }

    /// Throws the oldest away while too much waits.
    fn keep_below_threshold(&mut self) {
        while self.waiting_octets > HIGH_THRESHOLD {
            let oldest = self
                .datagrams
                .iter()
                .min_by_key(|(_, datagram)| datagram.expires_nanos);
            let Some((&key, _)) = oldest else { return };
            self.remove(key);
        }
    }
}

enum Added {
    Waits,
    Whole,
    Ignored,
    Contradicts,
}

impl Datagram {
    fn add(&mut self, packet: IpPacket) -> Added {
        let extent = Extent::of(&packet);
        if extent.is_wrong(&packet.header) {
            return Added::Contradicts;
        }
        let Extent { start, end, .. } = extent;
        if self
            .pieces
            .get(&start)
            .is_some_and(|piece| *piece == packet)
        {
            return Added::Ignored;
        }
        let overlaps = self
            .pieces
            .range(..end.max(start + 1))
            .next_back()
            .is_some_and(|(offset, piece)| offset + piece.transport.wire_len() > start);
        if overlaps || self.contradicts(extent) {
            return Added::Contradicts;
        }
        self.pieces.insert(start, packet);
        if self.is_whole() {
            Added::Whole
        } else {
            Added::Waits
        }
    }

    /// Whether a piece lies behind the last one, or claims to be the last with others behind it.
    fn contradicts(&self, extent: Extent) -> bool {
        let Some((&last, piece)) = self.pieces.last_key_value() else {
            return false;
        };
        let behind_last = extent.start > last && !piece.header.more_fragments();
        let before_others = !extent.more_fragments && last >= extent.end;
        behind_last || before_others
    }

    fn is_whole(&self) -> bool {
        let reached = self.pieces.iter().try_fold(0, |reached, (&start, piece)| {
            (start == reached).then(|| start + piece.transport.wire_len())
        });
        let last = self.pieces.last_key_value();
        reached.is_some() && last.is_some_and(|(_, piece)| !piece.header.more_fragments())
    }

    fn octets(&self) -> usize {
        let lengths = self.pieces.values().map(|piece| piece.transport.wire_len());
        lengths.sum()
    }

    fn join(self) -> IpPacket {
        let mut data = BytesMut::with_capacity(self.octets());
        for piece in self.pieces.values() {
            if let Transport::Other { payload, .. } = &piece.transport {
                data.extend_from_slice(payload);
            }
        }
        let first = self.pieces.into_values().next();
        let first = first.expect("a whole datagram has a first piece");
        let protocol = first.protocol();
        let mut header = first.header;
        let transport = match &mut header.version {
            IpVersionFields::V4(fields) => {
                fields.more_fragments = false;
                ipv4_transport(protocol, data.freeze())
            }
            IpVersionFields::V6(fields) => {
                fields.fragment = None;
                ipv6_transport(protocol, data.freeze())
            }
        };
        IpPacket { header, transport }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ping(size: usize) -> IpPacket {
        let (source, destination) = ([10, 0, 1, 10].into(), [10, 0, 2, 20].into());
        let data: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
        let mut packet = IpPacket::echo_request(source, destination, 7, 1, data);
        packet.header = packet.header.with_dont_fragment(false);
        packet.header = packet.header.with_identification(77);
        packet
    }

    #[test]
    fn pieces_are_cut_as_linux_cuts_them() {
        let sizes = |packet: IpPacket, mtu| -> Vec<usize> {
            let pieces = packet.fragment(mtu);
            pieces.iter().map(IpPacket::total_len).collect()
        };
        assert_eq!(sizes(ping(1472), 1500), [1500]);
        assert_eq!(sizes(ping(1473), 1500), [1500, 21]);
        // kernel-traces ping-9001: 8976 octets of data, a multiple of 8, at MTU 9001.
        assert_eq!(sizes(ping(8974), 9001), [8996, 26]);
    }

    fn ping_v6(size: usize) -> IpPacket {
        let addresses: [IpAddr; 2] =
            ["2001:db8::1", "2001:db8::2"].map(|it| it.parse().expect("one"));
        let data: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
        IpPacket::echo_request(addresses[0], addresses[1], 7, 1, data)
    }

    #[test]
    fn pieces_of_ipv6_are_as_linux_cuts_them_and_come_together() {
        let sizes = |size, mtu| -> Vec<usize> {
            let pieces = ping_v6(size).fragment_ipv6(mtu, 1);
            pieces.iter().map(IpPacket::total_len).collect()
        };
        assert_eq!(sizes(1452, 1500), [1500]);
        // Linux 6.18: `frag (0|1448)`, `(1448|1448)`, `(2896|112)`; 1400: `(0|1352)`, `(1352|96)`.
        assert_eq!(sizes(3000, 1500), [1496, 1496, 160]);
        assert_eq!(sizes(1440, 1400), [1400, 144]);
        // No link is narrower.
        assert_eq!(sizes(1232, 600), [1280]);
        let mut reassembler = Reassembler::new();
        let mut first = ping_v6(3000).fragment_ipv6(1500, 7);
        let second = ping_v6(3000).fragment_ipv6(1500, 8);
        first.reverse();
        let both = first.into_iter().zip(second).flat_map(<[_; 2]>::from);
        let bytes = both.map(|piece| IpPacket::parse(&piece.to_bytes()).expect("a packet"));
        let done: Vec<_> = bytes.filter_map(|it| reassembler.insert(0, it)).collect();
        assert_eq!(done, [ping_v6(3000), ping_v6(3000)]);
        reassembler.insert(5, ping_v6(3000).fragment_ipv6(1500, 9).swap_remove(0));
        assert_eq!(reassembler.poll_timeout(), Some(60_000_000_005));
    }

    #[test]
    fn fragments_of_fragments_come_together_in_any_order() {
        let whole = ping(4000);
        let mut pieces: Vec<IpPacket> = whole
            .fragment(1500)
            .iter()
            .flat_map(|piece| piece.fragment(600))
            .collect();
        pieces.reverse();
        pieces.insert(3, pieces[1].clone());
        let mut reassembler = Reassembler::new();
        let done: Vec<IpPacket> = pieces
            .into_iter()
            .filter_map(|piece| reassembler.insert(0, piece))
            .collect();
        assert_eq!(done, [whole]);
        assert_eq!(reassembler, Reassembler::new());
    }

    #[test]
    fn what_never_becomes_whole_is_given_up_after_thirty_seconds() {
        let mut reassembler = Reassembler::new();
        let first = ping(2000).fragment(1500).swap_remove(0);
        assert_eq!(reassembler.insert(5, first.clone()), None);
        let due = reassembler.poll_timeout().expect("a datagram waits");
        assert_eq!(due, 30_000_000_005);
        assert_eq!(reassembler.expire(due - 1), []);
        assert_eq!(reassembler.expire(due), [first]);
        assert_eq!(reassembler, Reassembler::new());
    }

    #[test]
    fn overlapping_pieces_throw_the_datagram_away() {
        let pieces = ping(3000).fragment(1500);
        let mut overlapping = pieces[1].clone();
        if let IpVersionFields::V4(fields) = &mut overlapping.header.version {
            fields.fragment_offset -= 1;
        }
        let mut reassembler = Reassembler::new();
        reassembler.insert(0, pieces[0].clone());
        reassembler.insert(0, overlapping);
        assert_eq!(reassembler, Reassembler::new());
    }
}
