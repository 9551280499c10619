//! Expressions over evidence: how a lab says which value the run itself proves.
//!
//! ```text
//! outcome("partner") = "completed" ? "goes-on" : "cut"
//! packets("instance.app", "tcp[tcpflags] & tcp-rst != 0") > 0
//! ```
//!
//! An expression is a value (a number, a text), a question to the evidence, or made of such with
//! `not`, comparisons, `and`, `or`, and `CONDITION ? VALUE : VALUE`; later ones bind more loosely.
//! `${..}` in texts is filled from the plan. What the questions mean is the grader's
//! (`grader/src/truth`); here they are read and their arguments counted.

use std::fmt;
use std::str::FromStr;

/// An expression as the author wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expression {
    /// The text.
    pub text: String,
    /// What it says.
    pub root: Term,
}

/// A part of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Term {
    /// A number.
    Number(i64),
    /// A text, `${..}` not filled in.
    Text(String),
    /// A question to the evidence, with its arguments.
    Ask(Question, Vec<String>),
    /// Two values compared.
    Compare(Box<Self>, Comparison, Box<Self>),
    /// The opposite.
    Not(Box<Self>),
    /// Both.
    And(Box<Self>, Box<Self>),
    /// Either.
    Or(Box<Self>, Box<Self>),
    /// The second if the first holds, else the third.
    If(Box<Self>, Box<Self>, Box<Self>),
}

/// What the evidence can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// `outcome("TRAFFIC")`: how its exchanges ended that began in the window: `completed`,
    /// `timed_out`, `refused`, `reset`, `unreachable`, `failed`. All of them the same.
    Outcome,
    /// `packets("CAPTURE", "FILTER")`: how many packets of a capture in the window a filter keeps.
    Packets,
    /// `segments("TRAFFIC", "CAPTURE", "FILTER")`: how many packets of the first exchange's
    /// connection that begins in the window a filter keeps.
    Segments,
    /// `dropped_by("FILTER")`: the resource that drops the packets that a filter keeps:
    /// `network_acl.db`. One and the same for all of them.
    DroppedBy,
    /// `query("FLOW_LOG", "INSIGHTS")`: the one value that a Logs Insights query answers with.
    Query,
    /// `printed("TEXT")`: whether the commands that the part plays print the text.
    Printed,
    /// `said("TRAFFIC", "CAPTURE")`: how many segments of the first exchange's connection that
    /// begins in the window have data.
    Said,
    /// `exec("MACHINE", "COMMAND", "TEXT")`: how many lines with the text a command prints that is
    /// run on a copy of the network.
    Exec,
    /// `call("CALL", "TEXT")`: how many things a call that changes nothing answers with that have
    /// the text in them: a route of a table, an entry of a list.
    Call,
    /// `holding("CAPTURE", "TEXT")`: how many packets of a capture in the window have the octets of
    /// a text in them.
    Holding,
    /// `lookup("ADDRESS", "PREFIX TARGET, PREFIX TARGET", "TARGET")`: whether a table of routes
    /// sends a packet with that destination to the target.
    Lookup,
}

