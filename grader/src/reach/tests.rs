//! Controls against packet-by-packet evaluation, and the excess
//! of changes that people make.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use wirelab_model::*;

use wirelab_simulator::reach::{Packet, PacketSet};

use super::*;

/// Few values, on and beside the edges that the generated boxes have.
const ADDRESSES: [u32; 6] = [
    0,
    0x0a00_0000,
    0x0a00_0105,
    0x0a00_02ff,
    0x0a01_0000,
    u32::MAX,
];
const PORTS: [u16; 8] = [0, 3, 4, 22, 1024, 32768, 60999, 65535];
const PROTOCOLS: [u8; 6] = [0, 1, 6, 17, 50, 255];

fn cidr() -> impl Strategy<Value = IpNet> {
    const BLOCKS: [&str; 6] = [
        "0.0.0.0/0",
        "10.0.0.0/16",
        "10.0.1.0/24",
        "10.0.1.5/32",
        "10.0.2.0/23",
        "128.0.0.0/1",
    ];
    select(&BLOCKS[..]).prop_map(|text| text.parse().expect("a block"))
}

fn ports() -> impl Strategy<Value = PortRange> {
    (select(&PORTS[..]), select(&PORTS[..])).prop_map(|(a, b)| PortRange {
        from: a.min(b),
        to: a.max(b),
    })
}

fn packet() -> impl Strategy<Value = Packet> {
    let address = || select(&ADDRESSES[..]).prop_map(|bits| IpAddr::V4(Ipv4Addr::from(bits)));
    let port = || select(&PORTS[..]);
    let parts = (
        address(),
        address(),
        select(&PROTOCOLS[..]),
        port(),
        port(),
        any::<bool>(),
    );
    parts.prop_map(|(source, destination, protocol, a, b, reply)| {
        let (source_port, destination_port) = match protocol {
            6 | 17 => (a, b),
            1 => (a & 255, b & 255),
            _ => (0, 0),
        };
        Packet {
            source,
            destination,
            protocol,
            source_port,
            destination_port,
            reply,
        }
    })
}

fn entry(egress: bool) -> impl Strategy<Value = NetworkAclEntry> {
    let protocol = select(&[-1_i16, 1, 6, 17, 50][..]);
    let icmp = (select(&[-1_i16, 3, 8][..]), select(&[-1_i16, 0, 4][..]));
    let parts = (
        cidr(),
        protocol,
        ports(),
        any::<bool>(),
        icmp,
        any::<bool>(),
        1..200_u16,
    );
    parts.prop_map(
        move |(cidr_block, protocol, ports, some_ports, icmp, allow, number)| {
            let protocol = u8::try_from(protocol).map_or(IpProtocol::All, IpProtocol::Number);
            NetworkAclEntry {
                cidr_block,
                egress,
                protocol,
                port_range: some_ports.then_some(ports),
                icmp_type_code: (protocol == IpProtocol::ICMP).then_some(IcmpTypeCode {
                    icmp_type: icmp.0,
                    code: icmp.1,
                }),
                rule_action: if allow {
                    RuleAction::Allow
                } else {
                    RuleAction::Deny
                },
                rule_number: number,
            }
        },
    )
}

/// The rule of `facts.md` 2.2, packet by packet.
fn list_allows(entries: &[NetworkAclEntry], packet: &Packet) -> bool {
    let mut sorted: Vec<_> = entries.iter().collect();
    sorted.sort_by_key(|entry| entry.rule_number);
    let hit = sorted
        .into_iter()
        .find(|entry| entry_matches(entry, packet));
    hit.is_some_and(|entry| entry.rule_action == RuleAction::Allow)
}

