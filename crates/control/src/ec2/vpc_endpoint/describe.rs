//! `DescribeVpcEndpoints` and `DescribeVpcEndpointServices`.

use serde::Deserialize;
use serde_json::{Value, json};
use smol_str::SmolStr;
use wirelab_model::*;

use crate::clock::iso8601;
use crate::describe::{Field, Reader};
use crate::error;
use crate::network;
use crate::view::{maybe, one, tags, word};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DescribeVpcEndpoints {
    #[serde(default)]
    vpc_endpoint_ids: Vec<VpcEndpointId>,
}

const FIELDS: &[Field<VpcEndpoint>] = &[
    ("service-name", |it, _| one(&it.service_name)),
    ("vpc-id", |it, _| one(&it.vpc_id)),
    ("vpc-endpoint-id", |it, _| one(&it.vpc_endpoint_id)),
    ("vpc-endpoint-state", |it, _| one(word(it.state))),
    ("vpc-endpoint-type", |it, _| one(word(it.vpc_endpoint_type))),
    ("ip-address-type", |it, _| maybe(ip_address_type(it))),
    ("service-region", |it, resources| {
        maybe(resources.vpcs.get(&it.vpc_id).map(|it| &it.region))
    }),
];

/// Of what has addresses; a gateway endpoint has none.
fn ip_address_type(endpoint: &VpcEndpoint) -> Option<&'static str> {
    let interface = endpoint.vpc_endpoint_type == VpcEndpointType::Interface;
    interface.then_some("ipv4")
}

pub(crate) fn describe_vpc_endpoints(reader: &Reader<'_>, request: DescribeVpcEndpoints) -> Reply {
    let resources = reader.resources();
    reader.describe("VpcEndpoints", &request.vpc_endpoint_ids, FIELDS, |it| {
        show(it, resources)
    })
}

pub(super) fn show(endpoint: &VpcEndpoint, resources: &Resources) -> Value {
    let groups = endpoint.groups.iter().map(|id| {
        let group = resources.security_groups.get(id);
        json!({ "GroupId": id, "GroupName": group.map(|it| &it.group_name) })
    });
    let groups: Vec<_> = groups.collect();
    json!({
        "VpcEndpointId": endpoint.vpc_endpoint_id,
        "VpcEndpointType": endpoint.vpc_endpoint_type,
        "VpcId": endpoint.vpc_id,
        "ServiceName": endpoint.service_name,
        "State": endpoint.state,
        "PolicyDocument": endpoint.policy_document,
        "RouteTableIds": endpoint.route_table_ids,
        "SubnetIds": endpoint.subnet_ids,
        "Groups": groups,
        "IpAddressType": ip_address_type(endpoint),
        "PrivateDnsEnabled": endpoint.private_dns_enabled,
        "RequesterManaged": false,
        "NetworkInterfaceIds": endpoint.network_interface_ids,
        "DnsEntries": endpoint.dns_entries,
        "CreationTimestamp": iso8601(endpoint.creation_timestamp),
        "OwnerId": endpoint.owner_id,
        "Tags": tags(&endpoint.tags),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DescribeVpcEndpointServices {
    #[serde(default)]
    service_names: Vec<SmolStr>,
}

/// A service as one of its endpoint types shows it.
#[derive(Clone, Copy)]
struct Offer {
    service: &'static AwsService,
    kind: VpcEndpointType,
}

const SERVICE_FIELDS: &[Field<(SmolStr, VpcEndpointType)>] = &[
    ("service-name", |it, _| one(&it.0)),
    ("service-type", |it, _| one(word(it.1))),
    ("owner", |_, _| one("amazon")),
];

pub(crate) fn describe_vpc_endpoint_services(
    reader: &Reader<'_>,
    request: DescribeVpcEndpointServices,
) -> Reply {
    let region = reader.region();
    let known = |name: &SmolStr| {
        AWS_SERVICES
            .iter()
            .any(|it| it.service_name(region) == *name)
    };
    if let Some(unknown) = request.service_names.iter().find(|it| !known(it)) {
        return Err(error::service_name(unknown));
    }
    let kinds = [VpcEndpointType::Gateway, VpcEndpointType::Interface];
    let offers = AWS_SERVICES.iter().flat_map(|service| {
        let offered = kinds.into_iter().filter(|kind| service.offers(*kind));
        offered.map(move |kind| Offer { service, kind })
    });
    let wanted = &request.service_names;
    let mut chosen = Vec::new();
    for offer in offers {
        let name = offer.service.service_name(region);
        let named = wanted.is_empty() || wanted.contains(&name);
        let shown = |_: &(SmolStr, VpcEndpointType)| show_offer(offer, region);
        if named && reader.passes_shown(&(name, offer.kind), &[], SERVICE_FIELDS, &shown)? {
            chosen.push(offer);
        }
    }
    reader.check_filters(SERVICE_FIELDS)?;
    let mut names: Vec<_> = (chosen.iter())
        .map(|it| it.service.service_name(region))
        .collect();
    names.dedup();
    let key = |it: Offer| format!("{}/{}", it.service.name, word(it.kind));
    let mut reply = reader.page("ServiceDetails", chosen, key, |it| show_offer(it, region))?;
    reply["ServiceNames"] = json!(names);
    Ok(reply)
}

fn show_offer(offer: Offer, region: &str) -> Value {
    let Offer { service, kind } = offer;
    let interface = kind == VpcEndpointType::Interface;
    let zones: Vec<_> = network::zones(region).map(|(name, _)| name).collect();
    let name = service.public_name(region);
    let base = name.trim_end_matches(".amazonaws.com");
    json!({
        "ServiceName": service.service_name(region),
        "ServiceType": [{ "ServiceType": kind }],
        "ServiceRegion": region,
        "AvailabilityZones": zones,
        "Owner": "amazon",
        "BaseEndpointDnsNames": [if interface {
            format!("{base}.vpce.amazonaws.com")
        } else {
            name.to_string()
        }],
        "PrivateDnsName": interface.then_some(&name),
        "PrivateDnsNames": interface.then(|| json!([{ "PrivateDnsName": name }])),
        "VpcEndpointPolicySupported": true,
        "AcceptanceRequired": false,
        "ManagesVpcEndpoints": false,
        "Tags": [],
        "SupportedIpAddressTypes": ["ipv4"],
    })
}
