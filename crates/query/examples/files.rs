//! Answers one Insights query over flow logs in files, for measuring:
//! `cargo run --release -p wirelab-query --example files -- FOLDER QUERY`.
//!
//! Prints seconds, peak memory where the system tells it, and the rows as CSV.

use std::time::Instant;

use wirelab_model::UnixTime;
use wirelab_query::{QueryOptions, blocking};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(folder), Some(query)) = (args.next(), args.next()) else {
        return Err("a folder and a query".into());
    };
    let options = QueryOptions {
        start: UnixTime::from_secs(0),
        end: UnixTime::from_secs(4_000_000_000),
        now: UnixTime::from_secs(4_000_000_000),
        limit: None,
    };
    let begun = Instant::now();
    let logs = blocking::open_files(folder.as_ref(), None)?;
    let opened = begun.elapsed();
    let result = blocking::insights_over_files(&query, &logs, &options);
    let result = result.map_err(|error| error.report())?;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .unwrap_or_default();
    eprintln!(
        "{:?}, opening {opened:?}; {:?}; {peak}",
        begun.elapsed(),
        result.statistics
    );
    print!("{}", result.to_csv());
    Ok(())
}
