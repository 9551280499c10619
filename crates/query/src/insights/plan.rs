//! Commands to DataFusion plans.
//!
//! The planner keeps a scope: which names stand for which columns of the plan so far. A command
//! that computes adds columns under fresh internal names, so a name can be given again (`parse`
//! does that to discovered fields) without a clash. `pos` is the event's place in the default
//! order, newest first; it goes along until `stats` and settles ties in `sort`.

use datafusion::common::Column as DfColumn;
use datafusion::functions::core::expr_fn::get_field;
use datafusion::logical_expr::{Expr as DfExpr, LogicalPlan, LogicalPlanBuilder};

use super::QueryOptions;
use super::ast::{Command, Expr, ExprKind, Item, ParsePattern, SortKey, Span, Step};
use super::row::{Typed, sortable, split, truth};
use super::source::{POSITION, SYSTEM_FIELDS};
use crate::error::Place;
use crate::{ColumnKind, LogGroup, QueryError, Warning};

/// The most `stats` in a query.
const STATS_MAX: usize = 10;

/// A name in scope.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    /// How expressions find it: a field's name, an alias, or the text of an expression.
    pub(super) key: String,
    pub(super) kind: ColumnKind,
    /// The plan's column.
    pub(super) column: String,
}

/// A column of the result.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    pub(super) name: String,
    pub(super) slot: Slot,
}

/// How the rows of the last plan become the result.
pub(super) struct Finish {
    pub(super) plan: LogicalPlan,
    pub(super) shown: Vec<Shown>,
    /// The plan's columns to keep one row each of, if the query has `dedup`.
    pub(super) dedup: Option<Vec<Slot>>,
    /// Whether the rows are events; the plan's last column is then their place.
    pub(super) events: bool,
    pub(super) limit: u64,
}

pub(super) struct Planner<'a> {
    pub(super) query: &'a str,
    pub(super) group: &'a LogGroup,
    pub(super) options: &'a QueryOptions,
    pub(super) slots: Vec<Slot>,
    /// Names that the events have, for advice after `stats`.
    pub(super) event_names: Vec<String>,
    pub(super) warnings: Vec<Warning>,
    /// Columns that settle ties: the place of an event, or what `stats` grouped by.
    pub(super) ties: Vec<Slot>,
    pub(super) events: bool,
    /// The text of expressions that the last `stats` gave a name, with that name.
    pub(super) aliased: Vec<(String, String)>,
    /// In `stats`, a name must be one of its own.
    pub(super) in_stats: bool,
    shown: Option<Vec<Shown>>,
    plan: LogicalPlan,
    fresh: usize,
    dedup: Option<Vec<Slot>>,
    limit: u64,
}

type Planned<T> = Result<T, QueryError>;

impl<'a> Planner<'a> {
    /// Over a plan that yields `slots` and [`POSITION`].
    pub(super) fn new(
        query: &'a str,
        group: &'a LogGroup,
        options: &'a QueryOptions,
        plan: LogicalPlan,
        slots: Vec<Slot>,
        event_names: Vec<String>,
    ) -> Self {
        let position = Slot {
            key: String::new(),
            kind: ColumnKind::Time,
            column: POSITION.to_owned(),
        };
        Self {
            query,
            group,
            options,
            slots,
            event_names,
            warnings: Vec::new(),
            ties: vec![position],
            events: true,
            aliased: Vec::new(),
            in_stats: false,
            shown: None,
            plan,
            fresh: 0,
            dedup: None,
            limit: options.limit.unwrap_or(super::parse::LIMIT_MAX),
        }
    }

    /// The plan so far.
    pub(super) fn plan(&self) -> &LogicalPlan {
        &self.plan
    }

    /// Goes on from `plan`, which has the same columns.
    pub(super) fn set_plan(&mut self, plan: LogicalPlan) {
        self.plan = plan;
    }

    /// Forgets which columns are shown, when `stats` replaces them.
    pub(super) fn clear_shown(&mut self) {
        self.shown = None;
    }

