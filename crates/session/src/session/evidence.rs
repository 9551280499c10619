//! What has been observed: in memory for grading, as files for learners.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use wirelab_model::Seed;
use wirelab_scenario::Plan;
use wirelab_simulator::Observe;

use super::{OBSERVE, Session};
use crate::cache::Written;
use crate::captures::Captures;
use crate::cloudwatch::CloudWatch;
use crate::error::SessionError;
use crate::evidence::Evidence;
use crate::flow_files;
use crate::folder::{self, Wanted};
use crate::replay;
use crate::run::Run;

impl Session {
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
                None => self.run_from_the_start(&self.plan, OBSERVE)?,
            };
            self.whole = Some(whole);
        }
        Ok(self.whole.as_ref().expect("it was just made"))
    }

    /// What CloudWatch has for an account in a Region, as of now.
    ///
    /// # Errors
    /// Files that cannot be read; drift.
    pub fn cloudwatch(&mut self, account: &str, region: &str) -> Result<&CloudWatch, SessionError> {
        self.run_with_evidence()?;
        let run = self.whole.as_ref().expect("it was just made");
        let owner = (account.into(), region.into());
        let known = self.cloudwatch.entry(owner);
        Ok(known.or_insert_with(|| CloudWatch::of(run, account, region)))
    }

    /// The same journal on another seed, run to the same moment, with its whole evidence. Kept in
    /// the cache like the session's own run, so that asking again is quick.
    ///
    /// # Errors
    /// Content that does not compile on that seed; a command that cannot be run there; files.
    pub fn replica(&self, seed: Seed, observe: Observe) -> Result<Run, SessionError> {
        let plan = Arc::new(self.scenario.compile(seed)?);
        let opens_at = self.journal.header().opens_at;
        let entries: Vec<_> = self.journal.effective().collect();
        let replayed = replay::run(&self.cache, &plan, opens_at, observe, &entries, None)?;
        match self.cache.evidence(&replayed.key) {
            Some(earlier) => Ok(replayed.run.with_earlier(earlier)),
            None => self.run_from_the_start(&plan, observe),
        }
    }

    fn run_from_the_start(&self, plan: &Arc<Plan>, observe: Observe) -> Result<Run, SessionError> {
        let mut run = Run::new(Arc::clone(plan), observe)?;
        run.advance(self.journal.header().opens_at)?;
        for entry in self.journal.effective() {
            replay::apply(&mut run, &entry)?;
        }
        Ok(run)
    }

    /// Writes what can be observed by now into `evidence/`: one pcap a capture point, the
    /// files of each flow log. Captures that are there already are added to. Gives the files.
    ///
    /// # Errors
    /// Files.
    pub fn write_evidence(&mut self) -> Result<Vec<PathBuf>, SessionError> {
        let _lock = self.begin()?;
        self.keep()?;
        self.write_all()
    }

    /// Writes `evidence/` anew if it is not as it was last written: seed and journal determine
    /// the files, so that one that was removed comes back. Gives the files.
    ///
    /// # Errors
    /// Files.
    pub fn restore_evidence(&mut self) -> Result<Vec<PathBuf>, SessionError> {
        let _lock = self.begin()?;
        self.keep()?;
        let is_whole = |written: Written| {
            written.key == self.replayed.key && folder::are_unchanged(&self.dir, &written)
        };
        if self.cache.written().is_some_and(is_whole) {
            return folder::evidence_files(&self.dir);
        }
        self.write_all()
    }

    /// Makes what of page, answers and evidence is not there as it is at first.
    ///
    /// # Errors
    /// Files.
    pub fn renew_files(&mut self) -> Result<(), SessionError> {
        folder::make(&self.dir, &self.lab, &self.plan)?;
        self.restore_evidence().map(drop)
    }

    fn write_all(&self) -> Result<Vec<PathBuf>, SessionError> {
        let run = self.with(self.cache.evidence_for_files(&self.replayed.key))?;
        let wanted = Wanted {
            plan: &self.plan,
            names: &self.lab.evidence,
        };
        let (captures, earlier) = self.unwritten()?;
        let mut written = Written {
            key: self.replayed.key.clone(),
            files: folder::write_captures(&self.dir, &wanted, &captures, earlier)?,
            published: BTreeMap::new(),
        };
        flow_files::write(&self.dir, &wanted, &run, &mut written)?;
        self.cache.set_written(&written)?;
        folder::evidence_files(&self.dir)
    }

    /// The captures that `evidence/` does not hold yet, and the files that hold the others.
    fn unwritten(&self) -> Result<(Captures, BTreeMap<String, u64>), SessionError> {
        let key = &self.replayed.key;
        let written = self.cache.written();
        let written = written.filter(|it| folder::are_unchanged(&self.dir, it));
        if let Some(written) = written
            && let Some(captures) = self.cache.captures(key, Some(&written.key))
        {
            return Ok((captures, written.files));
        }
        let captures = match self.cache.captures(key, None) {
            Some(captures) => captures,
            None => {
                self.run_from_the_start(&self.plan, OBSERVE)?
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
        self.with(self.cache.evidence_without_captures(&self.replayed.key))
    }

    /// The run with what the cache has of its evidence; made again if it has none.
    fn with(&self, earlier: Option<Evidence>) -> Result<Run, SessionError> {
        match earlier {
            Some(earlier) => Ok(self.replayed.run.clone().with_earlier(earlier)),
            None => self.run_from_the_start(&self.plan, OBSERVE),
        }
    }

    /// The files in `evidence/`, sorted.
    ///
    /// # Errors
    /// A folder that cannot be read.
    pub fn evidence_files(&self) -> Result<Vec<PathBuf>, SessionError> {
        folder::evidence_files(&self.dir)
    }
}
