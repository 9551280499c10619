//! Submissions made by the author: the solution, and repairs step by step.

use std::path::PathBuf;

use serde_json::Value;
use wirelab_model::{Call, Seed};
use wirelab_scenario::{Lab, LabTask, Plan, PredictionTask, TaskKind};
use wirelab_session::{Entry, EntryKind, Run, Session, Weight};

use crate::calls::{Replies, Step, parse_calls};
use crate::error::GradeError;
use crate::grade::Grader;
use crate::submission::Submission;
use crate::task::prediction;

/// The reference solution of one task on the session's seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The file that it is in; `None`: it follows from `lab.toml` and the run.
    pub path: Option<PathBuf>,
    /// Its text, filled in.
    pub text: String,
}

/// What solves `task` on the session's seed; `Err` of the inner result is the file that was looked
/// for in vain.
///
/// # Errors
/// A reference that leads nowhere; a file that cannot be read; a run that gives no answer.
pub fn reference(
    session: &Session,
    task: &LabTask,
) -> Result<Result<Reference, PathBuf>, GradeError> {
    let grader = Grader::of_session(session);
    let plan = session.plan();
    let extension = task.kind.extension().unwrap_or("calls");
    let missing = match grader.material().solution(task, plan, extension) {
        Err(GradeError::NoSolution { path, .. }) => path,
        found => {
            let (path, text) = found?;
            let path = Some(path);
            return Ok(Ok(Reference { path, text }));
        }
    };
    let text = match &task.kind {
        TaskKind::Answer(_) => answer(&grader, task, plan)?,
        TaskKind::Prediction(prediction) => truth(&grader, task, prediction, plan.seed)?,
        _ => return Ok(Err(missing)),
    };
    Ok(Ok(Reference { path: None, text }))
}

/// The full solution on one seed; `Err` is what is wrong with it.
pub(super) fn solution(
    grader: &Grader<'_>,
    lab: &Lab,
    seed: Seed,
    plan: &Plan,
) -> Result<Result<Submission, String>, GradeError> {
    let mut submission = Submission::new(seed, lab.opens_at);
    for task in &lab.tasks {
        match &task.kind {
            TaskKind::Answer(_) => {
                let answer = answer(grader, task, plan)?;
                submission.answers.insert(task.name.clone(), answer);
            }
            TaskKind::Prediction(prediction) => {
                let text = match grader.material().solution(task, plan, "txt") {
                    Ok((_, text)) => text,
                    Err(GradeError::NoSolution { .. }) => truth(grader, task, prediction, seed)?,
                    Err(error) => return Err(error),
                };
                answered(&mut submission, task, text);
            }
            TaskKind::TcpdumpFilter(_) | TaskKind::LogsInsights(_) | TaskKind::Athena(_) => {
                let extension = task
                    .kind
                    .extension()
                    .expect("these kinds have answer files");
                let (_, text) = grader.material().solution(task, plan, extension)?;
                submission.answers.insert(task.name.clone(), text);
            }
            TaskKind::Fix(_) => {
                let (path, text) = grader.material().solution(task, plan, "calls")?;
                if let Err(why) = repair(grader, lab, &mut submission, &text)? {
                    return Ok(Err(format!("{}: {why}", path.display())));
                }
            }
        }
    }
    Ok(Ok(submission))
}

/// What the run itself gives, as a learner would have predicted it.
fn truth(
    grader: &Grader<'_>,
    task: &LabTask,
    prediction: &PredictionTask,
    seed: Seed,
) -> Result<String, GradeError> {
    let mut text = String::new();
    for part in &prediction.parts {
        let truth = prediction::truth(grader.material(), task, prediction, part, seed)?;
        text.push_str(&line(&part.name, &truth.value));
    }
    Ok(text)
}

/// Puts an answer into a submission; a prediction as it was made in time, and is over.
pub(super) fn answered(submission: &mut Submission, task: &LabTask, text: String) {
    if let TaskKind::Prediction(prediction) = &task.kind {
        let said = &mut submission.said;
        said.predictions
            .insert(task.name.as_str().into(), text.clone());
        said.reached = said.reached.max(prediction.window.1);
    }
    submission.answers.insert(task.name.clone(), text);
}

