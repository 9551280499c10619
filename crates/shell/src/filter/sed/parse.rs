//! From the text of a script to commands.

use std::collections::BTreeMap;

use regex::Regex;

use super::{Address, Command, If, Kind, Part, Pattern, Substitution};
use crate::regular::{self, Language};

pub(super) struct Parser {
    letters: Vec<char>,
    /// How far it has come.
    pub(super) at: usize,
    language: Language,
    labels: BTreeMap<String, usize>,
}

type Parsed<T> = Result<T, String>;

impl Parser {
    pub(super) fn new(text: &str, language: Language) -> Self {
        Self {
            letters: text.chars().collect(),
            at: 0,
            language,
            labels: BTreeMap::new(),
        }
    }

    fn peek(&self) -> Option<char> {
        self.letters.get(self.at).copied()
    }

    fn skip(&mut self, set: &str) {
        while self.peek().is_some_and(|it| set.contains(it)) {
            self.at += 1;
        }
    }

    /// The whole script.
    pub(super) fn program(&mut self) -> Parsed<Vec<Command>> {
        let mut commands: Vec<Command> = Vec::new();
        // Blocks that are open, and branches to labels that may come later.
        let (mut open, mut branches) = (Vec::new(), Vec::new());
        loop {
            self.skip(" \t\n;");
            match self.peek() {
                None if open.is_empty() => break,
                None => return Err("unmatched `{'".to_owned()),
                Some('}') => {
                    let at: usize = open.pop().ok_or("unexpected `}'")?;
                    self.at += 1;
                    self.ends()?;
                    commands[at].kind = Kind::Open(commands.len());
                }
                Some('#') => {
                    while self.peek().is_some_and(|it| it != '\n') {
                        self.at += 1;
                    }
                }
                Some(':') => {
                    self.at += 1;
                    let name = self.label("\n;");
                    if name.is_empty() {
                        return Err("\":\" lacks a label".to_owned());
                    }
                    self.labels.insert(name, commands.len());
                }
                Some(_) => {
                    let (command, label) = self.command()?;
                    match (&command.kind, label) {
                        (Kind::Open(_), _) => open.push(commands.len()),
                        (_, Some(label)) => branches.push((commands.len(), label)),
                        _ => {}
                    }
                    commands.push(command);
                }
            }
        }
        for (at, label) in branches {
            let place = self.labels.get(&label).copied();
            let place = place.ok_or_else(|| format!("can't find label for jump to `{label}'"))?;
            if let Kind::Branch(_, to) = &mut commands[at].kind {
                *to = Some(place);
            }
        }
        Ok(commands)
    }

    /// The name behind `:`, `b` and their like.
    fn label(&mut self, ends: &str) -> String {
        self.skip(" \t");
        let from = self.at;
        while self.peek().is_some_and(|it| !ends.contains(it)) {
            self.at += 1;
        }
        let name: String = self.letters[from..self.at].iter().collect();
        name.trim_end().to_owned()
    }

    /// Whether a command that takes nothing more ends here.
    fn ends(&mut self) -> Parsed<()> {
        self.skip(" \t");
        match self.peek() {
            None | Some('\n' | ';' | '}' | '#') => Ok(()),
            Some(_) => {
                self.at += 1;
                Err("extra characters after command".to_owned())
            }
        }
    }

    /// A command, and the label that it leads to, if it is a branch with one.
    fn command(&mut self) -> Parsed<(Command, Option<String>)> {
        let from = self.address()?;
        self.skip(" ");
        let mut to = None;
        if from.is_some() && self.peek() == Some(',') {
            self.at += 1;
            self.skip(" ");
            to = Some(self.address()?.ok_or("unexpected `,'")?);
            self.skip(" ");
        }
        let from_zero = matches!(from, Some(Address::Line(0)));
        if from_zero && !matches!(to, Some(Address::Fits(_))) {
            return Err("invalid usage of line address 0".to_owned());
        }
        let mut negated = false;
        while self.peek() == Some('!') {
            negated = true;
            self.at += 1;
            self.skip(" ");
        }
        let letter = self.peek().ok_or("missing command")?;
        self.at += 1;
        let (kind, label) = self.kind(letter)?;
        let command = Command {
            from,
            to,
            negated,
            kind,
            within: None,
        };
        Ok((command, label))
    }

