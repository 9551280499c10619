//! Ingress routing: the route table of an internet gateway or virtual private gateway leads what
//! enters the VPC to an appliance (Amazon VPC User Guide, "Gateway route tables").
//!
//! Without such a table, or where its route is local, a packet goes to the interface that has its
//! destination address.

use wirelab_model::SimDuration;

use super::network_interface::Via;
use super::plan::VpcIndex;
use super::route_table::Target;
use super::{Place, Transit, Walk};
use crate::path::PassDetail;
use crate::trace::Watch;
use crate::verdict::{Hop, RouteTableDrop, VpcDrop};

impl<W: Watch> Walk<'_, W> {
    /// A packet to a private address has entered `vpc` by `gateway`.
    pub(super) fn enter_vpc(&mut self, vpc: VpcIndex, gateway: &str, transit: Transit) {
        let plan = self.plan;
        let destination = transit.packet.destination();
        let table = plan.gateway_tables.get(gateway).map(|at| plan.table(*at));
        let taken = table.and_then(|table| Some((table, table.lookup(destination)?)));
        let mut interface = plan.vpc(vpc).interface_of(destination);
        if let Some((table, taken)) = taken {
            let hop = || Hop::GatewayRouteTable {
                route_table: table.id.clone(),
                gateway: gateway.into(),
            };
            match taken.leads {
                Target::Local => {}
                Target::Interface(to) => interface = Some(to),
                _ => {
                    let reason = RouteTableDrop::Blackhole {
                        route_table: table.id.clone(),
                        destination: taken.destination.clone(),
                        target: taken.target.clone(),
                    };
                    return self.watch.deny(&transit, hop(), reason);
                }
            }
            self.watch.pass(&transit.packet, || {
                let detail = PassDetail::Route {
                    destination: taken.destination.clone(),
                    target: taken.target.clone(),
                };
                (hop(), detail)
            });
        }
        let Some(interface) = interface else {
            let id = &plan.vpc(vpc).id;
            let reason = VpcDrop::UnknownDestination {
                vpc: id.clone(),
                destination,
            };
            return self.watch.deny(&transit, Hop::Vpc(id.clone()), reason);
        };
        let via = Via::ROUTER;
        self.send(SimDuration::ZERO, Place::Arrive { interface, via }, transit);
    }
}
