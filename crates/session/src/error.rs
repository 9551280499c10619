//! Why a session cannot go on.

use std::path::PathBuf;

use wirelab_scenario::ContentErrors;

use crate::run::RunError;

/// Why a session cannot go on. Nothing was changed unless said so.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// Mistakes in a lab or scenario.
    #[error(transparent)]
    Content(#[from] ContentErrors),
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
    /// Replay gave another reply than the one that was recorded.
    #[error(
        "entry {seq} of the journal ({what}) now gives another reply: this session was made with \
         {made_with}, this is {this}"
    )]
    Drift {
        /// The entry.
        seq: u64,
        /// What it is.
        what: String,
        /// Build and scenario that made it.
        made_with: String,
        /// Build and scenario now.
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
    /// Nothing was done since the lab opened.
    #[error("nothing to undo: nothing was changed since the lab opened")]
    NothingToUndo,
}
