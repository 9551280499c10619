//! `wirelab reach`: what may talk to what.

use crate::args::{Json, TEMPLATE};

/// Show what may talk to what: every flow that the network would carry, there and back
///
/// Exact for all addresses, protocols and ports, by the rules, routes and gateways as they are now.
/// What programs or a host's own firewall do with it is not asked.
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab reach                     everything
  wirelab reach internet            what the internet reaches
  wirelab reach app db              from one host to another
  wirelab reach any 10.0.2.10
  wirelab reach --diff              what is new since the lab opened, and what is gone

")]
pub(crate) struct Arguments {
    /// Who opens flows: a host, an interface's id, an address, `internet`, or `any`
    #[arg(value_name = "FROM", default_value = "any")]
    from: String,
    /// Who answers, in the same forms
    #[arg(value_name = "TO", default_value = "any")]
    to: String,
    /// Only what has changed since the lab opened
    #[arg(long)]
    diff: bool,
    #[command(flatten)]
    json: Json,
}

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::IpAddr;
use std::sync::Arc;

use serde::Serialize;
use wirelab_session::{Run, Session};
use wirelab_simulator::Observe;
use wirelab_simulator::reach::{
    Dimension, End, Interval, IpVersion, PacketSet, Ranges, Reach, Region, address_number, reach,
};

use crate::failure::{Code, Failure};
use crate::terminal::{bold, dim};
use crate::{folder, hosts, output};

/// So many names stand in one line.
const MOST_NAMES: usize = 3;

/// One box of flows.
#[derive(Serialize)]
struct Line {
    /// `same`, or with `--diff` `new` or `gone`.
    change: &'static str,
    /// Hosts' names, `internet`, or blocks.
    from: String,
    from_addresses: String,
    to: String,
    to_addresses: String,
    /// `tcp 5432`, `icmp type 8 code 0`.
    what: String,
    /// Source ports, where not every one works.
    source_ports: Option<String>,
    /// Whether the answer gets back.
    answered: bool,
}

#[derive(Serialize)]
struct Shown {
    flows: Vec<Line>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Code, Failure> {
    let session = folder::open()?;
    let who = Who::new(&session);
    let ends = [
        who.find(&session, &arguments.from)?,
        who.find(&session, &arguments.to)?,
    ];
    let now = reach(session.run().world());
    let lines = if arguments.diff {
        let opening = reach(opening(&session)?.world());
        let mut lines = who.lines(&now.difference(&opening), &ends, "new");
        lines.extend(who.lines(&opening.difference(&now), &ends, "gone"));
        lines
    } else {
        who.lines(&now, &ends, "same")
    };
    if arguments.json.json {
        output::json(&Shown { flows: lines })?;
    } else if lines.is_empty() {
        output::note(if arguments.diff {
            "no flow gets through that did not when the lab opened, and none is gone"
        } else {
            "nothing gets through"
        });
    } else {
        output::text(&table(&lines))?;
    }
    Ok(Code::Passed)
}

/// The network as the lab opened, without what its machines said.
fn opening(session: &Session) -> Result<Run, Failure> {
    let observe = Observe {
        captures: false,
        flow_records: false,
        drops: false,
        metrics: false,
    };
    let mut run = Run::new(Arc::clone(session.plan()), observe).map_err(Failure::internal)?;
    run.advance(session.lab().opens_at)
        .map_err(Failure::internal)?;
    Ok(run)
}

/// One side of the question; `None` for anybody.
enum Side {
    Anybody,
    Internet,
    Addresses(Vec<IpAddr>),
}

/// Who has which address.
struct Who {
    names: BTreeMap<IpAddr, String>,
    gateways: BTreeMap<String, String>,
}

impl Who {
    fn new(session: &Session) -> Self {
        let names = &session.plan().names;
        let short = |id: &str| names.short(id).unwrap_or(id).to_owned();
        let resources = session.run().world().resources();
        let mut by_address = BTreeMap::new();
        for nic in resources.network_interfaces.values() {
            let instance = nic.attachment.as_ref();
            let instance = instance.and_then(|it| it.instance_id.as_ref());
            let name = match instance {
                Some(id) => short(id.as_str()),
                None => short(nic.network_interface_id.as_str()),
            };
            for its in &nic.private_ip_addresses {
                by_address.insert(IpAddr::from(its.private_ip_address), name.clone());
                if let Some(association) = &its.association {
                    by_address.insert(association.public_ip.into(), name.clone());
                }
            }
            for its in &nic.ipv6_addresses {
                by_address.insert((*its).into(), name.clone());
            }
        }
        let gateways = resources.customer_gateways.keys();
        Self {
            names: by_address,
            gateways: gateways
                .map(|id| (id.to_string(), short(id.as_str())))
                .collect(),
        }
    }

    fn find(&self, session: &Session, text: &str) -> Result<Side, Failure> {
        match text {
            "any" => return Ok(Side::Anybody),
            "internet" => return Ok(Side::Internet),
            _ => {}
        }
        if let Ok(address) = text.parse() {
            return Ok(Side::Addresses(vec![address]));
        }
        let interfaces = hosts::find(session, text)?;
        let own = interfaces.iter().flat_map(|it| &it.addresses);
        let own = own.filter_map(|it| it.split('/').next()?.parse::<IpAddr>().ok());
        let mut addresses: Vec<IpAddr> = own.collect();
        let called = self.names.iter().filter(|(_, name)| *name == text);
        addresses.extend(called.map(|(address, _)| *address));
        Ok(Side::Addresses(addresses))
    }

