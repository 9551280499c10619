//! Reading pcap and pcapng files, packet by packet, through libpcap.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use pcap::{Capture, Offline, Precision};
use wirelab_wire::link::LinkType;

/// A captured frame in a savefile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Nanoseconds since the Unix epoch. Files with microseconds give multiples of 1000; moments
    /// after July 2554, which only pcapng can say, are [`u64::MAX`].
    pub at_nanos: u64,
    /// Octets on the wire.
    pub wire_len: u32,
    /// What was captured of them.
    pub bytes: &'a [u8],
}

/// Why a savefile cannot be read, or not further.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SavefileError {
    /// The file does not exist or may not be read.
    #[error("cannot open `{}`: {message}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The system's message.
        message: String,
    },
    /// The file holds nothing at all.
    #[error("`{}` is empty; a capture without packets still has a header", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The file is something else.
    #[error("`{}` is neither a pcap nor a pcapng file", path.display())]
    Format {
        /// The file.
        path: PathBuf,
    },
    /// The file is compressed.
    #[error("`{}` is compressed with {program}", path.display())]
    Compressed {
        /// The file.
        path: PathBuf,
        /// The program that made it, which with `-dc` writes the capture to its standard output.
        program: &'static str,
    },
    /// The file ends within a packet, or within the file's own header; packets before the end were
    /// read.
    #[error(
        "`{}` ends in the middle of {}: {message}",
        path.display(),
        if *in_header { "its file header".to_owned() } else { format!("packet {}", read + 1) }
    )]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Whole packets in front of the end.
        read: u64,
        /// Whether it ends before the first packet could begin.
        in_header: bool,
        /// libpcap's message.
        message: String,
    },
    /// A header that contradicts itself.
    #[error("`{}` is damaged after packet {read}: {message}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Whole packets in front of the damage.
        read: u64,
        /// libpcap's message.
        message: String,
    },
}

/// A savefile, read from front to back in bounded memory.
pub struct Reader {
    capture: Capture<Offline>,
    path: PathBuf,
    link: LinkType,
    read: u64,
    ended: bool,
}

impl Reader {
    /// Opens a file; `-` is the standard input.
    ///
    /// # Errors
    /// A file that cannot be opened, is empty, compressed, cut within its header, or no savefile.
    pub fn open(path: &Path) -> Result<Self, SavefileError> {
        Self::open_as(path, path)
    }

    /// Opens a file that errors call `name`: a copy of what came through a pipe.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_as(path: &Path, name: &Path) -> Result<Self, SavefileError> {
        let capture = Capture::from_file_with_precision(path, Precision::Nano)
            .map_err(|error| open_error(path, name, &error))?;
        let number = u32::try_from(capture.get_datalink().0).unwrap_or(u32::MAX);
        let link = match number {
            // DLT_RAW by system; in files it is always LINKTYPE_RAW.
            12 | 14 => LinkType::RAW,
            other => LinkType(other),
        };
        Ok(Self {
            capture,
            path: name.to_owned(),
            link,
            read: 0,
            ended: false,
        })
    }

    /// The link type of every packet in the file. Whether it can be decoded is
    /// [`wirelab_wire::link::decode`]'s to say.
    #[must_use]
    pub const fn link(&self) -> LinkType {
        self.link
    }

    /// libpcap's name and description of the link type, `IEEE802_11 (802.11)`; its number where
    /// libpcap has none.
    #[must_use]
    pub fn link_name(&self) -> String {
        let link = self.capture.get_datalink();
        match (link.get_name(), link.get_description()) {
            (Ok(name), Ok(description)) => format!("{name} ({description})"),
            _ => link.0.to_string(),
        }
    }

    /// Packets read so far.
    #[must_use]
    pub const fn read(&self) -> u64 {
        self.read
    }

    /// The next packet; `None` at the end of the file, and ever after an error.
    ///
    /// # Errors
    /// A file that ends within a packet or is damaged; the packets in front were given.
    pub fn next_packet(&mut self) -> Result<Option<Packet<'_>>, SavefileError> {
        if self.ended {
            return Ok(None);
        }
        match self.capture.next_packet() {
            Ok(packet) => {
                self.read += 1;
                Ok(Some(Packet {
                    at_nanos: nanos(packet.header.ts.tv_sec, packet.header.ts.tv_usec),
                    wire_len: packet.header.len,
                    bytes: packet.data,
                }))
            }
            Err(error) => {
                self.ended = true;
                match error {
                    pcap::Error::NoMorePackets => Ok(None),
                    error => Err(read_error(&self.path, self.read, &error)),
                }
            }
        }
    }
}

