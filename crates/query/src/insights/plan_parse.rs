//! `parse`: fields out of a text, by a pattern with `*`, a regex, or as `key=value` pairs.

use datafusion::functions::core::expr_fn::get_field;
use datafusion::logical_expr::Expr as DfExpr;

use super::ast::{Expr, ParsePattern};
use super::json;
use super::plan::{Planner, Slot, by_name};
use super::row::{Typed, call, split};
use super::value::Value;
use crate::{ColumnKind, QueryError};

impl Planner<'_> {
    /// Adds the fields; a row that does not match is kept without them.
    pub(super) fn parse(&mut self, of: &Expr, pattern: &ParsePattern) -> Result<(), QueryError> {
        let value = self.expr(of)?;
        let (names, structure) = match pattern {
            ParsePattern::Logfmt(name) => {
                let map = call("logfmt", vec![value], ColumnKind::Structure, |v| {
                    v[0].text().map_or(Value::Null, |text| json::logfmt(&text))
                });
                let column = self.extend(vec![map.expr])?.remove(0);
                self.slots.push(Slot {
                    key: name.clone(),
                    kind: ColumnKind::Structure,
                    column,
                });
                return Ok(());
            }
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
