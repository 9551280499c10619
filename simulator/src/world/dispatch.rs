//! What is due is done: packets walk, machines answer, windows end.

use std::net::IpAddr;

use wirelab_model::{SimDuration, SimTime};
use wirelab_wire::{IpPacket, MacAddr};

use super::live::Live;
use super::{Scheduled, World};
use crate::attribution::Owner as Whose;
use crate::capture::{OUTSIDE_ROUTER, frame, outside_mac};
use crate::event::{CapturePoint, Captured, Dropped, Event, InputError};
use crate::fabric::{InterfaceIndex, NextHop, Place, Port, Sent, Service, Socket, Transit, Walk};
use crate::flow::Window;
use crate::host::{Host, HostEvent, Output, Question, Transmit};
use crate::machines::PluggedInto;
use crate::service;
use crate::verdict::{DropReason, Hop, InterfaceDrop, MachineDrop};

impl World {
    /// Puts a packet on an interface as if its machine had sent it.
    pub(super) fn put_on_wire(
        &mut self,
        point: &CapturePoint,
        packet: IpPacket,
    ) -> Result<(), InputError> {
        let place = self.departure(point, packet.destination())?;
        let transit = Transit {
            packet: Box::new(packet),
            direct: true,
            host: None,
            traffic: None,
        };
        self.packet(place, transit);
        Ok(())
    }

    /// Lets a packet come from the internet to a public address of a VPC.
    #[cfg(test)]
    pub(crate) fn put_on_internet(&mut self, packet: IpPacket) {
        let transit = Transit {
            packet: Box::new(packet),
            direct: true,
            host: None,
            traffic: None,
        };
        self.packet(Place::FromInternet, transit);
    }

    fn departure(&self, point: &CapturePoint, next_hop: IpAddr) -> Result<Place, InputError> {
        match point {
            CapturePoint::Interface(id) => {
                let found = self.topology.find(id);
                let interface = found.ok_or_else(|| InputError::UnknownInterface(id.clone()))?;
                let next_hop = self.next_hop(&PluggedInto::Interface(interface), next_hop);
                Ok(Place::Depart {
                    interface,
                    next_hop,
                })
            }
            CapturePoint::HostInterface { host, interface } => {
                let number = self.number_of(host)?;
                let machine = &self.machines[number];
                let mut plugs = machine
                    .host
                    .interfaces()
                    .iter()
                    .zip(&machine.plugs)
                    .enumerate();
                let found = plugs.find_map(|(at, (it, plug))| match &plug.to {
                    PluggedInto::Outside(socket) if it.name == *interface => Some((at, socket)),
                    _ => None,
                });
                let Some((at, socket)) = found else {
                    return Err(InputError::UnknownHostInterface {
                        host: host.clone(),
                        interface: interface.clone(),
                    });
                };
                Ok(Place::DepartOutside {
                    port: Port {
                        host: u32::try_from(number).expect("fewer than 2^32 machines"),
                        interface: u32::try_from(at).expect("a plug has a small index"),
                    },
                    socket: socket.clone(),
                    next_hop: self.next_hop(&PluggedInto::Outside(socket.clone()), next_hop),
                })
            }
        }
    }

    /// What a machine would know that has asked just now.
    fn next_hop(&self, to: &PluggedInto, address: IpAddr) -> NextHop {
        let mac = self.neighbor(to, address).unwrap_or_default();
        NextHop { address, mac }
    }

    pub(super) fn perform(&mut self, item: Scheduled) {
        match item {
            Scheduled::Packet(place, transit) => self.packet(place, transit),
            Scheduled::Inbox(number) => self.inbox(number as usize),
            Scheduled::Timer(number) => self.timer(number as usize),
            Scheduled::ServiceTimer(service) => self.service_timer(&service),
            Scheduled::Window(window) => self.close_window(window),
            Scheduled::Minute => self.close_minute(),
            Scheduled::Changes(changes) => self.apply(&changes),
            Scheduled::Observation(observation) => {
                self.events.push(Event::Observation(observation));
            }
            Scheduled::PowerOff(id) => self.power_off(&id),
            Scheduled::PowerOn(id) => self.power_on(&id),
            Scheduled::Tunnels => self.observe_tunnels(),
            Scheduled::Renewal(number) => {
                self.machines[number as usize].renew(&self.topology);
            }
            Scheduled::Link(crossing) => self.cross(*crossing),
            Scheduled::Neighbors(number) => self.neighbor_timer(number as usize),
        }
    }

    fn observe_tunnels(&mut self) {
        let (observations, next) = self.state.tunnels.observe(self.now);
        for observation in observations {
            self.events.push(Event::Observation(observation));
        }
        if let Some(at) = next {
            self.queue.push(at, Scheduled::Tunnels);
        }
    }

