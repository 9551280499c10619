//! VPC endpoints: the ways into AWS's services that do not leave Amazon's network.
//!
//! A *gateway endpoint* (S3, DynamoDB) is a target of routes: packets to the service's addresses
//! leave the VPC there, untranslated, and the answers come back to the VPC's router. It serves what
//! has an address of its own VPC, nothing that came by peering, VPN or transit gateway.
//!
//! An *interface endpoint* is a network interface in each of its subnets, with security groups of
//! its own; the service answers from the interface's address. It carries at most 8500 octets:
//! longer packets are dropped and nobody is told, and the MSS of connections is clamped (AWS
//! PrivateLink Guide, "AWS PrivateLink quotas"). Flows through it are tracked whatever the rules.
//!
//! `facts.md` 2.1, 2.6, 2.8.

use std::net::IpAddr;

use smol_str::{SmolStr, format_smolstr};
use wirelab_model::{
    AwsService, FlowAction, FlowDirection, IpNet, Resources, RouteTable, SimDuration,
    VpcEndpointId, VpcEndpointType,
};

use super::compile::Places;
use super::header::Header;
use super::network_interface::Via;
use super::plan::{EndpointIndex, InterfaceIndex, Plan, VpcIndex};
use super::{Oversize, Place, Service, Transit, Walk, endpoint_metrics, mtu};
use crate::metrics::Source;
use crate::path::PassDetail;
use crate::trace::Watch;
use crate::verdict::{Hop, InterfaceDrop, ServiceDrop, VpcDrop};

/// An endpoint as the fabric reads it.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) id: VpcEndpointId,
    vpc: Option<VpcIndex>,
    pub(crate) is_available: bool,
    /// Which service, of which Region.
    pub(crate) service: Option<&'static AwsService>,
    /// Its public addresses.
    pub(crate) addresses: Vec<IpAddr>,
    pub(super) interfaces: Vec<InterfaceIndex>,
    pub(super) metrics: Source,
    /// Beside `interfaces`.
    pub(super) metrics_by_subnet: Vec<Source>,
}

/// Where a service is reached from outside. Addresses of S3 and DynamoDB lie in the first block of
/// the Region's prefix list.
pub(crate) fn service_addresses(
    resources: &Resources,
    service: &AwsService,
    region: &str,
) -> Vec<IpAddr> {
    let public = service.public_addresses(region);
    let name = service.service_name(region);
    let mut lists = resources.managed_prefix_lists.values();
    let list = lists.find(|it| it.is_aws_managed() && it.prefix_list_name == name);
    let block = list.and_then(|it| it.blocks().next());
    let addresses = public.map(|address| match block {
        Some(IpNet::V4(block)) => {
            let host = u32::from(address) & u32::from(block.hostmask()) & 0xff;
            IpAddr::V4((u32::from(block.network()) | host).into())
        }
        _ => IpAddr::V4(address),
    });
    addresses.to_vec()
}

/// Every endpoint, in the order of their ids.
pub(super) fn compile(resources: &Resources, places: &Places<'_>) -> Vec<Endpoint> {
    let endpoints = resources.vpc_endpoints.values().map(|endpoint| {
        let found = AwsService::find(&endpoint.service_name);
        let addresses =
            found.map(|(service, region)| service_addresses(resources, service, region));
        let ids = endpoint.network_interface_ids.iter();
        let known = ids.filter_map(|id| Some((id, *places.interfaces.get(id)?)));
        let by_subnet = known.map(|(id, index)| {
            let nic = resources.network_interfaces.get(id);
            let subnet = nic.map_or("", |it| it.subnet_id.as_str());
            (index, endpoint_metrics::source_in(endpoint, subnet))
        });
        let (interfaces, metrics_by_subnet) = by_subnet.unzip();
        Endpoint {
            vpc: places.vpcs.get(&endpoint.vpc_id).copied(),
            id: endpoint.vpc_endpoint_id.clone(),
            is_available: endpoint.is_available(),
            service: found.map(|(service, _)| service),
            addresses: addresses.unwrap_or_default(),
            interfaces,
            metrics: endpoint_metrics::source(endpoint),
            metrics_by_subnet,
        }
    });
    endpoints.collect()
}

