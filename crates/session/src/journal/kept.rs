//! Entries as they are held in memory: a session may have a hundred thousand calls, so of a call
//! the JSON of its parameters is held, a quarter of what its values take, and who made it and what
//! it is called once for all that are alike. Whoever wants the entry has it made again.

use smol_str::SmolStr;
use wirelab_model::{Call, Caller, SimTime};

use super::{Entry, EntryKind};
use crate::texts::{Common, Place, Texts};
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
    Call {
        caller: u32,
        action: u32,
        /// As JSON.
        parameters: Place,
    },
    Advance(SimTime),
    Other(Box<EntryKind>),
}

/// What entries share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    texts: Texts,
    callers: Common<Caller>,
    /// Service and operation.
    actions: Common<(SmolStr, SmolStr)>,
}

impl Kept {
    pub(super) fn of(entry: Entry, shared: &mut Shared) -> Self {
        let what = match entry.kind {
            EntryKind::Call { caller, call } => {
                let parameters = serde_json::to_string(&call.parameters);
                let parameters = parameters.expect("calls have text keys");
                What::Call {
                    caller: shared.callers.number(&caller),
                    action: shared.actions.number(&(call.service, call.operation)),
                    parameters: shared.texts.push(&parameters),
                }
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

    pub(super) fn entry(&self, shared: &Shared) -> Entry {
        let kind = match &self.what {
            What::Call {
                caller,
                action,
                parameters,
            } => {
                let parameters = serde_json::from_str(shared.texts.get(*parameters));
                let (service, operation) = shared.actions.get(*action).clone();
                EntryKind::Call {
                    caller: shared.callers.get(*caller).clone(),
                    call: Call {
                        service,
                        operation,
                        parameters: parameters.expect("it was written here"),
                    },
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
            What::Call { .. } | What::Advance(_) => None,
        }
    }

    /// The moment that was reached by it.
    pub(super) fn reached(&self) -> SimTime {
        match self.what {
            What::Advance(until) => until.max(self.at),
            What::Call { .. } | What::Other(_) => self.at,
        }
    }

    /// Whether it is a change of its own that an undo takes back.
    pub(super) fn is_change(&self) -> bool {
        let changes = match &self.what {
            What::Call { .. } => true,
            What::Advance(_) => false,
            What::Other(kind) => kind.changes(),
        };
        changes && self.weight.is_step()
    }
}
