//! Flows as a table for people, and exactly for programs.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;
use wirelab_simulator::reach::{Dimension, Interval, IpVersion, Ranges, Region};

use crate::terminal::{bold, dim};

/// One box of flows.
pub(super) struct Flow {
    /// `same`, or with `--diff` `new` or `gone`.
    pub(super) change: &'static str,
    /// Hosts' names, `internet`, a customer gateway, or blocks.
    pub(super) from: String,
    pub(super) to: String,
    pub(super) region: Region,
    /// Whether the answer gets back.
    pub(super) answered: bool,
}

/// What `--json` prints: each flow as a box of packets, nothing left out.
#[derive(Serialize)]
pub(super) struct Shown<'a> {
    flows: Vec<Exact<'a>>,
}

/// Every packet whose fields lie in these lists.
#[derive(Serialize)]
struct Exact<'a> {
    change: &'static str,
    from: &'a str,
    to: &'a str,
    ip_version: u8,
    from_addresses: Vec<Span<String>>,
    to_addresses: Vec<Span<String>>,
    protocols: Vec<Span<u128>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_ports: Option<Vec<Span<u128>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination_ports: Option<Vec<Span<u128>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    icmp_types: Option<Vec<Span<u128>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    icmp_codes: Option<Vec<Span<u128>>>,
    answered: bool,
}

/// First and last.
#[derive(Serialize)]
struct Span<T> {
    from: T,
    to: T,
}

impl<'a> Shown<'a> {
    pub(super) fn of(flows: &'a [Flow]) -> Self {
        Self {
            flows: flows.iter().map(exact).collect(),
        }
    }
}

fn exact(flow: &Flow) -> Exact<'_> {
    let region = &flow.region;
    let version = region.version;
    let numbers = |side| {
        let all = region.side(side).intervals().iter();
        let spans = all.map(|it| Span {
            from: it.low,
            to: it.high,
        });
        spans.collect::<Vec<_>>()
    };
    let addresses = |side| {
        let all = region.side(side).intervals().iter();
        let spans = all.map(|it| Span {
            from: version.address(it.low).to_string(),
            to: version.address(it.high).to_string(),
        });
        spans.collect()
    };
    let has_ports = matches!(region.side(Dimension::Protocol).only(), Some(6 | 17));
    let ports = |side| has_ports.then(|| numbers(side));
    let icmp = |side| region.is_icmp().then(|| numbers(side));
    Exact {
        change: flow.change,
        from: &flow.from,
        to: &flow.to,
        ip_version: if version == IpVersion::V4 { 4 } else { 6 },
        from_addresses: addresses(Dimension::Source),
        to_addresses: addresses(Dimension::Destination),
        protocols: numbers(Dimension::Protocol),
        source_ports: ports(Dimension::SourcePort),
        destination_ports: ports(Dimension::DestinationPort),
        icmp_types: icmp(Dimension::SourcePort),
        icmp_codes: icmp(Dimension::DestinationPort),
        answered: flow.answered,
    }
}

/// Everything that goes between two ends, in one place.
#[derive(Default)]
struct Traffic {
    /// Codes by type.
    icmp: BTreeMap<u128, Ranges>,
    /// Protocol and source ports, to destination ports.
    ports: BTreeMap<(u128, Ranges), Ranges>,
    others: Option<Ranges>,
    version: Option<IpVersion>,
}

impl Traffic {
    fn add(&mut self, region: &Region) {
        self.version = Some(region.version);
        let numbers = region.side(Dimension::Protocol);
        let from = region.side(Dimension::SourcePort);
        let to = region.side(Dimension::DestinationPort);
        let join = |known: &mut Ranges| *known = known.union(to);
        match numbers.only() {
            _ if region.is_icmp() => {
                for kind in from.intervals().iter().flat_map(|it| it.low..=it.high) {
                    let known = self.icmp.entry(kind);
                    known.and_modify(join).or_insert_with(|| to.clone());
                }
            }
            Some(number @ (6 | 17)) => {
                let known = self.ports.entry((number, from.clone()));
                known.and_modify(join).or_insert_with(|| to.clone());
            }
            _ => {
                let known = self.others.take();
                self.others = Some(known.map_or_else(|| numbers.clone(), |it| it.union(numbers)));
            }
        }
    }

    /// `tcp 22,5432`, `icmp`, `other protocols`; `everything` if there is nothing else.
    fn words(&self) -> Vec<String> {
        let mut words: Vec<String> = Vec::new();
        for ((number, from), to) in &self.ports {
            let name = if *number == 6 { "tcp" } else { "udp" };
            let mut word = name.to_owned();
            if *to != Ranges::from(Interval::PORTS) {
                word += &format!(" {}", list(to));
            }
            if *from != Ranges::from(Interval::PORTS) {
                word += &format!(" from ports {}", list(from));
            }
            words.push(word);
        }
        words.extend(self.icmp_words());
        if let Some(others) = &self.others {
            words.push(self.other_words(others));
        }
        let all = match self.version {
            Some(IpVersion::V6) => ["tcp", "udp", "icmpv6", "other protocols"],
            _ => ["tcp", "udp", "icmp", "other protocols"],
        };
        if words == all {
            return vec!["everything".to_owned()];
        }
        words
    }

