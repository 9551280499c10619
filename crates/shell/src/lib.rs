//! Shell scripts on simulated machines.
//!
//! The language is bash's (POSIX.1-2024, Shell Command Language, and what the Bash Reference
//! Manual adds), parsed by `brush-parser`. Builtins and the small filters that scripts are made of
//! (`grep`, `sed`, `awk`, `sort`, ...) are here; programs that send packets, and files that belong
//! to the machine, are asked for: a [`Question`] that [`Machine::ask`] answers at once or, where
//! the program takes its time, [`Shell::answer`] later.
//!
//! What a script does is a function of its text and of the answers that it has had. So a script
//! that waits is kept as just these: when an answer comes, the script is run from its beginning, or
//! from a place that is kept for speed (`run::resume`), with the answers on record in place of
//! questions, up to the first question that is new. No thread, stack or other machinery is saved,
//! and a saved script goes on in another process. All work is counted ([`limits`]), that of
//! repetitions too.
//!
//! What is not simulated is refused by name, before anything is done where that can be seen from
//! the text: jobs in the background, traps other than `EXIT`, coprocesses, `>(...)`.

mod builtin;
mod expand;
mod files;
mod filter;
pub mod limits;
mod parse;
mod question;
mod regular;
mod run;

use serde::{Deserialize, Serialize};
use wirelab_model::{SimTime, UnixTime};

pub use builtin::is_program_too as is_builtin_program;
pub use files::Files;
pub use filter::is_filter;
pub use question::{Answer, FileError, Kind, Machine, Question, Stream};

use limits::WORK_AT_MOST;
use parse::Programs;
use run::{Interpreter, Memory, Tape};

/// What is run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Script {
    /// `$0`, which errors begin with: `bash`, or the file's name.
    pub name: String,
    /// The commands.
    pub text: String,
    /// `$1` and so on.
    pub arguments: Vec<String>,
    /// Whether it is `sh`: bash in its POSIX mode, as on Amazon Linux.
    pub is_sh: bool,
    /// Whether the text comes from a file rather than from `-c`.
    pub is_file: bool,
    /// Where it begins.
    pub directory: String,
}

impl Script {
    /// One command, words as they are: nothing in them is expanded.
    #[must_use]
    pub fn command(argv: &[String]) -> Self {
        let words: Vec<String> = argv.iter().map(|it| expand::quoted(it)).collect();
        Self {
            name: "bash".to_owned(),
            text: words.join(" "),
            arguments: Vec::new(),
            is_sh: false,
            is_file: false,
            directory: "/root".to_owned(),
        }
    }
}

/// The program that a script is for, as its first line says: `bash` of `#!/usr/bin/env bash`.
#[must_use]
pub fn interpreter(text: &str) -> Option<&str> {
    let line = text.strip_prefix("#!")?.lines().next()?;
    let words = line.split_whitespace().filter(|it| !it.starts_with('-'));
    let mut names = words.map(|it| it.rsplit('/').next().unwrap_or(it));
    names.find(|it| *it != "env")
}

/// Where and when a script begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begin {
    /// The moment.
    pub at: SimTime,
    /// What virtual time counts from.
    pub starts: UnixTime,
    /// `$$`.
    pub process: u32,
    /// When it is killed if it is still at work.
    pub until: Option<SimTime>,
}

/// How far a script has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// It waits for an answer to this.
    Asks(Question),
    /// It is over.
    Over(Ended),
}

/// How a script has ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Exit status.
    pub status: i32,
    /// What it has printed, in order.
    pub printed: Vec<(Stream, String)>,
    /// Whether it was killed since its time was over.
    pub timed_out: bool,
}

/// A script at work.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Shell {
    script: Script,
    begin: Begin,
    answers: Vec<Answer>,
    /// Steps taken, those of repetitions included.
    work: u64,
    #[serde(skip)]
    programs: Programs,
    #[serde(skip)]
    memory: Memory,
}

impl Shell {
    /// A script that has not begun.
    #[must_use]
    pub fn new(script: Script, begin: Begin) -> Self {
        Self {
            script,
            begin,
            answers: Vec::new(),
            work: 0,
            programs: Programs::default(),
            memory: Memory::default(),
        }
    }

    /// Goes on until the script is over or waits.
    pub fn go_on(&mut self, machine: &mut dyn Machine) -> Step {
        let left = WORK_AT_MOST.saturating_sub(self.work);
        let tape = Tape::new(&mut self.answers, machine);
        let mut interpreter = Interpreter::new(&self.script, self.begin, tape, left);
        interpreter.programs = std::mem::take(&mut self.programs);
        interpreter.remember(std::mem::take(&mut self.memory));
        let step = interpreter.script();
        self.work += interpreter.work();
        self.memory = interpreter.memory();
        self.programs = std::mem::take(&mut interpreter.programs);
        step
    }

    /// Forgets what is kept for speed alone, as a script does that is saved and read again.
    pub fn forget(&mut self) {
        self.programs = Programs::default();
        self.memory = Memory::default();
    }

    /// Takes the answer to the question that it waits for.
    pub fn answer(&mut self, answer: Answer) {
        self.answers.push(answer);
    }
}
