//! TCP between two machines over a link that loses, repeats, delays and shortens: every octet
//! arrives once and in order, or a side is told that the connection is lost.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;

use bytes::Bytes;
use proptest::prelude::*;
use wirelab_model::{Seed, SimDuration, SimTime, Stream, UnixTime};
use wirelab_simulator::host::{
    Attachment, Host, HostConfig, HostSettings, HostSpec, InterfaceConfig, KernelProfile, Output,
    SocketId, SocketSettings,
};
use wirelab_wire::{IcmpError, IpPacket, MacAddr, Unreachable};

/// Octets of headers that an IPv4 packet has at least: no MTU is smaller than the kernel's minimum.
const MTU_MIN: u64 = 600;
/// After this a connection has either delivered everything or failed. A silent path is given up
/// after 924 s, but MTU probing under loss may go down to segments of 48 octets, two minutes each.
const PATIENCE: SimTime = SimTime::from_secs(400_000);
const PORT: u16 = 8080;

/// What is wrong with the link.
#[derive(Clone, Debug)]
struct Weather {
    seed: u64,
    /// Per cent of packets.
    lost: u64,
    repeated: u64,
    late: u64,
    /// Milliseconds one way, and how much more a late packet takes.
    delay: u64,
    lateness: u64,
    /// When the link carries nothing: from, for; milliseconds.
    pause: (u64, u64),
    /// At what time the MTU becomes what, and whether ICMP tells.
    mtus: Vec<(u64, u64)>,
    tells: bool,
    probing: u8,
    octets: [u32; 2],
    writes: u32,
    reads_after: u64,
    ipv6: bool,
}

fn weather() -> impl Strategy<Value = Weather> {
    let link = (0..25_u64, 0..10_u64, 0..20_u64, 1..80_u64, 1..200_u64);
    let pause = (0..20_000_u64, prop_oneof![Just(0), 1..300_000_u64]);
    let mtus = prop::collection::vec((0..30_000_u64, MTU_MIN..9001), 0..4);
    let rest = (any::<bool>(), 0..3_u8, 1..80_000_u32, 0..80_000_u32);
    let programs = (1..12_u32, 0..50_u64, any::<bool>());
    (any::<u64>(), link, pause, mtus, rest, programs).prop_map(
        |(seed, link, pause, mtus, rest, programs)| Weather {
            seed,
            lost: link.0,
            repeated: link.1,
            late: link.2,
            delay: link.3,
            lateness: link.4,
            pause,
            mtus,
            tells: rest.0,
            probing: rest.1,
            octets: [rest.2, rest.3],
            writes: programs.0,
            reads_after: programs.1,
            ipv6: programs.2,
        },
    )
}

fn machine(name: &str, weather: &Weather, address: &str) -> Host {
    let settings = HostSettings {
        tcp_mtu_probing: weather.probing,
        ..HostSettings::default()
    };
    let spec = HostSpec {
        name: name.into(),
        attachment: Attachment::Outside {
            interfaces: Vec::new(),
            customer_gateway: None,
            default_gateway: None,
        },
        kernel: KernelProfile::Linux618,
        settings,
        routes: Vec::new(),
        firewall: Vec::new(),
        servers: Vec::new(),
    };
    let config = HostConfig {
        seed: Seed::whole(weather.seed),
        starts: UnixTime::from_secs(1_795_412_348),
    };
    let mut host = Host::new(spec, config).expect("a machine");
    let interface = InterfaceConfig {
        name: "ens5".into(),
        mac: MacAddr::default(),
        addresses: vec![address.parse().expect("an address")],
        mtu: 9001,
        gateways: Vec::new(),
        resolvers: Vec::new(),
        search: Vec::new(),
    };
    host.set_interfaces(SimTime::ZERO, vec![interface]);
    host
}

/// One side's program.
#[derive(Debug, Default)]
struct Side {
    socket: Option<SocketId>,
    to_send: u32,
    sent: u32,
    received: u32,
    chunk: u32,
    next_write: u64,
    next_read: Option<u64>,
    closed: bool,
    at_end: bool,
    failed: bool,
}

