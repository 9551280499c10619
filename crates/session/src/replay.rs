//! From a journal to a run: the nearest checkpoint, and the entries after it.

use std::sync::Arc;

use smol_str::SmolStr;
use wirelab_model::{Reply, SimTime};
use wirelab_scenario::Plan;
use wirelab_simulator::Observe;

use crate::cache::{Cache, Key};
use crate::error::SessionError;
use crate::journal::{Entry, EntryKind, Header, build, digest16};
use crate::run::{ExecResult, Run, RunError};

/// A run with its place among the checkpoints.
#[derive(Debug)]
pub(crate) struct Replayed {
    pub(crate) run: Run,
    /// The last checkpoint that was read or kept: `run` holds the evidence since.
    pub(crate) key: Key,
    /// What a checkpoint of `run` would be called.
    pub(crate) reached: Key,
}

impl Replayed {
    /// Keeps the run as a checkpoint, if it went on since the last one. Gives whether it did.
    pub(crate) fn keep(&mut self, cache: &Cache) -> Result<bool, SessionError> {
        if self.key == self.reached {
            return Ok(false);
        }
        cache.store(&self.reached, Some(&self.key), &mut self.run)?;
        self.key = self.reached.clone();
        Ok(true)
    }
}

/// Carries `plan` to the lab's opening and through `entries`. With `recorded`, the header of their
/// journal, replies are compared with those recorded; without it the plan may be one with other
/// traffic, whose replies differ.
pub(crate) fn run(
    cache: &Cache,
    plan: &Arc<Plan>,
    opens_at: SimTime,
    observe: Observe,
    entries: &[Entry],
    recorded: Option<&Header>,
) -> Result<Replayed, SessionError> {
    let mut keys = vec![Key::opening(plan, opens_at, observe)];
    for entry in entries {
        let last = keys.last().expect("there is one for the opening");
        keys.push(last.after(entry));
    }
    let kept = (0..keys.len())
        .rev()
        .find_map(|index| Some((index, cache.load(&keys[index], plan)?)));
    let (done, run) = match kept {
        Some(kept) => kept,
        None => (0, opening(cache, plan, opens_at, observe, &keys[0])?),
    };
    let mut replayed = Replayed {
        run,
        key: keys[done].clone(),
        reached: keys[entries.len()].clone(),
    };
    for entry in &entries[done..] {
        match recorded {
            Some(header) => repeat(&mut replayed.run, entry, header)?,
            None => drop(apply(&mut replayed.run, entry)?),
        }
    }
    replayed.keep(cache)?;
    Ok(replayed)
}

/// Does what an entry of the journal says.
///
/// # Errors
/// Drift: it brought another reply than the one recorded.
pub(crate) fn repeat(run: &mut Run, entry: &Entry, header: &Header) -> Result<(), SessionError> {
    match apply(run, entry)? == entry.reply {
        true => Ok(()),
        false => Err(drift(entry, header)),
    }
}

fn opening(
    cache: &Cache,
    plan: &Arc<Plan>,
    opens_at: SimTime,
    observe: Observe,
    key: &Key,
) -> Result<Run, SessionError> {
    let mut run = Run::new(Arc::clone(plan), observe)?;
    run.advance(opens_at)?;
    cache.store(key, None, &mut run)?;
    Ok(run)
}

/// Does what an entry says, at the time it says or, if a command before it took longer on this
/// plan, as soon as that has ended. Gives the hash of the reply.
///
/// # Errors
/// A command that cannot be run there, or does not end; no room for more evidence.
pub fn apply(run: &mut Run, entry: &Entry) -> Result<SmolStr, RunError> {
    run.advance(entry.at.max(run.now()))?;
    match &entry.kind {
        EntryKind::Call { caller, call } => Ok(reply_hash(&run.call(caller, call, entry.seq))),
        EntryKind::Host { host, argv } => Ok(output_hash(&run.exec(host, argv)?)),
        EntryKind::Advance { until } => {
            run.advance((*until).max(run.now()))?;
            Ok(SmolStr::default())
        }
        // These move nothing.
        EntryKind::Undo { .. }
        | EntryKind::Hint { .. }
        | EntryKind::Check { .. }
        | EntryKind::Predict { .. }
        | EntryKind::Note { .. } => Ok(SmolStr::default()),
    }
}

/// The hash of a call's reply.
pub(crate) fn reply_hash(reply: &Reply) -> SmolStr {
    let text = match reply {
        Ok(value) => value.to_string(),
        Err(error) => format!("{}: {}", error.code, error.message),
    };
    digest16(text.as_bytes())
}

/// The hash of what a command printed, when it ended and how.
pub(crate) fn output_hash(result: &ExecResult) -> SmolStr {
    let text = format!(
        "{} {} {}",
        result.status,
        result.ended_at.as_nanos(),
        result.combined
    );
    digest16(text.as_bytes())
}

fn drift(entry: &Entry, header: &Header) -> SessionError {
    SessionError::Drift {
        lab: header.lab.clone(),
        seq: entry.seq,
        what: entry.kind.to_string(),
        made_with: header.build.clone(),
        this: build().to_owned(),
    }
}
