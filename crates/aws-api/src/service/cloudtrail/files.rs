//! The files of trails: what a trail that logs delivers to its bucket (AWS CloudTrail User Guide,
//! "CloudTrail log file examples", "Amazon S3 bucket policy for CloudTrail").
//!
//! A call at 09:02 is in the file of the calls from 09:00 to 09:05, which comes a few minutes after
//! 09:05. Its name says when:
//! `AWSLogs/123456789012/CloudTrail/us-east-1/2024/03/05/123456789012_CloudTrail_us-east-1_
//! 20240305T0908Z_Mu0KsOhtH1ar15ZZ.json.gz`; in it are the records that `LookupEvents` shows.
//!
//! Files follow from the journal and the notes beside it, so none is kept that the journal does not
//! know: whoever asks S3 next finds those that have come by now, and no longer those of an hour
//! that was undone. A ledger says which were put into buckets: one that a client has removed since
//! stays away. A bucket that is not there or does not let CloudTrail in gets nothing, and what it
//! has missed once it does.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use wirelab_control::Logging;
use wirelab_flowlog::s3::gzip;
use wirelab_model::{ApiError, Call, Stream, UnixTime};
use wirelab_session::{Events, HistoryEvent, Lookup, Run, Session};

use super::record;
use crate::service::s3::{self, Destination};
use crate::service::trail::Trail;
use crate::service::{Refusal, Request};

/// Seconds of events that go into one file.
const SLOT: u64 = 300;

/// Seconds from the end of a slot until its file comes, drawn: with the slot that is 5 minutes on
/// average (AWS CloudTrail User Guide, "How CloudTrail works").
const DELAY: (u64, u64) = (60, 240);

/// Services that are one for all Regions.
const GLOBAL: [&str; 3] = [
    "iam.amazonaws.com",
    "route53.amazonaws.com",
    "sts.amazonaws.com",
];

/// A file of a trail.
struct File {
    trail: String,
    place: Destination,
    key: String,
    /// When it comes, in whole seconds of UTC.
    at: u64,
    records: Vec<Value>,
}

/// Puts into buckets what trails have delivered by now, and takes out what they have not yet.
///
/// # Errors
/// Files; a session that cannot go on.
pub(crate) fn deliver(session: &mut Session) -> Result<(), Refusal> {
    let mut ledger = s3::Ledger::read(session);
    if session.run().control().trail_loggings().is_empty() && ledger.is_empty() {
        return Ok(());
    }
    let run = session.run_with_evidence()?;
    let seen = (run.now().as_nanos(), run.evidence().calls.len() as u64);
    if ledger.is_up_to(seen) {
        return Ok(());
    }
    let notes = Trail::read(session);
    let files = files(session.run_with_evidence()?, &notes);
    let names = files
        .iter()
        .map(|it| (it.place.bucket.as_str(), it.key.as_str()));
    ledger.take_back(session, &names.collect())?;
    for file in &files {
        let octets = || gzip(json!({ "Records": file.records }).to_string().as_bytes());
        ledger.put(
            session,
            (&file.place, &file.key),
            (&file.trail, file.at),
            octets,
        )?;
    }
    ledger.write(session, seen)
}

/// What trails have delivered by now, whatever their buckets say to it.
fn files(run: &Run, notes: &Trail) -> Vec<File> {
    let loggings = run.control().trail_loggings();
    let lookup = Lookup {
        start: loggings.iter().map(|it| it.from).min(),
        ..Lookup::default()
    };
    let calls = Events::new(run, &lookup).map(|it| it.1);
    let beside = notes.events(run).map(|it| it.1);
    let mut events: Vec<HistoryEvent> = calls.chain(beside).collect();
    // Both come newest first.
    events.reverse();
    events.sort_by_key(|it| it.at);
    let of_each = loggings
        .iter()
        .flat_map(|it| of_logging(run, notes, it, &events));
    of_each.collect()
}

