//! `sed` (XCU `sed`, with GNU's additions that scripts use).

mod parse;

use parse::Parser;
use regex::Regex;

use super::{Read, inputs_or, read_options};
use crate::regular::Language;
use crate::run::{Flow, Interpreter, Stop};

/// A regular expression; without one it is the last that was used.
type Pattern = Option<Regex>;

#[derive(Debug)]
enum Address {
    Line(usize),
    Last,
    Fits(Pattern),
    /// `first~step`
    Every(usize, usize),
    /// `addr,+N`
    More(usize),
}

#[derive(Debug)]
struct Substitution {
    pattern: Pattern,
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
    /// `\U`, `\L`, `\u`, `\l`, `\E`
    Case(char),
}

/// When a branch is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum If {
    Always,
    /// Something has been substituted since the line was read, or the last such branch.
    Substituted,
    Not,
}

#[derive(Debug)]
enum Kind {
    Substitute(Substitution),
    Translate(Vec<(char, char)>),
    Print,
    PrintFirst,
    Delete,
    /// `D`: the first line of several; the rest is taken as if it had been read.
    DeleteFirst,
    Quit(i32, bool),
    Number,
    Next,
    Append,
    Before(String),
    After(String),
    Change(String),
    Hold(char),
    /// `{`: where it goes on if the block is not for this line.
    Open(usize),
    /// `b`, `t`, `T`: where to; to the end without a place.
    Branch(If, Option<usize>),
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
    /// The rest of the line is taken again.
    Again,
    Quits(i32, bool),
}

/// The arguments without the suffix that is part of the word `-i`, and that.
fn in_place(arguments: &[String]) -> (Vec<String>, Option<String>) {
    let (mut words, mut suffix) = (Vec::new(), None);
    let mut is_value = false;
    for word in arguments {
        let letters = word.strip_prefix('-').filter(|it| !it.starts_with('-'));
        let at = letters.and_then(|it| it.find('i'));
        let own = match (is_value, letters.zip(at)) {
            (false, Some((letters, at)))
                if letters[..at].chars().all(|it| "nEruz".contains(it)) =>
            {
                suffix = Some(letters[at + 1..].to_owned());
                format!("-{}", &letters[..=at])
            }
            _ => word.clone(),
        };
        is_value = word == "-e" || word == "-f";
        match word.strip_prefix("--in-place=") {
            Some(text) if !is_value => {
                suffix = Some(text.to_owned());
                words.push("-i".to_owned());
            }
            _ => words.push(own),
        }
    }
    (words, suffix.filter(|it| !it.is_empty()))
}

pub(super) fn sed(shell: &mut Interpreter<'_>, arguments: &[String]) -> Flow<i32> {
    let long = &[
        ("quiet", 'n'),
        ("silent", 'n'),
        ("regexp-extended", 'E'),
        ("expression", 'e'),
        ("file", 'f'),
        ("in-place", 'i'),
        ("separate", 's'),
        ("unbuffered", 'u'),
    ];
    let (arguments, suffix) = in_place(arguments);
    let Some(mut read) = read_options(shell, "sed", &arguments, "nEre:f:isu", long)? else {
        return Ok(1);
    };
    let mut texts = Vec::new();
    for (letter, value) in &read.options {
        match letter {
            'e' => texts.push(value.clone()),
            'f' => match shell.read_file(value)? {
                Ok(text) => texts.push(text.trim_end_matches('\n').to_owned()),
                Err(error) => {
                    shell.error(&format!("sed: couldn't open file {value}: {error}\n"))?;
                    return Ok(1);
                }
            },
            _ => {}
        }
    }
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
    match parser.program() {
        Ok(commands) => apply(shell, &read, commands, suffix.as_deref()),
        Err(why) if why.contains("not simulated") => Err(Stop::Refused(format!("sed: {why}"))),
        Err(why) => {
            let at = parser.at;
            shell.error(&format!("sed: -e expression #1, char {at}: {why}\n"))?;
            Ok(1)
        }
    }
}

