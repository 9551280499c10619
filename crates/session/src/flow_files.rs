//! Flow logs as files in `evidence/`.
//!
//! A log in CloudWatch Logs is one text file with a header line, `flow-log-all.log`. A log in S3 is
//! what `aws s3 sync` would bring: `s3/BUCKET/AWSLogs/...`, the keys and bytes that AWS would
//! publish, and as the time of a file when it came into the bucket. A file there is never changed,
//! so that each publication makes files of its own. [`s3_objects`] gives the same without a folder,
//! for runs that are nobody's session.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use wirelab_flowlog::LogFormat;
use wirelab_flowlog::s3::{self, Destination, Location, LogKey};
use wirelab_model::{FlowLog, LogDestinationType, UnixTime};

use crate::cache::{Written, write_as_of};
use crate::error::SessionError;
use crate::folder::{Wanted, evidence_dir, files_below};
use crate::run::Run;

/// A file that a flow log has published to a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Object {
    /// The bucket.
    pub bucket: String,
    /// The key in it.
    pub key: String,
    /// What the file holds.
    pub bytes: Vec<u8>,
    /// When it came into the bucket, in whole seconds of virtual UTC: S3's `LastModified`. That is
    /// the end of the aggregation interval and some ten minutes more (Amazon VPC User Guide, "Flow
    /// logs basics").
    pub last_modified: UnixTime,
}

/// All files that the run's flow logs have published to buckets by now.
#[must_use]
pub fn s3_objects(run: &Run) -> Vec<S3Object> {
    let logs = run.control().resources().flow_logs.values();
    let logs = logs.filter_map(|log| Some((log, destination(log)?)));
    logs.flat_map(|(log, destination)| published(log, &destination, run))
        .collect()
}

/// The folder of buckets in `evidence/`.
const BUCKETS: &str = "s3";

/// Writes the records that were delivered by now, and adds the files to those that are `written`.
pub(crate) fn write(
    dir: &Path,
    wanted: &Wanted<'_>,
    run: &Run,
    written: &mut Written,
) -> Result<(), SessionError> {
    let dir = evidence_dir(dir)?;
    let mut published = BTreeSet::new();
    let logs = run.control().resources().flow_logs.values();
    for log in logs.filter(|log| wanted.flow_log(log)) {
        for (name, bytes, modified) in files_of(log, wanted, run) {
            let path = dir.join(&name);
            if let Some(folder) = path.parent() {
                let made = std::fs::create_dir_all(folder);
                made.map_err(|error| SessionError::file(folder, error))?;
            }
            write_as_of(modified, &path, &bytes)?;
            written.files.insert(name.clone(), bytes.len() as u64);
            if let Some(modified) = modified {
                written.published.insert(name.clone(), modified);
            }
            published.insert(name);
        }
    }
    remove_unpublished(&dir, &published)
}

/// The files of one log, by name; those in buckets with when they came.
fn files_of(
    log: &FlowLog,
    wanted: &Wanted<'_>,
    run: &Run,
) -> Vec<(String, Vec<u8>, Option<UnixTime>)> {
    match destination(log) {
        Some(destination) => {
            let objects = published(log, &destination, run).into_iter();
            let name = |it: &S3Object| format!("{BUCKETS}/{}/{}", it.bucket, it.key);
            objects
                .map(|it| (name(&it), it.bytes, Some(it.last_modified)))
                .collect()
        }
        None => {
            let id = log.flow_log_id.as_str();
            let name = wanted.plan.names.short(id).unwrap_or(id);
            vec![(format!("flow-log-{name}.log"), text(log, run), None)]
        }
    }
}

/// Where in S3 a log goes, if it goes there.
fn destination(log: &FlowLog) -> Option<Destination> {
    let arn = log.log_destination.as_deref().unwrap_or_default();
    match log.log_destination_type {
        LogDestinationType::S3 => Destination::from_arn(arn).ok(),
        _ => None,
    }
}

/// Header and records.
fn text(log: &FlowLog, run: &Run) -> Vec<u8> {
    let format = LogFormat::parse(&log.log_format).unwrap_or_default();
    let mut text = format.header().into_bytes();
    text.push(b'\n');
    for logged in run.evidence().delivered(&log.flow_log_id, run.now()) {
        format.write_octets(&logged.record, &mut text);
        text.push(b'\n');
    }
    text
}

/// The files in the bucket.
fn published(log: &FlowLog, destination: &Destination, run: &Run) -> Vec<S3Object> {
    let format = LogFormat::parse(&log.log_format).unwrap_or_default();
    let mut publications: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for logged in run.evidence().delivered(&log.flow_log_id, run.now()) {
        let publication = publications.entry(logged.available_at).or_default();
        publication.push(&logged.record);
    }
    let mut files = Vec::new();
    for (at, records) in publications {
        let location = Location {
            prefix: destination.prefix.clone(),
            account: records[0].account_id.clone(),
            region: records[0].place.region.clone(),
            flow_log: log.flow_log_id.clone(),
            options: log.destination_options.unwrap_or_default(),
        };
        let published = run.plan().starts.at(at);
        let objects = s3::files(&location, &format, published, records).into_iter();
        files.extend(objects.map(|object| S3Object {
            bucket: destination.bucket.to_string(),
            key: object.key,
            bytes: object.bytes,
            last_modified: UnixTime::from_secs(published.as_secs()),
        }));
    }
    files
}

/// Removes files of flow logs that are not published any more: those after a moment that was
/// undone. What somebody else has put there stays.
fn remove_unpublished(dir: &Path, published: &BTreeSet<String>) -> Result<(), SessionError> {
    let buckets = dir.join(BUCKETS);
    if !buckets.is_dir() {
        return Ok(());
    }
    for path in files_below(&buckets)? {
        let name = path.strip_prefix(dir).ok().and_then(Path::to_str);
        let is_old = name.is_some_and(|name| {
            let key = name.splitn(3, '/').nth(2).unwrap_or_default();
            LogKey::parse(key).is_ok() && !published.contains(name)
        });
        if is_old {
            std::fs::remove_file(&path).map_err(|error| SessionError::file(&path, error))?;
        }
    }
    Ok(())
}
