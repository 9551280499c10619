//! Random filters and packets, and what tshark says of packets.

#![allow(dead_code)] // each test and example uses its part

use std::path::{Path, PathBuf};
use std::process::Command;

use wirelab_filter::equal::{Domain, is_compared};
use wirelab_filter::savefile::Reader;
use wirelab_filter::{Filter, LinkType};

/// Captures of real kernels.
pub(crate) fn traces() -> Vec<PathBuf> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/kernel");
    let files = std::fs::read_dir(folder).expect("the captures");
    let paths = files.map(|file| file.expect("a file").path());
    let mut paths: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|it| it == "pcap"))
        .collect();
    paths.sort();
    paths
}

/// Frames that were captured whole: a few of each kind of each trace.
pub(crate) fn frames_of(traces: &[PathBuf]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for trace in traces {
        let mut reader = Reader::open(trace).expect("a trace");
        if reader.link() != LinkType::ETHERNET {
            continue;
        }
        let mut taken = 0;
        while let Some(packet) = reader.next_packet().expect("a whole trace") {
            if packet.bytes.len() == packet.wire_len as usize && taken < 40 {
                frames.push(packet.bytes.to_vec());
                taken += 1;
            }
        }
    }
    frames
}

/// A source of numbers: SplitMix64.
pub(crate) struct Random(u64);

const PARTS: [&str; 44] = [
    "tcp",
    "udp",
    "icmp",
    "icmp6",
    "ip",
    "ip6",
    "arp",
    "port 443",
    "tcp port 443",
    "udp port 53",
    "src port 443",
    "dst port 443",
    "tcp dst port 22",
    "portrange 1-1023",
    "host 10.0.1.5",
    "src host 10.0.1.5",
    "dst host 10.0.2.10",
    "net 10.0.0.0/8",
    "src net 10.0.1.0/24",
    "ip6 host fd00::5",
    "tcp[13] & 2 != 0",
    "tcp[13] & 18 = 2",
    "tcp[13] = 2",
    "tcp[13] & 4 != 0",
    "tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn",
    "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0",
    "icmp[0] = 3",
    "icmp[0] = 3 and icmp[1] = 4",
    "icmp[0:2] = 0x0304",
    "icmp[0] = 8",
    "greater 100",
    "less 100",
    "ip[2:2] > 86",
    "len > 99",
    "ip[8] < 10",
    "ip[9] = 6",
    "ip[0] & 0xf = 5",
    "ip[6:2] & 0x1fff = 0",
    "ip[6:2] & 0x3fff != 0",
    "tcp[0:2] = 443",
    "tcp[2:2] > 1023",
    "ip[2:2] - ((ip[0]&0xf)<<2) - ((tcp[12]&0xf0)>>2) != 0",
    "ether broadcast",
    "ip6[6] = 6",
];

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut it = self.0;
        it = (it ^ it >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        it = (it ^ it >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        it ^ it >> 31
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn part(&mut self) -> String {
        PARTS[self.below(PARTS.len())].to_owned()
    }

    fn expression(&mut self, depth: usize) -> String {
        match self.below(if depth == 0 { 1 } else { 4 }) {
            0 => format!("({})", self.part()),
            1 => format!("not ({})", self.expression(depth - 1)),
            2 => format!(
                "({} and {})",
                self.expression(depth - 1),
                self.expression(depth - 1)
            ),
            _ => format!(
                "({} or {})",
                self.expression(depth - 1),
                self.expression(depth - 1)
            ),
        }
    }

    /// Two filters that compile: unrelated, one the other turned around, or one changed in a part.
    pub(crate) fn pair(&mut self) -> (Filter, Filter) {
        loop {
            let (a, b, c) = (self.expression(1), self.expression(1), self.part());
            let (yours, wanted) = match self.below(8) {
                0 => (a, b),
                1 => (format!("not ({a} and {b})"), format!("not {a} or not {b}")),
                2 => (
                    format!("{a} and ({b} or {c})"),
                    format!("({a} and {b}) or ({a} and {c})"),
                ),
                3 => (format!("{a} and {b}"), format!("{b} and {a}")),
                4 => (format!("{a} and {b}"), a),
                5 => (format!("{a} or {b}"), format!("not (not {b} and not {a})")),
                6 => (format!("{a} or ({a} and {b})"), a),
                _ => (format!("{a} and ({b})"), format!("{a} and ({c})")),
            };
            let compile = |text: &str| Filter::compile(text, LinkType::ETHERNET);
            if let (Ok(yours), Ok(wanted)) = (compile(&yours), compile(&wanted)) {
                return (yours, wanted);
            }
        }
    }
}

/// Packets that may refute a proof: real ones and mutations of them that are well-formed still.
pub(crate) struct Packets(Vec<Vec<u8>>);

impl Packets {
    pub(crate) fn new(frames: &[Vec<u8>]) -> Self {
        let well_formed = |frame: &Vec<u8>| is_compared(frame, Domain::default());
        let mut random = Random::new(99);
        let mut packets: Vec<Vec<u8>> = frames.iter().step_by(3).cloned().collect();
        packets.retain(well_formed);
        let patterns = packets.clone();
        while packets.len() < patterns.len() + 1500 {
            let mut frame = patterns[random.below(patterns.len())].clone();
            for _ in 0..=random.below(3) {
                let at = random.below(frame.len().min(80));
                frame[at] = match random.below(3) {
                    0 => random.next() as u8,
                    1 => frame[at] ^ 1 << random.below(8),
                    _ => [0, 1, 2, 3, 4, 5, 6, 8, 10, 17, 18, 53, 58, 187][random.below(14)],
                };
            }
            if well_formed(&frame) {
                packets.push(frame);
            }
        }
        Self(packets)
    }

    /// A packet that exactly one of them keeps.
    pub(crate) fn first_difference(&self, yours: &Filter, wanted: &Filter) -> Option<String> {
        let differs = |frame: &&Vec<u8>| {
            let len = frame.len() as u32;
            yours.matches(frame, len) != wanted.matches(frame, len)
        };
        let found = self.0.iter().find(differs)?;
        Some(wirelab_wire::summary::line(LinkType::ETHERNET, found))
    }
}

/// Writes a savefile.
pub(crate) fn write_pcap(path: &Path, frames: impl Iterator<Item = impl AsRef<[u8]>>) {
    let mut file = Vec::new();
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 262_144, 1] {
        file.extend(word.to_le_bytes());
    }
    for frame in frames {
        let frame = frame.as_ref();
        let len = frame.len() as u32;
        [0, 0, len, len]
            .into_iter()
            .for_each(|word: u32| file.extend(word.to_le_bytes()));
        file.extend(frame);
    }
    std::fs::write(path, file).expect("room for a savefile");
}

