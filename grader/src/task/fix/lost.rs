//! What no longer gets through: the other side of least privilege, as exactly.
//!
//! Traffic that runs shows a loss only where it happens to pass. So the sets of what gets through
//! and is answered ([`reach`]), less what machines themselves stop, are compared: of the network
//! that nobody touched and of the repaired one, within what is meant; and for the complaint, every
//! port that its client may take. Lists, groups, routes, gateways and the machines' firewalls count
//! alike, since only what arrives does.

use std::net::IpAddr;

use wirelab_model::{IpNet, IpProtocol};
use wirelab_scenario::Succeeds;
use wirelab_session::Run;
use wirelab_simulator::World;
use wirelab_simulator::host::{TrafficProgram, TrafficSpec};
use wirelab_simulator::path::{Answer, Origin, Probe, ProbeProtocol, explain};
use wirelab_simulator::reach::{Dimension, Interval, IpVersion, Packet, PacketSet, Reach, Region};

use super::Aftermath;
use super::least::{self, named};
use crate::finding::{Finding, FindingKind, PACKETS_WAY};
use crate::reach::too_many;

/// So many boxes of a loss are told.
const TOLD: usize = 4;

/// What gets through, of both networks.
pub(super) struct Reached {
    pub(super) untouched: Reach,
    pub(super) now: Reach,
}

impl Reached {
    /// `None` where the rules are too many: traffic that runs shows what is lost then.
    pub(super) fn of(after: &Aftermath<'_>) -> Option<Self> {
        let networks = [after.untouched, after.run];
        let resources = networks.map(|run| run.control().resources());
        if resources.iter().any(|it| too_many(it).is_some()) {
            return None;
        }
        let [untouched, now] = networks.map(|run| wirelab_simulator::reach::reach(run.world()));
        Some(Self { untouched, now })
    }
}

/// One finding for each flow that is meant, worked if nobody had done anything, and does not now.
/// `closed` are those that must stay so.
pub(super) fn shut_out(
    after: &Aftermath<'_>,
    reached: &Reached,
    closed: &PacketSet,
) -> Vec<Finding> {
    let plan = after.run.plan();
    let gone = answered(&reached.untouched.difference(&reached.now));
    let (before, now) = (answered(&reached.untouched), answered(&reached.now));
    let themselves = to_themselves(after.run);
    let intents = plan.intents.iter();
    let findings = intents.filter_map(|declared| {
        let meant = least::needed(plan, declared)
            .requests()
            .subtract(closed)
            .subtract(&themselves);
        // What goes another way now gets through all the same.
        let by_network = gone.intersect(&meant).subtract(&now);
        let still = now.intersect(&meant).intersect(&before);
        let by_machines =
            stopped(after.run.world(), &still).subtract(&stopped(after.untouched.world(), &still));
        let lost = by_network.union(&by_machines).coalesce();
        let sample = sample(after.run, &lost)?;
        let summary = format!("you also shut out `{}`", declared.text);
        let finding = Finding::new(FindingKind::TooClosed, summary);
        let finding = finding.evidence(format!(
            "counterexample  {sample}  was answered, is not any more, and is meant to be"
        ));
        Some(told(after, finding, &lost, &sample))
    });
    findings.collect()
}

/// One finding for each complaint that is settled for some of its client's ports and not for the
/// others, which the next connections take.
pub(super) fn in_part(after: &Aftermath<'_>, reached: &Reached) -> Vec<Finding> {
    let succeeds = after.task.succeeds.iter();
    succeeds
        .filter_map(|wanted| works_in_part(after, reached, wanted))
        .collect()
}

fn works_in_part(after: &Aftermath<'_>, reached: &Reached, wanted: &Succeeds) -> Option<Finding> {
    let mut traffic = after.run.plan().traffic.iter();
    let spec = traffic.find(|spec| spec.name == wanted.traffic)?;
    let (from, to) = after.run.world().host(&spec.from)?.local_port_range();
    let all = Interval::new(from.into(), to.into())?;
    let sent = opens(after.run, spec, all)?;
    let through = answered(&reached.now).intersect(&sent);
    let through = through.subtract(&stopped(after.run.world(), &sent));
    // Where nothing is seen to get through, the exchanges themselves tell whether it works.
    let works = through.regions().first()?.side(Dimension::Source).clone();
    let mut lost = PacketSet::empty();
    for region in sent.subtract(&through).regions() {
        let region = region.clone().with(Dimension::Source, works.clone());
        region.into_iter().for_each(|it| lost.insert(it));
    }
    let lost = lost.coalesce();
    let sample = sample(after.run, &lost)?;
    let ports: u128 = lost
        .regions()
        .iter()
        .map(|it| it.side(Dimension::SourcePort).count())
        .sum();
    let summary = format!(
        "`{}` works from some of its ports alone: {ports} of {} get no answer",
        wanted.traffic,
        all.count(),
    );
    let finding = Finding::new(FindingKind::WorksInPart, summary);
    let finding = finding.expected(format!(
        "any port that `{}` may take for its next connection: {from}-{to}",
        spec.from
    ));
    let finding = finding.evidence(format!("counterexample  {sample}  is not answered"));
    Some(told(after, finding, &lost, &sample))
}

