//! The items of instance metadata (EC2 User Guide, "Instance metadata categories").

use std::collections::BTreeSet;

use wirelab_model::{
    IamInstanceProfile, Instance, NetworkInterface, private_dns_name, public_dns_name,
};

use crate::host::program::date;
use crate::service::Context;

/// The item or listing at a path; nothing if there is none.
pub(super) fn get(path: &str, instance: &Instance, context: Context<'_>) -> Option<String> {
    let path = path.trim_matches('/');
    let (version, rest) = path.split_once('/').unwrap_or((path, ""));
    if version.is_empty() {
        return Some(VERSIONS.join("\n"));
    }
    if !VERSIONS.contains(&version) {
        return None;
    }
    if rest.is_empty() {
        return Some("dynamic\nmeta-data".to_owned());
    }
    let items = items(instance, context);
    if let Some((_, value)) = items.iter().find(|(item, _)| item == rest) {
        return Some(value.clone());
    }
    let below: BTreeSet<String> = (items.iter())
        .filter_map(|(item, _)| {
            let tail = item.strip_prefix(rest)?.strip_prefix('/')?;
            Some(match tail.split_once('/') {
                Some((folder, _)) => format!("{folder}/"),
                None => tail.to_owned(),
            })
        })
        .collect();
    let listing: Vec<_> = below.into_iter().collect();
    (!listing.is_empty()).then(|| listing.join("\n"))
}

/// Versions of the tree; all of them are alike here.
const VERSIONS: [&str; 4] = ["1.0", "2021-03-23", "2023-02-15", "latest"];

type Items = Vec<(String, String)>;

/// Every item with its path below the version.
fn items(instance: &Instance, context: Context<'_>) -> Items {
    let resources = context.resources;
    let ids = instance.network_interfaces.iter();
    let interfaces: Vec<&NetworkInterface> = ids
        .filter_map(|id| resources.network_interfaces.get(id))
        .map(AsRef::as_ref)
        .collect();
    let region = region(instance, context);
    let mut items = Items::new();
    let mut add = |path: &str, value: String| items.push((format!("meta-data/{path}"), value));
    add("ami-launch-index", "0".to_owned());
    add("instance-action", "none".to_owned());
    add("instance-id", instance.instance_id.to_string());
    add("instance-life-cycle", "on-demand".to_owned());
    add("instance-type", instance.instance_type.to_string());
    add("profile", "default-hvm".to_owned());
    add("services/domain", "amazonaws.com".to_owned());
    add("services/partition", "aws".to_owned());
    add("placement/region", region.clone());
    if let Some(subnet) = resources.subnets.get(&instance.subnet_id) {
        let (zone, id) = (&subnet.availability_zone, &subnet.availability_zone_id);
        add("placement/availability-zone", zone.to_string());
        add("placement/availability-zone-id", id.to_string());
    }
    if let Some(primary) = interfaces.first() {
        let name = private_dns_name(&region, primary.private_ip_address);
        add("hostname", name.clone());
        add("local-hostname", name);
        add("local-ipv4", primary.private_ip_address.to_string());
        add("mac", primary.mac_address.to_string());
        add("security-groups", group_names(primary, context));
        if let Some(public) = public_address(primary) {
            add("public-ipv4", public.to_string());
            let named = has_public_names(instance, context);
            let name = named.then(|| public_dns_name(&region, public));
            add("public-hostname", name.unwrap_or_default());
        }
    }
    if instance.metadata_options.instance_metadata_tags {
        for tag in &instance.tags {
            add(&format!("tags/instance/{}", tag.key), tag.value.to_string());
        }
    }
    for (device, interface) in interfaces.iter().enumerate() {
        items.extend(interface_items(
            device, interface, &region, instance, context,
        ));
    }
    items.extend(role_items(instance, context));
    let document = identity(instance, interfaces.first().copied(), &region, context);
    items.push(("dynamic/instance-identity/document".to_owned(), document));
    items
}

fn region(instance: &Instance, context: Context<'_>) -> String {
    let vpc = context.resources.vpcs.get(&instance.vpc_id);
    vpc.map_or(&context.config.region, |it| &it.region)
        .to_string()
}

fn has_public_names(instance: &Instance, context: Context<'_>) -> bool {
    let vpc = context.resources.vpcs.get(&instance.vpc_id);
    vpc.is_some_and(|it| it.enable_dns_hostnames)
}

fn public_address(interface: &NetworkInterface) -> Option<std::net::Ipv4Addr> {
    let first = interface.private_ip_addresses.first()?;
    Some(first.association.as_ref()?.public_ip)
}

fn group_names(interface: &NetworkInterface, context: Context<'_>) -> String {
    let groups = interface.groups.iter();
    let names = groups.filter_map(|id| context.resources.security_groups.get(id));
    names
        .map(|it| it.group_name.to_string())
        .collect::<Vec<_>>()
        .join("\n")
}

fn lines<T: ToString>(values: impl IntoIterator<Item = T>) -> String {
    let lines: Vec<_> = values.into_iter().map(|it| it.to_string()).collect();
    lines.join("\n")
}

