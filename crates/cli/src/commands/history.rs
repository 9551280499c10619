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
    /// Only this kind of call: `RevokeSecurityGroupIngress`
    #[arg(long, value_name = "NAME")]
    event: Option<String>,
    /// Only calls about this resource: `security_group.db`, or an id
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
use wirelab_model::{SimDuration, UnixTime};
use wirelab_scenario::Plan;
use wirelab_session::{Attribute, HistoryEvent, Lookup, Run, history};

use crate::failure::{Code, Failure};
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
    let lookup = Lookup {
        attributes: attributes(arguments, plan)?,
        start: Some(moment::parse(&arguments.since, now, plan.starts)?),
        end: None,
    };
    let (events, waiting) = history(run, &lookup);
    if let Some(id) = &arguments.id {
        let event = by_id(&events, id)?;
        return print_record(event, arguments.json.json);
    }
    if arguments.json.json {
        let events = events.iter().map(|event| shown(event, plan.starts));
        output::json(&Reply {
            events: events.collect(),
        })?;
    } else {
        output::text(&table(&events, plan))?;
    }
    if let Some(next) = waiting.last() {
        output::note(&still_waiting(&waiting, next, run));
    }
    Ok(Code::Passed)
}

fn attributes(arguments: &Arguments, plan: &Plan) -> Result<Vec<(Attribute, String)>, Failure> {
    let mut attributes = Vec::new();
    if let Some(name) = &arguments.event {
        attributes.push((Attribute::EventName, name.clone()));
    }
    if let Some(user) = &arguments.user {
        attributes.push((Attribute::Username, user.clone()));
    }
    if let Some(resource) = &arguments.resource {
        let id = plan.names.id(resource).map(ToString::to_string);
        // A resource that a learner has made has an id and no name.
        let id = id.or_else(|| (!resource.contains('.')).then(|| resource.clone()));
        let names: Vec<_> = plan.names.iter().map(|(name, _)| name).collect();
        let id = id.ok_or_else(|| {
            Failure::usage(format!("no resource is called `{resource}`"))
                .did_you_mean(resource, &names)
        })?;
        attributes.push((Attribute::ResourceName, id));
    }
    Ok(attributes)
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

fn table(events: &[HistoryEvent], plan: &Plan) -> String {
    let rows: Vec<[String; 6]> = events.iter().map(|it| row(it, plan)).collect();
    let headings = HEADINGS.map(String::from);
    let all = || std::iter::once(&headings).chain(&rows);
    let width = |column: usize| all().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..HEADINGS.len()).filter_map(width).collect();
    let lines = all().map(|row| {
        let cells = row.iter().zip(&widths);
        let cells: Vec<_> = cells
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        format!("{}\n", cells.join("  ").trim_end())
    });
    lines.collect()
}

fn row(event: &HistoryEvent, plan: &Plan) -> [String; 6] {
    let names = event.resources.iter().map(|(_, id)| {
        let name = plan.names.name_of(id);
        name.unwrap_or(id).to_owned()
    });
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
