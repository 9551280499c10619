//! How long long times take: a NAT gateway's 350 idle seconds, five idle days of a tracked
//! connection, and 55,001 connections to one destination, each with its virtual and its real time.
//!
//! ```text
//! cargo run --release -p wirelab-session --example timeline
//! ```

use std::net::IpAddr;
use std::path::Path;
use std::time::Instant;

use wirelab_model::{Change, Changes, SecurityGroup, Seed, SimDuration};
use wirelab_scenario::{Scenario, Source};
use wirelab_session::Run;
use wirelab_simulator::{CapturePoint, Event, Input, Observe, World};
use wirelab_wire::{IpPacket, TcpFlags, TcpSegment};

/// Two silent machines: what is sent is put on their interfaces.
const SCENARIO: &str = r#"
format  = 1
name    = "timeline"
title   = "Long times"
region  = "us-east-1"
account = "123456789012"
starts  = 2026-01-01T00:00:00Z

[vpc.a]
cidr_block = "10.0.0.0/16"

[internet_gateway.edge]
vpc = "a"

[subnet.private]
vpc         = "a"
cidr_block  = "10.0.1.0/24"
route_table = "private"

[subnet.public]
vpc         = "a"
cidr_block  = "10.0.2.0/24"
route_table = "public"

[route_table.private]
vpc    = "a"
routes = ["0.0.0.0/0 -> nat_gateway.out"]

[route_table.public]
vpc    = "a"
routes = ["0.0.0.0/0 -> internet_gateway.edge"]

[nat_gateway.out]
subnet = "public"

[security_group.app]
vpc = "a"

[security_group.db]
vpc     = "a"
ingress = ["tcp 5432 from 10.0.0.0/16"]

[instance.app]
subnet             = "private"
private_ip_address = "10.0.1.5"
security_groups    = ["app"]
firewall           = ["-A INPUT -j DROP"]

[instance.db]
subnet             = "private"
private_ip_address = "10.0.1.6"
security_groups    = ["db"]
firewall           = ["-A INPUT -j DROP"]

# A scenario asserts something; this begins after everything that is measured.
[[traffic]]
name     = "never"
from     = "instance.app"
to       = "instance.db:5432/tcp"
connect  = true
first_at = "1000h"
every    = "1000h"

[[expect]]
during  = "0s..10s"
traffic = "never"
outcome = "completed"
"#;

const APP: &str = "10.0.1.5";
const DB: &str = "10.0.1.6";
const SITE: &str = "203.0.113.80";
const SYN_ACK: TcpFlags = TcpFlags(0x12);

struct Bench {
    world: World,
    app: CapturePoint,
    db: CapturePoint,
}

fn main() {
    let source = Source::new("scenario.toml", SCENARIO);
    let scenario = Scenario::parse(Path::new("timeline"), &source);
    let plan = scenario.and_then(|it| it.compile(Seed::whole(1)));
    let plan = plan.unwrap_or_else(|errors| panic!("{errors}"));
    let observe = Observe {
        captures: false,
        ..Observe::default()
    };
    let run = Run::new(plan, observe).expect("a plan that runs");
    let bench = Bench {
        app: run.world().capture_points("app").swap_remove(0),
        db: run.world().capture_points("db").swap_remove(0),
        world: run.world().clone(),
    };
    for (what, act) in [
        (
            "NAT gateway, 350 s idle, then RST",
            idle_nat as fn(Bench) -> _,
        ),
        ("tracked connection, 432,000 s idle", idle_tracked),
        ("the 55,001st connection", exhausted),
    ] {
        let bench = Bench {
            world: bench.world.clone(),
            app: bench.app.clone(),
            db: bench.db.clone(),
        };
        let began = Instant::now();
        let (virtual_time, said) = act(bench);
        let took = began.elapsed().as_secs_f64() * 1000.0;
        println!("{what:36} {virtual_time:>9} s virtual  {took:8.1} ms real  {said}");
    }
}

