//! The interpreter: lists, pipelines and commands, as the Bash Reference Manual has them.
//!
//! Of a pipeline each command runs when the one before it has ended, with what that has printed.
//! So a program's time passes first, and then the filter sees its lines; a `head` that has had
//! enough ends a program as SIGPIPE does.

mod channel;
mod compound;
mod question;
mod redirect;
mod resume;
mod simple;
mod substitute;
mod tape;
mod trace;
mod variables;

use std::collections::BTreeMap;
use std::sync::Arc;

use brush_parser::ast;
use wirelab_model::SimTime;

use crate::limits::{BYTES_OF_STEP, DEPTH_AT_MOST, OCTETS_AT_MOST, STEPS_AT_MOST};
use crate::parse::{Programs, Refused};
use crate::question::Stream;
use crate::regular::Patterns;
use crate::{Begin, Ended, Script, Step};

pub(crate) use channel::Channel;
pub(crate) use resume::Memory;
pub(crate) use simple::TextFrom;
pub(crate) use tape::Tape;
pub(crate) use variables::{NotSet, Value, Variables, end_of};

/// Why what is being run goes no further.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// A question is open.
    Waits,
    /// The shell, or subshell, ends.
    Exit(i32),
    Return(i32),
    Break(u32),
    Continue(u32),
    /// Nobody reads what it writes.
    Pipe,
    /// The time of that `timeout`, or of the script (0), is over.
    Deadline(usize),
    /// The script ends, with what is said about it.
    Refused(String),
}

pub(crate) type Flow<T> = Result<T, Stop>;

/// What `set` switches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) errexit: bool,
    pub(crate) nounset: bool,
    pub(crate) xtrace: bool,
    pub(crate) noglob: bool,
    pub(crate) noclobber: bool,
    pub(crate) pipefail: bool,
    pub(crate) allexport: bool,
    pub(crate) nullglob: bool,
}

/// What a subshell has a copy of.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    pub(crate) variables: Variables,
    pub(crate) functions: BTreeMap<String, Arc<ast::FunctionBody>>,
    pub(crate) options: Options,
    /// `$0`
    pub(crate) name: String,
    pub(crate) positional: Vec<String>,
    pub(crate) directory: String,
    pub(crate) status: i32,
    pub(crate) channels: BTreeMap<i32, Channel>,
    /// `trap ... EXIT`
    pub(crate) farewell: Option<String>,
    pub(crate) is_sh: bool,
    /// The text comes from `-c`.
    pub(crate) is_command: bool,
    /// Whether it is a part of another shell.
    pub(crate) in_subshell: bool,
    /// What `umask` says.
    pub(crate) umask: u32,
    /// The file that the text comes from.
    pub(crate) source: Option<String>,
    /// The last word of the last command: `$_`.
    pub(crate) last_word: String,
    /// How many substitutions this is in, for `set -x`.
    pub(crate) level: usize,
    /// The functions at work.
    pub(crate) calls: Vec<String>,
    /// How many loops.
    pub(crate) loops: u32,
    pub(crate) line: usize,
    /// The line at which the text began that is being run.
    pub(crate) base: usize,
    /// Whether a failure is asked for, as in the condition of an `if`.
    pub(crate) tested: bool,
}

/// Who reads a text that is no part of the script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    Eval,
    File,
}

/// A script being run.
pub(crate) struct Interpreter<'m> {
    script: &'m Script,
    begin: Begin,
    pub(crate) tape: Tape<'m>,
    pub(crate) programs: Programs,
    pub(crate) state: State,
    steps: u64,
    /// Steps before this have been counted when they were taken first.
    counted_from: u64,
    /// How many may be counted.
    left: u64,
    checkpoint: Option<Box<resume::Checkpoint>>,
    octets: usize,
    depth: u32,
    pub(crate) now: SimTime,
    /// When the script is to end, and each `timeout` in it.
    pub(crate) deadlines: Vec<SimTime>,
    pub(crate) printed: Vec<(Stream, String)>,
    pub(crate) pipes: Vec<channel::Pipe>,
    pub(crate) inputs: Vec<channel::Input>,
    /// What `<(...)` has written, by the name that it is given.
    pub(crate) substituted: BTreeMap<String, String>,
    /// `$RANDOM`
    pub(crate) random: u32,
    substitution: Option<i32>,
    /// The command at work, for errors of what it writes.
    pub(crate) doing: String,
    /// Who has read a text that is no program.
    reading: Option<Reading>,
    /// Patterns that have been compiled.
    pub(crate) patterns: Patterns,
    /// Whether the last list that was expanded had nothing in it.
    pub(crate) nothing: bool,
    /// Whether a redirection of the last command has failed, so that it was not run.
    pub(crate) unopened: bool,
    /// Whether a file is being read by `.`.
    pub(crate) sourced: bool,
    /// Who says that there is no such program, if it is not the shell.
    pub(crate) started_by: Option<&'static str>,
}

