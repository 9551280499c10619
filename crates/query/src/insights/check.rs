//! What the grammar leaves open: which command may follow which; and which fields a query names.

use super::ast::{Command, Expr, ExprKind, Query, Step};
use super::source::whole;
use crate::error::Place;
use crate::{QueryError, Warning};

/// The most `stats` in a query.
const STATS_MAX: usize = 10;

/// A command in its place, or the error that says why it cannot stand there.
struct Checker<'a> {
    query: &'a str,
}

/// Checks the order of commands, those of inner queries included.
pub(super) fn check_order(query: &str, tree: &Query) -> Result<(), QueryError> {
    let checker = Checker { query };
    checker.stats(&tree.steps)?;
    checker.dedup(&tree.steps)?;
    checker.diff(&tree.steps)?;
    checker.joins(&tree.steps)?;
    for step in &tree.steps {
        if let Command::Join(join) = &step.command {
            check_order(query, &join.query)?;
        }
        for inner in subqueries(step) {
            check_order(query, inner)?;
        }
    }
    Ok(())
}

/// The queries in the expressions of a command.
pub(super) fn subqueries(step: &Step) -> Vec<&Query> {
    let mut found = Vec::new();
    for expr in step.command.exprs() {
        expr.walk(&mut |expr| {
            if let ExprKind::InQuery { query, .. } = &expr.kind {
                found.push(&**query);
            }
        });
    }
    found
}

impl Checker<'_> {
    fn refuse(&self, step: &Step, message: &str, hint: Option<&str>) -> Result<(), QueryError> {
        Err(QueryError::Malformed {
            message: message.to_owned(),
            place: Place::new(self.query, step.span.start, step.span.end),
            hint: hint.map(str::to_owned),
        })
    }

    fn stats(&self, steps: &[Step]) -> Result<(), QueryError> {
        if let Some(step) = steps.iter().filter(|step| is_stats(step)).nth(STATS_MAX) {
            let message = format!("a query has at most {STATS_MAX} `stats`");
            return self.refuse(step, &message, None);
        }
        let last_stats = steps.iter().rposition(is_stats).unwrap_or(0);
        for step in &steps[..last_stats] {
            let name = step.command.name();
            if matches!(step.command, Command::Sort(_) | Command::Limit(_)) {
                let message = format!("`{name}` must come after the last `stats`");
                let hint = match step.command {
                    Command::Sort(_) => "aggregates do not depend on the order of rows",
                    _ => "`stats` reads all rows that a `filter` before it leaves",
                };
                return self.refuse(step, &message, Some(hint));
            }
        }
        let made_bins = |steps: &[Step]| steps.iter().any(is_stats);
        for (at, step) in steps.iter().enumerate() {
            if matches!(step.command, Command::FillMissing(_)) && !made_bins(&steps[..at]) {
                let message = "`fillmissing` follows `stats ... by bin(...)`";
                return self.refuse(step, message, None);
            }
        }
        Ok(())
    }

    fn dedup(&self, steps: &[Step]) -> Result<(), QueryError> {
        let is_dedup = |step: &Step| matches!(step.command, Command::Dedup(_));
        let Some(dedup) = steps.iter().position(is_dedup) else {
            return Ok(());
        };
        for step in &steps[dedup + 1..] {
            if !matches!(step.command, Command::Limit(_)) {
                let name = step.command.name();
                let message = format!("`{name}` cannot follow `dedup`");
                let hint = format!("put `{name}` before `dedup`: only `limit` may follow it");
                return self.refuse(step, &message, Some(&hint));
            }
        }
        Ok(())
    }

    /// `diff` compares patterns, so what comes before it are events.
    fn diff(&self, steps: &[Step]) -> Result<(), QueryError> {
        let is_diff = |step: &Step| matches!(step.command, Command::Diff(_));
        let Some(at) = steps.iter().position(is_diff) else {
            return Ok(());
        };
        let before = match steps[..at].split_last() {
            Some((last, before)) if matches!(last.command, Command::Pattern(_)) => before,
            _ => &steps[..at],
        };
        let is_whole = |step: &&Step| !step.command.is_row_by_row();
        if let Some(step) = before.iter().find(is_whole) {
            let name = step.command.name();
            let message = format!("`diff` compares events: `{name}` cannot come before it");
            let hint = "`filter ... | pattern @message | diff`";
            return self.refuse(step, &message, Some(hint));
        }
        if let Some(second) = steps[at + 1..].iter().find(|step| is_diff(step)) {
            return self.refuse(second, "a query has one `diff`", None);
        }
        Ok(())
    }

    fn joins(&self, steps: &[Step]) -> Result<(), QueryError> {
        let is_join = |step: &&Step| matches!(step.command, Command::Join(_));
        match steps.iter().filter(is_join).nth(1) {
            Some(second) => self.refuse(second, "a query has one `join`", None),
            None => Ok(()),
        }
    }
}

