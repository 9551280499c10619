//! From the text of a script to commands.

use super::{Address, Command, Kind, Part, Substitution};
use crate::regular::{self, Language};

pub(super) struct Parser {
    letters: Vec<char>,
    /// How far it has come.
    pub(super) at: usize,
    language: Language,
}

type Parsed<T> = Result<T, String>;

impl Parser {
    pub(super) fn new(text: &str, language: Language) -> Self {
        Self {
            letters: text.chars().collect(),
            at: 0,
            language,
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

    pub(super) fn commands(&mut self, depth: u32) -> Parsed<Vec<Command>> {
        let mut commands = Vec::new();
        loop {
            self.skip(" \t\n;");
            match self.peek() {
                None if depth == 0 => return Ok(commands),
                None => return Err("unmatched `{'".to_owned()),
                Some('}') if depth > 0 => {
                    self.at += 1;
                    return Ok(commands);
                }
                Some('#') => {
                    while self.peek().is_some_and(|it| it != '\n') {
                        self.at += 1;
                    }
                }
                Some(_) if depth > 8 => return Err("blocks so deep are not simulated".to_owned()),
                Some(_) => commands.push(self.command(depth)?),
            }
        }
    }

    fn command(&mut self, depth: u32) -> Parsed<Command> {
        let from = self.address()?;
        self.skip(" ");
        let mut to = None;
        if from.is_some() && self.peek() == Some(',') {
            self.at += 1;
            self.skip(" ");
            to = Some(self.address()?.ok_or("unexpected `,'")?);
            self.skip(" ");
        }
        let mut negated = false;
        while self.peek() == Some('!') {
            negated = true;
            self.at += 1;
            self.skip(" ");
        }
        let letter = self.peek().ok_or("missing command")?;
        self.at += 1;
        let kind = self.kind(letter, depth)?;
        Ok(Command {
            from,
            to,
            negated,
            kind,
            within: None,
        })
    }

    fn kind(&mut self, letter: char, depth: u32) -> Parsed<Kind> {
        Ok(match letter {
            's' => Kind::Substitute(self.substitution()?),
            'y' => {
                let end = self.delimiter()?;
                let (from, to) = (self.until(end)?, self.until(end)?);
                if from.chars().count() != to.chars().count() {
                    return Err("strings for `y' command are different lengths".to_owned());
                }
                Kind::Translate(from.chars().zip(to.chars()).collect())
            }
            'p' => Kind::Print,
            'P' => Kind::PrintFirst,
            'd' => Kind::Delete,
            'q' | 'Q' => {
                self.skip(" ");
                Kind::Quit(self.number().unwrap_or(0) as i32, letter == 'q')
            }
            '=' => Kind::Number,
            'n' => Kind::Next,
            'N' => Kind::Append,
            'i' => Kind::Before(self.text()),
            'a' => Kind::After(self.text()),
            'c' => Kind::Change(self.text()),
            'h' | 'H' | 'g' | 'G' | 'x' => Kind::Hold(letter),
            '{' => Kind::Block(self.commands(depth + 1)?),
            'b' | 't' | 'T' | 'D' | ':' | 'l' | 'r' | 'w' | 'e' => {
                return Err(format!("the command `{letter}` is not simulated"));
            }
            other => return Err(format!("unknown command: `{other}'")),
        })
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
                Address::Fits(regular::compile(&text, self.language, fold)?)
            }
            _ => return Ok(None),
        }))
    }

    fn delimiter(&mut self) -> Parsed<char> {
        let end = self.peek().filter(|it| *it != '\n' && *it != '\\');
        self.at += 1;
        end.ok_or_else(|| "unterminated command".to_owned())
    }

    /// Up to a delimiter, which may be in it behind a backslash, or in brackets.
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
                None | Some(' ' | '\t' | '\n' | ';' | '}') => break,
                Some(_) => return Err("unknown option to `s'".to_owned()),
            }
            self.at += 1;
        }
        let regex = regular::compile(&pattern, self.language, fold)?;
        let with = parts(&with)?;
        let most = with
            .iter()
            .map(|it| if let Part::Group(at) = it { *at } else { 0 })
            .max();
        if let Some(most) = most.filter(|it| *it >= regex.captures_len()) {
            return Err(format!("invalid reference \\{most} on `s' command's RHS"));
        }
        Ok(Substitution {
            regex,
            with,
            all,
            prints,
            nth,
        })
    }

    /// The text of `a`, `i`, `c`: to the end of the line.
    fn text(&mut self) -> String {
        self.skip(" \t");
        if self.peek() == Some('\\') {
            self.at += 1;
            self.skip(" \t");
            self.at += usize::from(self.peek() == Some('\n'));
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
        text + "\n"
    }
}

fn parts(text: &str) -> Parsed<Vec<Part>> {
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
                Some('L' | 'U' | 'l' | 'u' | 'E') => {
                    return Err("\\L, \\U and their like are not simulated".to_owned());
                }
                Some(other) => push(Part::Text(other.to_string())),
                None => push(Part::Text("\\".to_owned())),
            },
            _ => push(Part::Text(letter.to_string())),
        }
    }
    Ok(parts)
}
