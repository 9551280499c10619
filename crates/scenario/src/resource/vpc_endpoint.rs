//! `[vpc_endpoint.*]`.

use serde_json::json;
use smol_str::{SmolStr, format_smolstr};
use wirelab_model::VpcEndpointId;

use crate::build::{Builder, name_tag};
use crate::fields::Fields;

/// `[vpc_endpoint.x] vpc, service, route_tables | subnets, security_groups, private_dns`. With
/// `subnets` it is an interface endpoint, else a gateway endpoint.
pub(super) fn all(builder: &mut Builder<'_>, root: &Fields<'_>) {
    for (name, fields) in root.named("vpc_endpoint") {
        let _ = vpc_endpoint(builder, &name, &fields);
        fields.finish();
    }
}

fn vpc_endpoint(builder: &mut Builder<'_>, name: &str, fields: &Fields<'_>) -> Option<()> {
    let vpc = builder.required_id(fields, "vpc");
    let service = fields.required_text("service");
    let ids = |kind: &str, key| -> Vec<SmolStr> {
        let texts = fields.texts(key);
        let ids = texts.iter().filter_map(|it| builder.id(kind, it));
        ids.collect()
    };
    let tables = ids("route_table", "route_tables");
    let subnets = ids("subnet", "subnets");
    let groups = ids("security_group", "security_groups");
    let private_dns = fields.boolean("private_dns");
    let vpc = vpc?;
    let is_interface = !subnets.is_empty();
    let region = builder.owner(&vpc).region;
    let service = service?.text;
    let service = match service.contains('.') && service.starts_with("com.") {
        true => service.into(),
        false => format_smolstr!("com.amazonaws.{region}.{service}"),
    };
    let parameters = json!({
        "VpcEndpointType": if is_interface { "Interface" } else { "Gateway" },
        "VpcId": vpc,
        "ServiceName": service,
        "RouteTableIds": tables,
        "SubnetIds": subnets,
        "SecurityGroupIds": groups,
        "PrivateDnsEnabled": is_interface.then_some(private_dns).flatten(),
        "TagSpecifications": name_tag("vpc-endpoint", name),
    });
    let (operation, pointer) = ("CreateVpcEndpoint", "/VpcEndpoint/VpcEndpointId");
    let id = builder.create(fields, "vpc_endpoint", name, operation, parameters, pointer)?;
    let endpoints = &builder.control.resources().vpc_endpoints;
    let endpoint = endpoints.get(&VpcEndpointId::new(id));
    let interfaces = endpoint.map(|it| it.network_interface_ids.clone());
    for (index, interface) in interfaces.into_iter().flatten().enumerate() {
        let name = match index {
            0 => format!("network_interface.{name}"),
            _ => format!("network_interface.{name}-{index}"),
        };
        builder.names.bind(name, interface.as_str());
    }
    Some(())
}
