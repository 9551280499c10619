//! `sed`: the commands that scripts use, without branches.

mod parse;

use parse::Parser;
use regex::Regex;

use super::{Read, inputs, read_options};
use crate::regular::Language;
use crate::run::{Flow, Interpreter, Stop};

#[derive(Debug)]
enum Address {
    Line(usize),
    Last,
    Fits(Regex),
    /// `first~step`
    Every(usize, usize),
    /// `addr,+N`
    More(usize),
}

#[derive(Debug)]
struct Substitution {
    regex: Regex,
    with: Vec<Part>,
    all: bool,
    prints: bool,
    nth: usize,
}

/// A part of what is put in place.
#[derive(Debug)]
enum Part {
    Text(String),
    Group(usize),
}

#[derive(Debug)]
enum Kind {
    Substitute(Substitution),
    Translate(Vec<(char, char)>),
    Print,
    PrintFirst,
    Delete,
    Quit(i32, bool),
    Number,
    Next,
    Append,
    Before(String),
    After(String),
    Change(String),
    Hold(char),
    Block(Vec<Command>),
}

#[derive(Debug)]
struct Command {
    from: Option<Address>,
    to: Option<Address>,
    negated: bool,
    kind: Kind,
    /// Whether it is within its range, and up to which line at most.
    within: Option<usize>,
}

/// What becomes of the line at hand.
enum Outcome {
    Goes,
    Deleted,
    Quits(i32, bool),
}

pub(super) fn sed(shell: &mut Interpreter<'_>, arguments: &[String]) -> Flow<i32> {
    let long = &[
        ("quiet", 'n'),
        ("silent", 'n'),
        ("regexp-extended", 'E'),
        ("expression", 'e'),
        ("in-place", 'i'),
        ("unbuffered", 'u'),
    ];
    // The suffix of -i is part of the word.
    let suffix = |it: &String| it.starts_with("-i") && it.len() > 2 && !it.starts_with("-in");
    if arguments.iter().any(suffix) {
        return Err(Stop::Refused(
            "sed: a suffix for -i is not simulated".to_owned(),
        ));
    }
    let Some(mut read) = read_options(shell, "sed", arguments, "nEre:isuz", long)? else {
        return Ok(1);
    };
    let mut texts: Vec<String> = read
        .options
        .iter()
        .filter(|it| it.0 == 'e')
        .map(|it| it.1.clone())
        .collect();
    if texts.is_empty() {
        if read.operands.is_empty() {
            shell.error(
                "Usage: sed [OPTION]... {script-only-if-no-other-script} [input-file]...\n",
            )?;
            return Ok(1);
        }
        texts.push(read.operands.remove(0));
    }
    let extended = read.has('E') || read.has('r');
    let text = texts.join("\n");
    let language = if extended {
        Language::Extended
    } else {
        Language::Basic
    };
    let mut parser = Parser::new(&text, language);
    let commands = match parser.commands(0) {
        Ok(commands) => commands,
        Err(why) if why.contains("not simulated") => {
            return Err(Stop::Refused(format!("sed: {why}")));
        }
        Err(why) => {
            shell.error(&format!(
                "sed: -e expression #1, char {}: {why}\n",
                parser.at
            ))?;
            return Ok(1);
        }
    };
    apply(shell, &read, commands)
}

fn apply(shell: &mut Interpreter<'_>, read: &Read, mut commands: Vec<Command>) -> Flow<i32> {
    let found = inputs(shell, "sed", &read.operands)?;
    let mut status = if found.failed { 2 } else { 0 };
    if read.has('i') {
        for (file, text) in found.texts {
            let mut editor = Editor::new(text.split_inclusive('\n').collect(), read.has('n'));
            let ended = editor.run(shell, &mut commands)?;
            status = ended.max(status);
            let out = std::mem::take(&mut editor.out);
            if let Err(error) = shell.write_file(&file, &out, false)? {
                shell.error(&format!("sed: couldn't open file {file}: {error}\n"))?;
                status = 4;
            }
        }
        return Ok(status);
    }
    let text = found.joined();
    let mut editor = Editor::new(text.split_inclusive('\n').collect(), read.has('n'));
    let ended = editor.run(shell, &mut commands)?;
    shell.out(&editor.out)?;
    Ok(if ended == 0 { status } else { ended })
}

struct Editor<'t> {
    lines: Vec<&'t str>,
    at: usize,
    line: String,
    hold: String,
    quiet: bool,
    out: String,
    after: String,
}

impl<'t> Editor<'t> {
    fn new(lines: Vec<&'t str>, quiet: bool) -> Self {
        Self {
            lines,
            at: 0,
            line: String::new(),
            hold: String::new(),
            quiet,
            out: String::new(),
            after: String::new(),
        }
    }

    fn run(&mut self, shell: &mut Interpreter<'_>, commands: &mut [Command]) -> Flow<i32> {
        while self.at < self.lines.len() {
            self.line = self.lines[self.at].trim_end_matches('\n').to_owned();
            self.at += 1;
            let outcome = self.each(shell, commands)?;
            match outcome {
                Outcome::Goes => self.show(),
                Outcome::Quits(_, true) => self.show(),
                Outcome::Deleted | Outcome::Quits(..) => {}
            }
            self.out += &std::mem::take(&mut self.after);
            if let Outcome::Quits(status, _) = outcome {
                return Ok(status);
            }
        }
        Ok(0)
    }

