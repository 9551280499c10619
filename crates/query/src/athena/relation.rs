//! What stands behind FROM: tables, views, WITH tables, sub-queries, joins, UNNEST, samples.

use datafusion::common::{Column as PlanColumn, UnnestOptions};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::{Expr as Plan, JoinType, LogicalPlan, LogicalPlanBuilder};

use super::ast::{Expr, JoinKind, On, Path, Relation as Ast};
use super::catalog::CATALOG;
use super::cursor::{Cursor, Name};
use super::error::{Checked, Fault};
use super::expr::MISMATCH;
use super::files::hidden_columns;
use super::functions::{self, Udf};
use super::operators::Typed;
use super::partitions;
use super::plan::Planner;
use super::scope::{Clause, Column, Relation, Scope, by_id};
use super::types::Type;
use super::value::Value;

/// Views that may stand on views.
const VIEWS_MAX: usize = 20;

impl Planner<'_> {
    /// All of FROM; commas are cross joins.
    pub(super) fn from(&self, from: &[Ast], parent: Option<&Scope<'_>>) -> Checked<Relation> {
        let Some((first, rest)) = from.split_first() else {
            let plan = LogicalPlanBuilder::empty(true).build()?;
            let columns = Vec::new();
            return Ok(Relation { plan, columns });
        };
        let mut left = self.relation(first, (None, false), parent)?;
        for right in rest {
            left = self.join(JoinKind::Cross, left, right, &On::Nothing, parent)?;
        }
        Ok(left)
    }

    /// One relation. UNNEST and LATERAL read the columns of what stands `before` them; whether
    /// rows before stay for which there is none is said beside it.
    pub(super) fn relation(
        &self,
        relation: &Ast,
        before: (Option<Relation>, bool),
        parent: Option<&Scope<'_>>,
    ) -> Checked<Relation> {
        match relation {
            Ast::Table(path) => self.table(path, parent),
            Ast::Query(query) => self.query(query, parent),
            Ast::Unnest(arrays, ordinality, at) => {
                self.unnest(arrays, (*ordinality, *at), before, parent)
            }
            Ast::Lateral(query, at) => self.lateral(query, *at, before, parent),
            Ast::Alias(inner, name, columns) => {
                let before_width = before.0.as_ref().map_or(0, |before| before.columns.len());
                let kept = if reads_before(inner) { before_width } else { 0 };
                let mut relation = self.relation(inner, before, parent)?;
                rename(&mut relation.columns[kept..], name, columns)?;
                Ok(relation)
            }
            Ast::Sample(inner, percent) => self.sample(inner, percent, parent),
            Ast::Join {
                kind,
                left,
                right,
                on,
            } => {
                let left = self.relation(left, (None, false), parent)?;
                self.join(*kind, left, right, on, parent)
            }
        }
    }

    fn sample(&self, inner: &Ast, percent: &Expr, parent: Option<&Scope<'_>>) -> Checked<Relation> {
        let relation = self.relation(inner, (None, false), parent)?;
        let scope = Scope::new(&[], None, Clause::Scalar("TABLESAMPLE"));
        let share = self.typed(percent, &scope)?;
        if !share.ty.is_number() {
            let message = "Sample percentage should evaluate to a numeric value";
            return Err(Fault::new(MISMATCH, percent.at, message));
        }
        let hundred = Typed::new(datafusion::logical_expr::lit(100.0), Type::Double);
        let drawn = super::call::random_unit();
        let drawn = super::operators::arithmetic(super::ast::Op::Multiply, drawn, hundred);
        let drawn = drawn
            .map(|drawn| drawn.expr)
            .unwrap_or_else(|| datafusion::logical_expr::lit(0.0));
        let test = drawn.lt(share.cast(&Type::Double).expr);
        let plan = LogicalPlanBuilder::new(relation.plan)
            .filter(test)?
            .build()?;
        Ok(Relation {
            plan,
            columns: relation.columns,
        })
    }

    /// A table of WITH, a view or a table.
    pub(super) fn table(&self, path: &Path, _parent: Option<&Scope<'_>>) -> Checked<Relation> {
        let at = path.parts[0].at;
        self.one_more(at)?;
        let keys: Vec<String> = path.parts.iter().map(Name::key).collect();
        if let [name] = keys.as_slice()
            && let Some(relation) = self.with_table(name)?
        {
            return Ok(relation);
        }
        let (database, table) = match keys.as_slice() {
            [table] => (self.database.borrow().clone(), table.clone()),
            [database, table] => (database.clone(), table.clone()),
            [catalog, database, table] if *catalog == CATALOG => (database.clone(), table.clone()),
            [catalog, ..] => {
                let message = format!("Catalog '{catalog}' does not exist");
                return Err(Fault::new("CATALOG_NOT_FOUND", at, message));
            }
            [] => return Err(Fault::new("TABLE_NOT_FOUND", at, "no name")),
        };
        let qualifier = vec![CATALOG.to_owned(), database.clone(), table.clone()];
        if database == super::schema::SCHEMA {
            return self.information(&table, qualifier, at);
        }
        let found = self.catalog.database(&database).ok_or_else(|| {
            let message = format!("Schema '{database}' does not exist");
            Fault::new("SCHEMA_NOT_FOUND", at, message)
        })?;
        if let Some(view) = found.views.get(&table) {
            return self.view(view.sql(), &view.database, qualifier, at);
        }
        let base = table.strip_suffix(partitions::SUFFIX);
        if let Some(base) = base.and_then(|base| found.tables.get(base))
            && let Some(relation) = self.partitions(base, &qualifier)?
        {
            return Ok(relation);
        }
        let Some(table) = found.tables.get(&table) else {
            let message = format!("Table '{}' does not exist", qualifier.join("."));
            let fault = Fault::new("TABLE_NOT_FOUND", at, message);
            return Err(
                match nearest(found.tables.keys().chain(found.views.keys()), &table) {
                    Some(near) => fault.with_hint(format!("did you mean {near}?")),
                    None => fault,
                },
            );
        };
        self.scan(table, qualifier)
    }

    fn scan(&self, table: &super::catalog::Table, qualifier: Vec<String>) -> Checked<Relation> {
        let name = qualifier[1..].join(".");
        let provider = self.open.open(table, &name)?;
        let has = |name: &str| provider.schema().column_with_name(name).is_some();
        let hidden: Vec<_> = hidden_columns()
            .into_iter()
            .filter(|(name, _)| has(name))
            .collect();
        let source = provider_as_source(provider);
        let plan = LogicalPlanBuilder::scan("t", source, None)?.build()?;
        let mut columns = Vec::new();
        let mut cells = Vec::new();
        let mut named = Vec::new();
        for column in table.all_columns() {
            named.push((column.name.clone(), Type::parse(&column.ty, 0)?));
        }
        let shown = named.len();
        named.extend(hidden);
        for (at, (name, ty)) in named.into_iter().enumerate() {
            let mut planned = self.column(&name, ty);
            planned.qualifier.clone_from(&qualifier);
            planned.hidden = at >= shown;
            let cell = Plan::Column(PlanColumn::new(Some("t"), &name));
            cells.push(cell.alias(&planned.id));
            self.stored.borrow_mut().insert(planned.id.clone(), name);
            columns.push(planned);
        }
        self.know_all(&columns);
        let plan = LogicalPlanBuilder::new(plan).project(cells)?.build()?;
        Ok(Relation { plan, columns })
    }

    fn with_table(&self, name: &str) -> Checked<Option<Relation>> {
        let ctes = self.ctes.borrow();
        let named = ctes
            .iter()
            .rev()
            .find(|named| named.cte.name.key() == name)
            .cloned();
        drop(ctes);
        let Some(named) = named else {
            return Ok(None);
        };
        // Its own query sees only what was there before it.
        let hidden = self.ctes.borrow_mut().split_off(named.sees);
        let planned = self.query(&named.cte.query, None);
        self.ctes.borrow_mut().truncate(named.sees);
        self.ctes.borrow_mut().extend(hidden);
        let mut relation = planned?;
        rename(&mut relation.columns, &named.cte.name, &named.cte.columns)?;
        Ok(Some(relation))
    }

    pub(super) fn view(
        &self,
        sql: &str,
        database: &str,
        qualifier: Vec<String>,
        at: usize,
    ) -> Checked<Relation> {
        let name = qualifier.join(".");
        let failed = |fault: Fault| {
            let text = fault.into_error(sql).to_string();
            Fault::new(
                "INVALID_VIEW",
                at,
                format!("Failed analyzing stored view '{name}': {text}"),
            )
        };
        if self.views >= VIEWS_MAX {
            return Err(Fault::new(
                "VIEW_IS_RECURSIVE",
                at,
                format!("View '{name}' stands on itself"),
            ));
        }
        let query = Cursor::new(sql)
            .and_then(|mut cursor| cursor.query())
            .map_err(failed)?;
        let planner = self.of_view(sql, database);
        let mut relation = planner
            .query(&query, None)
            .map_err(|fault| match fault.code {
                "VIEW_IS_RECURSIVE" | "STATEMENT_TOO_LARGE" => fault,
                _ => failed(fault),
            })?;
        self.know_all(&relation.columns);
        for column in &mut relation.columns {
            column.qualifier.clone_from(&qualifier);
        }
        Ok(relation)
    }

    fn join(
        &self,
        kind: JoinKind,
        left: Relation,
        right: &Ast,
        on: &On,
        parent: Option<&Scope<'_>>,
    ) -> Checked<Relation> {
        if reads_before(right) {
            let fits = matches!(kind, JoinKind::Cross | JoinKind::Inner | JoinKind::Left);
            let on_true = match on {
                On::Nothing => true,
                On::Condition(expr) => *expr.kind == super::ast::Kind::Bool(true),
                On::Using(_) => false,
            };
            if !fits || !on_true {
                let message =
                    "UNNEST and LATERAL may be joined by CROSS JOIN, or by LEFT JOIN … ON TRUE";
                return Err(Fault::bare("NOT_SUPPORTED", message));
            }
            let keeps = kind == JoinKind::Left;
            return self.relation(right, (Some(left), keeps), parent);
        }
        let right = self.relation(right, (None, false), parent)?;
        let columns = [left.columns.clone(), right.columns.clone()].concat();
        let join_type = match kind {
            JoinKind::Inner => JoinType::Inner,
            JoinKind::Left => JoinType::Left,
            JoinKind::Right => JoinType::Right,
            JoinKind::Full => JoinType::Full,
            JoinKind::Cross => {
                let plan = LogicalPlanBuilder::new(right.plan).cross_join(left.plan)?;
                let plan = plan.build()?;
                return Ok(Relation { plan, columns });
            }
        };
        match on {
            On::Using(names) => self.join_using(join_type, left, right, names),
            On::Condition(condition) => {
                let scope = Scope::new(&columns, parent, Clause::Scalar("JOIN clause"));
                let test = self.typed(condition, &scope)?;
                if !matches!(test.ty, Type::Boolean | Type::Unknown) {
                    let message = format!(
                        "JOIN ON clause must evaluate to a boolean: actual type {}",
                        test.ty
                    );
                    return Err(Fault::new(MISMATCH, condition.at, message));
                }
                let test = test.cast(&Type::Boolean).expr;
                let plan = joined(left.plan, right.plan, join_type, vec![test])?;
                Ok(Relation { plan, columns })
            }
            On::Nothing => Err(Fault::bare(
                super::error::INTERNAL,
                "a join without a condition",
            )),
        }
    }

    /// USING: the named columns come once and first, without a qualifier.
    fn join_using(
        &self,
        join_type: JoinType,
        left: Relation,
        right: Relation,
        names: &[Name],
    ) -> Checked<Relation> {
        let mut tests = Vec::new();
        let mut shared = Vec::new();
        let (mut rest_left, mut rest_right) = (left.columns.clone(), right.columns.clone());
        for name in names {
            let key = name.key();
            let side = |columns: &mut Vec<Column>, side: &str| {
                let place = columns.iter().position(|column| column.name == key);
                let place = place.ok_or_else(|| {
                    let message =
                        format!("Column '{}' is missing from {side} side of join", name.text);
                    Fault::new("COLUMN_NOT_FOUND", name.at, message)
                });
                Ok::<Column, Fault>(columns.remove(place?))
            };
            let (a, b) = (
                side(&mut rest_left, "left")?,
                side(&mut rest_right, "right")?,
            );
            let equal = super::ast::Comparison::Equal;
            tests.push(self.compare(equal, a.typed(), b.typed(), name.at)?.expr);
            shared.push((a, b));
        }
        let plan = joined(left.plan, right.plan, join_type, tests)?;
        let mut columns = Vec::new();
        let mut cells = Vec::new();
        for (a, b) in shared {
            let pair = vec![(a.typed(), 0), (b.typed(), 0)];
            let tests = vec![a.typed().expr.is_not_null()];
            let value = self.choice(tests, pair)?;
            let column = self.column(&a.shown, value.ty);
            cells.push(value.expr.alias(&column.id));
            columns.push(column);
        }
        for column in rest_left.into_iter().chain(rest_right) {
            cells.push(by_id(&column.id));
            columns.push(column);
        }
        self.know_all(&columns);
        let plan = LogicalPlanBuilder::new(plan).project(cells)?.build()?;
        Ok(Relation { plan, columns })
    }

    /// A row for each element; several arrays side by side.
    fn unnest(
        &self,
        arrays: &[Expr],
        (ordinality, at): (bool, usize),
        (before, keeps): (Option<Relation>, bool),
        parent: Option<&Scope<'_>>,
    ) -> Checked<Relation> {
        let before = match before {
            Some(before) => before,
            None => self.from(&[], parent)?,
        };
        let scope = Scope::new(&before.columns, parent, Clause::Scalar("UNNEST"));
        let mut lists: Vec<Typed> = Vec::new();
        for array in arrays {
            let typed = self.typed(array, &scope)?;
            match typed.ty.clone() {
                Type::Array(_) => lists.push(typed),
                Type::Map(key, value) => {
                    lists.push(part_of_map("map_keys", &typed, Type::array(*key)));
                    lists.push(part_of_map("map_values", &typed, Type::array(*value)));
                }
                ty => {
                    let message = format!("Cannot unnest type: {ty}");
                    return Err(Fault::new(MISMATCH, array.at, message));
                }
            }
        }
        if ordinality {
            lists.push(ordinals(&lists));
        }
        if keeps {
            lists = lists.into_iter().map(filled).collect();
        }
        let mut columns = before.columns.clone();
        let mut cells: Vec<Plan> = columns.iter().map(|column| by_id(&column.id)).collect();
        let mut unnested = Vec::new();
        for list in lists {
            let Type::Array(item) = list.ty else {
                return Err(Fault::new(MISMATCH, at, "Cannot unnest"));
            };
            let column = self.column("", *item);
            cells.push(list.expr.alias(&column.id));
            unnested.push(PlanColumn::new_unqualified(&column.id));
            columns.push(column);
        }
        self.know_all(&columns);
        let options = UnnestOptions::new().with_preserve_nulls(keeps);
        let plan = LogicalPlanBuilder::new(before.plan)
            .project(cells)?
            .unnest_columns_with_options(unnested, options)?
            .build()?;
        self.flattened(plan, columns, before.columns.len())
    }

    /// The columns behind the first `kept`, a row of an array of rows as its fields.
    fn flattened(&self, plan: LogicalPlan, columns: Vec<Column>, kept: usize) -> Checked<Relation> {
        let mut cells = Vec::new();
        let mut flat = Vec::new();
        for (place, column) in columns.into_iter().enumerate() {
            match column.ty.clone() {
                Type::Row(fields) if place >= kept => {
                    for (i, (name, ty)) in fields.into_iter().enumerate() {
                        let field = super::call::element(column.typed(), i, ty.clone());
                        let inner = self.column(name.as_deref().unwrap_or_default(), ty);
                        cells.push(field.expr.alias(&inner.id));
                        flat.push(inner);
                    }
                }
                _ => {
                    cells.push(by_id(&column.id));
                    flat.push(column);
                }
            }
        }
        self.know_all(&flat);
        let plan = LogicalPlanBuilder::new(plan).project(cells)?.build()?;
        Ok(Relation {
            plan,
            columns: flat,
        })
    }
}

