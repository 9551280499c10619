//! IPv4 fragmentation and reassembly (RFC 791 section 3.2).
//!
//! Routers and hosts fragment with [`IpPacket::fragment`]; a receiving host owns a [`Reassembler`]
//! and tells it the time. IPv6 packets are never fragmented here: their senders obey the path MTU.

use std::collections::BTreeMap;
use std::net::IpAddr;

use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use crate::parse::ipv4_transport;
use crate::{IpPacket, IpVersionFields, Ipv4Fields, Transport};

/// The smallest MTU that IPv4 allows (RFC 791 section 3.2).
const MINIMUM_MTU: usize = 68;

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
        let data = Bytes::from(self.to_bytes()).slice(self.header.wire_len()..);
        let step = (mtu - self.header.wire_len()) / 8 * 8;
        (0..data.len())
            .step_by(step)
            .map(|start| {
                let end = data.len().min(start + step);
                let offset = u16::try_from(start / 8).expect("an IP packet is below 64 KiB");
                self.piece(
                    data.slice(start..end),
                    Ipv4Fields {
                        more_fragments: fields.more_fragments || end < data.len(),
                        fragment_offset: fields.fragment_offset + offset,
                        ..fields
                    },
                )
            })
            .collect()
    }

    fn piece(&self, payload: Bytes, fields: Ipv4Fields) -> Self {
        let mut header = self.header.clone();
        header.version = IpVersionFields::V4(fields);
        let transport = Transport::Other {
            protocol: self.protocol(),
            payload,
        };
        Self { header, transport }
    }
}

/// Puts fragments together again, with Linux's rules: a datagram must be whole 30 seconds
/// (`ipfrag_time`) after its first arrived piece, exact repetitions are ignored, pieces that
/// overlap otherwise throw the datagram away (RFC 5722, which Linux applies to IPv4 too), and at
/// most 4 MiB (`ipfrag_high_thresh`) wait.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reassembler {
    datagrams: BTreeMap<Key, Datagram>,
    waiting_octets: usize,
}

/// Nanoseconds on the caller's clock that a datagram may take to become whole.
const TIMEOUT_NANOS: u64 = 30_000_000_000;
/// Octets that may wait.
const HIGH_THRESHOLD: usize = 4 << 20;
/// The longest IP packet.
const MAXIMUM_PACKET: usize = 65535;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Key {
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    identification: u16,
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
        let IpVersionFields::V4(fields) = packet.header.version else {
            return Some(packet);
        };
        if !packet.is_fragment() {
            return Some(packet);
        }
        let key = Key {
            source: packet.source(),
            destination: packet.destination(),
            protocol: packet.protocol(),
            identification: fields.identification,
        };
        let length = packet.transport.wire_len();
        self.waiting_octets += length;
        let datagram = self.datagrams.entry(key).or_insert_with(|| Datagram {
            expires_nanos: now_nanos.saturating_add(TIMEOUT_NANOS),
            pieces: BTreeMap::new(),
        });
        match datagram.add(packet, fields) {
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
    fn add(&mut self, packet: IpPacket, fields: Ipv4Fields) -> Added {
        let start = usize::from(fields.fragment_offset) * 8;
        let end = start + packet.transport.wire_len();
        let ragged = fields.more_fragments && (end == start || !(end - start).is_multiple_of(8));
        if ragged || end > MAXIMUM_PACKET - packet.header.wire_len() {
            return Added::Contradicts;
        }
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
        if overlaps || self.ends_before(start, end, fields.more_fragments) {
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
    fn ends_before(&self, start: usize, end: usize, more_fragments: bool) -> bool {
        let Some((&last, piece)) = self.pieces.last_key_value() else {
            return false;
        };
        let behind_last = start > last && !has_more(piece);
        let before_others = !more_fragments && last >= end;
        behind_last || before_others
    }

    fn is_whole(&self) -> bool {
        let reached = self.pieces.iter().try_fold(0, |reached, (&start, piece)| {
            (start == reached).then(|| start + piece.transport.wire_len())
        });
        let last = self.pieces.last_key_value();
        reached.is_some() && last.is_some_and(|(_, piece)| !has_more(piece))
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
        if let IpVersionFields::V4(fields) = &mut header.version {
            fields.more_fragments = false;
        }
        IpPacket {
            header,
            transport: ipv4_transport(protocol, data.freeze()),
        }
    }
}

fn has_more(piece: &IpPacket) -> bool {
    matches!(piece.header.version, IpVersionFields::V4(fields) if fields.more_fragments)
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
