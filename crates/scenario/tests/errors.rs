//! What an author sees who made a mistake.

use std::path::Path;

use wirelab_model::Seed;
use wirelab_scenario::{Lab, Scenario, Source};

const HEAD: &str = r#"
format = 1
name   = "s"
title  = "A scenario"
starts = 2024-03-05T00:00:00Z

[vpc.app]
cidr_block = "10.0.0.0/16"

[subnet.replica]
vpc        = "app"
cidr_block = "10.0.2.0/24"

[instance.db]
subnet             = "replica"
private_ip_address = "10.0.2.10"
servers            = ["http 8080 /=1KiB"]

[[traffic]]
name  = "health"
from  = "instance.db"
to    = "instance.db:8080"
http  = "GET /"
every = "10s"

[[expect]]
during  = "0s..1m"
traffic = "health"
outcome = "completed"
"#;

/// The errors of the scenario above with one text put for another.
fn errors_with(old: &str, new: &str) -> String {
    assert!(HEAD.contains(old), "there is no `{old}` to replace");
    errors_of(&HEAD.replacen(old, new, 1))
}

/// The errors of the scenario above with more at its end.
fn errors_after(more: &str) -> String {
    errors_of(&format!("{HEAD}\n{more}\n"))
}

fn errors_of(text: &str) -> String {
    let source = Source::new("scenarios/s/scenario.toml", text.trim_start());
    let scenario = Scenario::parse(Path::new("scenarios/s"), &source);
    let compiled = scenario.and_then(|scenario| scenario.compile(Seed::whole(1)).map(|_| ()));
    compiled.expect_err("a mistake").to_string()
}

#[test]
fn the_sample_itself_has_no_mistake() {
    let source = Source::new("scenarios/s/scenario.toml", HEAD);
    let scenario = Scenario::parse(Path::new("scenarios/s"), &source).expect("TOML");
    scenario
        .compile(Seed::whole(1))
        .unwrap_or_else(|errors| panic!("{errors}"));
}

#[test]
fn an_unknown_name_is_shown_where_it_stands_with_the_name_that_was_meant() {
    insta::assert_snapshot!(errors_with("\"replica\"", "\"replcia\""));
}

#[test]
fn an_unknown_key_an_unknown_section_and_a_missing_key_are_found_together() {
    insta::assert_snapshot!(errors_of(
        &HEAD
            .replace(
                "cidr_block = \"10.0.2.0/24\"",
                "cidr_blok = \"10.0.2.0/24\""
            )
            .replace("[[expect]]", "[subnets.x]\nvpc = \"app\"\n\n[[expect]]")
    ));
}

#[test]
fn what_aws_refuses_is_shown_with_awss_words() {
    insta::assert_snapshot!(errors_with("10.0.2.0/24", "10.9.2.0/24"));
}

#[test]
fn a_scenario_that_asserts_nothing_is_rejected() {
    let (without, _) = HEAD.split_once("[[expect]]").expect("an expectation");
    insta::assert_snapshot!(errors_of(without));
}

#[test]
fn lines_that_do_not_follow_the_grammar_say_what_it_is() {
    insta::assert_snapshot!(errors_after(
        r#"
[network_acl.db]
vpc     = "app"
ingress = ["allow tcp 3306 from 10.0.0.0/16", "100 allow tcp 70000 from 10.0.0.0/16"]
egress  = ["100 allow all from 0.0.0.0/0"]

[security_group.db]
vpc     = "app"
ingress = ["tcp 22", "tpc 22 from 10.0.0.0/8"]

[route_table.db]
vpc    = "app"
routes = ["0.0.0.0/0 nat_gateway.out", "0.0.0.0/0 -> nat_gateway.out"]
"#
    ));
}

#[test]
fn servers_and_clients_that_make_no_sense_say_so() {
    insta::assert_snapshot!(errors_with(
        r#"servers            = ["http 8080 /=1KiB"]"#,
        r#"servers = [
  "https 443 /=1KiB min=1.3 max=1.2",
  "https 443 /=1KiB ciphers=RC4-MD5",
  "https 443 /=1KiB sni=strict",
  "postgres 5432 ssl=maybe",
  "dns 53 zone=corp.internal www.example.com=10.0.0.1",
  "ntp 124",
  "smtp 25",
]"#
    ));
    insta::assert_snapshot!(errors_after(
        r#"
[[traffic]]
name  = "pinging-pool"
from  = "instance.db"
to    = "instance.db"
ping  = 56
pool  = { size = 3 }
every = "10s"

[[traffic]]
name  = "two-things"
from  = "instance.db"
to    = "instance.db:80"
http  = "GET /"
mysql = "SELECT 1"
every = "10s"

[[traffic]]
name  = "scan"
from  = "instance.db"
to    = "instance.db"
scan  = "80-20"
every = "10s"

[[traffic]]
name  = "secure-shell"
from  = "instance.db"
to    = "instance.db:22"
ssh   = "ec2-user"
tls   = { min = "1.4", ciphers = ["ROT13"] }
every = "10s"

[[traffic]]
name  = "portless"
from  = "instance.db"
to    = "instance.db"
bulk  = "9TiB"
rate  = "fast"
every = "10s"
"#
    ));
}

