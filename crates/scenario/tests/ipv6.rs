//! IPv6, prefix lists and gateway route tables as scenario files write them.

use std::path::Path;

use serde_json::json;
use wirelab_model::{RouteDestination, RulePeer, Seed};
use wirelab_scenario::{Plan, Scenario, Source};

const TEXT: &str = r#"
format = 1
name   = "s"
title  = "Both IP versions"
starts = 2024-03-05T00:00:00Z

[vpc.app]
cidr_block = "10.0.0.0/16"
ipv6       = true

[internet_gateway.edge]
vpc = "app"

[egress_only_internet_gateway.out]
vpc = "app"

[prefix_list.office]
entries = ["198.51.100.0/24 Berlin", "203.0.113.0/24"]

[route_table.private]
vpc    = "app"
routes = ["::/0 -> egress_only_internet_gateway.out", "prefix_list.office -> internet_gateway.edge"]

[route_table.edge]
vpc     = "app"
gateway = "internet_gateway.edge"
routes  = ["10.0.2.0/24 -> instance.db"]

[subnet.web]
vpc        = "app"
cidr_block = "10.0.1.0/24"

[subnet.db]
vpc         = "app"
cidr_block  = "10.0.2.0/24"
route_table = "private"

[subnet.plain]
vpc        = "app"
cidr_block = "10.0.3.0/24"
ipv6       = false

[security_group.db]
vpc     = "app"
ingress = ["tcp 8080 from prefix_list.office", "tcp 443 from prefix_list.s3", "tcp 22 from ::/0"]
egress  = []

[instance.db]
subnet             = "db"
security_groups    = ["db"]
servers            = ["http 8080 /=1KiB"]

[host.site]
address      = "203.0.113.9"
ipv6_address = "2001:db8:1::9"

[[traffic]]
name  = "health"
from  = "host.site"
to    = "instance.db.ipv6_address:8080"
http  = "GET /"
every = "10s"

[[expect]]
during  = "0s..1m"
traffic = "health"
outcome = "timed_out"
"#;

fn plan() -> Plan {
    let source = Source::new("scenarios/s/scenario.toml", TEXT.trim_start());
    let scenario = Scenario::parse(Path::new("scenarios/s"), &source).expect("TOML");
    let plan = scenario.compile(Seed::whole(1));
    plan.unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn subnets_get_blocks_of_their_vpc_and_instances_addresses_of_theirs() {
    let plan = plan();
    let resources = plan.control.resources();
    let vpc = resources.vpcs.values().next().expect("a VPC");
    let block = vpc.ipv6_cidr_blocks[0];
    let subnets = resources.subnets.values();
    let given: Vec<_> = subnets.filter_map(|it| it.ipv6_cidr_block).collect();
    assert_eq!(given.len(), 2, "plain has none");
    assert_ne!(given[0], given[1]);
    assert!(given.iter().all(|it| block.contains(it)));
    let address = plan
        .resolve("instance.db.ipv6_address")
        .expect("it has one");
    let address = address.as_str().and_then(|it| it.parse().ok());
    assert!(address.is_some_and(|it: std::net::Ipv6Addr| block.contains(&it)));
    assert_eq!(json!(plan.traffic[0].to), json!(address));
}

#[test]
fn rules_and_routes_name_prefix_lists_and_gateways() {
    let plan = plan();
    let resources = plan.control.resources();
    let group = resources.security_groups.values();
    let mut group = group;
    let group = group.find(|it| it.group_name == "db").expect("db");
    let lists = group
        .rules
        .iter()
        .filter(|it| matches!(it.peer, RulePeer::PrefixList(_)));
    assert_eq!(
        (lists.count(), group.rules.len()),
        (2, 3),
        "nothing goes out"
    );
    let table = |name: &str| {
        let id = plan
            .names
            .id(&format!("route_table.{name}"))
            .expect("a name");
        let mut tables = resources.route_tables.values();
        tables
            .find(|it| it.route_table_id.as_str() == id)
            .expect("a table")
            .clone()
    };
    let private = table("private");
    let to_list = |it: &RouteDestination| it.prefix_list().is_some();
    assert!(private.routes.iter().any(|it| to_list(&it.destination)));
    let igw = plan.names.id("internet_gateway.edge");
    assert_eq!(table("edge").associations[0].gateway_id.as_ref(), igw);
}
