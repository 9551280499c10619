//! Records that a log could have, and this one does not: they separate a query from its neighbours.
//!
//! Each is a record of the run with one thing changed, or an empty interval. Which kinds are made
//! is the lab's choice: those that refuse mutants of its reference ([`crate::mutant`]) which its
//! runs let pass. The network is kept in mind: the address at the recorded interface stays, only
//! the far end moves.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::Ipv4Net;
use wirelab_model::{
    Flow, FlowAction, FlowDirection, FlowLog, FlowRecord, LogStatus, SimTime, TcpFlags, UnixTime,
};
use wirelab_scenario::NearMiss;
use wirelab_session::Run;

/// A made record, and when it could be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Made {
    pub(super) record: FlowRecord,
    pub(super) available_at: UnixTime,
}

/// So many records of the run are models for others.
const MODELS: usize = 48;
/// So many of them are moved to each address and number that the reference names.
const MOVED: usize = 12;

/// The records of the kinds `kinds` that `reference` may have to tell apart.
pub(super) fn records(
    kinds: &[NearMiss],
    reference: &str,
    run: &Run,
    log: &FlowLog,
    window: (UnixTime, UnixTime),
) -> Vec<Made> {
    let models = models(run, log, window);
    let mut made: Vec<Made> = Vec::new();
    for kind in kinds {
        for (number, model) in models.iter().enumerate() {
            let flows = match kind {
                NearMiss::NoData => continue,
                NearMiss::Neighbours if number >= MOVED => continue,
                NearMiss::Neighbours => neighbours(reference, &model.flow),
                NearMiss::Boundaries if number >= MOVED => continue,
                NearMiss::Boundaries => boundaries(reference, &model.flow),
                kind => vec![varied(*kind, &model.flow)],
            };
            let changed = flows
                .into_iter()
                .filter(|flow| *flow != model.flow || *kind == NearMiss::Again);
            made.extend(changed.map(|flow| model.with(flow, *kind)));
        }
        if *kind == NearMiss::NoData {
            made.extend(no_data(&models));
        }
    }
    made
}

/// A record of the run that others are made from.
struct Model<'a> {
    record: &'a FlowRecord,
    flow: Flow,
    available_at: UnixTime,
}

impl Model<'_> {
    fn with(&self, flow: Flow, kind: NearMiss) -> Made {
        let mut record = self.record.clone();
        record.flow = Some(flow);
        if kind == NearMiss::Again {
            let later = SimTime::from_secs(60);
            record.start = record.start.at(later);
            record.end = record.end.at(later);
        }
        Made {
            record,
            available_at: self.available_at,
        }
    }
}

/// One record of each kind of traffic in the window.
fn models<'a>(run: &'a Run, log: &'a FlowLog, window: (UnixTime, UnixTime)) -> Vec<Model<'a>> {
    let starts = run.plan().starts;
    let mut seen = BTreeSet::new();
    let mut models = Vec::new();
    for logged in run.evidence().delivered(&log.flow_log_id, run.now()) {
        let record = &logged.record;
        let Some(flow) = &record.flow else {
            continue;
        };
        if record.start < window.0 || record.start > window.1 {
            continue;
        }
        let kind = (
            record.interface_id.clone(),
            (flow.srcaddr, flow.dstaddr, flow.srcport.min(flow.dstport)),
            (flow.protocol, flow.action == FlowAction::Accept),
            flow.direction == FlowDirection::Ingress,
        );
        if seen.insert(kind) {
            models.push(Model {
                record,
                flow: flow.clone(),
                available_at: starts.at(logged.available_at),
            });
        }
    }
    // Spread over the log, whose parts may differ.
    let step = models.len().div_ceil(MODELS).max(1);
    models.into_iter().step_by(step).collect()
}

