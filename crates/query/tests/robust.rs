//! Texts that are almost queries, and queries that ask for too much: whatever is typed, the engine
//! answers or says what is wrong, in bounded time.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::slips::{Change, cases, change, mutate};
use crate::support::{MIDNIGHT, ask, hour, push};
use proptest::prelude::*;
use wirelab_query::{LogGroup, QueryError, blocking};

/// What has not ended by then never will, on the busiest machine: a guard, not a measure.
const END: Duration = Duration::from_secs(600);

/// The queries of all files in `queries/`.
fn queries() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/queries");
    let mut queries = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder is part of the repository") {
        let text = fs::read_to_string(entry.expect("an entry").path()).expect("a text");
        let cases = text.split("\n====\n");
        queries.extend(cases.filter_map(|case| Some(case.split_once("\n----\n")?.0.to_owned())));
    }
    queries.sort();
    queries
}

/// No panic, and no fault of the engine's own.
fn survives(query: &str) {
    match ask(query) {
        Err(QueryError::Internal(message)) => panic!("{query}: {message}"),
        Err(error) => {
            let report = error.report();
            if let Some(place) = error.place() {
                assert!(place.start <= place.end, "{query}: {report}");
                assert!(place.end <= query.chars().count() + 1, "{query}: {report}");
            }
        }
        Ok(result) => {
            for row in &result.rows {
                assert_eq!(row.len(), result.columns.len(), "{query}");
            }
        }
    }
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let piece = proptest::sample::select(PIECES).prop_map(str::to_owned);
    proptest::collection::vec(change(piece), 1..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(600)))]

    #[test]
    fn a_query_with_slips_is_answered_or_refused(
        pick in any::<usize>(),
        changes in changes(),
    ) {
        let queries = queries();
        let query = &queries[pick % queries.len()];
        // The first line may name a log group that is then not there.
        survives(&mutate(query, &changes).replace("# over", "#over"));
    }

    #[test]
    fn any_words_in_any_order_are_answered_or_refused(
        words in proptest::collection::vec(proptest::sample::select(PIECES), 0..16)
    ) {
        survives(&words.join(" "));
        survives(&words.concat());
    }
}

const PIECES: &[&str] = &[
    "fields ",
    "filter ",
    "stats ",
    "sort ",
    "limit 3",
    "parse ",
    "dedup ",
    "display ",
    "unnest ",
    "pattern ",
    "diff",
    "join ",
    "SOURCE \"trail\" ",
    "accum ",
    "filldown ",
    "fillmissing ",
    "expand ",
    " by ",
    " as ",
    " into ",
    "|",
    "|",
    "|",
    ",",
    "(",
    ")",
    "[",
    "]",
    "[0]",
    ".",
    ":",
    "srcAddr",
    "bytes",
    "@timestamp",
    "@message",
    "n",
    "count(*)",
    "sum(bytes)",
    "bin(5m)",
    "jsonParse(@message)",
    "split(srcAddr, \".\")",
    "latest(srcAddr)",
    "=",
    "!=",
    "<",
    "+",
    "-",
    "*",
    "/",
    "%",
    "^",
    " and ",
    " or ",
    " not ",
    " in ",
    " like ",
    "1",
    "22.5",
    "5m",
    "\"x\"",
    "'y'",
    "\"* *\"",
    "/(?<n>1)/",
    " desc",
    "`a-b`",
    "#",
    "\n",
    "\\",
    "\"",
    "é",
    "\u{202e}",
];

/// Asks and says how long it took.
fn timed(query: &str) -> Duration {
    let begun = Instant::now();
    survives(query);
    begun.elapsed()
}

#[test]
fn long_and_deep_queries_end_soon() {
    let many = |one: &str, between: &str, count: usize| vec![one; count].join(between);
    let numbered = |prefix: &str, count: usize| {
        let items: Vec<String> = (0..count)
            .map(|n| format!("{n}+1 as {prefix}{n}"))
            .collect();
        items.join(",")
    };
    let aggregates: Vec<String> = (0..400).map(|n| format!("max(bytes+{n})")).collect();
    let regex = format!("filter @message like /{}/", many("(a|b|ab)*", "", 1000));
    let grown = format!(
        "fields {}srcAddr{} as x",
        "replace(".repeat(38),
        ", \"1\", \"11111111111111111111111111\")".repeat(38)
    );
    let doubled: String = (0..30)
        .map(|n| format!("| fields concat(x{n},x{n}) as x{}", n + 1))
        .collect();
    let nested = |open: &str, close: &str, count| {
        format!(
            "fields {}@message{} as x",
            open.repeat(count),
            close.repeat(count)
        )
    };
    let queries = [
        nested("urlencode(", ")", 38),
        nested("base64encode(", ")", 38),
        nested("jsonStringify(split(", ", \"\"))", 19),
        format!("fields {}1{}", "(".repeat(4000), ")".repeat(4000)),
        format!("filter {} 1 = 1", "not ".repeat(2400)),
        format!("fields {}1", "-".repeat(9000)),
        format!("fields {}", many("2", "^", 4000)),
        format!("fields {}", numbered("a", 500)),
        format!(
            "fields a0{}",
            (0..300)
                .map(|n| format!(",a{n}+1 as a{}", n + 1))
                .collect::<String>()
        ),
        format!("stats {}", aggregates.join(",")),
        many("fields srcAddr", "|", 600),
        many("filter bytes > 1", "|", 99),
        format!("filter bytes in [{}]", many("1", ",", 4000)),
        format!("sort {}", many("bytes", ",", 1500)),
        format!("fields jsonParse(@message){}", "[0]".repeat(3000)),
        format!(
            "parse @message \"{}\" as {}",
            many("*", " ", 800),
            (0..800)
                .map(|n| format!("f{n}"))
                .collect::<Vec<_>>()
                .join(",")
        ),
        format!("fields \"{}\" as x0 {doubled}", "y".repeat(1000)),
        "x".repeat(10_001),
        "#".repeat(10_000),
        "\"".repeat(9_999),
        regex,
        grown,
    ];
    for query in queries {
        let took = timed(&query);
        let shown: String = query.chars().take(60).collect();
        assert!(took < END, "{shown}: {took:?}");
    }
}

#[test]
fn a_regex_takes_time_in_proportion_to_the_text() {
    let mut group = LogGroup {
        name: "g".into(),
        account: "1".into(),
        format: None,
        events: Default::default(),
    };
    push(&mut group, MIDNIGHT, &format!("{}b", "a".repeat(200_000)));
    let begun = Instant::now();
    let query = "filter @message like /^(a+)+$/ or @message like /(a*)*c/ | stats count(*) as n";
    let result = blocking::insights(query, &group, &hour()).expect("a query");
    assert_eq!(result.to_csv(), "n\n0\n");
    assert!(begun.elapsed() < END);
}
