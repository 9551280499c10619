//! The records of a run that near misses are made from.

use std::collections::{BTreeMap, BTreeSet};

use wirelab_model::{Flow, FlowAction, FlowDirection, FlowLog, FlowRecord, TcpFlags, UnixTime};
use wirelab_session::Run;

use super::Made;
use super::said::Said;

/// So many records of the run are models for others.
const MODELS: usize = 48;

/// A record of the run that others are made from.
pub(super) struct Model<'a> {
    pub(super) record: &'a FlowRecord,
    pub(super) flow: Flow,
    pub(super) available_at: UnixTime,
}

impl Model<'_> {
    /// The record with another flow.
    pub(super) fn with(&self, flow: Flow) -> Made {
        let mut record = self.record.clone();
        record.flow = Some(flow);
        Made {
            record,
            available_at: self.available_at,
            is_exact: false,
        }
    }
}

/// One record of each kind of traffic in the window. What the reference speaks of and what lies
/// elsewhere in the log take turns: a mistake may show in either.
pub(super) fn of<'a>(
    said: &Said,
    run: &'a Run,
    log: &'a FlowLog,
    window: (UnixTime, UnixTime),
) -> Vec<Model<'a>> {
    let models = each_kind(run, log, window).into_iter();
    let mut models: Vec<_> = models
        .map(|model| (said.fits(model.record, &model.flow), model))
        .collect();
    models.sort_by_key(|(fits, _)| std::cmp::Reverse(*fits));
    // Of those that fit alike, one of each shape, then a second of each.
    let mut met: BTreeMap<_, usize> = BTreeMap::new();
    let mut turns: Vec<_> = models
        .into_iter()
        .map(|(fits, model)| {
            let turn = met.entry((fits, shape(&model.flow))).or_default();
            *turn += 1;
            ((std::cmp::Reverse(fits), *turn), model)
        })
        .collect();
    turns.sort_by_key(|(place, _)| *place);
    let mut spoken_of: Vec<Model<'a>> = turns.into_iter().map(|(_, model)| model).collect();
    let elsewhere = spoken_of.split_off(spoken_of.len().min(MODELS / 2));
    // Spread over the rest of the log, whose parts may differ.
    let step = elsewhere.len().div_ceil(MODELS / 2).max(1);
    let mut elsewhere = elsewhere.into_iter().step_by(step);
    let mut models = Vec::new();
    for model in spoken_of {
        models.push(model);
        models.extend(elsewhere.next());
    }
    models
}

/// What a flow looks like, whoever talks: its direction, which end has the service, its fate.
fn shape(flow: &Flow) -> (bool, bool, bool, u8, bool) {
    (
        flow.direction == FlowDirection::Egress,
        flow.srcport < flow.dstport,
        flow.action == FlowAction::Accept,
        flow.protocol,
        flow.tcp_flags == TcpFlags::default(),
    )
}

fn each_kind<'a>(run: &'a Run, log: &'a FlowLog, window: (UnixTime, UnixTime)) -> Vec<Model<'a>> {
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
            (flow.pkt_srcaddr, flow.pkt_dstaddr, flow.tcp_flags),
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
    models
}
