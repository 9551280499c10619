//! Random queries that are valid by construction: whatever they ask, the engine must answer.

use crate::support::{ask, show};
use proptest::prelude::*;
use proptest::sample::select;

/// A value of any kind, over fields of flow logs.
fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        4 => select(FIELDS).prop_map(str::to_owned),
        1 => select(vec!["22", "0.5", "\"REJECT\"", "\"10.0.1.5\"", "\"\"", "now()", "bin(5m)"])
            .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let two = (inner.clone(), inner.clone());
        prop_oneof![
            two.clone().prop_flat_map(
                |(a, b)| select(OPERATORS).prop_map(move |op| format!("({a} {op} {b})"))
            ),
            (inner.clone(), select(PATTERNS)).prop_map(|(a, pattern)| format!("({a} {pattern})")),
            inner.clone().prop_map(|a| format!("(not {a})")),
            inner.clone().prop_map(|a| format!("(-abs({a}))")),
            (inner.clone(), select(UNARY)).prop_map(|(a, name)| format!("{name}({a})")),
            two.clone().prop_map(|(a, b)| format!("coalesce({a}, {b})")),
            two.prop_map(|(a, b)| format!("if(action = \"REJECT\", {a}, {b})")),
        ]
    })
}

fn aggregate() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("count(*)".to_owned()),
        (select(AGGREGATES), value()).prop_map(|(name, a)| format!("{name}({a})")),
        value().prop_map(|a| format!("pct({a}, 95)")),
        (select(AGGREGATES), value(), select(OPERATORS))
            .prop_map(|(name, a, op)| format!("{name}({a}) {op} count(*)")),
        value().prop_map(|a| format!("if(max({a}) > 1, \"many\", sum({a}))")),
    ]
}

fn named(prefix: &str, exprs: Vec<String>) -> String {
    let numbered = exprs.iter().enumerate();
    let items: Vec<_> = numbered
        .map(|(i, expr)| format!("{expr} as {prefix}{i}"))
        .collect();
    items.join(", ")
}

/// A query of every shape: rows; aggregates; aggregates of aggregates.
fn query() -> impl Strategy<Value = String> {
    prop_oneof![
        (rows(), tail()).prop_map(|(rows, tail)| rows + tail),
        stats(),
        (rows(), stats()).prop_map(|(rows, stats)| format!("{rows} | {stats}")),
    ]
}

fn rows() -> impl Strategy<Value = String> {
    let several = || prop::collection::vec(value(), 1..3);
    (several(), value()).prop_map(|(fields, condition)| {
        format!("fields {} | filter {condition}", named("f", fields))
    })
}

fn tail() -> impl Strategy<Value = &'static str> {
    select(vec![
        "",
        " | sort f0, bytes desc | limit 3",
        " | display f0 = 1 as d, f0 | sort d | dedup d",
        " | parse f0 \"*.*\" as p, q | stats count(p) as n, latest(q) by p | sort n desc",
    ])
}

fn stats() -> impl Strategy<Value = String> {
    let aggregates = prop::collection::vec(aggregate(), 1..4);
    let groups = prop::collection::vec(value(), 0..3);
    (aggregates, groups).prop_map(|(aggregates, mut groups)| {
        groups.retain(|group| !group.starts_with(['"', '0', '2']));
        let by = if groups.is_empty() {
            String::new()
        } else {
            format!(" by {}", named("g", groups.clone()))
        };
        let tie = if groups.is_empty() { "a0" } else { "g0" };
        format!(
            "stats {}{by} | filter ispresent(a0) or a0 = \"x\" \
             | stats count(a0 = {tie}) as n, max(a0) as m by {tie} = 1 as t, a0 like /1/ as u \
             | sort n desc, t, u | limit 5",
            named("a", aggregates)
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 100,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_valid_query_is_answered(query in query()) {
        prop_assert!(ask(&query).is_ok(), "{query}
{}", show(&query));
    }
}

const FIELDS: &[&str] = &[
    "@timestamp",
    "@message",
    "@log",
    "srcAddr",
    "dstPort",
    "bytes",
    "packets",
    "action",
    "protocol",
    "missing",
];

const OPERATORS: &[&str] = &[
    "+", "-", "*", "/", "%", "^", "=", "!=", "<", ">=", "and", "or",
];

const PATTERNS: &[&str] = &[
    "like \"10.\"",
    "not like /^1/",
    "in [22, \"REJECT\"]",
    "not in [1]",
    "= \"REJECT\"",
    "!= \"-\"",
    "=~ /(?i)t/",
];

const UNARY: &[&str] = &[
    "abs",
    "toNumber",
    "ispresent",
    "isPrivateIP",
    "strlen",
    "toupper",
    "fromMillis",
    "toMillis",
    "base64encode",
    "isNumeric",
    "unmask",
];

const AGGREGATES: &[&str] = &[
    "count",
    "count_distinct",
    "sum",
    "avg",
    "min",
    "max",
    "stddev",
    "earliest",
    "latest",
    "sortsFirst",
    "sortsLast",
];
