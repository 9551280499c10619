//! A Linux machine as it is seen on the wire.
//!
//! Sans-IO like the rest of the simulator: packets, commands and the passing of time come in as
//! calls with `now`; packets and events go out through [`Output`]. The caller calls
//! [`Host::on_timeout`] when [`Host::poll_timeout`] is due. A machine neither knows the fabric nor
//! AWS: its interfaces are given to it by [`Host::set_interfaces`].
//!
//! A packet that arrives goes to the stack (`stack`): to a TCP connection (`tcp`), to ICMP
//! (`icmp`), or onwards (`forward`). What it means for a program becomes an event that is handed to
//! its owner here: a listening server (`serve`), a traffic program (`drive`), or a command
//! (`exec`). Their answers go back through the stack, and out. Names that they use are looked up by
//! the machine's stub resolver (`resolver`).
//!
//! A [`Transmit`] names the next hop's address. Whoever puts packets on the link asks the machine's
//! neighbour table before ([`Host::send_to_neighbor`]), takes its questions and answers there
//! ([`Host::take_link_frames`]), brings those of others ([`Host::on_link_frame`]) and takes what
//! has waited ([`Host::take_released`]). A caller who does none of this has a link on which
//! everybody is known.

mod bridge;
mod drive;
mod exec;
pub(crate) mod firewall;
mod forward;
mod icmp;
mod output;
mod packet;
mod power;
pub(crate) mod program;
mod question;
mod resolver;
mod route;
mod serve;
mod socket;
mod spec;
pub(crate) mod stack;
pub(crate) mod stops;
pub(crate) mod tcp;
mod traffic;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use wirelab_model::{IpNet, SimDuration, SimTime};
use wirelab_wire::{IpPacket, LinkFrame, MacAddr};

pub use exec::{is_program, program_in_time};
pub use output::{ExecId, HostDrop, HostEvent, Output, OutputStream, Transmit};
pub use program::tls::{TlsClientSpec, TlsRange, TlsServerSpec, TlsVersion};
pub(crate) use question::Question;
pub use socket::{SocketSettings, SocketView};
pub use spec::{
    Attachment, DnsData, DnsRecord, HostConfig, HostRoute, HostSettings, HostSpec, HttpResource,
    InterfaceConfig, KernelProfile, OutsideInterface, PostgresTable, ServerSpec, TunnelSpec,
};
pub use stack::SocketId;
pub use tcp::SocketError;
pub use traffic::{ClientTuple, Outcome, TrafficEvent, TrafficProgram, TrafficSpec};

use exec::Exec;
use firewall::Firewall;
use icmp::Heard;
use program::Moment;
use program::runner::Runner;
use serve::Session;
pub(crate) use stack::Way;
use stack::{Stack, StackEvent};

/// Why a machine cannot be set up as its [`HostSpec`] says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct HostError(pub String);

/// Whose a socket is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Owner {
    /// Whoever drives the machine: see `socket`.
    Caller,
    Server,
    Traffic(SmolStr),
    Exec(ExecId),
    Lookup(u64),
}

/// Who asked to be called at a time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Waker {
    Session(SocketId),
    Client(SmolStr),
    Traffic(SmolStr),
    Exec(ExecId),
    Lookup(u64),
}

/// A machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    spec: HostSpec,
    config: HostConfig,
    stack: Stack,
    owners: BTreeMap<SocketId, Owner>,
    caller: socket::Sockets,
    sessions: BTreeMap<SocketId, Session>,
    sessions_made: u64,
    runners: BTreeMap<SmolStr, Box<Runner>>,
    execs: BTreeMap<ExecId, Exec>,
    /// What programs that are about to start will read.
    stdins: BTreeMap<ExecId, String>,
    /// Commands of several transfers.
    curls: BTreeMap<ExecId, exec::Curls>,
    wakes: BTreeSet<(SimTime, Waker)>,
    next_echo_identifier: u16,
    names: exec::NameTable,
    /// What the drivers of the interfaces have counted, as of the last `ethtool`.
    statistics: Vec<exec::Statistics>,
    lookups: BTreeMap<u64, resolver::Lookup>,
    lookups_made: u64,
    /// Lookups that have ended, until their askers know.
    resolved: Vec<(resolver::Asker, resolver::Found)>,
    /// Queries of the DNS that only the world can answer.
    questions: Vec<Question>,
}

