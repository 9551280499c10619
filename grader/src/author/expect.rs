//! What a scenario asserts about itself, held against what happens.

use wirelab_model::{SimDuration, SimTime};
use wirelab_scenario::{Expect, Names, Plan};
use wirelab_session::Run;
use wirelab_simulator::host::{Outcome, TrafficEvent};
use wirelab_simulator::{Dropped, Observe};
use wirelab_wire::{FiveTuple, IcmpMessage, QuotedPacket, Transport};

use super::{AuthorReport, variant};
use crate::error::GradeError;

/// Exchanges that start before the end of an expectation are given this long to end.
const PATIENCE: SimDuration = SimDuration::from_secs(180);

pub(super) fn check(
    plan: &Plan,
    opens_at: SimTime,
    report: &mut AuthorReport,
) -> Result<(), GradeError> {
    let place = format!("seed {} ({})", plan.seed.fault, variant(plan));
    for what in broken(plan, opens_at)? {
        report.problem(&place, what);
    }
    Ok(())
}

/// What the scenario says of itself and does not do on the plan's seed, a line each.
pub(super) fn broken(plan: &Plan, opens_at: SimTime) -> Result<Vec<String>, GradeError> {
    let observe = Observe {
        captures: false,
        flow_records: false,
        drops: true,
        metrics: false,
    };
    let end = plan.expects.iter().map(|expect| expect.to).max();
    let end = end.unwrap_or_default().max(opens_at) + PATIENCE;
    let mut run = Run::new(plan.clone(), observe)?;
    run.advance(end)?;
    let events = run.evidence().failed_events.iter();
    let mut lines: Vec<_> = events
        .map(|(index, why)| format!("event {} of the timeline: {why}", index + 1))
        .collect();
    for expect in &plan.expects {
        if let Err(why) = holds(&run, expect) {
            lines.push(format!("scenario {}: {why}", expect.place));
        }
    }
    Ok(lines)
}

fn holds(run: &Run, expect: &Expect) -> Result<(), String> {
    let within = |at: SimTime| expect.from <= at && at < expect.to;
    let exchanges = run.evidence().exchanges(&expect.traffic);
    let exchanges: Vec<_> = exchanges.filter(|event| within(event.started)).collect();
    let other = exchanges
        .iter()
        .find(|event| word(&event.outcome) != expect.outcome);
    if let Some(event) = other {
        let (is, at) = (word(&event.outcome), event.started);
        let lost = lost(run, expect, &[event], (event.started, event.at));
        return Err(format!(
            "`{}` of {at} is {is}, not {}: {lost}",
            expect.traffic, expect.outcome
        ));
    }
    let count = exchanges.len() as u64;
    if count < expect.at_least {
        let wanted = expect.at_least;
        return Err(format!(
            "{count} exchanges of `{}`, not {wanted}",
            expect.traffic
        ));
    }
    let Some(cause) = &expect.dropped_by else {
        return Ok(());
    };
    let drops = run.evidence().drops.iter();
    let mut drops =
        drops.filter(|drop| within(drop.at) && belongs(drop, &expect.traffic, &exchanges));
    if drops.any(|drop| cause.matches(drop)) {
        Ok(())
    } else {
        Err(format!(
            "nothing of `{}` is dropped by {}: {}",
            expect.traffic,
            cause.text,
            lost(run, expect, &exchanges, (expect.from, expect.to))
        ))
    }
}

/// So many reasons are told.
const MOST_REASONS: usize = 3;

/// What was dropped of some exchanges in a span of time, and why, in the words of `wirelab path`:
/// each reason once, the most frequent first.
fn lost(
    run: &Run,
    expect: &Expect,
    exchanges: &[&TrafficEvent],
    (from, to): (SimTime, SimTime),
) -> String {
    let within = |drop: &&Dropped| from <= drop.at && drop.at <= to;
    let drops = run.evidence().drops.iter().filter(within);
    let mut reasons: Vec<(String, usize)> = Vec::new();
    for drop in drops.filter(|drop| belongs(drop, &expect.traffic, exchanges)) {
        let reason = by_name(&run.plan().names, &drop.reason.to_string());
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, count)) => *count += 1,
            None => reasons.push((reason, 1)),
        }
    }
    if reasons.is_empty() {
        return "none of its packets is dropped on the way".to_owned();
    }
    reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let told = reasons.iter().take(MOST_REASONS);
    let told = told.map(|(reason, count)| match count {
        1 => format!("1 packet dropped: {reason}"),
        count => format!("{count} packets dropped: {reason}"),
    });
    told.collect::<Vec<_>>().join("; ")
}

/// The text with the scenario's names in place of ids, which differ from seed to seed.
pub(crate) fn by_name(names: &Names, text: &str) -> String {
    let word = |word: &str| {
        let id = word.trim_matches(|it: char| !it.is_ascii_alphanumeric());
        match names.name_of(id) {
            Some(name) => word.replace(id, name),
            None => word.to_owned(),
        }
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// Whether a packet is part of one of the exchanges, or an ICMP error about such a packet: the
/// world says so, or its addresses and ports do.
pub(crate) fn belongs(drop: &Dropped, traffic: &str, exchanges: &[&TrafficEvent]) -> bool {
    if drop.traffic.as_deref() == Some(traffic) {
        return true;
    }
    let about = match &drop.packet.transport {
        Transport::Icmp(
            IcmpMessage::DestinationUnreachable { quoted, .. }
            | IcmpMessage::TimeExceeded { quoted, .. },
        ) => QuotedPacket::parse(quoted)
            .map(|quoted| quoted.five_tuple())
            .ok(),
        _ => Some(drop.packet.five_tuple()),
    };
    let tuples = exchanges.iter().filter_map(|event| event.connection);
    let mut flows = tuples.map(|it| FiveTuple {
        source: it.local,
        destination: it.remote,
        source_port: it.local_port,
        destination_port: it.remote_port,
        protocol: it.protocol,
    });
    about.is_some_and(|about| flows.any(|flow| flow.canonical() == about.canonical()))
}

/// How an exchange ended, as expectations name it.
pub(crate) const fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Completed => "completed",
        Outcome::TimedOut => "timed_out",
        Outcome::Refused => "refused",
        Outcome::Reset => "reset",
        Outcome::Unreachable(_) => "unreachable",
        Outcome::Failed(_) => "failed",
    }
}
