//! How a command ends: exit codes, and errors with the next command to try.

use std::fmt;
use std::io::IsTerminal;
use std::process::ExitCode;

use crate::output::spoken;
use crate::terminal;

/// The exit codes of every command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    /// Done; graded and passed.
    Passed,
    /// Graded and not passed.
    NotPassed,
    /// The command line or the content is wrong.
    Usage,
    /// This machine lacks something: no tcpdump, no permission.
    Environment,
    /// Our fault.
    Internal,
    /// Stopped by Ctrl-C, as shells have it: 128 and the signal's number.
    Interrupted,
    /// What a program on a simulated host answered.
    Program(u8),
}

impl Code {
    /// The exit status.
    pub(crate) const fn status(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::NotPassed => 1,
            Self::Usage => 2,
            Self::Environment => 3,
            Self::Internal => 70,
            Self::Interrupted => 130,
            Self::Program(status) => status,
        }
    }
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code.status())
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

    /// Adds `did you mean ...?` if one of `known` is near to `word`.
    pub(crate) fn did_you_mean(self, word: &str, known: &[&str]) -> Self {
        let nearness = |name: &&str| (1000.0 * strsim::jaro_winkler(word, name)) as u32;
        let others = known.iter().filter(|name| **name != word);
        match others.max_by_key(|name| nearness(name)) {
            Some(name) if nearness(name) > 780 => self.hint(format!("did you mean `{name}`?")),
            _ => self,
        }
    }

    /// What to try next.
    pub(crate) fn into_hints(self) -> Vec<String> {
        self.hints
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
        // Mistakes in content files are printed as compilers do, with the word before each.
        let message = self.message.trim_end();
        let message = message.strip_prefix("error: ").unwrap_or(message);
        let on_terminal = std::io::stderr().is_terminal();
        let message = spoken(message, on_terminal);
        let mut text = format!("{} {message}\n", terminal::red("error:"));
        for hint in &self.hints {
            let hint = spoken(hint, on_terminal);
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

/// Content, journal and files, each with what to do about it.
impl From<wirelab_session::SessionError> for Failure {
    fn from(error: wirelab_session::SessionError) -> Self {
        let failure = match &error {
            wirelab_session::SessionError::File { .. } => Self::environment(&error),
            _ => Self::usage(&error),
        };
        match error.hint() {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }
}

impl From<wirelab_scenario::ContentErrors> for Failure {
    fn from(errors: wirelab_scenario::ContentErrors) -> Self {
        Self::usage(errors)
    }
}

/// libpcap's message and, where there is one, what was probably meant.
pub(crate) fn filter_failure(error: wirelab_filter::FilterError) -> Failure {
    let failure = Failure::usage(&error);
    match error.hint() {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
