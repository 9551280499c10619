//! `wirelab path`: a packet's journey, there and back.

mod names;
mod words;

use crate::args::{Json, TEMPLATE};

/// Follow a packet through the network, there and back, hop by hop; changes nothing
///
/// Each deny is recorded and the walk goes on, so that all blockers show at once.
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab path replica primary:5432/tcp
  wirelab path worker 198.51.100.7:443        TCP by default
  wirelab path app client/icmp --size 1447    does a packet of 1447 octets fit?
  wirelab path replica primary:5432 --long    one line a hop

")]
pub(crate) struct Arguments {
    /// Who sends: a host's name or an address of it, a NAT gateway's name, an interface's id, an
    /// address outside, or `internet`
    #[arg(value_name = "FROM")]
    from: String,
    /// Where to: `HOST:PORT/tcp`, `ADDRESS:PORT/udp`, `HOST/icmp`. A name means the address that
    /// the sender itself finds, as `wirelab exec FROM -- getent ahosts NAME` shows: `/etc/hosts`
    /// has every host (for senders on the internet by its public address), DNS has the others. An
    /// interface's id, or what its capture is called, means its address
    #[arg(value_name = "TO")]
    to: String,
    /// Source port. By default one of the sender's ephemeral range, and what the others would make
    /// of it is told as well: where some get through and some do not, the exit code is 1
    #[arg(long, value_name = "PORT")]
    source_port: Option<u16>,
    /// IP length of the packet in octets
    #[arg(long, value_name = "OCTETS")]
    size: Option<u16>,
    /// One line a hop; so it is anyhow where a direction is wider than the terminal, or than 100
    /// columns where the output goes elsewhere
    #[arg(long)]
    long: bool,
    #[command(flatten)]
    json: Json,
}

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::Serialize;
use wirelab_book::way::{self, Way};
use wirelab_model::aws_ip_range;
use wirelab_session::Session;
use wirelab_simulator::ExplanationCode;
use wirelab_simulator::host::ServerSpec;
use wirelab_simulator::path::{
    Answer, Fit, Marks, Origin, PathReport, Probe, ProbeError, ProbeProtocol, SourcePorts, explain,
    largest, source_ports,
};
use wirelab_simulator::reach::is_public;

use crate::failure::{Code, Failure};
use crate::hosts::addresses;
use crate::when::print_utc;
use crate::{folder, hosts, output, terminal};

#[derive(Serialize)]
struct Printed {
    at: String,
    utc: String,
    from: String,
    to: String,
    /// `tcp`, `udp` or `icmp`.
    protocol: &'static str,
    port: Option<u16>,
    /// The port that this packet comes from.
    source_port: Option<u16>,
    /// What becomes of it from all that the sender may take; none if one was asked for.
    source_ports: Option<Sources>,
    /// The largest packet that passes, in octets, if a size was asked about.
    largest_size: Option<u16>,
    /// Whether the packet and its answer would both arrive, from each of the source ports.
    reachable: bool,
    /// Every reason why one of them would not.
    blockers: Vec<String>,
    /// Reachability Analyzer's explanation codes for them, where one fits.
    explanation_codes: Vec<&'static str>,
    /// What the machine at the end says: `accepts`, `refuses`, `is silent`, `not reached`.
    answer: &'static str,
    forward: Way,
    /// The way of the ICMP error that tells the sender why the packet is dropped.
    told: Option<Way>,
    back: Option<Way>,
}

/// Source ports, as ranges: `["32768-42000"]`.
#[derive(Serialize)]
struct Sources {
    delivered: Vec<String>,
    dropped: Vec<String>,
}

/// What is shown: the packet's way, what size fits, what other source ports do.
struct Found {
    report: PathReport,
    fit: Option<Fit>,
    ports: Option<SourcePorts>,
}

