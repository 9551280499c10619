//! Every lab in the repository proves itself.

use std::path::{Path, PathBuf};

use wirelab_grader::author::{self, Options};

fn lab(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../labs")
        .join(name)
}

/// A few seeds here; `wirelab author check` takes 16.
fn prove(name: &str) {
    let seeds = std::env::var("WIRELAB_SEEDS").ok();
    let seeds = seeds.and_then(|text| text.parse().ok()).unwrap_or(2);
    let report = author::check(&lab(name), Options { seeds }).expect("a lab that can be graded");
    assert!(report.is_sound(), "{report}");
}

#[test]
fn flags_and_handshakes_proves_itself() {
    prove("flags-and-handshakes");
}

#[test]
fn hello_filter_proves_itself() {
    prove("hello-filter");
}

#[test]
fn hosts_nets_ports_proves_itself() {
    prove("hosts-nets-ports");
}

#[test]
fn icmp_three_four_proves_itself() {
    prove("icmp-three-four");
}

#[test]
fn nacl_ephemeral_proves_itself() {
    prove("nacl-ephemeral");
}

#[test]
fn nacl_rule_order_proves_itself() {
    prove("nacl-rule-order");
}

#[test]
fn nat_idle_timeout_proves_itself() {
    prove("nat-idle-timeout");
}

#[test]
fn refused_or_dropped_proves_itself() {
    prove("refused-or-dropped");
}

#[test]
fn no_way_out_proves_itself() {
    prove("no-way-out");
}

#[test]
fn egress_empty_proves_itself() {
    prove("egress-empty");
}

#[test]
fn phantom_timeouts_proves_itself() {
    prove("phantom-timeouts");
}

#[test]
fn revoke_mid_flight_proves_itself() {
    prove("revoke-mid-flight");
}

#[test]
fn nat_return_path_proves_itself() {
    prove("nat-return-path");
}

#[test]
fn mtu_black_hole_proves_itself() {
    prove("mtu-black-hole");
}

#[test]
fn tls_on_the_wire_proves_itself() {
    prove("tls-on-the-wire");
}
