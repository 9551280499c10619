//! The API history: what CloudTrail's event history shows of the calls of a run.
//!
//! A by-product of the journal: every mutating call of the timeline and of the effective journal,
//! refused ones too, becomes one management event. What was undone never happened. Reads are no
//! events here, since the journal does not hold them; data that are put (`PutLogEvents`,
//! `PutMetricData`) are data events, which the event history does not have (CloudTrail User Guide,
//! "Logging data events").
//!
//! An event can be looked up about 5 minutes after its call (CloudTrail User Guide; `facts.md` 2.14
//! and row 130), drawn for each call from [`DELAY_SECS`]. Member names of records begin in lower
//! case (CloudTrail User Guide, "CloudTrail record contents"). EC2's records have its wire's shape
//! besides: lists are `{"items": [...]}`, and an error's code begins with `Client.`; those of other
//! services have their JSON. An error leaves no response elements, nor does a reply without
//! members.
//!
//! [`Events`] makes events one by one, the newest first, and only those that are wanted: what a
//! call tells without its record (name, service, caller, time) is looked at first.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use smol_str::{SmolStr, format_smolstr};
use wirelab_model::{Caller, SimDuration, SimTime, Stream, UnixTime};

use crate::evidence::{ApiEvent, CallHead};
use crate::run::Run;

/// Seconds from a call to its event, both ends drawn: 5 minutes on average.
const DELAY_SECS: (u64, u64) = (180, 420);

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryEvent {
    /// When the call was made.
    pub at: SimTime,
    /// When the event can be looked up.
    pub available_at: SimTime,
    /// A UUID that follows from seed, moment and call.
    pub event_id: SmolStr,
    /// `CreateNetworkAclEntry`.
    pub event_name: SmolStr,
    /// `ec2.amazonaws.com`.
    pub event_source: SmolStr,
    /// The last part of the principal's ARN.
    pub username: SmolStr,
    /// The Region that was called.
    pub aws_region: SmolStr,
    /// Ids in the request and the response, each once, and what they are: `AWS::EC2::Subnet`.
    pub resources: Vec<(&'static str, SmolStr)>,
    /// `Client.InvalidPermission.NotFound`, if the call was refused.
    pub error_code: Option<SmolStr>,
    /// The whole record, which LookupEvents has as the text `CloudTrailEvent`.
    pub record: Value,
}

/// What LookupEvents can look for, one at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// `EventId`.
    EventId,
    /// `EventName`.
    EventName,
    /// `EventSource`.
    EventSource,
    /// `ReadOnly`: `true` or `false`.
    ReadOnly,
    /// `ResourceName`: an id.
    ResourceName,
    /// `ResourceType`.
    ResourceType,
    /// `Username`.
    Username,
}

impl Attribute {
    /// Every attribute with its name in the API.
    pub const ALL: [(&'static str, Self); 7] = [
        ("EventId", Self::EventId),
        ("EventName", Self::EventName),
        ("EventSource", Self::EventSource),
        ("ReadOnly", Self::ReadOnly),
        ("ResourceName", Self::ResourceName),
        ("ResourceType", Self::ResourceType),
        ("Username", Self::Username),
    ];

    /// Whether the event has this value; case counts, as in CloudTrail.
    #[must_use]
    pub fn matches(self, event: &HistoryEvent, value: &str) -> bool {
        let resources = || event.resources.iter();
        match self {
            Self::EventId => event.event_id == value,
            Self::EventName => event.event_name == value,
            Self::EventSource => event.event_source == value,
            Self::ReadOnly => value
                .parse()
                .is_ok_and(|it: bool| event.record["readOnly"] == it),
            Self::ResourceName => resources().any(|(_, name)| name == value),
            Self::ResourceType => resources().any(|(kind, _)| *kind == value),
            Self::Username => event.username == value,
        }
    }

    /// Whether the call's event may have this value, as far as the call's head tells.
    fn may_match(self, call: &CallHead<'_>, value: &str) -> bool {
        match self {
            Self::EventName => call.operation == value,
            Self::EventSource => value.strip_suffix(".amazonaws.com") == Some(call.service),
            Self::ReadOnly => value == "false",
            Self::Username => username(call.caller) == value,
            Self::EventId | Self::ResourceName | Self::ResourceType => true,
        }
    }

    /// The same of the whole call.
    fn may_name(self, call: &ApiEvent, value: &str) -> bool {
        match self {
            Self::ResourceName => resources(call).iter().any(|(_, name)| name == value),
            _ => true,
        }
    }
}

/// Which events are asked for.
#[derive(Clone, Debug, Default)]
pub struct Lookup {
    /// Every one of these must match; the API takes one.
    pub attributes: Vec<(Attribute, String)>,
    /// Not before this.
    pub start: Option<UnixTime>,
    /// Not after this.
    pub end: Option<UnixTime>,
}

/// The events of a run that can be looked up now, newest first, and those that are still on their
/// way. The run must hold its whole evidence.
#[must_use]
pub fn history(run: &Run, lookup: &Lookup) -> (Vec<HistoryEvent>, Vec<HistoryEvent>) {
    let now = run.now();
    let events = Events::new(run, lookup).map(|(_, event)| event);
    events.partition(|event| event.available_at <= now)
}

/// The events that a lookup wants, newest first, those included that are still on their way, each
/// with its number: the first of a run has 0. The run must hold its whole evidence.
#[derive(Debug)]
pub struct Events<'r> {
    run: &'r Run,
    lookup: &'r Lookup,
    /// Calls that have not been looked at.
    left: usize,
}