impl Found {
    /// From the port of the report, and from the others that the sender may take.
    fn is_reachable(&self) -> bool {
        self.report.reachable() && !self.ports.as_ref().is_some_and(SourcePorts::differ)
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<Code, Failure> {
    let session = folder::open()?;
    let from = sender(&session, &arguments.from, is_ipv6(&arguments.to))?;
    let (to, protocol) = target(&session, &from, &arguments.to)?;
    if let Origin::Host(name) = &from {
        refuse_itself(&session, name, to)?;
    }
    let probe = Probe {
        from,
        to,
        protocol,
        source_port: arguments.source_port,
        size: arguments.size,
    };
    let found = find(&session, &probe)?;
    if arguments.json.json {
        output::json(&printed(&session, &found))?;
    } else {
        let mut text = shown(&session, &found.report, arguments.long);
        let names = &session.names();
        text += &words::ports(arguments, &found);
        text += &found
            .fit
            .as_ref()
            .map(|it| words::fit(it, names))
            .unwrap_or_default();
        output::page(&text)?;
        if found.report.answer == Answer::Refused
            && let Some(host) = owner(&session, to)
            && let Some(note) = hosts::user_data::not_done(&session, &host)
        {
            output::note(&note);
        }
        let is_service = aws_ip_range(to).is_some_and(|range| range != "EC2");
        let is_known = owner(&session, to).is_some() || is_interfaces(&session, to);
        if is_public(to) && !is_known && !is_service {
            output::note(&format!(
                "{to} is on the internet, and no machine of this world has it: what the network \
                 does on the way there is shown, nobody answers"
            ));
        }
    }
    Ok(if found.is_reachable() {
        Code::Passed
    } else {
        Code::NotPassed
    })
}

fn find(session: &Session, probe: &Probe) -> Result<Found, Failure> {
    let world = session.run().world();
    let report = explain(world, probe).map_err(|error| match &error {
        ProbeError::UnknownHost(name) => hosts::unknown::host(session, name),
        _ => Failure::usage(&error),
    })?;
    let fit = match probe.size {
        Some(_) => largest(world, probe).ok(),
        None => None,
    };
    let ports = source_ports(world, &report);
    Ok(Found { report, fit, ports })
}

fn printed(session: &Session, found: &Found) -> Printed {
    let names = &session.names();
    let report = &found.report;
    let (protocol, port) = match report.probe.protocol {
        ProbeProtocol::Tcp(port) => ("tcp", Some(port)),
        ProbeProtocol::Udp(port) => ("udp", Some(port)),
        ProbeProtocol::Icmp => ("icmp", None),
    };
    Printed {
        at: session.now().to_string(),
        utc: print_utc(session.run().utc()),
        from: report.probe.from.to_string(),
        to: report.probe.to.to_string(),
        protocol,
        port,
        source_port: report.source_port,
        source_ports: found.ports.as_ref().map(|it| Sources {
            delivered: words::ranges(&it.delivered),
            dropped: words::ranges(&it.dropped),
        }),
        reachable: found.is_reachable(),
        largest_size: found.fit.as_ref().map(|it| it.size),
        blockers: report.blockers().map(ToString::to_string).collect(),
        explanation_codes: report
            .blockers()
            .filter_map(|it| it.code().map(ExplanationCode::as_str))
            .collect(),
        answer: way::answer(report.answer),
        forward: way::way(&report.forward, names),
        told: report.told.as_ref().map(|told| way::way(told, names)),
        back: report.back.as_ref().map(|back| way::way(back, names)),
    }
}

/// A line a direction if that fits, else a line a hop.
fn shown(session: &Session, report: &PathReport, long: bool) -> String {
    let names = &session.names();
    let (marks, arrows) = if terminal::ascii_only() {
        (Marks::Ascii, ["->", "<-"])
    } else {
        (Marks::Unicode, ["→", "←"])
    };
    let short = report.display(names, marks).to_string();
    let widest = short.lines().map(|line| line.chars().count()).max();
    let fits = widest <= Some(terminal::columns());
    if fits && !long {
        return format!("{}\n", short.trim_end());
    }
    words::long(report, names, arrows)
}

/// Addresses of strangers (RFC 5737's documentation blocks stand for nobody in particular).
const STRANGERS: [IpAddr; 5] = [
    IpAddr::V4(Ipv4Addr::new(198, 51, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(203, 0, 113, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, 200)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 0x200)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0xfffe, 0, 0, 0, 0, 0x200)),
];

/// Whether a destination as it is typed is an IPv6 address.
fn is_ipv6(text: &str) -> bool {
    let bare = text.trim_start_matches('[');
    let address = bare.split([']', '/']).next().unwrap_or_default();
    address.parse::<Ipv6Addr>().is_ok()
}

/// A public address that nobody has.
fn stranger(session: &Session, ipv6: bool) -> Option<IpAddr> {
    let all = STRANGERS.into_iter().filter(|it| it.is_ipv6() == ipv6);
    let mut free = all.filter(|it| is_public(*it) && owner(session, *it).is_none());
    free.next()
}

/// Whether some interface has the public address, as a NAT gateway's.
fn is_interfaces(session: &Session, address: IpAddr) -> bool {
    let resources = session.run().world().resources();
    let mut interfaces = resources.network_interfaces.values();
    interfaces.any(|it| {
        let mut own = it.private_ip_addresses.iter();
        own.any(|its| {
            its.association
                .as_ref()
                .is_some_and(|it| address == it.public_ip)
        }) || it.ipv6_addresses.iter().any(|its| address == *its)
    })
}

/// The machine, for its name, an address of it, or the id of an interface of it; an interface
/// without a machine, for its id; the internet, for a public address that nobody else has.
fn sender(session: &Session, text: &str, ipv6: bool) -> Result<Origin, Failure> {
    if text == "internet"
        && let Some(source) = stranger(session, ipv6)
    {
        output::note(&format!(
            "from the internet: as {source}, a stranger; give an address for a certain one"
        ));
        return Ok(Origin::Internet { source });
    }
    let Ok(source) = text.parse::<IpAddr>() else {
        let found = hosts::find(session, text);
        return match names::interface(session, text) {
            Some(id) if found.is_err() => Ok(Origin::Interface { id, source: None }),
            _ => Ok(found?[0].host.as_str().into()),
        };
    };
    match &owners(session, source)[..] {
        [host] => return Ok(host.as_str().into()),
        [] => {
            if let Some(id) = hosts::unknown::interface_with(session, source) {
                let source = Some(source);
                return Ok(Origin::Interface { id, source });
            }
        }
        several => {
            let several = several.join(", ");
            let many =
                format!("{source} is an address of each of {several}, in networks of their own");
            return Err(Failure::usage(many).hint("give the name of the one that sends"));
        }
    }
    if is_public(source) {
        return Ok(Origin::Internet { source });
    }
    Err(Failure::usage(format!(
        "no host has the address {source}, and it is no public one"
    ))
    .hint("`wirelab status` lists hosts and addresses"))
}

/// The machine that has `address`, or the first of those that do.
fn owner(session: &Session, address: IpAddr) -> Option<String> {
    owners(session, address).into_iter().next()
}

/// The machines that have `address`, in networks of their own where there are several.
fn owners(session: &Session, address: IpAddr) -> Vec<String> {
    let interfaces = hosts::interfaces(session.run()).into_iter();
    let found = interfaces.filter(|it| addresses(it).any(|its| its == address));
    let mut found: Vec<String> = found.map(|it| it.host).collect();
    found.dedup();
    found
}

fn refuse_itself(session: &Session, from: &str, to: IpAddr) -> Result<(), Failure> {
    if !owners(session, to).iter().any(|it| it == from) {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "{to} is `{from}` itself: what a host sends to itself never crosses the network"
    ))
    .hint(format!(
        "`wirelab exec {from} -- ss -ltn` shows which programs listen there"
    )))
}

