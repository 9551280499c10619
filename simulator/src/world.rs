//! The world: everything below it, driven by inputs and virtual time.

mod dispatch;
mod events;
mod live;
mod minute;
mod neighbors;
mod power;
mod resolve;
mod tags;

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use wirelab_model::{
    Change, Changes, InstanceId, NetworkInterfaceId, Observation, Resources, SimDuration, SimTime,
};

use crate::attribution::Attribution;
use crate::config::{Observe, WorldConfig};
use crate::event::{CapturePoint, Event, Input, InputError, SegmentSpec, VpnTunnelFault};
use crate::fabric::{Place, Sent, Service, Sites, State, Topology, Transit, counters};
use crate::flow::{FlowLogs, Window};
use crate::host::{Attachment, ExecId, Host, HostSpec, Output, OutputStream, TrafficSpec};
use crate::machines::{Machine, Plug, PluggedInto, Power};
use crate::metrics::Metrics;
use crate::queue::Queue;
use crate::service::{Context, PublicNames, Services};
use events::Events;
use neighbors::Crossing;

/// A simulated network at a moment of virtual time.
///
/// Inputs come by [`handle`](Self::handle), time passes by
/// [`handle_timeout`](Self::handle_timeout), and what happened is taken by
/// [`poll_event`](Self::poll_event). The same calls give the same events, on every machine; a
/// clone, or a copy made by serde, goes on exactly as the original.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct World {
    config: WorldConfig,
    now: SimTime,
    queue: Queue<Scheduled>,
    pub(crate) topology: Topology,
    pub(crate) state: State,
    pub(crate) sites: Sites,
    pub(crate) machines: Vec<Machine>,
    by_name: BTreeMap<SmolStr, u32>,
    by_instance: BTreeMap<InstanceId, u32>,
    /// By interface, the machine that was plugged into it last, and where.
    behind: Vec<Option<(u32, u32)>>,
    attribution: Attribution,
    flow_logs: FlowLogs,
    metrics: Metrics,
    pub(crate) services: Services,
    pub(crate) names: PublicNames,
    events: Events,
    transmissions: u64,
    /// Empty between steps; kept for its memory.
    #[serde(skip)]
    sent: Vec<Sent>,
    /// Empty between steps; kept for its memory.
    #[serde(skip)]
    output: Output,
}

/// What waits in the queue.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Scheduled {
    Packet(Place, Transit),
    /// A machine looks at what has arrived.
    Inbox(u32),
    /// The timer of a machine; it may have moved since.
    Timer(u32),
    /// The timer of a service; it may have moved since.
    ServiceTimer(Service),
    Window(Window),
    /// A minute of virtual UTC ends.
    Minute,
    Changes(Vec<Change>),
    Observation(Observation),
    /// An operating system is down.
    PowerOff(InstanceId),
    /// An operating system is up again after a reboot.
    PowerOn(InstanceId),
    /// Ends of VPN tunnels may take them to be up or down from now on.
    Tunnels,
    /// A machine asks DHCP again.
    Renewal(u32),
    /// ARP or neighbour discovery, at an interface of a machine.
    Link(Box<Crossing>),
    /// The timer of a machine's neighbour table; it may have moved since.
    Neighbors(u32),
}

impl World {
    /// An empty world at the start of virtual time.
    #[must_use]
    pub fn new(config: WorldConfig) -> Self {
        Self {
            now: SimTime::ZERO,
            queue: Queue::default(),
            topology: Topology::new(config.clone()),
            state: State::new(config.seed.traffic),
            sites: Sites::default(),
            machines: Vec::new(),
            by_name: BTreeMap::new(),
            by_instance: BTreeMap::new(),
            behind: Vec::new(),
            attribution: Attribution::default(),
            flow_logs: FlowLogs::default(),
            metrics: Metrics::default(),
            services: Services::default(),
            names: PublicNames::default(),
            events: Events::default(),
            transmissions: 0,
            sent: Vec::new(),
            output: Output::default(),
            config,
        }
    }