impl<'r> Events<'r> {
    /// All of them.
    #[must_use]
    pub fn new(run: &'r Run, lookup: &'r Lookup) -> Self {
        let left = run.evidence().calls.len();
        Self { run, lookup, left }
    }

    /// Those up to the number `last`, and that one.
    #[must_use]
    pub fn up_to(mut self, last: usize) -> Self {
        self.left = self.left.min(last.saturating_add(1));
        self
    }

    fn wants(&self, call: &CallHead<'_>) -> bool {
        let utc = self.run.plan().starts.at(call.at);
        let lookup = self.lookup;
        let mut attributes = lookup.attributes.iter();
        lookup.start.is_none_or(|start| start <= utc)
            && lookup.end.is_none_or(|end| utc <= end)
            && is_management(call.operation)
            && attributes.all(|(attribute, value)| attribute.may_match(call, value))
    }
}

impl Iterator for Events<'_> {
    type Item = (usize, HistoryEvent);

    fn next(&mut self) -> Option<Self::Item> {
        while self.left > 0 {
            self.left -= 1;
            let calls = &self.run.evidence().calls;
            if !calls.head(self.left).is_some_and(|it| self.wants(&it)) {
                continue;
            }
            let call = calls.get(self.left)?;
            let attributes = self.lookup.attributes.iter();
            let mut named = attributes.clone();
            if !named.all(|(attribute, value)| attribute.may_name(&call, value)) {
                continue;
            }
            let event = event(self.run, self.left, &call);
            let mut attributes = attributes;
            if attributes.all(|(attribute, value)| attribute.matches(&event, value)) {
                return Some((self.left, event));
            }
        }
        None
    }
}

/// Whether the call is a management event.
fn is_management(operation: &str) -> bool {
    !matches!(operation, "PutLogEvents" | "PutMetricData")
}

/// When an event can be looked up.
fn available_at(run: &Run, name: &str, call: &ApiEvent) -> SimTime {
    let mut stream = Stream::new(run.plan().seed.names, name);
    call.at + SimDuration::from_secs(stream.range(DELAY_SECS.0, DELAY_SECS.1))
}

impl HistoryEvent {
    /// The event of a call that something else than the journal remembers; `name` tells it from
    /// all others.
    #[must_use]
    pub fn of(run: &Run, name: &str, call: &ApiEvent) -> Self {
        event_of(run, &format!("beside the api history {name}"), call)
    }
}

fn event(run: &Run, index: usize, call: &ApiEvent) -> HistoryEvent {
    let name = format!("api history {index} {}", call.at.as_nanos());
    event_of(run, &name, call)
}

