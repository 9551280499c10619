//! Flows as a table for people, and exactly for programs.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;
use wirelab_simulator::reach::{Dimension, IpVersion, Ranges, Region};

use super::label::{Label, Machines, names};
use super::traffic::{Traffic, atoms};
use crate::terminal::{bold, dim};

/// One box of flows.
pub(super) struct Flow {
    /// `same`, or with `--diff` `new` or `gone`.
    pub(super) change: &'static str,
    /// Hosts' names, `internet`, a customer gateway, or blocks.
    pub(super) from: String,
    pub(super) to: String,
    /// What a table calls them.
    pub(super) labels: [Label; 2],
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

/// A column is no wider than this; a longer name has a line of its own.
const WIDEST: usize = 24;

/// What goes between some senders and some receivers.
struct Row {
    change: &'static str,
    from: String,
    to: String,
    lines: Vec<Line>,
}

/// Words of one kind: `IPv4, no answer`, say, and what it is about. Lines are alike if all that
/// they stand for is, not only their words.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    head: String,
    words: Vec<String>,
    traffic: Traffic,
}

/// `app > db  tcp 5432, icmp`: a row for each pair of ends, folded at `width` columns; ends between
/// which the same goes share a row. What cannot be answered says so; what goes over one IP version
/// alone does, where both ends have both; addresses of an end that are treated otherwise than its
/// others have a row of their own.
pub(super) fn print(flows: &[Flow], machines: &Machines<'_>, width: usize) -> String {
    let rows = rows(flows, machines);
    let column = |pick: fn(&Row) -> &String| {
        let widths = rows.iter().map(|row| pick(row).chars().count());
        widths.filter(|it| *it <= WIDEST).max().unwrap_or(0)
    };
    let columns = (column(|row| &row.from), column(|row| &row.to));
    rows.iter().map(|it| row(it, columns, width)).collect()
}

/// Boxes between the same two ends.
type Pairs<'f> = BTreeMap<(&'static str, &'f [Label; 2]), Vec<&'f Flow>>;