/// Where the gateway endpoint of a route stands in the plan.
pub(super) fn position(
    id: &VpcEndpointId,
    table: &RouteTable,
    resources: &Resources,
) -> Option<EndpointIndex> {
    let endpoint = resources.vpc_endpoints.get(id)?;
    let fits =
        endpoint.vpc_id == table.vpc_id && endpoint.vpc_endpoint_type == VpcEndpointType::Gateway;
    let at = resources.vpc_endpoints.keys().position(|it| it == id)?;
    fits.then(|| EndpointIndex::new(at))
}

impl Plan {
    /// The endpoint, unless it is gone.
    pub(crate) fn find_endpoint(&self, id: &VpcEndpointId) -> Option<&Endpoint> {
        self.endpoints.iter().find(|it| it.id == *id)
    }

    /// Public addresses of AWS's services.
    pub(crate) fn services(&self) -> impl Iterator<Item = IpAddr> {
        self.services.iter().copied()
    }

    /// Addresses of what is behind endpoints, by the number of the endpoint.
    pub(crate) fn endpoint_services(&self) -> impl Iterator<Item = (usize, IpAddr)> {
        let endpoints = self.endpoints.iter().enumerate();
        endpoints.flat_map(|(at, it)| it.addresses.iter().map(move |address| (at, *address)))
    }

    /// The endpoint that a service is behind.
    pub(crate) fn endpoint_of(&self, service: &Service) -> Option<&VpcEndpointId> {
        match service {
            Service::Gateway(id) => self.find_endpoint(id).map(|it| &it.id),
            Service::Endpoint(interface) => {
                let mut all = self.endpoints.iter();
                let found = all.find(|it| it.interfaces.contains(interface));
                found.map(|it| &it.id)
            }
            Service::LinkLocal(_) | Service::Public(_) => None,
        }
    }

    /// What people call a service that got a packet to `address`.
    pub(crate) fn service_name(&self, service: &Service, address: IpAddr) -> SmolStr {
        match service {
            Service::LinkLocal(interface) => {
                let nic = self.find_interface(*interface);
                let found = nic.and_then(|it| self.link_local(it, address));
                found.map_or_else(SmolStr::default, |it| it.as_str().into())
            }
            Service::Endpoint(interface) => self.interface_id(*interface).as_str().into(),
            Service::Gateway(id) => id.as_str().into(),
            Service::Public(address) => format_smolstr!("AWS service at {address}"),
        }
    }

    /// Where the service behind a gateway endpoint answers.
    pub(crate) fn endpoint_addresses(&self, id: &VpcEndpointId) -> Vec<IpAddr> {
        self.find_endpoint(id)
            .map(|it| it.addresses.clone())
            .unwrap_or_default()
    }

    /// Whether flows through a gateway endpoint are tracked whatever the rules: DynamoDB's are
    /// (EC2 User Guide, "Security group connection tracking").
    pub(super) fn is_tracking_endpoint(&self, at: EndpointIndex) -> bool {
        self.endpoint(at).tracks()
    }
}

impl Endpoint {
    fn tracks(&self) -> bool {
        self.service.is_some_and(|it| it.name == "dynamodb")
    }
}

