//! What the evidence of a run proves: the value of an expression over it.
//!
//! A lab never states an answer by heart: it says how the run gives it
//! ([`wirelab_scenario::expression`]). Here the run is asked. Beside the value come the lines that
//! show it: the packet, the record, what the command printed.
//!
//! ```text
//! outcome("partner") = "completed" ? "goes-on" : "cut"
//!   ──▶ cut        `partner` at 00:31:10 (14:31:10 UTC): timed out
//! ```

mod ask;
mod asked;
mod data;
mod lookup;
mod open;
mod play;

use std::cmp::Ordering;
use std::fmt;

use wirelab_model::SimTime;
use wirelab_scenario::expression::{Comparison, Expression, Term};
use wirelab_session::Run;

pub(crate) use self::play::{Played, play};

/// What is asked: a run, a part of its time, and what was done to it.
pub(crate) struct Evidence<'a> {
    pub(crate) run: &'a Run,
    /// From here on it is about what happens: connections that are open now are followed.
    pub(crate) from: SimTime,
    pub(crate) window: (SimTime, SimTime),
    pub(crate) played: &'a [Played],
}

/// What an expression comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Truth {
    /// The value as one writes it into an answer.
    pub(crate) value: String,
    /// Lines that show it.
    pub(crate) shown: Vec<String>,
}

/// The value of `expression` by the evidence; `Err` is a mistake of the author.
pub(crate) fn of(expression: &Expression, evidence: &Evidence<'_>) -> Result<Truth, String> {
    let mut asked = Asked {
        evidence,
        shown: Vec::new(),
    };
    let value = asked
        .value(&expression.root)
        .map_err(|why| format!("`{expression}`: {why}"))?;
    Ok(Truth {
        value: value.to_string(),
        shown: asked.shown,
    })
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Number(i64),
    Text(String),
    Truth(bool),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(text),
            Self::Truth(true) => f.write_str("yes"),
            Self::Truth(false) => f.write_str("no"),
        }
    }
}

/// An expression being worked out. What need not be asked is not asked, and not shown.
struct Asked<'a> {
    evidence: &'a Evidence<'a>,
    shown: Vec<String>,
}

impl Asked<'_> {
    fn value(&mut self, term: &Term) -> Result<Value, String> {
        Ok(match term {
            Term::Number(number) => Value::Number(*number),
            Term::Text(text) => Value::Text(self.filled(text)?),
            Term::Ask(question, arguments) => {
                let arguments = arguments.iter().map(|text| self.filled(text));
                let arguments: Vec<String> = arguments.collect::<Result<_, _>>()?;
                let (value, shown) = ask::ask(*question, &arguments, self.evidence)?;
                for line in shown {
                    if !self.shown.contains(&line) {
                        self.shown.push(line);
                    }
                }
                value
            }
            Term::Not(term) => Value::Truth(!self.holds(term)?),
            Term::And(a, b) => Value::Truth(self.holds(a)? && self.holds(b)?),
            Term::Or(a, b) => Value::Truth(self.holds(a)? || self.holds(b)?),
            Term::If(condition, yes, no) => match self.holds(condition)? {
                true => self.value(yes)?,
                false => self.value(no)?,
            },
            Term::Compare(a, comparison, b) => {
                let (a, b) = (self.value(a)?, self.value(b)?);
                Value::Truth(compare(&a, *comparison, &b)?)
            }
        })
    }

    fn holds(&mut self, term: &Term) -> Result<bool, String> {
        match self.value(term)? {
            Value::Truth(holds) => Ok(holds),
            other => Err(format!("`{other}` is neither true nor false; compare it")),
        }
    }

    fn filled(&self, text: &str) -> Result<String, String> {
        let filled = self.evidence.run.plan().fill(text);
        filled.map_err(|error| error.to_string())
    }
}

fn compare(a: &Value, comparison: Comparison, b: &Value) -> Result<bool, String> {
    let order = match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.cmp(b),
        _ if matches!(comparison, Comparison::Equal | Comparison::Unequal) => {
            match a.to_string() == b.to_string() {
                true => Ordering::Equal,
                false => Ordering::Less,
            }
        }
        _ => return Err(format!("`{a}` and `{b}` are not two numbers")),
    };
    Ok(match comparison {
        Comparison::Equal => order.is_eq(),
        Comparison::Unequal => order.is_ne(),
        Comparison::Less => order.is_lt(),
        Comparison::AtMost => order.is_le(),
        Comparison::More => order.is_gt(),
        Comparison::AtLeast => order.is_ge(),
    })
}
