//! Launch templates (Amazon EC2 API Reference: `CreateLaunchTemplate`,
//! `CreateLaunchTemplateVersion` and their kin; EC2 User Guide, "Store instance launch parameters
//! in Amazon EC2 launch templates").
//!
//! A template's data are parameters of `RunInstances`, which are kept as they came: what
//! `RunInstances` does not take here is refused when the version is made, and all else is checked
//! by the launch. [`expanded`] puts them into a launch that names the template: what the launch
//! says itself counts more, parameter by parameter; tags are those of both.

mod show;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use smol_str::{SmolStr, format_smolstr};
use wirelab_model::{ApiError, Reply, Tag, UnixTime};

use crate::error;
use crate::operation;
use crate::realm::Realm;
use crate::state::State;
use crate::transaction::Transaction;

pub(crate) use show::{describe_launch_template_versions, describe_launch_templates};
use show::{show, show_version};

/// The templates of all accounts and Regions, by id.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct LaunchTemplates(BTreeMap<Realm, BTreeMap<SmolStr, Template>>);

/// A template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Template {
    id: SmolStr,
    name: SmolStr,
    created: UnixTime,
    created_by: SmolStr,
    default: u64,
    /// The number of the version that was made last, be it deleted.
    latest: u64,
    versions: BTreeMap<u64, Version>,
    tags: Vec<Tag>,
}

/// A version of a template.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Version {
    description: Option<SmolStr>,
    created: UnixTime,
    created_by: SmolStr,
    /// The parameters as JSON: `Value` itself has no compact binary form.
    data: String,
}

impl Version {
    fn data(&self) -> Map<String, Value> {
        serde_json::from_str(&self.data).expect("we wrote it")
    }
}

impl LaunchTemplates {
    /// What ids of templates begin with.
    pub(crate) const PREFIX: &'static str = "lt";
    /// What they are in tag specifications.
    pub(crate) const TAG_TYPE: &'static str = "launch-template";

    fn of(&self, realm: &Realm) -> impl Iterator<Item = &Template> {
        self.0.get(realm).into_iter().flat_map(BTreeMap::values)
    }

    /// Ids and tags of a realm's.
    pub(crate) fn all_tags(&self, realm: &Realm) -> impl Iterator<Item = (&str, &[Tag])> {
        let all = self.of(realm);
        all.map(|it| (it.id.as_str(), it.tags.as_slice()))
    }

    /// The tags of the template with this id.
    pub(crate) fn tags_mut(&mut self, realm: &Realm, id: &str) -> Option<&mut Vec<Tag>> {
        self.0.get_mut(realm)?.get_mut(id).map(|it| &mut it.tags)
    }
}

/// How calls name a template: by id or name, not both.
#[derive(Clone, Copy)]
struct Named<'r> {
    id: Option<&'r SmolStr>,
    name: Option<&'r SmolStr>,
}

impl<'r> Named<'r> {
    /// As a request has it, in two members.
    fn new(id: &'r Option<SmolStr>, name: &'r Option<SmolStr>) -> Self {
        Self {
            id: id.as_ref(),
            name: name.as_ref(),
        }
    }

    fn find<'s>(self, state: &'s State, realm: &Realm) -> Result<&'s Template, ApiError> {
        let mut all = state.launch_templates.of(realm);
        match (self.id, self.name) {
            (Some(id), None) => {
                if !is_id(id) {
                    return Err(error::launch_template_malformed(id));
                }
                let found = all.find(|it| it.id == *id);
                found.ok_or_else(|| error::launch_template_not_found(id))
            }
            (None, Some(name)) => {
                let found = all.find(|it| it.name == *name);
                found.ok_or_else(error::launch_template_name_not_found)
            }
            (Some(_), Some(_)) => Err(error::combination(
                "You must specify either the launch template ID or the launch template name in \
                 the request, but not both.",
            )),
            (None, None) => Err(error::missing_one_of(
                "LaunchTemplateId, LaunchTemplateName",
            )),
        }
    }
}

fn is_id(id: &str) -> bool {
    let hex = id.strip_prefix("lt-").unwrap_or_default();
    matches!(hex.len(), 8 | 17) && hex.chars().all(|it| it.is_ascii_hexdigit())
}

