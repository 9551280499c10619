//! Many connections between two instances of one VPC: how many a second, and how much each takes.

use wirelab_model::{Changes, Seed, SimDuration, SimTime, UnixTime};
use wirelab_simulator::host::{HttpResource, Outcome, ServerSpec, TrafficProgram, TrafficSpec};
use wirelab_simulator::{Event, FabricConfig, Input, Observe, World, WorldConfig};

use super::network::Network;
use super::{host, take};

/// The port that the server's group lets in.
const PORT: u16 = 80;

/// What is run.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Connections {
    /// So many connections one after the other: handshake, a GET, an answer of 1 KiB, both FINs.
    Short(u64),
    /// So many connections that stay open, each used once.
    Open(u16),
}

impl Connections {
    /// Two instances, security groups that track, network ACLs; nobody looks on.
    pub(crate) fn world(self) -> World {
        let mut world = World::new(WorldConfig {
            seed: Seed::whole(1),
            starts: UnixTime::from_secs(1_709_596_800),
            region: "us-east-1".into(),
            fabric: FabricConfig::default(),
            observe: Observe {
                captures: false,
                flow_records: false,
                drops: true,
                metrics: false,
            },
        });
        let mut network = Network::default();
        network.pair();
        let changes = Changes {
            effective_at: SimTime::ZERO,
            changes: network.changes,
        };
        take(&mut world, Input::Changes(changes));
        let resource = HttpResource {
            path: "/".into(),
            status: 200,
            bytes: 1024,
        };
        let server = match self {
            Self::Short(_) => ServerSpec::Http {
                port: PORT,
                resources: vec![resource],
                think: SimDuration::ZERO,
            },
            Self::Open(_) => ServerSpec::Echo { port: PORT },
        };
        let hosts = [
            host("h1", "10.0.1.1", Vec::new()),
            host("h2", "10.0.2.1", vec![server]),
        ];
        for host in hosts {
            take(&mut world, Input::Host(Box::new(host)));
        }
        take(&mut world, Input::Traffic(self.traffic()));
        world
    }

    fn traffic(self) -> TrafficSpec {
        let (program, count) = match self {
            Self::Short(count) => {
                let get = TrafficProgram::Http {
                    method: "GET".into(),
                    path: "/".into(),
                    body_bytes: 0,
                    keep_alive: false,
                    user_agent: "bench".into(),
                };
                (get, count)
            }
            Self::Open(size) => {
                let pool = TrafficProgram::Pool {
                    inside: Box::new(TrafficProgram::Echo {
                        bytes: 64,
                        keep_alive: true,
                    }),
                    size,
                    idle: None,
                    tcp_keepalive: false,
                };
                (pool, size.into())
            }
        };
        TrafficSpec {
            name: "connections".into(),
            from: "h1".into(),
            to: "10.0.2.10".parse().expect("an address"),
            to_name: None,
            port: PORT,
            program,
            every: SimDuration::from_micros(1),
            first_at: SimTime::ZERO,
            timeout: SimDuration::from_secs(10),
            count: Some(count),
            bind: false,
        }
    }

    /// Runs until every exchange has ended; how many did as they should.
    pub(crate) fn run(self, world: &mut World) -> u64 {
        let wanted = match self {
            Self::Short(count) => count,
            Self::Open(size) => size.into(),
        };
        let (mut ended, mut completed) = (0, 0);
        while ended < wanted
            && let Some(at) = world.poll_timeout()
        {
            world.handle_timeout(at);
            while let Some(event) = world.poll_event() {
                if let Event::Traffic(it) = event {
                    ended += 1;
                    completed += u64::from(it.outcome == Outcome::Completed);
                }
            }
        }
        completed
    }
}
