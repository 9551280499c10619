//! Many connections in one world, as a whole process:
//!
//! ```text
//! connections short NUMBER    one after the other, each opened and closed
//! connections open NUMBER     all at once; at most 28,231, one client's ports
//! ```

#[path = "../benches/workload/mod.rs"]
mod workload;

use workload::connections::Connections;

fn main() {
    let mut words = std::env::args().skip(1);
    let (kind, number) = (words.next(), words.next());
    let number = number.and_then(|it| it.parse::<u64>().ok());
    let connections = match (kind.as_deref(), number) {
        (Some("short"), Some(number)) => Some(Connections::Short(number)),
        (Some("open"), Some(number)) => u16::try_from(number).ok().map(Connections::Open),
        _ => None,
    };
    let Some(connections) = connections else {
        eprintln!("usage: connections short|open NUMBER");
        std::process::exit(2);
    };
    let mut world = connections.world();
    let (before, rss) = (processor(), resident());
    let completed = connections.run(&mut world);
    let (spent, more) = (processor() - before, resident() - rss);
    println!(
        "completed {completed} packets {} cpu_s {spent:.3} connections/s {:.0} rss_kib {more} \
         octets/connection {}",
        world.transmissions(),
        completed as f64 / spent,
        more * 1024 / completed.max(1),
    );
}

/// Seconds that this process has been on a processor; 0 where the kernel does not say.
fn processor() -> f64 {
    let schedule = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanos = schedule.split_whitespace().next();
    let nanos = nanos.and_then(|it| it.parse::<f64>().ok());
    nanos.unwrap_or_default() / 1e9
}

/// Resident set now, in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    kib.unwrap_or_default()
}
