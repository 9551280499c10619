//! What must stay closed and what must stay open: real packets where there is a machine to send
//! them, the rules of the receiving side where there is none.

use wirelab_model::{IpProtocol, NetworkInterface, Resources, SimDuration};
use wirelab_scenario::{Intent as Flow, LabTask};
use wirelab_session::Run;
use wirelab_simulator::host::{Outcome, TrafficProgram, TrafficSpec};
use wirelab_simulator::reach::Packet;

use super::Aftermath;
use crate::error::GradeError;
use crate::finding::{Finding, FindingKind};
use crate::material::Material;
use crate::reach::{Control, Direction};

/// How long a probe waits: several retransmissions of a SYN.
const PATIENCE: SimDuration = SimDuration::from_secs(8);
/// A port that every system may use as a client.
const CLIENT_PORT: u16 = 50000;

/// Flows that must stay closed and are not.
pub(super) fn opened(
    material: &Material<'_>,
    task: &LabTask,
    after: &Aftermath<'_>,
) -> Result<Vec<Finding>, GradeError> {
    let mut findings = Vec::new();
    for text in &after.task.must_deny {
        let flow = flow(material, task, after, text)?;
        if gets_through(after.run, &flow)? {
            let summary = format!("`{text}` must stay closed and gets through");
            let finding = Finding::new(FindingKind::MustDenyOpen, summary);
            findings.push(finding.expected("DROP").observed("a packet arrives"));
        }
    }
    Ok(findings)
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
        if !gets_through(after.run, &flow)? {
            let summary = format!("`{text}` must stay open and is dropped");
            let finding = Finding::new(FindingKind::MustAllowClosed, summary);
            findings.push(finding.expected("an answer").observed("silence"));
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

fn gets_through(run: &Run, flow: &Flow) -> Result<bool, GradeError> {
    match &flow.from.host {
        Some(host) => fire(run, host, flow),
        None => Ok(rules_allow(run.control().resources(), flow)),
    }
}

/// Sends a real packet on a copy of the network. A refusal is an arrival: something answered.
fn fire(run: &Run, host: &str, flow: &Flow) -> Result<bool, GradeError> {
    let mut copy = run.clone();
    let name = format!("probe {}", flow.text);
    copy.start_traffic(TrafficSpec {
        to_name: None,
        name: name.as_str().into(),
        from: host.into(),
        to: flow.to.blocks[0].addr(),
        port: flow.ports.from,
        program: program(flow.protocol),
        every: PATIENCE,
        first_at: copy.now(),
        timeout: PATIENCE,
        count: Some(1),
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

/// Whether the receiver's network ACL and security groups let the first packet in. Routes are taken
/// as open: an attacker may be anywhere.
fn rules_allow(resources: &Resources, flow: &Flow) -> bool {
    let destination = flow.to.blocks[0].addr();
    let has = |it: &&NetworkInterface| {
        let mut own = it.private_ip_addresses.iter();
        own.any(|own| std::net::IpAddr::from(own.private_ip_address) == destination)
    };
    let mut interfaces = resources.network_interfaces.values().map(AsRef::as_ref);
    let Some(interface) = interfaces.find(has) else {
        return false;
    };
    let (source_port, destination_port, protocol) = match (flow.protocol, flow.icmp) {
        (IpProtocol::ICMP, icmp) => {
            let of = |value: i16| u16::try_from(value).unwrap_or(0);
            let (kind, code) = icmp.map_or((8, 0), |it| (of(it.icmp_type), of(it.code)));
            (kind, code, 1)
        }
        (IpProtocol::Number(number), _) => (CLIENT_PORT, flow.ports.from, number),
        (IpProtocol::All, _) => (CLIENT_PORT, flow.ports.from, 6),
    };
    let packet = Packet {
        source: flow.from.blocks[0].addr(),
        destination,
        protocol,
        source_port,
        destination_port,
        reply: false,
    };
    let controls = [
        Control::NetworkAcl {
            subnet: interface.subnet_id.clone(),
            direction: Direction::Ingress,
        },
        Control::SecurityGroups {
            interface: interface.network_interface_id.clone(),
            direction: Direction::Ingress,
        },
    ];
    controls.iter().all(|control| {
        let allowed = control.allows(resources);
        allowed.is_some_and(|allowed| allowed.contains(&packet))
    })
}