#[test]
fn draws_say_what_they_cannot_do() {
    insta::assert_snapshot!(errors_after(
        r#"
[draw]
a = { one_of = [] }
b = { host_in = "subnet.replcia" }
c = { between = [9, 3] }
d = { host_in = "10.0.2.8/30" }
e = { pick = 3 }
g = { one_of = ["${draw.nothing}"] }
f = { cidr_in = "${draw.f}", prefix_length = 24 }
"#
    ));
}

#[test]
fn references_in_strings_are_checked() {
    insta::assert_snapshot!(errors_after(
        r#"
[[traffic]]
name  = "other"
from  = "instance.bd"
to    = "instance.bd:8080"
http  = "GET /x"
every = "10 parsecs"

[[event]]
at   = "1m"
call = "ec2:DeleteNetworkAclEntri"
"#
    ));
}

#[test]
fn a_text_that_is_no_toml_is_shown_where_it_breaks() {
    insta::assert_snapshot!(errors_with("format = 1", "format = 01"));
}

#[test]
fn a_lab_with_literal_answers_and_no_hints_is_rejected() {
    let text = r#"format   = 1
name     = "l"
title    = "A lab"
scenario = "s"
opens_at = "15m"

[[task]]
name     = "where"
kind     = "answer"
points   = 3
question = "What is the MTU?"
expected = "1446"

[[task]]
name   = "what"
kind   = "tcpdump"
points = 3
hints  = ["look"]
"#;
    let source = Source::new("labs/l/lab.toml", text);
    let errors = Lab::parse(Path::new("labs/l"), &source).expect_err("mistakes");
    insta::assert_snapshot!(errors.to_string());
}

/// What the kernel, AWS's Regions and sense refuse, each with the text that is put for another and
/// a piece of the message.
#[test]
fn values_that_nothing_takes_are_shown_where_they_stand() {
    let servers = "servers            = [\"http 8080 /=1KiB\"]";
    let cases = [
        (
            servers,
            "sysctl = { ip_local_port_range = [60000, 100] }",
            "`ip_local_port_range`",
        ),
        (
            servers,
            "sysctl = { ip_local_port_range = [0, 70000] }",
            "`ip_local_port_range`",
        ),
        (
            servers,
            "sysctl = { ip_local_port_range = [1025] }",
            "`ip_local_port_range`",
        ),
        (
            servers,
            "sysctl = { tcp_mtu_probing = 9 }",
            "`tcp_mtu_probing`",
        ),
        (
            servers,
            "servers = [\"echo 80\", \"discard 80\"]",
            "port 80 has a server already",
        ),
        (servers, "servers = [\"echo 0\"]", "a port from 1 to 65535"),
        (
            servers,
            "instance_type = \"m9z.large\"",
            "Invalid value 'm9z.large'",
        ),
        ("every = \"10s\"", "every = \"0s\"", "no time at all"),
        ("db:8080", "db:8080/udp", "does not speak udp"),
        (
            "format = 1",
            "format = 1\nregion = \"mars-1\"",
            "no Region `mars-1`",
        ),
        (
            "format = 1",
            "format = 1\nfabric = { vpn_latency = \"2h\" }",
            "`vpn_latency`",
        ),
        ("10.0.0.0/16\"", "169.254.0.0/16\"", "InvalidVpc.Range"),
    ];
    for (old, new, wanted) in cases {
        let errors = errors_with(old, new);
        assert!(errors.contains(wanted), "{new}\n{errors}");
        assert!(errors.contains('^'), "{new}\n{errors}");
    }
}

/// Machines outside AWS with addresses that no such machine can have.
#[test]
fn addresses_of_machines_outside_are_their_own() {
    let cases = [
        ("address = \"10.0.2.10\"", "is in VPC `app`"),
        ("address = \"10.0.7.7\"", "is in VPC `app`"),
        ("address = \"127.0.0.1\"", "is a loopback address"),
        ("address = \"169.254.169.254\"", "is a link-local address"),
        ("address = \"224.0.0.1\"", "is a multicast address"),
        (
            "address = \"203.0.113.9\"\nipv6_address = \"fe80::1\"",
            "is a link-local address",
        ),
        (
            "address = \"203.0.113.8\"",
            "`host.twin` has this address, too",
        ),
    ];
    let twin = "[host.twin]\naddress = \"203.0.113.8\"\n\n[host.x]\n";
    for (line, wanted) in cases {
        let errors = errors_after(&format!("{twin}{line}"));
        assert!(errors.contains(wanted), "{line}\n{errors}");
        assert!(errors.contains('^'), "{line}\n{errors}");
    }
}

#[test]
fn a_span_that_ends_before_it_begins_is_told_what_was_meant() {
    let wrong = "[[expect]]\nduring = \"5m..0s\"\ntraffic = \"x\"\noutcome = \"completed\"\n";
    let errors = errors_after(wrong);
    let hint = "hint: it ends before it begins; did you mean `0s..5m`?";
    assert!(errors.contains(hint), "{errors}");
}
