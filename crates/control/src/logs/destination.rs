//! Logical destinations: what lets another account subscribe.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use smol_str::SmolStr;
use wirelab_model::{Reply, UnixTime};

use super::{arn, check_free_name, own, own_mut, page, page_size};
use crate::describe::Reader;
use crate::error;
use crate::policy::{many, texts};
use crate::realm::Realm;
use crate::transaction::Transaction;
use crate::view::done;

/// A destination.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Destination {
    pub(super) name: SmolStr,
    target_arn: SmolStr,
    role_arn: SmolStr,
    access_policy: Option<String>,
    creation_time: UnixTime,
    pub(super) tags: BTreeMap<SmolStr, SmolStr>,
}

impl Destination {
    /// Whether the policy lets an account subscribe: an `Allow` of `logs:PutSubscriptionFilter`
    /// whose principal is everybody, the account, or its root.
    pub(super) fn admits(&self, account: &str) -> bool {
        let policy = self.access_policy.as_deref().unwrap_or_default();
        let policy: Value = serde_json::from_str(policy).unwrap_or_default();
        let statements = many(&policy["Statement"]);
        let allows = |it: &Value, effect: &str| {
            let names = |text: &str| {
                let of_account = text
                    .strip_prefix("arn:aws:iam::")
                    .and_then(|it| it.split_once(':'))
                    .is_some_and(|(id, _)| id == account);
                text == "*" || text == account || of_account
            };
            let principals = match &it["Principal"] {
                Value::Object(kinds) => &kinds["AWS"],
                other => other,
            };
            let acts = |text: &str| {
                let act = text.to_ascii_lowercase();
                let act = act.as_str();
                matches!(
                    act,
                    "*" | "logs:*" | "logs:put*" | "logs:putsubscriptionfilter"
                )
            };
            it["Effect"] == effect && texts(principals).any(names) && texts(&it["Action"]).any(acts)
        };
        let mut statements = statements.iter();
        statements.clone().any(|it| allows(it, "Allow")) && !statements.any(|it| allows(it, "Deny"))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Put {
    destination_name: SmolStr,
    target_arn: SmolStr,
    role_arn: SmolStr,
    #[serde(default)]
    tags: BTreeMap<SmolStr, SmolStr>,
}

pub(super) fn put(tx: &mut Transaction<'_>, request: Put) -> Reply {
    check_free_name("destinationName", &request.destination_name)?;
    super::tag::check(&request.tags)?;
    let service = request.target_arn.split(':').nth(2).unwrap_or_default();
    if !matches!(service, "kinesis" | "firehose") {
        return Err(error::log_parameter(format_args!(
            "targetArn '{}' must be of a stream of Kinesis or Firehose",
            request.target_arn
        )));
    }
    let (utc, realm) = (tx.utc(), tx.realm().clone());
    let destinations = &mut own_mut(tx).destinations;
    let before = destinations.remove(&request.destination_name);
    let destination = Destination {
        name: request.destination_name.clone(),
        target_arn: request.target_arn,
        role_arn: request.role_arn,
        access_policy: before.as_ref().and_then(|it| it.access_policy.clone()),
        creation_time: before.as_ref().map_or(utc, |it| it.creation_time),
        tags: match before {
            Some(before) if request.tags.is_empty() => before.tags,
            _ => request.tags,
        },
    };
    let shown = show(&destination, &realm);
    destinations.insert(request.destination_name, destination);
    Ok(json!({ "destination": shown }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PutPolicy {
    destination_name: SmolStr,
    access_policy: String,
    /// Only wanted where organisations come in.
    #[serde(rename = "forceUpdate")]
    _force_update: Option<bool>,
}

pub(super) fn put_policy(tx: &mut Transaction<'_>, request: PutPolicy) -> Reply {
    let policy = serde_json::from_str::<Value>(&request.access_policy);
    if !policy.is_ok_and(|it| it["Statement"].is_array() || it["Statement"].is_object()) {
        return Err(error::log_parameter(
            "The access policy is no policy document.",
        ));
    }
    let destination = own_mut(tx).destinations.get_mut(&request.destination_name);
    let destination = destination.ok_or_else(error::no_destination)?;
    destination.access_policy = Some(request.access_policy);
    Ok(done())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Delete {
    destination_name: SmolStr,
}

pub(super) fn delete(tx: &mut Transaction<'_>, request: Delete) -> Reply {
    match own_mut(tx).destinations.remove(&request.destination_name) {
        Some(_) => Ok(done()),
        None => Err(error::no_destination()),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Describe {
    /// With a capital in the API, alone of all.
    #[serde(rename = "DestinationNamePrefix")]
    prefix: Option<SmolStr>,
    next_token: Option<SmolStr>,
    limit: Option<usize>,
}

pub(super) fn describe(reader: &Reader<'_>, request: Describe) -> Reply {
    let prefix = request.prefix.unwrap_or_default();
    let all = own(reader)
        .into_iter()
        .flat_map(|it| it.destinations.values());
    let all = all.filter(|it| it.name.starts_with(prefix.as_str()));
    let all = all.map(|it| (it.name.clone(), it));
    let limit = page_size(request.limit, 50)?;
    page(
        "destinations",
        all,
        request.next_token.as_ref(),
        limit,
        |it| show(it, reader.realm()),
    )
}

fn show(destination: &Destination, realm: &Realm) -> Value {
    json!({
        "destinationName": destination.name,
        "targetArn": destination.target_arn,
        "roleArn": destination.role_arn,
        "accessPolicy": destination.access_policy,
        "arn": arn(realm, &format!("destination:{}", destination.name)),
        "creationTime": destination.creation_time.as_millis(),
    })
}
