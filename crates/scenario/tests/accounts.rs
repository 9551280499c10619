//! A file with two accounts and two Regions: what is in a VPC belongs to its owner, peering joins
//! them, and rules refer to groups of peers.

use std::path::Path;

use wirelab_model::{PeeringStatus, RouteState, RulePeer, SecurityGroupId, Seed};
use wirelab_scenario::{Plan, Scenario};

const TEXT: &str = r#"
format = 1
name = "accounts"
title = "Two accounts"
starts = 2026-03-17T08:00:00Z

[account.own]
id = "123456789012"
default = true

[account.partner]
id = "210987654321"

[vpc.app]
cidr_block = "10.1.0.0/16"

[vpc.data]
cidr_block = "10.2.0.0/16"
account = "partner"

[vpc.ireland]
cidr_block = "10.3.0.0/16"
region = "eu-west-1"

[vpc_peering_connection.data]
requester = "app"
accepter  = "data"

[vpc_peering_connection.ireland]
requester = "app"
accepter  = "ireland"
accepted  = false

[subnet.app]
vpc = "app"
cidr_block = "10.1.1.0/24"

[subnet.data]
vpc = "data"
cidr_block = "10.2.1.0/24"

[route_table.app]
vpc = "app"
main = true
routes = ["10.2.0.0/16 -> vpc_peering_connection.data", "10.3.0.0/16 -> vpc_peering_connection.ireland"]

[route_table.data]
vpc = "data"
main = true
routes = ["10.1.0.0/16 -> vpc_peering_connection.data"]

[security_group.app]
vpc = "app"

[security_group.data]
vpc = "data"
ingress = ["tcp 5432 from security_group.app"]

[instance.app]
subnet = "app"
security_groups = ["app"]

[instance.data]
subnet = "data"
security_groups = ["data"]
servers = ["http 5432 /=1KiB"]

[[traffic]]
name = "orders"
from = "instance.app"
to = "instance.data:5432"
http = "GET /"
every = "10s"

[[expect]]
during = "0s..1m"
traffic = "orders"
outcome = "completed"
"#;

fn plan() -> Plan {
    let source = wirelab_scenario::Source::new("accounts/scenario.toml", TEXT);
    let scenario = Scenario::parse(Path::new("accounts"), &source);
    let plan = scenario.and_then(|it| it.compile(Seed::whole(1)));
    plan.unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn what_is_in_a_vpc_belongs_to_its_owner_and_peers_are_joined() {
    let plan = plan();
    let id = |name: &str| plan.names.id(name).expect("the file has it").clone();
    let owner = |name: &str| {
        let (account, region) = plan.control.owner_of(&id(name));
        format!("{account} {region}")
    };
    for name in ["vpc.app", "subnet.app", "instance.app"] {
        assert_eq!(owner(name), "123456789012 us-east-1", "{name}");
    }
    for name in [
        "vpc.data",
        "subnet.data",
        "route_table.data",
        "instance.data",
    ] {
        assert_eq!(owner(name), "210987654321 us-east-1", "{name}");
    }
    assert_eq!(owner("vpc.ireland"), "123456789012 eu-west-1");
    let resources = plan.control.resources();
    let status = |name: &str| {
        let mut all = resources.vpc_peering_connections.values();
        let found = all.find(|it| it.vpc_peering_connection_id.as_str() == id(name));
        found.map(|it| it.status)
    };
    let data = status("vpc_peering_connection.data");
    assert_eq!(data, Some(PeeringStatus::Active));
    let ireland = status("vpc_peering_connection.ireland");
    assert_eq!(ireland, Some(PeeringStatus::PendingAcceptance));
    let mut tables = resources.route_tables.values();
    let table = tables.find(|it| it.route_table_id.as_str() == id("route_table.app"));
    let states = table.map(|it| it.routes.iter().map(|it| it.state).collect::<Vec<_>>());
    let expected = vec![
        RouteState::Active,
        RouteState::Active,
        RouteState::Blackhole,
    ];
    assert_eq!(states, Some(expected));
    let app = RulePeer::Group(SecurityGroupId::new(id("security_group.app")));
    let mut groups = resources.security_groups.values();
    let refers = groups.any(|it| it.rules.iter().any(|rule| rule.peer == app));
    assert!(refers, "the rule of `data` refers to `app`");
}

#[test]
fn the_learner_calls_as_any_account_by_name_or_id_and_in_any_region() {
    let plan = plan();
    let caller = plan.learner_in(Some("partner"), Some("eu-west-1"));
    let caller = caller.expect("the file has it");
    assert_eq!(
        (caller.account.as_str(), caller.region.as_str()),
        ("210987654321", "eu-west-1")
    );
    assert!(plan.learner_in(Some("333333333333"), None).is_err());
    assert!(plan.learner_in(Some("partnr"), None).is_err());
}
