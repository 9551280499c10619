//! Records about the numbers that the reference names: at them, beside them, as many as they say.

use std::net::{IpAddr, Ipv4Addr};

use wirelab_model::{Flow, FlowDirection, SimTime, TcpFlags};

use super::Made;
use super::models::Model;
use super::said::Said;
use super::world::{self, World};

/// So many models get each number.
const MODELS: usize = 8;
/// So many of those that the reference speaks of fan out.
const FANNED: usize = 2;
/// Where the ports of Linux's clients begin (`ip_local_port_range`); services are below.
pub(super) const CLIENTS: u16 = 32_768;
/// Spans that are made, in seconds.
const SPANS: std::ops::RangeInclusive<u64> = 1..=3600;
/// Numbers of ports and addresses that are made.
const FANS: std::ops::RangeInclusive<u64> = 2..=40;
/// What a flow log reports of TCP flags: the OR of FIN 1, SYN 2, RST 4, SYN-ACK 18 (Amazon VPC
/// User Guide, "Flow log records").
pub(super) const FLAGS: [u8; 12] = [0, 1, 2, 3, 4, 5, 6, 7, 18, 19, 22, 23];

/// Each number and those beside it: as a port, as flags, as packets, as octets, and as the seconds
/// from the first to the last record of a conversation.
pub(super) fn boundaries(said: &Said, models: &[Model<'_>]) -> Vec<Made> {
    let mut made = Vec::new();
    for model in models.iter().take(MODELS) {
        for number in &said.numbers {
            for value in [number.saturating_sub(1), *number, number + 1] {
                fields(model, value, &mut made);
                span(model, value, &mut made);
            }
        }
    }
    made
}

fn fields(model: &Model<'_>, value: u64, made: &mut Vec<Made>) {
    let flow = &model.flow;
    if let Ok(port) = u16::try_from(value) {
        let ends = [(flow.srcport, false), (flow.dstport, true)];
        let ends = ends.into_iter().filter(|(end, _)| may_be(port, *end));
        made.extend(ends.map(|(_, is_destination)| {
            let mut flow = flow.clone();
            *if is_destination {
                &mut flow.dstport
            } else {
                &mut flow.srcport
            } = port;
            model.with(flow)
        }));
    }
    let flags = u8::try_from(value).ok();
    if let (6, Some(flags)) = (flow.protocol, flags.filter(|it| FLAGS.contains(it))) {
        made.push(model.with(flagged(flow, flags)));
    }
    let counted = |packets: u64, bytes: u64| Flow {
        packets,
        bytes,
        ..flow.clone()
    };
    // No packet is shorter than its header.
    if value > 0 {
        made.push(model.with(counted(value, value * 60)).exact());
    }
    if value >= least(flow.protocol) {
        made.push(model.with(counted(1, value)).exact());
    }
}

/// Octets of the shortest packet of IPv4 that a protocol has: its headers without options.
pub(super) const fn least(protocol: u8) -> u64 {
    match protocol {
        6 => 40,
        1 | 17 => 28,
        _ => 20,
    }
}

/// Whether a port stands for the other: a service's for a service's, a client's for a client's. The
/// last below the clients' is neither in any network.
pub(super) fn may_be(port: u16, instead: u16) -> bool {
    let is_used = port != 0 && port != CLIENTS - 1;
    instead != 0 && is_used && (port >= CLIENTS) == (instead >= CLIENTS)
}

pub(super) fn flagged(flow: &Flow, flags: u8) -> Flow {
    Flow {
        tcp_flags: TcpFlags(flags),
        ..flow.clone()
    }
}

/// A conversation of its own that lasts so many seconds, in two records.
fn span(model: &Model<'_>, seconds: u64, made: &mut Vec<Made>) {
    let flow = &model.flow;
    let has_ports = flow.srcport != 0 && flow.dstport != 0;
    if !SPANS.contains(&seconds) || !has_ports {
        return;
    }
    let mut flow = flow.clone();
    let client = if flow.srcport >= flow.dstport {
        &mut flow.srcport
    } else {
        &mut flow.dstport
    };
    *client = 40_000 + seconds as u16;
    let last = SimTime::from_secs(seconds);
    made.push(model.with(flow.clone()).instant(SimTime::ZERO));
    made.push(model.with(flow).instant(last));
}

/// Sources that try so many ports of one machine, or one port of so many machines, as each number
/// says, and one less and one more; and, about the largest of them, with one try that has other
/// flags.
pub(super) fn fan_out(said: &Said, models: &[Model<'_>], world: &mut World) -> Vec<Made> {
    let numbers = said.numbers.iter().filter(|it| FANS.contains(it));
    let numbers: Vec<u64> = numbers.copied().collect();
    // The reference speaks of every other one.
    let spoken_of = models.iter().step_by(2);
    let spoken_of = spoken_of.filter(|model| model.flow.srcport != 0 && model.flow.dstport != 0);
    let mut made = Vec::new();
    for model in spoken_of.take(FANNED) {
        let Some(mut fan) = Fan::new(model, world) else {
            continue;
        };
        for number in &numbers {
            for count in number - 1..=number + 1 {
                made.extend(fan.ports(count, None));
                made.extend(fan.hosts(count, None));
            }
        }
        let (6, Some(most)) = (model.flow.protocol, numbers.last()) else {
            continue;
        };
        for flags in FLAGS {
            for count in [*most, most + 1] {
                made.extend(fan.ports(count, Some(flags)));
                made.extend(fan.hosts(count, Some(flags)));
            }
        }
    }
    made
}

/// Newcomers who do what the model did, often.
struct Fan<'a, 'w> {
    model: &'a Model<'a>,
    source: Ipv4Addr,
    target: Ipv4Addr,
    world: &'w mut World,
    targets: Vec<Ipv4Addr>,
}

impl<'a, 'w> Fan<'a, 'w> {
    /// `None` for what is not IPv4.
    fn new(model: &'a Model<'a>, world: &'w mut World) -> Option<Self> {
        let (IpAddr::V4(source), IpAddr::V4(target)) = (model.flow.srcaddr, model.flow.dstaddr)
        else {
            return None;
        };
        Some(Self {
            model,
            source,
            target,
            world,
            targets: Vec::new(),
        })
    }

    /// A new source that tries so many ports of the target, the last with other flags.
    fn ports(&mut self, count: u64, last_flags: Option<u8>) -> Vec<Made> {
        let source = self.world.newcomer(self.source);
        let first = self.model.flow.dstport.min(CLIENTS - 100);
        let tries = (0..count as u16).map(|number| (self.target, first + number));
        self.tries(source, tries.collect(), last_flags)
    }

    /// A new source that tries one port of so many new targets, the last with other flags.
    fn hosts(&mut self, count: u64, last_flags: Option<u8>) -> Vec<Made> {
        let source = self.world.newcomer(self.source);
        while (self.targets.len() as u64) < count {
            let target = self.world.newcomer(self.target);
            self.targets.push(target);
        }
        let targets = self.targets[..count as usize].iter();
        let tries = targets.map(|target| (*target, self.model.flow.dstport));
        self.tries(source, tries.collect(), last_flags)
    }

    fn tries(
        &self,
        source: Ipv4Addr,
        tries: Vec<(Ipv4Addr, u16)>,
        last_flags: Option<u8>,
    ) -> Vec<Made> {
        let last = tries.len().saturating_sub(1);
        let tries = tries.into_iter().enumerate();
        let made = tries.map(|(number, (target, port))| {
            let mut flow = self.model.flow.clone();
            (flow.srcaddr, flow.pkt_srcaddr) = (source.into(), source.into());
            (flow.dstaddr, flow.pkt_dstaddr) = (target.into(), target.into());
            flow.dstport = port;
            if let (true, Some(flags)) = (number == last, last_flags) {
                flow.tcp_flags = TcpFlags(flags);
            }
            let is_egress = flow.direction == FlowDirection::Egress;
            let mut made = self.model.with(flow);
            if is_egress {
                made.record.interface_id = world::interface(source);
            } else if target != self.target {
                made.record.interface_id = world::interface(target);
            }
            made
        });
        made.collect()
    }
}
