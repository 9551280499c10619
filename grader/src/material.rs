//! The runs and reference solutions that a lab is graded against.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use wirelab_filter::Frames;
use wirelab_model::{Seed, UnixTime};
use wirelab_scenario::{FillError, Lab, LabTask, Plan, Scenario};
use wirelab_session::{Entry, Run, Session};
use wirelab_simulator::Observe;

use crate::error::GradeError;
use crate::submission;

/// A lab with its scenario, and runs of it up to the moment it opens. Runs are made when asked for
/// and kept, since every task looks at the same ones.
#[derive(Debug)]
pub(crate) struct Material<'a> {
    pub(crate) lab: Lab,
    scenario: Scenario,
    /// Whose cache serves runs; without one they are made from the start.
    session: Option<&'a Session>,
    openings: Mutex<BTreeMap<(Seed, Traffic), Arc<Run>>>,
    /// Frames of capture points at the opening, as octets.
    frames: Mutex<BTreeMap<(Seed, String), Arc<Frames>>>,
}

/// Whose traffic an opening has, and so what it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Traffic {
    /// The learner's.
    Own,
    /// The lab's: nobody shows its evidence, or asks more of it than tasks do.
    Hidden,
}

impl<'a> Material<'a> {
    pub(crate) const fn new(lab: Lab, scenario: Scenario, session: Option<&'a Session>) -> Self {
        Self {
            lab,
            scenario,
            session,
            openings: Mutex::new(BTreeMap::new()),
            frames: Mutex::new(BTreeMap::new()),
        }
    }

    pub(crate) const fn subject(&self) -> (&Lab, &Scenario) {
        (&self.lab, &self.scenario)
    }

    /// The lab on `seed` as it opens, with all evidence up to then.
    pub(crate) fn opening(&self, seed: Seed) -> Result<Arc<Run>, GradeError> {
        self.opening_with(seed, Traffic::Own)
    }

    /// The same on one of the seeds of [`Self::hidden`]: of the packets, what filters choose among
    /// is all that it is sure to have.
    pub(crate) fn hidden_opening(&self, seed: Seed) -> Result<Arc<Run>, GradeError> {
        self.opening_with(seed, Traffic::Hidden)
    }

    /// The opening on the learner's seed `own`, or on another one as a hidden run.
    pub(crate) fn opening_for(&self, own: Seed, seed: Seed) -> Result<Arc<Run>, GradeError> {
        match seed == own {
            true => self.opening(seed),
            false => self.hidden_opening(seed),
        }
    }

    fn opening_with(&self, seed: Seed, traffic: Traffic) -> Result<Arc<Run>, GradeError> {
        if let Some(run) = self.kept().get(&(seed, traffic)) {
            return Ok(Arc::clone(run));
        }
        let run = match self.session {
            Some(session) => session.opening(seed)?,
            None => self.opening_from_the_start(seed, traffic)?,
        };
        let run = Arc::new(run);
        self.kept().insert((seed, traffic), Arc::clone(&run));
        Ok(run)
    }

    fn opening_from_the_start(&self, seed: Seed, traffic: Traffic) -> Result<Run, GradeError> {
        // What nobody asks for need not be kept: packets are most of what a run keeps.
        let (captures, drops) = match traffic {
            Traffic::Own => (self.lab.asks_for_captures(), self.lab.asks_for_drops()),
            Traffic::Hidden => (self.lab.has_filters(), false),
        };
        let observe = Observe {
            captures,
            drops,
            ..Observe::default()
        };
        let mut run = Run::new(self.scenario.compile(seed)?, observe)?;
        run.advance(self.lab.opens_at)?;
        Ok(run)
    }

    /// The lab after `entries`, of which this is the opening; captures and drops may be missing
    /// from its evidence.
    pub(crate) fn after(&self, opening: &Run, entries: &[Entry]) -> Result<Run, GradeError> {
        if let Some(session) = self.session {
            return Ok(session.after(opening.plan().seed, entries)?);
        }
        let mut run = opening.clone();
        run.forget_packets();
        submission::replay(&mut run, entries)?;
        Ok(run)
    }

