//! Events one by one: of a stream, of a group by a pattern, by their pointers; and which fields
//! they have.
//!
//! A place among the events of a group is the event's time and its number among those of that time
//! in the order of arrival. Later arrivals do not move it, so tokens hold it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use wirelab_control::FilterPattern;
use wirelab_model::ApiError;
use wirelab_query::{LogEvent, LogGroup};
use wirelab_session::Session;

use super::events;
use super::parameters::{Parameters, invalid, not_found};
use crate::service::{Refusal, Request};

/// Events on a page at most, and octets of their messages.
const PAGE_EVENTS: u64 = 10_000;
const PAGE_BYTES: usize = 1 << 20;

/// A place among events.
type Place = (u64, u64);

/// Events in the order of their times, each with its place.
fn placed(group: &LogGroup) -> Vec<(Place, LogEvent<'_>)> {
    let mut events: Vec<_> = group.events.iter().collect();
    events.sort_by_key(|it| it.timestamp_ms);
    let mut before: Option<Place> = None;
    let placed = events.into_iter().map(|event| {
        let number = match before {
            Some((time, number)) if time == event.timestamp_ms => number + 1,
            _ => 0,
        };
        let place = (event.timestamp_ms, number);
        before = Some(place);
        (place, event)
    });
    placed.collect()
}

fn token(place: Place) -> String {
    format!("{:036}{:020}", place.0, place.1)
}

fn place_of(token: &str) -> Result<Place, ApiError> {
    let digits = token.len() == 56 && token.bytes().all(|it| it.is_ascii_digit());
    let place = digits.then(|| Some((token[..36].parse().ok()?, token[36..].parse().ok()?)));
    place
        .flatten()
        .ok_or_else(|| invalid("The specified nextToken is invalid."))
}

/// The greatest number of the first events that fit on a page.
fn page<'e>(events: impl Iterator<Item = &'e LogEvent<'e>>, limit: u64) -> usize {
    let mut bytes = 0;
    let fits = |event: &&LogEvent<'_>| {
        bytes += event.message.len() + 26;
        bytes <= PAGE_BYTES
    };
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    events.take(most).take_while(fits).count()
}

/// `GetLogEvents`: a stream, from its end backwards or from its beginning on.
pub(super) fn get(session: &mut Session, request: &Request<'_>) -> Result<Value, Refusal> {
    let mut parameters = Parameters::of(request);
    let name = parameters.group()?;
    let stream = parameters.text("logStreamName").unwrap_or_default();
    let start = parameters.count("startTime")?.unwrap_or(0);
    let end = parameters.count("endTime")?.unwrap_or(u64::MAX);
    let limit = parameters.count("limit")?.unwrap_or(PAGE_EVENTS);
    let from_head = parameters.flag("startFromHead");
    let token = parameters.text("nextToken");
    parameters.end()?;
    let run = session.run_with_evidence()?;
    let group = events::find(run, request.caller, &name)?;
    let made = group.streams.get(stream.as_str());
    let made = made.is_some_and(|it| it.creation_time.is_some());
    let events = events::of_group(run, request.caller, group);
    if !made && !events.events.iter().any(|it| it.stream == stream) {
        return Err(not_found("The specified log stream does not exist.").into());
    }
    let of_stream = placed(&events)
        .into_iter()
        .filter(|(_, it)| it.stream == stream);
    let of_stream: Vec<_> = of_stream
        .filter(|(_, it)| (start..end).contains(&it.timestamp_ms))
        .collect();
    Ok(window(&of_stream, token.as_deref(), from_head, limit)?)
}

