//! Reachability Analyzer: the control plane's question, answered by the path engine in the API's
//! words.
//!
//! The analyzer knows configuration alone (Reachability Analyzer Guide, "How Reachability Analyzer
//! works"): what a machine's own firewall does or whether somebody listens is not its business, nor
//! are lengths of packets and allowances. It looks at what the API shows now, so a change counts
//! before the network obeys it.

mod header;

use std::net::IpAddr;

use serde_json::{Map, Value, json};
use smol_str::SmolStr;
use wirelab_control::{Control, Question, QuestionSource};
use wirelab_model::{
    FlowDirection, InternetGatewayId, IpProtocol, NetworkAclEntry, NetworkInterfaceId, PortRange,
    RouteDestination, RouteOrigin, RouteTarget, RulePeer, SecurityGroupRuleId,
};
use wirelab_simulator::path::{
    Journey, Origin, PassDetail, PathReport, PathStep, Probe, ProbeProtocol, StepVerdict,
    explain_with,
};
use wirelab_simulator::{DropReason, ExplanationCode, Hop, World};

use self::header::Header;

/// Answers `question` about what `control` shows, on `world`.
pub(crate) fn answer(
    question: &Question,
    control: &Control,
    world: &World,
) -> Result<Value, String> {
    let mut first = None;
    for port in &question.ports {
        let report = ask(question, *port, control, world)?;
        if is_found(question, &report) {
            return Ok(found(question, &report, control));
        }
        first.get_or_insert(report);
    }
    let report = first.ok_or("no port was asked about")?;
    Ok(json!({
        "NetworkPathFound": false,
        "Explanations": explanations(question, &report, control),
    }))
}

/// The source port that stands for all where the path names none: one of every system's ephemeral
/// range. The headers in the answer tell it.
const ANY_PORT: u16 = 50_000;

fn ask(
    question: &Question,
    port: u16,
    control: &Control,
    world: &World,
) -> Result<PathReport, String> {
    let from = match &question.from {
        QuestionSource::Interface(id, source) => Origin::Interface {
            id: id.clone(),
            source: *source,
        },
        QuestionSource::Internet(source) => Origin::Internet { source: *source },
    };
    let probe = Probe {
        from,
        to: question.to,
        protocol: match question.udp {
            true => ProbeProtocol::Udp(port),
            false => ProbeProtocol::Tcp(port),
        },
        source_port: question.source_port.or(Some(ANY_PORT)),
        size: None,
    };
    let ahead = world.resources().diff(control.resources());
    explain_with(world, &ahead, &probe).map_err(|error| error.to_string())
}

fn journeys(report: &PathReport) -> impl Iterator<Item = &Journey> {
    std::iter::once(&report.forward).chain(&report.back)
}

/// Why a hop denies, if the analyzer knows of such reasons. What is beyond the internet gateway is
/// not its business.
const fn denial(step: &PathStep) -> Option<&DropReason> {
    match (&step.hop, &step.verdict) {
        (Hop::Internet, _)
        | (
            _,
            StepVerdict::Pass(_)
            | StepVerdict::Deny(
                DropReason::Host(_) | DropReason::Packet(_) | DropReason::Instance(_),
            ),
        ) => None,
        (_, StepVerdict::Deny(reason)) => Some(reason),
    }
}

/// Whether nothing denies it, and it comes to whom the path names; what names nobody may also leave
/// by an internet gateway.
fn is_found(question: &Question, report: &PathReport) -> bool {
    let denied = journeys(report)
        .flat_map(|it| &it.steps)
        .any(|it| denial(it).is_some());
    let named = question.ends.1.as_ref();
    let is_anybody = named.is_none_or(|it| it.starts_with("igw-"));
    let leaves = |step: &PathStep| is_anybody && matches!(step.hop, Hop::InternetGateway(_));
    let arrives = report.forward.reached.is_some() || report.forward.steps.iter().any(leaves);
    arrives && !denied
}

