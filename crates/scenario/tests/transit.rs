//! Transit gateways with peerings and VPN connections as scenario files write them.

use std::path::Path;

use wirelab_model::{RouteState, SecurityGroupId, Seed, SimTime, TransitGatewayAttachmentState};
use wirelab_scenario::{Plan, Scenario, Source, TimedKind};
use wirelab_simulator::VpnEnd;

const TEXT: &str = r#"
format = 1
name   = "s"
title  = "Two Regions and an office"
starts = 2024-03-05T00:00:00Z

[vpc.app]
cidr_block = "10.1.0.0/16"

[subnet.app]
vpc        = "app"
cidr_block = "10.1.1.0/24"

[vpc.far]
cidr_block = "10.2.0.0/16"
region     = "eu-west-1"

[subnet.far]
vpc        = "far"
cidr_block = "10.2.1.0/24"

[security_group.app]
vpc     = "app"
ingress = ["tcp 8080 from 192.168.0.0/16"]

[instance.app]
subnet          = "app"
security_groups = ["app"]
servers         = ["http 8080 /=1KiB"]

[transit_gateway.hub]
default_route_table = false
vpn_ecmp_support    = false

[transit_gateway.far]
region = "eu-west-1"

[transit_gateway_vpc_attachment.app]
transit_gateway        = "hub"
vpc                    = "app"
subnets                = ["app"]
appliance_mode_support = true

[transit_gateway_vpc_attachment.far]
transit_gateway = "far"
vpc             = "far"
subnets         = ["far"]

[transit_gateway_peering_attachment.regions]
transit_gateway = "hub"
peer            = "far"

[customer_gateway.office]
ip_address = "203.0.113.7"

[vpn_connection.office]
customer_gateway = "office"
transit_gateway  = "hub"
tunnels          = [{ inside_cidr = "169.254.10.0/30", encryption = "AES256" }, { dpd_timeout = "45s" }]

[transit_gateway_route_table.hub]
transit_gateway = "hub"
associations    = ["app", "vpn_connection.office", "transit_gateway_peering_attachment.regions"]
propagations    = ["app"]
routes = [
  "192.168.0.0/16 -> vpn_connection.office",
  "10.2.0.0/16 -> transit_gateway_peering_attachment.regions",
  "10.66.0.0/16 -> blackhole",
]

[route_table.app]
vpc    = "app"
main   = true
routes = ["0.0.0.0/0 -> transit_gateway.hub"]

[segment.lan]
cidr_block = "192.168.10.0/24"

[host.cgw]
interfaces       = ["eth0 segment.lan 192.168.10.1/24"]
customer_gateway = "office"
preferred_tunnel = 2
forwards         = true
routes           = ["10.0.0.0/8 dev tun0"]

[[traffic]]
name  = "health"
from  = "host.cgw"
to    = "instance.app:8080"
http  = "GET /"
every = "10s"

[[event]]
at          = "1m"
tunnel_down = "vpn_connection.office 2"

[[expect]]
during  = "0s..1m"
traffic = "health"
outcome = "completed"
"#;

fn plan() -> Plan {
    let source = Source::new("scenarios/s/scenario.toml", TEXT.trim_start());
    let scenario = Scenario::parse(Path::new("scenarios/s"), &source).expect("TOML");
    let plan = scenario.compile(Seed::whole(1));
    plan.unwrap_or_else(|errors| panic!("{errors}"))
}

