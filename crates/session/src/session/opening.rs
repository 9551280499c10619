//! Runs beside the session's own, for graders: the lab as it opens on another seed, and what other
//! entries make of it. They are kept in the session's cache, so that asking again costs no
//! simulation.

use std::sync::Arc;

use wirelab_model::Seed;
use wirelab_scenario::Plan;
use wirelab_simulator::Observe;

use super::{OBSERVE, Session};
use crate::error::SessionError;
use crate::journal::Entry;
use crate::replay::{self, Replayed};
use crate::run::Run;

impl Session {
    /// The lab on `seed` as it opens, with all evidence up to then.
    ///
    /// # Errors
    /// Content that does not compile on that seed; files.
    pub fn opening(&self, seed: Seed) -> Result<Run, SessionError> {
        let plan = self.plan_on(seed)?;
        let replayed = self.beside(&plan, &[])?;
        match self.cache.evidence(&replayed.key) {
            Some(earlier) => Ok(replayed.run.with_earlier(earlier)),
            None => self.beside_from_the_start(plan, &[]),
        }
    }

    /// The lab on `seed` after `entries` in place of the session's own, with all evidence less the
    /// captures.
    ///
    /// # Errors
    /// Content that does not compile on that seed; a command that cannot be run there; files.
    pub fn after(&self, seed: Seed, entries: &[Entry]) -> Result<Run, SessionError> {
        let plan = self.plan_on(seed)?;
        let replayed = self.beside(&plan, entries)?;
        match self.cache.evidence_without_captures(&replayed.key) {
            Some(earlier) => Ok(replayed.run.with_earlier(earlier)),
            None => self.beside_from_the_start(plan, entries),
        }
    }

    fn plan_on(&self, seed: Seed) -> Result<Arc<Plan>, SessionError> {
        if seed == self.plan.seed {
            return Ok(Arc::clone(&self.plan));
        }
        Ok(Arc::new(self.scenario.compile(seed)?))
    }

    fn beside(&self, plan: &Arc<Plan>, entries: &[Entry]) -> Result<Replayed, SessionError> {
        let opens_at = self.journal.header().opens_at;
        replay::run(
            &self.cache,
            plan,
            opens_at,
            self.seen_on(plan),
            entries,
            None,
        )
    }

    /// Replies are not compared on any seed: a journal that has drifted was refused before.
    fn beside_from_the_start(
        &self,
        plan: Arc<Plan>,
        entries: &[Entry],
    ) -> Result<Run, SessionError> {
        let observe = self.seen_on(&plan);
        let mut run = Run::new(plan, observe)?;
        run.advance(self.journal.header().opens_at)?;
        for entry in entries {
            replay::apply(&mut run, entry)?;
        }
        Ok(run)
    }

    /// The session's own checkpoints serve its own seed; elsewhere nobody asks for drops.
    fn seen_on(&self, plan: &Plan) -> Observe {
        Observe {
            drops: plan.seed == self.plan.seed && OBSERVE.drops,
            metrics: plan.seed == self.plan.seed && OBSERVE.metrics,
            ..OBSERVE
        }
    }
}