fn apply(
    shell: &mut Interpreter<'_>,
    read: &Read,
    mut commands: Vec<Command>,
    suffix: Option<&str>,
) -> Flow<i32> {
    if read.has('i') && read.operands.is_empty() {
        shell.error("sed: no input files\n")?;
        return Ok(1);
    }
    let found = inputs_or(shell, &read.operands, |file, error| {
        format!("sed: can't read {file}: {error}\n")
    })?;
    let mut status = if found.failed { 2 } else { 0 };
    if !read.has('i') && !read.has('s') {
        let lines = found.texts.iter().flat_map(|it| it.1.split_inclusive('\n'));
        let mut editor = Editor::new(lines.collect(), read.has('n'));
        let ended = editor.run(shell, &mut commands)?;
        editor.flush(shell)?;
        return Ok(if ended == 0 { status } else { ended });
    }
    for (file, text) in &found.texts {
        let mut editor = Editor::new(text.split_inclusive('\n').collect(), read.has('n'));
        editor.keeps = read.has('i');
        let ended = editor.run(shell, &mut commands)?;
        status = ended.max(status);
        if !editor.keeps {
            editor.flush(shell)?;
            continue;
        }
        let out = std::mem::take(&mut editor.out);
        if let Some(suffix) = suffix {
            let copy = match suffix.contains('*') {
                true => suffix.replace('*', file),
                false => format!("{file}{suffix}"),
            };
            // The file itself is written next, and would fail in the same way.
            let _ = shell.write_file(&copy, text, false)?;
        }
        if let Err(error) = shell.write_file(file, &out, false)? {
            shell.error(&format!("sed: couldn't open file {file}: {error}\n"))?;
            status = 4;
        }
    }
    Ok(status)
}

