//! Secondary private addresses.

use std::sync::Arc;

use wirelab_model::{NetworkInterfaceId, PrivateIpAddress};

use super::end_to_end::{net, populated};
use crate::testing::{Bench, Net, parse};

const SECOND: &str = "10.0.1.99";

/// `app` with a second address.
fn bench() -> Bench {
    let mut bench = populated(&mut net());
    let resources = bench.world.resources();
    let nic = resources.network_interfaces[&NetworkInterfaceId::new("eni-app")].clone();
    let mut nic = Arc::unwrap_or_clone(nic);
    nic.private_ip_addresses.push(PrivateIpAddress {
        private_ip_address: SECOND.parse().expect("an address"),
        primary: false,
        association: None,
    });
    let mut change = Net::default();
    change.put(nic);
    bench.change(&mut change);
    bench.wait(2);
    bench
}

#[test]
fn the_kernel_shows_a_secondary_address_as_one() {
    let mut bench = bench();
    let (text, _) = bench.run("app", &["ip", "-o", "-4", "addr"]);
    let line = text.lines().find(|it| it.contains(SECOND));
    assert!(
        line.is_some_and(|it| it.contains("scope global secondary ens5")),
        "{text}"
    );
    let (text, _) = bench.run("app", &["ip", "route"]);
    let connected = text.lines().filter(|it| it.contains("proto kernel"));
    assert_eq!(connected.count(), 1, "{text}");
}

#[test]
fn programs_send_from_the_address_that_they_are_bound_to() {
    let mut bench = bench();
    let lines: [(&[&str], i32); 6] = [
        // No group of `db` lets a ping in.
        (&["ping", "-c", "1", "-I", SECOND, "10.0.2.10"], 1),
        (&["ping", "-c", "1", "-I", "ens5", "10.0.2.10"], 1),
        (&["ping", "-c", "1", "-I", "10.0.1.98", "10.0.2.10"], 2),
        (&["nc", "-z", "-s", SECOND, "10.0.2.10", "8080"], 0),
        (
            &[
                "curl",
                "-s",
                "--interface",
                SECOND,
                "http://10.0.2.10:8080/",
            ],
            0,
        ),
        (
            &[
                "curl",
                "-s",
                "--interface",
                "10.0.1.98",
                "http://10.0.2.10:8080/",
            ],
            45,
        ),
    ];
    for (line, status) in lines {
        bench.captured.clear();
        let (text, found) = bench.run("app", line);
        assert_eq!(found, status, "{line:?}: {text}");
        let sources = bench
            .captured
            .iter()
            .filter_map(|it| Some(it.packet()?.source()));
        let bound = sources.filter(|it| *it == parse::<std::net::IpAddr>(SECOND));
        let is_bound = line.contains(&SECOND);
        assert_eq!(bound.count() > 0, is_bound, "{line:?}: {text}");
    }
}
