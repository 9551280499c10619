//! Predictions: what somebody says will happen, held against what then happens.
//!
//! ```text
//! answers/fate.txt ──▶ journal ──time passes──▶ the run's own evidence ──▶ right, or the packet
//! ```
//!
//! Which answer counts is the journal's matter ([`wirelab_session::prediction`]): one that was
//! written down before its evidence could be seen. Until then nothing is said about it. The truth
//! is what the network does if nobody does anything else: the lab's opening on the learner's seed,
//! run on, with what the part plays done to it.

use wirelab_model::{Seed, SimDuration, SimTime};
use wirelab_scenario::{LabTask, Plan, PredictionPart, PredictionTask};

use super::answer::{self, Said};
use crate::error::GradeError;
use crate::finding::{Finding, FindingKind};
use crate::material::{Material, answer_text};
use crate::moment::Moment;
use crate::report::{Check, Points};
use crate::submission::Submission;
use crate::truth::{self, Evidence, Truth};

/// Exchanges that begin at the end of the window are given this long to end.
const PATIENCE: SimDuration = SimDuration::from_secs(180);

pub(crate) fn grade(
    material: &Material<'_>,
    task: &LabTask,
    prediction: &PredictionTask,
    submission: &Submission,
) -> Result<Vec<Check>, GradeError> {
    let file = answer_text(submission.answers.get(&task.name));
    let made = answer_text(submission.said.predictions.get(task.name.as_str()));
    let stands = match Stands::of(task, prediction, submission) {
        // Whoever has handed it in waits for nothing.
        Stands::Final if !material.is_at_work() => Stands::Over,
        stands => stands,
    };
    let starts = material.starts(submission.seed)?;
    let text = match (stands, &made) {
        (Stands::Open, _) => file.clone(),
        (_, Some(made)) => Some(made.clone()),
        (_, None) => return Ok(all(task, prediction, &missed(prediction, starts))),
    };
    let open = match stands {
        Stands::Open => Some(is_open(task, prediction, starts)),
        Stands::Final => Some(is_final(prediction, starts)),
        Stands::Over => None,
    };
    let Some(text) = text else {
        let why = format!("write it into answers/{}.txt", task.name);
        let finding = Finding::new(FindingKind::NoAnswer, why);
        return Ok(all(task, prediction, &finding));
    };
    let mut checks = Vec::new();
    for (part, of) in shares(task, prediction) {
        let what = named(prediction, part);
        let given = match answer::given(&text, &part.name) {
            Ok(given) => given,
            Err(finding) => {
                checks.push(Check::failed(what, of, *finding));
                continue;
            }
        };
        let odd = match stands {
            Stands::Open => unreadable(part, &given, material.opening(submission.seed)?.plan()),
            Stands::Final | Stands::Over => None,
        };
        if let Some(odd) = odd {
            checks.push(Check::failed(what, of, odd));
            continue;
        }
        let mut check = match &open {
            Some(open) => Check::partly(what, Points { got: 0, of }, open.clone()).note(&*given),
            None => {
                let seed = submission.seed;
                judge(material, task, prediction, part, seed, &given, of)?
            }
        };
        if stands != Stands::Open {
            let changed = changed(task, part, &given, file.as_deref());
            check.findings.extend(changed);
        }
        checks.push(check);
    }
    Ok(checks)
}

/// What of a prediction's text could not be judged: parts that are missing or cannot be read, each
/// with its name. Whoever makes it final is told before.
pub(crate) fn unready(
    prediction: &PredictionTask,
    plan: &Plan,
    text: &str,
) -> Vec<(String, Finding)> {
    let text = answer_text(Some(&text.to_owned())).unwrap_or_default();
    let parts = prediction.parts.iter();
    let unready = parts.filter_map(|part| {
        let finding = match answer::given(&text, &part.name) {
            Err(finding) => *finding,
            Ok(given) => unreadable(part, &given, plan)?,
        };
        Some((named(prediction, part).to_owned(), finding))
    });
    unready.collect()
}

fn unreadable(part: &PredictionPart, given: &str, plan: &Plan) -> Option<Finding> {
    let said = Said {
        part: &part.name,
        choices: &part.choices,
        value: given,
    };
    said.unreadable(plan)
}

/// How far a prediction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stands {
    /// It can be changed.
    Open,
    /// It cannot be changed, and what comes of it cannot be seen.
    Final,
    /// It can be seen.
    Over,
}

impl Stands {
    pub(crate) fn of(task: &LabTask, prediction: &PredictionTask, submission: &Submission) -> Self {
        let said = &submission.said;
        if prediction.is_played() {
            return match said.predictions.contains_key(task.name.as_str()) {
                true => Self::Over,
                false => Self::Open,
            };
        }
        let reached = said.reached.max(submission.now);
        if reached <= prediction.at {
            Self::Open
        } else if reached < prediction.window.1 {
            Self::Final
        } else {
            Self::Over
        }
    }
}

