//! Why something could not be graded. Never a learner's fault, never a score.

use std::path::PathBuf;

use wirelab_scenario::{ContentErrors, FillError};
use wirelab_session::{RunError, SessionError};

/// Why something could not be graded: our fault or the author's.
#[derive(Debug, thiserror::Error)]
pub enum GradeError {
    /// Mistakes in a lab or scenario.
    #[error(transparent)]
    Content(#[from] ContentErrors),
    /// The session's files.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// A run refused what the plan or the journal says.
    #[error("not graded, our fault: {0}")]
    Run(#[from] RunError),
    /// A reference of the lab leads nowhere.
    #[error("{place}: lab `{lab}`, task `{task}`: {error}")]
    Reference {
        /// File and line: `labs/x/lab.toml:12`.
        place: String,
        /// The lab.
        lab: String,
        /// The task.
        task: String,
        /// Which.
        error: FillError,
    },
    /// A file of the lab cannot be read.
    #[error("{}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A task has no reference solution.
    #[error("task `{task}` has no solution: there is neither {} nor one of its own for the variant", path.display())]
    NoSolution {
        /// The task.
        task: String,
        /// The file that would do for every variant.
        path: PathBuf,
    },
    /// The reference solution does not do what a solution must: compile, run, parse.
    #[error("{}: {why}", path.display())]
    Solution {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// A query did not come to its end in the time that it has on this machine.
    #[error("not graded: the query of the task `{task}` did not finish in the time: {why}")]
    Unfinished {
        /// The task.
        task: String,
        /// What the engine says.
        why: String,
    },
    /// There is no such task.
    #[error("the lab has no task `{task}`; it has {known}")]
    UnknownTask {
        /// What was asked for.
        task: String,
        /// The tasks there are.
        known: String,
    },
    /// A lab names something that its scenario does not have.
    #[error("lab `{lab}`, task `{task}`: {why}")]
    Lab {
        /// The lab.
        lab: String,
        /// The task.
        task: String,
        /// What is wrong.
        why: String,
    },
}
