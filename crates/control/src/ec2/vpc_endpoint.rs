//! VPC endpoints (Amazon EC2 API Reference: `CreateVpcEndpoint` and its kin; AWS PrivateLink
//! Guide).
//!
//! Gateway endpoints are there at once and put a route to the service's prefix list into the chosen
//! tables; interface endpoints take a while and have a network interface in each of their subnets.
//! The services are AWS's own.

mod describe;
mod modify;

use serde::Deserialize;
use serde_json::json;
use smol_str::{SmolStr, format_smolstr};
use wirelab_model::*;

pub(crate) use describe::{describe_vpc_endpoint_services, describe_vpc_endpoints};
pub(crate) use modify::modify_vpc_endpoint;

use crate::ec2::Settled;
use crate::ec2::network_interface::{self, NewInterface};
use crate::error;
use crate::state::State;
use crate::transaction::Transaction;

/// What an endpoint allows without a policy of its own.
const FULL_ACCESS: &str = "{\"Version\":\"2008-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\
    \"Principal\":\"*\",\"Action\":\"*\",\"Resource\":\"*\"}]}";
/// Route 53's zone of the names of endpoints.
const ENDPOINT_ZONE: &str = "Z7HUB22UULQXV";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct CreateVpcEndpoint {
    vpc_endpoint_type: Option<VpcEndpointType>,
    vpc_id: VpcId,
    service_name: SmolStr,
    policy_document: Option<SmolStr>,
    #[serde(default)]
    route_table_ids: Vec<RouteTableId>,
    #[serde(default)]
    subnet_ids: Vec<SubnetId>,
    #[serde(default)]
    security_group_ids: Vec<SecurityGroupId>,
    private_dns_enabled: Option<bool>,
    ip_address_type: Option<SmolStr>,
    #[serde(default)]
    dns_options: DnsOptions,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct DnsOptions {
    dns_record_ip_type: Option<SmolStr>,
    private_dns_only_for_inbound_resolver_endpoint: Option<bool>,
}

impl CreateVpcEndpoint {
    /// Endpoints have IPv4 addresses, and names for these.
    fn refuse_other_addresses(&self) -> Result<(), ApiError> {
        let ipv4 = |it: &SmolStr| matches!(it.as_str(), "ipv4" | "service-defined");
        let types = [&self.ip_address_type, &self.dns_options.dns_record_ip_type];
        let fits = types.into_iter().flatten().all(ipv4);
        let inbound = self
            .dns_options
            .private_dns_only_for_inbound_resolver_endpoint;
        match fits && inbound != Some(true) {
            true => Ok(()),
            false => Err(error::unsupported(
                "wirelab simulates endpoints with IPv4 addresses, and none of inbound resolvers",
            )),
        }
    }
}

pub(crate) fn create_vpc_endpoint(tx: &mut Transaction<'_>, request: CreateVpcEndpoint) -> Reply {
    request.refuse_other_addresses()?;
    let kind = request
        .vpc_endpoint_type
        .unwrap_or(VpcEndpointType::Gateway);
    let vpc = tx.get::<Vpc>(&request.vpc_id)?.clone();
    check_service(&request.service_name, kind, &vpc.region)?;
    check_quota(tx, kind, &vpc.vpc_id)?;
    let id = tx.new_id::<VpcEndpoint>();
    let mut endpoint = VpcEndpoint {
        vpc_endpoint_id: id.clone(),
        vpc_endpoint_type: kind,
        vpc_id: request.vpc_id,
        service_name: request.service_name,
        state: VpcEndpointState::Pending,
        route_table_ids: Vec::new(),
        subnet_ids: Vec::new(),
        groups: Vec::new(),
        network_interface_ids: Vec::new(),
        private_dns_enabled: false,
        dns_entries: Vec::new(),
        policy_document: request
            .policy_document
            .unwrap_or_else(|| FULL_ACCESS.into()),
        creation_timestamp: tx.utc(),
        owner_id: tx.owner.clone(),
        tags: tx.tags::<VpcEndpoint>()?,
    };
    match kind {
        VpcEndpointType::Gateway => {
            if !request.subnet_ids.is_empty() || !request.security_group_ids.is_empty() {
                return Err(error::invalid_parameter(
                    "Subnets and security groups are not supported for endpoints of type Gateway.",
                ));
            }
            endpoint.state = VpcEndpointState::Available;
            for table in &request.route_table_ids {
                add_route(tx, &mut endpoint, table)?;
            }
            tx.put(endpoint.clone());
        }
        VpcEndpointType::Interface => {
            if !request.route_table_ids.is_empty() {
                return Err(error::invalid_parameter(
                    "Route tables are not supported for endpoints of type Interface.",
                ));
            }
            let groups = request.security_group_ids;
            endpoint.groups = network_interface::checked_groups(tx, &endpoint.vpc_id, groups)?;
            for subnet in &request.subnet_ids {
                add_subnet(tx, &mut endpoint, subnet)?;
            }
            endpoint.private_dns_enabled = request.private_dns_enabled.unwrap_or(true);
            if endpoint.private_dns_enabled {
                check_private_dns(tx, &endpoint)?;
            }
            endpoint.dns_entries = dns_entries(tx, &endpoint)?;
            tx.put(endpoint.clone());
            tx.settle_after::<VpcEndpoint>(&id, tx.config.delays.vpc_endpoint);
        }
    }
    let shown = describe::show(&endpoint, tx.resources());
    Ok(json!({ "VpcEndpoint": shown }))
}

/// The service, if the Region has it, reached by an endpoint of this type.
fn check_service(
    name: &str,
    kind: VpcEndpointType,
    region: &str,
) -> Result<&'static AwsService, ApiError> {
    let found = AwsService::find(name).filter(|(_, its)| *its == region);
    let (service, _) = found.ok_or_else(|| error::service_name(name))?;
    if service.offers(kind) {
        Ok(service)
    } else {
        Err(error::endpoint_type(name, kind))
    }
}

