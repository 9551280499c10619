//! The journal: the ordered record of everything a person did that moves the world.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use wirelab_model::{Call, Caller, SimTime};

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Number, from 1; never used twice.
    pub seq: u64,
    /// Virtual time at which it was done; for `advance` the moment before.
    pub at: SimTime,
    /// What was done.
    pub kind: EntryKind,
    /// SHA-256 of the reply, 16 hex digits: replay compares it.
    pub reply: SmolStr,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EntryKind {
    /// A mutating API call, refused or not.
    Call {
        /// By whom.
        caller: Caller,
        /// What.
        call: Call,
    },
    /// A command on a machine.
    Host {
        /// The machine.
        host: SmolStr,
        /// Program and arguments.
        argv: Vec<String>,
    },
    /// Time passed.
    Advance {
        /// The moment reached.
        until: SimTime,
    },
    /// An entry and all after it were taken back.
    Undo {
        /// Its number.
        of: u64,
    },
    /// A hint was taken. Moves nothing.
    Hint {
        /// The task.
        task: SmolStr,
        /// The rung, from 0.
        rung: u32,
    },
    /// The answers were graded. Moves nothing.
    Check {
        /// Points reached.
        points: u32,
    },
}
