//! Two machines and a router between them.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "shared by test programs, each of which uses a part"
)]

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;

use wirelab_model::{Seed, SimDuration, SimTime, UnixTime};
use wirelab_simulator::host::{
    Attachment, ExecId, Host, HostConfig, HostEvent, HostSettings, HostSpec, HttpResource,
    InterfaceConfig, KernelProfile, Output, ServerSpec, TrafficEvent, TrafficProgram, TrafficSpec,
};
use wirelab_wire::{IpPacket, MacAddr, TcpFlags, TcpOption, link};

/// Milliseconds, for times that are no whole seconds.
pub trait Millis: Sized {
    fn from_millis_for_test(millis: u64) -> Self;
}

impl Millis for SimTime {
    fn from_millis_for_test(millis: u64) -> Self {
        Self::from_nanos(millis * 1_000_000)
    }
}

impl Millis for SimDuration {
    fn from_millis_for_test(millis: u64) -> Self {
        Self::from_millis(millis)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Client,
    Server,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Pass,
    Drop,
}

type Rule = Box<dyn FnMut(&IpPacket, SimTime) -> Verdict>;

/// A segment as it is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seg {
    pub at: SimTime,
    pub from_client: bool,
    pub flags: TcpFlags,
    pub seq: u32,
    pub ack: u32,
    pub len: u32,
    pub window: u16,
    pub options: Vec<u8>,
}

impl fmt::Display for Seg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let way = if self.from_client { "C > S" } else { "S > C" };
        let at = self.at.as_nanos() as f64 / 1e9;
        write!(
            f,
            "{at:>11.6} {way} {} seq {}:{} ack {} win {} {:?}",
            self.flags,
            self.seq,
            self.seq.wrapping_add(self.len),
            self.ack,
            self.window,
            self.options
        )
    }
}

const SERVER_ADDRESS: &str = "10.0.2.20";
const CLIENT_ADDRESS: &str = "10.0.1.10";

/// Client, router, server.
pub struct Net {
    hosts: [Host; 3],
    specs: [HostSpec; 3],
    mtus: [u16; 4],
    built: bool,
    rules: [Option<Rule>; 2],
    delay: SimDuration,
    queue: BinaryHeap<Reverse<(SimTime, u64, usize, usize)>>,
    flying: Vec<Option<IpPacket>>,
    free_at: [SimTime; 4],
    now: SimTime,
    captured: [Vec<(SimTime, IpPacket)>; 2],
    events: Vec<HostEvent>,
    resources: Vec<HttpResource>,
    pending: Vec<TrafficSpec>,
}

fn spec(name: &str) -> HostSpec {
    HostSpec {
        name: name.into(),
        attachment: Attachment::Outside {
            interfaces: Vec::new(),
            customer_gateway: None,
            default_gateway: None,
        },
        kernel: KernelProfile::Linux618,
        settings: HostSettings::default(),
        routes: Vec::new(),
        firewall: Vec::new(),
        servers: Vec::new(),
    }
}

fn config() -> HostConfig {
    HostConfig {
        seed: Seed::whole(7),
        starts: UnixTime::from_secs(1_795_412_348),
    }
}

fn interface(name: &str, address: &str, mtu: u16, gateway: Option<&str>) -> InterfaceConfig {
    InterfaceConfig {
        name: name.into(),
        mac: MacAddr::default(),
        addresses: vec![address.parse().expect("an address")],
        mtu,
        gateways: gateway
            .into_iter()
            .map(|text| text.parse().expect("an address"))
            .collect(),
        resolvers: Vec::new(),
        search: Vec::new(),
    }
}

impl Net {
    /// Machines with these MTUs; `path` is the router's towards the client.
    pub fn new(client: u16, path: u16, server: u16) -> Self {
        let specs = [spec("client"), spec("router"), spec("server")];
        let hosts = specs
            .clone()
            .map(|spec| Host::new(spec, config()).expect("a machine"));
        Self {
            hosts,
            specs,
            mtus: [client, path, server, server],
            built: false,
            rules: [None, None],
            delay: SimDuration::from_micros(20),
            queue: BinaryHeap::new(),
            flying: Vec::new(),
            free_at: [SimTime::ZERO; 4],
            now: SimTime::ZERO,
            captured: [Vec::new(), Vec::new()],
            events: Vec::new(),
            resources: Vec::new(),
            pending: Vec::new(),
        }
    }

