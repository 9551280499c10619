//! Plays a script on the control plane and the simulator.

mod ids;
mod machines;
mod power;
mod tunnels;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use serde_json::Value;
use smol_str::SmolStr;
use wirelab_control::{CallIds, Control, ControlConfig, Input as ControlInput};
use wirelab_model::{
    Call, Caller, Changes, CustomerGatewayId, IdSpace, InstanceId, NatGatewayId,
    NetworkInterfaceId, Seed, SimDuration, SimTime, UnixTime, VpnConnectionId,
};
use wirelab_simulator::{CapturePoint, Event, FabricConfig, Input, Observe, World, WorldConfig};
use wirelab_wire::IpPacket;

use self::power::Power;
use self::tunnels::Tunnels;
use crate::packets;
use crate::statement::{Act, Answer, Realm, Script, Send, Sender, Statement, To};

/// Longer than any packet is on its way.
pub(crate) const FLIGHT: SimDuration = SimDuration::from_millis(250);

/// More steps than any drawn world needs in one go.
const STEPS: u64 = 3_000_000;

/// A script that is being played.
#[derive(Clone)]
pub(crate) struct Run {
    pub(crate) control: Control,
    pub(crate) world: World,
    pub(crate) now: SimTime,
    /// When the script wants its last statement to have happened; flights may have taken longer.
    due: SimTime,
    live: bool,
    /// Ids by the name of the call that made them and their prefix.
    ids: BTreeMap<(SmolStr, SmolStr), SmolStr>,
    outside: BTreeMap<IpAddr, SmolStr>,
    /// VPN devices.
    devices: BTreeMap<SmolStr, (CustomerGatewayId, Ipv4Addr)>,
    /// Which instances have an operating system, and whether it runs.
    power: Power,
    tunnels: Tunnels,
    /// When changes that have been made take effect.
    pending: Vec<SimTime>,
    calls: u64,
    packets: u32,
    refused: Vec<String>,
    /// How often the network changed.
    changes: usize,
    /// Where and as what labelled packets were delivered.
    delivered: BTreeMap<u32, (CapturePoint, IpPacket)>,
}

/// A packet that has been put on an interface.
pub(crate) struct Put {
    pub(crate) point: CapturePoint,
    pub(crate) packet: IpPacket,
}

impl Run {
    pub(crate) fn new(script: &Script) -> Self {
        let starts = UnixTime::from_secs(1_709_596_800);
        let ids = IdSpace {
            scenario: "swarm".into(),
            names_seed: script.seed,
        };
        let world = World::new(WorldConfig {
            seed: Seed::whole(script.seed),
            starts,
            region: Realm::Home.region().into(),
            fabric: FabricConfig::default(),
            observe: Observe::default(),
        });
        Self {
            control: Control::new(ControlConfig::new(
                ids,
                Realm::Home.account().into(),
                Realm::Home.region().into(),
                starts,
            )),
            world,
            now: SimTime::ZERO,
            due: SimTime::ZERO,
            live: script.live,
            ids: BTreeMap::new(),
            outside: BTreeMap::new(),
            devices: BTreeMap::new(),
            power: Power::default(),
            tunnels: Tunnels::default(),
            pending: Vec::new(),
            calls: 0,
            packets: 0,
            refused: Vec::new(),
            changes: 0,
            delivered: BTreeMap::new(),
        }
    }

    /// Machines on the internet by address.
    pub(crate) fn outside(&self) -> BTreeMap<IpAddr, SmolStr> {
        self.outside.clone()
    }

