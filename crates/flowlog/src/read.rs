//! Reading whole log files: text or gzip, with or without a header line.

use std::io::Read as _;

use flate2::read::MultiGzDecoder;

use crate::{LineError, LogFormat, Record, parse_line};

/// The most text that one file may unpack to, in bytes: AWS closes files at 75 MB, and a gzip of
/// zeros can claim a thousand times its size.
pub const TEXT_BYTES_MAX: u64 = 1 << 30;

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The gzip layer is damaged.
    #[error("the gzip data is damaged: {0}")]
    Gzip(#[from] std::io::Error),
    /// More than [`TEXT_BYTES_MAX`].
    #[error("the file unpacks to more than {TEXT_BYTES_MAX} bytes")]
    TooLarge,
    /// Not UTF-8; a Parquet file, for example.
    #[error("the file is not text{hint}")]
    NotText {
        /// What it seems to be instead.
        hint: &'static str,
    },
    /// No header line, and not the 14 values of the default format.
    #[error(
        "the first line is neither a header nor a record of the default format: `{line}`; \
         name the format, such as `${{version}} ${{srcaddr}}`"
    )]
    UnknownFormat {
        /// The line, shortened.
        line: String,
    },
}

/// A log file's text and format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogText {
    format: LogFormat,
    text: String,
    header: bool,
}

impl LogText {
    /// Unpacks a file's bytes and finds the format: the header line if there is one, else
    /// `format` if given, else the default format if the first line fits it. An empty file has no
    /// records in the default format.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn from_bytes(bytes: &[u8], format: Option<&LogFormat>) -> Result<Self, ReadError> {
        let text = unpack(bytes)?;
        let first = text.lines().next().unwrap_or_default();
        let named = LogFormat::from_header(first).ok();
        let header = named.is_some();
        let format = match named.or_else(|| format.cloned()) {
            Some(format) => format,
            None => assume_default(first)?,
        };
        Ok(Self {
            format,
            text,
            header,
        })
    }

    /// The format of the lines.
    #[must_use]
    pub fn format(&self) -> &LogFormat {
        &self.format
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
}

fn unpack(bytes: &[u8]) -> Result<String, ReadError> {
    let mut unpacked = Vec::new();
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut decoder = MultiGzDecoder::new(bytes).take(TEXT_BYTES_MAX + 1);
        decoder.read_to_end(&mut unpacked)?;
    } else {
        unpacked.extend_from_slice(bytes);
    }
    if unpacked.len() as u64 > TEXT_BYTES_MAX {
        return Err(ReadError::TooLarge);
    }
    let hint = if unpacked.starts_with(b"PAR1") {
        "; it is a Parquet file"
    } else {
        ""
    };
    String::from_utf8(unpacked).map_err(|_| ReadError::NotText { hint })
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