fn found(question: &Question, report: &PathReport, control: &Control) -> Value {
    let from = match &question.from {
        QuestionSource::Interface(id, _) => Some(id.clone()),
        QuestionSource::Internet(_) => None,
    };
    let to = report.forward.steps.last();
    let to = to.and_then(|step| interface_with(step.destination, control));
    let (source, destination) = &question.ends;
    // An instance stands beyond its interface where the path begins or ends at it.
    let at_end = |interface: Option<NetworkInterfaceId>, named: Option<&SmolStr>| End {
        instance: named.filter(|it| it.starts_with("i-")).cloned(),
        interface,
    };
    let ends = (at_end(from, Some(source)), at_end(to, destination.as_ref()));
    let there = header::of_forward(report);
    let back = report.back.as_ref().map(|it| {
        let headers = header::of_return(&there.1, it);
        components(it, (&ends.1, &ends.0), headers, control)
    });
    json!({
        "NetworkPathFound": true,
        "ForwardPathComponents":
            components(&report.forward, (&ends.0, &ends.1), there, control),
        "ReturnPathComponents": back.unwrap_or_default(),
    })
}

/// Where a path begins or ends, unless it is a gateway.
struct End {
    interface: Option<NetworkInterfaceId>,
    instance: Option<SmolStr>,
}

/// The interface that has a private address.
fn interface_with(address: IpAddr, control: &Control) -> Option<NetworkInterfaceId> {
    let mut interfaces = control.resources().network_interfaces.values();
    let found = interfaces.find(|it| {
        let mut own = it.private_ip_addresses.iter();
        own.any(|its| IpAddr::V4(its.private_ip_address) == address)
            || it.ipv6_addresses.iter().any(|its| address == *its)
    });
    found.map(|it| it.network_interface_id.clone())
}

/// The hops, between both ends. The first has the header that leaves it, the last the one that
/// comes to it; of gateways it is the other way round, since the internet is beyond them.
fn components(
    journey: &Journey,
    (from, to): (&End, &End),
    (first, last): (Header, Header),
    control: &Control,
) -> Vec<Value> {
    let interface = |end: &End| {
        let id = end.interface.clone()?;
        place(&Hop::Interface(id), control)
    };
    let instance = |end: &End| {
        let id = end.instance.as_ref()?;
        let mut shown = Map::new();
        shown.insert("Component".to_owned(), named("instance", id, control));
        Some(shown)
    };
    let is_end = |hop: &Hop| {
        let id = match hop {
            Hop::Interface(id) => Some(id),
            _ => None,
        };
        id.is_some() && (id == from.interface.as_ref() || id == to.interface.as_ref())
    };
    let steps = journey.steps.iter().filter(|step| !is_end(&step.hop));
    let steps = steps.filter_map(|step| component(step, control));
    let begin = instance(from).into_iter().chain(interface(from));
    let end = interface(to).into_iter().chain(instance(to));
    let mut shown: Vec<_> = begin.chain(steps).chain(end).collect();
    let member = |end: &End, here, beyond| match end.interface {
        Some(_) => here,
        None => beyond,
    };
    if let Some(shown) = shown.first_mut() {
        let name = member(from, "OutboundHeader", "InboundHeader");
        shown.insert(name.to_owned(), first.shown());
    }
    if let Some(shown) = shown.last_mut() {
        let name = member(to, "InboundHeader", "OutboundHeader");
        shown.insert(name.to_owned(), last.shown());
    }
    let numbered = (1..).zip(shown).map(|(number, mut shown)| {
        shown.insert("SequenceNumber".to_owned(), Value::from(number));
        shown.insert("AdditionalDetails".to_owned(), json!([]));
        shown.insert("Explanations".to_owned(), json!([]));
        Value::Object(shown)
    });
    numbered.collect()
}