    /// The router's MTU towards the server.
    pub fn path_to_server(&mut self, mtu: u16) {
        self.mtus[2] = mtu;
    }

    pub fn delay(&mut self, delay: SimDuration) {
        self.delay = delay;
    }

    pub fn client_kernel(&mut self, kernel: KernelProfile) {
        self.specs[0].kernel = kernel;
    }

    pub fn server_kernel(&mut self, kernel: KernelProfile) {
        self.specs[2].kernel = kernel;
    }

    pub fn server_settings(&mut self, change: impl FnOnce(&mut HostSettings)) {
        change(&mut self.specs[2].settings);
    }

    pub fn client_firewall(&mut self, line: &str) {
        self.specs[0].firewall.push(line.to_owned());
    }

    pub fn server_firewall(&mut self, line: &str) {
        self.specs[2].firewall.push(line.to_owned());
    }

    pub fn router_drops_icmp(&mut self) {
        self.specs[1]
            .firewall
            .push("-A OUTPUT -p icmp --icmp-type 3/4 -j DROP".to_owned());
    }

    pub fn router_clamps_mss(&mut self) {
        let rule = "-t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss 1460";
        self.specs[1].firewall.push(rule.to_owned());
    }

    /// A resource of `bytes` octets of body at the server's port 80.
    pub fn serve(&mut self, path: &str, bytes: u32) {
        self.resources.push(HttpResource {
            path: path.into(),
            status: 200,
            bytes,
        });
    }

    /// A resource whose answer has `total` octets, head included.
    pub fn serve_total(&mut self, path: &str, total: u32) {
        let digits = total.to_string().len() as u32;
        let head = 17 + 15 + 37 + 26 + (18 + digits) + 24 + 2;
        self.serve(path, total - head);
    }

    pub fn echo(&mut self, port: u16) {
        self.specs[2].servers.push(ServerSpec::Echo { port });
    }

    pub fn add_server(&mut self, server: ServerSpec) {
        self.specs[2].servers.push(server);
    }

    /// What becomes of packets that leave a machine.
    pub fn pipe(&mut self, side: Side, rule: impl FnMut(&IpPacket, SimTime) -> Verdict + 'static) {
        self.rules[side as usize] = Some(Box::new(rule));
    }

    pub fn request(&mut self, program: TrafficProgram, at: SimTime) {
        self.request_at_port(program, 80, at);
    }

    pub fn request_at_port(&mut self, program: TrafficProgram, port: u16, at: SimTime) {
        self.plan(program, port, at, SimDuration::from_secs(5000), Some(1));
    }

    pub fn request_every(
        &mut self,
        program: TrafficProgram,
        port: u16,
        at: SimTime,
        every: SimDuration,
    ) {
        self.plan(program, port, at, every, None);
    }

    fn plan(
        &mut self,
        program: TrafficProgram,
        port: u16,
        at: SimTime,
        every: SimDuration,
        count: Option<u64>,
    ) {
        self.pending.push(TrafficSpec {
            to_name: None,
            name: format!("traffic-{}", self.pending.len()).into(),
            from: "client".into(),
            to: SERVER_ADDRESS.parse().expect("an address"),
            port,
            program,
            every,
            first_at: at,
            timeout: SimDuration::from_secs(5000),
            count,
            bind: false,
        });
    }

    /// Writes every machine to bytes and goes on with what is read back.
    pub fn save_and_restore(&mut self) {
        for host in &mut self.hosts {
            let saved = postcard::to_allocvec(host).expect("a machine can be saved");
            let restored: Host = postcard::from_bytes(&saved).expect("and read");
            assert!(restored == *host);
            *host = restored;
        }
    }

    fn build(&mut self) {
        if self.built {
            return;
        }
        self.built = true;
        self.specs[1].settings.ip_forward = true;
        if !self.resources.is_empty() {
            let resources = std::mem::take(&mut self.resources);
            self.specs[2].servers.push(ServerSpec::Http {
                port: 80,
                resources,
                think: SimDuration::ZERO,
            });
        }
        self.hosts = self
            .specs
            .clone()
            .map(|spec| Host::new(spec, config()).expect("a machine"));
        let [client, left, right, server] = self.mtus;
        let sets = [
            vec![interface("ens5", "10.0.1.10/24", client, Some("10.0.1.1"))],
            vec![
                interface("left", "10.0.1.1/24", left, None),
                interface("right", "10.0.2.1/24", right, None),
            ],
            vec![interface("ens5", "10.0.2.20/24", server, Some("10.0.2.1"))],
        ];
        for (host, set) in self.hosts.iter_mut().zip(sets) {
            host.set_interfaces(SimTime::ZERO, set);
        }
        let names = [
            ("client", CLIENT_ADDRESS),
            ("router", "10.0.1.1"),
            ("server", SERVER_ADDRESS),
        ];
        let names =
            names.map(|(name, address)| (name.into(), address.parse().expect("an address")));
        for host in &mut self.hosts {
            host.set_names(names.to_vec());
        }
        for spec in std::mem::take(&mut self.pending) {
            let mut out = Output::default();
            self.hosts[0].start_traffic(SimTime::ZERO, &spec, &mut out);
            self.take(0, out);
        }
    }

