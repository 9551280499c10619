//! Log groups: made, found, kept for a time, deleted.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use smol_str::SmolStr;
use wirelab_model::{ApiError, FlowLog, FlowLogId, Reply, SimDuration, SimTime};

use super::{
    FlowLogFeed, LogGroup, arn, check_name, group_mut, name_of, own, own_mut, page, page_size,
    publish,
};
use crate::control::ControlConfig;
use crate::describe::Reader;
use crate::error;
use crate::state::State;
use crate::transaction::Transaction;
use crate::view::done;

/// What names of groups may have beside letters and digits.
const SYMBOLS: &str = "_-/.#";

/// `CreateLogGroup` in a Region: service quotas of CloudWatch Logs.
const GROUPS_AT_MOST: usize = 1_000_000;

/// Values of `RetentionInDays` (API Reference, "PutRetentionPolicy").
const RETENTIONS: [u32; 23] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653, 36_500,
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Create {
    log_group_name: SmolStr,
    #[serde(default)]
    tags: BTreeMap<SmolStr, SmolStr>,
    log_group_class: Option<SmolStr>,
}

pub(super) fn create(tx: &mut Transaction<'_>, request: Create) -> Reply {
    let name = request.log_group_name;
    check_name("logGroupName", &name, SYMBOLS)?;
    super::tag::check(&request.tags)?;
    let class = request.log_group_class.unwrap_or_else(|| "STANDARD".into());
    if !matches!(class.as_str(), "STANDARD" | "INFREQUENT_ACCESS") {
        return Err(error::log_parameter(format_args!(
            "The log group class {class} is not simulated: STANDARD, INFREQUENT_ACCESS"
        )));
    }
    let (now, utc) = (tx.state.now, tx.utc());
    let groups = &mut own_mut(tx).groups;
    if groups.get(&name).is_some_and(|it| it.exists(now)) {
        return Err(error::log_group_exists());
    }
    if groups.len() >= GROUPS_AT_MOST {
        return Err(error::log_limit());
    }
    // A group that a flow log would have brought back is there sooner.
    let before = groups.remove(&name);
    let mut group = LogGroup::new(name.clone(), utc);
    if let Some(before) = before {
        group.feeds = before.feeds;
        group.emptied_at = before.emptied_at;
    }
    group.class = class;
    group.tags = request.tags;
    groups.insert(name, group);
    Ok(done())
}

/// The group that a flow log delivers to. One that there is not is made when the first traffic is
/// recorded (Amazon VPC User Guide, "Troubleshoot VPC Flow Logs": "Incomplete flow log records, no
/// records or log group"): until then it is of a time that never comes.
pub(crate) fn feed(tx: &mut Transaction<'_>, log: &FlowLog) {
    let Some(name) = log.log_group_name.clone() else {
        return;
    };
    let utc = tx.utc();
    let groups = &mut own_mut(tx).groups;
    let group = groups.entry(name.clone()).or_insert_with(|| LogGroup {
        returns_at: Some(SimTime::MAX),
        ..LogGroup::new(name, utc)
    });
    group.feeds.push(FlowLogFeed {
        flow_log_id: log.flow_log_id.clone(),
        traffic_type: log.traffic_type,
        log_format: log.log_format.clone(),
        max_aggregation_interval: log.max_aggregation_interval,
    });
}

