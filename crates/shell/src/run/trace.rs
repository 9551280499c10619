//! `set -x`, `time`.

use brush_parser::ast::{BinaryPredicate, ExtendedTestExpr, UnaryPredicate};
use wirelab_model::SimTime;

use super::{Flow, Interpreter};
use crate::expand::quoted;

impl Interpreter<'_> {
    pub(super) fn trace(&mut self, text: &str) -> Flow<()> {
        if !self.state.options.xtrace {
            return Ok(());
        }
        let prompt = self
            .state
            .variables
            .text("PS4")
            .unwrap_or_default()
            .to_owned();
        let first = prompt.chars().next().map(String::from).unwrap_or_default();
        let prompt = first.repeat(self.state.level) + &prompt;
        self.error(&format!("{prompt}{text}\n"))
    }

    pub(super) fn trace_words(&mut self, words: &[String]) -> Flow<()> {
        let words: Vec<String> = words.iter().map(|it| quoted(it)).collect();
        self.trace(&words.join(" "))
    }

    pub(super) fn trace_test(&mut self, test: &ExtendedTestExpr) -> Flow<()> {
        if !self.state.options.xtrace {
            return Ok(());
        }
        let text = match test {
            ExtendedTestExpr::UnaryTest(UnaryPredicate::StringHasNonZeroLength, word) => {
                let word = self.one_word(&word.value)?;
                format!("-n {}", quoted(&word))
            }
            ExtendedTestExpr::BinaryTest(predicate, left, right) => {
                let left = self.one_word(&left.value)?;
                let sign = match predicate {
                    BinaryPredicate::StringExactlyMatchesPattern => "==".to_owned(),
                    other => other.to_string(),
                };
                let right = self.one_word(&right.value)?;
                format!("{left} {sign} {right}")
            }
            other => other.to_string(),
        };
        self.trace(&format!("[[ {text} ]]"))
    }

    /// `time`: how long a pipeline took; programs use no processor time here.
    pub(super) fn print_time(&mut self, began: SimTime, is_posix: bool) -> Flow<()> {
        let millis = self.now.since(began).as_millis();
        let (seconds, rest) = (millis / 1000, millis % 1000);
        let text = match is_posix {
            true => format!("real {seconds}.{:02}\nuser 0.00\nsys 0.00\n", rest / 10),
            false => format!(
                "\nreal\t{}m{}.{rest:03}s\nuser\t0m0.000s\nsys\t0m0.000s\n",
                seconds / 60,
                seconds % 60
            ),
        };
        self.error(&text)
    }
}