/// A hop as the API shows it; none for machines, which it does not show.
fn component(step: &PathStep, control: &Control) -> Option<Map<String, Value>> {
    let mut shown = place(&step.hop, control)?;
    let mut add = |name: &str, value: Value| {
        shown.insert(name.to_owned(), value);
    };
    match &step.verdict {
        StepVerdict::Pass(PassDetail::Rule(id)) => {
            if let Some(rule) = rule(id, control) {
                add("SecurityGroupRule", rule);
            }
        }
        StepVerdict::Pass(PassDetail::Entry(entry)) => add("AclRule", acl_rule(entry)),
        StepVerdict::Pass(PassDetail::Route {
            destination,
            target,
        }) => {
            let mut route = route(destination, target);
            if let Some(origin) = origin(&step.hop, destination, control) {
                route["Origin"] = origin.into();
            }
            add("RouteTableRoute", route);
        }
        StepVerdict::Pass(PassDetail::TransitRoute {
            destination,
            attachment,
            ..
        }) => add(
            "TransitGatewayRouteTableRoute",
            json!({ "DestinationCidr": destination, "AttachmentId": attachment }),
        ),
        StepVerdict::Pass(PassDetail::Translated {
            source,
            destination,
        }) => {
            // What it changes; the rest stays as it is.
            let mut changed = Map::new();
            if source.0 != step.source {
                changed.insert(
                    "SourceAddresses".to_owned(),
                    json!([header::cidr(source.0)]),
                );
            }
            if destination.0 != step.destination {
                let to = json!([header::cidr(destination.0)]);
                changed.insert("DestinationAddresses".to_owned(), to);
            }
            if !changed.is_empty() {
                add("OutboundHeader", Value::Object(changed));
            }
        }
        _ => {}
    }
    Some(shown)
}

/// Who made the route of a table.
fn origin(hop: &Hop, destination: &RouteDestination, control: &Control) -> Option<&'static str> {
    let (Hop::RouteTable { route_table, .. } | Hop::GatewayRouteTable { route_table, .. }) = hop
    else {
        return None;
    };
    let table = control.resources().route_tables.get(route_table)?;
    let route = table
        .routes
        .iter()
        .find(|it| it.destination == *destination)?;
    Some(match route.origin {
        RouteOrigin::CreateRouteTable => "createroutetable",
        RouteOrigin::CreateRoute => "createroute",
        RouteOrigin::EnableVgwRoutePropagation => "enablevgwroutepropagation",
    })
}

/// Which component a hop is, and where it stands.
fn place(hop: &Hop, control: &Control) -> Option<Map<String, Value>> {
    let of = |kind: &str, id: &str| named(kind, id, control);
    let shown = match hop {
        Hop::Interface(id) | Hop::SourceDestCheck(id) => interface(id, control),
        Hop::SecurityGroup {
            interface, groups, ..
        } => json!({
            "Component": of("security-group", groups.first()?.as_str()),
            "AttachedTo": of("network-interface", interface.as_str()),
        }),
        Hop::NetworkAcl { acl, subnet, .. } => json!({
            "Component": of("network-acl", acl.as_str()),
            "Subnet": of("subnet", subnet.as_str()),
        }),
        Hop::RouteTable {
            route_table,
            subnet,
        } => json!({
            "Component": of("route-table", route_table.as_str()),
            "Subnet": of("subnet", subnet.as_str()),
        }),
        Hop::GatewayRouteTable { route_table, .. } => {
            json!({ "Component": of("route-table", route_table.as_str()) })
        }
        Hop::EgressOnlyInternetGateway(id) => {
            json!({ "Component": of("egress-only-internet-gateway", id.as_str()) })
        }
        Hop::InternetGateway(id) => {
            let mut shown = json!({ "Component": of("internet-gateway", id.as_str()) });
            let gateway = control.resources().internet_gateways.get(id);
            if let Some(vpc) = gateway.and_then(|it| it.vpc_id.as_ref()) {
                shown["Vpc"] = of("vpc", vpc.as_str());
            }
            shown
        }
        Hop::NatGateway(id) => json!({ "Component": of("natgateway", id.as_str()) }),
        Hop::TransitGateway(id) => json!({ "Component": of("transit-gateway", id.as_str()) }),
        Hop::VpcPeeringConnection(id) => {
            json!({ "Component": of("vpc-peering-connection", id.as_str()) })
        }
        Hop::VpnGateway(id) => json!({ "Component": of("vpn-gateway", id.as_str()) }),
        Hop::VpnConnection(id) => json!({ "Component": of("vpn-connection", id.as_str()) }),
        Hop::Vpc(id) => json!({ "Component": of("vpc", id.as_str()) }),
        Hop::VpcEndpoint(id) => json!({ "Component": of("vpc-endpoint", id.as_str()) }),
        _ => return None,
    };
    match shown {
        Value::Object(shown) => Some(shown),
        _ => None,
    }
}

