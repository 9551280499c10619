//! Options of the instance metadata service (Amazon EC2 API Reference:
//! `ModifyInstanceMetadataOptions`; EC2 User Guide, "Configure the instance metadata options").

use serde::Deserialize;
use serde_json::{Value, json};
use wirelab_model::*;

use crate::error;
use crate::transaction::Transaction;

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Switch {
    Enabled,
    Disabled,
}

/// `MetadataOptions` of `RunInstances`, and the parameters of the call that changes them.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct MetadataRequest {
    http_tokens: Option<HttpTokens>,
    http_put_response_hop_limit: Option<i64>,
    http_endpoint: Option<Switch>,
    http_protocol_ipv6: Option<Switch>,
    instance_metadata_tags: Option<Switch>,
}

impl MetadataRequest {
    /// The options, with what the request names changed.
    ///
    /// # Errors
    /// A hop limit beyond 1 to 64.
    pub(crate) fn applied_to(self, old: MetadataOptions) -> Result<MetadataOptions, ApiError> {
        let limit = match self.http_put_response_hop_limit {
            None => old.http_put_response_hop_limit,
            Some(limit @ 1..=64) => u8::try_from(limit).expect("it is at most 64"),
            Some(limit) => {
                let (name, why) = ("HttpPutResponseHopLimit", "1 to 64");
                return Err(error::invalid_value(&limit.to_string(), name, why));
            }
        };
        let switch = |wanted: Option<Switch>, old| match wanted {
            None => old,
            Some(switch) => matches!(switch, Switch::Enabled),
        };
        Ok(MetadataOptions {
            http_tokens: self.http_tokens.unwrap_or(old.http_tokens),
            http_put_response_hop_limit: limit,
            http_endpoint: switch(self.http_endpoint, old.http_endpoint),
            http_protocol_ipv6: switch(self.http_protocol_ipv6, old.http_protocol_ipv6),
            instance_metadata_tags: switch(self.instance_metadata_tags, old.instance_metadata_tags),
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct ModifyInstanceMetadataOptions {
    instance_id: InstanceId,
    http_tokens: Option<HttpTokens>,
    http_put_response_hop_limit: Option<i64>,
    http_endpoint: Option<Switch>,
    http_protocol_ipv6: Option<Switch>,
    instance_metadata_tags: Option<Switch>,
}

pub(crate) fn modify_instance_metadata_options(
    tx: &mut Transaction<'_>,
    request: ModifyInstanceMetadataOptions,
) -> Reply {
    let wanted = MetadataRequest {
        http_tokens: request.http_tokens,
        http_put_response_hop_limit: request.http_put_response_hop_limit,
        http_endpoint: request.http_endpoint,
        http_protocol_ipv6: request.http_protocol_ipv6,
        instance_metadata_tags: request.instance_metadata_tags,
    };
    let id = request.instance_id;
    let instance = tx.edit::<Instance>(&id)?;
    if instance.state == InstanceState::Terminated {
        return Err(error::incorrect_instance_state(&id, "running"));
    }
    instance.metadata_options = wanted.applied_to(instance.metadata_options)?;
    let mut shown = show(&instance.metadata_options);
    shown["State"] = json!("pending");
    Ok(json!({ "InstanceId": id, "InstanceMetadataOptions": shown }))
}

/// As `DescribeInstances` shows them.
pub(crate) fn show(options: &MetadataOptions) -> Value {
    let switch = |on| if on { "enabled" } else { "disabled" };
    json!({
        "State": "applied",
        "HttpTokens": options.http_tokens,
        "HttpPutResponseHopLimit": options.http_put_response_hop_limit,
        "HttpEndpoint": switch(options.http_endpoint),
        "HttpProtocolIpv6": switch(options.http_protocol_ipv6),
        "InstanceMetadataTags": switch(options.instance_metadata_tags),
    })
}
