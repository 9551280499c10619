//! CloudTrail's operations that keep something: trails (AWS CloudTrail API Reference).
//!
//! The event history needs no trail, and is there without one. A trail is kept and switched on and
//! off, and of each while in which it logged is kept where its files went ([`Logging`]); so a
//! bucket has what a trail delivered before it was changed or deleted. Whether a bucket takes the
//! files is its business who has the buckets, as the files are.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use smol_str::{SmolStr, format_smolstr};
use wirelab_model::{ApiError, Reply, UnixTime};

use crate::clock::iso8601;
use crate::describe::Reader;
use crate::error;
use crate::operation::{
    Handler, Operation, operations, read_request, read_signature, write_request, write_signature,
};
use crate::realm::Realm;
use crate::request;
use crate::tags::{self, AT_MOST as TAGS_AT_MOST, Tags, Unfit};
use crate::transaction::Transaction;
use crate::view::done;

operations! {
    AddTags Write add_tags, [];
    CreateTrail Write create, [];
    DeleteTrail Write delete, [];
    DescribeTrails Read describe, [];
    GetTrail Read get, [];
    GetTrailStatus Read status, [];
    ListTags Read list_tags, [];
    ListTrails Read list, [];
    RemoveTags Write remove_tags, [];
    StartLogging Write start, [];
    StopLogging Write stop, [];
    UpdateTrail Write update, [];
}

/// Trails, and when they have logged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CloudTrail {
    /// By account, Region and name.
    trails: BTreeMap<Realm, BTreeMap<SmolStr, Trail>>,
    /// In the order in which they began.
    pub(crate) loggings: Vec<Logging>,
}

/// A while in which a trail logged, and where the files of it go. One that is changed meanwhile
/// begins another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logging {
    /// The trail's ARN.
    pub trail_arn: SmolStr,
    /// Whose it is.
    pub account: SmolStr,
    /// Its home Region.
    pub region: SmolStr,
    /// The bucket of the files.
    pub bucket: SmolStr,
    /// What is before `AWSLogs` in their keys.
    pub prefix: Option<SmolStr>,
    /// Whether events of services that are one for all Regions are logged.
    pub is_global: bool,
    /// Whether events of all Regions are logged.
    pub is_multi_region: bool,
    /// Since when.
    pub from: UnixTime,
    /// Until when, if it has ended.
    pub until: Option<UnixTime>,
}

/// So many an account has in a Region.
const AT_MOST: usize = 5;

/// A trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Trail {
    name: SmolStr,
    bucket: SmolStr,
    prefix: Option<SmolStr>,
    is_global: bool,
    is_multi_region: bool,
    validates: bool,
    is_logging: bool,
    started: Option<UnixTime>,
    stopped: Option<UnixTime>,
    tags: Tags,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Create {
    name: SmolStr,
    s3_bucket_name: SmolStr,
    s3_key_prefix: Option<SmolStr>,
    include_global_service_events: Option<bool>,
    #[serde(default)]
    is_multi_region_trail: bool,
    #[serde(default)]
    enable_log_file_validation: bool,
    #[serde(default)]
    tags_list: Vec<Tag>,
}

fn create(tx: &mut Transaction<'_>, request: Create) -> Reply {
    check_name(&request.name)?;
    check_scope(
        request.is_multi_region_trail,
        request.include_global_service_events.unwrap_or(true),
    )?;
    let mut tags = Tags::new();
    add(&mut tags, request.tags_list)?;
    let realm = tx.realm().clone();
    let trails = own_mut(tx);
    if trails.contains_key(&request.name) {
        return Err(error::trail_exists(&request.name));
    }
    if trails.len() >= AT_MOST {
        return Err(error::trail_limit(AT_MOST, &realm.region));
    }
    let trail = Trail {
        name: request.name.clone(),
        bucket: request.s3_bucket_name,
        prefix: request.s3_key_prefix,
        is_global: request.include_global_service_events.unwrap_or(true),
        is_multi_region: request.is_multi_region_trail,
        validates: request.enable_log_file_validation,
        is_logging: false,
        started: None,
        stopped: None,
        tags,
    };
    let shown = show(&trail, &realm);
    trails.insert(request.name, trail);
    Ok(shown)
}

