//! Random queries over random events, answered by the engine and by the reference in `reference`.
//!
//! `WIRELAB_QUERIES=100000` plays more of them than the usual thousand, `WIRELAB_SEED=N` begins
//! with the `N`th (and plays that one alone if no number is given).

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::reference::{check, generate};

fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().expect("a whole number"))
}

/// So many differences end a run.
const REPORTS_MAX: usize = 8;

#[test]
fn random_queries_have_the_answers_of_the_reference() {
    let (first, count) = match (variable("WIRELAB_SEED"), variable("WIRELAB_QUERIES")) {
        (Some(seed), count) => (seed, count.unwrap_or(1)),
        (None, count) => (0, count.unwrap_or(1000)),
    };
    let next = AtomicU64::new(first);
    let reports = Mutex::new(Vec::new());
    let play = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            let found = reports.lock().expect("no thread panics with it").len();
            if seed >= first + count || found >= REPORTS_MAX {
                return;
            }
            let (query, data) = generate::case(seed);
            if let Err(report) = check::check(seed, query, data) {
                reports
                    .lock()
                    .expect("no thread panics with it")
                    .push(report);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(play);
        }
    });
    let reports = reports.into_inner().expect("no thread panics with it");
    assert!(reports.is_empty(), "{}", reports.join("\n\n----\n\n"));
}