/// With nanosecond precision libpcap keeps nanoseconds in `tv_usec`. It takes the unsigned seconds
/// of classic files as signed: those from 2038 on come as negative ones.
fn nanos(seconds: impl Into<i64>, nanos: impl TryInto<u64>) -> u64 {
    let seconds = seconds.into();
    let seconds = match i32::try_from(seconds) {
        Ok(signed) => u64::from(signed.cast_unsigned()),
        Err(_) => u64::try_from(seconds).unwrap_or(u64::MAX),
    };
    let nanos = nanos.try_into().unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
}

fn message(error: &pcap::Error) -> String {
    match error {
        pcap::Error::PcapError(message) => message.clone(),
        other => other.to_string(),
    }
}

fn open_error(path: &Path, name: &Path, error: &pcap::Error) -> SavefileError {
    let message = message(error);
    if message.contains("tried to read 4 file header bytes, only got 0") {
        SavefileError::Empty {
            path: name.to_owned(),
        }
    } else if message.contains("unknown file format") || message.contains("bad dump file format") {
        no_savefile(path, name)
    } else if message.contains("no Interface Description Blocks") {
        truncated(
            name,
            0,
            true,
            "it has no interface, so no packets".to_owned(),
        )
    } else if message.contains("truncated") {
        truncated(name, 0, true, message)
    } else if let Some(message) = message.strip_prefix(&format!("{}: ", path.display())) {
        SavefileError::Open {
            path: name.to_owned(),
            message: message.to_owned(),
        }
    } else {
        read_error(name, 0, error)
    }
}

/// First octets of compressed files, and the program that undoes it.
const COMPRESSED: [(&[u8], &str); 4] = [
    (&[0x1f, 0x8b], "gzip"),
    (&[0x28, 0xb5, 0x2f, 0xfd], "zstd"),
    (&[0xfd, b'7', b'z', b'X', b'Z'], "xz"),
    (b"BZh", "bzip2"),
];

fn no_savefile(path: &Path, name: &Path) -> SavefileError {
    let mut start = Vec::new();
    if let Ok(file) = File::open(path) {
        file.take(8).read_to_end(&mut start).ok();
    }
    let path = name.to_owned();
    match COMPRESSED
        .iter()
        .find(|(magic, _)| start.starts_with(magic))
    {
        Some((_, program)) => SavefileError::Compressed { path, program },
        None => SavefileError::Format { path },
    }
}

fn read_error(path: &Path, read: u64, error: &pcap::Error) -> SavefileError {
    let message = message(error);
    if message.contains("truncated") {
        return truncated(path, read, false, message);
    }
    SavefileError::Damaged {
        path: path.to_owned(),
        read,
        message,
    }
}

fn truncated(path: &Path, read: u64, in_header: bool, message: String) -> SavefileError {
    SavefileError::Truncated {
        path: path.to_owned(),
        read,
        in_header,
        message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(bytes: &[u8]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), bytes).expect("room for a file");
        file
    }

    /// A classic header of link type `link`.
    fn header(link: u8) -> Vec<u8> {
        let mut header = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        header.extend([0, 0, 4, 0, link, 0, 0, 0]);
        header
    }

    fn refusal(bytes: &[u8]) -> String {
        let file = written(bytes);
        let refused = Reader::open_as(file.path(), Path::new("x")).err();
        refused.expect("refused").to_string()
    }

    #[test]
    fn seconds_of_classic_files_are_unsigned_and_those_after_2554_are_the_last() {
        let mut bytes = header(1);
        for seconds in [0x7fff_ffff_u32, 0x8000_0000, u32::MAX] {
            bytes.extend(seconds.to_le_bytes());
            bytes.extend([0; 4]);
            bytes.extend([1, 0, 0, 0, 1, 0, 0, 0, 7]);
        }
        let file = written(&bytes);
        let mut reader = Reader::open(file.path()).expect("a savefile");
        for seconds in [0x7fff_ffff_u64, 0x8000_0000, 0xffff_ffff] {
            let packet = reader.next_packet().expect("whole").expect("a packet");
            assert_eq!(packet.at_nanos / 1_000_000_000, seconds);
        }
        assert_eq!(nanos(20_000_000_000_i64, 5), u64::MAX);
    }

    #[test]
    fn what_cannot_be_read_is_called_by_its_name() {
        let cut = refusal(&header(1)[..20]);
        assert!(
            cut.starts_with("`x` ends in the middle of its file header"),
            "{cut}"
        );
        let gzip = refusal(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0]);
        assert_eq!(gzip, "`x` is compressed with gzip");
        let wireless = written(&header(105));
        let reader = Reader::open(wireless.path()).expect("a savefile");
        assert!(
            reader.link_name().starts_with("IEEE802_11 ("),
            "{}",
            reader.link_name()
        );
    }
}