/// 3 to 128 of letters, digits and `._-`, the first of them a letter or a digit.
fn check_name(name: &str) -> Result<(), ApiError> {
    let fits = |it: char| it.is_ascii_alphanumeric() || "._-".contains(it);
    let begins = name.starts_with(|it: char| it.is_ascii_alphanumeric());
    match (3..=128).contains(&name.len()) && name.chars().all(fits) && begins {
        true => Ok(()),
        false => Err(error::trail_name(name)),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Update {
    name: SmolStr,
    s3_bucket_name: Option<SmolStr>,
    s3_key_prefix: Option<SmolStr>,
    include_global_service_events: Option<bool>,
    is_multi_region_trail: Option<bool>,
    enable_log_file_validation: Option<bool>,
}

fn update(tx: &mut Transaction<'_>, request: Update) -> Reply {
    let realm = tx.realm().clone();
    let trail = trail_mut(tx, &request.name)?;
    check_scope(
        request
            .is_multi_region_trail
            .unwrap_or(trail.is_multi_region),
        request
            .include_global_service_events
            .unwrap_or(trail.is_global),
    )?;
    if let Some(bucket) = request.s3_bucket_name {
        trail.bucket = bucket;
    }
    if let Some(prefix) = request.s3_key_prefix {
        trail.prefix = Some(prefix);
    }
    let flag = |new: Option<bool>, old: &mut bool| *old = new.unwrap_or(*old);
    flag(request.include_global_service_events, &mut trail.is_global);
    flag(request.is_multi_region_trail, &mut trail.is_multi_region);
    flag(request.enable_log_file_validation, &mut trail.validates);
    let trail = trail.clone();
    if trail.is_logging {
        end(tx, &trail);
        begin(tx, &trail);
    }
    Ok(show(&trail, &realm))
}

/// A trail of all Regions has the events of services that are one for all.
fn check_scope(is_multi_region: bool, is_global: bool) -> Result<(), ApiError> {
    match is_multi_region && !is_global {
        true => Err(error::trail_scope()),
        false => Ok(()),
    }
}

/// The trail logs from now on, as it is now.
fn begin(tx: &mut Transaction<'_>, trail: &Trail) {
    let (realm, from) = (tx.realm().clone(), tx.utc());
    let logging = Logging {
        trail_arn: arn(&trail.name, &realm),
        account: realm.account.clone(),
        region: realm.region.clone(),
        bucket: trail.bucket.clone(),
        prefix: trail.prefix.clone(),
        is_global: trail.is_global,
        is_multi_region: trail.is_multi_region,
        from,
        until: None,
    };
    tx.state.cloudtrail_mut().loggings.push(logging);
}

/// The trail has logged until now.
fn end(tx: &mut Transaction<'_>, trail: &Trail) {
    let (arn, now) = (arn(&trail.name, tx.realm()), tx.utc());
    let all = tx.state.cloudtrail_mut().loggings.iter_mut();
    let mut open = all.filter(|it| it.trail_arn == arn && it.until.is_none());
    if let Some(open) = open.next() {
        open.until = Some(now);
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Named {
    name: SmolStr,
}

fn delete(tx: &mut Transaction<'_>, request: Named) -> Reply {
    let trail = trail_mut(tx, &request.name)?.clone();
    end(tx, &trail);
    own_mut(tx).remove(&trail.name);
    Ok(done())
}

fn start(tx: &mut Transaction<'_>, request: Named) -> Reply {
    let utc = tx.utc();
    let trail = trail_mut(tx, &request.name)?;
    if !trail.is_logging {
        (trail.is_logging, trail.started) = (true, Some(utc));
        let trail = trail.clone();
        begin(tx, &trail);
    }
    Ok(done())
}

fn stop(tx: &mut Transaction<'_>, request: Named) -> Reply {
    let utc = tx.utc();
    let trail = trail_mut(tx, &request.name)?;
    if trail.is_logging {
        (trail.is_logging, trail.stopped) = (false, Some(utc));
        let trail = trail.clone();
        end(tx, &trail);
    }
    Ok(done())
}

fn get(reader: &Reader<'_>, request: Named) -> Reply {
    let trail = trail(reader, &request.name)?;
    Ok(json!({ "Trail": show(trail, reader.realm()) }))
}

fn status(reader: &Reader<'_>, request: Named) -> Reply {
    let trail = trail(reader, &request.name)?;
    let moment = |it: Option<UnixTime>| it.map(iso8601);
    Ok(json!({
        "IsLogging": trail.is_logging,
        "StartLoggingTime": moment(trail.started),
        "StopLoggingTime": moment(trail.stopped),
        "TimeLoggingStarted": moment(trail.started),
        "TimeLoggingStopped": moment(trail.stopped),
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Describe {
    #[serde(default, rename = "trailNameList")]
    names: Vec<SmolStr>,
    /// Trails of other Regions that this one is covered by are shown there.
    #[serde(rename = "includeShadowTrails")]
    _include_shadow_trails: Option<bool>,
}

/// Names that no trail has are passed over.
fn describe(reader: &Reader<'_>, request: Describe) -> Reply {
    let realm = reader.realm();
    let wanted = |it: &&Trail| {
        let mut names = request.names.iter();
        request.names.is_empty() || names.any(|name| bare(name, realm) == Some(&it.name))
    };
    let shown = own(reader).filter(wanted).map(|it| show(it, realm));
    Ok(json!({ "trailList": shown.collect::<Vec<_>>() }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct List {
    /// All are on one page.
    #[serde(rename = "NextToken")]
    _next_token: Option<SmolStr>,
}

fn list(reader: &Reader<'_>, _: List) -> Reply {
    let realm = reader.realm();
    let shown = own(reader).map(|it| {
        json!({
            "TrailARN": arn(&it.name, realm),
            "Name": it.name,
            "HomeRegion": realm.region,
        })
    });
    Ok(json!({ "Trails": shown.collect::<Vec<_>>() }))
}

fn own<'r>(reader: &Reader<'r>) -> impl Iterator<Item = &'r Trail> + use<'r> {
    let own = reader.state.cloudtrail.trails.get(reader.realm());
    own.into_iter().flat_map(|it| it.values())
}

fn own_mut<'t>(tx: &'t mut Transaction<'_>) -> &'t mut BTreeMap<SmolStr, Trail> {
    let realm = tx.realm().clone();
    tx.state.cloudtrail_mut().trails.entry(realm).or_default()
}

fn trail<'r>(reader: &Reader<'r>, name: &str) -> Result<&'r Trail, ApiError> {
    let bare = bare(name, reader.realm());
    let own = reader.state.cloudtrail.trails.get(reader.realm());
    let found = bare.and_then(|name| own?.get(name));
    found.ok_or_else(|| error::no_trail(name))
}

fn trail_mut<'t>(tx: &'t mut Transaction<'_>, name: &str) -> Result<&'t mut Trail, ApiError> {
    let realm = tx.realm().clone();
    let own = own_mut(tx);
    let found = bare(name, &realm).and_then(|name| own.get_mut(name));
    found.ok_or_else(|| error::no_trail(name))
}

/// A trail's name, given as that or as its ARN.
fn bare<'n>(name: &'n str, realm: &Realm) -> Option<&'n str> {
    match name.starts_with("arn:") {
        true => name.strip_prefix(arn("", realm).as_str()),
        false => Some(name),
    }
}

fn arn(name: &str, realm: &Realm) -> SmolStr {
    format_smolstr!(
        "arn:aws:cloudtrail:{}:{}:trail/{name}",
        realm.region,
        realm.account
    )
}

/// A trail as `GetTrail` has it, of whose members the replies of the others have a part.
fn show(trail: &Trail, realm: &Realm) -> Value {
    json!({
        "Name": trail.name,
        "S3BucketName": trail.bucket,
        "S3KeyPrefix": trail.prefix,
        "IncludeGlobalServiceEvents": trail.is_global,
        "IsMultiRegionTrail": trail.is_multi_region,
        "HomeRegion": realm.region,
        "TrailARN": arn(&trail.name, realm),
        "LogFileValidationEnabled": trail.validates,
        "HasCustomEventSelectors": false,
        "HasInsightSelectors": false,
        "IsOrganizationTrail": false,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Tag {
    key: SmolStr,
    #[serde(default)]
    value: SmolStr,
}

fn add(tags: &mut Tags, added: Vec<Tag>) -> Result<(), ApiError> {
    let added = added.into_iter().map(|it| (it.key, it.value));
    tags::add(tags, added).map_err(|unfit| match unfit {
        Unfit::Tag => error::trail_tag(),
        Unfit::Many => error::trail_tags(TAGS_AT_MOST),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Tagging {
    resource_id: SmolStr,
    tags_list: Vec<Tag>,
}

fn add_tags(tx: &mut Transaction<'_>, request: Tagging) -> Reply {
    add(
        &mut tagged_mut(tx, &request.resource_id)?.tags,
        request.tags_list,
    )?;
    Ok(done())
}

/// A tag is removed by its key, whatever value is said.
fn remove_tags(tx: &mut Transaction<'_>, request: Tagging) -> Reply {
    let trail = tagged_mut(tx, &request.resource_id)?;
    for tag in request.tags_list {
        trail.tags.remove(&tag.key);
    }
    Ok(done())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ListTags {
    resource_id_list: Vec<SmolStr>,
    /// All are on one page.
    #[serde(rename = "NextToken")]
    _next_token: Option<SmolStr>,
}

fn list_tags(reader: &Reader<'_>, request: ListTags) -> Reply {
    let realm = reader.realm();
    let of = |id: &SmolStr| {
        let own = reader.state.cloudtrail.trails.get(realm);
        let found = own.and_then(|it| it.get(name_in(id, realm)?));
        let trail = found.ok_or_else(|| not_tagged(id))?;
        let tags: Vec<_> = trail.tags.iter().map(tags::shown).collect();
        Ok(json!({ "ResourceId": id, "TagsList": tags }))
    };
    let lists: Result<Vec<_>, ApiError> = request.resource_id_list.iter().map(of).collect();
    Ok(json!({ "ResourceTagList": lists? }))
}

fn tagged_mut<'t>(tx: &'t mut Transaction<'_>, id: &str) -> Result<&'t mut Trail, ApiError> {
    let realm = tx.realm().clone();
    let own = own_mut(tx);
    let found = name_in(id, &realm).and_then(|name| own.get_mut(name));
    found.ok_or_else(|| not_tagged(id))
}

/// The trail's name in an ARN: tags are asked for by nothing else.
fn name_in<'n>(id: &'n str, realm: &Realm) -> Option<&'n str> {
    id.strip_prefix(arn("", realm).as_str())
}

fn not_tagged(id: &str) -> ApiError {
    let mut parts = id.split(':');
    let is_arn = parts.next() == Some("arn") && parts.nth(1) == Some("cloudtrail");
    match is_arn && id.contains(":trail/") {
        true => error::no_trail_resource(id),
        false => error::trail_arn(id),
    }
}
