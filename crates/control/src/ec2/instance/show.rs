//! Instances as calls find and show them (Amazon EC2 API Reference: `DescribeInstances`).

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde::Deserialize;
use serde_json::{Value, json};
use smol_str::SmolStr;
use wirelab_model::*;

use crate::clock::iso8601;
use crate::describe::{Field, Reader};
use crate::ec2::image::ROOT_DEVICE;
use crate::ec2::instance_attribute::Attributes;
use crate::ec2::{instance_state, instance_type, metadata_options, network_interface, volume};
use crate::error;
use crate::kind::Kind;
use crate::state::{Launch, State};
use crate::view::{each, maybe, one, tags, word};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DescribeInstances {
    #[serde(default)]
    instance_ids: Vec<InstanceId>,
}

pub(crate) const FIELDS: &[Field<Instance>] = &[
    ("instance-id", |it, _| one(&it.instance_id)),
    ("instance-type", |it, _| one(&it.instance_type)),
    ("instance-state-name", |it, _| one(word(it.state))),
    ("instance-state-code", |it, _| {
        one(instance_state::code(it.state))
    }),
    ("subnet-id", |it, _| one(&it.subnet_id)),
    ("vpc-id", |it, _| one(&it.vpc_id)),
    ("owner-id", |it, _| one(&it.owner_id)),
    ("iam-instance-profile.arn", |it, _| {
        maybe(it.iam_instance_profile.as_ref().map(|it| &it.arn))
    }),
    ("iam-instance-profile.id", |it, _| {
        maybe(it.iam_instance_profile.as_ref().map(|it| &it.id))
    }),
    ("availability-zone", |it, resources| {
        maybe(
            resources
                .subnets
                .get(&it.subnet_id)
                .map(|subnet| &subnet.availability_zone),
        )
    }),
    ("availability-zone-id", |it, resources| {
        let subnet = resources.subnets.get(&it.subnet_id);
        maybe(subnet.map(|it| &it.availability_zone_id))
    }),
    ("private-ip-address", |it, resources| {
        maybe(primary(it, resources).map(|interface| interface.private_ip_address))
    }),
    ("ip-address", |it, resources| {
        maybe(public_ip(it, resources))
    }),
    ("source-dest-check", |it, resources| {
        maybe(primary(it, resources).map(|interface| interface.source_dest_check))
    }),
    ("instance.group-id", |it, resources| {
        each(primary(it, resources).into_iter().flat_map(|it| &it.groups))
    }),
    ("network-interface.network-interface-id", |it, _| {
        each(&it.network_interfaces)
    }),
    (
        "network-interface.addresses.private-ip-address",
        |it, resources| {
            let interfaces = interfaces(it, resources).flat_map(|it| &it.private_ip_addresses);
            each(interfaces.map(|it| it.private_ip_address))
        },
    ),
    ("architecture", |it, _| {
        one(instance_type::architecture(&it.instance_type))
    }),
    ("root-device-name", |_, _| one(ROOT_DEVICE)),
    ("platform-details", |_, _| one(PLATFORM)),
    ("usage-operation", |_, _| one("RunInstances")),
    ("private-dns-name-options.hostname-type", |_, _| {
        one("ip-name")
    }),
    ("hypervisor", |_, _| one("xen")),
    ("virtualization-type", |_, _| one("hvm")),
    ("root-device-type", |_, _| one("ebs")),
    ("tenancy", |_, _| one("default")),
    ("instance-lifecycle", |_, _| Vec::new()),
    ("platform", |_, _| Vec::new()),
    ("launch-time", |it, _| one(iso8601(it.launch_time))),
    ("private-dns-name", |it, resources| {
        let address = primary(it, resources).map(|it| it.private_ip_address);
        let region = resources.vpcs.get(&it.vpc_id).map(|it| &it.region);
        maybe(region.and_then(|region| Some(private_dns_name(region, address?))))
    }),
    ("dns-name", |it, resources| {
        let region = resources.vpcs.get(&it.vpc_id).map(|it| &it.region);
        let name = |region: &SmolStr| Some(public_dns_name(region, public_ip(it, resources)?));
        maybe(region.and_then(name))
    }),
    ("instance.group-name", |it, resources| {
        let groups = primary(it, resources).into_iter().flat_map(|it| &it.groups);
        let groups = groups.filter_map(|id| resources.security_groups.get(id));
        each(groups.map(|it| &it.group_name))
    }),
    ("metadata-options.http-tokens", |it, _| {
        one(word(it.metadata_options.http_tokens))
    }),
    ("metadata-options.http-endpoint", |it, _| {
        let is_on = it.metadata_options.http_endpoint;
        one(if is_on { "enabled" } else { "disabled" })
    }),
    ("metadata-options.http-put-response-hop-limit", |it, _| {
        one(it.metadata_options.http_put_response_hop_limit)
    }),
    ("network-interface.status", |it, resources| {
        each(interfaces(it, resources).map(network_interface::status))
    }),
    ("network-interface.mac-address", |it, resources| {
        each(interfaces(it, resources).map(|it| &it.mac_address))
    }),
    ("network-interface.description", |it, resources| {
        each(interfaces(it, resources).map(|it| &it.description))
    }),
    ("network-interface.owner-id", |it, resources| {
        each(interfaces(it, resources).map(|it| &it.owner_id))
    }),
    ("network-interface.source-dest-check", |it, resources| {
        each(interfaces(it, resources).map(|it| it.source_dest_check))
    }),
    ("network-interface.availability-zone", |it, resources| {
        each(interfaces(it, resources).map(|it| &it.availability_zone))
    }),
    (
        "network-interface.addresses.association.public-ip",
        |it, resources| {
            let addresses = interfaces(it, resources).flat_map(|it| &it.private_ip_addresses);
            let associations = addresses.filter_map(|it| it.association.as_ref());
            each(associations.map(|it| it.public_ip))
        },
    ),
    (
        "network-interface.ipv6-addresses.ipv6-address",
        |it, resources| each(interfaces(it, resources).flat_map(|it| &it.ipv6_addresses)),
    ),
    (
        "network-interface.ipv6-addresses.is-primary-ipv6",
        |it, resources| {
            // `EnablePrimaryIpv6` is not simulated.
            let addresses = interfaces(it, resources).flat_map(|it| &it.ipv6_addresses);
            each(addresses.map(|_| false))
        },
    ),
    (
        "network-interface.attachment.instance-id",
        |it, resources| each(interfaces(it, resources).map(|_| &it.instance_id)),
    ),
    (
        "network-interface.attachment.instance-owner-id",
        |it, resources| each(interfaces(it, resources).map(|_| &it.owner_id)),
    ),
    ("network-interface.operator.managed", |it, resources| {
        each(interfaces(it, resources).map(|_| false))
    }),
    ("network-interface.requester-managed", |it, resources| {
        each(interfaces(it, resources).map(|it| it.requester_managed))
    }),
    ("network-interface.tag-key", |it, resources| {
        let tags = interfaces(it, resources).flat_map(|it| &it.tag_set);
        each(tags.map(|it| &it.key))
    }),
    ("network-interface.tag-value", |it, resources| {
        let tags = interfaces(it, resources).flat_map(|it| &it.tag_set);
        each(tags.map(|it| &it.value))
    }),
    ("network-interface.subnet-id", |it, resources| {
        each(interfaces(it, resources).map(|it| &it.subnet_id))
    }),
    ("network-interface.vpc-id", |it, resources| {
        each(interfaces(it, resources).map(|it| &it.vpc_id))
    }),
    ("network-interface.group-id", |it, resources| {
        each(interfaces(it, resources).flat_map(|it| &it.groups))
    }),
];

