//! Taking back: the last step, or everything.

use smol_str::SmolStr;
use wirelab_model::SimTime;

use super::Session;
use crate::error::SessionError;
use crate::journal::{Entry, EntryKind};
use crate::weight::Weight;

/// What an undo took back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undone {
    /// The step, as people read it: `ec2:CreateNetworkAclEntry ...`, `advance to 00:40:00`.
    pub what: String,
    /// What was done after it without changing anything, and is cut along with it.
    pub with: Vec<String>,
    /// The moment that had been reached.
    pub from: SimTime,
    /// The moment to which time went back.
    pub back_to: SimTime,
}

impl Session {
    /// Takes the last step back: the last call or command that changed something, or the last
    /// passing of time that was asked for, whichever came later. What was refused or only asked
    /// something is no step: it stays until an older step is taken back; the time of pings is taken
    /// back if nothing else is left.
    ///
    /// # Errors
    /// Nothing to take back; files.
    pub fn undo(&mut self) -> Result<Undone, SessionError> {
        let _lock = self.begin()?;
        let entries: Vec<Entry> = self.journal.effective().collect();
        let (step, undone) = next(&entries, self.now()).ok_or(SessionError::NothingToUndo)?;
        let of = entries[step].seq;
        self.take_back(of)?;
        Ok(undone)
    }

    /// What one undo after the other would take back, the next one first.
    #[must_use]
    pub fn undos(&self) -> Vec<Undone> {
        let entries: Vec<Entry> = self.journal.effective().collect();
        let (mut left, mut now) = (&entries[..], self.now());
        let mut undos = Vec::new();
        while let Some((step, undone)) = next(left, now) {
            (left, now) = (&left[..step], undone.back_to);
            undos.push(undone);
        }
        undos
    }

    /// Takes everything back to the moment the lab opens. Answers stay.
    ///
    /// # Errors
    /// Files.
    pub fn reset(&mut self) -> Result<(), SessionError> {
        let _lock = self.begin()?;
        let first = self.journal.effective().next();
        match first.map(|entry| entry.seq) {
            Some(of) => self.take_back(of),
            None => Ok(()),
        }
    }

    fn take_back(&mut self, of: u64) -> Result<(), SessionError> {
        let at = self.now();
        let kind = EntryKind::Undo { of };
        self.journal
            .append(at, kind, SmolStr::default(), Weight::Step)?;
        self.rebuild()
    }
}

/// Which of `entries`, after which it is `now`, an undo cuts along with all behind it, and what it
/// takes back by that.
fn next(entries: &[Entry], now: SimTime) -> Option<(usize, Undone)> {
    let passing = || entries.iter().position(|it| it.weight == Weight::Passing);
    let step = entries.iter().rposition(|it| it.weight.is_step());
    let step = step.or_else(passing)?;
    let (entry, after) = entries[step..].split_first()?;
    let along = [Weight::Idle, Weight::Passing];
    let idle = after.iter().filter(|it| along.contains(&it.weight));
    let undone = Undone {
        what: entry.kind.to_string(),
        with: idle.map(|it| it.kind.to_string()).collect(),
        from: now,
        back_to: entry.at,
    };
    Some((step, undone))
}
