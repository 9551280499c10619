//! A change made through boto3 changes the packets of the very next second, and all that tells of
//! it agrees: one row a component, in `components/components.py`, which says what is looked at.

use crate::harness::{Place, root};

/// What has a row: each was broken, and mended again.
const COMPONENTS: &[&str] = &[
    "security group",
    "network ACL",
    "route table",
    "NAT gateway",
    "internet gateway",
    "peering connection",
    "transit gateway association",
    "transit gateway propagation",
    "interface endpoint",
    "gateway endpoint",
    "hosted zone",
    "source/destination check",
    "managed prefix list",
    "VPN connection",
    "route propagation",
    "egress-only internet gateway",
    "instance",
];

#[test]
fn what_the_api_mends_carries_packets_and_everything_that_tells_of_it_agrees() {
    let mut place = Place::new();
    if place.shell("python3 -c 'import boto3'").code != 0 {
        eprintln!("skipped: python3 has no boto3 here");
        return;
    }
    let source = root().join("tests/product/aws/components");
    let copy = |from: &str, to: &str| {
        let to = place.here().join(to);
        std::fs::create_dir_all(to.parent().expect("a folder")).expect("a writable folder");
        std::fs::copy(source.join(from), to).expect("a copy");
    };
    copy("scenario.toml", "scenarios/components/scenario.toml");
    copy("lab.toml", "labs/components/lab.toml");
    std::fs::write(
        place.here().join("labs/components/README.md"),
        "# Components\n",
    )
    .expect("a writable folder");
    place
        .wirelab(&["init", "course", "--lab", "components", "--seed", "1"])
        .exits(0);
    place.enter(&place.here().join("course"));
    let script = source.join("components.py");
    let ran = place.shell(&format!("wirelab shell python3 -B '{}'", script.display()));
    let ran = ran.exits(0);
    for component in COMPONENTS {
        let said = ran.stdout.lines();
        let said = said.filter(|it| it.starts_with(&format!("{component}: ")));
        assert_eq!(said.count(), 1, "{component}\n{}", ran.stdout);
    }
}
