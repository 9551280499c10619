//! ARP and neighbour discovery on their way: who answers, and with which hardware address.
//!
//! In a VPC nobody sees another's questions: AWS answers for the router, for the services on a
//! subnet's reserved addresses and for every address that an interface has; nobody answers for an
//! address of the subnet that no interface has. On a segment outside AWS everybody hears a
//! question, and machines answer for themselves; on the internet a router answers for everybody
//! else.
//!
//! What is there when virtual time begins has been there for long: machines know their neighbours.
//! Whoever comes later asks first.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use wirelab_model::{SimDuration, SimTime};
use wirelab_wire::{LinkFrame, MacAddr};

use super::{Scheduled, World};
use crate::capture::{OUTSIDE_ROUTER, outside_mac};
use crate::event::{Captured, Event};
use crate::fabric::{Port, Socket};
use crate::host::{Transmit, Way};
use crate::machines::PluggedInto;

/// Least and most nanoseconds until a machine has asked or answered: the range of the golden
/// captures' replies.
const SAYS: (u64, u64) = (9_000, 40_000);
/// Until AWS has answered.
const AWS_ANSWERS: (u64, u64) = (40_000, 120_000);
/// From an answer until what has waited for it leaves.
const LEAVES: (u64, u64) = (2_000, 5_000);

/// ARP or neighbour discovery at an interface of a machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Crossing {
    at: Port,
    /// Whether the machine sends it.
    outbound: bool,
    frame: LinkFrame,
}

impl World {
    /// A packet is given back if its next hop is known to the machine that sends it, with the
    /// hardware address that the machine knows; otherwise it waits there.
    pub(super) fn pass_neighbor(
        &mut self,
        number: usize,
        transmit: Transmit,
    ) -> Option<(Transmit, MacAddr)> {
        let at = (transmit.interface, transmit.next_hop);
        let host = &mut self.machines[number].host;
        let mut way = host.neighbor_way(self.now, at, transmit.confirms);
        if way == Way::Unknown {
            way = self.first_way(number, at, transmit.confirms);
        }
        let host = &mut self.machines[number].host;
        host.go_or_wait(self.now, way, transmit)
    }

    /// The way to whom nothing was sent so far.
    fn first_way(&mut self, number: usize, at: (usize, IpAddr), confirms: bool) -> Way {
        let Some(plug) = self.machines[number].plugs.get(at.0) else {
            return Way::Unknown;
        };
        if matches!(plug.to, PluggedInto::Outside(Socket::Tunnel(_))) {
            return Way::Open(MacAddr::default());
        }
        let Some(mac) = self.known_for_long(&plug.to, plug.since, at.1) else {
            return Way::Unknown;
        };
        let router = self.is_router(&plug.to, at.1);
        let host = &mut self.machines[number].host;
        host.know_neighbor(at, mac, router);
        host.neighbor_way(self.now, at, confirms)
    }

    /// The hardware address of a next hop that both it and the machine have had from the start.
    fn known_for_long(
        &self,
        to: &PluggedInto,
        since: SimTime,
        next_hop: IpAddr,
    ) -> Option<MacAddr> {
        if since > SimTime::ZERO {
            return None;
        }
        let owner = match to {
            PluggedInto::Interface(index) => {
                let plan = &self.topology.plan;
                let there = plan
                    .vpc(plan.find_interface(*index)?.vpc)
                    .interface_of(next_hop);
                there.and_then(|it| self.machine_behind(it))
            }
            PluggedInto::Outside(socket) => {
                let port = self.sites.neighbor_on(socket, next_hop);
                port.map(|it| (it.host as usize, it.interface as usize))
            }
        };
        let is_new = owner.is_some_and(|(number, at)| {
            let plug = self.machines[number].plugs.get(at);
            plug.is_some_and(|it| it.since > SimTime::ZERO)
        });
        self.neighbor(to, next_hop).filter(|_| !is_new)
    }

    /// Whether a next hop is no machine's: AWS's router, or one of the internet.
    fn is_router(&self, to: &PluggedInto, next_hop: IpAddr) -> bool {
        match to {
            PluggedInto::Interface(index) => {
                let plan = &self.topology.plan;
                let nic = plan.find_interface(*index);
                nic.is_some_and(|it| plan.vpc(it.vpc).interface_of(next_hop).is_none())
            }
            PluggedInto::Outside(socket) => self.sites.neighbor_on(socket, next_hop).is_none(),
        }
    }

    /// The hardware address that answers for an address on what an interface is plugged into.
    pub(super) fn neighbor(&self, to: &PluggedInto, address: IpAddr) -> Option<MacAddr> {
        match to {
            PluggedInto::Interface(index) => {
                let plan = &self.topology.plan;
                let nic = plan.find_interface(*index)?;
                let subnet = plan.subnet(nic.subnet);
                let there = plan.vpc(nic.vpc).interface_of(address);
                let there = there.and_then(|it| plan.find_interface(it));
                let is_router = subnet.router == address
                    || subnet.router_v6 == Some(address)
                    || !subnet.contains(address)
                    || plan.link_local(nic, address).is_some();
                match there {
                    Some(there) => Some(there.mac),
                    None => is_router.then_some(subnet.router_mac),
                }
            }
            PluggedInto::Outside(socket) => {
                let port = self.sites.neighbor_on(socket, address);
                let router = self.sites.is_internet(socket).then_some(OUTSIDE_ROUTER);
                port.map(outside_mac).or(router)
            }
        }
    }

