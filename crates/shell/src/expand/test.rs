//! `[[ ]]`, and what `test` asks of files and texts.

use brush_parser::ast::{BinaryPredicate, ExtendedTestExpr as Test, Word};

use super::Bit;
use crate::question::Kind;
use crate::regular::{self, Language};
use crate::run::{Flow, Interpreter, Stop, Value};

impl Interpreter<'_> {
    /// Whether a condition holds; nothing if it cannot be told, which has been said.
    pub(crate) fn extended_test(&mut self, test: &Test) -> Flow<Option<bool>> {
        self.step(0)?;
        Ok(match test {
            Test::And(left, right) => match self.extended_test(left)? {
                Some(true) => self.extended_test(right)?,
                other => other,
            },
            Test::Or(left, right) => match self.extended_test(left)? {
                Some(false) => self.extended_test(right)?,
                other => other,
            },
            Test::Not(inner) => self.extended_test(inner)?.map(|it| !it),
            Test::Parenthesized(inner) => self.extended_test(inner)?,
            Test::UnaryTest(predicate, word) => {
                let text = self.one_word(&word.value)?;
                Some(self.unary(&predicate.to_string(), &text)?)
            }
            Test::BinaryTest(predicate, left, right) => self.binary_test(predicate, left, right)?,
        })
    }

    fn binary_test(
        &mut self,
        predicate: &BinaryPredicate,
        left: &Word,
        right: &Word,
    ) -> Flow<Option<bool>> {
        let left = self.one_word(&left.value)?;
        match predicate {
            BinaryPredicate::StringExactlyMatchesPattern => {
                let pattern = self.pattern_word(&right.value)?;
                self.fits(&pattern, &left).map(Some)
            }
            BinaryPredicate::StringDoesNotExactlyMatchPattern => {
                let pattern = self.pattern_word(&right.value)?;
                self.fits(&pattern, &left).map(|it| Some(!it))
            }
            BinaryPredicate::StringMatchesRegex | BinaryPredicate::StringContainsSubstring => {
                self.matches(&left, &right.value)
            }
            BinaryPredicate::ArithmeticEqualTo
            | BinaryPredicate::ArithmeticNotEqualTo
            | BinaryPredicate::ArithmeticLessThan
            | BinaryPredicate::ArithmeticLessThanOrEqualTo
            | BinaryPredicate::ArithmeticGreaterThan
            | BinaryPredicate::ArithmeticGreaterThanOrEqualTo => {
                let right = self.one_word(&right.value)?;
                let Some(left) = self.arithmetic_or_complain(&left, "[[: ")? else {
                    return Ok(Some(false));
                };
                let Some(right) = self.arithmetic_or_complain(&right, "[[: ")? else {
                    return Ok(Some(false));
                };
                Ok(Some(compares(&predicate.to_string(), left, right)))
            }
            other => {
                let right = self.one_word(&right.value)?;
                self.binary(&left, &other.to_string(), &right).map(Some)
            }
        }
    }

    /// `=~`, which leaves what it has found in `BASH_REMATCH`.
    fn matches(&mut self, text: &str, word: &str) -> Flow<Option<bool>> {
        let mut expression = String::new();
        for bit in self.bits(word, false)? {
            match bit {
                Bit::Literal(text) | Bit::Split(text) => expression += &text,
                Bit::Quoted(text) => {
                    for letter in text.chars() {
                        if r"\.[]{}()*+?^$|".contains(letter) {
                            expression.push('\\');
                        }
                        expression.push(letter);
                    }
                }
                Bit::Break => expression.push(' '),
            }
        }
        self.step(text.len())?;
        let regex = match regular::compile(&expression, Language::Extended, false) {
            Ok(regex) => regex,
            Err(why) if why.contains("not simulated") => return Err(Stop::Refused(why)),
            Err(_) => return Ok(None),
        };
        let found = regex.captures(text);
        let groups = found.iter().flat_map(|it| it.iter());
        let groups = groups.map(|it| it.map_or_else(String::new, |it| it.as_str().to_owned()));
        let list = Value::List((0..).zip(groups).collect());
        // What is readonly stays as it is, as in bash.
        let _ = self.state.variables.set("BASH_REMATCH", list);
        Ok(Some(found.is_some()))
    }

    /// `-f x` and its like.
    pub(crate) fn unary(&mut self, operator: &str, text: &str) -> Flow<bool> {
        let predicate = operator.strip_prefix('-').unwrap_or(operator);
        Ok(match predicate {
            "n" => !text.is_empty(),
            "z" => text.is_empty(),
            "v" => {
                let (name, key) = text.split_once('[').unwrap_or((text, "0]"));
                let key = key.trim_end_matches(']');
                match self.state.variables.value(name) {
                    Some(Value::Map(map)) => map.contains_key(key),
                    Some(value) => value.element(key.parse().unwrap_or(0)).is_some(),
                    None => self.variable_text(name).is_some(),
                }
            }
            "o" => match text {
                "errexit" => self.state.options.errexit,
                "nounset" => self.state.options.nounset,
                "xtrace" => self.state.options.xtrace,
                "pipefail" => self.state.options.pipefail,
                _ => false,
            },
            // No file descriptor is a terminal.
            "t" | "R" => false,
            "a" | "e" | "r" | "w" | "O" | "G" => self.stat(text)?.is_some(),
            "f" => matches!(self.stat(text)?, Some(Kind::File { .. })),
            "d" => self.stat(text)? == Some(Kind::Directory),
            "c" => self.stat(text)? == Some(Kind::Null),
            "s" => match self.stat(text)? {
                Some(Kind::File { size, .. }) => size > 0,
                Some(Kind::Directory) => true,
                _ => false,
            },
            "x" => match self.stat(text)? {
                Some(Kind::File { executable, .. }) => executable,
                Some(Kind::Directory) => true,
                _ => {
                    crate::filter::is_filter(text.rsplit('/').next().unwrap_or(text))
                        && ["/bin/", "/usr/bin/", "/usr/sbin/", "/sbin/"]
                            .iter()
                            .any(|it| text.starts_with(it))
                }
            },
            // There are no links, sockets, pipes or block devices, nor bits of identity.
            _ => false,
        })
    }

    /// What `test` asks of two texts.
    pub(crate) fn binary(&mut self, left: &str, operator: &str, right: &str) -> Flow<bool> {
        Ok(match operator {
            "=" | "==" => left == right,
            "!=" => left != right,
            "<" => left < right,
            ">" => left > right,
            "-ef" => self.stat(left)?.is_some() && self.absolute(left) == self.absolute(right),
            // Files have no times: one that is there counts as newer than one that is not.
            "-nt" => self.stat(left)?.is_some() && self.stat(right)?.is_none(),
            _ => self.stat(left)?.is_none() && self.stat(right)?.is_some(),
        })
    }
}

/// `-eq` and its like.
pub(crate) fn compares(operator: &str, left: i64, right: i64) -> bool {
    match operator.trim_start_matches('-') {
        "eq" => left == right,
        "ne" => left != right,
        "lt" => left < right,
        "le" => left <= right,
        "gt" => left > right,
        _ => left >= right,
    }
}

/// Whether it is an operator of one argument.
pub(crate) fn is_unary(word: &str) -> bool {
    let letters = word.strip_prefix('-').unwrap_or_default();
    letters.len() == 1 && "abcdefghknoprstuvwxzGLNORS".contains(letters)
}

/// Whether it is an operator between two arguments.
pub(crate) fn is_binary(word: &str) -> bool {
    [
        "=", "==", "!=", "<", ">", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-nt", "-ot", "-ef",
    ]
    .contains(&word)
}

/// Whether an operator compares numbers.
pub(crate) fn is_numeric(word: &str) -> bool {
    ["-eq", "-ne", "-lt", "-le", "-gt", "-ge"].contains(&word)
}