struct World {
    hosts: [Host; 2],
    sides: [Side; 2],
    weather: Weather,
    draws: Stream,
    now: SimTime,
    flying: Vec<Option<(usize, IpPacket)>>,
    queue: BinaryHeap<Reverse<(SimTime, usize)>>,
}

/// The octet at a place in one side's stream.
const fn octet(side: usize, at: u32) -> u8 {
    (at as u8).wrapping_mul(31).wrapping_add((at >> 8) as u8) ^ side as u8
}

impl World {
    fn new(weather: Weather) -> Self {
        let addresses = if weather.ipv6 {
            ["2001:db8::1/64", "2001:db8::2/64"]
        } else {
            ["10.0.1.1/24", "10.0.1.2/24"]
        };
        let mut hosts = [
            machine("client", &weather, addresses[0]),
            machine("server", &weather, addresses[1]),
        ];
        hosts[1].socket_listen(PORT, 16, &SocketSettings::default());
        let sides = [0, 1].map(|side| Side {
            to_send: weather.octets[side],
            chunk: (weather.octets[side] / weather.writes).max(1),
            ..Side::default()
        });
        let mut world = Self {
            hosts,
            sides,
            draws: Stream::new(weather.seed, "link"),
            weather,
            now: SimTime::ZERO,
            flying: Vec::new(),
            queue: BinaryHeap::new(),
        };
        let server = addresses[1].split('/').next().expect("an address");
        let to = SocketAddr::new(server.parse().expect("an address"), PORT);
        let settings = SocketSettings::default();
        let socket = world.call(0, |host, now, out| {
            host.socket_connect(now, to, &settings, out)
        });
        world.sides[0].socket = Some(socket.expect("a route"));
        world
    }

    fn millis(&self) -> u64 {
        self.now.as_nanos() / 1_000_000
    }

    fn call<R>(&mut self, at: usize, act: impl FnOnce(&mut Host, SimTime, &mut Output) -> R) -> R {
        let mut out = Output::default();
        let result = act(&mut self.hosts[at], self.now, &mut out);
        for sent in out.packets {
            self.carry(at, *sent.packet);
        }
        result
    }

    fn mtu(&self) -> u64 {
        let now = self.millis();
        let past = self.weather.mtus.iter().filter(|(at, _)| *at <= now);
        let last = past.max_by_key(|(at, _)| *at);
        let least = if self.weather.ipv6 { 1280 } else { MTU_MIN };
        last.map_or(9001, |(_, mtu)| (*mtu).max(least))
    }

    fn carry(&mut self, from: usize, packet: IpPacket) {
        let (start, length) = self.weather.pause;
        let paused = (start..start + length).contains(&self.millis());
        let mtu = self.mtu();
        if packet.total_len() as u64 > mtu {
            let next_hop_mtu = mtu as u16;
            let error = IcmpError::Unreachable(Unreachable::FragmentationNeeded { next_hop_mtu });
            let router = packet.destination();
            if self.weather.tells
                && !paused
                && let Some(message) = packet.icmp_error(router, error)
            {
                self.fly(from, message, 1_000_000);
            }
            return;
        }
        if paused || self.draws.range(0, 99) < self.weather.lost {
            return;
        }
        let copies = 1 + usize::from(self.draws.range(0, 99) < self.weather.repeated);
        for _ in 0..copies {
            let mut delay = self.weather.delay;
            if self.draws.range(0, 99) < self.weather.late {
                delay += self.draws.range(0, self.weather.lateness);
            }
            self.fly(1 - from, packet.clone(), delay * 1_000_000);
        }
    }

    fn fly(&mut self, to: usize, packet: IpPacket, nanos: u64) {
        let at = self.now + SimDuration::from_nanos(nanos);
        self.queue.push(Reverse((at, self.flying.len())));
        self.flying.push(Some((to, packet)));
    }