impl Question {
    /// Every question with its name and how many arguments it takes.
    pub const ALL: [(&'static str, Self, usize); 11] = [
        ("outcome", Self::Outcome, 1),
        ("packets", Self::Packets, 2),
        ("segments", Self::Segments, 3),
        ("dropped_by", Self::DroppedBy, 1),
        ("query", Self::Query, 2),
        ("printed", Self::Printed, 1),
        ("said", Self::Said, 2),
        ("exec", Self::Exec, 3),
        ("call", Self::Call, 2),
        ("holding", Self::Holding, 2),
        ("lookup", Self::Lookup, 3),
    ];

    /// Whether captured packets answer it.
    #[must_use]
    pub const fn needs_captures(self) -> bool {
        matches!(
            self,
            Self::Packets | Self::Segments | Self::Said | Self::Holding
        )
    }

    /// Whether dropped packets answer it, or show why the answer is what it is.
    #[must_use]
    pub const fn needs_drops(self) -> bool {
        matches!(self, Self::Outcome | Self::DroppedBy)
    }
}

impl Expression {
    /// Whether it asks the evidence such a question.
    #[must_use]
    pub fn asks(&self, which: fn(Question) -> bool) -> bool {
        self.root.asks(which)
    }
}

impl Term {
    fn asks(&self, which: fn(Question) -> bool) -> bool {
        match self {
            Self::Number(_) | Self::Text(_) => false,
            Self::Ask(question, _) => which(*question),
            Self::Not(it) => it.asks(which),
            Self::Compare(a, _, b) | Self::And(a, b) | Self::Or(a, b) => {
                a.asks(which) || b.asks(which)
            }
            Self::If(a, b, c) => a.asks(which) || b.asks(which) || c.asks(which),
        }
    }
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `!=`
    Unequal,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    More,
    /// `>=`
    AtLeast,
}

/// Why a text is no expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct ExpressionError {
    what: String,
}

fn wrong<T>(what: impl Into<String>) -> Result<T, ExpressionError> {
    Err(ExpressionError { what: what.into() })
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Expression {
    type Err = ExpressionError;

    fn from_str(text: &str) -> Result<Self, ExpressionError> {
        let mut reader = Reader {
            words: words(text)?,
            next: 0,
        };
        let root = reader.choice()?;
        match reader.peek() {
            None => Ok(Self {
                text: text.to_owned(),
                root,
            }),
            Some(word) => wrong(format!("`{word}` is one word too many")),
        }
    }
}

/// A word of the text: a quoted one keeps its opening quote, so that it is no operator.
fn words(text: &str) -> Result<Vec<String>, ExpressionError> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => match rest[1..].find('"') {
                Some(end) => end + 2,
                None => return wrong("a quote is not closed"),
            },
            '!' | '<' | '>' | '=' if rest[1..].starts_with('=') => 2,
            c if c.is_alphanumeric() => rest
                .find(|c: char| !c.is_alphanumeric() && c != '_')
                .unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        let (word, after) = rest.split_at(length);
        words.push(word.strip_suffix('"').unwrap_or(word).to_owned());
        rest = after.trim_start();
    }
    Ok(words)
}

struct Reader {
    words: Vec<String>,
    next: usize,
}

type Read = Result<Term, ExpressionError>;

impl Reader {
    fn peek(&self) -> Option<&str> {
        self.words.get(self.next).map(String::as_str)
    }

    fn take(&mut self, wanted: &str) -> bool {
        let is_there = self.peek() == Some(wanted);
        self.next += usize::from(is_there);
        is_there
    }

    fn expect(&mut self, wanted: &str) -> Result<(), ExpressionError> {
        if self.take(wanted) {
            return Ok(());
        }
        match self.peek() {
            Some(word) => wrong(format!("`{wanted}` is wanted where `{word}` stands")),
            None => wrong(format!("`{wanted}` is missing at the end")),
        }
    }

    fn choice(&mut self) -> Read {
        let condition = self.either()?;
        if !self.take("?") {
            return Ok(condition);
        }
        let yes = self.choice()?;
        self.expect(":")?;
        let no = self.choice()?;
        Ok(Term::If(Box::new(condition), Box::new(yes), Box::new(no)))
    }

    fn either(&mut self) -> Read {
        let mut left = self.both()?;
        while self.take("or") {
            left = Term::Or(Box::new(left), Box::new(self.both()?));
        }
        Ok(left)
    }

    fn both(&mut self) -> Read {
        let mut left = self.compared()?;
        while self.take("and") {
            left = Term::And(Box::new(left), Box::new(self.compared()?));
        }
        Ok(left)
    }

