//! Expressions of metric math as they are written (Amazon CloudWatch User Guide, "Using math
//! expressions with CloudWatch metrics"), and what they are before there are data.
//!
//! `IF(errors > 5 AND errors / calls > 0.01, 1, 0)` compares two series with numbers, and is one
//! series. [`kind`] says so of an expression, or what is wrong with it.

mod kind;

use smol_str::SmolStr;

pub use kind::{Kind, kind};

/// What is said of a query that is a metric and an expression.
pub const BOTH: &str = "The parameters MetricDataQuery Expression and MetricStat are mutually \
                        exclusive and you have specified both.";
/// What is said of one that is neither.
pub const NEITHER: &str = "Either MetricStat or Expression must be given in a MetricDataQuery.";
/// What is said of expressions that need each other.
pub const CIRCLE: &str = "the queries refer to each other in a circle";

/// What is said of an expression that cannot be evaluated.
#[must_use]
pub fn error_in(id: &str, why: &str) -> String {
    format!("Error in expression '{id}': {why}.")
}

/// Whether a query may be called so.
#[must_use]
pub fn is_id(text: &str) -> bool {
    text.starts_with(|it: char| it.is_ascii_lowercase()) && text.chars().all(belongs_to_name)
}

/// Deeper ones are refused: each level is one of the reader's own calls.
const DEEPEST: usize = 64;

/// A part of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    /// `5`, `0.5`: a text that is a finite number.
    Number(SmolStr),
    /// An id, `REPEAT`, `LINEAR`.
    Name(SmolStr),
    /// `'text'`
    Text(SmolStr),
    /// `[m1, m2]`
    List(Vec<Self>),
    /// `-m1`
    Negative(Box<Self>),
    /// An operator between two.
    Pair(Operator, Box<Self>, Box<Self>),
    /// A function, its name in capitals.
    Call(SmolStr, Vec<Self>),
}

/// An operator between two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `^`
    Power,
    /// `==`
    Equal,
    /// `!=`
    Unequal,
    /// `<=`
    AtMost,
    /// `>=`
    AtLeast,
    /// `<`
    Less,
    /// `>`
    Greater,
    /// `AND`, `&&`
    And,
    /// `OR`, `||`
    Or,
}

/// Operators from the weakest to the strongest; of one level the longer ones first.
const LEVELS: [&[(&str, Operator)]; 5] = [
    &[("||", Operator::Or), ("OR", Operator::Or)],
    &[("&&", Operator::And), ("AND", Operator::And)],
    &[
        ("<=", Operator::AtMost),
        (">=", Operator::AtLeast),
        ("==", Operator::Equal),
        ("!=", Operator::Unequal),
        ("<", Operator::Less),
        (">", Operator::Greater),
    ],
    &[("+", Operator::Add), ("-", Operator::Subtract)],
    &[("*", Operator::Multiply), ("/", Operator::Divide)],
];

/// Reads a whole text.
///
/// # Errors
/// What does not belong there, and where.
pub fn expression(text: &str) -> Result<Expression, String> {
    let mut reader = Reader {
        text,
        rest: text,
        depth: 0,
    };
    let read = reader.level(0)?;
    match reader.rest.trim_start().is_empty() {
        true => Ok(read),
        false => Err(reader.wrong()),
    }
}

struct Reader<'t> {
    text: &'t str,
    rest: &'t str,
    depth: usize,
}

