//! CloudWatch Logs' operations (Amazon CloudWatch Logs API Reference), as far as they keep
//! something: groups, streams and what is put into them, filters, saved queries, destinations.
//!
//! A group is of an account and a Region. It is made by `CreateLogGroup`, or by the flow log that
//! delivers to it, and holds two kinds of events: those that were put, which are here, and the
//! records of flow logs, which the simulator makes. A group only knows which flow logs feed it
//! ([`FlowLogFeed`]); who has the records joins the two ([`LogGroup`] says what is gone of them).
//! What reads events (`FilterLogEvents`, queries) is therefore no operation here.
//!
//! Metric filters and subscription filters are kept and checked. What a metric filter makes of
//! events that are put becomes a metric's data at once (`publish`); of flow-log records, who has
//! them runs it ([`MetricPublication`]).

mod destination;
mod group;
mod metric_filter;
mod pattern;
mod publish;
mod query_definition;
mod state;
mod stream;
mod subscription_filter;
mod tag;

use serde::Deserialize;
use serde_json::{Value, json};
use smol_str::SmolStr;
use wirelab_model::{ApiError, Reply};

use crate::describe::Reader;
use crate::error;
use crate::operation::{
    Handler, Operation, operations, read_request, read_signature, write_request, write_signature,
};
use crate::page::page_from;
use crate::realm::Realm;
use crate::request;
use crate::transaction::Transaction;

pub(crate) use group::{begin, feed};
pub use pattern::{Extracted, FilterPattern, PatternError};
pub(crate) use publish::publications;
pub use state::{
    FlowLogFeed, LogGroup, LogStream, MetricFilter, MetricPublication, MetricTransformation,
    PutEvent, SubscriptionFilter,
};
pub(crate) use state::{Logs, LogsOfRealm};

use crate::arguments::Common::ClientTokenOfLogs as Token;

operations! {
    CreateLogGroup Write group::create, [];
    CreateLogStream Write stream::create, [];
    DeleteDestination Write destination::delete, [];
    DeleteLogGroup Write group::delete, [];
    DeleteLogStream Write stream::delete, [];
    DeleteMetricFilter Write metric_filter::delete, [];
    DeleteQueryDefinition Write query_definition::delete, [];
    DeleteRetentionPolicy Write group::delete_retention, [];
    DeleteSubscriptionFilter Write subscription_filter::delete, [];
    DescribeDestinations Read destination::describe, [];
    DescribeLogGroups Read group::describe, [];
    DescribeMetricFilters Read metric_filter::describe, [];
    DescribeQueryDefinitions Read query_definition::describe, [];
    DescribeSubscriptionFilters Read subscription_filter::describe, [];
    ListLogGroups Read group::list, [];
    ListTagsForResource Read tag::list_for_resource, [];
    ListTagsLogGroup Read tag::list_of_group, [];
    PutDestination Write destination::put, [];
    PutDestinationPolicy Write destination::put_policy, [];
    PutLogEvents Write stream::put_events, [];
    PutMetricFilter Write metric_filter::put, [];
    PutQueryDefinition Write query_definition::put, [Token];
    PutRetentionPolicy Write group::put_retention, [];
    PutSubscriptionFilter Write subscription_filter::put, [];
    TagLogGroup Write tag::tag_group, [];
    TagResource Write tag::tag_resource, [];
    TestMetricFilter Read metric_filter::test, [];
    UntagLogGroup Write tag::untag_group, [];
    UntagResource Write tag::untag_resource, [];
}

/// The caller's part of the logs, to be changed.
fn own_mut<'t>(tx: &'t mut Transaction<'_>) -> &'t mut LogsOfRealm {
    let realm = tx.realm().clone();
    tx.state.logs_mut().0.entry(realm).or_default()
}

/// The caller's group of that name, to be changed.
fn group_mut<'t>(tx: &'t mut Transaction<'_>, name: &str) -> Result<&'t mut LogGroup, ApiError> {
    let now = tx.state.now;
    let group = own_mut(tx).groups.get_mut(name);
    let group = group.filter(|it| it.exists(now));
    group.ok_or_else(error::no_log_group)
}

/// The caller's part of the logs.
fn own<'r>(reader: &Reader<'r>) -> Option<&'r LogsOfRealm> {
    reader.state.logs.0.get(reader.realm())
}

/// The caller's group of that name.
fn group<'r>(reader: &Reader<'r>, name: &str) -> Result<&'r LogGroup, ApiError> {
    let group = own(reader).and_then(|it| it.groups.get(name));
    let group = group.filter(|it| it.exists(reader.state.now));
    group.ok_or_else(error::no_log_group)
}

/// A filter of a group.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FilterName {
    log_group_name: SmolStr,
    filter_name: SmolStr,
}

/// The ARN of something of Logs'.
fn arn(realm: &Realm, what: &str) -> String {
    format!("arn:aws:logs:{}:{}:{what}", realm.region, realm.account)
}

/// A group's name, given as that or as an ARN of the caller's.
fn name_of<'n>(identifier: &'n str, realm: &Realm) -> Result<&'n str, ApiError> {
    if !identifier.starts_with("arn:") {
        return Ok(identifier);
    }
    let prefix = arn(realm, "log-group:");
    let name = identifier.strip_prefix(prefix.as_str());
    let name = name.map(|name| name.trim_end_matches(":*"));
    name.ok_or_else(error::no_log_group)
}

/// One page of `items` in their order; the token of a page is the key of its first item.
fn page<T>(
    member: &str,
    items: impl IntoIterator<Item = (SmolStr, T)>,
    token: Option<&SmolStr>,
    limit: usize,
    show: impl Fn(T) -> Value,
) -> Reply {
    let (items, next) = page_from(items, token, limit).ok_or_else(error::next_token)?;
    let shown: Vec<_> = items.map(show).collect();
    Ok(json!({ member: shown, "nextToken": next }))
}

/// A size of pages within `1..=most`, which is also what there is without one.
fn page_size(limit: Option<usize>, most: usize) -> Result<usize, ApiError> {
    match limit {
        None => Ok(most),
        Some(limit) if (1..=most).contains(&limit) => Ok(limit),
        Some(limit) => Err(error::log_parameter(format_args!(
            "Value '{limit}' at 'limit' failed to satisfy constraint: Member must have value \
             between 1 and {most}"
        ))),
    }
}

/// Whether a name is 1 to 512 of letters, digits and `symbols`.
fn check_name(member: &str, name: &str, symbols: &str) -> Result<(), ApiError> {
    let fits = |it: char| it.is_ascii_alphanumeric() || symbols.contains(it);
    match (1..=512).contains(&name.len()) && name.chars().all(fits) {
        true => Ok(()),
        false => Err(error::log_parameter(format_args!(
            "Value '{name}' at '{member}' failed to satisfy constraint: Member must be 1 to 512 of \
             the characters a-z A-Z 0-9 {symbols}"
        ))),
    }
}

/// The name of a filter, a destination or a stream: 1 to 512 characters without `:` and `*`.
fn check_free_name(member: &str, name: &str) -> Result<(), ApiError> {
    match (1..=512).contains(&name.len()) && !name.contains([':', '*']) {
        true => Ok(()),
        false => Err(error::log_parameter(format_args!(
            "Value '{name}' at '{member}' failed to satisfy constraint: Member must be 1 to 512 \
             characters without : and *"
        ))),
    }
}
