//! Commands to DataFusion plans.
//!
//! The planner keeps a scope: which names stand for which columns of the plan so far. A command
//! that computes adds columns under fresh internal names, so a name can be given again (`parse`
//! does that to discovered fields) without a clash. `pos` is the event's place in the default
//! order, newest first; it goes along until `stats` and settles ties in `sort`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use datafusion::common::Column as DfColumn;
use datafusion::logical_expr::{Expr as DfExpr, LogicalPlan, LogicalPlanBuilder};

use super::QueryOptions;
use super::ast::{Command, Expr, ExprKind, Item, SortKey, Span, Step};
use super::period::Period;
use super::plan_expr::refers;
use super::row::{Typed, flat, sortable, truth};
use super::source::POSITION;
use crate::error::Place;
use crate::{ColumnKind, QueryError, Warning};
use wirelab_flowlog::LogFormat;

/// So many `stats` were allowed before 2026, and are in every account.
const STATS_PORTABLE: usize = 2;

/// Projections after which a plan is executed before it goes on, and the most in one command.
const DEPTH_GOOD: usize = 12;
const DEPTH_MAX: usize = 48;

/// What a query shows that names nothing to show.
const DEFAULT_SHOWN: [&str; 2] = ["@timestamp", "@message"];

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
    /// How many names were in scope: those after them may give the name again.
    given: usize,
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
    /// Format of the flow log that feeds the log groups, if one does.
    pub(super) format: Option<&'a LogFormat>,
    pub(super) options: QueryOptions,
    pub(super) slots: Vec<Slot>,
    /// Names that the events have, for advice after `stats`.
    pub(super) event_names: Vec<String>,
    pub(super) warnings: Vec<Warning>,
    /// Columns that settle ties: the place of an event, or what `stats` grouped by.
    pub(super) ties: Vec<Slot>,
    pub(super) events: bool,
    /// The text of expressions that the last `stats` gave a name, with that name.
    pub(super) aliased: Vec<(String, String)>,
    /// What the columns without an alias are called that the last `stats` has computed, and how
    /// expressions find them: `count()` and `count(*)`.
    pub(super) written: Vec<(String, String)>,
    /// In `stats`, a name must be one of its own.
    pub(super) in_stats: bool,
    /// What subqueries gave, by where they begin.
    pub(super) subqueries: HashMap<usize, Arc<HashSet<String>>>,
    /// The group that the last `stats` made of times, and the period; for `fillmissing`.
    pub(super) binned: Option<(String, Period)>,
    pub(super) shown: Option<Vec<Shown>>,
    /// Whether the events come from files, of which a scan can leave lines out.
    pub(super) reads_files: bool,
    /// Whether a `display` decides what is shown: a `fields` after it only computes.
    displays: bool,
    /// Whether the columns of a query that names none are among those shown.
    defaults: bool,
    /// Expressions to compute beside the plan's columns, each under a fresh name.
    pending: Vec<(DfExpr, String)>,
    /// Projections one on another: many make planning slow.
    depth: usize,
    stats: usize,
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
        format: Option<&'a LogFormat>,
        options: QueryOptions,
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
            format,
            options,
            slots,
            event_names,
            warnings: Vec::new(),
            ties: vec![position],
            events: true,
            aliased: Vec::new(),
            written: Vec::new(),
            in_stats: false,
            subqueries: HashMap::new(),
            binned: None,
            shown: None,
            reads_files: false,
            displays: false,
            defaults: false,
            pending: Vec::new(),
            depth: 0,
            stats: 0,
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
        self.depth = 0;
    }

    /// Whether the plan is better executed before it goes on.
    pub(super) fn is_deep(&self) -> bool {
        self.depth > DEPTH_GOOD
    }

    /// Forgets which columns are shown, when `stats` replaces them.
    pub(super) fn clear_shown(&mut self) {
        self.shown = None;
        self.displays = false;
        self.defaults = false;
    }

    /// Adds a command to the plan.
    pub(super) fn step(&mut self, step: &Step) -> Planned<()> {
        match &step.command {
            Command::Fields(items) => self.fields(items),
            Command::Display(items) => {
                self.shown = Some(self.shown_items(items)?);
                self.displays = true;
                self.defaults = false;
                Ok(())
            }
            Command::Unmask => Ok(()),
            Command::Filter(condition) => {
                self.doubt_constant(condition);
                let told = self.told_to_scans(condition);
                let mut condition = truth(self.expr(condition)?);
                if let Some(told) = told {
                    condition = told.and(condition);
                }
                self.rebuild(|builder| builder.filter(condition))
            }
            Command::Stats { items, by } => {
                self.stats += 1;
                if self.stats > STATS_PORTABLE {
                    let message = "more than two `stats` in a query are new in 2026";
                    let hint = "older accounts and tools take two";
                    self.warn(step.span, message, Some(hint));
                }
                let columns = self.distinct(by.iter().chain(items))?;
                self.stats(items, by)?;
                let given = self.slots.len();
                let shown = |slot: &(String, Slot)| Shown {
                    name: slot.0.clone(),
                    slot: slot.1.clone(),
                    given,
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
                let keys = items.iter().map(|item| self.flat_slot(&item.expr));
                self.dedup = Some(keys.collect::<Planned<_>>()?);
                Ok(())
            }
            // These look at rows as a whole: see `stage`.
            Command::Unnest { .. }
            | Command::Pattern(_)
            | Command::Diff(_)
            | Command::Join(_)
            | Command::Accum { .. }
            | Command::FillDown(_)
            | Command::FillMissing(_) => {
                let name = step.command.name();
                Err(QueryError::Internal(format!("`{name}` in a plan")))
            }
        }
    }

    /// Shows the items beside those of earlier `fields`.
    fn fields(&mut self, items: &[Item]) -> Planned<()> {
        let added = self.shown_items(items)?;
        if self.displays {
            return Ok(());
        }
        let mut shown = self.shown.take().unwrap_or_default();
        if std::mem::take(&mut self.defaults) {
            shown.retain(|old| !DEFAULT_SHOWN.contains(&old.name.as_str()));
        }
        // A field named again stands where it is named last.
        shown.retain(|old| added.iter().all(|new| new.name != old.name));
        shown.extend(added);
        self.shown = Some(shown);
        Ok(())
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
        let distinct = self.distinct(items)?;
        let slots = self.compute(&distinct)?;
        let given = self.slots.len();
        for (item, slot) in distinct.into_iter().zip(slots) {
            let name = item.name();
            shown.push(Shown { name, slot, given });
        }
        Ok(shown)
    }

    /// The columns of items, which are in scope afterwards under their names. An item may refer to
    /// one before it.
    pub(super) fn compute(&mut self, items: &[&Item]) -> Planned<Vec<Slot>> {
        let mut slots: Vec<Slot> = Vec::new();
        let mut waiting: HashMap<String, Slot> = HashMap::new();
        for item in items {
            if !waiting.is_empty() && refers(&item.expr, &waiting) {
                self.flush()?;
                self.slots.extend(waiting.drain().map(|(_, slot)| slot));
            }
            let slot = self.later_slot(&item.expr)?;
            let key = item.key();
            if item.alias.is_some() || !matches!(item.expr.kind, ExprKind::Field(_)) {
                let slot = slot.clone();
                waiting.insert(key.clone(), Slot { key, ..slot });
            }
            slots.push(slot);
        }
        self.flush()?;
        self.slots.extend(waiting.into_values());
        Ok(slots)
    }

    fn sort(&mut self, keys: &[SortKey]) -> Planned<()> {
        let mut order = Vec::new();
        let mut seen = HashSet::new();
        for key in keys {
            if !seen.insert(key.expr.to_string()) {
                continue; // what is equal by it is so already
            }
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
        for key in keys.iter().filter(|key| key.alias.is_some()) {
            let slot = self.slot(&key.expr)?;
            let key = key.alias.clone().unwrap_or_default();
            self.slots.push(Slot { key, ..slot });
        }
        self.sort_by(order)
    }

    /// Sorts by these, ascending or not, and then by what settles ties.
    pub(super) fn sort_by(&mut self, mut order: Vec<(DfExpr, bool)>) -> Planned<()> {
        for tie in self.ties.clone() {
            let tie = sortable(column(&tie));
            if order.iter().all(|(key, _)| *key != tie) {
                order.push((tie, true));
            }
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

    /// The column of an expression; a fresh one if it is not simply a name.
    pub(super) fn slot(&mut self, expr: &Expr) -> Planned<Slot> {
        let slot = self.later_slot(expr)?;
        self.flush()?;
        Ok(slot)
    }

    /// The same without maps and lists.
    pub(super) fn flat_slot(&mut self, expr: &Expr) -> Planned<Slot> {
        let typed = flat(self.expr(expr)?);
        let slot = self.later(expr.to_string(), typed);
        self.flush()?;
        Ok(slot)
    }

    /// The column of an expression, which is there after [`flush`](Self::flush).
    fn later_slot(&mut self, expr: &Expr) -> Planned<Slot> {
        let typed = self.expr(expr)?;
        Ok(self.later(expr.to_string(), typed))
    }

    /// The column of a value, which is there after [`flush`](Self::flush).
    pub(super) fn later(&mut self, key: String, typed: Typed) -> Slot {
        let column = match typed.expr {
            DfExpr::Column(column) => column.name,
            expr => {
                let name = self.fresh_name();
                self.pending.push((expr, name.clone()));
                name
            }
        };
        Slot {
            key,
            kind: typed.kind,
            column,
        }
    }

    /// Computes what waits, in one projection.
    pub(super) fn flush(&mut self) -> Planned<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            let message = "the names in one command build on each other too often".to_owned();
            return Err(QueryError::TooLarge(message));
        }
        let fields = self.plan.schema().fields().iter();
        let mut projection: Vec<DfExpr> = fields.map(|field| by_name(field.name())).collect();
        let pending = std::mem::take(&mut self.pending).into_iter();
        projection.extend(pending.map(|(expr, name)| expr.alias(name)));
        self.rebuild(|builder| builder.project(projection))
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
        kept.extend(self.dedup.iter().flatten().map(|slot| slot.column.as_str()));
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
        let names: Vec<String> = exprs.iter().map(|_| self.fresh_name()).collect();
        self.pending.extend(exprs.into_iter().zip(names.clone()));
        self.flush()?;
        Ok(names)
    }

    /// Goes on from other rows: `ties` settle what comes first in `sort`.
    pub(super) fn replace(&mut self, plan: LogicalPlan, ties: Vec<Slot>, events: bool) {
        self.set_plan(plan);
        self.ties = ties;
        self.events = events;
    }

    /// Shows a column beside, or instead of, those that are shown.
    pub(super) fn show(&mut self, name: &str, slot: Slot) {
        self.defaults |= self.shown.is_none();
        let mut shown = self.shown.take().unwrap_or_else(|| self.default_shown());
        let name = name.to_owned();
        let given = self.slots.len();
        match shown.iter_mut().find(|shown| shown.name == name) {
            Some(known) => known.slot = slot,
            None => shown.push(Shown { name, slot, given }),
        }
        self.shown = Some(shown);
    }

    fn default_shown(&self) -> Vec<Shown> {
        let found = DEFAULT_SHOWN
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), self.find(name)?.clone())));
        let given = self.slots.len();
        found
            .map(|(name, slot)| Shown { name, slot, given })
            .collect()
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
        let mut shown = self.shown.take().unwrap_or_else(|| self.default_shown());
        for shown in &mut shown {
            // What is shown are names: one that was given again shows its last value.
            let later = self.slots.iter().skip(shown.given);
            if let Some(slot) = later.rev().find(|slot| slot.key == shown.name) {
                shown.slot = slot.clone();
            }
        }
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