/// Filters by what an instance was started with.
const LAUNCH_FIELDS: &[Field<Launch>] = &[
    ("image-id", |it, _| maybe(it.image_id.as_ref())),
    ("key-name", |it, _| maybe(it.key_name.as_ref())),
    ("reservation-id", |it, _| one(&it.reservation_id)),
    ("launch-index", |it, _| one(it.index)),
    ("client-token", |_, _| Vec::new()),
    ("monitoring-state", |it, _| one(monitoring(&it.attributes))),
];

const PLATFORM: &str = "Linux/UNIX";

fn cpu_options(kind: &str) -> Value {
    let vcpus = InstanceType::find(kind).map_or(1, |it| it.vcpus);
    let threads = instance_type::threads_per_core(kind, vcpus);
    json!({ "CoreCount": vcpus / threads, "ThreadsPerCore": threads })
}

const fn monitoring(attributes: &Attributes) -> &'static str {
    match attributes.is_monitored {
        true => "enabled",
        false => "disabled",
    }
}

fn interfaces<'a>(
    instance: &'a Instance,
    resources: &'a Resources,
) -> impl Iterator<Item = &'a NetworkInterface> {
    let ids = instance.network_interfaces.iter();
    ids.filter_map(|id| resources.network_interfaces.get(id))
        .map(|it| it.as_ref())
}