fn is_stats(step: &Step) -> bool {
    matches!(step.command, Command::Stats { .. })
}

/// The fields that a query names, those it shows by default included.
pub(super) fn named_fields(steps: &[Step]) -> Vec<String> {
    let mut names: Vec<String> = vec!["@timestamp".to_owned()];
    let mut visit = |expr: &Expr| match &expr.kind {
        ExprKind::Field(name) => names.push(name.clone()),
        ExprKind::Call { name, args } if name == "messagesize" && args.is_empty() => {
            names.push("@message".to_owned());
        }
        ExprKind::Access { of, path } => {
            if let ExprKind::Field(name) = &of.kind {
                names.push(format!("{name}.{path}"));
            }
        }
        _ => {}
    };
    let mut shows = false;
    let mut wholes = Vec::new();
    for step in steps {
        shows |= matches!(
            step.command,
            Command::Fields(_) | Command::Display(_) | Command::Stats { .. }
        );
        if let Command::Unnest { list, .. } = &step.command
            && let ExprKind::Field(name) = &list.kind
        {
            wholes.push(whole(name));
        }
        let exprs = step.command.exprs();
        exprs.into_iter().for_each(|expr| expr.walk(&mut visit));
    }
    names.extend(wholes);
    let reads_message = |step: &Step| matches!(step.command, Command::Diff(_));
    if !shows || steps.iter().any(reads_message) {
        names.push("@message".to_owned());
    }
    // After a join, `a.srcAddr` is the left side's `srcAddr`.
    for step in steps {
        if let Command::Join(join) = &step.command {
            let prefix = format!("{}.", join.left);
            let of_left = |name: &String| name.strip_prefix(&prefix).map(str::to_owned);
            let left: Vec<String> = names.iter().filter_map(of_left).collect();
            names.extend(left);
        }
    }
    names.sort_unstable();
    names.dedup();
    names
}

/// The fields that a query names with `prefix` before them.
pub(super) fn fields_of(steps: &[Step], prefix: &str) -> Vec<String> {
    let prefix = format!("{prefix}.");
    let named = named_fields(steps).into_iter();
    named
        .filter_map(|name| name.strip_prefix(&prefix).map(str::to_owned))
        .collect()
}

/// A `parse` whose fields are neither shown nor used: what names nothing to show shows `@timestamp`
/// and `@message` alone.
pub(super) fn unseen(query: &str, steps: &[Step]) -> Option<Warning> {
    let (first, names) = steps.iter().find_map(|step| match &step.command {
        Command::Parse { pattern, .. } => Some((step, pattern.names())),
        _ => None,
    })?;
    let only_picks = |step: &Step| {
        step.command.is_row_by_row() || matches!(step.command, Command::Sort(_) | Command::Limit(_))
    };
    let shows = |step: &Step| matches!(step.command, Command::Fields(_) | Command::Display(_));
    let used = named_fields(steps);
    let is_used = names.iter().any(|name| used.contains(name));
    if is_used || !steps.iter().all(only_picks) || steps.iter().any(shows) {
        return None;
    }
    let list = names.join(", ");
    Some(Warning {
        message: "what `parse` finds is not shown: the query names nothing to show".to_owned(),
        place: Place::new(query, first.span.start, first.span.end),
        hint: Some(format!("add `| display {list}`")),
    })
}