fn of_logging(run: &Run, notes: &Trail, logging: &Logging, events: &[HistoryEvent]) -> Vec<File> {
    let starts = run.plan().starts;
    let mut slots: BTreeMap<(&str, u64), Vec<&HistoryEvent>> = BTreeMap::new();
    let meanwhile = meanwhile(run, logging, events).iter();
    for event in meanwhile.filter(|it| is_logged(logging, it)) {
        let slot = starts.at(event.at).as_secs() / SLOT;
        let slot = slots.entry((event.aws_region.as_str(), slot)).or_default();
        slot.push(event);
    }
    let files = slots.into_iter().filter_map(|((region, slot), events)| {
        let name = format!("trail {} {region} {slot}", logging.trail_arn);
        let delay = Stream::new(run.plan().seed.names, &name).range(DELAY.0, DELAY.1);
        let at = (slot + 1) * SLOT + delay;
        (at <= run.utc().as_secs()).then(|| File {
            trail: logging.trail_arn.to_string(),
            place: place(logging),
            key: key(logging, region, (at, &name), &events),
            at,
            records: events
                .iter()
                .map(|it| record(it, notes, &logging.account))
                .collect(),
        })
    });
    files.collect()
}

/// The events since the call by which a trail began to log, and until the one by which it ended.
/// Calls may be of one moment: their order counts.
fn meanwhile<'e>(run: &Run, logging: &Logging, events: &'e [HistoryEvent]) -> &'e [HistoryEvent] {
    let utc = |it: &HistoryEvent| run.plan().starts.at(it.at);
    let is_call = |it: &HistoryEvent, names: &[&str]| {
        let of = it.record["requestParameters"]["name"].as_str();
        let name = logging.trail_arn.rsplit('/').next();
        it.event_source == "cloudtrail.amazonaws.com"
            && names.contains(&it.event_name.as_str())
            && (of == Some(logging.trail_arn.as_str()) || of == name)
    };
    // Where the call of a moment is, or where the moment begins.
    let find = |moment: UnixTime, names: &[&str]| {
        let begin = events.partition_point(|it| utc(it) < moment);
        let mut then = events[begin..].iter().take_while(|it| utc(it) == moment);
        let found = then.position(|it| is_call(it, names));
        (begin + found.unwrap_or(0), found.is_some())
    };
    let (first, _) = find(logging.from, &["StartLogging", "UpdateTrail"]);
    let last = logging.until.map_or(events.len(), |until| {
        let (at, is_there) = find(until, &["StopLogging", "DeleteTrail", "UpdateTrail"]);
        // A change is logged as it is from then on.
        let is_change = is_there && events[at].event_name == "UpdateTrail";
        at + usize::from(is_there && !is_change)
    });
    &events[first..last.max(first)]
}

/// Whether an event is one that a trail logs.
fn is_logged(logging: &Logging, event: &HistoryEvent) -> bool {
    let is_there = logging.is_multi_region || event.aws_region == logging.region;
    let is_wanted = logging.is_global || !GLOBAL.contains(&event.event_source.as_str());
    let is_own = event.record["recipientAccountId"] == logging.account.as_str();
    is_there && is_wanted && is_own
}

fn place(logging: &Logging) -> Destination {
    let prefix = logging.prefix.as_deref().unwrap_or_default();
    Destination {
        bucket: logging.bucket.to_string(),
        prefix: prefix.trim_matches('/').to_owned(),
        account: logging.account.to_string(),
        region: logging.region.to_string(),
        trail: logging.trail_arn.to_string(),
    }
}

fn key(
    logging: &Logging,
    region: &str,
    (at, name): (u64, &str),
    events: &[&HistoryEvent],
) -> String {
    let account = &logging.account;
    let moment = i64::try_from(at).ok().map(Timestamp::from_second);
    let moment = moment.and_then(Result::ok).unwrap_or(Timestamp::MAX);
    let (day, minute) = (moment.strftime("%Y/%m/%d"), moment.strftime("%Y%m%dT%H%MZ"));
    let unique = unique(name, events);
    let folder = place(logging).folder();
    format!("{folder}{region}/{day}/{account}_CloudTrail_{region}_{minute}_{unique}.json.gz")
}

