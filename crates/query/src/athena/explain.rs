//! EXPLAIN: the steps of a query, as a tree in Trino's words.
//!
//! The tree shows the query as it is written, from the result down to the tables, and of each table
//! how many partitions, files and bytes are left to read: what to look at before a query over a
//! year of logs is paid for. `EXPLAIN SELECT srcaddr, sum(bytes) FROM flow WHERE "date" = DATE
//! '2024-03-06' GROUP BY 1` is
//!
//! ```text
//! Output[columnNames = [srcaddr, _col1]]
//! └─ Aggregate[keys = [srcaddr]]
//!    │   sum(bytes)
//!    └─ Filter["date" = DATE '2024-03-06']
//!       └─ TableScan[table = awsdatacatalog:default:flow]
//!              partitions: 1 of 2, files: 1, bytes: 214
//! ```
//!
//! What Trino adds, and is left out: the fragments it is cut into for many machines, estimates of
//! rows and cost, and where an optimizer moves a condition to. EXPLAIN ANALYZE runs the query and
//! adds what came of it; times are left out, since they are of this machine and not of Athena.

use std::collections::VecDeque;

use super::ast::{
    Body, Expr, Group, Item, JoinKind, Kind, On, Order, Over, Path, Query, Relation, Select, SetOp,
};
use super::cursor::Name;
use super::notes::Listed;

/// A step and the steps that it reads.
struct Node {
    label: String,
    details: Vec<String>,
    inputs: Vec<Self>,
}

impl Node {
    fn new(label: impl Into<String>, inputs: Vec<Self>) -> Self {
        Self {
            label: label.into(),
            details: Vec::new(),
            inputs,
        }
    }

    fn lines(&self, first: &str, rest: &str, lines: &mut Vec<String>) {
        lines.push(format!("{first}{}", self.label));
        let bar = if self.inputs.is_empty() { " " } else { "│" };
        for detail in &self.details {
            lines.push(format!("{rest}{bar}   {detail}"));
        }
        for (at, input) in self.inputs.iter().enumerate() {
            let last = at + 1 == self.inputs.len();
            let (fork, below) = if last {
                ("└─ ", "   ")
            } else {
                ("├─ ", "│  ")
            };
            input.lines(&format!("{rest}{fork}"), &format!("{rest}{below}"), lines);
        }
    }
}

/// A table that was opened: its name, how many partitions it has, what is left to read.
pub(super) type Read = (String, usize, Listed);

/// The lines of the tree over a query of `text` with columns of these names.
pub(super) fn lines(text: &str, query: &Query, columns: &[String], read: Vec<Read>) -> Vec<String> {
    let mut explainer = Explainer {
        text,
        read: read.into(),
        with: Vec::new(),
    };
    let input = explainer.query(query);
    let label = format!("Output[columnNames = [{}]]", columns.join(", "));
    let mut lines = Vec::new();
    Node::new(label, vec![input]).lines("", "", &mut lines);
    lines
}

struct Explainer<'q> {
    text: &'q str,
    read: VecDeque<Read>,
    with: Vec<&'q super::ast::Cte>,
}

impl<'q> Explainer<'q> {
    /// The text of an expression on one line.
    fn source(&self, expr: &Expr) -> String {
        let text = self.text.get(expr.start..expr.end).unwrap_or_default();
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn sources<'e>(&self, exprs: impl IntoIterator<Item = &'e Expr>) -> String {
        let texts = exprs.into_iter().map(|expr| self.source(expr));
        texts.collect::<Vec<_>>().join(", ")
    }

    fn query(&mut self, query: &'q Query) -> Node {
        let before = self.with.len();
        self.with.extend(&query.with);
        let mut node = self.body(&query.body);
        self.with.truncate(before);
        if let Some(rows) = query.offset {
            node = self.sorted(&query.order, None, node);
            node = Node::new(format!("Offset[count = {rows}]"), vec![node]);
            return match query.limit {
                Some(rows) => Node::new(format!("Limit[count = {rows}]"), vec![node]),
                None => node,
            };
        }
        self.sorted(&query.order, query.limit, node)
    }

