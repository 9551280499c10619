//! Queries of Logs Insights over a few flow logs: whatever stands in one, it is answered or
//! refused, and a place that is named lies within the text.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use wirelab_model::UnixTime;
use wirelab_query::{LogGroup, QueryError, QueryOptions, blocking};

const LINES: &str = include_str!("../flow_logs.txt");

static LOGS: LazyLock<LogGroup> = LazyLock::new(|| {
    let mut group = LogGroup::flow_log("flow", "123456789012", Default::default());
    for line in LINES.lines() {
        group.events.push(1_709_596_800_000, 1_709_597_100_000, "eni-a-all", line);
    }
    group
});

fuzz_target!(|query: &str| {
    let options = QueryOptions {
        start: UnixTime::from_secs(1_709_596_800),
        end: UnixTime::from_secs(1_709_600_400),
        now: UnixTime::from_secs(1_709_600_400),
        limit: None,
    };
    match blocking::insights(query, &*LOGS, &options) {
        Ok(answer) => drop(answer.to_csv()),
        Err(QueryError::Internal(message)) => panic!("{message}"),
        Err(error) => {
            if let Some(place) = error.place() {
                assert!(place.start <= place.end && place.end <= query.chars().count() + 1);
            }
            drop(error.report());
        }
    }
});