#[test]
fn routes_lead_to_attachments_of_every_kind() {
    let plan = plan();
    let resources = plan.control.resources();
    let attachments = &resources.transit_gateway_attachments;
    let in_service = TransitGatewayAttachmentState::Available;
    assert_eq!(attachments.len(), 4);
    assert!(attachments.values().all(|it| it.state == in_service));
    let mut tables = resources.transit_gateway_route_tables.values();
    let table = tables.find(|it| it.tags.iter().any(|tag| tag.value == "hub"));
    let table = table.expect("the table of the hub");
    let routes = table.routes.iter().map(|route| {
        let mut kinds = route.attachments.iter().map(|id| {
            let attachment = &attachments[id];
            let vpn = attachment.vpn_connection_id().map(|_| "vpn");
            let peering = attachment.peering().map(|_| "peering");
            vpn.or(peering).unwrap_or("vpc")
        });
        let kind = kinds.next().unwrap_or("none");
        let active = route.state == RouteState::Active;
        format!("{} {kind} {active}", route.destination_cidr_block)
    });
    let wanted = [
        "192.168.0.0/16 vpn true",
        "10.2.0.0/16 peering true",
        "10.66.0.0/16 none false",
        "10.1.0.0/16 vpc true",
    ];
    assert_eq!(routes.collect::<Vec<_>>(), wanted);
    let peering = attachments.values().find_map(|it| it.peering());
    let peering = peering.expect("one");
    assert_eq!(
        (&*peering.region, &*peering.peer_region),
        ("us-east-1", "eu-west-1")
    );
    assert!(peering.peer_association.is_some(), "by default");
}

#[test]
fn tunnels_have_options_of_their_own_and_break_at_their_moment() {
    let plan = plan();
    let connections = &plan.control.resources().vpn_connections;
    let connection = connections.values().next().expect("one");
    let tunnels = &connection.tunnels;
    assert_eq!((tunnels[0].mtu, tunnels[1].mtu), (1438, 1446));
    assert_eq!(tunnels[0].tunnel_inside_cidr.to_string(), "169.254.10.0/30");
    assert_eq!(tunnels[1].dpd_timeout_seconds, 45);
    let event = plan.events.last().expect("an event");
    assert_eq!(event.at, SimTime::from_secs(60));
    let TimedKind::VpnTunnel(fault) = &event.kind else {
        panic!("{event:?}");
    };
    assert_eq!(fault.vpn_connection, connection.vpn_connection_id);
    assert_eq!(
        (fault.tunnel, fault.end, fault.broken),
        (2, VpnEnd::Customer, true)
    );
}

const GROUPS: &str = r#"
format = 1
name   = "s"
title  = "Groups behind a hub"
starts = 2024-03-05T00:00:00Z

[vpc.a]
cidr_block = "10.1.0.0/16"
[subnet.a]
route_table = "a"
vpc        = "a"
cidr_block = "10.1.1.0/24"
[vpc.b]
cidr_block = "10.2.0.0/16"
[subnet.b]
route_table = "b"
vpc        = "b"
cidr_block = "10.2.1.0/24"

[security_group.client]
vpc = "a"
[security_group.server]
vpc     = "b"
ingress = ["tcp 8080 from security_group.client"]

[transit_gateway.hub]
security_group_referencing_support = true
[transit_gateway_vpc_attachment.a]
transit_gateway = "hub"
vpc             = "a"
subnets         = ["a"]
security_group_referencing_support = true
[transit_gateway_vpc_attachment.b]
transit_gateway = "hub"
vpc             = "b"
subnets         = ["b"]
security_group_referencing_support = true

[route_table.a]
vpc     = "a"
routes  = ["10.2.0.0/16 -> transit_gateway.hub"]
[route_table.b]
vpc     = "b"
routes  = ["10.1.0.0/16 -> transit_gateway.hub"]

[instance.client]
subnet          = "a"
security_groups = ["client"]
[instance.server]
subnet          = "b"
security_groups = ["server"]
servers         = ["http 8080 /=1KiB"]

[[traffic]]
name  = "t"
from  = "instance.client"
to    = "instance.server:8080"
http  = "GET /"
every = "10s"
[[expect]]
during  = "0s..1m"
traffic = "t"
outcome = "completed"
"#;

/// Rules are made after attachments: one group refers to another behind the transit gateway.
#[test]
fn a_rule_may_refer_to_a_group_behind_a_transit_gateway() {
    let source = Source::new("scenarios/s/scenario.toml", GROUPS.trim_start());
    let scenario = Scenario::parse(Path::new("scenarios/s"), &source).expect("TOML");
    let plan = scenario.compile(Seed::whole(1));
    let plan = plan.unwrap_or_else(|errors| panic!("{errors}"));
    let group = plan.names.id("security_group.server").expect("it is made");
    let group = &plan.control.resources().security_groups[&SecurityGroupId::new(group.clone())];
    assert!(
        group.rules.iter().any(|it| !it.is_egress),
        "the rule is there"
    );
}
