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
    /// What is in the boxes, whatever their addresses. A type of ICMP of which there is but one
    /// message is whole with that: no sender uses its other codes. Nor does one use the number that
    /// ICMP has in the other version of IP.
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
                let numbers = numbers.subtract(&foreign_icmp(region.version));
                let known = all.others.take();
                let known = known.map_or_else(|| numbers.clone(), |it| it.union(&numbers));
                all.others = Some(known).filter(|it| !it.is_empty());
            }
        }
        if let Some(region) = regions.first() {
            for (kind, codes) in &mut all.icmp {
                if has_one_code(region.version, *kind) && codes.contains(0) {
                    *codes = Interval::OCTET.into();
                }
            }
        }
        all
    }

    /// Leaves out the codes of ICMP that no sender uses, where `other` has the message itself.
    pub(super) fn without_codes_beside(&self, version: IpVersion, other: &Self) -> Self {
        let mut rest = self.clone();
        rest.icmp.retain(|kind, codes| {
            let theirs = other.icmp.get(kind);
            let is_theirs = theirs.is_some_and(|it| it.contains(0));
            !has_one_code(version, *kind) || !is_theirs || codes.contains(0)
        });
        rest
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

    /// `icmp`; `icmp echo-request,3/0-3`; `icmp but echo-request`: types with every code by their
    /// names, or as numbers.
    fn icmp_words(&self, version: IpVersion) -> Option<String> {
        let name = icmp(version);
        let every = Ranges::from(Interval::OCTET);
        let whole = self.icmp.iter().filter(|(_, codes)| **codes == every);
        let whole = Ranges::of(whole.map(|(kind, _)| Interval::single(*kind)));
        if whole == every {
            return Some(name.to_owned());
        }
        let missing = |kind: u128| match self.icmp.get(&kind) {
            Some(codes) => every.subtract(codes),
            None => every.clone(),
        };
        if whole.count() == 255
            && let Some(kind) = every.subtract(&whole).first()
        {
            return Some(format!(
                "{name} but {}",
                codes(version, kind, &missing(kind))
            ));
        }
        let named =
            |kind: &u128| icmp_name(version, *kind).is_some() && whole.count() <= MOST_NAMED;
        let all: Vec<u128> = whole
            .intervals()
            .iter()
            .flat_map(|it| it.low..=it.high)
            .collect();
        let mut parts: Vec<String> = all
            .iter()
            .filter(|kind| named(kind))
            .map(|kind| codes(version, *kind, &every))
            .collect();
        let numbers = Ranges::of(
            all.into_iter()
                .filter(|it| !named(it))
                .map(Interval::single),
        );
        if !numbers.is_empty() {
            parts.push(list(&numbers));
        }
        let some = self.icmp.iter().filter(|(_, codes)| **codes != every);
        parts.extend(some.map(|(kind, some)| codes(version, *kind, some)));
        (!parts.is_empty()).then(|| format!("{name} {}", parts.join(",")))
    }
}

/// So many types of ICMP are named; more are told as ranges of numbers.
const MOST_NAMED: u128 = 4;

/// What a message of ICMP is called: RFC 792's and RFC 4443's names, as `iptables` has them.
const fn icmp_name(version: IpVersion, kind: u128) -> Option<&'static str> {
    Some(match (version, kind) {
        (IpVersion::V4, 0) | (IpVersion::V6, 129) => "echo-reply",
        (IpVersion::V4, 3) | (IpVersion::V6, 1) => "destination-unreachable",
        (IpVersion::V6, 2) => "packet-too-big",
        (IpVersion::V4, 8) | (IpVersion::V6, 128) => "echo-request",
        (IpVersion::V4, 11) | (IpVersion::V6, 3) => "time-exceeded",
        (IpVersion::V4, 12) | (IpVersion::V6, 4) => "parameter-problem",
        _ => return None,
    })
}

/// Whether a type has code 0 alone: echo (RFC 792, RFC 4443), packet too big.
const fn has_one_code(version: IpVersion, kind: u128) -> bool {
    matches!(
        (version, kind),
        (IpVersion::V4, 0 | 8) | (IpVersion::V6, 2 | 128 | 129)
    )
}

/// `echo-request`; `3/4`; `type 8 code 1-255`, which no ping has.
fn codes(version: IpVersion, kind: u128, codes: &Ranges) -> String {
    let is_whole = *codes == Ranges::from(Interval::OCTET);
    let is_one = has_one_code(version, kind);
    match icmp_name(version, kind) {
        Some(name) if is_whole || (is_one && codes.contains(0)) => name.to_owned(),
        None if is_whole => kind.to_string(),
        _ if is_one => format!("type {kind} code {} (no such message)", list(codes)),
        _ => format!("{kind}/{}", list(codes)),
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

/// The number that ICMP has in the other version of IP.
fn foreign_icmp(version: IpVersion) -> Ranges {
    let other = match version {
        IpVersion::V4 => IpVersion::V6,
        IpVersion::V6 => IpVersion::V4,
    };
    Interval::single(other.icmp().into()).into()
}

fn other_words(version: IpVersion, others: &Ranges) -> String {
    let named = [u128::from(version.icmp()), 6, 17].map(Interval::single);
    let missing = Ranges::from(Interval::OCTET)
        .subtract(&Ranges::of(named))
        .subtract(&foreign_icmp(version))
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
