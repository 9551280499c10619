//! Workgroups: where results go, and how much a query may read.
//!
//! One that is made with a name alone has its settings before those of its queries, tells
//! CloudWatch of them and runs on the engine that Athena chooses; what is given is shown as it was
//! given. Results are encrypted by S3 with keys of its own: keys of KMS are not simulated.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use smol_str::SmolStr;
use wirelab_model::{ApiError, Reply, UnixTime};

use super::tag::{self, Tag};
use super::{AthenaOfRealm, invalid, page};
use crate::clock::iso8601;
use crate::control::ControlConfig;
use crate::describe::Reader;
use crate::realm::Realm;
use crate::state::State;
use crate::tags::Tags;
use crate::transaction::Transaction;

/// The workgroup that is always there.
const PRIMARY: &str = "primary";

/// So many there may be in a Region.
const AT_MOST: usize = 1000;

/// The least that `BytesScannedCutoffPerQuery` may be.
const CUTOFF_AT_LEAST: u64 = 10_000_000;

/// A workgroup: `GetWorkGroup`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkGroup {
    /// Its name.
    pub name: SmolStr,
    /// What it is for.
    pub description: Option<SmolStr>,
    /// Whether queries are taken.
    pub is_enabled: bool,
    /// `s3://bucket/prefix/` for results.
    pub output_location: Option<SmolStr>,
    /// The account that must have the bucket of the results.
    pub expected_bucket_owner: Option<SmolStr>,
    /// How results are encrypted, as it was said: `SSE_S3`.
    pub encryption: Option<SmolStr>,
    /// The canned list of access that results have: `BUCKET_OWNER_FULL_CONTROL`.
    pub acl: Option<SmolStr>,
    /// Whether what a query says about its results does not count.
    pub is_enforced: bool,
    /// Whether CloudWatch gets its metrics.
    pub publishes_metrics: bool,
    /// A query that reads more octets is ended.
    pub bytes_scanned_cutoff: Option<u64>,
    /// Whether buckets may be of the kind whose readers pay.
    pub requester_pays: bool,
    /// The engine's version that was asked for: `AUTO`.
    pub engine: SmolStr,
    /// When it was made.
    pub creation_time: UnixTime,
    /// Its tags.
    pub tags: Tags,
}

impl WorkGroup {
    fn new(name: SmolStr, creation_time: UnixTime) -> Self {
        Self {
            name,
            description: None,
            is_enabled: true,
            output_location: None,
            expected_bucket_owner: None,
            encryption: None,
            acl: None,
            is_enforced: true,
            publishes_metrics: true,
            bytes_scanned_cutoff: None,
            requester_pays: false,
            engine: AUTO.into(),
            creation_time,
            tags: Tags::new(),
        }
    }

    fn primary(config: &ControlConfig) -> Self {
        Self {
            is_enforced: false,
            ..Self::new(PRIMARY.into(), config.starts)
        }
    }
}

/// The workgroup of that name.
///
/// # Errors
/// There is none.
pub(crate) fn of_name(
    state: &State,
    config: &ControlConfig,
    realm: &Realm,
    name: &str,
) -> Result<WorkGroup, ApiError> {
    let kept = state.athena.0.get(realm);
    match kept.and_then(|it| it.work_groups.get(name)) {
        Some(found) => Ok(found.clone()),
        None if name == PRIMARY => Ok(WorkGroup::primary(config)),
        None => Err(not_found(name)),
    }
}

fn not_found(name: &str) -> ApiError {
    invalid(format!("WorkGroup {name} is not found."))
}