    fn sorted(&self, order: &[Order], limit: Option<u64>, input: Node) -> Node {
        let keys = order.iter().map(|key| {
            let way = if key.descending { "DESC" } else { "ASC" };
            let nulls = if key.nulls_first { "FIRST" } else { "LAST" };
            format!("{} {way} NULLS {nulls}", self.source(&key.expr))
        });
        let keys = keys.collect::<Vec<_>>().join(", ");
        let label = match (order.is_empty(), limit) {
            (true, None) => return input,
            (true, Some(rows)) => format!("Limit[count = {rows}]"),
            (false, None) => format!("Sort[orderBy = [{keys}]]"),
            (false, Some(rows)) => format!("TopN[count = {rows}, orderBy = [{keys}]]"),
        };
        Node::new(label, vec![input])
    }

    fn body(&mut self, body: &'q Body) -> Node {
        match body {
            Body::Select(select) => self.select(select),
            Body::Query(query) => self.query(query),
            Body::Table(path) => self.table(path),
            Body::Values(rows) => Node::new(format!("Values[rows = {}]", rows.len()), Vec::new()),
            Body::All(parts) => {
                let inputs = parts.iter().map(|(_, part)| self.body(part));
                let inputs = inputs.collect();
                Node::new("Union", inputs)
            }
            Body::Set {
                op,
                all,
                left,
                right,
                ..
            } => {
                let label = match (op, all) {
                    (SetOp::Union, true) => "Union",
                    (SetOp::Union, false) => "Union[distinct]",
                    (SetOp::Intersect, _) => "Intersect[distinct]",
                    (SetOp::Except, _) => "Except[distinct]",
                };
                let inputs = vec![self.body(left), self.body(right)];
                Node::new(label, inputs)
            }
        }
    }

    fn select(&mut self, select: &'q Select) -> Node {
        let mut node = self.from(&select.from);
        if let Some(filter) = &select.filter {
            node = self.filtered(filter, node);
        }
        let mut calls = Vec::new();
        let items = select.items.iter().filter_map(|item| match item {
            Item::One(expr, _) => Some(expr),
            Item::All(..) => None,
        });
        let items: Vec<&Expr> = items.collect();
        for expr in items.iter().copied().chain(&select.having) {
            collect(expr, &mut calls);
        }
        let (windows, aggregates): (Vec<&Expr>, Vec<&Expr>) =
            calls.into_iter().partition(|call| is_window(call));
        if !aggregates.is_empty() || !select.group.is_empty() {
            let label = format!("Aggregate[keys = [{}]]", self.keys(select, &items));
            node = Node::new(label, vec![node]);
            node.details = self.each(&aggregates);
        }
        if let Some(having) = &select.having {
            node = self.filtered(having, node);
        }
        if !windows.is_empty() {
            node = Node::new("Window", vec![node]);
            node.details = self.each(&windows);
        }
        for item in items {
            let mut queries = Vec::new();
            subqueries(item, &mut queries);
            node.inputs.extend(self.all(queries));
        }
        match select.distinct {
            true => Node::new("Distinct", vec![node]),
            false => node,
        }
    }

    /// What is grouped by; ordinals are the expressions that they stand for.
    fn keys(&self, select: &Select, items: &[&Expr]) -> String {
        let key = |expr: &Expr| {
            let place = super::group::ordinal(expr).and_then(|place| place.checked_sub(1));
            let item = place.and_then(|place| items.get(place).copied());
            self.source(item.unwrap_or(expr))
        };
        let list = |exprs: &[Expr]| exprs.iter().map(key).collect::<Vec<_>>().join(", ");
        let keys = select.group.iter().map(|group| match group {
            Group::One(expr) => key(expr),
            Group::Rollup(exprs) => format!("ROLLUP ({})", list(exprs)),
            Group::Cube(exprs) => format!("CUBE ({})", list(exprs)),
            Group::Sets(sets) => {
                let sets: Vec<String> = sets.iter().map(|set| format!("({})", list(set))).collect();
                format!("GROUPING SETS ({})", sets.join(", "))
            }
        });
        keys.collect::<Vec<_>>().join(", ")
    }

