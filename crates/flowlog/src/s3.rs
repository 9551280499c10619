//! The S3 destination: which key, and the bytes of the file.
//!
//! A file holds the records of one flow log whose `end` lies in one five-minute slot of UTC: as
//! text with a header line first and gzip around it, or as Parquet. Its key is plain or
//! Hive-compatible, with a folder a day or a folder an hour ([`Location`]). The bytes depend on the
//! records alone: no clock goes into them. [`LogKey`] reads a key back.

mod civil;
mod destination;
mod key;

use std::collections::BTreeMap;
use std::fmt;

use libdeflater::{CompressionLvl, Compressor};
use wirelab_model::{FlowLogFileFormat, FlowRecord, UnixTime};

use crate::LogFormat;
use crate::parquet::Writer;

pub use destination::{Destination, DestinationError};
pub use key::{KeyError, Location, LogKey, time_in_name};

/// Width of a slot in seconds.
pub const SLOT_SECS: u64 = 300;

/// A file's largest size in bytes, of text before compression; the slot then goes on in a further
/// file.
///
/// AWS closes a file at 75 MB; whether it counts before or after compression is not documented.
pub const FILE_BYTES_MAX: usize = 75_000_000;

/// Deflate's effort, of 12: an eighth larger than the usual 6, in less than half the time.
const COMPRESSION: i32 = 1;

/// One file as it lies in the bucket.
#[derive(Clone, PartialEq, Eq)]
pub struct LogObject {
    /// Key in the bucket.
    pub key: String,
    /// Start of the five minutes in which the records end.
    pub slot: UnixTime,
    /// Records in the file.
    pub records: usize,
    /// Gzip around header and lines, or Parquet.
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
    slot_of(record.end)
}

/// The start of the slot that holds `time`. Files are published at such a moment.
#[must_use]
pub fn slot_of(time: UnixTime) -> UnixTime {
    UnixTime::from_secs(time.as_secs() / SLOT_SECS * SLOT_SECS)
}

/// The files that a flow log publishes at `published`: records grouped by slot, in the order given,
/// oldest slot first. A file is never changed: what comes later goes into another.
#[must_use]
pub fn files<'a>(
    location: &Location,
    format: &LogFormat,
    published: UnixTime,
    records: impl IntoIterator<Item = &'a FlowRecord>,
) -> Vec<LogObject> {
    let mut slots: BTreeMap<UnixTime, Vec<&FlowRecord>> = BTreeMap::new();
    for record in records {
        slots.entry(slot(record)).or_default().push(record);
    }
    let files = Files {
        location,
        format,
        published,
        bytes_max: FILE_BYTES_MAX,
    };
    let each = slots.into_iter();
    each.flat_map(|(slot, records)| files.of_slot(slot, &records))
        .collect()
}

struct Files<'a> {
    location: &'a Location,
    format: &'a LogFormat,
    published: UnixTime,
    bytes_max: usize,
}

impl Files<'_> {
    fn of_slot(&self, slot: UnixTime, records: &[&FlowRecord]) -> Vec<LogObject> {
        let mut objects = Vec::new();
        let mut rest = records;
        while !rest.is_empty() {
            let (count, bytes) = match self.location.options.file_format {
                FlowLogFileFormat::PlainText => self.text(rest),
                FlowLogFileFormat::Parquet => self.parquet(rest),
            };
            objects.push(LogObject {
                key: self.location.key(slot, self.published, objects.len()),
                slot,
                records: count,
                bytes,
            });
            rest = &rest[count..];
        }
        objects
    }

    /// A file of the first records, as many as it takes, and how many those are.
    fn text(&self, records: &[&FlowRecord]) -> (usize, Vec<u8>) {
        let mut text = self.format.header().into_bytes();
        text.push(b'\n');
        for (index, record) in records.iter().enumerate() {
            self.format.write_octets(record, &mut text);
            text.push(b'\n');
            if text.len() >= self.bytes_max {
                return (index + 1, gzip(&text));
            }
        }
        (records.len(), gzip(&text))
    }

    fn parquet(&self, records: &[&FlowRecord]) -> (usize, Vec<u8>) {
        let mut writer = Writer::new(self.format);
        for (index, record) in records.iter().enumerate() {
            if writer.push(record) && writer.len() >= self.bytes_max {
                return (index + 1, writer.finish());
            }
        }
        (records.len(), writer.finish())
    }
}

/// One gzip member without name, time or operating system.
#[must_use]
pub fn gzip(text: &[u8]) -> Vec<u8> {
    let level = CompressionLvl::new(COMPRESSION).expect("a level that there is");
    let mut compressor = Compressor::new(level);
    let mut member = vec![0; compressor.gzip_compress_bound(text.len())];
    let length = compressor
        .gzip_compress(text, &mut member)
        .expect("the bound is enough");
    member.truncate(length);
    member
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_file_is_closed_and_the_slot_goes_on_in_another() {
        let line = "2 123456789012 eni-1 - - - - - - - 1709596800 1709596859 - NODATA";
        let format = LogFormat::default();
        let record = crate::parse_line(&format, line).expect("14 values");
        let record = record.to_flow_record().expect("a record");
        let mut location = Location {
            prefix: "net".into(),
            account: "123456789012".into(),
            region: "us-east-1".into(),
            flow_log: wirelab_model::FlowLogId::new("fl-0123456789abcdef0"),
            options: Default::default(),
        };
        let files = |location: &Location, bytes_max, records: &[&FlowRecord]| {
            let files = Files {
                location,
                format: &format,
                published: UnixTime::from_secs(1_709_597_400),
                bytes_max,
            };
            files.of_slot(slot(&record), records)
        };
        let objects = files(&location, 240, &[&record; 5]);
        let counts: Vec<_> = objects.iter().map(|o| o.records).collect();
        assert_eq!(counts, [2, 2, 1]);
        assert_ne!(objects[0].key, objects[1].key);
        assert!(objects[0].key.starts_with(
            "net/AWSLogs/123456789012/vpcflowlogs/us-east-1/2024/03/05/\
             123456789012_vpcflowlogs_us-east-1_fl-0123456789abcdef0_20240305T0000Z_"
        ));
        location.options.file_format = FlowLogFileFormat::Parquet;
        let objects = files(&location, 100, &[&record; 20_000]);
        let counts: Vec<_> = objects.iter().map(|o| o.records).collect();
        assert_eq!(counts, [8192, 8192, 3616], "full once columns were written");
    }
}
