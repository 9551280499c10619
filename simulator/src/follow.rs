//! Leads a packet through a world that stays as it is: through the fabric, on a state of its own,
//! and through the machines that forward it, on copies of them.

use std::collections::BTreeMap;

use crate::fabric::{InterfaceIndex, NextHop, Place, Port, Service, State, Transit, Walk};
use crate::host::{Host, HostDrop, HostEvent, Output, Transmit};
use crate::machines::PluggedInto;
use crate::path::PassDetail;
use crate::trace::Watch;
use crate::verdict::{Hop, MachineDrop};
use crate::world::World;

/// No way is longer.
const MOST_PLACES: usize = 64;

/// A walk without the world's queue.
pub(crate) struct Follower<'w> {
    world: &'w World,
    /// Connections and translations as this walk finds and leaves them.
    pub(crate) state: State,
    /// Copies of the machines that have taken part.
    hosts: BTreeMap<u32, Host>,
    /// What leaves AWS ends where it leaves, rather than at a machine behind.
    pub(crate) ends_outside: bool,
    /// At so many places a walk ends, wherever it is: what goes in circles.
    pub(crate) most_places: usize,
}

/// Where a packet has ended.
#[derive(Clone, Debug)]
pub(crate) struct End {
    pub(crate) packet: wirelab_wire::IpPacket,
    /// The machine; none for an interface without one.
    pub(crate) machine: Option<u32>,
    pub(crate) place: Arrival,
}

/// The interface by which it came.
#[derive(Clone, Debug)]
pub(crate) enum Arrival {
    Interface(InterfaceIndex),
    Outside(Port),
    /// It came to a service of AWS's.
    Service(Service),
}

impl<'w> Follower<'w> {
    pub(crate) const fn new(world: &'w World, state: State) -> Self {
        Self {
            world,
            state,
            hosts: BTreeMap::new(),
            ends_outside: false,
            most_places: MOST_PLACES,
        }
    }

    /// The copy of a machine.
    pub(crate) fn host(&mut self, number: u32) -> &mut Host {
        let machines = &self.world.machines;
        let copy = || machines[number as usize].host.clone();
        self.hosts.entry(number).or_insert_with(copy)
    }

    /// Follows a packet to the machine or interface that it is for. `None`: it was dropped.
    pub(crate) fn follow<W: Watch>(
        &mut self,
        watch: &mut W,
        start: (Place, Transit),
    ) -> Option<End> {
        let mut next = Some(start);
        for _ in 0..self.most_places {
            let (place, transit) = next.take()?;
            let (machine, place) = match place {
                Place::Machine(index) => {
                    let found = self.world.machine_behind(index);
                    (found, Arrival::Interface(index))
                }
                Place::Outside { port, .. } => {
                    let found = (port.host as usize, port.interface as usize);
                    let found = (!self.ends_outside).then_some(found);
                    (found, Arrival::Outside(port))
                }
                Place::Service(service) => (None, Arrival::Service(service)),
                place => {
                    next = self.step(watch, place, transit);
                    continue;
                }
            };
            let destination = transit.packet.destination();
            let is_foreign =
                |(number, _): &(usize, usize)| !self.world.machines[*number].owns(destination);
            if let Some((number, interface)) = machine.filter(is_foreign) {
                next = self.forward(watch, number_of(number), interface, transit);
                continue;
            }
            return Some(End {
                packet: *transit.packet,
                machine: machine.map(|(number, _)| number_of(number)),
                place,
            });
        }
        None
    }

    fn step<W: Watch>(
        &mut self,
        watch: &mut W,
        place: Place,
        transit: Transit,
    ) -> Option<(Place, Transit)> {
        let mut out = Vec::new();
        let mut walk = Walk {
            now: self.world.now(),
            plan: &self.world.topology.plan,
            config: &self.world.config().fabric,
            sites: &self.world.sites,
            state: &mut self.state,
            delay: wirelab_model::SimDuration::ZERO,
            watch,
            out: &mut out,
        };
        walk.step(place, transit);
        let sent = out.into_iter().next()?;
        Some((sent.place, sent.transit))
    }

    /// A machine on the way gets the packet, which is not addressed to it.
    fn forward<W: Watch>(
        &mut self,
        watch: &mut W,
        number: u32,
        interface: usize,
        transit: Transit,
    ) -> Option<(Place, Transit)> {
        let now = self.world.now();
        let host = self.world.machines[number as usize].name().clone();
        let hop = Hop::Host(host.clone());
        let mut out = Output::default();
        let destination = transit.packet.destination();
        self.host(number)
            .on_packet(now, interface, transit.packet.clone(), &mut out);
        for sent in out.packets {
            if sent.packet.destination() == destination {
                watch.pass(&transit.packet, || (hop, PassDetail::Plain));
                return self.departure(number, sent, false);
            }
            let tells = sent.packet.is_icmp_error();
            if let Some((place, error)) = self.departure(number, sent, true).filter(|_| tells) {
                watch.told(place, error);
            }
        }
        let reason = out.events.into_iter().find_map(|event| match event {
            HostEvent::Dropped { reason, .. } => Some(reason),
            _ => None,
        });
        let reason = reason.unwrap_or(HostDrop::NotForwarding);
        watch.deny(&transit, hop, MachineDrop { host, reason });
        None
    }

    /// Where a packet is that a machine sends.
    pub(crate) fn departure(
        &self,
        number: u32,
        transmit: Transmit,
        direct: bool,
    ) -> Option<(Place, Transit)> {
        let machine = &self.world.machines[number as usize];
        let plug = machine.plugs.get(transmit.interface)?;
        let next_hop = NextHop::unframed(transmit.next_hop);
        let place = match &plug.to {
            PluggedInto::Interface(interface) => Place::Depart {
                interface: *interface,
                next_hop,
            },
            PluggedInto::Outside(socket) => Place::DepartOutside {
                port: Port {
                    host: number,
                    interface: number_of(transmit.interface),
                },
                socket: socket.clone(),
                next_hop,
            },
        };
        let transit = Transit {
            packet: transmit.packet,
            direct,
            host: Some(number),
            traffic: None,
        };
        Some((place, transit))
    }
}

fn number_of(number: usize) -> u32 {
    u32::try_from(number).expect("a world has fewer than 2^32 machines")
}
