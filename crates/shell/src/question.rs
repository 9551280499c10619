//! What a script asks its machine.

use serde::{Deserialize, Serialize};
use wirelab_model::{SimDuration, SimTime};

/// Where something is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Stream {
    /// File descriptor 1.
    Stdout,
    /// File descriptor 2.
    Stderr,
}

/// What a script wants of its machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Question {
    /// Run a program.
    Run {
        /// Program and arguments.
        argv: Vec<String>,
        /// What comes in on file descriptor 0, for programs that read it.
        stdin: String,
        /// It is killed after this long.
        limit: Option<SimDuration>,
        /// Nobody reads more lines of its output: what it prints after so many kills it.
        lines: Option<usize>,
    },
    /// What is at a path?
    Stat {
        /// The path, absolute.
        path: String,
    },
    /// The text of a file.
    Read {
        /// The path, absolute.
        path: String,
    },
    /// Write a file: instead of what is there, or behind it.
    Write {
        /// The path, absolute.
        path: String,
        /// What to write.
        text: String,
        /// Behind what is there.
        append: bool,
    },
    /// Make a directory.
    MakeDirectory {
        /// The path, absolute.
        path: String,
    },
    /// Remove a file, or an empty directory.
    Remove {
        /// The path, absolute.
        path: String,
    },
    /// Let a file be run, or not.
    SetExecutable {
        /// The path, absolute.
        path: String,
        /// Whether it may be run.
        executable: bool,
    },
    /// The names in a directory, in order.
    List {
        /// The path, absolute.
        path: String,
    },
}

/// What is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A regular file.
    File {
        /// Octets.
        size: usize,
        /// Whether it may be run.
        executable: bool,
    },
    /// A device that swallows everything and has nothing: `/dev/null`.
    Null,
}

/// What a machine answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// A program has ended.
    Ran {
        /// Exit status.
        status: i32,
        /// What it has printed, in order.
        printed: Vec<(Stream, String)>,
        /// When it ended.
        at: SimTime,
        /// Whether it was killed at its limit.
        timed_out: bool,
    },
    /// There is no such program.
    Unknown,
    /// What is there, if anything.
    Stat(Option<Kind>),
    /// The text, or why not.
    Text(Result<String, FileError>),
    /// Done, or why not.
    Done(Result<(), FileError>),
    /// Names.
    Names(Vec<String>),
}

/// Why a file cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileError {
    /// `ENOENT`
    NotFound,
    /// `EISDIR`
    IsDirectory,
    /// `ENOTDIR`
    NotDirectory,
    /// `ENOTEMPTY`
    NotEmpty,
    /// `EEXIST`
    Exists,
    /// `EACCES`
    Denied,
    /// `EINVAL`
    Invalid,
    /// What the simulation says instead.
    Other(String),
}

impl std::fmt::Display for FileError {
    /// As `strerror(3)`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NotFound => "No such file or directory",
            Self::IsDirectory => "Is a directory",
            Self::NotDirectory => "Not a directory",
            Self::NotEmpty => "Directory not empty",
            Self::Exists => "File exists",
            Self::Denied => "Permission denied",
            Self::Invalid => "Invalid argument",
            Self::Other(text) => text,
        })
    }
}

/// The machine that a script runs on.
pub trait Machine {
    /// Answers at once, or not, where time has to pass first.
    fn ask(&mut self, question: &Question) -> Option<Answer>;
}
