//! One SELECT: from its relations through WHERE, groups, HAVING, windows and DISTINCT to its
//! sorted columns.

use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::{Expr as Plan, GroupingSet, LogicalPlan, LogicalPlanBuilder, lit};

use super::advice::on_alias;
use super::ast::{Expr, Group, Item, Order, Path, Select};
use super::cursor::Name;
use super::error::{Checked, Fault};
use super::expr::{MISMATCH, path};
use super::group::{
    Lift, has_aggregate, has_window, lift_queries, lift_windows, orderable, ordinal,
};
use super::operators::Typed;
use super::plan::Planner;
use super::scope::{Clause, Column, Relation, Scope, by_id};

/// An expression of the SELECT list.
#[derive(Clone)]
struct Output {
    typed: Typed,
    /// As it is printed; empty if it has no name.
    name: String,
    /// The text of it, for faults.
    source: (usize, usize),
}

/// A key of ORDER BY.
struct Key {
    typed: Typed,
    source: (usize, usize),
    descending: bool,
    nulls_first: bool,
}

impl Planner<'_> {
    pub(super) fn select(
        &self,
        select: &Select,
        order: &[Order],
        parent: Option<&Scope<'_>>,
    ) -> Checked<Relation> {
        let from = self.from(&select.from, parent)?;
        let mut plan = from.plan;
        let mut scope = Scope::new(&from.columns, parent, Clause::Free);
        scope.windows = &select.windows;
        if let Some(filter) = &select.filter {
            let inner = scope.within(Clause::Scalar("WHERE clause"));
            let test = self.filter(filter, &inner);
            let test = test.map_err(|fault| on_alias(fault, select, "WHERE"))?;
            if !matches!(
                test.ty,
                super::types::Type::Boolean | super::types::Type::Unknown
            ) {
                let message = format!(
                    "WHERE clause must evaluate to a boolean: actual type {}",
                    test.ty
                );
                return Err(Fault::new(MISMATCH, filter.at, message));
            }
            let test = test.cast(&super::types::Type::Boolean).expr;
            plan = LogicalPlanBuilder::new(plan).filter(test)?.build()?;
        }
        let mut outputs = self.outputs(select, &scope)?;
        let having = select.having.as_ref().map(|having| -> Checked<_> {
            let test = self.filter(having, &scope);
            let test = test.map_err(|fault| on_alias(fault, select, "HAVING"))?;
            if !matches!(
                test.ty,
                super::types::Type::Boolean | super::types::Type::Unknown
            ) {
                let message = format!(
                    "HAVING clause must evaluate to a boolean: actual type {}",
                    test.ty
                );
                return Err(Fault::new(MISMATCH, having.at, message));
            }
            Ok((
                test.cast(&super::types::Type::Boolean).expr,
                (having.start, having.end),
            ))
        });
        let having = having.transpose()?;
        let mut keys = self.keys(order, &outputs, &scope)?;

        let any = |plan: &Plan| has_aggregate(plan);
        let grouped = !select.group.is_empty()
            || having.is_some()
            || outputs.iter().any(|output| any(&output.typed.expr))
            || keys.iter().any(|key| any(&key.typed.expr));
        if grouped {
            plan = self.grouped(plan, select, &mut outputs, having, &mut keys, &scope)?;
        }
        plan = self.windowed(plan, &mut outputs, &mut keys)?;
        self.finish(plan, select, outputs, keys)
    }

    /// The SELECT list, stars written out.
    fn outputs(&self, select: &Select, scope: &Scope<'_>) -> Checked<Vec<Output>> {
        let mut outputs = Vec::new();
        for item in &select.items {
            match item {
                Item::All(path, at) => {
                    let columns = self.star(path.as_ref(), *at, scope)?;
                    outputs.extend(columns.into_iter().map(|column| Output {
                        typed: column.typed(),
                        name: column.shown.clone(),
                        source: (*at, *at + 1),
                    }));
                }
                Item::One(expr, alias) => outputs.push(Output {
                    typed: self
                        .typed(expr, scope)
                        .map_err(|fault| on_alias(fault, select, "the SELECT list"))?,
                    name: output_name(expr, alias.as_ref()),
                    source: (expr.start, expr.end),
                }),
            }
        }
        Ok(outputs)
    }

    fn star<'c>(
        &self,
        path: Option<&Path>,
        at: usize,
        scope: &Scope<'c>,
    ) -> Checked<Vec<&'c Column>> {
        let Some(path) = path else {
            if scope.columns.is_empty() {
                let message = "SELECT * not allowed in queries without FROM clause";
                return Err(Fault::new("COLUMN_NOT_FOUND", at, message));
            }
            return Ok(scope
                .columns
                .iter()
                .filter(|column| !column.hidden)
                .collect());
        };
        let keys: Vec<String> = path.parts.iter().map(Name::key).collect();
        let columns = scope.columns.iter().filter(|column| !column.hidden);
        let columns = columns.filter(|column| column.is_of(&keys));
        let columns: Vec<&Column> = columns.collect();
        if columns.is_empty() {
            let message = format!("Unable to resolve reference {}", keys.join("."));
            return Err(Fault::new("INVALID_COLUMN_REFERENCE", at, message));
        }
        Ok(columns)
    }

    /// ORDER BY: ordinals and aliases of the SELECT list first, then columns.
    fn keys(&self, order: &[Order], outputs: &[Output], scope: &Scope<'_>) -> Checked<Vec<Key>> {
        let named = outputs.iter().filter(|output| !output.name.is_empty());
        let aliases: Vec<(String, Typed)> = named
            .map(|output| (output.name.to_lowercase(), output.typed.clone()))
            .collect();
        let mut inner = scope.clone();
        inner.aliases = &aliases;
        let mut keys = Vec::new();
        for key in order {
            let typed = match ordinal(&key.expr) {
                Some(place) => {
                    let output = place.checked_sub(1).and_then(|place| outputs.get(place));
                    let output = output.ok_or_else(|| position("ORDER BY", place, key.expr.at))?;
                    output.typed.clone()
                }
                None => self.typed(&key.expr, &inner)?,
            };
            orderable(&typed, key.expr.at)?;
            keys.push(Key {
                typed,
                source: (key.expr.start, key.expr.end),
                descending: key.descending,
                nulls_first: key.nulls_first,
            });
        }
        Ok(keys)
    }

    /// The plan behind GROUP BY and HAVING; outputs and keys then read its columns.
    fn grouped(
        &self,
        plan: LogicalPlan,
        select: &Select,
        outputs: &mut [Output],
        having: Option<(Plan, (usize, usize))>,
        keys: &mut [Key],
        scope: &Scope<'_>,
    ) -> Checked<LogicalPlan> {
        let mut lift = Lift {
            input: plan.schema().clone(),
            groups: Vec::new(),
            aggregates: Vec::new(),
        };
        let mut next = || self.id();
        let sets = self.sets(&select.group, outputs, scope, &mut lift)?;
        let having = having
            .map(|(test, source)| self.lifted(&mut lift, test, source, &mut next))
            .transpose()?;
        for output in outputs.iter_mut() {
            let expr = output.typed.expr.clone();
            output.typed.expr = self.lifted(&mut lift, expr, output.source, &mut next)?;
        }
        for key in keys.iter_mut() {
            let expr = key.typed.expr.clone();
            key.typed.expr = self.lifted(&mut lift, expr, key.source, &mut next)?;
        }
        // What is grouped by becomes columns first, so that sets of groups are sets of columns.
        let mut cells: Vec<Plan> = plan
            .schema()
            .columns()
            .into_iter()
            .map(Plan::Column)
            .collect();
        for (group, id) in &lift.groups {
            cells.push(group.clone().alias(id));
        }
        let plan = LogicalPlanBuilder::new(plan).project(cells)?.build()?;
        let columns = |ids: &[usize]| -> Vec<Plan> {
            ids.iter().map(|at| by_id(&lift.groups[*at].1)).collect()
        };
        let groups = match sets.as_slice() {
            [] => Vec::new(),
            [one] => columns(one),
            many => {
                let sets = many.iter().map(|set| columns(set)).collect();
                vec![Plan::GroupingSet(GroupingSet::GroupingSets(sets))]
            }
        };
        let aggregates = lift
            .aggregates
            .iter()
            .map(|(expr, id)| expr.clone().alias(id));
        let mut aggregates: Vec<Plan> = aggregates.collect();
        if groups.is_empty() && aggregates.is_empty() {
            // All rows are one group, whose columns nobody reads.
            aggregates.push(count(lit(1_i64)).alias(self.id()));
        }
        let mut plan = LogicalPlanBuilder::new(plan)
            .aggregate(groups, aggregates)?
            .build()?;
        if let Some(having) = having {
            plan = LogicalPlanBuilder::new(plan).filter(having)?.build()?;
        }
        Ok(plan)
    }

    fn lifted(
        &self,
        lift: &mut Lift,
        expr: Plan,
        source: (usize, usize),
        next: &mut dyn FnMut() -> String,
    ) -> Checked<Plan> {
        lift.grouped(expr, next).ok_or_else(|| {
            let text = self.text.get(source.0..source.1).unwrap_or_default();
            let message =
                format!("'{text}' must be an aggregate expression or appear in GROUP BY clause");
            Fault::new("EXPRESSION_NOT_AGGREGATE", source.0, message)
        })
    }

    /// The grouping sets, as places in `lift.groups`.
    fn sets(
        &self,
        group: &[Group],
        outputs: &[Output],
        scope: &Scope<'_>,
        lift: &mut Lift,
    ) -> Checked<Vec<Vec<usize>>> {
        let mut sets: Vec<Vec<usize>> = Vec::new();
        for item in group {
            let mut place = |expr: &Expr| self.group(expr, outputs, scope, lift);
            let more: Vec<Vec<usize>> = match item {
                Group::One(expr) => vec![vec![place(expr)?]],
                Group::Sets(sets) => {
                    let sets = sets.iter().map(|set| set.iter().map(&mut place).collect());
                    sets.collect::<Checked<_>>()?
                }
                Group::Rollup(exprs) => {
                    let all = exprs.iter().map(&mut place).collect::<Checked<Vec<_>>>()?;
                    (0..=all.len())
                        .rev()
                        .map(|len| all[..len].to_vec())
                        .collect()
                }
                Group::Cube(exprs) => {
                    let all = exprs.iter().map(&mut place).collect::<Checked<Vec<_>>>()?;
                    cube(&all).ok_or_else(|| {
                        let message = "CUBE of so many columns has too many grouping sets";
                        Fault::new("TOO_MANY_GROUPING_SETS", scope_start(exprs), message)
                    })?
                }
            };
            sets = match sets.is_empty() {
                true => more,
                false => crossed(&sets, &more),
            };
            if sets.len() > 2048 {
                let message = "GROUP BY has too many grouping sets";
                return Err(Fault::bare("TOO_MANY_GROUPING_SETS", message));
            }
        }
        for set in &mut sets {
            set.sort_unstable();
            set.dedup();
        }
        Ok(sets)
    }

    /// One expression of GROUP BY; its place among the groups.
    fn group(
        &self,
        expr: &Expr,
        outputs: &[Output],
        scope: &Scope<'_>,
        lift: &mut Lift,
    ) -> Checked<usize> {
        let inner = scope.within(Clause::Scalar("GROUP BY clause"));
        let typed = match ordinal(expr) {
            Some(place) => {
                let output = place.checked_sub(1).and_then(|place| outputs.get(place));
                let output = output.ok_or_else(|| position("GROUP BY", place, expr.at))?;
                if has_aggregate(&output.typed.expr) || has_window(&output.typed.expr) {
                    let message = "GROUP BY clause cannot contain aggregations, window functions or grouping operations";
                    return Err(Fault::new("EXPRESSION_NOT_SCALAR", expr.at, message));
                }
                output.typed.clone()
            }
            None => self
                .typed(expr, &inner)
                .map_err(|fault| by_alias(fault, expr, outputs))?,
        };
        let known = lift
            .groups
            .iter()
            .position(|(group, _)| *group == typed.expr);
        Ok(known.unwrap_or_else(|| {
            let id = self.id();
            self.know(&by_id(&id), &typed.ty);
            lift.groups.push((typed.expr, id));
            lift.groups.len() - 1
        }))
    }

    /// The plan with a node for each window; outputs and keys then read its columns.
    fn windowed(
        &self,
        mut plan: LogicalPlan,
        outputs: &mut [Output],
        keys: &mut [Key],
    ) -> Checked<LogicalPlan> {
        let mut windows = Vec::new();
        let mut next = || self.id();
        for output in outputs.iter_mut() {
            let expr = output.typed.expr.clone();
            output.typed.expr = lift_windows(expr, &mut windows, &mut next)?;
        }
        for key in keys.iter_mut() {
            key.typed.expr = lift_windows(key.typed.expr.clone(), &mut windows, &mut next)?;
        }
        let mut queries = Vec::new();
        for (window, _) in &mut windows {
            *window = lift_queries(window.clone(), &mut queries, &mut next)?;
        }
        if !queries.is_empty() {
            let columns = plan.schema().columns().into_iter().map(Plan::Column);
            let queries = queries.into_iter().map(|(query, id)| query.alias(id));
            let cells: Vec<Plan> = columns.chain(queries).collect();
            plan = LogicalPlanBuilder::new(plan).project(cells)?.build()?;
        }
        let sorting = |window: &Plan| match window {
            Plan::WindowFunction(w) => {
                Some((w.params.partition_by.clone(), w.params.order_by.clone()))
            }
            _ => None,
        };
        while let Some((first, _)) = windows.first() {
            // Windows of one sorting share a node.
            let wanted = sorting(first);
            let (now, later): (Vec<_>, Vec<_>) = windows
                .into_iter()
                .partition(|(window, _)| sorting(window) == wanted);
            let exprs = now.into_iter().map(|(window, id)| window.alias(id));
            plan = LogicalPlanBuilder::new(plan)
                .window(exprs.collect::<Vec<_>>())?
                .build()?;
            windows = later;
        }
        Ok(plan)
    }

    /// Projection, DISTINCT and ORDER BY.
    fn finish(
        &self,
        plan: LogicalPlan,
        select: &Select,
        outputs: Vec<Output>,
        keys: Vec<Key>,
    ) -> Checked<Relation> {
        let mut columns = Vec::new();
        let mut cells = Vec::new();
        for output in &outputs {
            let column = self.column(&output.name, output.typed.ty.clone());
            cells.push(output.typed.expr.clone().alias(&column.id));
            columns.push(column);
        }
        self.know_all(&columns);
        let mut sort = Vec::new();
        for key in keys {
            let same = outputs
                .iter()
                .position(|output| output.typed.expr == key.typed.expr);
            let id = match same {
                Some(at) => columns[at].id.clone(),
                None if select.distinct => {
                    let message =
                        "For SELECT DISTINCT, ORDER BY expressions must appear in select list";
                    return Err(Fault::new(
                        "EXPRESSION_NOT_IN_DISTINCT",
                        key.source.0,
                        message,
                    ));
                }
                None => {
                    let id = self.id();
                    cells.push(key.typed.expr.alias(&id));
                    id
                }
            };
            sort.push(by_id(&id).sort(!key.descending, key.nulls_first));
        }
        let hidden = cells.len() > columns.len();
        let mut plan = LogicalPlanBuilder::new(plan).project(cells)?;
        if select.distinct {
            plan = plan.distinct()?;
        }
        if !sort.is_empty() {
            plan = plan.sort(sort)?;
        }
        if hidden {
            plan = plan.project(
                columns
                    .iter()
                    .map(|column| by_id(&column.id))
                    .collect::<Vec<_>>(),
            )?;
        }
        Ok(Relation {
            plan: plan.build()?,
            columns,
        })
    }
}

