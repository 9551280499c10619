//! The questions that evidence can be asked, one function each.

use std::collections::BTreeMap;

use memchr::memmem;
use wirelab_filter::Filter;
use wirelab_model::{FlowLogId, SimTime};
use wirelab_query::{QueryOptions, blocking};
use wirelab_scenario::expression::Question;
use wirelab_session::Run;
use wirelab_simulator::host::{Outcome, TrafficEvent};
use wirelab_simulator::{Captured, DropReason, Dropped, SecurityGroupDrop};
use wirelab_wire::FiveTuple;
use wirelab_wire::link::LinkType;

use super::asked::{call, exec};
use super::data::Reader;
use super::lookup::lookup;
use super::open::Open;
use super::{Evidence, Value};
use crate::author::{belongs, by_name, word};
use crate::flow_logs;
use crate::moment::Moment;

/// A value, and the lines that show it.
pub(super) type Answer = Result<(Value, Vec<String>), String>;

/// So many packets, or lines, are shown.
pub(super) const SHOWN: usize = 4;

pub(super) fn ask(question: Question, arguments: &[String], evidence: &Evidence<'_>) -> Answer {
    match (question, arguments) {
        (Question::Outcome, [traffic]) => outcome(evidence, traffic),
        (Question::Packets, [capture, filter]) => packets(evidence, capture, filter),
        (Question::Segments, [traffic, capture, filter]) => {
            segments(evidence, traffic, capture, filter)
        }
        (Question::DroppedBy, [filter]) => dropped_by(evidence, filter),
        (Question::Query, [flow_log, query]) => self::query(evidence, flow_log, query),
        (Question::Printed, [text]) => Ok(printed(evidence, text)),
        (Question::Said, [traffic, capture]) => said(evidence, traffic, capture),
        (Question::Exec, [host, command, text]) => exec(evidence, host, command, text),
        (Question::Call, [written, text]) => call(evidence, written, text),
        (Question::Holding, [capture, text]) => holding(evidence, capture, text),
        (Question::Lookup, [address, table, target]) => lookup(address, table, target),
        _ => Err("the number of its arguments is wrong".to_owned()),
    }
}

impl Evidence<'_> {
    fn within(&self, at: SimTime) -> bool {
        self.window.0 <= at && at < self.window.1
    }

    fn exchanges<'s>(&'s self, traffic: &'s str) -> impl Iterator<Item = &'s TrafficEvent> {
        let exchanges = self.run.evidence().exchanges(traffic);
        exchanges.filter(|event| self.within(event.started))
    }

    pub(super) fn moment(&self, at: SimTime) -> Moment {
        Moment::of(self.run.plan().starts, at)
    }

    fn captured(&self, capture: &str) -> Result<(String, &[Captured]), String> {
        let plan = self.run.plan();
        let point = plan.capture_point(capture);
        let point = point.map_err(|error| error.to_string())?;
        Ok((
            plan.capture_name(&point),
            self.run.evidence().captured(&point),
        ))
    }

    fn packet(&self, captured: &Captured) -> String {
        format!("{} {:#}", self.moment(captured.at), captured.frame)
    }
}

fn outcome(evidence: &Evidence<'_>, traffic: &str) -> Answer {
    let mut exchanges = evidence.exchanges(traffic);
    let Some(first) = exchanges.next() else {
        return Err(format!("no exchange of `{traffic}` ends in the window"));
    };
    let is = word(&first.outcome);
    if let Some(other) = exchanges.find(|event| word(&event.outcome) != is) {
        return Err(format!(
            "one exchange of `{traffic}` is {is}, that of {} {}",
            other.started,
            word(&other.outcome)
        ));
    }
    let value = Value::Text(is.to_owned());
    let open = Open::of(evidence, traffic);
    // What became of the open connection says more than that of one that was opened since.
    let losses = open.map(|open| open.losses(evidence, traffic));
    if let Some(losses) = losses.filter(|it| !it.is_empty()) {
        return Ok((value, losses));
    }
    let at = evidence.moment(first.started);
    let open = open.filter(|open| open.carries(first));
    let on = open.map(|open| open.named()).unwrap_or_default();
    let mut shown = vec![format!("`{traffic}` of {at}{on}: {}", is.replace('_', " "))];
    if first.outcome != Outcome::Completed {
        // A connection whose packets are lost sends less and less often: the last one before that.
        let drops = evidence.run.evidence().drops.iter().rev();
        let mut drops = drops.filter(|drop| drop.at <= first.at);
        let lost = drops.find(|drop| belongs(drop, traffic, &[first]));
        shown.extend(lost.map(|drop| lost_packet(evidence, drop)));
    }
    Ok((value, shown))
}

