//! A journal from outside, replayed on its own seed within limits.
//!
//! This comes before any grading: what a journal takes here it takes about once more on each hidden
//! seed, so whatever would run for ever is found out first.

use std::ops::ControlFlow;

use wirelab_model::{Resources, Seed, SimTime};
use wirelab_scenario::Names;
use wirelab_session::{Entry, EntryKind, Run, RunError, apply};

use super::{Limits, Ungraded};
use crate::material::Material;

/// Where a journal ends.
pub(super) struct Replayed {
    pub(super) now: SimTime,
    /// What resources are called there.
    pub(super) names: Names,
    /// The first entry whose reply is not the one recorded.
    pub(super) drift: Option<String>,
}

/// Replays `entries` on `seed`.
pub(super) fn replay(
    material: &Material<'_>,
    seed: Seed,
    entries: &[Entry],
    limits: &Limits,
) -> Result<Replayed, Ungraded> {
    let opens_at = material.lab.opens_at;
    let opening = material.opening(seed)?;
    let mut replayed = Replayed {
        now: opens_at,
        names: opening.names(),
        drift: None,
    };
    if entries.is_empty() {
        return Ok(replayed);
    }
    let mut within = Within {
        run: (*opening).clone(),
        until: opens_at + limits.virtual_time,
        moments: limits.moments,
        resources: limits.resources,
    };
    within.run.forget_packets();
    for entry in entries {
        let reply = within.repeat(entry)?;
        if reply != entry.reply && replayed.drift.is_none() {
            replayed.drift = Some(format!(
                "entry {} of its journal ({:.60}) brings another reply than the one recorded",
                entry.seq,
                entry.kind.to_string()
            ));
        }
    }
    replayed.now = within.run.now();
    replayed.names = within.run.names();
    Ok(replayed)
}

/// A run, and what it may still take.
struct Within {
    run: Run,
    until: SimTime,
    moments: u64,
    resources: usize,
}

impl Within {
    fn repeat(&mut self, entry: &Entry) -> Result<String, Ungraded> {
        self.pass(entry, entry.at)?;
        if let EntryKind::Advance { until } = entry.kind {
            self.pass(entry, until)?;
        }
        let reply = apply(&mut self.run, entry).map_err(|error| refused(entry, &error))?;
        self.not_beyond(entry, self.run.now())?;
        self.not_too_large(entry)?;
        Ok(reply.to_string())
    }

    fn pass(&mut self, entry: &Entry, until: SimTime) -> Result<(), Ungraded> {
        self.not_beyond(entry, until)?;
        let until = until.max(self.run.now());
        let moments = &mut self.moments;
        let passed = self.run.advance_watched(until, &mut |_| {
            *moments = moments.saturating_sub(1);
            match *moments {
                0 => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        });
        match passed {
            Err(RunError::Stopped { .. }) => Err(Ungraded::refused(format!(
                "entry {} of its journal: more happens than is simulated for one submission",
                entry.seq
            ))),
            passed => passed.map_err(|error| refused(entry, &error)),
        }
    }

    fn not_too_large(&self, entry: &Entry) -> Result<(), Ungraded> {
        let (size, most) = (size(self.run.control().resources()), self.resources);
        if size <= most {
            return Ok(());
        }
        Err(Ungraded::refused(format!(
            "entry {} of its journal: the network has {size} resources and rules then, more than \
             {most}",
            entry.seq
        )))
    }

    fn not_beyond(&self, entry: &Entry, at: SimTime) -> Result<(), Ungraded> {
        if at <= self.until {
            return Ok(());
        }
        Err(Ungraded::refused(format!(
            "entry {} of its journal is later than {}, the end of what is replayed",
            entry.seq, self.until
        )))
    }
}

/// How many resources and rules there are.
fn size(resources: &Resources) -> usize {
    let groups = resources.security_groups.values();
    let lists = resources.network_acls.values();
    let tables = resources.route_tables.values();
    let blocks = resources.managed_prefix_lists.values();
    resources.count()
        + groups.map(|it| it.rules.len()).sum::<usize>()
        + lists.map(|it| it.entries.len()).sum::<usize>()
        + tables.map(|it| it.routes.len()).sum::<usize>()
        + blocks.map(|it| it.blocks().count()).sum::<usize>()
}

/// A journal that was recorded holds nothing that a run refuses.
fn refused(entry: &Entry, error: &RunError) -> Ungraded {
    Ungraded::refused(format!("entry {} of its journal: {error}", entry.seq))
}
