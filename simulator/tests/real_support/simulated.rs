//! The simulated half.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use wirelab_model::{Seed, SimDuration, SimTime, UnixTime};
use wirelab_simulator::host::{
    Attachment, ExecId, HostSettings, HostSpec, HttpResource, KernelProfile, OutsideInterface,
    ServerSpec,
};
use wirelab_simulator::{
    CapturePoint, Captured, Event, FabricConfig, Input, Observe, SegmentSpec, World, WorldConfig,
};
use wirelab_wire::{IpPacket, Transport};

use super::answers::{self, Http};
use super::{HOSTS, INTERFACES, Interface, Printed, SEARCH, SERVER};

/// What the server has at port 80.
const RESOURCES: [(&str, u16, u32); 6] = [
    ("/", 200, 25),
    ("/hello", 200, 45),
    ("/moved", 302, 0),
    ("/broken", 500, 30),
    ("/empty", 204, 0),
    ("/unchanged", 304, 0),
];

pub(crate) struct Simulated {
    world: World,
    commands: u64,
    /// Answers of the DNS server on their way.
    answers: Vec<(SimTime, IpPacket)>,
    requests: BTreeMap<u16, String>,
    /// What the HTTP server has answered.
    pub(crate) http: Http,
}

fn parse<T: std::str::FromStr>(text: &str) -> T {
    text.parse()
        .unwrap_or_else(|_| panic!("bad value `{text}`"))
}

fn outside(interface: &Interface) -> OutsideInterface {
    OutsideInterface {
        name: interface.name.into(),
        segment: interface.segment.into(),
        address: parse(interface.address),
        ipv6_address: Some(parse(interface.ipv6)),
        ipv6_gateway: interface.gateways.map(|(_, ipv6)| parse(ipv6)),
        mtu: 1500,
    }
}

fn machine(name: &str) -> HostSpec {
    let own = || INTERFACES.iter().filter(|it| it.host == name);
    let gateway = own().find_map(|it| it.gateways);
    let is_server = name == "server";
    let http = ServerSpec::Http {
        port: 80,
        resources: RESOURCES
            .iter()
            .map(|(path, status, bytes)| HttpResource {
                path: (*path).into(),
                status: *status,
                bytes: *bytes,
            })
            .collect(),
        think: SimDuration::ZERO,
    };
    HostSpec {
        name: name.into(),
        attachment: Attachment::Outside {
            interfaces: own().map(outside).collect(),
            customer_gateway: None,
            default_gateway: gateway.map(|(ipv4, _)| parse(ipv4)),
        },
        kernel: KernelProfile::Linux618,
        settings: HostSettings {
            ip_forward: name == "router",
            nameservers: vec![parse(SERVER)],
            search: vec![SEARCH.into()],
            ..HostSettings::default()
        },
        routes: Vec::new(),
        // What comes to port 53 is answered by this test in the server's place.
        firewall: if is_server {
            vec!["-A INPUT -p udp --dport 53 -j DROP".to_owned()]
        } else {
            Vec::new()
        },
        servers: if is_server {
            let (echo, discard) = (
                ServerSpec::Echo { port: 7 },
                ServerSpec::Discard { port: 9 },
            );
            vec![http, echo, discard]
        } else {
            Vec::new()
        },
    }
}

impl Simulated {
    pub(crate) fn new() -> Self {
        let mut world = World::new(WorldConfig {
            seed: Seed::whole(7),
            starts: UnixTime::from_secs(1_795_412_348),
            region: "us-east-1".into(),
            fabric: FabricConfig::default(),
            observe: Observe::default(),
        });
        let mut put = |input: Input| {
            world
                .handle(SimTime::ZERO, input)
                .expect("the world is sound");
        };
        for (name, cidr) in [("one", "10.0.1.0/24"), ("two", "10.0.2.0/24")] {
            put(Input::Segment(SegmentSpec {
                name: name.into(),
                cidr: parse(cidr),
                mtu: 9001,
            }));
        }
        for name in HOSTS {
            put(Input::Host(Box::new(machine(name))));
        }
        Self {
            world,
            commands: 0,
            answers: Vec::new(),
            requests: BTreeMap::new(),
            http: Http::new(),
        }
    }

    /// The hardware address of an interface.
    pub(crate) fn mac(&self, interface: &Interface) -> String {
        let host = self.world.host(interface.host).expect("a machine");
        let mut all = host.interfaces().iter();
        let found = all.find(|it| it.name == interface.name);
        found.expect("an interface").mac.to_string()
    }

    /// Runs a command to its end.
    pub(crate) fn run(&mut self, host: &str, command: &str) -> Printed {
        let id = ExecId(self.commands);
        self.commands += 1;
        let argv = super::words(command);
        let input = Input::Exec {
            id,
            host: host.into(),
            argv,
        };
        let now = self.world.now();
        self.world.handle(now, input).expect("a machine");
        let mut printed = Printed::default();
        let limit = now + SimDuration::from_secs(600);
        loop {
            while let Some(event) = self.world.poll_event() {
                match event {
                    Event::ExecOutput { id: of, text, .. } if of == id => printed.text += &text,
                    Event::ExecDone { id: of, status, .. } if of == id => {
                        printed.status = status;
                        return printed;
                    }
                    Event::Captured(captured) => self.saw(&captured),
                    _ => {}
                }
            }
            self.step(limit, command);
        }
    }

    fn step(&mut self, limit: SimTime, command: &str) {
        let answer = self.answers.first().map(|(at, _)| *at);
        let timer = self.world.poll_timeout();
        let next = [answer, timer].into_iter().flatten().min();
        let next = next.unwrap_or_else(|| panic!("`{command}` never ends"));
        assert!(next < limit, "`{command}` takes more than ten minutes");
        if answer == Some(next) {
            let (_, packet) = self.answers.remove(0);
            let point = CapturePoint::HostInterface {
                host: "router".into(),
                interface: "left".into(),
            };
            let input = Input::Packet { point, packet };
            self.world.handle(next, input).expect("a place");
        } else {
            self.world.handle_timeout(next);
        }
    }

    /// What the client sends to the DNS server is answered; what it hears by HTTP is kept.
    fn saw(&mut self, captured: &Captured) {
        let at_client = matches!(
            &captured.point,
            CapturePoint::HostInterface { host, .. } if host == "client"
        );
        if !at_client {
            return;
        }
        let Some(packet) = captured.packet() else {
            return;
        };
        let server: IpAddr = parse(SERVER);
        match &packet.transport {
            Transport::Udp(datagram)
                if datagram.destination_port == 53 && packet.destination() == server =>
            {
                if let Some(answer) = answers::dns(&datagram.payload) {
                    let from = SocketAddr::new(server, 53);
                    let to = SocketAddr::new(packet.source(), datagram.source_port);
                    let answer = IpPacket::udp(from, to, answer);
                    let at = captured.at + SimDuration::from_millis(1);
                    self.answers.push((at, answer));
                }
            }
            Transport::Tcp(segment) if segment.destination_port == 80 => {
                let text = String::from_utf8_lossy(&segment.payload);
                if let Some(line) = text.lines().next() {
                    self.requests.insert(segment.source_port, line.to_owned());
                    self.http.insert(line.to_owned(), Vec::new());
                }
            }
            Transport::Tcp(segment) if segment.source_port == 80 => {
                let line = self.requests.get(&segment.destination_port);
                if let Some(answer) = line.and_then(|line| self.http.get_mut(line)) {
                    answer.extend_from_slice(&segment.payload);
                }
            }
            _ => {}
        }
    }
}
