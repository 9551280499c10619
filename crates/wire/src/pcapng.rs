//! Next-generation savefiles: `draft-ietf-opsawg-pcapng`. They name each interface, tell sent from
//! received, and carry comments: the reason of a drop, for instructors.

use std::io::{self, BufWriter, Write};

use crate::Frame;
use crate::link::LinkType;
use crate::pcap::{cut, length_field};

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;
const INTERFACE_DESCRIPTION: u32 = 1;
const ENHANCED_PACKET: u32 = 6;

const OPTION_END: u16 = 0;
const OPTION_COMMENT: u16 = 1;
const SHB_USER_APPLICATION: u16 = 4;
const IF_NAME: u16 = 2;
const IF_DESCRIPTION: u16 = 3;
const IF_TIMESTAMP_RESOLUTION: u16 = 9;
const EPB_FLAGS: u16 = 2;

/// Stamps count units of 10^-9 seconds.
const NANOSECONDS: u8 = 9;
/// The longest value that an option's length field can say.
const OPTION_LIMIT: usize = 65535;

/// An interface of the file, as [`PcapngWriter::add_interface`] numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InterfaceIndex(u32);

/// What a packet block says about its packet beside the bytes.
#[derive(Clone, Copy, Debug)]
pub struct PacketNote<'a> {
    /// Where it was seen.
    pub interface: InterfaceIndex,
    /// When, in nanoseconds since the Unix epoch.
    pub at_nanos: u64,
    /// Whether the interface sent it; unknown if `None`.
    pub outbound: Option<bool>,
    /// Comments that Wireshark shows above the packet; each is cut at 65535 octets.
    pub comments: &'a [&'a str],
}

/// Writes a pcapng file to any sink: little endian, one section. Output is buffered: call
/// [`Self::flush`] where a reader waits.
#[derive(Debug)]
pub struct PcapngWriter<W: Write> {
    sink: BufWriter<W>,
    snaplen: u32,
    interfaces: u32,
    block: Vec<u8>,
    frame: Vec<u8>,
}

impl<W: Write> PcapngWriter<W> {
    /// Starts a file; frames longer than `snaplen` octets are cut.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn new(sink: W, snaplen: u32) -> io::Result<Self> {
        let mut writer = Self {
            sink: BufWriter::new(sink),
            snaplen,
            interfaces: 0,
            block: Vec::new(),
            frame: Vec::new(),
        };
        writer.begin(SECTION_HEADER);
        writer.put(&BYTE_ORDER_MAGIC.to_le_bytes());
        writer.put(&1_u16.to_le_bytes());
        writer.put(&0_u16.to_le_bytes());
        // Section length: not stated, as the file is written in one go.
        writer.put(&(-1_i64).to_le_bytes());
        writer.put_option(SHB_USER_APPLICATION, b"wirelab");
        writer.put_option(OPTION_END, b"");
        writer.end()?;
        Ok(writer)
    }

    /// Adds an Ethernet interface: `eni-0a..` or `db eth0` and, if useful, what it is.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn add_interface(
        &mut self,
        name: &str,
        description: Option<&str>,
    ) -> io::Result<InterfaceIndex> {
        let link = u16::try_from(LinkType::ETHERNET.0).expect("Ethernet is link type 1");
        let snaplen = self.snaplen;
        self.begin(INTERFACE_DESCRIPTION);
        self.put(&link.to_le_bytes());
        self.put(&[0, 0]);
        self.put(&snaplen.to_le_bytes());
        self.put_option(IF_NAME, name.as_bytes());
        if let Some(description) = description {
            self.put_option(IF_DESCRIPTION, description.as_bytes());
        }
        self.put_option(IF_TIMESTAMP_RESOLUTION, &[NANOSECONDS]);
        self.put_option(OPTION_END, b"");
        self.end()?;
        self.interfaces += 1;
        Ok(InterfaceIndex(self.interfaces - 1))
    }

    /// Writes a frame.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn write_frame(&mut self, note: PacketNote<'_>, frame: &Frame) -> io::Result<()> {
        let mut bytes = std::mem::take(&mut self.frame);
        bytes.clear();
        frame.write_to(&mut bytes);
        let result = self.write_packet(note, &bytes, bytes.len());
        self.frame = bytes;
        result
    }

    /// Writes the bytes of a frame that was `wire_len` octets long on the wire.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn write_bytes(
        &mut self,
        note: PacketNote<'_>,
        bytes: &[u8],
        wire_len: u32,
    ) -> io::Result<()> {
        self.write_packet(note, bytes, wire_len as usize)
    }

    fn write_packet(
        &mut self,
        note: PacketNote<'_>,
        bytes: &[u8],
        wire_len: usize,
    ) -> io::Result<()> {
        let captured = &bytes[..cut(bytes.len(), self.snaplen)];
        self.begin(ENHANCED_PACKET);
        self.put(&note.interface.0.to_le_bytes());
        self.put(&((note.at_nanos >> 32) as u32).to_le_bytes());
        self.put(&(note.at_nanos as u32).to_le_bytes());
        self.put(&length_field(captured.len()));
        self.put(&length_field(wire_len));
        self.put(captured);
        self.pad();
        self.put_packet_options(note);
        self.end()
    }

    fn put_packet_options(&mut self, note: PacketNote<'_>) {
        if note.outbound.is_none() && note.comments.is_empty() {
            return;
        }
        for comment in note.comments {
            self.put_option(OPTION_COMMENT, comment.as_bytes());
        }
        if let Some(outbound) = note.outbound {
            let direction = if outbound { 2_u32 } else { 1 };
            self.put_option(EPB_FLAGS, &direction.to_le_bytes());
        }
        self.put_option(OPTION_END, b"");
    }

    /// Hands everything to the sink.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }

    /// Hands everything to the sink and gives it back.
    ///
    /// # Errors
    /// Those of the sink.
    pub fn finish(self) -> io::Result<W> {
        self.sink
            .into_inner()
            .map_err(io::IntoInnerError::into_error)
    }

    fn begin(&mut self, block_type: u32) {
        self.block.clear();
        self.put(&block_type.to_le_bytes());
        self.put(&[0; 4]);
    }

    fn put(&mut self, bytes: &[u8]) {
        self.block.extend_from_slice(bytes);
    }

    fn pad(&mut self) {
        self.block.resize(self.block.len().next_multiple_of(4), 0);
    }

    fn put_option(&mut self, code: u16, value: &[u8]) {
        let value = &value[..value.len().min(OPTION_LIMIT)];
        let length = u16::try_from(value.len()).expect("an option is cut at 65535 octets");
        self.put(&code.to_le_bytes());
        self.put(&length.to_le_bytes());
        self.put(value);
        self.pad();
    }

    /// Sets the two length fields and writes the block.
    fn end(&mut self) -> io::Result<()> {
        let length = length_field(self.block.len() + 4);
        self.block[4..8].copy_from_slice(&length);
        self.put(&length);
        self.sink.write_all(&self.block)
    }
}
