//! Answers held against the evidence that a learner has: what a lab says is the answer must be what
//! its run gives.

use wirelab_model::{Seed, SimTime};
use wirelab_scenario::{Lab, Plan, TaskKind};

use super::{AuthorReport, variant};
use crate::error::GradeError;
use crate::grade::Grader;
use crate::task::answer;
use crate::truth::{self, Evidence};

/// Each part of an answer that has a proof, on one seed.
pub(super) fn check(
    grader: &Grader<'_>,
    lab: &Lab,
    seed: Seed,
    plan: &Plan,
    report: &mut AuthorReport,
) -> Result<(), GradeError> {
    let material = grader.material();
    for task in &lab.tasks {
        let TaskKind::Answer(answer) = &task.kind else {
            continue;
        };
        for part in &answer.parts {
            let Some(proof) = &part.proof else {
                continue;
            };
            let run = material.opening(seed)?;
            let evidence = Evidence {
                run: &run,
                from: SimTime::ZERO,
                window: (SimTime::ZERO, lab.opens_at),
                played: &[],
            };
            let expected = material.resolve(task, plan, &part.expected)?;
            let name = format!("{} {}", task.name, part.name);
            let place = format!("seed {} ({})", seed.fault, variant(plan));
            let name = name.trim_end();
            match truth::of(proof, &evidence) {
                Ok(truth) if answer::same(&plan.names, &expected, &truth.value) => {}
                Ok(truth) => {
                    let value = truth.value;
                    let what = format!(
                        "`{name}` is said to be `{expected}`; the evidence gives `{value}`"
                    );
                    report.problem(place, what);
                }
                Err(why) => report.problem(place, format!("the proof of `{name}`: {why}")),
            }
        }
    }
    Ok(())
}

/// How much of what is asked is proved so.
pub(super) fn proven(lab: &Lab) -> Option<String> {
    let (mut parts, mut proofs) = (0, 0);
    for task in &lab.tasks {
        match &task.kind {
            TaskKind::Answer(answer) => {
                parts += answer.parts.len();
                proofs += answer.parts.iter().filter(|it| it.proof.is_some()).count();
            }
            TaskKind::Prediction(prediction) => {
                parts += prediction.parts.len();
                proofs += prediction.parts.len();
            }
            _ => {}
        }
    }
    (proofs > 0).then(|| format!("the evidence itself gives {proofs} of {parts} answers"))
}
