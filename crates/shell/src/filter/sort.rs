//! `sort`, in the order of the octets (the locale is `C`).

use std::cmp::Ordering;

use super::{inputs, read_options};
use crate::run::{Flow, Interpreter};

/// How texts are compared.
#[derive(Clone, Copy, Debug, Default)]
struct Kind {
    numeric: bool,
    version: bool,
    human: bool,
    fold: bool,
    reverse: bool,
    blanks: bool,
}

/// A key: fields and letters, counted from 1.
#[derive(Clone, Copy, Debug)]
struct Key {
    from: (usize, usize),
    to: Option<(usize, usize)>,
    kind: Kind,
}

impl Kind {
    fn read(&mut self, letter: char) -> bool {
        match letter {
            'n' | 'g' => self.numeric = true,
            'V' => self.version = true,
            'h' => self.human = true,
            'f' => self.fold = true,
            'r' => self.reverse = true,
            'b' => self.blanks = true,
            _ => return false,
        }
        true
    }

    fn is_plain(self) -> bool {
        !(self.numeric || self.version || self.human || self.fold || self.reverse || self.blanks)
    }

    fn compare(self, left: &str, right: &str) -> Ordering {
        let order = if self.numeric {
            number(left).total_cmp(&number(right))
        } else if self.human {
            human(left).total_cmp(&human(right))
        } else if self.version {
            version(left, right)
        } else if self.fold {
            left.to_uppercase().cmp(&right.to_uppercase())
        } else {
            left.cmp(right)
        };
        if self.reverse { order.reverse() } else { order }
    }
}

/// The number that a text begins with.
fn number(text: &str) -> f64 {
    let text = text.trim_start();
    let is_part =
        |(at, it): &(usize, char)| it.is_ascii_digit() || *it == '.' || *it == '-' && *at == 0;
    let digits: String = text
        .char_indices()
        .take_while(is_part)
        .map(|it| it.1)
        .collect();
    digits.parse().unwrap_or(0.0)
}

/// `2K` and its like.
fn human(text: &str) -> f64 {
    let text = text.trim();
    let unit = text
        .chars()
        .last()
        .and_then(|it| "KMGTPE".find(it.to_ascii_uppercase()));
    number(text) * unit.map_or(1.0, |it| 1024_f64.powi(it as i32 + 1))
}

/// Digits by their value, the rest letter by letter.
fn version(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left, right);
    loop {
        let split = |text: &str, digits: bool| {
            text.find(|it: char| it.is_ascii_digit() != digits)
                .unwrap_or(text.len())
        };
        let (a, b) = (split(left, false), split(right, false));
        let order = left[..a].cmp(&right[..b]);
        if order != Ordering::Equal {
            return order;
        }
        (left, right) = (&left[a..], &right[b..]);
        let (a, b) = (split(left, true), split(right, true));
        let (x, y) = (
            left[..a].trim_start_matches('0'),
            right[..b].trim_start_matches('0'),
        );
        let order = x.len().cmp(&y.len()).then_with(|| x.cmp(y));
        if order != Ordering::Equal || left.is_empty() && right.is_empty() {
            return order;
        }
        (left, right) = (&left[a..], &right[b..]);
    }
}

/// `2`, `2.3`, with letters behind.
fn position(text: &str, kind: &mut Kind) -> Option<(usize, usize)> {
    let end = text
        .find(|it: char| it.is_ascii_alphabetic())
        .unwrap_or(text.len());
    if !text[end..].chars().all(|it| kind.read(it)) {
        return None;
    }
    let (field, letter) = text[..end].split_once('.').unwrap_or((&text[..end], "0"));
    Some((
        field.parse().ok().filter(|it| *it > 0)?,
        letter.parse().ok()?,
    ))
}

fn key(text: &str, whole: Kind) -> Option<Key> {
    let mut kind = Kind::default();
    let (from, to) = match text.split_once(',') {
        Some((from, to)) => (position(from, &mut kind)?, Some(position(to, &mut kind)?)),
        None => (position(text, &mut kind)?, None),
    };
    let kind = if kind.is_plain() { whole } else { kind };
    Some(Key { from, to, kind })
}

impl Key {
    /// The part of a line that it names.
    fn part<'l>(&self, line: &'l str, separator: Option<char>) -> &'l str {
        let fields = spans(line, separator);
        let at = |(field, letter): (usize, usize), is_end: bool| {
            let Some((start, end)) = fields.get(field - 1) else {
                return line.len();
            };
            let mut start = *start;
            if self.kind.blanks && letter > 0 {
                start += line[start..].len() - line[start..].trim_start().len();
            }
            match (is_end, letter) {
                (true, 0) => *end,
                (true, letter) => (start + letter).min(line.len()),
                (false, letter) => (start + letter.saturating_sub(1)).min(line.len()),
            }
        };
        let from = line.floor_char_boundary(at(self.from, false));
        let to = self.to.map_or(line.len(), |it| at(it, true));
        let to = line.floor_char_boundary(to).max(from);
        let part = &line[from..to];
        if self.kind.blanks {
            part.trim_start()
        } else {
            part
        }
    }
}