fn interface(id: &NetworkInterfaceId, control: &Control) -> Value {
    let found = control.resources().network_interfaces.get(id);
    let attached = found.and_then(|it| it.attachment.as_ref()?.instance_id.as_ref());
    let mut shown = json!({ "Component": named("network-interface", id.as_str(), control) });
    if let Some(instance) = attached {
        shown["AttachedTo"] = named("instance", instance.as_str(), control);
    }
    if let Some(interface) = found {
        shown["Subnet"] = named("subnet", interface.subnet_id.as_str(), control);
        shown["Vpc"] = named("vpc", interface.vpc_id.as_str(), control);
    }
    shown
}

fn named(kind: &str, id: &str, control: &Control) -> Value {
    let (account, region) = control.owner_of(id);
    let arn = format!("arn:aws:ec2:{region}:{account}:{kind}/{id}");
    json!({ "Id": id, "Arn": arn })
}

fn rule(id: &SecurityGroupRuleId, control: &Control) -> Option<Value> {
    let groups = control.resources().security_groups.values();
    let mut rules = groups.flat_map(|it| &it.rules);
    let rule = rules.find(|it| it.security_group_rule_id == *id)?;
    let mut shown = json!({
        "Direction": if rule.is_egress { "egress" } else { "ingress" },
        "Protocol": rule.ip_protocol.to_string(),
    });
    match &rule.peer {
        RulePeer::Cidr(cidr) => shown["Cidr"] = json!(cidr),
        RulePeer::PrefixList(id) => shown["PrefixListId"] = json!(id),
        RulePeer::Group(id) => shown["SecurityGroupId"] = json!(id),
    }
    if let Some(ports) = rule.ports() {
        shown["PortRange"] = port_range(ports);
    }
    Some(shown)
}

fn port_range(ports: PortRange) -> Value {
    json!({ "From": ports.from, "To": ports.to })
}

fn acl_rule(entry: &NetworkAclEntry) -> Value {
    let protocol = match entry.protocol {
        IpProtocol::All => "all".to_owned(),
        protocol => protocol.to_string(),
    };
    let mut shown = json!({
        "Cidr": entry.cidr_block,
        "Egress": entry.egress,
        "Protocol": protocol,
        "RuleAction": entry.rule_action,
        "RuleNumber": entry.rule_number,
    });
    if let Some(ports) = entry.port_range {
        shown["PortRange"] = port_range(ports);
    }
    shown
}

fn route(destination: &RouteDestination, target: &RouteTarget) -> Value {
    let mut shown = match destination {
        RouteDestination::Cidr(cidr) => json!({ "DestinationCidr": cidr }),
        RouteDestination::PrefixList(id) => json!({ "DestinationPrefixListId": id }),
    };
    let (member, id) = match target {
        RouteTarget::Local => ("GatewayId", "local"),
        RouteTarget::InternetGateway(id) => ("GatewayId", id.as_str()),
        RouteTarget::VpnGateway(id) => ("GatewayId", id.as_str()),
        RouteTarget::VpcEndpoint(id) => ("GatewayId", id.as_str()),
        RouteTarget::EgressOnlyInternetGateway(id) => ("EgressOnlyInternetGatewayId", id.as_str()),
        RouteTarget::NatGateway(id) => ("NatGatewayId", id.as_str()),
        RouteTarget::NetworkInterface(id) => ("NetworkInterfaceId", id.as_str()),
        RouteTarget::TransitGateway(id) => ("TransitGatewayId", id.as_str()),
        RouteTarget::VpcPeeringConnection(id) => ("VpcPeeringConnectionId", id.as_str()),
    };
    shown[member] = id.into();
    shown["State"] = "active".into();
    shown
}