fn check_quota(tx: &Transaction<'_>, kind: VpcEndpointType, vpc: &VpcId) -> Result<(), ApiError> {
    let quotas = &tx.quotas();
    let alike =
        |it: &&VpcEndpoint| it.vpc_endpoint_type == kind && it.state != VpcEndpointState::Deleted;
    let in_region = tx.each::<VpcEndpoint>().filter(alike);
    let in_vpc = tx
        .each::<VpcEndpoint>()
        .filter(alike)
        .filter(|it| it.vpc_id == *vpc);
    let exceeded = match kind {
        VpcEndpointType::Gateway => {
            in_region.count() >= quotas.gateway_endpoints
                || in_vpc.count() >= quotas.gateway_endpoints_per_vpc
        }
        VpcEndpointType::Interface => in_vpc.count() >= quotas.interface_endpoints_per_vpc,
    };
    if exceeded {
        return Err(error::vpc_endpoint_limit());
    }
    Ok(())
}

/// The Region's prefix list of an endpoint's service.
fn prefix_list(resources: &Resources, endpoint: &VpcEndpoint) -> Option<PrefixListId> {
    let mut lists = resources.managed_prefix_lists.values();
    let list = lists.find(|it| it.is_aws_managed() && it.prefix_list_name == endpoint.service_name);
    list.map(|it| it.prefix_list_id.clone())
}

/// Puts the endpoint's route into a table of its VPC.
fn add_route(
    tx: &mut Transaction<'_>,
    endpoint: &mut VpcEndpoint,
    id: &RouteTableId,
) -> Result<(), ApiError> {
    let list = prefix_list(tx.resources(), endpoint);
    let list = list.ok_or_else(|| error::service_name(&endpoint.service_name))?;
    let table = tx.get::<RouteTable>(id)?;
    if table.vpc_id != endpoint.vpc_id {
        return Err(error::invalid_parameter(format_args!(
            "Route table {id} and network {} belong to different networks.",
            endpoint.vpc_id
        )));
    }
    let destination = RouteDestination::PrefixList(list);
    if table.routes.iter().any(|it| it.destination == destination) {
        return Err(error::endpoint_route_exists(id, destination));
    }
    let route = Route {
        destination,
        target: RouteTarget::VpcEndpoint(endpoint.vpc_endpoint_id.clone()),
        state: RouteState::Active,
        origin: RouteOrigin::CreateRoute,
    };
    tx.edit::<RouteTable>(id)?.routes.push(route);
    endpoint.route_table_ids.push(id.clone());
    Ok(())
}

/// Takes the endpoint's route out of a table.
fn remove_route(tx: &mut Transaction<'_>, endpoint: &mut VpcEndpoint, id: &RouteTableId) {
    let target = RouteTarget::VpcEndpoint(endpoint.vpc_endpoint_id.clone());
    if let Ok(table) = tx.edit::<RouteTable>(id) {
        table.routes.retain(|it| it.target != target);
    }
    endpoint.route_table_ids.retain(|it| it != id);
}

/// Gives the endpoint an interface in a subnet of its VPC: one in each zone.
fn add_subnet(
    tx: &mut Transaction<'_>,
    endpoint: &mut VpcEndpoint,
    id: &SubnetId,
) -> Result<(), ApiError> {
    let subnet = tx.get::<Subnet>(id)?.clone();
    if subnet.vpc_id != endpoint.vpc_id {
        return Err(error::invalid_parameter(format_args!(
            "Subnet {id} and network {} belong to different networks.",
            endpoint.vpc_id
        )));
    }
    for other in &endpoint.subnet_ids {
        if tx.get::<Subnet>(other)?.availability_zone == subnet.availability_zone {
            return Err(error::duplicate_zone(id));
        }
    }
    let text = format!("VPC Endpoint Interface {}", endpoint.vpc_endpoint_id);
    let new = NewInterface {
        groups: endpoint.groups.clone(),
        ..NewInterface::of_service(id, InterfaceType::VpcEndpoint, text)
    };
    let interface = network_interface::make(tx, new)?.network_interface_id;
    let attachment_id = AttachmentId::new(tx.new_text_id(AttachmentId::PREFIX));
    tx.edit::<NetworkInterface>(&interface)?.attachment = Some(NetworkInterfaceAttachment {
        attachment_id,
        instance_id: None,
        device_index: 1,
    });
    endpoint.subnet_ids.push(id.clone());
    endpoint.network_interface_ids.push(interface);
    Ok(())
}

