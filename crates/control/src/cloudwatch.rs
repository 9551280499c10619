//! CloudWatch's operations (Amazon CloudWatch API Reference), as far as they keep something: alarms
//! and the data that clients put.
//!
//! An alarm here is what was said of it, in order: configured, set to a state, its actions
//! switched, deleted. Which state it is in follows from that and from the data of its metric, so
//! whoever has both says so; nothing here looks at data. What resources report is the simulator's,
//! and what metric filters publish of flow logs follows from the records, by
//! [`MetricPublication`](crate::MetricPublication). The data kept here are those that clients put,
//! as metrics (`PutMetricData`) or as log events that a metric filter matched when they arrived.
//!
//! An alarm may watch math on several metrics: [`math`] reads expressions and says what they are
//! (one series, several, a number); whoever has data evaluates them.
//!
//! Numbers are kept as the texts that they were given as: the control plane does not count with
//! fractions.

mod alarm;
mod data;
pub mod math;
mod query;
mod state;
mod tag;

use smol_str::SmolStr;
use wirelab_model::{Metric, MetricDimension};

use serde::Deserialize;

use crate::operation::{
    Handler, Operation, operations, read_request, read_signature, write_request, write_signature,
};
use crate::request;

pub(crate) use state::CloudWatch;
pub use state::{
    AlarmChange, AlarmConfiguration, AlarmEvent, AlarmState, ComparisonOperator, MetricDataQuery,
    MetricStat, PutDatum, QuerySource, Samples, TreatMissingData, Watched,
};

operations! {
    DeleteAlarms Write alarm::delete, [];
    DisableAlarmActions Write alarm::disable_actions, [];
    EnableAlarmActions Write alarm::enable_actions, [];
    ListTagsForResource Read tag::list_for_resource, [];
    PutMetricAlarm Write alarm::put, [];
    PutMetricData Write data::put, [];
    SetAlarmState Write alarm::set_state, [];
    TagResource Write tag::tag_resource, [];
    UntagResource Write tag::untag_resource, [];
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Dimension {
    name: SmolStr,
    value: SmolStr,
}

/// The metric of these parts; the order of dimensions makes no difference.
fn metric(namespace: SmolStr, metric_name: SmolStr, dimensions: Vec<Dimension>) -> Metric {
    let dimension = |it: Dimension| MetricDimension {
        name: it.name,
        value: it.value,
    };
    let mut dimensions: Vec<_> = dimensions.into_iter().map(dimension).collect();
    dimensions.sort();
    Metric {
        namespace,
        metric_name,
        dimensions,
    }
}

/// Whether a text is a number that CloudWatch takes: no NaN, no infinity.
pub(crate) fn is_number(text: &str) -> bool {
    text.parse::<f64>().is_ok_and(f64::is_finite)
}
