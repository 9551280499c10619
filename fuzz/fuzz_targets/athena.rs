//! Statements of Athena SQL over a few flow logs in memory: whatever stands in one, it is answered
//! or refused, and a place that is named lies within the text.

#![no_main]

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use wirelab_model::UnixTime;
use wirelab_query::athena::{
    AthenaCatalog, AthenaError, AthenaOptions, Buckets, FLOW_LOGS, Limits,
};
use wirelab_query::{LogGroup, blocking};

const LINES: &str = include_str!("../flow_logs.txt");

static LOGS: LazyLock<Arc<LogGroup>> = LazyLock::new(|| {
    let mut group = LogGroup::flow_log("flow", "123456789012", Default::default());
    for line in LINES.lines() {
        group.events.push(1_709_596_800_000, 1_709_597_100_000, "eni-a-all", line);
    }
    Arc::new(group)
});

fuzz_target!(|sql: &str| {
    let (mut catalog, mut buckets) = (AthenaCatalog::default(), Buckets::new());
    catalog.add_logs("default", FLOW_LOGS, Arc::clone(&LOGS), &mut buckets);
    let options = AthenaOptions {
        limits: Limits {
            memory_bytes: 64 << 20,
            time: Duration::from_secs(2),
            rows: 10_000,
            threads: 1,
        },
        ..AthenaOptions::at(UnixTime::from_secs(1_709_726_400))
    };
    match blocking::athena(sql, &mut catalog, &buckets, &options) {
        Ok(answer) => drop(answer.to_file()),
        Err(AthenaError::Internal(message)) => panic!("{message}"),
        Err(error) => {
            if let Some(place) = error.place() {
                assert!(place.start <= place.end && place.end <= sql.chars().count() + 1);
            }
            drop(error.report());
        }
    }
});
