//! Transit gateway between two VPCs, and an appliance on the way.

use wirelab_model::*;

use crate::testing::{ACK, Net, SYN, parse, tcp};
use crate::verdict::{
    DropReason, InterfaceDrop, PacketDrop, SecurityGroupDrop, TransitGatewayDrop,
};

fn attachment(name: &str, vpc: &str, subnet: &str) -> TransitGatewayAttachment {
    let vpc = TransitGatewayVpcAttachment {
        vpc_id: VpcId::new(vpc),
        subnet_ids: vec![SubnetId::new(subnet)],
        network_interface_ids: vec![NetworkInterfaceId::new(format!("eni-{name}"))],
        options: TransitGatewayVpcAttachmentOptions::default(),
    };
    TransitGatewayAttachment {
        transit_gateway_attachment_id: TransitGatewayAttachmentId::new(name),
        transit_gateway_id: TransitGatewayId::new("tgw-x"),
        state: TransitGatewayAttachmentState::Available,
        resource: TransitGatewayAttachedResource::Vpc(vpc),
        association: Some(TransitGatewayRouteTableId::new("tgw-rtb-x")),
        creation_time: UnixTime::default(),
        owner_id: "1".into(),
        tags: Vec::new(),
    }
}

fn route(block: &str, attachment: Option<&str>) -> TransitGatewayRoute {
    TransitGatewayRoute {
        destination_cidr_block: parse(block),
        attachments: attachment
            .map(TransitGatewayAttachmentId::new)
            .into_iter()
            .collect(),
        is_static: attachment.is_none(),
        state: if attachment.is_some() {
            RouteState::Active
        } else {
            RouteState::Blackhole
        },
    }
}

pub(super) fn net() -> Net {
    let mut net = Net::default();
    let open = ["in -1 * 0.0.0.0/0", "out -1 * 0.0.0.0/0"];
    net.group("sg-open", &open);
    for (vpc, block, peers) in [("a", "10.1", "10.2.0.0/16"), ("b", "10.2", "10.1.0.0/16")] {
        let id = format!("vpc-{vpc}");
        let (app, hub) = (format!("subnet-app-{vpc}"), format!("subnet-hub-{vpc}"));
        net.vpc(&id, &format!("{block}.0.0/16"))
            .subnet(&app, &id, &format!("{block}.1.0/24"), "a")
            .subnet(&hub, &id, &format!("{block}.9.0/24"), "a")
            .instance(vpc, &app, &format!("{block}.1.5"), &["sg-open"], None);
        let routes = [format!("{peers} tgw-x"), "10.3.0.0/16 tgw-x".to_owned()];
        let routes: Vec<_> = routes.iter().map(String::as_str).collect();
        net.routes(
            &format!("rtb-{vpc}"),
            &id,
            &format!("{block}.0.0/16"),
            &[],
            &routes,
        );
        let name = format!("tgw-attach-{vpc}");
        let mut nic = net.interface(&name, &hub, &format!("{block}.9.9"), &[], None);
        nic.interface_type = InterfaceType::TransitGateway;
        nic.source_dest_check = false;
        net.put(nic).put(attachment(&name, &id, &hub));
    }
    net.acl(
        "acl-hub",
        &["subnet-hub-a"],
        &["in 100 allow -1 * 0.0.0.0/0"],
    )
    .put(TransitGateway {
        transit_gateway_id: TransitGatewayId::new("tgw-x"),
        state: ResourceState::Available,
        options: TransitGatewayOptions::default(),
        description: String::new(),
        creation_time: UnixTime::default(),
        owner_id: "1".into(),
        tags: Vec::new(),
    })
    .put(TransitGatewayRouteTable {
        transit_gateway_route_table_id: TransitGatewayRouteTableId::new("tgw-rtb-x"),
        transit_gateway_id: TransitGatewayId::new("tgw-x"),
        state: ResourceState::Available,
        routes: vec![
            route("10.1.0.0/16", Some("tgw-attach-a")),
            route("10.2.0.0/16", Some("tgw-attach-b")),
            route("10.2.7.0/24", None),
        ],
        propagations: Vec::new(),
        creation_time: UnixTime::default(),
        tags: Vec::new(),
    })
    .flow_log("eni-tgw-attach-b");
    net
}

