//! Keys of files: written from a place and a slot, and read back.
//!
//! The plain layout is
//! `AWSLogs/123456789012/vpcflowlogs/us-east-1/2024/03/05/123456789012_vpcflowlogs_us-east-1_`
//! `fl-0123456789abcdef0_20240305T0005Z_1a2b3c4d.log.gz`; an hourly one has the hour as a further
//! folder, a Hive-compatible one `year=2024` and so on in place of `2024`.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};
use wirelab_model::{DestinationOptions, FlowLogFileFormat, FlowLogId, SmolStr, UnixTime};

use super::SLOT_SECS;
use super::civil::{Civil, civil, moment};

const SERVICE: &str = "vpcflowlogs";

/// Where a flow log writes in S3; everything of a key except slot and hash.
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
    /// Layout and file format.
    pub options: DestinationOptions,
}

impl Location {
    /// The folder of a slot's files, with a slash at its end.
    #[must_use]
    pub fn folder(&self, slot: UnixTime) -> String {
        let Self {
            prefix,
            account,
            region,
            options,
            ..
        } = self;
        let Civil {
            year,
            month,
            day,
            hour,
            ..
        } = civil(slot);
        let slash = if prefix.is_empty() { "" } else { "/" };
        let hive = options.hive_compatible_partitions;
        let mut folder = if hive {
            format!(
                "{prefix}{slash}AWSLogs/aws-account-id={account}/aws-service={SERVICE}/\
                 aws-region={region}/year={year:04}/month={month:02}/day={day:02}/"
            )
        } else {
            format!(
                "{prefix}{slash}AWSLogs/{account}/{SERVICE}/{region}/{year:04}/{month:02}/{day:02}/"
            )
        };
        if options.per_hour_partition {
            let name = if hive { "hour=" } else { "" };
            write!(folder, "{name}{hour:02}/").expect("writing to a String cannot fail");
        }
        folder
    }

    /// The key of the `part`th file (from 0) of a slot that is published at `published`.
    ///
    /// AWS does not say what its eight hex digits are a hash of; here it is the rest of the key,
    /// the moment of publication and the part.
    #[must_use]
    pub fn key(&self, slot: UnixTime, published: UnixTime, part: usize) -> String {
        let (account, region, flow_log) = (&self.account, &self.region, &self.flow_log);
        let time = civil(slot);
        let name = format!(
            "{account}_{SERVICE}_{region}_{flow_log}_{:04}{:02}{:02}T{:02}{:02}Z",
            time.year, time.month, time.day, time.hour, time.minute
        );
        let hash = hash8(&format!("{name}/{}/{part}", published.as_secs()));
        let ending = ending(self.options.file_format);
        format!("{}{name}_{hash}{ending}", self.folder(slot))
    }
}

const fn ending(format: FlowLogFileFormat) -> &'static str {
    match format {
        FlowLogFileFormat::PlainText => ".log.gz",
        FlowLogFileFormat::Parquet => ".log.parquet",
    }
}

fn hash8(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(4).fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("writing to a String cannot fail");
        hex
    })
}

/// What a key says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogKey {
    /// Where the flow log writes.
    pub location: Location,
    /// Start of the five minutes in which the file's records end.
    pub slot: UnixTime,
    /// What tells the files of a slot apart.
    pub hash: SmolStr,
}

/// Why a key is no flow-log file's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` is not the key of a flow-log file: {reason}")]
pub struct KeyError {
    key: String,
    reason: String,
}

