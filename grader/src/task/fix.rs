//! Fix tasks: judged by what the network then does.
//!
//! The journal is replayed on copies of the network, on the learner's own traffic and on hidden
//! traffic; time runs on past every timer that the lab teaches. Then: the complaining traffic
//! works, what must stay closed is closed, what worked still works, and no control lets in more
//! than is meant. It is never compared with the author's repair.

mod beside;
mod closed;
mod dormant;
mod joined;
mod least;
mod lost;
mod machines;
mod outage;
mod routes;
mod traffic;
mod unchecked;
mod ways;

use std::sync::Arc;

use wirelab_model::{Seed, SimDuration, SimTime};
use wirelab_scenario::{FixTask, LabTask};
use wirelab_session::Run;

use self::traffic::Loss;
use crate::error::GradeError;
use crate::finding::{Finding, FindingKind};
use crate::material::{Material, side_by_side};
use crate::report::{Check, Mark, Points};
use crate::submission::{self, Submission};

const LEAST: &str = "least privilege";
/// What least privilege measures.
const MEASURE: &str = "each rule and route by itself, against what is meant to work";
const UNHARMED: &str = "healthy flows unharmed";

/// A network after the repair.
struct Aftermath<'a> {
    task: &'a FixTask,
    /// The network as the lab opened.
    opening: &'a Run,
    /// The network as it would be by now if nobody had done anything: what it lets through is not
    /// the repair's doing, and what its timeline has closed since is not to be opened again.
    untouched: &'a Run,
    /// The network now: repaired, and run on.
    run: &'a Run,
    /// When the last entry of the journal was done.
    repaired: SimTime,
}

pub(crate) fn grade(
    material: &Material<'_>,
    task: &LabTask,
    fix: &FixTask,
    submission: &Submission,
) -> Result<Vec<Check>, GradeError> {
    if !submission.changes_something() {
        let finding = Finding::new(
            FindingKind::NothingChanged,
            "you have not changed the network yet",
        );
        let works = vec![finding];
        return Ok(checks(
            task,
            fix,
            Verdict {
                works,
                ..Verdict::default()
            },
        ));
    }
    let own = std::iter::once(submission.seed);
    let seeds: Vec<_> = own.chain(material.hidden(submission.seed)).collect();
    let judged = side_by_side(&seeds, |seed| judge(material, task, fix, submission, *seed));
    let mut judged = judged.into_iter();
    let mut verdict = judged.next().expect("the first seed is the learner's")?;
    for other in judged {
        let other = other?;
        if verdict.works.is_empty() {
            verdict
                .works
                .extend(other.works.into_iter().map(on_hidden_run));
        }
        if verdict.harm.is_empty() {
            verdict
                .harm
                .extend(other.harm.into_iter().map(on_hidden_run));
        }
    }
    Ok(checks(task, fix, verdict))
}

fn on_hidden_run(finding: Finding) -> Finding {
    finding.evidence("on a hidden run: the same repair, other traffic")
}

/// What was found, by condition.
#[derive(Default)]
struct Verdict {
    works: Vec<Finding>,
    /// That what works is a machine's doing.
    machines: Option<Finding>,
    least: Vec<Finding>,
    /// What lets nothing in so far.
    dormant: Vec<Finding>,
    harm: Vec<Finding>,
    loss: Loss,
    /// How much was done.
    effort: Option<String>,
    /// What else is worth knowing.
    remarks: Vec<Finding>,
}

fn judge(
    material: &Material<'_>,
    task: &LabTask,
    fix: &FixTask,
    submission: &Submission,
    seed: Seed,
) -> Result<Verdict, GradeError> {
    let own = seed == submission.seed;
    let opening = material.opening_for(submission.seed, seed)?;
    let longest = longest_wait(&opening, fix);
    let entries = if own {
        submission.entries.clone()
    } else {
        submission::hurried(&submission.entries, opening.now(), longest)
    };
    let mut run = material.after(&opening, &entries)?;
    // What the repair started may still have been settling when the learner asked.
    let now = if own {
        submission.now
    } else {
        run.now() + submission.since_last_change().min(longest)
    };
    submission::advance(&mut run, now)?;
    let repaired = run.now();
    run.advance(repaired + fix.run_on)?;
    let untouched = untouched(&opening, run.now())?;
    let after = Aftermath {
        task: fix,
        opening: &opening,
        untouched: &untouched,
        run: &run,
        repaired,
    };
    let (harm, loss) = traffic::harm(&after);
    let mut verdict = Verdict {
        works: traffic::symptoms(&after),
        harm,
        loss,
        ..Verdict::default()
    };
    if own {
        let reached = lost::Reached::of(&after);
        let reached = reached.as_ref();
        verdict.least = closed::opened(material, task, &after)?;
        let (excess, unmet) = least::excess(&after);
        verdict.least.extend(excess);
        verdict.dormant = dormant::rules(&after, &unmet);
        verdict.least.extend(routes::made_public(&after));
        verdict.least.extend(joined::networks(&after));
        verdict.least.extend(unchecked::interfaces(&after));
        if let (true, Some(reached)) = (verdict.least.is_empty(), reached) {
            // Else it is what has been found already, seen from its ends.
            verdict.least.extend(ways::opened(&after, reached)?);
        }
        let closed = closed::must_stay(material, task, &after)?;
        verdict.harm.extend(closed::shut(material, task, &after)?);
        if let Some(reached) = reached {
            let shut_out = lost::shut_out(&after, reached, &closed);
            verdict.harm.extend(shut_out);
            verdict.works.extend(lost::in_part(&after, reached));
        }
        verdict.harm.extend(beside::lost(&after));
        verdict.remarks.extend(beside::removed(&after));
        let (calls, commands) = submission.changes();
        verdict.effort = Some(beside::effort(&after, calls, commands));
        if verdict.works.is_empty() {
            verdict.machines = machines::typed(material, &after, &entries, now)?;
        }
    }
    Ok(verdict)
}

