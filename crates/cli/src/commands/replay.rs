//! `wirelab replay`: flow-log records, conversations, filters and queries for any capture.
//!
//! The file is read twice, packet by packet: once to see who talks and whose interface it was,
//! once to make the records. What is kept of it is bounded: conversations, open flows, and the
//! records that a query looks at.
//!
//! Fragments: a first fragment counts for its flow's ports, later ones have none and count under
//! ports 0, so that a fragmented flow has two records. AWS does not document what it does.

mod conversation;
mod input;
mod records;
mod source;
#[cfg(test)]
mod tests;
mod unlogged;

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
use input::Input;
use records::{AsJson, LeftOut, Records, Rules};
use source::{Skipped, Source};

/// How many conversations are listed; the busiest first.
const LISTED: usize = 20;

/// Read any capture as an ENI would: flow-log records, conversations, filters, queries
///
/// Takes pcap and pcapng files of any size, of Ethernet, raw IP, Linux `any` and BSD loopback; `-`
/// is the standard input. A capture shows what passed security group and network ACL, so every
/// record says ACCEPT. What AWS does not log (its resolver, instance metadata, time, DHCP) is in no
/// record; minutes without traffic between others are NODATA, unless `--filter` chooses packets.
/// Later fragments have no ports and are in a record of their own, with ports 0.
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab replay office.pcap
  wirelab replay office.pcap --eni-address 10.0.1.5     whose ENI it was; guessed otherwise
  gunzip -c office.pcap.gz | wirelab replay -
  wirelab replay office.pcap --filter 'tcp[tcpflags] & tcp-rst != 0'
  wirelab replay office.pcap --query 'stats sum(bytes) by dstAddr, dstPort'
  wirelab replay office.pcap --log-format '${srcaddr} ${dstaddr} ${tcp-flags} ${flow-direction}'

")]
pub(crate) struct Arguments {
    /// A pcap or pcapng file; `-` for the standard input
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
    /// Aggregation interval in seconds, as in CreateFlowLogs
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = ["60", "600"])]
    interval: String,
    #[command(flatten)]
    json: Json,
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
    /// Whether `conversations` is all of them; otherwise there are more.
    conversations_complete: bool,
    busiest: Vec<Conversation>,
    notes: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Code, Failure> {
    let format = match &arguments.log_format {
        Some(text) => LogFormat::parse(text).map_err(Failure::usage)?,
        None => LogFormat::default(),
    };
    let input = Input::open(&arguments.file)?;
    let (survey, ended) = survey(arguments, &input)?;
    let own = own_addresses(arguments, &survey);
    let summary = summary(arguments, &input, &survey, &own);
    for note in &summary.notes {
        output::note(&format!("note: {note}"));
    }
    let records = Records::new(Rules {
        own,
        interval: arguments.interval.parse().map_err(Failure::internal)?,
        disorder: survey.disorder,
        no_data: arguments.filter.is_none(),
        format,
    });
    match &arguments.query {
        Some(text) => ask(arguments, &input, &survey, records, text)?,
        None if arguments.json.json => list_json(arguments, &input, &summary, records)?,
        None => list(arguments, &input, &summary, records)?,
    }
    match ended {
        None => Ok(Code::Passed),
        Some(failure) => Err(failure.hint("what is before that place was read and is shown")),
    }
}

/// Reads the file once. A file that is cut or damaged gives what is before, and the failure.
fn survey(arguments: &Arguments, input: &Input) -> Result<(Survey, Option<Failure>), Failure> {
    let mut source = Source::open(input, arguments.filter.as_deref())?;
    let mut survey = Survey::default();
    let ended = source.each(|packet| {
        survey.add(packet);
        Ok(())
    });
    survey.skipped = source.skipped();
    survey.link = Some(source.link());
    Ok((survey, ended.err()))
}

fn own_addresses(arguments: &Arguments, survey: &Survey) -> Vec<IpAddr> {
    if arguments.eni_address.is_empty() {
        survey.likely_owner().into_iter().collect()
    } else {
        arguments.eni_address.clone()
    }
}

fn summary(arguments: &Arguments, input: &Input, survey: &Survey, own: &[IpAddr]) -> Summary {
    let moment = |at: UnixTime| crate::when::print_utc(at);
    Summary {
        file: input.name().display().to_string(),
        link_type: survey.link.map_or_else(String::new, |it| it.to_string()),
        packets: survey.packets,
        skipped: survey.skipped,
        first: survey.first.map(moment),
        last: survey.last.map(moment),
        eni_address: own.first().copied(),
        eni_address_guessed: arguments.eni_address.is_empty(),
        conversations: survey.conversations(),
        conversations_complete: !survey.has_more(),
        busiest: survey.busiest(LISTED),
        notes: notes(arguments, survey, own),
    }
}

