//! CloudTrail: who changed what, as the event history of an account in a Region tells it.
//!
//! The events are the session's (`history` there says which, and when each can be looked up);
//! here is how they are asked for, with those that the endpoint alone knows (`trail`): one
//! attribute at most, a time range in whole seconds, pages of 50, newest first (AWS CloudTrail API
//! Reference, "LookupEvents"). Trails are the control plane's; what they deliver to buckets is made
//! here of the same events (`files`).
//!
//! `aws cloudtrail lookup-events --lookup-attributes AttributeKey=EventName,AttributeValue=
//! CreateRoute --max-items 1`, asked a quarter of an hour after a learner has made a route, shows
//! that call: `Username` learner, `Resources` the table and the gateway, and as `CloudTrailEvent`
//! the whole record as text. Asked at once it shows nothing, as in AWS: the event is on its way for
//! about five minutes of the lab's time.

mod files;

use std::iter::Peekable;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use wirelab_model::{ApiError, Caller, UnixTime, hex};
use wirelab_session::{Attribute, Events, HistoryEvent, Lookup, Run, Session};

use super::trail::Trail;
use super::{Refusal, Request, kept, sts};
use crate::access_key::AccessKey;
use crate::protocol::Codes;
pub(crate) use files::deliver;

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
    if matches!(request.action, "CreateTrail" | "UpdateTrail") {
        files::check_bucket(session, &request)?;
    }
    if request.action == "GetTrailStatus" {
        let reply = kept::answer(session, "cloudtrail", request.clone(), CODES.others)?;
        return files::tell(session, &request, reply);
    }
    if request.action != LOOKUP {
        return kept::answer(session, "cloudtrail", request, CODES.others);
    }
    let asked = Asked::read(&request.parameters)?;
    let trail = Trail::read(session);
    Ok(asked.page(session.run_with_evidence()?, &trail, request.caller)?)
}

/// How many are still to come: calls of the journal, and the events beside it.
type Left = (usize, usize);

/// Both kinds of events as one list, newest first.
struct Merged<C: Iterator, O: Iterator> {
    calls: Peekable<C>,
    others: Peekable<O>,
}