    /// What works first, then what arrives and cannot be answered.
    fn lines(&self, reach: &Reach, ends: &[Side; 2], change: &'static str) -> Vec<Line> {
        let mut lines = Vec::new();
        for (from, to, flows) in reach.flows() {
            let silent = flows.delivered.clone().subtract(&flows.answered).coalesce();
            for (set, answered) in [(&flows.answered, true), (&silent, false)] {
                let set = narrow(set, Dimension::Source, from, &ends[0]);
                let set = narrow(&set, Dimension::Destination, to, &ends[1]);
                let regions = set.regions().iter();
                lines.extend(regions.map(|region| Line {
                    change,
                    from: self.name(from, region, Dimension::Source),
                    from_addresses: region.addresses(Dimension::Source),
                    to: self.name(to, region, Dimension::Destination),
                    to_addresses: region.addresses(Dimension::Destination),
                    what: region.what(),
                    source_ports: source_ports(region),
                    answered,
                }));
            }
        }
        lines
    }

    fn name(&self, end: &End, region: &Region, side: Dimension) -> String {
        let ranges = region.side(side);
        // All that nothing else is told apart from is the internet as people think of it.
        let is_everybody = region.version == IpVersion::V6 || ranges.count() > 1 << 30;
        match end {
            End::Internet if is_everybody => "internet".to_owned(),
            End::Internet => format!("internet {}", region.addresses(side)),
            End::CustomerGateway(id) => {
                let name = self.gateways.get(id.as_str());
                let name = name.map_or_else(|| id.as_str(), String::as_str);
                format!("{name} {}", region.addresses(side))
            }
            End::VpcEndpoint(id) => {
                let name = self.gateways.get(id.as_str());
                name.map_or_else(|| id.to_string(), Clone::clone)
            }
            End::Vpc(_) => self.hosts(region, side),
        }
    }

    fn hosts(&self, region: &Region, side: Dimension) -> String {
        let ranges = region.side(side);
        let own = self.names.iter().filter(|(address, _)| {
            IpVersion::of_address(**address) == region.version
                && ranges.contains(address_number(**address))
        });
        let mut names: Vec<&str> = own.map(|(_, name)| name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        if names.is_empty() {
            return region.addresses(side);
        }
        let more = names.len().saturating_sub(MOST_NAMES);
        names.truncate(MOST_NAMES);
        let mut text = names.join(", ");
        if more > 0 {
            let _ = write!(text, " and {more} more");
        }
        text
    }
}

/// The part of a set whose one side is what was asked about.
fn narrow(set: &PacketSet, side: Dimension, end: &End, wanted: &Side) -> PacketSet {
    match wanted {
        Side::Anybody => set.clone(),
        Side::Internet if *end == End::Internet => set.clone(),
        Side::Internet => PacketSet::empty(),
        Side::Addresses(addresses) => {
            let mut part = PacketSet::empty();
            for region in set.regions() {
                let own = addresses
                    .iter()
                    .filter(|it| IpVersion::of_address(**it) == region.version);
                let own = own.map(|it| Interval::single(address_number(*it)));
                if let Some(here) = region.clone().with(side, Ranges::of(own)) {
                    part.insert(here);
                }
            }
            part
        }
    }
}

fn source_ports(region: &Region) -> Option<String> {
    let has_ports = matches!(region.side(Dimension::Protocol).only(), Some(6 | 17));
    let ports = region.side(Dimension::SourcePort);
    if !has_ports || *ports == Ranges::from(Interval::PORTS) {
        return None;
    }
    let texts = ports.intervals().iter().map(|it| {
        if it.low == it.high {
            it.low.to_string()
        } else {
            format!("{}-{}", it.low, it.high)
        }
    });
    Some(texts.collect::<Vec<_>>().join(","))
}

/// `app  >  db   tcp 5432`, a pair of ends a line; what cannot be answered says so.
fn table(lines: &[Line]) -> String {
    let mut rows: BTreeMap<(&str, &str, &str), Vec<String>> = BTreeMap::new();
    for line in lines {
        let mut what = line.what.clone();
        if let Some(ports) = &line.source_ports {
            let _ = write!(what, " from ports {ports}");
        }
        if !line.answered {
            what.push_str(" (no answer gets back)");
        }
        let whats = rows.entry((line.change, &line.from, &line.to)).or_default();
        if !whats.contains(&what) {
            whats.push(what);
        }
    }
    let width = |pick: fn(&(&str, &str, &str)) -> usize| rows.keys().map(pick).max().unwrap_or(0);
    let (from, to) = (width(|it| it.1.len()), width(|it| it.2.len()));
    let changed = lines.iter().any(|it| it.change != "same");
    let mut text = String::new();
    for ((change, source, destination), whats) in &rows {
        let mark = match *change {
            "new" => "+ ",
            "gone" => "- ",
            _ => "",
        };
        for (at, what) in whats.iter().enumerate() {
            let (source, destination) = if at == 0 {
                (*source, *destination)
            } else {
                ("", "")
            };
            let arrow = if at == 0 { dim(">") } else { " ".to_owned() };
            let source = bold(format!("{source:<from$}"));
            let mark = if changed { mark } else { "" };
            let _ = writeln!(text, "{mark}{source} {arrow} {destination:<to$}  {what}");
        }
    }
    text
}
