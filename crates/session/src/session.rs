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
mod said;
mod undo;
mod work;

pub use said::{Note, notes, prediction, reached, says_nothing};
pub use undo::Undone;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use smol_str::SmolStr;
use wirelab_model::{Call, Caller, Reply, Seed, SimDuration, SimTime, UnixTime};
use wirelab_scenario::{Lab, Plan, Scenario};
use wirelab_simulator::Observe;

use crate::cache::Cache;
use crate::cloudwatch::CloudWatch;
use crate::content::Content;
use crate::error::SessionError;
use crate::folder;
use crate::journal::{Entry, EntryKind, Header, Journal, News};
use crate::lock::{Held, Lock, Waiting};
use crate::replay::{self, Replayed};
use crate::run::{ExecResult, Run};
use crate::waiting;
use crate::weight::Weight;

/// What a session observes: everything.
const OBSERVE: Observe = Observe {
    captures: true,
    flow_records: true,
    drops: true,
    metrics: true,
};

/// The time between two checkpoints while nothing but time passes.
const IDLE_CHECKPOINTS: SimDuration = SimDuration::from_secs(300);

/// A lab in play: its folder, its journal, its run.
#[derive(Debug)]
pub struct Session {
    dir: PathBuf,
    lab: Lab,
    scenario: Scenario,
    plan: Arc<Plan>,
    journal: Journal,
    cache: Cache,
    waiting: Option<Waiting>,
    /// The session's lock, held while something is done.
    lock: Option<Lock>,
    /// The run after the effective journal.
    replayed: Replayed,
    /// Whether time follows the wall clock, so that nobody runs ahead of it.
    paced: bool,
    /// Whether the run may be ahead of the journal: something was begun and not written.
    ahead: bool,
    /// The moment of the last checkpoint, if nothing but time by itself has passed since.
    idle_since: Option<SimTime>,
    /// The same run with its whole evidence, once somebody has asked for it.
    whole: Option<Run>,
    /// What CloudWatch has of that, by account and Region, once somebody has asked for it.
    cloudwatch: BTreeMap<(SmolStr, SmolStr), CloudWatch>,
}

