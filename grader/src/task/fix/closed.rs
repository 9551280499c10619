//! What must stay closed and what must stay open: real packets where there is a machine to send
//! them, the rules of the receiving side where there is none.
//!
//! A flow may be many packets: a block of addresses, a range of ports. What the rules let in of
//! them is an exact set ([`Received`]), so the packet that is sent, or shown, is one of those that
//! get through if any does.

use std::net::IpAddr;

use wirelab_model::{IpNet, IpProtocol, NetworkInterface, Resources, SimDuration, Subnet};
use wirelab_scenario::{Intent as Flow, LabTask, Plan};
use wirelab_session::Run;
use wirelab_simulator::host::{Outcome, TrafficProgram, TrafficSpec};
use wirelab_simulator::reach::{Dimension, IpVersion, Packet, PacketSet};

use super::{Aftermath, least};
use crate::error::GradeError;
use crate::finding::{Finding, FindingKind};
use crate::material::Material;
use crate::reach::{self, Control, Decisions, Direction, Intent};

/// How long a probe waits: several retransmissions of a SYN.
const PATIENCE: SimDuration = SimDuration::from_secs(8);
/// So many addresses of a block are probed.
const PROBED: usize = 8;

/// Flows that must stay closed and are not.
pub(super) fn opened(
    material: &Material<'_>,
    task: &LabTask,
    after: &Aftermath<'_>,
) -> Result<Vec<Finding>, GradeError> {
    let mut findings = Vec::new();
    for text in &after.task.must_deny {
        let flow = flow(material, task, after, text)?;
        let open = Received::of(after.run, &flow).let_in.sample();
        let arrives = match &flow.from.host {
            Some(host) => gets_through(after.run, host, &flow, open)?,
            None => open.map(|packet| packet.to_string()),
        };
        if let Some(packet) = arrives {
            let summary = format!("`{text}` must stay closed and gets through");
            let finding = Finding::new(FindingKind::MustDenyOpen, summary).expected("DROP");
            findings.push(finding.observed(format!("{packet} arrives")));
        }
    }
    Ok(findings)
}

/// The packets that must stay out, as the task says.
pub(super) fn must_stay(
    material: &Material<'_>,
    task: &LabTask,
    after: &Aftermath<'_>,
) -> Result<PacketSet, GradeError> {
    let mut closed = PacketSet::empty();
    for text in &after.task.must_deny {
        let flow = flow(material, task, after, text)?;
        closed = closed.union(&least::intent(after.run.plan(), &flow).requests());
    }
    Ok(closed)
}

/// Flows that must stay open and are not.
pub(super) fn shut(
    material: &Material<'_>,
    task: &LabTask,
    after: &Aftermath<'_>,
) -> Result<Vec<Finding>, GradeError> {
    let mut findings = Vec::new();
    for text in &after.task.must_allow {
        let flow = flow(material, task, after, text)?;
        let received = Received::of(after.run, &flow);
        let refused = received.refused.sample();
        let lost = match &flow.from.host {
            Some(host) => match gets_through(after.run, host, &flow, refused)? {
                Some(_) => None,
                None => Some("silence".to_owned()),
            },
            None if received.is_empty() => Some("nobody has that address".to_owned()),
            None => refused.map(|packet| format!("{packet} is dropped")),
        };
        if let Some(observed) = lost {
            let summary = format!("`{text}` must stay open and is dropped");
            let finding = Finding::new(FindingKind::MustAllowClosed, summary);
            findings.push(finding.expected("an answer").observed(observed));
        }
    }
    Ok(findings)
}

fn flow(
    material: &Material<'_>,
    task: &LabTask,
    after: &Aftermath<'_>,
    text: &str,
) -> Result<Flow, GradeError> {
    let plan = after.run.plan();
    let flow = plan.flow(text);
    let flow = flow.map_err(|error| material.mistake(task, error.to_string()))?;
    if flow.from.blocks.is_empty() || flow.to.blocks.is_empty() {
        return Err(material.mistake(task, format!("`{text}` has an end without an address")));
    }
    Ok(flow)
}

