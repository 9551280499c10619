//! How a command ends: exit codes, and errors with the next command to try.

use std::fmt;
use std::process::ExitCode;

use crate::terminal;

/// The exit codes of every command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    /// Done; graded and passed.
    Passed = 0,
    /// Graded and not passed.
    NotPassed = 1,
    /// The command line or the content is wrong.
    Usage = 2,
    /// This machine lacks something: no tcpdump, no permission.
    Environment = 3,
    /// Our fault.
    Internal = 70,
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code as u8)
    }
}

/// Why a command failed: what happened, why, and what to do next.
#[derive(Debug)]
pub(crate) struct Failure {
    code: Code,
    message: String,
    hints: Vec<String>,
    closed_pipe: bool,
}

impl Failure {
    /// The command line, an answer or a content file is wrong: exit 2.
    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self::new(Code::Usage, message)
    }

    /// This machine lacks something: exit 3.
    pub(crate) fn environment(message: impl fmt::Display) -> Self {
        Self::new(Code::Environment, message)
    }

    /// A defect of wirelab: exit 70.
    pub(crate) fn internal(message: impl fmt::Display) -> Self {
        Self::new(Code::Internal, message)
            .hint("this is a defect of wirelab; please report it with the lab folder's journal")
    }

    fn new(code: Code, message: impl fmt::Display) -> Self {
        Self {
            code,
            message: message.to_string(),
            hints: Vec::new(),
            closed_pipe: false,
        }
    }

    /// Adds what to try next.
    pub(crate) fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hints.push(hint.to_string());
        self
    }

    pub(crate) const fn code(&self) -> Code {
        self.code
    }

    /// Whether the reader of our output went away, as `head` does: no error.
    pub(crate) const fn is_closed_pipe(&self) -> bool {
        self.closed_pipe
    }

    /// Prints to stderr.
    pub(crate) fn print(&self) {
        let mut text = format!("{} {}\n", terminal::red("error:"), self.message.trim_end());
        for hint in &self.hints {
            text += &format!("{} {hint}\n", terminal::cyan("hint:"));
        }
        anstream::eprint!("{text}");
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Writing to stdout or to a file of the lab folder failed.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        let mut failure = Self::environment(&error);
        failure.closed_pipe = error.kind() == std::io::ErrorKind::BrokenPipe;
        failure
    }
}