    /// The texts of calls, each once.
    fn each(&self, calls: &[&Expr]) -> Vec<String> {
        let mut texts: Vec<String> = Vec::new();
        for call in calls {
            let text = self.source(call);
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        texts
    }

    fn filtered(&mut self, filter: &'q Expr, input: Node) -> Node {
        let mut node = Node::new(format!("Filter[{}]", self.source(filter)), vec![input]);
        let mut queries = Vec::new();
        subqueries(filter, &mut queries);
        node.inputs.extend(self.all(queries));
        node
    }

    fn all(&mut self, queries: Vec<&'q Query>) -> Vec<Node> {
        let nodes = queries.into_iter().map(|query| {
            let node = self.query(query);
            Node::new("Subquery", vec![node])
        });
        nodes.collect()
    }

    fn from(&mut self, from: &'q [Relation]) -> Node {
        let mut inputs: Vec<Node> = from.iter().map(|one| self.relation(one)).collect();
        match inputs.len() {
            0 => Node::new("Values[rows = 1]", Vec::new()),
            1 => inputs.remove(0),
            _ => Node::new("CrossJoin", inputs),
        }
    }

    fn relation(&mut self, relation: &'q Relation) -> Node {
        match relation {
            Relation::Table(path) => self.table(path),
            Relation::Query(query) | Relation::Lateral(query, _) => self.query(query),
            Relation::Unnest(arrays, ..) => {
                Node::new(format!("Unnest[{}]", self.sources(arrays)), Vec::new())
            }
            Relation::Alias(inner, ..) => self.relation(inner),
            Relation::Sample(inner, percent) => {
                let input = self.relation(inner);
                let label = format!("Sample[ratio = {} %]", self.source(percent));
                Node::new(label, vec![input])
            }
            Relation::Join {
                kind,
                left,
                right,
                on,
            } => {
                let inputs = vec![self.relation(left), self.relation(right)];
                let condition = match on {
                    On::Nothing => String::new(),
                    On::Condition(expr) => self.source(expr),
                    On::Using(names) => {
                        let names: Vec<&str> = names.iter().map(|n| n.text.as_str()).collect();
                        format!("USING ({})", names.join(", "))
                    }
                };
                let label = match kind {
                    JoinKind::Cross => "CrossJoin".to_owned(),
                    JoinKind::Inner => format!("InnerJoin[{condition}]"),
                    JoinKind::Left => format!("LeftJoin[{condition}]"),
                    JoinKind::Right => format!("RightJoin[{condition}]"),
                    JoinKind::Full => format!("FullJoin[{condition}]"),
                };
                Node::new(label, inputs)
            }
        }
    }

    fn table(&mut self, path: &Path) -> Node {
        let keys: Vec<String> = path.parts.iter().map(Name::key).collect();
        let named = match keys.as_slice() {
            [name] => self.with.iter().rposition(|cte| cte.name.key() == *name),
            _ => None,
        };
        if let Some(at) = named {
            // Its own query sees only what was there before it.
            let hidden = self.with.split_off(at);
            let node = self.query(&hidden[0].query);
            self.with.extend(hidden);
            return node;
        }
        let name = keys.last().cloned().unwrap_or_default();
        let is_it = |read: &Read| read.0.split('.').next_back() == Some(&name);
        let read = self.read.iter().position(is_it);
        let read = read.and_then(|at| self.read.remove(at));
        let Some((name, partitions, listed)) = read else {
            return Node::new(format!("Table[{}]", keys.join(".")), Vec::new());
        };
        let table = format!("awsdatacatalog:{}", name.replace('.', ":"));
        let mut node = Node::new(format!("TableScan[table = {table}]"), Vec::new());
        let (files, bytes) = (listed.files, listed.bytes);
        let of = match partitions {
            0 => String::new(),
            known => format!("partitions: {} of {known}, ", listed.partitions),
        };
        node.details = vec![format!("{of}files: {files}, bytes: {bytes}")];
        node
    }
}

fn is_window(expr: &Expr) -> bool {
    matches!(&*expr.kind, Kind::Call(call) if call.over.is_some())
}

/// The aggregates and windows of an expression; not what is in them.
fn collect<'e>(expr: &'e Expr, found: &mut Vec<&'e Expr>) {
    if let Kind::Call(call) = &*expr.kind {
        let name = call.name.key();
        let aggregate = super::aggregates::NAMES.contains(&name.as_str());
        if call.over.is_some() || aggregate {
            found.push(expr);
            return;
        }
    }
    for part in parts(expr) {
        collect(part, found);
    }
}