/// Sends real packets on copies of the network, to each address of the flow's end, to the port of
/// `like` if there is one: which of them arrived first. A refusal is an arrival: something
/// answered.
fn gets_through(
    run: &Run,
    host: &str,
    flow: &Flow,
    like: Option<Packet>,
) -> Result<Option<String>, GradeError> {
    let port = like.map_or(flow.ports.from, |packet| packet.destination_port);
    let protocol = match flow.protocol {
        IpProtocol::All => like.map_or(IpProtocol::TCP, |it| IpProtocol::Number(it.protocol)),
        protocol => protocol,
    };
    let mut targets = targets(run.control().resources(), flow);
    // The one that the rules let in first.
    targets.sort_by_key(|it| like.is_none_or(|packet| packet.destination != *it));
    for to in targets.into_iter().take(PROBED) {
        if arrives(run, host, (to, port), protocol)? {
            let port = match protocol {
                IpProtocol::TCP | IpProtocol::UDP => format!(":{port}"),
                _ => String::new(),
            };
            return Ok(Some(format!("{host} > {to}{port} {protocol}")));
        }
    }
    Ok(None)
}

/// Addresses of the flow's end: its own, or those that somebody has in its blocks.
fn targets(resources: &Resources, flow: &Flow) -> Vec<IpAddr> {
    let interfaces = resources.network_interfaces.values();
    let own: Vec<_> = interfaces.flat_map(|it| addresses(it)).collect();
    let mut targets = Vec::new();
    for block in &flow.to.blocks {
        if block.prefix_len() == block.max_prefix_len() {
            targets.push(block.addr());
        } else {
            let inside = own.iter().map(|(private, _)| *private);
            targets.extend(inside.filter(|it| block.contains(it)));
        }
    }
    targets
}

fn arrives(
    run: &Run,
    host: &str,
    (to, port): (IpAddr, u16),
    protocol: IpProtocol,
) -> Result<bool, GradeError> {
    let mut copy = run.clone();
    let name = format!("probe {to}");
    copy.start_traffic(TrafficSpec {
        to_name: None,
        name: name.as_str().into(),
        from: host.into(),
        to,
        port,
        program: program(protocol),
        every: PATIENCE,
        first_at: copy.now(),
        timeout: PATIENCE,
        count: Some(1),
        bind: false,
    })?;
    copy.advance(copy.now() + PATIENCE.saturating_mul(2))?;
    let answered = copy.evidence().exchanges(&name).any(|event| {
        matches!(
            event.outcome,
            Outcome::Completed | Outcome::Refused | Outcome::Reset
        )
    });
    Ok(answered)
}

const fn program(protocol: IpProtocol) -> TrafficProgram {
    match protocol {
        IpProtocol::UDP => TrafficProgram::Udp { bytes: 32 },
        IpProtocol::ICMP => TrafficProgram::Ping {
            size: 56,
            dont_fragment: false,
        },
        _ => TrafficProgram::Connect,
    }
}

/// The first packets of a flow as the receivers' network ACLs and security groups judge them.
/// Routes are taken as open: an attacker may be anywhere.
#[derive(Default)]
struct Received {
    let_in: PacketSet,
    refused: PacketSet,
}

impl Received {
    fn of(run: &Run, flow: &Flow) -> Self {
        let resources = run.control().resources();
        let mut received = Self::default();
        for interface in resources.network_interfaces.values() {
            for (private, public) in addresses(interface) {
                let mut ends = std::iter::once(private).chain(public);
                if ends.any(|end| flow.to.blocks.iter().any(|block| block.contains(&end))) {
                    received.at(run.plan(), resources, interface, private, flow);
                }
            }
        }
        received
    }

    /// Adds what comes to one address of an interface.
    fn at(
        &mut self,
        plan: &Plan,
        resources: &Resources,
        interface: &NetworkInterface,
        address: IpAddr,
        flow: &Flow,
    ) {
        let sent = Intent {
            servers: vec![IpNet::from(address)],
            ..least::intent(plan, flow)
        };
        let sent = sent.requests();
        let subnet = resources.subnets.get(&interface.subnet_id);
        // What does not leave the subnet passes no network ACL.
        let near = subnet.map_or_else(PacketSet::empty, |subnet| from_inside(&sent, subnet));
        let list = Control::NetworkAcl {
            subnet: interface.subnet_id.clone(),
            direction: Direction::Ingress,
        };
        let groups = (!interface.groups.is_empty()).then(|| Control::SecurityGroups {
            interface: interface.network_interface_id.clone(),
            direction: Direction::Ingress,
        });
        if reach::too_many(resources).is_some() {
            self.packet_by_packet(resources, &sent, &near, (&list, groups.as_ref()));
            return;
        }
        let by_list = list.allows(resources).unwrap_or_default();
        let mut let_in = sent.intersect(&by_list).union(&near);
        if let Some(groups) = groups {
            let_in = let_in.intersect(&groups.allows(resources).unwrap_or_default());
        }
        let refused = sent.subtract(&let_in);
        self.let_in = std::mem::take(&mut self.let_in).union(&let_in);
        self.refused = std::mem::take(&mut self.refused).union(&refused);
    }

