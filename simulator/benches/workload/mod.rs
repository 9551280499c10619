//! The workload that the simulator is measured with, and beside ns-3 (`scripts/bench-ns3.sh`): four
//! hosts, three routers in a row between the pairs, one bulk transfer and many short connections.
//!
//! | in ns-3 | here, with NAT | here, without |
//! | --- | --- | --- |
//! | clients h1, h2 | instances of VPC A | the same |
//! | router 1 | an appliance instance that forwards | the same |
//! | router 2 | a private NAT gateway | a transit gateway |
//! | router 3 | a transit gateway | an appliance instance of VPC B |
//! | servers h3, h4 | instances of VPC B | the same |
//!
//! So a packet is transmitted four times on its way ([`World::transmissions`] counts them), 200 us
//! each, as in ns-3. What no ns-3 packet meets is between: at each instance's interface a security
//! group that tracks its flow, at each subnet's boundary a network ACL of eleven entries, and the
//! gateway's translation.

#![allow(dead_code, reason = "its users take a part each")]

use wirelab_model::*;
use wirelab_simulator::host::{
    Attachment as Plug, HostRoute, HostSettings, HostSpec, HttpResource, KernelProfile, Outcome,
    ServerSpec, TrafficProgram, TrafficSpec,
};
use wirelab_simulator::{Event, FabricConfig, Input, Observe, World, WorldConfig};

use network::Network;

pub(crate) mod connections;
mod network;

/// One way over a link.
const LINK: SimDuration = SimDuration::from_micros(200);
/// Bits per second of an interface: below the five billion that a NAT gateway begins with, which
/// drops what is more. In ns-3 it is ten; how fast bits follow each other changes no packet.
const BPS: u64 = 4_500_000_000;
/// MTU of the hosts: an MSS of 1448 octets with timestamps.
const MTU: u16 = 1500;
/// From the start of one short connection to the start of the next.
const EVERY: SimDuration = SimDuration::from_millis(10);
/// The short connections' path; its answer has 10,240 octets with its head.
const PATH: &str = "/answer";
/// Octets of that answer's body.
const BODY: u32 = 10_240 - 139;
/// With it a request has 200 octets.
const USER_AGENT: &str = "anchor/1.0 (one short connection every ten milliseconds; two hundred \
                          octets in all, pad)";

/// What is run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Anchor {
    /// Octets of the bulk transfer; none if 0.
    pub(crate) bulk: u32,
    /// Number of short connections.
    pub(crate) connections: u64,
    /// With a NAT gateway on the path.
    pub(crate) nat: bool,
    /// Every host's and appliance's interface is captured.
    pub(crate) captures: bool,
    /// Flow logs of both VPCs.
    pub(crate) flow_logs: bool,
    /// Interfaces of idle instances besides.
    pub(crate) idle: usize,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Packets from node to node.
    pub(crate) transmissions: u64,
    /// Octets of the bulk transfer that its server has read and confirmed.
    pub(crate) bulk: u64,
    /// Octets of answers that the short connections' client has read.
    pub(crate) answers: u64,
    /// Short connections that ended as they should.
    pub(crate) closed: u64,
    /// Packets dropped, for whatever reason.
    pub(crate) dropped: u64,
    /// Frames captured.
    pub(crate) captured: u64,
    /// Records of flow logs.
    pub(crate) records: u64,
}

impl Anchor {
    /// 50 MB and 1,000 connections through the NAT gateway, nobody looking on.
    pub(crate) const FULL: Self = Self {
        bulk: 50_000_000,
        connections: 1000,
        nat: true,
        captures: false,
        flow_logs: false,
        idle: 0,
    };

    /// The network, its machines and their programs, at the start of time.
    pub(crate) fn world(&self) -> World {
        let mut world = World::new(WorldConfig {
            seed: Seed::whole(1),
            starts: UnixTime::from_secs(1_709_596_800),
            region: "us-east-1".into(),
            fabric: fabric(),
            observe: Observe {
                captures: self.captures,
                flow_records: self.flow_logs,
                drops: true,
                metrics: false,
            },
        });
        let mut network = Network::default();
        network.anchor(self.nat, self.idle);
        if self.flow_logs {
            network.flow_logs();
        }
        let changes = Changes {
            effective_at: SimTime::ZERO,
            changes: network.changes,
        };
        take(&mut world, Input::Changes(changes));
        for host in self.hosts() {
            take(&mut world, Input::Host(Box::new(host)));
        }
        for traffic in self.traffic() {
            take(&mut world, Input::Traffic(traffic));
        }
        world
    }

    /// When everything is over: two seconds after the last connection, as in the ns-3 program; with
    /// flow logs when every window of a minute has ended.
    pub(crate) fn ends(&self) -> SimTime {
        let connections = SimDuration::from_millis(10 * self.connections);
        let after = if self.flow_logs { 62 } else { 2 };
        SimTime::ZERO + connections + SimDuration::from_secs(after)
    }

