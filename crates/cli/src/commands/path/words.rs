//! A path in plain words: the shape of `wirelab path --json`, and one line a hop.

use serde::Serialize;
use wirelab_model::FlowDirection;
use wirelab_scenario::Names;
use wirelab_simulator::path::{
    Answer, Fit, Journey, PassDetail, PathReport, PathStep, StepVerdict,
};
use wirelab_simulator::{DropReason, ExplanationCode, Hop, TargetText};

use crate::terminal::Mark;

/// One direction.
#[derive(Serialize)]
pub(super) struct Way {
    /// What goes, as the text form names it: `SYN`, `SYN-ACK`, `UDP`.
    packet: String,
    delivered: bool,
    /// The machine it ends at, whether or not something on the way drops it.
    reaches: Option<String>,
    hops: Vec<Step>,
    /// The hops, counted from 0, that it passes again and again until its TTL is used up: first,
    /// last.
    circle: Option<[usize; 2]>,
}

/// One place on the way.
#[derive(Serialize)]
struct Step {
    /// What judges: `security group`, `network ACL`, `route table`, ...
    place: &'static str,
    /// Its names in the scenario, or ids where it has none.
    names: Vec<String>,
    ids: Vec<String>,
    /// The subnet whose boundary a network ACL guards.
    #[serde(skip_serializing_if = "Option::is_none")]
    subnet: Option<String>,
    /// `in` or `out`, where it judges both.
    direction: Option<&'static str>,
    passes: bool,
    /// The rule, route or translation that lets it pass, or why it is dropped.
    why: Option<String>,
    /// Reachability Analyzer's explanation code for what drops it, where one fits.
    code: Option<&'static str>,
    source: String,
    destination: String,
}

/// What the machine at the end says: `accepts`, `refuses`, `is silent`, `not reached`.
pub(super) const fn answer(answer: Answer) -> &'static str {
    match answer {
        Answer::NotReached => "not reached",
        Answer::Accepted => "accepts",
        Answer::Refused => "refuses",
        Answer::Silent => "is silent",
    }
}

pub(super) fn way(journey: &Journey, names: &Names) -> Way {
    Way {
        packet: journey.what.to_string(),
        delivered: journey.delivered(),
        reaches: journey.reached.as_ref().map(ToString::to_string),
        hops: journey.steps.iter().map(|it| step(it, names)).collect(),
        circle: journey.circle.as_ref().map(|it| [it.start, it.end - 1]),
    }
}

fn step(step: &PathStep, names: &Names) -> Step {
    let (place, ids) = place(&step.hop);
    let short = |id: &String| names.short(id).unwrap_or(id).to_owned();
    let (passes, why, code) = match &step.verdict {
        StepVerdict::Pass(detail) => (true, pass(detail, names), None),
        StepVerdict::Deny(reason) => {
            let code = reason.code().map(ExplanationCode::as_str);
            (false, Some(deny(reason)), code)
        }
    };
    Step {
        place,
        names: ids.iter().map(short).collect(),
        ids,
        subnet: match &step.hop {
            Hop::NetworkAcl { subnet, .. } => {
                let id = subnet.as_str();
                Some(names.name_of(id).unwrap_or(id).to_owned())
            }
            _ => None,
        },
        direction: direction(&step.hop),
        passes,
        why,
        code,
        source: step.source.to_string(),
        destination: step.destination.to_string(),
    }
}

/// Why a packet is dropped, without the machine, which stands before it.
fn deny(reason: &DropReason) -> String {
    match reason {
        DropReason::Host(machine) => machine.reason.to_string(),
        reason => reason.to_string(),
    }
}

fn place(hop: &Hop) -> (&'static str, Vec<String>) {
    let (place, id) = match hop {
        Hop::SecurityGroup { groups, .. } => {
            let ids = groups.iter().map(ToString::to_string).collect();
            return ("security group", ids);
        }
        Hop::Internet => return ("internet", Vec::new()),
        Hop::Interface(id) => ("interface", id.to_string()),
        Hop::SourceDestCheck(id) => ("source/destination check", id.to_string()),
        Hop::NetworkAcl { acl, .. } => ("network ACL", acl.to_string()),
        Hop::RouteTable { route_table, .. } => ("route table", route_table.to_string()),
        Hop::GatewayRouteTable { route_table, .. } => {
            ("gateway route table", route_table.to_string())
        }
        Hop::EgressOnlyInternetGateway(id) => ("egress-only internet gateway", id.to_string()),
        Hop::InternetGateway(id) => ("internet gateway", id.to_string()),
        Hop::NatGateway(id) => ("NAT gateway", id.to_string()),
        Hop::TransitGateway(id) => ("transit gateway", id.to_string()),
        Hop::VpcPeeringConnection(id) => ("VPC peering connection", id.to_string()),
        Hop::VpnGateway(id) => ("virtual private gateway", id.to_string()),
        Hop::VpnConnection(id) => ("VPN connection", id.to_string()),
        Hop::Segment(name) => ("segment", name.to_string()),
        Hop::Host(name) => ("host", name.to_string()),
        Hop::Vpc(id) => ("VPC", id.to_string()),
        Hop::VpcEndpoint(id) => ("VPC endpoint", id.to_string()),
        Hop::LinkLocal(service) => return (service.as_str(), Vec::new()),
    };
    (place, vec![id])
}

