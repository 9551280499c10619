//! What an account is allowed (Amazon EC2 API Reference: `DescribeAccountAttributes`).

use serde::Deserialize;
use serde_json::{Value, json};
use smol_str::SmolStr;
use wirelab_model::{Reply, Vpc};

use crate::describe::Reader;
use crate::error;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DescribeAccountAttributes {
    #[serde(default)]
    attribute_names: Vec<SmolStr>,
}

pub(crate) fn describe_account_attributes(
    reader: &Reader<'_>,
    request: DescribeAccountAttributes,
) -> Reply {
    let quotas = &reader.quotas();
    let default_vpc = reader.each::<Vpc>().find(|it| it.is_default);
    let default_vpc = default_vpc.map(|it| it.vpc_id.to_string());
    let attributes: [(&str, String); 6] = [
        ("supported-platforms", "VPC".to_owned()),
        (
            "vpc-max-security-groups-per-interface",
            quotas.security_groups_per_interface.to_string(),
        ),
        ("max-elastic-ips", quotas.addresses.to_string()),
        // "This attribute is no longer supported. The returned value does not reflect your actual
        // vCPU limit": it is 20 for everybody.
        ("max-instances", "20".to_owned()),
        ("vpc-max-elastic-ips", quotas.addresses.to_string()),
        (
            "default-vpc",
            default_vpc.unwrap_or_else(|| "none".to_owned()),
        ),
    ];
    let names = &request.attribute_names;
    let known = |name: &&SmolStr| attributes.iter().any(|it| it.0 == name.as_str());
    if let Some(unknown) = names.iter().find(|name| !known(name)) {
        let known = attributes
            .iter()
            .map(|it| it.0)
            .collect::<Vec<_>>()
            .join(", ");
        let why = format!("it is not one of {known}");
        return Err(error::invalid_value(unknown, "AttributeNames", &why));
    }
    let wanted = attributes
        .iter()
        .filter(|it| names.is_empty() || names.iter().any(|name| name == it.0));
    let shown: Vec<Value> = wanted
        .map(|(name, value)| {
            json!({ "AttributeName": name, "AttributeValues": [{ "AttributeValue": value }] })
        })
        .collect();
    Ok(json!({ "AccountAttributes": shown }))
}
