//! Sets of numbers: addresses, ports, protocol numbers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use wirelab_model::{IpNet, PortRange};

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
    pub const PORTS: Self = Self {
        low: 0,
        high: 65535,
    };
    /// Every value of one octet.
    pub const OCTET: Self = Self { low: 0, high: 255 };
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

/// A set of numbers as intervals: sorted, disjoint, not even touching.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ranges(Arc<[Interval]>);

impl Ranges {
    /// The union of intervals in any order.
    #[must_use]
    pub fn of(intervals: impl IntoIterator<Item = Interval>) -> Self {
        let mut all: Vec<Interval> = intervals.into_iter().collect();
        all.sort_unstable();
        let mut merged: Vec<Interval> = Vec::with_capacity(all.len());
        for next in all {
            match merged.last_mut() {
                Some(last) if last.high >= next.low.saturating_sub(1) => {
                    last.high = last.high.max(next.high);
                }
                _ => merged.push(next),
            }
        }
        Self(merged.into())
    }

    /// One number alone.
    #[must_use]
    pub fn single(value: u128) -> Self {
        Interval::single(value).into()
    }

    /// The intervals, ascending.
    #[must_use]
    pub fn intervals(&self) -> &[Interval] {
        &self.0
    }

    /// Whether it holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The one number it holds, if it holds one.
    #[must_use]
    pub fn only(&self) -> Option<u128> {
        match self.0[..] {
            [Interval { low, high }] if low == high => Some(low),
            _ => None,
        }
    }

    /// Its least number. `None` of an empty set.
    #[must_use]
    pub fn first(&self) -> Option<u128> {
        self.0.first().map(|it| it.low)
    }

    /// Whether `value` is in it.
    #[must_use]
    pub fn contains(&self, value: u128) -> bool {
        let at = self.0.partition_point(|it| it.high < value);
        self.0.get(at).is_some_and(|it| it.contains(value))
    }

    /// How many numbers, saturating.
    #[must_use]
    pub fn count(&self) -> u128 {
        let counts = self.0.iter().map(|it| it.count());
        counts.fold(0, u128::saturating_add)
    }

    /// What both hold.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        // One interval against one is by far the most frequent case.
        if let ([mine], [theirs]) = (&self.0[..], &other.0[..]) {
            return match mine.intersect(*theirs) {
                Some(common) if common == *mine => self.clone(),
                Some(common) => common.into(),
                None => Self(Arc::default()),
            };
        }
        let (mut a, mut b) = (self.0.iter().peekable(), other.0.iter().peekable());
        let mut common = Vec::new();
        while let (Some(mine), Some(theirs)) = (a.peek(), b.peek()) {
            common.extend(mine.intersect(**theirs));
            if mine.high < theirs.high {
                a.next();
            } else {
                b.next();
            }
        }
        Self(common.into())
    }

    /// What `self` holds and `other` does not.
    #[must_use]
    pub fn subtract(&self, other: &Self) -> Self {
        let mut left = Vec::new();
        let mut cuts = other.0.iter().peekable();
        for whole in self.0.iter() {
            let mut low = Some(whole.low);
            while let Some(cut) = cuts.peek() {
                if cut.low > whole.high {
                    break;
                }
                if let Some(from) = low.filter(|from| cut.high >= *from) {
                    let before = cut.low.checked_sub(1);
                    left.extend(before.and_then(|end| Interval::new(from, end)));
                    low = cut.high.checked_add(1);
                }
                if cut.high > whole.high {
                    break;
                }
                cuts.next();
            }
            left.extend(low.and_then(|from| Interval::new(from, whole.high)));
        }
        Self(left.into())
    }

    /// Both together.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self::of(self.0.iter().chain(other.0.iter()).copied())
    }
}

impl From<Interval> for Ranges {
    fn from(interval: Interval) -> Self {
        Self(Arc::new([interval]))
    }
}

impl From<IpNet> for Ranges {
    fn from(block: IpNet) -> Self {
        Interval::from(block).into()
    }
}

impl From<PortRange> for Ranges {
    fn from(range: PortRange) -> Self {
        Interval::from(range).into()
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
    /// Both.
    pub const BOTH: [Self; 2] = [Self::V4, Self::V6];

    /// The version of an address block.
    #[must_use]
    pub const fn of(cidr: &IpNet) -> Self {
        match cidr {
            IpNet::V4(_) => Self::V4,
            IpNet::V6(_) => Self::V6,
        }
    }

    /// The version of an address.
    #[must_use]
    pub const fn of_address(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
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

    /// The address with this number; of IPv4 the low 32 bits count.
    #[must_use]
    pub fn address(self, number: u128) -> IpAddr {
        match self {
            Self::V4 => Ipv4Addr::from(number as u32).into(),
            Self::V6 => Ipv6Addr::from(number).into(),
        }
    }
}

/// An address as a number.
#[must_use]
pub fn address_number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(it) => u128::from(u32::from(it)),
        IpAddr::V6(it) => u128::from(it),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ranges() -> impl Strategy<Value = Ranges> {
        let interval = (0..40_u128, 0..6_u128).prop_map(|(low, more)| Interval {
            low,
            high: low + more,
        });
        prop::collection::vec(interval, 0..6).prop_map(Ranges::of)
    }

    proptest! {
        #[test]
        fn sets_of_numbers_obey_the_laws_of_sets(a in ranges(), b in ranges()) {
            for value in 0..50 {
                let (in_a, in_b) = (a.contains(value), b.contains(value));
                prop_assert_eq!(a.intersect(&b).contains(value), in_a && in_b);
                prop_assert_eq!(a.union(&b).contains(value), in_a || in_b);
                prop_assert_eq!(a.subtract(&b).contains(value), in_a && !in_b);
            }
            prop_assert_eq!(a.union(&b).count() + a.intersect(&b).count(), a.count() + b.count());
        }
    }
}