    /// Adds a command to the plan.
    pub(super) fn step(&mut self, step: &Step) -> Planned<()> {
        match &step.command {
            Command::Fields(items) => {
                let added = self.shown_items(items)?;
                let mut shown = self.shown.take().unwrap_or_default();
                // A field named again stands where it is named last.
                shown.retain(|old| added.iter().all(|new| new.name != old.name));
                shown.extend(added);
                self.shown = Some(shown);
                Ok(())
            }
            Command::Display(items) => {
                self.shown = Some(self.shown_items(items)?);
                Ok(())
            }
            Command::Unmask => Ok(()),
            Command::Filter(condition) => {
                self.doubt_constant(condition);
                let condition = truth(self.expr(condition)?);
                self.rebuild(|builder| builder.filter(condition))
            }
            Command::Stats { items, by } => {
                let columns = self.distinct(by.iter().chain(items))?;
                self.stats(items, by)?;
                let shown = |slot: &(String, Slot)| Shown {
                    name: slot.0.clone(),
                    slot: slot.1.clone(),
                };
                self.shown = Some(self.stats_columns(&columns).iter().map(shown).collect());
                Ok(())
            }
            Command::Sort(keys) => self.sort(keys),
            Command::Limit(rows) => {
                self.limit = self.limit.min(*rows);
                if self.dedup.is_some() {
                    return Ok(()); // counted after the rows that `dedup` drops
                }
                let rows = usize::try_from(*rows).unwrap_or(usize::MAX);
                self.rebuild(|builder| builder.limit(0, Some(rows)))
            }
            Command::Parse { of, pattern } => self.parse(of, pattern),
            Command::Dedup(items) => {
                let keys = items.iter().map(|item| self.slot(&item.expr));
                self.dedup = Some(keys.collect::<Planned<_>>()?);
                Ok(())
            }
        }
    }

    fn stats_columns(&self, items: &[&Item]) -> Vec<(String, Slot)> {
        let slots = items.iter();
        slots
            .filter_map(|item| Some((item.name(), self.find(&item.key())?.clone())))
            .collect()
    }

