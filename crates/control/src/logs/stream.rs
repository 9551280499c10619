//! Log streams, and events that clients put into them.

use serde::Deserialize;
use serde_json::json;
use smol_str::{SmolStr, format_smolstr};
use wirelab_model::{ApiError, FlowLogId, NetworkInterfaceId, Reply, TrafficType};

use super::{LogGroup, LogStream, PutEvent, check_free_name, group_mut, publish};
use crate::error;
use crate::state::State;
use crate::transaction::Transaction;
use crate::view::{done, word};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Named {
    log_group_name: SmolStr,
    log_stream_name: SmolStr,
}

pub(super) fn create(tx: &mut Transaction<'_>, request: Named) -> Reply {
    check_free_name("logStreamName", &request.log_stream_name)?;
    let utc = tx.utc();
    group_mut(tx, &request.log_group_name)?;
    if is_there(tx, &request) {
        return Err(error::log_stream_exists());
    }
    let group = group_mut(tx, &request.log_group_name)?;
    let stream = group.streams.entry(request.log_stream_name).or_default();
    stream.creation_time = Some(utc);
    Ok(done())
}

/// The events go; if a flow log writes the stream, its next record makes it again.
pub(super) fn delete(tx: &mut Transaction<'_>, request: Named) -> Reply {
    group_mut(tx, &request.log_group_name)?;
    if !is_there(tx, &request) {
        return Err(error::no_log_stream());
    }
    let now = tx.state.now;
    let of_flow_log = is_of_flow_log(tx, &request);
    let group = group_mut(tx, &request.log_group_name)?;
    group.streams.remove(&request.log_stream_name);
    if of_flow_log {
        let deleted = LogStream {
            emptied_at: Some(now),
            ..LogStream::default()
        };
        group.streams.insert(request.log_stream_name, deleted);
    }
    Ok(done())
}

/// Whether there is such a stream: made by a call, or by a record that was delivered.
fn is_there(tx: &mut Transaction<'_>, request: &Named) -> bool {
    let now = tx.state.now;
    let group = group_mut(tx, &request.log_group_name).ok();
    let kept = group.and_then(|it| it.streams.get(&request.log_stream_name));
    match kept {
        // The flow log whose stream was deleted goes on writing it.
        Some(stream) => {
            let goes_on = stream.emptied_at.is_some_and(|at| at < now);
            stream.creation_time.is_some() || !stream.events.is_empty() || goes_on
        }
        None => is_of_flow_log(tx, request),
    }
}

/// Whether a flow log writes the stream: `eni-1-all`.
fn is_of_flow_log(tx: &mut Transaction<'_>, request: &Named) -> bool {
    let feeds = group_mut(tx, &request.log_group_name).map(|it| it.feeds.clone());
    let feeds = feeds.unwrap_or_default();
    let writes = |id: &FlowLogId, traffic: TrafficType| {
        let mut streams = streams_of(tx.state, id);
        streams.any(|interface| {
            let suffix = word(traffic).to_ascii_lowercase();
            request.log_stream_name == format_smolstr!("{interface}-{suffix}")
        })
    };
    let mut feeds = feeds.iter();
    feeds.any(|it| writes(&it.flow_log_id, it.traffic_type))
}

