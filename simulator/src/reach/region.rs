//! Points and boxes of the packet space.

use std::net::IpAddr;

use wirelab_model::IpProtocol;

use super::ranges::{Interval, IpVersion, Ranges, address_number};

/// The six dimensions of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dimension {
    /// Source address.
    Source,
    /// Destination address.
    Destination,
    /// IANA protocol number.
    Protocol,
    /// Source port; for ICMP the type; else 0.
    SourcePort,
    /// Destination port; for ICMP the code; else 0.
    DestinationPort,
    /// 0: opens a flow. 1: answers one.
    Reply,
}

/// How many dimensions there are.
pub(super) const DIMENSIONS: usize = 6;

/// One point: the header fields that rules look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Packet {
    /// Source address.
    pub source: IpAddr,
    /// Destination address, of the same version.
    pub destination: IpAddr,
    /// IANA number.
    pub protocol: u8,
    /// Source port; for ICMP the type.
    pub source_port: u16,
    /// Destination port; for ICMP the code.
    pub destination_port: u16,
    /// Whether it answers a flow that the other side opened.
    pub reply: bool,
}

impl Packet {
    fn coordinates(&self) -> [u128; DIMENSIONS] {
        [
            address_number(self.source),
            address_number(self.destination),
            u128::from(self.protocol),
            u128::from(self.source_port),
            u128::from(self.destination_port),
            u128::from(self.reply),
        ]
    }

    /// The version of its addresses.
    #[must_use]
    pub const fn version(&self) -> IpVersion {
        IpVersion::of_address(self.source)
    }
}

/// A box: every packet whose fields lie in six sets of numbers. Never empty. It holds TCP alone,
/// UDP alone, ICMP alone, or neither of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Region {
    /// The IP version.
    pub version: IpVersion,
    sides: [Ranges; DIMENSIONS],
}

impl Region {
    /// Every packet of a version with this protocol number.
    ///
    /// Only TCP and UDP have ports and only the version's ICMP has type and code; the others have
    /// 0 there, so that no packet is counted twice.
    #[must_use]
    pub fn protocol(version: IpVersion, protocols: &Ranges) -> Vec<Self> {
        let [icmp, tcp, udp] = [version.icmp(), 6, 17].map(|it| Ranges::single(it.into()));
        let others = Ranges::from(Interval::OCTET).subtract(&icmp.union(&tcp).union(&udp));
        let kinds = [
            (icmp, Interval::OCTET),
            (tcp, Interval::PORTS),
            (udp, Interval::PORTS),
            (others, Interval::single(0)),
        ];
        let kinds = kinds.into_iter().filter_map(|(numbers, ports)| {
            let numbers = numbers.intersect(protocols);
            let addresses = Ranges::from(version.addresses());
            let ports = Ranges::from(ports);
            let reply = Ranges::from(Interval { low: 0, high: 1 });
            (!numbers.is_empty()).then(|| Self {
                version,
                sides: [
                    addresses.clone(),
                    addresses,
                    numbers,
                    ports.clone(),
                    ports,
                    reply,
                ],
            })
        });
        kinds.collect()
    }

    /// The regions of a rule's protocol.
    #[must_use]
    pub fn rule_protocol(version: IpVersion, protocol: IpProtocol) -> Vec<Self> {
        let numbers = match protocol {
            IpProtocol::All => Interval::OCTET,
            IpProtocol::Number(number) => Interval::single(u128::from(number)),
        };
        Self::protocol(version, &numbers.into())
    }

    /// One side.
    #[must_use]
    pub const fn side(&self, dimension: Dimension) -> &Ranges {
        &self.sides[dimension as usize]
    }

    /// The part whose `dimension` lies in `side`.
    #[must_use]
    pub fn with(mut self, dimension: Dimension, side: impl Into<Ranges>) -> Option<Self> {
        let place = &mut self.sides[dimension as usize];
        *place = place.intersect(&side.into());
        (!place.is_empty()).then_some(self)
    }

    /// The same box with a side put in place of what was there.
    #[must_use]
    pub(super) fn replace(mut self, dimension: Dimension, side: Ranges) -> Self {
        self.sides[dimension as usize] = side;
        self
    }

    /// What both hold.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Option<Self> {
        if self.version != other.version {
            return None;
        }
        let mut sides = self.sides.clone();
        for (side, theirs) in sides.iter_mut().zip(&other.sides) {
            *side = side.intersect(theirs);
            if side.is_empty() {
                return None;
            }
        }
        let version = self.version;
        Some(Self { version, sides })
    }

    /// What `self` holds and `other` does not, as disjoint boxes: along each dimension in turn,
    /// what lies outside `other` is cut off.
    #[must_use]
    pub fn subtract(&self, other: &Self) -> Vec<Self> {
        let Some(common) = self.intersect(other) else {
            return vec![self.clone()];
        };
        let mut rest = self.clone();
        let mut pieces = Vec::new();
        for (index, middle) in common.sides.into_iter().enumerate() {
            let outside = rest.sides[index].subtract(&middle);
            if !outside.is_empty() {
                let mut piece = rest.clone();
                piece.sides[index] = outside;
                pieces.push(piece);
            }
            rest.sides[index] = middle;
        }
        pieces
    }

    /// Whether it holds the version's ICMP alone, so that its port sides are type and code.
    #[must_use]
    pub fn is_icmp(&self) -> bool {
        self.side(Dimension::Protocol).only() == Some(u128::from(self.version.icmp()))
    }

    /// Whether a packet lies in it.
    #[must_use]
    pub fn contains(&self, packet: &Packet) -> bool {
        let mut sides = self.sides.iter().zip(packet.coordinates());
        self.version == packet.version() && sides.all(|(side, value)| side.contains(value))
    }

    /// How many packets, saturating.
    #[must_use]
    pub fn count(&self) -> u128 {
        let lengths = self.sides.iter().map(Ranges::count);
        lengths.fold(1, u128::saturating_mul)
    }

    /// Whether its packets have ports, or type and code.
    pub(super) fn has_fields(&self) -> bool {
        let number = self.side(Dimension::Protocol).only();
        matches!(number, Some(6 | 17)) || self.is_icmp()
    }
}