/// Private DNS needs both DNS attributes of the VPC, and no other endpoint with the name.
fn check_private_dns(tx: &Transaction<'_>, endpoint: &VpcEndpoint) -> Result<(), ApiError> {
    let vpc = tx.get::<Vpc>(&endpoint.vpc_id)?;
    if !vpc.enable_dns_support || !vpc.enable_dns_hostnames {
        return Err(error::invalid_parameter(format_args!(
            "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC \
            attributes set to true for {}",
            vpc.vpc_id
        )));
    }
    let conflicts = |it: &VpcEndpoint| {
        it.vpc_endpoint_id != endpoint.vpc_endpoint_id
            && it.vpc_id == endpoint.vpc_id
            && it.service_name == endpoint.service_name
            && it.private_dns_enabled
    };
    if tx.each::<VpcEndpoint>().any(conflicts) {
        let name = private_name(endpoint).unwrap_or_default();
        return Err(error::invalid_parameter(format_args!(
            "private-dns-enabled cannot be set because there is already a conflicting DNS domain \
            for {name} in the VPC {}",
            vpc.vpc_id
        )));
    }
    Ok(())
}

fn private_name(endpoint: &VpcEndpoint) -> Option<SmolStr> {
    let (service, region) = AwsService::find(&endpoint.service_name)?;
    Some(service.public_name(region))
}

/// The regional name, one of each zone, and the private one.
fn dns_entries(tx: &Transaction<'_>, endpoint: &VpcEndpoint) -> Result<Vec<DnsEntry>, ApiError> {
    let Some(name) = private_name(endpoint) else {
        return Ok(Vec::new());
    };
    let base = name.trim_end_matches(".amazonaws.com");
    let id = &endpoint.vpc_endpoint_id;
    let mark = tx.bits("vpc-endpoint-name", id.as_str()) & 0xffff_ffff;
    let entry = |dns_name: SmolStr, zone: &str| DnsEntry {
        dns_name,
        hosted_zone_id: zone.into(),
    };
    let regional = format_smolstr!("{id}-{mark:08x}.{base}.vpce.amazonaws.com");
    let mut entries = vec![entry(regional, ENDPOINT_ZONE)];
    for subnet in &endpoint.subnet_ids {
        let zone = &tx.get::<Subnet>(subnet)?.availability_zone;
        let zonal = format_smolstr!("{id}-{mark:08x}-{zone}.{base}.vpce.amazonaws.com");
        entries.push(entry(zonal, ENDPOINT_ZONE));
    }
    if endpoint.private_dns_enabled {
        let own = tx.bits("vpc-endpoint-zone", id.as_str());
        entries.push(entry(name, &format!("Z{own:016X}")));
    }
    Ok(entries)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DeleteVpcEndpoints {
    vpc_endpoint_ids: Vec<VpcEndpointId>,
}

pub(crate) fn delete_vpc_endpoints(tx: &mut Transaction<'_>, request: DeleteVpcEndpoints) -> Reply {
    let mut failed = Vec::new();
    for id in request.vpc_endpoint_ids {
        let endpoint = match tx.get::<VpcEndpoint>(&id) {
            Ok(endpoint) => VpcEndpoint::clone(endpoint),
            Err(error) => {
                failed.push(json!({
                    "Error": { "Code": error.code, "Message": error.message },
                    "ResourceId": id,
                }));
                continue;
            }
        };
        delete(tx, endpoint);
    }
    Ok(json!({ "Unsuccessful": failed }))
}

fn delete(tx: &mut Transaction<'_>, mut endpoint: VpcEndpoint) {
    let id = endpoint.vpc_endpoint_id.clone();
    for table in endpoint.route_table_ids.clone() {
        remove_route(tx, &mut endpoint, &table);
    }
    if endpoint.vpc_endpoint_type == VpcEndpointType::Gateway {
        return tx.remove::<VpcEndpoint>(&id);
    }
    endpoint.state = VpcEndpointState::Deleting;
    tx.put(endpoint);
    tx.settle_after::<VpcEndpoint>(&id, tx.config.delays.vpc_endpoint);
}

/// `pending` becomes `available`; what was `deleting` is gone, with its interfaces.
pub(crate) fn settle(id: &VpcEndpointId, state: &mut State) -> Settled {
    let Some(endpoint) = state.resources.vpc_endpoints.get(id) else {
        return Settled::Lasting;
    };
    let mut endpoint = VpcEndpoint::clone(endpoint);
    match endpoint.state {
        VpcEndpointState::Pending => {
            endpoint.state = VpcEndpointState::Available;
            let endpoints = &mut state.resources.vpc_endpoints;
            endpoints.insert(id.clone(), endpoint.into());
        }
        VpcEndpointState::Deleting => {
            for interface in &endpoint.network_interface_ids {
                network_interface::delete(state, interface);
            }
            state.resources.vpc_endpoints.remove(id);
        }
        _ => {}
    }
    Settled::Lasting
}
