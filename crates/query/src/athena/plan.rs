//! Queries become DataFusion plans.
//!
//! The planner is our own, since what Trino means by a query is more than what a plan computes:
//! its types, its names, its order of nulls and its faults with their places all have to be known
//! before DataFusion sees a plan that is already typed and has no ambiguous name left.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::logical_expr::{Expr as Plan, LogicalPlan, LogicalPlanBuilder, Union};

use super::ast::{Body, Cte, Expr, Kind, Order, Query, SetOp};
use super::catalog::{AthenaCatalog, Table};
use super::deadline;
use super::error::{Checked, Fault};
use super::expr::MISMATCH;
use super::group::{orderable, ordinal};
use super::operators::Typed;
use super::scope::{Clause, Column, Relation, Scope, by_id};
use super::types::Type;

/// Relations that one statement may have, views and WITH tables counted each time they are named.
const RELATIONS_MAX: usize = 500;
/// What the first relation weighs, in rows.
const RELATION_ROWS: usize = 16;

/// Queries in each other, counted through views and WITH tables.
const NESTED_MAX: usize = 60;

/// Makes the provider of a table, which a query calls by `name`, over its files.
pub(super) trait Open {
    fn open(&self, table: &Table, name: &str) -> Checked<Arc<dyn TableProvider>>;
}

/// A table of WITH, and which tables before it its own query sees.
pub(super) struct Named {
    pub(super) cte: Cte,
    pub(super) sees: usize,
}

/// Plans one statement.
pub(super) struct Planner<'p> {
    pub(super) text: &'p str,
    pub(super) catalog: &'p AthenaCatalog,
    pub(super) open: &'p dyn Open,
    /// The database of names without one; a view has its own.
    pub(super) database: Rc<RefCell<String>>,
    /// Milliseconds of `now()`.
    pub(super) now: i64,
    ids: Rc<Cell<usize>>,
    pub(super) relations: Rc<Cell<usize>>,
    pub(super) views: usize,
    /// Columns that come straight from a table: the plan's name and the table's.
    pub(super) stored: Rc<RefCell<HashMap<String, String>>>,
    /// For a person: what is right and will find nothing.
    pub(super) notes: Rc<RefCell<Vec<String>>>,
    /// Queries that are being planned, each for the one before it.
    nested: Rc<Cell<usize>>,
    pub(super) ctes: RefCell<Vec<Rc<Named>>>,
    known: RefCell<Vec<(Plan, Type)>>,
    /// Whether the expression at hand is WHERE or HAVING, or a term of AND, OR and NOT in it: there
    /// DataFusion makes joins of IN and EXISTS with a sub-query.
    pub(super) predicate: Cell<bool>,
    /// Whether it stands behind NOT.
    pub(super) denied: Cell<bool>,
}

impl<'p> Planner<'p> {
    pub(super) fn new(
        text: &'p str,
        catalog: &'p AthenaCatalog,
        open: &'p dyn Open,
        database: &str,
        now: i64,
    ) -> Self {
        Self {
            text,
            catalog,
            open,
            database: Rc::new(RefCell::new(database.to_lowercase())),
            now,
            ids: Rc::default(),
            relations: Rc::default(),
            views: 0,
            stored: Rc::default(),
            notes: Rc::default(),
            nested: Rc::default(),
            ctes: RefCell::default(),
            known: RefCell::default(),
            predicate: Cell::new(false),
            denied: Cell::new(false),
        }
    }

