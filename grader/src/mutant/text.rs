//! A query's text as tokens, coarse enough for both languages.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name or keyword.
    Word,
    /// A number, a period of time among them: `5m`.
    Number,
    /// A text in single or double quotes.
    Text,
    /// An operator, a bracket.
    Symbol,
}

/// A token and where it stands, in octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
    pub(super) start: usize,
    /// How many brackets are open where it stands.
    pub(super) depth: usize,
}

impl<'a> Token<'a> {
    pub(super) const fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// Whether it is that keyword or symbol; case is ignored.
    pub(super) fn is(&self, word: &str) -> bool {
        self.kind != Kind::Text && self.text.eq_ignore_ascii_case(word)
    }

    /// What stands in the quotes.
    pub(super) fn quoted(&self) -> Option<&'a str> {
        (self.kind == Kind::Text && self.text.len() >= 2)
            .then(|| &self.text[1..self.text.len() - 1])
    }
}

/// Longest first.
const SYMBOLS: [&str; 8] = ["=~", "==", "!=", "<>", "<=", ">=", "||", "->"];

/// The tokens of a text, comments left out.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        if first == '#' || rest.starts_with("--") {
            at += rest.find('\n').unwrap_or(rest.len());
            continue;
        }
        let (kind, length) = token(rest, first);
        let text = &rest[..length];
        if matches!(text, ")" | "]") {
            depth = depth.saturating_sub(1);
        }
        tokens.push(Token {
            kind,
            text,
            start: at,
            depth,
        });
        if matches!(text, "(" | "[") {
            depth += 1;
        }
        at += length;
    }
    tokens
}

fn token(rest: &str, first: char) -> (Kind, usize) {
    let until = |end: fn(char) -> bool| rest.find(end).unwrap_or(rest.len());
    match first {
        '"' | '\'' => {
            let close = rest[1..].find(first);
            (Kind::Text, close.map_or(rest.len(), |at| at + 2))
        }
        '`' => {
            let close = rest[1..].find('`');
            (Kind::Word, close.map_or(rest.len(), |at| at + 2))
        }
        c if c.is_ascii_digit() => {
            let length = until(|c: char| !c.is_ascii_alphanumeric() && c != '.');
            (Kind::Number, length)
        }
        c if c.is_alphabetic() || c == '_' || c == '@' => {
            let length = until(|c: char| !c.is_alphanumeric() && !"_@.".contains(c));
            (Kind::Word, length)
        }
        c => {
            let symbol = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol));
            (
                Kind::Symbol,
                symbol.map_or_else(|| c.len_utf8(), |it| it.len()),
            )
        }
    }
}
