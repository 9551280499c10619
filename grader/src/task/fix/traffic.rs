//! What the client programs of the scenario experience after the repair.

use wirelab_model::{InstanceState, SimDuration};
use wirelab_scenario::Succeeds;
use wirelab_session::Run;
use wirelab_simulator::host::{Outcome, TrafficEvent, TrafficSpec};

use super::Aftermath;
use super::outage::{self, Down};
use crate::finding::{Finding, FindingKind};
use crate::moment::Moment;

/// How far back from the lab's opening traffic must have been without a fault to count as healthy;
/// twice its period, if that is longer.
const HEALTHY_FOR: SimDuration = SimDuration::from_secs(300);

/// Every complaint that remains.
pub(super) fn symptoms(after: &Aftermath<'_>) -> Vec<Finding> {
    let succeeds = after.task.succeeds.iter();
    succeeds
        .filter_map(|wanted| symptom(after, wanted))
        .collect()
}

fn symptom(after: &Aftermath<'_>, wanted: &Succeeds) -> Option<Finding> {
    if let Some(finding) = client_gone(after.run, &wanted.traffic) {
        return Some(finding);
    }
    let deadline = after.repaired + wanted.within;
    let new: Vec<_> = new_exchanges(after, &wanted.traffic).collect();
    let is_done = |event: &&&TrafficEvent| event.outcome == Outcome::Completed;
    let done: Vec<_> = new.iter().filter(is_done).collect();
    let in_time = done.iter().filter(|event| event.at <= deadline).count() as u64;
    let expected = format!(
        "{} new exchanges of `{}` complete within {}",
        wanted.exchanges, wanted.traffic, wanted.within
    );
    if in_time < wanted.exchanges {
        let summary = format!("`{}` does not work yet", wanted.traffic);
        let finding = Finding::new(FindingKind::SymptomRemains, summary).expected(expected);
        let observed = format!("{in_time} completed; {}", outcomes(after, &new));
        return Some(finding.observed(observed));
    }
    let first = done.iter().map(|event| event.started).min()?;
    let failed = new
        .iter()
        .find(|event| event.started > first && event.outcome != Outcome::Completed)?;
    let summary = format!("`{}` works, then fails again", wanted.traffic);
    let finding = Finding::new(FindingKind::SymptomRemains, summary).expected(expected);
    Some(finding.observed(failure(after, failed)))
}

/// Exchanges that started after the repair and have ended.
fn new_exchanges<'a>(
    after: &'a Aftermath<'_>,
    traffic: &'a str,
) -> impl Iterator<Item = &'a TrafficEvent> {
    let exchanges = after.run.evidence().exchanges(traffic);
    exchanges.filter(|event| event.started >= after.repaired)
}

/// Silence is no repair: the client must still be there to complain.
fn client_gone(run: &Run, traffic: &str) -> Option<Finding> {
    let spec = run
        .plan()
        .traffic
        .iter()
        .find(|spec| spec.name == traffic)?;
    let id = run.plan().names.id(&format!("instance.{}", spec.from))?;
    let instances = &run.control().resources().instances;
    let instance = instances.values().find(|it| it.instance_id.as_str() == *id);
    if instance.is_some_and(|it| it.state == InstanceState::Running) {
        return None;
    }
    let summary = format!(
        "`{}` is not running any more; `{traffic}` is silent, not repaired",
        spec.from
    );
    Some(Finding::new(FindingKind::ClientStopped, summary))
}

/// What healthy traffic has lost since the lab opened.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Loss {
    /// Connections.
    pub(super) cut: usize,
    /// Seconds in which a flow was down, of all flows together.
    pub(super) flow_seconds: u64,
}

/// Traffic that worked before and does not now, or did not for a time; and what was lost of it.
pub(super) fn harm(after: &Aftermath<'_>) -> (Vec<Finding>, Loss) {
    let mut findings = Vec::new();
    let mut interrupted = Vec::new();
    let mut lost = Vec::new();
    let mut loss = Loss::default();
    for spec in healthy(after) {
        let down = outage::down(after.run, spec, after.opening.now());
        loss.flow_seconds += down.time.as_secs();
        match broken(after, spec) {
            Some(finding) => findings.push(finding),
            None => interrupted.extend(interruption(after, spec, &down)),
        }
        let cut = after.run.evidence().exchanges(&spec.name);
        let cut = cut.filter(|event| event.cut && event.at >= after.opening.now());
        lost.extend(cut);
    }
    loss.cut = lost.len();
    if let (true, Some(first)) = (findings.is_empty(), lost.first()) {
        findings.push(connections_cut(after, lost.len(), first));
        // An exchange that loses its connection is an interruption, and has been told of.
        interrupted.retain(|(name, _)| lost.iter().all(|event| event.traffic != *name));
    }
    findings.extend(interrupted.into_iter().map(|(_, finding)| finding));
    (findings, loss)
}

fn connections_cut(after: &Aftermath<'_>, count: usize, first: &TrafficEvent) -> Finding {
    let summary = format!("{count} live connections of healthy traffic were lost to the change");
    let finding = Finding::new(FindingKind::ConnectionsCut, summary).expected("none");
    finding.observed(format!("`{}` {}", first.traffic, failure(after, first)))
}