/// That the file says something else by now, and that it does not count.
fn changed(
    task: &LabTask,
    part: &PredictionPart,
    counts: &str,
    file: Option<&str>,
) -> Option<Finding> {
    let now = answer::given(file?, &part.name).ok()?;
    let name = &task.name;
    let why = format!(
        "`{counts}` counts, as it was written down in time; `{now}`, as answers/{name}.txt says \
         now, does not"
    );
    (now.trim() != counts.trim()).then(|| Finding::new(FindingKind::PredictionFinal, why))
}

/// Each part with its points; what does not divide evenly goes to the first ones.
fn shares<'a>(
    task: &LabTask,
    prediction: &'a PredictionTask,
) -> impl Iterator<Item = (&'a PredictionPart, u32)> {
    let count = u32::try_from(prediction.parts.len()).unwrap_or(1).max(1);
    let points = task.points;
    let parts = (0..).zip(&prediction.parts);
    parts.map(move |(index, part)| (part, points / count + u32::from(index < points % count)))
}

fn named<'a>(prediction: &'a PredictionTask, part: &'a PredictionPart) -> &'a str {
    if part.name.is_empty() {
        &prediction.question
    } else {
        &part.name
    }
}

fn all(task: &LabTask, prediction: &PredictionTask, finding: &Finding) -> Vec<Check> {
    let shares = shares(task, prediction);
    let failed = |(part, of)| Check::failed(named(prediction, part), of, finding.clone());
    shares.map(failed).collect()
}

fn missed(prediction: &PredictionTask, starts: wirelab_model::UnixTime) -> Finding {
    let at = Moment::of(starts, prediction.at);
    let why = format!("nothing was predicted before {at}, and since then it can be seen");
    Finding::new(FindingKind::NotPredicted, why)
        .evidence("an undo does not make unseen; `wirelab start` has the lab on another seed")
}

fn is_final(prediction: &PredictionTask, starts: wirelab_model::UnixTime) -> Finding {
    let end = Moment::of(starts, prediction.window.1);
    let why = format!("it is final; time shows what comes of it: `wirelab advance`, up to {end}");
    Finding::new(FindingKind::PredictionOpen, why)
}

fn is_open(
    task: &LabTask,
    prediction: &PredictionTask,
    starts: wirelab_model::UnixTime,
) -> Finding {
    let name = &task.name;
    let why = match prediction.is_played() {
        true => format!("`wirelab predict {name}` makes it final, and plays it"),
        false => {
            let end = Moment::of(starts, prediction.window.1);
            format!("time shows it: `wirelab advance`, up to {end}")
        }
    };
    Finding::new(FindingKind::PredictionOpen, why)
}

fn judge(
    material: &Material<'_>,
    task: &LabTask,
    prediction: &PredictionTask,
    part: &PredictionPart,
    seed: Seed,
    given: &str,
    of: u32,
) -> Result<Check, GradeError> {
    let what = named(prediction, part);
    let opening = material.opening(seed)?;
    if let Some(finding) = unreadable(part, given, opening.plan()) {
        return Ok(Check::failed(what, of, finding));
    }
    let truth = truth(material, task, prediction, part, seed)?;
    if answer::same(&opening.plan().names, &truth.value, given) {
        let mut check = Check::passed(what, of);
        let shown = truth.shown.into_iter().next();
        check.note = shown.map(|line| line.trim_end_matches(':').to_owned());
        return Ok(check);
    }
    let summary = format!("you said `{given}`; it is `{}`", truth.value);
    let mut finding = Finding::new(FindingKind::WrongPrediction, summary);
    finding.evidence = truth.shown;
    Ok(Check::failed(what, of, finding))
}

/// What the run gives for a part, on one seed.
pub(crate) fn truth(
    material: &Material<'_>,
    task: &LabTask,
    prediction: &PredictionTask,
    part: &PredictionPart,
    seed: Seed,
) -> Result<Truth, GradeError> {
    let mistake = |why: String| material.mistake(task, format!("{}: {why}", part.name));
    let mut run = (*material.opening(seed)?).clone();
    run.advance(prediction.at.max(run.now()))?;
    // What was drawn to be played may name what else was drawn.
    let steps = material.fill(task, run.plan(), &part.play.join("\n"))?;
    let steps = material.fill(task, run.plan(), &steps)?;
    let played = truth::play(&mut run, &steps).map_err(mistake)?;
    let end: SimTime = prediction.window.1 + PATIENCE;
    run.advance(end.max(run.now()))?;
    let evidence = Evidence {
        run: &run,
        from: prediction.at,
        window: prediction.window,
        played: &played,
    };
    let truth = truth::of(&part.truth, &evidence).map_err(mistake)?;
    let is_choice = |choice: &String| *choice == truth.value;
    if !part.choices.is_empty() && !part.choices.iter().any(is_choice) {
        let choices = part.choices.join(", ");
        return Err(mistake(format!("`{}` is none of {choices}", truth.value)));
    }
    Ok(truth)
}
