//! The reachable set of a network, held against the plain evaluator packet by packet.

use std::net::IpAddr;

use wirelab_model::{
    CustomerGatewayId, InstanceState, NetworkInterface, NetworkInterfaceId, SimTime,
};
use wirelab_simulator::reach::{End, Packet as Point, Reach, reach};

use super::Report;
use crate::packets;
use crate::plain::{Fate, Packet, Plain};
use crate::run::Run;
use crate::statement::Shape;

/// Ports on both sides of the edges that rules are drawn from.
const PORTS: [u16; 6] = [1, 80, 443, 1024, 32768, 65535];

/// Every running instance and machine on the internet, every address that exists, some ports and
/// pings: in the set if and only if it would be delivered where nothing is tracked yet.
pub(super) fn examine(run: &Run, report: &mut Report) {
    let world = &run.world;
    let resources = world.resources();
    let mut fresh = Plain::default();
    fresh.resources = resources.clone();
    fresh.outside = run.outside();
    fresh.devices = run.devices();
    let senders = resources.network_interfaces.values();
    let senders = senders.filter(|nic| {
        let attachment = nic.attachment.as_ref();
        let instance = attachment.and_then(|it| it.instance_id.as_ref());
        let instance = instance.and_then(|it| resources.instances.get(it));
        instance.is_some_and(|it| it.state == InstanceState::Running)
    });
    let senders: Vec<_> = senders.map(|it| &**it).collect();
    let mut destinations: Vec<IpAddr> = fresh.outside.keys().copied().collect();
    destinations.extend(senders.iter().flat_map(|nic| addresses(nic)));
    destinations.extend(fresh.devices.values().map(|it| it.1));
    let mut asked = Asked {
        reachable: reach(world),
        fresh,
        report,
    };
    for (at, sender) in senders.iter().enumerate() {
        for (number, to) in destinations.iter().enumerate() {
            if !addresses(sender).contains(to)
                && let Some(from) = own_address(sender, *to)
            {
                asked.pair(&Sender::Interface(sender), from, *to, at + number);
            }
        }
    }
    let devices: Vec<_> = asked.fresh.devices.clone().into_iter().collect();
    for (at, (id, (_, from))) in devices.iter().enumerate() {
        for (number, to) in destinations.iter().enumerate() {
            if to.is_ipv4() && devices.iter().all(|it| it.1.1 != *to) {
                asked.pair(&Sender::Device(id.clone()), *from, *to, at + number);
            }
        }
    }
    asked.no_own_address_is_outside(&destinations);
    let strangers: Vec<_> = asked.fresh.outside.keys().copied().collect();
    for (at, from) in strangers.iter().enumerate() {
        for (number, to) in destinations.iter().enumerate() {
            if from.is_ipv4() == to.is_ipv4() && !strangers.contains(to) {
                asked.pair(&Sender::Internet, *from, *to, at + number);
            }
        }
    }
}

enum Sender<'a> {
    Interface(&'a NetworkInterface),
    Device(CustomerGatewayId),
    Internet,
}

struct Asked<'a> {
    reachable: Reach,
    fresh: Plain,
    report: &'a mut Report,
}

impl Asked<'_> {
    fn pair(&mut self, sender: &Sender<'_>, from: IpAddr, to: IpAddr, number: usize) {
        let port = PORTS[number % PORTS.len()];
        let echo = match from {
            IpAddr::V4(_) => (1, 8),
            IpAddr::V6(_) => (58, 128),
        };
        for (protocol, first, second) in [(6, 40000, port), (17, 40000, port), (echo.0, echo.1, 0)]
        {
            let shape = Shape {
                protocol,
                source_port: 40000,
                destination_port: port,
                flags: wirelab_wire::TcpFlags::SYN,
                data: 0,
                dont_fragment: true,
                in_fragments: false,
            };
            let packet = Packet::of(&packets::packet(&shape, (from, to), 1, 1500));
            let point = Point {
                source: from,
                destination: to,
                protocol,
                source_port: first,
                destination_port: second,
                reply: false,
            };
            self.compare(sender, &packet, &point);
        }
    }

    /// The last addresses of the VPCs' blocks are nobody's, and the VPCs': no stranger and no
    /// customer sends from them, unless the customer's LAN has them.
    fn no_own_address_is_outside(&mut self, destinations: &[IpAddr]) {
        let vpcs = self.fresh.resources.vpcs.values();
        let own = vpcs.flat_map(|it| {
            let v4 = it.cidr_blocks.iter().map(|it| IpAddr::V4(it.broadcast()));
            v4.chain(
                it.ipv6_cidr_blocks
                    .iter()
                    .map(|it| IpAddr::V6(it.broadcast())),
            )
        });
        let own: Vec<IpAddr> = own.collect();
        let gateways = self.fresh.devices.keys().cloned();
        let gateways = gateways.map(End::CustomerGateway);
        let ends: Vec<End> = gateways.chain([End::Internet]).collect();
        for source in own {
            let to = destinations
                .iter()
                .filter(|it| it.is_ipv4() == source.is_ipv4());
            for (destination, end) in to.flat_map(|to| ends.iter().map(move |end| (*to, end))) {
                let point = Point {
                    source,
                    destination,
                    protocol: 6,
                    source_port: 40000,
                    destination_port: 80,
                    reply: false,
                };
                let is_in = self.reachable.delivers(end, &point);
                self.report.check(!is_in, || {
                    format!("reach: {point} of {end:?} is in the set")
                });
            }
        }
    }

    fn compare(&mut self, sender: &Sender<'_>, packet: &Packet, point: &Point) {
        let mut plain = self.fresh.clone();
        let (end, outcomes) = match sender {
            Sender::Interface(nic) => {
                let id = &nic.network_interface_id;
                let outcomes = plain.depart(SimTime::ZERO, id, packet, None);
                (End::Vpc(nic.vpc_id.clone()), outcomes)
            }
            Sender::Device(id) => {
                let outcomes = plain.depart_device(SimTime::ZERO, id, packet, None);
                (End::CustomerGateway(id.clone()), outcomes)
            }
            Sender::Internet => {
                let outcomes = plain.depart_outside(SimTime::ZERO, packet, None);
                (End::Internet, outcomes)
            }
        };
        let outcome = &outcomes[0];
        // At a machine that is to forward it, and does not, it has not arrived.
        let arrives = match &outcome.fate {
            Fate::Delivered(to) if to.starts_with("eni-") => {
                let nic =
                    &plain.resources.network_interfaces[&NetworkInterfaceId::new(to.as_str())];
                addresses(nic).contains(&outcome.packet.destination)
            }
            Fate::Delivered(_) => true,
            Fate::Dropped(_) => false,
        };
        let is_in = self.reachable.delivers(&end, point);
        self.report.check(plain.circled || is_in == arrives, || {
            let said = if is_in { "in" } else { "not in" };
            let fate = &outcome.fate;
            format!("reach: {packet} of {end:?} is {said} the set, and then {fate}")
        });
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
