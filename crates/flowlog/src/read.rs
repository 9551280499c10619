//! Reading whole log files: text, gzip or Parquet, with or without a header line.
//!
//! A download of one's own bucket comes in any of these, and a file says itself which it is:
//! `1f 8b` begins gzip, `PAR1` Parquet. Text says its format in its first line; Parquet in the
//! names of its columns. A log copied out of CloudWatch has no such line: its format is the
//! caller's, or the default one if the first line fits that.

use std::io::Read as _;

use flate2::read::MultiGzDecoder;
use wirelab_model::FlowRecord;

use crate::format::FormatError;
use crate::parquet::{self, ParquetError};
use crate::{Field, LineError, LogFormat, Record, parse_line};

/// The most text that one file may unpack to, in bytes: AWS closes files at 75 MB, and a gzip of
/// zeros can claim a thousand times its size.
pub const TEXT_BYTES_MAX: u64 = 1 << 30;

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The gzip layer is damaged.
    #[error("the gzip data is damaged after {lines} lines of text: {reason}")]
    Gzip {
        /// Whole lines before the damage.
        lines: usize,
        /// What is wrong.
        reason: std::io::Error,
    },
    /// The file ends within gzip data: a download that was cut off.
    #[error("the file is cut off: its gzip data ends early, after {lines} lines of text")]
    CutOff {
        /// Whole lines before the end.
        lines: usize,
    },
    /// More than [`TEXT_BYTES_MAX`].
    #[error("the file unpacks to more than {TEXT_BYTES_MAX} bytes")]
    TooLarge,
    /// Not UTF-8.
    #[error("line {line} is not text")]
    NotText {
        /// The line, from 1.
        line: usize,
    },
    /// The first line is a header, but not all of its words are fields.
    #[error("line 1 looks like a header: {0}")]
    Header(FormatError),
    /// No header line, and not the 14 values of the default format.
    #[error(
        "line 1 is neither a header nor a record of the default format: `{line}`; \
         name the format, such as `${{version}} ${{srcaddr}}`"
    )]
    UnknownFormat {
        /// The line, shortened.
        line: String,
    },
    /// A Parquet file that is damaged or no flow log.
    #[error(transparent)]
    Parquet(#[from] ParquetError),
}

/// What a file was before it became text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// Text as it is.
    Plain,
    /// Text in one or several gzip members.
    Gzip,
    /// Apache Parquet: its rows are the lines.
    Parquet,
}

impl Encoding {
    /// What the first octets of a file say.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        if bytes.starts_with(GZIP_MAGIC) {
            Self::Gzip
        } else if bytes.starts_with(b"PAR1") {
            Self::Parquet
        } else {
            Self::Plain
        }
    }
}

/// A log file's text and format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogText {
    format: LogFormat,
    text: String,
    header: bool,
    encoding: Encoding,
}

impl LogText {
    /// Unpacks a file's bytes and finds the format: the header line if there is one, else
    /// `format` if given, else the default format if the first line fits it. An empty file has no
    /// records in the default format.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn from_bytes(bytes: &[u8], format: Option<&LogFormat>) -> Result<Self, ReadError> {
        let encoding = Encoding::of(bytes);
        let octets = match encoding {
            Encoding::Plain => bytes.to_vec(),
            Encoding::Gzip => gunzip(bytes, TEXT_BYTES_MAX)?,
            Encoding::Parquet => {
                let (format, text) = parquet::to_text(bytes, TEXT_BYTES_MAX)?;
                return Ok(Self {
                    format,
                    text,
                    header: false,
                    encoding,
                });
            }
        };
        let text = into_text(octets)?;
        let first = text.lines().next().unwrap_or_default();
        let named = header(first)?;
        let header = named.is_some();
        let format = match named.or_else(|| format.cloned()) {
            Some(format) => format,
            None => assume_default(first)?,
        };
        Ok(Self {
            format,
            text,
            header,
            encoding,
        })
    }

    /// The format of the lines.
    #[must_use]
    pub fn format(&self) -> &LogFormat {
        &self.format
    }

    /// What the file was. The numbers of lines are those of rows in Parquet.
    #[must_use]
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// The lines that hold records, header and blank lines left out, with their numbers from 1.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let numbered = self.text.lines().enumerate().skip(usize::from(self.header));
        numbered
            .map(|(index, line)| (index + 1, line))
            .filter(|(_, line)| !line.trim().is_empty())
    }

    /// The records with their line numbers from 1.
    pub fn records(&self) -> impl Iterator<Item = (usize, Result<Record<'_>, LineError>)> {
        self.lines()
            .map(|(number, line)| (number, parse_line(&self.format, line)))
    }

    /// Hands each record to `take` with its line number from 1, in the same room each time: three
    /// times as quick as [`LogText::records`].
    pub fn each_record<'a>(&'a self, mut take: impl FnMut(usize, Result<&Record<'a>, LineError>)) {
        let mut record = Record::new(&self.format);
        for (number, line) in self.lines() {
            match record.read(line) {
                Ok(()) => take(number, Ok(&record)),
                Err(error) => take(number, Err(error)),
            }
        }
    }

    /// All records as values.
    ///
    /// # Errors
    /// The first line that is no record: its number from 1, and why.
    pub fn to_flow_records(&self) -> Result<Vec<FlowRecord>, (usize, LineError)> {
        let mut record = Record::new(&self.format);
        let records = self.lines().map(|(number, line)| {
            let read = record.read(line).and_then(|()| record.to_flow_record());
            read.map_err(|error| (number, error))
        });
        records.collect()
    }
}