    /// Whether what is at `point` has `address`, on the inside of any gateway.
    pub(crate) fn owns(&self, point: &CapturePoint, address: IpAddr) -> bool {
        match point {
            CapturePoint::Interface(id) => {
                let nic = self.world.resources().network_interfaces.get(id);
                nic.is_some_and(|nic| match address {
                    IpAddr::V4(it) => {
                        let mut own = nic.private_ip_addresses.iter();
                        own.any(|own| own.private_ip_address == it)
                    }
                    IpAddr::V6(it) => nic.ipv6_addresses.contains(&it),
                })
            }
            CapturePoint::HostInterface { .. } => {
                let mut devices = self.devices.values();
                self.outside.contains_key(&address)
                    || devices.any(|(_, own)| IpAddr::V4(*own) == address)
            }
        }
    }

    /// VPN devices by customer gateway, with their addresses.
    pub(crate) fn devices(&self) -> BTreeMap<CustomerGatewayId, (SmolStr, IpAddr)> {
        let all = self.devices.iter();
        all.map(|(name, (id, address))| (id.clone(), (name.clone(), IpAddr::V4(*address))))
            .collect()
    }

    /// Whether the operating systems of the instances that have one are on.
    pub(crate) fn powered(&self) -> BTreeMap<InstanceId, bool> {
        self.power.is_on(self.now)
    }

    /// VPN connections that are gone and whose devices do not know it.
    pub(crate) fn unnoticed(&self) -> BTreeSet<VpnConnectionId> {
        self.tunnels.unnoticed(self.now)
    }

    /// The calls that were refused, and why.
    pub(crate) fn refused(&self) -> &[String] {
        &self.refused
    }

    /// Lets the statement's time pass and does what is not a packet.
    pub(crate) fn perform(&mut self, statement: &Statement) {
        self.due += statement.wait;
        self.advance(self.due);
        match &statement.act {
            Act::Call {
                name,
                operation,
                parameters,
                at,
            } => self.call(*at, (name, operation), parameters),
            Act::Machine(machine) => self.machine(machine),
            Act::Traffic { spec, to } => {
                if let Some(to) = self.address(to) {
                    let mut spec = spec.clone();
                    spec.to = to;
                    spec.first_at = self.now;
                    // A machine that a shorter script lacks starts nothing.
                    let _ = self.world.handle(self.now, Input::Traffic(*spec));
                }
            }
            Act::Send(_) | Act::Answer(_) | Act::Wait => {}
        }
    }

    /// Lets time pass for both, in order.
    pub(crate) fn advance(&mut self, until: SimTime) {
        for step in 0_u64.. {
            assert!(step < STEPS, "the world does not come to rest");
            let control = self.control.poll_timeout().filter(|at| *at <= until);
            let world = self.world.poll_timeout().filter(|at| *at <= until);
            match (control, world) {
                (Some(at), other) if other.is_none_or(|other| at <= other) => {
                    let at = at.max(self.now);
                    let changes = self.control.handle_timeout(at);
                    self.now = at;
                    self.take(changes);
                }
                (_, Some(at)) => {
                    self.now = at.max(self.now);
                    self.world.handle_timeout(self.now);
                    self.look();
                }
                _ => break,
            }
        }
        self.now = self.now.max(until);
        self.world.handle_timeout(self.now);
    }

    /// A machine that goes off, or comes back, and a device that finds its tunnel down are changes
    /// of the network.
    fn look(&mut self) {
        let resources = self.world.resources();
        self.pending.extend(self.power.observe(self.now, resources));
        let notices = self.tunnels.observe(self.now, resources);
        self.pending.extend(notices);
    }

    /// Waits until no change of the network can meet a packet that is sent now.
    pub(crate) fn keep_clear_of_changes(&mut self) {
        for _ in 0..100 {
            self.pending.retain(|at| *at > self.now);
            let near = |at: &SimTime| *at > self.now && *at <= self.now + FLIGHT;
            let timer = self.control.poll_timeout();
            let next = self
                .pending
                .iter()
                .copied()
                .chain(timer)
                .find(|at| near(at));
            match next {
                Some(at) => self.advance(at),
                None => return,
            }
        }
    }

