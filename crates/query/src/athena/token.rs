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

/// All tokens, the last one `End`. Comments (`-- …` and `/* … */`) count as blanks.
pub(super) fn tokens(text: &str) -> Checked<Vec<Token>> {
    let mut found = Vec::new();
    let mut at = 0;
    loop {
        at = skip_blanks(text, at)?;
        let token = token(text, at)?;
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

fn token(text: &str, start: usize) -> Checked<Token> {
    let rest = &text[start..];
    let Some(first) = rest.chars().next() else {
        let (kind, end) = (Kind::End, start);
        return Ok(Token { kind, start, end });
    };
    let (kind, len) = match first {
        '\'' => quoted(rest, start, '\'').map(|(text, len)| (Kind::Text(text), len))?,
        '"' => quoted(rest, start, '"').map(|(text, len)| (Kind::Quoted(text), len))?,
        '`' => quoted(rest, start, '`').map(|(text, len)| (Kind::Backticked(text), len))?,
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

/// The text between quotes, and how many bytes it takes with them.
fn quoted(rest: &str, at: usize, quote: char) -> Checked<(String, usize)> {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((i, c)) = chars.next() {
        if c != quote {
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
    Err(fault.with_hint(format!("the text that begins here has no closing {quote}")))
}

/// `U&'…'`, perhaps with `UESCAPE '…'` behind it.
fn unicode(rest: &str, at: usize) -> Checked<(Kind, usize)> {
    let (text, len) = quoted(&rest[2..], at + 2, '\'')?;
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
        let (sign, length) = quoted(&rest[from..], at + from, '\'')?;
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
