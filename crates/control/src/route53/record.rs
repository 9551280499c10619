//! Record sets of a zone.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use smol_str::SmolStr;
use wirelab_model::*;

use super::{alias, domain_name, keep, own_zone};
use crate::describe::Reader;
use crate::error;
use crate::transaction::Transaction;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ChangeResourceRecordSets {
    hosted_zone_id: SmolStr,
    change_batch: ChangeBatch,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ChangeBatch {
    comment: Option<SmolStr>,
    changes: Vec<Change>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Change {
    action: Action,
    resource_record_set: RecordRequest,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Action {
    Create,
    Delete,
    Upsert,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RecordRequest {
    name: SmolStr,
    #[serde(rename = "Type")]
    record_type: RecordSetType,
    #[serde(rename = "TTL")]
    ttl: Option<u32>,
    #[serde(default)]
    resource_records: Vec<ValueRequest>,
    alias_target: Option<AliasTarget>,
    // Routing policies and health checks.
    set_identifier: Option<IgnoredAny>,
    weight: Option<IgnoredAny>,
    region: Option<IgnoredAny>,
    geo_location: Option<IgnoredAny>,
    failover: Option<IgnoredAny>,
    multi_value_answer: Option<IgnoredAny>,
    health_check_id: Option<IgnoredAny>,
    traffic_policy_instance_id: Option<IgnoredAny>,
    cidr_routing_config: Option<IgnoredAny>,
    geo_proximity_location: Option<IgnoredAny>,
}

impl RecordRequest {
    /// Refuses what would have the answer depend on who asks, on a draw or on a health check: every
    /// record set here is answered as it is (Amazon Route 53 Developer Guide, "Choosing a routing
    /// policy": simple routing).
    fn refuse_policies(&self) -> Result<(), ApiError> {
        let given = [
            ("Weight", &self.weight),
            ("Region", &self.region),
            ("GeoLocation", &self.geo_location),
            ("Failover", &self.failover),
            ("MultiValueAnswer", &self.multi_value_answer),
            ("CidrRoutingConfig", &self.cidr_routing_config),
            ("GeoProximityLocation", &self.geo_proximity_location),
            ("TrafficPolicyInstanceId", &self.traffic_policy_instance_id),
            ("HealthCheckId", &self.health_check_id),
            ("SetIdentifier", &self.set_identifier),
        ];
        match given.into_iter().find(|(_, value)| value.is_some()) {
            Some((name, _)) => Err(error::zone_policy(name)),
            None => Ok(()),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ValueRequest {
    value: SmolStr,
}

/// All changes of a batch, or none.
pub(super) fn change_resource_record_sets(
    tx: &mut Transaction<'_>,
    request: ChangeResourceRecordSets,
) -> Reply {
    let mut zone = own_zone(tx.resources(), &request.hosted_zone_id, &tx.owner)?.clone();
    if request.change_batch.changes.is_empty() {
        return Err(error::invalid_change_batch(
            "The request contains no changes.",
        ));
    }
    check_size(&request.change_batch.changes)?;
    let mut made: Vec<(Action, RecordSet)> = Vec::new();
    for change in request.change_batch.changes {
        let record = checked(change.resource_record_set, &zone)?;
        check_once(&made, change.action, &record)?;
        apply(&mut zone, change.action, record.clone())?;
        made.push((change.action, record));
    }
    for (action, record) in &made {
        if let (Action::Create | Action::Upsert, Some(target)) = (action, &record.alias_target) {
            alias::check(record, target, &zone, tx.resources())?;
        }
    }
    zone.records.sort_by(|one, other| {
        let (one, other) = (
            (order(&one.name), one.record_type),
            (order(&other.name), other.record_type),
        );
        one.cmp(&other)
    });
    let info = keep(tx, zone, request.change_batch.comment);
    Ok(json!({ "ChangeInfo": info }))
}

/// A request may have so many records and characters of values, those of UPSERT counted twice
/// (Route 53 Developer Guide, "Quotas", on `ChangeResourceRecordSets`).
fn check_size(changes: &[Change]) -> Result<(), ApiError> {
    const RECORDS: usize = 1000;
    const CHARACTERS: usize = 32_000;
    let (mut records, mut characters) = (0, 0);
    for change in changes {
        let times = match change.action {
            Action::Upsert => 2,
            Action::Create | Action::Delete => 1,
        };
        let values = &change.resource_record_set.resource_records;
        // An alias is one.
        records += times * values.len().max(1);
        let texts = values.iter().map(|it| it.value.chars().count());
        characters += times * texts.sum::<usize>();
    }
    let (what, most) = match (records > RECORDS, characters > CHARACTERS) {
        (true, _) => ("records", RECORDS),
        (_, true) => ("characters", CHARACTERS),
        _ => return Ok(()),
    };
    Err(error::invalid_change_batch(format_args!(
        "Number of {what} limit of {most} exceeded."
    )))
}

/// A batch changes a record set once; it may delete it and then make it anew.
fn check_once(
    made: &[(Action, RecordSet)],
    action: Action,
    record: &RecordSet,
) -> Result<(), ApiError> {
    let same = |it: &&(Action, RecordSet)| {
        it.1.name == record.name && it.1.record_type == record.record_type
    };
    let mut before = made.iter().filter(same).map(|it| it.0);
    match (before.next(), before.next(), action) {
        (None, ..) | (Some(Action::Delete), None, Action::Create | Action::Upsert) => Ok(()),
        _ => Err(error::invalid_change_batch(format_args!(
            "The request contains an invalid set of changes for a resource record set '{:?} {}'",
            record.record_type, record.name
        ))),
    }
}

/// Route 53 sorts by the labels from the last to the first.
pub(super) fn order(name: &str) -> Vec<&str> {
    name.trim_end_matches('.').rsplit('.').collect()
}

fn checked(request: RecordRequest, zone: &HostedZone) -> Result<RecordSet, ApiError> {
    request.refuse_policies()?;
    let name = domain_name(&request.name)?;
    let kind = request.record_type;
    let refuse = |why: String| Err(error::invalid_change_batch(why));
    if !zone.covers(&name) {
        return refuse(format!(
            "RRSet with DNS name {name} is not permitted in zone {}",
            zone.name
        ));
    }
    if kind == RecordSetType::CNAME && name == zone.name {
        return refuse(format!(
            "RRSet of type CNAME with DNS name {name} is not permitted at apex in zone {}",
            zone.name
        ));
    }
    let values: Vec<SmolStr> = request
        .resource_records
        .into_iter()
        .map(|it| it.value)
        .collect();
    let set = match request.alias_target {
        Some(mut target) => {
            if request.ttl.is_some() || !values.is_empty() {
                return refuse(format!(
                    "Tried to create resource record set [name='{name}'] with an alias target and a TTL \
                     or values"
                ));
            }
            target.dns_name = domain_name(&target.dns_name)?;
            RecordSet {
                name,
                record_type: kind,
                ttl: None,
                values,
                alias_target: Some(target),
            }
        }
        None => {
            let Some(ttl) = request.ttl else {
                return refuse(format!(
                    "Invalid request: Missing field 'TTL' in Change with [name='{name}']"
                ));
            };
            check_values(kind, &name, &values)?;
            RecordSet {
                name,
                record_type: kind,
                ttl: Some(ttl),
                values,
                alias_target: None,
            }
        }
    };
    Ok(set)
}

fn check_values(kind: RecordSetType, name: &str, values: &[SmolStr]) -> Result<(), ApiError> {
    let refuse = |why: String| Err(error::invalid_change_batch(why));
    if values.is_empty() || (kind == RecordSetType::CNAME && values.len() > 1) {
        return refuse(format!(
            "Invalid number of resource records for [name='{name}']"
        ));
    }
    if values.len() > VALUES_AT_MOST {
        return refuse(format!(
            "Cannot have more than {VALUES_AT_MOST} records in a RRSet."
        ));
    }
    if let Some(bad) = values.iter().find(|it| !is_valid(kind, it)) {
        return refuse(format!("Invalid Resource Record: {}", why(kind, bad)));
    }
    let mut seen = BTreeSet::new();
    match values.iter().find(|it| !seen.insert(*it)) {
        Some(again) => refuse(format!("Duplicate Resource Record: '{again}'")),
        None => Ok(()),
    }
}

/// Values of a record set at most (Route 53 Developer Guide, "Quotas").
const VALUES_AT_MOST: usize = 400;

/// What Route 53 says of a value that has not the form of its type.
fn why(kind: RecordSetType, bad: &str) -> String {
    let problem = match kind {
        RecordSetType::A => "ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address)",
        RecordSetType::AAAA => "AAAARRDATAIllegalIPv6Address (Value is not a valid IPv6 address)",
        RecordSetType::TXT => {
            "InvalidCharacterString (Value should be enclosed in quotation marks)"
        }
        _ => return format!("'{bad}' is no value of a {kind:?} record"),
    };
    format!("FATAL problem: {problem} encountered with '{bad}'")
}

/// Whether a value has the form of its type.
fn is_valid(kind: RecordSetType, value: &str) -> bool {
    let words: Vec<_> = value.split_whitespace().collect();
    let number = |at: usize| words.get(at).is_some_and(|it| it.parse::<u16>().is_ok());
    let name = |at: usize| words.get(at).is_some_and(|it| domain_name(it).is_ok());
    match kind {
        RecordSetType::A => value.parse::<Ipv4Addr>().is_ok(),
        RecordSetType::AAAA => value.parse::<Ipv6Addr>().is_ok(),
        RecordSetType::CNAME | RecordSetType::NS | RecordSetType::PTR => {
            words.len() == 1 && name(0)
        }
        RecordSetType::MX => words.len() == 2 && number(0) && name(1),
        RecordSetType::SRV => {
            words.len() == 4 && number(0) && number(1) && number(2) && (words[3] == "." || name(3))
        }
        RecordSetType::TXT => value.len() >= 2 && value.starts_with('"') && value.ends_with('"'),
        RecordSetType::SOA => words.len() == 7 && name(0) && name(1),
    }
}

fn apply(zone: &mut HostedZone, action: Action, record: RecordSet) -> Result<(), ApiError> {
    let kind = record.record_type;
    let same = |it: &RecordSet| it.name == record.name && it.record_type == kind;
    let at = zone.records.iter().position(same);
    let refuse = |tried: &str, why: &str| {
        let text = format!(
            "Tried to {tried} resource record set [name='{}', type='{kind:?}'] but {why}",
            record.name
        );
        Err(error::invalid_change_batch(text))
    };
    if let Action::Delete = action {
        let is_own =
            record.name == zone.name && matches!(kind, RecordSetType::NS | RecordSetType::SOA);
        return match at {
            _ if is_own => refuse("delete", "it is the zone's own"),
            Some(at) if zone.records[at] == record => {
                zone.records.remove(at);
                Ok(())
            }
            Some(_) => refuse(
                "delete",
                "the values provided do not match the current values",
            ),
            None => refuse("delete", "it was not found"),
        };
    }
    let cname = RecordSetType::CNAME;
    let clash = |it: &RecordSet| {
        it.name == record.name && !same(it) && (kind == cname || it.record_type == cname)
    };
    if zone.records.iter().any(clash) {
        return Err(error::invalid_change_batch(format!(
            "RRSet of type {kind:?} with DNS name {} is not permitted as it conflicts with other \
             records with the same DNS name in zone {}",
            record.name, zone.name
        )));
    }
    match (at, action) {
        (Some(_), Action::Create) => refuse("create", "it already exists"),
        (Some(at), _) => {
            zone.records[at] = record;
            Ok(())
        }
        (None, _) => {
            zone.records.push(record);
            Ok(())
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ListResourceRecordSets {
    hosted_zone_id: SmolStr,
    start_record_name: Option<SmolStr>,
    start_record_type: Option<RecordSetType>,
    max_items: Option<usize>,
}

/// Longest page.
const PAGE: usize = 300;

pub(super) fn list_resource_record_sets(
    reader: &Reader<'_>,
    request: ListResourceRecordSets,
) -> Reply {
    let zone = own_zone(
        reader.resources(),
        &request.hosted_zone_id,
        reader.account(),
    )?;
    let start = request
        .start_record_name
        .as_deref()
        .map(domain_name)
        .transpose()?;
    let from = |it: &&RecordSet| {
        let Some(start) = &start else {
            return true;
        };
        let first = request.start_record_type;
        match order(&it.name).cmp(&order(start)) {
            std::cmp::Ordering::Equal => first.is_none_or(|first| it.record_type >= first),
            ordering => ordering.is_gt(),
        }
    };
    let records: Vec<_> = zone.records.iter().filter(from).collect();
    let limit = request.max_items.unwrap_or(PAGE).clamp(1, PAGE);
    let next = records.get(limit);
    Ok(json!({
        "ResourceRecordSets": records.iter().take(limit).map(|it| show(it)).collect::<Vec<_>>(),
        "IsTruncated": next.is_some(),
        "NextRecordName": next.map(|it| &it.name),
        "NextRecordType": next.map(|it| it.record_type),
        "MaxItems": limit.to_string(),
    }))
}

fn show(record: &RecordSet) -> Value {
    let values = record.values.iter().map(|value| json!({ "Value": value }));
    let values: Vec<_> = values.collect();
    let alias = record.alias_target.as_ref();
    json!({
        "Name": record.name,
        "Type": record.record_type,
        "TTL": record.ttl,
        "ResourceRecords": alias.is_none().then_some(values),
        "AliasTarget": alias,
    })
}
