//! `[internet_gateway.*]` and `[egress_only_internet_gateway.*]`.

use serde_json::json;

use crate::build::{Builder, name_tag};
use crate::fields::Fields;

/// `[internet_gateway.x] vpc`.
pub(super) fn internet_gateways(builder: &mut Builder<'_>, root: &Fields<'_>) {
    for (name, fields) in root.named("internet_gateway") {
        let _ = internet_gateway(builder, &name, &fields);
        fields.finish();
    }
}

fn internet_gateway(builder: &mut Builder<'_>, name: &str, fields: &Fields<'_>) -> Option<()> {
    let vpc = fields.text("vpc");
    let vpc_id = vpc.as_ref().and_then(|vpc| builder.id("vpc", vpc));
    let caller = builder.with_or_by(vpc_id.as_deref(), fields);
    let parameters = json!({ "TagSpecifications": name_tag("internet-gateway", name) });
    let operation = (
        "CreateInternetGateway",
        "/InternetGateway/InternetGatewayId",
    );
    let kind = "internet_gateway";
    let id = builder.create_as(&caller, fields, kind, name, operation, parameters)?;
    let parameters = json!({ "InternetGatewayId": id, "VpcId": vpc_id? });
    builder.call(&vpc?.span, name, "AttachInternetGateway", parameters);
    Some(())
}

/// `[egress_only_internet_gateway.x] vpc`.
pub(super) fn egress_only_internet_gateways(builder: &mut Builder<'_>, root: &Fields<'_>) {
    let kind = "egress_only_internet_gateway";
    for (name, fields) in root.named("egress_only_internet_gateway") {
        let vpc = builder.required_id(&fields, "vpc");
        fields.finish();
        let Some(vpc) = vpc else { continue };
        let parameters = json!({
            "VpcId": vpc,
            "TagSpecifications": name_tag("egress-only-internet-gateway", &name),
        });
        let operation = "CreateEgressOnlyInternetGateway";
        let pointer = "/EgressOnlyInternetGateway/EgressOnlyInternetGatewayId";
        builder.create(&fields, kind, &name, operation, parameters, pointer);
    }
}
