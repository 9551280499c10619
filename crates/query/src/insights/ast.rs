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

/// A query, or one inside another.
#[derive(Clone, Debug)]
pub(super) struct Query {
    /// `SOURCE ...`: which log groups; without it those that were chosen outside the query.
    pub(super) source: Option<Source>,
    pub(super) steps: Vec<Step>,
}

impl Query {
    /// Where it begins in the text: no two inner queries begin at the same place.
    pub(super) fn place(&self) -> usize {
        self.source.as_ref().map_or(0, |source| source.span.start)
    }
}

/// Which log groups `SOURCE` names, and when.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) groups: Groups,
    pub(super) start: Option<Moment>,
    pub(super) end: Option<Moment>,
    pub(super) span: Span,
}

#[derive(Clone, Debug)]
pub(super) enum Groups {
    /// By name or ARN.
    Named(Vec<(String, Span)>),
    /// `logGroups(...)`: empty lists leave nothing out.
    Matching {
        prefixes: Vec<String>,
        accounts: Vec<String>,
        /// The Standard class is among those asked for.
        standard: bool,
    },
}

/// `START=` and `END=` of `SOURCE`.
#[derive(Clone, Copy, Debug)]
pub(super) enum Moment {
    /// Seconds from now, mostly negative.
    Relative(i64),
    /// Milliseconds since the epoch.
    Absolute(i64),
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
    /// One row for each element of a list; `expand` gives the element the list's name.
    Unnest {
        list: Expr,
        name: String,
        keyword: &'static str,
    },
    /// Rows to the shapes of a text.
    Pattern(Expr),
    /// Shapes against those of an earlier time.
    Diff(Since),
    Join(Box<Join>),
    /// A running sum.
    Accum {
        of: Expr,
        name: String,
    },
    /// The last value before a gap, in the fields that match, or in all.
    FillDown(Vec<String>),
    /// Rows for the empty bins of the `stats ... by bin(...)` before.
    FillMissing(Vec<(Expr, String)>),
}

/// The time that `diff` compares with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Since {
    /// As long as the query's range, right before it.
    Period,
    Day,
    Week,
    Month,
}

/// `join type=left left=a right=b where a.x=b.y (SOURCE ...)`.
#[derive(Clone, Debug)]
pub(super) struct Join {
    /// Rows without a partner stay.
    pub(super) keeps_left: bool,
    pub(super) left: String,
    pub(super) right: String,
    pub(super) left_key: Expr,
    pub(super) right_key: Expr,
    pub(super) query: Query,
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
            Self::Unnest { keyword, .. } => keyword,
            Self::Pattern(_) => "pattern",
            Self::Diff(_) => "diff",
            Self::Join(_) => "join",
            Self::Accum { .. } => "accum",
            Self::FillDown(_) => "filldown",
            Self::FillMissing(_) => "fillmissing",
        }
    }
}

impl Command {
    /// Whether it looks at one event alone.
    pub(super) fn is_row_by_row(&self) -> bool {
        matches!(
            self,
            Self::Fields(_)
                | Self::Display(_)
                | Self::Filter(_)
                | Self::Parse { .. }
                | Self::Unmask
        )
    }

    /// Its expressions, those of inner queries apart.
    pub(super) fn exprs(&self) -> Vec<&Expr> {
        match self {
            Self::Fields(items) | Self::Display(items) | Self::Dedup(items) => {
                items.iter().map(|item| &item.expr).collect()
            }
            Self::Stats { items, by } => items.iter().chain(by).map(|item| &item.expr).collect(),
            Self::Filter(expr) | Self::Pattern(expr) => vec![expr],
            Self::Parse { of: expr, .. }
            | Self::Accum { of: expr, .. }
            | Self::Unnest { list: expr, .. } => vec![expr],
            Self::Sort(keys) => keys.iter().map(|key| &key.expr).collect(),
            Self::Join(join) => vec![&join.left_key],
            Self::Limit(_)
            | Self::Unmask
            | Self::Diff(_)
            | Self::FillDown(_)
            | Self::FillMissing(_) => Vec::new(),
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
    pub(super) alias: Option<String>,
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
    /// `key=value` pairs, as a map of that name.
    Logfmt(String),
}

impl ParsePattern {
    /// The names that it gives.
    pub(super) fn names(&self) -> Vec<String> {
        match self {
            Self::Glob { names, .. } => names.clone(),
            Self::Regex(regex) => regex.capture_names().flatten().map(str::to_owned).collect(),
            Self::Logfmt(name) => vec![name.clone()],
        }
    }
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
    /// `value in (SOURCE ... | ...)`.
    InQuery {
        value: Box<Expr>,
        query: Box<Query>,
    },
    /// `list[0].key`: what lies in a map or list, keys and places joined by dots.
    Access {
        of: Box<Expr>,
        path: String,
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

impl Comparison {
    /// As it is written.
    fn sign(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }
}

impl Arithmetic {
    /// As it is written.
    fn sign(self) -> char {
        match self {
            Self::Add => '+',
            Self::Subtract => '-',
            Self::Multiply => '*',
            Self::Divide => '/',
            Self::Remainder => '%',
            Self::Power => '^',
        }
    }
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
            ExprKind::Like { value, .. }
            | ExprKind::InQuery { value, .. }
            | ExprKind::Access { of: value, .. } => value.walk(visit),
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
            ExprKind::Compare(op, left, right) => write!(f, "({left} {} {right})", op.sign()),
            ExprKind::Arithmetic(first, rest) => {
                write!(f, "({first}")?;
                rest.iter()
                    .try_for_each(|(op, right)| write!(f, " {} {right}", op.sign()))?;
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
            ExprKind::InQuery { value, query } => {
                write!(f, "({value} in query {})", query.place())
            }
            ExprKind::Access { of, path } => write!(f, "{of}.{path}"),
        }
    }
}

fn joined(list: &[Expr], separator: &str) -> String {
    let texts: Vec<_> = list.iter().map(ToString::to_string).collect();
    texts.join(separator)
}
