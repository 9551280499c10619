//! Any sequence of calls leaves a network that could exist, and never a panic.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use wirelab_control::{CallIds, Control, ControlConfig, Input};
use wirelab_model::*;

/// A control plane with a mirror that sees only its changes.
struct Account {
    control: Control,
    caller: Caller,
    mirror: Resources,
    last_effective: SimTime,
    now: SimTime,
    seq: u64,
}

impl Account {
    fn new() -> Self {
        let ids = IdSpace {
            scenario: "properties".into(),
            names_seed: 1,
        };
        let starts = UnixTime::from_secs(1_709_596_800);
        let config = ControlConfig::new(ids, "1".into(), "eu-west-1".into(), starts);
        Self {
            control: Control::new(config),
            caller: Caller {
                account: "1".into(),
                region: "eu-west-1".into(),
                principal: "arn:aws:iam::1:root".into(),
            },
            mirror: Resources::default(),
            last_effective: SimTime::ZERO,
            now: SimTime::ZERO,
            seq: 0,
        }
    }

    /// An account in which there is something to break.
    fn furnished() -> Self {
        let mut account = Self::new();
        let mut make = |operation: &str, parameters: Value, path: &str| {
            let reply = account.call(operation, parameters).expect(operation);
            reply
                .pointer(path)
                .and_then(Value::as_str)
                .expect(path)
                .to_owned()
        };
        let tgw = make(
            "CreateTransitGateway",
            json!({}),
            "/TransitGateway/TransitGatewayId",
        );
        let mut attachments = Vec::new();
        for network in 0..2 {
            let cidr = format!("10.{network}.0.0/16");
            let vpc = make("CreateVpc", json!({ "CidrBlock": cidr }), "/Vpc/VpcId");
            let cidr = format!("10.{network}.0.0/24");
            let subnet = json!({ "VpcId": vpc, "CidrBlock": cidr });
            let subnet = make("CreateSubnet", subnet, "/Subnet/SubnetId");
            let path = "/InternetGateway/InternetGatewayId";
            let gateway = make("CreateInternetGateway", json!({}), path);
            let vgw = json!({ "Type": "ipsec.1" });
            make("CreateVpnGateway", vgw, "/VpnGateway/VpnGatewayId");
            let address = make("AllocateAddress", json!({}), "/AllocationId");
            attachments.push((vpc, subnet, gateway, address));
        }
        for (vpc, subnet, gateway, address) in attachments {
            let parameters = json!({ "InternetGatewayId": gateway, "VpcId": vpc });
            account
                .call("AttachInternetGateway", parameters)
                .expect("it is free");
            let parameters = json!({ "SubnetId": subnet, "AllocationId": address });
            account
                .call("CreateNatGateway", parameters)
                .expect("it is free");
            let parameters = json!({ "SubnetId": subnet, "MaxCount": 2 });
            account
                .call("RunInstances", parameters)
                .expect("there is room");
            account.advance(SimDuration::from_secs(60));
            let parameters =
                json!({ "TransitGatewayId": tgw, "VpcId": vpc, "SubnetIds": [subnet] });
            let attach = "CreateTransitGatewayVpcAttachment";
            account.call(attach, parameters).expect("it is available");
        }
        account
    }

    fn call(&mut self, operation: &str, parameters: Value) -> Reply {
        self.seq += 1;
        let parameters = parameters.as_object().expect("an object").clone();
        let call = Call {
            service: "ec2".into(),
            operation: operation.into(),
            parameters,
        };
        let before = self.control.resources().clone();
        let input = Input::Call {
            caller: &self.caller,
            call: &call,
            ids: CallIds::Journal(self.seq),
        };
        let output = self.control.handle(self.now, input);
        if output.reply.is_err() || call.is_read_only() {
            assert_eq!(output.changes, None, "{call}");
            assert_eq!(&before, self.control.resources(), "{call}");
        }
        self.apply(output.changes);
        output.reply
    }

    fn advance(&mut self, span: SimDuration) {
        let until = self.now + span;
        while let Some(at) = self.control.poll_timeout().filter(|at| *at <= until) {
            assert!(at >= self.now, "timers are in the future");
            self.now = at;
            let changes = self.control.handle_timeout(at);
            self.apply(changes);
        }
        self.now = until;
    }

    fn apply(&mut self, changes: Option<Changes>) {
        if let Some(changes) = changes {
            assert!(
                changes.effective_at >= self.last_effective,
                "changes keep their order"
            );
            assert!(changes.effective_at >= self.now);
            self.last_effective = changes.effective_at;
            for change in &changes.changes {
                self.mirror.apply(change);
            }
        }
        assert_eq!(
            &self.mirror,
            self.control.resources(),
            "the changes are the whole truth"
        );
    }
}