impl Host {
    /// A machine that has booted and has no interface yet.
    ///
    /// # Errors
    /// [`HostError`] if a line of `spec.firewall` is not understood.
    pub fn new(spec: HostSpec, config: HostConfig) -> Result<Self, HostError> {
        let mut firewall = Firewall::default();
        for line in &spec.firewall {
            firewall
                .describe(line)
                .map_err(|error| HostError(format!("firewall line `{line}`: {error}")))?;
        }
        let mut stack = Stack::new(&spec, &config, firewall);
        for server in &spec.servers {
            let (tcp, udp) = server.transports();
            if tcp {
                stack.listen(server.port());
            }
            if udp {
                stack.bind_udp(server.port());
            }
        }
        let next_echo_identifier = stack.identification;
        Ok(Self {
            spec,
            config,
            stack,
            owners: BTreeMap::new(),
            caller: socket::Sockets::default(),
            sessions: BTreeMap::new(),
            sessions_made: 0,
            runners: BTreeMap::new(),
            execs: BTreeMap::new(),
            stdins: BTreeMap::new(),
            curls: BTreeMap::new(),
            wakes: BTreeSet::new(),
            next_echo_identifier,
            names: exec::NameTable::default(),
            statistics: Vec::new(),
            lookups: BTreeMap::new(),
            lookups_made: 0,
            resolved: Vec::new(),
            questions: Vec::new(),
        })
    }

    /// What it was made from, and the servers that were started since; commands such as `ip` and
    /// `sysctl` do not change it.
    #[must_use]
    pub fn spec(&self) -> &HostSpec {
        &self.spec
    }

