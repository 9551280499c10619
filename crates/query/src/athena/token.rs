//! Cuts a statement into tokens. One lexer serves both languages of Athena, Trino's SQL and Hive's
//! DDL: they differ in quotes (`"x"` against `` `x` ``), which the parsers judge.

use super::error::{Checked, Fault, SYNTAX};
use super::unicode::unescaped;

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// A word: name or keyword.
    Word,
    /// `"x"`, a doubled quote for one.
    Quoted(String),
    /// `` `x` ``.
    Backticked(String),
    /// `'x'`, a doubled quote for one.
    Text(String),
    /// Digits only.
    Integer,
    /// Digits with a point.
    Decimal,
    /// Digits with an exponent.
    Float,
    /// An operator or punctuation.
    Sign,
    /// A sign that neither language has.
    Unknown,
    /// Behind the last token.
    End,
}

/// A token and the bytes it stands at.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// Signs of more than one character first.
const SIGNS: &[&str] = &[
    "<>", "!=", "<=", ">=", "||", "->", "=>", "(", ")", ",", ".", ";", "+", "-", "*", "/", "%",
    "=", "<", ">", "[", "]", "?", ":", "{", "}",
];

/// The languages of Athena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    /// Trino's SQL.
    Sql,
    /// Hive's DDL, in whose texts a backslash goes before a quote.
    Ddl,
}

/// How statements of DDL begin.
pub(super) const DDL_BEGINS: &[&[&str]] = &[
    &["CREATE", "EXTERNAL"],
    &["CREATE", "DATABASE"],
    &["CREATE", "SCHEMA"],
    &["DROP", "DATABASE"],
    &["DROP", "SCHEMA"],
    &["DROP", "TABLE"],
    &["ALTER"],
    &["MSCK"],
    &["SHOW"],
    &["DESCRIBE"],
    &["DESC"],
];

impl Language {
    /// That of the statement that begins at `at`.
    pub(super) fn of(text: &str, at: usize) -> Checked<Self> {
        let mut words = Vec::new();
        let mut end = at;
        for _ in 0..2 {
            let start = skip_blanks(text, end)?;
            let length = text[start..].find(|c: char| !c.is_alphanumeric() && c != '_');
            end = length.map_or(text.len(), |length| start + length);
            words.push(&text[start..end]);
        }
        let begins = |begin: &&[&str]| {
            let mut pairs = begin.iter().zip(&words);
            pairs.all(|(word, found)| word.eq_ignore_ascii_case(found))
        };
        Ok(match DDL_BEGINS.iter().any(begins) {
            true => Self::Ddl,
            false => Self::Sql,
        })
    }
}

/// Where a quote is not closed that a backslash may have hidden.
const BACKSLASH: &str = "a quote has no other that closes it: in DDL a backslash before a quote \
    makes it a part of the text, and a backslash alone is written '\\\\'";

/// All tokens of a text of statements, the last one `End`. Comments (`-- …` and `/* … */`) count as
/// blanks.
pub(super) fn tokens(text: &str) -> Checked<Vec<Token>> {
    let mut found: Vec<Token> = Vec::new();
    let mut at = 0;
    let mut language = Language::of(text, 0)?;
    loop {
        at = skip_blanks(text, at)?;
        if found
            .last()
            .is_some_and(|last| &text[last.start..last.end] == ";")
        {
            language = Language::of(text, at)?;
        }
        let token = token(text, at, language).map_err(|fault| {
            let escapes = ["\\'", "\\\""].iter().any(|pair| text.contains(pair));
            match language == Language::Ddl && escapes {
                true => fault.with_hint(BACKSLASH),
                false => fault,
            }
        })?;
        at = token.end;
        let last = token.kind == Kind::End;
        found.push(token);
        if last {
            return Ok(found);
        }
    }
}

fn skip_blanks(text: &str, mut at: usize) -> Checked<usize> {
    loop {
        let rest = &text[at..];
        let blank = rest.len() - rest.trim_start().len();
        at += blank;
        let rest = &text[at..];
        if rest.starts_with("--") {
            at += rest.find('\n').unwrap_or(rest.len());
        } else if rest.starts_with("/*") {
            let end = rest.find("*/").ok_or_else(|| {
                Fault::new(SYNTAX, at, "mismatched input '/*'. Expecting: <statement>")
                    .with_hint("the comment that begins here has no end `*/`")
            })?;
            at += end + 2;
        } else if blank == 0 || rest.is_empty() {
            return Ok(at);
        }
    }
}

