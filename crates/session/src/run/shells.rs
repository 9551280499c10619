//! Shell scripts on machines: what `wirelab_shell` asks is answered here, by programs of the
//! machine, which take their time, and by its files.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use wirelab_model::{SimTime, without_sudo};
use wirelab_shell::{Answer, Begin, Ended, Machine, Question, Script, Shell, Step, Stream};
use wirelab_simulator::Input;
use wirelab_simulator::host::{ExecId, OutputStream, is_program, program_in_time};

use super::Run;
use super::commands::Running;
use crate::servers;
use crate::weight::may_configure;

const SIGPIPE: u8 = 13;
const SIGTERM: u8 = 15;

/// A script at work.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct AtWork {
    shell: Shell,
    host: SmolStr,
    /// The program that it waits for.
    child: Option<Child>,
    /// Whether it has changed files or settings.
    changes: bool,
}

/// A program that a script waits for.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Child {
    id: ExecId,
    argv: Vec<String>,
    /// When it is killed.
    until: Option<SimTime>,
    /// How many lines of it are read; what it prints after them kills it.
    lines: Option<usize>,
    /// It has printed more than is read.
    unread: bool,
}

/// The script that a command line is, if it is one: see [`Run::exec`].
pub(super) fn script_of(argv: &[String]) -> Option<Script> {
    let (first, rest) = argv.split_first()?;
    let name = first.rsplit('/').next().unwrap_or(first);
    if name == "sudo" {
        return script_of(without_sudo(argv)).map(|_| Script::command(argv));
    }
    let is_text = rest.is_empty()
        && first.contains(|it: char| it.is_whitespace() || ";|&<>$`(){}=\"'".contains(it));
    if is_text {
        return Some(Script {
            name: "bash".to_owned(),
            text: first.clone(),
            ..Script::command(argv)
        });
    }
    // `time` is a word of the language.
    let known =
        wirelab_shell::is_filter(name) || wirelab_shell::is_builtin_program(name) || name == "time";
    let is_file = first.contains('/') && !first.starts_with('-') && !is_program(name);
    (known || is_file).then(|| Script::command(argv))
}

/// Who answers a script.
struct Asked<'r> {
    run: &'r mut Run,
    host: SmolStr,
    child: Option<Child>,
    changes: bool,
}

impl Machine for Asked<'_> {
    fn ask(&mut self, question: &Question) -> Option<Answer> {
        let Question::Run {
            argv,
            stdin,
            limit,
            lines,
        } = question
        else {
            let writes = !matches!(
                question,
                Question::Stat { .. } | Question::Read { .. } | Question::List { .. }
            );
            self.changes |= writes;
            return Some(self.run.about_files(&self.host, question));
        };
        let own = program_in_time(argv).unwrap_or(argv);
        let name = own.first().map_or("", String::as_str);
        if !is_program(name) && servers::asked(argv).is_none() {
            return Some(Answer::Unknown);
        }
        let id = self.run.new_command(Running {
            parts: Some(Vec::new()),
            ..Running::default()
        });
        if !stdin.is_empty() {
            let (host, text) = (self.host.clone(), stdin.clone());
            // A machine that is not there takes nothing, and is told of next.
            let _ = self.run.input(Input::Stdin { id, host, text });
        }
        if self.run.start_program(id, &self.host, argv).is_err() {
            self.run.state.running.remove(&id);
            return Some(Answer::Unknown);
        }
        let child = Child {
            id,
            argv: own.to_vec(),
            until: limit.map(|it| self.run.now() + it),
            lines: *lines,
            unread: false,
        };
        let answer = self.run.answer_of(&child);
        self.changes |= answer.as_ref().is_some_and(|it| changes(own, it));
        if answer.is_none() {
            self.child = Some(child);
        }
        answer
    }
}

/// Whether a program may have changed settings of its machine.
fn changes(argv: &[String], answer: &Answer) -> bool {
    match answer {
        Answer::Ran { status, .. } => may_configure(argv, *status),
        _ => false,
    }
}

const fn stream_of(stream: OutputStream) -> Stream {
    match stream {
        OutputStream::Stdout => Stream::Stdout,
        OutputStream::Stderr => Stream::Stderr,
    }
}

impl Run {
    /// Starts a shell as the command `id`; it is killed at `until`.
    pub(super) fn start_shell(
        &mut self,
        id: ExecId,
        host: &str,
        script: Script,
        until: Option<SimTime>,
    ) {
        let begin = Begin {
            at: self.now(),
            starts: self.plan.starts,
            // Every command is a process of its own.
            process: 1000 + (id.0 % 30_000) as u32,
            until,
        };
        let host = self
            .state
            .world
            .host(host)
            .map_or_else(|| host.into(), |it| it.name().clone());
        let at_work = AtWork {
            shell: Shell::new(script, begin),
            host,
            child: None,
            changes: false,
        };
        self.go_on(id, at_work);
    }

