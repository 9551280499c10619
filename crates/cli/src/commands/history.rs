//! `wirelab history`: who changed what, as CloudTrail's event history tells it.

use crate::args::{Json, TEMPLATE};

/// Show who changed what and when, newest first: CloudTrail's event history
///
/// A call shows up about 5 minutes after it was made, refused ones too; calls that only read are
/// not kept.
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab history                                     everything so far
  wirelab history --event DeleteNetworkAclEntry --since 1h
  wirelab history --resource network_acl.private      by name in the lab, or by id
  wirelab history --id 3f2a                           the whole record of one event

")]
pub(crate) struct Arguments {
    /// Only this kind of call: `RevokeSecurityGroupIngress`; upper and lower case are the same
    #[arg(long, value_name = "NAME")]
    event: Option<String>,
    /// Only calls about this resource: `security_group.db`, `db`, or an id
    #[arg(long, value_name = "RESOURCE")]
    resource: Option<String>,
    /// Only calls by this user
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Only calls since then: `1h` (ago), `09:04` (UTC), `+5m` (since the start), `start`
    #[arg(long, value_name = "MOMENT", default_value = "start")]
    since: String,
    /// The whole CloudTrail record of the event whose id begins so
    #[arg(long, value_name = "ID", conflicts_with_all = ["event", "resource", "user"])]
    id: Option<String>,
    #[command(flatten)]
    json: Json,
}

use serde::Serialize;
use serde_json::{Value, json};
use wirelab_control::Control;
use wirelab_model::{SimDuration, UnixTime};
use wirelab_scenario::{Names, Plan};
use wirelab_session::{HistoryEvent, Lookup, Run, history};

use crate::failure::{Code, Failure};
use crate::terminal::{self, dim};
use crate::when::print_utc;
use crate::{folder, moment, output};

/// What `--json` prints: the reply of `cloudtrail:LookupEvents`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Reply {
    events: Vec<Value>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Code, Failure> {
    let mut session = folder::open()?;
    let now = session.now();
    let run = session.run_with_evidence()?;
    let plan = run.plan();
    let since = moment::parse(&arguments.since, now, plan.starts)?;
    let lookup = Lookup {
        attributes: Vec::new(),
        start: Some(since),
        end: None,
    };
    let filter = Filter::new(arguments, run)?;
    let (mut events, mut waiting) = history(run, &lookup);
    events.retain(|it| filter.passes(it));
    waiting.retain(|it| filter.passes(it));
    if let Some(id) = &arguments.id {
        let event = by_id(&events, id)?;
        return print_record(event, arguments.json.json);
    }
    if arguments.json.json {
        let events = events.iter().map(|event| shown(event, plan.starts));
        output::json(&Reply {
            events: events.collect(),
        })?;
    } else if events.is_empty() {
        let utc = (print_utc(since), print_utc(plan.starts.at(now)));
        output::note(&format!(
            "CloudTrail shows no {} from {} to {} UTC",
            filter.wanted(),
            utc.0,
            utc.1
        ));
    } else {
        output::page(&table(&events, plan))?;
    }
    if let Some(next) = waiting.last() {
        output::note(&still_waiting(&waiting, next, run));
    }
    Ok(Code::Passed)
}

/// Which events are wanted, in CloudTrail's own spelling.
#[derive(Default)]
struct Filter {
    event: Option<String>,
    user: Option<String>,
    resources: Option<Vec<String>>,
    resource: String,
}

impl Filter {
    fn new(arguments: &Arguments, run: &Run) -> Result<Self, Failure> {
        let names = &run.names();
        Ok(Self {
            event: arguments.event.as_deref().map(event_name).transpose()?,
            user: match &arguments.user {
                Some(user) => Some(user_name(user, run)?),
                None => None,
            },
            resources: match &arguments.resource {
                Some(resource) => Some(ids(resource, names)?),
                None => None,
            },
            resource: arguments.resource.clone().unwrap_or_default(),
        })
    }

    fn passes(&self, event: &HistoryEvent) -> bool {
        let is_event = |it: &String| event.event_name == *it;
        let is_user = |it: &String| event.username == *it;
        let names = |ids: &Vec<String>| {
            let mut resources = event.resources.iter();
            let is_shown = resources.any(|(_, name)| ids.iter().any(|id| name == id));
            is_shown || ids.iter().any(|id| is_asked(event, id))
        };
        self.event.as_ref().is_none_or(is_event)
            && self.user.as_ref().is_none_or(is_user)
            && self.resources.as_ref().is_none_or(names)
    }

    /// `call of CreateRoute by operator about db`.
    fn wanted(&self) -> String {
        let mut text = "call".to_owned();
        if let Some(event) = &self.event {
            text += &format!(" of {event}");
        }
        if let Some(user) = &self.user {
            text += &format!(" by {user}");
        }
        if self.resources.is_some() {
            text += &format!(" about {}", self.resource);
        }
        text
    }
}

