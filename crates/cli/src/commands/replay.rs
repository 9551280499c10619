//! `wirelab replay`: flow-log records, conversations, filters and queries for any capture.
//!
//! The file is read twice, packet by packet: once to see who talks and whose interface it was,
//! once to make the records. Memory does not grow with the file.

mod conversation;
mod records;
mod source;
#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::path::PathBuf;

use serde::Serialize;
use wirelab_flowlog::LogFormat;
use wirelab_model::UnixTime;

use crate::args::{Json, TEMPLATE};
use crate::commands::query;
use crate::failure::{Code, Failure};
use crate::output;
use crate::terminal::bold;

use conversation::{Conversation, Survey};
use records::Records;
use source::{Skipped, Source};

/// How many conversations are listed; the busiest first.
const LISTED: usize = 20;

/// Read any capture as an ENI would: flow-log records, conversations, filters, queries
///
/// Takes every pcap and pcapng file that tcpdump can read, of any size. A capture shows what passed
/// security group and network ACL, so every record says ACCEPT.
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab replay office.pcap
  wirelab replay office.pcap --eni-address 10.0.1.5     whose ENI it was; guessed otherwise
  wirelab replay office.pcap --filter 'tcp[tcpflags] & tcp-rst != 0'
  wirelab replay office.pcap --query 'stats sum(bytes) by dstAddr, dstPort'
  wirelab replay office.pcap --log-format '${srcaddr} ${dstaddr} ${tcp-flags} ${flow-direction}'

")]
pub(crate) struct Arguments {
    /// A pcap or pcapng file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Addresses of the ENI that saw the packets, the primary one first; by default the address in
    /// most packets
    #[arg(long, value_name = "ADDRESS")]
    eni_address: Vec<IpAddr>,
    /// Use only packets that this tcpdump expression keeps
    #[arg(long, value_name = "EXPRESSION")]
    filter: Option<String>,
    /// Ask the records in the Logs Insights language instead of listing them
    #[arg(long, value_name = "QUERY")]
    query: Option<String>,
    /// The records' format, as in CreateFlowLogs; version 2 by default
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
    /// Aggregation interval in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = seconds())]
    interval: u32,
    #[command(flatten)]
    json: Json,
}

/// An interval that divides an hour's traffic sensibly.
fn seconds() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=3600)
}

