//! The S3 destination: which key, and the bytes of the file.
//!
//! Keys are the plain layout (neither Hive-compatible nor hourly). A file holds the records of one
//! flow log whose `end` lies in one five-minute slot of UTC, a header line first, gzip around it.
//! The bytes depend on the records alone: no clock goes into them.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::io::Write as _;

use flate2::{Compression, GzBuilder};
use sha2::{Digest, Sha256};
use wirelab_model::{FlowLogId, FlowRecord, SmolStr, UnixTime};

use crate::LogFormat;

/// Width of a slot in seconds.
pub const SLOT_SECS: u64 = 300;

/// A file's largest size before compression in bytes; the slot then goes on in a further file.
///
/// AWS closes a file at 75 MB; whether it counts before or after compression is not documented.
pub const FILE_BYTES_MAX: usize = 75_000_000;

/// Where a flow log writes in S3; everything of a key except slot and number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// Folder from the destination's ARN, without slashes around it; empty for none.
    pub prefix: SmolStr,
    /// Owner of the flow log.
    pub account: SmolStr,
    /// Its Region.
    pub region: SmolStr,
    /// The flow log.
    pub flow_log: FlowLogId,
}

/// Bucket and folder named by a destination ARN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// Name of the bucket.
    pub bucket: SmolStr,
    /// Folder without slashes around it; empty for none.
    pub prefix: SmolStr,
}

/// Why an ARN is no S3 destination.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DestinationError {
    /// Not an ARN of a bucket.
    #[error("`{0}` is not the ARN of a bucket, such as `arn:aws:s3:::my-bucket/my-folder/`")]
    NotABucket(String),
    /// `AWSLogs` is kept for the key that the service adds.
    #[error("`AWSLogs` is a reserved term and cannot be the folder")]
    Reserved,
}

impl Destination {
    /// Reads `arn:aws:s3:::bucket` or `arn:aws:s3:::bucket/folder/`.
    ///
    /// # Errors
    /// [`DestinationError`].
    pub fn from_arn(arn: &str) -> Result<Self, DestinationError> {
        let not_a_bucket = || DestinationError::NotABucket(arn.to_owned());
        let mut parts = arn.splitn(6, ':');
        let head = [(); 5].map(|()| parts.next().unwrap_or_default());
        let path = parts.next().unwrap_or_default();
        let [start, partition, service, "", ""] = head else {
            return Err(not_a_bucket());
        };
        if start != "arn" || !partition.starts_with("aws") || service != "s3" {
            return Err(not_a_bucket());
        }
        let (bucket, prefix) = path.split_once('/').unwrap_or((path, ""));
        let prefix = prefix.trim_matches('/');
        if bucket.is_empty() {
            return Err(not_a_bucket());
        }
        if prefix.split('/').any(|folder| folder == "AWSLogs") {
            return Err(DestinationError::Reserved);
        }
        let (bucket, prefix) = (bucket.into(), prefix.into());
        Ok(Self { bucket, prefix })
    }
}

/// One file as it lies in the bucket.
#[derive(Clone, PartialEq, Eq)]
pub struct LogObject {
    /// Key in the bucket.
    pub key: String,
    /// Start of the five minutes in which the records end.
    pub slot: UnixTime,
    /// Records in the file.
    pub records: usize,
    /// Gzip around header and lines.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for LogObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} records)", self.key, self.records)
    }
}

/// The start of the slot that a record belongs to.
#[must_use]
pub fn slot(record: &FlowRecord) -> UnixTime {
    UnixTime::from_secs(record.end.as_secs() / SLOT_SECS * SLOT_SECS)
}

/// The key of the `number`th file (from 0) of a slot:
/// `AWSLogs/123456789012/vpcflowlogs/us-east-1/2024/03/05/123456789012_vpcflowlogs_us-east-1_`
/// `fl-0123456789abcdef0_20240305T0005Z_1a2b3c4d.log.gz`.
///
/// AWS does not say what its eight hex digits are a hash of; here it is the rest of the key.
#[must_use]
pub fn key(location: &Location, slot: UnixTime, number: u32) -> String {
    let Location {
        prefix,
        account,
        region,
        flow_log,
    } = location;
    let time = civil(slot);
    let slash = if prefix.is_empty() { "" } else { "/" };
    let folder = format!(
        "{prefix}{slash}AWSLogs/{account}/vpcflowlogs/{region}/{:04}/{:02}/{:02}/",
        time.year, time.month, time.day
    );
    let name = format!(
        "{account}_vpcflowlogs_{region}_{flow_log}_{:04}{:02}{:02}T{:02}{:02}Z",
        time.year, time.month, time.day, time.hour, time.minute
    );
    let hash = hash8(&format!("{name}/{number}"));
    format!("{folder}{name}_{hash}.log.gz")
}

