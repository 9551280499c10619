//! `DescribeLogStreams`: streams as their events make them.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use wirelab_control::{start_of, token_of};
use wirelab_session::Session;

use super::events;
use super::parameters::{Parameters, invalid};
use crate::service::{Refusal, Request};

/// Streams on a page at most, and without a limit.
const PAGE: u64 = 50;

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    creation_ms: u64,
    first_ms: Option<u64>,
    last_ms: Option<u64>,
    last_ingestion_ms: Option<u64>,
}

pub(super) fn describe(session: &mut Session, request: &Request<'_>) -> Result<Value, Refusal> {
    let mut parameters = Parameters::of(request);
    let name = parameters.group()?;
    let prefix = parameters.text("logStreamNamePrefix");
    let by_time = parameters.text("orderBy").as_deref() == Some("LastEventTime");
    let descending = parameters.flag("descending");
    let limit = parameters.count("limit")?.unwrap_or(PAGE) as usize;
    let token = parameters.text("nextToken");
    parameters.end()?;
    if by_time && prefix.is_some() {
        let message = "Cannot order by LastEventTime with a logStreamNamePrefix.";
        return Err(invalid(message).into());
    }
    let caller = request.caller;
    let run = session.run_with_evidence()?;
    let group = events::find(run, caller, &name)?;
    let prefix = prefix.unwrap_or_default();
    let mut streams: Vec<(String, Seen)> = seen(&events::of_group(run, caller, group), group)
        .into_iter()
        .filter(|(name, _)| name.starts_with(&prefix))
        .collect();
    if by_time {
        streams.sort_by_key(|(_, seen)| seen.last_ms);
    }
    if descending {
        streams.reverse();
    }
    if let Some(token) = token {
        let start = start_of(streams.iter().map(|(name, _)| name), &token);
        let start = start.ok_or_else(|| invalid("The specified nextToken is invalid."))?;
        streams.drain(..start);
    }
    let next = streams.get(limit).map(|(name, _)| token_of(name));
    let arn = format!("{}:log-group:{}", events::arn_prefix(caller), group.name);
    let shown = streams.iter().take(limit);
    let shown: Vec<Value> = shown.map(|(name, seen)| show(&arn, name, *seen)).collect();
    let mut reply = Map::from_iter([("logStreams".to_owned(), Value::Array(shown))]);
    if let Some(next) = next {
        reply.insert("nextToken".to_owned(), next.as_str().into());
    }
    Ok(reply.into())
}

/// The streams that calls have made, and those that events are in.
fn seen(
    events: &wirelab_query::LogGroup,
    group: &wirelab_control::LogGroup,
) -> BTreeMap<String, Seen> {
    let mut streams: BTreeMap<String, Seen> = BTreeMap::new();
    for (name, stream) in &group.streams {
        if let Some(creation) = stream.creation_time {
            let seen = streams.entry(name.to_string()).or_default();
            seen.creation_ms = creation.as_millis();
        }
    }
    for event in events.events.iter() {
        let seen = match streams.get_mut(event.stream) {
            Some(seen) => seen,
            None => {
                let seen = streams.entry(event.stream.to_owned()).or_default();
                seen.creation_ms = event.ingestion_ms;
                seen
            }
        };
        let moment = Some(event.timestamp_ms);
        seen.first_ms = seen
            .first_ms
            .map(Reverse)
            .max(moment.map(Reverse))
            .map(|it| it.0);
        seen.last_ms = seen.last_ms.max(moment);
        seen.last_ingestion_ms = seen.last_ingestion_ms.max(Some(event.ingestion_ms));
    }
    streams
}

fn show(arn: &str, name: &str, seen: Seen) -> Value {
    json!({
        "logStreamName": name,
        "creationTime": seen.creation_ms,
        "firstEventTimestamp": seen.first_ms,
        "lastEventTimestamp": seen.last_ms,
        "lastIngestionTime": seen.last_ingestion_ms,
        "uploadSequenceToken": seen.last_ingestion_ms.map(|at| format!("496{at:053}")),
        "arn": format!("{arn}:log-stream:{name}"),
        // Zero since 2019, whatever the stream holds (API Reference, "LogStream").
        "storedBytes": 0,
    })
}
