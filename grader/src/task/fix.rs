//! Fix tasks: judged by what the network then does.
//!
//! The journal is replayed on copies of the network, on the learner's own traffic and on hidden
//! traffic; time runs on past every timer that the lab teaches. Then: the complaining traffic
//! works, what must stay closed is closed, what worked still works, and no control lets in more
//! than is meant. It is never compared with the author's repair.

mod closed;
mod least;
mod traffic;

use wirelab_model::{Seed, SimTime};
use wirelab_scenario::{FixTask, LabTask};
use wirelab_session::Run;

use crate::error::GradeError;
use crate::finding::{Finding, FindingKind};
use crate::material::{Material, side_by_side};
use crate::report::{Check, Mark, Points};
use crate::submission::{self, Submission};

const LEAST: &str = "least privilege";
const UNHARMED: &str = "healthy flows unharmed";

/// A network after the repair.
struct Aftermath<'a> {
    task: &'a FixTask,
    /// The network as the lab opened.
    opening: &'a Run,
    /// The network now: repaired, and run on.
    run: &'a Run,
    /// When the last entry of the journal was done.
    repaired: SimTime,
}

pub(crate) fn grade(
    material: &Material,
    task: &LabTask,
    fix: &FixTask,
    submission: &Submission,
) -> Result<Vec<Check>, GradeError> {
    if !submission.changes_something() {
        let finding = Finding::new(
            FindingKind::NothingChanged,
            "the journal holds no change yet",
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
    least: Vec<Finding>,
    harm: Vec<Finding>,
    cut: usize,
}

fn judge(
    material: &Material,
    task: &LabTask,
    fix: &FixTask,
    submission: &Submission,
    seed: Seed,
) -> Result<Verdict, GradeError> {
    let own = seed == submission.seed;
    let opening = material.opening(seed)?;
    let mut run = (*opening).clone();
    submission::replay(&mut run, &submission.entries)?;
    if own {
        submission::advance(&mut run, submission.now)?;
    }
    let repaired = run.now();
    run.advance(repaired + fix.run_on)?;
    let after = Aftermath {
        task: fix,
        opening: &opening,
        run: &run,
        repaired,
    };
    let (harm, cut) = traffic::harm(&after);
    let mut verdict = Verdict {
        works: traffic::symptoms(&after),
        harm,
        cut,
        least: Vec::new(),
    };
    if own {
        verdict.least = closed::opened(material, task, &after)?;
        verdict.least.extend(least::excess(&after));
        verdict.harm.extend(closed::shut(material, task, &after)?);
    }
    Ok(verdict)
}

fn checks(task: &LabTask, fix: &FixTask, verdict: Verdict) -> Vec<Check> {
    let (least, unharmed) = (fix.least_privilege_points, fix.unharmed_points);
    let names: Vec<_> = fix.succeeds.iter().map(|it| it.traffic.as_str()).collect();
    let what = format!("{} works again", names.join(", "));
    let works = verdict.works.is_empty();
    let mut checks = vec![
        condition(
            &what,
            task.points.saturating_sub(least + unharmed),
            verdict.works,
        ),
        condition(LEAST, least, verdict.least),
        condition(UNHARMED, unharmed, verdict.harm).note(cut(verdict.cut)),
    ];
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

fn cut(connections: usize) -> String {
    match connections {
        1 => "1 connection cut".to_owned(),
        n => format!("{n} connections cut"),
    }
}
