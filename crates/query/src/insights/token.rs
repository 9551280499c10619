//! Cuts a query's text into tokens, one at a time: whether `/` divides or begins a regex depends on
//! what the grammar expects, so the parser asks for a regex where one may stand.

use std::fmt;

use super::ast::Span;
use super::habit;
use super::period::Period;
use crate::QueryError;
use crate::error::Place;

/// A token's kind and value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// A name; `quoted` if any part stands in backticks (then it is never a keyword).
    Name { text: String, quoted: bool },
    /// A string's content.
    Text(String),
    /// A number.
    Number(f64),
    /// A number with a unit of time.
    Period(Period),
    /// An operator or a bracket.
    Symbol(&'static str),
    /// The end of the query.
    End,
}

/// A token and where it stands, in bytes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) span: Span,
}

/// Longest first, so that `<=` is not read as `<`.
const SYMBOLS: [&str; 23] = [
    "=~", "==", "!=", "<=", ">=", "|", ",", "(", ")", "[", "]", "=", "<", ">", "!", "+", "-", "*",
    "/", "%", "^", ".", ":",
];

/// What people write who come from SQL or C, and what stands for it here.
const FOREIGN: [(&str, &str, &str); 7] = [
    (
        "/*",
        "`/*` begins no comment",
        "comments begin with `#` and end with the line",
    ),
    (
        "//",
        "`//` begins no comment",
        "comments begin with `#` and end with the line",
    ),
    (
        "--",
        "`--` begins no comment",
        "comments begin with `#` and end with the line",
    ),
    ("&&", "`&&` is not an operator", "write `and`"),
    (
        "||",
        "`||` is not an operator",
        "write `or`; a single `|` separates commands",
    ),
    ("<>", "`<>` is not an operator", "write `!=`"),
    (
        ";",
        "`;` is not part of the language",
        "commands are separated by `|`",
    ),
];

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name { text, .. } => write!(f, "`{text}`"),
            Self::Text(text) => write!(f, "the string \"{text}\""),
            Self::Number(number) => write!(f, "`{number}`"),
            Self::Period(period) => write!(f, "`{period}`"),
            Self::Symbol(symbol) => write!(f, "`{symbol}`"),
            Self::End => f.write_str("the end of the query"),
        }
    }
}