/// `network/interfaces/macs/MAC/...`
fn interface_items(
    device: usize,
    interface: &NetworkInterface,
    region: &str,
    instance: &Instance,
    context: Context<'_>,
) -> Items {
    let resources = context.resources;
    let base = format!(
        "meta-data/network/interfaces/macs/{}",
        interface.mac_address
    );
    let mut items = Items::new();
    let mut add = |name: &str, value: String| items.push((format!("{base}/{name}"), value));
    let address = interface.private_ip_address;
    let addresses = &interface.private_ip_addresses;
    add("device-number", device.to_string());
    add("interface-id", interface.network_interface_id.to_string());
    add("local-hostname", private_dns_name(region, address));
    add(
        "local-ipv4s",
        lines(addresses.iter().map(|it| it.private_ip_address)),
    );
    add("mac", interface.mac_address.to_string());
    add("owner-id", interface.owner_id.to_string());
    add("security-groups", group_names(interface, context));
    add("security-group-ids", lines(&interface.groups));
    add("subnet-id", interface.subnet_id.to_string());
    if let Some(subnet) = resources.subnets.get(&interface.subnet_id) {
        add("subnet-ipv4-cidr-block", subnet.cidr_block.to_string());
        if let Some(block) = subnet.ipv6_cidr_block {
            add("subnet-ipv6-cidr-blocks", block.to_string());
        }
    }
    add("vpc-id", interface.vpc_id.to_string());
    if let Some(vpc) = resources.vpcs.get(&interface.vpc_id) {
        if let Some(block) = vpc.cidr_blocks.first() {
            add("vpc-ipv4-cidr-block", block.to_string());
        }
        add("vpc-ipv4-cidr-blocks", lines(&vpc.cidr_blocks));
        if !vpc.ipv6_cidr_blocks.is_empty() {
            add("vpc-ipv6-cidr-blocks", lines(&vpc.ipv6_cidr_blocks));
        }
    }
    if !interface.ipv6_addresses.is_empty() {
        add("ipv6s", lines(&interface.ipv6_addresses));
    }
    let mut public = Vec::new();
    for it in addresses {
        if let Some(association) = &it.association {
            public.push(association.public_ip);
            let name = format!("ipv4-associations/{}", association.public_ip);
            add(&name, it.private_ip_address.to_string());
        }
    }
    if let Some(first) = public.first() {
        let named = has_public_names(instance, context);
        let name = named.then(|| public_dns_name(region, *first));
        add("public-hostname", name.unwrap_or_default());
        add("public-ipv4s", lines(&public));
    }
    items
}

/// The instance's profile, and credentials of its role. They are no secrets, and say so.
fn role_items(instance: &Instance, context: Context<'_>) -> Items {
    let Some(role) = &instance.iam_role else {
        return Items::new();
    };
    let launched = instance.launch_time;
    let since = instance
        .iam_role_since
        .map_or(launched, |it| it.max(launched));
    let updated = date::iso(since);
    let expires = date::iso(context.config.starts.at(context.now + SIX_HOURS));
    let info = instance.iam_instance_profile.as_ref().map(|profile| {
        let IamInstanceProfile { arn, id } = profile;
        let info = format!(
            "{{\n  \"Code\" : \"Success\",\n  \"LastUpdated\" : \"{updated}\",\n  \
             \"InstanceProfileArn\" : \"{arn}\",\n  \"InstanceProfileId\" : \"{id}\"\n}}"
        );
        ("meta-data/iam/info".to_owned(), info)
    });
    let credentials = format!(
        "{{\n  \"Code\" : \"Success\",\n  \"LastUpdated\" : \"{updated}\",\n  \"Type\" : \
         \"AWS-HMAC\",\n  \"AccessKeyId\" : \"ASIAIOSFODNN7EXAMPLE\",\n  \"SecretAccessKey\" : \
         \"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\",\n  \"Token\" : \
         \"simulated-session-token-EXAMPLE\",\n  \"Expiration\" : \"{expires}\"\n}}"
    );
    let path = format!("meta-data/iam/security-credentials/{role}");
    info.into_iter().chain([(path, credentials)]).collect()
}

const SIX_HOURS: wirelab_model::SimDuration = wirelab_model::SimDuration::from_secs(6 * 3600);

fn identity(
    instance: &Instance,
    primary: Option<&NetworkInterface>,
    region: &str,
    context: Context<'_>,
) -> String {
    let subnet = context.resources.subnets.get(&instance.subnet_id);
    let zone = subnet.map(|it| it.availability_zone.as_str());
    let address = primary.map(|it| it.private_ip_address.to_string());
    let (zone, address) = (zone.unwrap_or_default(), address.unwrap_or_default());
    let Instance {
        instance_id,
        instance_type,
        owner_id,
        launch_time,
        ..
    } = instance;
    format!(
        "{{\n  \"accountId\" : \"{owner_id}\",\n  \"architecture\" : \"x86_64\",\n  \
         \"availabilityZone\" : \"{zone}\",\n  \"instanceId\" : \"{instance_id}\",\n  \
         \"instanceType\" : \"{instance_type}\",\n  \"pendingTime\" : \"{}\",\n  \"privateIp\" : \
         \"{address}\",\n  \"region\" : \"{region}\",\n  \"version\" : \"2017-09-30\"\n}}",
        date::iso(*launch_time)
    )
}
