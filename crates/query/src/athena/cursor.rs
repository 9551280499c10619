//! A place among the tokens of a statement, and the words that would have been right there.
//!
//! Trino's parser says `mismatched input 'x'. Expecting: …`, with everything that its grammar
//! allows at that place. Here every test for a keyword or sign at a place notes what it looked
//! for, so that the message of the place where nothing fits lists what was tried.

use std::collections::BTreeSet;

use super::error::{Checked, Fault, SYNTAX};
use super::reserved;
use super::token::{Kind, Token, tokens};

/// How deep parentheses, sub-queries and operators may nest; beyond it planning would need more
/// stack than a thread has (2 MiB, in a build without optimization).
const DEPTH_MAX: usize = 40;

/// A name, as written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Name {
    /// Without quotes, in the case it was written in.
    pub(super) text: String,
    pub(super) at: usize,
}

impl Name {
    /// As names compare: without case, even if quoted.
    pub(super) fn key(&self) -> String {
        self.text.to_lowercase()
    }
}

pub(super) struct Cursor<'a> {
    pub(super) text: &'a str,
    tokens: Vec<Token>,
    /// For each `(`, the token that closes it.
    closing: Vec<Option<usize>>,
    next: usize,
    expected: BTreeSet<String>,
    expected_at: usize,
    /// The last name without AS in a SELECT list, and the place behind it.
    alias: Option<(usize, Name)>,
    depth: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Checked<Self> {
        let tokens = tokens(text)?;
        let closing = closing(text, &tokens);
        Ok(Self {
            text,
            tokens,
            closing,
            next: 0,
            expected: BTreeSet::new(),
            expected_at: 0,
            alias: None,
            depth: 0,
        })
    }

    fn token(&self, ahead: usize) -> &Token {
        let last = self.tokens.len() - 1;
        &self.tokens[(self.next + ahead).min(last)]
    }

    pub(super) fn kind(&self) -> &Kind {
        &self.token(0).kind
    }

    /// The byte at which the next token begins.
    pub(super) fn at(&self) -> usize {
        self.token(0).start
    }

    /// The byte behind the last token that was taken.
    pub(super) fn end(&self) -> usize {
        self.next.checked_sub(1).map_or(0, |i| self.tokens[i].end)
    }

    pub(super) fn is_end(&self) -> bool {
        *self.kind() == Kind::End
    }

    /// Notes that the name that was just taken was read as an alias.
    pub(super) fn is_alias(&mut self, name: &Name) {
        self.alias = Some((self.next, name.clone()));
    }

    /// A place to come back to.
    pub(super) fn mark(&self) -> usize {
        self.next
    }

    pub(super) fn back_to(&mut self, mark: usize) {
        self.next = mark;
    }

    /// The text of a token ahead.
    pub(super) fn slice(&self, ahead: usize) -> &'a str {
        let token = self.token(ahead);
        &self.text[token.start..token.end]
    }

    pub(super) fn advance(&mut self) {
        self.next = (self.next + 1).min(self.tokens.len() - 1);
    }

    fn expect_note(&mut self, what: String) {
        if self.expected_at != self.next {
            self.expected.clear();
            self.expected_at = self.next;
        }
        self.expected.insert(what);
    }

    /// Notes that something without a keyword of its own would be right here.
    pub(super) fn could_be(&mut self, what: &str) {
        self.expect_note(what.to_owned());
    }

    fn is_word_ahead(&self, ahead: usize, word: &str) -> bool {
        self.token(ahead).kind == Kind::Word && self.slice(ahead).eq_ignore_ascii_case(word)
    }

    /// Whether a keyword stands so many tokens ahead; notes nothing.
    pub(super) fn word_ahead(&self, ahead: usize, word: &str) -> bool {
        self.is_word_ahead(ahead, word)
    }

    /// Whether a keyword stands here.
    pub(super) fn sees(&mut self, word: &str) -> bool {
        let here = self.is_word_ahead(0, word);
        if !here {
            self.expect_note(format!("'{word}'"));
        }
        here
    }

    /// Whether keywords stand here, one after the other; notes nothing.
    pub(super) fn sees_all(&self, words: &[&str]) -> bool {
        let mut words = words.iter().enumerate();
        words.all(|(ahead, word)| self.is_word_ahead(ahead, word))
    }

    /// Whether a sign stands so many tokens ahead; notes nothing.
    pub(super) fn sign_ahead(&self, ahead: usize, sign: &str) -> bool {
        self.token(ahead).kind == Kind::Sign && self.slice(ahead) == sign
    }

    /// Whether a text stands so many tokens ahead.
    pub(super) fn text_ahead(&self, ahead: usize) -> bool {
        matches!(self.token(ahead).kind, Kind::Text(_))
    }

    /// Whether a query in parentheses begins here: `((SELECT …) UNION …)` is one, `((SELECT …) AS
    /// a JOIN b …)` is not. Trying both ways would take twice as long for each level.
    pub(super) fn sees_parenthesized_query(&self) -> bool {
        let begin = ["SELECT", "WITH", "VALUES", "TABLE"];
        let go_on = [
            "UNION",
            "EXCEPT",
            "INTERSECT",
            "ORDER",
            "OFFSET",
            "LIMIT",
            "FETCH",
        ];
        let is_any = |at: usize, words: &[&str]| {
            let ahead = at.saturating_sub(self.next);
            words.iter().any(|word| self.is_word_ahead(ahead, word))
        };
        let mut at = self.next;
        loop {
            let Some(closing) = self.closing[at] else {
                return is_any(at, &begin) && at > self.next;
            };
            let behind = closing + 1;
            let closes = self.sign_ahead(behind - self.next, ")");
            if !closes && !is_any(behind, &go_on) {
                return false;
            }
            at += 1;
        }
    }

    /// Takes a keyword if it stands here.
    pub(super) fn takes(&mut self, word: &str) -> bool {
        let here = self.sees(word);
        if here {
            self.advance();
        }
        here
    }

    /// Takes keywords if they all stand here.
    pub(super) fn takes_all(&mut self, words: &[&str]) -> bool {
        let here = self.sees_all(words);
        if here {
            self.next += words.len();
        } else {
            self.expect_note(format!("'{}'", words[0]));
        }
        here
    }

    /// Takes a sign if it stands here.
    pub(super) fn takes_sign(&mut self, sign: &str) -> bool {
        let here = self.sign_ahead(0, sign);
        if here {
            self.advance();
        } else {
            self.expect_note(format!("'{sign}'"));
        }
        here
    }

    pub(super) fn expects(&mut self, word: &str) -> Checked<()> {
        self.takes(word)
            .then_some(())
            .ok_or_else(|| self.mismatch())
    }

    pub(super) fn expects_all(&mut self, words: &[&str]) -> Checked<()> {
        words.iter().try_for_each(|word| self.expects(word))
    }

    pub(super) fn expects_sign(&mut self, sign: &str) -> Checked<()> {
        let here = self.takes_sign(sign);
        here.then_some(()).ok_or_else(|| self.mismatch())
    }

    /// `mismatched input` at the next token, with what was looked for there.
    pub(super) fn mismatch(&mut self) -> Fault {
        let at = self.at();
        let found = match self.kind() {
            Kind::End => "<EOF>",
            _ => self.slice(0),
        };
        let expected: Vec<&str> = if self.expected_at == self.next {
            self.expected.iter().map(String::as_str).collect()
        } else {
            Vec::new()
        };
        let mut message = format!("mismatched input '{found}'");
        if !expected.is_empty() {
            message.push_str(&format!(". Expecting: {}", expected.join(", ")));
        }
        let fault = Fault::new(SYNTAX, at, message);
        let before = self.next.checked_sub(1).map(|i| self.tokens[i].start);
        let comma = before.is_some_and(|at| self.text[at..].starts_with(','));
        if comma && found.eq_ignore_ascii_case("from") {
            return fault.with_hint("the comma before FROM has nothing behind it");
        }
        let word = before.and_then(|start| self.text.get(start..at));
        let before = before.map_or("", |at| &self.text[at..]);
        if found == "=" && before.starts_with('=') {
            return fault.with_hint("Trino compares with a single =");
        }
        if found == ","
            && self.expected.len() == 1
            && self.text[..at].to_uppercase().contains("LIMIT")
        {
            return fault.with_hint("in Trino: OFFSET rows LIMIT rows");
        }
        let is_top = word.is_some_and(|it| it.trim_end().eq_ignore_ascii_case("top"));
        if is_top && matches!(self.kind(), Kind::Integer) {
            return fault.with_hint(format!(
                "Trino has no TOP: end the query with LIMIT {found}"
            ));
        }
        match reserved::advice(found).or_else(|| self.behind_alias(found)) {
            Some(hint) => fault.with_hint(hint),
            None => fault,
        }
    }

    /// About what stands behind a name that was read as an alias: `SELECT a sum(b)`.
    fn behind_alias(&self, found: &str) -> Option<String> {
        let (behind, alias) = self.alias.as_ref()?;
        let alias = (*behind == self.next).then_some(&alias.text)?;
        match self.kind() {
            Kind::Sign if found == "(" => Some(format!("a comma is missing before {alias}(...)")),
            Kind::Word => Some(format!(
                "{alias} was read as a name for what stands before it: is a comma missing, or a \
                 keyword misspelled?"
            )),
            _ => None,
        }
    }

    /// One level deeper, or the fault that this is too deep.
    pub(super) fn deeper(&mut self) -> Checked<()> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            let message = "statement is too large (stack overflow while parsing)";
            return Err(Fault::new(SYNTAX, self.at(), message));
        }
        Ok(())
    }

    pub(super) fn higher(&mut self) {
        self.depth -= 1;
    }

    /// How deep it is here; for operators in a row, which nest without parentheses.
    pub(super) fn depth_left(&self) -> usize {
        DEPTH_MAX - self.depth
    }

    /// Takes `'text'`.
    pub(super) fn string(&mut self) -> Checked<String> {
        if let Kind::Text(text) = self.kind() {
            let text = text.clone();
            self.advance();
            return Ok(text);
        }
        self.could_be("<string>");
        Err(self.mismatch())
    }

    /// Takes digits.
    pub(super) fn integer(&mut self) -> Checked<u64> {
        if *self.kind() == Kind::Integer {
            let at = self.at();
            let number = self.slice(0).parse();
            self.advance();
            return number.map_err(|_| Fault::new(SYNTAX, at, "Invalid numeric literal"));
        }
        self.could_be("<integer>");
        Err(self.mismatch())
    }

    /// Takes a name of Trino's SQL: a word that is not reserved, or one in double quotes.
    pub(super) fn name(&mut self) -> Checked<Name> {
        match self.name_if() {
            Some(name) => Ok(name),
            None if matches!(self.kind(), Kind::Backticked(_)) => Err(self.backticks()),
            None => {
                self.could_be("<identifier>");
                Err(self.mismatch())
            }
        }
    }

    /// The fault that backticks are in a query.
    pub(super) fn backticks(&self) -> Fault {
        let message =
            "backquoted identifiers are not supported; use double quotes to quote identifiers";
        Fault::new(SYNTAX, self.at(), message)
    }

    /// Takes a name if one stands here.
    pub(super) fn name_if(&mut self) -> Option<Name> {
        let at = self.at();
        let text = match self.kind() {
            Kind::Quoted(text) => text.clone(),
            Kind::Word if !reserved::in_query(self.slice(0)) => self.slice(0).to_owned(),
            _ => return None,
        };
        self.advance();
        Some(Name { text, at })
    }
}

/// For each token that is a `(`, the place of its `)`.
fn closing(text: &str, tokens: &[Token]) -> Vec<Option<usize>> {
    let mut closing = vec![None; tokens.len()];
    let mut open = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        match &text[token.start..token.end] {
            "(" => open.push(at),
            ")" => {
                if let Some(opened) = open.pop() {
                    closing[opened] = Some(at);
                }
            }
            _ => {}
        }
    }
    closing
}