impl<'m> Interpreter<'m> {
    pub(crate) fn new(script: &'m Script, begin: Begin, tape: Tape<'m>, left: u64) -> Self {
        let mut state = State {
            name: script.name.clone(),
            positional: script.arguments.clone(),
            directory: script.directory.clone(),
            is_sh: script.is_sh,
            is_command: !script.is_file,
            source: script.is_file.then(|| script.name.clone()),
            last_word: "/usr/bin/bash".to_owned(),
            umask: 0o022,
            base: 1,
            line: 1,
            ..State::default()
        };
        state.channels = BTreeMap::from([
            (0, Channel::Null),
            (1, Channel::Terminal(Stream::Stdout)),
            (2, Channel::Terminal(Stream::Stderr)),
        ]);
        for (name, text) in [
            ("HOME", "/root"),
            (
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            ),
            ("PWD", script.directory.as_str()),
            ("SHLVL", "1"),
            ("USER", "root"),
            ("LOGNAME", "root"),
        ] {
            state.variables.export(name, text);
        }
        for (name, text) in [("IFS", " \t\n"), ("PS4", "+ "), ("OPTIND", "1")] {
            state.variables.entry(name).value = Some(Value::Text(text.to_owned()));
        }
        Self {
            script,
            begin,
            tape,
            programs: Programs::default(),
            state,
            steps: 0,
            counted_from: 0,
            left,
            checkpoint: None,
            octets: 0,
            depth: 0,
            now: begin.at,
            deadlines: vec![begin.until.unwrap_or(SimTime::MAX)],
            printed: Vec::new(),
            pipes: Vec::new(),
            inputs: Vec::new(),
            substituted: BTreeMap::new(),
            random: begin.process.wrapping_mul(2_654_435_761) | 1,
            substitution: None,
            doing: String::new(),
            reading: None,
            patterns: Patterns::default(),
            nothing: false,
            unopened: false,
            sourced: false,
            started_by: None,
        }
    }

    /// Steps that count.
    pub(crate) const fn work(&self) -> u64 {
        self.steps - self.counted_from
    }

    pub(crate) const fn begin(&self) -> Begin {
        self.begin
    }

    /// Runs the script.
    pub(crate) fn script(&mut self) -> Step {
        let text = self.script.text.clone();
        let ended = match self.programs.parse(&text) {
            Ok(program) => self.outermost(&program),
            Err(refused) => self.refused_text(refused),
        };
        let mut ended = self.farewell(ended);
        if let Err(Stop::Refused(why)) = &ended {
            let text = format!("{}: {why}\n", self.state.name);
            self.printed.push((Stream::Stderr, text));
            ended = Err(Stop::Exit(2));
        }
        let (status, timed_out) = match ended {
            Err(Stop::Waits) => {
                let open = self.tape.open.take().expect("it waits for an answer");
                return Step::Asks(open);
            }
            Err(Stop::Exit(status) | Stop::Return(status)) => (status, false),
            Err(Stop::Deadline(_)) => (137, true),
            Err(Stop::Pipe) => (141, false),
            Ok(()) | Err(_) => (self.state.status, false),
        };
        Step::Over(Ended {
            status: status & 0xff,
            printed: std::mem::take(&mut self.printed),
            timed_out,
        })
    }

    /// `trap ... EXIT` of a shell that has ended.
    pub(crate) fn farewell(&mut self, ended: Flow<()>) -> Flow<()> {
        let over = matches!(ended, Ok(()) | Err(Stop::Exit(_) | Stop::Return(_)));
        let Some(text) = self.state.farewell.take().filter(|_| over) else {
            return ended;
        };
        let status = match ended {
            Err(Stop::Exit(status) | Stop::Return(status)) => status,
            _ => self.state.status,
        };
        self.state.status = status;
        self.text(&text)?;
        Err(Stop::Exit(status))
    }

