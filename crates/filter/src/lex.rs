//! The words of a pcap-filter expression, with their places.

use std::net::Ipv6Addr;
use std::ops::Range;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A keyword, a name, a range of ports.
    Word,
    /// A decimal, octal or hexadecimal number, or an IPv4 address or a leading part of one.
    Number,
    /// An IPv6 or MAC address.
    Address,
    /// `\tcp`: a name that is also a keyword.
    Escaped,
    /// `(`, `and`'s form `&&`, `!=`, `[` and so on.
    Symbol,
    /// Something that the language does not have.
    Unknown,
}

/// A token of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    pub(crate) text: &'a str,
    pub(crate) span: Range<usize>,
}

impl Token<'_> {
    /// Whether this is the symbol or keyword `text`.
    pub(crate) fn is(&self, text: &str) -> bool {
        matches!(self.kind, Kind::Word | Kind::Symbol) && self.text == text
    }

    pub(crate) fn is_and(&self) -> bool {
        self.is("and") || self.is("&&")
    }

    pub(crate) fn is_or(&self) -> bool {
        self.is("or") || self.is("||")
    }

    pub(crate) fn is_not(&self) -> bool {
        self.is("not") || self.is("!")
    }
}

/// Octets of the longest IPv6 address as text.
const LONGEST_ADDRESS: usize = 45;

/// Longest first.
const SYMBOLS: [&str; 25] = [
    "&&", "||", "!=", "==", "<=", ">=", "<<", ">>", "(", ")", "[", "]", "!", "=", "<", ">", "&",
    "|", "+", "-", "*", "/", "%", "^", ":",
];

/// Splits an expression. Never fails: what the language does not have is [`Kind::Unknown`].
pub(crate) fn tokens(expression: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = expression[at..].chars().next() {
        if first.is_ascii_whitespace() {
            at += 1;
            continue;
        }
        let rest = &expression[at..];
        let (kind, len) = token(rest, first);
        tokens.push(Token {
            kind,
            text: &rest[..len],
            span: at..at + len,
        });
        at += len;
    }
    tokens
}

fn token(rest: &str, first: char) -> (Kind, usize) {
    let run = run_len(rest, |c| c.is_ascii_alphanumeric() || "_.:-".contains(c));
    // A capture's `10.0.1.5:443` is two tokens and a colon, `2001:db8::1` is one.
    for len in (1..=run.min(LONGEST_ADDRESS)).rev() {
        if rest.is_char_boundary(len) && is_address(&rest[..len]) {
            return (Kind::Address, len);
        }
        if !rest[..run].contains([':', '-']) {
            break;
        }
    }
    if first.is_ascii_alphanumeric() || first == '_' {
        let len = run_len(rest, |c| c.is_ascii_alphanumeric() || "_.-".contains(c));
        let text = rest[..len].trim_end_matches(['-', '_']);
        let kind = if is_number(text) {
            Kind::Number
        } else {
            Kind::Word
        };
        return (kind, text.len().max(1));
    }
    if first == '\\' {
        let len = run_len(&rest[1..], |c| {
            c.is_ascii_alphanumeric() || "_.-".contains(c)
        });
        let kind = if len == 0 {
            Kind::Unknown
        } else {
            Kind::Escaped
        };
        return (kind, 1 + len);
    }
    match SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
        Some(symbol) => (Kind::Symbol, symbol.len()),
        None => (Kind::Unknown, first.len_utf8()),
    }
}

fn run_len(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}

fn is_address(text: &str) -> bool {
    text.contains(':') && text.parse::<Ipv6Addr>().is_ok() || is_mac(text, ':') || is_mac(text, '-')
}

fn is_mac(text: &str, separator: char) -> bool {
    let octets: Vec<&str> = text.split(separator).collect();
    let is_octet = |octet: &&str| {
        matches!(octet.len(), 1 | 2) && octet.bytes().all(|digit| digit.is_ascii_hexdigit())
    };
    octets.len() == 6 && octets.iter().all(is_octet)
}

/// `80`, `0x1bb`, `10.0.1.5`, `10.0`.
fn is_number(text: &str) -> bool {
    if let Some(hex) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return !hex.is_empty() && hex.bytes().all(|digit| digit.is_ascii_hexdigit());
    }
    let parts: Vec<&str> = text.split('.').collect();
    let is_decimal = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    parts.len() <= 4 && parts.iter().all(is_decimal)
}

/// How deep parentheses and brackets are nested, or how many `not` follow each other.
pub(crate) fn nesting(tokens: &[Token<'_>]) -> usize {
    let (mut depth, mut negations, mut deepest) = (0_usize, 0, 0);
    for token in tokens {
        negations = if token.is_not() { negations + 1 } else { 0 };
        if token.is("(") || token.is("[") {
            depth += 1;
        } else if token.is(")") || token.is("]") {
            depth = depth.saturating_sub(1);
        }
        deepest = deepest.max(depth).max(negations);
    }
    deepest
}
