//! Objects that CloudTrail puts: where, whether the bucket lets it, and which it has put.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use wirelab_model::ApiError;
use wirelab_session::Session;

use super::access::{ByService, lets_service};
use super::note::{Object, read_note, write_note};
use super::store::Store;
use crate::service::Refusal;

/// Where the files of a trail go.
#[derive(Clone, Debug)]
pub(crate) struct Destination {
    pub(crate) bucket: String,
    /// Without slashes at its ends; may be empty.
    pub(crate) prefix: String,
    /// The trail's.
    pub(crate) account: String,
    /// The trail's home.
    pub(crate) region: String,
    /// The trail's ARN.
    pub(crate) trail: String,
}

impl Destination {
    /// What all keys begin with: `net/AWSLogs/123456789012/CloudTrail/`.
    pub(crate) fn folder(&self) -> String {
        let prefix = match self.prefix.as_str() {
            "" => String::new(),
            prefix => format!("{prefix}/"),
        };
        format!("{prefix}AWSLogs/{}/CloudTrail/", self.account)
    }

    /// Holds that the bucket is there and that its policy lets CloudTrail read its list of access
    /// and put files (AWS CloudTrail User Guide, "Amazon S3 bucket policy for CloudTrail").
    ///
    /// # Errors
    /// `NoSuchBucket`, `AccessDenied`.
    pub(crate) fn check(&self, session: &Session) -> Result<(), ApiError> {
        let bucket = Store::of(session).bucket(&self.bucket)?;
        let name = &self.bucket;
        let context = [
            ("aws:sourceaccount", self.account.as_str()),
            ("aws:sourcearn", self.trail.as_str()),
            ("s3:x-amz-acl", "bucket-owner-full-control"),
        ];
        let file = format!("arn:aws:s3:::{name}/{}{}/x", self.folder(), self.region);
        let lets = |action: &str, resource: &str, context: &[(&str, &str)]| {
            let asked = ByService {
                service: "cloudtrail.amazonaws.com",
                action,
                resource,
                context,
            };
            lets_service(&bucket, &asked)
        };
        let bucket_arn = format!("arn:aws:s3:::{name}");
        let may_look = lets("GetBucketAcl", &bucket_arn, &context[..2]);
        match may_look && lets("PutObject", &file, &context) {
            true => Ok(()),
            false => Err(ApiError::client("AccessDenied", "Access Denied")),
        }
    }
}

/// What CloudTrail has put into buckets, in a note among those of the buckets.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Ledger {
    /// By bucket and key, with a slash between them.
    put: BTreeMap<String, Put>,
    /// Trails whose files could not be put, and why.
    missed: BTreeMap<String, String>,
    /// Moment and number of calls up to which this is.
    seen: (u64, u64),
}

#[derive(Debug, Serialize, Deserialize)]
struct Put {
    trail: String,
    /// When, in whole seconds of UTC.
    at: u64,
}

/// No bucket has a name with capitals.
fn path(session: &Session) -> PathBuf {
    Store::of(session).notes.join("TRAILS.json")
}

impl Ledger {
    pub(crate) fn read(session: &Session) -> Self {
        read_note(&path(session)).unwrap_or_default()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.put.is_empty()
    }

    /// Whether nothing can have come since, and nothing is to be tried again.
    pub(crate) fn is_up_to(&self, seen: (u64, u64)) -> bool {
        self.seen == seen && self.missed.is_empty()
    }

    /// Takes back what is not among `names`: it was put in an hour that was undone.
    ///
    /// # Errors
    /// Files.
    pub(crate) fn take_back(
        &mut self,
        session: &Session,
        names: &BTreeSet<(&str, &str)>,
    ) -> Result<(), Refusal> {
        self.missed.clear();
        let store = Store::of(session);
        let is_known = |name: &str| name.split_once('/').is_some_and(|it| names.contains(&it));
        let gone: Vec<String> = self
            .put
            .keys()
            .filter(|it| !is_known(it))
            .cloned()
            .collect();
        for name in gone {
            if let Some((bucket, key)) = name.split_once('/') {
                store.remove(bucket, key)?;
            }
            self.put.remove(&name);
        }
        Ok(())
    }

    /// Puts a file into its bucket, unless it was put before or the bucket does not take it.
    ///
    /// # Errors
    /// Files.
    pub(crate) fn put(
        &mut self,
        session: &Session,
        (place, key): (&Destination, &str),
        (trail, at): (&str, u64),
        octets: impl FnOnce() -> Vec<u8>,
    ) -> Result<(), Refusal> {
        let name = format!("{}/{key}", place.bucket);
        if self.put.contains_key(&name) {
            return Ok(());
        }
        if let Err(why) = place.check(session) {
            self.missed.insert(trail.to_owned(), why.code.to_string());
            return Ok(());
        }
        let store = Store::of(session);
        let fresh = store.write(&octets(), "trail")?;
        let object = Object {
            key: key.to_owned(),
            modified: at,
            size: fresh.size,
            tag: fresh.tag.clone(),
            headers: BTreeMap::from_iter([
                ("content-encoding".to_owned(), "gzip".to_owned()),
                ("content-type".to_owned(), "application/json".to_owned()),
            ]),
            ..Object::default()
        };
        store.put(&place.bucket, fresh, &object)?;
        let trail = trail.to_owned();
        self.put.insert(name, Put { trail, at });
        Ok(())
    }

    /// When a trail's last file was put, and why the last one was not.
    pub(crate) fn of_trail(&self, trail: &str) -> (Option<u64>, Option<&str>) {
        let its = self.put.values().filter(|it| it.trail == trail);
        let missed = self.missed.get(trail).map(String::as_str);
        (its.map(|it| it.at).max(), missed)
    }

    /// # Errors
    /// Files.
    pub(crate) fn write(mut self, session: &Session, seen: (u64, u64)) -> Result<(), Refusal> {
        self.seen = seen;
        write_note(&path(session), &self)
    }
}
