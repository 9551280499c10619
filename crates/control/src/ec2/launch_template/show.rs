//! `DescribeLaunchTemplates` and `DescribeLaunchTemplateVersions`.

use serde::Deserialize;
use serde_json::{Value, json};
use smol_str::SmolStr;
use wirelab_model::{ApiError, InstanceType, Reply};

use super::{Named, Template};
use crate::clock::iso8601;
use crate::describe::{Field, Reader};
use crate::ec2::image;
use crate::error;
use crate::view::{one, tags};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DescribeLaunchTemplates {
    #[serde(default)]
    launch_template_ids: Vec<SmolStr>,
    #[serde(default)]
    launch_template_names: Vec<SmolStr>,
}

const FIELDS: &[Field<Template>] = &[
    ("create-time", |it, _| one(iso8601(it.created))),
    ("launch-template-name", |it, _| one(&it.name)),
];

pub(crate) fn describe_launch_templates(
    reader: &Reader<'_>,
    request: DescribeLaunchTemplates,
) -> Reply {
    reader.check_filters(FIELDS)?;
    let (ids, names) = (&request.launch_template_ids, &request.launch_template_names);
    let by_id = ids.iter().map(|id| Named {
        id: Some(id),
        name: None,
    });
    let by_name = names.iter().map(|name| Named {
        id: None,
        name: Some(name),
    });
    for named in by_id.chain(by_name) {
        named.find(reader.state, reader.realm())?;
    }
    let mut chosen = Vec::new();
    for it in reader.state.launch_templates.of(reader.realm()) {
        let any = ids.is_empty() && names.is_empty();
        let is_named = any || ids.contains(&it.id) || names.contains(&it.name);
        if is_named && reader.passes(it, &it.tags, FIELDS)? {
            chosen.push(it);
        }
    }
    reader.page("LaunchTemplates", chosen, |it| it.id.to_string(), show)
}

pub(super) fn show(it: &Template) -> Value {
    json!({
        "LaunchTemplateId": it.id,
        "LaunchTemplateName": it.name,
        "CreateTime": iso8601(it.created),
        "CreatedBy": it.created_by,
        "DefaultVersionNumber": it.default,
        "LatestVersionNumber": it.versions.keys().next_back(),
        "Tags": tags(&it.tags),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DescribeLaunchTemplateVersions {
    launch_template_id: Option<SmolStr>,
    launch_template_name: Option<SmolStr>,
    #[serde(default)]
    versions: Vec<SmolStr>,
    min_version: Option<SmolStr>,
    max_version: Option<SmolStr>,
    #[serde(default)]
    resolve_alias: bool,
}

/// A version of a template.
type Numbered<'s> = (&'s Template, u64);

fn version_fields<'s>() -> [Field<Numbered<'s>>; 2] {
    [
        ("create-time", |it, _| {
            one(iso8601(it.0.versions[&it.1].created))
        }),
        ("is-default-version", |it, _| one(it.1 == it.0.default)),
    ]
}

pub(crate) fn describe_launch_template_versions(
    reader: &Reader<'_>,
    request: DescribeLaunchTemplateVersions,
) -> Reply {
    let fields = version_fields();
    reader.check_filters(&fields)?;
    let region = request.resolve_alias.then_some(reader.region().as_str());
    let show = |it: &Numbered<'_>| show_version(it.0, it.1, region);
    let mut chosen: Vec<Numbered<'_>> = Vec::new();
    for it in wanted(reader, &request)? {
        if reader.passes_shown(&it, &[], &fields, &show)? {
            chosen.push(it);
        }
    }
    // The newest first.
    let key = |it: Numbered<'_>| format!("{}/{}", it.0.id, it.1);
    reader.page("LaunchTemplateVersions", chosen, key, |it| show(&it))
}

/// The versions that are asked for, of each template the newest first.
fn wanted<'s>(
    reader: &'s Reader<'_>,
    request: &DescribeLaunchTemplateVersions,
) -> Result<Vec<Numbered<'s>>, ApiError> {
    let named = Named::new(&request.launch_template_id, &request.launch_template_name);
    let versions = &request.versions;
    let bounds = [&request.min_version, &request.max_version];
    let has_bounds = bounds.iter().any(|it| it.is_some());
    if has_bounds && !versions.is_empty() {
        return Err(error::combination(
            "MinVersion and MaxVersion cannot be used with Versions.",
        ));
    }
    let mut found = Vec::new();
    if named.id.is_none() && named.name.is_none() {
        let is_word = |it: &SmolStr| matches!(it.as_str(), "$Latest" | "$Default");
        if versions.is_empty() || !versions.iter().all(is_word) {
            return Err(error::missing_one_of(
                "LaunchTemplateId, LaunchTemplateName, or Versions of $Latest and $Default",
            ));
        }
        for it in reader.state.launch_templates.of(reader.realm()) {
            for text in versions {
                found.push((it, it.number(text)?));
            }
        }
    } else {
        let template = named.find(reader.state, reader.realm())?;
        for text in versions {
            found.push((template, template.number(text)?));
        }
        if versions.is_empty() {
            let bound = |text: &Option<SmolStr>, otherwise| match text {
                None => Ok(otherwise),
                Some(text) => text
                    .parse::<u64>()
                    .map_err(|_| error::invalid_value(text, "version", "a number is wanted")),
            };
            let span = bound(bounds[0], 0)?..=bound(bounds[1], u64::MAX)?;
            let numbers = template.versions.keys().filter(|it| span.contains(it));
            found.extend(numbers.map(|number| (template, *number)));
        }
    }
    found.sort_by_key(|(it, number)| (it.id.clone(), std::cmp::Reverse(*number)));
    found.dedup_by_key(|(it, number)| (it.id.clone(), *number));
    Ok(found)
}

/// A version; with a Region, the image that a parameter of Systems Manager names there.
pub(super) fn show_version(template: &Template, number: u64, region: Option<&str>) -> Value {
    let version = &template.versions[&number];
    let mut data = version.data();
    let kind = data.get("InstanceType").and_then(Value::as_str);
    let kind = kind.unwrap_or(InstanceType::DEFAULT);
    let image = data.get("ImageId").and_then(Value::as_str);
    let resolved = image
        .zip(region)
        .map(|(id, region)| image::resolved(id, region, kind));
    if let Some(Ok(id)) = resolved {
        data.insert("ImageId".to_owned(), id.as_str().into());
    }
    json!({
        "LaunchTemplateId": template.id,
        "LaunchTemplateName": template.name,
        "VersionNumber": number,
        "VersionDescription": version.description,
        "CreateTime": iso8601(version.created),
        "CreatedBy": version.created_by,
        "DefaultVersion": number == template.default,
        "LaunchTemplateData": data,
    })
}
