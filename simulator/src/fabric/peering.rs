//! VPC peering connection: from one VPC straight into the other.
//!
//! Amazon VPC Peering Guide (`facts.md` 2.5, 2.6, row 35). Each side needs a route. A connection
//! carries what comes from an address of the one VPC and goes to an address of the other, and
//! nothing else: it is not transitive, and a peer's internet, NAT or VPN gateway, gateway endpoint,
//! transit gateway or own peers are out of reach. It is no router: the TTL stays. Within a Region
//! it carries what interfaces do, 9001 octets, and security groups may refer to groups of the peer;
//! between Regions it carries 8500, and who sends more is not told.

use std::sync::Arc;

use wirelab_model::{PeeringStatus, Resources, VpcId, VpcPeeringConnection};

use super::compile::Places;
use super::network_interface::Via;
use super::plan::{Interface, InterfaceIndex, PeeringIndex, Plan, VpcIndex};
use super::{Oversize, Place, Transit, Walk, mtu, region};
use crate::path::PassDetail;
use crate::trace::Watch;
use crate::verdict::{Hop, PeeringDrop};

/// A peering connection as the fabric reads it.
#[derive(Clone, Debug)]
pub(crate) struct Peering {
    pub(super) source: Arc<VpcPeeringConnection>,
    requester: Option<VpcIndex>,
    accepter: Option<VpcIndex>,
}

pub(super) fn compile(plan: &mut Plan, resources: &Resources, places: &Places<'_>) {
    let connections = resources.vpc_peering_connections.values();
    let vpc = |id: &VpcId| places.vpcs.get(id).copied();
    plan.peerings = connections
        .map(|it| Peering {
            source: Arc::clone(it),
            requester: vpc(&it.requester.vpc_id),
            accepter: vpc(&it.accepter.vpc_id),
        })
        .collect();
}

impl Peering {
    /// The VPC at the other end.
    fn remote(&self, vpc: VpcIndex) -> Option<VpcIndex> {
        if self.requester == Some(vpc) {
            self.accepter
        } else {
            self.requester.filter(|_| self.accepter == Some(vpc))
        }
    }

    pub(super) fn is_inter_region(&self) -> bool {
        self.source.is_inter_region()
    }

    fn hop(&self) -> Hop {
        Hop::VpcPeeringConnection(self.source.vpc_peering_connection_id.clone())
    }
}

impl<W: Watch> Walk<'_, W> {
    /// The subnet's route leads from `interface` to a peering connection.
    pub(super) fn cross_peering(
        &mut self,
        at: PeeringIndex,
        interface: InterfaceIndex,
        mut transit: Transit,
    ) {
        let plan = self.plan;
        let peering = plan.peering(at);
        let nic = plan.interface(interface);
        let to = match self.beyond(peering, nic, &transit) {
            Ok(to) => to,
            Err(reason) => {
                self.watch.deny(&transit, peering.hop(), reason);
                return;
            }
        };
        let mtu = match peering.is_inter_region() {
            true => self.config.inter_region_mtu,
            false => mtu::INTERFACE,
        };
        let oversize = Oversize {
            mtu,
            fragments: false,
            tell: None,
        };
        if !self.fits(&transit, &oversize, || peering.hop()) {
            return;
        }
        (self.watch).pass(&transit.packet, || (peering.hop(), PassDetail::Plain));
        let there = plan.interface(to);
        let after = if peering.is_inter_region() {
            // Rules refer to groups of peers in their own Region alone.
            transit.direct = false;
            let source = &peering.source;
            region::latency(&source.requester.region, &source.accepter.region)
        } else {
            self.latency_between(nic, there)
        };
        let (interface, via) = (to, Via::ROUTER);
        self.send(after, Place::Arrive { interface, via }, transit);
    }

    /// The interface of the peer VPC that the packet is for.
    fn beyond(
        &self,
        peering: &Peering,
        nic: &Interface,
        transit: &Transit,
    ) -> Result<InterfaceIndex, PeeringDrop> {
        let connection = || peering.source.vpc_peering_connection_id.clone();
        let remote = peering.remote(nic.vpc);
        let active = peering.source.status == PeeringStatus::Active;
        let Some(remote) = remote.filter(|_| active) else {
            let connection = connection();
            return Err(PeeringDrop::NotActive { connection });
        };
        let (here, there) = (self.plan.vpc(nic.vpc), self.plan.vpc(remote));
        let (source, destination) = (transit.packet.source(), transit.packet.destination());
        if !here.contains(source) {
            return Err(PeeringDrop::ForeignSource {
                connection: connection(),
                vpc: here.id.clone(),
                source,
            });
        }
        if !there.contains(destination) {
            return Err(PeeringDrop::EdgeToEdge {
                connection: connection(),
                vpc: there.id.clone(),
                destination,
            });
        }
        let found = there.interface_of(destination);
        let found = found.filter(|it| self.plan.find_interface(*it).is_some());
        found.ok_or_else(|| PeeringDrop::UnknownDestination {
            connection: connection(),
            vpc: there.id.clone(),
            destination,
        })
    }
}