/// `db:5432/tcp`, `198.51.100.7:443`, `db/icmp`; TCP by default.
fn target(
    session: &Session,
    from: &Origin,
    text: &str,
) -> Result<(IpAddr, ProbeProtocol), Failure> {
    let (place, protocol) = text.rsplit_once('/').unwrap_or((text, "tcp"));
    let protocol = protocol.to_ascii_lowercase();
    let whole_address = place.parse::<IpAddr>().is_ok();
    let split = place.rsplit_once(':').filter(|_| !whole_address);
    match (protocol.as_str(), split) {
        ("icmp", None) => Ok((names::address(session, from, place)?, ProbeProtocol::Icmp)),
        ("icmp", Some(_)) => Err(bad_target(text).hint("ICMP has no ports")),
        ("tcp" | "udp", None) => Err(no_port(session, from, place, &protocol)),
        ("tcp" | "udp", Some((place, port))) => {
            let port: u16 = port.parse().map_err(|_| bad_target(text))?;
            let protocol = if protocol == "tcp" {
                ProbeProtocol::Tcp(port)
            } else {
                ProbeProtocol::Udp(port)
            };
            Ok((names::address(session, from, place)?, protocol))
        }
        _ => Err(bad_target(text)),
    }
}

fn bad_target(text: &str) -> Failure {
    Failure::usage(format!("`{text}` is no destination"))
        .hint("write `HOST:PORT/tcp`, `ADDRESS:PORT/udp` or `HOST/icmp`")
}

/// The port is missing; the ports on which the machine has programs are what may be meant.
fn no_port(session: &Session, from: &Origin, place: &str, protocol: &str) -> Failure {
    let to = match names::address(session, from, place) {
        Ok(address) => address,
        Err(failure) => return failure,
    };
    let failure = Failure::usage(format!("`{place}` needs a port: `{place}:PORT/{protocol}`"));
    let host = owner(session, to).and_then(|name| session.run().world().host(&name));
    let servers = host.map(|host| host.spec().servers.iter());
    let ports = servers.into_iter().flatten().map(ServerSpec::port);
    let forms: Vec<_> = ports.map(|port| format!("`{place}:{port}/tcp`")).collect();
    let failure = match (host, forms.is_empty()) {
        (None, _) => failure,
        (Some(_), true) => failure.hint("no program listens there"),
        (Some(_), false) => failure.hint(format!("programs listen at {}", forms.join(", "))),
    };
    failure.hint(format!("for a ping: `{place}/icmp`"))
}
