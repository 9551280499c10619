//! A path in plain words: what `wirelab path --json` prints, and what pictures are made of.

use serde::Serialize;
use wirelab_model::FlowDirection;
use wirelab_scenario::Names;
use wirelab_simulator::path::{Answer, Journey, PassDetail, PathStep, StepVerdict};
use wirelab_simulator::{DropReason, ExplanationCode, Hop, TargetText};

/// One direction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Way {
    /// What goes, as the text form names it: `SYN`, `SYN-ACK`, `UDP`.
    pub packet: String,
    /// Whether it would arrive.
    pub delivered: bool,
    /// The machine it ends at, whether or not something on the way drops it.
    pub reaches: Option<String>,
    /// The places on the way, in order.
    pub hops: Vec<Step>,
    /// The hops, counted from 0, that it passes again and again until its TTL is used up: first,
    /// last.
    pub circle: Option<[usize; 2]>,
}

/// One place on the way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What judges: `security group`, `network ACL`, `route table`, ...
    pub place: &'static str,
    /// Its names in the scenario, or ids where it has none.
    pub names: Vec<String>,
    /// Its ids.
    pub ids: Vec<String>,
    /// The subnet whose boundary a network ACL guards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subnet: Option<String>,
    /// `in` or `out`, where it judges both.
    pub direction: Option<&'static str>,
    /// Whether the packet passes.
    pub passes: bool,
    /// The rule, route or translation that lets it pass, or why it is dropped.
    pub why: Option<String>,
    /// Reachability Analyzer's explanation code for what drops it, where one fits.
    pub code: Option<&'static str>,
    /// Source address of the packet as it comes to the hop.
    pub source: String,
    /// Destination address.
    pub destination: String,
}

/// What the machine at the end says: `accepts`, `refuses`, `is silent`, `not reached`.
#[must_use]
pub const fn answer(answer: Answer) -> &'static str {
    match answer {
        Answer::NotReached => "not reached",
        Answer::Accepted => "accepts",
        Answer::Refused => "refuses",
        Answer::Silent => "is silent",
    }
}

/// One direction in words, with names for ids where `names` has any.
#[must_use]
pub fn way(journey: &Journey, names: &Names) -> Way {
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

/// Why a packet is dropped, in one sentence, without the machine, which stands before it.
#[must_use]
pub fn deny(reason: &DropReason) -> String {
    match reason {
        DropReason::Host(machine) => machine.reason.to_string(),
        reason => reason.to_string(),
    }
}

/// What kind of place a hop is, and the ids of what judges there.
#[must_use]
pub fn place(hop: &Hop) -> (&'static str, Vec<String>) {
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

impl Step {
    /// `network ACL private out of subnet.private`.
    #[must_use]
    pub fn title(&self) -> String {
        let mut place = self.place.to_owned();
        for word in [
            self.names.join(","),
            self.direction.unwrap_or("").to_owned(),
        ] {
            if !word.is_empty() {
                place += &format!(" {word}");
            }
        }
        let word = if self.direction == Some("out") {
            "of"
        } else {
            "to"
        };
        if let Some(subnet) = &self.subnet {
            place += &format!(" {word} {subnet}");
        }
        place
    }
}