pub(super) fn is_unnest(relation: &Ast) -> bool {
    match relation {
        Ast::Unnest(..) => true,
        Ast::Alias(inner, ..) => is_unnest(inner),
        _ => false,
    }
}

/// Whether a relation sees the columns of what stands before it.
fn reads_before(relation: &Ast) -> bool {
    match relation {
        Ast::Unnest(..) | Ast::Lateral(..) => true,
        Ast::Alias(inner, ..) => reads_before(inner),
        _ => false,
    }
}

/// A list that is NULL where it is empty, which then is one row.
fn filled(list: Typed) -> Typed {
    let run: functions::Run = |_, v| {
        let empty = v[0].list().is_empty();
        Ok(if empty { Value::Null } else { v[0].clone() })
    };
    let udf = Udf::new("filled", vec![list.ty.clone()], list.ty.clone(), run, false);
    Typed::new(udf.call(vec![list.expr]), list.ty)
}

/// A join that keeps the right side in memory and lets the left one pass, as Trino does; so
/// DataFusion, which keeps the left one, gets them the other way round. Columns of a plan are known
/// by their names, so their order does not matter.
fn joined(
    left: LogicalPlan,
    right: LogicalPlan,
    join_type: JoinType,
    tests: Vec<Plan>,
) -> Checked<LogicalPlan> {
    let join = LogicalPlanBuilder::new(right).join_on(left, join_type.swap(), tests)?;
    Ok(join.build()?)
}

