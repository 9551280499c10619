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

/// Servers of one kind and one version of IP at most.
const SERVERS_AT_MOST: usize = 4;

/// Seconds of a lease of an IPv6 address.
const LEASE: std::ops::RangeInclusive<u32> = 140..=2_147_483_647;

/// The set of a VPC that was given no other; made with the first VPC of an account in a Region
/// (Amazon VPC User Guide, "DHCP option sets").
pub(crate) fn default_set(tx: &mut Transaction<'_>) -> DhcpOptionsId {
    let known = tx.state.default_dhcp_options.get(tx.realm());
    if let Some(id) = known.filter(|id| tx.resources().dhcp_options.contains_key(*id)) {
        return id.clone();
    }
    let name = private_dns_name(&tx.region, std::net::Ipv4Addr::UNSPECIFIED);
    let domain = name.split_once('.').map_or("", |(_, domain)| domain);
    let option = |key: &str, value: &str| DhcpConfiguration {
        key: key.into(),
        values: vec![value.into()],
    };
    let id = tx.new_id::<DhcpOptions>();
    let options = DhcpOptions {
        dhcp_options_id: id.clone(),
        owner_id: tx.owner.clone(),
        dhcp_configurations: vec![
            option("domain-name", domain),
            option("domain-name-servers", "AmazonProvidedDNS"),
        ],
        tags: Vec::new(),
    };
    tx.put(options);
    let realm = tx.realm().clone();
    tx.state.default_dhcp_options.insert(realm, id.clone());
    id
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct CreateDhcpOptions {
    dhcp_configurations: Vec<DhcpConfiguration>,
}

pub(crate) fn create_dhcp_options(tx: &mut Transaction<'_>, request: CreateDhcpOptions) -> Reply {
    let mut configurations: Vec<DhcpConfiguration> = Vec::new();
    for option in request.dhcp_configurations {
        let option = checked(option)?;
        if configurations.iter().any(|it| it.key == option.key) {
            return wrong(&option.key, "it is given twice");
        }
        configurations.push(option);
    }
    if configurations.is_empty() {
        return Err(error::missing_parameter("DhcpConfiguration"));
    }
    let options = DhcpOptions {
        dhcp_options_id: tx.new_id::<DhcpOptions>(),
        owner_id: tx.owner.clone(),
        dhcp_configurations: configurations,
        tags: tx.tags::<DhcpOptions>()?,
    };
    let shown = show(&options);
    tx.put(options);
    Ok(json!({ "DhcpOptions": shown }))
}

/// The option with each of its values, if it may have these: addresses may come in one text, with
/// commas (Amazon EC2 API Reference, `CreateDhcpOptions`).
fn checked(option: DhcpConfiguration) -> Result<DhcpConfiguration, ApiError> {
    let DhcpConfiguration { key, values } = option;
    if !KEYS.contains(&key.as_str()) {
        let hint = error::nearest(&key, KEYS.into_iter());
        let hint = hint.map_or_else(String::new, |near| format!(". Did you mean {near}?"));
        return Err(error::invalid_parameter_value(format_args!(
            "Value ({key}) for parameter value is invalid. Unknown DHCP option{hint}"
        )));
    }
    if values.is_empty() {
        return wrong(&key, "it has no value");
    }
    let values = match key.as_str() {
        "domain-name-servers" | "ntp-servers" | "netbios-name-servers" => servers(&key, &values)?,
        _ => values,
    };
    if !key.ends_with("-servers") && values.len() > 1 {
        return wrong(&key, "it takes one value");
    }
    let first = values[0].as_str();
    match key.as_str() {
        "domain-name" if first.split_whitespace().next().is_none() => {
            return wrong(&key, "it is empty");
        }
        "netbios-node-type" if !["1", "2", "4", "8"].contains(&first) => {
            return wrong(&key, "it is 1, 2, 4 or 8");
        }
        "ipv6-address-preferred-lease-time"
            if !first.parse().is_ok_and(|it| LEASE.contains(&it)) =>
        {
            return wrong(&key, "it is 140 to 2147483647 seconds");
        }
        _ => {}
    }
    Ok(DhcpConfiguration { key, values })
}

fn servers(key: &str, values: &[SmolStr]) -> Result<Vec<SmolStr>, ApiError> {
    let texts = values.iter().flat_map(|it| it.split(','));
    let servers: Vec<SmolStr> = texts.map(|it| it.trim().into()).collect();
    let is_amazon = |it: &SmolStr| key == "domain-name-servers" && it == "AmazonProvidedDNS";
    let (mut v4, mut v6) = (0, 0);
    for server in &servers {
        match server.parse() {
            Ok(std::net::IpAddr::V6(_)) if key != "netbios-name-servers" => v6 += 1,
            Ok(std::net::IpAddr::V4(_)) => v4 += 1,
            _ if is_amazon(server) => v4 += 1,
            _ => {
                return Err(error::invalid_parameter_value(format_args!(
                    "Value ({server}) for parameter {key} is invalid. Invalid IPv4 address"
                )));
            }
        }
    }
    let is_too_many = match key {
        "ntp-servers" => v4 > SERVERS_AT_MOST || v6 > SERVERS_AT_MOST,
        _ => v4 + v6 > SERVERS_AT_MOST,
    };
    match is_too_many {
        true => wrong(key, "it takes four addresses at most"),
        false => Ok(servers),
    }
}

fn wrong<T>(key: &str, why: &str) -> Result<T, ApiError> {
    Err(error::invalid_parameter_value(format_args!(
        "Value for parameter {key} is invalid: {why}"
    )))
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