/// What the first reading found.
#[derive(Serialize)]
struct Summary {
    file: String,
    link_type: String,
    packets: u64,
    skipped: Skipped,
    first: Option<String>,
    last: Option<String>,
    eni_address: Option<IpAddr>,
    eni_address_guessed: bool,
    conversations: usize,
    busiest: Vec<Conversation>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Code, Failure> {
    let format = match &arguments.log_format {
        Some(text) => LogFormat::parse(text).map_err(Failure::usage)?,
        None => LogFormat::default(),
    };
    let (survey, ended) = survey(arguments)?;
    let own = own_addresses(arguments, &survey);
    let summary = summary(arguments, &survey, own.first().copied());
    let records = Records::new(own, arguments.interval, format);
    match &arguments.query {
        Some(text) => ask(arguments, &survey, records, text)?,
        None if arguments.json.json => list_json(arguments, &summary, records)?,
        None => list(arguments, &summary, records)?,
    }
    match ended {
        None => Ok(Code::Passed),
        Some(failure) => Err(failure.hint("what is before that place was read and is shown")),
    }
}

/// Reads the file once. A file that is cut or damaged gives what is before, and the failure.
fn survey(arguments: &Arguments) -> Result<(Survey, Option<Failure>), Failure> {
    let mut source = Source::open(&arguments.file, arguments.filter.as_deref())?;
    let mut survey = Survey::default();
    let ended = source.each(|packet| {
        survey.add(packet);
        Ok(())
    });
    survey.skipped = source.skipped();
    survey.link_type = source.link().to_string();
    match ended {
        Ok(()) => Ok((survey, None)),
        Err(failure) => Ok((survey, Some(failure))),
    }
}

fn own_addresses(arguments: &Arguments, survey: &Survey) -> Vec<IpAddr> {
    if arguments.eni_address.is_empty() {
        survey.likely_owner().into_iter().collect()
    } else {
        arguments.eni_address.clone()
    }
}

fn summary(arguments: &Arguments, survey: &Survey, eni_address: Option<IpAddr>) -> Summary {
    let moment = |at: UnixTime| crate::when::print_utc(at);
    Summary {
        file: arguments.file.display().to_string(),
        link_type: survey.link_type.clone(),
        packets: survey.packets,
        skipped: survey.skipped,
        first: survey.first.map(moment),
        last: survey.last.map(moment),
        eni_address,
        eni_address_guessed: arguments.eni_address.is_empty(),
        conversations: survey.conversations(),
        busiest: survey.busiest(LISTED),
    }
}

/// Reads the file again, for the records. How the file ends was told the first time.
fn each_record(
    arguments: &Arguments,
    records: &mut Records,
    mut take: impl FnMut(&mut Records) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut source = Source::open(&arguments.file, arguments.filter.as_deref())?;
    let mut taken = Ok(());
    source
        .each(|packet| {
            if taken.is_ok() && records.add(packet) {
                taken = take(records);
            }
            Ok(())
        })
        .ok();
    taken?;
    records.finish();
    take(records)
}

fn list(arguments: &Arguments, summary: &Summary, mut records: Records) -> Result<(), Failure> {
    output::text(&print(summary))?;
    if summary.packets == 0 {
        return Ok(());
    }
    output::text(&format!("\n{}\n{}\n", bold("RECORDS"), records.header()))?;
    each_record(arguments, &mut records, |records| {
        output::text(&records.take_lines())
    })?;
    if records.foreign() > 0 {
        output::note(&format!(
            "{} packets are neither from nor to that address and are in no record",
            records.foreign()
        ));
    }
    Ok(())
}

/// The object that `--json` prints, its records written as they are made.
fn list_json(
    arguments: &Arguments,
    summary: &Summary,
    mut records: Records,
) -> Result<(), Failure> {
    let mut head = output::json_text(summary)?;
    head.truncate(head.trim_end().trim_end_matches('}').trim_end().len());
    output::text(&format!("{head},\n  \"records\": ["))?;
    let header = records.header();
    let mut first = true;
    each_record(arguments, &mut records, |records| {
        for line in records.take_lines().lines() {
            let comma = if std::mem::take(&mut first) { "" } else { "," };
            output::text(&format!(
                "{comma}\n    {}",
                records::as_json(&header, line)?
            ))?;
        }
        Ok(())
    })?;
    output::text("\n  ]\n}\n")
}

fn ask(
    arguments: &Arguments,
    survey: &Survey,
    mut records: Records,
    text: &str,
) -> Result<(), Failure> {
    let mut group = records.group();
    each_record(arguments, &mut records, |records| {
        records.take_into(&mut group)
    })?;
    let bound = |at: Option<UnixTime>| at.unwrap_or_default();
    let options = wirelab_query::QueryOptions {
        start: bound(survey.first),
        end: UnixTime::from_secs(bound(survey.last).as_secs() + 1),
        now: UnixTime::from_secs(bound(survey.last).as_secs() + 1),
        limit: None,
    };
    let result =
        wirelab_query::blocking::insights(text, &group, &options).map_err(query::failure)?;
    query::print(&result, false, arguments.json.json)
}

fn print(summary: &Summary) -> String {
    let mut text = format!(
        "{}: {} IP packets, link type {}\n",
        bold(&summary.file),
        summary.packets,
        summary.link_type
    );
    if let (Some(first), Some(last)) = (&summary.first, &summary.last) {
        text += &format!("from {first} to {last} UTC\n");
    }
    text += &summary.skipped.to_string();
    if let Some(address) = summary.eni_address {
        let how = if summary.eni_address_guessed {
            "in most packets; `--eni-address` says otherwise"
        } else {
            "as you say"
        };
        text += &format!("as seen by the ENI of {address} ({how})\n");
    }
    let more = summary.conversations.saturating_sub(summary.busiest.len());
    text += &format!("\n{}\n", bold("CONVERSATIONS"));
    for conversation in &summary.busiest {
        text += &format!("{conversation}\n");
    }
    if more > 0 {
        text += &format!("  and {more} more\n");
    }
    text
}
