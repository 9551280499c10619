//! What CloudTrail's event history has beside the journal: with which program a call was made, and
//! management events of services that the journal does not know, since they change nothing of the
//! network: buckets of S3, roles that STS lets be assumed, statements that Athena is given.
//!
//! Both are noted in the lab's `.wirelab/trail.jsonl`, a line each, as they happen. The journal
//! decides what there was: a note for a call that was undone is of nothing any more, and a note
//! from later than now, which an undo leaves, is not yet there.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use smol_str::SmolStr;
use wirelab_model::{ApiError, Call, Caller};
use wirelab_session::{ApiEvent, CallHead, HistoryEvent, Run, Session, SessionError};

/// Actions of services that are answered at the endpoint alone and are management events; whether
/// they only read (CloudTrail User Guide, "Logging management events").
const ACTIONS: [(&str, &str, bool); 4] = [
    ("athena", "StartQueryExecution", false),
    ("athena", "StopQueryExecution", false),
    ("sts", "AssumeRole", true),
    ("sts", "GetSessionToken", true),
];

/// Longest `userAgent` that is kept.
const AGENT_AT_MOST: usize = 1024;

/// A line.
#[derive(Debug, Serialize, Deserialize)]
enum Note {
    /// Who has made a call of the journal.
    Agent {
        of: Key,
        agent: String,
    },
    Event(Box<Event>),
}

/// An event that is no call of the journal.
#[derive(Debug, Serialize, Deserialize)]
struct Event {
    call: ApiEvent,
    agent: String,
    read_only: bool,
}

/// Which call: moment in nanoseconds, action, principal.
type Key = (u64, SmolStr, SmolStr);

/// A request that may be an event.
pub(crate) struct Asked<'a> {
    pub(crate) caller: &'a Caller,
    pub(crate) service: &'a str,
    pub(crate) action: &'a str,
    pub(crate) parameters: Map<String, Value>,
    /// The client's `User-Agent`.
    pub(crate) agent: &'a str,
}

fn path(session: &Session) -> PathBuf {
    session.dir().join(".wirelab/trail.jsonl")
}

impl Asked<'_> {
    fn agent(&self) -> String {
        self.agent.chars().take(AGENT_AT_MOST).collect()
    }

    /// Notes what has become of the request. `calls` are those that the run had before.
    ///
    /// The history is told of no more than what was done anyway: where nothing can be written,
    /// nothing is.
    pub(crate) fn note(self, session: &Session, calls: usize, reply: Result<&Value, &ApiError>) {
        let is_action = |it: &&(&str, &str, bool)| (it.0, it.1) == (self.service, self.action);
        if let Some((_, _, read_only)) = ACTIONS.iter().find(is_action) {
            self.note_event(session, *read_only, reply);
            return;
        }
        let all = &session.run().evidence().calls;
        let mut new = (calls..all.len()).rev().filter_map(|it| all.head(it));
        let made = new.find(|it| it.caller == self.caller && it.operation == self.action);
        if let (Some(made), false) = (made, self.agent.is_empty()) {
            let of = key(&made);
            let agent = self.agent();
            write(session, &Note::Agent { of, agent }).ok();
        }
    }

    /// Notes an event.
    pub(crate) fn note_event(
        self,
        session: &Session,
        read_only: bool,
        reply: Result<&Value, &ApiError>,
    ) {
        let agent = self.agent();
        let mut reply = reply.cloned().map_err(Clone::clone);
        if let Ok(Value::Object(members)) = &mut reply
            && let Some(Value::Object(credentials)) = members.get_mut("Credentials")
        {
            credentials.remove("SecretAccessKey");
        }
        let call = ApiEvent {
            at: session.now(),
            caller: self.caller.clone(),
            call: Call {
                service: self.service.into(),
                operation: self.action.into(),
                parameters: self.parameters,
            },
            reply,
        };
        let event = Event {
            call,
            agent,
            read_only,
        };
        write(session, &Note::Event(Box::new(event))).ok();
    }
}

fn key(call: &CallHead<'_>) -> Key {
    let operation = call.operation.clone();
    (call.at.as_nanos(), operation, call.caller.principal.clone())
}

fn write(session: &Session, note: &Note) -> io::Result<()> {
    let mut line = serde_json::to_vec(note)?;
    line.push(b'\n');
    let mut file = OpenOptions::new();
    let mut file = file.create(true).append(true).open(path(session))?;
    file.write_all(&line)
}

/// The notes of a session.
#[derive(Debug, Default)]
pub(super) struct Trail {
    agents: BTreeMap<Key, String>,
    events: Vec<Event>,
}

impl Trail {
    pub(super) fn read(session: &Session) -> Self {
        let mut trail = Self::default();
        let text = fs::read_to_string(path(session)).unwrap_or_default();
        // A line that was not written to its end is none.
        for note in text.lines().filter_map(|it| serde_json::from_str(it).ok()) {
            match note {
                Note::Agent { of, agent } => drop(trail.agents.insert(of, agent)),
                Note::Event(event) => trail.events.push(*event),
            }
        }
        trail
    }

    /// With what program the call of an event was made, if a client has made it.
    pub(super) fn agent(&self, event: &HistoryEvent) -> Option<&str> {
        let principal = event.record["userIdentity"]["arn"].as_str()?;
        let key = (
            event.at.as_nanos(),
            event.event_name.clone(),
            SmolStr::new(principal),
        );
        self.agents.get(&key).map(String::as_str)
    }

    /// The events that there were by now, newest first, each with its number: the first has 0.
    pub(super) fn events(&self, run: &Run) -> impl Iterator<Item = (usize, HistoryEvent)> {
        let all = self.events.iter().enumerate().rev();
        all.map(|(number, event)| (number, shown(run, number, event)))
            .filter(|(_, event)| event.at <= run.now())
    }
}

fn shown(run: &Run, number: usize, noted: &Event) -> HistoryEvent {
    let call = &noted.call;
    let mut event = HistoryEvent::of(run, &number.to_string(), call);
    event.record["userAgent"] = noted.agent.as_str().into();
    event.record["readOnly"] = noted.read_only.into();
    let parameter = |name: &str| call.call.parameters.get(name).and_then(Value::as_str);
    let resource = match call.call.service.as_str() {
        "s3" => parameter("bucketName").map(|it| ("AWS::S3::Bucket", it)),
        "sts" => parameter("RoleArn").map(|it| ("AWS::IAM::Role", it)),
        _ => None,
    };
    event.resources = resource
        .into_iter()
        .map(|(kind, name)| (kind, name.into()))
        .collect();
    event
}

/// Removes the notes of a session that begins anew.
///
/// # Errors
/// A file that cannot be removed.
pub(crate) fn forget(session: &Session) -> Result<(), SessionError> {
    let path = path(session);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(SessionError::File { path, error })
        }
        _ => Ok(()),
    }
}