/// Picks one of the ids there are, or now and then one that names nothing.
fn pick<T: Display>(ids: impl Iterator<Item = T>, number: u32) -> String {
    let ids: Vec<_> = ids.map(|id| id.to_string()).collect();
    if ids.is_empty() || number % 20 == 19 {
        return "vpc-0123456789abcdef0".to_owned();
    }
    ids[number as usize % ids.len()].clone()
}

/// One plausible call, made from three numbers and what there is.
fn call(all: &Resources, kind: u32, a: u32, b: u32) -> (&'static str, Value) {
    let vpc = |n| pick(all.vpcs.keys(), n);
    let subnet = |n| pick(all.subnets.keys(), n);
    let table = |n| pick(all.route_tables.keys(), n);
    let acl = |n| pick(all.network_acls.keys(), n);
    let group = |n| pick(all.security_groups.keys(), n);
    let interface = |n| pick(all.network_interfaces.keys(), n);
    let instance = |n| pick(all.instances.keys(), n);
    let address = |n| pick(all.addresses.keys(), n);
    let gateway = |n| pick(all.internet_gateways.keys(), n);
    let nat = |n| pick(all.nat_gateways.keys(), n);
    let tgw = |n| pick(all.transit_gateways.keys(), n);
    let attachment = |n| pick(all.transit_gateway_vpc_attachments.keys(), n);
    let tgw_table = |n| pick(all.transit_gateway_route_tables.keys(), n);
    let vgw = |n| pick(all.vpn_gateways.keys(), n);
    let block = format!("10.{}.{}.0/24", b % 3, a % 8);
    let zone = format!("eu-west-1{}", ["a", "b"][(a % 2) as usize]);
    let destination = ["0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", &block][(b % 4) as usize];
    match kind {
        0 => (
            "CreateVpc",
            json!({ "CidrBlock": format!("10.{}.0.0/16", a % 3) }),
        ),
        1 | 2 => (
            "CreateSubnet",
            json!({ "VpcId": vpc(a), "CidrBlock": block, "AvailabilityZone": zone }),
        ),
        3 => ("CreateRouteTable", json!({ "VpcId": vpc(a) })),
        4 => (
            "AssociateRouteTable",
            json!({ "RouteTableId": table(a), "SubnetId": subnet(b) }),
        ),
        5 => (
            "CreateRoute",
            json!({
                "RouteTableId": table(a), "DestinationCidrBlock": destination,
                "GatewayId": gateway(b),
            }),
        ),
        6 => (
            "CreateRoute",
            json!({
                "RouteTableId": table(a), "DestinationCidrBlock": destination,
                "NatGatewayId": nat(b),
            }),
        ),
        7 => (
            "ReplaceRoute",
            json!({
                "RouteTableId": table(a), "DestinationCidrBlock": destination,
                "NetworkInterfaceId": interface(b),
            }),
        ),
        8 => (
            "DeleteRoute",
            json!({ "RouteTableId": table(a), "DestinationCidrBlock": destination }),
        ),
        9 => ("CreateInternetGateway", json!({})),
        10 | 11 => (
            "AttachInternetGateway",
            json!({ "InternetGatewayId": gateway(a), "VpcId": vpc(b) }),
        ),
        12 => (
            "DetachInternetGateway",
            json!({ "InternetGatewayId": gateway(a), "VpcId": vpc(b) }),
        ),
        13 => ("AllocateAddress", json!({})),
        14 | 15 => (
            "CreateNatGateway",
            json!({ "SubnetId": subnet(a), "AllocationId": address(b) }),
        ),
        16 => ("DeleteNatGateway", json!({ "NatGatewayId": nat(a) })),
        17 | 18 => (
            "RunInstances",
            json!({ "SubnetId": subnet(a), "MaxCount": b % 3, "InstanceType": "t3.micro" }),
        ),
        19 => ("StopInstances", json!({ "InstanceIds": [instance(a)] })),
        20 => ("StartInstances", json!({ "InstanceIds": [instance(a)] })),
        21 => (
            "TerminateInstances",
            json!({ "InstanceIds": [instance(a)] }),
        ),
        22 => (
            "AssociateAddress",
            json!({ "AllocationId": address(a), "NetworkInterfaceId": interface(b) }),
        ),
        23 => ("ReleaseAddress", json!({ "AllocationId": address(a) })),
        24 => (
            "CreateNetworkInterface",
            json!({ "SubnetId": subnet(a), "Groups": [group(b)] }),
        ),
        25 => (
            "AttachNetworkInterface",
            json!({
                "NetworkInterfaceId": interface(a), "InstanceId": instance(b),
                "DeviceIndex": b % 3,
            }),
        ),
        26 => (
            "DeleteNetworkInterface",
            json!({ "NetworkInterfaceId": interface(a) }),
        ),
        27 => ("CreateNetworkAcl", json!({ "VpcId": vpc(a) })),
        28 => (
            "CreateNetworkAclEntry",
            json!({
                "NetworkAclId": acl(a), "RuleNumber": b % 4 * 100, "Protocol": "-1",
                "RuleAction": "deny", "Egress": b.is_multiple_of(2), "CidrBlock": block,
            }),
        ),
        29 => {
            let associations = all.network_acls.values().flat_map(|it| &it.associations);
            let id = pick(associations.map(|it| &it.network_acl_association_id), b);
            (
                "ReplaceNetworkAclAssociation",
                json!({ "AssociationId": id, "NetworkAclId": acl(a) }),
            )
        }
        30 => ("DeleteNetworkAcl", json!({ "NetworkAclId": acl(a) })),
        31 => (
            "CreateSecurityGroup",
            json!({ "GroupName": format!("g{b}"), "Description": "d", "VpcId": vpc(a) }),
        ),
        32 => (
            "AuthorizeSecurityGroupIngress",
            json!({ "GroupId": group(a), "IpPermissions": [{
                "IpProtocol": "tcp", "FromPort": 1, "ToPort": 2,
                "UserIdGroupPairs": [{ "GroupId": group(b) }],
            }] }),
        ),
        33 => ("DeleteSecurityGroup", json!({ "GroupId": group(a) })),
        34 => ("DeleteSubnet", json!({ "SubnetId": subnet(a) })),
        35 => ("DeleteVpc", json!({ "VpcId": vpc(a) })),
        36 => ("CreateTransitGateway", json!({})),
        37 | 38 => (
            "CreateTransitGatewayVpcAttachment",
            json!({ "TransitGatewayId": tgw(a), "VpcId": vpc(b), "SubnetIds": [subnet(a + b)] }),
        ),
        39 => (
            "DeleteTransitGatewayVpcAttachment",
            json!({ "TransitGatewayAttachmentId": attachment(a) }),
        ),
        40 => (
            "CreateTransitGatewayRoute",
            json!({
                "TransitGatewayRouteTableId": tgw_table(a), "DestinationCidrBlock": destination,
                "TransitGatewayAttachmentId": attachment(b),
            }),
        ),
        41 => (
            "CreateRoute",
            json!({
                "RouteTableId": table(a), "DestinationCidrBlock": destination,
                "TransitGatewayId": tgw(b),
            }),
        ),
        42 => (
            "DeleteTransitGateway",
            json!({ "TransitGatewayId": tgw(a) }),
        ),
        43 => ("CreateVpnGateway", json!({ "Type": "ipsec.1" })),
        44 => (
            "AttachVpnGateway",
            json!({ "VpnGatewayId": vgw(a), "VpcId": vpc(b) }),
        ),
        45 => (
            "EnableVgwRoutePropagation",
            json!({ "GatewayId": vgw(a), "RouteTableId": table(b) }),
        ),
        46 => (
            "DetachVpnGateway",
            json!({ "VpnGatewayId": vgw(a), "VpcId": vpc(b) }),
        ),
        47 => (
            "CreateFlowLogs",
            json!({
                "ResourceType": "Subnet", "ResourceIds": [subnet(a)], "TrafficType": "ALL",
                "LogDestinationType": "s3", "LogDestination": format!("arn:aws:s3:::b{b}"),
            }),
        ),
        48 => {
            let tables = all.route_tables.values().flat_map(|it| &it.associations);
            let id = pick(tables.map(|it| &it.route_table_association_id), b);
            (
                "ReplaceRouteTableAssociation",
                json!({ "AssociationId": id, "RouteTableId": table(a) }),
            )
        }
        _ => ("DeleteRouteTable", json!({ "RouteTableId": table(a) })),
    }
}

