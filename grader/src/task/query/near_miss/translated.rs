//! What a NAT gateway's interface records of a conversation that may never have come there.
//!
//! A packet of 10.0.1.5 to 198.51.100.9 is in two records of the gateway's interface, 10.0.9.9: it
//! comes in (`srcaddr` 10.0.1.5, `dstaddr` 10.0.9.9, `pkt-dstaddr` 198.51.100.9) and goes out (from
//! 10.0.9.9, in the packet too). Only there do the two pairs of fields differ (Amazon VPC User
//! Guide, "Traffic through a NAT gateway").

use std::net::IpAddr;

use wirelab_model::{Flow, FlowDirection};

use super::Made;
use super::models::Model;
use super::world::World;

/// So many models pass a gateway.
const PASSING: usize = 8;

/// Both records, at each gateway, of models with one end in a VPC and one outside, and of their
/// way back.
pub(super) fn of(models: &[Model<'_>], world: &World) -> Vec<Made> {
    let is_here = |address: IpAddr| matches!(address, IpAddr::V4(it) if world.is_here(it));
    let crosses = |flow: &Flow| is_here(flow.pkt_srcaddr) != is_here(flow.pkt_dstaddr);
    let mut made = Vec::new();
    for model in models.iter().filter(|it| crosses(&it.flow)).take(PASSING) {
        let mut back = model.flow.clone();
        super::reverse(&mut back);
        for (interface, gateway) in &world.nat_gateways {
            for flow in [&model.flow, &back] {
                let legs = legs(flow, (*gateway).into(), is_here(flow.pkt_srcaddr));
                made.extend(legs.map(|flow| {
                    let mut made = model.with(flow);
                    made.record.interface_id = interface.clone();
                    made
                }));
            }
        }
    }
    made
}

/// The packet as it comes to the gateway, and as it leaves it.
fn legs(flow: &Flow, gateway: IpAddr, leaves: bool) -> [Flow; 2] {
    let leg = |direction: FlowDirection, flow_ends: (IpAddr, IpAddr), packet: (IpAddr, IpAddr)| {
        let mut leg = flow.clone();
        leg.direction = direction;
        (leg.srcaddr, leg.dstaddr) = flow_ends;
        (leg.pkt_srcaddr, leg.pkt_dstaddr) = packet;
        leg
    };
    let (source, destination) = (flow.pkt_srcaddr, flow.pkt_dstaddr);
    let (came, goes) = if leaves {
        ((source, destination), (gateway, destination))
    } else {
        ((source, gateway), (source, destination))
    };
    [
        leg(FlowDirection::Ingress, (source, gateway), came),
        leg(FlowDirection::Egress, (gateway, destination), goes),
    ]
}