fn primary<'a>(instance: &'a Instance, resources: &'a Resources) -> Option<&'a NetworkInterface> {
    interfaces(instance, resources).next()
}

fn public_ip(instance: &Instance, resources: &Resources) -> Option<Ipv4Addr> {
    let address = primary(instance, resources)?.private_ip_addresses.first()?;
    Some(address.association.as_ref()?.public_ip)
}

pub(crate) fn describe_instances(reader: &Reader<'_>, request: DescribeInstances) -> Reply {
    if !request.instance_ids.is_empty() && reader.arguments.max_results.is_some() {
        return Err(error::combination(
            "The parameter instancesSet cannot be used with the parameter maxResults",
        ));
    }
    let mut reservations: BTreeMap<SmolStr, Vec<&Instance>> = BTreeMap::new();
    let is_of_launch = |name: &str| LAUNCH_FIELDS.iter().any(|it| it.0 == name);
    let (of_launch, others) = reader.arguments.by_filters(is_of_launch);
    let is_of_volume = |name: &str| volume::INSTANCE_FIELDS.iter().any(|it| it.0 == name);
    let (of_volume, others) = others.by_filters(is_of_volume);
    let shown = |it: &Instance| show(it, reader.state, reader.region());
    let chosen = reader.with(&others);
    for instance in chosen.select_shown(&request.instance_ids, FIELDS, &shown)? {
        let launch = reader.state.launches.get(&instance.instance_id);
        let of_launch = reader.with(&of_launch);
        let passes = |it| of_launch.passes(it, &[], LAUNCH_FIELDS);
        if !launch.map_or(Ok(of_launch.arguments.filters.is_empty()), passes)? {
            continue;
        }
        let volumes = reader.state.volumes.of(&instance.instance_id);
        let of_volume = reader.with(&of_volume);
        let passes = |it| of_volume.passes(it, &[], volume::INSTANCE_FIELDS);
        if !volumes.map_or(Ok(of_volume.arguments.filters.is_empty()), passes)? {
            continue;
        }
        let id = launch.map_or_else(SmolStr::default, |it| it.reservation_id.clone());
        reservations.entry(id).or_default().push(instance);
    }
    let all: Vec<_> = reservations.iter().collect();
    reader.page(
        "Reservations",
        all,
        |(id, _)| id.to_string(),
        |(id, instances)| {
            let region = reader.region();
            let shown: Vec<_> = instances
                .iter()
                .map(|it| show(it, reader.state, region))
                .collect();
            let owner = instances.first().map(|it| &it.owner_id);
            json!({ "ReservationId": id, "OwnerId": owner, "Groups": [], "Instances": shown })
        },
    )
}