/// The packets that tshark finds malformed, or whose checksums it finds bad. They are no
/// conversation, and tshark takes some of a series for one: whom it finds bad there, it is asked
/// about alone.
pub(crate) fn malformed(frames: &[(String, Vec<u8>)]) -> Vec<String> {
    let is_bad = |frame: &&(String, Vec<u8>)| !malformed_numbers(&[&frame.1]).is_empty();
    let all: Vec<&Vec<u8>> = frames.iter().map(|(_, frame)| frame).collect();
    let suspects = malformed_numbers(&all).into_iter();
    let bad = suspects.map(|number| &frames[number - 1]).filter(is_bad);
    bad.map(|(text, frame)| {
        format!(
            "{text}\n    {}",
            wirelab_wire::summary::line(LinkType::ETHERNET, frame)
        )
    })
    .collect()
}

/// Their numbers in a savefile of them all.
fn malformed_numbers(frames: &[&Vec<u8>]) -> Vec<usize> {
    const WRONG: &str = "_ws.malformed || ip.checksum.status == 0 || tcp.checksum.status == 0 || \
        udp.checksum.status == 0 || icmp.checksum.status == 0 || icmpv6.checksum.status == 0 || \
        sctp.checksum.status == 0";
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("made.pcap");
    write_pcap(&path, frames.iter());
    let mut tshark = Command::new("tshark");
    for check in ["ip.check", "tcp.check", "udp.check"] {
        tshark.arg("-o").arg(format!("{check}_checksum:TRUE"));
    }
    // Fragments of different counterexamples are no datagram, segments no stream.
    tshark.args(["-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE"]);
    tshark.args(["-o", "tcp.desegment_tcp_streams:FALSE"]);
    tshark.args([
        "-o",
        "sctp.checksum:TRUE",
        "-Y",
        WRONG,
        "-T",
        "fields",
        "-e",
        "frame.number",
    ]);
    let output = tshark.arg("-r").arg(&path).output().expect("tshark runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let numbers = String::from_utf8_lossy(&output.stdout).into_owned();
    let numbers = numbers.lines().filter_map(|line| line.parse().ok());
    numbers.collect()
}
