//! Queries as trees, and their text.

use std::fmt;

/// A query: commands in their order.
#[derive(Clone, Debug)]
pub(crate) struct Query {
    pub(crate) commands: Vec<Command>,
    pub(crate) style: Style,
}

/// How the text looks; means nothing.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Style {
    /// Keywords of commands in capitals.
    pub(crate) capitals: bool,
    /// Each command on a line of its own, with a comment.
    pub(crate) lines: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Command {
    Fields(Vec<Item>),
    Display(Vec<Item>),
    Filter(Expr),
    Glob {
        of: Option<Expr>,
        pattern: String,
        names: Vec<String>,
    },
    Regex {
        of: Option<Expr>,
        pattern: &'static str,
        names: Vec<&'static str>,
    },
    Stats {
        items: Vec<Item>,
        by: Vec<Item>,
    },
    Sort(Vec<Key>),
    Limit(usize),
    Dedup(Vec<String>),
    Unnest {
        list: Expr,
        name: String,
    },
}

/// A key of `sort`; without a direction it is ascending.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) expr: Expr,
    pub(crate) descending: Option<bool>,
}

#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) expr: Expr,
    pub(crate) alias: Option<String>,
}

impl Item {
    /// The column's name in the result.
    pub(crate) fn name(&self) -> String {
        self.alias.clone().unwrap_or_else(|| match &self.expr {
            Expr::Field(name) => name.clone(),
            expr if expr.is_path() => expr.key(),
            expr => expr.to_string(),
        })
    }

    /// What later commands find the column by.
    pub(crate) fn key(&self) -> String {
        self.alias.clone().unwrap_or_else(|| self.expr.key())
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Expr {
    Field(String),
    Text(String),
    Number(f64),
    /// An amount and the unit as written.
    Period(i64, &'static str),
    /// The `*` of `count(*)`.
    Star,
    /// A function's name as written, and its arguments.
    Call(String, Vec<Self>),
    Not(Box<Self>),
    Negative(Box<Self>),
    Binary(&'static str, Box<Self>, Box<Self>),
    Like(Box<Self>, String),
    Matches(Box<Self>, &'static str),
    /// Whether it is `not in`.
    In(Box<Self>, Vec<Self>, bool),
    /// What lies in a map or list.
    Access(Box<Self>, Vec<Step>),
}

/// One step into a map or list.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Name(String),
    Place(usize),
}

/// Words that stand for themselves only in backticks.
const WORDS: [&str; 9] = ["as", "by", "and", "or", "not", "in", "like", "asc", "desc"];

/// From loose to tight.
fn rank(operator: &str) -> u8 {
    match operator {
        "or" => 1,
        "and" => 2,
        "=" | "==" | "!=" | "<" | "<=" | ">" | ">=" => 4,
        "+" | "-" => 5,
        "*" | "/" | "%" => 6,
        _ => 7,
    }
}

const NOT: u8 = 3;
const COMPARISON: u8 = 4;
const POWER: u8 = 7;
const NEGATIVE: u8 = 8;
const TIGHT: u8 = 9;

impl Expr {
    pub(crate) fn field(name: &str) -> Self {
        Self::Field(name.to_owned())
    }

    pub(crate) fn call(name: &str, args: Vec<Self>) -> Self {
        Self::Call(name.to_owned(), args)
    }

    /// Whether it is a name with names after it, which reads as one long name.
    fn is_path(&self) -> bool {
        let is_name = |step: &Step| matches!(step, Step::Name(_));
        matches!(self, Self::Access(of, path)
            if matches!(**of, Self::Field(_)) && path.iter().all(is_name))
    }

    pub(crate) fn binary(operator: &'static str, left: Self, right: Self) -> Self {
        Self::Binary(operator, Box::new(left), Box::new(right))
    }

    /// One form for all spellings of the same expression: no blanks, functions in small letters.
    pub(crate) fn key(&self) -> String {
        match self {
            Self::Field(name) => name.clone(),
            Self::Call(name, args) if name.eq_ignore_ascii_case("count") && args.is_empty() => {
                "count(*)".to_owned()
            }
            Self::Call(name, args) => {
                let args: Vec<String> = args.iter().map(Self::key).collect();
                format!("{}({})", name.to_lowercase(), args.join(","))
            }
            Self::Not(inner) => format!("not({})", inner.key()),
            Self::Negative(inner) => format!("-({})", inner.key()),
            Self::Binary("==", left, right) => format!("({}={})", left.key(), right.key()),
            Self::Binary(operator, left, right) => {
                format!("({}{operator}{})", left.key(), right.key())
            }
            Self::Like(value, text) => format!("({} like {text:?})", value.key()),
            Self::Matches(value, regex) => format!("({} like /{regex}/)", value.key()),
            Self::In(value, list, negated) => {
                let list: Vec<String> = list.iter().map(Self::key).collect();
                let inside = format!("({} in [{}])", value.key(), list.join(","));
                if *negated {
                    format!("not({inside})")
                } else {
                    inside
                }
            }
            Self::Access(of, path) => path.iter().fold(of.key(), |key, step| match step {
                Step::Name(name) => format!("{key}.{name}"),
                Step::Place(place) => format!("{key}.{place}"),
            }),
            other => other.to_string(),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Binary(operator, ..) => rank(operator),
            Self::Not(_) => NOT,
            Self::Like(..) | Self::Matches(..) | Self::In(..) => COMPARISON,
            Self::Negative(_) => NEGATIVE,
            Self::Number(number) if *number < 0.0 => NEGATIVE,
            _ => TIGHT,
        }
    }

    /// In parentheses, unless it binds at least as tightly as `rank`.
    fn at_least(&self, rank: u8) -> String {
        if self.rank() >= rank {
            self.to_string()
        } else {
            format!("({self})")
        }
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => f.write_str(&quoted(name)),
            Self::Text(text) => f.write_str(&string(text)),
            Self::Number(number) => write!(f, "{number}"),
            Self::Period(amount, unit) => write!(f, "{amount}{unit}"),
            Self::Star => f.write_str("*"),
            Self::Call(name, args) => write!(f, "{name}({})", list(args)),
            Self::Not(inner) => write!(f, "not {}", inner.at_least(NOT)),
            Self::Negative(inner) => write!(f, "-{}", inner.at_least(TIGHT)),
            Self::Binary(operator, left, right) => {
                let rank = rank(operator);
                // Comparisons do not chain; `^` goes from right to left; the others go on flat.
                let (before, after) = match rank {
                    COMPARISON => (rank + 1, rank + 1),
                    POWER => (rank + 1, rank),
                    _ => (rank, rank + 1),
                };
                let (left, right) = (left.at_least(before), right.at_least(after));
                write!(f, "{left} {operator} {right}")
            }
            Self::Like(value, text) => {
                write!(
                    f,
                    "{} like {}",
                    value.at_least(COMPARISON + 1),
                    string(text)
                )
            }
            Self::Matches(value, regex) => {
                write!(f, "{} like /{regex}/", value.at_least(COMPARISON + 1))
            }
            Self::In(value, elements, negated) => {
                let word = if *negated { "not in" } else { "in" };
                let value = value.at_least(COMPARISON + 1);
                write!(f, "{value} {word} [{}]", list(elements))
            }
            Self::Access(of, path) => {
                write!(f, "{of}")?;
                path.iter().try_for_each(|step| match step {
                    Step::Name(name) => write!(f, ".{}", quoted(name)),
                    Step::Place(place) => write!(f, "[{place}]"),
                })
            }
        }
    }
}

fn list(exprs: &[Expr]) -> String {
    let texts: Vec<String> = exprs.iter().map(Expr::to_string).collect();
    texts.join(", ")
}

/// A name, with backticks around the parts that need them.
fn quoted(name: &str) -> String {
    let plain = |part: &str| {
        !part.is_empty()
            && part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "_@".contains(c))
    };
    if WORDS.contains(&name) {
        return format!("`{name}`");
    }
    let parts: Vec<String> = name
        .split('.')
        .map(|part| {
            if plain(part) {
                part.to_owned()
            } else {
                format!("`{part}`")
            }
        })
        .collect();
    parts.join(".")
}

fn string(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\");
    if escaped.contains('"') && !escaped.contains('\'') {
        return format!("'{escaped}'");
    }
    format!("\"{}\"", escaped.replace('"', "\\\""))
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.expr)?;
        self.alias
            .iter()
            .try_for_each(|alias| write!(f, " as {}", quoted(alias)))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let direction = match self.descending {
            None => "",
            Some(false) => " asc",
            Some(true) => " desc",
        };
        write!(f, "{}{direction}", self.expr)
    }
}