    /// Whether the learner is told what is found while they work: what is still to come is kept.
    pub(crate) const fn is_at_work(&self) -> bool {
        self.session.is_some()
    }

    /// The frames of a capture point at the opening on `seed`: made once, for all who are graded.
    pub(crate) fn frames(
        &self,
        seed: Seed,
        capture: &str,
        make: impl FnOnce() -> Frames,
    ) -> Arc<Frames> {
        let frames = self.frames.lock();
        let mut frames = frames.unwrap_or_else(PoisonError::into_inner);
        let frames = frames.entry((seed, capture.to_owned()));
        Arc::clone(frames.or_insert_with(|| Arc::new(make())))
    }

    /// Makes several hidden openings side by side.
    pub(crate) fn prepare_hidden(&self, seeds: &[Seed]) -> Result<(), GradeError> {
        let openings = side_by_side(seeds, |seed| self.hidden_opening(*seed).map(drop));
        openings.into_iter().collect()
    }

    /// A thread that panicked while it held the lock left the map whole: it only inserts.
    fn kept(&self) -> MutexGuard<'_, BTreeMap<(Seed, Traffic), Arc<Run>>> {
        self.openings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Virtual UTC at the start.
    pub(crate) fn starts(&self, seed: Seed) -> Result<UnixTime, GradeError> {
        if let Some(run) = self.kept().get(&(seed, Traffic::Own)) {
            return Ok(run.plan().starts);
        }
        Ok(self.scenario.compile(seed)?.starts)
    }

    /// The learner's seed with the lab's other traffic.
    pub(crate) fn hidden(&self, seed: Seed) -> Vec<Seed> {
        let parts = self.lab.hidden_traffic_seeds.iter();
        let hidden = parts.map(|traffic| seed.with_traffic(*traffic));
        hidden.filter(|other| *other != seed).collect()
    }

    /// Forgets the runs.
    pub(crate) fn forget(&self) {
        self.kept().clear();
        let frames = self.frames.lock();
        frames.unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The reference solution of a task: `solution/NAME.VARIANT.EXT`, else `solution/NAME.EXT`,
    /// with its references filled in. Gives the file it was read from as well.
    pub(crate) fn solution(
        &self,
        task: &LabTask,
        plan: &Plan,
        extension: &str,
    ) -> Result<(PathBuf, String), GradeError> {
        let path = solution_path(&self.lab, task, &plan.variant.name, extension);
        let text = std::fs::read_to_string(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => GradeError::NoSolution {
                task: task.name.clone(),
                path: path.clone(),
            },
            _ => GradeError::File {
                path: path.clone(),
                error,
            },
        })?;
        let text = self.fill_file(task, plan, &path, &text)?;
        Ok((path, text))
    }

    /// Fills `${..}` from the plan.
    pub(crate) fn fill(
        &self,
        task: &LabTask,
        plan: &Plan,
        text: &str,
    ) -> Result<String, GradeError> {
        let filled = plan.fill(text);
        filled.map_err(|error| self.reference(task, error))
    }

    /// The same for the text of a file, which errors name.
    pub(crate) fn fill_file(
        &self,
        task: &LabTask,
        plan: &Plan,
        path: &Path,
        text: &str,
    ) -> Result<String, GradeError> {
        let filled = plan.fill(text);
        filled.map_err(|error| self.reference_in(task, path, text, error))
    }

    /// The value that a reference stands for.
    pub(crate) fn resolve(
        &self,
        task: &LabTask,
        plan: &Plan,
        reference: &str,
    ) -> Result<String, GradeError> {
        match plan.resolve(reference) {
            Ok(Value::String(text)) => Ok(text),
            Ok(value) => Ok(value.to_string()),
            Err(error) => Err(self.reference(task, error)),
        }
    }

    /// A reference of `lab.toml`.
    fn reference(&self, task: &LabTask, error: FillError) -> GradeError {
        let path = self.lab.dir.join("lab.toml");
        self.reference_in(task, &path, &self.lab.source().text, error)
    }