fn packets(evidence: &Evidence<'_>, capture: &str, text: &str) -> Answer {
    let filter = compile(text, LinkType::ETHERNET)?;
    let (name, captured) = evidence.captured(capture)?;
    let captured = captured.iter().filter(|it| evidence.within(it.at));
    let kept: Vec<_> = captured.filter(|it| keeps(&filter, it)).collect();
    let keeps = format!("`{text}` keeps");
    Ok(counted(evidence, &name, &keeps, &kept))
}

fn holding(evidence: &Evidence<'_>, capture: &str, text: &str) -> Answer {
    let (name, captured) = evidence.captured(capture)?;
    let finder = memmem::Finder::new(text);
    let held = captured.iter().filter(|it| evidence.within(it.at));
    let held = held.filter(|it| finder.find(&it.frame.to_bytes()).is_some());
    let holds = format!("`{text}` is in");
    Ok(counted(evidence, &name, &holds, &held.collect::<Vec<_>>()))
}

fn segments(evidence: &Evidence<'_>, traffic: &str, capture: &str, text: &str) -> Answer {
    let filter = compile(text, LinkType::ETHERNET)?;
    let (name, mut kept) = of_connection(evidence, traffic, capture)?;
    kept.retain(|it| keeps(&filter, it));
    let of = format!("one connection of `{traffic}` in {name}");
    Ok(counted(evidence, &of, &format!("`{text}` keeps"), &kept))
}

/// The packets of the first exchange's connection, and the name of their capture.
fn of_connection<'a>(
    evidence: &'a Evidence<'_>,
    traffic: &str,
    capture: &str,
) -> Result<(String, Vec<&'a Captured>), String> {
    let (name, captured) = evidence.captured(capture)?;
    let connection = evidence.exchanges(traffic).find_map(|it| it.connection);
    let Some(connection) = connection else {
        return Err(format!("no exchange of `{traffic}` ends in the window"));
    };
    let flow = FiveTuple {
        source: connection.local,
        destination: connection.remote,
        source_port: connection.local_port,
        destination_port: connection.remote_port,
        protocol: connection.protocol,
    };
    let of_it = |it: &&Captured| {
        let its = it.packet().map(|it| it.five_tuple().canonical());
        it.at >= evidence.window.0 && its == Some(flow.canonical())
    };
    Ok((name, captured.iter().filter(of_it).collect()))
}

/// What a connection's two ends say first.
fn said(evidence: &Evidence<'_>, traffic: &str, capture: &str) -> Answer {
    let (name, captured) = of_connection(evidence, traffic, capture)?;
    let mut readers: BTreeMap<_, Reader> = BTreeMap::new();
    let mut lines = Vec::new();
    for it in captured {
        let Some(segment) = it.packet().and_then(|it| it.as_tcp()) else {
            continue;
        };
        let ends = (segment.source_port, segment.destination_port);
        let reader = readers.entry(ends).or_default();
        if let Some(data) = reader.read(segment.sequence, &segment.payload) {
            lines.push(format!("{}: {data}", evidence.packet(it)));
        }
    }
    let count = i64::try_from(lines.len()).unwrap_or(i64::MAX);
    let first = format!("what is said on a connection of `{traffic}`, in {name}:");
    let shown = std::iter::once(first).chain(lines.into_iter().take(SHOWN));
    Ok((Value::Number(count), shown.collect()))
}

fn counted(
    evidence: &Evidence<'_>,
    of: &str,
    what: &str,
    kept: &[&Captured],
) -> (Value, Vec<String>) {
    let count = kept.len();
    let mut shown = vec![match count {
        0 => format!("{what} no packet of {of}"),
        1 => format!("{what} 1 packet of {of}:"),
        count => format!("{what} {count} packets of {of}:"),
    }];
    shown.extend(kept.iter().take(SHOWN).map(|it| evidence.packet(it)));
    if count > SHOWN {
        shown.push(format!("and {} more", count - SHOWN));
    }
    (
        Value::Number(i64::try_from(count).unwrap_or(i64::MAX)),
        shown,
    )
}

