//! `[subnet.*]`.

use serde_json::json;
use smol_str::SmolStr;

use crate::build::{Builder, name_tag};
use crate::fields::{Fields, Text};

/// `[subnet.x] vpc, cidr_block, availability_zone, map_public_ip_on_launch, route_table,
/// network_acl`. The last two are done by [`associate`], once there are such things.
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
    let parameters = json!({
        "VpcId": vpc?,
        "CidrBlock": block?.text,
        "AvailabilityZone": zone,
        "TagSpecifications": name_tag("subnet", name),
    });
    let (operation, pointer) = ("CreateSubnet", "/Subnet/SubnetId");
    let id = builder.create(fields, "subnet", name, operation, parameters, pointer)?;
    if public {
        let parameters = json!({ "SubnetId": id, "MapPublicIpOnLaunch": { "Value": true } });
        builder.call(fields.span(), name, "ModifySubnetAttribute", parameters);
    }
    Some(())
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