    /// The packets of a statement that sends some, if there still is who sends them.
    pub(crate) fn packets_of(&mut self, send: &Send) -> Vec<Put> {
        let Some((point, packet)) = self.packet_of(send) else {
            return Vec::new();
        };
        let pieces = packets::on_the_wire(&send.shape, packet);
        let puts = pieces.into_iter().map(|packet| Put {
            point: point.clone(),
            packet,
        });
        puts.collect()
    }

    fn packet_of(&mut self, send: &Send) -> Option<(CapturePoint, IpPacket)> {
        let to = self.address(&send.to)?;
        let (point, own) = match &send.from {
            Sender::Instance(name) => {
                let id = NetworkInterfaceId::new(self.id("eni", name)?.as_str());
                let nic = self.world.resources().network_interfaces.get(&id)?;
                let own = match to {
                    IpAddr::V4(_) => IpAddr::V4(nic.private_ip_address),
                    IpAddr::V6(_) => IpAddr::V6(*nic.ipv6_addresses.first()?),
                };
                (CapturePoint::Interface(id), own)
            }
            Sender::Device(name) => {
                let point = CapturePoint::HostInterface {
                    host: name.clone(),
                    interface: TUNNELS.into(),
                };
                (point, IpAddr::V4(self.devices.get(name)?.1))
            }
            Sender::Outside(name) => {
                let mut own = self.outside.iter().filter(|(_, it)| *it == name);
                let own = own.find(|(own, _)| own.is_ipv4() == to.is_ipv4())?;
                (self.outside_point(name), *own.0)
            }
        };
        let from = send.spoofed.unwrap_or(own);
        // Of itself a machine asks nobody.
        if from.is_ipv4() != to.is_ipv4() || to == own {
            return None;
        }
        self.packets += 1;
        let packet = packets::packet(&send.shape, (from, to), self.packets, mtu(&point));
        Some((point, packet))
    }

    /// The answer to a packet that was delivered, from where it was delivered.
    pub(crate) fn answers_of(&mut self, answer: &Answer) -> Vec<Put> {
        self.answer_of(answer).into_iter().collect()
    }

    fn answer_of(&mut self, answer: &Answer) -> Option<Put> {
        let (point, packet) = self.delivered.get(&answer.label)?.clone();
        let there = &self.world.resources().network_interfaces;
        let gone = matches!(&point, CapturePoint::Interface(id) if !there.contains_key(id));
        // What a machine has sent itself, by a route, too, is answered inside it.
        let inside =
            matches!(&point, CapturePoint::Interface(_) if self.owns(&point, packet.source()));
        if gone || inside || packet.source() == packet.destination() {
            return None;
        }
        self.packets += 1;
        let packet = packets::answer(&packet, answer, self.packets, mtu(&point))?;
        Some(Put { point, packet })
    }

    /// Differs before and after every change of the network.
    pub(crate) fn generation(&self) -> (usize, usize) {
        (self.changes, self.pending.len())
    }

    pub(crate) fn outside_point(&self, name: &SmolStr) -> CapturePoint {
        CapturePoint::HostInterface {
            host: name.clone(),
            interface: "eth0".into(),
        }
    }

    /// Puts a packet on the wire, waits until it has ended and returns what happened; `None` if the
    /// interface is gone. An answer can refer to it by `label`.
    pub(crate) fn put(&mut self, put: &Put, label: Option<u32>) -> Option<Vec<Event>> {
        let input = Input::Packet {
            point: put.point.clone(),
            packet: put.packet.clone(),
        };
        self.world.handle(self.now, input).ok()?;
        self.advance(self.now + FLIGHT);
        let events = self.events();
        let arrived = events.iter().find_map(|event| match event {
            Event::Captured(captured) if !captured.outbound => Some(captured),
            _ => None,
        });
        if let (Some(label), Some(captured)) = (label, arrived) {
            let packet = captured.packet().expect("`events` leaves ARP out");
            let arrived = (captured.point.clone(), packet.clone());
            self.delivered.insert(label, arrived);
        }
        Some(events)
    }

