//! Events to Arrow: just the fields that the query names, newest event first.

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
    /// For each place in the default order, the event's index in the group.
    pub(super) order: Vec<usize>,
    pub(super) bytes: u64,
}

/// All names that the group's events have, as far as they can be known without looking.
pub(super) fn event_names(group: &LogGroup) -> Vec<String> {
    let fields = group.format.iter().flat_map(LogFormat::fields);
    let discovered = fields.map(|field| field.insights_name());
    SYSTEM_FIELDS
        .into_iter()
        .chain(discovered)
        .map(str::to_owned)
        .collect()
}

/// Reads the events of the time range that have arrived by now.
pub(super) fn read(
    group: &LogGroup,
    options: &QueryOptions,
    names: &[String],
) -> Result<Source, ArrowError> {
    let order = select(group, options);
    let mut columns = Columns::new(group, names);
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
    let mut bytes = 0;
    let mut batches = Vec::new();
    for (index, chunk) in order.chunks(BATCH_ROWS).enumerate() {
        for event_index in chunk {
            if let Some(event) = group.events.get(*event_index) {
                bytes += event.message.len() as u64;
                columns.push(&event, *event_index);
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

/// Newest first; of events at the same time, the one that arrived last.
fn select(group: &LogGroup, options: &QueryOptions) -> Vec<usize> {
    let range = options.start.as_secs() * 1000..=options.end.as_secs() * 1000 + 999;
    let now = options.now.as_millis();
    let events = group.events.iter().enumerate();
    let seen = events.filter(|(_, e)| range.contains(&e.timestamp_ms) && e.ingestion_ms <= now);
    let mut order: Vec<(u64, usize)> = seen.map(|(index, e)| (e.timestamp_ms, index)).collect();
    order.sort_unstable_by(|left, right| right.cmp(left));
    order.into_iter().map(|(_, index)| index).collect()
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
}

enum Builder {
    Time(Int64Builder),
    Text(StringBuilder),
}

struct Columns<'a> {
    group: &'a LogGroup,
    columns: Vec<(String, Origin, Builder)>,
    splits: bool,
    parses: bool,
}

impl<'a> Columns<'a> {
    fn new(group: &'a LogGroup, names: &[String]) -> Self {
        let mut columns = Vec::new();
        for name in names {
            if let Some(origin) = origin(group, name) {
                let builder = match origin {
                    Origin::Timestamp | Origin::Ingestion => Builder::Time(Int64Builder::new()),
                    _ => Builder::Text(StringBuilder::new()),
                };
                columns.push((name.clone(), origin, builder));
            }
        }
        let any = |test: fn(&Origin) -> bool| columns.iter().any(|(_, origin, _)| test(origin));
        Self {
            group,
            splits: any(|origin| matches!(origin, Origin::Value(_))),
            parses: any(|origin| matches!(origin, Origin::Path(_))),
            columns,
        }
    }

    fn slots(&self) -> Vec<Slot> {
        let numbered = self.columns.iter().enumerate();
        numbered
            .map(|(index, (name, _, builder))| Slot {
                key: name.clone(),
                kind: match builder {
                    Builder::Time(_) => ColumnKind::Time,
                    Builder::Text(_) => ColumnKind::Text,
                },
                column: format!("c{index}"),
            })
            .collect()
    }

    fn push(&mut self, event: &LogEvent<'_>, index: usize) {
        let mut values: Vec<&str> = Vec::new();
        if self.splits {
            let expected = self
                .group
                .format
                .as_ref()
                .map_or(0, |format| format.fields().len());
            values.extend(event.message.split_ascii_whitespace());
            if values.len() != expected {
                values.clear(); // some other line in the group: nothing is discovered in it
            }
        }
        let object = self.parses.then(|| json_object(event.message)).flatten();
        for (_, origin, builder) in &mut self.columns {
            match (origin, builder) {
                (Origin::Timestamp, Builder::Time(to)) => {
                    to.append_value(event.timestamp_ms as i64)
                }
                (_, Builder::Time(to)) => to.append_value(event.ingestion_ms as i64),
                (Origin::Message, Builder::Text(to)) => to.append_value(event.message),
                (Origin::Stream, Builder::Text(to)) => to.append_value(event.stream),
                (Origin::Log(log), Builder::Text(to)) => to.append_value(log),
                (Origin::Value(at), Builder::Text(to)) => to.append_option(values.get(*at)),
                (Origin::Path(path), Builder::Text(to)) => {
                    to.append_option(object.as_ref().and_then(|object| json_path(object, path)));
                }
                (_, Builder::Text(to)) => to.append_value(format!("{index:016x}")),
            }
        }
    }

    fn finish(&mut self) -> Vec<ArrayRef> {
        let builders = self.columns.iter_mut().map(|(_, _, builder)| builder);
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
            None => Origin::Path(name.to_owned()),
        },
    })
}

fn json_object(message: &str) -> Option<Json> {
    let looks = message.trim_start().starts_with('{');
    looks.then(|| serde_json::from_str(message).ok()).flatten()
}

/// A flattened name in an object: `requestParameters.items.0.id`. A name that begins with `@` in
/// the object is asked for with `@@`.
fn json_path(object: &Json, path: &str) -> Option<String> {
    let path = path
        .strip_prefix('@')
        .filter(|rest| rest.starts_with('@'))
        .unwrap_or(path);
    let found = lookup(object, path)?;
    match found {
        Json::Null | Json::Object(_) | Json::Array(_) => None,
        Json::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// Keys may contain dots themselves, so each way to cut the path is tried, longest key first.
fn lookup<'j>(value: &'j Json, path: &str) -> Option<&'j Json> {
    let child = |key: &str| match value {
        Json::Object(map) => map.get(key),
        Json::Array(list) => list.get(key.parse::<usize>().ok()?),
        _ => None,
    };
    if let Some(found) = child(path) {
        return Some(found);
    }
    let mut dots = path.rmatch_indices('.').map(|(at, _)| at);
    dots.find_map(|at| lookup(child(&path[..at])?, &path[at + 1..]))
}