impl Reader<'_> {
    fn wrong(&self) -> String {
        let rest = self.rest.trim_start();
        let at = self.text.len() - rest.len();
        match rest.chars().next() {
            Some(letter) => format!("`{letter}` at character {at} does not belong there"),
            None => "it ends too early".to_owned(),
        }
    }

    /// Whether this comes next, which is then read. A word is one only where it ends.
    fn takes(&mut self, word: &str) -> bool {
        let rest = self.rest.trim_start().strip_prefix(word);
        let is_word = word.starts_with(|it: char| it.is_ascii_alphabetic());
        let rest = rest.filter(|rest| !is_word || !rest.starts_with(belongs_to_name));
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn wants(&mut self, word: &str) -> Result<(), String> {
        match self.takes(word) {
            true => Ok(()),
            false => Err(self.wrong()),
        }
    }

    fn level(&mut self, level: usize) -> Result<Expression, String> {
        let Some(operators) = LEVELS.get(level) else {
            return self.power();
        };
        let mut left = self.level(level + 1)?;
        while let Some((_, operator)) = operators.iter().find(|(word, _)| self.takes(word)) {
            let right = self.level(level + 1)?;
            left = Expression::Pair(*operator, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn power(&mut self) -> Result<Expression, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(format!("it is deeper than {DEEPEST} levels"));
        }
        let read = match self.takes("-") {
            true => Expression::Negative(Box::new(self.power()?)),
            false => {
                let left = self.part()?;
                match self.takes("^") {
                    true => {
                        let right = Box::new(self.power()?);
                        Expression::Pair(Operator::Power, Box::new(left), right)
                    }
                    false => left,
                }
            }
        };
        self.depth -= 1;
        Ok(read)
    }

    fn part(&mut self) -> Result<Expression, String> {
        if self.takes("(") {
            let inner = self.level(0)?;
            self.wants(")")?;
            return Ok(inner);
        }
        if self.takes("[") {
            return self.list("]").map(Expression::List);
        }
        for quote in ["'", "\""] {
            if self.takes(quote) {
                let rest = self.rest;
                let (text, after) = rest.split_once(quote).ok_or_else(|| self.wrong())?;
                self.rest = after;
                return Ok(Expression::Text(text.into()));
            }
        }
        let rest = self.rest.trim_start();
        let is_number = rest.starts_with(|it: char| it.is_ascii_digit() || it == '.');
        let belongs = |it: char| match is_number {
            true => it.is_ascii_digit() || it == '.',
            false => belongs_to_name(it),
        };
        let end = rest.find(|it| !belongs(it)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        if word.is_empty() || (is_number && !super::is_number(word)) {
            return Err(self.wrong());
        }
        self.rest = after;
        if is_number {
            return Ok(Expression::Number(word.into()));
        }
        match self.takes("(") {
            true => {
                let name = word.to_ascii_uppercase();
                Ok(Expression::Call(name.into(), self.list(")")?))
            }
            false => Ok(Expression::Name(word.into())),
        }
    }

    /// What is between commas, up to `end`.
    fn list(&mut self, end: &str) -> Result<Vec<Expression>, String> {
        let mut all = Vec::new();
        if self.takes(end) {
            return Ok(all);
        }
        loop {
            all.push(self.level(0)?);
            if self.takes(end) {
                return Ok(all);
            }
            self.wants(",")?;
        }
    }
}

fn belongs_to_name(it: char) -> bool {
    it.is_ascii_alphanumeric() || it == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_bind_as_documented_and_words_are_words() {
        let same = [
            ("a OR b AND c", "a || (b && c)"),
            ("a > 1 AND b < 2", "(a > 1) && (b < 2)"),
            ("a + b * c ^ d ^ e", "a + (b * (c ^ (d ^ e)))"),
            ("a <= b == c", "(a <= b) == c"),
            ("-a ^ 2", "-(a ^ 2)"),
            ("a - b - c", "(a - b) - c"),
        ];
        for (one, other) in same {
            assert_eq!(expression(one), expression(other), "{one}");
        }
        let name = |text: &str| Ok(Expression::Name(text.into()));
        assert_eq!(expression("mANDn"), name("mANDn"));
        assert_eq!(expression("ORDER"), name("ORDER"));
        for wrong in [
            "a AND", "a ANDb", "a and b", "a = b", "a b", "1.2.3", "(a", "f(a",
        ] {
            assert!(expression(wrong).is_err(), "{wrong}");
        }
    }
}