/// The queries in an expression.
fn subqueries<'e>(expr: &'e Expr, found: &mut Vec<&'e Query>) {
    match &*expr.kind {
        Kind::Exists(query)
        | Kind::Subquery(query)
        | Kind::InQuery(_, query)
        | Kind::Quantified(_, _, _, query) => found.push(query),
        _ => {}
    }
    for part in parts(expr) {
        subqueries(part, found);
    }
}

/// The expressions that stand in an expression.
fn parts(expr: &Expr) -> Vec<&Expr> {
    match &*expr.kind {
        Kind::Null
        | Kind::Bool(_)
        | Kind::Integer(_)
        | Kind::Decimal(_)
        | Kind::Double(_)
        | Kind::Text(_)
        | Kind::Typed(..)
        | Kind::Interval { .. }
        | Kind::Column(_)
        | Kind::Exists(_)
        | Kind::Subquery(_)
        | Kind::Current(_) => Vec::new(),
        Kind::Field(a, _)
        | Kind::Negative(a)
        | Kind::IsNull(a)
        | Kind::Not(a)
        | Kind::Try(a)
        | Kind::Extract(_, a)
        | Kind::Lambda(_, a)
        | Kind::InQuery(a, _)
        | Kind::Quantified(_, _, a, _) => vec![a],
        Kind::Cast { value, .. } => vec![value],
        Kind::AtTimeZone(a, b)
        | Kind::Compare(_, a, b)
        | Kind::Distinct(a, b)
        | Kind::Subscript(a, b) => vec![a, b],
        Kind::Between(a, b, c) => vec![a, b, c],
        Kind::Arithmetic(a, rest) => {
            let rest = rest.iter().map(|(_, _, operand)| operand);
            std::iter::once(a).chain(rest).collect()
        }
        Kind::Concat(a, rest) => {
            let rest = rest.iter().map(|(_, operand)| operand);
            std::iter::once(a).chain(rest).collect()
        }
        Kind::InList(a, list) => std::iter::once(a).chain(list).collect(),
        Kind::Like(a, b, c) => [a, b].into_iter().chain(c).collect(),
        Kind::And(all) | Kind::Or(all) | Kind::Array(all) | Kind::Row(all) => all.iter().collect(),
        Kind::Case {
            operand,
            branches,
            otherwise,
        } => {
            let branches = branches.iter().flat_map(|(when, then)| [when, then]);
            operand.iter().chain(branches).chain(otherwise).collect()
        }
        Kind::Call(call) => {
            let window = match &call.over {
                Some(Over::Window(window)) => {
                    let keys = window.order.iter().map(|key| &key.expr);
                    window.partition.iter().chain(keys).collect()
                }
                _ => Vec::new(),
            };
            let keys = call.order.iter().map(|key| &key.expr);
            let own = call.args.iter().chain(keys).chain(&call.filter);
            own.chain(window).collect()
        }
    }
}