fn dropped_by(evidence: &Evidence<'_>, text: &str) -> Answer {
    let filter = compile(text, LinkType::RAW)?;
    let drops = evidence.run.evidence().drops.iter();
    let drops = drops.filter(|drop| evidence.within(drop.at));
    let mut drops = drops.filter(|drop| {
        let octets = drop.packet.to_bytes();
        filter.matches(&octets, u32::try_from(octets.len()).unwrap_or(u32::MAX))
    });
    let Some(first) = drops.next() else {
        return Err(format!("no packet that `{text}` keeps is dropped"));
    };
    let by = culprit(evidence.run, first);
    if let Some(other) = drops.find(|drop| culprit(evidence.run, drop) != by) {
        let other = culprit(evidence.run, other);
        return Err(format!("one packet is dropped by {by}, another by {other}"));
    }
    let shown = vec![lost_packet(evidence, first)];
    Ok((Value::Text(by), shown))
}

/// The resource that dropped a packet, by its name in the scenario.
pub(crate) fn culprit(run: &Run, drop: &Dropped) -> String {
    let id = match &drop.reason {
        DropReason::SecurityGroup(SecurityGroupDrop::NoRule { groups, .. }) => {
            groups.first().map(|group| group.as_str())
        }
        _ => drop.hop.id(),
    };
    let names = &run.plan().names;
    match id {
        Some(id) => names.name_of(id).unwrap_or(id).to_owned(),
        None => drop.reason.to_string(),
    }
}

pub(super) fn lost_packet(evidence: &Evidence<'_>, drop: &Dropped) -> String {
    let (at, packet) = (evidence.moment(drop.at), drop.packet.summary());
    let names = &evidence.run.plan().names;
    let why = by_name(names, &drop.reason.to_string());
    format!("{at} {packet}: {why}")
}

fn query(evidence: &Evidence<'_>, flow_log: &str, text: &str) -> Answer {
    let run = evidence.run;
    let missing = || format!("there is no `{flow_log}`");
    let id = run.plan().names.id(flow_log).ok_or_else(missing)?;
    let logs = &run.control().resources().flow_logs;
    let log = logs.get(&FlowLogId::new(id.clone())).ok_or_else(missing)?;
    let group = flow_logs::log_group(run, log, run.now()).map_err(|error| error.to_string())?;
    let starts = run.plan().starts;
    let options = QueryOptions {
        start: starts.at(evidence.window.0),
        end: starts.at(evidence.window.1),
        now: run.utc(),
        limit: None,
    };
    let result = blocking::insights(text, &group, &options);
    let result = result.map_err(|error| error.report())?;
    let names: Vec<&str> = result.columns.iter().map(|it| it.name.as_str()).collect();
    let columns: Vec<usize> = (0..names.len()).filter(|it| names[*it] != "@ptr").collect();
    let [row] = &result.rows[..] else {
        let rows = result.rows.len();
        return Err(format!("the query answers with {rows} rows, not one"));
    };
    let cell = |column: &usize| row[*column].clone().unwrap_or_default();
    let Some(value) = columns.first().map(cell) else {
        return Err("the query answers with no column".to_owned());
    };
    let cells = columns
        .iter()
        .map(|it| format!("{}: {}", names[*it], cell(it)));
    let shown = format!("{}: {}", group.name, cells.collect::<Vec<_>>().join(", "));
    let value = value.parse().map_or(Value::Text(value), Value::Number);
    Ok((value, vec![shown]))
}

fn printed(evidence: &Evidence<'_>, text: &str) -> (Value, Vec<String>) {
    let played = evidence.played.iter();
    let is_there = |line: &&str| line.contains(text);
    let found = played.clone().find_map(|it| {
        let line = it.printed.lines().find(is_there)?;
        Some((it, line))
    });
    let last = || {
        let it = played.clone().last()?;
        Some((it, it.printed.lines().last().unwrap_or("(nothing)")))
    };
    let shown = found.or_else(last);
    let shown = shown.map(|(it, line)| format!("{}  ──▶  {line}", it.command));
    (Value::Truth(found.is_some()), shown.into_iter().collect())
}

fn compile(text: &str, link: LinkType) -> Result<Filter, String> {
    Filter::compile(text, link).map_err(|error| error.to_string())
}

fn keeps(filter: &Filter, captured: &Captured) -> bool {
    let octets = captured.frame.to_bytes();
    filter.matches(&octets, u32::try_from(octets.len()).unwrap_or(u32::MAX))
}
