//! `grep`.

use regex::Regex;

use super::{inputs, read_options};
use crate::regular::{self, Language};
use crate::run::{Flow, Interpreter, Stop};

const LONG: &[(&str, char)] = &[
    ("extended-regexp", 'E'),
    ("fixed-strings", 'F'),
    ("basic-regexp", 'G'),
    ("invert-match", 'v'),
    ("count", 'c'),
    ("only-matching", 'o'),
    ("ignore-case", 'i'),
    ("quiet", 'q'),
    ("silent", 'q'),
    ("line-number", 'n'),
    ("word-regexp", 'w'),
    ("line-regexp", 'x'),
    ("regexp", 'e'),
    ("max-count", 'm'),
    ("files-with-matches", 'l'),
    ("files-without-match", 'L'),
    ("no-filename", 'h'),
    ("with-filename", 'H'),
    ("no-messages", 's'),
    ("after-context", 'A'),
    ("before-context", 'B'),
    ("context", 'C'),
    ("color", 'K'),
    ("line-buffered", 'U'),
];

/// What is looked for, and what is said about it.
struct Asked {
    regex: Regex,
    read: super::Read,
    most: usize,
    before: usize,
    after: usize,
    named: bool,
}

pub(super) fn grep(shell: &mut Interpreter<'_>, name: &str, arguments: &[String]) -> Flow<i32> {
    let letters = "EFGPvcoiqnwxe:m:lLhHsA:B:C:KUa";
    let Some(mut read) = read_options(shell, "grep", arguments, letters, LONG)? else {
        return Ok(2);
    };
    let mut patterns: Vec<String> = read
        .options
        .iter()
        .filter(|it| it.0 == 'e')
        .map(|it| it.1.clone())
        .collect();
    if patterns.is_empty() {
        if read.operands.is_empty() {
            shell.error("Usage: grep [OPTION]... PATTERNS [FILE]...\n")?;
            return Ok(2);
        }
        patterns.push(read.operands.remove(0));
    }
    match name {
        "egrep" => read.options.push(('E', String::new())),
        "fgrep" => read.options.push(('F', String::new())),
        _ => {}
    }
    let regex = match expression(&patterns, &read) {
        Ok(regex) => regex,
        Err(why) => return wrong(shell, &read, &why),
    };
    let number = |letter| read.value(letter).and_then(|it| it.parse::<usize>().ok());
    let around = number('C').unwrap_or(0);
    let asked = Asked {
        most: number('m').unwrap_or(usize::MAX),
        before: number('B').unwrap_or(around),
        after: number('A').unwrap_or(around),
        named: (read.operands.len() > 1 || read.has('H')) && !read.has('h'),
        regex,
        read,
    };
    let quiet_errors = asked.read.has('s');
    let channels = quiet_errors.then(|| shell.state.channels.remove(&2));
    let found = inputs(shell, "grep", &asked.read.operands);
    if let Some(Some(channel)) = channels {
        shell.state.channels.insert(2, channel);
    }
    let found = found?;
    let mut any = false;
    for (file, text) in &found.texts {
        let file = if file == "-" {
            "(standard input)"
        } else {
            file
        };
        let (out, matched) = asked.search(file, text);
        any |= matched;
        shell.out(&out)?;
    }
    Ok(match (any, found.failed) {
        (true, true) if !asked.read.has('q') => 2,
        (true, _) => 0,
        (false, true) => 2,
        (false, false) => 1,
    })
}

/// An expression that is none, or is not simulated.
fn wrong(shell: &mut Interpreter<'_>, read: &super::Read, why: &str) -> Flow<i32> {
    if read.has('P') {
        let text = "look-around and back-references are not simulated";
        return Err(Stop::Refused(format!("grep -P: {why}: {text}")));
    }
    if why.contains("not simulated") {
        return Err(Stop::Refused(format!("grep: {why}")));
    }
    let why = match why.starts_with("Unmatched [") {
        true => "Invalid regular expression",
        false => why,
    };
    shell.error(&format!("grep: {why}\n"))?;
    Ok(2)
}

fn expression(patterns: &[String], read: &super::Read) -> Result<Regex, String> {
    let language = if read.has('E') {
        Language::Extended
    } else {
        Language::Basic
    };
    let lines = patterns.iter().flat_map(|it| it.split('\n'));
    let one = |pattern: &str| {
        if read.has('F') {
            return Ok(regex::escape(pattern));
        }
        if read.has('P') {
            return Ok(pattern.to_owned());
        }
        regular::translate(pattern, language)
    };
    let parts: Result<Vec<String>, String> = lines.map(one).collect();
    let parts: Vec<String> = parts?.into_iter().map(|it| format!("(?:{it})")).collect();
    let mut whole = parts.join("|");
    if read.has('w') {
        whole = format!(r"(?:^|\b{{start-half}})(?:{whole})(?:$|\b{{end-half}})");
    }
    if read.has('x') {
        whole = format!("^(?:{whole})$");
    }
    regular::build(&whole, read.has('i'))
}

impl Asked {
    /// What is printed of a text, and whether it has matched.
    fn search(&self, file: &str, text: &str) -> (String, bool) {
        let lines: Vec<&str> = text.lines().collect();
        let fits = |line: &&str| self.regex.is_match(line) != self.read.has('v');
        let found = lines
            .iter()
            .enumerate()
            .filter(|(_, line)| fits(line))
            .map(|it| it.0);
        let found: Vec<usize> = found.take(self.most).collect();
        let matched = !found.is_empty();
        let mut out = String::new();
        if self.read.has('q') {
            return (out, matched);
        }
        if self.read.has('l') || self.read.has('L') {
            if matched == self.read.has('l') {
                out = format!("{file}\n");
            }
            return (out, matched);
        }
        let before = |sign: char, line: usize| {
            let mut text = String::new();
            if self.named {
                text += &format!("{file}{sign}");
            }
            if self.read.has('n') {
                text += &format!("{}{sign}", line + 1);
            }
            text
        };
        if self.read.has('c') {
            let name = if self.named {
                format!("{file}:")
            } else {
                String::new()
            };
            return (format!("{name}{}\n", found.len()), matched);
        }
        if self.read.has('o') {
            for at in found.into_iter().filter(|_| !self.read.has('v')) {
                for part in self.regex.find_iter(lines[at]).filter(|it| !it.is_empty()) {
                    out += &format!("{}{}\n", before(':', at), part.as_str());
                }
            }
            return (out, matched);
        }
        // The first line that has not been printed.
        let mut next = 0;
        for (nth, at) in found.iter().enumerate() {
            let from = at.saturating_sub(self.before).max(next);
            if nth > 0 && from > next && self.before + self.after > 0 {
                out += "--\n";
            }
            for line in from..*at {
                out += &format!("{}{}\n", before('-', line), lines[line]);
            }
            out += &format!("{}{}\n", before(':', *at), lines[*at]);
            next = at + 1;
            let until = found.get(nth + 1).copied().unwrap_or(lines.len());
            while next < until.min(at + 1 + self.after) {
                out += &format!("{}{}\n", before('-', next), lines[next]);
                next += 1;
            }
        }
        (out, matched)
    }
}