/// The operation as the API spells it.
fn event_name(text: &str) -> Result<String, Failure> {
    let bare = text.rsplit(':').next().unwrap_or(text).replace('-', "");
    let operations = || Control::services().flat_map(|(_, operations)| operations.iter());
    if let Some(known) = operations().find(|it| it.name.eq_ignore_ascii_case(&bare)) {
        return Ok(known.name.to_owned());
    }
    let known: Vec<_> = operations().map(|it| it.name).collect();
    Err(Failure::usage(format!("no call is named `{text}`"))
        .did_you_mean(&bare, &known)
        .hint("`wirelab call --list` shows the calls there are"))
}

/// Somebody who has made a call.
fn user_name(text: &str, run: &Run) -> Result<String, Failure> {
    let (ready, waiting) = history(run, &Lookup::default());
    let all = ready.iter().chain(&waiting);
    let mut users: Vec<&str> = all.map(|it| it.username.as_str()).collect();
    users.sort_unstable();
    users.dedup();
    let mut found = users.iter().filter(|it| it.eq_ignore_ascii_case(text));
    if let Some(user) = found.next() {
        return Ok((*user).to_owned());
    }
    let failure = Failure::usage(format!("`{text}` has made no call"));
    Err(match users.is_empty() {
        true => failure.hint("nobody has, so far"),
        false => failure.hint(format!("those who have: {}", users.join(", "))),
    })
}

/// The ids that a name, its last part alone, or an id may mean.
fn ids(text: &str, names: &Names) -> Result<Vec<String>, Failure> {
    let is_called = |name: &str| {
        let bare = name.split_once('.').map_or(name, |(_, bare)| bare);
        name.eq_ignore_ascii_case(text) || bare.eq_ignore_ascii_case(text)
    };
    let found = names.iter().filter(|(name, _)| is_called(name));
    let found: Vec<_> = found.map(|(_, id)| id.to_string()).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    // A resource that a learner has made has an id and no name.
    let digits = text.rsplit_once('-').map_or("", |(_, digits)| digits);
    if digits.len() >= 8 && digits.bytes().all(|it| it.is_ascii_hexdigit()) {
        return Ok(vec![text.to_owned()]);
    }
    let known: Vec<_> = names.iter().map(|(name, _)| name).collect();
    Err(Failure::usage(format!("no resource is called `{text}`")).did_you_mean(text, &known))
}

fn by_id<'a>(events: &'a [HistoryEvent], id: &str) -> Result<&'a HistoryEvent, Failure> {
    let mut found = events.iter().filter(|it| it.event_id.starts_with(id));
    match (found.next(), found.next()) {
        (Some(event), None) => Ok(event),
        (None, _) => Err(Failure::usage(format!("no event's id begins with `{id}`"))
            .hint("`wirelab history` lists the events with the beginnings of their ids")),
        (Some(_), Some(_)) => Err(Failure::usage(format!(
            "the ids of several events begin with `{id}`: give more of it"
        ))),
    }
}

fn print_record(event: &HistoryEvent, json: bool) -> Result<Code, Failure> {
    if json {
        output::json(&event.record)?;
    } else {
        let text = serde_json::to_string_pretty(&event.record).map_err(Failure::internal)?;
        output::text(&(text + "\n"))?;
    }
    Ok(Code::Passed)
}

/// As `LookupEvents` shows an event.
fn shown(event: &HistoryEvent, starts: UnixTime) -> Value {
    let resources = event.resources.iter();
    let resources: Vec<_> = resources
        .map(|(kind, name)| json!({ "ResourceType": kind, "ResourceName": name }))
        .collect();
    json!({
        "EventId": event.event_id,
        "EventName": event.event_name,
        "ReadOnly": "false",
        "EventTime": starts.at(event.at).as_secs(),
        "EventSource": event.event_source,
        "Username": event.username,
        "Resources": resources,
        "CloudTrailEvent": event.record.to_string(),
    })
}

const HEADINGS: [&str; 6] = ["time (UTC)", "id", "user", "event", "result", "resources"];

/// A line an event, and below it what was asked for.
fn table(events: &[HistoryEvent], plan: &Plan) -> String {
    let rows: Vec<[String; 6]> = events.iter().map(|it| row(it, plan)).collect();
    let headings = HEADINGS.map(String::from);
    let all = || std::iter::once(&headings).chain(&rows);
    let width = |column: usize| all().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..HEADINGS.len()).filter_map(width).collect();
    let line = |row: &[String; 6]| {
        let cells = row.iter().zip(&widths);
        let cells: Vec<_> = cells
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    let whole: usize = widths.iter().map(|width| width + 2).sum();
    let is_narrow = terminal::width().is_some_and(|columns| whole > columns + 2);
    let own_line = |row: &[String; 6]| match is_narrow {
        true => line(&without_resources(row)),
        false => line(row),
    };
    let mut text = own_line(&headings);
    for (event, row) in events.iter().zip(&rows) {
        // Where a line does not hold the resources, they stand below with what was asked for.
        let resources = if is_narrow { row[5].as_str() } else { "" };
        let what = format!("{resources} {}", what(event, plan));
        let what = what.trim();
        text += &own_line(row);
        if !what.is_empty() {
            text += &format!("    {}\n", dim(what));
        }
    }
    text
}

