//! DHCP option sets (Amazon EC2 API Reference: `CreateDhcpOptions` and its kin).

use serde::Deserialize;
use serde_json::{Value, json};
use smol_str::SmolStr;
use wirelab_model::*;

use crate::describe::{Field, Reader};
use crate::error;
use crate::transaction::Transaction;
use crate::view::{done, each, one, tags};

const KEYS: [&str; 6] = [
    "domain-name-servers",
    "domain-name",
    "ntp-servers",
    "netbios-name-servers",
    "netbios-node-type",
    "ipv6-address-preferred-lease-time",
];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct CreateDhcpOptions {
    dhcp_configurations: Vec<DhcpConfiguration>,
}

pub(crate) fn create_dhcp_options(tx: &mut Transaction<'_>, request: CreateDhcpOptions) -> Reply {
    for option in &request.dhcp_configurations {
        if !KEYS.contains(&option.key.as_str()) {
            let hint = error::nearest(&option.key, KEYS.into_iter());
            let hint = hint.map_or_else(String::new, |near| format!(". Did you mean {near}?"));
            return Err(error::invalid_parameter_value(format_args!(
                "Value ({}) for parameter value is invalid. Unknown DHCP option{hint}",
                option.key
            )));
        }
    }
    let options = DhcpOptions {
        dhcp_options_id: tx.new_id::<DhcpOptions>(),
        owner_id: tx.owner.clone(),
        dhcp_configurations: request.dhcp_configurations,
        tags: tx.tags::<DhcpOptions>()?,
    };
    let shown = show(&options);
    tx.put(options);
    Ok(json!({ "DhcpOptions": shown }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DeleteDhcpOptions {
    dhcp_options_id: DhcpOptionsId,
}

pub(crate) fn delete_dhcp_options(tx: &mut Transaction<'_>, request: DeleteDhcpOptions) -> Reply {
    let id = request.dhcp_options_id;
    tx.get::<DhcpOptions>(&id)?;
    if tx
        .each::<Vpc>()
        .any(|vpc| vpc.dhcp_options_id.as_ref() == Some(&id))
    {
        return Err(error::dependency("dhcpOptions", &id));
    }
    tx.remove::<DhcpOptions>(&id);
    Ok(done())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct AssociateDhcpOptions {
    dhcp_options_id: SmolStr,
    vpc_id: VpcId,
}

pub(crate) fn associate_dhcp_options(
    tx: &mut Transaction<'_>,
    request: AssociateDhcpOptions,
) -> Reply {
    let id =
        (request.dhcp_options_id != "default").then(|| DhcpOptionsId::new(request.dhcp_options_id));
    if let Some(id) = &id {
        tx.get::<DhcpOptions>(id)?;
    }
    tx.edit::<Vpc>(&request.vpc_id)?.dhcp_options_id = id;
    Ok(done())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DescribeDhcpOptions {
    #[serde(default)]
    dhcp_options_ids: Vec<DhcpOptionsId>,
}

const FIELDS: &[Field<DhcpOptions>] = &[
    ("dhcp-options-id", |it, _| one(&it.dhcp_options_id)),
    ("key", |it, _| {
        each(it.dhcp_configurations.iter().map(|it| &it.key))
    }),
    ("value", |it, _| {
        each(it.dhcp_configurations.iter().flat_map(|it| &it.values))
    }),
    ("owner-id", |it, _| one(&it.owner_id)),
];

pub(crate) fn describe_dhcp_options(reader: &Reader<'_>, request: DescribeDhcpOptions) -> Reply {
    reader.describe("DhcpOptions", &request.dhcp_options_ids, FIELDS, show)
}

fn show(options: &DhcpOptions) -> Value {
    let configurations = options.dhcp_configurations.iter().map(|option| {
        let values = option.values.iter().map(|value| json!({ "Value": value }));
        json!({ "Key": option.key, "Values": values.collect::<Vec<_>>() })
    });
    json!({
        "DhcpOptionsId": options.dhcp_options_id,
        "DhcpConfigurations": configurations.collect::<Vec<_>>(),
        "OwnerId": options.owner_id,
        "Tags": tags(&options.tags),
    })
}