impl LogKey {
    /// Reads a key in any of the layouts.
    ///
    /// ```
    /// use wirelab_flowlog::s3::LogKey;
    ///
    /// let key = LogKey::parse(
    ///     "net/AWSLogs/123456789012/vpcflowlogs/eu-west-1/2024/03/05/09/\
    ///      123456789012_vpcflowlogs_eu-west-1_fl-0123456789abcdef0_20240305T0905Z_1a2b3c4d.log.gz",
    /// )?;
    /// assert_eq!(key.location.region, "eu-west-1");
    /// assert!(key.location.options.per_hour_partition);
    /// assert_eq!(key.slot.as_secs(), 1_709_629_500);
    /// # Ok::<(), wirelab_flowlog::s3::KeyError>(())
    /// ```
    ///
    /// # Errors
    /// [`KeyError`] if parts are missing, or folders and name contradict each other.
    pub fn parse(key: &str) -> Result<Self, KeyError> {
        let error = |reason: &str| KeyError {
            key: key.to_owned(),
            reason: reason.to_owned(),
        };
        let (folders, name) = key.rsplit_once('/').unwrap_or(("", key));
        let name = Name::parse(name).ok_or_else(|| {
            error(
                "a name is `ACCOUNT_vpcflowlogs_REGION_FLOWLOG_yyyyMMddTHHmmZ_HASH.log.gz`, \
             minutes a multiple of five",
            )
        })?;
        let (prefix, rest) = split_prefix(folders)
            .ok_or_else(|| error("its folders have no `AWSLogs` among them"))?;
        let is_hive = rest.starts_with("aws-account-id=");
        let folders = rest.split('/').count();
        let location = Location {
            prefix: prefix.into(),
            account: name.account.into(),
            region: name.region.into(),
            flow_log: FlowLogId::new(name.flow_log),
            options: DestinationOptions {
                file_format: name.file_format,
                hive_compatible_partitions: is_hive,
                per_hour_partition: folders == 7,
            },
        };
        let expected = location.folder(name.slot);
        if expected.trim_end_matches('/') != key.rsplit_once('/').map_or("", |(it, _)| it) {
            let reason = format!("by its name it would be in `{expected}`");
            return Err(error(&reason));
        }
        Ok(Self {
            location,
            slot: name.slot,
            hash: name.hash.into(),
        })
    }
}

/// What is before and after `AWSLogs/`.
fn split_prefix(folders: &str) -> Option<(&str, &str)> {
    if let Some((prefix, rest)) = folders.rsplit_once("/AWSLogs/") {
        return Some((prefix, rest));
    }
    folders.strip_prefix("AWSLogs/").map(|rest| ("", rest))
}

struct Name<'a> {
    account: &'a str,
    region: &'a str,
    flow_log: &'a str,
    slot: UnixTime,
    hash: &'a str,
    file_format: FlowLogFileFormat,
}

impl<'a> Name<'a> {
    fn parse(name: &'a str) -> Option<Self> {
        let formats = [FlowLogFileFormat::PlainText, FlowLogFileFormat::Parquet];
        let (file_format, stem) = formats
            .into_iter()
            .find_map(|it| Some((it, name.strip_suffix(ending(it))?)))?;
        let mut parts = stem.split('_');
        let mut part = || parts.next().filter(|it| !it.is_empty());
        let (account, service, region) = (part()?, part()?, part()?);
        let (flow_log, time, hash) = (part()?, part()?, part()?);
        let slot = slot(time)?;
        let fits = service == SERVICE && parts.next().is_none();
        fits.then_some(Self {
            account,
            region,
            flow_log,
            slot,
            hash,
            file_format,
        })
    }
}

/// The moment of `20240305T0005Z`, at the start of a slot.
fn slot(text: &str) -> Option<UnixTime> {
    minute(text).filter(|moment| moment.as_secs() % SLOT_SECS == 0)
}

/// The moment in the name of a file that AWS has written, whatever its folders and its service are
/// called.
///
/// ```
/// use wirelab_flowlog::s3::time_in_name;
///
/// let name = "1_vpcflowlogs_eu-west-1_fl-0123456789abcdef0_20240305T0905Z_1a2b3c4d.log.gz";
/// assert_eq!(time_in_name(name).map(|at| at.as_secs()), Some(1_709_629_500));
/// assert_eq!(time_in_name("flow.log"), None);
/// ```
#[must_use]
pub fn time_in_name(name: &str) -> Option<UnixTime> {
    name.split(['_', '.']).rev().find_map(minute)
}

/// The moment of `20240305T0005Z`.
fn minute(text: &str) -> Option<UnixTime> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let digits = |text: &str| text.bytes().all(|it| it.is_ascii_digit());
    if date.len() != 8 || time.len() != 4 || !digits(date) || !digits(time) {
        return None;
    }
    let part = |text: &str| text.parse().ok();
    moment(Civil {
        year: part(&date[..4])?,
        month: part(&date[4..6])?,
        day: part(&date[6..])?,
        hour: part(&time[..2])?,
        minute: part(&time[2..])?,
    })
}