/// Reads tokens from a query.
pub(super) struct Lexer<'a> {
    pub(super) query: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(query: &'a str) -> Self {
        Self { query, at: 0 }
    }

    /// An error at a place of this query.
    pub(super) fn malformed(
        &self,
        span: Span,
        message: impl Into<String>,
        hint: Option<&str>,
    ) -> QueryError {
        QueryError::Malformed {
            message: message.into(),
            place: Place::new(self.query, span.start, span.end),
            hint: hint.map(str::to_owned),
        }
    }

    fn rest(&self) -> &'a str {
        &self.query[self.at..]
    }

    /// The next token.
    pub(super) fn next(&mut self) -> Result<Token, QueryError> {
        self.skip_blank();
        let start = self.at;
        let rest = self.rest();
        let Some(first) = rest.chars().next() else {
            return Ok(self.token(Kind::End, start));
        };
        let kind = match first {
            '"' | '\'' => Kind::Text(self.string(first)?),
            '0'..='9' => self.number()?,
            '.' if rest[1..].starts_with(|c: char| c.is_ascii_digit()) => self.number()?,
            '@' | '`' | '_' => self.name()?,
            c if c.is_alphabetic() => self.name()?,
            _ => self.symbol()?,
        };
        Ok(self.token(kind, start))
    }

    fn token(&self, kind: Kind, start: usize) -> Token {
        let span = Span {
            start,
            end: self.at,
        };
        Token { kind, span }
    }

    /// Skips whitespace and `#` comments.
    fn skip_blank(&mut self) {
        loop {
            self.at += self.rest().len() - self.rest().trim_start().len();
            if !self.rest().starts_with('#') {
                return;
            }
            let rest = self.rest();
            self.at += rest.find('\n').unwrap_or(rest.len());
        }
    }

    fn symbol(&mut self) -> Result<Kind, QueryError> {
        let rest = self.rest();
        let here = |len| Span {
            start: self.at,
            end: self.at + len,
        };
        for (text, message, hint) in FOREIGN {
            // `a --1` and `a --(b)` subtract a negative.
            let after = rest.get(text.len()..).unwrap_or_default();
            let minus = text == "--" && after.starts_with(|c: char| c == '(' || c.is_ascii_digit());
            if rest.starts_with(text) && !minus {
                return Err(self.malformed(here(text.len()), message, Some(hint)));
            }
        }
        let found = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol));
        let Some(symbol) = found else {
            let c = rest.chars().next().unwrap_or(' ');
            let message = format!("unexpected character `{c}`");
            let curly = ('\u{2018}'..='\u{201f}').contains(&c) || matches!(c, '\u{ab}' | '\u{bb}');
            let hint = curly.then_some("text stands in straight quotes: `\"REJECT\"`");
            return Err(self.malformed(here(c.len_utf8()), message, hint));
        };
        self.at += symbol.len();
        Ok(Kind::Symbol(symbol))
    }

    /// A string in `quote`s. A backslash takes a quote or a backslash as it is; before anything
    /// else it stands for itself (the guide does not say).
    fn string(&mut self, quote: char) -> Result<String, QueryError> {
        let start = self.at;
        let mut text = String::new();
        let mut chars = self.rest().char_indices().skip(1).peekable();
        while let Some((offset, c)) = chars.next() {
            match c {
                c if c == quote => {
                    self.at = start + offset + 1;
                    return Ok(text);
                }
                '\\' => match chars.next_if(|(_, c)| matches!(c, '"' | '\'' | '\\')) {
                    Some((_, escaped)) => text.push(escaped),
                    None => text.push('\\'),
                },
                c => text.push(c),
            }
        }
        let span = Span {
            start,
            end: start + 1,
        };
        Err(self.malformed(
            span,
            "the string has no end",
            Some("close it with the same quote"),
        ))
    }

    /// A number, or a period if letters follow at once.
    fn number(&mut self) -> Result<Kind, QueryError> {
        let start = self.at;
        let rest = self.rest();
        let digits = |from: usize| {
            rest[from..]
                .find(|c: char| !c.is_ascii_digit())
                .map_or(rest.len(), |n| from + n)
        };
        let mut end = digits(0);
        if rest[end..].starts_with('.') {
            end = digits(end + 1);
        }
        let unit_len = rest[end..].find(|c: char| !c.is_ascii_alphabetic());
        let unit_end = unit_len.map_or(rest.len(), |n| end + n);
        let (number, unit) = (&rest[..end], &rest[end..unit_end]);
        self.at += unit_end;
        let span = Span {
            start,
            end: self.at,
        };
        if rest[unit_end..].starts_with('.') {
            let hint = "write an address as a string, in quotes";
            return Err(self.malformed(span, "this is not a number", Some(hint)));
        }
        if unit.is_empty() {
            let parsed = number.parse();
            return parsed
                .map(Kind::Number)
                .map_err(|_| self.malformed(span, format!("`{number}` is not a number"), None));
        }
        let period = number
            .parse()
            .ok()
            .and_then(|amount| Period::new(amount, unit));
        period.map(Kind::Period).ok_or_else(|| {
            let (message, hint) = habit::unit(number, unit, &rest[unit_end..]);
            self.malformed(span, message, hint.as_deref())
        })
    }

    /// A name: parts separated by `.`, any of them in backticks.
    fn name(&mut self) -> Result<Kind, QueryError> {
        let mut text = String::new();
        let mut quoted = false;
        loop {
            let rest = self.rest();
            if let Some(inner) = rest.strip_prefix('`') {
                let Some(len) = inner.find('`') else {
                    let span = Span {
                        start: self.at,
                        end: self.at + 1,
                    };
                    return Err(self.malformed(span, "the name has no closing backtick", None));
                };
                text.push_str(&inner[..len]);
                self.at += len + 2;
                quoted = true;
            } else {
                let part = |c: char| c.is_alphanumeric() || c == '_' || c == '@';
                let len = rest.find(|c: char| !part(c)).unwrap_or(rest.len());
                text.push_str(&rest[..len]);
                self.at += len;
            }
            let after = self.rest().strip_prefix('.');
            let goes_on = |c: char| c.is_alphanumeric() || c == '_' || c == '`' || c == '@';
            if !after.is_some_and(|after| after.starts_with(goes_on)) {
                return Ok(Kind::Name { text, quoted });
            }
            text.push('.');
            self.at += 1;
        }
    }

    /// The text after `=`, in quotes or up to a blank, `|` or `)`; and where it stands.
    pub(super) fn raw_value(&mut self) -> Result<(String, Span), QueryError> {
        self.skip_blank();
        if !self.rest().starts_with('=') {
            let span = Span {
                start: self.at,
                end: self.at + 1,
            };
            return Err(self.malformed(span, "expected `=`", None));
        }
        self.at += 1;
        self.skip_blank();
        let start = self.at;
        let text = match self.rest().chars().next() {
            Some(quote @ ('"' | '\'')) => self.string(quote)?,
            _ => {
                let ends = |c: char| c.is_whitespace() || c == '|' || c == ')';
                let len = self.rest().find(ends).unwrap_or_else(|| self.rest().len());
                self.at += len;
                self.query[start..self.at].to_owned()
            }
        };
        let end = self.at;
        Ok((text, Span { start, end }))
    }

    /// The regex literal that begins at the byte `start`, where a `/` stands.
    pub(super) fn regex(&mut self, start: usize) -> Result<(String, Span), QueryError> {
        self.at = start;
        let mut pattern = String::new();
        let mut escaped = false;
        for (offset, c) in self.rest().char_indices().skip(1) {
            match c {
                '/' if escaped => {
                    pattern.pop();
                    pattern.push('/');
                }
                '/' => {
                    self.at = start + offset + 1;
                    return Ok((
                        pattern,
                        Span {
                            start,
                            end: self.at,
                        },
                    ));
                }
                c => pattern.push(c),
            }
            escaped = c == '\\' && !escaped;
        }
        let span = Span {
            start,
            end: start + 1,
        };
        Err(self.malformed(span, "the regex has no end", Some("close it with `/`")))
    }
}