    fn kind(&mut self, letter: char) -> Parsed<(Kind, Option<String>)> {
        let kind = match letter {
            's' => Kind::Substitute(self.substitution()?),
            'y' => {
                let end = self.delimiter()?;
                let (from, to) = (plain(&self.until(end)?), plain(&self.until(end)?));
                if from.len() != to.len() {
                    return Err("strings for `y' command are different lengths".to_owned());
                }
                Kind::Translate(from.into_iter().zip(to).collect())
            }
            'p' => Kind::Print,
            'P' => Kind::PrintFirst,
            'd' => Kind::Delete,
            'D' => Kind::DeleteFirst,
            'q' | 'Q' => {
                self.skip(" ");
                Kind::Quit(self.number().unwrap_or(0) as i32, letter == 'q')
            }
            '=' => Kind::Number,
            'n' => Kind::Next,
            'N' => Kind::Append,
            'i' => return Ok((Kind::Before(self.text()?), None)),
            'a' => return Ok((Kind::After(self.text()?), None)),
            'c' => return Ok((Kind::Change(self.text()?), None)),
            'h' | 'H' | 'g' | 'G' | 'x' => Kind::Hold(letter),
            '{' => return Ok((Kind::Open(0), None)),
            'b' | 't' | 'T' => {
                let when = match letter {
                    'b' => If::Always,
                    't' => If::Substituted,
                    _ => If::Not,
                };
                let label = self.label("\n;}");
                let label = Some(label).filter(|it| !it.is_empty());
                return Ok((Kind::Branch(when, None), label));
            }
            'l' | 'r' | 'R' | 'w' | 'W' | 'e' | 'F' | 'z' => {
                return Err(format!("the command `{letter}` is not simulated"));
            }
            other => return Err(format!("unknown command: `{other}'")),
        };
        self.ends()?;
        Ok((kind, None))
    }

    fn number(&mut self) -> Option<usize> {
        let from = self.at;
        while self.peek().is_some_and(|it| it.is_ascii_digit()) {
            self.at += 1;
        }
        self.letters[from..self.at]
            .iter()
            .collect::<String>()
            .parse()
            .ok()
    }

    fn address(&mut self) -> Parsed<Option<Address>> {
        Ok(Some(match self.peek() {
            Some('$') => {
                self.at += 1;
                Address::Last
            }
            Some('+') => {
                self.at += 1;
                Address::More(self.number().ok_or("expected number")?)
            }
            Some('0'..='9') => {
                let first = self.number().ok_or("invalid number")?;
                if self.peek() != Some('~') {
                    return Ok(Some(Address::Line(first)));
                }
                self.at += 1;
                Address::Every(first, self.number().unwrap_or(0))
            }
            Some('/' | '\\') => {
                self.at += usize::from(self.peek() == Some('\\'));
                let end = self.delimiter()?;
                let text = self.until(end)?;
                let fold = self.peek() == Some('I');
                self.at += usize::from(fold);
                Address::Fits(self.pattern(&text, fold)?)
            }
            _ => return Ok(None),
        }))
    }

    /// An expression; none where it is the last that was used.
    fn pattern(&self, text: &str, fold: bool) -> Parsed<Pattern> {
        match text.is_empty() {
            true => Ok(None),
            false => regular::compile(text, self.language, fold).map(Some),
        }
    }

    fn delimiter(&mut self) -> Parsed<char> {
        let end = self.peek().filter(|it| *it != '\n' && *it != '\\');
        self.at += 1;
        end.ok_or_else(|| "unterminated command".to_owned())
    }