    /// Plays until nothing is left to do; the error if octets are wrong.
    fn play(&mut self) -> Result<(), TestCaseError> {
        loop {
            for side in 0..2 {
                while self.act(side)? {}
            }
            let timers = self.hosts.iter().filter_map(Host::poll_timeout);
            let arrival = self.queue.peek().map(|Reverse((at, _))| *at);
            let wakes = self.sides.iter().filter_map(|side| self.wake(side));
            let Some(next) = timers.chain(arrival).chain(wakes).min() else {
                return Ok(());
            };
            if next > PATIENCE || self.sides.iter().all(|side| side.failed || side.at_end) {
                return Ok(());
            }
            self.now = next.max(self.now);
            if arrival.is_some_and(|at| at <= self.now) {
                self.arrive();
            } else {
                for at in 0..2 {
                    self.call(at, |host, now, out| host.on_timeout(now, out));
                }
            }
        }
    }

    fn wake(&self, side: &Side) -> Option<SimTime> {
        side.socket?;
        let at = |millis: u64| SimTime::from_nanos(millis * 1_000_000);
        let write = (!side.closed).then_some(at(side.next_write));
        let read = side.next_read.map(at);
        write
            .into_iter()
            .chain(read)
            .filter(|at| *at > self.now)
            .min()
    }

    fn arrive(&mut self) {
        let Some(Reverse((_, number))) = self.queue.pop() else {
            return;
        };
        if let Some((to, packet)) = self.flying[number].take() {
            self.call(to, |host, now, out| host.on_packet(now, 0, packet, out));
        }
    }

    /// One thing a program does; whether it did any.
    fn act(&mut self, at: usize) -> Result<bool, TestCaseError> {
        if at == 1 && self.sides[1].socket.is_none() {
            self.sides[1].socket = self.hosts[1].socket_accept(PORT);
        }
        let Some(socket) = self.sides[at].socket else {
            return Ok(false);
        };
        let view = self.hosts[at].socket_view(socket);
        let now = self.millis();
        if view.error.is_some() {
            self.sides[at].failed = true;
            return Ok(false);
        }
        if view.at_end && !self.sides[at].at_end {
            self.sides[at].at_end = true;
            return Ok(true);
        }
        if view.unread > 0 {
            let due = now + self.weather.reads_after;
            if now >= *self.sides[at].next_read.get_or_insert(due) {
                self.sides[at].next_read = None;
                self.read(at, socket)?;
                return Ok(true);
            }
        }
        let side = &mut self.sides[at];
        if !view.established || side.closed || now < side.next_write {
            return Ok(false);
        }
        if side.sent < side.to_send {
            let start = side.sent;
            side.sent += side.chunk.min(side.to_send - start);
            let octets: Vec<u8> = (start..side.sent).map(|place| octet(at, place)).collect();
            side.next_write = now + self.draws.range(0, 400);
            self.call(at, |host, now, out| {
                host.socket_send(now, socket, Bytes::from(octets), out);
            });
            return Ok(true);
        }
        side.closed = true;
        self.call(at, |host, now, out| host.socket_shutdown(now, socket, out));
        Ok(true)
    }

    fn read(&mut self, at: usize, socket: SocketId) -> Result<(), TestCaseError> {
        let data = self.call(at, |host, now, out| host.socket_receive(now, socket, out));
        for found in data.iter().flatten() {
            let place = self.sides[at].received;
            prop_assert_eq!(
                *found,
                octet(1 - at, place),
                "octet {} of side {}",
                place,
                at
            );
            self.sides[at].received += 1;
        }
        Ok(())
    }
}

proptest! {
    // PROPTEST_CASES=10000 for a long run.
    #[test]
    fn every_octet_arrives_in_order_or_an_error_is_told(weather in weather()) {
        let mut world = World::new(weather);
        world.play()?;
        let [client, server] = &world.sides;
        let complete = |from: &Side, to: &Side| to.received == from.to_send && to.at_end;
        let told = client.failed || server.failed;
        prop_assert!(
            told || (complete(client, server) && complete(server, client)),
            "nobody was told: {:?} at {}",
            world.sides,
            world.now
        );
    }
}
