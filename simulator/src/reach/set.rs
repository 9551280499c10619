//! Sets of packets as unions of disjoint boxes.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use wirelab_model::IpProtocol;

use super::ranges::{IpVersion, Ranges};
use super::region::{Dimension, Packet, Region};

/// A set of packets. Its boxes never overlap.
#[derive(Clone, Debug, Default)]
pub struct PacketSet {
    regions: Vec<Region>,
}

impl PacketSet {
    /// No packet.
    #[must_use]
    pub const fn empty() -> Self {
        Self {
            regions: Vec::new(),
        }
    }

    /// The union of boxes of which no two overlap.
    pub(super) const fn of_disjoint(regions: Vec<Region>) -> Self {
        Self { regions }
    }

    /// Every packet of both IP versions.
    #[must_use]
    pub fn all() -> Self {
        let regions = IpVersion::BOTH
            .into_iter()
            .flat_map(|version| Region::rule_protocol(version, IpProtocol::All))
            .collect();
        Self { regions }
    }

    /// The boxes.
    #[must_use]
    pub fn regions(&self) -> &[Region] {
        &self.regions
    }

    /// Whether it holds nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.regions.is_empty()
    }

    /// Whether it holds `packet`.
    #[must_use]
    pub fn contains(&self, packet: &Packet) -> bool {
        self.regions.iter().any(|region| region.contains(packet))
    }

    /// How many packets it holds, saturating.
    #[must_use]
    pub fn count(&self) -> u128 {
        let counts = self.regions.iter().map(Region::count);
        counts.fold(0, u128::saturating_add)
    }

    /// Adds a box.
    pub fn insert(&mut self, region: Region) {
        let mut new = vec![region];
        for old in &self.regions {
            new = new.iter().flat_map(|piece| piece.subtract(old)).collect();
        }
        self.regions.extend(new);
    }

    /// Takes a box away.
    pub fn remove(&mut self, region: &Region) {
        let kept = self.regions.iter().flat_map(|piece| piece.subtract(region));
        self.regions = kept.collect();
    }

    /// Both together.
    #[must_use]
    pub fn union(mut self, other: &Self) -> Self {
        for region in &other.regions {
            self.insert(region.clone());
        }
        self
    }

    /// What `self` holds and `other` does not.
    #[must_use]
    pub fn subtract(mut self, other: &Self) -> Self {
        for region in &other.regions {
            self.remove(region);
        }
        self
    }

    /// What both hold.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        let pairs = self.regions.iter().flat_map(|mine| {
            let theirs = other.regions.iter();
            theirs.filter_map(move |region| mine.intersect(region))
        });
        Self {
            regions: pairs.collect(),
        }
    }

    /// The least set that holds `self` and cannot tell packets apart by `dimensions`.
    ///
    /// The protocol is always told apart, and ports only as far as the protocol has any, so that
    /// the result stays within the packets there are. A source port is forgotten, an ICMP type
    /// that stands in its place is not: rules do name types.
    #[must_use]
    pub fn widen(&self, dimensions: &[Dimension]) -> Self {
        let mut wide = Self::empty();
        for region in &self.regions {
            for whole in Region::protocol(region.version, region.side(Dimension::Protocol)) {
                let is_icmp = region.is_icmp();
                let kept = OTHER_DIMENSIONS.into_iter().filter(|dimension| {
                    let is_type = is_icmp && *dimension == Dimension::SourcePort;
                    is_type || !dimensions.contains(dimension)
                });
                wide.insert(kept.fold(whole, |to, dimension| {
                    to.replace(dimension, region.side(dimension).clone())
                }));
            }
        }
        wide
    }

    /// The same set in fewer, larger boxes where two join to one; largest first.
    #[must_use]
    pub fn coalesce(mut self) -> Self {
        loop {
            let before = self.regions.len();
            for dimension in OTHER_DIMENSIONS.into_iter().chain([Dimension::Protocol]) {
                self.regions = join_along(std::mem::take(&mut self.regions), dimension);
            }
            if self.regions.len() == before {
                break;
            }
        }
        self.regions
            .sort_by_cached_key(|region| (std::cmp::Reverse(region.count()), region.clone()));
        self
    }

    /// One packet of the largest box, a TCP box if there is one, with values that read well; `None`
    /// of an empty set.
    #[must_use]
    pub fn sample(&self) -> Option<Packet> {
        let weight = |region: &&Region| {
            let tcp = region.side(Dimension::Protocol).contains(6);
            (tcp, region.count())
        };
        self.regions.iter().max_by_key(weight).map(sample)
    }
}

/// Every dimension but the protocol.
const OTHER_DIMENSIONS: [Dimension; 5] = [
    Dimension::Source,
    Dimension::Destination,
    Dimension::SourcePort,
    Dimension::DestinationPort,
    Dimension::Reply,
];

/// Joins the boxes that differ in one dimension alone.
fn join_along(regions: Vec<Region>, dimension: Dimension) -> Vec<Region> {
    let mut alike: BTreeMap<Region, Region> = BTreeMap::new();
    let mut apart = Vec::new();
    for region in regions {
        if dimension == Dimension::Protocol && region.has_fields() {
            apart.push(region);
            continue;
        }
        let key = region.clone().replace(dimension, Ranges::single(0));
        match alike.entry(key) {
            Entry::Vacant(place) => {
                place.insert(region);
            }
            Entry::Occupied(mut place) => {
                let both = place.get().side(dimension).union(region.side(dimension));
                let joined = place.get().clone().replace(dimension, both);
                place.insert(joined);
            }
        }
    }
    apart.extend(alike.into_values());
    apart
}

/// A packet of the box: a host that is no network address, ports that people recognise.
fn sample(region: &Region) -> Packet {
    let version = region.version;
    let prefer = |dimension, wanted: &[u128]| {
        let side = region.side(dimension);
        let fits = wanted.iter().copied().find(|value| side.contains(*value));
        fits.or_else(|| side.first()).unwrap_or_default()
    };
    let host = |dimension| {
        let side = region.side(dimension);
        let documentation = 0xcb00_7107; // 203.0.113.7, RFC 5737
        let whole = *side == Ranges::from(version.addresses()) && version == IpVersion::V4;
        let largest = side.intervals().iter().max_by_key(|it| it.count());
        let inside = largest.map_or(0, |it| it.low + 7.min(it.high - it.low));
        version.address(if whole { documentation } else { inside })
    };
    let (first, second): (&[u128], &[u128]) = if region.is_icmp() {
        (&[8, 3], &[0, 1])
    } else {
        (&[50000], &[22, 3389, 50000])
    };
    let port = |dimension, wanted| prefer(dimension, wanted) as u16;
    Packet {
        source: host(Dimension::Source),
        destination: host(Dimension::Destination),
        protocol: prefer(Dimension::Protocol, &[6, 17, 1]) as u8,
        source_port: port(Dimension::SourcePort, first),
        destination_port: port(Dimension::DestinationPort, second),
        reply: prefer(Dimension::Reply, &[0]) == 1,
    }
}