/// The part of a stream that a token asks for, with the tokens of its neighbours.
fn window(
    events: &[(Place, LogEvent<'_>)],
    given: Option<&str>,
    from_head: bool,
    limit: u64,
) -> Result<Value, ApiError> {
    let from = |digits: &str| {
        let place = place_of(digits)?;
        Ok(events.partition_point(|(it, _)| *it < place))
    };
    let (forward, at) = match given.map(|it| it.split_at_checked(2).unwrap_or_default()) {
        None if from_head => (true, 0),
        None => (false, events.len()),
        Some(("f/", digits)) => (true, from(digits)?),
        Some(("b/", digits)) => (false, from(digits)?),
        Some(_) => return Err(invalid("The specified nextToken is invalid.")),
    };
    let (begin, end) = match forward {
        true => (at, at + page(events[at..].iter().map(|(_, it)| it), limit)),
        false => {
            let before = events[..at].iter().rev();
            (at - page(before.map(|(_, it)| it), limit), at)
        }
    };
    let shown = events[begin..end].iter().map(|(_, event)| {
        json!({
            "timestamp": event.timestamp_ms,
            "message": event.message,
            "ingestionTime": event.ingestion_ms,
        })
    });
    // Behind the last event, or before the first; where there is none, where one stood before.
    let given_place = || {
        given
            .and_then(|it| place_of(&it[2..]).ok())
            .unwrap_or_default()
    };
    let after = events[..end]
        .last()
        .map(|((time, number), _)| (*time, number + 1));
    let before = events.get(begin).map(|(place, _)| *place).or(after);
    Ok(json!({
        "events": shown.collect::<Vec<_>>(),
        "nextForwardToken": format!("f/{}", token(after.unwrap_or_else(given_place))),
        "nextBackwardToken": format!("b/{}", token(before.unwrap_or_else(given_place))),
    }))
}

/// `FilterLogEvents`: a group, by streams, time and pattern.
pub(super) fn filter(session: &mut Session, request: &Request<'_>) -> Result<Value, Refusal> {
    let mut parameters = Parameters::of(request);
    let name = parameters.group()?;
    let streams = parameters.texts("logStreamNames");
    let prefix = parameters.text("logStreamNamePrefix");
    let start = parameters.count("startTime")?.unwrap_or(0);
    let end = parameters.count("endTime")?.unwrap_or(u64::MAX);
    let pattern = parameters.text("filterPattern").unwrap_or_default();
    let limit = parameters.count("limit")?.unwrap_or(PAGE_EVENTS);
    let given = parameters.text("nextToken");
    // Always so (API Reference, "FilterLogEvents").
    parameters.flag("interleaved");
    parameters.end()?;
    if !streams.is_empty() && prefix.is_some() {
        let message = "logStreamNamePrefix and logStreamNames are mutually exclusive parameters.";
        return Err(invalid(message).into());
    }
    let pattern = FilterPattern::parse(&pattern).map_err(|why| invalid(why.to_string()))?;
    let run = session.run_with_evidence()?;
    let group = events::of_group(
        run,
        request.caller,
        events::find(run, request.caller, &name)?,
    );
    let prefix = prefix.unwrap_or_default();
    let of_stream = |it: &str| match streams.is_empty() {
        true => it.starts_with(&prefix),
        false => streams.iter().any(|name| name == it),
    };
    let from = given
        .map(|it| place_of(&it))
        .transpose()?
        .unwrap_or_default();
    let found: Vec<_> = placed(&group)
        .into_iter()
        .filter(|(place, it)| *place >= from && (start..=end).contains(&it.timestamp_ms))
        .filter(|(_, it)| of_stream(it.stream) && pattern.matches(it.message))
        .collect();
    let count = page(found.iter().map(|(_, it)| it), limit);
    let shown = found[..count].iter().map(|(place, event)| {
        json!({
            "logStreamName": event.stream,
            "timestamp": event.timestamp_ms,
            "message": event.message,
            "ingestionTime": event.ingestion_ms,
            "eventId": event_id(*place, event),
        })
    });
    Ok(json!({
        "events": shown.collect::<Vec<_>>(),
        // Empty since 2020 (API Reference, "FilterLogEvents").
        "searchedLogStreams": [],
        "nextToken": found.get(count).map(|(place, _)| token(*place)),
    }))
}

/// 56 digits that no other event of the group has.
fn event_id(place: Place, event: &LogEvent<'_>) -> String {
    let text = format!("{} {} {}", token(place), event.stream, event.message);
    let digest = Sha256::digest(text);
    let digits = digest.iter().fold(String::from("3"), |digits, octet| {
        format!("{digits}{:03}", octet)
    });
    digits[..56].to_owned()
}

/// The pointer to an event: its group, stream and moments, and the hash of its message.
pub(super) fn pointer(group: &str, event: &LogEvent<'_>) -> String {
    let digest = Sha256::digest(event.message);
    let hash: String = digest[..6].iter().map(|it| format!("{it:02x}")).collect();
    let (time, arrival) = (event.timestamp_ms, event.ingestion_ms);
    let text = format!("{group}\n{}\n{time}\n{arrival}\n{hash}", event.stream);
    text.bytes().map(|it| format!("{it:02x}")).collect()
}

/// The group that a pointer leads to.
fn group_of(pointer: &str) -> Option<String> {
    let octets = pointer.as_bytes().chunks(2).map(|two| {
        let two = std::str::from_utf8(two).ok()?;
        u8::from_str_radix(two, 16).ok()
    });
    let text = String::from_utf8(octets.collect::<Option<Vec<u8>>>()?).ok()?;
    text.split('\n').next().map(str::to_owned)
}

/// `GetLogRecord`: all fields of the event that a query's `@ptr` points to.
pub(super) fn record(session: &mut Session, request: &Request<'_>) -> Result<Value, Refusal> {
    let mut parameters = Parameters::of(request);
    let wanted = parameters.text("logRecordPointer").unwrap_or_default();
    parameters.end()?;
    let bad = || invalid("The specified log record pointer is invalid.");
    let name = group_of(&wanted).ok_or_else(bad)?;
    let run = session.run_with_evidence()?;
    let group = events::find(run, request.caller, &name)?;
    let group = events::of_group(run, request.caller, group);
    let mut all = group.events.iter();
    let event = all.find(|event| pointer(&name, event) == wanted);
    let event = event.ok_or_else(|| not_found("The specified log record does not exist."))?;
    let mut record = discovered(&group, event.message);
    record.extend([
        ("@message".to_owned(), event.message.to_owned()),
        ("@timestamp".to_owned(), event.timestamp_ms.to_string()),
        ("@ingestionTime".to_owned(), event.ingestion_ms.to_string()),
        ("@logStream".to_owned(), event.stream.to_owned()),
        ("@log".to_owned(), format!("{}:{name}", group.account)),
        ("@ptr".to_owned(), wanted),
    ]);
    Ok(json!({ "logRecord": record }))
}

/// The fields that Logs discovers in a message: those of the flow log's format, or the scalars of a
/// JSON object by their paths.
fn discovered(group: &LogGroup, message: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    match &group.format {
        Some(format) => {
            let words: Vec<&str> = message.split_ascii_whitespace().collect();
            if words.len() == format.fields().len() {
                let fields = format.fields().iter().zip(words);
                found.extend(
                    fields.map(|(field, word)| (field.insights_name().to_owned(), word.to_owned())),
                );
            }
        }
        None => {
            if let Ok(Value::Object(object)) = serde_json::from_str(message) {
                flatten(&object, "", &mut found);
            }
        }
    }
    found
}

fn flatten(object: &Map<String, Value>, path: &str, into: &mut BTreeMap<String, String>) {
    for (name, value) in object {
        let path = match path {
            "" => name.clone(),
            path => format!("{path}.{name}"),
        };
        match value {
            Value::Object(inner) => flatten(inner, &path, into),
            Value::Array(list) => {
                let numbered = list.iter().enumerate();
                let inner = numbered
                    .map(|(at, it)| (at.to_string(), it.clone()))
                    .collect();
                flatten(&inner, &path, into);
            }
            Value::Null => {}
            Value::String(text) => drop(into.insert(path, text.clone())),
            other => drop(into.insert(path, other.to_string())),
        }
    }
}

/// How far around its moment `GetLogGroupFields` looks, and how far back without one.
const AROUND_MS: u64 = 8 * 60_000;
const BACK_MS: u64 = 15 * 60_000;

/// `GetLogGroupFields`: which fields there are, and in how many of a hundred events.
pub(super) fn fields(session: &mut Session, request: &Request<'_>) -> Result<Value, Refusal> {
    let mut parameters = Parameters::of(request);
    let name = parameters.group()?;
    let moment = parameters.count("time")?;
    parameters.end()?;
    let run = session.run_with_evidence()?;
    let now = run.utc().as_millis();
    let range = match moment {
        // In seconds, alone in this service with the times of queries.
        Some(secs) => {
            let center = secs.saturating_mul(1000);
            center.saturating_sub(AROUND_MS)..=center.saturating_add(AROUND_MS)
        }
        None => now.saturating_sub(BACK_MS)..=now,
    };
    let group = events::find(run, request.caller, &name)?;
    let group = events::of_group(run, request.caller, group);
    let events = group.events.iter();
    let events: Vec<_> = events
        .filter(|it| range.contains(&it.timestamp_ms))
        .collect();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for event in &events {
        let present = discovered(&group, event.message).into_iter();
        let always = [
            "@ingestionTime",
            "@log",
            "@logStream",
            "@message",
            "@timestamp",
        ];
        let present = present
            .filter(|(_, value)| value != "-")
            .map(|(name, _)| name);
        for name in present.chain(always.map(str::to_owned)) {
            *counts.entry(name).or_default() += 1;
        }
    }
    let shown = counts.into_iter();
    let shown =
        shown.map(|(name, count)| json!({ "name": name, "percent": count * 100 / events.len() }));
    Ok(json!({ "logGroupFields": shown.collect::<Vec<_>>() }))
}