fn without_resources(row: &[String; 6]) -> [String; 6] {
    let mut row = row.clone();
    row[5].clear();
    row
}

/// Whether the request names the id; CloudTrail lists no resources for services such as Route 53.
fn is_asked(event: &HistoryEvent, id: &str) -> bool {
    fn holds(value: &Value, id: &str) -> bool {
        match value {
            Value::String(text) => bare(text) == id,
            Value::Array(items) => items.iter().any(|it| holds(it, id)),
            Value::Object(members) => members.values().any(|it| holds(it, id)),
            _ => false,
        }
    }
    holds(&event.record["requestParameters"], id)
}

/// A hosted zone's id without what may stand before it.
fn bare(id: &str) -> &str {
    id.strip_prefix("/hostedzone/").unwrap_or(id)
}

/// What was asked for beside what the call is about: `ruleNumber=100 egress=false
/// cidrBlock=10.0.0.0/16`, `groupSet=security_group.db`.
fn what(event: &HistoryEvent, plan: &Plan) -> String {
    let about = about(event, plan);
    let mut words = Vec::new();
    if let Some(parameters) = event.record["requestParameters"].as_object() {
        for (name, value) in parameters {
            flatten(name, value, &|id| about.first() == Some(&id), &mut words);
        }
    }
    let named = words
        .into_iter()
        .map(|word: String| match word.split_once('=') {
            Some((name, id)) => match plan.names.name_of(bare(id)) {
                Some(known) => format!("{name}={known}"),
                None => word,
            },
            None => word,
        });
    named.collect::<Vec<_>>().join(" ")
}

/// The ids that an event is about, the first of them above all: those that CloudTrail lists, and
/// what else of the request has a name here.
fn about<'e>(event: &'e HistoryEvent, plan: &Plan) -> Vec<&'e str> {
    fn collect<'e>(value: &'e Value, plan: &Plan, ids: &mut Vec<&'e str>) {
        match value {
            Value::String(text) => {
                let id = bare(text);
                if plan.names.name_of(id).is_some() && !ids.contains(&id) {
                    ids.push(id);
                }
            }
            Value::Array(items) => items.iter().for_each(|it| collect(it, plan, ids)),
            Value::Object(members) => members.values().for_each(|it| collect(it, plan, ids)),
            _ => {}
        }
    }
    let mut ids: Vec<&str> = event.resources.iter().map(|(_, id)| id.as_str()).collect();
    collect(&event.record["requestParameters"], plan, &mut ids);
    ids
}

/// Leaves with their names; what the call is about has a column of its own, and tags change
/// nothing.
fn flatten(name: &str, value: &Value, is_it: &dyn Fn(&str) -> bool, words: &mut Vec<String>) {
    if name.starts_with("tagSpecification") {
        return;
    }
    match value {
        Value::Object(members) if members.len() == 2 && members.contains_key("from") => {
            words.push(format!("{name}={}-{}", members["from"], members["to"]));
        }
        Value::Object(members) => {
            for (inner, value) in members {
                let name = if inner == "items" { name } else { inner };
                flatten(name, value, is_it, words);
            }
        }
        Value::Array(items) => items.iter().for_each(|it| flatten(name, it, is_it, words)),
        Value::String(text) if is_it(bare(text)) => {}
        Value::String(text) => words.push(format!("{name}={text}")),
        Value::Null => {}
        other => words.push(format!("{name}={other}")),
    }
}

fn row(event: &HistoryEvent, plan: &Plan) -> [String; 6] {
    let names = about(event, plan).into_iter();
    let names = names.map(|id| plan.names.name_of(id).unwrap_or(id).to_owned());
    [
        print_utc(plan.starts.at(event.at)),
        event.event_id.chars().take(8).collect(),
        event.username.to_string(),
        event.event_name.to_string(),
        event.error_code.as_deref().unwrap_or("ok").to_owned(),
        names.collect::<Vec<_>>().join(", "),
    ]
}

/// What has been done and cannot be seen yet, and how long that takes.
fn still_waiting(waiting: &[HistoryEvent], next: &HistoryEvent, run: &Run) -> String {
    let nanos = next.available_at.since(run.now()).as_nanos();
    let wait = SimDuration::from_secs(nanos.div_ceil(1_000_000_000));
    let (count, calls) = match waiting.len() {
        1 => ("one".to_owned(), "call is"),
        many => (many.to_string(), "calls are"),
    };
    format!(
        "{count} more {calls} on the way: CloudTrail shows a call about 5 minutes later; \
         `wirelab advance {wait}` for the next"
    )
}