    /// The client's interface is configured anew, at its first MTU.
    pub fn readdress_client(&mut self, address: &str) {
        let config = interface("ens5", address, self.mtus[0], Some("10.0.1.1"));
        self.hosts[0].set_interfaces(self.now, vec![config]);
    }

    /// Runs a command on the client until it ends; returns what it printed and its status.
    pub fn now(&self) -> SimTime {
        self.now
    }

    pub fn exec(&mut self, argv: &[&str]) -> (String, i32) {
        self.exec_on(0, argv)
    }

    pub fn exec_on(&mut self, host: usize, argv: &[&str]) -> (String, i32) {
        self.build();
        let argv: Vec<_> = argv.iter().map(|word| (*word).to_owned()).collect();
        let id = ExecId(self.events.len() as u64 + 1000);
        let seen = self.events.len();
        let mut out = Output::default();
        self.hosts[host].exec(self.now, id, &argv, &mut out);
        self.take(host, out);
        let limit = self.now + SimDuration::from_secs(1000);
        let mut printed = String::new();
        loop {
            printed.clear();
            for event in &self.events[seen..] {
                match event {
                    HostEvent::ExecOutput { id: of, text, .. } if *of == id => printed += text,
                    HostEvent::ExecDone { id: of, status, .. } if *of == id => {
                        return (printed, *status);
                    }
                    _ => {}
                }
            }
            assert!(
                self.now < limit && self.step(limit),
                "it never ends: {printed}"
            );
        }
    }

    pub fn run_until(&mut self, until: SimTime) {
        self.build();
        while self.step(until) {}
        self.now = until;
    }

    fn step(&mut self, until: SimTime) -> bool {
        let timer = |host: usize| self.hosts[host].poll_timeout().map(|at| (at, host));
        let timer = (0..3).filter_map(timer).min();
        let arrival = self.queue.peek().map(|Reverse((at, ..))| *at);
        let next = match (timer, arrival) {
            (Some((at, _)), Some(arrival)) => at.min(arrival),
            (Some((at, _)), None) => at,
            (None, Some(arrival)) => arrival,
            (None, None) => return false,
        };
        if next > until {
            return false;
        }
        self.now = next.max(self.now);
        if arrival.is_some_and(|at| at <= next) {
            self.arrive();
        } else if let Some((_, host)) = timer {
            let mut out = Output::default();
            self.hosts[host].on_timeout(self.now, &mut out);
            self.take(host, out);
        }
        true
    }

    fn arrive(&mut self) {
        let Some(Reverse((_, number, host, interface))) = self.queue.pop() else {
            return;
        };
        let packet = self.flying[number as usize]
            .take()
            .expect("a packet flies once");
        if host == 0 {
            self.captured[0].push((self.now, packet.clone()));
        } else if host == 2 {
            self.captured[1].push((self.now, packet.clone()));
        }
        let mut out = Output::default();
        self.hosts[host].on_packet(self.now, interface, packet, &mut out);
        self.take(host, out);
    }

    fn take(&mut self, host: usize, out: Output) {
        self.events.extend(out.events);
        for sent in out.packets {
            let (link, to, to_interface) = match (host, sent.interface) {
                (0, _) => (0, 1, 0),
                (1, 0) => (1, 0, 0),
                (1, _) => (2, 2, 0),
                _ => (3, 1, 1),
            };
            let side = match host {
                0 => Some(0),
                2 => Some(1),
                _ => None,
            };
            if let Some(side) = side {
                self.captured[side].push((self.now, (*sent.packet).clone()));
                if let Some(rule) = &mut self.rules[side]
                    && rule(&sent.packet, self.now) == Verdict::Drop
                {
                    continue;
                }
            }
            let start = self.free_at[link].max(self.now);
            self.free_at[link] = start + SimDuration::from_micros(1);
            let long = host == 0 || host == 2;
            let delay = if long {
                self.delay
            } else {
                SimDuration::from_micros(2)
            };
            let number = self.flying.len() as u64;
            self.flying.push(Some(*sent.packet));
            self.queue
                .push(Reverse((start + delay, number, to, to_interface)));
        }
    }

