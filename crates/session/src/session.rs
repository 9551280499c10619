//! One learner's run of a lab, on disk.
//!
//! ```text
//! README.md               the ticket and the tasks
//! evidence/               one pcap a capture point, one text file a flow log
//! answers/                one file a task
//! .wirelab/journal.jsonl  everything that was done; the one file that cannot be made again
//! .wirelab/lock           held by whoever works on the session
//! .wirelab/cache/         checkpoints
//! ```
//!
//! Any number of processes may open one session. Before each operation a process takes the lock and
//! reads what others have appended; so a [`Session`] that has not been used for a while catches up
//! with the next thing it does.

mod evidence;
mod opening;
mod work;

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use smol_str::SmolStr;
use wirelab_model::{Call, Caller, Reply, Seed, SimTime};
use wirelab_scenario::{Lab, Plan, Scenario};
use wirelab_simulator::Observe;

use crate::cache::Cache;
use crate::content::Content;
use crate::error::SessionError;
use crate::folder;
use crate::journal::{Entry, EntryKind, Header, Journal};
use crate::replay::{self, Replayed};
use crate::run::{ExecResult, Run};

/// What a session observes: everything.
const OBSERVE: Observe = Observe {
    captures: true,
    flow_records: true,
    drops: true,
};

/// A lab in play: its folder, its journal, its run.
#[derive(Debug)]
pub struct Session {
    dir: PathBuf,
    lab: Lab,
    scenario: Scenario,
    plan: Arc<Plan>,
    journal: Journal,
    cache: Cache,
    /// The effective journal; `replayed` is the run after it.
    entries: Vec<Entry>,
    replayed: Replayed,
    /// The same run with its whole evidence, once somebody has asked for it.
    whole: Option<Run>,
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
    /// answers, and the evidence up to the moment the lab opens.
    ///
    /// # Errors
    /// Mistakes in the content; a folder that holds a session or cannot be written.
    pub fn create(
        dir: &Path,
        content: &Content,
        lab: &str,
        seed: Seed,
    ) -> Result<Self, SessionError> {
        let path = journal_path(dir);
        if path.exists() {
            return Err(SessionError::Exists {
                dir: dir.to_owned(),
            });
        }
        let (lab, scenario) = load(content, lab)?;
        let plan = Arc::new(scenario.compile(seed)?);
        folder::make(dir, &lab, &plan)?;
        let journal = Journal::create(&path, Header::new(&lab, &plan))?;
        let mut session = Self::assemble(dir, lab, scenario, plan, journal)?;
        session.write_evidence()?;
        Ok(session)
    }

    /// Opens the session in `dir`, at the end of its journal.
    ///
    /// # Errors
    /// No session there; a journal that this build or content does not reproduce.
    pub fn open(dir: &Path, content: &Content) -> Result<Self, SessionError> {
        let path = journal_path(dir);
        if !path.exists() {
            return Err(SessionError::Missing {
                dir: dir.to_owned(),
            });
        }
        let _lock = lock(dir)?;
        let journal = Journal::open(&path)?;
        let header = journal.header();
        let (lab, scenario) = load(content, &header.lab)?;
        if scenario.hash != header.scenario_hash {
            return Err(SessionError::ScenarioChanged {
                scenario: header.scenario.clone(),
                was: header.scenario_hash.clone(),
                now: scenario.hash,
            });
        }
        let plan = Arc::new(scenario.compile(header.seed)?);
        Self::assemble(dir, lab, scenario, plan, journal)
    }

    fn assemble(
        dir: &Path,
        lab: Lab,
        scenario: Scenario,
        plan: Arc<Plan>,
        journal: Journal,
    ) -> Result<Self, SessionError> {
        let cache = Cache::new(dir.join(".wirelab/cache"));
        let entries = journal.effective();
        let opens_at = journal.header().opens_at;
        let made_with = Some(journal.header().build.as_str());
        let replayed = replay::run(&cache, &plan, opens_at, OBSERVE, &entries, made_with)?;
        Ok(Self {
            dir: dir.to_owned(),
            lab,
            scenario,
            plan,
            journal,
            cache,
            entries,
            replayed,
            whole: None,
        })
    }