impl<C, O> Iterator for Merged<C, O>
where
    C: Iterator<Item = (usize, HistoryEvent)>,
    O: Iterator<Item = (usize, HistoryEvent)>,
{
    /// What was left with the event, and the event.
    type Item = (Left, HistoryEvent);

    fn next(&mut self) -> Option<Self::Item> {
        let (call, other) = (self.calls.peek(), self.others.peek());
        let number = |it: Option<&(usize, HistoryEvent)>| it.map_or(0, |it| it.0 + 1);
        let left = (number(call), number(other));
        let is_call = match (call, other) {
            (Some(call), Some(other)) => call.1.at > other.1.at,
            (call, _) => call.is_some(),
        };
        let next = match is_call {
            true => self.calls.next(),
            false => self.others.next(),
        };
        next.map(|it| (left, it.1))
    }
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

    /// A page of what the caller may see of what is asked for, newest first. No event of a call is
    /// made that is not on it, but for the one behind it.
    fn page(&self, run: &Run, trail: &Trail, caller: &Caller) -> Result<Value, ApiError> {
        let left = match &self.next {
            None => (usize::MAX, usize::MAX),
            Some(token) => self.left(token)?,
        };
        let lookup = self.lookup();
        let starts = run.plan().starts;
        let calls = Events::new(run, &lookup).up_to(left.0.saturating_sub(1));
        let others = trail.events(run).filter(|(number, event)| {
            let utc = starts.at(event.at);
            let mut attributes = lookup.attributes.iter();
            *number < left.1
                && lookup.start.is_none_or(|start| start <= utc)
                && lookup.end.is_none_or(|end| utc <= end)
                && attributes.all(|(attribute, value)| attribute.matches(event, value))
        });
        let events = Merged {
            calls: calls.filter(|_| left.0 > 0).peekable(),
            others: others.peekable(),
        };
        let seen = events.filter_map(|(left, event)| {
            let here = event.record["recipientAccountId"] == caller.account.as_str()
                && event.aws_region == caller.region
                && event.available_at <= run.now();
            let key = access_key(&event, &caller.account);
            let is_key = match &self.attribute {
                Some((name, value)) if name == ACCESS_KEY_ID => *value == key,
                _ => true,
            };
            let second = starts.at(event.at).as_secs();
            let wanted = here && is_key && !self.insights;
            wanted.then(|| {
                let record = record(&event, trail, &caller.account);
                (left, shown(&event, &record, second, &key))
            })
        });
        let mut seen: Vec<_> = seen.take(self.most + 1).collect();
        let next = seen.get(self.most).map(|(left, _)| self.token(*left));
        seen.truncate(self.most);
        let events: Vec<Value> = seen.into_iter().map(|it| it.1).collect();
        let mut reply = json!({ "Events": events });
        if let Some(next) = next {
            reply["NextToken"] = next.into();
        }
        Ok(reply)
    }

    fn lookup(&self) -> Lookup {
        let known = self.attribute.as_ref().and_then(|(name, value)| {
            let mut all = Attribute::ALL.iter();
            let (_, known) = all.find(|(known, _)| known == name)?;
            Some((*known, value.clone()))
        });
        Lookup {
            attributes: known.into_iter().collect(),
            start: self.start.map(|it| UnixTime::from_secs(it.ceil() as u64)),
            // Events are of whole seconds.
            end: self.end.map(|it| {
                let next = UnixTime::from_secs((it.floor() as u64).saturating_add(1));
                UnixTime::from_nanos(next.as_nanos().saturating_sub(1))
            }),
        }
    }

    /// The token of the page that begins where so much is left. Newer events do not move it.
    fn token(&self, (calls, others): Left) -> String {
        hex(format!("{} {calls} {others}", self.fingerprint).as_bytes())
    }

    /// What is left where the page of a token begins.
    fn left(&self, token: &str) -> Result<Left, ApiError> {
        let octet = |at: usize| u8::from_str_radix(token.get(at..at + 2)?, 16).ok();
        let octets: Option<Vec<u8>> = (0..token.len()).step_by(2).map(octet).collect();
        let text = octets.and_then(|it| String::from_utf8(it).ok());
        let left = text.as_deref().and_then(|text| {
            let [fingerprint, calls, others] = text.split(' ').collect::<Vec<_>>()[..] else {
                return None;
            };
            let left = (calls.parse().ok()?, others.parse().ok()?);
            (fingerprint == self.fingerprint).then_some(left)
        });
        let message = "The token is of no page, or of one that was asked for otherwise.";
        left.ok_or_else(|| ApiError::client(NEXT_TOKEN, message))
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

/// The whole record of an event of an account. It says the key, too, and with what program and as
/// whose session the call was made.
fn record(event: &HistoryEvent, trail: &Trail, account: &str) -> Value {
    let mut record = event.record.clone();
    if let Some(agent) = trail.agent(event) {
        record["userAgent"] = agent.into();
    }
    let time = record["eventTime"].clone();
    if let Some(identity) = record["userIdentity"].as_object_mut() {
        identify(identity, time, &access_key(event, account));
    }
    record
}

/// The event as LookupEvents has it.
fn shown(event: &HistoryEvent, record: &Value, second: u64, key: &str) -> Value {
    let resources = event.resources.iter();
    let resources = resources
        .map(|(kind, name)| json!({ "ResourceType": kind, "ResourceName": name }))
        .collect::<Vec<_>>();
    json!({
        "EventId": event.event_id,
        "EventName": event.event_name,
        "ReadOnly": record["readOnly"].to_string(),
        "AccessKeyId": key,
        "EventTime": second,
        "EventSource": event.event_source,
        "Username": event.username,
        "Resources": resources,
        "CloudTrailEvent": record.to_string(),
    })
}

/// Adds what STS knows of a principal (CloudTrail User Guide, "CloudTrail userIdentity element"):
/// for an assumed role the role itself as its session's issuer.
fn identify(identity: &mut Map<String, Value>, time: Value, key: &str) {
    identity.insert("accessKeyId".to_owned(), key.into());
    let arn = identity.get("arn").and_then(Value::as_str);
    let arn = arn.unwrap_or_default().to_owned();
    let principal = sts::user_id(&arn);
    let parts = arn.split_once(":assumed-role/");
    let parts = parts.and_then(|(head, tail)| Some((head, tail.rsplit_once('/')?.0)));
    if let Some((head, role)) = parts {
        let account = head.rsplit(':').next().unwrap_or_default();
        let issuer = json!({
            "type": "Role",
            "principalId": principal.split(':').next(),
            "arn": format!("arn:aws:iam::{account}:role/{role}"),
            "accountId": account,
            "userName": role,
        });
        let context = json!({
            "sessionIssuer": issuer,
            "attributes": { "creationDate": time, "mfaAuthenticated": "false" },
        });
        identity.insert("sessionContext".to_owned(), context);
    }
    identity.insert("principalId".to_owned(), principal.into());
}

fn access_key(event: &HistoryEvent, account: &str) -> String {
    let arn = event.record["userIdentity"]["arn"].as_str();
    AccessKey::of_principal(account, arn.unwrap_or_default()).id
}

fn fingerprint(parameters: &Map<String, Value>) -> String {
    let mut same = parameters.clone();
    same.remove("NextToken");
    same.remove("MaxResults");
    let digest = Sha256::digest(Value::Object(same).to_string());
    hex(&digest[..4])
}