    pub fn traffic_events(&self) -> Vec<TrafficEvent> {
        let event = |event: &HostEvent| match event {
            HostEvent::Traffic(event) => Some(event.clone()),
            _ => None,
        };
        self.events.iter().filter_map(event).collect()
    }

    /// Every packet one machine saw.
    pub fn packets(&self, side: Side) -> &[(SimTime, IpPacket)] {
        &self.captured[side as usize]
    }

    pub fn flow(&self, side: Side) -> Vec<Seg> {
        normalise(&self.captured[side as usize])
    }
}

fn kind(option: &TcpOption) -> u8 {
    match option {
        TcpOption::EndOfList => 0,
        TcpOption::Nop => 1,
        TcpOption::MaximumSegmentSize(_) => 2,
        TcpOption::WindowScale(_) => 3,
        TcpOption::SackPermitted => 4,
        TcpOption::Sack(_) => 5,
        TcpOption::Timestamps { .. } => 8,
        TcpOption::Unknown { kind, .. } => *kind,
    }
}

/// Relative numbers and times of the TCP segments of one connection.
fn normalise(packets: &[(SimTime, IpPacket)]) -> Vec<Seg> {
    let client: IpAddr = CLIENT_ADDRESS.parse().expect("an address");
    let mut flow = Vec::new();
    let mut start = None;
    let mut bases = [None::<u32>; 2];
    for (at, packet) in packets {
        let Some(tcp) = packet.as_tcp() else { continue };
        let from_client = packet.header.source == client;
        let start = *start.get_or_insert(*at);
        let own = usize::from(from_client);
        if tcp.flags.contains(TcpFlags::SYN) {
            bases[own] = Some(tcp.sequence);
        }
        let base = |side: usize| bases[side].unwrap_or(0);
        let acks = tcp.flags.contains(TcpFlags::ACK);
        flow.push(Seg {
            at: SimTime::from_nanos(at.since(start).as_nanos()),
            from_client,
            flags: tcp.flags,
            seq: tcp.sequence.wrapping_sub(base(own)),
            ack: if acks {
                tcp.acknowledgment.wrapping_sub(base(1 - own))
            } else {
                0
            },
            len: tcp.payload.len() as u32,
            window: tcp.window,
            options: tcp.options.iter().map(|it| kind(&it)).collect(),
        });
    }
    flow
}

/// Packets of a golden capture.
pub struct Golden {
    packets: Vec<(SimTime, IpPacket)>,
}

impl Golden {
    pub fn read(name: &str) -> Self {
        let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "../tests/golden/kernel", name]
            .iter()
            .collect();
        let octets = std::fs::read(&path)
            .unwrap_or_else(|error| panic!("cannot read {}: {error}", path.display()));
        Self {
            packets: read_pcap(&octets),
        }
    }

    pub fn packets(&self) -> &[(SimTime, IpPacket)] {
        &self.packets
    }
}

fn read_pcap(octets: &[u8]) -> Vec<(SimTime, IpPacket)> {
    let word = |at: usize| u32::from_le_bytes(octets[at..at + 4].try_into().expect("4 octets"));
    assert_eq!(word(0), 0xa1b2_c3d4, "a little-endian microsecond capture");
    let link_type = word(20);
    let mut packets = Vec::new();
    let mut at = 24;
    while at + 16 <= octets.len() {
        let time = u64::from(word(at)) * 1_000_000_000 + u64::from(word(at + 4)) * 1000;
        let len = word(at + 8) as usize;
        // The captures hold the headers only; the lengths come from the originals.
        let mut frame = octets[at + 16..at + 16 + len].to_vec();
        frame.resize(word(at + 12) as usize, 0);
        at += 16 + len;
        let link = link::LinkType(link_type);
        if let Ok(decoded) = link::decode(link, &frame)
            && let Ok(packet) = IpPacket::parse(decoded.packet)
        {
            packets.push((SimTime::from_nanos(time), packet));
        }
    }
    packets
}