    /// A packet is at a place: in the fabric, or in the inbox of a machine that comes to it later.
    fn packet(&mut self, place: Place, transit: Transit) {
        let Some(number) = self.receiver(&place) else {
            return self.go_on(place, transit);
        };
        let pace = &mut self.machines[number].pace;
        if let Some(at) = pace.arrived(self.now, place, transit) {
            let number = u32::try_from(number).expect("fewer than 2^32 machines");
            self.queue.push(at, Scheduled::Inbox(number));
        }
    }

    /// The machine whose kernel has to take a packet that is there.
    fn receiver(&self, place: &Place) -> Option<usize> {
        match place {
            Place::Arrive { interface, .. }
            | Place::Admitted { interface, .. }
            | Place::FromService(Service::LinkLocal(interface)) => {
                self.machine_behind(*interface).map(|(number, _)| number)
            }
            Place::Outside { port, .. } => Some(port.host as usize),
            _ => None,
        }
    }

    /// A machine takes what has arrived, and then its programs look.
    fn inbox(&mut self, number: usize) {
        loop {
            match self.machines[number].pace.take(self.now) {
                Ok(Some((place, transit))) => self.go_on(place, transit),
                Ok(None) => break,
                Err(busy_until) => {
                    let number = u32::try_from(number).expect("fewer than 2^32 machines");
                    return self.queue.push(busy_until, Scheduled::Inbox(number));
                }
            }
        }
        if self.machines[number].host.has_news() {
            self.with_host(number, |host, now, out| host.run_programs(now, out));
        }
    }

    fn go_on(&mut self, place: Place, transit: Transit) {
        match place {
            Place::Machine(interface) => self.deliver_to_instance(interface, transit),
            Place::Outside { port, from } => self.deliver_outside(port, from, transit),
            Place::Service(service) => self.serve(&service, transit),
            Place::DepartOutside { port, next_hop, .. } => {
                self.capture_outside(port, true, next_hop.mac, &transit.packet);
                self.walk(place, transit);
            }
            _ => self.walk(place, transit),
        }
    }

    fn walk(&mut self, place: Place, transit: Transit) {
        let mut sent = std::mem::take(&mut self.sent);
        let mut live = Live {
            now: self.now,
            config: &self.config,
            plan: &self.topology.plan,
            machines: &self.machines,
            behind: &self.behind,
            attribution: &self.attribution,
            flow_logs: &mut self.flow_logs,
            metrics: &mut self.metrics,
            events: &mut self.events,
        };
        let mut walk = Walk {
            now: self.now,
            plan: &self.topology.plan,
            config: &self.config.fabric,
            sites: &self.sites,
            state: &mut self.state,
            delay: SimDuration::ZERO,
            watch: &mut live,
            out: &mut sent,
        };
        walk.step(place, transit);
        let mut delivered = None;
        for Sent {
            after,
            place,
            transit,
        } in sent.drain(..)
        {
            self.transmissions += u64::from(place.is_elsewhere());
            match place {
                // Nothing can come between an interface and its machine.
                Place::Machine(interface) if delivered.is_none() && after == SimDuration::ZERO => {
                    delivered = Some((interface, transit));
                }
                _ => {
                    let packet = Scheduled::Packet(place, transit);
                    self.queue.push(self.now + after, packet);
                }
            }
        }
        self.sent = sent;
        if let Some((interface, transit)) = delivered {
            self.deliver_to_instance(interface, transit);
        }
    }

    fn deliver_to_instance(&mut self, interface: InterfaceIndex, transit: Transit) {
        let found = self.machine_behind(interface);
        let Some((number, at)) = found else {
            let id = self.topology.plan.interface_id(interface).clone();
            let reason = InterfaceDrop::NoMachine {
                interface: id.clone(),
            };
            return self.drop_packet(transit, Hop::Interface(id), reason);
        };
        self.deliver(number, at, transit);
    }

    pub(crate) fn machine_behind(&self, interface: InterfaceIndex) -> Option<(usize, usize)> {
        let (number, at) = (*self.behind.get(interface.get())?)?;
        let (number, at) = (number as usize, at as usize);
        // The interface may have been taken out since.
        let plug = self.machines[number].plugs.get(at)?;
        (plug.to == PluggedInto::Interface(interface)).then_some((number, at))
    }

    /// A service of AWS's gets a packet.
    fn serve(&mut self, service: &Service, transit: Transit) {
        let mut services = std::mem::take(&mut self.services);
        let answers = services.on_packet(service, *transit.packet, self.context());
        self.services = services;
        for packet in answers {
            self.send_from_service(service, packet, transit.traffic);
        }
        self.set_service_timer(service);
    }

