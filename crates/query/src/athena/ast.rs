//! A query as Trino's grammar sees it. Every expression knows its byte range in the statement.

use super::cursor::Name;

/// `[WITH …] body [ORDER BY …] [OFFSET …] [LIMIT …]`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Query {
    pub(super) with: Vec<Cte>,
    pub(super) body: Body,
    pub(super) order: Vec<Order>,
    pub(super) offset: Option<u64>,
    /// `None`: all.
    pub(super) limit: Option<u64>,
}

/// One table of a WITH clause.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Cte {
    pub(super) name: Name,
    pub(super) columns: Vec<Name>,
    pub(super) query: Query,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Body {
    Select(Box<Select>),
    Values(Vec<Expr>),
    /// `TABLE name`.
    Table(Path),
    Query(Box<Query>),
    /// UNION ALL, and where it stands before each part but the first.
    All(Vec<(usize, Self)>),
    Set {
        op: SetOp,
        all: bool,
        at: usize,
        left: Box<Self>,
        right: Box<Self>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum SetOp {
    Union,
    Intersect,
    Except,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Select {
    pub(super) at: usize,
    pub(super) distinct: bool,
    pub(super) items: Vec<Item>,
    pub(super) from: Vec<Relation>,
    pub(super) filter: Option<Expr>,
    pub(super) group: Vec<Group>,
    pub(super) having: Option<Expr>,
    pub(super) windows: Vec<(Name, Window)>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Item {
    /// `*` or `t.*`.
    All(Option<Path>, usize),
    One(Expr, Option<Name>),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Group {
    One(Expr),
    Rollup(Vec<Expr>),
    Cube(Vec<Expr>),
    Sets(Vec<Vec<Expr>>),
}

/// `[[catalog.]database.]table`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Path {
    pub(super) parts: Vec<Name>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Relation {
    Table(Path),
    Query(Box<Query>),
    /// `UNNEST(…) [WITH ORDINALITY]`.
    Unnest(Vec<Expr>, bool, usize),
    /// `LATERAL (query)`.
    Lateral(Box<Query>, usize),
    Alias(Box<Self>, Name, Vec<Name>),
    /// `TABLESAMPLE BERNOULLI|SYSTEM (percent)`.
    Sample(Box<Self>, Expr),
    Join {
        kind: JoinKind,
        left: Box<Self>,
        right: Box<Self>,
        on: On,
    },
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum JoinKind {
    Inner,
    Left,
    Right,
    Full,
    Cross,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum On {
    Nothing,
    Condition(Expr),
    Using(Vec<Name>),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Order {
    pub(super) expr: Expr,
    pub(super) descending: bool,
    pub(super) nulls_first: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Window {
    /// An earlier window that this one extends.
    pub(super) base: Option<Name>,
    pub(super) partition: Vec<Expr>,
    pub(super) order: Vec<Order>,
    pub(super) frame: Option<Frame>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Frame {
    pub(super) rows: FrameUnit,
    pub(super) start: Bound,
    pub(super) end: Bound,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum FrameUnit {
    Rows,
    Range,
    Groups,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Bound {
    UnboundedPreceding,
    Preceding(Box<Expr>),
    CurrentRow,
    Following(Box<Expr>),
    UnboundedFollowing,
}

/// An expression and its bytes; `at` is where Trino places its faults.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Expr {
    pub(super) kind: Box<Kind>,
    pub(super) at: usize,
    pub(super) start: usize,
    pub(super) end: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Null,
    Bool(bool),
    Integer(String),
    Decimal(String),
    Double(f64),
    Text(String),
    /// `TYPE 'text'`.
    Typed(String, String),
    Interval {
        text: String,
        negative: bool,
        unit: Name,
        to: Option<Name>,
    },
    /// A name, or one behind a point.
    Column(Name),
    Field(Expr, Name),
    Negative(Expr),
    /// `a + b - c`: the first value, then each operator, its place and its right side. Operators
    /// of one binding power in a row are one of these, however many.
    Arithmetic(Expr, Vec<(Op, usize, Expr)>),
    /// `a || b || c`.
    Concat(Expr, Vec<(usize, Expr)>),
    AtTimeZone(Expr, Expr),
    Compare(Comparison, Expr, Expr),
    /// `a op ANY|ALL (query)`.
    Quantified(Comparison, bool, Expr, Box<Query>),
    Distinct(Expr, Expr),
    Between(Expr, Expr, Expr),
    InList(Expr, Vec<Expr>),
    InQuery(Expr, Box<Query>),
    Like(Expr, Expr, Option<Expr>),
    IsNull(Expr),
    Not(Expr),
    And(Vec<Expr>),
    Or(Vec<Expr>),
    Exists(Box<Query>),
    Subquery(Box<Query>),
    Case {
        operand: Option<Expr>,
        branches: Vec<(Expr, Expr)>,
        otherwise: Option<Expr>,
    },
    Cast {
        value: Expr,
        to: String,
        safe: bool,
    },
    Try(Expr),
    Extract(Name, Expr),
    Array(Vec<Expr>),
    Row(Vec<Expr>),
    Subscript(Expr, Expr),
    Lambda(Vec<Name>, Expr),
    Call(Call),
    /// `CURRENT_DATE` and the like.
    Current(String),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Call {
    pub(super) name: Name,
    pub(super) args: Vec<Expr>,
    /// `count(*)`.
    pub(super) star: bool,
    pub(super) distinct: bool,
    pub(super) order: Vec<Order>,
    pub(super) filter: Option<Expr>,
    pub(super) ignore_nulls: bool,
    pub(super) over: Option<Over>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Over {
    Named(Name),
    Window(Window),
}
