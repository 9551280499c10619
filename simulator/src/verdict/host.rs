//! Why a machine drops a packet.

use std::fmt;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{ExplanationCode, Reason};
use crate::host::HostDrop;

/// A machine's reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineDrop {
    /// The machine.
    pub host: SmolStr,
    /// Why.
    pub reason: HostDrop,
}

impl Reason for MachineDrop {
    /// Reachability Analyzer looks into no machine.
    fn code(&self) -> Option<ExplanationCode> {
        None
    }
}

/// One sentence without a full stop.
impl fmt::Display for MachineDrop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "host `{}`: {}", self.host, self.reason)
    }
}