    /// What it was set up with.
    #[must_use]
    pub fn config(&self) -> &WorldConfig {
        &self.config
    }

    /// Changes what is reported from now on; nothing else changes.
    pub fn set_observe(&mut self, observe: Observe) {
        let began = observe.flow_records && !self.config.observe.flow_records;
        self.config.observe = observe;
        if began {
            self.update_flow_logs();
        }
        self.measure();
    }

    /// Takes an input at `now`. Everything due at or before `now` is done first. Time never goes
    /// back: an earlier `now` counts as [`Self::now`].
    ///
    /// # Errors
    /// [`InputError`] for names that do not exist or exist twice; the input has no effect then.
    pub fn handle(&mut self, now: SimTime, input: Input) -> Result<(), InputError> {
        self.handle_timeout(now);
        match input {
            Input::Changes(changes) => {
                self.take_changes(changes);
                Ok(())
            }
            Input::Segment(spec) => self.add_segment(spec),
            Input::Host(spec) => self.add_host(*spec),
            Input::PublicNames(names) => {
                self.names.extend(names);
                Ok(())
            }
            Input::Exec { id, host, argv } => self.exec(id, &host, &argv),
            Input::Stdin { id, host, text } => {
                let number = self.number_of(&host)?;
                self.machines[number].host.feed(id, text);
                Ok(())
            }
            Input::Kill { id, signal } => {
                self.kill(id, signal);
                Ok(())
            }
            Input::Serve { id, host, server } => self.start_server(id, &host, *server),
            Input::Traffic(spec) => self.start_traffic(&spec),
            Input::StopTraffic(name) => self.stop_traffic(&name),
            Input::Packet { point, packet } => self.put_on_wire(&point, packet),
            Input::VpnTunnel(fault) => self.break_tunnel(&fault),
        }
    }