fn part_of_map(name: &str, map: &Typed, ty: Type) -> Typed {
    let function = functions::named(name)[0];
    let udf = Udf::new(name, vec![map.ty.clone()], ty.clone(), function.run, false);
    Typed::new(udf.call(vec![map.expr.clone()]), ty)
}

/// 1, 2, 3 … as long as the longest list.
fn ordinals(lists: &[Typed]) -> Typed {
    let run: functions::Run = |_, v| {
        let longest = v.iter().map(|list| list.list().len()).max().unwrap_or(0);
        Ok(Value::List((1..=longest as i64).map(Value::Int).collect()))
    };
    let ty = Type::array(Type::BigInt);
    let types = lists.iter().map(|list| list.ty.clone()).collect();
    let udf = Udf::new("ordinals", types, ty.clone(), run, true);
    Typed::new(
        udf.call(lists.iter().map(|list| list.expr.clone()).collect()),
        ty,
    )
}

/// Gives a relation's columns a new qualifier and, if there are some, new names.
fn rename(columns: &mut [Column], name: &Name, names: &[Name]) -> Checked<()> {
    let have = columns.iter().filter(|column| !column.hidden).count();
    if !names.is_empty() && names.len() != have {
        let given = names.len();
        let message = format!(
            "Column alias list has {given} entries but '{}' has {have} columns available",
            name.text
        );
        return Err(Fault::new("MISMATCHED_COLUMN_ALIASES", name.at, message));
    }
    let mut names = names.iter();
    for column in columns {
        column.qualifier = vec![name.key()];
        let new = (!column.hidden).then(|| names.next()).flatten();
        if let Some(name) = new {
            column.name = name.key();
            column.shown.clone_from(&name.text);
        }
    }
    Ok(())
}

fn nearest<'n>(names: impl Iterator<Item = &'n String>, wanted: &str) -> Option<&'n str> {
    let scored = names.map(|name| (strsim::jaro_winkler(name, wanted), name.as_str()));
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 > 0.8).then_some(best.1)
}
