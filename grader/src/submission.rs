//! What is graded: a seed, a journal, answers.

use std::collections::BTreeMap;

use smol_str::SmolStr;
use wirelab_model::{Seed, SimDuration, SimTime};
use wirelab_scenario::{Lab, TaskKind};
use wirelab_session::{Entry, EntryKind, Note, Run, RunError, Session};

use crate::error::GradeError;

/// A learner's work on a lab. Grading trusts nothing else and runs everything again.
#[derive(Clone, Debug, PartialEq)]
pub struct Submission {
    /// What the learner's network was drawn from.
    pub seed: Seed,
    /// The effective journal.
    pub entries: Vec<Entry>,
    /// The text of each answer file, by task.
    pub answers: BTreeMap<String, String>,
    /// How many rungs of each task's hint ladder were taken.
    pub hints: BTreeMap<String, usize>,
    /// Predictions and notes.
    pub said: Said,
    /// Virtual time.
    pub now: SimTime,
}

/// What a whole journal says beside what it does, whatever was taken back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// The prediction that counts, by task: see [`wirelab_session::prediction`].
    pub predictions: BTreeMap<SmolStr, String>,
    /// The latest moment that was reached: what could be seen.
    pub reached: SimTime,
    /// Notes, in their order.
    pub notes: Vec<Note>,
}

impl Said {
    /// What a whole journal of `lab` says.
    #[must_use]
    pub fn of(lab: &Lab, log: &[Entry]) -> Self {
        let predictions = lab.tasks.iter().filter_map(|task| match &task.kind {
            TaskKind::Prediction(prediction) => {
                let said = wirelab_session::prediction(log, &task.name, prediction)?;
                Some((SmolStr::from(&task.name), said.to_owned()))
            }
            _ => None,
        });
        Self {
            predictions: predictions.collect(),
            reached: wirelab_session::reached(log),
            notes: wirelab_session::notes(log).collect(),
        }
    }
}

impl Submission {
    /// Nothing done yet.
    #[must_use]
    pub fn new(seed: Seed, now: SimTime) -> Self {
        Self {
            seed,
            entries: Vec::new(),
            answers: BTreeMap::new(),
            hints: BTreeMap::new(),
            said: Said::default(),
            now,
        }
    }

    /// The session's state.
    ///
    /// # Errors
    /// Answer files that cannot be read.
    pub fn of_session(session: &Session) -> Result<Self, GradeError> {
        let mut submission = Self::new(session.plan().seed, session.now());
        submission.entries = session.entries().collect();
        submission.said = Said::of(session.lab(), &session.log());
        for task in &session.lab().tasks {
            if let Some(answer) = session.answer(&task.name)? {
                submission.answers.insert(task.name.clone(), answer);
            }
            let taken = session.hints_taken(&task.name);
            submission.hints.insert(task.name.clone(), taken);
        }
        Ok(submission)
    }

    /// Whether the journal holds anything that can repair. What it says of an entry's weight is
    /// believed: who lies about it loses points.
    #[must_use]
    pub(crate) fn changes_something(&self) -> bool {
        self.entries.iter().any(is_step)
    }

    /// How many calls of the API there are that change something, and how many commands on
    /// machines that do.
    pub(crate) fn changes(&self) -> (usize, usize) {
        let is_call = |entry: &&Entry| matches!(entry.kind, EntryKind::Call { .. });
        let is_command = |entry: &&Entry| matches!(entry.kind, EntryKind::Host { .. });
        let count = |is: &dyn Fn(&&Entry) -> bool| {
            self.entries
                .iter()
                .filter(|it| is_step(it))
                .filter(is)
                .count()
        };
        (count(&is_call), count(&is_command))
    }

    /// How long ago the network was changed last.
    pub(crate) fn since_last_change(&self) -> SimDuration {
        let last = self.entries.iter().rfind(|entry| is_change(entry));
        last.map_or(SimDuration::ZERO, |entry| self.now.since(entry.at))
    }
}

const fn is_change(entry: &Entry) -> bool {
    matches!(entry.kind, EntryKind::Call { .. } | EntryKind::Host { .. })
}

/// Whether it changed something: not a refused call, nor a command that only looks.
const fn is_step(entry: &Entry) -> bool {
    is_change(entry) && entry.weight.is_step()
}

/// The changes among `entries`, with no wait before or between them longer than `longest`.
pub(crate) fn hurried(entries: &[Entry], opens_at: SimTime, longest: SimDuration) -> Vec<Entry> {
    let (mut last, mut now) = (opens_at, opens_at);
    let changes = entries.iter().filter(|entry| is_change(entry));
    let hurried = changes.map(|entry| {
        now += entry.at.since(last).min(longest);
        last = entry.at;
        Entry {
            at: now,
            ..entry.clone()
        }
    });
    hurried.collect()
}

/// Does to `run` what the journal says, at the times it says. With other traffic a command may
/// take longer than it did for the learner; what follows is then done as soon as it has ended.
pub(crate) fn replay(run: &mut Run, entries: &[Entry]) -> Result<(), RunError> {
    for entry in entries {
        advance(run, entry.at)?;
        match &entry.kind {
            EntryKind::Call { caller, call } => {
                // A refused call stays in the journal: it is refused again.
                let _ = run.call(caller, call, entry.seq);
            }
            EntryKind::Host { host, argv } => {
                run.exec(host, argv)?;
            }
            EntryKind::Advance { until } => advance(run, *until)?,
            EntryKind::Undo { .. }
            | EntryKind::Hint { .. }
            | EntryKind::Check { .. }
            | EntryKind::Predict { .. }
            | EntryKind::Note { .. } => {}
        }
    }
    Ok(())
}

/// Lets time pass until `until`, if that is still to come.
pub(crate) fn advance(run: &mut Run, until: SimTime) -> Result<(), RunError> {
    run.advance(until.max(run.now()))
}