const KINDS: u32 = 50;

fn check(all: &Resources) {
    check_vpcs(all);
    check_subnets(all);
    check_interfaces(all);
    check_addresses(all);
    check_routes(all);
}

fn check_vpcs(all: &Resources) {
    for vpc in all.vpcs.keys() {
        let tables = all.route_tables.values().filter(|it| it.vpc_id == *vpc);
        let mains = tables.flat_map(|it| &it.associations).filter(|it| it.main);
        assert_eq!(mains.count(), 1, "{vpc} has one main route table");
        let acls = all.network_acls.values();
        let defaults = acls.filter(|it| it.vpc_id == *vpc && it.is_default);
        assert_eq!(defaults.count(), 1, "{vpc} has one default network ACL");
    }
    for acl in all.network_acls.values() {
        assert!(all.vpcs.contains_key(&acl.vpc_id));
        let order: Vec<_> = acl
            .entries
            .iter()
            .map(|it| (it.egress, it.rule_number))
            .collect();
        assert!(
            order.is_sorted() && order.contains(&(true, 32767)),
            "{order:?}"
        );
    }
    for group in all.security_groups.values() {
        assert!(all.vpcs.contains_key(&group.vpc_id));
        for rule in &group.rules {
            if let RulePeer::Group(id) = &rule.peer {
                assert!(all.security_groups.contains_key(id), "{id} is referenced");
            }
        }
    }
}

