//! Makes a day of records in the S3 layout, for measuring queries:
//! `cargo run --release -p wirelab-flowlog --example generate -- RECORDS FOLDER`.
//!
//! 288 plain files of the default format, the same bytes every time. 500 hosts in 10.0.0.0/16 talk
//! to 20,000 addresses outside, few of them much: web, DNS, PostgreSQL, SSH. One record in twenty
//! is a REJECT; twenty scanners walk through ports; some intervals have no data.

use std::error::Error;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::net::Ipv4Addr;
use std::path::Path;

/// Files of a day: one in five minutes.
const FILES: u64 = 288;
const ACCOUNT: &str = "123456789012";
/// 2026-01-01T00:00:00Z.
const STARTS: u64 = 1_767_225_600;
const SCANNERS: usize = 20;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(records), Some(folder)) = (args.next(), args.next()) else {
        return Err("how many records, and a folder".into());
    };
    let records: u64 = records.parse()?;
    let mut day = Day::new();
    for file in 0..FILES {
        let count = records * (file + 1) / FILES - records * file / FILES;
        let mut to = BufWriter::new(File::create(path(Path::new(&folder), file)?)?);
        writeln!(to, "{}", wirelab_flowlog::LogFormat::default().header())?;
        for _ in 0..count {
            day.write(STARTS + file * 300, &mut to)?;
        }
        to.flush()?;
    }
    Ok(())
}

/// Where AWS would put the file.
fn path(folder: &Path, file: u64) -> std::io::Result<std::path::PathBuf> {
    let (hour, minute) = (file / 12, file % 12 * 5);
    let keys = format!("AWSLogs/{ACCOUNT}/vpcflowlogs/us-east-1/2026/01/01/{hour:02}");
    let folder = folder.join(keys);
    fs::create_dir_all(&folder)?;
    Ok(folder.join(format!(
        "{ACCOUNT}_vpcflowlogs_us-east-1_fl-0a1b2c3d4e5f60718_20260101T{hour:02}{minute:02}Z_{file:08x}.log"
    )))
}

/// One direction of a flow.
struct Flow {
    source: (u32, u32),
    target: (u32, u32),
    protocol: u8,
    refused: bool,
}

struct Day {
    random: u64,
    /// The port that each scanner has come to.
    ports: [u32; SCANNERS],
}

impl Day {
    fn new() -> Self {
        Self {
            random: 7,
            ports: [1000; SCANNERS],
        }
    }

    /// A number below `bound`, by a linear congruential generator.
    fn below(&mut self, bound: u32) -> u32 {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (((self.random >> 33) * u64::from(bound)) >> 31) as u32
    }

    /// A host's number and address.
    fn host(&mut self) -> (u32, u32) {
        let number = self.below(500);
        (
            number,
            0x0a00_0000 + ((number / 50) << 8) + 10 + number % 50,
        )
    }

    fn write(&mut self, window: u64, to: &mut impl Write) -> std::io::Result<()> {
        let (number, host) = self.host();
        let start = window + u64::from(self.below(240));
        let interface = u64::from(number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        write!(to, "2 {ACCOUNT} eni-0{interface:016x} ")?;
        let kind = self.below(1000);
        if kind == 999 {
            return writeln!(to, "- - - - - - - {start} {} - NODATA", start + 59);
        }
        let flow = self.flow(kind, host);
        let most = 1 << (1 + self.below(9));
        let packets = 1 + self.below(if flow.refused { 3 } else { most });
        let bytes = packets * (40 + self.below(1400));
        let end = start + 10 + u64::from(self.below(50));
        let (source, source_port) = (Ipv4Addr::from(flow.source.0), flow.source.1);
        let (target, target_port) = (Ipv4Addr::from(flow.target.0), flow.target.1);
        let protocol = flow.protocol;
        let action = if flow.refused { "REJECT" } else { "ACCEPT" };
        writeln!(
            to,
            "{source} {target} {source_port} {target_port} {protocol} {packets} {bytes} {start} \
             {end} {action} OK"
        )
    }

    fn flow(&mut self, kind: u32, host: u32) -> Flow {
        let skewed = u64::from(self.below(20_000));
        let outside = 0xc612_0000 + (skewed * skewed / 20_000) as u32;
        let client = 32_768 + self.below(28_232);
        let (mut source, mut target) = ((host, client), (outside, 443));
        let (mut protocol, mut refused) = (6, false);
        match kind {
            0..=399 => {}
            400..=599 => target.1 = 80,
            600..=699 => (target, protocol) = ((0x0a00_0002, 53), 17),
            700..=799 => target = (0x0a00_0400 + self.below(4), 5432),
            800..=829 => target = (self.host().1, 22),
            830..=849 => (source.0, target, refused) = (outside, (host, 22), true),
            850..=859 => {
                let scanner = self.below(SCANNERS as u32);
                let port = &mut self.ports[scanner as usize];
                *port = (*port + 1) % 65_536;
                target = (host, *port);
                (source.0, refused) = (0xcb00_7100 + scanner, true);
            }
            860..=879 => {
                (source.0, target) = (outside, (host, 3389));
                refused = self.below(2) == 0;
            }
            880..=899 => (source.1, target.1, protocol) = (0, 0, 1),
            _ => {
                target.1 = 1024 + self.below(30_000);
                refused = self.below(10) == 0;
            }
        }
        if !refused && self.below(2) == 0 {
            std::mem::swap(&mut source, &mut target);
        }
        Flow {
            source,
            target,
            protocol,
            refused,
        }
    }
}
