//! What instances and interface endpoints report to CloudWatch, against what is captured.

use std::net::IpAddr;

use wirelab_model::{Instance, InstanceId, InstanceState, MetricDatum, NetworkInterfaceId};
use wirelab_wire::IpPacket;

use super::{end_to_end, services};
use crate::event::CapturePoint;
use crate::testing::{Bench, Net, parse};

/// The data of an instance's metric.
fn of_instance<'b>(bench: &'b Bench, id: &str, name: &str) -> Vec<&'b MetricDatum> {
    let is_wanted = |it: &&MetricDatum| {
        let metric = &it.metric;
        metric.metric_name == name && metric.dimensions.iter().any(|it| it.value == id)
    };
    let data: Vec<_> = bench.metrics.iter().filter(is_wanted).collect();
    assert!(data.iter().all(|it| it.metric.namespace == "AWS/EC2"));
    data
}

/// What is told of an instance: octets in, octets out, packets in, packets out.
fn told(bench: &Bench, id: &str) -> [u64; 4] {
    let names = [
        "NetworkIn",
        "NetworkOut",
        "NetworkPacketsIn",
        "NetworkPacketsOut",
    ];
    names.map(|name| {
        let data = of_instance(bench, id, name).into_iter();
        data.map(|it| it.statistic_values.sum).sum()
    })
}

/// The same from the captures of an interface.
fn captured(bench: &Bench, interface: &str) -> [u64; 4] {
    let point = CapturePoint::Interface(NetworkInterfaceId::new(interface));
    let mut sums = [0; 4];
    for frame in bench.captured.iter().filter(|it| it.point == point) {
        let at = usize::from(frame.outbound);
        sums[at] += frame.packet().map_or(0, IpPacket::total_len) as u64;
        sums[2 + at] += 1;
    }
    sums
}

/// Puts a changed instance in its place.
fn change(bench: &mut Bench, id: &str, change: impl FnOnce(&mut Instance)) {
    let mut net = Net::default();
    let before = &bench.world.resources().instances[&InstanceId::new(id)];
    let mut instance = before.as_ref().clone();
    change(&mut instance);
    net.put(instance);
    bench.change(&mut net);
}

#[test]
fn the_traffic_of_an_instance_is_what_its_interfaces_show_and_counted_once() {
    let mut bench = end_to_end::populated(&mut end_to_end::net());
    for _ in 0..3 {
        let (text, status) = bench.run("app", &["curl", "-s", "-m", "5", "http://10.0.2.10:8080/"]);
        assert_eq!(status, 0, "{text}");
        bench.run("app", &["ping", "-c", "2", "10.0.2.10"]);
        bench.run("app", &["curl", "-s", "http://169.254.169.254/"]);
        bench.wait(45);
    }
    bench.wait(180);
    for (instance, interface) in [("i-app", "eni-app"), ("i-db", "eni-db")] {
        let told = told(&bench, instance);
        assert!(told.iter().all(|it| *it > 4), "{told:?}");
        assert_eq!(told, captured(&bench, interface), "{instance}");
    }
    // A datum for each minute, whether anything was sent or not.
    let data = of_instance(&bench, "i-app", "NetworkIn");
    let minutes: Vec<_> = data.iter().map(|it| it.timestamp.as_secs() / 60).collect();
    let expected: Vec<_> = (minutes[0]..).take(minutes.len()).collect();
    assert_eq!(minutes, expected);
    let last = data.last().expect("minutes have passed");
    assert_eq!(last.statistic_values.sum, 0);
    let checks = of_instance(&bench, "i-app", "StatusCheckFailed");
    assert_eq!(checks.len(), data.len());
    assert!(checks.iter().all(|it| it.statistic_values.sum == 0));
}

