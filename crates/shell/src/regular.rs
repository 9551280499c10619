//! Regular expressions of POSIX (XBD chapter 9) with GNU's additions, and patterns of the shell
//! (XCU 2.13), as expressions of the crate `regex`, which takes linear time for any of them.
//!
//! Of alternatives the first that matches counts here, the longest in POSIX: of `a|ab` on `ab`
//! this finds `a`. Back-references in expressions are refused.

use std::collections::BTreeMap;

use regex::{Regex, RegexBuilder};

use crate::limits::REGEX_AT_MOST;

/// Which of the two languages of POSIX.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    /// `grep`, `sed`: `\(`, `\{`, `\|` are special.
    Basic,
    /// `grep -E`, `sed -E`, `awk`, `[[ =~ ]]`.
    Extended,
}

/// A regular expression, ready for use.
pub(crate) fn compile(text: &str, language: Language, fold: bool) -> Result<Regex, String> {
    build(&translate(text, language)?, fold)
}

pub(crate) fn build(text: &str, fold: bool) -> Result<Regex, String> {
    RegexBuilder::new(text)
        .case_insensitive(fold)
        .dot_matches_new_line(true)
        .size_limit(REGEX_AT_MOST)
        .dfa_size_limit(REGEX_AT_MOST)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => "Regular expression too big".to_owned(),
            _ => "Invalid regular expression".to_owned(),
        })
}

/// As an expression of `regex`.
pub(crate) fn translate(text: &str, language: Language) -> Result<String, String> {
    let mut reader = Reader {
        letters: text.chars().peekable(),
        out: String::new(),
        language,
        open: 0,
        begins: true,
    };
    while let Some(letter) = reader.letters.next() {
        reader.letter(letter)?;
    }
    match reader.open {
        0 => Ok(reader.out),
        _ => Err("Unmatched ( or \\(".to_owned()),
    }
}

struct Reader<'a> {
    letters: std::iter::Peekable<std::str::Chars<'a>>,
    out: String,
    language: Language,
    open: u32,
    /// Nothing stands before that a `*` could repeat.
    begins: bool,
}

impl Reader<'_> {
    fn letter(&mut self, letter: char) -> Result<(), String> {
        let extended = self.language == Language::Extended;
        match letter {
            '\\' => return self.escaped(),
            '[' => return self.bracket(),
            '*' if self.begins => self.literal('*'),
            '*' => self.out.push('*'),
            '.' => self.atom("."),
            '^' if extended || self.begins => {
                self.out.push('^');
                self.begins = true;
            }
            '$' if extended || self.ends() => self.out.push('$'),
            '+' | '?' if extended && !self.begins => self.out.push(letter),
            '(' if extended => self.group(),
            ')' if extended && self.open > 0 => self.end_group(),
            '|' if extended => self.alternative(),
            '{' if extended && self.is_interval() => self.interval()?,
            _ => self.literal(letter),
        }
        Ok(())
    }

    /// In a basic expression `$` is an anchor at the end of it, or of a group.
    fn ends(&self) -> bool {
        let rest: String = self.letters.clone().take(2).collect();
        rest.is_empty() || rest == "\\)" || rest == "\\|"
    }

    fn escaped(&mut self) -> Result<(), String> {
        let Some(letter) = self.letters.next() else {
            return Err("Trailing backslash".to_owned());
        };
        let basic = self.language == Language::Basic;
        match letter {
            '(' if basic => self.group(),
            ')' if basic && self.open > 0 => self.end_group(),
            ')' if basic => return Err("Unmatched ) or \\)".to_owned()),
            '|' if basic => self.alternative(),
            '{' if basic => self.interval()?,
            '+' | '?' if basic && !self.begins => self.out.push(letter),
            '1'..='9' => {
                return Err(format!("back-references (`\\{letter}`) are not simulated"));
            }
            'w' => self.atom("[[:word:]]"),
            'W' => self.atom("[^[:word:]]"),
            's' => self.atom("[[:space:]]"),
            'S' => self.atom("[^[:space:]]"),
            'b' | 'B' => self.out.push_str(&format!("\\{letter}")),
            '<' => self.out.push_str(r"\b{start}"),
            '>' => self.out.push_str(r"\b{end}"),
            'n' => self.literal('\n'),
            't' => self.literal('\t'),
            _ => self.literal(letter),
        }
        Ok(())
    }

    fn atom(&mut self, text: &str) {
        self.out.push_str(text);
        self.begins = false;
    }

    fn literal(&mut self, letter: char) {
        self.out.push_str(&regex::escape(&letter.to_string()));
        self.begins = false;
    }

    fn group(&mut self) {
        self.out.push('(');
        self.open += 1;
        self.begins = true;
    }

    fn end_group(&mut self) {
        self.out.push(')');
        self.open -= 1;
        self.begins = false;
    }

    fn alternative(&mut self) {
        self.out.push('|');
        self.begins = true;
    }

    /// Whether what follows `{` is `n}`, `n,}` or `n,m}`.
    fn is_interval(&self) -> bool {
        let inner: String = self.letters.clone().take_while(|it| *it != '}').collect();
        let closed = self.letters.clone().any(|it| it == '}');
        closed
            && inner.starts_with(|it: char| it.is_ascii_digit())
            && inner.chars().all(|it| it.is_ascii_digit() || it == ',')
    }

    fn interval(&mut self) -> Result<(), String> {
        let mut inner = String::new();
        loop {
            match self.letters.next() {
                Some('}') => break,
                Some('\\') if self.letters.next_if_eq(&'}').is_some() => break,
                Some(letter) if letter.is_ascii_digit() || letter == ',' => inner.push(letter),
                _ => return Err("Invalid content of \\{\\}".to_owned()),
            }
        }
        if inner.starts_with(',') {
            inner.insert(0, '0');
        }
        self.out.push_str(&format!("{{{inner}}}"));
        Ok(())
    }

    fn bracket(&mut self) -> Result<(), String> {
        let class = bracket(&mut self.letters, "^");
        let class = class.ok_or("Unmatched [, [^, [:, [., or [=")?;
        self.atom(&class);
        Ok(())
    }
}

