//! `[subnet.*]`.

use serde_json::json;
use smol_str::SmolStr;
use wirelab_model::{Ipv6Net, VpcId};

use crate::build::{Builder, name_tag};
use crate::fields::{Fields, Text};

/// `[subnet.x] vpc, cidr_block, availability_zone, map_public_ip_on_launch, route_table,
/// network_acl, ipv6, ipv6_cidr_block, assign_ipv6_address_on_creation`. A subnet of a VPC with
/// IPv6 has the VPC's next free /64, unless it says `ipv6 = false` or names its block, and gives
/// its instances addresses of it. Route table and network ACL are done by [`associate`], once there
/// are such things.
pub(super) fn subnets(builder: &mut Builder<'_>, root: &Fields<'_>) {
    for (name, fields) in root.named("subnet") {
        let _ = subnet(builder, &name, &fields);
        let _ = (fields.text("route_table"), fields.text("network_acl"));
        fields.finish();
    }
}

fn subnet(builder: &mut Builder<'_>, name: &str, fields: &Fields<'_>) -> Option<()> {
    let vpc = builder.required_id(fields, "vpc");
    let block = fields.required_text("cidr_block");
    let zone = fields.text("availability_zone").map(|zone| zone.text);
    let public = fields.boolean("map_public_ip_on_launch").unwrap_or(false);
    let vpc = vpc?;
    let wants_ipv6 = fields.boolean("ipv6").unwrap_or(true);
    let named = fields.text("ipv6_cidr_block").map(|it| it.text);
    let ipv6 = named.or_else(|| next_ipv6(builder, &vpc).filter(|_| wants_ipv6));
    let assigns = fields.boolean("assign_ipv6_address_on_creation");
    let assigns = assigns.unwrap_or_else(|| ipv6.is_some());
    let parameters = json!({
        "VpcId": vpc,
        "CidrBlock": block?.text,
        "Ipv6CidrBlock": ipv6,
        "AvailabilityZone": zone,
        "TagSpecifications": name_tag("subnet", name),
    });
    let (operation, pointer) = ("CreateSubnet", "/Subnet/SubnetId");
    let id = builder.create(fields, "subnet", name, operation, parameters, pointer)?;
    if public {
        let parameters = json!({ "SubnetId": id, "MapPublicIpOnLaunch": { "Value": true } });
        builder.call(fields.span(), name, "ModifySubnetAttribute", parameters);
    }
    if assigns {
        let flag = json!({ "Value": true });
        let parameters = json!({ "SubnetId": id, "AssignIpv6AddressOnCreation": flag });
        builder.call(fields.span(), name, "ModifySubnetAttribute", parameters);
    }
    Some(())
}

/// The first /64 of the VPC's IPv6 block that no subnet has.
fn next_ipv6(builder: &Builder<'_>, vpc: &SmolStr) -> Option<String> {
    let resources = builder.control.resources();
    let vpc = resources.vpcs.get(&VpcId::new(vpc.clone()))?;
    let block = vpc.ipv6_cidr_blocks.first()?;
    let taken = |cidr: &Ipv6Net| {
        let mut subnets = resources.subnets.values();
        subnets.any(|it| it.ipv6_cidr_block == Some(*cidr))
    };
    let mut free = block.subnets(64).ok()?.filter(|cidr| !taken(cidr));
    free.next().map(|cidr| cidr.to_string())
}

/// Gives subnets the route table and network ACL they name.
pub(super) fn associate(builder: &mut Builder<'_>, root: &Fields<'_>) {
    for (name, fields) in root.named("subnet") {
        let Some(subnet) = builder.names.id(&format!("subnet.{name}")).cloned() else {
            continue;
        };
        if let Some(text) = fields.text("route_table") {
            route_table(builder, &name, &subnet, &text);
        }
        if let Some(text) = fields.text("network_acl") {
            network_acl(builder, &name, &subnet, &text);
        }
    }
}

fn route_table(builder: &mut Builder<'_>, name: &str, subnet: &SmolStr, text: &Text) {
    if let Some(table) = builder.id("route_table", text) {
        let parameters = json!({ "RouteTableId": table, "SubnetId": subnet });
        builder.call(&text.span, name, "AssociateRouteTable", parameters);
    }
}

/// The API replaces the association with the default list, whose id has to be found first.
fn network_acl(builder: &mut Builder<'_>, name: &str, subnet: &SmolStr, text: &Text) {
    let Some(acl) = builder.id("network_acl", text) else {
        return;
    };
    let mut associations = builder
        .control
        .resources()
        .network_acls
        .values()
        .flat_map(|acl| &acl.associations);
    let association = associations.find(|it| it.subnet_id.as_str() == subnet);
    let association = association.map(|it| it.network_acl_association_id.clone());
    let parameters = json!({ "AssociationId": association, "NetworkAclId": acl });
    builder.call(&text.span, name, "ReplaceNetworkAclAssociation", parameters);
}