/// The interfaces of which the flow log has delivered something.
fn streams_of<'s>(
    state: &'s State,
    flow_log: &'s FlowLogId,
) -> impl Iterator<Item = &'s NetworkInterfaceId> {
    let streams = state.flow_log_streams.iter();
    streams.filter_map(move |(id, interface)| (id == flow_log).then_some(interface))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PutLogEvents {
    log_group_name: SmolStr,
    log_stream_name: SmolStr,
    log_events: Vec<InputEvent>,
    /// Not looked at any more (API Reference, "PutLogEvents").
    #[serde(rename = "sequenceToken")]
    _sequence_token: Option<SmolStr>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct InputEvent {
    timestamp: i64,
    message: String,
}

/// Octets that a batch may have; each event counts 26 more than its message (API Reference,
/// "PutLogEvents").
const BATCH_BYTES: usize = 1_048_576;
const EVENT_OVERHEAD: usize = 26;
const BATCH_EVENTS: usize = 10_000;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// So far an event may lie ahead and behind.
const AHEAD_MS: i64 = 2 * HOUR_MS;
const BEHIND_DAYS: i64 = 14;

pub(super) fn put_events(tx: &mut Transaction<'_>, request: PutLogEvents) -> Reply {
    let named = Named {
        log_group_name: request.log_group_name,
        log_stream_name: request.log_stream_name,
    };
    group_mut(tx, &named.log_group_name)?;
    if !is_there(tx, &named) {
        return Err(error::no_log_stream());
    }
    let events = request.log_events;
    check_batch(&events)?;
    let utc = tx.utc().as_millis();
    let group = group_mut(tx, &named.log_group_name)?;
    let window = Window::of(group, utc);
    let taken = events.iter().filter(|it| window.takes(it));
    let taken: Vec<&str> = taken.map(|it| it.message.as_str()).collect();
    publish::put(tx, &named.log_group_name, &taken)?;
    let group = group_mut(tx, &named.log_group_name)?;
    let stream = group
        .streams
        .entry(named.log_stream_name.clone())
        .or_default();
    stream.events.extend(
        events
            .iter()
            .filter(|it| window.takes(it))
            .map(|it| PutEvent {
                timestamp_ms: it.timestamp.unsigned_abs(),
                ingestion_ms: utc,
                message: it.message.clone(),
            }),
    );
    // 56 digits, the last of them the number of what the stream has.
    let next = format!("496{:053}", stream.events.len());
    Ok(json!({ "nextSequenceToken": next, "rejectedLogEventsInfo": window.rejected(&events) }))
}

fn check_batch(events: &[InputEvent]) -> Result<(), ApiError> {
    let wrong = |why: &str| Err(error::log_parameter(why));
    let bytes: usize = events
        .iter()
        .map(|it| it.message.len() + EVENT_OVERHEAD)
        .sum();
    if events.is_empty() || events.len() > BATCH_EVENTS {
        return wrong("logEvents must have 1 to 10000 members");
    }
    if bytes > BATCH_BYTES {
        return wrong("Upload too large: a batch may have 1048576 bytes, with 26 more an event");
    }
    if events
        .iter()
        .any(|it| it.message.is_empty() || it.timestamp < 0)
    {
        return wrong("Log events need a message and a timestamp since 1970");
    }
    if !events.is_sorted_by_key(|it| it.timestamp) {
        return wrong(
            "Log events in a single PutLogEvents request must be in chronological order.",
        );
    }
    let span = events.last().map_or(0, |it| it.timestamp) - events[0].timestamp;
    if span > DAY_MS {
        return wrong(
            "The batch of log events in a single PutLogEvents request cannot span more than 24 \
             hours.",
        );
    }
    Ok(())
}

/// When the events of a batch may have happened.
struct Window {
    /// Older events are too old for Logs.
    oldest: i64,
    /// Older events are too old for the group.
    expired: i64,
    newest: i64,
}

impl Window {
    fn of(group: &LogGroup, utc_ms: u64) -> Self {
        let now = i64::try_from(utc_ms).unwrap_or(i64::MAX);
        let days = group.retention_in_days.map(i64::from);
        Self {
            oldest: now - BEHIND_DAYS * DAY_MS,
            expired: days.map_or(i64::MIN, |days| now - days * DAY_MS),
            newest: now + AHEAD_MS,
        }
    }

    fn takes(&self, event: &InputEvent) -> bool {
        (self.oldest.max(self.expired)..=self.newest).contains(&event.timestamp)
    }

    /// `RejectedLogEventsInfo`: an index is the first of what is too new, and behind the last of
    /// what is too old.
    fn rejected(&self, events: &[InputEvent]) -> Option<serde_json::Value> {
        let before = |moment: i64| {
            let count = events.iter().filter(|it| it.timestamp < moment).count();
            Some(count).filter(|count| *count > 0)
        };
        let too_new = events.iter().position(|it| it.timestamp > self.newest);
        let (too_old, expired) = (before(self.oldest), before(self.expired));
        (too_new.is_some() || too_old.is_some() || expired.is_some()).then(|| {
            json!({
                "tooNewLogEventStartIndex": too_new,
                "tooOldLogEventEndIndex": too_old,
                "expiredLogEventEndIndex": expired,
            })
        })
    }
}
