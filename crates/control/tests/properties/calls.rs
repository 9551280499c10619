//! Plausible calls, made from three numbers and what there is.

use std::fmt::Display;

use serde_json::{Value, json};
use wirelab_model::Resources;

/// How many sorts of calls there are.
pub(crate) const KINDS: u32 = 50;

type Plausible = (&'static str, Value);

/// Picks one of the ids there are, or now and then one that names nothing.
fn pick<T: Display>(ids: impl Iterator<Item = T>, number: u32) -> String {
    let ids: Vec<_> = ids.map(|id| id.to_string()).collect();
    if ids.is_empty() || number % 20 == 19 {
        return "vpc-0123456789abcdef0".to_owned();
    }
    ids[number as usize % ids.len()].clone()
}

/// Ids of what there is.
struct Of<'a>(&'a Resources);

macro_rules! picks {
    ($($name:ident $field:ident;)*) => {
        impl Of<'_> {
            $(fn $name(&self, number: u32) -> String {
                pick(self.0.$field.keys(), number)
            })*
        }
    };
}

picks! {
    vpc vpcs;
    subnet subnets;
    table route_tables;
    acl network_acls;
    group security_groups;
    interface network_interfaces;
    instance instances;
    address addresses;
    gateway internet_gateways;
    nat nat_gateways;
    tgw transit_gateways;
    attachment transit_gateway_attachments;
    tgw_table transit_gateway_route_tables;
    vgw vpn_gateways;
}

/// One plausible call of sort `kind`.
pub(crate) fn call(all: &Resources, kind: u32, a: u32, b: u32) -> Plausible {
    let of = Of(all);
    match kind {
        0..=12 => routing_call(&of, kind, a, b),
        13..=26 => host_call(&of, kind, a, b),
        27..=35 => filter_call(&of, kind, a, b),
        _ => gateway_call(&of, kind, a, b),
    }
}

fn block(a: u32, b: u32) -> String {
    format!("10.{}.{}.0/24", b % 3, a % 8)
}

fn destination(a: u32, b: u32) -> String {
    match b % 4 {
        0 => "0.0.0.0/0".to_owned(),
        1 => "10.0.0.0/8".to_owned(),
        2 => "10.1.0.0/16".to_owned(),
        _ => block(a, b),
    }
}

fn routing_call(of: &Of<'_>, kind: u32, a: u32, b: u32) -> Plausible {
    let zone = ["eu-west-1a", "eu-west-1b"][(a % 2) as usize];
    match kind {
        0 => (
            "CreateVpc",
            json!({ "CidrBlock": format!("10.{}.0.0/16", a % 3) }),
        ),
        1 | 2 => (
            "CreateSubnet",
            json!({ "VpcId": of.vpc(a), "CidrBlock": block(a, b), "AvailabilityZone": zone }),
        ),
        3 => ("CreateRouteTable", json!({ "VpcId": of.vpc(a) })),
        4 => (
            "AssociateRouteTable",
            json!({ "RouteTableId": of.table(a), "SubnetId": of.subnet(b) }),
        ),
        5 => (
            "CreateRoute",
            json!({
                "RouteTableId": of.table(a), "DestinationCidrBlock": destination(a, b),
                "GatewayId": of.gateway(b),
            }),
        ),
        6 => (
            "CreateRoute",
            json!({
                "RouteTableId": of.table(a), "DestinationCidrBlock": destination(a, b),
                "NatGatewayId": of.nat(b),
            }),
        ),
        7 => (
            "ReplaceRoute",
            json!({
                "RouteTableId": of.table(a), "DestinationCidrBlock": destination(a, b),
                "NetworkInterfaceId": of.interface(b),
            }),
        ),
        8 => (
            "DeleteRoute",
            json!({ "RouteTableId": of.table(a), "DestinationCidrBlock": destination(a, b) }),
        ),
        9 => ("CreateInternetGateway", json!({})),
        10 | 11 => (
            "AttachInternetGateway",
            json!({ "InternetGatewayId": of.gateway(a), "VpcId": of.vpc(b) }),
        ),
        _ => (
            "DetachInternetGateway",
            json!({ "InternetGatewayId": of.gateway(a), "VpcId": of.vpc(b) }),
        ),
    }
}