/// `mtu: 1446`, or the value alone.
fn line(name: &str, value: &str) -> String {
    match name {
        "" => value.to_owned(),
        name => format!("{name}: {value}\n"),
    }
}

/// The right answer, written as a learner would.
fn answer(grader: &Grader<'_>, task: &LabTask, plan: &Plan) -> Result<String, GradeError> {
    let TaskKind::Answer(wanted) = &task.kind else {
        return Ok(String::new());
    };
    let mut text = String::new();
    for part in &wanted.parts {
        let value = grader.material().resolve(task, plan, &part.expected)?;
        text.push_str(&line(&part.name, &value));
    }
    Ok(text)
}

/// Does the steps of a `.calls` file on the lab as it opens, and journals them as a session does.
/// `Err` is a step that was refused.
pub(super) fn repair(
    grader: &Grader<'_>,
    lab: &Lab,
    submission: &mut Submission,
    text: &str,
) -> Result<Result<(), String>, GradeError> {
    let steps = match parse_calls(text) {
        Ok(steps) => steps,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let opening = grader.material().opening(submission.seed)?;
    let mut journal = Journal {
        run: (*opening).clone(),
        entries: std::mem::take(&mut submission.entries),
        replies: Replies::default(),
    };
    for step in steps {
        if let Err(why) = journal.step(&step, lab.settle)? {
            return Ok(Err(why));
        }
    }
    submission.now = journal.run.now();
    submission.entries = journal.entries;
    Ok(Ok(()))
}

struct Journal {
    run: Run,
    entries: Vec<Entry>,
    replies: Replies,
}

impl Journal {
    fn step(&mut self, step: &Step, settle: bool) -> Result<Result<(), String>, GradeError> {
        match step {
            Step::Call(call) => {
                let mut call = call.clone();
                let names = &self.run.plan().names;
                let mut fill = |(name, value): (&String, &mut Value)| {
                    names.put_ids(name, value);
                    self.replies.fill(value)
                };
                if let Err(unknown) = call.parameters.iter_mut().try_for_each(&mut fill) {
                    return Ok(Err(format!("{call}: no reply before has `{unknown}`")));
                }
                return self.call(&call, settle);
            }
            Step::Exec { host, argv } => {
                let (host, argv) = (host.clone(), argv.clone());
                self.push(EntryKind::Host {
                    host: host.clone(),
                    argv: argv.clone(),
                });
                let result = self.run.exec(&host, &argv)?;
                if result.status != 0 {
                    let why = format!("`{}` on {host}: {}", argv.join(" "), result.combined.trim());
                    return Ok(Err(why));
                }
            }
            Step::Advance(time) => {
                let until = self.run.now() + *time;
                self.push(EntryKind::Advance { until });
                self.run.advance(until)?;
            }
        }
        Ok(Ok(()))
    }

    fn call(&mut self, call: &Call, settle: bool) -> Result<Result<(), String>, GradeError> {
        let caller = self.run.plan().caller.clone();
        self.push(EntryKind::Call {
            caller: caller.clone(),
            call: call.clone(),
        });
        let seq = self.entries.len() as u64;
        match self.run.call(&caller, call, seq) {
            Ok(reply) => self.replies.push(reply),
            Err(error) => return Ok(Err(format!("{call}: {error}"))),
        }
        let before = self.entries.len();
        let at = self.run.now();
        if settle && let Some(until) = self.run.settle() {
            self.push(EntryKind::Advance { until });
            self.entries[before].at = at;
        }
        Ok(Ok(()))
    }

    fn push(&mut self, kind: EntryKind) {
        self.entries.push(Entry {
            seq: self.entries.len() as u64 + 1,
            at: self.run.now(),
            kind,
            reply: "".into(),
            weight: Weight::Step,
        });
    }
}
