//! Classic savefiles: `draft-ietf-opsawg-pcap`, Ethernet, nanoseconds, little endian.

use std::io::{self, Write};

use crate::LinkFrame;
use crate::link::LinkType;

/// The magic number of files whose stamps are in nanoseconds.
const MAGIC_NANOSECONDS: u32 = 0xa1b2_3c4d;

/// The snapshot length that tcpdump asks for when nothing is said: 256 KiB.
pub const DEFAULT_SNAPLEN: u32 = 262_144;

/// Octets that are gathered before they go to the sink.
const BUFFER: usize = 262_144;

/// Writes a pcap savefile to any sink. Output is gathered: call [`Self::flush`] where a reader
/// waits, [`Self::finish`] at the end.
#[derive(Debug)]
pub struct PcapWriter<W: Write> {
    sink: W,
    snaplen: u32,
    /// Frames are made into bytes where they leave from.
    gathered: Vec<u8>,
}

impl<W: Write> PcapWriter<W> {
    /// Starts an Ethernet file; frames longer than `snaplen` octets are cut.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn new(sink: W, snaplen: u32) -> io::Result<Self> {
        let mut header = [0; 24];
        header[..4].copy_from_slice(&MAGIC_NANOSECONDS.to_le_bytes());
        header[4..6].copy_from_slice(&2_u16.to_le_bytes());
        header[6..8].copy_from_slice(&4_u16.to_le_bytes());
        header[16..20].copy_from_slice(&snaplen.to_le_bytes());
        header[20..].copy_from_slice(&LinkType::ETHERNET.0.to_le_bytes());
        Ok(Self {
            sink,
            snaplen,
            gathered: header.to_vec(),
        })
    }

    /// Writes a frame captured `at_nanos` after the Unix epoch.
    ///
    /// # Errors
    /// Those of the sink; a moment after the year 2106, which the format cannot say.
    pub fn write_frame(&mut self, at_nanos: u64, frame: &LinkFrame) -> io::Result<()> {
        let length = frame.wire_len();
        let cut = cut(length, self.snaplen);
        let header = record_header(at_nanos, cut, length)?;
        self.gathered.extend_from_slice(&header);
        let start = self.gathered.len();
        frame.write_to(&mut self.gathered);
        self.gathered.truncate(start + cut);
        self.hand_over(BUFFER)
    }

    /// Writes the bytes of a frame that was `wire_len` octets long on the wire.
    ///
    /// # Errors
    /// As [`Self::write_frame`].
    pub fn write_bytes(&mut self, at_nanos: u64, bytes: &[u8], wire_len: u32) -> io::Result<()> {
        let cut = cut(bytes.len(), self.snaplen);
        let header = record_header(at_nanos, cut, wire_len as usize)?;
        self.gathered.extend_from_slice(&header);
        self.gathered.extend_from_slice(&bytes[..cut]);
        self.hand_over(BUFFER)
    }

    /// Hands everything to the sink.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn flush(&mut self) -> io::Result<()> {
        self.hand_over(1)?;
        self.sink.flush()
    }

    /// Hands everything to the sink and gives it back.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn finish(mut self) -> io::Result<W> {
        self.hand_over(1)?;
        Ok(self.sink)
    }

    /// Gives the sink what was gathered, if it is so many octets.
    fn hand_over(&mut self, least: usize) -> io::Result<()> {
        if self.gathered.len() < least {
            return Ok(());
        }
        let given = self.sink.write_all(&self.gathered);
        self.gathered.clear();
        given
    }
}

fn record_header(at_nanos: u64, cut: usize, length: usize) -> io::Result<[u8; 16]> {
    let seconds = u32::try_from(at_nanos / 1_000_000_000).map_err(|_| too_late())?;
    let nanos = (at_nanos % 1_000_000_000) as u32;
    let mut header = [0; 16];
    header[..4].copy_from_slice(&seconds.to_le_bytes());
    header[4..8].copy_from_slice(&nanos.to_le_bytes());
    header[8..12].copy_from_slice(&length_field(cut));
    header[12..].copy_from_slice(&length_field(length));
    Ok(header)
}

pub(crate) fn cut(length: usize, snaplen: u32) -> usize {
    length.min(usize::try_from(snaplen).unwrap_or(usize::MAX))
}

pub(crate) fn length_field(length: usize) -> [u8; 4] {
    u32::try_from(length)
        .expect("a frame is below 4 GiB")
        .to_le_bytes()
}

fn too_late() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        "a pcap file cannot hold a moment after the year 2106",
    )
}
