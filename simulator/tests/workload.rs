//! The workload that speed is measured with is always the same work.

#[path = "../benches/workload/mod.rs"]
mod workload;

use workload::{Anchor, Counts};

/// A change of these numbers is a change of what TCP sends or of the way packets take, and makes
/// figures of before and after incomparable.
#[test]
fn a_small_run_is_exactly_so_many_packets_with_and_without_nat() {
    let small = Anchor {
        bulk: 10_000_000,
        connections: 20,
        captures: true,
        flow_logs: true,
        ..Anchor::FULL
    };
    let counts = Counts {
        transmissions: 36_476,
        bulk: 10_000_000,
        answers: 204_800,
        closed: 20,
        dropped: 0,
        // With the questions for gateways that machines ask after five seconds, and the answers.
        captured: 36_480,
        records: 336,
    };
    assert_eq!(small.run(&mut small.world(), |_| {}), counts);
    let plain = Anchor {
        nat: false,
        ..small
    };
    let counts = Counts {
        transmissions: 36_388,
        captured: 54_588,
        ..counts
    };
    assert_eq!(plain.run(&mut plain.world(), |_| {}), counts);
}

/// Of a thousand connections one after the other some take a port again that the server, which
/// closed first, still has in TIME-WAIT. Sequence numbers and timestamps have gone on since, so the
/// server opens it again at once (RFC 6191) and nobody waits for a second SYN.
#[test]
fn a_port_that_is_used_again_within_time_wait_costs_nothing() {
    let short = Anchor {
        bulk: 0,
        ..Anchor::FULL
    };
    let counts = short.run(&mut short.world(), |_| {});
    assert_eq!((counts.closed, counts.dropped), (1000, 0));
}