    fn hosts(&self) -> Vec<HostSpec> {
        let server = |resource| ServerSpec::Http {
            port: 80,
            resources: vec![resource],
            think: SimDuration::ZERO,
        };
        let resource = |path: &str, bytes| HttpResource {
            path: path.into(),
            status: 200,
            bytes,
        };
        let mut hosts = vec![
            host("h1", "10.0.1.1", Vec::new()),
            host("h2", "10.0.1.1", Vec::new()),
            host("h3", "10.1.1.1", vec![server(resource("/bulk", 0))]),
            host("h4", "10.1.1.1", vec![server(resource(PATH, BODY))]),
        ];
        let mut routers = vec![host("r1", "10.0.2.1", Vec::new())];
        if !self.nat {
            routers.push(host("r3", "10.1.2.1", Vec::new()));
        }
        for router in &mut routers {
            router.settings.ip_forward = true;
        }
        hosts.extend(routers);
        hosts.extend((0..self.idle).map(|at| host(&format!("idle-{at}"), "10.0.64.1", Vec::new())));
        hosts
    }

    fn traffic(&self) -> Vec<TrafficSpec> {
        let http = |method: &str, path: &str, body_bytes, user_agent: &str| TrafficProgram::Http {
            method: method.into(),
            path: path.into(),
            body_bytes,
            keep_alive: false,
            user_agent: user_agent.into(),
        };
        let spec = |name: &str, from: &str, to: &str, program, first_at, count| TrafficSpec {
            name: name.into(),
            from: from.into(),
            to: to.parse().expect("an address"),
            to_name: None,
            port: 80,
            program,
            every: EVERY,
            first_at,
            timeout: SimDuration::from_secs(60),
            count: Some(count),
            bind: false,
        };
        let mut all = Vec::new();
        if self.bulk > 0 {
            let program = http("POST", "/bulk", self.bulk, "anchor/1.0");
            let bulk = spec("bulk", "h1", "10.1.1.10", program, SimTime::ZERO, 1);
            all.push(bulk);
        }
        if self.connections > 0 {
            let program = http("GET", PATH, 0, USER_AGENT);
            let first = SimTime::from_nanos(1_000_000);
            let count = self.connections;
            all.push(spec("short", "h2", "10.1.1.20", program, first, count));
        }
        all
    }

    /// Runs to the end; `see` gets every event.
    pub(crate) fn run(&self, world: &mut World, mut see: impl FnMut(&Event)) -> Counts {
        let mut counts = Counts::default();
        let ends = self.ends();
        while let Some(at) = world.poll_timeout().filter(|at| *at <= ends) {
            world.handle_timeout(at);
            while let Some(event) = world.poll_event() {
                counts.count(&event, self.bulk);
                see(&event);
            }
        }
        counts.transmissions = world.transmissions();
        counts
    }
}

impl Counts {
    fn count(&mut self, event: &Event, bulk: u32) {
        match event {
            Event::Traffic(it) if it.outcome != Outcome::Completed || it.status != Some(200) => {}
            // The server answers when it has read the whole body.
            Event::Traffic(it) if it.traffic == "bulk" => self.bulk += u64::from(bulk),
            Event::Traffic(it) => {
                self.answers += it.bytes_received;
                self.closed += 1;
            }
            Event::Dropped(_) => self.dropped += 1,
            Event::Captured(_) => self.captured += 1,
            Event::FlowRecord(_) => self.records += 1,
            _ => {}
        }
    }
}

fn take(world: &mut World, input: Input) {
    let taken = world.handle(SimTime::ZERO, input);
    taken.expect("names are unique and known");
}

/// Each of the four transmissions takes [`LINK`], and nothing else takes time.
fn fabric() -> FabricConfig {
    let mut fabric = FabricConfig {
        interface_bps: BPS,
        ..FabricConfig::default()
    };
    fabric.latency.same_zone = LINK;
    fabric.latency.nat_gateway = SimDuration::ZERO;
    fabric.latency.transit_gateway = SimDuration::ZERO;
    fabric
}

fn host(name: &str, router: &str, servers: Vec<ServerSpec>) -> HostSpec {
    HostSpec {
        name: name.into(),
        attachment: Plug::Instance(InstanceId::new(format!("i-{name}"))),
        kernel: KernelProfile::Linux61,
        settings: HostSettings::default(),
        routes: vec![HostRoute {
            destination: "0.0.0.0/0".parse().expect("a block"),
            via: Some(router.parse().expect("an address")),
            device: None,
            mtu: Some(MTU),
            advmss: None,
        }],
        firewall: Vec::new(),
        servers,
    }
}

/// A new description of the clients' security group takes effect: what a change of any resource
/// costs.
#[allow(dead_code, reason = "only the criterion bench measures it")]
pub(crate) fn change_rule(world: &mut World) {
    let id = SecurityGroupId::new("sg-clients");
    let mut group = SecurityGroup::clone(&world.resources().security_groups[&id]);
    group.rules[0].description = Some("everything".into());
    let changes = Changes {
        effective_at: world.now(),
        changes: vec![Change::Put(group.into())],
    };
    let taken = world.handle(world.now(), Input::Changes(changes));
    taken.expect("changes are never refused");
}