/// How long after an event its effect is looked at.
const AFTER_EVENT: SimDuration = SimDuration::from_secs(60);

/// What the timeline alone has made of the network by `now`.
fn untouched(opening: &Arc<Run>, now: SimTime) -> Result<Arc<Run>, GradeError> {
    let events = opening.plan().events.iter().map(|event| event.at);
    let Some(last) = events.filter(|at| *at > opening.now() && *at <= now).max() else {
        return Ok(Arc::clone(opening));
    };
    let mut run = (**opening).clone();
    run.advance(now.min(last + AFTER_EVENT))?;
    Ok(Arc::new(run))
}

/// On hidden traffic nobody waits longer than all timers of the lab take, so that a repair after
/// hours of play is judged as quickly as one at once. A timeline that goes on is waited for.
fn longest_wait(opening: &Run, fix: &FixTask) -> SimDuration {
    let last = opening.plan().events.iter().map(|event| event.at).max();
    let timeline = last.unwrap_or(SimTime::ZERO).since(opening.now());
    fix.run_on.max(timeline)
}

fn checks(task: &LabTask, fix: &FixTask, verdict: Verdict) -> Vec<Check> {
    let (least, unharmed) = (fix.least_privilege_points, fix.unharmed_points);
    let changed = !verdict
        .works
        .iter()
        .any(|it| it.name == FindingKind::NothingChanged);
    let names: Vec<_> = fix
        .succeeds
        .iter()
        .map(|it| format!("`{}`", it.traffic))
        .collect();
    let works = if names.len() == 1 { "works" } else { "work" };
    let what = format!("{} {works} again", names.join(", "));
    let works = verdict.works.is_empty();
    let mut checks = vec![
        condition(
            &what,
            task.points.saturating_sub(least + unharmed),
            verdict.works,
        ),
        condition(LEAST, least, verdict.least),
        condition(UNHARMED, unharmed, verdict.harm),
    ];
    if let Some(finding) = verdict.machines.filter(|_| works) {
        if finding.name == FindingKind::FaultRemains {
            checks[0].points.got = checks[0].points.got.saturating_sub(1);
            checks[0].mark = Mark::Partly;
        }
        checks[0].findings.push(finding);
    }
    checks[2].note = lost(verdict.loss, checks[2].mark);
    checks[1].findings.extend(verdict.dormant);
    checks[2].findings.extend(verdict.remarks);
    checks[1].note = Some(MEASURE.to_owned());
    if changed {
        let effort = verdict
            .effort
            .map_or_else(String::new, |it| format!("; {it}"));
        checks[0].note = Some(format!("run on {} from now{effort}", fix.run_on));
    }
    if !works {
        // A network that is as broken as before harms nobody and opens nothing: that is no merit.
        for check in &mut checks[1..] {
            check.points.got = 0;
            check.mark = Mark::Failed;
            check.note = Some("counts once the traffic works".to_owned());
        }
    }
    checks
}

fn condition(what: &str, of: u32, findings: Vec<Finding>) -> Check {
    let right = findings.is_empty();
    Check {
        what: what.to_owned(),
        points: Points::all_if(right, of),
        mark: if right { Mark::Passed } else { Mark::Failed },
        note: None,
        findings,
    }
}

/// That no connection was lost says nothing where traffic is broken in other ways.
fn lost(loss: Loss, mark: Mark) -> Option<String> {
    let Loss { cut, flow_seconds } = loss;
    let connections = match cut {
        1 => "1 connection".to_owned(),
        n => format!("{n} connections"),
    };
    let is_known = mark == Mark::Passed || cut > 0 || flow_seconds > 0;
    is_known.then(|| format!("{connections} cut, {flow_seconds} flow-seconds lost"))
}