    /// Runs a text in this shell.
    pub(crate) fn text(&mut self, text: &str) -> Flow<()> {
        match self.programs.parse(text) {
            Ok(program) => self.program(&program),
            Err(refused) => self.refused_text(refused),
        }
    }

    /// Runs a text that `eval` or `.` reads.
    pub(crate) fn read_text(&mut self, text: &str, reading: Reading) -> Flow<()> {
        match self.programs.parse(text) {
            Ok(program) => self.program(&program),
            Err(refused) => {
                self.reading = Some(reading);
                let done = self.refused_text(refused);
                self.reading = None;
                done
            }
        }
    }

    fn refused_text(&mut self, refused: Refused) -> Flow<()> {
        match refused {
            Refused::Syntax(line, what) => {
                let name = self.state.name.clone();
                let line = self.state.base + line.max(1) - 1;
                let dash = match (self.reading, self.state.is_command) {
                    (Some(Reading::Eval), _) => " eval:",
                    (None, true) => " -c:",
                    _ => "",
                };
                let name = match (self.reading, &self.state.source) {
                    (Some(Reading::File), Some(source)) => source.clone(),
                    _ => name,
                };
                let mut lines = what.lines();
                let first = lines.next().unwrap_or_default();
                let unexpected = first.contains("looking for");
                let word = if unexpected { "" } else { "syntax error" };
                let first = if unexpected {
                    first.trim_start_matches(": ")
                } else {
                    first
                };
                self.error(&format!("{name}:{dash} line {line}: {word}{first}\n"))?;
                for more in lines {
                    self.error(&format!("{name}:{dash} line {line}: {more}\n"))?;
                }
                self.state.status = 2;
                // What a script has `eval` or `.` read is no part of it, but in POSIX mode.
                match self.reading.is_some() && !self.state.is_sh {
                    true => Ok(()),
                    false => Err(Stop::Exit(2)),
                }
            }
            Refused::Unsimulated(why) => Err(Stop::Refused(why)),
        }
    }

    pub(crate) fn program(&mut self, program: &ast::Program) -> Flow<()> {
        for list in &program.complete_commands {
            self.list(list)?;
        }
        Ok(())
    }

    pub(crate) fn list(&mut self, list: &ast::CompoundList) -> Flow<()> {
        self.deeper(|shell| {
            for ast::CompoundListItem(and_or, _) in &list.0 {
                shell.and_or(and_or)?;
            }
            Ok(())
        })
    }

    /// Runs what is nested.
    pub(crate) fn deeper<T>(&mut self, act: impl FnOnce(&mut Self) -> Flow<T>) -> Flow<T> {
        if self.depth == DEPTH_AT_MOST {
            let text = format!("more than {DEPTH_AT_MOST} commands within each other");
            return Err(Stop::Refused(text));
        }
        self.depth += 1;
        let done = act(self);
        self.depth -= 1;
        done
    }

    fn and_or(&mut self, list: &ast::AndOrList) -> Flow<()> {
        let last = list.additional.len();
        for (at, (operator, pipeline)) in list.iter().enumerate() {
            let due = at == 0
                || match operator {
                    ast::PipelineOperator::And => self.state.status == 0,
                    ast::PipelineOperator::Or => self.state.status != 0,
                };
            if !due {
                continue;
            }
            let is_tested = at < last || pipeline.bang;
            let before = self.state.tested;
            self.state.tested |= is_tested;
            let done = self.pipeline(pipeline);
            self.state.tested = before;
            done?;
            let looks = pipeline.seq.len() != 1 || exits(&pipeline.seq[0]) || self.unopened;
            if !is_tested && looks {
                self.errexit()?;
            }
        }
        Ok(())
    }

    /// `set -e`
    fn errexit(&self) -> Flow<()> {
        let State {
            status,
            options,
            tested,
            ..
        } = &self.state;
        match *status != 0 && options.errexit && !tested {
            true => Err(Stop::Exit(*status)),
            false => Ok(()),
        }
    }

    fn pipeline(&mut self, pipeline: &ast::Pipeline) -> Flow<()> {
        let began = self.now;
        match &pipeline.seq[..] {
            [] => self.state.status = 0,
            [command] => {
                self.command(command)?;
                self.set_pipe_status(&[self.state.status]);
            }
            commands => self.pipe(commands)?,
        }
        if pipeline.timed.is_some() {
            let is_posix = pipeline
                .timed
                .as_ref()
                .is_some_and(ast::PipelineTimed::is_posix_output);
            self.print_time(began, is_posix)?;
        }
        if pipeline.bang {
            self.state.status = i32::from(self.state.status == 0);
        }
        Ok(())
    }