/// Where the fields of a line are; without a separator each begins with the blanks before it.
fn spans(line: &str, separator: Option<char>) -> Vec<(usize, usize)> {
    let mut spans = Vec::new();
    let mut start = 0;
    if let Some(separator) = separator {
        for part in line.split(separator) {
            spans.push((start, start + part.len()));
            start += part.len() + separator.len_utf8();
        }
        return spans;
    }
    while start < line.len() {
        let rest = &line[start..];
        let blank = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        let word = rest[blank..]
            .find([' ', '\t'])
            .unwrap_or(rest.len() - blank);
        spans.push((start, start + blank + word));
        start += blank + word;
    }
    spans
}

const LONG: &[(&str, char)] = &[
    ("numeric-sort", 'n'),
    ("reverse", 'r'),
    ("unique", 'u'),
    ("key", 'k'),
    ("field-separator", 't'),
    ("ignore-case", 'f'),
    ("version-sort", 'V'),
    ("human-numeric-sort", 'h'),
    ("stable", 's'),
    ("output", 'o'),
    ("check", 'c'),
];

/// `-c`, `-C`: whether lines are in order.
fn check(
    shell: &mut Interpreter<'_>,
    read: &super::Read,
    lines: &[&str],
    compare: impl Fn(&&str, &&str) -> Ordering,
) -> Flow<i32> {
    let wrong = |at: &usize| match compare(&lines[at - 1], &lines[*at]) {
        Ordering::Greater => true,
        Ordering::Equal => read.has('u'),
        Ordering::Less => false,
    };
    let Some(at) = (1..lines.len()).find(wrong) else {
        return Ok(0);
    };
    if !read.has('C') {
        let file = read.operands.first().map_or("-", String::as_str);
        let text = format!("sort: {file}:{}: disorder: {}\n", at + 1, lines[at]);
        shell.error(&text)?;
    }
    Ok(1)
}

pub(super) fn sort(shell: &mut Interpreter<'_>, arguments: &[String]) -> Flow<i32> {
    let Some(read) = read_options(shell, "sort", arguments, "nghVfrbuk:t:so:cC", LONG)? else {
        return Ok(2);
    };
    let mut whole = Kind::default();
    for (letter, _) in &read.options {
        whole.read(*letter);
    }
    let texts = read.options.iter().filter(|it| it.0 == 'k');
    let keys: Option<Vec<Key>> = texts.map(|it| key(&it.1, whole)).collect();
    let Some(keys) = keys else {
        shell.error("sort: invalid field specification\n")?;
        return Ok(2);
    };
    let separator = read.value('t').and_then(|it| match it {
        "\\0" => Some('\0'),
        it => it.chars().next(),
    });
    let found = inputs(shell, "sort", &read.operands)?;
    let failed = found.failed;
    let text = found.joined();
    // A comparison is work.
    let count = text.lines().count();
    let comparisons = (count.max(2).ilog2() as usize) * (keys.len() + 1);
    shell.step(text.len().saturating_mul(comparisons) / 4)?;
    let mut lines: Vec<&str> = text.lines().collect();
    let by_keys = |left: &&str, right: &&str| {
        let mut order = Ordering::Equal;
        for key in &keys {
            let (left, right) = (key.part(left, separator), key.part(right, separator));
            order = order.then_with(|| key.kind.compare(left, right));
        }
        if keys.is_empty() {
            whole.compare(left, right)
        } else {
            order
        }
    };
    if read.has('c') || read.has('C') {
        return check(shell, &read, &lines, by_keys);
    }
    lines.sort_by(|left, right| {
        let last = || match (read.has('s') || read.has('u'), whole.reverse) {
            (true, _) => Ordering::Equal,
            (false, true) => right.cmp(left),
            (false, false) => left.cmp(right),
        };
        by_keys(left, right).then_with(last)
    });
    if read.has('u') {
        lines.dedup_by(|next, before| by_keys(before, next) == Ordering::Equal);
    }
    let out: String = lines.iter().map(|it| format!("{it}\n")).collect();
    match read.value('o') {
        Some(path) => {
            if let Err(error) = shell.write_file(path, &out, false)? {
                shell.error(&format!("sort: open failed: {path}: {error}\n"))?;
                return Ok(2);
            }
        }
        None => shell.out(&out)?,
    }
    Ok(if failed { 2 } else { 0 })
}
