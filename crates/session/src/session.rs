//! One learner's run of a lab, on disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use wirelab_model::{Call, Caller, Reply, Seed, SimTime};
use wirelab_scenario::{Hint, Lab, Plan};
use wirelab_simulator::Observe;

use crate::content::Content;
use crate::error::SessionError;
use crate::journal::Entry;
use crate::run::{ExecResult, Run};

/// A lab in play: its folder, its journal, its run.
#[derive(Debug)]
pub struct Session {
    dir: PathBuf,
    lab: Lab,
    plan: Arc<Plan>,
}

/// What a call brought.
#[derive(Clone, Debug, PartialEq)]
pub struct CallOutcome {
    /// The answer.
    pub reply: Reply,
    /// The moment reached if the session ran on until everything had settled.
    pub settled_at: Option<SimTime>,
}

/// What an undo took back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undone {
    /// The entry, as people read it: `ec2:CreateNetworkAclEntry ...`.
    pub what: String,
    /// The moment to which time went back.
    pub back_to: SimTime,
}

impl Session {
    /// Starts `lab` in the folder `dir`, which must hold no session: writes header, ticket, empty
    /// answers, evidence up to `opens_at`.
    ///
    /// # Errors
    /// Mistakes in the content; a folder that holds a session or cannot be written.
    pub fn create(
        dir: &Path,
        content: &Content,
        lab: &str,
        seed: Seed,
    ) -> Result<Self, SessionError> {
        let _ = (dir, content, lab, seed);
        unreachable!("being written")
    }

    /// Opens the session in `dir`, at the end of its journal.
    ///
    /// # Errors
    /// No session there; a journal that this build or content does not reproduce.
    pub fn open(dir: &Path, content: &Content) -> Result<Self, SessionError> {
        let _ = (dir, content);
        unreachable!("being written")
    }

    /// The folder of the session in or above `start`.
    #[must_use]
    pub fn find(start: &Path) -> Option<PathBuf> {
        let holds = |dir: &&Path| dir.join(".wirelab/journal.jsonl").is_file();
        start.ancestors().find(holds).map(Path::to_owned)
    }

    /// Its folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The lab.
    #[must_use]
    pub const fn lab(&self) -> &Lab {
        &self.lab
    }

    /// The plan: names, variant, intents, seed.
    #[must_use]
    pub const fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// The run as of the end of the journal; without the evidence before the last checkpoint.
    #[must_use]
    pub fn run(&self) -> &Run {
        unreachable!("being written")
    }

    /// The run with its whole evidence; read from the cache or made again.
    ///
    /// # Errors
    /// Files that cannot be read.
    pub fn run_with_evidence(&mut self) -> Result<&Run, SessionError> {
        unreachable!("being written")
    }

    /// The same journal on another seed (other traffic), run to the same moment. Cached as well.
    ///
    /// # Errors
    /// A journal that does not fit the plan drawn from that seed.
    pub fn replica(&self, seed: Seed, observe: Observe) -> Result<Run, SessionError> {
        let _ = (seed, observe);
        unreachable!("being written")
    }

    /// Virtual time.
    #[must_use]
    pub fn now(&self) -> SimTime {
        self.run().now()
    }

    /// Makes a call as the learner. Reads leave no trace; anything else is journalled, refused or
    /// not, and then, unless the lab says otherwise, time runs on until it has settled.
    ///
    /// # Errors
    /// Files; drift. A refused call is no error: see [`CallOutcome::reply`].
    pub fn call(&mut self, caller: &Caller, call: &Call) -> Result<CallOutcome, SessionError> {
        let _ = (caller, call);
        unreachable!("being written")
    }

    /// Runs a command on a machine; time passes until it ends.
    ///
    /// # Errors
    /// An unknown machine; files; drift.
    pub fn exec(&mut self, host: &str, argv: &[String]) -> Result<ExecResult, SessionError> {
        let _ = (host, argv);
        unreachable!("being written")
    }

    /// Lets time pass.
    ///
    /// # Errors
    /// A moment that is over; files; drift.
    pub fn advance(&mut self, until: SimTime) -> Result<(), SessionError> {
        let _ = until;
        unreachable!("being written")
    }

    /// Takes the last change back: the journal's last effective call or command, and all after it.
    ///
    /// # Errors
    /// Nothing to take back; files.
    pub fn undo(&mut self) -> Result<Undone, SessionError> {
        unreachable!("being written")
    }

    /// Takes everything back to the moment the lab opens. Answers stay.
    ///
    /// # Errors
    /// Files.
    pub fn reset(&mut self) -> Result<(), SessionError> {
        unreachable!("being written")
    }

    /// The effective journal.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        std::iter::empty()
    }

    /// Takes the next rung of a task's ladder.
    ///
    /// # Errors
    /// An unknown task; files.
    pub fn take_hint(&mut self, task: &str) -> Result<Option<Hint>, SessionError> {
        let _ = task;
        unreachable!("being written")
    }

    /// How many rungs of a task's ladder were taken.
    #[must_use]
    pub fn hints_taken(&self, task: &str) -> usize {
        let _ = task;
        0
    }

    /// Notes that the answers were graded: for the count of checks.
    ///
    /// # Errors
    /// Files.
    pub fn note_check(&mut self, points: u32) -> Result<(), SessionError> {
        let _ = points;
        unreachable!("being written")
    }

    /// The file of a task's answer; `None` for fixes.
    #[must_use]
    pub fn answer_path(&self, task: &str) -> Option<PathBuf> {
        let extension = self.lab.task(task)?.kind.extension()?;
        Some(self.dir.join("answers").join(format!("{task}.{extension}")))
    }

    /// The text of a task's answer; `None` if there is no file.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn answer(&self, task: &str) -> Result<Option<String>, SessionError> {
        let _ = task;
        unreachable!("being written")
    }

    /// Writes what can be observed by now into `evidence/`: one pcap a capture point, one text
    /// file a flow log.
    ///
    /// # Errors
    /// Files.
    pub fn write_evidence(&mut self) -> Result<Vec<PathBuf>, SessionError> {
        unreachable!("being written")
    }
}
