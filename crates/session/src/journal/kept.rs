//! Entries as they are held in memory: a session may have a hundred thousand calls, so of a call
//! its JSON is held, a quarter of what its values take. Whoever wants the entry has it made again.
//!
//! The texts stand one after the other in long pieces of memory: many small ones between what comes
//! and goes with each call would keep several times their size from being used again.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use wirelab_model::{Call, Caller, SimTime};

use super::{Entry, EntryKind};
use crate::weight::Weight;

/// An entry, held.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) seq: u64,
    at: SimTime,
    reply: SmolStr,
    weight: Weight,
    what: What,
}

#[derive(Debug)]
enum What {
    /// [`Made`] as JSON.
    Call(Place),
    Advance(SimTime),
    Other(Box<EntryKind>),
}

/// A call as it is held.
#[derive(Serialize, Deserialize)]
struct Made {
    caller: Caller,
    call: Call,
}

/// Texts, one after the other.
#[derive(Debug, Default)]
pub(super) struct Texts(Vec<String>);

/// Where a text stands: piece, begin and end.
#[derive(Clone, Copy, Debug)]
struct Place(usize, u32, u32);

impl Texts {
    /// Octets of a piece, unless one text is longer.
    const PIECE: usize = 256 << 10;

    fn push(&mut self, text: &str) -> Place {
        let fits = |it: &String| it.len() + text.len() <= it.capacity();
        if !self.0.last().is_some_and(fits) {
            let octets = Self::PIECE.max(text.len());
            self.0.push(String::with_capacity(octets));
        }
        let piece = self.0.len() - 1;
        let begin = self.0[piece].len();
        self.0[piece].push_str(text);
        let [begin, end] = [begin, begin + text.len()]
            .map(|it| u32::try_from(it).expect("requests have fewer than 2^32 octets"));
        Place(piece, begin, end)
    }

    fn get(&self, Place(piece, begin, end): Place) -> &str {
        &self.0[piece][begin as usize..end as usize]
    }
}

impl Kept {
    pub(super) fn of(entry: Entry, texts: &mut Texts) -> Self {
        let what = match entry.kind {
            EntryKind::Call { caller, call } => {
                let made = serde_json::to_string(&Made { caller, call });
                What::Call(texts.push(&made.expect("calls have text keys")))
            }
            EntryKind::Advance { until } => What::Advance(until),
            other => What::Other(Box::new(other)),
        };
        Self {
            seq: entry.seq,
            at: entry.at,
            reply: entry.reply,
            weight: entry.weight,
            what,
        }
    }

    pub(super) fn entry(&self, texts: &Texts) -> Entry {
        let kind = match &self.what {
            What::Call(place) => {
                let made = serde_json::from_str(texts.get(*place));
                let made: Made = made.expect("it was written here");
                EntryKind::Call {
                    caller: made.caller,
                    call: made.call,
                }
            }
            What::Advance(until) => EntryKind::Advance { until: *until },
            What::Other(kind) => (**kind).clone(),
        };
        Entry {
            seq: self.seq,
            at: self.at,
            kind,
            reply: self.reply.clone(),
            weight: self.weight,
        }
    }

    /// What was done, unless it is a call or the passing of time.
    pub(super) fn other(&self) -> Option<&EntryKind> {
        match &self.what {
            What::Other(kind) => Some(kind),
            What::Call(_) | What::Advance(_) => None,
        }
    }

    /// The moment that was reached by it.
    pub(super) fn reached(&self) -> SimTime {
        match self.what {
            What::Advance(until) => until.max(self.at),
            What::Call(_) | What::Other(_) => self.at,
        }
    }

    /// Whether it is a change of its own that an undo takes back.
    pub(super) fn is_change(&self) -> bool {
        let changes = match &self.what {
            What::Call(_) => true,
            What::Advance(_) => false,
            What::Other(kind) => kind.changes(),
        };
        changes && self.weight.is_step()
    }
}
