//! `[nat_gateway.*]`.

use serde_json::json;

use super::address::allocate;
use crate::build::{Builder, name_tag};
use crate::fields::Fields;

/// `[nat_gateway.x] subnet, address, connectivity_type, private_ip_address, secondary_addresses,
/// secondary_private_ip_addresses, secondary_private_ip_address_count`. A public one without
/// `address` gets an Elastic IP address of its own name.
pub(super) fn all(builder: &mut Builder<'_>, root: &Fields<'_>) {
    for (name, fields) in root.named("nat_gateway") {
        let _ = nat_gateway(builder, &name, &fields);
        fields.finish();
    }
}

fn nat_gateway(builder: &mut Builder<'_>, name: &str, fields: &Fields<'_>) -> Option<()> {
    let subnet = builder.required_id(fields, "subnet");
    let connectivity = [("public", "public"), ("private", "private")];
    let connectivity = fields
        .choice("connectivity_type", &connectivity)
        .unwrap_or("public");
    let private = fields.text("private_ip_address").map(|it| it.text);
    let address = fields.text("address");
    let allocation = match address {
        Some(address) => Some(builder.id("address", &address)?),
        None if connectivity == "public" => {
            let owner = builder.owner(subnet.as_ref()?);
            Some(allocate(builder, &owner, fields, name)?)
        }
        None => None,
    };
    let secondary = fields.texts("secondary_addresses");
    let secondary = secondary.iter().map(|it| builder.id("address", it));
    let secondary: Option<Vec<_>> = secondary.collect();
    let more = fields.texts("secondary_private_ip_addresses");
    let more: Vec<_> = more.into_iter().map(|it| it.text).collect();
    let count = fields.integer::<u8>("secondary_private_ip_address_count");
    let parameters = json!({
        "SubnetId": subnet?,
        "AllocationId": allocation,
        "ConnectivityType": connectivity,
        "PrivateIpAddress": private,
        "SecondaryAllocationIds": secondary?,
        "SecondaryPrivateIpAddresses": more,
        "SecondaryPrivateIpAddressCount": count.unwrap_or_default(),
        "TagSpecifications": name_tag("natgateway", name),
    });
    let (operation, pointer) = ("CreateNatGateway", "/NatGateway/NatGatewayId");
    let id = builder.create(fields, "nat_gateway", name, operation, parameters, pointer)?;
    let gateways = builder.control.resources().nat_gateways.values();
    let mut gateway = gateways.filter(|it| it.nat_gateway_id.as_str() == id);
    let addresses = gateway
        .next()
        .map(|it| it.nat_gateway_addresses.clone())
        .unwrap_or_default();
    if let Some(address) = addresses.first() {
        let interface = address.network_interface_id.as_str();
        builder
            .names
            .bind(format!("network_interface.{name}"), interface);
    }
    Some(())
}