fn token(text: &str, start: usize, language: Language) -> Checked<Token> {
    let rest = &text[start..];
    let Some(first) = rest.chars().next() else {
        let (kind, end) = (Kind::End, start);
        return Ok(Token { kind, start, end });
    };
    let (kind, len) = match first {
        '\'' => quoted(rest, start, '\'', language).map(|(text, len)| (Kind::Text(text), len))?,
        '"' => quoted(rest, start, '"', language).map(|(text, len)| (Kind::Quoted(text), len))?,
        '`' => quoted(rest, start, '`', Language::Sql)
            .map(|(text, len)| (Kind::Backticked(text), len))?,
        'U' | 'u' if rest[1..].starts_with("&'") => unicode(rest, start)?,
        c if c.is_ascii_digit() => number(rest),
        '.' if rest[1..].starts_with(|c: char| c.is_ascii_digit()) => number(rest),
        c if c.is_alphabetic() || c == '_' => {
            let word = |c: char| !(c.is_alphanumeric() || matches!(c, '_' | '@' | '$'));
            (Kind::Word, rest.find(word).unwrap_or(rest.len()))
        }
        _ => match SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            Some(sign) => (Kind::Sign, sign.len()),
            None => (Kind::Unknown, first.len_utf8()),
        },
    };
    let end = start + len;
    Ok(Token { kind, start, end })
}

/// The text between quotes, and how many bytes it takes with them. Of the backslashes of DDL only
/// those before quotes are taken away: what the others mean depends on who reads the text.
fn quoted(rest: &str, at: usize, quote: char, language: Language) -> Checked<(String, usize)> {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((i, c)) = chars.next() {
        if c == '\\' && language == Language::Ddl {
            match chars.next() {
                Some((_, next @ ('\'' | '"'))) => text.push(next),
                next => text.extend([c].into_iter().chain(next.map(|(_, next)| next))),
            }
        } else if c != quote {
            text.push(c);
        } else if chars.next_if(|(_, next)| *next == quote).is_some() {
            text.push(quote);
        } else {
            return Ok((text, i + 1));
        }
    }
    let fault = Fault::new(
        SYNTAX,
        at,
        format!("mismatched input '{quote}'. Expecting: <expression>"),
    );
    let hint = format!("the text that begins here has no closing {quote}");
    Err(fault.with_hint(hint))
}

/// `U&'…'`, perhaps with `UESCAPE '…'` behind it.
fn unicode(rest: &str, at: usize) -> Checked<(Kind, usize)> {
    let (text, len) = quoted(&rest[2..], at + 2, '\'', Language::Sql)?;
    let mut len = len + 2;
    let mut escape = '\\';
    let behind = skip_blanks(rest, len)?;
    let word = "UESCAPE";
    if rest
        .get(behind..behind + word.len())
        .is_some_and(|it| it.eq_ignore_ascii_case(word))
    {
        let from = skip_blanks(rest, behind + word.len())?;
        if !rest[from..].starts_with('\'') {
            let message = "mismatched input. Expecting: <string>";
            return Err(Fault::new(SYNTAX, at + from, message));
        }
        let (sign, length) = quoted(&rest[from..], at + from, '\'', Language::Sql)?;
        let mut chars = sign.chars();
        match (chars.next(), chars.next()) {
            (Some(c), None) if !c.is_ascii_hexdigit() && !"+'\" ".contains(c) => escape = c,
            _ => {
                let message = "Invalid Unicode escape character";
                return Err(Fault::new("INVALID_LITERAL", at + from, message));
            }
        }
        len = from + length;
    }
    Ok((Kind::Text(unescaped(&text, escape, at)?), len))
}

fn number(rest: &str) -> (Kind, usize) {
    let digits = |from: usize| {
        let tail = &rest[from..];
        tail.find(|c: char| !c.is_ascii_digit())
            .unwrap_or(tail.len())
    };
    let mut len = digits(0);
    let mut kind = Kind::Integer;
    if rest[len..].starts_with('.') {
        kind = Kind::Decimal;
        len += 1 + digits(len + 1);
    }
    if rest[len..].starts_with(['e', 'E']) {
        let sign = usize::from(rest[len + 1..].starts_with(['+', '-']));
        let exponent = digits(len + 1 + sign);
        if exponent > 0 {
            return (Kind::Float, len + 1 + sign + exponent);
        }
    }
    (kind, len)
}
