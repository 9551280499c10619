//! How long comparisons of filters take.
//!
//! `cargo run --release -p wirelab-filter --example equal [COUNT [SLOW]]` compares so many random
//! pairs (10,000 unless said otherwise) and prints median, 99th percentile and longest time; every
//! "equivalent" is held against real and mutated packets. Pairs that take longer than SLOW
//! milliseconds are shown.

#![expect(clippy::disallowed_types, reason = "a benchmark reads the clock")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use support::{Packets, Random, frames_of, traces};
use wirelab_filter::equal::{Domain, Equality, compare};

fn main() {
    let count = std::env::args()
        .nth(1)
        .and_then(|it| it.parse().ok())
        .unwrap_or(10_000);
    let slow = std::env::args()
        .nth(2)
        .and_then(|it| it.parse().ok())
        .unwrap_or(1000);
    let packets = Packets::new(&frames_of(&traces()));
    let mut random = Random::new(2026);
    let mut times: Vec<Duration> = Vec::new();
    let (mut equal, mut different, mut gave_up, mut refuted) = (0, 0, 0, 0);
    for _ in 0..count {
        let (yours, wanted) = random.pair();
        let start = Instant::now();
        let found = compare(&yours, &wanted, None, Domain::default());
        let time = start.elapsed();
        if time > Duration::from_millis(slow) {
            println!("{time:?}: {} / {}", yours.expression(), wanted.expression());
        }
        times.push(time);
        match found {
            Equality::Equivalent => {
                equal += 1;
                if let Some(packet) = packets.first_difference(&yours, &wanted) {
                    refuted += 1;
                    println!("{} / {}: {packet}", yours.expression(), wanted.expression());
                }
            }
            Equality::Different(_) => different += 1,
            Equality::GaveUp(why) => {
                gave_up += 1;
                println!("{} / {}: {why}", yours.expression(), wanted.expression());
            }
        }
    }
    times.sort();
    let at = |share: usize| times[(times.len() - 1) * share / 100];
    println!(
        "{count} pairs: {equal} equivalent ({refuted} refuted), {different} different, {gave_up} \
         given up; median {:?}, p99 {:?}, longest {:?}",
        at(50),
        at(99),
        at(100)
    );
}
