//! A statement of either language, and which language it is read in.
//!
//! As Athena does, DDL is read as Hive's (names in backticks, its own reserved words, faults that
//! begin with `FAILED: ParseException`) and everything else as Trino's.

use super::ast::Query;
use super::catalog::{Table, TableColumn};
use super::cursor::Cursor;
use super::error::{Checked, DDL, Fault, SYNTAX};
use super::token::DDL_BEGINS;

/// `[database.]name`, in lower case.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TableName {
    pub(super) database: Option<String>,
    pub(super) name: String,
}

/// Values of partition columns, and where the partition's files lie.
pub(super) type PartitionSpec = (Vec<(String, String)>, Option<String>);

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Statement {
    Query(Query),
    /// With ANALYZE or without.
    Explain(Query, bool),
    /// `EXPLAIN (TYPE VALIDATE)`.
    Validate(Query),
    CreateDatabase {
        name: String,
        if_not_exists: bool,
        comment: Option<String>,
        location: Option<String>,
    },
    DropDatabase {
        name: String,
        if_exists: bool,
        cascade: bool,
    },
    CreateTable {
        name: TableName,
        if_not_exists: bool,
        table: Box<Table>,
    },
    DropTable {
        name: TableName,
        if_exists: bool,
    },
    CreateView {
        name: TableName,
        or_replace: bool,
        /// The query's text.
        query: String,
        parsed: Box<Query>,
    },
    DropView {
        name: TableName,
        if_exists: bool,
    },
    AddPartitions {
        name: TableName,
        if_not_exists: bool,
        partitions: Vec<PartitionSpec>,
    },
    DropPartitions {
        name: TableName,
        if_exists: bool,
        partitions: Vec<PartitionSpec>,
    },
    /// Columns behind those that there are, or in their place.
    Columns {
        name: TableName,
        columns: Vec<TableColumn>,
        replaces: bool,
    },
    SetProperties {
        name: TableName,
        properties: Vec<(String, String)>,
    },
    SetLocation {
        name: TableName,
        location: String,
    },
    Repair(TableName),
    ShowDatabases(Option<String>),
    ShowFunctions(Option<String>),
    ShowTables(Option<String>, Option<String>),
    ShowViews(Option<String>, Option<String>),
    ShowPartitions(TableName),
    ShowColumns(TableName),
    ShowCreateTable(TableName),
    ShowCreateView(TableName),
    ShowProperties(TableName),
    Describe {
        name: TableName,
        formatted: bool,
    },
}

/// Who keeps prepared statements.
const PREPARED: &str = "prepared statements are kept in a workgroup: `aws athena` answers PREPARE \
    name FROM query, EXECUTE name USING values and DEALLOCATE PREPARE name";

/// Statements that change data or belong to other services.
const NOT_HERE: &[(&[&str], &str)] = &[
    (&["INSERT"], "INSERT writes data; this engine reads only"),
    (&["UNLOAD"], "UNLOAD writes data; this engine reads only"),
    (&["DELETE"], "DELETE changes data; this engine reads only"),
    (&["UPDATE"], "UPDATE changes data; this engine reads only"),
    (&["MERGE"], "MERGE changes data; this engine reads only"),
    (&["PREPARE"], PREPARED),
    (&["EXECUTE"], PREPARED),
    (&["DEALLOCATE"], PREPARED),
    (&["OPTIMIZE"], "Iceberg tables are not answered here"),
    (&["VACUUM"], "Iceberg tables are not answered here"),
];

/// Reads one statement; one `;` may follow it.
pub(super) fn parse(text: &str) -> Checked<Statement> {
    let mut cursor = Cursor::new(text)?;
    for (words, why) in NOT_HERE {
        if cursor.sees_all(words) {
            return Err(Fault::new("NOT_SUPPORTED", cursor.at(), *why));
        }
    }
    let hive = is_hive(&mut cursor);
    let statement = if hive {
        cursor.ddl().map_err(as_hive)?
    } else {
        trino(&mut cursor)?
    };
    let ended = cursor.sign_ahead(0, ";");
    if ended {
        cursor.advance();
    }
    if !cursor.is_end() {
        cursor.could_be("<EOF>");
        let mut fault = cursor.mismatch();
        if ended {
            fault = fault
                .with_hint("Athena runs one statement at a time, with at most one `;` behind it");
        }
        return Err(if hive { as_hive(fault) } else { fault });
    }
    Ok(statement)
}

