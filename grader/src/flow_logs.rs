//! A run's flow logs as what queries are asked over: log groups, and buckets of files.

use std::collections::BTreeMap;

use wirelab_flowlog::{FormatError, LogFormat};
use wirelab_model::{FlowLog, SimTime};
use wirelab_query::athena::Buckets;
use wirelab_query::{FilesError, LogGroup};
use wirelab_scenario::Names;
use wirelab_session::{Run, s3_objects};

/// A flow log as a log group, with all that it had delivered by then.
///
/// # Errors
/// A record format that is none.
pub fn log_group(run: &Run, log: &FlowLog, until: SimTime) -> Result<LogGroup, FormatError> {
    let format = match log.log_format.as_str() {
        "" => LogFormat::default(),
        format => LogFormat::parse(format)?,
    };
    let plan = run.plan();
    let name = group_name(log, &plan.names);
    let mut group = LogGroup::flow_log(name, plan.caller.account.clone(), format);
    for logged in run.evidence().delivered(&log.flow_log_id, until) {
        let available_at = plan.starts.at(logged.available_at);
        group.push_record(&logged.record, log.traffic_type, available_at);
    }
    Ok(group)
}

/// The name of the log group that a flow log writes to; one that writes to a bucket goes by its
/// name in the scenario.
#[must_use]
pub fn group_name<'a>(log: &'a FlowLog, names: &'a Names) -> &'a str {
    let id = log.flow_log_id.as_str();
    let group = log.log_group_name.as_deref();
    group.unwrap_or_else(|| names.short(id).unwrap_or(id))
}

/// The buckets that the run's flow logs write to, with the files published by now, in memory.
///
/// # Errors
/// A key that is none: a prefix of the destination that S3 would not take.
pub(crate) fn buckets(run: &Run) -> Result<Buckets, FilesError> {
    let mut objects: BTreeMap<String, Vec<(String, Vec<u8>)>> = BTreeMap::new();
    for object in s3_objects(run) {
        let bucket = objects.entry(object.bucket).or_default();
        bucket.push((object.key, object.bytes));
    }
    let mut buckets = Buckets::new();
    for (name, objects) in objects {
        buckets.insert_objects(name, objects)?;
    }
    Ok(buckets)
}
