//! One run of the workload as a whole process, for measuring beside ns-3
//! (`scripts/bench-ns3.sh`):
//!
//! ```text
//! anchor BULK_MB CONNECTIONS [nat|plain] [bytes|pcap FOLDER] [flowlogs] [enis N]
//! ```
//!
//! `bytes` makes each captured frame into bytes, checksums included, and throws them away; `pcap`
//! writes them, a savefile a capture point, as every host's interface sees them.

#[path = "../benches/workload/mod.rs"]
mod workload;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use wirelab_model::UnixTime;
use wirelab_simulator::{CapturePoint, Captured, Event};
use wirelab_wire::pcap::{DEFAULT_SNAPLEN, PcapWriter};
use workload::{Anchor, Counts};

fn main() {
    let Some((anchor, sink)) = parse(std::env::args().skip(1)) else {
        eprintln!(
            "usage: anchor BULK_MB CONNECTIONS [nat|plain] [bytes|pcap FOLDER] [flowlogs] [enis N]"
        );
        std::process::exit(2);
    };
    let started = now();
    let mut world = anchor.world();
    let (ready, before) = (now(), on_cpu());
    let mut frames = Frames::new(sink);
    let counts = anchor.run(&mut world, |event| {
        if let Event::Captured(captured) = event {
            frames.see(captured);
        }
    });
    frames.finish();
    let (run, cpu) = (now() - ready, on_cpu() - before);
    let before = on_cpu();
    workload::change_rule(&mut world);
    let change = on_cpu() - before;
    report(&counts, ready - started, [run, cpu, change]);
}

/// What becomes of captured frames.
enum Sink {
    Nothing,
    Bytes,
    Folder(PathBuf),
}

fn parse(mut words: impl Iterator<Item = String>) -> Option<(Anchor, Sink)> {
    let megabytes: u32 = words.next()?.parse().ok()?;
    let mut anchor = Anchor {
        bulk: megabytes.checked_mul(1_000_000)?,
        connections: words.next()?.parse().ok()?,
        ..Anchor::FULL
    };
    let mut sink = Sink::Nothing;
    while let Some(word) = words.next() {
        match word.as_str() {
            "nat" => anchor.nat = true,
            "plain" => anchor.nat = false,
            "flowlogs" => anchor.flow_logs = true,
            "bytes" => sink = Sink::Bytes,
            "pcap" => sink = Sink::Folder(words.next()?.into()),
            "enis" => anchor.idle = words.next()?.parse().ok()?,
            _ => return None,
        }
    }
    anchor.captures = !matches!(sink, Sink::Nothing);
    Some((anchor, sink))
}

/// Makes frames into bytes.
struct Frames {
    sink: Sink,
    starts: UnixTime,
    files: BTreeMap<CapturePoint, PcapWriter<File>>,
    bytes: Vec<u8>,
}

impl Frames {
    fn new(sink: Sink) -> Self {
        Self {
            sink,
            starts: UnixTime::from_secs(1_709_596_800),
            files: BTreeMap::new(),
            bytes: Vec::new(),
        }
    }

    fn see(&mut self, captured: &Captured) {
        match &self.sink {
            Sink::Nothing => {}
            Sink::Bytes => {
                self.bytes.clear();
                captured.frame.write_to(&mut self.bytes);
                std::hint::black_box(&self.bytes);
            }
            Sink::Folder(folder) => {
                if !self.files.contains_key(&captured.point) {
                    let file = create(folder, &captured.point);
                    self.files.insert(captured.point.clone(), file);
                }
                let file = self.files.get_mut(&captured.point).expect("just made");
                let at = self.starts.at(captured.at).as_nanos();
                let written = file.write_frame(at, &captured.frame);
                written.expect("the savefile can be written");
            }
        }
    }

    fn finish(&mut self) {
        for file in self.files.values_mut() {
            file.flush().expect("the savefile can be written");
        }
    }
}

fn create(folder: &Path, point: &CapturePoint) -> PcapWriter<File> {
    let name = match point {
        CapturePoint::Interface(id) => format!("{id}.pcap"),
        CapturePoint::HostInterface { host, interface } => format!("{host}-{interface}.pcap"),
    };
    let file = File::create(folder.join(name)).expect("the folder can be written");
    PcapWriter::new(file, DEFAULT_SNAPLEN).expect("the savefile can be written")
}

fn report(counts: &Counts, setup: f64, [run, cpu, change]: [f64; 3]) {
    let per_second = |count: u64| count as f64 / run;
    println!(
        "setup_s {setup:.3} run_s {run:.4} cpu_s {cpu:.4} hops {} hops/s {:.0} packets/s {:.0} \
         bulk_rx {} closed {} http_bytes {} dropped {} captured {} records {} change_s {change:.4} rss_mib {:.1}",
        counts.transmissions,
        per_second(counts.transmissions),
        per_second(counts.transmissions) / 4.0,
        counts.bulk,
        counts.closed,
        counts.answers,
        counts.dropped,
        counts.captured,
        counts.records,
        peak_resident(),
    );
}

/// Peak resident set in MiB (`VmHWM`); 0 where the kernel does not say.
fn peak_resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or_default() / 1024.0
}

/// Seconds that this process has been on a processor; 0 where the kernel does not say.
fn on_cpu() -> f64 {
    let schedule = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanos = schedule.split_whitespace().next();
    nanos
        .and_then(|it| it.parse::<f64>().ok())
        .unwrap_or_default()
        / 1e9
}

/// Seconds of the wall clock: the simulated time is the world's own.
#[expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a benchmark reads the clock"
)]
fn now() -> f64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.expect("after 1970").as_secs_f64()
}