    /// `net.ipv4.ip_local_port_range` now, both ends included.
    #[must_use]
    pub const fn local_port_range(&self) -> (u16, u16) {
        self.stack.port_range
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &SmolStr {
        &self.spec.name
    }

    /// Its routes now: block, index of the interface, whether the block is the interface's own.
    pub(crate) fn routes(&self) -> impl Iterator<Item = (IpNet, usize, bool)> {
        let lines = self.stack.routes.lines().iter();
        let lines = lines.filter(|it| it.kind == route::RouteKind::Unicast);
        lines.map(|it| (it.route.destination, it.interface, it.connected.is_some()))
    }

    /// Its interfaces now, in the order of their indices.
    #[must_use]
    pub fn interfaces(&self) -> &[InterfaceConfig] {
        &self.stack.interfaces
    }

    /// What DHCP tells of name servers and domains when it is asked again, interface by interface.
    pub(crate) fn renew(&mut self, leased: &[InterfaceConfig]) {
        self.stack.renew(leased);
    }

    /// Replaces the interfaces. Sockets bound to an address that is gone stay and fall silent.
    pub fn set_interfaces(&mut self, _now: SimTime, interfaces: Vec<InterfaceConfig>) {
        self.stack.set_interfaces(interfaces);
    }

    /// Replaces what commands know of names, as a new `/etc/hosts` does. `localhost` is known in
    /// any case; of two entries for one name or address the first counts.
    pub fn set_names(&mut self, names: Vec<(SmolStr, IpAddr)>) {
        self.names = exec::NameTable::new(names);
    }

    /// A packet of this machine is to be put on the link: it is given back with the hardware
    /// address of its next hop if it may leave now, and waits in the machine until the next hop has
    /// answered otherwise.
    pub fn send_to_neighbor(
        &mut self,
        now: SimTime,
        transmit: Transmit,
    ) -> Option<(Transmit, MacAddr)> {
        let at = (transmit.interface, transmit.next_hop);
        let way = self.neighbor_way(now, at, transmit.confirms);
        self.go_or_wait(now, way, transmit)
    }

    /// The same, for whoever has asked for the way already.
    pub(crate) fn go_or_wait(
        &mut self,
        now: SimTime,
        way: Way,
        transmit: Transmit,
    ) -> Option<(Transmit, MacAddr)> {
        match way {
            Way::Open(mac) => Some((transmit, mac)),
            Way::Closed | Way::Unknown => {
                self.stack.wait_for_neighbor(now, transmit);
                None
            }
        }
    }

    /// What would become of a packet for a neighbour.
    pub(crate) fn neighbor_way(
        &mut self,
        now: SimTime,
        at: (usize, IpAddr),
        confirms: bool,
    ) -> Way {
        self.stack.neighbor_way(now, at, confirms)
    }

    /// The machine has been up for long, and knows this neighbour from then.
    pub(crate) fn know_neighbor(&mut self, at: (usize, IpAddr), mac: MacAddr, router: bool) {
        self.stack.know_neighbor(at, mac, router);
    }

    /// For how long a neighbour that was heard of counts as reachable, instead of a time that is
    /// drawn every five minutes.
    pub fn set_reachable_time(&mut self, time: SimDuration) {
        self.stack.set_reachable_time(time);
    }

    /// ARP or neighbour discovery has arrived on `interface`.
    pub fn on_link_frame(&mut self, now: SimTime, interface: usize, frame: &LinkFrame) {
        self.stack.on_link_frame(now, interface, frame);
    }

    /// Whether [`Self::take_link_frames`] or [`Self::take_released`] would give something.
    #[must_use]
    pub fn has_link_work(&self) -> bool {
        self.stack.has_link_work()
    }

    /// ARP and neighbour discovery that leave, with their interfaces.
    pub fn take_link_frames(&mut self) -> Vec<(usize, LinkFrame)> {
        self.stack.take_link_frames()
    }

    /// Packets whose next hop has answered; they are to be sent as any other.
    pub fn take_released(&mut self) -> Vec<Transmit> {
        self.stack.take_released()
    }

    /// When the neighbour table has something to do.
    pub(crate) fn poll_neighbors(&self) -> Option<SimTime> {
        self.stack.poll_neighbors()
    }

    /// The neighbour table does what is due, and programs learn of who is not there.
    pub(crate) fn on_neighbor_timeout(&mut self, now: SimTime, out: &mut Output) {
        self.stack.on_neighbor_timeout(now);
        self.settle(now, out);
    }

    /// Replaces what the driver of each interface has counted, for `ethtool -S`.
    pub(crate) fn set_statistics(&mut self, statistics: Vec<exec::Statistics>) {
        self.statistics = statistics;
    }

    /// What a program here may send to `to` in one packet with DF set, in octets: the MTU of the
    /// route, or less if that was learned. Nothing without a route.
    pub(crate) fn path_mtu(&self, now: SimTime, to: IpAddr) -> Option<u16> {
        let path = self.stack.path(to, now)?;
        u16::try_from(path.mtu).ok()
    }

    /// A packet has arrived on `interface`, and nothing else is on its way.
    pub fn on_packet(
        &mut self,
        now: SimTime,
        interface: usize,
        packet: impl Into<Box<IpPacket>>,
        out: &mut Output,
    ) {
        self.receive(now, interface, packet.into(), out);
        self.run_programs(now, out);
    }

    /// The kernel takes a packet that has arrived on `interface`. Programs do not learn of it
    /// before [`Self::run_programs`]: what arrives together they find together.
    pub(crate) fn receive(
        &mut self,
        now: SimTime,
        interface: usize,
        packet: Box<IpPacket>,
        out: &mut Output,
    ) {
        self.stack.on_packet(now, interface, packet);
        self.give_out(out);
    }

    /// Whether the kernel has something for a program.
    pub(crate) fn has_news(&self) -> bool {
        !self.stack.events.is_empty()
    }

    /// Programs look at what has come for them.
    pub(crate) fn run_programs(&mut self, now: SimTime, out: &mut Output) {
        self.settle(now, out);
    }

    /// Does everything that is due at or before `now`.
    pub fn on_timeout(&mut self, now: SimTime, out: &mut Output) {
        if self.poll_neighbors().is_some_and(|at| at <= now) {
            self.on_neighbor_timeout(now, out);
        }
        self.on_timers(now, out);
    }

    /// The same without the neighbour table, whose timers are its own.
    pub(crate) fn on_timers(&mut self, now: SimTime, out: &mut Output) {
        self.stack.on_timeout(now);
        self.settle(now, out);
        while let Some((at, waker)) = self.wakes.first().cloned() {
            if at > now {
                break;
            }
            self.wakes.remove(&(at, waker.clone()));
            self.wake(now, waker, out);
            self.settle(now, out);
        }
    }

    /// When [`Self::on_timeout`] is to be called next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<SimTime> {
        let neighbors = self.poll_neighbors();
        [self.poll_timers(), self.stack.poll_loopback(), neighbors]
            .into_iter()
            .flatten()
            .min()
    }

