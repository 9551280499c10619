//! The IP packets of a savefile, one after the other.

use std::fmt;
use std::path::Path;

use serde::Serialize;
use wirelab_filter::savefile::{self, Reader, SavefileError};
use wirelab_filter::{Filter, LinkType};
use wirelab_model::UnixTime;
use wirelab_wire::IpPacket;
use wirelab_wire::link::{self, LinkError};

use super::input::Input;
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
    /// The snap length cut it before the end of what a record needs: addresses, ports, TCP flags.
    pub(super) cut: u64,
    /// Headers that contradict themselves.
    pub(super) unreadable: u64,
    /// Captured after July 2554, which no flow log can say.
    pub(super) too_late: u64,
    /// Not kept by the filter.
    pub(super) filtered: u64,
}

/// A line, or nothing if nothing was skipped.
impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reasons = [
            (self.filtered, "not kept by the filter"),
            (self.not_ip, "not IP"),
            (self.cut, "cut before the end of the headers"),
            (self.unreadable, "damaged"),
            (self.too_late, "stamped after the year 2554"),
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
    pub(super) fn open(input: &Input, expression: Option<&str>) -> Result<Self, Failure> {
        let reader = Reader::open_as(input.path(), input.name()).map_err(savefile_failure)?;
        let link = reader.link();
        if let Err(LinkError::Unsupported(_)) = link::decode(link, &[]) {
            return Err(unsupported(input.name(), &reader));
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
                Err(Unread::Cut) => self.skipped.cut += 1,
                Err(Unread::Damaged) => self.skipped.unreadable += 1,
                Err(Unread::TooLate) => self.skipped.too_late += 1,
            }
        }
        Ok(())
    }
}

enum Unread {
    NotIp,
    Cut,
    Damaged,
    TooLate,
}

fn decode(
    link: LinkType,
    frame: &savefile::Packet<'_>,
    scratch: &mut Vec<u8>,
) -> Result<Packet, Unread> {
    let on_wire = frame.wire_len as usize;
    let decoded = match link::decode(link, frame.bytes) {
        Ok(decoded) => decoded,
        Err(LinkError::NotIp(_)) => return Err(Unread::NotIp),
        Err(_) if frame.bytes.len() < on_wire => return Err(Unread::Cut),
        Err(_) => return Err(Unread::Damaged),
    };
    if frame.at_nanos == u64::MAX {
        return Err(Unread::TooLate);
    }
    let header = frame.bytes.len() - decoded.packet.len();
    let whole = whole(decoded.packet, on_wire.saturating_sub(header), scratch)?;
    let ip = IpPacket::parse(whole).map_err(|_| Unread::Damaged)?;
    Ok(Packet {
        at: UnixTime::from_nanos(frame.at_nanos),
        ip,
    })
}

/// The packet with zeros for what the snap length cut off behind the headers: records need the
/// headers and the length alone, and nothing that is filled in may be taken for one of them.
fn whole<'a>(
    packet: &'a [u8],
    on_wire: usize,
    scratch: &'a mut Vec<u8>,
) -> Result<&'a [u8], Unread> {
    if packet.len() >= on_wire {
        return Ok(packet);
    }
    if needed(packet).is_none_or(|needed| packet.len() < needed.min(on_wire)) {
        return Err(Unread::Cut);
    }
    let length = on_wire.min(usize::from(u16::MAX) + 40);
    scratch.clear();
    scratch.extend_from_slice(packet);
    scratch.resize(length.max(packet.len()), 0);
    Ok(scratch)
}

/// Octets of TCP up to its flags.
const TCP_FLAGS_END: usize = 14;
/// Octets of UDP's ports.
const PORTS_END: usize = 4;
const IPV6_HEADER: usize = 40;

/// How many octets a record needs of a packet: its IP header and, except in later fragments, the
/// ports and TCP's flags. None if too few are there to tell.
fn needed(packet: &[u8]) -> Option<usize> {
    let (header, protocol, later_fragment) = match packet.first()? >> 4 {
        4 => {
            let fragment = u16::from_be_bytes([*packet.get(6)?, *packet.get(7)?]);
            let header = usize::from(packet[0] & 0x0f) * 4;
            (header, *packet.get(9)?, fragment & 0x1fff != 0)
        }
        6 => (IPV6_HEADER, *packet.get(6)?, false),
        _ => return Some(0),
    };
    let transport = match protocol {
        _ if later_fragment => 0,
        6 => TCP_FLAGS_END,
        17 => PORTS_END,
        _ => 0,
    };
    Some(header + transport)
}

fn unsupported(name: &Path, reader: &Reader) -> Failure {
    let message = format!(
        "`{}`: link type {} is not read",
        name.display(),
        reader.link_name()
    );
    Failure::usage(message).hint(format!("these are: {READ}"))
}

/// The link types that [`link::decode`] knows.
const READ: &str = "Ethernet (with VLAN tags), raw IP, Linux `any` (SLL and SLL2), BSD loopback";

fn compile(expression: &str, link: LinkType) -> Result<Filter, Failure> {
    Filter::compile(expression, link).map_err(filter_failure)
}

fn savefile_failure(error: SavefileError) -> Failure {
    let failure = Failure::usage(&error);
    match &error {
        SavefileError::Compressed { path, program } => failure.hint(format!(
            "{program} -dc {} | wirelab replay -",
            path.display()
        )),
        SavefileError::Format { .. } => failure.hint("`file FILE` says what it is"),
        SavefileError::Empty { .. } => {
            failure.hint("did the tcpdump that wrote it start at all? `-U` writes at once")
        }
        _ => failure,
    }
}