/// What a call brought.
#[derive(Clone, Debug, PartialEq)]
pub struct CallOutcome {
    /// The answer.
    pub reply: Reply,
    /// The moment reached if the session ran on until everything had settled.
    pub settled_at: Option<SimTime>,
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
        Self::create_at(dir, content, lab, seed, None)
    }

    /// As [`Session::create`], with the moment of UTC at which virtual time begins; the scenario's
    /// if none. The journal names it: it is as much of the run as the seed is.
    ///
    /// # Errors
    /// As [`Session::create`].
    pub fn create_at(
        dir: &Path,
        content: &Content,
        lab: &str,
        seed: Seed,
        starts: Option<UnixTime>,
    ) -> Result<Self, SessionError> {
        let path = journal_path(dir);
        if path.exists() {
            return Err(SessionError::Exists {
                dir: dir.to_owned(),
            });
        }
        let (lab, scenario) = load(content, lab)?;
        let scenario = scenario.starting_at(starts);
        let plan = Arc::new(scenario.compile(seed)?);
        folder::make(dir, &lab, &plan)?;
        let journal = Journal::create(&path, Header::new(&lab, &plan, starts))?;
        let mut session = Self::assemble(dir, (lab, scenario, plan), journal, None)?;
        session.write_evidence()?;
        Ok(session)
    }

    /// Opens the session in `dir`, at the end of its journal.
    ///
    /// # Errors
    /// No session there; a journal that this build or content does not reproduce.
    pub fn open(dir: &Path, content: &Content) -> Result<Self, SessionError> {
        Self::open_or_wait(dir, content, None)
    }

    /// As [`Session::open`], with what to do while another process has the session's lock, now and
    /// whenever it is taken; without it one sleeps.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub fn open_or_wait(
        dir: &Path,
        content: &Content,
        waiting: Option<Waiting>,
    ) -> Result<Self, SessionError> {
        let path = journal_path(dir);
        if !path.exists() {
            return Err(SessionError::Missing {
                dir: dir.to_owned(),
            });
        }
        let mut lock = Lock::open(dir)?;
        let _held = lock.take(waiting)?;
        let journal = Journal::open(&path)?;
        let header = journal.header();
        let (lab, scenario) = load(content, &header.lab)?;
        if scenario.hash != header.scenario_hash {
            return Err(SessionError::ScenarioChanged {
                lab: header.lab.clone(),
                scenario: header.scenario.clone(),
                was: header.scenario_hash.clone(),
                now: scenario.hash,
            });
        }
        let scenario = scenario.starting_at(header.starts);
        let plan = Arc::new(scenario.compile(header.seed)?);
        Self::assemble(dir, (lab, scenario, plan), journal, waiting)
    }

    fn assemble(
        dir: &Path,
        (lab, scenario, plan): (Lab, Scenario, Arc<Plan>),
        journal: Journal,
        waiting: Option<Waiting>,
    ) -> Result<Self, SessionError> {
        let cache = Cache::new(dir.join(".wirelab/cache"));
        let entries: Vec<Entry> = journal.effective().collect();
        let header = journal.header();
        let opens_at = header.opens_at;
        let replayed = replay::run(&cache, &plan, opens_at, OBSERVE, &entries, Some(header))?;
        Ok(Self {
            dir: dir.to_owned(),
            lab,
            scenario,
            plan,
            journal,
            cache,
            waiting,
            lock: None,
            replayed,
            paced: false,
            ahead: false,
            idle_since: None,
            whole: None,
            cloudwatch: BTreeMap::new(),
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

    /// Makes a call. Reads leave no trace, but for the time of who waits where the lab lets calls
    /// take theirs; anything else is journalled, refused or not, and then, unless the lab says
    /// otherwise, time runs on until what it started has settled.
    ///
    /// # Errors
    /// Files; drift. A refused call is no error: see [`CallOutcome::reply`].
    pub fn call(&mut self, caller: &Caller, call: &Call) -> Result<CallOutcome, SessionError> {
        let _lock = self.begin()?;
        if call.is_read_only() {
            let reply = self.run().read(caller, call, self.paced);
            self.poll(&reply)?;
            return Ok(CallOutcome {
                reply,
                settled_at: None,
            });
        }
        self.keep_predictions()?;
        let at = self.now();
        self.ahead = true;
        let reply = self
            .replayed
            .run
            .call(caller, call, self.journal.next_seq());
        let kind = EntryKind::Call {
            caller: caller.clone(),
            call: call.clone(),
        };
        let weight = Weight::of_call(&reply);
        self.record(at, kind, replay::reply_hash(&reply), weight)?;
        let settled_at = if self.lab.settle && !self.paced {
            self.settle(weight)?
        } else {
            None
        };
        Ok(CallOutcome { reply, settled_at })
    }

    /// Where a lab lets calls take their time, whoever looks at something that is on its way has
    /// waited for it as long as clients do: so a waiter of the CLI comes to its end.
    fn poll(&mut self, reply: &Reply) -> Result<(), SessionError> {
        let waits = |reply: &Reply| reply.as_ref().is_ok_and(waiting::is_on_its_way);
        let by_itself = self.lab.settle || self.paced;
        let (run, is_settled) = (self.run(), self.run().control().settled_at().is_none());
        if by_itself || (is_settled && !run.is_at_work()) || !waits(reply) {
            return Ok(());
        }
        let at = self.now();
        let until = at + waiting::BETWEEN_POLLS;
        self.ahead = true;
        self.replayed.run.advance(until)?;
        let kind = EntryKind::Advance { until };
        self.record(at, kind, SmolStr::default(), Weight::Settling)
    }

    /// Lets time pass until a call of that weight has settled.
    fn settle(&mut self, of: Weight) -> Result<Option<SimTime>, SessionError> {
        let at = self.now();
        self.ahead = true;
        let Some(until) = self.replayed.run.settle() else {
            self.ahead = false;
            return Ok(None);
        };
        let weight = if of.is_step() {
            Weight::Settling
        } else {
            Weight::Step
        };
        let kind = EntryKind::Advance { until };
        self.record(at, kind, SmolStr::default(), weight)?;
        Ok(Some(until))
    }

    /// Runs a command on a machine; time passes until it ends.
    ///
    /// # Errors
    /// An unknown machine; files; drift.
    pub fn exec(&mut self, host: &str, argv: &[String]) -> Result<ExecResult, SessionError> {
        let _lock = self.begin()?;
        self.keep_predictions()?;
        let at = self.now();
        self.ahead = true;
        let result = match self.replayed.run.exec(host, argv) {
            Ok(result) => result,
            Err(error) => {
                // The command may have run for a while; back to where the journal ends.
                self.rebuild()?;
                return Err(error.into());
            }
        };
        let kind = EntryKind::Host {
            host: host.into(),
            argv: argv.to_vec(),
        };
        let weight = Weight::of_command(argv, at, &result);
        self.record(at, kind, replay::output_hash(&result), weight)?;
        self.keep()?;
        Ok(result)
    }

    /// Whether the caller lets time pass as the wall clock does, by [`Session::pass`]. Then what a
    /// call starts settles when that time has come, and not before the next request.
    pub fn set_paced(&mut self, paced: bool) {
        self.paced = paced;
    }

    /// Lets time pass by itself. It is no step of its own: it is taken back with the one before it.
    ///
    /// # Errors
    /// Files; drift; no room for more evidence.
    pub fn pass(&mut self, by: SimDuration) -> Result<(), SessionError> {
        let _lock = self.begin()?;
        let at = self.now();
        self.run_to(at + by, Some(Weight::Settling), &mut |_| {
            ControlFlow::Continue(())
        })
    }

    /// Lets time pass.
    ///
    /// # Errors
    /// A moment that is over; files; drift.
    pub fn advance(&mut self, until: SimTime) -> Result<(), SessionError> {
        self.advance_watched(until, &mut |_| ControlFlow::Continue(()))
    }

    /// Lets time pass, and asks `goes_on` at each moment at which something happens on the way.
    ///
    /// # Errors
    /// A moment that is over; files; drift; no room for more evidence, or no wish to go on: then
    /// time has passed up to [`Session::now`], and the journal says so.
    pub fn advance_watched(
        &mut self,
        until: SimTime,
        goes_on: &mut dyn FnMut(SimTime) -> ControlFlow<()>,
    ) -> Result<(), SessionError> {
        let _lock = self.begin()?;
        self.run_to(until, None, goes_on)?;
        self.keep()
    }

    /// Lets time pass up to `until`, and writes down how far it came: as a step, or with a weight
    /// of its own.
    fn run_to(
        &mut self,
        until: SimTime,
        weight: Option<Weight>,
        goes_on: &mut dyn FnMut(SimTime) -> ControlFlow<()>,
    ) -> Result<(), SessionError> {
        self.keep_predictions()?;
        let at = self.now();
        self.ahead = true;
        let advanced = self.replayed.run.advance_watched(until, goes_on);
        let reached = self.now();
        self.ahead = advanced.is_ok() || reached > at;
        if advanced.is_ok() || reached > at {
            let weight = weight.unwrap_or_else(|| Weight::of_advance(at, reached));
            let kind = EntryKind::Advance { until: reached };
            self.record(at, kind, SmolStr::default(), weight)?;
        }
        Ok(advanced?)
    }

    /// The effective journal.
    pub fn entries(&self) -> impl Iterator<Item = Entry> {
        self.journal.effective()
    }

    /// What the journal is a journal of.
    #[must_use]
    pub const fn header(&self) -> &Header {
        self.journal.header()
    }

    /// The whole journal: what was taken back, hints and checks included.
    #[must_use]
    pub fn log(&self) -> Vec<Entry> {
        self.journal.all().collect()
    }

    /// How many changes are in effect; calls that were refused and commands that only show are
    /// none.
    #[must_use]
    pub fn changes(&self) -> usize {
        self.journal.changes()
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
    fn begin(&mut self) -> Result<Held, SessionError> {
        let lock = match &mut self.lock {
            Some(lock) => lock,
            none => none.insert(Lock::open(&self.dir)?),
        };
        let held = lock.take(self.waiting)?;
        match self.journal.catch_up()? {
            _ if self.ahead => self.rebuild()?,
            News::Appended(0) => {}
            News::Appended(entries) => self.follow(entries)?,
            News::Undone => self.rebuild()?,
        }
        Ok(held)
    }

    /// Does what the last `entries` of the journal say: others have done it.
    fn follow(&mut self, entries: usize) -> Result<(), SessionError> {
        self.forget_whole();
        let (replayed, header) = (&mut self.replayed, self.journal.header());
        let mut followed = Ok(());
        for entry in self.journal.latest(entries) {
            followed = replay::repeat(&mut replayed.run, &entry, header);
            if followed.is_err() {
                break;
            }
            replayed.reached = replayed.reached.after(&entry);
        }
        self.idle_since = None;
        match followed {
            Ok(()) => Ok(()),
            // From the last checkpoint it may go better; if not, that says why.
            Err(_) => self.rebuild(),
        }
    }

    /// Makes the run of the effective journal, from the nearest checkpoint.
    fn rebuild(&mut self) -> Result<(), SessionError> {
        let entries: Vec<Entry> = self.journal.effective().collect();
        let header = self.journal.header();
        self.replayed = replay::run(
            &self.cache,
            &self.plan,
            header.opens_at,
            OBSERVE,
            &entries,
            Some(header),
        )?;
        self.ahead = false;
        self.idle_since = None;
        self.forget_whole();
        self.cache.prune(&self.replayed.key);
        Ok(())
    }

    fn record(
        &mut self,
        at: SimTime,
        kind: EntryKind,
        reply: SmolStr,
        weight: Weight,
    ) -> Result<(), SessionError> {
        let entry = self.journal.append(at, kind, reply, weight)?;
        self.idle_since = self.idle_since.filter(|_| weight == Weight::Settling);
        self.replayed.reached = self.replayed.reached.after(&entry);
        self.ahead = false;
        self.forget_whole();
        Ok(())
    }

    /// What follows from the evidence must be made anew.
    fn forget_whole(&mut self) {
        self.whole = None;
        self.cloudwatch.clear();
    }

    /// Keeps the run as a checkpoint, and lets old ones go.
    fn keep(&mut self) -> Result<(), SessionError> {
        // A folder that was removed meanwhile stays so.
        let is_there = journal_path(&self.dir).exists();
        if is_there && !self.ahead {
            if self.replayed.keep(&self.cache)? {
                self.cache.prune(&self.replayed.key);
            }
            self.idle_since = Some(self.now());
        }
        Ok(())
    }

    /// Does what may wait until there is time for it: hands the journal to the disk, and makes a
    /// checkpoint, so that the next process need not do everything again. Calls leave both to this,
    /// and to the end of the session. Seconds that pass by themselves are not worth a checkpoint.
    ///
    /// # Errors
    /// Files.
    pub fn settle_down(&mut self) -> Result<(), SessionError> {
        self.journal.sync()?;
        let is_soon = |since: SimTime| self.now() < since + IDLE_CHECKPOINTS;
        match self.idle_since {
            Some(since) if is_soon(since) => Ok(()),
            _ => self.keep(),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // A checkpoint saves time and nothing else.
        self.keep().ok();
    }
}

fn load(content: &Content, lab: &str) -> Result<(Lab, Scenario), SessionError> {
    if !content.has_lab(lab) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::RunError;

    fn content() -> Content {
        Content::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
    }

    fn session_in(dir: &Path) -> Session {
        let session = Session::create(dir, &content(), "nacl-ephemeral", Seed::whole(3));
        session.unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn where_no_room_is_left_time_stops_and_is_kept_and_an_undo_makes_room() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let mut session = session_in(dir.path());
        let opened = session.now();
        let hour = opened + SimDuration::from_secs(3600);

        session.replayed.run.leave_room_for(100);
        let error = session.advance(hour).expect_err("more than 100 packets");
        assert!(matches!(error, SessionError::Run(RunError::Full { .. })));
        let stopped = session.now();
        assert!(opened < stopped && stopped < hour, "{opened} {stopped}");
        let kind = session.log().pop().expect("an entry").kind;
        assert!(matches!(kind, EntryKind::Advance { until } if until == stopped));

        session.advance(hour).expect_err("no room yet");
        assert_eq!(session.now(), stopped);
        session
            .exec("HOST", &["ping".into(), "-c3".into(), "127.0.0.1".into()])
            .expect_err("no room for a command");

        session.undo().expect("a step");
        session.advance(hour).expect("room enough");
        assert_eq!(session.now(), hour);
    }

    #[test]
    fn whoever_has_had_enough_keeps_the_time_that_has_passed() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let mut session = session_in(dir.path());
        let opened = session.now();
        let hour = opened + SimDuration::from_secs(3600);

        let mut asked = 0;
        let stopped = session.advance_watched(hour, &mut |_| {
            asked += 1;
            if asked < 500 {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        });
        let error = stopped.expect_err("it was stopped");
        assert!(matches!(error, SessionError::Run(RunError::Stopped { .. })));
        let stopped = session.now();
        assert!(opened < stopped && stopped < hour, "{opened} {stopped}");

        // In one go to the same moment: the same world.
        let again = Session::open(dir.path(), &content()).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(again.now(), stopped);
        let at_once = tempfile::tempdir().expect("a temporary folder");
        let mut other = session_in(at_once.path());
        other.advance(stopped).expect("time to pass");
        assert!(other.entries().eq(session.entries()));
        let records =
            |it: &mut Session| it.run_with_evidence().expect("evidence").evidence().clone();
        assert_eq!(records(&mut other), records(&mut session));
    }
}
