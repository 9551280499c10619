//! Answers one query over flow logs in files, for measuring:
//! `cargo run --release -p wirelab-query --example files -- FOLDER insights|sql QUERY`.
//! `FOLDER compact FILE` writes their records into a file of the compact layout.
//!
//! Rows go to stdout as CSV without quotes and names, seconds and peak memory to stderr.

use std::error::Error;
use std::time::Instant;

use wirelab_model::UnixTime;
use wirelab_query::athena::{AthenaCatalog, AthenaOptions, Buckets, FLOW_LOGS, Limits};
use wirelab_query::{LogFiles, QueryOptions, blocking};

type Rows = Vec<Vec<Option<String>>>;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(folder), Some(language), Some(query)) = (args.next(), args.next(), args.next())
    else {
        return Err("a folder, `insights`, `sql` or `compact`, and a query or a file".into());
    };
    let begun = Instant::now();
    let logs = blocking::open_files(folder.as_ref(), None)?;
    let rows = match language.as_str() {
        "insights" => insights(&logs, &query)?,
        "sql" => sql(logs, &query)?,
        "compact" => {
            let records = blocking::compact(&logs, query.as_ref())?;
            vec![vec![Some(format!("{records} records"))]]
        }
        other => return Err(format!("`{other}` is no language").into()),
    };
    let seconds = begun.elapsed().as_secs_f64();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mut lines = status.lines();
    let peak = lines.find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    eprintln!("seconds {seconds:.3} mib {}", peak.unwrap_or(0) >> 10);
    for row in rows {
        let values: Vec<String> = row.into_iter().map(Option::unwrap_or_default).collect();
        println!("{}", values.join(","));
    }
    Ok(())
}

/// The end of the time range: later than any record.
const END: UnixTime = UnixTime::from_secs((1 << 31) - 1);

fn insights(logs: &LogFiles, query: &str) -> Result<Rows, Box<dyn Error>> {
    let options = QueryOptions {
        start: UnixTime::from_secs(0),
        end: END,
        now: END,
        limit: None,
    };
    let result = blocking::insights_over_files(query, logs, &options);
    Ok(result.map_err(|error| error.report())?.rows)
}

fn sql(logs: LogFiles, query: &str) -> Result<Rows, Box<dyn Error>> {
    let (mut catalog, mut buckets) = (AthenaCatalog::default(), Buckets::new());
    catalog.add_logs("default", FLOW_LOGS, logs, &mut buckets);
    let options = AthenaOptions {
        limits: Limits {
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            ..Limits::default()
        },
        ..AthenaOptions::at(END)
    };
    let result = blocking::athena(query, &mut catalog, &buckets, &options);
    Ok(result.map_err(|error| error.report())?.rows)
}
