//! `[address.*]`: Elastic IP addresses.

use serde_json::json;
use smol_str::SmolStr;
use wirelab_model::Caller;

use crate::build::{Builder, name_tag};
use crate::fields::Fields;

/// `[address.x] instance`. One without `instance` is there for a NAT gateway; it may have the keys
/// `account` and `region`.
pub(super) fn all(builder: &mut Builder<'_>, root: &Fields<'_>) {
    for (name, fields) in root.named("address") {
        let _ = address(builder, &name, &fields);
        fields.finish();
    }
}

fn address(builder: &mut Builder<'_>, name: &str, fields: &Fields<'_>) -> Option<()> {
    let instance = fields.text("instance");
    let instance_id = instance.as_ref().and_then(|it| builder.id("instance", it));
    let caller = builder.with_or_by(instance_id.as_deref(), fields);
    let id = allocate(builder, &caller, fields, name)?;
    let parameters = json!({ "AllocationId": id, "InstanceId": instance_id? });
    builder.call(&instance?.span, name, "AssociateAddress", parameters);
    Some(())
}

/// Allocates an address called `address.name`.
pub(super) fn allocate(
    builder: &mut Builder<'_>,
    caller: &Caller,
    fields: &Fields<'_>,
    name: &str,
) -> Option<SmolStr> {
    let parameters = json!({
        "Domain": "vpc",
        "TagSpecifications": name_tag("elastic-ip", name),
    });
    let operation = ("AllocateAddress", "/AllocationId");
    builder.create_as(caller, fields, "address", name, operation, parameters)
}
