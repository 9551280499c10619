//! The tools of the trade on the simulated network: tcpdump, exec, call, query, path, and the time
//! they take.

use std::process::{Command, Stdio};

use crate::harness::Place;

const LAB: &str = "nacl-ephemeral";
const SEED: u64 = 7;

fn now(place: &Place) -> String {
    let status = place.wirelab(&["status", "--json"]).exits(0).json();
    status["now"].as_str().expect("a time").to_owned()
}

#[test]
fn tcpdump_shows_the_past_without_moving_time() {
    let place = Place::with_lab(LAB, SEED);
    let before = now(&place);
    let line = "wirelab tcpdump primary --since start -nn -c 2 'tcp[tcpflags] == tcp-syn'";
    let ran = place.shell(line).exits(0);
    assert_eq!(ran.stdout.lines().count(), 2, "{}", ran.stdout);
    assert!(
        ran.stdout.lines().all(|line| line.contains("Flags [S]")),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout.starts_with("09:00:"),
        "virtual UTC: {}",
        ran.stdout
    );
    assert_eq!(now(&place), before);
}

/// The packets that `tcpdump HOST` shows are those of the host's evidence file.
#[test]
fn tcpdump_hands_over_exactly_the_packets_of_the_evidence() {
    let place = Place::with_lab(LAB, SEED);
    let expression = "tcp[tcpflags] & tcp-rst != 0 or port 5432 and greater 1000";
    let ours = format!("wirelab tcpdump replica --since start -nn -X '{expression}' 2>&-");
    let real = format!("tcpdump -nn -X -r {LAB}/evidence/replica.pcap '{expression}' 2>&-");
    let (ours, real) = (
        place.shell(&ours).exits(0).stdout,
        place.shell(&real).exits(0).stdout,
    );
    assert!(ours.lines().count() > 10, "{ours}");
    assert_eq!(ours, real);
}

#[test]
fn tcpdump_runs_time_ahead_to_the_packet_that_ends_it_and_no_further() {
    let place = Place::with_lab(LAB, SEED);
    let ran = place.wirelab(&[
        "tcpdump",
        "replica",
        "-nn",
        "-c",
        "3",
        "tcp[tcpflags] == tcp-syn",
    ]);
    let ran = ran.exits(0);
    assert_eq!(ran.stdout.lines().count(), 3, "{}", ran.stdout);
    let last = ran.stdout.lines().last().expect("a line").to_owned();
    let minutes = &now(&place)[3..8];
    assert_eq!(
        &last[3..8],
        minutes,
        "the session stands at the last packet"
    );
    place
        .wirelab(&["tcpdump", "replica", "--for", "1m", "-w", "minute.pcap"])
        .exits(0);
    let read = place.shell("tcpdump -nn -r minute.pcap 2>&-").exits(0);
    assert!(read.stdout.lines().count() > 5, "{}", read.stdout);
}

#[test]
fn a_tcpdump_in_another_terminal_sees_what_a_command_sends() {
    let place = Place::with_lab(LAB, SEED);
    // The watcher ends when its stdout has been read; `exec` moves time meanwhile.
    let line = "wirelab tcpdump app -l -nn icmp > seen.txt 2> talk.txt & \
                until grep -q listening talk.txt 2>/dev/null; do sleep 0.05; done; \
                wirelab exec app -- ping -c 1 198.51.100.9 > /dev/null; \
                until [ -s seen.txt ]; do sleep 0.05; done; kill %1; cat seen.txt";
    let ran = bash(&place, line);
    assert!(ran.contains("ICMP echo request"), "{ran}");
}

