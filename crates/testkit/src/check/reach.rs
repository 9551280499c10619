//! The reachable set of a network, held against the plain evaluator packet by packet.

use std::net::IpAddr;

use wirelab_model::{InstanceState, NetworkInterface, SimTime};
use wirelab_simulator::reach::{End, Packet as Point, reach};

use super::Report;
use crate::packets;
use crate::plain::{Fate, Packet, Plain};
use crate::run::Run;
use crate::statement::Shape;

/// Ports on both sides of the edges that rules are drawn from.
const PORTS: [u16; 6] = [1, 80, 443, 1024, 32768, 65535];

/// Every running instance, every address that exists, some ports: in the set if and only if it
/// would be delivered where nothing is tracked yet.
pub(super) fn examine(run: &Run, report: &mut Report) {
    let world = &run.world;
    let resources = world.resources();
    let reachable = reach(world);
    let mut fresh = Plain::default();
    fresh.resources = resources.clone();
    fresh.outside = run.outside();
    let senders = resources.network_interfaces.values();
    let senders = senders.filter(|nic| {
        let attachment = nic.attachment.as_ref();
        let instance = attachment.and_then(|it| it.instance_id.as_ref());
        let instance = instance.and_then(|it| resources.instances.get(it));
        instance.is_some_and(|it| it.state == InstanceState::Running)
    });
    let senders: Vec<_> = senders.collect();
    let mut destinations: Vec<IpAddr> = fresh.outside.keys().copied().collect();
    destinations.extend(senders.iter().flat_map(|nic| addresses(nic)));
    for (at, sender) in senders.iter().enumerate() {
        for (number, to) in destinations.iter().enumerate() {
            if addresses(sender).contains(to) {
                continue;
            }
            let port = PORTS[(at + number) % PORTS.len()];
            for protocol in [6, 17] {
                let shape = Shape {
                    protocol,
                    source_port: 40000,
                    destination_port: port,
                    flags: wirelab_wire::TcpFlags::SYN,
                    data: 0,
                    dont_fragment: true,
                    in_fragments: false,
                };
                let Some(from) = own_address(sender, *to) else {
                    continue;
                };
                let packet = Packet::of(&packets::packet(&shape, (from, *to), 1, 9001));
                let mut plain = fresh.clone();
                let id = &sender.network_interface_id;
                let outcomes = plain.depart(SimTime::ZERO, id, &packet, Some(40000));
                let point = Point {
                    source: from,
                    destination: *to,
                    protocol,
                    source_port: 40000,
                    destination_port: port,
                    reply: false,
                };
                let fate = &outcomes[0].fate;
                let arrives = matches!(fate, Fate::Delivered(_));
                let is_in = reachable.delivers(&End::Vpc(sender.vpc_id.clone()), &point);
                report.check(plain.circled || is_in == arrives, || {
                    let said = if is_in { "in" } else { "not in" };
                    format!("reach: {packet} of {id} is {said} the set, and then {fate}")
                });
            }
        }
    }
}

fn addresses(nic: &NetworkInterface) -> Vec<IpAddr> {
    let own = nic.private_ip_addresses.iter();
    let all = own.flat_map(|it| {
        let public = it.association.as_ref().map(|it| it.public_ip);
        std::iter::once(it.private_ip_address).chain(public)
    });
    let ipv6 = nic.ipv6_addresses.iter().copied();
    all.map(IpAddr::V4).chain(ipv6.map(IpAddr::V6)).collect()
}

/// The address by which an interface talks to another.
fn own_address(nic: &NetworkInterface, to: IpAddr) -> Option<IpAddr> {
    match to {
        IpAddr::V4(_) => Some(IpAddr::V4(nic.private_ip_address)),
        IpAddr::V6(_) => nic.ipv6_addresses.first().copied().map(IpAddr::V6),
    }
}