    /// The items, each once. Two different ones under one name are an error: one would hide the
    /// other.
    fn distinct<'i>(
        &mut self,
        items: impl IntoIterator<Item = &'i Item>,
    ) -> Planned<Vec<&'i Item>> {
        let mut distinct: Vec<&Item> = Vec::new();
        for item in items {
            let name = item.name();
            let Some(known) = distinct.iter().find(|known| known.name() == name) else {
                distinct.push(item);
                continue;
            };
            let span = item.span();
            if known.expr.to_string() != item.expr.to_string() {
                let message = format!("two columns have the name `{name}`");
                let hint = "give one of them another name with `as`";
                return Err(self.malformed(span, message, Some(hint)));
            }
            let message = format!("the column `{name}` is named twice");
            self.warn(span, &message, Some("leave it out here: it is shown once"));
        }
        Ok(distinct)
    }

    fn shown_items(&mut self, items: &[Item]) -> Planned<Vec<Shown>> {
        let mut shown: Vec<Shown> = Vec::new();
        for item in self.distinct(items)? {
            let slot = self.slot(&item.expr)?;
            if item.alias.is_some() || !matches!(item.expr.kind, ExprKind::Field(_)) {
                self.slots.push(Slot {
                    key: item.key(),
                    ..slot.clone()
                });
            }
            let name = item.name();
            shown.push(Shown { name, slot });
        }
        Ok(shown)
    }

    fn sort(&mut self, keys: &[SortKey]) -> Planned<()> {
        let mut order = Vec::new();
        for key in keys {
            if matches!(key.expr.kind, ExprKind::Number(_) | ExprKind::Text(_)) {
                let hint = "name the field or the column to sort by";
                self.warn(
                    key.expr.span,
                    "sorting by a constant changes nothing",
                    Some(hint),
                );
            }
            let typed = self.expr(&key.expr)?;
            order.push((sortable(typed), key.ascending));
        }
        for tie in self.ties.clone() {
            order.push((sortable(column(&tie)), true));
        }
        let (exprs, ascending): (Vec<_>, Vec<_>) = order.into_iter().unzip();
        let columns = self.extend(exprs)?;
        // Missing values first when ascending, last when descending (the guide does not say).
        let sorts = columns
            .iter()
            .zip(ascending)
            .map(|(name, asc)| by_name(name).sort(asc, asc));
        let sorts: Vec<_> = sorts.collect();
        self.rebuild(|builder| builder.sort(sorts))
    }

    fn parse(&mut self, of: &Expr, pattern: &ParsePattern) -> Planned<()> {
        let value = self.expr(of)?;
        let (names, structure) = match pattern {
            ParsePattern::Glob { literals, names } => {
                let literals = literals.clone();
                let count = names.len();
                let split_at = move |text: &str| glob(&literals, text);
                (names.clone(), parts(value, count, split_at))
            }
            ParsePattern::Regex(regex) => {
                let names: Vec<String> =
                    regex.capture_names().flatten().map(str::to_owned).collect();
                let (regex, groups) = (regex.clone(), names.clone());
                let function = split(value, names.len(), move |text, found| {
                    if let Some(captures) = regex.captures(text) {
                        let group = |name: &String| captures.name(name).map(|m| m.as_str());
                        found.extend(groups.iter().map(group));
                    }
                });
                (names, function)
            }
        };
        let structure = self.extend(vec![structure])?.remove(0);
        let field = |index: usize| get_field(by_name(&structure), index.to_string());
        let fields = (0..names.len()).map(field).collect();
        let columns = self.extend(fields)?;
        for (key, column) in names.into_iter().zip(columns) {
            self.slots.push(Slot {
                key,
                kind: ColumnKind::Text,
                column,
            });
        }
        Ok(())
    }

    /// The column of an expression; a fresh one if it is not simply a name.
    pub(super) fn slot(&mut self, expr: &Expr) -> Planned<Slot> {
        let typed = self.expr(expr)?;
        let column = match &typed.expr {
            DfExpr::Column(column) => column.name.clone(),
            _ => self.extend(vec![typed.expr])?.remove(0),
        };
        Ok(Slot {
            key: expr.to_string(),
            kind: typed.kind,
            column,
        })
    }

    /// The latest meaning of a name.
    pub(super) fn find(&self, key: &str) -> Option<&Slot> {
        self.slots.iter().rev().find(|slot| slot.key == key)
    }

    /// Drops columns that no name stands for, before rows are kept in memory.
    pub(super) fn narrow(&mut self) -> Planned<()> {
        let mut kept: Vec<&str> = self.slots.iter().map(|slot| slot.column.as_str()).collect();
        kept.extend(self.ties.iter().map(|slot| slot.column.as_str()));
        let shown = self.shown.iter().flatten();
        kept.extend(shown.map(|shown| shown.slot.column.as_str()));
        kept.sort_unstable();
        kept.dedup();
        let projection: Vec<DfExpr> = kept
            .into_iter()
            .map(|name| by_name(name).alias(name))
            .collect();
        self.rebuild(|builder| builder.project(projection))
    }

    /// A column name that no plan of this query has had.
    pub(super) fn fresh_name(&mut self) -> String {
        self.fresh += 1;
        format!("x{}", self.fresh)
    }

    /// Computes expressions beside the columns in scope; returns their names.
    pub(super) fn extend(&mut self, exprs: Vec<DfExpr>) -> Planned<Vec<String>> {
        let fields = self.plan.schema().fields().iter();
        let mut projection: Vec<DfExpr> = fields.map(|field| by_name(field.name())).collect();
        let names: Vec<String> = exprs.iter().map(|_| self.fresh_name()).collect();
        projection.extend(
            exprs
                .into_iter()
                .zip(&names)
                .map(|(expr, name)| expr.alias(name)),
        );
        self.rebuild(|builder| builder.project(projection))?;
        Ok(names)
    }

    pub(super) fn rebuild(
        &mut self,
        change: impl FnOnce(LogicalPlanBuilder) -> datafusion::common::Result<LogicalPlanBuilder>,
    ) -> Planned<()> {
        let builder = LogicalPlanBuilder::new(self.plan.clone());
        let changed = change(builder).and_then(LogicalPlanBuilder::build);
        self.plan = changed.map_err(|error| QueryError::Internal(error.to_string()))?;
        Ok(())
    }

    /// The last plan: the columns shown, then those of `dedup`, then the event's place.
    pub(super) fn finish(mut self) -> Planned<(Finish, Vec<Warning>)> {
        let shown = match self.shown.take() {
            Some(shown) => shown,
            None => ["@timestamp", "@message"]
                .into_iter()
                .filter_map(|name| {
                    Some(Shown {
                        name: name.to_owned(),
                        slot: self.find(name)?.clone(),
                    })
                })
                .collect(),
        };
        let mut columns: Vec<DfExpr> = Vec::new();
        let dedup = self.dedup.iter().flatten();
        for slot in shown.iter().map(|shown| &shown.slot).chain(dedup) {
            columns.push(by_name(&slot.column).alias(format!("o{}", columns.len())));
        }
        if self.events {
            columns.push(by_name(POSITION).alias(POSITION));
        }
        self.rebuild(|builder| builder.project(columns))?;
        let Self {
            plan,
            dedup,
            events,
            limit,
            warnings,
            ..
        } = self;
        Ok((
            Finish {
                plan,
                shown,
                dedup,
                events,
                limit,
            },
            warnings,
        ))
    }

    // --- messages ---

    pub(super) fn place(&self, span: Span) -> Place {
        Place::new(self.query, span.start, span.end)
    }

    pub(super) fn malformed(
        &self,
        span: Span,
        message: impl Into<String>,
        hint: Option<&str>,
    ) -> QueryError {
        QueryError::Malformed {
            message: message.into(),
            place: self.place(span),
            hint: hint.map(str::to_owned),
        }
    }

    /// A condition that is the same for every event is never meant.
    fn doubt_constant(&mut self, condition: &Expr) {
        let (message, hint) = match &condition.kind {
            ExprKind::Text(_) => (
                "a text is no condition: no event passes",
                "`filter @message like \"text\"` looks for it in the event",
            ),
            _ => {
                let mut reads = false;
                condition.walk(&mut |expr| {
                    reads |= matches!(expr.kind, ExprKind::Field(_) | ExprKind::Call { .. });
                });
                if reads {
                    return;
                }
                (
                    "the condition reads no field: it is the same for every event",
                    "compare a field: `filter dstPort = 22`",
                )
            }
        };
        self.warn(condition.span, message, Some(hint));
    }

    pub(super) fn warn(&mut self, span: Span, message: &str, hint: Option<&str>) {
        if self
            .warnings
            .iter()
            .all(|warning| warning.message != message)
        {
            let place = self.place(span);
            let hint = hint.map(str::to_owned);
            self.warnings.push(Warning {
                message: message.to_owned(),
                place,
                hint,
            });
        }
    }
}