/// Job control needs bash.
fn bash(place: &Place, line: &str) -> String {
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_wirelab"));
    let folder = binary
        .parent()
        .expect("a binary is in a folder")
        .display()
        .to_string();
    let path = std::env::var("PATH").unwrap_or_default();
    let output = Command::new("timeout")
        .args(["60", "bash", "-mc", line])
        .current_dir(place.here())
        .env("PATH", format!("{folder}:{path}:/usr/sbin"))
        .stdin(Stdio::null())
        .output()
        .expect("bash runs");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn exec_answers_as_the_program_does_and_takes_its_time() {
    let place = Place::with_lab(LAB, SEED);
    let before = now(&place);
    let ran = place.wirelab(&[
        "exec",
        "app",
        "--",
        "curl",
        "-m",
        "3",
        "http://198.51.100.9:81/",
    ]);
    assert_eq!(ran.code, 28, "{}", ran.stderr);
    assert!(ran.stderr.contains("timed out after"), "{}", ran.stderr);
    assert_ne!(now(&place), before);
    place.wirelab(&["undo"]).exits(0);
    assert_eq!(now(&place), before);
    let ran = place
        .wirelab(&["exec", "ap", "--", "ping", "10.0.0.1"])
        .exits(2);
    assert!(ran.stderr.contains("did you mean `app`?"), "{}", ran.stderr);
}

#[test]
fn calls_read_and_refuse_as_aws_does() {
    let place = Place::with_lab(LAB, SEED);
    let acls = place
        .wirelab(&["call", "ec2:DescribeNetworkAcls"])
        .exits(0)
        .json();
    assert!(
        acls["NetworkAcls"]
            .as_array()
            .is_some_and(|acls| !acls.is_empty()),
        "{acls}"
    );
    let cases: [(&[&str], &str); 5] = [
        (&["ec2:DescribeNetworkAcl"], "InvalidAction"),
        (
            &[
                "ec2:DeleteNetworkAclEntry",
                "NetworkAclId=network_acl.replica",
            ],
            "MissingParameter",
        ),
        (
            &["ec2:DescribeSubnets", "SubnetIds=[\"subnet-0\"]"],
            "InvalidSubnet",
        ),
        (&["ec2:DescribeSubnets", "Subnet"], "is no parameter"),
        (
            &["ec2:DescribeSubnets", "DryRun=true", "DryRun=true"],
            "given twice",
        ),
    ];
    for (arguments, wanted) in cases {
        let ran = place.wirelab(&[&["call"], arguments].concat()).exits(2);
        assert!(ran.stderr.contains(wanted), "{arguments:?}: {}", ran.stderr);
    }
    let listed = place
        .wirelab(&["call", "--list", "NetworkAclEntry"])
        .exits(0);
    assert!(
        listed.stdout.contains("ec2:CreateNetworkAclEntry"),
        "{}",
        listed.stdout
    );
}

#[test]
fn a_query_that_is_wrong_names_the_place() {
    let place = Place::with_lab(LAB, SEED);
    let ran = place
        .wirelab(&["query", "fields srcAddr | filtre action = \"REJECT\""])
        .exits(2);
    assert!(
        ran.stderr.contains('^') && ran.stderr.contains("filter"),
        "{}",
        ran.stderr
    );
    let ran = place
        .wirelab(&["query", "stats count(*)", "--end", "+1m"])
        .exits(0);
    assert!(ran.stdout.contains("count(*)"), "{}", ran.stdout);
}

#[test]
fn records_of_ones_own_traffic_come_minutes_later() {
    let place = Place::with_lab(LAB, SEED);
    place.wirelab(&[
        "exec",
        "app",
        "--",
        "curl",
        "-m",
        "2",
        "http://198.51.100.9:4444/",
    ]);
    let count = [
        "query",
        "filter dstPort = 4444 | stats count(*) as n",
        "--csv",
    ];
    let none = place.wirelab(&count).exits(0).stdout;
    assert!(
        none.trim_end().ends_with('0') || none.lines().count() < 2,
        "{none}"
    );
    place.wirelab(&["advance", "10m"]).exits(0);
    let some = place.wirelab(&count).exits(0).stdout;
    assert!(
        some.trim_end()
            .ends_with(|last: char| ('1'..='9').contains(&last)),
        "{some}"
    );
}

#[test]
fn a_path_in_json_says_where_it_ends_and_the_exit_code_whether_it_arrives() {
    let place = Place::with_lab(LAB, SEED);
    let blocked = place
        .wirelab(&["path", "replica", "primary:5432/tcp", "--json"])
        .exits(1)
        .json();
    assert_eq!(blocked["reachable"], false);
    assert!(
        blocked["blockers"][0]
            .as_str()
            .is_some_and(|it| it.contains("acl-")),
        "{blocked}"
    );
    place.wirelab(&["path", "app", "primary:5432/tcp"]).exits(0);
    place.wirelab(&["path", "app", "primary"]).exits(2);
}

#[test]
fn a_name_is_the_same_address_to_path_and_to_programs_of_the_sender() {
    let place = Place::with_lab("mtu-black-hole", SEED);
    // `mirror` is on the internet, `client` in an office behind the VPN.
    for (from, to) in [("mirror", "monitor"), ("client", "app"), ("app", "cgw")] {
        let found = place.wirelab(&["exec", from, "--", "getent", "ahosts", to]);
        let found = found.exits(0).stdout;
        let found = found.split_whitespace().next().expect("an address");
        let target = format!("{to}:8080/tcp");
        let path = place.wirelab(&["path", from, &target, "--json"]).json();
        assert_eq!(path["to"], found, "{to} for {from}");
    }
    let public = place.wirelab(&["path", "mirror", "monitor:8080/tcp"]);
    assert!(
        public.stderr.starts_with("monitor is "),
        "{}",
        public.stderr
    );
}

#[test]
fn where_nobody_can_run_tcpdump_it_says_where_one_can() {
    let place = Place::with_lab("nat-return-path", SEED);
    for name in ["nat", "out", "nat_gateway.out"] {
        let ran = place.wirelab(&["tcpdump", name]).exits(2);
        let wanted = [
            "`nat_gateway.out`: AWS's",
            "filter interfaceId = \"eni-",
            "worker",
        ];
        for wanted in wanted {
            assert!(ran.stderr.contains(wanted), "{name}: {}", ran.stderr);
        }
    }
    let ran = place.wirelab(&["tcpdump", "workr"]).exits(2);
    assert!(
        ran.stderr.contains("did you mean `worker`?"),
        "{}",
        ran.stderr
    );
}

#[test]
fn metrics_that_are_not_due_say_when_they_are() {
    let place = Place::with_lab("nat-return-path", SEED);
    let ran = place
        .wirelab(&["metrics", "nat", "--start", "22:24"])
        .exits(0);
    let wanted = "no datapoint before 2026-03-11 22:26:00 UTC";
    assert!(ran.stderr.contains(wanted), "{}", ran.stderr);
    place.wirelab(&["advance", "59s"]).exits(0);
    let ran = place
        .wirelab(&["metrics", "nat", "--start", "22:24"])
        .exits(0);
    assert!(ran.stderr.contains(wanted), "{}", ran.stderr);
    place.wirelab(&["advance", "1s"]).exits(0);
    let ran = place
        .wirelab(&["metrics", "nat", "--start", "22:24"])
        .exits(0);
    assert!(ran.stdout.contains("ErrorPortAllocation"), "{}", ran.stderr);
}

#[test]
fn a_name_stands_for_an_id_and_an_unknown_one_is_answered_with_those_there_are() {
    let place = Place::with_lab(LAB, SEED);
    let shown = place.wirelab(&["call", "ec2:DescribeSubnets", "SubnetIds=[\"primary\"]"]);
    let subnets = shown.exits(0).json();
    assert_eq!(
        subnets["Subnets"].as_array().map(Vec::len),
        Some(1),
        "{subnets}"
    );
    let ran = place.wirelab(&["call", "ec2:DescribeSubnets", "SubnetIds=[\"primry\"]"]);
    let ran = ran.exits(2);
    let wanted = "SubnetIds is an id, or a name of this lab: ";
    assert!(ran.stderr.contains(wanted), "{}", ran.stderr);
    assert!(ran.stderr.contains("subnet.primary"), "{}", ran.stderr);
}