const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];

/// Unpacks gzip, all members of it, to `bytes_max` octets at most.
///
/// # Errors
/// [`ReadError::CutOff`], [`ReadError::Gzip`], [`ReadError::TooLarge`].
pub fn gunzip(bytes: &[u8], bytes_max: u64) -> Result<Vec<u8>, ReadError> {
    if let Some(unpacked) = gunzip_one(bytes, bytes_max) {
        return Ok(unpacked);
    }
    let mut unpacked = Vec::new();
    let mut decoder = MultiGzDecoder::new(bytes).take(bytes_max.saturating_add(1));
    let result = decoder.read_to_end(&mut unpacked);
    if unpacked.len() as u64 > bytes_max {
        return Err(ReadError::TooLarge);
    }
    if let Err(reason) = result {
        let lines = unpacked.iter().filter(|it| **it == b'\n').count();
        return Err(match reason.kind() {
            std::io::ErrorKind::UnexpectedEof => ReadError::CutOff { lines },
            _ => ReadError::Gzip { lines, reason },
        });
    }
    Ok(unpacked)
}

/// The quick way for a file that is one sound gzip member. `None` for anything else.
fn gunzip_one(bytes: &[u8], bytes_max: u64) -> Option<Vec<u8>> {
    let length = lone_gzip_member(bytes).filter(|length| *length as u64 <= bytes_max)?;
    let mut unpacked = vec![0; length];
    let mut decompressor = libdeflater::Decompressor::new();
    let written = decompressor.gzip_decompress(bytes, &mut unpacked).ok()?;
    (written == length).then_some(unpacked)
}

/// The length of the text of a file that is one gzip member, as AWS writes them: its last four
/// octets say it. If its first member unpacks to just that length, there is no other.
///
/// `None` if those octets cannot be that length, or if another member may follow.
#[must_use]
pub fn lone_gzip_member(bytes: &[u8]) -> Option<usize> {
    let ending: [u8; 4] = *bytes.last_chunk()?;
    let length = u32::from_le_bytes(ending) as usize;
    // Deflate makes at most 1032 octets of one.
    if length / 1032 > bytes.len() {
        return None;
    }
    // The magic number of a member behind the first would come right after the first one's length.
    let joint = [&ending[..], GZIP_MAGIC].concat();
    let other = memchr::memmem::find(bytes, &joint);
    other.is_none().then_some(length)
}

fn into_text(mut octets: Vec<u8>) -> Result<String, ReadError> {
    const BYTE_ORDER_MARK: &[u8] = &[0xef, 0xbb, 0xbf];
    if octets.starts_with(BYTE_ORDER_MARK) {
        octets.drain(..BYTE_ORDER_MARK.len());
    }
    String::from_utf8(octets).map_err(|error| {
        let sound = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + sound.iter().filter(|it| **it == b'\n').count();
        ReadError::NotText { line }
    })
}

/// The format that a header line names; `None` for a line of values.
fn header(first: &str) -> Result<Option<LogFormat>, ReadError> {
    match LogFormat::from_header(first) {
        Ok(format) => Ok(Some(format)),
        Err(error) => {
            let known = |word: &&str| Field::from_name(word).is_some();
            let words = first.split_whitespace().count();
            let fields = first.split_whitespace().filter(known).count();
            if fields * 2 > words {
                return Err(ReadError::Header(error));
            }
            Ok(None)
        }
    }
}

fn assume_default(first: &str) -> Result<LogFormat, ReadError> {
    let format = LogFormat::default();
    let fits = parse_line(&format, first).is_ok_and(|record| record.to_flow_record().is_ok());
    if fits || first.trim().is_empty() {
        return Ok(format);
    }
    let line = first.chars().take(80).collect();
    Err(ReadError::UnknownFormat { line })
}