    /// The same by packets of the flow, where the rules are too many for sets: at its ends, and
    /// where it meets a rule.
    fn packet_by_packet(
        &mut self,
        resources: &Resources,
        sent: &PacketSet,
        near: &PacketSet,
        (list, groups): (&Control, Option<&Control>),
    ) {
        let list = Decisions::of(list, resources);
        let groups = groups.and_then(|it| Decisions::of(it, resources));
        let rules: Vec<&Decisions> = list.iter().chain(&groups).collect();
        for packet in reach::packets(sent, &rules) {
            let by_list = list.as_ref().is_some_and(|it| it.passes(&packet));
            let passes = by_list || near.contains(&packet);
            let passes = passes && groups.as_ref().is_none_or(|it| it.passes(&packet));
            let side = match passes {
                true => &mut self.let_in,
                false => &mut self.refused,
            };
            if !side.contains(&packet) {
                *side = std::mem::take(side).union(&reach::one(&packet));
            }
        }
    }

    /// Whether nobody receives it.
    const fn is_empty(&self) -> bool {
        self.let_in.is_empty() && self.refused.is_empty()
    }
}

/// The part of `packets` that comes from the subnet itself.
fn from_inside(packets: &PacketSet, subnet: &Subnet) -> PacketSet {
    let blocks = [
        Some(IpNet::from(subnet.cidr_block)),
        subnet.ipv6_cidr_block.map(IpNet::from),
    ];
    let mut near = PacketSet::empty();
    for region in packets.regions() {
        let of_its_version = blocks.iter().flatten();
        let of_its_version = of_its_version.filter(|it| region.version == IpVersion::of(it));
        of_its_version
            .filter_map(|block| region.clone().with(Dimension::Source, *block))
            .for_each(|it| near.insert(it));
    }
    near
}

/// Private addresses, each with its public one.
fn addresses(interface: &NetworkInterface) -> Vec<(IpAddr, Option<IpAddr>)> {
    let v4 = interface.private_ip_addresses.iter().map(|it| {
        let public = it.association.as_ref().map(|it| it.public_ip.into());
        (IpAddr::from(it.private_ip_address), public)
    });
    let v6 = interface.ipv6_addresses.iter();
    v4.chain(v6.map(|it| (IpAddr::from(*it), None))).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use wirelab_model::{Seed, SimTime};
    use wirelab_scenario::Scenario;
    use wirelab_simulator::Observe;

    use super::*;

    /// Replication works still; the fault comes later.
    fn run() -> Run {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/nacl-ephemeral");
        let scenario = Scenario::load(&folder).expect("a scenario");
        let plan = scenario.compile(Seed::whole(1)).expect("a plan");
        let mut run = Run::new(plan, Observe::default()).expect("a run");
        run.advance(SimTime::ZERO + SimDuration::from_secs(60))
            .expect("a minute");
        run
    }

    fn flow(run: &Run, text: &str) -> Flow {
        run.plan().flow(text).expect("a flow")
    }

    #[test]
    fn blocks_and_ranges_are_judged_as_a_whole() {
        let run = run();
        let received = |text| Received::of(&run, &flow(&run, text));
        let one = received("subnet.replica -> subnet.primary:5430-5440/tcp");
        let open = one.let_in.sample().expect("the database's port");
        assert_eq!(open.destination_port, 5432);
        assert!(!one.refused.is_empty(), "the others are closed");
        let none = received("198.51.100.0/24 -> subnet.primary:5432/tcp");
        assert!(none.let_in.is_empty() && !none.refused.is_empty());
        let near = received("subnet.primary -> instance.primary:5432/tcp");
        assert!(!near.let_in.is_empty(), "no list is between them");
        assert!(received("198.51.100.7/32 -> 192.0.2.1/32:80/tcp").is_empty());
    }

    #[test]
    fn a_real_packet_goes_where_the_rules_have_a_hole() {
        let run = run();
        let sent = |text| {
            let flow = flow(&run, text);
            let open = Received::of(&run, &flow).let_in.sample();
            let host = flow.from.host.clone().expect("a machine");
            gets_through(&run, &host, &flow, open).expect("a run")
        };
        let arrives = sent("instance.app -> subnet.primary:5430-5440/tcp");
        let arrives = arrives.expect("the database answers");
        assert!(arrives.ends_with(":5432 tcp"), "{arrives}");
        assert_eq!(sent("instance.app -> subnet.primary:5433-5440/tcp"), None);
    }
}