/// The plan's column of that name.
pub(super) fn by_name(name: &str) -> DfExpr {
    DfExpr::Column(DfColumn::new_unqualified(name))
}

/// A slot as an expression.
pub(super) fn column(slot: &Slot) -> Typed {
    Typed::new(by_name(&slot.column), slot.kind)
}

/// What the grammar leaves open: which command may follow which.
pub(super) fn check_order(query: &str, steps: &[Step]) -> Planned<()> {
    let refuse = |step: &Step, message: String, hint: Option<&str>| {
        Err(QueryError::Malformed {
            message,
            place: Place::new(query, step.span.start, step.span.end),
            hint: hint.map(str::to_owned),
        })
    };
    let is_stats = |step: &Step| matches!(step.command, Command::Stats { .. });
    if let Some(step) = steps.iter().filter(|step| is_stats(step)).nth(STATS_MAX) {
        return refuse(
            step,
            format!("a query has at most {STATS_MAX} `stats`"),
            None,
        );
    }
    let last_stats = steps.iter().rposition(is_stats).unwrap_or(0);
    for step in &steps[..last_stats] {
        let name = step.command.name();
        if matches!(step.command, Command::Sort(_) | Command::Limit(_)) {
            let message = format!("`{name}` must come after the last `stats`");
            return refuse(
                step,
                message,
                Some("aggregates do not depend on the order of rows"),
            );
        }
    }
    let dedup = steps
        .iter()
        .position(|step| matches!(step.command, Command::Dedup(_)));
    for step in &steps[dedup.map_or(steps.len(), |at| at + 1)..] {
        if !matches!(step.command, Command::Limit(_)) {
            let name = step.command.name();
            let message = format!("`{name}` cannot follow `dedup`");
            let hint = format!("put `{name}` before `dedup`: only `limit` may follow it");
            return refuse(step, message, Some(&hint));
        }
    }
    Ok(())
}