/// That traffic was down while the network was worked on, and works again.
fn interruption<'a>(
    after: &Aftermath<'_>,
    spec: &'a TrafficSpec,
    down: &Down,
) -> Option<(&'a str, Finding)> {
    let since = down.since.filter(|_| !down.goes_on)?;
    let untouched = outage::down(after.untouched, spec, after.opening.now());
    if untouched.since.is_some() {
        // That is the timeline's doing.
        return None;
    }
    let summary = format!(
        "`{}` worked before, and did not for {} while you worked on the network",
        spec.name,
        whole_seconds(down.time)
    );
    let at = Moment::of(after.run.plan().starts, since);
    let finding = Finding::new(FindingKind::HealthyInterrupted, summary);
    let finding = finding.expected("no exchange fails, none is left out");
    let finding = finding.observed(format!("down from {at} on"));
    Some((spec.name.as_str(), finding))
}

/// Nobody counts outages in microseconds.
fn whole_seconds(time: SimDuration) -> SimDuration {
    match time.as_secs() {
        0 => time,
        seconds => SimDuration::from_secs(seconds),
    }
}

/// Traffic that no task complains about and that had no fault before the lab opened.
fn healthy<'a>(after: &'a Aftermath<'_>) -> impl Iterator<Item = &'a TrafficSpec> {
    let opened = after.opening.now();
    let complaining = |spec: &TrafficSpec| {
        let mut named = after.task.succeeds.iter();
        named.any(|wanted| spec.name == wanted.traffic)
    };
    let traffic = after.run.plan().traffic.iter();
    traffic.filter(move |spec| {
        let from = opened - HEALTHY_FOR.max(spec.every.saturating_mul(2));
        let before = after.opening.evidence().exchanges(&spec.name);
        let mut before = before.filter(|event| event.at >= from).peekable();
        let active = before.peek().is_some();
        active && !complaining(spec) && before.all(|event| event.outcome == Outcome::Completed)
    })
}

fn broken(after: &Aftermath<'_>, spec: &TrafficSpec) -> Option<Finding> {
    let new: Vec<_> = new_exchanges(after, &spec.name).collect();
    let failed = new.iter().find(|event| event.outcome != Outcome::Completed);
    let silent = new.is_empty() && spec.count.is_none() && spec.every < after.task.run_on;
    if failed.is_none() && !silent {
        return None;
    }
    if let Some(finding) = failed.and_then(|_| for_a_time(after, spec, &new)) {
        return Some(finding);
    }
    let summary = format!("`{}` worked before the change and does not now", spec.name);
    let finding = Finding::new(FindingKind::HealthyBroken, summary);
    Some(match failed {
        Some(event) => finding.observed(failure(after, event)),
        None => finding.observed("no exchange has ended since"),
    })
}

fn outcomes(after: &Aftermath<'_>, events: &[&TrafficEvent]) -> String {
    let failed = events
        .iter()
        .filter(|event| event.outcome != Outcome::Completed);
    let failed: Vec<_> = failed.collect();
    match failed.last() {
        None if events.is_empty() => "none has ended".to_owned(),
        None => "none failed".to_owned(),
        Some(last) => format!("{} failed, the last {}", failed.len(), failure(after, last)),
    }
}

/// That traffic failed after the last change, without a success in between, and works again, as
/// where a machine was booting.
fn for_a_time(after: &Aftermath<'_>, spec: &TrafficSpec, new: &[&TrafficEvent]) -> Option<Finding> {
    /// So many exchanges have to complete for it to work again.
    const AGAIN: usize = 3;
    let is_done = |event: &&TrafficEvent| event.outcome == Outcome::Completed;
    let first = new.iter().position(|event| !is_done(event))?;
    let failed = new[first..]
        .iter()
        .take_while(|event| !is_done(event))
        .count();
    let since = &new[first + failed..];
    if since.len() < AGAIN || !since.iter().all(is_done) {
        return None;
    }
    let summary = format!(
        "`{}` worked before the change, then failed {failed} times, and works again",
        spec.name
    );
    let finding = Finding::new(FindingKind::HealthyInterrupted, summary);
    let finding = finding.expected("no exchange fails, none is left out");
    Some(finding.observed(failure(after, new[first])))
}

/// `at 00:33:10 (22:33:10 UTC): timed out`. The moment may lie ahead of the session's clock.
fn failure(after: &Aftermath<'_>, event: &TrafficEvent) -> String {
    let at = Moment::of(after.run.plan().starts, event.at);
    format!("at {at}: {}", said(&event.outcome))
}

fn said(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Completed => "completed".to_owned(),
        Outcome::TimedOut => "timed out".to_owned(),
        Outcome::Refused => "connection refused".to_owned(),
        Outcome::Reset => "connection reset".to_owned(),
        Outcome::Unreachable(code) => format!("unreachable ({code:?})"),
        Outcome::Failed(why) => why.to_string(),
    }
}