#[test]
fn the_gateway_routes_takes_one_ttl_and_its_interface_logs_the_packets_addresses() {
    let mut bench = net().build();
    assert_eq!(
        bench.send("eni-a", tcp(("10.1.1.5", 1), ("10.2.1.5", 2), SYN, 0)),
        []
    );
    let arrived = bench.take_in("eni-b").expect("it arrives");
    assert_eq!(arrived.ttl(), 63);
    bench.wait(60);
    let flow = bench.records[0].record.flow.clone().expect("a flow");
    let addresses = [flow.srcaddr, flow.pkt_srcaddr, flow.dstaddr].map(|it| it.to_string());
    assert_eq!(addresses, ["10.2.9.9", "10.1.1.5", "10.2.1.5"]);
}

#[test]
fn the_hub_subnets_outbound_list_is_for_answers_alone() {
    let mut bench = net().build();
    assert_eq!(
        bench.send("eni-a", tcp(("10.1.1.5", 1), ("10.2.1.5", 2), SYN, 0)),
        []
    );
    let drops = bench.send("eni-b", tcp(("10.2.1.5", 2), ("10.1.1.5", 1), ACK, 0));
    let text: Vec<_> = drops.iter().map(ToString::to_string).collect();
    assert_eq!(text, ["matched outbound rule * deny all of acl-hub"]);
}

#[test]
fn blackholes_missing_routes_and_long_packets_are_dropped_with_their_reason() {
    let mut bench = net().build();
    let mut send = |to: &str, size| bench.send("eni-a", tcp(("10.1.1.5", 1), (to, 2), ACK, size));
    let blackhole = send("10.2.7.1", 0);
    assert!(
        matches!(
            blackhole[..],
            [DropReason::TransitGateway(
                TransitGatewayDrop::Blackhole { .. }
            )]
        ),
        "{blackhole:?}"
    );
    let no_route = send("10.3.0.1", 0);
    assert!(
        matches!(
            no_route[..],
            [DropReason::TransitGateway(
                TransitGatewayDrop::NoRoute { .. }
            )]
        ),
        "{no_route:?}"
    );
    let long = send("10.2.1.5", 8600);
    let [
        DropReason::Packet(PacketDrop::MtuExceeded {
            mtu: 8500,
            icmp_sent: true,
            ..
        }),
        acl,
    ] = &long[..]
    else {
        panic!("{long:?}");
    };
    // The error leaves by the attachment's interface, whose subnet lets nothing out here.
    assert_eq!(
        acl.to_string(),
        "matched outbound rule * deny all of acl-hub"
    );
}

/// Traffic from app to db is routed through an appliance's interface.
#[test]
fn what_an_appliance_forwards_matches_no_group_reference() {
    let mut net = Net::default();
    net.vpc("vpc-a", "10.0.0.0/16")
        .subnet("subnet-app", "vpc-a", "10.0.1.0/24", "a")
        .subnet("subnet-fw", "vpc-a", "10.0.2.0/24", "a")
        .subnet("subnet-db", "vpc-a", "10.0.3.0/24", "a")
        .group("sg-open", &["in -1 * 0.0.0.0/0", "out -1 * 0.0.0.0/0"])
        .group("sg-db", &["in tcp 5432 sg-open"])
        .instance("app", "subnet-app", "10.0.1.5", &["sg-open"], None)
        .instance("fw", "subnet-fw", "10.0.2.5", &["sg-open"], None)
        .instance("db", "subnet-db", "10.0.3.5", &["sg-db"], None)
        .routes("rtb-main", "vpc-a", "10.0.0.0/16", &[], &[])
        .routes(
            "rtb-app",
            "vpc-a",
            "10.0.0.0/16",
            &["subnet-app"],
            &["10.0.3.0/24 eni-fw"],
        );
    let mut bench = net.build();
    let syn = tcp(("10.0.1.5", 1), ("10.0.3.5", 5432), SYN, 0);
    let checked = bench.send("eni-app", syn.clone());
    assert!(
        matches!(
            checked[..],
            [DropReason::Interface(InterfaceDrop::SourceDestCheck { .. })]
        ),
        "{checked:?}"
    );
    let mut nic = bench.world.resources().network_interfaces[&NetworkInterfaceId::new("eni-fw")]
        .as_ref()
        .clone();
    nic.source_dest_check = false;
    bench.change(Net::default().put(nic));
    assert_eq!(bench.send("eni-app", syn.clone()), []);
    assert!(bench.take_in("eni-fw").is_some());
    let forwarded = bench.send("eni-fw", syn);
    assert!(
        matches!(
            forwarded[..],
            [DropReason::SecurityGroup(SecurityGroupDrop::NoRule { .. })]
        ),
        "{forwarded:?}"
    );
}