fn joined<T: fmt::Display>(list: &[T]) -> String {
    let texts: Vec<String> = list.iter().map(T::to_string).collect();
    texts.join(", ")
}

impl Command {
    /// The keyword and what follows it.
    fn parts(&self) -> (&'static str, String) {
        let names = |names: &[String]| {
            let names: Vec<String> = names.iter().map(|name| quoted(name)).collect();
            names.join(", ")
        };
        let of = |of: &Option<Expr>| of.as_ref().map_or(String::new(), |of| format!("{of} "));
        match self {
            Self::Fields(items) => ("fields", joined(items)),
            Self::Display(items) => ("display", joined(items)),
            Self::Filter(condition) => ("filter", condition.to_string()),
            Self::Glob {
                of: value,
                pattern,
                names: new,
            } => {
                let text = format!("{}{} as {}", of(value), string(pattern), names(new));
                ("parse", text)
            }
            Self::Regex {
                of: value, pattern, ..
            } => ("parse", format!("{}/{pattern}/", of(value))),
            Self::Stats { items, by } if by.is_empty() => ("stats", joined(items)),
            Self::Stats { items, by } => ("stats", format!("{} by {}", joined(items), joined(by))),
            Self::Sort(keys) => ("sort", joined(keys)),
            Self::Limit(rows) => ("limit", rows.to_string()),
            Self::Dedup(keys) => ("dedup", names(keys)),
            Self::Unnest { list, name } => ("unnest", format!("{list} into {}", quoted(name))),
        }
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = if self.style.lines {
            " # a | comment\n| "
        } else {
            " | "
        };
        let commands = self.commands.iter().map(|command| {
            let (keyword, rest) = command.parts();
            if self.style.capitals {
                format!("{} {rest}", keyword.to_uppercase())
            } else {
                format!("{keyword} {rest}")
            }
        });
        f.write_str(&commands.collect::<Vec<_>>().join(separator))
    }
}