    /// When [`Self::handle_timeout`] has something to do next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<SimTime> {
        self.queue.next_at()
    }

    /// Does everything due at or before `now`, in order, and arrives at `now`.
    pub fn handle_timeout(&mut self, now: SimTime) {
        while let Some((at, item)) = self.queue.pop_due(now) {
            self.now = at;
            self.perform(item);
        }
        self.now = self.now.max(now);
    }

    /// What happened next, in the order of virtual time.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop()
    }

    /// The moment the world has reached.
    #[must_use]
    pub fn now(&self) -> SimTime {
        self.now
    }

    /// How many packets one node has sent to another until now: a machine, gateway or endpoint
    /// each is a node. Other simulators measure themselves in this unit, as "hops".
    #[must_use]
    pub fn transmissions(&self) -> u64 {
        self.transmissions
    }

    /// The resources that the data plane obeys at this moment.
    #[must_use]
    pub fn resources(&self) -> &Resources {
        &self.topology.resources
    }

    /// The machine `name`: by its own name, its instance's id, or the `Name` tag of its instance if
    /// no other that runs has the same.
    #[must_use]
    pub fn host(&self, name: &str) -> Option<&Host> {
        let number = self.machine_number(name)?;
        Some(&self.machines[number as usize].host)
    }

    /// Whether programs can be started on a machine: it is there, has power and is not going down.
    #[must_use]
    pub fn is_at_work(&self, name: &str) -> bool {
        let number = self.machine_number(name);
        let machine = number.map(|it| &self.machines[it as usize]);
        machine.is_some_and(|it| it.is_up && !it.is_ending(&self.topology))
    }

    /// The machines, in the order in which they were added.
    pub fn hosts(&self) -> impl Iterator<Item = &Host> {
        self.machines.iter().map(|machine| &machine.host)
    }

    /// Where the packets of a machine's interfaces are captured, in the order of the interfaces.
    /// Empty for an unknown machine and for an instance that is not running.
    #[must_use]
    pub fn capture_points(&self, host: &str) -> Vec<CapturePoint> {
        let Some(number) = self.machine_number(host) else {
            return Vec::new();
        };
        let machine = &self.machines[number as usize];
        let interfaces = 0..machine.plugs.len();
        interfaces
            .map(|at| self.capture_point(machine, at))
            .collect()
    }

    /// The machine behind an interface.
    #[must_use]
    pub fn host_of_interface(&self, id: &NetworkInterfaceId) -> Option<&Host> {
        let index = self.topology.find(id)?;
        let owner = |machine: &&Machine| machine.interface_of(index).is_some();
        let machine = self.machines.iter().find(owner)?;
        Some(&machine.host)
    }

    /// What services know at this moment.
    pub(crate) fn context(&self) -> Context<'_> {
        Context {
            now: self.now,
            config: &self.config,
            resources: &self.topology.resources,
            plan: &self.topology.plan,
            names: &self.names,
        }
    }

    pub(crate) fn machine_number(&self, name: &str) -> Option<u32> {
        let own = self.by_name.get(name).copied();
        let by_instance = || self.by_instance.get(&InstanceId::new(name)).copied();
        own.or_else(by_instance)
            .or_else(|| self.machine_tagged(name))
    }

    /// Whether the instance has a machine.
    #[must_use]
    pub fn has_machine(&self, instance: &InstanceId) -> bool {
        self.by_instance.contains_key(instance)
    }

    fn capture_point(&self, machine: &Machine, interface: usize) -> CapturePoint {
        match &machine.plugs[interface].to {
            PluggedInto::Interface(index) => {
                CapturePoint::Interface(self.topology.plan.interface_id(*index).clone())
            }
            PluggedInto::Outside(_) => CapturePoint::HostInterface {
                host: machine.name().clone(),
                interface: machine.host.interfaces()[interface].name.clone(),
            },
        }
    }

    fn take_changes(&mut self, changes: Changes) {
        if changes.effective_at <= self.now {
            self.apply(&changes.changes);
        } else {
            let later = Scheduled::Changes(changes.changes);
            self.queue.push(changes.effective_at, later);
        }
    }

    /// Makes the next generation of resources, and everything obeys it.
    pub(crate) fn apply(&mut self, changes: &[Change]) {
        for change in changes {
            self.topology.resources.apply(change);
        }
        let mut ending = self.begin_shutdowns();
        ending.extend(self.begin_reboots());
        self.obey();
        for number in ending {
            self.shut_down(number);
        }
    }

    /// Brings everything in step with the resources.
    fn obey(&mut self) {
        self.topology.compile();
        self.update_flow_logs();
        self.measure();
        self.follow_tunnels();
        for number in 0..self.machines.len() {
            self.follow(number);
        }
        // Machines that are up now are measured from now on.
        self.measure();
    }

    /// Brings VPN tunnels in step. What comes of it is told a moment later: a world is set up in
    /// several steps at one time.
    fn follow_tunnels(&mut self) {
        let config = &self.config.fabric.vpn;
        let resources = &self.topology.resources;
        let tunnels = &mut self.state.tunnels;
        if tunnels.follow(self.now, resources, &self.sites, config) {
            let at = self.now + SimDuration::from_nanos(1);
            self.queue.push(at, Scheduled::Tunnels);
        }
    }

    fn break_tunnel(&mut self, fault: &VpnTunnelFault) -> Result<(), InputError> {
        let VpnTunnelFault {
            vpn_connection: id,
            tunnel,
            end,
            broken,
        } = fault;
        if !(self.state.tunnels).set_broken(id, *tunnel, *end, *broken) {
            return Err(InputError::UnknownTunnel {
                vpn_connection: id.clone(),
                tunnel: *tunnel,
            });
        }
        self.follow_tunnels();
        Ok(())
    }

    fn update_flow_logs(&mut self) {
        if !self.config.observe.flow_records {
            return;
        }
        let topology = &self.topology;
        let windows = self.flow_logs.update(
            self.now,
            &topology.resources,
            |id| topology.find(id),
            &self.config,
        );
        for (end, window) in windows {
            self.queue.push(end, Scheduled::Window(window));
        }
    }

    /// Brings a machine in step with its instance.
    fn follow(&mut self, number: usize) {
        let machine = &mut self.machines[number];
        match machine.follow(self.now, &self.topology, &self.config) {
            Power::Same => {}
            Power::Stopped => self.lost_power(number),
            Power::Started => {
                let name = machine.name().clone();
                let traffic: Vec<_> = self.attribution.of_host(&name).cloned().collect();
                for spec in &traffic {
                    self.with_host(number, |host, now, out| host.start_traffic(now, spec, out));
                }
            }
        }
        self.remember_plugs(number);
        let machine = &mut self.machines[number];
        if let Some(at) = machine.plan_renewal(self.now) {
            let number = u32::try_from(number).expect("fewer than 2^32 machines");
            self.queue.push(at, Scheduled::Renewal(number));
        }
        // New interfaces may have given it something to do.
        self.with_host(number, |_, _, _| {});
    }

    fn remember_plugs(&mut self, number: usize) {
        for (at, plug) in self.machines[number].plugs.iter().enumerate() {
            let PluggedInto::Interface(interface) = plug.to else {
                continue;
            };
            if interface.get() >= self.behind.len() {
                self.behind.resize(interface.get() + 1, None);
            }
            let number = u32::try_from(number).expect("fewer than 2^32 machines");
            let at = u32::try_from(at).expect("a machine has few interfaces");
            self.behind[interface.get()] = Some((number, at));
        }
    }

    /// The commands of a machine that stops end as those of a lost SSH connection do.
    fn lost_power(&mut self, number: usize) {
        let machine = &mut self.machines[number];
        let text = format!("Connection to {} closed by remote host.\n", machine.name());
        for id in std::mem::take(&mut machine.running) {
            self.end_command(id, text.clone());
        }
    }

    fn end_command(&mut self, id: ExecId, text: String) {
        let at = self.now;
        let stream = OutputStream::Stderr;
        self.events.push(Event::ExecOutput {
            id,
            stream,
            text,
            at,
        });
        let status = 255;
        self.events.push(Event::ExecDone { id, status, at });
    }

    fn add_segment(&mut self, spec: SegmentSpec) -> Result<(), InputError> {
        let name = spec.name.clone();
        if self.sites.add_segment(spec) {
            Ok(())
        } else {
            Err(InputError::DuplicateSegment(name))
        }
    }

    fn add_host(&mut self, spec: HostSpec) -> Result<(), InputError> {
        let name = spec.name.clone();
        let mut machine = Machine::new(spec, &self.config)?;
        let instance = machine.instance().cloned();
        let same_instance = instance
            .as_ref()
            .is_some_and(|it| self.by_instance.contains_key(it));
        if self.by_name.contains_key(&name) || same_instance {
            return Err(InputError::DuplicateHost(name));
        }
        let number = u32::try_from(self.machines.len()).expect("fewer than 2^32 machines");
        machine.plug_in(self.now, number, &mut self.sites)?;
        self.machines.push(machine);
        self.by_name.insert(name, number);
        if let Some(instance) = instance {
            self.by_instance.insert(instance, number);
        }
        self.follow_tunnels();
        self.follow(number as usize);
        Ok(())
    }

    /// The number of a machine that can be worked on; a command on one that cannot ends.
    fn at_work(&mut self, id: ExecId, host: &str) -> Result<Option<usize>, InputError> {
        let number = self.number_of(host)?;
        let machine = &self.machines[number];
        if machine.is_up && !machine.is_ending(&self.topology) {
            return Ok(Some(number));
        }
        let why = match machine.is_up {
            true => "Connection refused",
            false => "No route to host",
        };
        let text = format!("ssh: connect to host {host} port 22: {why}\n");
        self.end_command(id, text);
        Ok(None)
    }

    fn exec(&mut self, id: ExecId, host: &str, argv: &[String]) -> Result<(), InputError> {
        let Some(number) = self.at_work(id, host)? else {
            return Ok(());
        };
        self.machines[number].running.push(id);
        let names = self.names(number);
        self.machines[number].host.set_names(names);
        if argv.iter().any(|word| word.ends_with("ethtool")) {
            let statistics = self.statistics(number);
            self.machines[number].host.set_statistics(statistics);
        }
        self.with_host(number, |host, now, out| host.exec(now, id, argv, out));
        Ok(())
    }

    /// What the ena driver has counted on each interface of a machine; nothing outside AWS.
    fn statistics(&self, number: usize) -> Vec<Vec<(SmolStr, u64)>> {
        let limit = self.config.fabric.conntrack_limit;
        let of = |plug: &Plug| {
            let PluggedInto::Interface(index) = plug.to else {
                return Vec::new();
            };
            let nic = self.topology.plan.find_interface(index);
            let allowance = nic.and_then(|it| it.allowance.as_ref());
            let counters = allowance.map(|it| counters(&self.state, it, self.now, limit));
            counters.map_or_else(Vec::new, |it| it.named())
        };
        self.machines[number].plugs.iter().map(of).collect()
    }

    /// What `/etc/hosts` of a machine would say: each machine's primary address; to one on the
    /// internet the public address of it, if there is one. An address has its `Name` tag first.
    fn names(&self, of: usize) -> Vec<(SmolStr, IpAddr)> {
        let asking = &self.machines[of].host;
        let mut own = asking.interfaces().iter().flat_map(|it| &it.addresses);
        let is_outside = matches!(asking.spec().attachment, Attachment::Outside { .. })
            && own.any(|it| crate::reach::is_public(it.addr()));
        let address = |machine: &Machine| {
            let mut interfaces = machine.host.interfaces().iter();
            let primary = interfaces.find_map(|it| it.addresses.first())?.addr();
            let public = is_outside.then(|| self.public_address(machine)).flatten();
            Some((machine.name().clone(), public.unwrap_or(primary)))
        };
        let own = self.machines.iter().filter_map(address);
        let tagged = self.machines.iter().filter_map(|machine| {
            let tag = self.name_tag(machine)?;
            let is_known = self.by_name.contains_key(tag.as_str());
            let (_, its) = address(machine).filter(|_| !is_known)?;
            Some((tag, its))
        });
        tagged.chain(own).collect()
    }

    /// The public address of an instance's primary interface.
    fn public_address(&self, machine: &Machine) -> Option<IpAddr> {
        let Attachment::Instance(id) = &machine.host.spec().attachment else {
            return None;
        };
        let resources = &self.topology.resources;
        let interface = resources.instances.get(id)?.network_interfaces.first()?;
        let interface = resources.network_interfaces.get(interface)?;
        let mut own = interface.private_ip_addresses.iter();
        let public = own.find_map(|it| it.association.as_ref())?.public_ip;
        Some(public.into())
    }

    fn start_traffic(&mut self, spec: &TrafficSpec) -> Result<(), InputError> {
        let number = self.number_of(&spec.from)?;
        if !self.attribution.add(spec) {
            return Err(InputError::DuplicateTraffic(spec.name.clone()));
        }
        let machine = &self.machines[number];
        if machine.is_up && !machine.is_ending(&self.topology) {
            self.with_host(number, |host, now, out| host.start_traffic(now, spec, out));
        }
        Ok(())
    }

    fn stop_traffic(&mut self, name: &str) -> Result<(), InputError> {
        let spec = self.attribution.stop(name);
        let from = spec.ok_or_else(|| InputError::UnknownTraffic(name.into()))?;
        let number = self.number_of(&from)?;
        self.with_host(number, |host, now, out| host.stop_traffic(now, name, out));
        Ok(())
    }

    fn number_of(&self, host: &str) -> Result<usize, InputError> {
        let number = self.machine_number(host);
        let number = number.ok_or_else(|| InputError::UnknownHost(host.into()))?;
        Ok(number as usize)
    }
}