    fn service_timer(&mut self, service: &Service) {
        let mut services = std::mem::take(&mut self.services);
        let sent = services.on_timeout(service, self.context());
        self.services = services;
        for packet in sent {
            self.send_from_service(service, packet, None);
        }
        self.set_service_timer(service);
    }

    fn send_from_service(&mut self, service: &Service, packet: IpPacket, traffic: Option<u32>) {
        let transit = Transit {
            packet: Box::new(packet),
            direct: true,
            host: None,
            traffic,
        };
        let after = self.config.fabric.latency.same_zone;
        let place = Place::FromService(service.clone());
        let packet = Scheduled::Packet(place, transit);
        self.queue.push(self.now + after, packet);
    }

    fn set_service_timer(&mut self, service: &Service) {
        if let Some(at) = self.services.next_timer(service) {
            let timer = Scheduled::ServiceTimer(service.clone());
            self.queue.push(at.max(self.now), timer);
        }
    }

    fn deliver_outside(&mut self, port: Port, from: Option<Port>, transit: Transit) {
        let peer = from.map_or(OUTSIDE_ROUTER, outside_mac);
        self.capture_outside(port, false, peer, &transit.packet);
        self.deliver(port.host as usize, port.interface as usize, transit);
    }

    fn deliver(&mut self, number: usize, interface: usize, transit: Transit) {
        let machine = &self.machines[number];
        let forwards = !machine.owns(transit.packet.destination());
        let whose = Whose {
            host: transit.host,
            traffic: transit.traffic,
        };
        let host = u32::try_from(number).expect("fewer than 2^32 machines");
        self.attribution
            .received(host, &transit.packet, whose, forwards);
        let packet = transit.packet;
        self.with_host(number, |host, now, out| {
            host.receive(now, interface, packet, out);
        });
    }

    fn timer(&mut self, number: usize) {
        let machine = &mut self.machines[number];
        if machine.timer == Some(self.now) {
            machine.timer = None;
        }
        let due = |at: Option<SimTime>| at.is_some_and(|at| at <= self.now);
        if due(machine.host.poll_loopback()) {
            self.with_host(number, |host, now, out| host.on_loopback(now, out));
        } else if due(machine.host.poll_timers()) {
            self.with_host(number, |host, now, out| host.on_timers(now, out));
        } else {
            self.set_timer(number);
        }
    }

    /// Lets a machine do something and takes what comes of it.
    pub(super) fn with_host(
        &mut self,
        number: usize,
        act: impl FnOnce(&mut Host, SimTime, &mut Output),
    ) {
        let mut output = std::mem::take(&mut self.output);
        act(&mut self.machines[number].host, self.now, &mut output);
        let mut ready = None;
        if !output.packets.is_empty() {
            let at = self.machines[number].pace.sends(self.now);
            ready = Some(at);
            for transmit in output.packets.drain(..) {
                self.transmit(number, transmit, at);
            }
        }
        if self.machines[number].host.has_link_work() {
            self.work_on_link(number, ready);
        }
        for event in output.events.drain(..) {
            self.host_event(number, event);
        }
        self.output = output;
        for question in self.machines[number].host.take_questions() {
            self.answer_question(number, &question);
        }
        self.set_timer(number);
        self.set_neighbor_timer(number);
    }

    /// Answers what a resolver of the public DNS was asked.
    fn answer_question(&mut self, number: usize, question: &Question) {
        let is_datagram = question.is_datagram();
        let answer = service::ask_public(&question.octets, is_datagram, self.context());
        self.with_host(number, |host, now, out| {
            host.answer_question(now, question, answer, out);
        });
    }

    /// Enters the machine's timer into the queue, unless an entry that is due before is there.
    fn set_timer(&mut self, number: usize) {
        let machine = &mut self.machines[number];
        let timers = machine.host.poll_timers();
        let timers = timers.map(|at| machine.pace.wakes(at));
        let next = [timers, machine.host.poll_loopback()];
        let Some(at) = next.into_iter().flatten().min() else {
            return;
        };
        let at = at.max(self.now);
        if machine.timer.is_none_or(|entered| at < entered) {
            machine.timer = Some(at);
            let number = u32::try_from(number).expect("fewer than 2^32 machines");
            self.queue.push(at, Scheduled::Timer(number));
        }
    }