    fn other_words(&self, others: &Ranges) -> String {
        let icmp = self.version.map_or(1, IpVersion::icmp);
        let named = [u128::from(icmp), 6, 17].map(Interval::single);
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

    /// `icmp`; `icmp 8` for a type with every code; `icmp 3/4`.
    fn icmp_words(&self) -> Option<String> {
        let name = match self.version {
            Some(IpVersion::V6) => "icmpv6",
            _ => "icmp",
        };
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

/// A column is no wider than this; a longer name has a line of its own.
const WIDEST: usize = 24;

/// What goes between some senders and some receivers.
struct Row {
    change: &'static str,
    from: String,
    to: String,
    answered: Vec<String>,
    silent: Vec<String>,
}

/// `app > db  tcp 5432, icmp`: a row for each pair of ends, folded at `width` columns; ends between
/// which the same goes share a row. What cannot be answered says so.
pub(super) fn print(flows: &[Flow], width: usize) -> String {
    let rows = rows(flows);
    let column = |pick: fn(&Row) -> &String| {
        let widths = rows.iter().map(|row| pick(row).chars().count());
        widths.filter(|it| *it <= WIDEST).max().unwrap_or(0)
    };
    let columns = (column(|row| &row.from), column(|row| &row.to));
    rows.iter().map(|it| row(it, columns, width)).collect()
}

fn rows(flows: &[Flow]) -> Vec<Row> {
    let mut pairs: BTreeMap<(&str, &str, &str), [Traffic; 2]> = BTreeMap::new();
    for flow in flows {
        let pair = (flow.change, flow.from.as_str(), flow.to.as_str());
        let kinds = pairs.entry(pair).or_default();
        kinds[usize::from(!flow.answered)].add(&flow.region);
    }
    // The receivers of one sender to whom the same goes, then the senders that have the same.
    let mut receivers: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    for ((change, from, to), [answered, silent]) in &pairs {
        let what = (answered.words(), silent.words());
        receivers
            .entry((*change, *from, what))
            .or_default()
            .push(to);
    }
    let mut senders: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    for ((change, from, what), to) in receivers {
        senders.entry((change, to, what)).or_default().push(from);
    }
    let rows = senders
        .into_iter()
        .map(|((change, to, (answered, silent)), from)| Row {
            change,
            from: names(&from),
            to: names(&to),
            answered,
            silent,
        });
    let mut rows: Vec<Row> = rows.collect();
    rows.sort_by(|a, b| (&a.from, &a.to, a.change).cmp(&(&b.from, &b.to, b.change)));
    rows
}

/// So many names stand in one cell.
const MOST_NAMES: usize = 3;

fn names(all: &[&str]) -> String {
    let some = all
        .iter()
        .take(MOST_NAMES)
        .copied()
        .collect::<Vec<_>>()
        .join(", ");
    match all.len().saturating_sub(MOST_NAMES) {
        0 => some,
        more => format!("{some} and {more} more"),
    }
}

fn row(row: &Row, (from, to): (usize, usize), width: usize) -> String {
    let mark = match row.change {
        "new" => "+ ",
        "gone" => "- ",
        _ => "",
    };
    let indent = mark.len() + from + 3 + to + 2;
    let room = width.saturating_sub(indent).max(20);
    let mut lines = folded(&row.answered, room);
    if !row.silent.is_empty() {
        let mut words = row.silent.clone();
        words[0].insert_str(0, "no answer: ");
        lines.extend(folded(&words, room));
    }
    let mut lines = lines.iter();
    let (source, destination) = (&row.from, &row.to);
    let sender = bold(format!("{source:<from$}"));
    let head = format!("{mark}{sender} {} {destination:<to$}", dim(">"));
    let fits = source.chars().count() <= from && destination.chars().count() <= to;
    let mut text = match fits.then(|| lines.next()).flatten() {
        Some(first) => format!("{head}  {first}\n"),
        None => format!("{}\n", head.trim_end()),
    };
    for line in lines {
        let _ = writeln!(text, "{:indent$}{line}", "");
    }
    text
}

/// The words, a comma between, in rows of no more than `width` columns.
fn folded(words: &[String], width: usize) -> Vec<String> {
    let mut rows: Vec<String> = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let comma = if at + 1 < words.len() { "," } else { "" };
        match rows.last_mut() {
            Some(row) if row.chars().count() + word.chars().count() + 2 <= width => {
                let _ = write!(row, " {word}{comma}");
            }
            _ => rows.push(format!("{word}{comma}")),
        }
    }
    rows
}