    /// Carries a script on until it is over or waits for a program.
    fn go_on(&mut self, id: ExecId, mut at_work: AtWork) {
        let mut asked = Asked {
            host: at_work.host.clone(),
            child: None,
            changes: at_work.changes,
            run: &mut *self,
        };
        let step = at_work.shell.go_on(&mut asked);
        at_work.changes = asked.changes;
        at_work.child = asked.child.take();
        match step {
            Step::Over(ended) => self.end_shell(id, ended, at_work.changes),
            Step::Asks(_) => drop(self.state.shells.insert(id, at_work)),
        }
    }

    fn end_shell(&mut self, id: ExecId, ended: Ended, changes: bool) {
        for (stream, text) in ended.printed {
            let stream = match stream {
                Stream::Stdout => OutputStream::Stdout,
                Stream::Stderr => OutputStream::Stderr,
            };
            self.printed(id, stream, &text);
        }
        if let Some(running) = self.state.running.get_mut(&id) {
            running.result.changes = changes;
            running.result.timed_out = ended.timed_out;
        }
        self.ended(id, ended.status, self.now());
    }

    /// What a program has answered, if it has ended.
    fn answer_of(&mut self, child: &Child) -> Option<Answer> {
        let ended = self.take_running(child.id)?;
        let status = ended.result.status;
        let at = ended.result.ended_at;
        let parts = ended.parts.unwrap_or_default().into_iter();
        Some(Answer::Ran {
            // As a shell has it of a program that a signal has ended.
            status: if status < 0 { 128 - status } else { status },
            printed: parts
                .map(|(stream, text)| (stream_of(stream), text))
                .collect(),
            at,
            timed_out: status == -i32::from(SIGTERM),
        })
    }

    /// The programs that scripts wait for.
    fn children(&mut self) -> impl Iterator<Item = &mut Child> {
        let shells = self.state.shells.values_mut();
        shells.filter_map(|it| it.child.as_mut())
    }

    /// Whether nobody reads what a program prints now. Then it is killed.
    pub(super) fn is_unread(&mut self, id: ExecId, stream: OutputStream) -> bool {
        let mine = self.children().find(|it| it.id == id);
        let lines = mine.filter(|_| stream == OutputStream::Stdout);
        let Some(lines) = lines.and_then(|it| it.lines) else {
            return false;
        };
        let printed = self.state.running.get(&id);
        let printed = printed.map_or(0, |it| it.result.stdout.matches('\n').count());
        let mine = self.children().find(|it| it.id == id);
        mine.is_some_and(|it| {
            it.unread |= printed >= lines;
            it.unread
        })
    }

    /// When the next program of a script is to be killed.
    pub(super) fn next_limit(&self) -> Option<SimTime> {
        let children = self
            .state
            .shells
            .values()
            .filter_map(|it| it.child.as_ref());
        children.filter_map(|it| it.until).min()
    }

    /// Kills the programs whose time is over.
    pub(super) fn kill_late(&mut self) {
        let now = self.now();
        let late = self.children();
        let late = late.filter(|it| it.until.is_some_and(|at| at <= now));
        let late: Vec<ExecId> = late
            .map(|it| {
                it.until = None;
                it.id
            })
            .collect();
        for id in late {
            self.kill(id, SIGTERM);
        }
    }

    fn kill(&mut self, id: ExecId, signal: u8) {
        // The command was started, and its machine was there.
        let _ = self.input(Input::Kill { id, signal });
    }

    /// Programs of scripts that have ended lead on to what comes next in the script.
    pub(super) fn go_on_with_shells(&mut self) {
        loop {
            let unread = self.children().filter(|it| it.unread);
            let unread: Vec<ExecId> = unread
                .map(|it| {
                    it.unread = false;
                    it.id
                })
                .collect();
            for id in unread {
                self.kill(id, SIGPIPE);
            }
            let ended = self.state.shells.iter().find(|(_, it)| {
                let child = it
                    .child
                    .as_ref()
                    .and_then(|it| self.state.running.get(&it.id));
                child.is_some_and(|it| it.ended)
            });
            let Some(id) = ended.map(|it| *it.0) else {
                return;
            };
            let Some(mut at_work) = self.state.shells.remove(&id) else {
                return;
            };
            let Some(child) = at_work.child.take() else {
                return;
            };
            let Some(answer) = self.answer_of(&child) else {
                return;
            };
            if !self.state.world.is_at_work(&at_work.host) {
                self.lose_shell(id, &at_work, answer);
                continue;
            }
            at_work.changes |= changes(&child.argv, &answer);
            at_work.shell.answer(answer);
            self.go_on(id, at_work);
        }
    }

    /// The machine has stopped, and its shells with it.
    fn lose_shell(&mut self, id: ExecId, at_work: &AtWork, last: Answer) {
        let printed = match last {
            Answer::Ran { printed, .. } => printed,
            _ => Vec::new(),
        };
        let ended = Ended {
            status: 255,
            printed,
            timed_out: false,
        };
        self.end_shell(id, ended, at_work.changes);
    }
}