/// What follows `[`, up to its end. `negates` are the letters that turn it round.
fn bracket(
    letters: &mut std::iter::Peekable<std::str::Chars<'_>>,
    negates: &str,
) -> Option<String> {
    let mut out = "[".to_owned();
    if letters.next_if(|it| negates.contains(*it)).is_some() {
        out.push('^');
    }
    let mut first = true;
    loop {
        let letter = letters.next()?;
        match letter {
            ']' if !first => break,
            '[' if letters.peek() == Some(&':') => {
                let mut name = "[".to_owned();
                loop {
                    let letter = letters.next()?;
                    name.push(letter);
                    if letter == ']' {
                        break;
                    }
                }
                out += &name;
            }
            // A range keeps its dash: one that is first or last is itself.
            '-' if !first && letters.peek() != Some(&']') => out.push('-'),
            '\\' if negates.contains('!') => out += &escape(letters.next()?),
            _ => out += &escape(letter),
        }
        first = false;
    }
    out.push(']');
    Some(out)
}

/// A letter of a bracket expression.
fn escape(letter: char) -> String {
    match r"[]\^-&~".contains(letter) {
        true => format!("\\{letter}"),
        false => letter.to_string(),
    }
}

/// A pattern of the shell, for the whole of a text or a part of it; `lazy` prefers short matches.
pub(crate) fn pattern(text: &str, lazy: bool) -> Result<String, String> {
    let mut out = String::new();
    let mut letters = text.chars().peekable();
    // Where groups that are open began, and how often they may come.
    let mut groups = Vec::new();
    while let Some(letter) = letters.next() {
        if "?*+@!".contains(letter) && letters.peek() == Some(&'(') {
            if letter == '!' {
                return Err("`!(...)` in patterns is not simulated".to_owned());
            }
            letters.next();
            groups.push(match letter {
                '?' => "?",
                '*' => "*",
                '+' => "+",
                _ => "",
            });
            out += "(?:";
            continue;
        }
        match letter {
            '*' => out += if lazy { ".*?" } else { ".*" },
            '?' => out.push('.'),
            '[' => {
                let mut ahead = letters.clone();
                match bracket(&mut ahead, "!^") {
                    Some(class) => {
                        out += &class;
                        letters = ahead;
                    }
                    None => out += "\\[",
                }
            }
            '\\' => out += &regex::escape(&letters.next().unwrap_or('\\').to_string()),
            '|' if !groups.is_empty() => out.push('|'),
            ')' if !groups.is_empty() => {
                out.push(')');
                out += groups.pop().unwrap_or_default();
            }
            _ => out += &regex::escape(&letter.to_string()),
        }
    }
    match groups.is_empty() {
        true => Ok(out),
        false => Ok(regex::escape(text)),
    }
}

/// Patterns of the shell that have been compiled: a loop asks for the same again and again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Patterns(BTreeMap<String, Regex>);

impl Patterns {
    /// Whether the whole of a text fits a pattern of the shell.
    pub(crate) fn fits(&mut self, pattern_text: &str, text: &str) -> Result<bool, String> {
        if !pattern_text.contains(['*', '?', '[', '\\', '(']) {
            return Ok(pattern_text == text);
        }
        if let Some(known) = self.0.get(pattern_text) {
            return Ok(known.is_match(text));
        }
        let inner = pattern(pattern_text, false)?;
        let made = build(&format!("^(?:{inner})$"), false)?;
        let fits = made.is_match(text);
        if self.0.len() < 256 {
            self.0.insert(pattern_text.to_owned(), made);
        }
        Ok(fits)
    }
}
