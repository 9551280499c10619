//! How fast records are written and read on one core:
//! `cargo run --release -p wirelab-flowlog --example speed`.
//!
//! Time is what the kernel gave this thread, so that a busy machine does not count.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

use wirelab_flowlog::read::LogText;
use wirelab_flowlog::{Field, LogFormat, parquet, s3};
use wirelab_model::{
    Flow, FlowAction, FlowDirection, FlowRecord, LogStatus, NetworkInterfaceId, Place, TcpFlags,
    TrafficPath, UnixTime,
};

const RECORDS: u64 = 1_000_000;

fn main() {
    let records: Vec<_> = (0..RECORDS).map(record).collect();
    let format = LogFormat::default();
    let all = Field::ALL.iter().filter(|field| field.version() <= 5);
    let header: String = all.map(|field| format!("{field} ")).collect();
    let v5 = LogFormat::from_header(&header).expect("fields");

    let mut text = Vec::new();
    for (name, format) in [("version 5", &v5), ("default", &format)] {
        measure(&format!("text, {name}"), || {
            text.clear();
            for record in &records {
                format.write_octets(record, &mut text);
                text.push(b'\n');
            }
            text.len()
        });
    }
    measure("gzip of text", || s3::gzip(&text).len());
    measure("Parquet", || parquet::write(&format, &records).len());

    let zipped = s3::gzip(&text);
    let columns = parquet::write(&format, &records);
    let read = |bytes: &[u8]| LogText::from_bytes(bytes, Some(&format)).expect("our own file");
    let values = |file: &LogText| {
        let mut sum = 0;
        file.each_record(|_, record| {
            sum += record
                .expect("a record")
                .get(Field::Bytes)
                .map_or(0, str::len);
        });
        sum
    };
    measure("read text: values", || values(&read(&text)));
    measure("read text: records", || {
        let mut sum = 0;
        read(&text).each_record(|_, record| {
            let record = record.and_then(|it| it.to_flow_record());
            sum += record.expect("a record").end.as_secs() as usize;
        });
        sum
    });
    measure("read gzip: values", || values(&read(&zipped)));
    measure("read Parquet: values", || values(&read(&columns)));
}

/// The best of ten.
fn measure(what: &str, mut work: impl FnMut() -> usize) {
    let mut best = f64::INFINITY;
    for _ in 0..10 {
        let begun = cpu_time();
        black_box(work());
        best = best.min((cpu_time() - begun) as f64 / 1e9);
    }
    let rate = RECORDS as f64 / best / 1e6;
    println!("{what:<24} {rate:6.2} M records/s");
}

/// Nanoseconds that this thread has run (Linux).
fn cpu_time() -> u64 {
    let times = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    let ran = times.split(' ').next().expect("three numbers");
    ran.parse().expect("nanoseconds")
}

fn record(index: u64) -> FlowRecord {
    let dice = |sides: u64| (index ^ sides).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
    let address = |block: u32, sides| -> IpAddr {
        Ipv4Addr::from(block | dice(sides) as u32 & 0xffff).into()
    };
    let (srcaddr, dstaddr) = (address(0x0a00_0000, 3), address(0x3412_0000, 5));
    let start = UnixTime::from_secs(1_709_596_800 + index / 500);
    FlowRecord {
        account_id: "123456789012".into(),
        interface_id: NetworkInterfaceId::new(format!("eni-{:017x}", dice(7) % 1000)),
        log_status: LogStatus::Ok,
        start,
        end: UnixTime::from_secs(start.as_secs() + dice(11) % 60),
        flow: Some(Flow {
            srcaddr,
            dstaddr,
            pkt_srcaddr: srcaddr,
            pkt_dstaddr: dstaddr,
            srcport: dice(13) as u16,
            dstport: [443, 22, 53, 5432][dice(17) as usize % 4],
            protocol: [6, 6, 6, 17][dice(17) as usize % 4],
            packets: dice(19) % 1000,
            bytes: dice(23) % 2_000_000,
            action: [FlowAction::Accept, FlowAction::Reject][dice(29) as usize % 2],
            direction: FlowDirection::Egress,
            tcp_flags: TcpFlags(19),
            traffic_path: Some(TrafficPath::InternetGatewayNitro),
            pkt_src_aws_service: None,
            pkt_dst_aws_service: Some("S3".into()),
        }),
        place: Place {
            vpc_id: Some(wirelab_model::VpcId::new("vpc-0123456789abcdef0")),
            subnet_id: Some(wirelab_model::SubnetId::new("subnet-0123456789abcdef0")),
            instance_id: None,
            region: "us-east-1".into(),
            az_id: Some("use1-az1".into()),
        },
        metadata: None,
    }
}