/// The flow with one thing changed.
fn varied(kind: NearMiss, flow: &Flow) -> Flow {
    let mut flow = flow.clone();
    match kind {
        NearMiss::OtherAction => {
            flow.action = match flow.action {
                FlowAction::Accept => FlowAction::Reject,
                FlowAction::Reject => FlowAction::Accept,
            };
        }
        NearMiss::OtherPort => {
            // The service's port is the lower one.
            let (source, destination) = (flow.srcport, flow.dstport);
            let port = if source < destination {
                &mut flow.srcport
            } else {
                &mut flow.dstport
            };
            *port = port.saturating_add(1);
        }
        NearMiss::OtherProtocol => {
            flow.protocol = if flow.protocol == 6 { 17 } else { 6 };
            flow.tcp_flags = TcpFlags::default();
        }
        NearMiss::OtherFlags => {
            let other = if flow.tcp_flags == TcpFlags::default() {
                2
            } else {
                0
            };
            flow.tcp_flags = TcpFlags(other);
        }
        NearMiss::Reversed => {
            std::mem::swap(&mut flow.srcaddr, &mut flow.dstaddr);
            std::mem::swap(&mut flow.pkt_srcaddr, &mut flow.pkt_dstaddr);
            std::mem::swap(&mut flow.srcport, &mut flow.dstport);
            flow.direction = match flow.direction {
                FlowDirection::Ingress => FlowDirection::Egress,
                FlowDirection::Egress => FlowDirection::Ingress,
            };
        }
        NearMiss::Again => {
            flow.packets += 3;
            flow.bytes += 777;
        }
        NearMiss::NoData | NearMiss::Neighbours | NearMiss::Boundaries => {}
    }
    flow
}

/// The flow with a far end on either side of each address and block that the reference names, and
/// with one whose text begins alike: `110.0.1.9` for `10.0.1.9`.
fn neighbours(reference: &str, flow: &Flow) -> Vec<Flow> {
    let literals = reference.split(['"', '\'']).skip(1).step_by(2);
    let mut addresses = BTreeSet::new();
    for literal in literals {
        if let Ok(net) = literal.parse::<Ipv4Net>() {
            let (first, last) = (u32::from(net.network()), u32::from(net.broadcast()));
            addresses.extend([first.wrapping_sub(1), first, last, last.wrapping_add(1)]);
        } else if let Ok(address) = literal.parse::<Ipv4Addr>() {
            let address = u32::from(address);
            addresses.extend([address.wrapping_sub(1), address, address.wrapping_add(1)]);
        }
    }
    let twins: Vec<u32> = addresses
        .iter()
        .map(|it| twin(Ipv4Addr::from(*it)))
        .collect();
    addresses.extend(twins);
    let moved = addresses.into_iter().map(|address| {
        let address = IpAddr::from(Ipv4Addr::from(address));
        let mut flow = flow.clone();
        let (far, in_packet) = match flow.direction {
            FlowDirection::Egress => (&mut flow.dstaddr, &mut flow.pkt_dstaddr),
            FlowDirection::Ingress => (&mut flow.srcaddr, &mut flow.pkt_srcaddr),
        };
        if far == in_packet {
            *far = address;
        }
        *in_packet = address;
        flow
    });
    moved.collect()
}

/// `110.0.1.9` for `10.0.1.9`: what a search for text takes for the same.
fn twin(address: Ipv4Addr) -> u32 {
    let [a, b, c, d] = address.octets();
    u32::from(Ipv4Addr::new(
        if a < 100 { a + 100 } else { a - 100 },
        b,
        c,
        d,
    ))
}

/// The flow with each number that the reference names, and those beside it, as a port and a size.
fn boundaries(reference: &str, flow: &Flow) -> Vec<Flow> {
    let mut flows = Vec::new();
    for number in crate::mutant::numbers(reference) {
        for value in [number.saturating_sub(1), number, number + 1] {
            if let Ok(port) = u16::try_from(value) {
                flows.push(Flow {
                    srcport: port,
                    ..flow.clone()
                });
                flows.push(Flow {
                    dstport: port,
                    ..flow.clone()
                });
            }
            if let Ok(flags) = u8::try_from(value)
                && flow.protocol == 6
            {
                flows.push(Flow {
                    tcp_flags: TcpFlags(flags),
                    ..flow.clone()
                });
            }
            flows.push(Flow {
                packets: value,
                ..flow.clone()
            });
            flows.push(Flow {
                bytes: value,
                ..flow.clone()
            });
        }
    }
    flows
}

/// An interval without traffic, and one that was skipped, at each interface.
fn no_data(models: &[Model<'_>]) -> Vec<Made> {
    let mut interfaces = BTreeSet::new();
    let first = models
        .iter()
        .filter(|it| interfaces.insert(&it.record.interface_id));
    let empty = |model: &Model<'_>, log_status: LogStatus| Made {
        record: FlowRecord {
            log_status,
            flow: None,
            ..model.record.clone()
        },
        available_at: model.available_at,
    };
    first
        .flat_map(|it| [empty(it, LogStatus::NoData), empty(it, LogStatus::SkipData)])
        .collect()
}
