//! What machines and the API answer when they are asked: commands and calls that a learner could
//! give as well, done to a copy of the network.

use serde_json::Value as Json;
use wirelab_model::Call;

use super::ask::{Answer, SHOWN};
use super::{Evidence, Value, play};
use crate::author::by_name;
use crate::calls::{Step, parse_calls};

/// The lines with a text that a command prints.
pub(super) fn exec(evidence: &Evidence<'_>, host: &str, command: &str, text: &str) -> Answer {
    let mut run = evidence.run.clone();
    let played = play(&mut run, &format!("exec {host} -- {command}"))?;
    let printed = played.first().map_or("", |it| it.printed.as_str());
    let lines = printed.lines().filter(|it| it.contains(text));
    let lines = lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    Ok(answered(
        &format!("{host}: {command}"),
        text,
        lines.collect(),
    ))
}

/// The things with a text that a call answers with, resources by their names.
pub(super) fn call(evidence: &Evidence<'_>, written: &str, text: &str) -> Answer {
    let plan = evidence.run.plan();
    let steps = parse_calls(written).map_err(|error| error.to_string())?;
    let [Step::Call(call)] = &steps[..] else {
        return Err(format!("`{written}` is not one call"));
    };
    let mut call: Call = call.clone();
    for (name, value) in &mut call.parameters {
        plan.names.put_ids(name, value);
    }
    let reply = evidence.run.read(&plan.caller, &call, false);
    let reply = reply.map_err(|error| format!("{written}: {error}"))?;
    let mut things = Vec::new();
    if with_text(&reply, text, &mut things) && things.is_empty() {
        things.push(members(&reply));
    }
    let things = things.into_iter().map(|it| by_name(&plan.names, &it));
    Ok(answered(written, text, things.collect()))
}

fn answered(asked: &str, text: &str, lines: Vec<String>) -> (Value, Vec<String>) {
    let count = lines.len();
    let mut shown: Vec<String> = (lines.iter().take(SHOWN))
        .map(|line| format!("{asked}  ──▶  {line}"))
        .collect();
    match count {
        0 => shown.push(format!("{asked}  ──▶  nothing with `{text}`")),
        _ if count > SHOWN => shown.push(format!("and {} more", count - SHOWN)),
        _ => {}
    }
    (
        Value::Number(i64::try_from(count).unwrap_or(i64::MAX)),
        shown,
    )
}

/// The smallest items of lists that have a text in them, each on a line.
fn with_text(value: &Json, text: &str, things: &mut Vec<String>) -> bool {
    match value {
        Json::Array(items) => {
            let mut is_there = false;
            for item in items {
                let before = things.len();
                if with_text(item, text, things) {
                    is_there = true;
                    if things.len() == before {
                        things.push(members(item));
                    }
                }
            }
            is_there
        }
        Json::Object(members) => {
            // Every member is looked at: each may hold lists of its own. `RuleNumber 100` is one.
            let found = members.iter().filter(|(name, it)| {
                let is_named = !it.is_object() && !it.is_array();
                with_text(it, text, things) || is_named && format!("{name} {}", plain(it)) == text
            });
            found.count() > 0
        }
        scalar => plain(scalar).contains(text),
    }
}

/// All that a thing has, on a line.
fn members(value: &Json) -> String {
    let mut members = Vec::new();
    flat(value, "", &mut members);
    members.join(", ")
}

/// `PortRange.From 8080` for each value, in the order of the reply.
fn flat(value: &Json, path: &str, members: &mut Vec<String>) {
    let below = |name: &str| match path {
        "" => name.to_owned(),
        path => format!("{path}.{name}"),
    };
    match value {
        Json::Object(inner) => inner
            .iter()
            .for_each(|(name, it)| flat(it, &below(name), members)),
        Json::Array(items) => items.iter().for_each(|it| flat(it, path, members)),
        scalar => members.push(format!("{path} {}", plain(scalar)).trim().to_owned()),
    }
}

fn plain(scalar: &Json) -> String {
    match scalar {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_items_with_a_text_are_told_each_on_a_line() {
        let reply = serde_json::json!({ "Tables": [
            { "Id": "a", "Routes": [
                { "To": "10.0.0.0/8", "Target": "local" },
                { "To": "0.0.0.0/0", "Target": "nat-1", "Range": { "From": 1 } },
            ] },
            { "Id": "b", "Routes": [] },
        ] });
        let told = |text| {
            let mut things = Vec::new();
            with_text(&reply, text, &mut things);
            things
        };
        assert_eq!(
            told("0.0.0.0/0"),
            ["To 0.0.0.0/0, Target nat-1, Range.From 1"]
        );
        assert_eq!(told("b"), ["Id b"]);
        assert!(told("nat-2").is_empty());
        let (value, lines) = answered("DescribeTables", "nat-2", told("nat-2"));
        assert_eq!(value, Value::Number(0));
        assert_eq!(lines, ["DescribeTables  ──▶  nothing with `nat-2`"]);
    }
}