fn check_subnets(all: &Resources) {
    for subnet in all.subnets.values() {
        let id = &subnet.subnet_id;
        assert!(all.vpcs[&subnet.vpc_id].cidr_blocks[0].contains(&subnet.cidr_block));
        let lists = all.network_acls.values().flat_map(|it| &it.associations);
        assert_eq!(
            lists.filter(|it| it.subnet_id == *id).count(),
            1,
            "{id} has one list"
        );
        let tables = all.route_tables.values().flat_map(|it| &it.associations);
        let own = tables.filter(|it| it.subnet_id.as_ref() == Some(id));
        assert!(
            own.count() <= 1,
            "{id} has at most one route table of its own"
        );
    }
    for flow_log in all.flow_logs.values() {
        assert!(
            all.subnets
                .contains_key(&SubnetId::new(flow_log.resource_id.clone()))
        );
    }
}

fn check_interfaces(all: &Resources) {
    let mut taken = BTreeSet::new();
    for interface in all.network_interfaces.values() {
        let subnet = &all.subnets[&interface.subnet_id];
        assert_eq!(subnet.vpc_id, interface.vpc_id);
        for address in &interface.private_ip_addresses {
            assert!(subnet.cidr_block.contains(&address.private_ip_address));
            assert!(taken.insert((&interface.vpc_id, address.private_ip_address)));
        }
        for group in &interface.groups {
            assert_eq!(all.security_groups[group].vpc_id, interface.vpc_id);
        }
        let instance = interface
            .attachment
            .as_ref()
            .and_then(|it| it.instance_id.as_ref());
        if let Some(instance) = instance {
            let interfaces = &all.instances[instance].network_interfaces;
            assert!(interfaces.contains(&interface.network_interface_id));
        }
    }
    for instance in all.instances.values() {
        let index = |id| {
            let attachment = all.network_interfaces[id].attachment.as_ref();
            let attachment = attachment.expect("an instance's interface is attached");
            assert_eq!(attachment.instance_id.as_ref(), Some(&instance.instance_id));
            attachment.device_index
        };
        let indices: Vec<_> = instance.network_interfaces.iter().map(index).collect();
        assert!(indices.is_sorted(), "{indices:?}");
        let gone = instance.state == InstanceState::Terminated;
        assert_eq!(indices.first().copied(), (!gone).then_some(0));
    }
}

fn check_addresses(all: &Resources) {
    let mut public = BTreeMap::new();
    for interface in all.network_interfaces.values() {
        for address in &interface.private_ip_addresses {
            let Some(association) = &address.association else {
                continue;
            };
            let place = (&interface.network_interface_id, address.private_ip_address);
            assert_eq!(public.insert(association.public_ip, place), None);
            if let Some(id) = &association.allocation_id {
                let elastic = &all.addresses[id];
                assert_eq!(elastic.association_id, association.association_id);
                let instance = interface
                    .attachment
                    .as_ref()
                    .and_then(|it| it.instance_id.clone());
                assert_eq!(elastic.instance_id, instance);
            }
        }
    }
    for address in all.addresses.values() {
        let place = address
            .network_interface_id
            .as_ref()
            .zip(address.private_ip_address);
        assert_eq!(public.get(&address.public_ip).copied(), place);
    }
}