    fn pipe(&mut self, commands: &[ast::Command]) -> Flow<()> {
        let mut statuses = Vec::new();
        let mut input = self.state.channels.get(&0).cloned();
        for (at, command) in commands.iter().enumerate() {
            let pipe = commands
                .get(at + 1)
                .map(|next| self.new_pipe(simple::lines_wanted(next)));
            let output = pipe.map(Channel::Pipe);
            let status = self.subshell(|shell| {
                if let Some(input) = input.take() {
                    shell.state.channels.insert(0, input);
                }
                if let Some(output) = output {
                    shell.state.channels.insert(1, output);
                }
                shell.command(command)
            })?;
            statuses.push(status);
            if let Some(pipe) = pipe {
                let text = self.take_pipe(pipe);
                input = Some(self.new_input(text));
            }
        }
        let last = statuses.last().copied().unwrap_or(0);
        let failed = statuses.iter().rev().find(|it| **it != 0).copied();
        self.state.status = match self.state.options.pipefail {
            true => failed.unwrap_or(0),
            false => last,
        };
        self.set_pipe_status(&statuses);
        Ok(())
    }

    fn set_pipe_status(&mut self, statuses: &[i32]) {
        let list = (0..).zip(statuses.iter().map(i32::to_string)).collect();
        // Nobody can make it readonly and wonder.
        let _ = self.state.variables.set("PIPESTATUS", Value::List(list));
    }

    /// What this shell is, to be taken up again; to copy it is work.
    pub(crate) fn copied(&mut self) -> Flow<State> {
        let positional: usize = self.state.positional.iter().map(String::len).sum();
        self.step((self.state.variables.octets() + positional) / 4)?;
        Ok(self.state.clone())
    }

    /// Runs something in a copy of this shell; gives its status.
    pub(crate) fn subshell(&mut self, act: impl FnOnce(&mut Self) -> Flow<()>) -> Flow<i32> {
        let before = self.copied()?;
        self.state.farewell = None;
        self.state.in_subshell = true;
        let ended = self.deeper(act);
        let ended = self.farewell(ended);
        let status = match ended {
            Ok(()) | Err(Stop::Break(_) | Stop::Continue(_)) => self.state.status,
            Err(Stop::Exit(status) | Stop::Return(status)) => status,
            Err(Stop::Pipe) => 141,
            Err(other) => return Err(other),
        };
        self.state = before;
        self.state.status = status & 0xff;
        Ok(self.state.status)
    }

    /// Counts work.
    pub(crate) fn step(&mut self, octets: usize) -> Flow<()> {
        let steps = 1 + (octets / BYTES_OF_STEP) as u64;
        self.steps += steps;
        match self.steps > STEPS_AT_MOST || self.work() > self.left {
            true => Err(Stop::Refused(format!(
                "stopped after {STEPS_AT_MOST} steps, or as many repeated ones as a script may \
                 have: more are not simulated"
            ))),
            false => Ok(()),
        }
    }

    /// Whether a text of so many octets may be made; asked before it is.
    pub(crate) fn has_room(&self, octets: usize) -> Flow<()> {
        match octets > OCTETS_AT_MOST {
            true => Err(Stop::Refused(format!(
                "stopped before a text of more than {OCTETS_AT_MOST} octets: it is not simulated"
            ))),
            false => Ok(()),
        }
    }

    /// Counts what is written.
    pub(crate) fn written(&mut self, octets: usize) -> Flow<()> {
        self.step(octets)?;
        self.octets += octets;
        match self.octets > OCTETS_AT_MOST {
            true => Err(Stop::Refused(format!(
                "stopped after {OCTETS_AT_MOST} octets of output: more are not simulated"
            ))),
            false => Ok(()),
        }
    }
}

/// Whether `set -e` looks at how such a command has ended; of others it has looked at the parts.
fn exits(command: &ast::Command) -> bool {
    match command {
        ast::Command::Simple(_) | ast::Command::ExtendedTest(..) => true,
        ast::Command::Function(_) => false,
        ast::Command::Compound(compound, _) => matches!(
            compound,
            ast::CompoundCommand::Subshell(_) | ast::CompoundCommand::Arithmetic(_)
        ),
    }
}