fn event_of(run: &Run, name: &str, call: &ApiEvent) -> HistoryEvent {
    let plan = run.plan();
    let is_ec2 = call.call.service == "ec2";
    let event_id = uuid(&format!("{} {name} event", plan.seed.names));
    let request_id = uuid(&format!("{} {name} request", plan.seed.names));
    let error = call.reply.as_ref().err();
    let error_code = error.map(|error| match is_ec2 {
        true => format_smolstr!("Client.{}", error.code),
        false => error.code.clone(),
    });
    let event_source = format_smolstr!("{}.amazonaws.com", call.call.service);
    let mut record = Map::new();
    let mut member = |key: &str, value: Value| record.insert(key.to_owned(), value);
    member("eventVersion", json!("1.10"));
    member("userIdentity", user_identity(call));
    member("eventTime", json!(iso8601(plan.starts.at(call.at))));
    member("eventSource", json!(event_source));
    member("eventName", json!(call.call.operation));
    member("awsRegion", json!(call.caller.region));
    member(
        "sourceIPAddress",
        json!(source_address(plan.seed.names, call)),
    );
    member(
        "userAgent",
        json!(concat!("wirelab/", env!("CARGO_PKG_VERSION"))),
    );
    if let Some(error) = error {
        member("errorCode", json!(error_code));
        member("errorMessage", json!(error.message));
    }
    member("requestParameters", request(call, is_ec2));
    member("responseElements", response(call, &request_id, is_ec2));
    member("requestID", json!(request_id));
    member("eventID", json!(event_id));
    member("readOnly", json!(false));
    member("eventType", json!("AwsApiCall"));
    member("managementEvent", json!(true));
    member("recipientAccountId", json!(call.caller.account));
    member("eventCategory", json!("Management"));
    HistoryEvent {
        at: call.at,
        available_at: available_at(run, name, call),
        event_id,
        event_name: call.call.operation.clone(),
        event_source,
        username: username(&call.caller),
        aws_region: call.caller.region.clone(),
        resources: resources(call),
        error_code,
        record: Value::Object(record),
    }
}

fn username(caller: &Caller) -> SmolStr {
    let principal = caller.principal.as_str();
    principal.rsplit('/').next().unwrap_or(principal).into()
}

/// An assumed role or a user, by its ARN.
fn user_identity(call: &ApiEvent) -> Value {
    let arn = &call.caller.principal;
    let kind = match arn.split(':').nth(5).unwrap_or_default().split('/').next() {
        Some("assumed-role") => "AssumedRole",
        Some("root") => "Root",
        _ => "IAMUser",
    };
    let mut identity = json!({
        "type": kind,
        "principalId": principal_id(arn),
        "arn": arn,
        "accountId": call.caller.account,
    });
    if kind == "IAMUser" {
        identity["userName"] = json!(username(&call.caller));
    }
    identity
}

/// `AIDA` and 17 characters that follow from the ARN.
fn principal_id(arn: &str) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let digest = Sha256::digest(arn.as_bytes());
    let letters = digest.iter().take(17);
    let letters = letters.map(|byte| char::from(ALPHABET[usize::from(byte % 32)]));
    format!("AIDA{}", letters.collect::<String>())
}

/// Where a principal calls from: an address of TEST-NET-2 (RFC 5737), the same for all its calls.
fn source_address(seed: u64, call: &ApiEvent) -> String {
    let name = format!("api history source {}", call.caller.principal);
    let host = Stream::new(seed, &name).range(1, 254);
    format!("198.51.100.{host}")
}

/// What was asked for; `null` if nothing was.
fn request(call: &ApiEvent, is_ec2: bool) -> Value {
    let parameters = &call.call.parameters;
    match is_ec2 {
        true => members(parameters),
        false if parameters.is_empty() => Value::Null,
        false => lowered(&Value::Object(parameters.clone())),
    }
}

fn response(call: &ApiEvent, request_id: &str, is_ec2: bool) -> Value {
    let Ok(reply) = &call.reply else {
        return Value::Null;
    };
    if !is_ec2 {
        // Operations without output say no more here than on the wire.
        let mut members = reply.as_object().cloned().unwrap_or_default();
        members.remove("Return");
        return match members.is_empty() {
            true => Value::Null,
            false => lowered(&Value::Object(members)),
        };
    }
    let mut elements = json!({ "requestId": request_id });
    if let (Some(elements), Some(members)) = (elements.as_object_mut(), reply.as_object()) {
        for (key, value) in members {
            let key = match key.as_str() {
                "Return" => "_return".to_owned(),
                _ => lower_first(key),
            };
            elements.insert(key, shaped(value));
        }
    }
    elements
}

fn members(parameters: &Map<String, Value>) -> Value {
    let members = parameters.iter();
    members
        .map(|(key, value)| (lower_first(key), shaped(value)))
        .collect::<Map<_, _>>()
        .into()
}

