//! What a learner works on: page, answers, hints, checks.

use std::collections::BTreeMap;
use std::path::PathBuf;

use smol_str::SmolStr;
use wirelab_scenario::{Hint, LabTask};

use super::Session;
use crate::error::SessionError;
use crate::folder;
use crate::journal::EntryKind;
use crate::weight::Weight;

impl Session {
    /// Takes the next rung of a task's ladder; `None` if there is none left.
    ///
    /// # Errors
    /// An unknown task; a reference in the hint that leads nowhere; files.
    pub fn take_hint(&mut self, task: &str) -> Result<Option<Hint>, SessionError> {
        let _lock = self.begin()?;
        let rung = self.hints_taken(task);
        let Some(mut hint) = self.task(task)?.hints.get(rung).cloned() else {
            return Ok(None);
        };
        hint.text = folder::fill(&self.plan, "lab.toml", &hint.text)?;
        let kind = EntryKind::Hint {
            task: task.into(),
            rung: u32::try_from(rung).expect("ladders are short"),
        };
        self.journal
            .append(self.now(), kind, SmolStr::default(), Weight::Idle)?;
        Ok(Some(hint))
    }

    /// Notes that the solution of a task was shown, the rung above its ladder; false if the ladder
    /// is not climbed yet, or the solution was shown before.
    ///
    /// # Errors
    /// An unknown task; files.
    pub fn take_solution(&mut self, task: &str) -> Result<bool, SessionError> {
        let _lock = self.begin()?;
        let rung = self.task(task)?.hints.len();
        if self.hints_taken(task) != rung {
            return Ok(false);
        }
        let kind = EntryKind::Hint {
            task: task.into(),
            rung: u32::try_from(rung).expect("ladders are short"),
        };
        self.journal
            .append(self.now(), kind, SmolStr::default(), Weight::Idle)?;
        Ok(true)
    }

    /// Whether a check since the last hint for a task, or any if there was none, found it wanting.
    #[must_use]
    pub fn was_wrong_since_hint(&self, task: &str) -> bool {
        let Some(of) = self.lab.task(task).map(|task| task.points) else {
            return false;
        };
        self.journal.others().fold(false, |wrong, kind| match kind {
            EntryKind::Hint { task: its, .. } if its == task => false,
            EntryKind::Check { tasks, .. } => {
                wrong || tasks.get(task).is_some_and(|points| *points < of)
            }
            _ => wrong,
        })
    }

    /// The rungs of a task's ladder that were taken, filled in.
    ///
    /// # Errors
    /// An unknown task; a reference in a hint that leads nowhere.
    pub fn hints(&self, task: &str) -> Result<Vec<Hint>, SessionError> {
        let taken = self.task(task)?.hints.iter().take(self.hints_taken(task));
        let filled = taken.map(|hint| {
            Ok(Hint {
                text: folder::fill(&self.plan, "lab.toml", &hint.text)?,
                price: hint.price,
            })
        });
        filled.collect()
    }

    /// How many rungs of a task's ladder were taken.
    #[must_use]
    pub fn hints_taken(&self, task: &str) -> usize {
        let of_task = |kind: &&EntryKind| match kind {
            EntryKind::Hint { task: its, .. } => its == task,
            _ => false,
        };
        self.journal.others().filter(of_task).count()
    }

    /// Notes that answers were graded: the points in all, and those of each task that was.
    ///
    /// # Errors
    /// Files.
    pub fn note_check(
        &mut self,
        points: u32,
        tasks: BTreeMap<SmolStr, u32>,
    ) -> Result<(), SessionError> {
        let _lock = self.begin()?;
        let kind = EntryKind::Check { points, tasks };
        self.journal
            .append(self.now(), kind, SmolStr::default(), Weight::Idle)?;
        Ok(())
    }

    /// The points of each check so far.
    pub fn checks(&self) -> impl Iterator<Item = u32> {
        self.journal.others().filter_map(|kind| match kind {
            EntryKind::Check { points, .. } => Some(*points),
            _ => None,
        })
    }

    /// The most points so far: of any check, or those of each task's best check together. What was
    /// taken back since counts all the same. `None`: nothing was graded.
    #[must_use]
    pub fn best_check(&self) -> Option<u32> {
        let of_tasks = self
            .lab
            .tasks
            .iter()
            .filter_map(|it| self.best_of(&it.name));
        let of_tasks = of_tasks.reduce(|all, it| all + it);
        self.checks().max().max(of_tasks)
    }

    /// The most points that a task has reached in any check; `None` if it was never graded.
    #[must_use]
    pub fn best_of(&self, task: &str) -> Option<u32> {
        let others = self.journal.others();
        others
            .filter_map(|kind| match kind {
                EntryKind::Check { tasks, .. } => tasks.get(task).copied(),
                _ => None,
            })
            .max()
    }

    /// The ticket: the lab's page up to its first task.
    ///
    /// # Errors
    /// A page that cannot be read.
    pub fn ticket(&self) -> Result<String, SessionError> {
        folder::ticket(&self.dir)
    }

    /// The file of a task's answer; `None` for fixes.
    #[must_use]
    pub fn answer_path(&self, task: &str) -> Option<PathBuf> {
        folder::answer_path(&self.dir, self.lab.task(task)?)
    }

    /// The text of a task's answer, as [`typed`](crate::typed()); `None` if there is no file.
    ///
    /// # Errors
    /// A file that cannot be read, or is larger than any answer.
    pub fn answer(&self, task: &str) -> Result<Option<String>, SessionError> {
        match self.answer_path(task) {
            Some(path) => folder::read_answer(&path),
            None => Ok(None),
        }
    }

    /// Whether somebody has written something into a task's answer file: it is not as it was made.
    ///
    /// # Errors
    /// As [`Session::answer`].
    pub fn is_answered(&self, task: &str) -> Result<bool, SessionError> {
        let answer = self.answer(task)?.unwrap_or_default();
        let made = folder::first_answer(&self.lab, self.task(task)?)?;
        Ok(answer.trim() != made.trim())
    }

    fn task(&self, name: &str) -> Result<&LabTask, SessionError> {
        let known: Vec<&str> = self
            .lab
            .tasks
            .iter()
            .map(|task| task.name.as_str())
            .collect();
        self.lab
            .task(name)
            .ok_or_else(|| SessionError::UnknownTask {
                task: name.to_owned(),
                known: known.join(", "),
            })
    }
}