    /// Takes what a machine's neighbour table has: questions and answers, which leave with the
    /// packets that are `ready` then, and packets that have waited.
    pub(super) fn work_on_link(&mut self, number: usize, ready: Option<SimTime>) {
        let released = self.machines[number].host.take_released();
        if !released.is_empty() {
            let leaves = self.soon(number, LEAVES);
            for transmit in released {
                self.transmit(number, transmit, leaves);
            }
        }
        let frames = self.machines[number].host.take_link_frames();
        if !frames.is_empty() {
            let leaves = ready.unwrap_or_else(|| self.soon(number, SAYS));
            for (interface, frame) in frames {
                self.enter(leaves, (number, interface), true, frame);
            }
        }
    }

    fn soon(&mut self, number: usize, (least, most): (u64, u64)) -> SimTime {
        let delays = &mut self.machines[number].link_delays;
        self.now + SimDuration::from_nanos(delays.range(least, most))
    }

    fn enter(&mut self, when: SimTime, at: (usize, usize), outbound: bool, frame: LinkFrame) {
        let at = Port {
            host: u32::try_from(at.0).expect("fewer than 2^32 machines"),
            interface: u32::try_from(at.1).expect("a plug has a small index"),
        };
        let crossing = Crossing {
            at,
            outbound,
            frame,
        };
        self.queue.push(when, Scheduled::Link(Box::new(crossing)));
    }

    /// A frame leaves a machine, or comes to it.
    pub(super) fn cross(&mut self, crossing: Crossing) {
        let Crossing {
            at,
            outbound,
            frame,
        } = crossing;
        let (number, interface) = (at.host as usize, at.interface as usize);
        let machine = &self.machines[number];
        let Some(plug) = machine.plugs.get(interface).filter(|_| machine.is_up) else {
            return;
        };
        let to = plug.to.clone();
        if self.config.observe.captures {
            self.events.push(Event::Captured(Captured {
                at: self.now,
                point: self.capture_point(machine, interface),
                outbound,
                frame: frame.clone(),
            }));
        }
        if !outbound {
            return self.with_host(number, |host, now, _| {
                host.on_link_frame(now, interface, &frame);
            });
        }
        match &to {
            PluggedInto::Interface(_) => self.answer_for(at, &to, &frame),
            PluggedInto::Outside(Socket::Segment(segment)) => {
                self.spread(at, *segment, &to, &frame);
            }
            PluggedInto::Outside(Socket::Tunnel(_)) => {}
        }
    }

    /// AWS, or a router of the internet, answers a machine.
    fn answer_for(&mut self, asker: Port, to: &PluggedInto, frame: &LinkFrame) {
        let Some(target) = frame.asks_for() else {
            return;
        };
        let router = self.is_router(to, target);
        let mac = self.neighbor(to, target);
        if let Some(answer) = mac.and_then(|it| frame.answered_by(it, router)) {
            let (number, interface) = (asker.host as usize, asker.interface as usize);
            let arrives = self.soon(number, AWS_ANSWERS);
            self.enter(arrives, (number, interface), false, answer);
        }
    }

    /// A frame goes to whom it is addressed to on a segment, or to all.
    fn spread(&mut self, from: Port, segment: u32, to: &PluggedInto, frame: &LinkFrame) {
        let destination = frame.destination();
        if destination == OUTSIDE_ROUTER {
            return self.answer_for(from, to, frame);
        }
        let ports = self.sites.ports_on(segment, addressed(frame));
        if ports.is_empty() {
            // A part of the internet on which there is nobody but a router.
            return self.answer_for(from, to, frame);
        }
        let to_all = destination.0[0] & 1 == 1;
        let arrives = self.now + self.config.fabric.latency.segment;
        for port in ports {
            if port != from && (to_all || outside_mac(port) == destination) {
                let there = (port.host as usize, port.interface as usize);
                self.enter(arrives, there, false, frame.clone());
            }
        }
    }

    /// Enters the timer of a machine's neighbour table into the queue, unless an entry that is due
    /// before is there.
    pub(super) fn set_neighbor_timer(&mut self, number: usize) {
        let machine = &mut self.machines[number];
        let Some(at) = machine.host.poll_neighbors() else {
            return;
        };
        let at = at.max(self.now);
        if machine.neighbor_timer.is_none_or(|entered| at < entered) {
            machine.neighbor_timer = Some(at);
            let number = u32::try_from(number).expect("fewer than 2^32 machines");
            self.queue.push(at, Scheduled::Neighbors(number));
        }
    }

    pub(super) fn neighbor_timer(&mut self, number: usize) {
        let machine = &mut self.machines[number];
        if machine.neighbor_timer == Some(self.now) {
            machine.neighbor_timer = None;
        }
        let due = machine.host.poll_neighbors();
        if due.is_some_and(|at| at <= self.now) {
            self.with_host(number, |host, now, out| host.on_neighbor_timeout(now, out));
        } else {
            self.set_neighbor_timer(number);
        }
    }
}

/// The address that a frame is for: the one asked for, or the asker's.
fn addressed(frame: &LinkFrame) -> Option<IpAddr> {
    frame.asks_for().or_else(|| match frame {
        LinkFrame::Arp(frame) => Some(IpAddr::V4(frame.packet.target)),
        LinkFrame::Ip(frame) => Some(frame.packet.destination()),
    })
}
