//! Subscription filters: where a group's events are sent on to.
//!
//! Streams, delivery streams and functions are not simulated, so nothing arrives anywhere; what is
//! simulated is who may subscribe. A group's events go to another account only through a logical
//! destination there whose policy names the sender (`facts.md` row 128).

use serde::Deserialize;
use serde_json::json;
use smol_str::SmolStr;
use wirelab_model::{ApiError, Reply};

use super::{
    FilterName, SubscriptionFilter, check_free_name, group, group_mut, metric_filter, page,
    page_size,
};
use crate::describe::Reader;
use crate::error;
use crate::realm::Realm;
use crate::transaction::Transaction;
use crate::view::done;

/// So many a group may have.
const AT_MOST: usize = 2;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Put {
    log_group_name: SmolStr,
    filter_name: SmolStr,
    filter_pattern: String,
    destination_arn: SmolStr,
    role_arn: Option<SmolStr>,
    distribution: Option<SmolStr>,
}

pub(super) fn put(tx: &mut Transaction<'_>, request: Put) -> Reply {
    check_free_name("filterName", &request.filter_name)?;
    metric_filter::parse(&request.filter_pattern)?;
    group_mut(tx, &request.log_group_name)?;
    check_destination(tx, &request)?;
    let utc = tx.utc();
    let filters = &mut group_mut(tx, &request.log_group_name)?.subscription_filters;
    let before = filters.get(&request.filter_name).map(|it| it.creation_time);
    if before.is_none() && filters.len() >= AT_MOST {
        return Err(error::log_limit());
    }
    let filter = SubscriptionFilter {
        name: request.filter_name.clone(),
        pattern: request.filter_pattern,
        destination_arn: request.destination_arn,
        role_arn: request.role_arn,
        distribution: request.distribution.unwrap_or_else(|| "ByLogStream".into()),
        creation_time: before.unwrap_or(utc),
    };
    filters.insert(request.filter_name, filter);
    Ok(done())
}

/// Whether the group's owner may send there.
fn check_destination(tx: &Transaction<'_>, request: &Put) -> Result<(), ApiError> {
    let arn = request.destination_arn.as_str();
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", _, service, region, account, resource] = parts[..] else {
        return Err(error::log_parameter(format_args!(
            "destinationArn '{arn}' is no ARN"
        )));
    };
    let realm = tx.realm();
    if region != realm.region {
        return Err(error::log_parameter(format_args!(
            "destinationArn '{arn}' is of another Region than the log group"
        )));
    }
    match service {
        "logs" => logical_destination(tx, account, region, resource),
        "kinesis" | "firehose" | "lambda" if account != realm.account => {
            Err(error::log_parameter(format_args!(
                "destinationArn '{arn}' is of another account: subscribe to a destination there, \
                 arn:aws:logs:{region}:{account}:destination:NAME"
            )))
        }
        "kinesis" | "firehose" if request.role_arn.is_none() => Err(error::log_parameter(
            format_args!("destinationArn for vendor {service} requires a roleArn"),
        )),
        "kinesis" | "firehose" | "lambda" => Ok(()),
        other => Err(error::log_parameter(format_args!(
            "destinationArn for vendor {other} is not supported: kinesis, firehose, lambda, logs"
        ))),
    }
}

fn logical_destination(
    tx: &Transaction<'_>,
    account: &str,
    region: &str,
    resource: &str,
) -> Result<(), ApiError> {
    let there = Realm {
        account: account.into(),
        region: region.into(),
    };
    let name = resource.strip_prefix("destination:").unwrap_or_default();
    let destinations = tx.state.logs.0.get(&there).map(|it| &it.destinations);
    let Some(destination) = destinations.and_then(|it| it.get(name)) else {
        return Err(error::log_parameter(
            "Could not deliver test message to specified destination. Check if the destination \
             is valid.",
        ));
    };
    match account == tx.owner || destination.admits(&tx.owner) {
        true => Ok(()),
        false => Err(error::log_access_denied(&tx.owner, &destination.name)),
    }
}

pub(super) fn delete(tx: &mut Transaction<'_>, request: FilterName) -> Reply {
    let group = group_mut(tx, &request.log_group_name)?;
    match group.subscription_filters.remove(&request.filter_name) {
        Some(_) => Ok(done()),
        None => Err(error::no_subscription_filter()),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Describe {
    log_group_name: SmolStr,
    filter_name_prefix: Option<SmolStr>,
    next_token: Option<SmolStr>,
    limit: Option<usize>,
}

pub(super) fn describe(reader: &Reader<'_>, request: Describe) -> Reply {
    let group = group(reader, &request.log_group_name)?;
    let prefix = request.filter_name_prefix.unwrap_or_default();
    let filters = group.subscription_filters.values();
    let filters = filters.filter(|it| it.name.starts_with(prefix.as_str()));
    let filters = filters.map(|it| (it.name.clone(), it));
    let limit = page_size(request.limit, 50)?;
    let token = request.next_token.as_ref();
    page("subscriptionFilters", filters, token, limit, |it| {
        json!({
            "filterName": it.name,
            "logGroupName": group.name,
            "filterPattern": it.pattern,
            "destinationArn": it.destination_arn,
            "roleArn": it.role_arn,
            "distribution": it.distribution,
            "creationTime": it.creation_time.as_millis(),
        })
    })
}