fn scope_start(exprs: &[Expr]) -> usize {
    exprs.first().map_or(0, |expr| expr.at)
}

/// The alias, or the name of a column; nothing for other expressions.
pub(super) fn output_name(expr: &Expr, alias: Option<&Name>) -> String {
    if let Some(alias) = alias {
        return alias.text.clone();
    }
    match &*expr.kind {
        super::ast::Kind::Column(name) | super::ast::Kind::Field(_, name) => name.text.clone(),
        _ => String::new(),
    }
}

fn position(clause: &str, place: usize, at: usize) -> Fault {
    let message = format!("{clause} position {place} is not in select list");
    Fault::new("INVALID_COLUMN_REFERENCE", at, message)
}

/// With a hint if what GROUP BY does not find is an alias.
fn by_alias(fault: Fault, expr: &Expr, outputs: &[Output]) -> Fault {
    let Some([name]) = path(expr)
        .as_deref()
        .map(<[String]>::to_vec)
        .map(|p| <[String; 1]>::try_from(p).unwrap_or_default())
    else {
        return fault;
    };
    let place = outputs
        .iter()
        .position(|output| output.name.to_lowercase() == name);
    match place.filter(|_| fault.code == "COLUMN_NOT_FOUND" && !name.is_empty()) {
        Some(place) => fault.with_hint(format!(
            "GROUP BY knows no aliases in Trino: repeat the expression, or write GROUP BY {}",
            place + 1
        )),
        None => fault,
    }
}

fn cube(all: &[usize]) -> Option<Vec<Vec<usize>>> {
    if all.len() > 11 {
        return None;
    }
    let sets = (0..1_usize << all.len()).rev().map(|bits| {
        let members = all
            .iter()
            .enumerate()
            .filter(|(i, _)| bits >> (all.len() - 1 - i) & 1 == 1);
        members.map(|(_, place)| *place).collect()
    });
    Some(sets.collect())
}

fn crossed(a: &[Vec<usize>], b: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let pairs = a
        .iter()
        .flat_map(|left| b.iter().map(move |right| [left.as_slice(), right].concat()));
    pairs.collect()
}