/// The files of a flow log: records grouped by slot, in the order given, oldest slot first.
#[must_use]
pub fn files<'a>(
    location: &Location,
    format: &LogFormat,
    records: impl IntoIterator<Item = &'a FlowRecord>,
) -> Vec<LogObject> {
    let mut slots: BTreeMap<UnixTime, Vec<&FlowRecord>> = BTreeMap::new();
    for record in records {
        slots.entry(slot(record)).or_default().push(record);
    }
    let each = slots.into_iter();
    each.flat_map(|(slot, records)| slot_files(location, format, slot, &records, FILE_BYTES_MAX))
        .collect()
}

fn slot_files(
    location: &Location,
    format: &LogFormat,
    slot: UnixTime,
    records: &[&FlowRecord],
    bytes_max: usize,
) -> Vec<LogObject> {
    let mut objects: Vec<LogObject> = Vec::new();
    let header = format.header();
    let mut text = String::new();
    let mut count = 0;
    let mut close = |text: &mut String, count: &mut usize| {
        let number = u32::try_from(objects.len()).unwrap_or(u32::MAX);
        objects.push(LogObject {
            key: key(location, slot, number),
            slot,
            records: std::mem::take(count),
            bytes: gzip(&std::mem::take(text)),
        });
    };
    for record in records {
        if text.is_empty() {
            writeln!(text, "{header}").expect("writing to a String cannot fail");
        }
        format.write_line(record, &mut text);
        text.push('\n');
        count += 1;
        if text.len() >= bytes_max {
            close(&mut text, &mut count);
        }
    }
    if count > 0 {
        close(&mut text, &mut count);
    }
    objects
}

/// One gzip member without name, time or operating system.
fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzBuilder::new()
        .mtime(0)
        .operating_system(255)
        .write(Vec::new(), Compression::default());
    encoder
        .write_all(text.as_bytes())
        .expect("a Vec takes any amount");
    encoder.finish().expect("a Vec takes any amount")
}

fn hash8(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(4).fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("writing to a String cannot fail");
        hex
    })
}

struct Civil {
    year: u64,
    month: u64,
    day: u64,
    hour: u64,
    minute: u64,
}

/// Gregorian date and time of day in UTC. Days to date after Howard Hinnant, "chrono-compatible
/// low-level date algorithms", `civil_from_days`, for days since 1970 (never before it).
fn civil(time: UnixTime) -> Civil {
    let minutes = time.as_secs() / 60;
    let shifted = minutes / 1440 + 719_468; // days since 0000-03-01
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let month = (month_from_march + 2) % 12 + 1;
    Civil {
        year: era * 400 + year_of_era + u64::from(month <= 2),
        month,
        day: day_of_year - (153 * month_from_march + 2) / 5 + 1,
        hour: minutes / 60 % 24,
        minute: minutes % 60,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_right_around_leap_days() {
        let date = |secs| {
            let c = civil(UnixTime::from_secs(secs));
            (c.year, c.month, c.day, c.hour, c.minute)
        };
        assert_eq!(date(0), (1970, 1, 1, 0, 0));
        assert_eq!(date(951_782_340), (2000, 2, 28, 23, 59));
        assert_eq!(date(951_782_400), (2000, 2, 29, 0, 0));
        assert_eq!(date(1_709_596_799), (2024, 3, 4, 23, 59));
        assert_eq!(date(1_735_689_599), (2024, 12, 31, 23, 59));
        assert_eq!(date(4_107_542_400), (2100, 3, 1, 0, 0));
    }

    #[test]
    fn a_full_file_is_closed_and_the_slot_goes_on_in_another() {
        let location = Location {
            prefix: "net".into(),
            account: "123456789012".into(),
            region: "us-east-1".into(),
            flow_log: FlowLogId::new("fl-0123456789abcdef0"),
        };
        let record = FlowRecord {
            account_id: "123456789012".into(),
            interface_id: wirelab_model::NetworkInterfaceId::new("eni-1"),
            log_status: wirelab_model::LogStatus::NoData,
            start: UnixTime::from_secs(1_709_596_800),
            end: UnixTime::from_secs(1_709_596_859),
            flow: None,
            place: wirelab_model::Place {
                vpc_id: None,
                subnet_id: None,
                instance_id: None,
                region: "us-east-1".into(),
                az_id: None,
            },
        };
        let records = [&record; 5];
        let format = LogFormat::default();
        let objects = slot_files(&location, &format, slot(&record), &records, 240);
        let counts: Vec<_> = objects.iter().map(|o| o.records).collect();
        assert_eq!(counts, [2, 2, 1]);
        assert_ne!(objects[0].key, objects[1].key);
        assert!(objects[0].key.starts_with(
            "net/AWSLogs/123456789012/vpcflowlogs/us-east-1/2024/03/05/\
             123456789012_vpcflowlogs_us-east-1_fl-0123456789abcdef0_20240305T0000Z_"
        ));
    }
}
