//! Who talks to whom, and whose interface it probably was.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;

use serde::Serialize;
use wirelab_filter::LinkType;
use wirelab_model::{IpProtocol, SimDuration, UnixTime};
use wirelab_wire::FiveTuple;

use super::source::{Packet, Skipped};

/// Conversations and addresses that are kept apart; those that come later are only counted.
const KEPT: usize = 100_000;

/// What one reading of the file finds.
#[derive(Default)]
pub(super) struct Survey {
    pub(super) packets: u64,
    pub(super) skipped: Skipped,
    pub(super) link: Option<LinkType>,
    pub(super) first: Option<UnixTime>,
    pub(super) last: Option<UnixTime>,
    /// How much earlier than one in front of it a packet was captured, at most: files of several
    /// interfaces or of several tcpdumps are not in order.
    pub(super) disorder: SimDuration,
    conversations: HashMap<FiveTuple, Conversation>,
    /// Whether there were more than are kept.
    more: bool,
    addresses: HashMap<IpAddr, Share>,
}

/// How much of the file an address is in.
#[derive(Clone, Copy)]
struct Share {
    packets: u64,
    /// Whether it sent any: nobody sends from a broadcast address.
    sent: bool,
    /// When it came first: decides between equals.
    order: u64,
}

/// One conversation: both directions of a 5-tuple.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Conversation {
    /// Who sent first.
    from: IpAddr,
    from_port: u16,
    to: IpAddr,
    to_port: u16,
    protocol: u8,
    packets: u64,
    bytes: u64,
    packets_back: u64,
    bytes_back: u64,
    #[serde(skip)]
    first: UnixTime,
    #[serde(skip)]
    last: UnixTime,
}

impl Survey {
    pub(super) fn add(&mut self, packet: &Packet) {
        let tuple = packet.ip.five_tuple();
        self.packets += 1;
        let last = self.last.map_or(packet.at, |last| last.max(packet.at));
        let behind = SimDuration::from_nanos(last.as_nanos() - packet.at.as_nanos());
        self.disorder = self.disorder.max(behind);
        self.first = Some(self.first.map_or(packet.at, |first| first.min(packet.at)));
        self.last = Some(last);
        self.count(tuple.source, true);
        self.count(tuple.destination, false);
        let key = tuple.canonical();
        if self.conversations.len() >= KEPT && !self.conversations.contains_key(&key) {
            self.more = true;
            return;
        }
        let conversation = self.conversations.entry(key);
        conversation
            .or_insert_with(|| Conversation::new(tuple, packet.at))
            .add(tuple, packet);
    }

    fn count(&mut self, address: IpAddr, sent: bool) {
        if self.addresses.len() >= KEPT && !self.addresses.contains_key(&address) {
            return;
        }
        let order = self.addresses.len() as u64;
        let share = self.addresses.entry(address).or_insert(Share {
            packets: 0,
            sent: false,
            order,
        });
        share.packets += 1;
        share.sent |= sent;
    }

    /// The address in most packets, of those that can be an interface's; one that sent before one
    /// that never did, of equals the one that came first.
    pub(super) fn likely_owner(&self) -> Option<IpAddr> {
        let possible = self.addresses.iter().filter(|(it, _)| can_be_owned(**it));
        let rank = |share: &Share| (share.sent, share.packets, std::cmp::Reverse(share.order));
        possible
            .max_by_key(|(_, share)| rank(share))
            .map(|(address, _)| *address)
    }

    /// Whether any packet is from or to one of `addresses`; true if there were too many addresses
    /// to know.
    pub(super) fn has_any(&self, addresses: &[IpAddr]) -> bool {
        self.addresses.len() >= KEPT || addresses.iter().any(|it| self.addresses.contains_key(it))
    }

    /// Whether there were more conversations than [`Self::conversations`] says.
    pub(super) const fn has_more(&self) -> bool {
        self.more
    }

    /// How many were seen, as far as they were kept apart.
    pub(super) fn conversations(&self) -> usize {
        self.conversations.len()
    }

    /// The conversations with most bytes.
    pub(super) fn busiest(&self, count: usize) -> Vec<Conversation> {
        let mut all: Vec<_> = self.conversations.values().collect();
        all.sort_by_key(|it| {
            (
                std::cmp::Reverse(it.bytes + it.bytes_back),
                it.first,
                it.from,
                it.from_port,
            )
        });
        all.into_iter().take(count).cloned().collect()
    }
}

/// Whether an interface of a VPC can have the address.
fn can_be_owned(address: IpAddr) -> bool {
    let reserved = match address {
        IpAddr::V4(v4) => v4.is_broadcast() || v4.is_link_local() || v4.is_loopback(),
        IpAddr::V6(v6) => v6.is_loopback(),
    };
    !reserved && !address.is_unspecified() && !address.is_multicast()
}

impl Conversation {
    fn new(tuple: FiveTuple, at: UnixTime) -> Self {
        Self {
            from: tuple.source,
            from_port: tuple.source_port,
            to: tuple.destination,
            to_port: tuple.destination_port,
            protocol: tuple.protocol,
            packets: 0,
            bytes: 0,
            packets_back: 0,
            bytes_back: 0,
            first: at,
            last: at,
        }
    }

    fn add(&mut self, tuple: FiveTuple, packet: &Packet) {
        let bytes = packet.ip.total_len() as u64;
        self.first = self.first.min(packet.at);
        self.last = self.last.max(packet.at);
        if (tuple.source, tuple.source_port) == (self.from, self.from_port) {
            self.packets += 1;
            self.bytes += bytes;
        } else {
            self.packets_back += 1;
            self.bytes_back += bytes;
        }
    }
}

/// `10.0.1.5:40000 > 10.0.2.10:443 tcp there 12 packets 1040 bytes, back 10 packets 15320 bytes,
/// 3.210 s`, in columns.
impl fmt::Display for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = IpProtocol::Number(self.protocol).to_string();
        let end = |address: IpAddr, port: u16| match address {
            _ if port == 0 => address.to_string(),
            IpAddr::V4(_) => format!("{address}:{port}"),
            IpAddr::V6(_) => format!("[{address}]:{port}"),
        };
        let ends = format!(
            "{} > {}",
            end(self.from, self.from_port),
            end(self.to, self.to_port)
        );
        let nanos = self.last.as_nanos().saturating_sub(self.first.as_nanos());
        write!(
            f,
            "  {ends:<44} {protocol:<5} there {:>6} packets {:>9} bytes, back {:>6} packets {:>9} \
             bytes, {}.{:03} s",
            self.packets,
            self.bytes,
            self.packets_back,
            self.bytes_back,
            nanos / 1_000_000_000,
            nanos / 1_000_000 % 1000
        )
    }
}