impl<W: Watch> Walk<'_, W> {
    /// The subnet's route leads from `interface` to a gateway endpoint.
    pub(super) fn enter_gateway_endpoint(
        &mut self,
        at: EndpointIndex,
        interface: InterfaceIndex,
        transit: Transit,
    ) {
        let plan = self.plan;
        let endpoint = plan.endpoint(at);
        let vpc = plan.vpc(plan.interface(interface).vpc);
        let hop = Hop::VpcEndpoint(endpoint.id.clone());
        let (source, destination) = (transit.packet.source(), transit.packet.destination());
        if !vpc.contains(source) {
            let reason = ServiceDrop::EndpointNotTransit {
                vpc_endpoint: endpoint.id.clone(),
                source,
            };
            return self.watch.deny(&transit, hop, reason);
        }
        if !endpoint.addresses.contains(&destination) {
            let reason = ServiceDrop::NotTheService {
                vpc_endpoint: endpoint.id.clone(),
                destination,
            };
            return self.watch.deny(&transit, hop, reason);
        }
        self.watch
            .pass(&transit.packet, || (hop, PassDetail::Plain));
        let place = Place::Service(Service::Gateway(endpoint.id.clone()));
        self.send(self.config.latency.same_zone, place, transit);
    }

    /// The service behind a gateway endpoint answers into the VPC.
    pub(super) fn arrive_from_gateway_endpoint(&mut self, id: &VpcEndpointId, transit: Transit) {
        let plan = self.plan;
        let destination = transit.packet.destination();
        let found = plan.find_endpoint(id).filter(|it| it.is_available);
        let vpc = found.and_then(|it| it.vpc).map(|at| plan.vpc(at));
        let Some(vpc) = vpc else {
            let vpc_endpoint = id.clone();
            let hop = Hop::VpcEndpoint(id.clone());
            let reason = ServiceDrop::EndpointNotAvailable { vpc_endpoint };
            return self.watch.deny(&transit, hop, reason);
        };
        let Some(interface) = vpc.interface_of(destination) else {
            let reason = VpcDrop::UnknownDestination {
                vpc: vpc.id.clone(),
                destination,
            };
            let hop = Hop::Vpc(vpc.id.clone());
            return self.watch.deny(&transit, hop, reason);
        };
        let tracked = found.is_some_and(Endpoint::tracks);
        let via = Via::Router { tracked };
        let after = self.config.latency.same_zone;
        self.send(after, Place::Arrive { interface, via }, transit);
    }

    /// What the network ACL let in comes to an interface of an interface endpoint.
    pub(super) fn reach_endpoint(
        &mut self,
        at: EndpointIndex,
        interface: InterfaceIndex,
        header: &Header,
        mut transit: Transit,
    ) {
        let plan = self.plan;
        let endpoint = plan.endpoint(at);
        let nic = plan.interface(interface);
        let hop = || Hop::VpcEndpoint(endpoint.id.clone());
        if !nic.owns(header.destination) {
            let reason = InterfaceDrop::SourceDestCheck {
                interface: nic.id.clone(),
                direction: FlowDirection::Ingress,
                address: header.destination,
            };
            let hop = Hop::SourceDestCheck(nic.id.clone());
            return self.watch.deny(&transit, hop, reason);
        }
        let direction = FlowDirection::Ingress;
        let passed = self.security_group(interface, direction, header, &transit, |_| true);
        let action = if passed {
            FlowAction::Accept
        } else {
            FlowAction::Reject
        };
        (self.watch).record(interface, direction, action, None, &transit.packet);
        if !passed && !W::GOES_ON {
            return;
        }
        self.endpoint_received(interface, &transit.packet);
        if !endpoint.is_available {
            self.endpoint_dropped(interface);
            let vpc_endpoint = endpoint.id.clone();
            let reason = ServiceDrop::EndpointNotAvailable { vpc_endpoint };
            return self.watch.deny(&transit, hop(), reason);
        }
        let oversize = Oversize {
            mtu: mtu::VPC_ENDPOINT,
            fragments: false,
            tell: None,
        };
        if !self.fits(&transit, &oversize, hop) {
            return self.endpoint_dropped(interface);
        }
        self.watch
            .pass(&transit.packet, || (hop(), PassDetail::Plain));
        self.endpoint_processed(interface, &transit.packet);
        mtu::clamp(&mut transit.packet, mtu::VPC_ENDPOINT);
        let place = Place::Service(Service::Endpoint(interface));
        self.send(SimDuration::ZERO, place, transit);
    }

    /// The service behind an interface endpoint answers from the endpoint's interface.
    pub(super) fn leave_endpoint(&mut self, interface: InterfaceIndex, mut transit: Transit) {
        let Some(nic) = self.plan.find_interface(interface) else {
            return self.interface_gone(interface, &transit);
        };
        self.endpoint_processed(interface, &transit.packet);
        mtu::clamp(&mut transit.packet, mtu::VPC_ENDPOINT);
        let header = Header::of(&transit.packet);
        let way = self.way(nic, header.destination, header.destination);
        let direction = FlowDirection::Egress;
        let passed = self.security_group(interface, direction, &header, &transit, |_| true);
        self.leave(interface, way, &header, transit, passed);
    }
}
