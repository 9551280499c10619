//! `wirelab replay`: flow-log records, conversations, filters and queries for any capture.

use std::net::IpAddr;
use std::path::PathBuf;

use crate::args::{Json, TEMPLATE};

/// Read any capture as an ENI would: flow-log records, conversations, filters, queries
///
/// Takes every pcap and pcapng file that tcpdump can read, of any size.
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab replay office.pcap
  wirelab replay office.pcap --eni-address 10.0.1.5     whose ENI it was; guessed otherwise
  wirelab replay office.pcap --filter 'tcp[tcpflags] & tcp-rst != 0'
  wirelab replay office.pcap --query 'stats sum(bytes) by dstAddr, dstPort'

")]
pub(crate) struct Arguments {
    /// A pcap or pcapng file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Address of the ENI that saw the packets; by default the address in most packets
    #[arg(long, value_name = "ADDRESS")]
    eni_address: Option<IpAddr>,
    /// Use only packets that this tcpdump expression keeps
    #[arg(long, value_name = "EXPRESSION")]
    filter: Option<String>,
    /// Ask the records in the Logs Insights language instead of listing them
    #[arg(long, value_name = "QUERY")]
    query: Option<String>,
    /// Aggregation interval in seconds, as in CreateFlowLogs
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = ["60", "600"])]
    interval: String,
    #[command(flatten)]
    json: Json,
}
