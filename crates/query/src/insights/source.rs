//! Events to Arrow: just the fields that the query names, newest event first.

use std::borrow::Cow;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Int64Builder, StringBuilder};
use datafusion::arrow::datatypes::{Field as ArrowField, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::record_batch::RecordBatch;
use serde_json::Value as Json;
use wirelab_flowlog::LogFormat;

use super::QueryOptions;
use super::plan::Slot;
use super::row::arrow_type;
use super::{discover, json};
use crate::{ColumnKind, LogEvent, LogGroup};

/// The fields that every event has; the first is always read.
pub(super) const SYSTEM_FIELDS: [&str; 6] = [
    "@timestamp",
    "@message",
    "@logStream",
    "@ingestionTime",
    "@log",
    "@ptr",
];

/// The column of an event's place in the default order.
pub(super) const POSITION: &str = "pos";

/// Rows a batch.
const BATCH_ROWS: usize = 16_384;

/// What a query reads.
pub(super) struct Source {
    pub(super) schema: SchemaRef,
    pub(super) batches: Vec<RecordBatch>,
    pub(super) slots: Vec<Slot>,
    /// For each place in the default order, the event's index, counted through the groups.
    pub(super) order: Vec<usize>,
    pub(super) bytes: u64,
}

/// All names that the groups' events have, as far as they can be known without looking.
pub(super) fn event_names(groups: &[&LogGroup]) -> Vec<String> {
    let formats = groups.iter().flat_map(|group| &group.format);
    let fields = formats.flat_map(LogFormat::fields);
    let mut names: Vec<String> = SYSTEM_FIELDS
        .into_iter()
        .chain(fields.map(|field| field.insights_name()))
        .map(str::to_owned)
        .collect();
    let mut seen = std::collections::HashSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names
}

/// Reads the events of the time range that have arrived by now.
pub(super) fn read(
    groups: &[&LogGroup],
    options: &QueryOptions,
    names: &[String],
) -> Result<Source, ArrowError> {
    let selected = select(groups, options);
    let mut columns = Columns::new(groups, names);
    let slots = columns.slots();
    let mut fields: Vec<ArrowField> = slots
        .iter()
        .map(|slot| ArrowField::new(&slot.column, arrow_type(slot.kind), true))
        .collect();
    fields.push(ArrowField::new(
        POSITION,
        arrow_type(ColumnKind::Time),
        false,
    ));
    let schema = Arc::new(Schema::new(fields));
    let firsts: Vec<usize> = groups
        .iter()
        .scan(0, |first, group| {
            let here = *first;
            *first += group.events.len();
            Some(here)
        })
        .collect();
    let mut bytes = 0;
    let mut batches = Vec::new();
    let mut order = Vec::with_capacity(selected.len());
    for (index, chunk) in selected.chunks(BATCH_ROWS).enumerate() {
        for (group, place) in chunk {
            let number = firsts[*group] + place;
            order.push(number);
            if let Some(event) = groups[*group].events.get(*place) {
                bytes += event.message.len() as u64;
                columns.push(*group, &event, number);
            }
        }
        let mut arrays = columns.finish();
        let first = index * BATCH_ROWS;
        let mut places = Int64Builder::with_capacity(chunk.len());
        places.extend((first..first + chunk.len()).map(|place| Some(place as i64)));
        arrays.push(Arc::new(places.finish()));
        batches.push(RecordBatch::try_new(schema.clone(), arrays)?);
    }
    Ok(Source {
        schema,
        batches,
        slots,
        order,
        bytes,
    })
}

/// Groups and places of the events, newest first; of events at the same time, the one that arrived
/// last.
fn select(groups: &[&LogGroup], options: &QueryOptions) -> Vec<(usize, usize)> {
    let range = options.start.as_secs() * 1000..=options.end.as_secs() * 1000 + 999;
    let now = options.now.as_millis();
    let mut order: Vec<(u64, usize, usize)> = Vec::new();
    for (number, group) in groups.iter().enumerate() {
        let events = group.events.iter().enumerate();
        let seen = events.filter(|(_, e)| range.contains(&e.timestamp_ms) && e.ingestion_ms <= now);
        order.extend(seen.map(|(place, e)| (e.timestamp_ms, number, place)));
    }
    order.sort_unstable_by(|left, right| right.cmp(left));
    let places = order.into_iter();
    places.map(|(_, group, place)| (group, place)).collect()
}

/// Where a column's values come from.
enum Origin {
    Timestamp,
    Ingestion,
    Message,
    Stream,
    /// `account:group`.
    Log(String),
    Pointer,
    /// The nth value of a flow-log line.
    Value(usize),
    /// A path in a JSON object.
    Path(String),
    /// The list or map at a path in a JSON object.
    Whole(String),
}

enum Builder {
    Time(Int64Builder),
    Text(StringBuilder),
}

struct Columns<'a> {
    groups: &'a [&'a LogGroup],
    columns: Vec<(String, Builder)>,
    /// For each group, where its events have the columns' values.
    origins: Vec<Vec<Option<Origin>>>,
    splits: bool,
    parses: bool,
}

