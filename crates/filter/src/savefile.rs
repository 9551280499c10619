//! Reading pcap and pcapng files, packet by packet, through libpcap.

use std::path::{Path, PathBuf};

use pcap::{Capture, Offline, Precision};
use wirelab_wire::link::LinkType;

/// A captured frame in a savefile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Nanoseconds since the Unix epoch. Files with microseconds give multiples of 1000.
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
    /// The file ends within a packet; those before it were read.
    #[error("`{}` ends in the middle of packet {}: {message}", path.display(), read + 1)]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Whole packets in front of the end.
        read: u64,
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
    /// A file that cannot be opened, is empty, cut within its header, or no savefile.
    pub fn open(path: &Path) -> Result<Self, SavefileError> {
        let capture = Capture::from_file_with_precision(path, Precision::Nano)
            .map_err(|error| open_error(path, &error))?;
        let number = u32::try_from(capture.get_datalink().0).unwrap_or(u32::MAX);
        let link = match number {
            // DLT_RAW by system; in files it is always LINKTYPE_RAW.
            12 | 14 => LinkType::RAW,
            other => LinkType(other),
        };
        Ok(Self {
            capture,
            path: path.to_owned(),
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

/// With nanosecond precision libpcap keeps nanoseconds in `tv_usec`.
fn nanos(seconds: impl TryInto<u64>, nanos: impl TryInto<u64>) -> u64 {
    let seconds = seconds.try_into().unwrap_or(0);
    let nanos = nanos.try_into().unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
}

fn message(error: &pcap::Error) -> String {
    match error {
        pcap::Error::PcapError(message) => message.clone(),
        other => other.to_string(),
    }
}

fn open_error(path: &Path, error: &pcap::Error) -> SavefileError {
    let path = path.to_owned();
    let message = message(error);
    if message.contains("tried to read 4 file header bytes, only got 0") {
        SavefileError::Empty { path }
    } else if message.contains("unknown file format") || message.contains("bad dump file format") {
        SavefileError::Format { path }
    } else if message.contains("no Interface Description Blocks") {
        let message = "it has no interface".to_owned();
        SavefileError::Truncated {
            path,
            read: 0,
            message,
        }
    } else if let Some(message) = message.strip_prefix(&format!("{}: ", path.display())) {
        let message = message.to_owned();
        SavefileError::Open { path, message }
    } else {
        read_error(&path, 0, error)
    }
}

fn read_error(path: &Path, read: u64, error: &pcap::Error) -> SavefileError {
    let path = path.to_owned();
    let message = message(error);
    if message.contains("truncated") {
        SavefileError::Truncated {
            path,
            read,
            message,
        }
    } else {
        SavefileError::Damaged {
            path,
            read,
            message,
        }
    }
}