#[test]
fn an_instance_reports_while_it_runs_and_what_it_has_sent_before_it_stopped() {
    let mut bench = end_to_end::populated(&mut end_to_end::net());
    bench.wait(70);
    bench.run("app", &["ping", "-c", "2", "10.0.2.10"]);
    change(&mut bench, "i-app", |it| it.state = InstanceState::Stopping);
    bench.wait(30);
    change(&mut bench, "i-app", |it| it.state = InstanceState::Stopped);
    bench.wait(300);
    let shown: Vec<_> = ["NetworkOut", "StatusCheckFailed"]
        .map(|name| of_instance(&bench, "i-app", name).len())
        .to_vec();
    assert_eq!(
        shown,
        [2, 1],
        "two minutes of traffic, checks of the one it ran through"
    );
    assert_eq!(told(&bench, "i-app"), captured(&bench, "eni-app"));
    change(&mut bench, "i-app", |it| it.state = InstanceState::Running);
    bench.wait(180);
    assert!(of_instance(&bench, "i-app", "StatusCheckFailed").len() >= 3);
}

#[test]
fn the_instance_check_fails_while_a_machine_boots_anew() {
    let mut bench = end_to_end::populated(&mut end_to_end::net());
    bench.wait(110);
    // Off at 01:55, up again at 02:10.
    change(&mut bench, "i-db", |it| it.reboots += 1);
    bench.wait(240);
    let failed = |name: &str| -> Vec<u64> {
        let data = of_instance(&bench, "i-db", name).into_iter();
        data.map(|it| it.statistic_values.sum).take(4).collect()
    };
    assert_eq!(failed("StatusCheckFailed_Instance"), [0, 1, 0, 0]);
    assert_eq!(failed("StatusCheckFailed"), [0, 1, 0, 0]);
    assert_eq!(failed("StatusCheckFailed_System"), [0; 4]);
}

#[test]
fn an_interface_endpoint_reports_what_passes_through_it() {
    let mut net = services::with_endpoint(&["in tcp 443 10.0.0.0/16", "in tcp 80 10.0.0.0/16"]);
    let mut bench = services::populated(&mut net);
    bench.wait(60);
    let url = format!("http://{}/", services::STS);
    for _ in 0..2 {
        let (text, status) = bench.run("app", &["curl", "-s", "-m", "5", &url]);
        assert_eq!(status, 0, "{text}");
    }
    bench.run("app", &["nc", "-vz", "-w", "1", "10.0.2.50", "22"]);
    bench.wait(300);
    let endpoint: IpAddr = parse("10.0.2.50");
    let octets: u64 = bench
        .captured
        .iter()
        .filter_map(|it| it.packet())
        .filter(|it| [it.source(), it.destination()].contains(&endpoint))
        // Port 22 is shut by the endpoint's groups.
        .filter(|it| it.ports().is_none_or(|(from, to)| from != 22 && to != 22))
        .map(|it| it.total_len() as u64)
        .sum();
    for dimensions in [4, 5] {
        let sums = |name: &str| -> Vec<u64> {
            let data = bench.metrics.iter().filter(|it| {
                it.metric.namespace == "AWS/PrivateLinkEndpoints"
                    && it.metric.metric_name == name
                    && it.metric.dimensions.len() == dimensions
            });
            data.map(|it| it.statistic_values.sum).collect()
        };
        let names = [
            "BytesProcessed",
            "NewConnections",
            "ActiveConnections",
            "PacketsDropped",
        ];
        let shown = names.map(sums);
        let expected = [vec![octets], vec![2], vec![0], vec![0]];
        assert_eq!(shown, expected, "the one minute in which something came");
    }
    let metric = &bench
        .metrics
        .iter()
        .find(|it| it.metric.dimensions.len() == 5);
    let metric = &metric.expect("by subnet").metric;
    let dimensions = metric.dimensions.iter().map(|it| (&*it.name, &*it.value));
    let expected = [
        ("Endpoint Type", "Interface"),
        ("Service Name", "com.amazonaws.us-east-1.sts"),
        ("Subnet Id", "subnet-b"),
        ("VPC Endpoint Id", "vpce-sts"),
        ("VPC Id", "vpc-a"),
    ];
    assert_eq!(dimensions.collect::<Vec<_>>(), expected);
}
