//! Which names an expression sees.
//!
//! In a plan every column has a name of its own, `c1`, `c2` …, that no query can write; so joins
//! and sub-queries never meet two of one name. A scope maps the names of the query to those.

use datafusion::common::Column as PlanColumn;
use datafusion::logical_expr::{Expr, LogicalPlan};

use super::cursor::Name;
use super::error::{Checked, Fault};
use super::operators::Typed;
use super::types::Type;
use super::value;

/// A relation while a query is planned.
#[derive(Clone)]
pub(super) struct Relation {
    pub(super) plan: LogicalPlan,
    pub(super) columns: Vec<Column>,
}

/// A column of a relation.
#[derive(Clone, Debug)]
pub(super) struct Column {
    /// The names that may stand before its own: alias, or catalog, database and table.
    pub(super) qualifier: Vec<String>,
    /// As names compare; empty if it has none.
    pub(super) name: String,
    /// As it is printed.
    pub(super) shown: String,
    /// In the plan.
    pub(super) id: String,
    pub(super) ty: Type,
    /// Seen by its name only, not by `*`: `"$path"` and its like.
    pub(super) hidden: bool,
}

impl Column {
    pub(super) fn typed(&self) -> Typed {
        Typed::new(by_id(&self.id), self.ty.clone())
    }

    fn is(&self, path: &[String]) -> bool {
        let Some((name, before)) = path.split_last() else {
            return false;
        };
        self.name == *name && self.is_of(before)
    }

    /// Whether it belongs to the relation that a path names.
    pub(super) fn is_of(&self, path: &[String]) -> bool {
        self.qualifier.ends_with(path)
    }
}

/// A column of a plan.
pub(super) fn by_id(id: &str) -> Expr {
    Expr::Column(PlanColumn::new_unqualified(id))
}

/// The parameter of a lambda.
#[derive(Clone, Debug)]
pub(super) struct Local {
    pub(super) name: String,
    pub(super) id: String,
    pub(super) ty: Type,
}

/// The part of a query an expression stands in, for what it may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clause {
    /// SELECT, HAVING or ORDER BY: all is allowed.
    Free,
    /// One in which neither aggregates nor windows are.
    Scalar(&'static str),
    /// The arguments of an aggregate.
    Aggregate,
    /// Arguments, partition and order of a window: it goes over the rows of groups, so aggregates
    /// may stand in them.
    Window,
}

#[derive(Clone)]
pub(super) struct Scope<'s> {
    pub(super) columns: &'s [Column],
    /// What ORDER BY sees before the columns.
    pub(super) aliases: &'s [(String, Typed)],
    pub(super) locals: Vec<Local>,
    /// The query around a sub-query.
    pub(super) parent: Option<&'s Self>,
    pub(super) clause: Clause,
    pub(super) windows: &'s [(Name, super::ast::Window)],
}

impl<'s> Scope<'s> {
    pub(super) fn new(columns: &'s [Column], parent: Option<&'s Self>, clause: Clause) -> Self {
        Self {
            columns,
            aliases: &[],
            locals: Vec::new(),
            parent,
            clause,
            windows: &[],
        }
    }

    pub(super) fn within(&self, clause: Clause) -> Self {
        let mut inner = self.clone();
        inner.clause = clause;
        inner
    }

    /// What a path of names means; `None` if nothing.
    pub(super) fn find(&self, path: &[String], at: usize) -> Checked<Option<Typed>> {
        if let [name] = path {
            if let Some(local) = self.locals.iter().rev().find(|local| local.name == *name) {
                return Ok(Some(Typed::new(by_id(&local.id), local.ty.clone())));
            }
            let mut aliases = self.aliases.iter().filter(|(alias, _)| alias == name);
            if let Some((_, typed)) = aliases.next() {
                if aliases.any(|(_, other)| other.expr != typed.expr) {
                    return Err(ambiguous(path, at));
                }
                return Ok(Some(typed.clone()));
            }
        }
        let mut found = self.columns.iter().filter(|column| column.is(path));
        if let Some(column) = found.next() {
            if found.next().is_some() {
                return Err(ambiguous(path, at));
            }
            return Ok(Some(column.typed()));
        }
        let Some(parent) = self.parent else {
            return Ok(None);
        };
        Ok(parent.find(path, at)?.map(|typed| match typed.expr {
            Expr::Column(column) => {
                let field = value::field(&column.name, &typed.ty);
                Typed::new(Expr::OuterReferenceColumn(field, column), typed.ty)
            }
            expr => Typed::new(expr, typed.ty),
        }))
    }

    /// The names of all columns, for a hint.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let parent = self.parent.map(|parent| parent.columns).unwrap_or_default();
        self.columns
            .iter()
            .chain(parent)
            .map(|column| column.name.as_str())
    }
}

fn ambiguous(path: &[String], at: usize) -> Fault {
    let message = format!("Column '{}' is ambiguous", path.join("."));
    Fault::new("AMBIGUOUS_NAME", at, message)
}