fn check_routes(all: &Resources) {
    for table in all.route_tables.values() {
        let local = table
            .routes
            .iter()
            .filter(|it| it.origin == RouteOrigin::CreateRouteTable);
        assert_eq!(local.count(), all.vpcs[&table.vpc_id].cidr_blocks.len());
        for route in table
            .routes
            .iter()
            .filter(|it| it.state == RouteState::Active)
        {
            let vpc = match &route.target {
                RouteTarget::Local | RouteTarget::TransitGateway(_) => continue,
                RouteTarget::InternetGateway(id) => all.internet_gateways[id].vpc_id.clone(),
                RouteTarget::VpnGateway(id) => all.vpn_gateways[id].vpc_id.clone(),
                RouteTarget::NatGateway(id) => Some(all.nat_gateways[id].vpc_id.clone()),
                RouteTarget::NetworkInterface(id) => {
                    Some(all.network_interfaces[id].vpc_id.clone())
                }
            };
            assert_eq!(vpc.as_ref(), Some(&table.vpc_id), "{route:?}");
        }
    }
}

fn is_transitional(all: &Resources) -> bool {
    let nat =
        |it: &NatGatewayState| matches!(it, NatGatewayState::Pending | NatGatewayState::Deleting);
    let other =
        |it: ResourceState| !matches!(it, ResourceState::Available | ResourceState::Deleted);
    all.nat_gateways.values().any(|it| nat(&it.state))
        || all.transit_gateways.values().any(|it| other(it.state))
        || all
            .transit_gateway_vpc_attachments
            .values()
            .any(|it| other(it.state))
        || all
            .transit_gateway_route_tables
            .values()
            .any(|it| other(it.state))
        || all.instances.values().any(|it| {
            let lasting = [
                InstanceState::Running,
                InstanceState::Stopped,
                InstanceState::Terminated,
            ];
            !lasting.contains(&it.state)
        })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 48,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_sequence_of_calls_leaves_a_network_that_could_exist(
        steps in prop::collection::vec((0..KINDS, 0_u32..60, 0_u32..60, 0_u64..40), 1..220),
    ) {
        let mut account = Account::furnished();
        for (kind, a, b, seconds) in steps {
            let (operation, parameters) = call(account.control.resources(), kind, a, b);
            let _ = account.call(operation, parameters);
            check(account.control.resources());
            // Two thirds of the calls follow each other at once.
            if seconds % 3 == 0 {
                account.advance(SimDuration::from_secs(seconds));
                check(account.control.resources());
            }
        }
        if let Some(settled) = account.control.settled_at() {
            account.advance(settled.since(account.now));
        }
        prop_assert!(!is_transitional(account.control.resources()));
        let bytes = postcard::to_stdvec(&account.control).expect("it has a compact form");
        let back: Control = postcard::from_bytes(&bytes).expect("which can be read");
        prop_assert_eq!(back.resources(), account.control.resources());
        prop_assert_eq!(back.poll_timeout(), account.control.poll_timeout());
    }

    #[test]
    fn nonsense_is_refused_and_changes_nothing(
        operation in 0_usize..1000,
        values in prop::collection::vec((0_usize..40, any_value()), 0..6),
    ) {
        let operations: Vec<_> = Control::operations().collect();
        let operation = operations[operation % operations.len()];
        let names = operation.parameters();
        let mut parameters = Map::new();
        for (name, value) in values {
            if let Some(name) = names.get(name % names.len().max(1)) {
                parameters.insert((*name).to_owned(), value);
            }
        }
        let mut account = Account::furnished();
        let _ = account.call(operation.name, Value::Object(parameters));
        check(account.control.resources());
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (0_i64..70_000).prop_map(Value::from),
        "[a-z0-9./:-]{0,12}".prop_map(Value::from),
        Just(Value::from("10.0.0.0/16")),
        Just(Value::from("10.0.0.1")),
        Just(Value::from("tcp")),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[A-Z][a-z]{2,8}", inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

#[test]
fn operations_are_sorted_and_name_their_parameters() {
    let operations: Vec<_> = Control::operations().collect();
    assert!(operations.is_sorted_by_key(|it| it.name));
    let entry = operations
        .iter()
        .find(|it| it.name == "CreateNetworkAclEntry");
    let mut parameters = entry.expect("it is there").parameters();
    parameters.sort_unstable();
    assert_eq!(
        parameters,
        [
            "CidrBlock",
            "DryRun",
            "Egress",
            "IcmpTypeCode",
            "Ipv6CidrBlock",
            "NetworkAclId",
            "PortRange",
            "Protocol",
            "RuleAction",
            "RuleNumber",
        ]
    );
    for operation in operations {
        let reads = ["Describe", "Get", "Search"];
        let named_so = reads.iter().any(|verb| operation.name.starts_with(verb));
        assert_eq!(operation.is_read_only(), named_so, "{operation:?}");
    }
}