    /// The folder of the session in or above `start`.
    #[must_use]
    pub fn find(start: &Path) -> Option<PathBuf> {
        let mut ancestors = start.ancestors();
        ancestors
            .find(|dir| journal_path(dir).is_file())
            .map(Path::to_owned)
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

    /// The scenario, with nothing drawn.
    #[must_use]
    pub const fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// The plan: names, variant, intents, seed.
    #[must_use]
    pub const fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// The run as of the last operation; its evidence is not all there: see
    /// [`Session::run_with_evidence`].
    #[must_use]
    pub const fn run(&self) -> &Run {
        &self.replayed.run
    }

    /// Virtual time.
    #[must_use]
    pub const fn now(&self) -> SimTime {
        self.run().now()
    }

    /// Makes a call. Reads leave no trace; anything else is journalled, refused or not, and then,
    /// unless the lab says otherwise, time runs on until what it started has settled.
    ///
    /// # Errors
    /// Files; drift. A refused call is no error: see [`CallOutcome::reply`].
    pub fn call(&mut self, caller: &Caller, call: &Call) -> Result<CallOutcome, SessionError> {
        if call.is_read_only() {
            self.catch_up()?;
            return Ok(CallOutcome {
                reply: self.run().read(caller, call),
                settled_at: None,
            });
        }
        let _lock = self.begin()?;
        let at = self.now();
        let reply = self
            .replayed
            .run
            .call(caller, call, self.journal.next_seq());
        let kind = EntryKind::Call {
            caller: caller.clone(),
            call: call.clone(),
        };
        self.record(at, kind, replay::reply_hash(&reply))?;
        let settled_at = if self.lab.settle {
            self.settle()?
        } else {
            None
        };
        self.keep()?;
        Ok(CallOutcome { reply, settled_at })
    }

    fn settle(&mut self) -> Result<Option<SimTime>, SessionError> {
        let at = self.now();
        let Some(until) = self.replayed.run.settle() else {
            return Ok(None);
        };
        self.record(at, EntryKind::Advance { until }, SmolStr::default())?;
        Ok(Some(until))
    }

    /// Runs a command on a machine; time passes until it ends.
    ///
    /// # Errors
    /// An unknown machine; files; drift.
    pub fn exec(&mut self, host: &str, argv: &[String]) -> Result<ExecResult, SessionError> {
        let _lock = self.begin()?;
        let at = self.now();
        let result = self.replayed.run.exec(host, argv)?;
        let kind = EntryKind::Host {
            host: host.into(),
            argv: argv.to_vec(),
        };
        self.record(at, kind, replay::output_hash(&result))?;
        self.keep()?;
        Ok(result)
    }

    /// Lets time pass.
    ///
    /// # Errors
    /// A moment that is over; files; drift.
    pub fn advance(&mut self, until: SimTime) -> Result<(), SessionError> {
        let _lock = self.begin()?;
        let at = self.now();
        self.replayed.run.advance(until)?;
        self.record(at, EntryKind::Advance { until }, SmolStr::default())?;
        self.keep()
    }

    /// Takes the last change back: the journal's last effective call or command, and all after it.
    /// If there is none, the last passing of time.
    ///
    /// # Errors
    /// Nothing to take back; files.
    pub fn undo(&mut self) -> Result<Undone, SessionError> {
        let _lock = self.begin()?;
        let change = self.entries.iter().rfind(|entry| entry.kind.changes());
        let entry = change
            .or_else(|| self.entries.last())
            .ok_or(SessionError::NothingToUndo)?;
        let undone = Undone {
            what: entry.kind.to_string(),
            back_to: entry.at,
        };
        let of = entry.seq;
        self.take_back(of)?;
        Ok(undone)
    }

    /// Takes everything back to the moment the lab opens. Answers stay.
    ///
    /// # Errors
    /// Files.
    pub fn reset(&mut self) -> Result<(), SessionError> {
        let _lock = self.begin()?;
        match self.entries.first().map(|entry| entry.seq) {
            Some(of) => self.take_back(of),
            None => Ok(()),
        }
    }

    fn take_back(&mut self, of: u64) -> Result<(), SessionError> {
        let at = self.now();
        self.journal
            .append(at, EntryKind::Undo { of }, SmolStr::default())?;
        self.rebuild()
    }

    /// The effective journal.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// The whole journal: what was taken back, hints and checks included.
    #[must_use]
    pub fn log(&self) -> &[Entry] {
        self.journal.all()
    }

    /// How many changes are in effect.
    #[must_use]
    pub fn changes(&self) -> usize {
        self.entries
            .iter()
            .filter(|entry| entry.kind.changes())
            .count()
    }

    /// Takes in what other processes have done since the last operation.
    ///
    /// # Errors
    /// Files; drift.
    pub fn catch_up(&mut self) -> Result<(), SessionError> {
        let _lock = self.begin()?;
        Ok(())
    }

    /// Takes the lock and catches up with the journal.
    fn begin(&mut self) -> Result<File, SessionError> {
        let lock = lock(&self.dir)?;
        self.journal.catch_up()?;
        let effective = self.journal.effective();
        if effective != self.entries {
            self.rebuild()?;
        }
        Ok(lock)
    }

    /// Makes the run of the effective journal, from the nearest checkpoint.
    fn rebuild(&mut self) -> Result<(), SessionError> {
        let entries = self.journal.effective();
        let header = self.journal.header();
        let made_with = Some(header.build.as_str());
        let plan = &self.plan;
        self.replayed = replay::run(
            &self.cache,
            plan,
            header.opens_at,
            OBSERVE,
            &entries,
            made_with,
        )?;
        self.entries = entries;
        self.whole = None;
        Ok(())
    }

    fn record(&mut self, at: SimTime, kind: EntryKind, reply: SmolStr) -> Result<(), SessionError> {
        let entry = self.journal.append(at, kind, reply)?.clone();
        self.replayed.reached = self.replayed.reached.after(&entry);
        self.entries.push(entry);
        self.whole = None;
        Ok(())
    }

    /// Keeps the run as a checkpoint.
    fn keep(&mut self) -> Result<(), SessionError> {
        self.replayed.keep(&self.cache)
    }
}

fn load(content: &Content, lab: &str) -> Result<(Lab, Scenario), SessionError> {
    if !content.lab_dir(lab).join("lab.toml").is_file() {
        return Err(SessionError::UnknownLab {
            name: lab.to_owned(),
        });
    }
    let lab = content.lab(lab)?;
    let scenario = content.scenario(&lab.scenario)?;
    Ok((lab, scenario))
}

fn journal_path(dir: &Path) -> PathBuf {
    dir.join(".wirelab/journal.jsonl")
}

/// Waits for the session's lock; it is released when the file is dropped, or the process dies.
fn lock(dir: &Path) -> Result<File, SessionError> {
    let path = dir.join(".wirelab/lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path);
    let locked = file.and_then(|file| {
        file.lock()?;
        Ok(file)
    });
    locked.map_err(|error| SessionError::file(&path, error))
}
