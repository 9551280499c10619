//! What a repair did beside the repair: machines and flow logs that are gone, resources that were
//! removed, what has to be paid for from now on.
//!
//! It is the difference of two worlds, the repaired one and the one that nobody touched. Which
//! resources a repair needs is not known (any that works is right), so most of it is a remark; a
//! machine that ran, a flow log that recorded, names that were answered are nobody's fault, and
//! their loss is harm.

use std::collections::BTreeSet;

use wirelab_model::{
    Change, Instance, InstanceState, NatGateway, NatGatewayState, Resource, ResourceRef, Resources,
    VpcEndpointType,
};

use super::Aftermath;
use super::least::named;
use crate::finding::{Finding, FindingKind};

/// So many removed resources are named.
const NAMED: usize = 5;

/// A finding a machine, flow log or service of AWS's own that ran and does not any more, but for
/// the machines whose traffic is the symptom, of which something is said elsewhere.
pub(super) fn lost(after: &Aftermath<'_>) -> Vec<Finding> {
    let names = &after.run.plan().names;
    let (was, now) = worlds(after);
    let clients: BTreeSet<&str> = after
        .task
        .succeeds
        .iter()
        .filter_map(|wanted| {
            let mut traffic = after.run.plan().traffic.iter();
            let spec = traffic.find(|spec| spec.name == wanted.traffic)?;
            let id = names.id(&format!("instance.{}", spec.from))?;
            Some(id.as_str())
        })
        .collect();
    let runs = |it: &Instance| it.state == InstanceState::Running;
    let machines = was.instances.values().filter(|it| runs(it));
    let machines = machines.filter_map(|it| {
        let id = it.instance_id.as_str();
        let now = now.instances.get(&it.instance_id);
        let state = match now.map(|now| now.state) {
            Some(InstanceState::Running | InstanceState::Pending) => return None,
            Some(InstanceState::Stopping | InstanceState::Stopped) => "stopped",
            _ => "terminated",
        };
        let is_client = clients.contains(id);
        (!is_client).then_some((id, state))
    });
    let logs = was.flow_logs.keys();
    let logs = logs.filter(|id| !now.flow_logs.contains_key(*id));
    let logs = logs.map(|id| (id.as_str(), "deleted"));
    let resolvers = was.vpcs.values().filter(|it| it.enable_dns_support);
    let resolvers = resolvers.filter_map(|it| {
        let now = now.vpcs.get(&it.vpc_id)?;
        (!now.enable_dns_support).then_some((it.vpc_id.as_str(), "turned off the name server of"))
    });
    let metadata = was.instances.values();
    let metadata = metadata.filter_map(|it| {
        let now = now.instances.get(&it.instance_id)?;
        let is_off = it.metadata_options.http_endpoint && !now.metadata_options.http_endpoint;
        is_off.then_some((
            it.instance_id.as_str(),
            "turned off the metadata service of",
        ))
    });
    let finding = |(id, what): (&str, &str)| {
        let summary = format!("you also {what} {}", named(names, id));
        let finding = Finding::new(FindingKind::ResourceLost, summary);
        finding.expected("it goes on as before").observed(what)
    };
    let services = resolvers.chain(metadata);
    machines.chain(logs).chain(services).map(finding).collect()
}

/// Other resources that are gone, for the learner to know.
pub(super) fn removed(after: &Aftermath<'_>) -> Option<Finding> {
    let names = &after.run.plan().names;
    let (was, now) = worlds(after);
    let is_gone = |it: &NatGateway| {
        let ends = [NatGatewayState::Deleting, NatGatewayState::Deleted];
        let had = was.nat_gateways.get(&it.nat_gateway_id);
        ends.contains(&it.state) && had.is_some_and(|it| it.state == NatGatewayState::Available)
    };
    let gone = was.diff(now).into_iter().filter_map(|change| match change {
        // It is described for an hour after its end.
        Change::Put(Resource::NatGateway(it)) if is_gone(&it) => {
            Some(named(names, it.nat_gateway_id.as_str()))
        }
        Change::Remove(ResourceRef::Instance(_) | ResourceRef::FlowLog(_)) => None,
        // They go with what they belong to.
        Change::Remove(ResourceRef::NetworkInterface(_)) => None,
        Change::Remove(it) => Some(named(names, it.as_str())),
        Change::Put(_) => None,
    });
    let mut gone: Vec<String> = gone.collect();
    if gone.is_empty() {
        return None;
    }
    let more = gone.len().saturating_sub(NAMED);
    gone.truncate(NAMED);
    let mut summary = format!("gone since the lab opened: {}", gone.join(", "));
    if more > 0 {
        summary.push_str(&format!(" and {more} more"));
    }
    Some(Finding::new(FindingKind::ResourceRemoved, summary))
}

/// `2 calls, 1 command; billed by the hour from now on: 1 NAT gateway`.
pub(super) fn effort(after: &Aftermath<'_>, calls: usize, commands: usize) -> String {
    let count = |n: usize, what: &str| match n {
        0 => None,
        1 => Some(format!("1 {what}")),
        n => Some(format!("{n} {what}s")),
    };
    let done = [count(calls, "call"), count(commands, "command")];
    let done: Vec<String> = done.into_iter().flatten().collect();
    let (was, now) = worlds(after);
    let mut billed: Vec<(&str, usize)> = Vec::new();
    for change in was.diff(now) {
        let Change::Put(resource) = change else {
            continue;
        };
        if let Some(kind) = billed_as(&resource).filter(|_| !was.contains(&resource.reference())) {
            match billed.iter_mut().find(|(known, _)| *known == kind) {
                Some((_, n)) => *n += 1,
                None => billed.push((kind, 1)),
            }
        }
    }
    let billed: Vec<String> = billed
        .into_iter()
        .filter_map(|(kind, n)| count(n, kind))
        .collect();
    let cost = match billed.is_empty() {
        true => "costs nothing more".to_owned(),
        false => format!("billed by the hour from now on: {}", billed.join(", ")),
    };
    format!("{}; {cost}", done.join(", "))
}

/// What AWS bills by the hour while it is there (Amazon VPC pricing; AWS PrivateLink, Transit
/// Gateway and VPN pricing).
fn billed_as(resource: &Resource) -> Option<&'static str> {
    Some(match resource {
        Resource::NatGateway(_) => "NAT gateway",
        Resource::Address(_) => "public IPv4 address",
        Resource::Instance(_) => "instance",
        Resource::VpnConnection(_) => "VPN connection",
        Resource::TransitGatewayAttachment(_) => "transit gateway attachment",
        Resource::VpcEndpoint(it) if it.vpc_endpoint_type == VpcEndpointType::Interface => {
            "interface endpoint"
        }
        _ => return None,
    })
}

fn worlds<'a>(after: &'a Aftermath<'_>) -> (&'a Resources, &'a Resources) {
    let was = after.untouched.control().resources();
    (was, after.run.control().resources())
}