impl Template {
    /// The number of the version that a text means: `$Latest`, `$Default` or a number.
    fn number(&self, text: &str) -> Result<u64, ApiError> {
        let number = match text {
            "$Latest" => self.versions.keys().next_back().copied(),
            "$Default" => Some(self.default),
            number => number.parse().ok(),
        };
        let found = number.filter(|it| self.versions.contains_key(it));
        found.ok_or_else(|| error::launch_template_version_not_found(text))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct CreateLaunchTemplate {
    launch_template_name: SmolStr,
    version_description: Option<SmolStr>,
    launch_template_data: Map<String, Value>,
}

pub(crate) fn create_launch_template(
    tx: &mut Transaction<'_>,
    request: CreateLaunchTemplate,
) -> Reply {
    let name = request.launch_template_name;
    let fits = |it: char| it.is_ascii_alphanumeric() || "()./_-".contains(it);
    if !(3..=128).contains(&name.len()) || !name.chars().all(fits) {
        return Err(error::launch_template_name_malformed());
    }
    let realm = tx.realm().clone();
    if tx
        .state
        .launch_templates
        .of(&realm)
        .any(|it| it.name == name)
    {
        return Err(error::launch_template_exists());
    }
    let version = version(
        tx,
        request.version_description,
        &request.launch_template_data,
    )?;
    let template = Template {
        id: tx.new_text_id(LaunchTemplates::PREFIX).into(),
        name,
        created: version.created,
        created_by: version.created_by.clone(),
        default: 1,
        latest: 1,
        versions: BTreeMap::from([(1, version)]),
        tags: tx.tags_of(LaunchTemplates::TAG_TYPE)?,
    };
    let shown = show(&template);
    own_mut(tx).insert(template.id.clone(), template);
    Ok(json!({ "LaunchTemplate": shown }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct CreateLaunchTemplateVersion {
    launch_template_id: Option<SmolStr>,
    launch_template_name: Option<SmolStr>,
    source_version: Option<SmolStr>,
    version_description: Option<SmolStr>,
    launch_template_data: Map<String, Value>,
    #[serde(default)]
    resolve_alias: bool,
}

/// With a source its parameters are taken over, but for those that are given.
pub(crate) fn create_launch_template_version(
    tx: &mut Transaction<'_>,
    request: CreateLaunchTemplateVersion,
) -> Reply {
    let named = Named::new(&request.launch_template_id, &request.launch_template_name);
    let template = named.find(tx.state, tx.realm())?;
    let id = template.id.clone();
    let mut data = Map::new();
    if let Some(source) = &request.source_version {
        data = template.versions[&template.number(source)?].data();
    }
    data.extend(request.launch_template_data);
    let version = version(tx, request.version_description, &data)?;
    let region = tx.region.clone();
    let template = template_mut(tx, &id);
    template.latest += 1;
    template.versions.insert(template.latest, version);
    let alias = request.resolve_alias.then_some(region.as_str());
    let shown = show_version(template, template.latest, alias);
    Ok(json!({ "LaunchTemplateVersion": shown }))
}

fn version(
    tx: &Transaction<'_>,
    description: Option<SmolStr>,
    data: &Map<String, Value>,
) -> Result<Version, ApiError> {
    if description
        .as_ref()
        .is_some_and(|it| it.chars().count() > 255)
    {
        let why = "it has more than 255 characters";
        return Err(error::invalid_value("...", "VersionDescription", why));
    }
    if data.is_empty() {
        return Err(error::missing_parameter("LaunchTemplateData"));
    }
    let launch = operation::find("ec2", "RunInstances")?;
    // What a launch says of itself alone.
    let of_launches = [
        "SubnetId",
        "MinCount",
        "MaxCount",
        "ClientToken",
        "DryRun",
        "LaunchTemplate",
    ];
    let mut names = data.keys().map(String::as_str);
    let foreign = names.find(|it| of_launches.contains(it)).map(str::to_owned);
    if let Some(name) = foreign.or_else(|| launch.unknown(data)) {
        return Err(error::unsupported(format_args!(
            "wirelab does not simulate LaunchTemplateData.{name}"
        )));
    }
    Ok(Version {
        description,
        created: tx.utc(),
        created_by: tx.principal.clone(),
        data: json!(data).to_string(),
    })
}

fn own_mut<'t>(tx: &'t mut Transaction<'_>) -> &'t mut BTreeMap<SmolStr, Template> {
    let realm = tx.realm().clone();
    let all = Arc::make_mut(&mut tx.state.launch_templates);
    all.0.entry(realm).or_default()
}

fn template_mut<'t>(tx: &'t mut Transaction<'_>, id: &str) -> &'t mut Template {
    let found = own_mut(tx).get_mut(id);
    found.expect("it was found just now")
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct ModifyLaunchTemplate {
    launch_template_id: Option<SmolStr>,
    launch_template_name: Option<SmolStr>,
    default_version: Option<SmolStr>,
}

pub(crate) fn modify_launch_template(
    tx: &mut Transaction<'_>,
    request: ModifyLaunchTemplate,
) -> Reply {
    let named = Named::new(&request.launch_template_id, &request.launch_template_name);
    let template = named.find(tx.state, tx.realm())?;
    let wanted = request.default_version.as_deref();
    let wanted = wanted.ok_or_else(|| error::missing_parameter("DefaultVersion"))?;
    let (id, number) = (template.id.clone(), template.number(wanted)?);
    let template = template_mut(tx, &id);
    template.default = number;
    Ok(json!({ "LaunchTemplate": show(template) }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DeleteLaunchTemplate {
    launch_template_id: Option<SmolStr>,
    launch_template_name: Option<SmolStr>,
}

pub(crate) fn delete_launch_template(
    tx: &mut Transaction<'_>,
    request: DeleteLaunchTemplate,
) -> Reply {
    let named = Named::new(&request.launch_template_id, &request.launch_template_name);
    let template = named.find(tx.state, tx.realm())?;
    let (id, shown) = (template.id.clone(), show(template));
    own_mut(tx).remove(&id);
    Ok(json!({ "LaunchTemplate": shown }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DeleteLaunchTemplateVersions {
    launch_template_id: Option<SmolStr>,
    launch_template_name: Option<SmolStr>,
    versions: Vec<SmolStr>,
}

/// Each by itself; the default version stays.
pub(crate) fn delete_launch_template_versions(
    tx: &mut Transaction<'_>,
    request: DeleteLaunchTemplateVersions,
) -> Reply {
    let named = Named::new(&request.launch_template_id, &request.launch_template_name);
    let id = named.find(tx.state, tx.realm())?.id.clone();
    let (mut deleted, mut left) = (Vec::new(), Vec::new());
    for text in &request.versions {
        let template = template_mut(tx, &id);
        let number = text.parse::<u64>().ok();
        let number = number.ok_or_else(|| {
            error::invalid_value(text, "launchTemplateVersion", "a number is wanted")
        })?;
        let shown = json!({
            "LaunchTemplateId": template.id,
            "LaunchTemplateName": template.name,
            "VersionNumber": number,
        });
        let why = match template.versions.contains_key(&number) {
            false => Some((
                "launchTemplateVersionDoesNotExist",
                error::launch_template_version_not_found(text).message,
            )),
            true if number == template.default => Some((
                "unexpectedError",
                "The default version of a launch template cannot be deleted".to_owned(),
            )),
            true => None,
        };
        match why {
            Some((code, message)) => {
                let mut shown = shown;
                shown["ResponseError"] = json!({ "Code": code, "Message": message });
                left.push(shown);
            }
            None => {
                template.versions.remove(&number);
                deleted.push(shown);
            }
        }
    }
    Ok(json!({
        "SuccessfullyDeletedLaunchTemplateVersions": deleted,
        "UnsuccessfullyDeletedLaunchTemplateVersions": left,
    }))
}

/// `LaunchTemplate` of a launch.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Specification {
    launch_template_id: Option<SmolStr>,
    launch_template_name: Option<SmolStr>,
    version: Option<SmolStr>,
}

impl Specification {
    /// The tags that every instance of the launch has (EC2 User Guide, "Launch instances using a
    /// launch template").
    pub(crate) fn tags(&self) -> Vec<Tag> {
        let tag = |key: &str, value: &Option<SmolStr>| {
            value.clone().map(|value| Tag {
                key: format_smolstr!("aws:ec2launchtemplate:{key}"),
                value,
            })
        };
        let tags = [
            tag("id", &self.launch_template_id),
            tag("version", &self.version),
        ];
        tags.into_iter().flatten().collect()
    }
}

/// The parameters of a launch with those of the template that it names, which is then named by id
/// and number; `None` if it names none.
///
/// # Errors
/// There is no such template or version.
pub(crate) fn expanded(
    operation: &str,
    parameters: &Map<String, Value>,
    state: &State,
    realm: &Realm,
) -> Result<Option<Map<String, Value>>, ApiError> {
    let Some(named) = parameters.get("LaunchTemplate") else {
        return Ok(None);
    };
    if operation != "RunInstances" {
        return Ok(None);
    }
    let Value::Object(named) = named.clone() else {
        return Ok(None);
    };
    let specification: Specification = crate::request::read(named)?;
    let (id, name) = (
        &specification.launch_template_id,
        &specification.launch_template_name,
    );
    let template = Named::new(id, name).find(state, realm)?;
    let number = template.number(specification.version.as_deref().unwrap_or("$Default"))?;
    let mut whole = template.versions[&number].data();
    let theirs = whole.remove("TagSpecifications");
    for (name, value) in parameters {
        whole.insert(name.clone(), value.clone());
    }
    if let Some(tags) = merged_tags(theirs, parameters.get("TagSpecifications")) {
        whole.insert("TagSpecifications".to_owned(), tags);
    }
    if !whole.contains_key("ImageId") {
        return Err(error::missing_parameter("ImageId"));
    }
    let named = json!({ "LaunchTemplateId": template.id, "Version": number.to_string() });
    whole.insert("LaunchTemplate".to_owned(), named);
    Ok(Some(whole))
}

/// The tags of both, by types of resources; of one key that of the launch.
fn merged_tags(template: Option<Value>, launch: Option<&Value>) -> Option<Value> {
    let list = |value: Option<&Value>| match value {
        Some(Value::Array(all)) => all.clone(),
        Some(one) => vec![one.clone()],
        None => Vec::new(),
    };
    let mut merged = list(launch);
    for theirs in list(template.as_ref()) {
        let same = |it: &&mut Value| it["ResourceType"] == theirs["ResourceType"];
        let Some(own) = merged.iter_mut().find(same) else {
            merged.push(theirs);
            continue;
        };
        let mut tags = list(own.get("Tags"));
        for tag in list(theirs.get("Tags")) {
            if !tags.iter().any(|it| it["Key"] == tag["Key"]) {
                tags.push(tag);
            }
        }
        own["Tags"] = tags.into();
    }
    (!merged.is_empty()).then(|| merged.into())
}
