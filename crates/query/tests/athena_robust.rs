//! Texts that are almost statements: whatever is typed, the engine answers or says what is wrong.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::athena_support::{World, options};
use crate::slips::{Change, cases, change, mutate};
use proptest::prelude::*;
use wirelab_query::athena::{AthenaError, AthenaOptions, Limits};

/// The statements of all files in `athena/`.
fn statements() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/athena");
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder is part of the repository") {
        let text = fs::read_to_string(entry.expect("an entry").path()).expect("a text");
        for case in text.split("\n====\n") {
            let statements = case.split("\n----\n").next().unwrap_or_default();
            all.extend(statements.split("\n;;\n").map(str::to_owned));
        }
    }
    all.sort();
    all
}

/// No panic, no fault of the engine's own, places within the text.
fn survives(world: &World, sql: &str) {
    let limits = Limits {
        memory_bytes: 64 << 20,
        time: Duration::from_secs(2),
        rows: 10_000,
        ..Limits::default()
    };
    let options = AthenaOptions {
        limits,
        ..options()
    };
    match world.run(sql, &options) {
        Err(AthenaError::Internal(message)) => panic!("{sql}\n{message}"),
        Err(error) => {
            let report = error.report();
            if let Some(place) = error.place() {
                assert!(place.start <= place.end, "{sql}\n{report}");
                assert!(place.end <= sql.chars().count() + 1, "{sql}\n{report}");
            }
        }
        Ok(result) => {
            for row in &result.rows {
                assert_eq!(row.len(), result.columns.len(), "{sql}");
            }
        }
    }
}

/// Words and signs of both languages, and values at the edges of their types.
const PIECES: &[&str] = &[
    "SELECT",
    "FROM",
    "flow",
    "WHERE",
    "GROUP BY",
    "ORDER BY",
    "HAVING",
    "LIMIT",
    "OFFSET",
    "JOIN",
    "ON",
    "USING",
    "WITH",
    "AS",
    "UNION",
    "EXCEPT",
    "(",
    ")",
    "[",
    "]",
    ",",
    ".",
    ";",
    "*",
    "+",
    "-",
    "/",
    "%",
    "||",
    "=",
    "<",
    ">=",
    "<>",
    "AND",
    "OR",
    "NOT",
    "IN",
    "IS",
    "NULL",
    "LIKE",
    "BETWEEN",
    "CASE",
    "WHEN",
    "THEN",
    "ELSE",
    "END",
    "CAST",
    "TRY_CAST",
    "try",
    "INTERVAL",
    "'1'",
    "day",
    "DATE",
    "'2024-03-05'",
    "TIMESTAMP",
    "IPADDRESS",
    "'10.0.0.1'",
    "srcaddr",
    "dstport",
    "bytes",
    "\"end\"",
    "`end`",
    "count",
    "sum",
    "array_agg",
    "OVER",
    "PARTITION BY",
    "row_number()",
    "UNNEST",
    "ARRAY",
    "MAP",
    "ROW",
    "x",
    "->",
    "transform",
    "reduce",
    "DISTINCT",
    "EXISTS",
    "ALL",
    "VALUES",
    "1",
    "0",
    "1.5",
    "1e9",
    "9223372036854775807",
    "-1",
    "''",
    "'é'",
    "--",
    "/*",
    "*/",
    "CREATE",
    "EXTERNAL",
    "TABLE",
    "VIEW",
    "DROP",
    "ALTER",
    "ADD",
    "PARTITION",
    "MSCK REPAIR TABLE",
    "SHOW",
    "TABLES",
    "DESCRIBE",
    "LOCATION",
    "'s3://logs/x/'",
    "EXPLAIN",
    "TBLPROPERTIES",
    "date_trunc",
    "date_format",
    "from_unixtime",
    "regexp_extract",
    "'('",
    "?",
    "sequence(1, 9)",
    "lpad",
    "substr",
    "split",
    "width_bucket",
    "json_extract",
    "'$.a'",
    "\u{1}",
];

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let piece = proptest::sample::select(PIECES).prop_map(|piece| format!(" {piece} "));
    proptest::collection::vec(change(piece), 1..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(400)))]

    #[test]
    fn a_statement_with_slips_is_answered_or_refused(
        pick in any::<usize>(),
        changes in changes(),
    ) {
        let statements = statements();
        survives(&World::new(), &mutate(&statements[pick % statements.len()], &changes));
    }

    #[test]
    fn any_words_in_any_order_are_answered_or_refused(
        words in proptest::collection::vec(proptest::sample::select(PIECES), 0..16)
    ) {
        let world = World::new();
        survives(&world, &words.join(" "));
        survives(&world, &format!("SELECT {} FROM flow", words.join(" ")));
    }

    #[test]
    fn any_text_is_answered_or_refused(text in "\\PC{0,60}") {
        survives(&World::new(), &text);
    }
}
