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

/// Where the question marks are that are parameters.
fn places(sql: &str) -> Vec<usize> {
    let mut places = Vec::new();
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
            Some('?') => {
                places.push(at);
                1
            }
            other => other.map_or(1, char::len_utf8),
        };
    }
    places
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