    /// What has happened since the last time, less ARP and neighbour discovery: no hop sees them.
    pub(crate) fn events(&mut self) -> Vec<Event> {
        let of_link = |it: &Event| matches!(it, Event::Captured(it) if it.is_of_link());
        let all = std::iter::from_fn(|| self.world.poll_event());
        all.filter(|it| !of_link(it)).collect()
    }

    fn address(&self, to: &To) -> Option<IpAddr> {
        match to {
            To::Address(address) => Some(*address),
            To::Public(name) => {
                let resources = self.world.resources();
                let id = self.id("eni", name).cloned().or_else(|| {
                    let nat = NatGatewayId::new(self.id("nat", name)?.as_str());
                    let first = resources
                        .nat_gateways
                        .get(&nat)?
                        .nat_gateway_addresses
                        .first()?;
                    Some(first.network_interface_id.as_str().into())
                })?;
                let nic = resources
                    .network_interfaces
                    .get(&NetworkInterfaceId::new(id.as_str()))?;
                let mut associations = nic.private_ip_addresses.iter();
                let public = associations
                    .find_map(|it| it.association.as_ref())?
                    .public_ip;
                Some(IpAddr::V4(public))
            }
        }
    }

    fn call(&mut self, at: Realm, (name, operation): (&SmolStr, &SmolStr), parameters: &Value) {
        let Some(Value::Object(parameters)) = self.resolve(parameters) else {
            return;
        };
        self.calls += 1;
        let call = Call {
            service: "ec2".into(),
            operation: operation.clone(),
            parameters,
        };
        let caller = self.caller(at, &call.parameters);
        let structure = format!("{}", self.calls);
        let ids = if self.now == SimTime::ZERO {
            CallIds::Named(&structure)
        } else {
            CallIds::Journal(self.calls)
        };
        let input = ControlInput::Call {
            caller: &caller,
            call: &call,
            ids,
        };
        let output = self.control.handle(self.now, input);
        match &output.reply {
            Ok(reply) => self.learn(name, reply),
            Err(error) => self.refused.push(format!("{operation}: {error}")),
        }
        self.take(output.changes);
    }

    /// The owner of what a call is about.
    fn caller(&self, at: Realm, parameters: &serde_json::Map<String, Value>) -> Caller {
        // What else a call names may be somebody else's.
        let subjects = ["RouteTableId", "GroupId", "SubnetId", "VpcId"];
        let subject = subjects.into_iter().find_map(|it| parameters.get(it));
        let first = subject.or_else(|| parameters.values().find(|it| !it.is_boolean()));
        let id = match first {
            Some(Value::Array(all)) => all.first().and_then(Value::as_str),
            other => other.and_then(Value::as_str),
        };
        let home = (&SmolStr::from(at.account()), &SmolStr::from(at.region()));
        let (account, region) = match at {
            Realm::Home => id.map_or(home, |id| self.control.owner_of(id)),
            _ => home,
        };
        Caller {
            account: account.clone(),
            region: region.clone(),
            principal: format!("arn:aws:iam::{account}:user/swarm").into(),
        }
    }

    fn take(&mut self, changes: Option<Changes>) {
        if let Some(changes) = changes {
            self.pending.push(changes.effective_at);
            self.changes += 1;
            let taken = self.world.handle(self.now, Input::Changes(changes));
            taken.expect("changes are never refused");
            self.look();
        }
    }
}

/// The MTU that devices take their tunnels to have: more than they carry.
const TUNNEL_MTU: u16 = 1500;
/// The interface into the tunnels.
const TUNNELS: &str = "tun0";

/// The MTU of a machine's interface.
fn mtu(point: &CapturePoint) -> u16 {
    match point {
        CapturePoint::Interface(_) => 9001,
        CapturePoint::HostInterface { interface, .. } if interface == TUNNELS => TUNNEL_MTU,
        CapturePoint::HostInterface { .. } => 1500,
    }
}