impl Bench {
    fn put(&mut self, point: &CapturePoint, packet: IpPacket) {
        let point = point.clone();
        let input = Input::Packet { point, packet };
        let now = self.world.now();
        self.world.handle(now, input).expect("an interface");
    }

    /// Lets time pass; the reasons of what was dropped.
    fn wait(&mut self, time: SimDuration) -> Vec<String> {
        self.world.handle_timeout(self.world.now() + time);
        let events = std::iter::from_fn(|| self.world.poll_event());
        let drops = events.filter_map(|event| match event {
            Event::Dropped(dropped) => Some(dropped.reason.to_string()),
            _ => None,
        });
        drops.collect()
    }
}

fn segment(from: (&str, u16), to: (&str, u16), flags: TcpFlags) -> IpPacket {
    let address = |text: &str| text.parse::<IpAddr>().expect("an address");
    let segment = TcpSegment::new(from.1, to.1, flags);
    IpPacket::tcp(address(from.0), address(to.0), segment)
}

/// What the segment met first.
fn met(drops: &[String]) -> String {
    drops.first().map_or("delivered", |it| it).to_owned()
}

fn idle_nat(mut bench: Bench) -> (u64, String) {
    let app = bench.app.clone();
    bench.put(&app, segment((APP, 40000), (SITE, 443), TcpFlags::SYN));
    bench.wait(SimDuration::from_secs(350));
    bench.put(&app, segment((APP, 40000), (SITE, 443), TcpFlags::ACK));
    let drops = bench.wait(SimDuration::from_millis(1));
    (bench.world.now().as_secs(), met(&drops))
}

fn idle_tracked(mut bench: Bench) -> (u64, String) {
    let (app, db) = (bench.app.clone(), bench.db.clone());
    let second = SimDuration::from_secs(1);
    bench.put(&app, segment((APP, 40000), (DB, 5432), TcpFlags::SYN));
    bench.wait(second);
    bench.put(&db, segment((DB, 5432), (APP, 40000), SYN_ACK));
    bench.wait(second);
    bench.put(&app, segment((APP, 40000), (DB, 5432), TcpFlags::ACK));
    bench.wait(second);
    let now = bench.world.now();
    let groups = bench.world.resources().security_groups.values();
    let changes = groups.map(|it| {
        let without = SecurityGroup {
            rules: Vec::new(),
            ..SecurityGroup::clone(it)
        };
        Change::Put(without.into())
    });
    let changes = Changes {
        effective_at: now,
        changes: changes.collect(),
    };
    let input = Input::Changes(changes);
    bench.world.handle(now, input).expect("changes");
    let mut said = Vec::new();
    for idle in [431_998, 432_001] {
        bench.wait(SimDuration::from_secs(idle));
        bench.put(&app, segment((APP, 40000), (DB, 5432), TcpFlags::ACK));
        let drops = bench.wait(SimDuration::from_millis(1));
        let refused = drops.iter().any(|it| it.contains("rule of"));
        said.push(if refused { "refused" } else { "passes" });
    }
    let now = bench.world.now().as_secs();
    (
        now,
        format!("just before its end it {}, then it is {}", said[0], said[1]),
    )
}

fn exhausted(mut bench: Bench) -> (u64, String) {
    let app = bench.app.clone();
    let mut drops = Vec::new();
    for number in 0..55_001_u16 {
        bench.put(
            &app,
            segment((APP, 1024 + number), (SITE, 443), TcpFlags::SYN),
        );
        if number % 250 == 0 {
            drops = bench.wait(SimDuration::from_millis(1));
        }
    }
    drops.extend(bench.wait(SimDuration::from_millis(10)));
    drops.retain(|it| it.contains("no free port"));
    let refused = format!("{} refused: {}", drops.len(), met(&drops));
    (bench.world.now().as_secs(), refused)
}