pub(super) fn show(instance: &Instance, state: &State, region: &str) -> Value {
    let resources = &state.resources;
    let launch = state.launches.get(&instance.instance_id);
    let default = Attributes::default();
    let attributes = launch.map_or(&default, |it| &it.attributes);
    let primary = primary(instance, resources);
    let zone = resources
        .subnets
        .get(&instance.subnet_id)
        .map(|it| &it.availability_zone);
    let private_ip = primary.map(|it| it.private_ip_address);
    let public_ip = public_ip(instance, resources);
    let lives = primary.is_some();
    let ended = launch.and_then(|it| it.ended);
    let (transition, reason) = instance_state::reasons(instance.state, ended);
    let shown = json!({
        "InstanceId": instance.instance_id,
        "InstanceType": instance.instance_type,
        "State": instance_state::show(instance.state),
        "StateTransitionReason": transition,
        "StateReason": reason,
        "ImageId": launch.and_then(|it| it.image_id.as_ref()),
        "KeyName": launch.and_then(|it| it.key_name.as_ref()),
        "AmiLaunchIndex": launch.map_or(0, |it| it.index),
        "LaunchTime": iso8601(instance.launch_time),
        "Placement": { "AvailabilityZone": zone, "GroupName": "", "Tenancy": "default" },
        "Monitoring": { "State": monitoring(attributes) },
        "EbsOptimized": attributes.ebs_optimized,
        "IamInstanceProfile": instance.iam_instance_profile,
        "Architecture": instance_type::architecture(&instance.instance_type),
        "BlockDeviceMappings": volume::mappings(&instance.instance_id, state),
        "CpuOptions": cpu_options(&instance.instance_type),
        "UsageOperationUpdateTime": iso8601(instance.launch_time),
        "PrivateIpAddress": private_ip,
        "PrivateDnsName": private_ip.map_or_else(String::new, |it| {
            private_dns_name(region, it).to_string()
        }),
        "PublicIpAddress": public_ip,
        "PublicDnsName": public_ip.map_or_else(String::new, |it| {
            public_dns_name(region, it).to_string()
        }),
        "SubnetId": lives.then_some(&instance.subnet_id),
        "VpcId": lives.then_some(&instance.vpc_id),
        "NetworkInterfaces": interfaces(instance, resources)
            .map(|it| network_interface::show_on_instance(it, state, region)).collect::<Vec<_>>(),
        "SecurityGroups": primary.map(|it| network_interface::show_groups(&it.groups, resources)),
        "SourceDestCheck": primary.map(|it| it.source_dest_check),
        "MetadataOptions": metadata_options::show(&instance.metadata_options),
        "Tags": tags(instance.tags()),
    });
    with_the_rest(shown)
}

/// What is the same for every instance, and always there in AWS.
fn with_the_rest(mut shown: Value) -> Value {
    let same = json!({
        "CapacityReservationSpecification": { "CapacityReservationPreference": "open" },
        "ClientToken": "",
        "CurrentInstanceBootMode": "legacy-bios",
        "EnaSupport": true,
        "EnclaveOptions": { "Enabled": false },
        "HibernationOptions": { "Configured": false },
        "Hypervisor": "xen",
        "MaintenanceOptions": { "AutoRecovery": "default" },
        "PlatformDetails": PLATFORM,
        "PrivateDnsNameOptions": {
            "HostnameType": "ip-name",
            "EnableResourceNameDnsARecord": false,
            "EnableResourceNameDnsAAAARecord": false,
        },
        "ProductCodes": [],
        "RootDeviceName": ROOT_DEVICE,
        "RootDeviceType": "ebs",
        "UsageOperation": "RunInstances",
        "VirtualizationType": "hvm",
    });
    if let (Value::Object(shown), Value::Object(same)) = (&mut shown, same) {
        shown.extend(same);
    }
    shown
}