    fn show(&mut self) {
        if !self.quiet {
            self.print();
        }
    }

    fn print(&mut self) {
        self.out += &self.line;
        let is_whole = self
            .lines
            .get(self.at - 1)
            .is_none_or(|it| it.ends_with('\n'));
        if is_whole || self.at < self.lines.len() {
            self.out.push('\n');
        }
    }

    fn each(&mut self, shell: &mut Interpreter<'_>, commands: &mut [Command]) -> Flow<Outcome> {
        for command in commands {
            shell.step(self.line.len())?;
            if self.selects(command) == command.negated {
                continue;
            }
            match &mut command.kind {
                Kind::Block(inner) => match self.each(shell, inner)? {
                    Outcome::Goes => {}
                    other => return Ok(other),
                },
                Kind::Substitute(it) => {
                    shell.step(self.line.len())?;
                    if let Some(changed) = it.apply(&self.line) {
                        shell.written(changed.len())?;
                        self.line = changed;
                        if it.prints {
                            self.print();
                        }
                    }
                }
                Kind::Translate(pairs) => {
                    let one = |letter: char| {
                        let found = pairs.iter().find(|it| it.0 == letter);
                        found.map_or(letter, |it| it.1)
                    };
                    self.line = self.line.chars().map(one).collect();
                }
                Kind::Print => self.print(),
                Kind::PrintFirst => {
                    self.out += self.line.split('\n').next().unwrap_or_default();
                    self.out.push('\n');
                }
                Kind::Delete => return Ok(Outcome::Deleted),
                Kind::Quit(status, prints) => return Ok(Outcome::Quits(*status, *prints)),
                Kind::Number => self.out += &format!("{}\n", self.at),
                Kind::Next | Kind::Append => {
                    let appends = matches!(command.kind, Kind::Append);
                    if let Some(outcome) = self.next(appends) {
                        return Ok(outcome);
                    }
                }
                Kind::Before(text) => self.out += text,
                Kind::After(text) => self.after += text,
                Kind::Change(text) => {
                    if command.to.is_none() || command.within.is_none() {
                        self.out += text;
                    }
                    return Ok(Outcome::Deleted);
                }
                Kind::Hold(letter) => self.hold(*letter),
            }
        }
        Ok(Outcome::Goes)
    }

    /// Goes on to the next line, or takes it to the one at hand; what comes of it if there is none.
    fn next(&mut self, appends: bool) -> Option<Outcome> {
        if !appends {
            self.show();
        }
        let Some(next) = self.lines.get(self.at) else {
            return Some(match appends {
                true => Outcome::Quits(0, true),
                false => Outcome::Deleted,
            });
        };
        let next = next.trim_end_matches('\n');
        self.line = match appends {
            true => format!("{}\n{next}", self.line),
            false => next.to_owned(),
        };
        self.at += 1;
        None
    }

    fn hold(&mut self, letter: char) {
        match letter {
            'h' => self.hold.clone_from(&self.line),
            'H' => self.hold = format!("{}\n{}", self.hold, self.line),
            'g' => self.line.clone_from(&self.hold),
            'G' => self.line = format!("{}\n{}", self.line, self.hold),
            _ => std::mem::swap(&mut self.line, &mut self.hold),
        }
    }

    fn fits(&self, address: &Address) -> bool {
        match address {
            Address::Line(number) => self.at == *number,
            Address::Last => self.at == self.lines.len(),
            Address::Fits(regex) => regex.is_match(&self.line),
            Address::Every(first, 0) => self.at == *first,
            Address::Every(first, step) => {
                self.at >= *first && (self.at - first).is_multiple_of(*step)
            }
            Address::More(_) => false,
        }
    }

    fn selects(&self, command: &mut Command) -> bool {
        let Some(from) = &command.from else {
            return true;
        };
        let Some(to) = &command.to else {
            return self.fits(from);
        };
        if let Some(until) = command.within {
            let ends = self.at >= until || self.fits(to);
            if let Address::Line(last) = to
                && self.at > *last
            {
                command.within = None;
                return false;
            }
            if ends {
                command.within = None;
            }
            return true;
        }
        if !self.fits(from) {
            return false;
        }
        command.within = match to {
            Address::Line(last) if *last <= self.at => None,
            Address::Line(last) => Some(*last),
            Address::More(0) => None,
            Address::More(more) => Some(self.at + more),
            Address::Last if self.at == self.lines.len() => None,
            _ => Some(usize::MAX),
        };
        true
    }
}

impl Substitution {
    fn apply(&self, line: &str) -> Option<String> {
        let mut out = String::new();
        let (mut end, mut changed) = (0, false);
        for (at, found) in self.regex.captures_iter(line).enumerate() {
            if at + 1 < self.nth || at + 1 > self.nth && !self.all {
                continue;
            }
            let whole = found.get(0)?;
            out += &line[end..whole.start()];
            for part in &self.with {
                match part {
                    Part::Text(text) => out += text,
                    Part::Group(number) => {
                        out += found.get(*number).map_or("", |it| it.as_str());
                    }
                }
            }
            end = whole.end();
            changed = true;
        }
        out += &line[end..];
        changed.then_some(out)
    }
}
