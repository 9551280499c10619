//! Machines that are saved and read in the middle of their work. What they put on the wire is held
//! against captures of the real kernel by `crates/testkit/tests/parity.rs`.

mod machines;

use machines::{Millis, Net, Side};
use wirelab_model::{SimDuration, SimTime};
use wirelab_simulator::host::{Outcome, TrafficProgram};

fn get(path: &str) -> TrafficProgram {
    TrafficProgram::Http {
        method: "GET".into(),
        path: path.into(),
        body_bytes: 0,
        keep_alive: true,
        user_agent: "curl/7.88.1".into(),
    }
}

#[test]
fn a_machine_saved_in_the_middle_of_a_transfer_goes_on_as_if_nothing_had_been() {
    let play = |saved: bool| {
        let mut net = Net::new(9001, 1500, 9001);
        net.delay(SimDuration::from_millis(3));
        net.serve_total("/big_bin", 300_000);
        net.request(get("/big_bin"), SimTime::ZERO);
        for step in 1..12 {
            net.run_until(SimTime::from_millis_for_test(step * 4));
            if saved {
                net.save_and_restore();
            }
        }
        net.run_until(SimTime::from_secs(2));
        assert_eq!(net.traffic_events()[0].outcome, Outcome::Completed);
        net.flow(Side::Server)
    };
    assert!(play(false) == play(true));
}