/// Every reason, there and back; where nothing stops the packet and nobody gets it, that.
fn explanations(question: &Question, report: &PathReport, control: &Control) -> Vec<Value> {
    let steps = journeys(report).flat_map(|it| &it.steps);
    let all = steps.filter_map(|step| Some(explanation(step, denial(step)?, control)));
    let mut all: Vec<Value> = all.collect();
    if all.is_empty()
        && let Some(why) = only_private(question, control)
    {
        all.push(why);
    }
    if all.is_empty() {
        let address = report.probe.to;
        all.push(json!({ "ExplanationCode": "NO_POSSIBLE_DESTINATION", "Address": address }));
    }
    all
}

/// What comes from the internet is for public addresses: a gateway has none for the interface.
fn only_private(question: &Question, control: &Control) -> Option<Value> {
    let QuestionSource::Internet(_) = question.from else {
        return None;
    };
    let (resources, source) = (control.resources(), question.ends.0.as_str());
    let gateway = resources
        .internet_gateways
        .get(&InternetGatewayId::new(source))?;
    let vpc = gateway.vpc_id.as_ref()?;
    let mut there = resources.network_interfaces.values();
    let nic = there.find(|nic| {
        let mut own = nic.private_ip_addresses.iter();
        nic.vpc_id == *vpc && own.any(|it| IpAddr::V4(it.private_ip_address) == question.to)
    })?;
    let gateway = named("internet-gateway", source, control);
    Some(json!({
        "ExplanationCode": ExplanationCode::IgwPrivateIpAssociationForIngress.as_str(),
        "Direction": "ingress",
        "Address": question.to,
        "Component": gateway,
        "InternetGateway": gateway,
        "NetworkInterface":
            named("network-interface", nic.network_interface_id.as_str(), control),
        "Vpc": named("vpc", vpc.as_str(), control),
    }))
}

fn explanation(step: &PathStep, reason: &DropReason, control: &Control) -> Value {
    let mut shown = place(&step.hop, control).unwrap_or_default();
    let mut add = |name: &str, value: Value| {
        shown.insert(name.to_owned(), value);
    };
    // Every explanation has a code; what the analyzer has no word for is simply no path.
    let code = reason.code().map_or("NO_PATH", ExplanationCode::as_str);
    add("ExplanationCode", code.into());
    if let Some(direction) = reason.direction() {
        let word = match direction {
            FlowDirection::Egress => "egress",
            FlowDirection::Ingress => "ingress",
        };
        add("Direction", word.into());
    }
    match &step.hop {
        Hop::SecurityGroup {
            interface, groups, ..
        } => {
            let groups = groups.iter();
            let groups: Vec<Value> = groups
                .map(|it| named("security-group", it.as_str(), control))
                .collect();
            add("SecurityGroups", groups.into());
            add(
                "NetworkInterface",
                named("network-interface", interface.as_str(), control),
            );
        }
        Hop::NetworkAcl { acl, .. } => {
            add("Acl", named("network-acl", acl.as_str(), control));
            if let Some(vpc) = control
                .resources()
                .network_acls
                .get(acl)
                .map(|it| &it.vpc_id)
            {
                add("Vpc", named("vpc", vpc.as_str(), control));
            }
        }
        Hop::RouteTable { route_table, .. } | Hop::GatewayRouteTable { route_table, .. } => {
            add(
                "RouteTable",
                named("route-table", route_table.as_str(), control),
            );
            add("Destination", json!({ "Id": step.destination }));
        }
        Hop::InternetGateway(id) => {
            add(
                "InternetGateway",
                named("internet-gateway", id.as_str(), control),
            );
        }
        Hop::NatGateway(id) => add("NatGateway", named("natgateway", id.as_str(), control)),
        Hop::TransitGateway(id) => {
            add(
                "TransitGateway",
                named("transit-gateway", id.as_str(), control),
            );
        }
        Hop::VpcPeeringConnection(id) => {
            let shown = named("vpc-peering-connection", id.as_str(), control);
            add("VpcPeeringConnection", shown);
        }
        _ => {}
    }
    add("Address", json!(step.destination));
    Value::Object(shown)
}
