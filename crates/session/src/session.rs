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

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use smol_str::SmolStr;
use wirelab_model::{Call, Caller, Reply, Seed, SimTime};
use wirelab_scenario::{Hint, Lab, LabTask, Plan, Scenario};
use wirelab_simulator::Observe;

use crate::cache::{Cache, Captures, Written};
use crate::content::Content;
use crate::error::SessionError;
use crate::folder::{self, Wanted};
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

    /// The run with its whole evidence; read from the cache or made again.
    ///
    /// # Errors
    /// Files that cannot be read; drift.
    pub fn run_with_evidence(&mut self) -> Result<&Run, SessionError> {
        self.catch_up()?;
        if self.whole.is_none() {
            let run = self.replayed.run.clone();
            let whole = match self.cache.evidence(&self.replayed.key) {
                Some(earlier) => run.with_earlier(earlier),
                None => self.from_the_start(&self.plan, OBSERVE)?,
            };
            self.whole = Some(whole);
        }
        Ok(self.whole.as_ref().expect("it was just made"))
    }

    /// The same journal on another seed, run to the same moment, with its whole evidence. Kept in
    /// the cache like the session's own run, so that asking again is quick.
    ///
    /// # Errors
    /// Content that does not compile on that seed; a command that cannot be run there; files.
    pub fn replica(&self, seed: Seed, observe: Observe) -> Result<Run, SessionError> {
        let plan = Arc::new(self.scenario.compile(seed)?);
        let opens_at = self.journal.header().opens_at;
        let replayed = replay::run(&self.cache, &plan, opens_at, observe, &self.entries, None)?;
        match self.cache.evidence(&replayed.key) {
            Some(earlier) => Ok(replayed.run.with_earlier(earlier)),
            None => self.from_the_start(&plan, observe),
        }
    }

    fn from_the_start(&self, plan: &Arc<Plan>, observe: Observe) -> Result<Run, SessionError> {
        let mut run = Run::new(Arc::clone(plan), observe)?;
        run.advance(self.journal.header().opens_at)?;
        for entry in &self.entries {
            replay::apply(&mut run, entry)?;
        }
        Ok(run)
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
            .or(self.entries.last())
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
        self.journal.append(self.now(), kind, SmolStr::default())?;
        Ok(Some(hint))
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
        let of_task = |entry: &&Entry| matches!(&entry.kind, EntryKind::Hint { task: its, .. } if its == task);
        self.journal.all().iter().filter(of_task).count()
    }

    /// Notes that the answers were graded.
    ///
    /// # Errors
    /// Files.
    pub fn note_check(&mut self, points: u32) -> Result<(), SessionError> {
        let _lock = self.begin()?;
        self.journal
            .append(self.now(), EntryKind::Check { points }, SmolStr::default())?;
        Ok(())
    }

    /// The points of each check so far.
    pub fn checks(&self) -> impl Iterator<Item = u32> {
        self.journal
            .all()
            .iter()
            .filter_map(|entry| match entry.kind {
                EntryKind::Check { points } => Some(points),
                _ => None,
            })
    }

    /// The best check so far.
    #[must_use]
    pub fn best_check(&self) -> Option<u32> {
        self.checks().max()
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

    /// The text of a task's answer; `None` if there is no file.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn answer(&self, task: &str) -> Result<Option<String>, SessionError> {
        match self.answer_path(task) {
            Some(path) => folder::read_if_there(&path),
            None => Ok(None),
        }
    }

    /// Writes what can be observed by now into `evidence/`: one pcap a capture point, one text
    /// file a flow log. Captures that are there already are added to. Gives the files.
    ///
    /// # Errors
    /// Files.
    pub fn write_evidence(&mut self) -> Result<Vec<PathBuf>, SessionError> {
        let _lock = self.begin()?;
        let run = self.with_records()?;
        let wanted = Wanted {
            plan: &self.plan,
            names: &self.lab.evidence,
        };
        folder::write_flow_logs(&self.dir, &wanted, &run)?;
        let (captures, earlier) = self.unwritten()?;
        let files = folder::write_captures(&self.dir, &wanted, &captures, earlier)?;
        self.cache.set_written(&Written {
            key: self.replayed.key.clone(),
            files,
        })?;
        folder::evidence_files(&self.dir)
    }

    /// The captures that `evidence/` does not hold yet, and the files that hold the others.
    fn unwritten(&self) -> Result<(Captures, BTreeMap<String, u64>), SessionError> {
        let key = &self.replayed.key;
        let written = self.cache.written();
        let written = written.filter(|it| folder::are_unchanged(&self.dir, &it.files));
        if let Some(written) = written
            && let Some(captures) = self.cache.captures(key, Some(&written.key))
        {
            return Ok((captures, written.files));
        }
        let captures = match self.cache.captures(key, None) {
            Some(captures) => captures,
            None => {
                self.from_the_start(&self.plan, OBSERVE)?
                    .take_evidence()
                    .captures
            }
        };
        Ok((captures, BTreeMap::new()))
    }

    /// The run with its evidence less the captures: flow-log records, exchanges, drops, calls.
    /// Much quicker than [`Session::run_with_evidence`].
    ///
    /// # Errors
    /// Files that cannot be read; drift.
    pub fn run_with_records(&mut self) -> Result<Run, SessionError> {
        self.catch_up()?;
        self.with_records()
    }

    fn with_records(&self) -> Result<Run, SessionError> {
        match self.cache.evidence_without_captures(&self.replayed.key) {
            Some(earlier) => Ok(self.replayed.run.clone().with_earlier(earlier)),
            None => self.from_the_start(&self.plan, OBSERVE),
        }
    }

    /// The files in `evidence/`, sorted.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn evidence_files(&self) -> Result<Vec<PathBuf>, SessionError> {
        folder::evidence_files(&self.dir)
    }

    /// Takes in what other processes have done since the last operation.
    ///
    /// # Errors
    /// Files; drift.
    pub fn catch_up(&mut self) -> Result<(), SessionError> {
        let _lock = self.begin()?;
        Ok(())
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