    fn compared(&mut self) -> Read {
        if self.take("not") {
            return Ok(Term::Not(Box::new(self.compared()?)));
        }
        let left = self.value()?;
        let comparison = match self.peek() {
            Some("=" | "==") => Comparison::Equal,
            Some("!=") => Comparison::Unequal,
            Some("<") => Comparison::Less,
            Some("<=") => Comparison::AtMost,
            Some(">") => Comparison::More,
            Some(">=") => Comparison::AtLeast,
            _ => return Ok(left),
        };
        self.next += 1;
        let right = self.value()?;
        Ok(Term::Compare(Box::new(left), comparison, Box::new(right)))
    }

    fn value(&mut self) -> Read {
        let Some(word) = self.peek().map(str::to_owned) else {
            return wrong("a value is missing at the end");
        };
        self.next += 1;
        if let Some(text) = word.strip_prefix('"') {
            return Ok(Term::Text(text.to_owned()));
        }
        if word == "(" {
            let inner = self.choice()?;
            self.expect(")")?;
            return Ok(inner);
        }
        if let Ok(number) = word.parse() {
            return Ok(Term::Number(number));
        }
        let known = Question::ALL.iter().find(|(name, ..)| *name == word);
        let Some((name, question, count)) = known else {
            let names = Question::ALL.map(|(name, ..)| name).join(", ");
            return wrong(format!(
                "`{word}` is no value: write a number, a \"text\", or one of {names}"
            ));
        };
        let arguments = self.arguments()?;
        if arguments.len() != *count {
            let given = arguments.len();
            return wrong(format!("`{name}` takes {count} texts; it is given {given}"));
        }
        Ok(Term::Ask(*question, arguments))
    }

    fn arguments(&mut self) -> Result<Vec<String>, ExpressionError> {
        self.expect("(")?;
        let mut arguments = Vec::new();
        loop {
            match self.value()? {
                Term::Text(text) => arguments.push(text),
                _ => return wrong("arguments are texts in quotes"),
            }
            if !self.take(",") {
                break;
            }
        }
        self.expect(")")?;
        Ok(arguments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Term {
        let read: Expression = text.parse().unwrap_or_else(|error| panic!("{error}"));
        read.root
    }

    fn refused(text: &str) -> String {
        let read = text.parse::<Expression>();
        read.expect_err("no expression").to_string()
    }

    #[test]
    fn a_choice_binds_more_loosely_than_or_and_and_and_not_comparisons() {
        let read = read(r#"not outcome("a") = "reset" or 1 > 2 and 3 != 4 ? "x" : "y""#);
        let Term::If(condition, yes, no) = read else {
            panic!("{read:?}");
        };
        assert_eq!(
            (*yes, *no),
            (Term::Text("x".into()), Term::Text("y".into()))
        );
        let Term::Or(left, right) = *condition else {
            panic!("{condition:?}");
        };
        assert!(matches!(*left, Term::Not(_)), "{left:?}");
        assert!(matches!(*right, Term::And(..)), "{right:?}");
    }

    #[test]
    fn texts_keep_what_would_be_operators() {
        let asked = read(r#"packets("instance.app", "tcp[13] & 4 != 0 and not port 80") >= 1"#);
        let Term::Compare(left, Comparison::AtLeast, _) = asked else {
            panic!("{asked:?}");
        };
        let filter = "tcp[13] & 4 != 0 and not port 80";
        let arguments = vec!["instance.app".to_owned(), filter.to_owned()];
        assert_eq!(*left, Term::Ask(Question::Packets, arguments));
    }

    #[test]
    fn what_is_no_expression_is_said() {
        assert!(refused("outcom(\"a\")").contains("outcome"));
        assert!(refused("packets(\"a\")").contains("2 texts"));
        assert!(refused("outcome(\"a\"").contains("`)`"));
        assert!(refused("outcome(\"a)").contains("not closed"));
        assert!(refused("1 = 1 ? 2").contains("`:`"));
        assert!(refused("1 2").contains("too many"));
        assert!(refused("outcome(1)").contains("quotes"));
    }
}