    /// One for the text of a view.
    pub(super) fn of_view<'v>(&self, text: &'v str, database: &str) -> Planner<'v>
    where
        'p: 'v,
    {
        Planner {
            text,
            catalog: self.catalog,
            open: self.open,
            database: Rc::new(RefCell::new(database.to_owned())),
            now: self.now,
            ids: Rc::clone(&self.ids),
            relations: Rc::clone(&self.relations),
            views: self.views + 1,
            stored: Rc::clone(&self.stored),
            notes: Rc::clone(&self.notes),
            nested: Rc::clone(&self.nested),
            ctes: RefCell::default(),
            known: RefCell::default(),
            predicate: Cell::new(false),
            denied: Cell::new(false),
        }
    }

    /// A name that no column has yet.
    pub(super) fn id(&self) -> String {
        self.ids.set(self.ids.get() + 1);
        format!("c{}", self.ids.get())
    }

    /// Notes the type of what only the plan computes.
    pub(super) fn know(&self, expr: &Plan, ty: &Type) {
        self.known.borrow_mut().push((expr.clone(), ty.clone()));
    }

    /// The type of a column or of something noted.
    pub(super) fn type_of(&self, expr: &Plan) -> Type {
        let known = self.known.borrow();
        let found = known.iter().find(|(known, _)| known == expr);
        found.map_or(Type::Unknown, |(_, ty)| ty.clone())
    }

    pub(super) fn know_all(&self, columns: &[Column]) {
        for column in columns {
            self.know(&by_id(&column.id), &column.ty);
        }
    }

    /// Counts a relation. A plan of many takes its time before it reads a row, more than the square
    /// of them, so each weighs the more the more there are.
    pub(super) fn one_more(&self, at: usize) -> Checked<()> {
        let relations = self.relations.get() + 1;
        self.relations.set(relations);
        deadline::spend(RELATION_ROWS * relations * relations)?;
        if relations > RELATIONS_MAX {
            let message = "statement is too large: too many relations";
            return Err(Fault::new("STATEMENT_TOO_LARGE", at, message));
        }
        Ok(())
    }

    /// A query; the columns of the relation are its result.
    pub(super) fn query(&self, query: &Query, parent: Option<&Scope<'_>>) -> Checked<Relation> {
        let before = self.ctes.borrow().len();
        for cte in &query.with {
            let sees = self.ctes.borrow().len();
            let named = Named {
                cte: cte.clone(),
                sees,
            };
            self.ctes.borrow_mut().push(Rc::new(named));
        }
        let depth = self.nested.get();
        let planned = if depth < NESTED_MAX {
            self.nested.set(depth + 1);
            self.body_and_order(query, parent)
        } else {
            let message = format!(
                "statement is too large: more than {NESTED_MAX} queries, views and WITH tables stand on each other"
            );
            Err(Fault::bare("STATEMENT_TOO_LARGE", message))
        };
        self.nested.set(depth);
        self.ctes.borrow_mut().truncate(before);
        planned
    }

    fn body_and_order(&self, query: &Query, parent: Option<&Scope<'_>>) -> Checked<Relation> {
        let relation = match &query.body {
            Body::Select(select) => self.select(select, &query.order, parent)?,
            body => {
                let relation = self.body(body, parent)?;
                self.sorted(relation, &query.order, parent)?
            }
        };
        let (skip, fetch) = (query.offset.unwrap_or(0), query.limit);
        if skip == 0 && fetch.is_none() {
            return Ok(relation);
        }
        let rows = |rows: u64| usize::try_from(rows).unwrap_or(usize::MAX);
        let plan = LogicalPlanBuilder::new(relation.plan).limit(rows(skip), fetch.map(rows))?;
        Ok(Relation {
            plan: plan.build()?,
            columns: relation.columns,
        })
    }

    pub(super) fn body(&self, body: &Body, parent: Option<&Scope<'_>>) -> Checked<Relation> {
        match body {
            Body::Select(select) => self.select(select, &[], parent),
            Body::Query(query) => self.query(query, parent),
            Body::Table(path) => {
                let mut relation = self.table(path, parent)?;
                relation.columns.retain(|column| !column.hidden);
                let cells = relation.columns.iter().map(|column| by_id(&column.id));
                let cells = cells.collect::<Vec<_>>();
                let plan = LogicalPlanBuilder::new(relation.plan).project(cells)?;
                relation.plan = plan.build()?;
                Ok(relation)
            }
            Body::Values(rows) => self.values(rows, parent),
            Body::All(parts) => {
                let relations = parts
                    .iter()
                    .map(|(at, part)| Ok((*at, self.body(part, parent)?)));
                self.union_all(relations.collect::<Checked<_>>()?)
            }
            Body::Set {
                op,
                all,
                at,
                left,
                right,
            } => {
                let (left, right) = (self.body(left, parent)?, self.body(right, parent)?);
                self.set(*op, *all, *at, left, right)
            }
        }
    }

    /// ORDER BY over what a set operation or VALUES gives: by its columns only.
    fn sorted(
        &self,
        relation: Relation,
        order: &[Order],
        parent: Option<&Scope<'_>>,
    ) -> Checked<Relation> {
        if order.is_empty() {
            return Ok(relation);
        }
        let scope = Scope::new(&relation.columns, parent, Clause::Scalar("ORDER BY clause"));
        let mut keys = Vec::new();
        for key in order {
            let typed = match ordinal(&key.expr) {
                Some(place) => self
                    .nth(&relation.columns, place, "ORDER BY", key.expr.at)?
                    .typed(),
                None => self.typed(&key.expr, &scope)?,
            };
            orderable(&typed, key.expr.at)?;
            keys.push(typed.expr.sort(!key.descending, key.nulls_first));
        }
        let plan = LogicalPlanBuilder::new(relation.plan).sort(keys)?.build()?;
        Ok(Relation {
            plan,
            columns: relation.columns,
        })
    }

    pub(super) fn nth<'c>(
        &self,
        columns: &'c [Column],
        place: usize,
        clause: &str,
        at: usize,
    ) -> Checked<&'c Column> {
        let column = place.checked_sub(1).and_then(|place| columns.get(place));
        column.ok_or_else(|| {
            let message = format!("{clause} position {place} is not in select list");
            Fault::new("INVALID_COLUMN_REFERENCE", at, message)
        })
    }

    fn values(&self, rows: &[Expr], parent: Option<&Scope<'_>>) -> Checked<Relation> {
        let scope = Scope::new(&[], parent, Clause::Scalar("VALUES"));
        let mut table: Vec<Vec<(Typed, usize)>> = Vec::new();
        for row in rows {
            let items = match &*row.kind {
                Kind::Row(items) => items.as_slice(),
                _ => std::slice::from_ref(row),
            };
            let typed = items
                .iter()
                .map(|item| Ok((self.typed(item, &scope)?, item.at)));
            let typed = typed.collect::<Checked<Vec<_>>>()?;
            if table
                .first()
                .is_some_and(|first| first.len() != typed.len())
            {
                let message = "Values rows have mismatched sizes";
                return Err(Fault::new(MISMATCH, row.at, message));
            }
            table.push(typed);
        }
        let width = table.first().map_or(0, Vec::len);
        let mut plans: Vec<Vec<Plan>> = vec![Vec::new(); table.len()];
        let mut columns = Vec::new();
        for at in 0..width {
            let column = table.iter().map(|row| row[at].clone()).collect();
            let (cells, ty) = self.unified(column, "Values rows")?;
            for (row, cell) in plans.iter_mut().zip(cells) {
                row.push(cell);
            }
            columns.push(self.column("", ty));
        }
        let plan = LogicalPlanBuilder::values(plans)?.build()?;
        let names: Vec<String> = plan
            .schema()
            .fields()
            .iter()
            .map(|f| f.name().clone())
            .collect();
        let renamed = names.iter().zip(&columns).map(|(name, column)| {
            let cell = Plan::Column(datafusion::common::Column::new_unqualified(name));
            super::cast::to(cell, &Type::Unknown, &Type::Unknown).alias(&column.id)
        });
        let plan = LogicalPlanBuilder::new(plan)
            .project(renamed.collect::<Vec<_>>())?
            .build()?;
        self.know_all(&columns);
        Ok(Relation { plan, columns })
    }

    /// A new column of a name.
    pub(super) fn column(&self, name: &str, ty: Type) -> Column {
        Column {
            qualifier: Vec::new(),
            name: name.to_lowercase(),
            shown: name.to_owned(),
            id: self.id(),
            ty,
            hidden: false,
        }
    }

    fn union_all(&self, parts: Vec<(usize, Relation)>) -> Checked<Relation> {
        let mut relations = parts.iter().map(|(at, relation)| (*at, relation));
        let first = relations.next().map(|(_, first)| first);
        let first = first.ok_or_else(|| Fault::bare(super::error::INTERNAL, "no part"))?;
        let columns = self.fitting("UNION", first, &relations.collect::<Vec<_>>())?;
        let inputs = parts
            .into_iter()
            .map(|(_, part)| side(part, &columns).map(Arc::new));
        let union = Union::try_new_with_loose_types(inputs.collect::<Checked<_>>()?)?;
        Ok(Relation {
            plan: LogicalPlan::Union(union),
            columns,
        })
    }

    /// The columns of a set operation: called as those of its first part, and of types that hold
    /// the values of all parts.
    fn fitting(
        &self,
        word: &str,
        first: &Relation,
        others: &[(usize, &Relation)],
    ) -> Checked<Vec<Column>> {
        let types = first.columns.iter().map(|column| column.ty.clone());
        let mut types: Vec<Type> = types.collect();
        for (at, other) in others {
            let (a, b) = (types.len(), other.columns.len());
            if a != b {
                let message = format!("{word} query has different number of fields: {a}, {b}");
                return Err(Fault::new(MISMATCH, *at, message));
            }
            for (i, (x, y)) in types.iter_mut().zip(&other.columns).enumerate() {
                let common = x.common(&y.ty).ok_or_else(|| {
                    let (i, y) = (i + 1, &y.ty);
                    let message =
                        format!("column {i} in {word} query has incompatible types: {x}, {y}");
                    Fault::new(MISMATCH, *at, message)
                })?;
                *x = common;
            }
        }
        let columns = first.columns.iter().zip(types).map(|(like, ty)| {
            let mut column = self.column(&like.shown, ty);
            column.name.clone_from(&like.name);
            column
        });
        let columns: Vec<Column> = columns.collect();
        self.know_all(&columns);
        Ok(columns)
    }

    fn set(
        &self,
        op: SetOp,
        all: bool,
        at: usize,
        left: Relation,
        right: Relation,
    ) -> Checked<Relation> {
        let word = match op {
            SetOp::Union => "UNION",
            SetOp::Intersect => "INTERSECT",
            SetOp::Except => "EXCEPT",
        };
        if all && op != SetOp::Union {
            return Err(Fault::new(
                "NOT_SUPPORTED",
                at,
                format!("{word} ALL is not answered here"),
            ));
        }
        let columns = self.fitting(word, &left, &[(at, &right)])?;
        let (left, right) = (side(left, &columns)?, side(right, &columns)?);
        let plan = match op {
            SetOp::Union => {
                let union = LogicalPlanBuilder::new(left).union(right)?;
                if all {
                    union.build()?
                } else {
                    union.distinct()?.build()?
                }
            }
            SetOp::Intersect => LogicalPlanBuilder::intersect(left, right, false)?,
            SetOp::Except => LogicalPlanBuilder::except(left, right, false)?,
        };
        // Behind a set operation columns may carry the qualifiers of one side.
        let names = plan.schema().columns();
        let cells = names.into_iter().zip(&columns);
        let cells = cells.map(|(name, column)| Plan::Column(name).alias(&column.id));
        let plan = LogicalPlanBuilder::new(plan)
            .project(cells.collect::<Vec<_>>())?
            .build()?;
        Ok(Relation { plan, columns })
    }
}

/// A part of a set operation with the columns of the whole.
fn side(relation: Relation, columns: &[Column]) -> Checked<LogicalPlan> {
    let cells = relation.columns.iter().zip(columns);
    let cells = cells.map(|(from, to)| from.typed().cast(&to.ty).expr.alias(&to.id));
    let plan = LogicalPlanBuilder::new(relation.plan).project(cells.collect::<Vec<_>>())?;
    Ok(plan.build()?)
}
