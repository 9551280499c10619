//! What a statement is by its text: its group, and the three statements about prepared ones.
//!
//! `PREPARE name FROM query`, `EXECUTE name USING 1, 'web'` and `DEALLOCATE PREPARE name` are the
//! API's prepared statements in SQL: they are kept in the workgroup of the call.
//!
//! Source: Amazon Athena User Guide, "Use prepared statements", "PREPARE", "EXECUTE", "DEALLOCATE
//! PREPARE".

use serde_json::{Map, Value};
use wirelab_model::ApiError;
use wirelab_query::athena::{AthenaResult, StatementType};
use wirelab_session::Session;

use super::{INVALID, invalid, parameters, text};
use crate::service::{Refusal, Request, kept};

/// What of a statement stands behind the comments and parentheses that it begins with.
fn behind_comments(mut sql: &str) -> &str {
    loop {
        sql = sql.trim_start_matches(|it: char| it.is_whitespace() || it == '(');
        sql = match (sql.strip_prefix("--"), sql.strip_prefix("/*")) {
            (Some(line), _) => line.split_once('\n').map_or("", |(_, behind)| behind),
            (_, Some(comment)) => comment.split_once("*/").map_or("", |(_, behind)| behind),
            (None, None) => return sql,
        };
    }
}

/// The group of a statement, of which nothing is known yet but its text.
pub(super) fn statement_type(sql: &str) -> &'static str {
    let sql = behind_comments(sql);
    let word = sql.split(|it: char| !it.is_ascii_alphabetic()).next();
    match word.unwrap_or_default().to_ascii_lowercase().as_str() {
        "select" | "with" | "values" | "table" | "insert" | "execute" => "DML",
        "show" | "describe" | "desc" | "explain" => "UTILITY",
        _ => "DDL",
    }
}

/// Whether a statement reads data, by its first word.
pub(super) fn is_query(sql: &str) -> bool {
    statement_type(sql) == "DML"
}

/// A statement about a prepared one.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Spoken {
    Prepare { name: String, query: String },
    Execute { name: String, using: Vec<String> },
    Deallocate { name: String },
}

impl Spoken {
    /// Reads it; `None` for any other statement.
    pub(super) fn read(sql: &str) -> Option<Self> {
        let mut rest = behind_comments(sql).trim_end();
        rest = rest.strip_suffix(';').unwrap_or(rest).trim_end();
        if let Some(rest) = behind(rest, "PREPARE") {
            let (name, rest) = name(rest)?;
            let query = behind(rest, "FROM")?.to_owned();
            return Some(Self::Prepare { name, query });
        }
        if let Some(rest) = behind(rest, "EXECUTE") {
            let (name, rest) = name(rest)?;
            let using = match behind(rest, "USING") {
                Some(list) => parameters::split(list),
                None if rest.is_empty() => Vec::new(),
                None => return None,
            };
            return Some(Self::Execute { name, using });
        }
        let rest = behind(behind(rest, "DEALLOCATE")?, "PREPARE")?;
        let (name, rest) = name(rest)?;
        rest.is_empty().then_some(Self::Deallocate { name })
    }

    /// The statement that runs and its parameters; `None` if none does: what is prepared changes.
    pub(super) fn resolve(
        self,
        session: &mut Session,
        request: &Request<'_>,
    ) -> Result<Option<(String, Vec<String>)>, Refusal> {
        let group = text(request, "WorkGroup").unwrap_or("primary");
        let caller = request.caller;
        let (action, name, query) = match self {
            Self::Execute { name, using } => {
                let control = session.run().control();
                let key = (group, name.as_str());
                let found = control.prepared_statement(&caller.account, &caller.region, key);
                let query = found.map_err(|error| invalid(error.message))?;
                let using = match using.is_empty() {
                    true => parameters::of(request),
                    false => using,
                };
                return Ok(Some((query, using)));
            }
            Self::Prepare { name, query } => ("CreatePreparedStatement", name, Some(query)),
            Self::Deallocate { name } => ("DeletePreparedStatement", name, None),
        };
        let mut parameters = Map::new();
        let mut put = |key: &str, value: &str| {
            parameters.insert(key.to_owned(), Value::String(value.to_owned()));
        };
        put("StatementName", &name);
        put("WorkGroup", group);
        if let Some(query) = query {
            put("QueryStatement", &query);
        }
        let call = Request {
            caller,
            action,
            parameters,
            id: request.id,
            desk: request.desk,
        };
        let answered = kept::answer(session, "athena", call, INVALID);
        answered.map_err(|refusal| match refusal {
            Refusal::Api(ApiError { message, .. }) => invalid(message).into(),
            other => other,
        })?;
        Ok(None)
    }
}

/// The answer of a statement that answers nothing.
pub(super) fn nothing() -> AthenaResult {
    AthenaResult {
        statement: StatementType::Ddl,
        substatement: "PREPARE",
        columns: Vec::new(),
        rows: Vec::new(),
        bytes_scanned: 0,
        notes: Vec::new(),
    }
}

/// What stands behind a keyword.
fn behind<'s>(sql: &'s str, word: &str) -> Option<&'s str> {
    let (begin, rest) = sql.split_at_checked(word.len())?;
    let ends = rest.is_empty() || rest.starts_with(char::is_whitespace);
    (ends && begin.eq_ignore_ascii_case(word)).then(|| rest.trim_start())
}

/// A name, and what stands behind it.
fn name(sql: &str) -> Option<(String, &str)> {
    if let Some(quoted) = sql.strip_prefix('"') {
        let (name, rest) = quoted.split_once('"')?;
        return Some((name.to_owned(), rest.trim_start()));
    }
    let end = sql.find(char::is_whitespace).unwrap_or(sql.len());
    let (name, rest) = sql.split_at(end);
    (!name.is_empty()).then(|| (name.to_owned(), rest.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_is_told_behind_comments() {
        for (sql, group) in [
            ("/* top */ SELECT 1", "DML"),
            ("-- a\n/* b\n c */ -- d\n (SELECT 1)", "DML"),
            ("-- c\nSHOW TABLES", "UTILITY"),
            ("/* x */ CREATE VIEW v AS SELECT 1", "DDL"),
            ("-- nothing", "DDL"),
        ] {
            assert_eq!(statement_type(sql), group, "{sql}");
        }
    }

    #[test]
    fn statements_about_prepared_ones_are_told_from_others() {
        let prepare = Spoken::read("/* x */ prepare top FROM SELECT ? FROM t;");
        let (name, query) = ("top".to_owned(), "SELECT ? FROM t".to_owned());
        assert_eq!(prepare, Some(Spoken::Prepare { name, query }));
        let execute = Spoken::read("EXECUTE top USING 7, 'a, b', ROW(1, 2)");
        let using = ["7", "'a, b'", "ROW(1, 2)"].map(str::to_owned).to_vec();
        let name = "top".to_owned();
        assert_eq!(execute, Some(Spoken::Execute { name, using }));
        let deallocate = Spoken::read("DEALLOCATE PREPARE \"top\"");
        let name = "top".to_owned();
        assert_eq!(deallocate, Some(Spoken::Deallocate { name }));
        for sql in ["SELECT 1", "EXECUTE", "PREPARED x", "DEALLOCATE top", ""] {
            assert_eq!(Spoken::read(sql), None, "{sql}");
        }
    }
}
