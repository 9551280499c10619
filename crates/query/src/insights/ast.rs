//! A query as a tree.

use std::fmt;

use super::period::Period;

/// Bytes of the query's text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Span {
    /// From the start of this to the end of the other.
    pub(super) fn to(self, other: Self) -> Self {
        Self {
            start: self.start,
            end: other.end,
        }
    }
}

/// A command and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) command: Command,
    pub(super) span: Span,
}

#[derive(Clone, Debug)]
pub(super) enum Command {
    Fields(Vec<Item>),
    Display(Vec<Item>),
    Filter(Expr),
    Stats {
        items: Vec<Item>,
        by: Vec<Item>,
    },
    Sort(Vec<SortKey>),
    Limit(u64),
    Parse {
        of: Expr,
        pattern: ParsePattern,
    },
    Dedup(Vec<Item>),
    /// Shows data that a data protection policy masks: nothing is masked here.
    Unmask,
}

impl Command {
    /// The keyword, for messages.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Fields(_) => "fields",
            Self::Display(_) => "display",
            Self::Filter(_) => "filter",
            Self::Stats { .. } => "stats",
            Self::Sort(_) => "sort",
            Self::Limit(_) => "limit",
            Self::Parse { .. } => "parse",
            Self::Dedup(_) => "dedup",
            Self::Unmask => "unmask",
        }
    }
}

/// An expression in a list, with its name.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) expr: Expr,
    pub(super) alias: Option<String>,
    /// The expression as written, which names the column if there is no alias.
    pub(super) text: String,
}

impl Item {
    /// The column's name in the result.
    pub(super) fn name(&self) -> String {
        match (&self.alias, &self.expr.kind) {
            (Some(alias), _) => alias.clone(),
            (None, ExprKind::Field(name)) => name.clone(),
            (None, _) => self.text.clone(),
        }
    }

    /// The expression's place.
    pub(super) fn span(&self) -> Span {
        self.expr.span
    }

    /// How later commands find the column.
    pub(super) fn key(&self) -> String {
        self.alias.clone().unwrap_or_else(|| self.expr.to_string())
    }
}

#[derive(Clone, Debug)]
pub(super) struct SortKey {
    pub(super) expr: Expr,
    pub(super) ascending: bool,
}

/// What `parse` looks for.
#[derive(Clone, Debug)]
pub(super) enum ParsePattern {
    /// The literal parts around the `*`s: one more than names.
    Glob {
        literals: Vec<String>,
        names: Vec<String>,
    },
    /// A regex with named groups.
    Regex(regex::Regex),
}

#[derive(Clone, Debug)]
pub(super) struct Expr {
    pub(super) kind: ExprKind,
    pub(super) span: Span,
}

#[derive(Clone, Debug)]
pub(super) enum ExprKind {
    Field(String),
    Text(String),
    Number(f64),
    Period(Period),
    /// The `*` of `count(*)`.
    Star,
    /// The function's name in lower case.
    Call {
        name: String,
        args: Vec<Expr>,
    },
    Not(Box<Expr>),
    Negative(Box<Expr>),
    /// Two or more, all of which must hold.
    And(Vec<Expr>),
    /// Two or more, one of which must hold.
    Or(Vec<Expr>),
    Compare(Comparison, Box<Expr>, Box<Expr>),
    /// Operators of one rank from left to right, flat: a sum of many terms is not deep.
    Arithmetic(Box<Expr>, Vec<(Arithmetic, Expr)>),
    Like {
        value: Box<Expr>,
        pattern: Pattern,
    },
    In {
        value: Box<Expr>,
        list: Vec<Expr>,
    },
}

#[derive(Clone, Debug)]
pub(super) enum Pattern {
    /// A substring.
    Text(String),
    Regex(regex::Regex),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Power,
}

impl Expr {
    /// Calls `visit` with this expression and all inside it.
    pub(super) fn walk<'a>(&'a self, visit: &mut impl FnMut(&'a Self)) {
        visit(self);
        match &self.kind {
            ExprKind::Call { args: list, .. } | ExprKind::And(list) | ExprKind::Or(list) => {
                list.iter().for_each(|expr| expr.walk(visit));
            }
            ExprKind::Not(inner) | ExprKind::Negative(inner) => inner.walk(visit),
            ExprKind::Compare(_, left, right) => {
                left.walk(visit);
                right.walk(visit);
            }
            ExprKind::Arithmetic(first, rest) => {
                first.walk(visit);
                rest.iter().for_each(|(_, expr)| expr.walk(visit));
            }
            ExprKind::Like { value, .. } => value.walk(visit),
            ExprKind::In { value, list } => {
                value.walk(visit);
                list.iter().for_each(|expr| expr.walk(visit));
            }
            _ => {}
        }
    }
}

/// One form for all spellings of an expression, so that `sort COUNT( * )` finds `count(*)`.
impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ExprKind::Field(name) => f.write_str(name),
            ExprKind::Text(text) => write!(f, "{text:?}"),
            ExprKind::Number(number) => write!(f, "{number}"),
            ExprKind::Period(period) => write!(f, "{period}"),
            ExprKind::Star => f.write_str("*"),
            ExprKind::Call { name, args } if name == "count" && args.is_empty() => {
                f.write_str("count(*)")
            }
            ExprKind::Call { name, args } => write!(f, "{name}({})", joined(args, ",")),
            ExprKind::Not(inner) => write!(f, "not({inner})"),
            ExprKind::Negative(inner) => write!(f, "-({inner})"),
            ExprKind::And(parts) => write!(f, "({})", joined(parts, " and ")),
            ExprKind::Or(parts) => write!(f, "({})", joined(parts, " or ")),
            ExprKind::Compare(op, left, right) => write!(f, "({left} {op:?} {right})"),
            ExprKind::Arithmetic(first, rest) => {
                write!(f, "({first}")?;
                rest.iter()
                    .try_for_each(|(op, right)| write!(f, " {op:?} {right}"))?;
                f.write_str(")")
            }
            ExprKind::Like {
                value,
                pattern: Pattern::Text(text),
            } => {
                write!(f, "({value} like {text:?})")
            }
            ExprKind::Like {
                value,
                pattern: Pattern::Regex(regex),
            } => {
                write!(f, "({value} like /{regex}/)")
            }
            ExprKind::In { value, list } => write!(f, "({value} in [{}])", joined(list, ",")),
        }
    }
}

fn joined(list: &[Expr], separator: &str) -> String {
    let texts: Vec<_> = list.iter().map(ToString::to_string).collect();
    texts.join(separator)
}
