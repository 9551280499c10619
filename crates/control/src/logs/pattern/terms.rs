//! Terms: words and phrases that a message has or has not.

use regex::Regex;

use super::PatternError;
use super::compare::Regexes;
use super::lex::Cursor;

/// The terms of a pattern.
#[derive(Clone, Debug, Default)]
pub(super) struct Terms {
    /// All of these.
    wanted: Vec<Term>,
    /// None of these.
    unwanted: Vec<Term>,
    /// One of these, if nothing else is asked.
    optional: Vec<Term>,
}

#[derive(Clone, Debug)]
enum Term {
    Text(String),
    Regex(Regex),
}

impl Terms {
    pub(super) fn parse(text: &str, regexes: &mut Regexes) -> Result<Self, PatternError> {
        let mut cursor = Cursor::new(text);
        let mut terms = Self::default();
        loop {
            cursor.skip_blanks();
            if cursor.is_at_end() {
                return Ok(terms);
            }
            let list = if cursor.take("?") {
                &mut terms.optional
            } else if cursor.take("-") {
                &mut terms.unwanted
            } else {
                &mut terms.wanted
            };
            list.push(Term::take(&mut cursor, regexes)?);
        }
    }

    pub(super) fn matches(&self, message: &str) -> bool {
        let is_there = |term: &Term| term.is_in(message);
        let alone = self.wanted.is_empty() && self.unwanted.is_empty();
        self.wanted.iter().all(is_there)
            && !self.unwanted.iter().any(is_there)
            && (!alone || self.optional.iter().any(is_there))
    }

    pub(super) fn has_regex(&self) -> bool {
        let all = [&self.wanted, &self.unwanted, &self.optional];
        let mut terms = all.into_iter().flatten();
        terms.any(|it| matches!(it, Term::Regex(_)))
    }
}

impl Term {
    fn take(cursor: &mut Cursor<'_>, regexes: &mut Regexes) -> Result<Self, PatternError> {
        if let Some(regex) = cursor.take_regex()? {
            return Ok(Self::Regex(regexes.make(regex)?));
        }
        if let Some(text) = cursor.take_quoted()? {
            return Ok(Self::Text(text));
        }
        let text = cursor.take_while(|it| !it.is_whitespace());
        if text.is_empty() || !text.chars().all(is_of_word) {
            return Err(PatternError::new(format!(
                "Invalid character(s) in term '{text}': what is no letter and no digit goes in \
                 double quotes, \"{text}\""
            )));
        }
        Ok(Self::Text(text.to_owned()))
    }

    fn is_in(&self, message: &str) -> bool {
        match self {
            Self::Text(text) => has_words(message, text),
            Self::Regex(regex) => regex.is_match(message),
        }
    }
}

fn is_of_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// Whether `text` is in `message` and no word begins or ends half in it.
fn has_words(message: &str, text: &str) -> bool {
    let joins = |one: Option<char>, other: Option<char>| {
        one.is_some_and(is_of_word) && other.is_some_and(is_of_word)
    };
    let mut found = message.match_indices(text);
    found.any(|(at, _)| {
        let (before, behind) = (&message[..at], &message[at + text.len()..]);
        !joins(before.chars().next_back(), text.chars().next())
            && !joins(text.chars().next_back(), behind.chars().next())
    })
}
