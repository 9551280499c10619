//! A small swarm: the first seeds, and those that have shown a mistake. `cargo xtask swarm` goes on
//! from here.

use wirelab_testkit::check::{Report, examine};
use wirelab_testkit::generate::draw;

const SEEDS: u64 = 24;
/// An error about a packet with a foreign source behind an internet gateway; UDP whose rule was
/// revoked; a machine's packet to itself; a way that goes past a NAT gateway and comes back by it.
const MISTAKEN_ONCE: [u64; 4] = [40000328, 40000590, 30000316, 40000592];

#[test]
fn nothing_is_wrong_with_the_worlds() {
    let mut all = Report::default();
    for seed in (0..SEEDS).chain(MISTAKEN_ONCE) {
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
