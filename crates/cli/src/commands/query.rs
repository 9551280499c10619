//! `wirelab query`: Logs Insights over the lab's flow logs.

use std::path::PathBuf;

use crate::args::TEMPLATE;

/// Ask the flow logs in the CloudWatch Logs Insights language
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab query 'fields @timestamp, srcAddr, dstAddr, dstPort, action | filter action = \"REJECT\"'
  wirelab query 'stats sum(bytes) as total by srcAddr, dstAddr | sort total desc | limit 10'
  wirelab query -f answers/find-the-reject.insights
  wirelab query --log-group nat 'stats count(*) by action' --csv

")]
pub(crate) struct Arguments {
    /// The query
    #[arg(value_name = "QUERY", required_unless_present = "file")]
    query: Option<String>,
    /// Read the query from a file
    #[arg(short, long, value_name = "FILE", conflicts_with = "query")]
    file: Option<PathBuf>,
    /// The flow log to ask; needed only where a lab has several
    #[arg(short = 'g', long, value_name = "NAME")]
    log_group: Option<String>,
    /// Begin of the time range in virtual time: `start`, `00:05:00`, `10m` (ago)
    #[arg(long, value_name = "TIME", default_value = "start")]
    start: String,
    /// End of the time range; now by default
    #[arg(long, value_name = "TIME", default_value = "now")]
    end: String,
    /// Print CSV
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    #[command(flatten)]
    json: crate::args::Json,
}