/// The packets that open the connections of a traffic program.
fn opens(run: &Run, spec: &TrafficSpec, ports: Interval) -> Option<PacketSet> {
    let protocol = match spec.program.inside() {
        TrafficProgram::Udp { .. } | TrafficProgram::Ntp | TrafficProgram::Dns { .. } => {
            IpProtocol::UDP
        }
        TrafficProgram::Ping { .. } => return None,
        _ => IpProtocol::TCP,
    };
    let host = run.world().host(&spec.from)?;
    let own = host.interfaces().iter().flat_map(|it| &it.addresses);
    let mut sent = PacketSet::empty();
    for source in own.map(IpNet::addr) {
        let whole = Region::rule_protocol(IpVersion::of_address(spec.to), protocol);
        let regions = whole.into_iter().filter_map(|region| {
            region
                .with(Dimension::Source, IpNet::from(source))?
                .with(Dimension::Destination, IpNet::from(spec.to))?
                .with(Dimension::SourcePort, ports)?
                .with(
                    Dimension::DestinationPort,
                    Interval::single(spec.port.into()),
                )?
                .with(Dimension::Reply, Interval::single(0))
        });
        if IpVersion::of_address(source) == IpVersion::of_address(spec.to) {
            regions.for_each(|it| sent.insert(it));
        }
    }
    Some(sent)
}

/// Everything that is answered, from wherever it comes.
fn answered(reach: &Reach) -> PacketSet {
    let mut all = PacketSet::empty();
    for (_, _, flows) in reach.flows() {
        all = all.union(&flows.answered);
    }
    all
}

fn stopped(world: &World, packets: &PacketSet) -> PacketSet {
    let machines = world.stopped_by_machines(packets).into_iter();
    machines.fold(PacketSet::empty(), |all, (_, its)| all.union(&its))
}

/// What machines would send to their own addresses: it crosses no network.
fn to_themselves(run: &Run) -> PacketSet {
    let mut own = PacketSet::empty();
    for address in addresses(run.world()) {
        let version = IpVersion::of_address(address);
        for region in Region::rule_protocol(version, IpProtocol::All) {
            let region = region.with(Dimension::Source, IpNet::from(address));
            let region =
                region.and_then(|it| it.with(Dimension::Destination, IpNet::from(address)));
            region.into_iter().for_each(|it| own.insert(it));
        }
    }
    own
}

fn addresses(world: &World) -> impl Iterator<Item = IpAddr> + '_ {
    let interfaces = world.hosts().flat_map(|host| host.interfaces());
    interfaces.flat_map(|it| it.addresses.iter().map(IpNet::addr))
}

/// One of the packets, between machines that are there if it can be.
fn sample(run: &Run, lost: &PacketSet) -> Option<Packet> {
    let at = |region: &Region, side| {
        let mut known = addresses(run.world());
        let known = known.find_map(|it| {
            let is_version = IpVersion::of_address(it) == region.version;
            is_version.then(|| region.clone().with(side, IpNet::from(it)))?
        });
        known.unwrap_or_else(|| region.clone())
    };
    let region = lost.regions().first()?;
    let region = at(&at(region, Dimension::Destination), Dimension::Source);
    let mut one = PacketSet::empty();
    one.insert(region);
    one.sample()
}

/// Adds what stops the sample, and how much else is lost.
fn told(after: &Aftermath<'_>, finding: Finding, lost: &PacketSet, sample: &Packet) -> Finding {
    let mut finding = finding;
    if let Some(by) = stopped_by(after.run, sample) {
        finding = finding.evidence(format!("by  {}", named(&after.run.plan().names, &by)));
    }
    let regions = lost.regions();
    let lines = regions.iter().take(TOLD);
    finding
        .evidence
        .extend(lines.map(|it| format!("lost  {}", it.between())));
    if let Some(more @ 1..) = regions.len().checked_sub(TOLD) {
        finding = finding.evidence(format!("lost  and {more} more"));
    }
    finding.see(PACKETS_WAY)
}

/// What stops a packet or its answer, as `wirelab path` finds it.
fn stopped_by(run: &Run, packet: &Packet) -> Option<String> {
    let world = run.world();
    let mut one = PacketSet::empty();
    Region::rule_protocol(packet.version(), IpProtocol::Number(packet.protocol))
        .into_iter()
        .filter_map(|region| {
            region
                .with(Dimension::Source, IpNet::from(packet.source))?
                .with(Dimension::Destination, IpNet::from(packet.destination))?
                .with(
                    Dimension::SourcePort,
                    Interval::single(packet.source_port.into()),
                )?
                .with(
                    Dimension::DestinationPort,
                    Interval::single(packet.destination_port.into()),
                )
        })
        .for_each(|it| one.insert(it));
    if let Some((machine, _)) = world.stopped_by_machines(&one).into_iter().next() {
        return Some(format!("the firewall or the routes of `{machine}` itself"));
    }
    let (protocol, source_port) = match packet.protocol {
        6 => (
            ProbeProtocol::Tcp(packet.destination_port),
            Some(packet.source_port),
        ),
        17 => (
            ProbeProtocol::Udp(packet.destination_port),
            Some(packet.source_port),
        ),
        1 if packet.source_port == 8 => (ProbeProtocol::Icmp, None),
        58 if packet.source_port == 128 => (ProbeProtocol::Icmp, None),
        _ => return None,
    };
    let has = |host: &&wirelab_simulator::host::Host| {
        let mut own = host.interfaces().iter().flat_map(|it| &it.addresses);
        own.any(|it| it.addr() == packet.source)
    };
    let from = match world.hosts().find(has) {
        Some(host) => Origin::Host(host.name().clone()),
        None => Origin::Internet {
            source: packet.source,
        },
    };
    let probe = Probe {
        from,
        to: packet.destination,
        protocol,
        source_port,
        size: None,
    };
    let report = explain(world, &probe).ok()?;
    let reason = report.blockers().next().map(ToString::to_string);
    reason
        .or_else(|| (report.answer == Answer::NotReached).then(|| "no way leads there".to_owned()))
}