impl<'a> Columns<'a> {
    fn new(groups: &'a [&'a LogGroup], names: &[String]) -> Self {
        let known = |name: &&String| groups.iter().any(|group| origin(group, name).is_some());
        let names: Vec<&String> = names.iter().filter(known).collect();
        let of_group = |group: &&LogGroup| names.iter().map(|name| origin(group, name)).collect();
        let origins: Vec<Vec<Option<Origin>>> = groups.iter().map(of_group).collect();
        let builder = |name: &str| match name {
            "@timestamp" | "@ingestionTime" => Builder::Time(Int64Builder::new()),
            _ => Builder::Text(StringBuilder::new()),
        };
        let columns = names.iter().map(|name| ((*name).clone(), builder(name)));
        let any = |test: fn(&Origin) -> bool| origins.iter().flatten().flatten().any(test);
        Self {
            groups,
            columns: columns.collect(),
            splits: any(|origin| matches!(origin, Origin::Value(_))),
            parses: any(|origin| matches!(origin, Origin::Path(_) | Origin::Whole(_))),
            origins,
        }
    }

    fn slots(&self) -> Vec<Slot> {
        let numbered = self.columns.iter().enumerate();
        numbered
            .map(|(index, (name, builder))| Slot {
                key: name.clone(),
                kind: match builder {
                    Builder::Time(_) => ColumnKind::Time,
                    Builder::Text(_) => ColumnKind::Text,
                },
                column: format!("c{index}"),
            })
            .collect()
    }

    /// Adds an event of the `number`th group; `index` counts it through all groups.
    fn push(&mut self, number: usize, event: &LogEvent<'_>, index: usize) {
        let format = self.groups[number].format.as_ref();
        let mut values: Vec<&str> = Vec::new();
        if let Some(format) = format.filter(|_| self.splits) {
            values.extend(event.message.split_ascii_whitespace());
            if values.len() != format.fields().len() {
                values.clear(); // some other line in the group: nothing is discovered in it
            }
        }
        let parses = self.parses && format.is_none();
        let object = parses.then(|| json_object(event.message)).flatten();
        for ((_, builder), origin) in self.columns.iter_mut().zip(&self.origins[number]) {
            match (origin, builder) {
                (Some(Origin::Timestamp), Builder::Time(to)) => {
                    to.append_value(event.timestamp_ms as i64)
                }
                (_, Builder::Time(to)) => to.append_value(event.ingestion_ms as i64),
                (None, Builder::Text(to)) => to.append_null(),
                (Some(origin), Builder::Text(to)) => match origin {
                    Origin::Message => to.append_value(event.message),
                    Origin::Stream => to.append_value(event.stream),
                    Origin::Log(log) => to.append_value(log),
                    Origin::Value(at) => to.append_option(values.get(*at)),
                    Origin::Path(path) => {
                        let found = match &object {
                            Some(object) => json_path(object, path).map(Cow::Owned),
                            None => discover::field(event.message, path),
                        };
                        to.append_option(found);
                    }
                    Origin::Whole(path) => {
                        let object = object.as_ref();
                        to.append_option(object.and_then(|object| json_whole(object, path)));
                    }
                    _ => to.append_value(format!("{index:016x}")),
                },
            }
        }
    }

    fn finish(&mut self) -> Vec<ArrayRef> {
        let builders = self.columns.iter_mut().map(|(_, builder)| builder);
        builders
            .map(|builder| match builder {
                Builder::Time(builder) => Arc::new(builder.finish()) as Arc<dyn Array>,
                Builder::Text(builder) => Arc::new(builder.finish()),
            })
            .collect()
    }
}

fn origin(group: &LogGroup, name: &str) -> Option<Origin> {
    Some(match name {
        "@timestamp" => Origin::Timestamp,
        "@ingestionTime" => Origin::Ingestion,
        "@message" => Origin::Message,
        "@logStream" => Origin::Stream,
        "@log" => Origin::Log(format!("{}:{}", group.account, group.name)),
        "@ptr" => Origin::Pointer,
        _ => match &group.format {
            Some(format) => {
                let mut fields = format.fields().iter();
                Origin::Value(fields.position(|field| field.insights_name() == name)?)
            }
            None => match name.strip_prefix(WHOLE) {
                Some(path) => Origin::Whole(path.to_owned()),
                None => Origin::Path(name.to_owned()),
            },
        },
    })
}

/// What the name of a column begins with that holds a list or map of JSON events as a whole: no
/// query can write it.
const WHOLE: char = '\u{1}';

/// The name of that column for a discovered field: `expand items` reads it, where `items` itself
/// has no value.
pub(super) fn whole(field: &str) -> String {
    format!("{WHOLE}{field}")
}

/// Whether that is the name of such a column.
pub(super) fn is_whole(name: &str) -> bool {
    name.starts_with(WHOLE)
}

fn json_object(message: &str) -> Option<Json> {
    let looks = message.trim_start().starts_with('{');
    looks.then(|| serde_json::from_str(message).ok()).flatten()
}

/// What lies at a flattened name in an object: `requestParameters.items.0.id`. A name that begins
/// with `@` in the object is asked for with `@@`.
fn found_at<'j>(object: &'j Json, path: &str) -> Option<&'j Json> {
    let path = match path.strip_prefix('@') {
        Some(rest) if rest.starts_with('@') => rest,
        Some(_) => return None,
        None => path,
    };
    json::lookup(object, path)
}

/// The value there. Booleans are 1 and 0, as the conditions of the language are.
///
/// The guide does not say it; users do: aws-powertools/powertools-lambda-dotnet, issue 667.
fn json_path(object: &Json, path: &str) -> Option<String> {
    match found_at(object, path)? {
        Json::Null | Json::Object(_) | Json::Array(_) => None,
        Json::Bool(truth) => Some(u8::from(*truth).to_string()),
        Json::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// The list or map there, as JSON.
fn json_whole(object: &Json, path: &str) -> Option<String> {
    let found = found_at(object, path)?;
    matches!(found, Json::Object(_) | Json::Array(_)).then(|| found.to_string())
}