const fn direction(hop: &Hop) -> Option<&'static str> {
    let egress = match hop {
        Hop::SecurityGroup { direction, .. } => matches!(direction, FlowDirection::Egress),
        Hop::NetworkAcl { egress, .. } => *egress,
        _ => return None,
    };
    Some(if egress { "out" } else { "in" })
}

fn pass(detail: &PassDetail, names: &Names) -> Option<String> {
    let end = |(address, port): (std::net::IpAddr, u16)| match port {
        0 => address.to_string(),
        port => std::net::SocketAddr::new(address, port).to_string(),
    };
    match detail {
        PassDetail::Plain => None,
        PassDetail::Rule(rule) => Some(format!("rule {rule}")),
        PassDetail::Tracked => Some("tracked connection".to_owned()),
        PassDetail::Entry(entry) => Some(format!("rule {}", entry.rule_number)),
        PassDetail::Route {
            destination,
            target,
        } => {
            let target = TargetText(target);
            let id = target.as_str();
            let target = names.short(id).unwrap_or(id);
            let destination = destination.to_string();
            let destination = names.short(&destination).unwrap_or(&destination);
            Some(format!("{destination} to {target}"))
        }
        PassDetail::TransitRoute {
            destination,
            route_table,
            attachment,
        } => {
            let [table, attachment] =
                [route_table.as_str(), attachment.as_str()].map(|id| names.short(id).unwrap_or(id));
            Some(format!("{destination} of {table} to {attachment}"))
        }
        PassDetail::Tunnel {
            number,
            outside_ip_address,
        } => Some(format!("tunnel {number} ({outside_ip_address})")),
        PassDetail::Translated {
            source,
            destination,
        } => Some(format!(
            "translated to {} > {}",
            end(*source),
            end(*destination)
        )),
    }
}

/// One line a hop, for reports that are wider than the terminal.
pub(super) fn long(report: &PathReport, names: &Names, arrows: [&str; 2]) -> String {
    let [there, back] = arrows;
    let ways = [
        (Some(&report.forward), there),
        (report.told.as_ref(), back),
        (report.back.as_ref(), back),
    ];
    let mut text = String::new();
    for (journey, arrow) in ways {
        let Some(journey) = journey else { continue };
        let way = way(journey, names);
        let end = if way.delivered {
            "DELIVERED"
        } else {
            "DROPPED"
        };
        text += &format!(" {arrow} {}   {end}\n", way.packet);
        let places = way.hops.iter().map(|hop| place_text(hop).chars().count());
        let wide = places.max().unwrap_or(0).clamp(32, 48);
        for (at, hop) in way.hops.iter().enumerate() {
            text += &line(hop, wide);
            if let Some(again) = journey.again(at) {
                text += &format!("     {again}\n");
            }
        }
    }
    if let Some(said) = report.said() {
        text += &format!("   {said}\n");
    }
    text
}

/// What size passes, and who drops larger packets.
pub(super) fn fit(fit: &Fit, names: &Names) -> String {
    let largest = format!("   packets of up to {} octets fit", fit.size);
    match &fit.limit {
        Some((hop, drop)) => {
            let (place, ids) = place(hop);
            let ids = ids.iter().map(|id| names.short(id).unwrap_or(id));
            let place = [place].into_iter().chain(ids).collect::<Vec<_>>().join(" ");
            format!("{largest}; at {place}: {}\n", deny(drop))
        }
        None => format!("{largest}\n"),
    }
}

fn line(hop: &Step, wide: usize) -> String {
    let mark = if hop.passes { Mark::Good } else { Mark::Bad };
    let place = place_text(hop);
    let mut why = hop.why.clone().unwrap_or_default();
    if let Some(code) = hop.code {
        why += &format!(" ({code})");
    }
    let line = format!("   {} {place:<wide$} {why}", mark.shown());
    format!("{}\n", line.trim_end())
}

/// `network ACL private out of subnet.private`.
fn place_text(hop: &Step) -> String {
    let mut place = hop.place.to_owned();
    for word in [hop.names.join(","), hop.direction.unwrap_or("").to_owned()] {
        if !word.is_empty() {
            place += &format!(" {word}");
        }
    }
    let word = if hop.direction == Some("out") {
        "of"
    } else {
        "to"
    };
    if let Some(subnet) = &hop.subnet {
        place += &format!(" {word} {subnet}");
    }
    place
}
