//! What a file of queries cannot show: time ranges, arrival, statistics, other kinds of log groups,
//! size, and texts that are no queries.

use crate::support::{self, MIDNIGHT, ask, flows, hour, push, show};
use proptest::prelude::*;
use wirelab_flowlog::LogFormat;
use wirelab_model::UnixTime;
use wirelab_query::{LogGroup, LogGroups, QueryError, QueryOptions, blocking};

fn count(group: &LogGroup, options: &QueryOptions) -> String {
    let result = blocking::insights("stats count(*) as n", group, options).expect("a query");
    result.rows[0][0].clone().expect("a number")
}

#[test]
fn a_percentile_between_two_values_is_the_point_between_them() {
    let mut group = flows();
    group.events = Default::default();
    let format = LogFormat::parse("${bytes}").expect("a format");
    group.format = Some(format);
    for bytes in 0..100 {
        let line = (bytes * 100).to_string();
        group
            .events
            .push(MIDNIGHT * 1000, MIDNIGHT * 1000, "eni-1-all", &line);
    }
    let query = "stats pct(bytes, 0) as a, pct(bytes, 50) as b, pct(bytes, 95) as c, \
                 pct(bytes, 99.9) as d, pct(bytes, 100) as e";
    let result = blocking::insights(query, &group, &hour()).expect("a query");
    assert_eq!(result.to_csv(), "a,b,c,d,e\n0,4950,9405,9890.1,9900\n");
}

#[test]
fn the_range_includes_its_first_and_last_second() {
    let range = |start, end| QueryOptions {
        start: UnixTime::from_secs(MIDNIGHT + start),
        end: UnixTime::from_secs(MIDNIGHT + end),
        ..hour()
    };
    assert_eq!(count(&flows(), &range(125, 200)), "3");
    assert_eq!(count(&flows(), &range(126, 199)), "1");
    assert!(matches!(
        blocking::insights("limit 1", &flows(), &range(2, 1)),
        Err(QueryError::InvalidParameter(_))
    ));
}

#[test]
fn an_event_is_unseen_until_it_has_arrived() {
    let at = |secs| QueryOptions {
        now: UnixTime::from_secs(MIDNIGHT + secs),
        ..hour()
    };
    assert_eq!(count(&flows(), &at(299)), "0");
    assert_eq!(count(&flows(), &at(300)), "2");
    assert_eq!(count(&flows(), &at(900)), "8");
}

