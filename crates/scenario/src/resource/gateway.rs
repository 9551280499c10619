//! `[internet_gateway.*]`.

use serde_json::json;

use crate::build::{Builder, name_tag};
use crate::fields::Fields;

/// `[internet_gateway.x] vpc`.
pub(super) fn internet_gateways(builder: &mut Builder<'_>, root: &Fields<'_>) {
    for (name, fields) in root.named("internet_gateway") {
        let vpc = fields.text("vpc");
        fields.finish();
        let parameters = json!({ "TagSpecifications": name_tag("internet-gateway", &name) });
        let (operation, pointer) = (
            "CreateInternetGateway",
            "/InternetGateway/InternetGatewayId",
        );
        let made = builder.create(
            &fields,
            "internet_gateway",
            &name,
            operation,
            parameters,
            pointer,
        );
        let Some((id, vpc)) = made.zip(vpc) else {
            continue;
        };
        if let Some(vpc_id) = builder.id("vpc", &vpc) {
            let parameters = json!({ "InternetGatewayId": id, "VpcId": vpc_id });
            builder.call(&vpc.span, &name, "AttachInternetGateway", parameters);
        }
    }
}
