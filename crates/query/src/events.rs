//! Log events as a log group holds them.

use smol_str::SmolStr;
use wirelab_flowlog::{LogFormat, records_traffic, stream_name, timestamp_ms};
use wirelab_model::{FlowRecord, TrafficType, UnixTime};

/// One event, borrowed from a [`LogEvents`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogEvent<'a> {
    /// `@timestamp` in milliseconds since the epoch.
    pub timestamp_ms: u64,
    /// `@ingestionTime` in milliseconds since the epoch; no query sees the event before.
    pub ingestion_ms: u64,
    /// `@logStream`.
    pub stream: &'a str,
    /// `@message`.
    pub message: &'a str,
}

/// Events in the order of their arrival, kept by column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogEvents {
    timestamps_ms: Vec<u64>,
    ingestions_ms: Vec<u64>,
    streams: Vec<u32>,
    stream_names: Vec<SmolStr>,
    messages: String,
    message_ends: Vec<usize>,
}

impl LogEvents {
    /// No events.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an event; times are milliseconds since the epoch.
    pub fn push(&mut self, timestamp_ms: u64, ingestion_ms: u64, stream: &str, message: &str) {
        self.timestamps_ms.push(timestamp_ms);
        self.ingestions_ms.push(ingestion_ms);
        let known = self.stream_names.iter().rposition(|name| name == stream);
        let index = known.unwrap_or_else(|| {
            self.stream_names.push(stream.into());
            self.stream_names.len() - 1
        });
        self.streams
            .push(u32::try_from(index).expect("streams are few"));
        self.messages.push_str(message);
        self.message_ends.push(self.messages.len());
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.timestamps_ms.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.timestamps_ms.is_empty()
    }

    /// The event that came as the `index`th, from 0.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<LogEvent<'_>> {
        let end = *self.message_ends.get(index)?;
        let start = index
            .checked_sub(1)
            .map_or(0, |before| self.message_ends[before]);
        Some(LogEvent {
            timestamp_ms: self.timestamps_ms[index],
            ingestion_ms: self.ingestions_ms[index],
            stream: &self.stream_names[self.streams[index] as usize],
            message: &self.messages[start..end],
        })
    }

    /// All events in the order of their arrival.
    pub fn iter(&self) -> impl Iterator<Item = LogEvent<'_>> {
        (0..self.len()).filter_map(|index| self.get(index))
    }
}

impl<'a> Extend<LogEvent<'a>> for LogEvents {
    fn extend<I: IntoIterator<Item = LogEvent<'a>>>(&mut self, events: I) {
        for e in events {
            self.push(e.timestamp_ms, e.ingestion_ms, e.stream, e.message);
        }
    }
}

/// A log group: what a query runs over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogGroup {
    /// Name of the group.
    pub name: SmolStr,
    /// Account that owns it.
    pub account: SmolStr,
    /// Format of the flow log that feeds the group: its fields are discovered in each message.
    /// `None`: fields are discovered in messages that are JSON objects.
    pub format: Option<LogFormat>,
    /// What it holds.
    pub events: LogEvents,
}

impl LogGroup {
    /// An empty group fed by a flow log.
    #[must_use]
    pub fn flow_log(
        name: impl Into<SmolStr>,
        account: impl Into<SmolStr>,
        format: LogFormat,
    ) -> Self {
        Self {
            name: name.into(),
            account: account.into(),
            format: Some(format),
            events: LogEvents::new(),
        }
    }

    /// Adds a record as the flow log would deliver it, if the log is of a traffic type that has it:
    /// in the interface's stream, stamped with the record's start, visible from `available_at`.
    pub fn push_record(
        &mut self,
        record: &FlowRecord,
        traffic: TrafficType,
        available_at: UnixTime,
    ) {
        if !records_traffic(traffic, record) {
            return;
        }
        let mut message = String::with_capacity(128);
        let format = self.format.get_or_insert_default();
        format.write_line(record, &mut message);
        let stream = stream_name(&record.interface_id, traffic);
        let ingestion_ms = available_at.as_millis();
        self.events
            .push(timestamp_ms(record), ingestion_ms, &stream, &message);
    }
}

/// The log groups that a query can reach.
#[derive(Clone, Debug, Default)]
pub struct LogGroups<'a> {
    chosen: Vec<&'a LogGroup>,
    others: Vec<&'a LogGroup>,
}

impl<'a> LogGroups<'a> {
    /// Those over which a query without `SOURCE` runs.
    pub fn new(chosen: impl IntoIterator<Item = &'a LogGroup>) -> Self {
        Self {
            chosen: chosen.into_iter().collect(),
            others: Vec::new(),
        }
    }

    /// With further ones that `SOURCE` can name, in the query, in `join` and in subqueries.
    #[must_use]
    pub fn with_others(mut self, others: impl IntoIterator<Item = &'a LogGroup>) -> Self {
        self.others.extend(others);
        self
    }

    pub(crate) fn chosen(&self) -> &[&'a LogGroup] {
        &self.chosen
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &&'a LogGroup> + Clone {
        self.chosen.iter().chain(&self.others)
    }
}

impl<'a> From<&'a LogGroup> for LogGroups<'a> {
    fn from(group: &'a LogGroup) -> Self {
        Self::new([group])
    }
}