pub(super) fn own_mut<'t>(tx: &'t mut Transaction<'_>) -> &'t mut AthenaOfRealm {
    let realm = tx.realm().clone();
    tx.state.athena_mut().0.entry(realm).or_default()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Create {
    name: SmolStr,
    description: Option<SmolStr>,
    configuration: Option<Configuration>,
    tags: Option<Vec<Tag>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Configuration {
    result_configuration: Option<ResultConfiguration>,
    enforce_work_group_configuration: Option<bool>,
    publish_cloud_watch_metrics_enabled: Option<bool>,
    bytes_scanned_cutoff_per_query: Option<u64>,
    requester_pays_enabled: Option<bool>,
    engine_version: Option<EngineVersion>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ResultConfiguration {
    output_location: Option<SmolStr>,
    encryption_configuration: Option<Encryption>,
    expected_bucket_owner: Option<SmolStr>,
    acl_configuration: Option<Acl>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Encryption {
    encryption_option: SmolStr,
    kms_key: Option<SmolStr>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Acl {
    s3_acl_option: SmolStr,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct EngineVersion {
    selected_engine_version: Option<SmolStr>,
    /// Said in replies, not asked.
    #[serde(rename = "EffectiveEngineVersion")]
    _effective: Option<SmolStr>,
}

pub(super) fn create(tx: &mut Transaction<'_>, request: Create) -> Reply {
    let name = request.name;
    let fits = |it: char| it.is_ascii_alphanumeric() || "._-".contains(it);
    if !(1..=128).contains(&name.len()) || !name.chars().all(fits) {
        return Err(invalid("Name must be 1 to 128 of a-z, A-Z, 0-9, _, ., -"));
    }
    if of_name(tx.state, tx.config, tx.realm(), &name).is_ok() {
        return Err(invalid("WorkGroup is already created"));
    }
    let mut group = WorkGroup::new(name.clone(), tx.utc());
    group.description = request.description;
    let configuration = request.configuration.unwrap_or_default();
    let changes = Changes {
        results: configuration.result_configuration.unwrap_or_default(),
        is_enforced: configuration.enforce_work_group_configuration,
        publishes_metrics: configuration.publish_cloud_watch_metrics_enabled,
        bytes_scanned_cutoff: configuration.bytes_scanned_cutoff_per_query,
        requester_pays: configuration.requester_pays_enabled,
        engine_version: configuration.engine_version,
    };
    changes.apply(&mut group)?;
    if request.tags.as_ref().is_some_and(Vec::is_empty) {
        return Err(invalid(
            "Tags provided upon WorkGroup creation must not be empty",
        ));
    }
    tag::add(&mut group, request.tags.unwrap_or_default())?;
    let groups = &mut own_mut(tx).work_groups;
    if groups.len() >= AT_MOST {
        return Err(invalid("The limit of workgroups has been reached."));
    }
    groups.insert(name, group);
    Ok(json!({}))
}

/// What a call sets.
struct Changes {
    results: ResultConfiguration,
    is_enforced: Option<bool>,
    publishes_metrics: Option<bool>,
    bytes_scanned_cutoff: Option<u64>,
    requester_pays: Option<bool>,
    engine_version: Option<EngineVersion>,
}

impl Changes {
    fn apply(self, group: &mut WorkGroup) -> Result<(), ApiError> {
        self.results.apply(group)?;
        let version = self
            .engine_version
            .and_then(|it| it.selected_engine_version);
        if let Some(version) = version {
            if version != AUTO && version != ENGINE {
                return Err(invalid(format!(
                    "EngineVersion {version} is not supported: {AUTO}, {ENGINE}"
                )));
            }
            group.engine = version;
        }
        if let Some(cutoff) = self.bytes_scanned_cutoff {
            if cutoff < CUTOFF_AT_LEAST {
                return Err(invalid(format!(
                    "BytesScannedCutoffPerQuery must be at least {CUTOFF_AT_LEAST}"
                )));
            }
            group.bytes_scanned_cutoff = Some(cutoff);
        }
        group.is_enforced = self.is_enforced.unwrap_or(group.is_enforced);
        group.publishes_metrics = self.publishes_metrics.unwrap_or(group.publishes_metrics);
        group.requester_pays = self.requester_pays.unwrap_or(group.requester_pays);
        Ok(())
    }
}

impl ResultConfiguration {
    fn apply(self, group: &mut WorkGroup) -> Result<(), ApiError> {
        if let Some(location) = self.output_location {
            check_location(&location)?;
            group.output_location = Some(location);
        }
        if let Some(encryption) = self.encryption_configuration {
            if encryption.encryption_option != SSE_S3 || encryption.kms_key.is_some() {
                return Err(invalid(format!(
                    "wirelab encrypts results with {SSE_S3} and simulates no keys of KMS"
                )));
            }
            group.encryption = Some(encryption.encryption_option);
        }
        if let Some(owner) = self.expected_bucket_owner {
            group.expected_bucket_owner = Some(owner);
        }
        if let Some(acl) = self.acl_configuration {
            group.acl = Some(acl.s3_acl_option);
        }
        Ok(())
    }
}

/// How results are encrypted.
const SSE_S3: &str = "SSE_S3";

/// Athena chooses the engine's version.
const AUTO: &str = "AUTO";

/// The version that queries run on.
const ENGINE: &str = "Athena engine version 3";

fn check_location(location: &str) -> Result<(), ApiError> {
    let bucket = location.strip_prefix("s3://").unwrap_or_default();
    match bucket.is_empty() || bucket.starts_with('/') {
        true => Err(invalid(format!(
            "outputLocation is not a valid S3 path: {location}"
        ))),
        false => Ok(()),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Get {
    work_group: SmolStr,
}

pub(super) fn get(reader: &Reader<'_>, request: Get) -> Reply {
    let name = &request.work_group;
    let group = of_name(reader.state, reader.config, reader.realm(), name)?;
    Ok(json!({ "WorkGroup": {
        "Name": group.name,
        "State": state(&group),
        "Description": group.description.as_deref().unwrap_or_default(),
        "CreationTime": iso8601(group.creation_time),
        "Configuration": {
            "ResultConfiguration": results(&group),
            "EnforceWorkGroupConfiguration": group.is_enforced,
            "PublishCloudWatchMetricsEnabled": group.publishes_metrics,
            "BytesScannedCutoffPerQuery": group.bytes_scanned_cutoff,
            "RequesterPaysEnabled": group.requester_pays,
            "EngineVersion": engine_version(&group),
        },
    } }))
}

fn results(group: &WorkGroup) -> Value {
    let encryption = group.encryption.as_ref();
    let acl = group.acl.as_ref();
    json!({
        "OutputLocation": group.output_location,
        "ExpectedBucketOwner": group.expected_bucket_owner,
        "EncryptionConfiguration": encryption.map(|it| json!({ "EncryptionOption": it })),
        "AclConfiguration": acl.map(|it| json!({ "S3AclOption": it })),
    })
}

fn engine_version(group: &WorkGroup) -> Value {
    json!({ "SelectedEngineVersion": group.engine, "EffectiveEngineVersion": ENGINE })
}

const fn state(group: &WorkGroup) -> &'static str {
    match group.is_enabled {
        true => "ENABLED",
        false => "DISABLED",
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct List {
    next_token: Option<SmolStr>,
    max_results: Option<usize>,
}

pub(super) fn list(reader: &Reader<'_>, request: List) -> Reply {
    let kept = reader.state.athena.0.get(reader.realm());
    let mut groups = kept.map_or_else(Default::default, |it| it.work_groups.clone());
    let primary = groups.entry(PRIMARY.into());
    primary.or_insert_with(|| WorkGroup::primary(reader.config));
    let paging = (request.next_token.as_ref(), request.max_results);
    page("WorkGroups", groups, paging, |it| {
        json!({
            "Name": it.name,
            "State": state(&it),
            "Description": it.description.as_deref().unwrap_or_default(),
            "CreationTime": iso8601(it.creation_time),
            "EngineVersion": engine_version(&it),
        })
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Update {
    work_group: SmolStr,
    description: Option<SmolStr>,
    configuration_updates: Option<Updates>,
    state: Option<WorkGroupState>,
}

#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum WorkGroupState {
    Enabled,
    Disabled,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Updates {
    result_configuration_updates: Option<ResultUpdates>,
    enforce_work_group_configuration: Option<bool>,
    publish_cloud_watch_metrics_enabled: Option<bool>,
    bytes_scanned_cutoff_per_query: Option<u64>,
    remove_bytes_scanned_cutoff_per_query: Option<bool>,
    requester_pays_enabled: Option<bool>,
    engine_version: Option<EngineVersion>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ResultUpdates {
    output_location: Option<SmolStr>,
    remove_output_location: Option<bool>,
    encryption_configuration: Option<Encryption>,
    remove_encryption_configuration: Option<bool>,
    expected_bucket_owner: Option<SmolStr>,
    remove_expected_bucket_owner: Option<bool>,
    acl_configuration: Option<Acl>,
    remove_acl_configuration: Option<bool>,
}

impl ResultUpdates {
    /// What is to be ignored from now on; `false` says nothing.
    fn remove(&self, group: &mut WorkGroup) {
        let removals = [
            (self.remove_output_location, &mut group.output_location),
            (self.remove_encryption_configuration, &mut group.encryption),
            (
                self.remove_expected_bucket_owner,
                &mut group.expected_bucket_owner,
            ),
            (self.remove_acl_configuration, &mut group.acl),
        ];
        for (is_removed, member) in removals {
            if is_removed == Some(true) {
                *member = None;
            }
        }
    }
}

pub(super) fn update(tx: &mut Transaction<'_>, request: Update) -> Reply {
    let mut group = of_name(tx.state, tx.config, tx.realm(), &request.work_group)?;
    if request.description.is_some() {
        group.description = request.description;
    }
    if let Some(state) = request.state {
        group.is_enabled = matches!(state, WorkGroupState::Enabled);
    }
    let updates = request.configuration_updates.unwrap_or_default();
    let results = updates.result_configuration_updates.unwrap_or_default();
    results.remove(&mut group);
    if updates.remove_bytes_scanned_cutoff_per_query == Some(true) {
        group.bytes_scanned_cutoff = None;
    }
    let changes = Changes {
        results: ResultConfiguration {
            output_location: results.output_location,
            encryption_configuration: results.encryption_configuration,
            expected_bucket_owner: results.expected_bucket_owner,
            acl_configuration: results.acl_configuration,
        },
        is_enforced: updates.enforce_work_group_configuration,
        publishes_metrics: updates.publish_cloud_watch_metrics_enabled,
        bytes_scanned_cutoff: updates.bytes_scanned_cutoff_per_query,
        requester_pays: updates.requester_pays_enabled,
        engine_version: updates.engine_version,
    };
    changes.apply(&mut group)?;
    own_mut(tx).work_groups.insert(request.work_group, group);
    Ok(json!({}))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Delete {
    work_group: SmolStr,
    recursive_delete_option: Option<bool>,
}

pub(super) fn delete(tx: &mut Transaction<'_>, request: Delete) -> Reply {
    let name = request.work_group;
    if name == PRIMARY {
        return Err(invalid("The primary workgroup cannot be deleted."));
    }
    let own = own_mut(tx);
    if !own.work_groups.contains_key(&name) {
        return Err(not_found(&name));
    }
    let named = own.named_queries.values().any(|it| it.work_group == name);
    let is_used = named || own.prepared.keys().any(|(group, _)| *group == name);
    if is_used && request.recursive_delete_option != Some(true) {
        return Err(invalid(format!("WorkGroup {name} is not empty")));
    }
    own.named_queries.retain(|_, it| it.work_group != name);
    own.prepared.retain(|(group, _), _| *group != name);
    own.work_groups.remove(&name);
    Ok(json!({}))
}