fn is_hive(cursor: &mut Cursor<'_>) -> bool {
    DDL_BEGINS.iter().any(|words| cursor.sees_all(words))
}

/// A fault of the grammar in Hive's words.
fn as_hive(mut fault: Fault) -> Fault {
    if fault.code == SYNTAX {
        fault.code = DDL;
        fault.message = fault.message.replace(". Expecting: ", " expecting ");
    }
    fault
}

fn trino(cursor: &mut Cursor<'_>) -> Checked<Statement> {
    if cursor.sees_query() || cursor.sign_ahead(0, "(") {
        return cursor.query().map(Statement::Query);
    }
    if cursor.takes("EXPLAIN") {
        return explain(cursor);
    }
    if cursor.takes_all(&["DROP", "VIEW"]) {
        let if_exists = cursor.takes_all(&["IF", "EXISTS"]);
        let name = cursor.table_name()?;
        return Ok(Statement::DropView { name, if_exists });
    }
    if cursor.sees_all(&["CREATE", "TABLE"]) {
        return Err(create_table(cursor));
    }
    if cursor.takes("CREATE") {
        let or_replace = cursor.takes_all(&["OR", "REPLACE"]);
        if !cursor.takes("VIEW") {
            cursor.could_be("'EXTERNAL'");
            return Err(cursor.mismatch());
        }
        let name = cursor.table_name()?;
        cursor.expects("AS")?;
        let start = cursor.at();
        let parsed = Box::new(cursor.query()?);
        let query = cursor.text[start..cursor.end()].to_owned();
        return Ok(Statement::CreateView {
            name,
            or_replace,
            query,
            parsed,
        });
    }
    cursor.could_be("<statement>");
    let fault = cursor.mismatch();
    let first = cursor.slice(0).to_uppercase();
    let words = [
        "SELECT", "WITH", "CREATE", "DROP", "SHOW", "DESCRIBE", "EXPLAIN", "ALTER", "MSCK",
    ];
    let near = words
        .iter()
        .find(|word| strsim::levenshtein(word, &first) <= 2);
    Err(match near.filter(|_| first.len() > 3) {
        Some(word) => fault.with_hint(format!("did you mean {word}?")),
        None => fault,
    })
}

/// What stands behind EXPLAIN: `[ANALYZE [VERBOSE]] [(option, …)] query`.
fn explain(cursor: &mut Cursor<'_>) -> Checked<Statement> {
    let analyze = cursor.takes("ANALYZE");
    if analyze {
        cursor.takes("VERBOSE");
    }
    let mut validate = false;
    // `(SELECT …)` is a query, `(TYPE …)` are options.
    let options = ["TYPE", "FORMAT"];
    let is_option = options.iter().any(|word| cursor.word_ahead(1, word));
    if cursor.sign_ahead(0, "(") && is_option {
        cursor.advance();
        let all = cursor.list(|cursor| {
            let at = cursor.at();
            let (name, value) = (cursor.name()?, cursor.name()?);
            Ok((at, name.key(), value.key()))
        })?;
        cursor.expects_sign(")")?;
        for (at, name, value) in all {
            match (name.as_str(), value.as_str()) {
                ("type", "validate") => validate = true,
                ("type", "logical" | "distributed") | ("format", "text") => {}
                _ => {
                    let (name, value) = (name.to_uppercase(), value.to_uppercase());
                    let message = format!("EXPLAIN ({name} {value}) is not answered here");
                    let hint = "there are TYPE LOGICAL, DISTRIBUTED and VALIDATE, and FORMAT TEXT";
                    return Err(Fault::new("NOT_SUPPORTED", at, message).with_hint(hint));
                }
            }
        }
    }
    let query = cursor.query()?;
    Ok(match validate {
        true => Statement::Validate(query),
        false => Statement::Explain(query, analyze),
    })
}

fn create_table(cursor: &Cursor<'_>) -> Fault {
    let at = cursor.at();
    let text = cursor.text.to_uppercase();
    if text.contains("SELECT") {
        return Fault::new(
            "NOT_SUPPORTED",
            at,
            "CREATE TABLE AS SELECT writes data; this engine reads only",
        )
        .with_hint("a view (CREATE VIEW … AS SELECT) keeps a query under a name");
    }
    let message = "External location is not allowed for managed table: write CREATE EXTERNAL TABLE";
    Fault::new("NOT_SUPPORTED", at, message)
}