    /// One that stands in the file `path`, which has this text.
    fn reference_in(
        &self,
        task: &LabTask,
        path: &Path,
        text: &str,
        error: FillError,
    ) -> GradeError {
        let mut lines = (1..).zip(text.lines());
        let line = lines.find(|(_, line)| line.contains(error.reference.as_str()));
        let line = line.map_or_else(String::new, |(number, _)| format!(":{number}"));
        GradeError::Reference {
            place: format!("{}{line}", path.display()),
            lab: self.lab.name.clone(),
            task: task.name.clone(),
            error,
        }
    }

    /// A mistake in the lab file that only shows with its scenario.
    pub(crate) fn mistake(&self, task: &LabTask, why: impl Into<String>) -> GradeError {
        GradeError::Lab {
            lab: self.lab.name.clone(),
            task: task.name.clone(),
            why: why.into(),
        }
    }
}

/// The file of a task's reference solution on a variant, which need not be there.
pub(crate) fn solution_path(lab: &Lab, task: &LabTask, variant: &str, extension: &str) -> PathBuf {
    let dir = lab.dir.join("solution");
    let own = dir.join(format!("{}.{variant}.{extension}", task.name));
    if !variant.is_empty() && own.is_file() {
        own
    } else {
        dir.join(format!("{}.{extension}", task.name))
    }
}

/// Whether the folder of the lab lacks what `task` is graded with: the reference solution of a
/// filter or a query. Repairs, answers and predictions are graded by what the network does.
#[must_use]
pub fn is_left_to_the_instructor(lab: &Lab, task: &LabTask, variant: &str) -> bool {
    let extension = task.kind.extension().unwrap_or_default();
    task.kind.needs_solution() && !solution_path(lab, task, variant, extension).is_file()
}

/// `work` on each item in a thread of its own, results in the order of the items. Runs are pure, so
/// it makes no difference to any result.
pub(crate) fn side_by_side<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    std::thread::scope(|scope| {
        let started: Vec<_> = items
            .iter()
            .map(|item| scope.spawn(|| work(item)))
            .collect();
        let joined = started.into_iter().map(|thread| match thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        joined.collect()
    })
}

/// Whether a line of an answer is a comment: `#`, and `--` in SQL.
pub(crate) fn is_comment(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with('#') || line.starts_with("--")
}

/// The answer without comment lines and surrounding space; `None` if nothing is left.
pub(crate) fn answer_text(answer: Option<&String>) -> Option<String> {
    let lines = answer?.lines().filter(|line| !is_comment(line));
    let text = lines.collect::<Vec<_>>().join("\n").trim().to_owned();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use wirelab_session::{Content, EntryKind, Weight};

    use super::*;

    #[test]
    fn a_flood_that_is_replayed_keeps_no_packets_and_changes_nothing_else() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let content = Content::new(root);
        let lab = content.lab("nacl-ephemeral").expect("a lab");
        let scenario = content.scenario(&lab.scenario).expect("a scenario");
        let (opens_at, seed) = (lab.opens_at, Seed::whole(1));
        let material = Material::new(lab, scenario, None);
        let argv = "ping -q -i 0.002 -c 2000 primary".split(' ');
        let flood = Entry {
            seq: 1,
            at: opens_at,
            kind: EntryKind::Host {
                host: "app".into(),
                argv: argv.map(str::to_owned).collect(),
            },
            reply: "".into(),
            weight: Weight::default(),
        };
        let packets = |run: &Run| {
            run.evidence()
                .captures
                .values()
                .map(Vec::len)
                .sum::<usize>()
        };
        let opening = material.opening(seed).expect("a run");
        let mut watched = (*opening).clone();
        submission::replay(&mut watched, std::slice::from_ref(&flood)).expect("a run");
        assert!(packets(&watched) >= packets(&opening) + 2000);
        let after = material.after(&opening, &[flood]).expect("a run");
        assert_eq!((packets(&after), after.evidence().drops.len()), (0, 0));
        assert_eq!(after.now(), watched.now());
        assert_eq!(after.evidence().traffic, watched.evidence().traffic);
        assert_eq!(after.evidence().records, watched.evidence().records);
    }
}