#[test]
fn statistics_count_what_matched_before_the_limit() {
    let result = ask(r#"filter action = "ACCEPT" | fields srcAddr | limit 1"#).expect("a query");
    assert_eq!(result.rows.len(), 1);
    assert_eq!(result.statistics.records_matched, 4);
    assert_eq!(result.statistics.records_scanned, 8);
    let bytes: usize = flows().events.iter().map(|event| event.message.len()).sum();
    assert_eq!(result.statistics.bytes_scanned, bytes as u64);
}

#[test]
fn rows_of_events_lead_back_to_their_events_and_aggregates_do_not() {
    let result = ask("filter dstPort = 22 | fields @message").expect("a query");
    let events = result.events.expect("rows are events");
    let group = flows();
    let event = group.events.get(events[0]).expect("an event");
    assert_eq!(result.rows[0][0].as_deref(), Some(event.message));
    assert_eq!(ask("stats count(*)").expect("a query").events, None);
}

#[test]
fn the_smaller_limit_wins_and_ten_thousand_is_the_default() {
    let mut group = flows();
    for second in 0..12_000 {
        push(&mut group, MIDNIGHT + 1000, &format!("line {second}"));
    }
    let rows = |query: &str, limit| {
        let options = QueryOptions { limit, ..hour() };
        blocking::insights(query, &group, &options)
            .expect("a query")
            .rows
            .len()
    };
    assert_eq!(rows("fields @message", None), 10_000);
    assert_eq!(rows("fields @message | limit 11000", None), 11_000);
    assert_eq!(rows("fields @message | limit 50", Some(20)), 20);
    assert_eq!(rows("fields @message | limit 20", Some(50)), 20);
}

#[test]
fn a_custom_format_is_discovered_and_its_missing_fields_are_named() {
    let format = LogFormat::parse("${pkt-srcaddr} ${tcp-flags} ${flow-direction}");
    let mut group = LogGroup::flow_log("g", "1", format.expect("a format"));
    push(&mut group, MIDNIGHT, "10.0.0.1 18 egress");
    let query = r#"filter flowDirection = "egress" | fields pktSrcAddr, tcpFlags + 1, srcAddr"#;
    let result = blocking::insights(query, &group, &hour()).expect("a query");
    assert_eq!(
        result.to_csv(),
        "pktSrcAddr,tcpFlags + 1,srcAddr\n10.0.0.1,19,\n"
    );
    let warning = &result.warnings[0];
    assert_eq!(
        warning.hint.as_deref(),
        Some("the flow log's format has no `${srcaddr}`")
    );
}

#[test]
fn json_events_are_discovered_by_path() {
    let mut group = LogGroup {
        format: None,
        ..flows()
    };
    group.events = Default::default();
    push(
        &mut group,
        MIDNIGHT,
        r#"{"eventName":"CreateRoute","n":{"items":[{"id":7},{"id":"x"}]}}"#,
    );
    push(
        &mut group,
        MIDNIGHT + 1,
        r#"{"eventName":"DeleteRoute","a.b":true}"#,
    );
    push(&mut group, MIDNIGHT + 2, "{ not json");
    let query =
        "fields eventName, n.items.0.id + 1 as next, n.items.1.id as x, a.b | sort eventName";
    let result = blocking::insights(query, &group, &hour()).expect("a query");
    assert_eq!(
        result.to_csv(),
        "eventName,next,x,a.b\n,,,\nCreateRoute,8,x,\nDeleteRoute,,,1\n"
    );
}

#[test]
fn several_log_groups_are_one_stream_of_events() {
    let (flows, logs) = (flows(), support::logs());
    let trail = logs
        .iter()
        .find(|group| group.name == "trail")
        .expect("a log group");
    let groups = LogGroups::new([trail, &flows]);
    let query = "fields @log, coalesce(eventName, dstPort) as what | sort @timestamp asc | limit 3";
    let result = blocking::insights(query, groups.clone(), &hour()).expect("a query");
    assert_eq!(
        result.to_csv(),
        "@log,what\n123456789012:vpc-flow,40000\n123456789012:vpc-flow,5432\n\
         123456789012:trail,StartInstances\n"
    );
    // The trail's five events are counted first.
    assert_eq!(result.events, Some(vec![6, 5, 0]));
    assert_eq!(result.statistics.records_scanned, 13);
    let none = blocking::insights("limit 1", LogGroups::default(), &hour());
    assert!(matches!(none, Err(QueryError::InvalidParameter(_))));
}

#[test]
fn what_a_join_and_a_subquery_read_is_counted() {
    let query = r#"join left=a right=b where a.srcAddr = b.region (SOURCE "trail")"#;
    assert_eq!(
        ask(query).expect("a query").statistics.records_scanned,
        8 + 5
    );
    let query = r#"filter srcAddr in (SOURCE "dns" | fields resolverIp) | stats count(*)"#;
    let statistics = ask(query).expect("a query").statistics;
    assert_eq!(statistics.records_scanned, 8 + 3);
    assert_eq!(statistics.records_matched, 0);
}

#[test]
fn the_forms_of_a_result_agree() {
    let result = ask("stats count(*) as n, latest(dstAddr) as \"x\"").map_err(|e| e.report());
    assert!(result.is_err(), "a string is no name");
    let result = ask("stats count(*) as n by action | sort n desc, action").expect("a query");
    insta::assert_snapshot!(result.to_json(), @r#"{"schema_version":1,"columns":[{"name":"action","kind":"text"},{"name":"n","kind":"number"}],"rows":[{"action":"ACCEPT","n":4},{"action":"REJECT","n":3},{"action":"-","n":1}],"statistics":{"records_matched":8,"records_scanned":8,"bytes_scanned":681},"warnings":[]}"#);
    assert_eq!(result.to_csv(), "action,n\nACCEPT,4\nREJECT,3\n-,1\n");
}

#[test]
fn long_chains_do_not_exhaust_the_stack() {
    let terms: Vec<String> = (0..600).map(|port| format!("dstPort={port}")).collect();
    let result = ask(&format!(
        "filter {} | stats count(*) as n",
        terms.join(" or ")
    ));
    assert_eq!(result.expect("a query").to_csv(), "n\n3\n");
    let sum = vec!["1"; 4000].join("+");
    let sum = ask(&format!("fields {sum} as n | limit 1"));
    assert_eq!(sum.expect("a query").to_csv(), "n\n4000\n");
    let nested = format!("fields {}1{}", "(".repeat(60), ")".repeat(60));
    assert!(show(&nested).contains("nested more than"));
    let deep = format!(
        "fields {}1{} as x | limit 1",
        "abs(-(".repeat(12),
        "))".repeat(12)
    );
    assert_eq!(ask(&deep).expect("a query").to_csv(), "x\n1\n");
    let nots = format!("filter {} 1 = 1 | stats count(*) as n", "not ".repeat(36));
    assert_eq!(ask(&nots).expect("a query").to_csv(), "n\n8\n");
}

/// Groups and sums done by hand over random events.
fn random_flows() -> impl Strategy<Value = Vec<(u8, u16, u32, bool)>> {
    let flow = (0_u8..5, 0_u16..4, any::<u32>(), any::<bool>());
    proptest::collection::vec(flow, 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn grouped_sums_are_those_of_a_plain_loop(rows in random_flows()) {
        let mut group = LogGroup::flow_log("g", "1", LogFormat::default());
        let mut sums = std::collections::BTreeMap::new();
        for (index, (host, port, bytes, accept)) in rows.iter().enumerate() {
            let action = if *accept { "ACCEPT" } else { "REJECT" };
            let start = MIDNIGHT + index as u64;
            let message = format!(
                "2 1 eni-1 10.0.0.{host} 10.0.9.9 1 {port} 6 1 {bytes} {start} {start} {action} OK"
            );
            push(&mut group, start, &message);
            if *accept && *port >= 2 {
                *sums.entry(*host).or_insert(0_u64) += u64::from(*bytes);
            }
        }
        let query = r#"filter action = "ACCEPT" and dstPort >= 2
            | stats sum(bytes) as b by srcAddr | sort srcAddr"#;
        let result = blocking::insights(query, &group, &hour()).expect("a query");
        let mut expected = String::from("srcAddr,b\n");
        for (host, sum) in sums {
            expected.push_str(&format!("10.0.0.{host},{sum}\n"));
        }
        prop_assert_eq!(result.to_csv(), expected);
    }

    #[test]
    fn no_text_makes_the_engine_panic_or_blame_itself(
        words in proptest::collection::vec(proptest::sample::select(WORDS), 0..14)
    ) {
        let query = words.join(" ");
        if let Err(QueryError::Internal(message)) = ask(&query) {
            prop_assert!(false, "{query}: {message}");
        }
    }

    #[test]
    fn no_characters_make_the_parser_panic(query in "\\PC{0,40}") {
        let _ = ask(&query);
        let _ = ask(&format!("filter {query}"));
    }
}

const WORDS: &[&str] = &[
    "fields",
    "filter",
    "stats",
    "sort",
    "limit",
    "parse",
    "dedup",
    "display",
    "by",
    "as",
    "|",
    "|",
    "|",
    ",",
    "(",
    ")",
    "[",
    "]",
    "srcAddr",
    "bytes",
    "@timestamp",
    "n",
    "count(*)",
    "sum(bytes)",
    "bin(5m)",
    "latest(srcAddr)",
    "=",
    "<",
    "+",
    "-",
    "and",
    "or",
    "not",
    "in",
    "like",
    "1",
    "22",
    "\"x\"",
    "\"* *\"",
    "/(?<n>1)/",
    "desc",
];