/// The first traffic of a flow log is there to be read: so is its group.
pub(crate) fn begin(state: &mut State, config: &ControlConfig, flow_log: &FlowLogId) {
    let utc = config.starts.at(state.now);
    let waits = |it: &LogGroup| {
        let mut feeds = it.feeds.iter();
        it.returns_at == Some(SimTime::MAX) && feeds.any(|feed| feed.flow_log_id == *flow_log)
    };
    let mut all = state.logs.0.values().flat_map(|it| it.groups.values());
    if !all.any(waits) {
        return;
    }
    let realms = state.logs_mut().0.values_mut();
    let groups = realms.flat_map(|it| it.groups.values_mut());
    for group in groups.filter(|it| waits(it)) {
        group.returns_at = None;
        group.creation_time = utc;
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Named {
    log_group_name: SmolStr,
}

/// The group goes with all that it has. If a flow log delivers to it, the next delivery makes it
/// again, under its name and empty (Amazon VPC User Guide, "Publish flow logs to CloudWatch Logs").
pub(super) fn delete(tx: &mut Transaction<'_>, request: Named) -> Reply {
    let name = request.log_group_name;
    let feeds = group_mut(tx, &name)?.feeds.clone();
    let (now, starts) = (tx.state.now, tx.config.starts);
    let flow_logs = &tx.resources().flow_logs;
    let alive = feeds
        .iter()
        .filter(|it| flow_logs.contains_key(&it.flow_log_id));
    let alive: Vec<FlowLogFeed> = alive.cloned().collect();
    publish::end(tx, &name, None)?;
    let groups = &mut own_mut(tx).groups;
    groups.remove(&name);
    let soonest = alive.iter().map(|it| it.max_aggregation_interval).min();
    if let Some(interval) = soonest {
        let interval = SimDuration::from_secs(u64::from(interval));
        let mut group = LogGroup::new(name.clone(), starts.at(now + interval));
        group.feeds = alive;
        group.emptied_at = Some(now);
        group.returns_at = Some(now + interval);
        groups.insert(name, group);
    }
    Ok(done())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PutRetention {
    log_group_name: SmolStr,
    retention_in_days: u32,
}

pub(super) fn put_retention(tx: &mut Transaction<'_>, request: PutRetention) -> Reply {
    let days = request.retention_in_days;
    if !RETENTIONS.contains(&days) {
        let allowed = RETENTIONS.map(|it| it.to_string()).join(", ");
        return Err(error::log_parameter(format_args!(
            "Value '{days}' at 'retentionInDays' failed to satisfy constraint: Member must be one \
             of {allowed}"
        )));
    }
    group_mut(tx, &request.log_group_name)?.retention_in_days = Some(days);
    Ok(done())
}

pub(super) fn delete_retention(tx: &mut Transaction<'_>, request: Named) -> Reply {
    group_mut(tx, &request.log_group_name)?.retention_in_days = None;
    Ok(done())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Describe {
    log_group_name_prefix: Option<SmolStr>,
    log_group_name_pattern: Option<SmolStr>,
    #[serde(default)]
    log_group_identifiers: Vec<SmolStr>,
    log_group_class: Option<SmolStr>,
    next_token: Option<SmolStr>,
    limit: Option<usize>,
}

/// Groups that there are for the caller, by name.
fn groups<'r>(reader: &Reader<'r>) -> impl Iterator<Item = &'r LogGroup> {
    let now = reader.state.now;
    let groups = own(reader).into_iter().flat_map(|it| it.groups.values());
    groups.filter(move |it| it.exists(now))
}

pub(super) fn describe(reader: &Reader<'_>, request: Describe) -> Reply {
    if request.log_group_name_prefix.is_some() && request.log_group_name_pattern.is_some() {
        return Err(error::log_parameter(
            "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
        ));
    }
    let names = request.log_group_identifiers.iter();
    let names = names.map(|it| name_of(it, reader.realm()));
    let names: Vec<&str> = names.collect::<Result<_, ApiError>>()?;
    let pattern = request.log_group_name_pattern.map(|it| it.to_lowercase());
    let wanted = |it: &&LogGroup| {
        let prefix = request.log_group_name_prefix.as_deref();
        let pattern = pattern.as_deref();
        prefix.is_none_or(|prefix| it.name.starts_with(prefix))
            && pattern.is_none_or(|text| it.name.to_lowercase().contains(text))
            && (names.is_empty() || names.contains(&it.name.as_str()))
            && request
                .log_group_class
                .as_ref()
                .is_none_or(|class| it.class == *class)
    };
    let chosen = groups(reader)
        .filter(wanted)
        .map(|it| (it.name.clone(), it));
    let limit = page_size(request.limit, 50)?;
    let token = request.next_token.as_ref();
    page("logGroups", chosen, token, limit, |it| show(it, reader))
}

/// `storedBytes` is added by who has the events.
fn show(group: &LogGroup, reader: &Reader<'_>) -> Value {
    let bare = arn(reader.realm(), &format!("log-group:{}", group.name));
    json!({
        "logGroupName": group.name,
        "creationTime": group.creation_time.as_millis(),
        "retentionInDays": group.retention_in_days,
        "metricFilterCount": group.metric_filters.len(),
        "arn": format!("{bare}:*"),
        "logGroupClass": group.class,
        "logGroupArn": bare,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct List {
    log_group_name_pattern: Option<SmolStr>,
    log_group_class: Option<SmolStr>,
    next_token: Option<SmolStr>,
    limit: Option<usize>,
}

/// The pattern is a part of names, or with `^` what they begin with.
pub(super) fn list(reader: &Reader<'_>, request: List) -> Reply {
    let pattern = request.log_group_name_pattern.unwrap_or_default();
    let wanted = |it: &&LogGroup| {
        let named = match pattern.strip_prefix('^') {
            Some(prefix) => it.name.starts_with(prefix),
            None => it.name.contains(pattern.as_str()),
        };
        named
            && request
                .log_group_class
                .as_ref()
                .is_none_or(|class| it.class == *class)
    };
    let chosen = groups(reader)
        .filter(wanted)
        .map(|it| (it.name.clone(), it));
    let limit = page_size(request.limit, 1000)?;
    page(
        "logGroups",
        chosen,
        request.next_token.as_ref(),
        limit,
        |it| {
            json!({
                "logGroupName": it.name,
                "logGroupArn": arn(reader.realm(), &format!("log-group:{}", it.name)),
                "logGroupClass": it.class,
            })
        },
    )
}
