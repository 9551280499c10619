//! Points and boxes of the packet space.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use wirelab_model::{IpProtocol, PortRange};

/// An inclusive range of numbers, never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Interval {
    /// First.
    pub low: u128,
    /// Last, not below `low`.
    pub high: u128,
}

impl Interval {
    /// `low..=high`; `None` if that is empty.
    #[must_use]
    pub const fn new(low: u128, high: u128) -> Option<Self> {
        if low <= high {
            Some(Self { low, high })
        } else {
            None
        }
    }

    /// One number alone.
    #[must_use]
    pub const fn single(value: u128) -> Self {
        Self {
            low: value,
            high: value,
        }
    }

    /// What both hold.
    #[must_use]
    pub fn intersect(self, other: Self) -> Option<Self> {
        Self::new(self.low.max(other.low), self.high.min(other.high))
    }

    /// Whether `value` lies in it.
    #[must_use]
    pub const fn contains(self, value: u128) -> bool {
        self.low <= value && value <= self.high
    }

    /// How many numbers, saturating (all of IPv6 is one more than fits).
    #[must_use]
    pub const fn count(self) -> u128 {
        (self.high - self.low).saturating_add(1)
    }

    /// Every port.
    pub(crate) const PORTS: Self = Self {
        low: 0,
        high: 65535,
    };
    /// Every value of one octet.
    pub(crate) const OCTET: Self = Self { low: 0, high: 255 };
}

impl From<PortRange> for Interval {
    /// EC2 refuses reversed ranges; one that slips in is read as its first port.
    fn from(range: PortRange) -> Self {
        let (low, high) = (u128::from(range.from), u128::from(range.to));
        Self {
            low,
            high: high.max(low),
        }
    }
}

impl From<IpNet> for Interval {
    fn from(cidr: IpNet) -> Self {
        Self {
            low: address_number(cidr.network()),
            high: address_number(cidr.broadcast()),
        }
    }
}

/// IPv4 and IPv6 are two spaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum IpVersion {
    /// RFC 791.
    V4,
    /// RFC 8200.
    V6,
}

impl IpVersion {
    /// The version of an address block.
    #[must_use]
    pub const fn of(cidr: &IpNet) -> Self {
        match cidr {
            IpNet::V4(_) => Self::V4,
            IpNet::V6(_) => Self::V6,
        }
    }

    /// Every address.
    #[must_use]
    pub const fn addresses(self) -> Interval {
        let high = match self {
            Self::V4 => u32::MAX as u128,
            Self::V6 => u128::MAX,
        };
        Interval { low: 0, high }
    }

    /// The ICMP of this version.
    #[must_use]
    pub const fn icmp(self) -> u8 {
        match self {
            Self::V4 => 1,
            Self::V6 => 58,
        }
    }

    pub(crate) fn address(self, number: u128) -> IpAddr {
        match self {
            Self::V4 => Ipv4Addr::from(number as u32).into(),
            Self::V6 => Ipv6Addr::from(number).into(),
        }
    }
}

pub(crate) fn address_number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(it) => u128::from(u32::from(it)),
        IpAddr::V6(it) => u128::from(it),
    }
}

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
pub(crate) const DIMENSIONS: usize = 6;

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
    pub(crate) fn coordinates(&self) -> [u128; DIMENSIONS] {
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
        match self.source {
            IpAddr::V4(_) => IpVersion::V4,
            IpAddr::V6(_) => IpVersion::V6,
        }
    }
}

/// A box: every packet whose fields lie in six intervals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Region {
    /// The IP version.
    pub version: IpVersion,
    sides: [Interval; DIMENSIONS],
}

impl Region {
    /// Every packet of a version with this protocol number.
    ///
    /// Only TCP and UDP have ports and only the version's ICMP has type and code; the others have
    /// 0 there, so that no packet is counted twice.
    #[must_use]
    pub fn protocol(version: IpVersion, protocols: Interval) -> Vec<Self> {
        let kinds = kinds_of_protocol(version);
        kinds
            .into_iter()
            .filter_map(|(numbers, ports)| {
                let numbers = numbers.intersect(protocols)?;
                let addresses = version.addresses();
                let reply = Interval { low: 0, high: 1 };
                Some(Self {
                    version,
                    sides: [addresses, addresses, numbers, ports, ports, reply],
                })
            })
            .collect()
    }