    /// Up to a delimiter, which may be in it behind a backslash.
    fn until(&mut self, end: char) -> Parsed<String> {
        let mut text = String::new();
        loop {
            let letter = self.peek().ok_or("unterminated `s' command")?;
            self.at += 1;
            match letter {
                '\\' => match self.peek() {
                    Some(next) => {
                        if next != end {
                            text.push('\\');
                        }
                        text.push(next);
                        self.at += 1;
                    }
                    None => text.push('\\'),
                },
                _ if letter == end => return Ok(text),
                _ => text.push(letter),
            }
        }
    }

    fn substitution(&mut self) -> Parsed<Substitution> {
        let end = self.delimiter()?;
        let (pattern, with) = (self.until(end)?, self.until(end)?);
        let (mut all, mut prints, mut fold, mut nth) = (false, false, false, 1);
        loop {
            match self.peek() {
                Some('g') => all = true,
                Some('p') => prints = true,
                Some('i' | 'I') => fold = true,
                Some('0'..='9') => {
                    nth = self.number().unwrap_or(1).max(1);
                    continue;
                }
                Some('m' | 'M' | 'e' | 'w') => {
                    return Err(
                        "flags of `s` other than g, i, p and numbers are not simulated".into(),
                    );
                }
                None | Some(' ' | '\t' | '\n' | ';' | '}' | '#') => break,
                Some(_) => return Err("unknown option to `s'".to_owned()),
            }
            self.at += 1;
        }
        let pattern = self.pattern(&pattern, fold)?;
        let with = parts(&with);
        let most = with
            .iter()
            .map(|it| if let Part::Group(at) = it { *at } else { 0 })
            .max();
        let groups = pattern.as_ref().map_or(usize::MAX, Regex::captures_len);
        if let Some(most) = most.filter(|it| *it >= groups) {
            return Err(format!("invalid reference \\{most} on `s' command's RHS"));
        }
        Ok(Substitution {
            pattern,
            with,
            all,
            prints,
            nth,
        })
    }

    /// The text of `a`, `i`, `c`: to the end of the line.
    fn text(&mut self) -> Parsed<String> {
        self.skip(" \t");
        if self.peek() == Some('\\') {
            self.at += 1;
            self.skip(" \t");
            self.at += usize::from(self.peek() == Some('\n'));
        }
        if self.peek().is_none() {
            return Err("expected \\ after `a', `c' or `i'".to_owned());
        }
        let mut text = String::new();
        while let Some(letter) = self.peek() {
            self.at += 1;
            match letter {
                '\\' => {
                    text.extend(self.peek());
                    self.at += 1;
                }
                '\n' => break,
                _ => text.push(letter),
            }
        }
        Ok(text + "\n")
    }
}

/// The letters of `y`.
fn plain(text: &str) -> Vec<char> {
    let (mut letters, mut plain) = (text.chars(), Vec::new());
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some('n') => plain.push('\n'),
                Some('t') => plain.push('\t'),
                other => plain.push(other.unwrap_or('\\')),
            },
            _ => plain.push(letter),
        }
    }
    plain
}

fn parts(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut letters = text.chars();
    let mut push = |part: Part| match (parts.last_mut(), part) {
        (Some(Part::Text(last)), Part::Text(more)) => last.push_str(&more),
        (_, part) => parts.push(part),
    };
    while let Some(letter) = letters.next() {
        match letter {
            '&' => push(Part::Group(0)),
            '\\' => match letters.next() {
                Some(digit @ '0'..='9') => push(Part::Group(digit as usize - '0' as usize)),
                Some('n') => push(Part::Text("\n".to_owned())),
                Some('t') => push(Part::Text("\t".to_owned())),
                Some(letter @ ('L' | 'U' | 'l' | 'u' | 'E')) => push(Part::Case(letter)),
                Some(other) => push(Part::Text(other.to_string())),
                None => push(Part::Text("\\".to_owned())),
            },
            _ => push(Part::Text(letter.to_string())),
        }
    }
    parts
}