/// Names in lower case at the front, lists as `{"items": [...]}`.
fn shaped(value: &Value) -> Value {
    match value {
        Value::Object(object) => members(object),
        Value::Array(list) if list.is_empty() => json!({}),
        Value::Array(list) => json!({ "items": list.iter().map(shaped).collect::<Vec<_>>() }),
        other => other.clone(),
    }
}

/// Names in lower case at the front, and all else as it is.
fn lowered(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let members = object.iter();
            let members = members.map(|(key, value)| (lower_first(key), lowered(value)));
            members.collect::<Map<_, _>>().into()
        }
        Value::Array(list) => list.iter().map(lowered).collect(),
        other => other.clone(),
    }
}

fn lower_first(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(letters).collect()
    })
}

/// Prefixes of ids, the longer of two alike first, and what they stand for in CloudFormation's
/// names, which CloudTrail uses.
const TYPES: &[(&str, &str)] = &[
    ("acl-", "AWS::EC2::NetworkAcl"),
    ("cgw-", "AWS::EC2::CustomerGateway"),
    ("dopt-", "AWS::EC2::DHCPOptions"),
    ("eigw-", "AWS::EC2::EgressOnlyInternetGateway"),
    ("eipalloc-", "AWS::EC2::EIP"),
    ("eni-attach-", ""),
    ("eni-", "AWS::EC2::NetworkInterface"),
    ("fl-", "AWS::EC2::FlowLog"),
    ("i-", "AWS::EC2::Instance"),
    ("igw-", "AWS::EC2::InternetGateway"),
    ("nat-", "AWS::EC2::NatGateway"),
    ("pcx-", "AWS::EC2::VPCPeeringConnection"),
    ("pl-", "AWS::EC2::PrefixList"),
    ("rtb-", "AWS::EC2::RouteTable"),
    ("sg-", "AWS::EC2::SecurityGroup"),
    ("subnet-", "AWS::EC2::Subnet"),
    ("tgw-attach-", "AWS::EC2::TransitGatewayAttachment"),
    ("tgw-rtb-", "AWS::EC2::TransitGatewayRouteTable"),
    ("tgw-", "AWS::EC2::TransitGateway"),
    ("vgw-", "AWS::EC2::VPNGateway"),
    ("vpc-", "AWS::EC2::VPC"),
    ("vpce-", "AWS::EC2::VPCEndpoint"),
    ("vpn-", "AWS::EC2::VPNConnection"),
];

fn resources(call: &ApiEvent) -> Vec<(&'static str, SmolStr)> {
    let mut found = Vec::new();
    for value in call.call.parameters.values() {
        collect(value, &mut found);
    }
    if let Ok(reply) = &call.reply {
        collect(reply, &mut found);
    }
    found
}

fn collect(value: &Value, found: &mut Vec<(&'static str, SmolStr)>) {
    match value {
        Value::String(text) => {
            if let Some(kind) = kind(text)
                && !found.iter().any(|(_, known)| known == text)
            {
                found.push((kind, text.into()));
            }
        }
        Value::Array(list) => list.iter().for_each(|it| collect(it, found)),
        Value::Object(object) => object.values().for_each(|it| collect(it, found)),
        _ => {}
    }
}

/// What an id is of; `None` for a text that is no id.
fn kind(text: &str) -> Option<&'static str> {
    let (prefix, kind) = TYPES.iter().find(|(prefix, _)| text.starts_with(prefix))?;
    let digits = &text[prefix.len()..];
    let is_id = digits.len() >= 8 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_id && !kind.is_empty()).then_some(*kind)
}

/// A UUID of version 4's form that follows from `text`.
fn uuid(text: &str) -> SmolStr {
    let mut octets = [0; 16];
    octets.copy_from_slice(&Sha256::digest(text.as_bytes())[..16]);
    octets[6] = octets[6] & 0x0f | 0x40;
    octets[8] = octets[8] & 0x3f | 0x80;
    let hex: String = octets.iter().map(|octet| format!("{octet:02x}")).collect();
    let (a, b, c, d, e) = (
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    );
    format_smolstr!("{a}-{b}-{c}-{d}-{e}")
}

/// Whole seconds, as CloudTrail prints them.
fn iso8601(moment: UnixTime) -> String {
    let seconds = i64::try_from(moment.as_secs()).unwrap_or(i64::MAX);
    let moment = jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::MAX);
    moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