/// The fields that a query names, those it shows by default included.
pub(super) fn named_fields(steps: &[Step]) -> Vec<String> {
    let mut names: Vec<String> = SYSTEM_FIELDS[..1]
        .iter()
        .map(|name| (*name).to_owned())
        .collect();
    let mut visit = |expr: &Expr| {
        if let ExprKind::Field(name) = &expr.kind {
            names.push(name.clone());
        }
    };
    let mut shows = false;
    for step in steps {
        match &step.command {
            Command::Fields(items) | Command::Display(items) => {
                shows = true;
                items.iter().for_each(|item| item.expr.walk(&mut visit));
            }
            Command::Stats { items, by } => {
                shows = true;
                items
                    .iter()
                    .chain(by)
                    .for_each(|item| item.expr.walk(&mut visit));
            }
            Command::Dedup(items) => items.iter().for_each(|item| item.expr.walk(&mut visit)),
            Command::Filter(expr) | Command::Parse { of: expr, .. } => expr.walk(&mut visit),
            Command::Sort(keys) => keys.iter().for_each(|key| key.expr.walk(&mut visit)),
            Command::Limit(_) | Command::Unmask => {}
        }
    }
    if !shows {
        names.push("@message".to_owned());
    }
    names.sort_unstable();
    names.dedup();
    names
}

fn parts(
    value: Typed,
    count: usize,
    split_at: impl Fn(&str) -> Option<Vec<(usize, usize)>> + Send + Sync + 'static,
) -> DfExpr {
    split(value, count, move |text, found| {
        if let Some(ranges) = split_at(text) {
            found.extend(
                ranges
                    .into_iter()
                    .map(|(start, end)| Some(&text[start..end])),
            );
        }
    })
}

/// Where the `*`s of a pattern lie in a text: the first literal anywhere, then each `*` as short as
/// the next literal allows, the last one to the end.
fn glob(literals: &[String], text: &str) -> Option<Vec<(usize, usize)>> {
    let (first, rest) = literals.split_first()?;
    let mut at = text.find(first.as_str())? + first.len();
    let mut ranges = Vec::with_capacity(rest.len());
    for (index, literal) in rest.iter().enumerate() {
        let last_to_the_end = literal.is_empty() && index + 1 == rest.len();
        let len = if last_to_the_end {
            text.len() - at
        } else {
            text[at..].find(literal.as_str())?
        };
        ranges.push((at, at + len));
        at += len + literal.len();
    }
    Some(ranges)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split_by<'t>(pattern: &str, text: &'t str) -> Option<Vec<&'t str>> {
        let literals: Vec<String> = pattern.split('*').map(str::to_owned).collect();
        let ranges = glob(&literals, text)?;
        Some(
            ranges
                .into_iter()
                .map(|(start, end)| &text[start..end])
                .collect(),
        )
    }

    #[test]
    fn a_star_takes_as_little_as_possible_and_the_last_one_the_rest() {
        assert_eq!(split_by("* * *", "a b c d"), Some(vec!["a", "b", "c d"]));
        assert_eq!(
            split_by("user=*, ", "x user=ann, id=3, "),
            Some(vec!["ann"])
        );
        assert_eq!(
            split_by("[*] *", "no [warn] text"),
            Some(vec!["warn", "text"])
        );
        assert_eq!(split_by("user=*,", "user=ann"), None);
        assert_eq!(split_by("*é*", "aéb"), Some(vec!["a", "b"]));
    }
}
