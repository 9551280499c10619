//! A cursor over a pattern, for all three languages.

use super::PatternError;

/// What is left of a pattern.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'t> {
    rest: &'t str,
}

impl<'t> Cursor<'t> {
    pub(super) const fn new(text: &'t str) -> Self {
        Self { rest: text }
    }

    pub(super) fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start();
    }

    pub(super) const fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// What is left.
    pub(super) const fn rest(&self) -> &'t str {
        self.rest
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    /// Takes `text` if it comes next, blanks aside.
    pub(super) fn take(&mut self, text: &str) -> bool {
        self.skip_blanks();
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Takes the word `text` in capitals or not, if it comes next, blanks aside.
    pub(super) fn take_word(&mut self, text: &str) -> bool {
        self.skip_blanks();
        let Some(head) = self.rest.get(..text.len()) else {
            return false;
        };
        let ends = self.rest[text.len()..]
            .chars()
            .next()
            .is_none_or(|it| !it.is_alphanumeric());
        let found = head.eq_ignore_ascii_case(text) && ends;
        if found {
            self.rest = &self.rest[text.len()..];
        }
        found
    }

    /// Takes characters as long as they are `wanted`.
    pub(super) fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'t str {
        let end = self.rest.find(|it| !wanted(it)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    /// Takes a text in double quotes, if one comes next; `\"` and `\\` stand for what follows.
    ///
    /// # Errors
    /// No closing quotation mark.
    pub(super) fn take_quoted(&mut self) -> Result<Option<String>, PatternError> {
        let Some(inside) = self.rest.strip_prefix('"') else {
            return Ok(None);
        };
        let mut text = String::new();
        let mut letters = inside.char_indices();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '"' => {
                    self.rest = &inside[at + 1..];
                    return Ok(Some(text));
                }
                '\\' => match letters.next() {
                    Some((_, next @ ('"' | '\\'))) => text.push(next),
                    Some((_, next)) => text.extend(['\\', next]),
                    None => {}
                },
                letter => text.push(letter),
            }
        }
        Err(PatternError::new("there is no closing quotation mark"))
    }

    /// Takes a regular expression between percent signs, if one comes next.
    ///
    /// # Errors
    /// No closing percent sign.
    pub(super) fn take_regex(&mut self) -> Result<Option<&'t str>, PatternError> {
        let Some(inside) = self.rest.strip_prefix('%') else {
            return Ok(None);
        };
        let (text, rest) = inside
            .split_once('%')
            .ok_or_else(|| PatternError::new("there is no closing %"))?;
        self.rest = rest;
        Ok(Some(text))
    }
}
