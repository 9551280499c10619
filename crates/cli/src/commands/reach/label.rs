//! What the ends of flows are called, and which part of an end is meant.

use wirelab_simulator::reach::{Interval, IpVersion, Ranges};

/// So many blocks stand in one cell.
const MOST_BLOCKS: usize = 2;

/// One end of flows as a table names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Label {
    /// Of a machine, a gateway, a subnet; `internet`.
    pub(super) name: String,
    pub(super) kind: Kind,
    /// All its addresses, IPv4 and IPv6: a row about fewer says which. None of what is free: its
    /// name says where.
    pub(super) whole: [Ranges; 2],
}

/// The names of the machines that have some addresses, if machines have them all.
pub(super) type Machines<'a> = dyn Fn(IpVersion, &Ranges) -> Option<String> + 'a;

/// What an end is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// A machine or interface by its own addresses.
    Machine,
    /// The same by the public ones that its VPC's gateway translates.
    PublicAddress,
    Internet,
    /// A customer gateway or an endpoint.
    Behind,
    /// Addresses that nobody has.
    Free,
}

impl Label {
    fn whole(&self, version: IpVersion) -> &Ranges {
        &self.whole[version as usize]
    }

    /// Whether flows of the version might be expected here.
    pub(super) fn speaks(&self, version: IpVersion) -> bool {
        !self.whole(version).is_empty()
    }

    /// The name, and the addresses if they are not all: `web`, `web (public address)`,
    /// `office 192.168.10.5`, `internet but 198.51.100.0/24`. Machines outside, where they are all,
    /// by their own names.
    pub(super) fn of(
        &self,
        version: IpVersion,
        addresses: &Ranges,
        machines: &Machines<'_>,
    ) -> String {
        let name = match self.kind {
            Kind::PublicAddress => format!("{} (public address)", self.name),
            _ => self.name.clone(),
        };
        let missing = self.whole(version).subtract(addresses);
        if missing.is_empty() {
            return name;
        }
        let is_outside = matches!(self.kind, Kind::Internet | Kind::Behind);
        if let Some(machines) = machines(version, addresses).filter(|_| is_outside) {
            return machines;
        }
        let share = addresses.count() / missing.count().max(1);
        match self.kind {
            Kind::Internet if share >= MOSTLY => {
                format!("{name} but {}", blocks(version, &missing))
            }
            _ => format!("{name} {}", blocks(version, addresses)),
        }
    }

    /// The name and every address, where less leaves open which are meant.
    pub(super) fn in_full(&self, version: IpVersion, addresses: &Ranges) -> String {
        let all = addresses.intervals().iter();
        let all: Vec<_> = all.map(|it| interval(version, *it)).collect();
        format!("{} {}", self.name, all.join(", "))
    }
}

/// So many times more than what is missing is named by what is missing.
const MOSTLY: u128 = 4;

/// The first blocks, and how many more there are.
pub(super) fn blocks(version: IpVersion, ranges: &Ranges) -> String {
    let all = ranges.intervals();
    let some = all.iter().take(MOST_BLOCKS);
    let mut words: Vec<_> = some.map(|it| interval(version, *it)).collect();
    if all.len() > MOST_BLOCKS {
        words.push(format!("{} more", all.len() - MOST_BLOCKS));
    }
    words.join(", ")
}

/// A block, one address, or the first and the last.
fn interval(version: IpVersion, it: Interval) -> String {
    let (low, high) = (version.address(it.low), version.address(it.high));
    let size = it.high - it.low;
    let bits = if version == IpVersion::V4 { 32 } else { 128 };
    match size {
        0 => low.to_string(),
        _ if size.wrapping_add(1).is_power_of_two() && it.low & size == 0 => {
            format!("{low}/{}", bits - size.count_ones())
        }
        _ => format!("{low}-{high}"),
    }
}

/// So many names stand in one cell.
const MOST_NAMES: usize = 3;

/// Names in one cell.
pub(super) fn names(all: &[&str]) -> String {
    let some = all[..all.len().min(MOST_NAMES)].join(", ");
    match all.len().saturating_sub(MOST_NAMES) {
        0 => some,
        more => format!("{some} and {more} more"),
    }
}