    /// When the next timer is due, which fires at the next tick of the machine's clock.
    pub(crate) fn poll_timers(&self) -> Option<SimTime> {
        let wake = self.wakes.first().map(|(at, _)| *at);
        [wake, self.stack.poll_timeout()]
            .into_iter()
            .flatten()
            .min()
    }

    /// When the next packet to the machine itself arrives, which no tick holds up.
    pub(crate) fn poll_loopback(&self) -> Option<SimTime> {
        self.stack.poll_loopback()
    }

    /// Takes what the machine has sent to itself.
    pub(crate) fn on_loopback(&mut self, now: SimTime, out: &mut Output) {
        self.stack.run_loopback(now);
        self.settle(now, out);
    }

    /// Starts a command. An unknown command prints so and ends with status 127.
    pub fn exec(&mut self, now: SimTime, id: ExecId, argv: &[String], out: &mut Output) {
        self.start_exec(now, id, argv, out);
        self.settle(now, out);
    }

    /// Starts a traffic program; one of the same name is stopped first.
    pub fn start_traffic(&mut self, now: SimTime, spec: &TrafficSpec, out: &mut Output) {
        self.stop_traffic(now, &spec.name, out);
        let runner = Box::new(Runner::new(spec.clone(), now));
        self.set_alarm(&runner);
        self.runners.insert(spec.name.clone(), runner);
        self.settle(now, out);
    }

    /// Ends a traffic program: closes its connection, reports nothing more.
    pub fn stop_traffic(&mut self, now: SimTime, name: &str, out: &mut Output) {
        if let Some(runner) = self.runners.remove(name) {
            self.drop_runner(now, *runner);
        }
        self.settle(now, out);
    }

    /// Hands events to their owners until there is nothing left, then gives everything out.
    fn settle(&mut self, now: SimTime, out: &mut Output) {
        loop {
            while let Some(event) = self.stack.events.pop_front() {
                self.dispatch(now, event, out);
            }
            self.stack.run_loopback(now);
            self.tell_resolved(now, out);
            if self.stack.events.is_empty() {
                break;
            }
        }
        self.give_out(out);
    }

    fn give_out(&mut self, out: &mut Output) {
        out.packets.append(&mut self.stack.sent);
        out.events.append(&mut self.stack.notices);
    }

    fn dispatch(&mut self, now: SimTime, event: StackEvent, out: &mut Output) {
        match event {
            StackEvent::Accepted { socket, port } => self.on_accept(now, socket, port),
            StackEvent::Touched(socket) => match self.owners.get(&socket).cloned() {
                Some(Owner::Server) => self.on_session_touched(now, socket),
                Some(Owner::Traffic(name)) => self.on_client_touched(now, &name, socket, out),
                Some(Owner::Exec(id)) => self.on_exec_touched(now, id, out),
                Some(Owner::Lookup(number)) => self.on_lookup_touched(now, number),
                Some(Owner::Caller) | None => {}
            },
            StackEvent::Datagram {
                port,
                from,
                payload,
            } => self.on_datagram(now, port, from, payload, out),
            StackEvent::Heard { port, from } => {
                self.on_scan_heard(now, port, from, out);
                self.on_exec_icmp(now, &Heard::Segment { from, port }, out);
            }
            StackEvent::Icmp(heard) => {
                self.on_lookup_icmp(now, &heard);
                self.on_caller_icmp(&heard);
                self.on_traffic_icmp(now, &heard, out);
                self.on_exec_icmp(now, &heard, out);
            }
        }
    }

    fn wake(&mut self, now: SimTime, waker: Waker, out: &mut Output) {
        match waker {
            Waker::Session(socket) => self.on_session_wake(now, socket),
            Waker::Client(name) => self.on_client_wake(now, &name, out),
            Waker::Traffic(name) => self.on_traffic_alarm(now, &name, out),
            Waker::Exec(id) => self.on_exec_wake(now, id, out),
            Waker::Lookup(number) => self.on_lookup_wake(now, number),
        }
    }

    const fn moment(&self, now: SimTime) -> Moment {
        Moment {
            now,
            starts: self.config.starts,
        }
    }

    fn echo_identifier(&mut self) -> u16 {
        self.next_echo_identifier = self.next_echo_identifier.wrapping_add(1);
        self.next_echo_identifier
    }
}
