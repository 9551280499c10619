//! CloudTrail: who changed what, as the event history of an account in a Region tells it.
//!
//! The events are the session's (`history` there says which, and when each can be looked up);
//! here is how they are asked for: one attribute at most, a time range in whole seconds, pages of
//! 50, newest first (AWS CloudTrail API Reference, "LookupEvents"). Trails are the control plane's.
//!
//! `aws cloudtrail lookup-events --lookup-attributes AttributeKey=EventName,AttributeValue=
//! CreateRoute --max-items 1`, asked a quarter of an hour after a learner has made a route, shows
//! that call: `Username` learner, `Resources` the table and the gateway, and as `CloudTrailEvent`
//! the whole record as text. Asked at once it shows nothing, as in AWS: the event is on its way for
//! about five minutes of the lab's time.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use wirelab_model::{ApiError, Caller, UnixTime, hex};
use wirelab_session::{Attribute, Events, HistoryEvent, Lookup, Run, Session};

use super::{Refusal, Request, kept};
use crate::access_key::AccessKey;
use crate::protocol::Codes;

const LOOKUP: &str = "LookupEvents";

const ATTRIBUTES: &str = "InvalidLookupAttributesException";
const MAX_RESULTS: &str = "InvalidMaxResultsException";
const NEXT_TOKEN: &str = "InvalidNextTokenException";

pub(super) const CODES: Codes = Codes {
    others: "InvalidParameterCombinationException",
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

pub(super) fn actions() -> Vec<&'static str> {
    let mut actions = kept::actions("cloudtrail");
    actions.push(LOOKUP);
    actions.sort_unstable();
    actions
}

pub(super) fn answer(session: &mut Session, request: Request<'_>) -> Result<Value, Refusal> {
    if request.action != LOOKUP {
        return kept::answer(session, "cloudtrail", request, CODES.others);
    }
    let asked = Asked::read(&request.parameters)?;
    Ok(asked.page(session.run_with_evidence()?, request.caller)?)
}

/// A request.
struct Asked {
    /// Name and value.
    attribute: Option<(String, String)>,
    /// Seconds since the epoch, if that was said.
    start: Option<f64>,
    /// The same.
    end: Option<f64>,
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
        let (start, end) = (moment("StartTime"), moment("EndTime"));
        if start.is_some_and(|start| end.is_some_and(|end| start > end)) {
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

    /// A page of what the caller may see of what is asked for, newest first. No event is made that
    /// is not on it, but for the one behind it.
    fn page(&self, run: &Run, caller: &Caller) -> Result<Value, ApiError> {
        let last = match &self.next {
            None => usize::MAX,
            Some(token) => self.number(token)?,
        };
        let known = self.attribute.as_ref().and_then(|(name, value)| {
            let mut all = Attribute::ALL.iter();
            let (_, known) = all.find(|(known, _)| known == name)?;
            Some((*known, value.clone()))
        });
        let lookup = Lookup {
            attributes: known.into_iter().collect(),
            start: self.start.map(|it| UnixTime::from_secs(it.ceil() as u64)),
            // Events are of whole seconds.
            end: self.end.map(|it| {
                let next = UnixTime::from_secs((it.floor() as u64).saturating_add(1));
                UnixTime::from_nanos(next.as_nanos().saturating_sub(1))
            }),
        };
        let events = Events::new(run, &lookup).up_to(last);
        let seen = events.filter_map(|(number, event)| {
            let here = event.record["recipientAccountId"] == caller.account.as_str()
                && event.aws_region == caller.region
                && event.available_at <= run.now();
            let key = access_key(&event, caller);
            let is_key = match &self.attribute {
                Some((name, value)) if name == ACCESS_KEY_ID => *value == key,
                _ => true,
            };
            let second = run.plan().starts.at(event.at).as_secs();
            (here && is_key && !self.insights).then(|| (number, shown(event, second, &key)))
        });
        let mut seen: Vec<_> = seen.take(self.most + 1).collect();
        let next = seen.get(self.most).map(|(number, _)| self.token(*number));
        seen.truncate(self.most);
        let events: Vec<Value> = seen.into_iter().map(|it| it.1).collect();
        let mut reply = json!({ "Events": events });
        if let Some(next) = next {
            reply["NextToken"] = next.into();
        }
        Ok(reply)
    }

    /// The token of the page that begins with the event. Newer events do not move it.
    fn token(&self, number: usize) -> String {
        hex(format!("{} {number}", self.fingerprint).as_bytes())
    }

    /// The number of the event that a token is of.
    fn number(&self, token: &str) -> Result<usize, ApiError> {
        let octet = |at: usize| u8::from_str_radix(token.get(at..at + 2)?, 16).ok();
        let octets: Option<Vec<u8>> = (0..token.len()).step_by(2).map(octet).collect();
        let text = octets.and_then(|it| String::from_utf8(it).ok());
        let number = text.as_deref().and_then(|text| {
            let (fingerprint, number) = text.split_once(' ')?;
            (fingerprint == self.fingerprint)
                .then_some(number)?
                .parse()
                .ok()
        });
        let message = "The token is of no page, or of one that was asked for otherwise.";
        number.ok_or_else(|| ApiError::client(NEXT_TOKEN, message))
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
