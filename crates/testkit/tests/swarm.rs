//! A small swarm: the first seeds. `cargo xtask swarm` goes on from here.

use wirelab_testkit::check::{Report, examine};
use wirelab_testkit::generate::draw;

const SEEDS: u64 = 24;

#[test]
fn nothing_is_wrong_with_the_first_worlds() {
    let mut all = Report::default();
    for seed in 0..SEEDS {
        let script = draw(seed);
        let report = examine(&script);
        assert!(
            report.failures.is_empty(),
            "cargo xtask swarm --seed {seed}\n{script}\n{}",
            report.failures.join("\n")
        );
        all.add(report);
    }
    // Worlds in which nothing gets through would hold anything.
    let delivered = all.ends.get("delivered").copied().unwrap_or_default();
    assert!(delivered > 100 && all.ends.len() > 10, "{:?}", all.ends);
}
