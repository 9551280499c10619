//! Everything that goes between two places, put together and in words.

use std::collections::BTreeMap;

use wirelab_simulator::reach::{Dimension, Interval, IpVersion, Ranges, Region};

/// What goes between two sets of addresses that are alike. Equal sets of packets are equal.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Traffic {
    /// Codes by type.
    icmp: BTreeMap<u128, Ranges>,
    /// TCP's source ports, and destination ports.
    tcp: Ports,
    udp: Ports,
    others: Option<Ranges>,
}

/// Source ports to the destination ports that are reached from just these.
type Ports = BTreeMap<Ranges, Ranges>;

impl Traffic {
    /// What is in the boxes, whatever their addresses.
    pub(super) fn of(regions: &[&Region]) -> Self {
        let mut all = Self {
            tcp: ports(regions, 6),
            udp: ports(regions, 17),
            ..Self::default()
        };
        for region in regions {
            let numbers = region.side(Dimension::Protocol);
            let codes = region.side(Dimension::DestinationPort);
            if region.is_icmp() {
                let types = region.side(Dimension::SourcePort).intervals().iter();
                for kind in types.flat_map(|it| it.low..=it.high) {
                    let known = all.icmp.entry(kind);
                    let join = |known: &mut Ranges| *known = known.union(codes);
                    known.and_modify(join).or_insert_with(|| codes.clone());
                }
            } else if !matches!(numbers.only(), Some(6 | 17)) {
                let known = all.others.take();
                all.others = Some(known.map_or_else(|| numbers.clone(), |it| it.union(numbers)));
            }
        }
        all
    }

    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// `tcp 22,5432`, `icmp`, `other protocols`; `everything` if there is nothing else.
    pub(super) fn words(&self, version: IpVersion) -> Vec<String> {
        let mut words: Vec<String> = Vec::new();
        for (name, ports) in [("tcp", &self.tcp), ("udp", &self.udp)] {
            words.extend(ports.iter().map(|(from, to)| port_words(name, from, to)));
        }
        words.extend(self.icmp_words(version));
        if let Some(others) = &self.others {
            words.push(other_words(version, others));
        }
        if words == ["tcp", "udp", icmp(version), "other protocols"] {
            return vec!["everything".to_owned()];
        }
        words
    }

    /// `icmp`; `icmp 8` for a type with every code; `icmp 3/4`.
    fn icmp_words(&self, version: IpVersion) -> Option<String> {
        let name = icmp(version);
        let every = Ranges::from(Interval::OCTET);
        let whole = self.icmp.iter().filter(|(_, codes)| **codes == every);
        let whole = Ranges::of(whole.map(|(kind, _)| Interval::single(*kind)));
        if whole == every {
            return Some(name.to_owned());
        }
        if let (255, Some((kind, codes))) = (
            whole.count(),
            self.icmp.iter().find(|(_, codes)| **codes != every),
        ) {
            return Some(format!(
                "{name} but {kind}/{}",
                list(&every.subtract(codes))
            ));
        }
        let mut parts = Vec::new();
        if !whole.is_empty() {
            parts.push(list(&whole));
        }
        let some = self.icmp.iter().filter(|(_, codes)| **codes != every);
        parts.extend(some.map(|(kind, codes)| format!("{kind}/{}", list(codes))));
        (!parts.is_empty()).then(|| format!("{name} {}", parts.join(",")))
    }
}

const fn icmp(version: IpVersion) -> &'static str {
    match version {
        IpVersion::V4 => "icmp",
        IpVersion::V6 => "icmpv6",
    }
}

fn ports(regions: &[&Region], protocol: u128) -> Ports {
    let own = regions.iter().copied();
    let own = own.filter(|it| it.side(Dimension::Protocol).only() == Some(protocol));
    let own: Vec<&Region> = own.collect();
    let mut ports = Ports::new();
    for to in atoms(own.iter().map(|it| it.side(Dimension::DestinationPort))) {
        let holds = |it: &&&Region| {
            let side = it.side(Dimension::DestinationPort);
            to.first().is_some_and(|port| side.contains(port))
        };
        let here = own.iter().filter(holds);
        let from = here.fold(Ranges::of([]), |all, it| {
            all.union(it.side(Dimension::SourcePort))
        });
        let known = ports.entry(from);
        let join = |known: &mut Ranges| *known = known.union(&to);
        known.and_modify(join).or_insert_with(|| to.clone());
    }
    ports
}

/// What the sets cut their union into: pieces that lie in each of them or outside.
pub(super) fn atoms<'a>(sets: impl Iterator<Item = &'a Ranges>) -> Vec<Ranges> {
    let mut sets: Vec<&Ranges> = sets.collect();
    sets.sort_unstable();
    sets.dedup();
    let mut atoms: Vec<Ranges> = Vec::new();
    for set in sets {
        let mut rest = set.clone();
        let mut cut = Vec::new();
        for atom in atoms {
            let inside = atom.intersect(&rest);
            let outside = atom.subtract(&inside);
            rest = rest.subtract(&inside);
            cut.extend([inside, outside].into_iter().filter(|it| !it.is_empty()));
        }
        cut.extend((!rest.is_empty()).then_some(rest));
        atoms = cut;
    }
    atoms
}

fn port_words(name: &str, from: &Ranges, to: &Ranges) -> String {
    let every = Ranges::from(Interval::PORTS);
    let mut word = name.to_owned();
    if *to != every {
        word += &format!(" {}", list(to));
    }
    if *from != every {
        word += &format!(" from ports {}", list(from));
    }
    word
}

fn other_words(version: IpVersion, others: &Ranges) -> String {
    let named = [u128::from(version.icmp()), 6, 17].map(Interval::single);
    let missing = Ranges::from(Interval::OCTET)
        .subtract(&Ranges::of(named))
        .subtract(others);
    match (missing.count(), others.count()) {
        (0, _) => "other protocols".to_owned(),
        (1..=3, _) => format!("other protocols but {}", list(&missing)),
        (_, 1) => format!("protocol {}", list(others)),
        _ => format!("protocols {}", list(others)),
    }
}

/// So many ranges of ports stand in a row; `--json` has all.
const MOST_RANGES: usize = 8;

fn list(ranges: &Ranges) -> String {
    let all = ranges.intervals();
    let text = |it: &Interval| match it.low == it.high {
        true => it.low.to_string(),
        false => format!("{}-{}", it.low, it.high),
    };
    let mut words: Vec<_> = all.iter().take(MOST_RANGES).map(text).collect();
    if all.len() > MOST_RANGES {
        words.push(format!("and {} more", all.len() - MOST_RANGES));
    }
    words.join(",")
}