struct Editor<'t> {
    lines: Vec<&'t str>,
    at: usize,
    line: String,
    hold: String,
    quiet: bool,
    out: String,
    /// What is printed is kept for a file.
    keeps: bool,
    after: String,
    /// Whether something has been substituted.
    substituted: bool,
    /// The regular expression that was used last.
    last: Option<Regex>,
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
            keeps: false,
            after: String::new(),
            substituted: false,
            last: None,
        }
    }

    fn run(&mut self, shell: &mut Interpreter<'_>, commands: &mut [Command]) -> Flow<i32> {
        let mut again = false;
        while again || self.at < self.lines.len() {
            shell.step(0)?;
            if !again {
                self.line = self.lines[self.at].trim_end_matches('\n').to_owned();
                self.at += 1;
                self.substituted = false;
            }
            let outcome = self.each(shell, commands)?;
            again = matches!(outcome, Outcome::Again);
            match outcome {
                Outcome::Goes | Outcome::Quits(_, true) => self.show(),
                Outcome::Deleted | Outcome::Again | Outcome::Quits(..) => {}
            }
            self.out += &std::mem::take(&mut self.after);
            if !self.keeps && self.out.len() > 4096 {
                self.flush(shell)?;
            }
            if let Outcome::Quits(status, _) = outcome {
                return Ok(status);
            }
        }
        Ok(0)
    }

    /// Writes what has been printed.
    fn flush(&mut self, shell: &mut Interpreter<'_>) -> Flow<()> {
        let out = std::mem::take(&mut self.out);
        shell.out(&out)
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

    /// The commands, from the first to the last, or where branches lead.
    fn each(&mut self, shell: &mut Interpreter<'_>, commands: &mut [Command]) -> Flow<Outcome> {
        let mut next = 0;
        while let Some(command) = commands.get_mut(next) {
            next += 1;
            shell.step(self.line.len())?;
            shell.has_room(self.out.len())?;
            if self.selects(shell, command)? == command.negated {
                if let Kind::Open(end) = command.kind {
                    next = end;
                }
                continue;
            }
            if let Kind::Branch(when, to) = command.kind {
                let due = match when {
                    If::Always => true,
                    If::Substituted => std::mem::take(&mut self.substituted),
                    If::Not => !std::mem::take(&mut self.substituted),
                };
                match (due, to) {
                    (true, Some(to)) => next = to,
                    (true, None) => return Ok(Outcome::Goes),
                    (false, _) => {}
                }
                continue;
            }
            if let Some(outcome) = self.one(shell, command)? {
                return Ok(outcome);
            }
        }
        Ok(Outcome::Goes)
    }

    /// One command; what becomes of the line where that is the end of it.
    fn one(&mut self, shell: &mut Interpreter<'_>, command: &Command) -> Flow<Option<Outcome>> {
        match &command.kind {
            Kind::Open(_) | Kind::Branch(..) => {}
            Kind::Substitute(it) => self.substitute(shell, it)?,
            Kind::Translate(pairs) => {
                shell.step(self.line.len().saturating_mul(pairs.len()) / 64)?;
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
            Kind::Delete => return Ok(Some(Outcome::Deleted)),
            Kind::DeleteFirst => {
                return Ok(Some(match self.line.split_once('\n') {
                    Some((_, rest)) => {
                        self.line = rest.to_owned();
                        Outcome::Again
                    }
                    None => Outcome::Deleted,
                }));
            }
            Kind::Quit(status, prints) => return Ok(Some(Outcome::Quits(*status, *prints))),
            Kind::Number => self.out += &format!("{}\n", self.at),
            Kind::Next => return Ok(self.next(false)),
            Kind::Append => return Ok(self.next(true)),
            Kind::Before(text) => self.out += text,
            Kind::After(text) => self.after += text,
            Kind::Change(text) => {
                if command.to.is_none() || command.within.is_none() || command.negated {
                    self.out += text;
                }
                return Ok(Some(Outcome::Deleted));
            }
            Kind::Hold(letter) => {
                self.hold(*letter);
                shell.step(self.line.len() + self.hold.len())?;
            }
        }
        Ok(None)
    }

    fn substitute(&mut self, shell: &mut Interpreter<'_>, it: &Substitution) -> Flow<()> {
        shell.step(self.line.len())?;
        let regex = self.regex(&it.pattern)?;
        if let Some(changed) = it.apply(shell, &regex, &self.line)? {
            shell.written(changed.len())?;
            self.line = changed;
            self.substituted = true;
            if it.prints {
                self.print();
            }
        }
        Ok(())
    }

    /// The regular expression that is meant, which is now the last that was used.
    fn regex(&mut self, pattern: &Pattern) -> Flow<Regex> {
        match pattern.as_ref().or(self.last.as_ref()).cloned() {
            Some(regex) => {
                self.last = Some(regex.clone());
                Ok(regex)
            }
            None => Err(Stop::Refused(
                "sed: no previous regular expression".to_owned(),
            )),
        }
    }

    /// Goes on to the next line, or takes it to the one at hand; what comes of it if there is none.
    fn next(&mut self, appends: bool) -> Option<Outcome> {
        if !appends {
            self.show();
            self.out += &std::mem::take(&mut self.after);
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

    fn fits(&mut self, address: &Address) -> Flow<bool> {
        Ok(match address {
            Address::Line(number) => self.at == *number,
            Address::Last => self.at == self.lines.len(),
            Address::Fits(pattern) => self.regex(pattern)?.is_match(&self.line),
            Address::Every(first, 0) => self.at == *first,
            Address::Every(first, step) => {
                self.at >= *first && (self.at - first).is_multiple_of(*step)
            }
            Address::More(_) => false,
        })
    }

    fn selects(&mut self, shell: &mut Interpreter<'_>, command: &mut Command) -> Flow<bool> {
        let Some(from) = &command.from else {
            return Ok(true);
        };
        shell.step(self.line.len())?;
        let Some(to) = &command.to else {
            return self.fits(from);
        };
        // `0,/x/` is open before the first line.
        if matches!(from, Address::Line(0)) && self.at == 1 {
            command.within = Some(usize::MAX);
        }
        if let Some(until) = command.within {
            let ends = self.at >= until || self.fits(to)?;
            if let Address::Line(last) = to
                && self.at > *last
            {
                command.within = None;
                return Ok(false);
            }
            if ends {
                command.within = None;
            }
            return Ok(true);
        }
        if !self.fits(from)? {
            return Ok(false);
        }
        command.within = match to {
            Address::Line(last) if *last <= self.at => None,
            Address::Line(last) => Some(*last),
            Address::More(0) => None,
            Address::More(more) => Some(self.at + more),
            Address::Last if self.at == self.lines.len() => None,
            _ => Some(usize::MAX),
        };
        Ok(true)
    }
}

impl Substitution {
    /// The line with what is put in place, if there is something to be put.
    fn apply(&self, shell: &Interpreter<'_>, regex: &Regex, line: &str) -> Flow<Option<String>> {
        let mut out = String::new();
        let (mut end, mut changed) = (0, false);
        for (at, found) in regex.captures_iter(line).enumerate() {
            if at + 1 < self.nth || at + 1 > self.nth && !self.all {
                continue;
            }
            let Some(whole) = found.get(0) else { continue };
            out += &line[end..whole.start()];
            let mut case = Case::default();
            for part in &self.with {
                match part {
                    Part::Text(text) => case.push(&mut out, text),
                    Part::Group(number) => {
                        case.push(&mut out, found.get(*number).map_or("", |it| it.as_str()));
                    }
                    Part::Case(letter) => case.switch(*letter),
                }
            }
            end = whole.end();
            changed = true;
            shell.has_room(out.len())?;
        }
        out += &line[end..];
        Ok(changed.then_some(out))
    }
}

/// How what is put in place is written.
#[derive(Default)]
struct Case {
    /// All of it: `U` or `L`.
    all: Option<char>,
    /// The next letter: `u` or `l`.
    next: Option<char>,
}

impl Case {
    fn switch(&mut self, letter: char) {
        match letter {
            'u' | 'l' => self.next = Some(letter),
            'E' => self.all = None,
            _ => self.all = Some(letter),
        }
    }

    fn push(&mut self, out: &mut String, text: &str) {
        for letter in text.chars() {
            match self.next.take().or(self.all) {
                Some('U' | 'u') => out.extend(letter.to_uppercase()),
                Some(_) => out.extend(letter.to_lowercase()),
                None => out.push(letter),
            }
        }
    }
}