fn host_call(of: &Of<'_>, kind: u32, a: u32, b: u32) -> Plausible {
    match kind {
        13 => ("AllocateAddress", json!({})),
        14 | 15 => (
            "CreateNatGateway",
            json!({ "SubnetId": of.subnet(a), "AllocationId": of.address(b) }),
        ),
        16 => ("DeleteNatGateway", json!({ "NatGatewayId": of.nat(a) })),
        17 | 18 => (
            "RunInstances",
            json!({ "SubnetId": of.subnet(a), "MaxCount": b % 3, "InstanceType": "t3.micro" }),
        ),
        19 => ("StopInstances", json!({ "InstanceIds": [of.instance(a)] })),
        20 => ("StartInstances", json!({ "InstanceIds": [of.instance(a)] })),
        21 => (
            "TerminateInstances",
            json!({ "InstanceIds": [of.instance(a)] }),
        ),
        22 => (
            "AssociateAddress",
            json!({ "AllocationId": of.address(a), "NetworkInterfaceId": of.interface(b) }),
        ),
        23 => ("ReleaseAddress", json!({ "AllocationId": of.address(a) })),
        24 => (
            "CreateNetworkInterface",
            json!({ "SubnetId": of.subnet(a), "Groups": [of.group(b)] }),
        ),
        25 => (
            "AttachNetworkInterface",
            json!({
                "NetworkInterfaceId": of.interface(a), "InstanceId": of.instance(b),
                "DeviceIndex": b % 3,
            }),
        ),
        _ => (
            "DeleteNetworkInterface",
            json!({ "NetworkInterfaceId": of.interface(a) }),
        ),
    }
}

fn filter_call(of: &Of<'_>, kind: u32, a: u32, b: u32) -> Plausible {
    match kind {
        27 => ("CreateNetworkAcl", json!({ "VpcId": of.vpc(a) })),
        28 => (
            "CreateNetworkAclEntry",
            json!({
                "NetworkAclId": of.acl(a), "RuleNumber": b % 4 * 100, "Protocol": "-1",
                "RuleAction": "deny", "Egress": b.is_multiple_of(2), "CidrBlock": block(a, b),
            }),
        ),
        29 => {
            let associations = of.0.network_acls.values().flat_map(|it| &it.associations);
            let id = pick(associations.map(|it| &it.network_acl_association_id), b);
            (
                "ReplaceNetworkAclAssociation",
                json!({ "AssociationId": id, "NetworkAclId": of.acl(a) }),
            )
        }
        30 => ("DeleteNetworkAcl", json!({ "NetworkAclId": of.acl(a) })),
        31 => (
            "CreateSecurityGroup",
            json!({ "GroupName": format!("g{b}"), "Description": "d", "VpcId": of.vpc(a) }),
        ),
        32 => (
            "AuthorizeSecurityGroupIngress",
            json!({ "GroupId": of.group(a), "IpPermissions": [{
                "IpProtocol": "tcp", "FromPort": 1, "ToPort": 2,
                "UserIdGroupPairs": [{ "GroupId": of.group(b) }],
            }] }),
        ),
        33 => ("DeleteSecurityGroup", json!({ "GroupId": of.group(a) })),
        34 => ("DeleteSubnet", json!({ "SubnetId": of.subnet(a) })),
        _ => ("DeleteVpc", json!({ "VpcId": of.vpc(a) })),
    }
}

fn gateway_call(of: &Of<'_>, kind: u32, a: u32, b: u32) -> Plausible {
    match kind {
        36 => ("CreateTransitGateway", json!({})),
        37 | 38 => (
            "CreateTransitGatewayVpcAttachment",
            json!({ "TransitGatewayId": of.tgw(a), "VpcId": of.vpc(b),
            "SubnetIds": [of.subnet(a + b)] }),
        ),
        39 => (
            "DeleteTransitGatewayVpcAttachment",
            json!({ "TransitGatewayAttachmentId": of.attachment(a) }),
        ),
        40 => (
            "CreateTransitGatewayRoute",
            json!({
                "TransitGatewayRouteTableId": of.tgw_table(a),
                "DestinationCidrBlock": destination(a, b),
                "TransitGatewayAttachmentId": of.attachment(b),
            }),
        ),
        41 => (
            "CreateRoute",
            json!({
                "RouteTableId": of.table(a), "DestinationCidrBlock": destination(a, b),
                "TransitGatewayId": of.tgw(b),
            }),
        ),
        42 => (
            "DeleteTransitGateway",
            json!({ "TransitGatewayId": of.tgw(a) }),
        ),
        43 => ("CreateVpnGateway", json!({ "Type": "ipsec.1" })),
        44 => (
            "AttachVpnGateway",
            json!({ "VpnGatewayId": of.vgw(a), "VpcId": of.vpc(b) }),
        ),
        45 => (
            "EnableVgwRoutePropagation",
            json!({ "GatewayId": of.vgw(a), "RouteTableId": of.table(b) }),
        ),
        46 => (
            "DetachVpnGateway",
            json!({ "VpnGatewayId": of.vgw(a), "VpcId": of.vpc(b) }),
        ),
        47 => (
            "CreateFlowLogs",
            json!({
                "ResourceType": "Subnet", "ResourceIds": [of.subnet(a)], "TrafficType": "ALL",
                "LogDestinationType": "s3", "LogDestination": format!("arn:aws:s3:::b{b}"),
            }),
        ),
        48 => {
            let tables = of.0.route_tables.values().flat_map(|it| &it.associations);
            let id = pick(tables.map(|it| &it.route_table_association_id), b);
            (
                "ReplaceRouteTableAssociation",
                json!({ "AssociationId": id, "RouteTableId": of.table(a) }),
            )
        }
        _ => ("DeleteRouteTable", json!({ "RouteTableId": of.table(a) })),
    }
}
