//! Records that a log could have, and this one does not: they separate a query from its neighbours.
//!
//! Each is a record of the run with one thing changed, an empty interval, or one of a few that are
//! alike. Which kinds are made is the lab's choice: those that refuse mutants of its reference
//! ([`crate::mutant`]) which its runs let pass, and no other right answer. The network is kept in
//! mind: an address stays with its interface, whoever moves is a machine that is not there yet, a
//! service's port is below Linux's clients', flags are such as flow logs report, and nobody talks
//! to himself.
//!
//! No two made records weigh the same: where the way out and the way in of one conversation are
//! both changed, a query that adds up the wrong one of the two has another sum.

mod models;
mod more;
mod neighbours;
mod numbers;
mod ports;
mod said;
mod translated;
mod world;

use std::collections::BTreeSet;

use wirelab_model::{
    Flow, FlowAction, FlowDirection, FlowLog, FlowRecord, LogStatus, SimTime, TcpFlags, UnixTime,
};
use wirelab_scenario::NearMiss;
use wirelab_session::Run;

use self::models::Model;
use self::said::Said;
use self::world::World;

/// A made record, and when it could be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Made {
    pub(super) record: FlowRecord,
    pub(super) available_at: UnixTime,
    /// Whether its packets and octets are the point of it.
    is_exact: bool,
}

/// The reference query and an answer to the same task.
#[derive(Clone, Copy, Debug)]
pub(super) struct Texts<'a> {
    pub(super) reference: &'a str,
    pub(super) answer: &'a str,
}

/// The records of the kinds `kinds` that the reference, or the answer, may have to tell apart.
pub(super) fn records(
    kinds: &[NearMiss],
    texts: Texts<'_>,
    run: &Run,
    log: &FlowLog,
    window: (UnixTime, UnixTime),
) -> Vec<Made> {
    let said = Said::by(texts.reference);
    let models = models::of(&said, run, log, window);
    let mut world = World::of(run);
    let mut made: Vec<Made> = Vec::new();
    for kind in kinds {
        match kind {
            NearMiss::NoData => made.extend(no_data(&models)),
            NearMiss::OtherPort => made.extend(ports::of(&said, &models)),
            NearMiss::Neighbours => made.extend(neighbours::of(&said, &models, &world)),
            NearMiss::Boundaries => made.extend(numbers::boundaries(&said, &models)),
            NearMiss::FanOut => made.extend(numbers::fan_out(&said, &models, &mut world)),
            NearMiss::Translated => made.extend(translated::of(&models, &world)),
            NearMiss::More => made.extend(more::of(texts, &said, &models, &mut world)),
            NearMiss::TheirNumbers => {
                made.extend(numbers::boundaries(&said.numbers_of(texts.answer), &models));
            }
            kind => made.extend(models.iter().filter_map(|model| varied(*kind, model))),
        }
    }
    made.retain(is_possible);
    for (made, weight) in made.iter_mut().zip(1..) {
        made.weigh(weight);
    }
    made
}

impl Made {
    /// Adds to what it counts, so that no two made records count the same.
    fn weigh(&mut self, weight: u64) {
        if let (false, Some(flow)) = (self.is_exact, &mut self.record.flow) {
            flow.packets += weight;
            flow.bytes += 60 * weight;
        }
    }
}

/// Nobody sends to himself by way of the network.
fn is_possible(made: &Made) -> bool {
    let flow = made.record.flow.as_ref();
    flow.is_none_or(|flow| flow.srcaddr != flow.dstaddr && flow.pkt_srcaddr != flow.pkt_dstaddr)
}

/// The record with one thing changed, if that is a change.
fn varied(kind: NearMiss, model: &Model<'_>) -> Option<Made> {
    let mut flow = model.flow.clone();
    match kind {
        NearMiss::OtherAction => {
            flow.action = match flow.action {
                FlowAction::Accept => FlowAction::Reject,
                FlowAction::Reject => FlowAction::Accept,
            };
        }
        NearMiss::OtherProtocol => {
            flow.protocol = if flow.protocol == 6 { 17 } else { 6 };
            flow.tcp_flags = TcpFlags::default();
        }
        NearMiss::OtherFlags if flow.protocol != 6 => return None,
        NearMiss::OtherFlags => {
            let had_none = flow.tcp_flags == TcpFlags::default();
            flow.tcp_flags = TcpFlags(if had_none { 2 } else { 0 });
        }
        NearMiss::Reversed => reverse(&mut flow),
        NearMiss::Again => return Some(model.with(flow).later(SimTime::from_secs(60))),
        // Those are not made one by one.
        NearMiss::NoData
        | NearMiss::OtherPort
        | NearMiss::Neighbours
        | NearMiss::Boundaries
        | NearMiss::FanOut
        | NearMiss::Translated
        | NearMiss::More
        | NearMiss::TheirNumbers => {}
    }
    (flow != model.flow).then(|| model.with(flow))
}

/// The way back, at the same interface.
fn reverse(flow: &mut Flow) {
    std::mem::swap(&mut flow.srcaddr, &mut flow.dstaddr);
    std::mem::swap(&mut flow.pkt_srcaddr, &mut flow.pkt_dstaddr);
    std::mem::swap(&mut flow.srcport, &mut flow.dstport);
    flow.direction = match flow.direction {
        FlowDirection::Ingress => FlowDirection::Egress,
        FlowDirection::Egress => FlowDirection::Ingress,
    };
}

impl Made {
    /// The same, so much later.
    fn later(mut self, time: SimTime) -> Self {
        self.record.start = self.record.start.at(time);
        self.record.end = self.record.end.at(time);
        self
    }

    /// The same, of an instant: it begins and ends after `time` from where it began.
    fn instant(mut self, time: SimTime) -> Self {
        self.record.start = self.record.start.at(time);
        self.record.end = self.record.start;
        self
    }

    /// The same, with packets and octets that stay as they are.
    const fn exact(mut self) -> Self {
        self.is_exact = true;
        self
    }
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
        is_exact: true,
    };
    first
        .flat_map(|it| [empty(it, LogStatus::NoData), empty(it, LogStatus::SkipData)])
        .collect()
}
