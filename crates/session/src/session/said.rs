//! What a learner says before the evidence is there, and what they suppose: predictions and notes.
//!
//! Both are entries of the journal, which knows what could be seen when they were made.
//! One about the timeline is kept by itself: whatever lets time pass first writes down what the
//! answer file says. One that is played at once is made with [`Session::predict`], and stands.

use smol_str::SmolStr;
use wirelab_model::SimTime;
use wirelab_scenario::{Lab, PredictionTask, TaskKind};

use super::Session;
use crate::error::SessionError;
use crate::journal::{Entry, EntryKind};
use crate::weight::Weight;

/// A note, as the journal has it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Note {
    /// When it was written, virtual time.
    #[serde(with = "crate::elapsed")]
    pub at: SimTime,
    /// What it says.
    pub text: String,
}

/// The notes in a log; an undo takes none back.
pub fn notes(log: &[Entry]) -> impl Iterator<Item = Note> {
    log.iter().filter_map(|entry| match &entry.kind {
        EntryKind::Note { text } => Some(Note {
            at: entry.at,
            text: text.clone(),
        }),
        _ => None,
    })
}

/// The prediction of `task` that counts: the last one that was made before anything after the
/// prediction's moment could be seen, on any branch; of one that is played, the first.
#[must_use]
pub fn prediction<'a>(
    log: &'a [Entry],
    task: &str,
    prediction: &PredictionTask,
) -> Option<&'a str> {
    let mut counts = None;
    let mut seen = SimTime::ZERO;
    for entry in log {
        match &entry.kind {
            EntryKind::Predict { task: its, answer } if its == task => {
                let answer = answer.as_str();
                if prediction.is_played() {
                    return Some(answer);
                }
                if seen.max(entry.at) <= prediction.at {
                    counts = Some(answer);
                }
            }
            EntryKind::Advance { until } => seen = seen.max(*until),
            _ => seen = seen.max(entry.at),
        }
    }
    counts
}

/// The latest moment that a log has reached on any branch.
#[must_use]
pub fn reached(log: &[Entry]) -> SimTime {
    let moments = log.iter().map(|entry| match entry.kind {
        EntryKind::Advance { until } => until.max(entry.at),
        _ => entry.at,
    });
    moments.max().unwrap_or_default()
}

impl Session {
    /// Writes down what the answer file of a prediction says now. Gives whether it was new.
    ///
    /// # Errors
    /// An unknown task; files.
    pub fn predict(&mut self, task: &str) -> Result<bool, SessionError> {
        let _lock = self.begin()?;
        self.keep_prediction(task)
    }

    /// Notes what the learner supposes.
    ///
    /// # Errors
    /// Files.
    pub fn note(&mut self, text: &str) -> Result<(), SessionError> {
        let _lock = self.begin()?;
        let kind = EntryKind::Note {
            text: text.to_owned(),
        };
        self.journal
            .append(self.now(), kind, SmolStr::default(), Weight::Idle)?;
        Ok(())
    }

    /// The notes so far.
    #[must_use]
    pub fn notes(&self) -> Vec<Note> {
        notes(&self.log()).collect()
    }

    /// The latest moment that was reached, taken back or not.
    #[must_use]
    pub fn reached(&self) -> SimTime {
        self.journal.reached().max(self.now())
    }

    /// Before time passes: the predictions that are still open, as their files have them.
    pub(super) fn keep_predictions(&mut self) -> Result<(), SessionError> {
        let reached = self.reached();
        let open: Vec<String> = open(&self.lab, reached).map(str::to_owned).collect();
        for task in open {
            self.keep_prediction(&task)?;
        }
        Ok(())
    }

    fn keep_prediction(&mut self, task: &str) -> Result<bool, SessionError> {
        let Some(answer) = self.answer(task)? else {
            return Ok(false);
        };
        let of_task = |kind: &EntryKind| match kind {
            EntryKind::Predict { task: its, answer } if its == task => Some(answer.clone()),
            _ => None,
        };
        let last = self.journal.others().rev().find_map(of_task);
        if last.as_ref() == Some(&answer) || (last.is_none() && says_nothing(&answer)) {
            return Ok(false);
        }
        let kind = EntryKind::Predict {
            task: task.into(),
            answer,
        };
        self.journal
            .append(self.now(), kind, SmolStr::default(), Weight::Idle)?;
        Ok(true)
    }
}

/// The predictions about the timeline whose moment is not over.
fn open(lab: &Lab, reached: SimTime) -> impl Iterator<Item = &str> {
    lab.tasks.iter().filter_map(move |task| match &task.kind {
        TaskKind::Prediction(it) if !it.is_played() && reached <= it.at => Some(task.name.as_str()),
        _ => None,
    })
}

/// A form that nobody has filled in: comments, and names without a value.
#[must_use]
pub fn says_nothing(answer: &str) -> bool {
    let lines = answer.lines().map(str::trim);
    let mut said = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    said.all(|line| line.ends_with([':', '=']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(seq: u64, at: u64, kind: EntryKind) -> Entry {
        Entry {
            seq,
            at: SimTime::from_secs(at),
            kind,
            reply: SmolStr::default(),
            weight: Weight::Idle,
        }
    }

    fn predict(seq: u64, at: u64, answer: &str) -> Entry {
        let (task, answer) = ("fate".into(), answer.to_owned());
        entry(seq, at, EntryKind::Predict { task, answer })
    }

    #[test]
    fn what_is_said_after_the_evidence_was_seen_is_no_prediction_not_even_after_an_undo() {
        let task = PredictionTask {
            question: String::new(),
            at: SimTime::from_secs(100),
            window: (SimTime::from_secs(100), SimTime::from_secs(200)),
            parts: Vec::new(),
        };
        let until = SimTime::from_secs(150);
        let mut log = vec![
            predict(1, 50, "cut"),
            predict(2, 60, "goes-on"),
            entry(3, 60, EntryKind::Advance { until }),
        ];
        assert_eq!(prediction(&log, "fate", &task), Some("goes-on"));
        log.push(entry(4, 150, EntryKind::Undo { of: 3 }));
        log.push(predict(5, 60, "cut"));
        assert_eq!(prediction(&log, "fate", &task), Some("goes-on"));
        assert_eq!(prediction(&log[2..], "fate", &task), None);
        assert_eq!(reached(&log), until);
    }

    #[test]
    fn a_form_that_is_not_filled_in_says_nothing() {
        assert!(says_nothing("# What?\npartner:\nagain:\n"));
        assert!(!says_nothing("# What?\npartner: cut\nagain:\n"));
    }
}
