//! Metric filters, kept and tried out.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use smol_str::{SmolStr, format_smolstr};
use wirelab_model::{ApiError, Reply};

use super::{
    FilterName, FilterPattern, LogGroup, MetricFilter, MetricTransformation, check_free_name,
    group, group_mut, own, page, page_size, publish,
};
use crate::describe::Reader;
use crate::error;
use crate::transaction::Transaction;
use crate::view::done;

/// So many a group may have, and so many of them with a regular expression.
const AT_MOST: usize = 100;
const REGEXES_AT_MOST: usize = 5;
/// So many dimensions a metric of a filter may have.
const DIMENSIONS_AT_MOST: usize = 3;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Put {
    log_group_name: SmolStr,
    filter_name: SmolStr,
    filter_pattern: String,
    metric_transformations: Vec<Transformation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Transformation {
    metric_name: SmolStr,
    metric_namespace: SmolStr,
    metric_value: SmolStr,
    default_value: Option<Number>,
    #[serde(default)]
    dimensions: BTreeMap<SmolStr, SmolStr>,
    unit: Option<SmolStr>,
}

/// A number with or without a fraction, as it was written.
#[derive(Deserialize)]
#[serde(transparent)]
struct Number(SmolStr);

pub(super) fn put(tx: &mut Transaction<'_>, request: Put) -> Reply {
    check_free_name("filterName", &request.filter_name)?;
    let pattern = parse(&request.filter_pattern)?;
    let [transformation] = <[Transformation; 1]>::try_from(request.metric_transformations)
        .map_err(|_| error::log_parameter("A metric filter has one metric transformation."))?;
    let transformation = transformation.checked(&pattern, &request.filter_pattern)?;
    let (now, utc) = (tx.state.now, tx.utc());
    let group = group_mut(tx, &request.log_group_name)?;
    let before = group.metric_filters.get(&request.filter_name);
    check_limits(group, before.is_some(), &pattern)?;
    let filter = MetricFilter {
        name: request.filter_name.clone(),
        pattern: request.filter_pattern,
        transformations: vec![transformation],
        creation_time: before.map_or(utc, |it| it.creation_time),
        since: now,
    };
    publish::end(tx, &request.log_group_name, Some(&request.filter_name))?;
    let group = group_mut(tx, &request.log_group_name)?;
    group.metric_filters.insert(request.filter_name, filter);
    Ok(done())
}

pub(super) fn parse(pattern: &str) -> Result<FilterPattern, ApiError> {
    FilterPattern::parse(pattern).map_err(error::log_parameter)
}

fn check_limits(group: &LogGroup, replaces: bool, pattern: &FilterPattern) -> Result<(), ApiError> {
    let patterns = group.metric_filters.values().map(|it| it.pattern.as_str());
    let others = group
        .subscription_filters
        .values()
        .map(|it| it.pattern.as_str());
    let has_regex = |it: &&str| FilterPattern::parse(it).is_ok_and(|it| it.has_regex());
    let regexes = patterns.chain(others).filter(has_regex).count();
    let too_many = !replaces && group.metric_filters.len() >= AT_MOST;
    match too_many || (pattern.has_regex() && regexes >= REGEXES_AT_MOST) {
        true => Err(error::log_limit()),
        false => Ok(()),
    }
}

impl Transformation {
    fn checked(
        self,
        pattern: &FilterPattern,
        text: &str,
    ) -> Result<MetricTransformation, ApiError> {
        let wrong = |why: &str| Err(error::log_parameter(why));
        let name = |it: &str| (1..=255).contains(&it.len()) && !it.contains([':', '*', '$']);
        if !name(&self.metric_name) || !name(&self.metric_namespace) {
            return wrong("A metric's name and namespace are 1 to 255 characters without : * $");
        }
        if self.metric_namespace.starts_with("AWS/") {
            return wrong("A metric's namespace must not begin with AWS/");
        }
        if !self.metric_value.starts_with('$') && self.metric_value.parse::<f64>().is_err() {
            return wrong("metricValue must be a number or the name of a field: 1, $bytes, $.size");
        }
        if self.dimensions.len() > DIMENSIONS_AT_MOST {
            return wrong("A metric filter has at most 3 dimensions.");
        }
        if self.default_value.is_some() && !self.dimensions.is_empty() {
            return wrong(
                "Invalid metric transformation: dimensions and default value are mutually \
                 exclusive properties.",
            );
        }
        let default = self.default_value.map(|it| it.0);
        if default
            .as_ref()
            .is_some_and(|it| it.parse::<f64>().is_err())
        {
            return wrong("defaultValue must be a number");
        }
        let unknown = |it: &&SmolStr| it.starts_with('$') && !pattern.names(it);
        if let Some(unknown) = self.dimensions.values().find(unknown) {
            return Err(no_field(text, unknown));
        }
        if unknown(&&self.metric_value) {
            return Err(no_field(text, &self.metric_value));
        }
        Ok(MetricTransformation {
            metric_name: self.metric_name,
            metric_namespace: self.metric_namespace,
            metric_value: self.metric_value,
            default_value: default,
            dimensions: self.dimensions,
            unit: self.unit,
        })
    }
}

fn no_field(pattern: &str, name: &str) -> ApiError {
    error::log_parameter(format_args!(
        "The filter pattern {pattern} has no field {name}"
    ))
}

pub(super) fn delete(tx: &mut Transaction<'_>, request: FilterName) -> Reply {
    let group = group_mut(tx, &request.log_group_name)?;
    if !group.metric_filters.contains_key(&request.filter_name) {
        return Err(error::no_metric_filter());
    }
    publish::end(tx, &request.log_group_name, Some(&request.filter_name))?;
    let group = group_mut(tx, &request.log_group_name)?;
    group.metric_filters.remove(&request.filter_name);
    Ok(done())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Describe {
    log_group_name: Option<SmolStr>,
    filter_name_prefix: Option<SmolStr>,
    metric_name: Option<SmolStr>,
    metric_namespace: Option<SmolStr>,
    next_token: Option<SmolStr>,
    limit: Option<usize>,
}

pub(super) fn describe(reader: &Reader<'_>, request: Describe) -> Reply {
    if request.metric_name.is_some() != request.metric_namespace.is_some() {
        return Err(error::log_parameter(
            "metricName and metricNamespace are given together or not at all",
        ));
    }
    let groups: Vec<&LogGroup> = match &request.log_group_name {
        Some(name) => vec![group(reader, name)?],
        None => {
            let all = own(reader).into_iter().flat_map(|it| it.groups.values());
            all.filter(|it| it.exists(reader.state.now)).collect()
        }
    };
    let filters = groups.into_iter().flat_map(|group| {
        let filters = group.metric_filters.values();
        filters.map(move |it| (format_smolstr!("{}:{}", group.name, it.name), (group, it)))
    });
    let prefix = request.filter_name_prefix.unwrap_or_default();
    let of_metric = |it: &MetricFilter| {
        let mut metrics = it.transformations.iter();
        request.metric_name.is_none()
            || metrics.any(|it| {
                Some(&it.metric_name) == request.metric_name.as_ref()
                    && Some(&it.metric_namespace) == request.metric_namespace.as_ref()
            })
    };
    let filters =
        filters.filter(|(_, (_, it))| it.name.starts_with(prefix.as_str()) && of_metric(it));
    let limit = page_size(request.limit, 50)?;
    let token = request.next_token.as_ref();
    page("metricFilters", filters, token, limit, |(group, filter)| {
        show(group, filter)
    })
}

fn show(group: &LogGroup, filter: &MetricFilter) -> Value {
    let transformations = filter.transformations.iter().map(|it| {
        let number = |text: &SmolStr| text.parse::<f64>().ok();
        json!({
            "metricName": it.metric_name,
            "metricNamespace": it.metric_namespace,
            "metricValue": it.metric_value,
            "defaultValue": it.default_value.as_ref().and_then(number),
            "dimensions": (!it.dimensions.is_empty()).then_some(&it.dimensions),
            "unit": it.unit,
        })
    });
    json!({
        "filterName": filter.name,
        "filterPattern": filter.pattern,
        "metricTransformations": transformations.collect::<Vec<_>>(),
        "creationTime": filter.creation_time.as_millis(),
        "logGroupName": group.name,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Test {
    filter_pattern: String,
    log_event_messages: Vec<String>,
}

pub(super) fn test(_: &Reader<'_>, request: Test) -> Reply {
    let pattern = parse(&request.filter_pattern)?;
    let messages = request.log_event_messages.iter().enumerate();
    let matches = messages.filter_map(|(at, message)| {
        let extracted = pattern.extract(message)?;
        Some(json!({
            "eventNumber": at + 1,
            "eventMessage": message,
            "extractedValues": extracted,
        }))
    });
    Ok(json!({ "matches": matches.collect::<Vec<_>>() }))
}