fn rows(flows: &[Flow], machines: &Machines<'_>) -> Vec<Row> {
    let mut pairs = Pairs::new();
    for flow in flows {
        let pair = pairs.entry((flow.change, &flow.labels)).or_default();
        pair.push(flow);
    }
    let mut cells: BTreeMap<(&'static str, String, String), Vec<Line>> = BTreeMap::new();
    for ((change, labels), flows) in pairs {
        for ((from, to), parts) in parts(labels, &flows, machines) {
            let lines = lines(labels, &parts);
            cells.entry((change, from, to)).or_default().extend(lines);
        }
    }
    // The receivers of one sender to whom the same goes, then the senders that have the same.
    let mut receivers: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    for ((change, from, to), lines) in &cells {
        let alike = receivers.entry((*change, from.as_str(), lines));
        alike.or_default().push(to);
    }
    let mut senders: BTreeMap<_, Vec<&str>> = BTreeMap::new();
    for ((change, from, lines), to) in receivers {
        senders.entry((change, to, lines)).or_default().push(from);
    }
    let rows = senders.into_iter().map(|((change, to, lines), from)| Row {
        change,
        from: names(&from),
        to: names(&to),
        lines: lines.clone(),
    });
    let mut rows: Vec<Row> = rows.collect();
    rows.sort_by(|a, b| (&a.from, &a.to, a.change).cmp(&(&b.from, &b.to, b.change)));
    rows
}

/// What is answered and what is not.
type Content = [Traffic; 2];
/// Contents by what their ends are called, of IPv4 and IPv6.
type Parts = BTreeMap<(String, String), [Content; 2]>;

/// The flows of one pair of ends, by the addresses that are treated alike.
fn parts(labels: &[Label; 2], flows: &[&Flow], machines: &Machines<'_>) -> Parts {
    let mut parts = Parts::new();
    for version in IpVersion::BOTH {
        let of_version = flows.iter().filter(|it| it.region.version == version);
        for (from, to, content) in alike(&of_version.copied().collect::<Vec<_>>()) {
            let name = |at: usize, addresses| labels[at].of(version, addresses, machines);
            let mut ends = (name(0, &from), name(1, &to));
            let known = parts.get(&ends).map(|it| &it[version as usize]);
            if known.is_some_and(|it| it.iter().any(|it| !it.is_empty())) {
                let [sender, receiver] = labels;
                ends = (
                    sender.in_full(version, &from),
                    receiver.in_full(version, &to),
                );
            }
            parts.entry(ends).or_default()[version as usize] = content;
        }
    }
    parts
}

/// Source and destination addresses, no two alike, and what goes between them.
fn alike(flows: &[&Flow]) -> Vec<(Ranges, Ranges, Content)> {
    let side = |dimension| atoms(flows.iter().map(move |it| it.region.side(dimension)));
    let (sources, destinations) = (side(Dimension::Source), side(Dimension::Destination));
    let mut by_row: BTreeMap<Vec<Content>, Ranges> = BTreeMap::new();
    for source in sources {
        let row = destinations.iter().map(|to| content(flows, &source, to));
        join(&mut by_row, row.collect(), source);
    }
    let (rows, sources): (Vec<_>, Vec<_>) = by_row.into_iter().unzip();
    let mut by_column: BTreeMap<Vec<Content>, Ranges> = BTreeMap::new();
    for (at, destination) in destinations.into_iter().enumerate() {
        let column = rows.iter().map(|row| row[at].clone());
        join(&mut by_column, column.collect(), destination);
    }
    let mut alike = Vec::new();
    for (column, destination) in by_column {
        let cells = sources.iter().cloned().zip(column);
        let cells = cells.filter(|(_, it)| it.iter().any(|it| !it.is_empty()));
        alike.extend(cells.map(|(source, it)| (source, destination.clone(), it)));
    }
    alike
}

fn join(all: &mut BTreeMap<Vec<Content>, Ranges>, contents: Vec<Content>, addresses: Ranges) {
    let known = all.entry(contents);
    let known = known.and_modify(|known| *known = known.union(&addresses));
    known.or_insert(addresses);
}

/// What goes between addresses that no box tells apart.
fn content(flows: &[&Flow], source: &Ranges, destination: &Ranges) -> Content {
    let holds = |region: &Region, side, addresses: &Ranges| {
        let first = addresses.first();
        first.is_some_and(|it| region.side(side).contains(it))
    };
    let [answered, silent] = [true, false].map(|answered| {
        let here = flows.iter().filter(|it| {
            it.answered == answered
                && holds(&it.region, Dimension::Source, source)
                && holds(&it.region, Dimension::Destination, destination)
        });
        Traffic::of(&here.map(|it| &it.region).collect::<Vec<_>>())
    });
    let Some(version) = flows.first().map(|it| it.region.version) else {
        return [answered, silent];
    };
    [
        answered.without_codes_beside(version, &silent),
        silent.without_codes_beside(version, &answered),
    ]
}

/// One line for both versions where they say the same, or where there is but one.
fn lines(labels: &[Label; 2], parts: &[Content; 2]) -> Vec<Line> {
    let both = IpVersion::BOTH;
    let is_dual = both
        .iter()
        .all(|it| labels.iter().all(|end| end.speaks(*it)));
    let mut lines = Vec::new();
    for (kind, silent) in [(0, ""), (1, "no answer")] {
        let [v4, v6] = both.map(|version| {
            let traffic = &parts[version as usize][kind];
            (traffic, traffic.words(version))
        });
        let is_same = v4 == v6;
        for ((traffic, words), name) in [(v4, "IPv4"), (v6, "IPv6")] {
            if traffic.is_empty() || (is_same && name == "IPv6") {
                continue;
            }
            let name = if is_dual && !is_same { name } else { "" };
            let head = [name, silent].into_iter().filter(|it| !it.is_empty());
            lines.push(Line {
                head: head.collect::<Vec<_>>().join(", "),
                words,
                traffic: traffic.clone(),
            });
        }
    }
    lines
}

fn row(row: &Row, (from, to): (usize, usize), width: usize) -> String {
    let mark = match row.change {
        "new" => "+ ",
        "gone" => "- ",
        _ => "",
    };
    let indent = mark.len() + from + 3 + to + 2;
    let room = width.saturating_sub(indent).max(20);
    let lines = row.lines.iter().flat_map(|line| {
        let mut words = line.words.clone();
        if let (Some(first), false) = (words.first_mut(), line.head.is_empty()) {
            first.insert_str(0, &format!("{}: ", line.head));
        }
        folded(&words, room)
    });
    let mut lines = lines.collect::<Vec<_>>().into_iter();
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
