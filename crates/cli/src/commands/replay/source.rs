//! The IP packets of a savefile, one after the other.

use std::fmt;
use std::path::Path;

use serde::Serialize;
use wirelab_filter::savefile::{self, Reader, SavefileError};
use wirelab_filter::{Filter, LinkType};
use wirelab_model::UnixTime;
use wirelab_wire::IpPacket;
use wirelab_wire::link::{self, LinkError};

use crate::failure::{Failure, filter_failure};

/// An IP packet and when it was captured.
pub(super) struct Packet {
    pub(super) at: UnixTime,
    pub(super) ip: IpPacket,
}

/// Frames that give no packet, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Skipped {
    /// ARP and the like.
    pub(super) not_ip: u64,
    /// Cut before the end of its IP header, or headers that contradict themselves.
    pub(super) unreadable: u64,
    /// Not kept by the filter.
    pub(super) filtered: u64,
}

/// A line, or nothing if nothing was skipped.
impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reasons = [
            (self.filtered, "not kept by the filter"),
            (self.not_ip, "not IP"),
            (
                self.unreadable,
                "cut or damaged before the end of the headers",
            ),
        ];
        let told = reasons.iter().filter(|(count, _)| *count > 0);
        let told: Vec<_> = told.map(|(count, why)| format!("{count} {why}")).collect();
        if told.is_empty() {
            return Ok(());
        }
        writeln!(f, "left out: {}", told.join(", "))
    }
}

/// A savefile being read.
pub(super) struct Source {
    reader: Reader,
    filter: Option<Filter>,
    skipped: Skipped,
    scratch: Vec<u8>,
}

impl Source {
    pub(super) fn open(path: &Path, expression: Option<&str>) -> Result<Self, Failure> {
        if path.as_os_str() == "-" {
            return Err(Failure::usage("the standard input cannot be read twice")
                .hint("write it to a file first: `tcpdump ... -w FILE`"));
        }
        if path.is_dir() {
            return Err(Failure::usage(format!("`{}` is a folder", path.display())));
        }
        let reader = Reader::open(path).map_err(savefile_failure)?;
        let link = reader.link();
        if let Err(error @ LinkError::Unsupported(_)) = link::decode(link, &[]) {
            return Err(Failure::usage(format!("`{}`: {error}", path.display())));
        }
        let filter = expression.map(|text| compile(text, link)).transpose()?;
        Ok(Self {
            reader,
            filter,
            skipped: Skipped::default(),
            scratch: Vec::new(),
        })
    }

    pub(super) const fn link(&self) -> LinkType {
        self.reader.link()
    }

    pub(super) const fn skipped(&self) -> Skipped {
        self.skipped
    }

    /// Gives every IP packet to `take`, until the end, the first damage, or its error.
    pub(super) fn each(
        &mut self,
        mut take: impl FnMut(&Packet) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let link = self.reader.link();
        while let Some(frame) = self.reader.next_packet().map_err(savefile_failure)? {
            let kept = self
                .filter
                .as_ref()
                .is_none_or(|it| it.matches(frame.bytes, frame.wire_len));
            if !kept {
                self.skipped.filtered += 1;
                continue;
            }
            match decode(link, &frame, &mut self.scratch) {
                Ok(packet) => take(&packet)?,
                Err(Unread::NotIp) => self.skipped.not_ip += 1,
                Err(Unread::Damaged) => self.skipped.unreadable += 1,
            }
        }
        Ok(())
    }
}

enum Unread {
    NotIp,
    Damaged,
}

fn decode(
    link: LinkType,
    frame: &savefile::Packet<'_>,
    scratch: &mut Vec<u8>,
) -> Result<Packet, Unread> {
    let decoded = match link::decode(link, frame.bytes) {
        Ok(decoded) => decoded,
        Err(LinkError::NotIp(_)) => return Err(Unread::NotIp),
        Err(_) => return Err(Unread::Damaged),
    };
    let header = frame.bytes.len() - decoded.packet.len();
    let on_wire = (frame.wire_len as usize).saturating_sub(header);
    let whole = whole(decoded.packet, on_wire, scratch).ok_or(Unread::Damaged)?;
    let ip = IpPacket::parse(whole).map_err(|_| Unread::Damaged)?;
    Ok(Packet {
        at: UnixTime::from_nanos(frame.at_nanos),
        ip,
    })
}

/// Octets of headers that must be there: IP, and TCP's flags.
const WORTH_READING: usize = 20;

/// The packet with the octets that the snap length cut off as zeros: records need its headers and
/// its length alone.
fn whole<'a>(packet: &'a [u8], on_wire: usize, scratch: &'a mut Vec<u8>) -> Option<&'a [u8]> {
    if packet.len() >= on_wire || packet.len() < WORTH_READING {
        return (packet.len() >= WORTH_READING).then_some(packet);
    }
    let length = on_wire.min(usize::from(u16::MAX) + 40);
    scratch.clear();
    scratch.extend_from_slice(packet);
    scratch.resize(length.max(packet.len()), 0);
    Some(scratch)
}

fn compile(expression: &str, link: LinkType) -> Result<Filter, Failure> {
    Filter::compile(expression, link).map_err(filter_failure)
}

fn savefile_failure(error: SavefileError) -> Failure {
    let failure = Failure::usage(&error);
    match error {
        SavefileError::Format { .. } => failure.hint("`file FILE` says what it is"),
        SavefileError::Empty { .. } => {
            failure.hint("did the tcpdump that wrote it start at all? `-U` writes at once")
        }
        _ => failure,
    }
}
