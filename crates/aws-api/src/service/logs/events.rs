//! The events of a group that can be read now.
//!
//! Records of flow logs and what clients have put, in the order of arrival, less what is gone: a
//! group or a stream that was deleted is empty up to then, and what is older than the group's
//! retention is not there.

use wirelab_control as control;
use wirelab_flowlog::{LogFormat, stream_name};
use wirelab_model::{ApiError, Caller};
use wirelab_query::{LogEvent, LogEvents, LogGroup};
use wirelab_session::Run;

use super::parameters::not_found;

const DAY_MS: u64 = 86_400_000;

/// The caller's group of that name or ARN.
///
/// # Errors
/// There is none.
pub(super) fn find<'r>(
    run: &'r Run,
    caller: &Caller,
    identifier: &str,
) -> Result<&'r control::LogGroup, ApiError> {
    let prefix = format!("{}:log-group:", arn_prefix(caller));
    let name = match identifier.strip_prefix(prefix.as_str()) {
        Some(name) => name.trim_end_matches(":*"),
        None => identifier,
    };
    let mut groups = run.control().log_groups(&caller.account, &caller.region);
    let found = groups.find(|it| it.name == name);
    found.ok_or_else(|| not_found("The specified log group does not exist."))
}

/// What ARNs of the caller's logs begin with.
pub(super) fn arn_prefix(caller: &Caller) -> String {
    format!("arn:aws:logs:{}:{}", caller.region, caller.account)
}

/// The group with its events, as the engine takes it.
pub(super) fn of_group(run: &Run, caller: &Caller, group: &control::LogGroup) -> LogGroup {
    let mut sources: Vec<LogGroup> = group
        .feeds
        .iter()
        .map(|feed| delivered(run, caller, group, feed))
        .collect();
    let format = sources.first().and_then(|it| it.format.clone());
    if group.streams.values().any(|it| !it.events.is_empty()) || sources.is_empty() {
        sources.push(put(caller, group));
    }
    let mut whole = LogGroup {
        name: group.name.clone(),
        account: caller.account.clone(),
        format,
        events: LogEvents::new(),
    };
    let retention = group.retention_in_days.map(|days| u64::from(days) * DAY_MS);
    let oldest = retention.map_or(0, |span| run.utc().as_millis().saturating_sub(span));
    let events = sources.iter().flat_map(|it| it.events.iter());
    let mut events: Vec<LogEvent<'_>> = events.filter(|it| it.timestamp_ms >= oldest).collect();
    events.sort_by_key(|it| it.ingestion_ms);
    whole.events.extend(events);
    whole
}

/// What one flow log has delivered to the group.
fn delivered(
    run: &Run,
    caller: &Caller,
    group: &control::LogGroup,
    feed: &control::FlowLogFeed,
) -> LogGroup {
    let format = LogFormat::parse(&feed.log_format).unwrap_or_default();
    let mut events = LogGroup::flow_log(group.name.clone(), caller.account.clone(), format);
    let traffic = feed.traffic_type;
    for logged in run.evidence().delivered(&feed.flow_log_id, run.now()) {
        let stream = stream_name(&logged.record.interface_id, traffic);
        let stream = group.streams.get(stream.as_str());
        let gone = [group.emptied_at, stream.and_then(|it| it.emptied_at)];
        if gone
            .into_iter()
            .flatten()
            .any(|at| logged.available_at <= at)
        {
            continue;
        }
        let available = run.plan().starts.at(logged.available_at);
        events.push_record(&logged.record, traffic, available);
    }
    events
}

/// What clients have put into the group.
fn put(caller: &Caller, group: &control::LogGroup) -> LogGroup {
    let mut events = LogEvents::new();
    for (name, stream) in &group.streams {
        for event in &stream.events {
            events.push(event.timestamp_ms, event.ingestion_ms, name, &event.message);
        }
    }
    LogGroup {
        name: group.name.clone(),
        account: caller.account.clone(),
        format: None,
        events,
    }
}
