//! Windows, delivery and kinds of records.

use wirelab_model::{
    DeliverLogsStatus, FlowAction, FlowLog, FlowLogId, LogDestinationType, LogStatus, SimDuration,
    TrafficType, UnixTime,
};

use crate::testing::{ACK, Bench, Net, SYN, tcp};

fn net() -> Net {
    let mut net = Net::default();
    net.vpc("vpc-a", "10.0.0.0/16")
        .subnet("subnet-a", "vpc-a", "10.0.1.0/24", "a")
        .group("sg-a", &["in tcp 80 0.0.0.0/0", "out -1 * 0.0.0.0/0"])
        .instance("x", "subnet-a", "10.0.1.5", &["sg-a"], None)
        .instance("y", "subnet-a", "10.0.1.6", &["sg-a"], None)
        .flow_log("eni-y");
    net
}

#[test]
fn a_record_covers_one_window_and_comes_after_the_delivery_delay() {
    let mut bench = net().build();
    for _ in 0..130 {
        bench.send("eni-x", tcp(("10.0.1.5", 1000), ("10.0.1.6", 80), ACK, 10));
    }
    bench.wait(120);
    let records: Vec<_> = bench
        .records
        .iter()
        .filter(|it| it.record.flow.is_some())
        .collect();
    let packets: Vec<_> = records
        .iter()
        .filter_map(|it| Some(it.record.flow.as_ref()?.packets))
        .collect();
    assert_eq!(packets.iter().sum::<u64>(), 130);
    assert_eq!(
        packets[1], 60,
        "a full window of one packet a second: {packets:?}"
    );
    let offset = |time: UnixTime| time.as_secs() % 60;
    let ends: std::collections::BTreeSet<_> = records
        .iter()
        .map(|it| {
            let start = bench.world.config().starts;
            let window_end = start.at(it.available_at - SimDuration::from_secs(300));
            assert!(it.record.end <= window_end && it.record.start < it.record.end);
            offset(window_end)
        })
        .collect();
    assert_eq!(
        ends.len(),
        1,
        "windows are multiples of a minute plus the interface's offset"
    );
}

#[test]
fn silence_is_logged_only_after_the_first_record() {
    let mut bench = net().build();
    bench.wait(300);
    assert!(bench.records.is_empty());
    bench.send("eni-x", tcp(("10.0.1.5", 1000), ("10.0.1.6", 22), SYN, 0));
    bench.wait(179);
    let kinds: Vec<_> = bench
        .records
        .iter()
        .map(|it| it.record.log_status)
        .collect();
    assert_eq!(kinds, [LogStatus::Ok, LogStatus::NoData, LogStatus::NoData]);
    let flow = bench.records[0].record.flow.as_ref().expect("a flow");
    assert_eq!((flow.action, flow.tcp_flags.0), (FlowAction::Reject, 2));
}

/// Of the subnet, in version 11.
fn s3_log() -> FlowLog {
    FlowLog {
        flow_log_id: FlowLogId::new("fl-s3"),
        resource_id: "subnet-a".into(),
        traffic_type: TrafficType::All,
        log_destination_type: LogDestinationType::S3,
        log_group_name: None,
        log_destination: Some("arn:aws:s3:::bucket".into()),
        deliver_logs_permission_arn: None,
        deliver_logs_status: DeliverLogsStatus::Success,
        log_format: "${interface-type} ${srcaddr}".into(),
        max_aggregation_interval: 60,
        destination_options: None,
        tag_field_specifications: Vec::new(),
        creation_time: UnixTime::default(),
        tags: Vec::new(),
    }
}

#[test]
fn a_log_whose_role_may_not_write_loses_what_comes_until_it_may() {
    let mut net = net();
    let mut bench = net.build();
    let packets_with = |net: &mut Net, bench: &mut Bench, deliver_logs_status| {
        let log = FlowLog {
            deliver_logs_status,
            ..s3_log()
        };
        bench.change(net.put(log));
        let before = bench.records.len();
        for _ in 0..30 {
            bench.send("eni-x", tcp(("10.0.1.5", 1000), ("10.0.1.6", 80), ACK, 10));
        }
        bench.wait(900);
        let new = bench.records[before..].iter();
        let new = new.filter(|it| it.flow_log.as_str() == "fl-s3");
        new.filter_map(|it| Some(it.record.flow.as_ref()?.packets))
            .sum::<u64>()
    };
    for (status, packets) in [
        (DeliverLogsStatus::Failed, 0),
        (DeliverLogsStatus::Success, 60),
        (DeliverLogsStatus::Failed, 0),
    ] {
        assert_eq!(packets_with(&mut net, &mut bench, status), packets);
    }
}

#[test]
fn a_log_made_within_a_window_knows_nothing_of_before() {
    let mut net = net();
    net.flow_log("eni-x");
    let mut bench = net.build();
    let send = |bench: &mut Bench, count| {
        for _ in 0..count {
            bench.send("eni-x", tcp(("10.0.1.5", 1000), ("10.0.1.6", 80), ACK, 10));
        }
    };
    send(&mut bench, 90);
    bench.change(net.put(s3_log()));
    let made = bench.world.config().starts.at(bench.world.now()).as_secs();
    send(&mut bench, 150);
    bench.wait(120);
    let in_s3 = |it: &crate::LoggedRecord| it.flow_log.as_str() == "fl-s3";
    let (late, early): (Vec<_>, Vec<_>) = bench.records.iter().partition(|it| in_s3(it));
    let starts: Vec<_> = late.iter().map(|it| it.record.start.as_secs()).collect();
    assert!(starts.iter().all(|it| *it >= made), "{starts:?}, {made}");
    // Each packet at both ends, and once in the flow of each log.
    let packets = |records: &[&crate::LoggedRecord]| -> u64 {
        let flows = records.iter().filter_map(|it| it.record.flow.as_ref());
        flows.map(|flow| flow.packets).sum()
    };
    assert_eq!((packets(&early), packets(&late)), (2 * (90 + 150), 2 * 150));
    let with_flow: Vec<_> = early.iter().filter(|it| it.record.flow.is_some()).collect();
    let windows: std::collections::BTreeSet<_> = with_flow
        .iter()
        .map(|it| (&it.record.interface_id, it.available_at))
        .collect();
    assert_eq!(with_flow.len(), windows.len(), "one record a window");
}

#[test]
fn files_in_s3_are_there_at_a_multiple_of_five_minutes_within_the_delay() {
    let mut net = net();
    net.put(s3_log());
    let mut bench = net.build();
    bench.send("eni-x", tcp(("10.0.1.5", 1000), ("10.0.1.6", 22), SYN, 0));
    bench.wait(120);
    let in_s3 = |it: &&crate::LoggedRecord| it.flow_log.as_str() == "fl-s3";
    let records: Vec<_> = bench.records.iter().filter(in_s3).collect();
    assert!(records.len() >= 2, "both ends: {records:?}");
    for it in records {
        let published = bench.world.config().starts.at(it.available_at);
        assert_eq!(published.as_secs() % 300, 0);
        let late = published.as_secs() - it.record.end.as_secs();
        assert!((300 - 60..=660).contains(&late), "{late}");
        let has_version_11 = it.record.metadata.is_some();
        assert_eq!(
            has_version_11,
            it.record.flow.is_some(),
            "NODATA has nothing"
        );
    }
}
