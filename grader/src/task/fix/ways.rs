//! Ways that a repair opened: flows end to end between places that had nothing to do with each
//! other, as a route or a peering connection opens them while every list and group stays as it was.

use ipnet::IpNet;
use wirelab_model::Resources;
use wirelab_scenario::Plan;
use wirelab_session::Run;
use wirelab_simulator::Observe;
use wirelab_simulator::reach::{Dimension, End, IpVersion, PacketSet, Reach, Region, reach};

use super::Aftermath;
use super::least::named;
use super::lost::Reached;
use crate::error::GradeError;
use crate::finding::{Finding, FindingKind, PACKETS_WAY};
use crate::reach::subnet_of;

/// One finding a pair of ends between which something gets through now that neither would if
/// nobody had done anything nor did before something broke, and between whose subnets no flow is
/// meant.
///
/// Routes tell no ports, so neither does this; what lists and groups let in beyond what is meant is
/// found control by control.
pub(super) fn opened(after: &Aftermath<'_>, reached: &Reached) -> Result<Vec<Finding>, GradeError> {
    let plan = after.run.plan();
    let observe = Observe {
        captures: false,
        flow_records: false,
        drops: false,
        metrics: false,
    };
    let unbroken = Run::new(plan.clone(), observe)?;
    let new = reached
        .now
        .difference(&reached.untouched)
        .difference(&reach(unbroken.world()));
    let resources = after.run.control().resources();
    Ok(findings(plan, resources, &new))
}

fn findings(plan: &Plan, resources: &Resources, new: &Reach) -> Vec<Finding> {
    let meant = meant(plan, resources);
    let mut findings = Vec::new();
    for (from, to, flows) in new.flows() {
        let excess = flows.delivered.clone().subtract(&meant).coalesce();
        let Some(sample) = excess.sample() else {
            continue;
        };
        let (from, to) = (name(plan, from), name(plan, to));
        let summary = format!("you also opened a way from {from} to {to}");
        let finding = Finding::new(FindingKind::TooOpen, summary);
        let sample = format!("counterexample  {sample}  was DROP, arrives now, no intent");
        let mut finding = finding.evidence(sample);
        let boxes = excess.regions().iter().take(3);
        finding.evidence.extend(boxes.map(line));
        findings.push(finding.see(PACKETS_WAY));
    }
    findings
}

fn line(region: &Region) -> String {
    format!(
        "{} from {} to {}",
        region.what(),
        region.addresses(Dimension::Source),
        region.addresses(Dimension::Destination),
    )
}

fn name(plan: &Plan, end: &End) -> String {
    match end {
        End::Vpc(id) => named(&plan.names, id.as_str()),
        End::Internet => "the internet".to_owned(),
        End::CustomerGateway(id) => named(&plan.names, id.as_str()),
        End::VpcEndpoint(id) => named(&plan.names, id.as_str()),
    }
}

/// Everything between the subnets of ends between which some flow is meant, either way.
fn meant(plan: &Plan, resources: &Resources) -> PacketSet {
    let mut meant = PacketSet::empty();
    for intent in &plan.intents {
        for from in &intent.from.blocks {
            for to in &intent.to.blocks {
                let (from, to) = (subnet_of(resources, from), subnet_of(resources, to));
                for (source, destination) in [(from, to), (to, from)] {
                    between(source, destination).for_each(|it| meant.insert(it));
                }
            }
        }
    }
    meant
}

fn between(source: IpNet, destination: IpNet) -> impl Iterator<Item = Region> {
    let version = IpVersion::of(&source);
    let all = Region::rule_protocol(version, wirelab_model::IpProtocol::All).into_iter();
    let same = version == IpVersion::of(&destination);
    all.filter(move |_| same).filter_map(move |region| {
        region
            .with(Dimension::Source, source)?
            .with(Dimension::Destination, destination)
    })
}