/// What may not be meant as it was written.
fn notes(arguments: &Arguments, survey: &Survey, own: &[IpAddr]) -> Vec<String> {
    let mut notes = Vec::new();
    if let (Some(expression), Some(link)) = (&arguments.filter, survey.link) {
        let lints = wirelab_filter::lints(expression, link);
        notes.extend(lints.iter().map(ToString::to_string));
    }
    if own.is_empty() && survey.packets > 0 {
        let lo = "no address of this capture can be an ENI's, so there are no records; for one of \
                  `lo` say `--eni-address 127.0.0.1`";
        notes.push(lo.to_owned());
    }
    if !arguments.eni_address.is_empty() && !survey.has_any(own) {
        let shown: Vec<_> = own.iter().map(ToString::to_string).collect();
        let shown = shown.join(" or ");
        notes.push(match survey.likely_owner() {
            Some(owner) => format!(
                "no packet is from or to {shown}, so there are no records; {owner} is in most"
            ),
            None => format!("no packet is from or to {shown}, so there are no records"),
        });
    }
    notes
}

/// Reads the file again, for the records. How the file ends was told the first time.
fn each_record(
    arguments: &Arguments,
    input: &Input,
    records: &mut Records,
    mut take: impl FnMut(&mut Records) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut source = Source::open(input, arguments.filter.as_deref())?;
    let mut taken = Ok(());
    source
        .each(|packet| {
            if records.add(packet) {
                taken = take(records);
                if taken.is_err() {
                    return Err(Failure::usage("nobody reads on"));
                }
            }
            Ok(())
        })
        .ok();
    taken?;
    records.finish();
    take(records)?;
    for note in left_out(&records.left_out()) {
        output::note(&format!("note: {note}"));
    }
    Ok(())
}

/// What the records do not show, or show twice.
fn left_out(left_out: &LeftOut) -> Vec<String> {
    let unlogged = left_out.unlogged.to_string();
    let notes = [
        (
            left_out.foreign > 0,
            format!(
                "{} packets are neither from nor to the interface's address and are in no record",
                left_out.foreign
            ),
        ),
        (
            !unlogged.is_empty(),
            format!("AWS logs none of these, and they are in no record: {unlogged}"),
        ),
        (
            left_out.gaps > 0,
            format!(
                "{} more windows without traffic are not listed as NODATA",
                left_out.gaps
            ),
        ),
        (
            left_out.early > 0,
            format!(
                "too many flows at once: {} windows were closed early, and flows in them may have \
                 more than one record",
                left_out.early
            ),
        ),
    ];
    let told = notes.into_iter().filter(|(told, _)| *told);
    told.map(|(_, note)| note).collect()
}

/// Text is handed over in pieces of about this size.
const PIECE: usize = 1 << 16;

fn list(
    arguments: &Arguments,
    input: &Input,
    summary: &Summary,
    mut records: Records,
) -> Result<(), Failure> {
    output::text(&print(summary))?;
    if summary.packets == 0 {
        return Ok(());
    }
    output::text(&format!("\n{}\n{}\n", bold("RECORDS"), records.header()))?;
    let mut text = String::new();
    each_record(arguments, input, &mut records, |records| {
        records.take_lines(|line| {
            text.push_str(line);
            text.push('\n');
            hand_over(&mut text, PIECE)
        })?;
        hand_over(&mut text, 1)
    })
}

/// Prints `text` if it is `enough` octets long.
fn hand_over(text: &mut String, enough: usize) -> Result<(), Failure> {
    if text.len() >= enough {
        output::text(text)?;
        text.clear();
    }
    Ok(())
}

/// The object that `--json` prints, its records written as they are made.
fn list_json(
    arguments: &Arguments,
    input: &Input,
    summary: &Summary,
    mut records: Records,
) -> Result<(), Failure> {
    let mut text = output::json_text(summary)?;
    text.truncate(text.trim_end().trim_end_matches('}').trim_end().len());
    text.push_str(",\n  \"records\": [");
    let as_json = AsJson::new(&records.header());
    let mut before = "\n    ";
    each_record(arguments, input, &mut records, |records| {
        records.take_lines(|line| {
            text.push_str(std::mem::replace(&mut before, ",\n    "));
            as_json.write(line, &mut text);
            hand_over(&mut text, PIECE)
        })
    })?;
    let left_out = records.left_out();
    text += &format!(
        "\n  ],\n  \"foreign_packets\": {},\n  \"unlogged_packets\": {},\n  \
         \"windows_closed_early\": {}\n}}\n",
        left_out.foreign,
        serde_json::to_string(&left_out.unlogged).map_err(Failure::internal)?,
        left_out.early
    );
    hand_over(&mut text, 1)
}

fn ask(
    arguments: &Arguments,
    input: &Input,
    survey: &Survey,
    mut records: Records,
    text: &str,
) -> Result<(), Failure> {
    let mut group = records.group();
    each_record(arguments, input, &mut records, |records| {
        records.take_into(&mut group)
    })?;
    let second = |at: Option<UnixTime>| at.unwrap_or_default().as_secs();
    let end = UnixTime::from_secs(second(survey.last) + 1);
    let options = wirelab_query::QueryOptions {
        start: UnixTime::from_secs(second(survey.first)),
        end,
        now: end,
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
        let at_least = if summary.conversations_complete {
            ""
        } else {
            "more than "
        };
        text += &format!("  and {at_least}{more} more\n");
    }
    text
}
