//! `[address.*]`: Elastic IP addresses.

use serde_json::json;
use smol_str::SmolStr;

use crate::build::{Builder, name_tag};
use crate::fields::Fields;

/// `[address.x] instance`. One without `instance` is there for a NAT gateway.
pub(super) fn all(builder: &mut Builder<'_>, root: &Fields<'_>) {
    for (name, fields) in root.named("address") {
        let instance = fields.text("instance");
        fields.finish();
        let Some(id) = allocate(builder, &fields, &name) else {
            continue;
        };
        let Some(instance) = instance else {
            continue;
        };
        if let Some(instance_id) = builder.id("instance", &instance) {
            let parameters = json!({ "AllocationId": id, "InstanceId": instance_id });
            builder.call(&instance.span, &name, "AssociateAddress", parameters);
        }
    }
}

/// Allocates an address called `address.name`.
pub(super) fn allocate(
    builder: &mut Builder<'_>,
    fields: &Fields<'_>,
    name: &str,
) -> Option<SmolStr> {
    let parameters = json!({
        "Domain": "vpc",
        "TagSpecifications": name_tag("elastic-ip", name),
    });
    builder.create(
        fields,
        "address",
        name,
        "AllocateAddress",
        parameters,
        "/AllocationId",
    )
}