    /// The regions of a rule's protocol.
    #[must_use]
    pub fn rule_protocol(version: IpVersion, protocol: IpProtocol) -> Vec<Self> {
        let numbers = match protocol {
            IpProtocol::All => Interval::OCTET,
            IpProtocol::Number(number) => Interval::single(u128::from(number)),
        };
        Self::protocol(version, numbers)
    }

    /// One side.
    #[must_use]
    pub const fn side(&self, dimension: Dimension) -> Interval {
        self.sides[dimension as usize]
    }

    /// The part whose `dimension` lies in `side`.
    #[must_use]
    pub fn with(mut self, dimension: Dimension, side: Interval) -> Option<Self> {
        let place = &mut self.sides[dimension as usize];
        *place = place.intersect(side)?;
        Some(self)
    }

    /// The same box with a side put in place of what was there.
    #[must_use]
    pub(crate) const fn replace(mut self, dimension: Dimension, side: Interval) -> Self {
        self.sides[dimension as usize] = side;
        self
    }

    /// What both hold.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Option<Self> {
        if self.version != other.version {
            return None;
        }
        let mut sides = self.sides;
        for (side, theirs) in sides.iter_mut().zip(other.sides) {
            *side = side.intersect(theirs)?;
        }
        Some(Self { sides, ..*self })
    }

    /// What `self` holds and `other` does not, as disjoint boxes: along each dimension in turn,
    /// the slabs below and above `other` are cut off.
    #[must_use]
    pub fn subtract(&self, other: &Self) -> Vec<Self> {
        let Some(common) = self.intersect(other) else {
            return vec![*self];
        };
        let mut rest = *self;
        let mut pieces = Vec::new();
        for (index, middle) in common.sides.iter().enumerate() {
            let side = rest.sides[index];
            let below = middle
                .low
                .checked_sub(1)
                .and_then(|end| Interval::new(side.low, end));
            let above = middle
                .high
                .checked_add(1)
                .and_then(|from| Interval::new(from, side.high));
            for slab in [below, above].into_iter().flatten() {
                let mut piece = rest;
                piece.sides[index] = slab;
                pieces.push(piece);
            }
            rest.sides[index] = *middle;
        }
        pieces
    }

    /// Whether it holds the version's ICMP alone, so that its port sides are type and code.
    pub(crate) fn is_icmp(&self) -> bool {
        let icmp = Interval::single(u128::from(self.version.icmp()));
        self.side(Dimension::Protocol) == icmp
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
        let lengths = self.sides.iter().map(|side| side.count());
        lengths.fold(1, u128::saturating_mul)
    }

    /// The box that is `self` and `other` together, if that is a box: equal in all dimensions but
    /// one, adjacent in that.
    pub(crate) fn join(&self, other: &Self) -> Option<Self> {
        let differing: Vec<usize> = (0..DIMENSIONS)
            .filter(|i| self.sides[*i] != other.sides[*i])
            .collect();
        let [only] = differing[..] else { return None };
        let (a, b) = (self.sides[only], other.sides[only]);
        let touch = a.high.checked_add(1) == Some(b.low) || b.high.checked_add(1) == Some(a.low);
        if self.version != other.version || !touch {
            return None;
        }
        let mut joined = *self;
        joined.sides[only] = Interval {
            low: a.low.min(b.low),
            high: a.high.max(b.high),
        };
        Some(joined)
    }
}

/// Protocol numbers with the values that their two port fields can take.
fn kinds_of_protocol(version: IpVersion) -> Vec<(Interval, Interval)> {
    let icmp = u128::from(version.icmp());
    let special = |number| match number {
        6 | 17 => Interval::PORTS,
        n if n == icmp => Interval::OCTET,
        _ => Interval::single(0),
    };
    let mut kinds: Vec<(Interval, Interval)> = Vec::new();
    for number in 0..=255 {
        let ports = special(number);
        match kinds.last_mut() {
            Some((numbers, same)) if *same == ports && ports.count() == 1 => numbers.high = number,
            _ => kinds.push((Interval::single(number), ports)),
        }
    }
    kinds
}
