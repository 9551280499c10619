//! Records with an end beside the addresses and blocks that the reference names.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::Ipv4Net;
use wirelab_model::{Flow, FlowDirection};

use super::Made;
use super::models::Model;
use super::said::Said;
use super::world::{self, World};
use crate::mutant::holding_text;

/// So many models are moved to each address.
const MOVED: usize = 8;

/// Each model, and its way back, with the far end at each of the addresses; and as the record of
/// another machine that has the address, if it is free.
pub(super) fn of(said: &Said, models: &[Model<'_>], world: &World) -> Vec<Made> {
    let addresses = addresses(said);
    let mut made = Vec::new();
    for model in models.iter().take(MOVED) {
        let mut back = model.flow.clone();
        super::reverse(&mut back);
        for flow in [&model.flow, &back] {
            for address in &addresses {
                made.push(model.with(far_end(flow, *address)));
                let near = world
                    .is_free(*address)
                    .then(|| near_end(model, flow, *address));
                made.extend(near.flatten());
            }
        }
    }
    made
}

/// On either side of each address and of each edge of a block; and whatever holds its text.
fn addresses(said: &Said) -> BTreeSet<Ipv4Addr> {
    let mut addresses = BTreeSet::new();
    for address in &said.addresses {
        let number = u32::from(*address);
        let around = [number.wrapping_sub(1), number, number.wrapping_add(1)];
        addresses.extend(around.map(Ipv4Addr::from));
        addresses.extend(holding_text(*address));
        addresses.extend(longer_middle(*address));
    }
    for net in &said.nets {
        let edges = edges(*net);
        addresses.extend(edges);
        addresses.extend(edges.into_iter().flat_map(holding_text));
        addresses.extend(edges.into_iter().filter_map(longer_middle));
    }
    addresses
}

/// The first and last address of a block that a machine can have, and the nearest outside it: AWS
/// keeps the first four of a subnet and the last (Amazon VPC User Guide, "Subnet CIDR blocks").
fn edges(net: Ipv4Net) -> [Ipv4Addr; 4] {
    let (first, last) = (u32::from(net.network()), u32::from(net.broadcast()));
    let (ahead, behind) = if net.prefix_len() > 28 {
        (0, 0)
    } else {
        (4, 1)
    };
    let edges = [
        first.wrapping_sub(1 + behind),
        first + ahead,
        last - behind,
        last.wrapping_add(1 + ahead),
    ];
    edges.map(Ipv4Addr::from)
}

/// `10.0.11.9` for `10.0.1.9`: what a search for the text of its first octets may find as well.
fn longer_middle(address: Ipv4Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d] = address.octets();
    let longer = c.checked_mul(10)?.checked_add(1)?;
    Some(Ipv4Addr::new(a, b, longer, d))
}

pub(super) fn far_end(flow: &Flow, address: Ipv4Addr) -> Flow {
    let address = IpAddr::from(address);
    let mut flow = flow.clone();
    let (far, in_packet) = match flow.direction {
        FlowDirection::Egress => (&mut flow.dstaddr, &mut flow.pkt_dstaddr),
        FlowDirection::Ingress => (&mut flow.srcaddr, &mut flow.pkt_srcaddr),
    };
    if far == in_packet {
        *far = address;
    }
    *in_packet = address;
    flow
}

/// The record of an interface that has the address; of one that forwards for others there is none.
pub(super) fn near_end(model: &Model<'_>, flow: &Flow, address: Ipv4Addr) -> Option<Made> {
    let mut flow = flow.clone();
    let (near, in_packet) = match flow.direction {
        FlowDirection::Egress => (&mut flow.srcaddr, &mut flow.pkt_srcaddr),
        FlowDirection::Ingress => (&mut flow.dstaddr, &mut flow.pkt_dstaddr),
    };
    if near != in_packet {
        return None;
    }
    (*near, *in_packet) = (address.into(), address.into());
    let mut made = model.with(flow);
    made.record.interface_id = world::interface(address);
    Some(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_beside_a_block_are_such_as_machines_have() {
        let edges = edges("10.0.2.0/24".parse().expect("a block"));
        let texts = edges.map(|it| it.to_string());
        assert_eq!(texts, ["10.0.1.254", "10.0.2.4", "10.0.2.254", "10.0.3.4"]);
    }
}
