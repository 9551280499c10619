//! CloudTrail: who changed what, as the event history of an account in a Region tells it.
//!
//! The events are the session's (`history` there says which, and when each can be looked up);
//! here is how they are asked for: one attribute at most, a time range in whole seconds, pages of
//! 50, newest first (AWS CloudTrail API Reference, "LookupEvents").
//!
//! `aws cloudtrail lookup-events --lookup-attributes AttributeKey=EventName,AttributeValue=
//! CreateRoute --max-items 1`, asked a quarter of an hour after a learner has made a route, shows
//! that call: `Username` learner, `Resources` the table and the gateway, and as `CloudTrailEvent`
//! the whole record as text. Asked at once it shows nothing, as in AWS: the event is on its way for
//! about five minutes of the lab's time.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use wirelab_model::{ApiError, Caller, hex};
use wirelab_session::{Attribute, HistoryEvent, Lookup, Run, Session, history};

use super::{Refusal, Request};
use crate::access_key::AccessKey;
use crate::protocol::Codes;

pub(super) const ACTIONS: [&str; 1] = ["LookupEvents"];

const ATTRIBUTES: &str = "InvalidLookupAttributesException";
const MAX_RESULTS: &str = "InvalidMaxResultsException";
const NEXT_TOKEN: &str = "InvalidNextTokenException";

pub(super) const CODES: Codes = Codes {
    others: "InvalidParameterException",
    of: &[
        ("EventCategory", "InvalidEventCategoryException"),
        ("LookupAttributes", ATTRIBUTES),
        ("MaxResults", MAX_RESULTS),
        ("NextToken", NEXT_TOKEN),
    ],
};

/// Events on a page, unless fewer are asked for.
const PAGE: u64 = 50;

/// The attribute that the session does not know: keys are the endpoint's.
const ACCESS_KEY_ID: &str = "AccessKeyId";

pub(super) fn answer(session: &mut Session, request: Request<'_>) -> Result<Value, Refusal> {
    let asked = Asked::read(&request.parameters)?;
    let events = asked.events(session.run_with_evidence()?, request.caller);
    Ok(asked.page(&events)?)
}

/// A request.
struct Asked {
    /// Name and value.
    attribute: Option<(String, String)>,
    /// Seconds since the epoch; the begin of time, if it was not said.
    start: f64,
    /// The same, and the end of time.
    end: f64,
    /// Insights events, of which there are none here.
    insights: bool,
    most: usize,
    next: Option<String>,
    /// Of what must be the same for the next page.
    fingerprint: String,
}

impl Asked {
    fn read(parameters: &Map<String, Value>) -> Result<Self, ApiError> {
        let moment = |name: &str| parameters.get(name).and_then(Value::as_f64);
        let start = moment("StartTime").unwrap_or(f64::MIN);
        let end = moment("EndTime").unwrap_or(f64::MAX);
        if start > end {
            let message = "The start time of the time range is after its end time.";
            return Err(ApiError::client("InvalidTimeRangeException", message));
        }
        let most = parameters.get("MaxResults").and_then(Value::as_u64);
        let next = parameters.get("NextToken").and_then(Value::as_str);
        Ok(Self {
            attribute: attribute(parameters)?,
            start,
            end,
            insights: parameters.contains_key("EventCategory"),
            most: usize::try_from(most.unwrap_or(PAGE)).unwrap_or(usize::MAX),
            next: next.map(str::to_owned),
            fingerprint: fingerprint(parameters),
        })
    }

    /// What the caller may see of what is asked for, newest first.
    fn events(&self, run: &Run, caller: &Caller) -> Vec<Value> {
        if self.insights {
            return Vec::new();
        }
        let known = self.attribute.as_ref().and_then(|(name, value)| {
            let mut all = Attribute::ALL.iter();
            let (_, known) = all.find(|(known, _)| known == name)?;
            Some((*known, value.clone()))
        });
        let lookup = Lookup {
            attributes: known.into_iter().collect(),
            ..Lookup::default()
        };
        let (events, _) = history(run, &lookup);
        let shown = events.into_iter().filter_map(|event| {
            let here = event.record["recipientAccountId"] == caller.account.as_str()
                && event.aws_region == caller.region;
            let second = run.plan().starts.at(event.at).as_secs();
            let in_time = (self.start..=self.end).contains(&(second as f64));
            let key = access_key(&event, caller);
            let is_key = match &self.attribute {
                Some((name, value)) if name == ACCESS_KEY_ID => *value == key,
                _ => true,
            };
            (here && in_time && is_key).then(|| shown(event, second, &key))
        });
        shown.collect()
    }

    fn page(&self, events: &[Value]) -> Result<Value, ApiError> {
        let from = match &self.next {
            None => 0,
            Some(token) => {
                let mut all = events.iter();
                let from = all.position(|it| self.token(it) == *token);
                let message = "The token is of no page, or of one that was asked for otherwise.";
                from.ok_or_else(|| ApiError::client(NEXT_TOKEN, message))?
            }
        };
        let rest = &events[from..];
        let next = rest.get(self.most).map(|it| self.token(it));
        let shown = &rest[..rest.len().min(self.most)];
        let mut reply = json!({ "Events": shown });
        if let Some(next) = next {
            reply["NextToken"] = next.into();
        }
        Ok(reply)
    }

    /// The token of the page that begins with the event. Newer events do not move it.
    fn token(&self, event: &Value) -> String {
        let id = event["EventId"].as_str().unwrap_or_default();
        hex(format!("{} {id}", self.fingerprint).as_bytes())
    }
}

fn attribute(parameters: &Map<String, Value>) -> Result<Option<(String, String)>, ApiError> {
    let given = parameters.get("LookupAttributes").and_then(Value::as_array);
    let text = |it: &Value, name: &str| it[name].as_str().unwrap_or_default().to_owned();
    match given.map_or(&[][..], Vec::as_slice) {
        [] => Ok(None),
        [one] => Ok(Some((
            text(one, "AttributeKey"),
            text(one, "AttributeValue"),
        ))),
        many => {
            let message = format!(
                "{} lookup attributes are given; events can be looked up by one.",
                many.len()
            );
            Err(ApiError::client(ATTRIBUTES, message))
        }
    }
}

/// The event as LookupEvents has it. The record says the key, too.
fn shown(mut event: HistoryEvent, second: u64, key: &str) -> Value {
    if let Some(identity) = event.record["userIdentity"].as_object_mut() {
        identity.insert("accessKeyId".to_owned(), key.into());
    }
    let resources = event.resources.iter();
    let resources = resources
        .map(|(kind, name)| json!({ "ResourceType": kind, "ResourceName": name }))
        .collect::<Vec<_>>();
    json!({
        "EventId": event.event_id,
        "EventName": event.event_name,
        "ReadOnly": "false",
        "AccessKeyId": key,
        "EventTime": second,
        "EventSource": event.event_source,
        "Username": event.username,
        "Resources": resources,
        "CloudTrailEvent": event.record.to_string(),
    })
}

fn access_key(event: &HistoryEvent, caller: &Caller) -> String {
    let arn = event.record["userIdentity"]["arn"].as_str();
    AccessKey::of_principal(&caller.account, arn.unwrap_or_default()).id
}

fn fingerprint(parameters: &Map<String, Value>) -> String {
    let mut same = parameters.clone();
    same.remove("NextToken");
    same.remove("MaxResults");
    let digest = Sha256::digest(Value::Object(same).to_string());
    hex(&digest[..4])
}
