//! Why a session cannot go on.

use std::path::{Path, PathBuf};

use wirelab_scenario::{ContentErrors, FillError};

use crate::run::RunError;

/// Why a session cannot go on. Nothing was changed unless said so.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// Mistakes in a lab or scenario.
    #[error(transparent)]
    Content(#[from] ContentErrors),
    /// A reference in a lab that leads nowhere.
    #[error("{file}: {error}")]
    Reference {
        /// Where it stands.
        file: String,
        /// What is wrong.
        error: FillError,
    },
    /// The run refused it.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A file or folder.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// There is a session in the folder already.
    #[error("{} holds a session already", dir.display())]
    Exists {
        /// The folder.
        dir: PathBuf,
    },
    /// There is none.
    #[error("{} holds no session", dir.display())]
    Missing {
        /// The folder.
        dir: PathBuf,
    },
    /// Another session has been started in the folder since this one was opened.
    #[error("the session in {} was put aside and another started there", dir.display())]
    Replaced {
        /// The folder.
        dir: PathBuf,
    },
    /// There is no such lab.
    #[error("no lab is called `{name}`")]
    UnknownLab {
        /// What was asked for.
        name: String,
    },
    /// The journal cannot be read.
    #[error("{}:{line}: {why}", path.display())]
    Journal {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
    /// The journal belongs to another text of the scenario.
    #[error(
        "the scenario `{scenario}` has changed since this session was started: its journal fits \
         another text (SHA-256 {was:.12}, now {now:.12})"
    )]
    ScenarioChanged {
        /// The lab.
        lab: String,
        /// The scenario.
        scenario: String,
        /// The hash in the journal.
        was: String,
        /// The file's hash.
        now: String,
    },
    /// Replay gave another reply than the one that was recorded.
    #[error(
        "entry {seq} of the journal ({what}) gives another reply than it gave to wirelab \
         {made_with}; this is wirelab {this}"
    )]
    Drift {
        /// The lab.
        lab: String,
        /// The entry.
        seq: u64,
        /// What it is.
        what: String,
        /// The build that made the journal.
        made_with: String,
        /// This build.
        this: String,
    },
    /// There is no such task.
    #[error("the lab has no task `{task}`; it has {known}")]
    UnknownTask {
        /// What was asked for.
        task: String,
        /// The tasks there are.
        known: String,
    },
    /// No step is left.
    #[error("nothing to undo: nothing has changed the network or taken time since the lab opened")]
    NothingToUndo,
}

impl SessionError {
    pub(crate) fn file(path: &Path, error: std::io::Error) -> Self {
        Self::File {
            path: path.to_owned(),
            error,
        }
    }

    /// What to do about it, if there is something.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Exists { .. } => "`wirelab reset` takes everything back to its beginning",
            Self::Missing { .. } => "`wirelab start LAB` makes one",
            Self::Run(RunError::Full { .. }) => {
                "`wirelab undo` takes the last step back, and what was recorded in it"
            }
            Self::UnknownLab { .. } => "`wirelab list` shows the labs",
            Self::ScenarioChanged { lab, .. } | Self::Drift { lab, .. } => {
                return Some(start_over(lab));
            }
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

/// The way out when a journal no longer fits.
fn start_over(lab: &str) -> String {
    format!(
        "`wirelab start {lab} --again` starts over; this run with its answers and its journal is \
         kept beside it, as `{lab}.1` or the next free number"
    )
}
