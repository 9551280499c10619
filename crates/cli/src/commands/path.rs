//! `wirelab path`: a packet's journey, there and back.

use crate::args::{Json, TEMPLATE};

/// Follow a packet through the network, there and back, hop by hop; changes nothing
///
/// Each deny is recorded and the walk goes on, so that all blockers show at once.
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab path app db:5432/tcp
  wirelab path app 198.51.100.7:443
  wirelab path app db/icmp --size 1400      does a packet of 1400 octets fit?

")]
pub(crate) struct Arguments {
    /// The host that sends
    #[arg(value_name = "FROM")]
    from: String,
    /// Where to: `HOST:PORT/tcp`, `ADDRESS:PORT/udp`, `HOST/icmp`
    #[arg(value_name = "TO")]
    to: String,
    /// Source port; one of the sender's ephemeral range by default
    #[arg(long, value_name = "PORT")]
    source_port: Option<u16>,
    /// IP length of the packet in octets
    #[arg(long, value_name = "OCTETS")]
    size: Option<u16>,
    #[command(flatten)]
    json: Json,
}

use std::net::IpAddr;

use serde::Serialize;
use wirelab_session::Session;
use wirelab_simulator::path::{Marks, PathReport, Probe, ProbeError, ProbeProtocol, explain};

use crate::failure::{Code, Failure};
use crate::{folder, hosts, output, terminal};

#[derive(Serialize)]
struct Printed<'a> {
    at: String,
    reachable: bool,
    blockers: Vec<String>,
    report: &'a PathReport,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Code, Failure> {
    let session = folder::open()?;
    let (to, protocol) = target(&session, &arguments.to)?;
    let probe = Probe {
        from: arguments.from.as_str().into(),
        to,
        protocol,
        source_port: arguments.source_port,
        size: arguments.size,
    };
    let report = explain(session.run().world(), &probe).map_err(|error| match &error {
        ProbeError::UnknownHost(name) => hosts::unknown(&session, name),
        _ => Failure::usage(&error),
    })?;
    if arguments.json.json {
        output::json(&Printed {
            at: session.now().to_string(),
            reachable: report.reachable(),
            blockers: report.blockers().map(ToString::to_string).collect(),
            report: &report,
        })?;
    } else {
        let marks = if terminal::ascii_only() {
            Marks::Ascii
        } else {
            Marks::Unicode
        };
        let shown = report.display(&session.plan().names, marks).to_string();
        output::text(&format!("{}\n", shown.trim_end()))?;
    }
    Ok(if report.reachable() {
        Code::Passed
    } else {
        Code::NotPassed
    })
}

/// `db:5432/tcp`, `198.51.100.7:443`, `db/icmp`; TCP by default.
fn target(session: &Session, text: &str) -> Result<(IpAddr, ProbeProtocol), Failure> {
    let (place, protocol) = text.rsplit_once('/').unwrap_or((text, "tcp"));
    if protocol == "icmp" {
        return Ok((address(session, place)?, ProbeProtocol::Icmp));
    }
    let (place, port) = place.rsplit_once(':').ok_or_else(|| bad_target(text))?;
    let port: u16 = port.parse().map_err(|_| bad_target(text))?;
    let protocol = match protocol {
        "tcp" => ProbeProtocol::Tcp(port),
        "udp" => ProbeProtocol::Udp(port),
        _ => return Err(bad_target(text)),
    };
    Ok((address(session, place)?, protocol))
}

fn bad_target(text: &str) -> Failure {
    Failure::usage(format!("`{text}` is no destination"))
        .hint("write `HOST:PORT/tcp`, `ADDRESS:PORT/udp` or `HOST/icmp`")
}

/// An address as it stands, or the first address of a host.
fn address(session: &Session, place: &str) -> Result<IpAddr, Failure> {
    let bare = place.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse() {
        return Ok(address);
    }
    let interfaces = hosts::find(session, place)?;
    let addresses = interfaces.iter().flat_map(|it| &it.addresses);
    let first = addresses
        .filter_map(|it| it.split('/').next()?.parse().ok())
        .next();
    first.ok_or_else(|| Failure::usage(format!("host `{place}` has no address")))
}