/// 16 letters and digits that follow from what is in the file.
fn unique(name: &str, events: &[&HistoryEvent]) -> String {
    const SIGNS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut digest = Sha256::new();
    digest.update(name);
    for event in events {
        digest.update(event.event_id.as_bytes());
    }
    let digest = digest.finalize();
    let signs = digest.iter().take(16);
    signs
        .map(|it| char::from(SIGNS[usize::from(*it) % 62]))
        .collect()
}

/// Holds that the bucket of a trail that is made or changed is there, and lets CloudTrail in.
///
/// # Errors
/// `S3BucketDoesNotExistException`, `InsufficientS3BucketPolicyException`.
pub(super) fn check_bucket(session: &mut Session, request: &Request<'_>) -> Result<(), Refusal> {
    let text = |name: &str| {
        let value = request.parameters.get(name).and_then(Value::as_str);
        value.map(str::to_owned)
    };
    let name = text("Name").unwrap_or_default();
    let there = match request.action {
        "UpdateTrail" => shown(session, request, &name)?,
        _ => None,
    };
    if request.action == "UpdateTrail" && there.is_none() {
        return Ok(());
    }
    let its = |member: &str| {
        let value = there.as_ref().and_then(|it| it[member].as_str());
        value.map(str::to_owned)
    };
    let Some(bucket) = text("S3BucketName").or_else(|| its("S3BucketName")) else {
        return Ok(());
    };
    let (account, region) = (&request.caller.account, &request.caller.region);
    let arn = its("TrailARN");
    let arn = arn.unwrap_or_else(|| format!("arn:aws:cloudtrail:{region}:{account}:trail/{name}"));
    let prefix = text("S3KeyPrefix").or_else(|| its("S3KeyPrefix"));
    let place = Destination {
        bucket,
        prefix: prefix.unwrap_or_default().trim_matches('/').to_owned(),
        account: account.to_string(),
        region: region.to_string(),
        trail: arn,
    };
    session.catch_up()?;
    place.check(session).map_err(|why| {
        let bucket = &place.bucket;
        match why.code.as_str() {
            "NoSuchBucket" => ApiError::client(
                "S3BucketDoesNotExistException",
                format!("S3 bucket {bucket} does not exist!"),
            ),
            _ => ApiError::client(
                "InsufficientS3BucketPolicyException",
                format!("Incorrect S3 bucket policy is detected for bucket: {bucket}"),
            ),
        }
    })?;
    Ok(())
}

/// The trail as `GetTrail` has it; `None`: there is none, which the control plane says.
fn shown(
    session: &mut Session,
    request: &Request<'_>,
    name: &str,
) -> Result<Option<Value>, Refusal> {
    let call = Call {
        service: "cloudtrail".into(),
        operation: "GetTrail".into(),
        parameters: serde_json::Map::from_iter([("Name".to_owned(), name.into())]),
    };
    let reply = session.call(request.caller, &call)?.reply;
    Ok(reply.ok().map(|it| it["Trail"].clone()))
}

/// Adds to what `GetTrailStatus` says when a trail's last file came, or why the last one did not.
///
/// # Errors
/// As [`deliver`].
pub(super) fn tell(
    session: &mut Session,
    request: &Request<'_>,
    mut reply: Value,
) -> Result<Value, Refusal> {
    deliver(session)?;
    let name = request.parameters.get("Name").and_then(Value::as_str);
    let trail = shown(session, request, name.unwrap_or_default())?;
    let arn = trail.and_then(|it| it["TrailARN"].as_str().map(str::to_owned));
    let ledger = s3::Ledger::read(session);
    let (latest, missed) = ledger.of_trail(arn.as_deref().unwrap_or_default());
    if let Some(at) = latest {
        let moment = i64::try_from(at).ok().map(Timestamp::from_second);
        let moment = moment.and_then(Result::ok).unwrap_or(Timestamp::MAX);
        let text = moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        reply["LatestDeliveryTime"] = at.into();
        reply["LatestDeliveryAttemptTime"] = text.into();
    }
    if latest.is_some() || missed.is_some() {
        let succeeded = if missed.is_some() { "" } else { "true" };
        reply["LatestDeliveryAttemptSucceeded"] = succeeded.into();
    }
    if let Some(why) = missed {
        reply["LatestDeliveryError"] = why.into();
    }
    Ok(reply)
}
