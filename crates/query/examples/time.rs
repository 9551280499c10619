//! Times one query over a made flow log: `cargo run --release --example time -- [events] [query]`.

use std::time::Instant;

use wirelab_model::UnixTime;
use wirelab_query::{LogGroup, QueryOptions, blocking};

const QUERY: &str = r#"filter action = "REJECT" and isIpv4InSubnet(srcAddr, "10.0.1.0/24")
    | stats sum(bytes) as b, count_distinct(dstPort) as ports by srcAddr, bin(5m)
    | sort b desc | limit 20"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let events: u64 = args.next().map_or(Ok(2000), |text| text.parse())?;
    let query = args.next().unwrap_or_else(|| QUERY.to_owned());
    let mut group = LogGroup::flow_log("flow", "123456789012", Default::default());
    for n in 0..events {
        let start = 1_709_596_800 + n * 3600 / events;
        let action = if n % 3 == 0 { "REJECT" } else { "ACCEPT" };
        let line = format!(
            "2 123456789012 eni-1 10.0.1.{} 10.0.2.9 {} {} 6 3 {} {start} {} {action} OK",
            n % 200,
            40_000 + n % 9000,
            n % 7,
            n % 1500,
            start + 30
        );
        group
            .events
            .push(start * 1000, start * 1000, "eni-1-all", &line);
    }
    let options = QueryOptions {
        start: UnixTime::from_secs(1_709_596_800),
        end: UnixTime::from_secs(1_709_600_400),
        now: UnixTime::from_secs(1_709_600_400),
        limit: None,
    };
    for round in 1..=3 {
        let begun = Instant::now();
        let result = blocking::insights(&query, &group, &options).map_err(|e| e.report())?;
        println!(
            "round {round}: {} rows in {:?}",
            result.rows.len(),
            begun.elapsed()
        );
    }
    Ok(())
}
