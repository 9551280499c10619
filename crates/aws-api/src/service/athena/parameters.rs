//! Statements with question marks (Amazon Athena User Guide, "Use parameterized queries"): each
//! stands for one of the call's `ExecutionParameters`, in the order in which they come.
//!
//! A parameter is written as it would be in the statement: `'web'` with its quotation marks, `7`
//! without. A question mark within quotation marks or a comment is no parameter.

use serde_json::Value;
use wirelab_query::athena::AthenaError;

use crate::service::Request;

/// `ExecutionParameters` of a call.
pub(super) fn of(request: &Request<'_>) -> Vec<String> {
    let given = request.parameters.get("ExecutionParameters");
    let given = given.and_then(Value::as_array).into_iter().flatten();
    given.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The statement with its parameters in their places. One without parameters stays as it is.
///
/// # Errors
/// More or fewer of them than there are places.
pub(super) fn filled(sql: &str, parameters: &[String]) -> Result<String, AthenaError> {
    if parameters.is_empty() {
        return Ok(sql.to_owned());
    }
    let places = places(sql);
    if places.len() != parameters.len() {
        return Err(AthenaError::Failed {
            code: "INVALID_PARAMETER_USAGE",
            message: format!(
                "Incorrect number of parameters: expected {} but found {}",
                places.len(),
                parameters.len()
            ),
            place: None,
            hint: None,
        });
    }
    let mut filled = String::with_capacity(sql.len());
    let mut from = 0;
    for (place, parameter) in places.into_iter().zip(parameters) {
        filled.push_str(&sql[from..place]);
        filled.push_str(parameter);
        from = place + 1;
    }
    filled.push_str(&sql[from..]);
    Ok(filled)
}

/// The statement with NULL for each of its parameters: what is read of it before they are known.
pub(super) fn emptied(sql: &str) -> String {
    let nulls = vec!["NULL".to_owned(); places(sql).len()];
    filled(sql, &nulls).unwrap_or_default()
}

/// The values between commas: those within quotation marks and parentheses separate nothing.
pub(super) fn split(list: &str) -> Vec<String> {
    let mut depth = 0_usize;
    let mut ends = Vec::new();
    for (at, sign) in signs(list) {
        match sign {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => ends.push(at),
            _ => {}
        }
    }
    ends.push(list.len());
    let mut from = 0;
    let values = ends.into_iter().map(|end| {
        let value = list[from..end].trim().to_owned();
        from = end + 1;
        value
    });
    values.collect()
}

/// Where the question marks are that are parameters.
fn places(sql: &str) -> Vec<usize> {
    let marks = signs(sql).into_iter().filter(|(_, sign)| *sign == '?');
    marks.map(|(at, _)| at).collect()
}

/// The characters of a statement that stand in no quotation marks and no comment.
fn signs(sql: &str) -> Vec<(usize, char)> {
    let mut signs = Vec::new();
    let mut at = 0;
    while let Some(rest) = sql.get(at..).filter(|it| !it.is_empty()) {
        let ends_with = |mark: &str, begun: usize| {
            let end = rest[begun..].find(mark);
            end.map_or(rest.len(), |end| begun + end + mark.len())
        };
        at += match rest.chars().next() {
            // A doubled mark within ends one text and begins another.
            Some(mark @ ('\'' | '"')) => ends_with(&mark.to_string(), 1),
            _ if rest.starts_with("--") => ends_with("\n", 2),
            _ if rest.starts_with("/*") => ends_with("*/", 2),
            Some(sign) => {
                signs.push((at, sign));
                sign.len_utf8()
            }
            None => 1,
        };
    }
    signs
}

#[cfg(test)]
mod tests {
    use super::filled;

    #[test]
    fn parameters_stand_where_the_question_marks_are() {
        let given = ["'a?'".to_owned(), "7".to_owned()];
        for (sql, wanted) in [
            ("SELECT ?, ?", "SELECT 'a?', 7"),
            (
                "SELECT '?' || ?, \"?\" -- ?\n + ?",
                "SELECT '?' || 'a?', \"?\" -- ?\n + 7",
            ),
            (
                "SELECT 'it''s ?', ? /* ? */, ?",
                "SELECT 'it''s ?', 'a?' /* ? */, 7",
            ),
        ] {
            assert_eq!(filled(sql, &given).expect("two places"), wanted);
        }
        let error = filled("SELECT ?", &given).expect_err("one place");
        let text =
            "INVALID_PARAMETER_USAGE: Incorrect number of parameters: expected 1 but found 2";
        assert_eq!(error.to_string(), text);
        assert_eq!(filled("SELECT ?", &[]).expect("as it is"), "SELECT ?");
    }
}