fn entry_matches(entry: &NetworkAclEntry, packet: &Packet) -> bool {
    let peer = if entry.egress {
        packet.destination
    } else {
        packet.source
    };
    let fields = match entry.protocol {
        IpProtocol::TCP | IpProtocol::UDP => entry
            .port_range
            .is_none_or(|it| it.contains(packet.destination_port)),
        IpProtocol::ICMP => entry.icmp_type_code.is_none_or(|it| {
            let fits = |rule: i16, value: u16| rule < 0 || i32::from(rule) == i32::from(value);
            fits(it.icmp_type, packet.source_port) && fits(it.code, packet.destination_port)
        }),
        _ => true,
    };
    entry.cidr_block.contains(&peer) && entry.protocol.matches(packet.protocol) && fields
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_list_lets_through_what_first_match_says(
        entries in vec(entry(false), 0..6), packets in vec(packet(), 40)
    ) {
        let resources = network(&entries);
        let control = Control::NetworkAcl { subnet: subnet_id(1), direction: Direction::Ingress };
        let allowed = control.allows(&resources).expect("the subnet has a list");
        for p in &packets {
            prop_assert_eq!(allowed.contains(p), list_allows(&entries, p), "{}", p);
        }
    }

    #[test]
    fn what_is_called_excess_is_new_and_brute_force_finds_no_more(
        before in vec(entry(true), 0..4), after in vec(entry(true), 0..4),
        packets in vec(packet(), 60)
    ) {
        let found = excess(&network(&before), &network(&after), &[]);
        for p in &packets {
            let icmp = p.protocol == 1 && p.source_port == 3 && p.destination_port == 4;
            let opened = list_allows(&after, p) && !list_allows(&before, p) && !icmp;
            let said = found.iter().any(|it| it.packets.contains(p));
            prop_assert_eq!(said, opened, "{}", p);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn an_example_of_many_rules_is_new_and_packets_are_decided_as_sets_are(
        before in vec(entry(true), 0..4), after in vec(entry(true), 0..4),
        packets in vec(packet(), 40)
    ) {
        if let Some(example) = example(&network(&before), &network(&after), &[]) {
            let packet = example.packet;
            prop_assert!(list_allows(&after, &packet) && !list_allows(&before, &packet));
        }
        let control = Control::NetworkAcl { subnet: subnet_id(1), direction: Direction::Egress };
        let rules = Decisions::of(&control, &network(&after)).expect("the subnet has a list");
        for p in &packets {
            prop_assert_eq!(rules.passes(p), list_allows(&after, p), "{}", p);
        }
    }
}

#[test]
fn among_hundreds_of_rules_the_one_that_opens_something_is_found() {
    let https = |number: u16, block: &str| allow(number, false, "tcp", Some((443, 443)), block);
    let many = (1..=700).map(|n| https(n, &format!("10.9.{}.{}/32", n / 256, n % 256)));
    let mut many: Vec<_> = many.collect();
    let before = network(&many);
    let rules = too_many(&before).expect("they are more than sets are made of");
    assert!(rules >= 700, "{rules}");
    assert!(too_many(&network(&many[..100])).is_none());
    many[350] = https(351, "10.0.2.0/23");
    let found = example(&before, &network(&many), &[]).expect("a packet");
    assert!(found.rule.contains("rule 351"), "{}", found.rule);
    assert_eq!(found.packet.destination_port, 443);
    assert!(example(&before, &before, &[]).is_none());
}

fn net(text: &str) -> IpNet {
    text.parse().expect("a block")
}

fn subnet_id(n: u8) -> SubnetId {
    SubnetId::new(format!("subnet-{n}"))
}

/// A VPC with a client subnet (1) whose list is `entries`, a server subnet (2) without a list.
fn network(entries: &[NetworkAclEntry]) -> Resources {
    let mut resources = Resources::default();
    for n in [1, 2] {
        let subnet = subnet(n);
        resources
            .subnets
            .insert(subnet.subnet_id.clone(), Arc::new(subnet));
        let interface = interface(n);
        let id = interface.network_interface_id.clone();
        resources.network_interfaces.insert(id, Arc::new(interface));
    }
    let vpc = Vpc {
        vpc_id: VpcId::new("vpc-1"),
        cidr_blocks: vec!["10.0.0.0/16".parse().expect("a block")],
        ipv6_cidr_blocks: Vec::new(),
        state: ResourceState::Available,
        dhcp_options_id: None,
        enable_dns_support: true,
        enable_dns_hostnames: false,
        is_default: false,
        region: "us-east-1".into(),
        owner_id: "1".into(),
        tags: Vec::new(),
    };
    resources.vpcs.insert(vpc.vpc_id.clone(), Arc::new(vpc));
    let acl = NetworkAcl {
        network_acl_id: NetworkAclId::new("acl-1"),
        vpc_id: VpcId::new("vpc-1"),
        is_default: false,
        entries: entries.to_vec(),
        associations: vec![NetworkAclAssociation {
            network_acl_association_id: NetworkAclAssociationId::new("aclassoc-1"),
            network_acl_id: NetworkAclId::new("acl-1"),
            subnet_id: subnet_id(1),
        }],
        owner_id: "1".into(),
        tags: Vec::new(),
    };
    resources
        .network_acls
        .insert(acl.network_acl_id.clone(), Arc::new(acl));
    resources
}

fn subnet(n: u8) -> Subnet {
    Subnet {
        subnet_id: subnet_id(n),
        vpc_id: VpcId::new("vpc-1"),
        cidr_block: format!("10.0.{n}.0/24").parse().expect("a block"),
        ipv6_cidr_block: None,
        availability_zone: "us-east-1a".into(),
        availability_zone_id: "use1-az1".into(),
        default_for_az: false,
        state: ResourceState::Available,
        map_public_ip_on_launch: false,
        assign_ipv6_address_on_creation: false,
        owner_id: "1".into(),
        tags: Vec::new(),
    }
}

/// `10.0.n.10`, with the group `sg-n`.
fn interface(n: u8) -> NetworkInterface {
    let address = Ipv4Addr::new(10, 0, n, 10);
    NetworkInterface {
        network_interface_id: NetworkInterfaceId::new(format!("eni-{n}")),
        subnet_id: subnet_id(n),
        vpc_id: VpcId::new("vpc-1"),
        availability_zone: "us-east-1a".into(),
        interface_type: InterfaceType::Interface,
        requester_managed: false,
        mac_address: "02:00:00:00:00:01".into(),
        private_ip_address: address,
        private_ip_addresses: vec![PrivateIpAddress {
            private_ip_address: address,
            primary: true,
            association: None,
        }],
        ipv6_addresses: Vec::new(),
        groups: vec![SecurityGroupId::new(format!("sg-{n}"))],
        source_dest_check: true,
        attachment: None,
        connection_tracking_configuration: ConnectionTracking::default(),
        description: String::new(),
        owner_id: "1".into(),
        tag_set: Vec::new(),
    }
}

fn allow(
    number: u16,
    egress: bool,
    what: &str,
    ports: Option<(u16, u16)>,
    peer: &str,
) -> NetworkAclEntry {
    NetworkAclEntry {
        cidr_block: net(peer),
        egress,
        protocol: what.parse().expect("a protocol"),
        port_range: ports.map(|(from, to)| PortRange { from, to }),
        icmp_type_code: None,
        rule_action: RuleAction::Allow,
        rule_number: number,
    }
}

/// Client 10.0.1.10 opens connections to 10.0.2.10:5432.
fn replication() -> Intent {
    Intent {
        clients: vec![net("10.0.1.10/32")],
        servers: vec![net("10.0.2.10/32")],
        protocol: IpProtocol::TCP,
        ports: PortRange::single(5432),
        client_ports: PortRange {
            from: 32768,
            to: 60999,
        },
        icmp: None,
    }
}

fn describe(found: &[Excess]) -> String {
    let mut text = String::new();
    for it in found {
        text.push_str(&format!("{}\n  {}\n  {}\n", it.place, it.rule, it.sample));
        let (mut lines, more) = it.describe(3);
        lines.extend((more > 0).then(|| format!("and {more} more")));
        lines
            .iter()
            .for_each(|line| text.push_str(&format!("    {line}\n")));
    }
    text
}

/// Adds an entry to the client subnet's empty list.
fn after_adding(entry: NetworkAclEntry) -> String {
    describe(&excess(&network(&[]), &network(&[entry]), &[replication()]))
}

#[test]
fn the_least_entry_is_no_excess_for_a_host_its_subnet_or_a_part_of_the_ports() {
    for peer in ["10.0.2.0/24", "10.0.2.10/32"] {
        for ports in [(32768, 60999), (40000, 50000)] {
            assert_eq!(
                after_adding(allow(100, false, "tcp", Some(ports), peer)),
                ""
            );
        }
        assert_eq!(
            after_adding(allow(100, true, "tcp", Some((5432, 5432)), peer)),
            ""
        );
    }
}

#[test]
fn fragmentation_needed_may_come_from_anywhere_other_icmp_may_not() {
    let mut entry = allow(100, false, "icmp", None, "0.0.0.0/0");
    entry.icmp_type_code = Some(IcmpTypeCode {
        icmp_type: 3,
        code: 4,
    });
    assert_eq!(after_adding(entry.clone()), "");
    entry.icmp_type_code = Some(IcmpTypeCode {
        icmp_type: 3,
        code: -1,
    });
    insta::assert_snapshot!(after_adding(entry), @r#"
    acl-1 inbound to subnet-1
      acl-1: rule 100 allow icmp type 3 from 0.0.0.0/0
      10.0.2.10 > 10.0.1.10 icmp type 3 code 0
        icmp type 3 code 0-3,5-255 from 0.0.0.0/0
    "#);
}

#[test]
fn allowing_everything_is_found_with_its_rule_and_a_packet() {
    insta::assert_snapshot!(after_adding(allow(50, false, "all", None, "0.0.0.0/0")), @r#"
    acl-1 inbound to subnet-1
      acl-1: rule 50 allow all from 0.0.0.0/0
      10.0.3.7:50000 > 10.0.1.7:22 tcp
        tcp all ports (65 536 ports) from 0.0.0.0-10.0.1.255,10.0.3.0-255.255.255.255
        udp all ports (65 536 ports) from 0.0.0.0/0
        icmp type 0-2,4-255 code every from 0.0.0.0/0
        and 3 more
    "#);
}

#[test]
fn a_range_too_wide_is_the_difference_only() {
    let wide = allow(110, false, "tcp", Some((1024, 65535)), "10.0.0.0/16");
    insta::assert_snapshot!(after_adding(wide), @r#"
    acl-1 inbound to subnet-1
      acl-1: rule 110 allow tcp 1024-65535 from 10.0.0.0/16
      10.0.3.7:50000 > 10.0.1.7:3389 tcp
        tcp 1024-65535 (64 512 ports) from 10.0.0.0/23,10.0.3.0-10.0.255.255
        tcp 1024-32767,61000-65535 (36 280 ports) from 10.0.2.0/24
    "#);
}

#[test]
fn a_swapped_list_is_judged_by_what_it_lets_in() {
    let before = network(&[]);
    let mut after = network(&[]);
    let open = NetworkAcl {
        network_acl_id: NetworkAclId::new("acl-default"),
        entries: vec![allow(100, false, "all", None, "0.0.0.0/0")],
        ..(*after.network_acls[&NetworkAclId::new("acl-1")]).clone()
    };
    after.network_acls.clear();
    after
        .network_acls
        .insert(open.network_acl_id.clone(), Arc::new(open));
    let found = excess(&before, &after, &[replication()]);
    assert!(
        found[0]
            .rule
            .starts_with("acl-default: rule 100 allow all from 0.0.0.0/0")
    );
}

fn with_group(mut resources: Resources, n: u8, peer: RulePeer, ports: (i32, i32)) -> Resources {
    let group_id = SecurityGroupId::new(format!("sg-{n}"));
    let rule = SecurityGroupRule {
        security_group_rule_id: SecurityGroupRuleId::new("sgr-1"),
        group_id: group_id.clone(),
        is_egress: false,
        ip_protocol: IpProtocol::TCP,
        from_port: ports.0,
        to_port: ports.1,
        peer,
        description: None,
    };
    let group = SecurityGroup {
        group_id: group_id.clone(),
        group_name: "db".into(),
        description: String::new(),
        vpc_id: VpcId::new("vpc-1"),
        rules: vec![rule],
        owner_id: "1".into(),
        tags: Vec::new(),
    };
    resources.security_groups.insert(group_id, Arc::new(group));
    resources
}

#[test]
fn a_group_reference_admits_its_members_and_a_block_admits_more() {
    let before = network(&[]);
    let member = RulePeer::Group(SecurityGroupId::new("sg-1"));
    let exact = with_group(network(&[]), 2, member, (5432, 5432));
    assert_eq!(describe(&excess(&before, &exact, &[replication()])), "");
    let block = RulePeer::Cidr(net("10.0.0.0/16"));
    let wide = with_group(network(&[]), 2, block, (5432, 5432));
    insta::assert_snapshot!(describe(&excess(&before, &wide, &[replication()])), @r#"
    security groups of eni-2, inbound
      sg-2: tcp 5432 from 10.0.0.0/16
      10.0.2.18:50000 > 10.0.2.10:5432 tcp
        tcp 5432 (1 port) from 10.0.0.0-10.0.1.9,10.0.1.11-10.0.255.255
    "#);
}

#[test]
fn thousands_of_members_of_a_group_are_one_side_of_a_box() {
    let member = RulePeer::Group(SecurityGroupId::new("sg-1"));
    let mut resources = with_group(network(&[]), 2, member, (5432, 5432));
    for n in 0..5_000_u32 {
        // Every other address, so that no two blocks are one.
        let address = Ipv4Addr::from(0x0a02_0000 + 2 * n);
        let mut extra = interface(1);
        extra.network_interface_id = NetworkInterfaceId::new(format!("eni-extra-{n}"));
        extra.private_ip_addresses[0].private_ip_address = address;
        let id = extra.network_interface_id.clone();
        resources.network_interfaces.insert(id, Arc::new(extra));
    }
    let control = Control::SecurityGroups {
        interface: NetworkInterfaceId::new("eni-2"),
        direction: Direction::Ingress,
    };
    let allowed = control.allows(&resources).expect("it is there");
    let few = PacketSet::all().regions().len() + 1;
    assert_eq!(
        allowed.regions().len(),
        few,
        "replies, and one box of all members"
    );
    let from = |last: u32| Packet {
        source: Ipv4Addr::from(0x0a02_0000 + last).into(),
        destination: Ipv4Addr::new(10, 0, 2, 10).into(),
        protocol: 6,
        source_port: 50_000,
        destination_port: 5432,
        reply: false,
    };
    assert!(allowed.contains(&from(9_998)) && !allowed.contains(&from(9_997)));
}

/// The private subnet (1) reaches the internet through a gateway in the public subnet (2).
fn with_nat_gateway(mut resources: Resources) -> Resources {
    let mut gateway = interface(2);
    gateway.network_interface_id = NetworkInterfaceId::new("eni-nat");
    gateway.interface_type = InterfaceType::NatGateway;
    gateway.groups.clear();
    let nat = NatGateway {
        nat_gateway_id: NatGatewayId::new("nat-1"),
        subnet_id: subnet_id(2),
        vpc_id: VpcId::new("vpc-1"),
        state: NatGatewayState::Available,
        failure_code: None,
        failure_message: None,
        connectivity_type: ConnectivityType::Public,
        nat_gateway_addresses: vec![NatGatewayAddress {
            allocation_id: None,
            association_id: None,
            network_interface_id: gateway.network_interface_id.clone(),
            private_ip: gateway.private_ip_address,
            public_ip: None,
            is_primary: true,
            status: NatGatewayAddressStatus::Succeeded,
        }],
        create_time: UnixTime::from_secs(0),
        delete_time: None,
        owner_id: "1".into(),
        tags: Vec::new(),
    };
    let id = gateway.network_interface_id.clone();
    resources.network_interfaces.insert(id, Arc::new(gateway));
    resources
        .nat_gateways
        .insert(nat.nat_gateway_id.clone(), Arc::new(nat));
    resources
}

fn web() -> Intent {
    Intent {
        clients: vec![net("10.0.1.0/24")],
        servers: vec![net("0.0.0.0/0")],
        ports: PortRange::single(443),
        ..replication()
    }
}

/// Adds an entry to the empty list of the private (1) or public (2) subnet.
fn through_nat(n: u8, entry: NetworkAclEntry) -> String {
    let with = |entries: &[NetworkAclEntry]| {
        let mut resources = with_nat_gateway(network(entries));
        for acl in resources.network_acls.values_mut() {
            Arc::make_mut(acl).associations[0].subnet_id = subnet_id(n);
        }
        resources
    };
    describe(&excess(&with(&[]), &with(&[entry]), &[web()]))
}

#[test]
fn none_of_the_six_entries_for_a_nat_gateway_is_excess() {
    let linux = Some((32768, 60999));
    let https = Some((443, 443));
    assert_eq!(
        through_nat(1, allow(100, true, "tcp", https, "0.0.0.0/0")),
        ""
    );
    assert_eq!(
        through_nat(1, allow(100, false, "tcp", linux, "0.0.0.0/0")),
        ""
    );
    assert_eq!(
        through_nat(2, allow(100, false, "tcp", https, "10.0.1.0/24")),
        ""
    );
    assert_eq!(
        through_nat(2, allow(100, true, "tcp", https, "0.0.0.0/0")),
        ""
    );
    assert_eq!(
        through_nat(
            2,
            allow(100, false, "tcp", Some((1024, 65535)), "0.0.0.0/0")
        ),
        ""
    );
    assert_eq!(
        through_nat(2, allow(100, true, "tcp", linux, "10.0.1.0/24")),
        ""
    );
}

#[test]
fn the_myth_of_outbound_high_ports_on_the_private_subnet_is_excess() {
    let myth = allow(110, true, "tcp", Some((1024, 65535)), "0.0.0.0/0");
    insta::assert_snapshot!(through_nat(1, myth), @r#"
    acl-1 outbound from subnet-1
      acl-1: rule 110 allow tcp 1024-65535 to 0.0.0.0/0
      10.0.1.7:50000 > 10.0.3.7:3389 tcp
        tcp 1024-65535 (64 512 ports) to 0.0.0.0-10.0.0.255,10.0.3.0-255.255.255.255
        tcp 1024-32767,61000-65535 (36 280 ports) to 10.0.1.0/24
    "#);
}