    /// A machine hands a packet, which is `ready` then, to one of its interfaces. It leaves if the
    /// next hop is known, and waits in the machine otherwise.
    pub(super) fn transmit(&mut self, number: usize, transmit: Transmit, ready: SimTime) {
        let Some((transmit, mac)) = self.pass_neighbor(number, transmit) else {
            return;
        };
        let Transmit {
            interface,
            next_hop,
            packet,
            ..
        } = transmit;
        let next_hop = NextHop {
            address: next_hop,
            mac,
        };
        let machine = &mut self.machines[number];
        let host = u32::try_from(number).expect("fewer than 2^32 machines");
        let own = machine.owns(packet.source());
        let whose = self.attribution.sent(host, machine.name(), &packet, own);
        let Some(plug) = machine.plugs.get_mut(interface) else {
            return;
        };
        let fabric = &self.config.fabric;
        let flow_bps = fabric.interface_bps;
        let (bps, place) = match &plug.to {
            PluggedInto::Interface(index) => {
                let interface = *index;
                let place = Place::Depart {
                    interface,
                    next_hop,
                };
                let nic = self.topology.plan.find_interface(interface);
                let allowance = nic.and_then(|it| it.allowance.as_ref());
                let bps = allowance.map_or(flow_bps, |it| it.kind.burst_bps);
                (bps, place)
            }
            PluggedInto::Outside(socket) => {
                let interface = u32::try_from(interface).expect("a plug has a small index");
                let place = Place::DepartOutside {
                    port: Port { host, interface },
                    socket: socket.clone(),
                    next_hop,
                };
                (fabric.segment_bps, place)
            }
        };
        let leaves = match plug.to {
            PluggedInto::Interface(_) if bps > flow_bps => {
                let ready = plug.link.departure(ready, packet.total_len(), bps);
                plug.flows.departure(self.now, ready, &packet, flow_bps)
            }
            PluggedInto::Interface(_) | PluggedInto::Outside(_) => {
                plug.link.departure(ready, packet.total_len(), bps)
            }
        };
        let transit = Transit {
            packet,
            direct: true,
            host: whose.host,
            traffic: whose.traffic,
        };
        self.queue.push(leaves, Scheduled::Packet(place, transit));
    }

    fn host_event(&mut self, number: usize, event: HostEvent) {
        let event = match event {
            HostEvent::Traffic(event) => Event::Traffic(event),
            HostEvent::ExecOutput {
                id,
                stream,
                text,
                at,
            } => Event::ExecOutput {
                id,
                stream,
                text,
                at,
            },
            HostEvent::ExecDone { id, status, at } => {
                let running = &mut self.machines[number].running;
                running.retain(|it| *it != id);
                Event::ExecDone { id, status, at }
            }
            HostEvent::Dropped { packet, reason } => {
                return self.host_dropped(number, packet, reason);
            }
        };
        self.events.push(event);
    }

    fn host_dropped(
        &mut self,
        number: usize,
        packet: Box<IpPacket>,
        reason: crate::host::HostDrop,
    ) {
        let machine = &self.machines[number];
        let host = machine.name().clone();
        let known = u32::try_from(number).expect("fewer than 2^32 machines");
        let own = machine.owns(packet.source());
        let whose = self.attribution.dropped(known, &host, &packet, own);
        let transit = Transit {
            packet,
            direct: true,
            host: whose.host,
            traffic: whose.traffic,
        };
        let reason = MachineDrop {
            host: host.clone(),
            reason,
        };
        self.drop_packet(transit, Hop::Host(host), reason);
    }

    fn drop_packet(&mut self, transit: Transit, hop: Hop, reason: impl Into<DropReason>) {
        if !self.config.observe.drops {
            return;
        }
        let name = |number: u32| self.machines[number as usize].name().clone();
        let traffic = transit.traffic.map(|it| self.attribution.name(it).clone());
        self.events.push(Event::Dropped(Box::new(Dropped {
            at: self.now,
            packet: *transit.packet,
            hop,
            reason: reason.into(),
            from_host: transit.host.map(name),
            traffic,
        })));
    }

    fn capture_outside(&mut self, port: Port, outbound: bool, peer: MacAddr, packet: &IpPacket) {
        if !self.config.observe.captures {
            return;
        }
        let machine = &self.machines[port.host as usize];
        let at = port.interface as usize;
        let own = machine.host.interfaces()[at].mac;
        // A tunnel has no Ethernet: both addresses stay zero.
        let is_tunnel = matches!(
            machine.plugs[at].to,
            PluggedInto::Outside(Socket::Tunnel(_))
        );
        let peer = if is_tunnel { own } else { peer };
        self.events.push(Event::Captured(Captured {
            at: self.now,
            point: self.capture_point(machine, at),
            outbound,
            frame: frame(own, peer, outbound, packet.clone()),
        }));
    }

    fn close_window(&mut self, window: Window) {
        let closed = self.flow_logs.close(self.now, window, self.config.starts);
        if let Some(records) = closed.records {
            self.events.push_records(records);
        }
        for (at, observation) in closed.observations {
            self.queue.push(at, Scheduled::Observation(observation));
        }
        if let Some(end) = closed.next_end {
            self.queue.push(end, Scheduled::Window(window));
        }
    }
}
