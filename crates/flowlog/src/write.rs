//! Records to lines.
//!
//! A busy VPC has millions of records an hour, so that this is done in octets and by hand: room for
//! a line is made once, numbers go into it two digits at a time, IPv4 addresses from a table, and
//! nothing goes through `fmt` but IPv6.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};

use wirelab_model::{
    Flow, FlowAction, FlowDirection, FlowMetadata, FlowRecord, LogStatus, Place, SmolStr,
};

use crate::{Field, FieldType, LogFormat};

impl LogFormat {
    /// Appends the record as one line without a line end. What does not apply is `-`; a NODATA or
    /// SKIPDATA record has only version, account, interface, start, end and log status.
    pub fn write_line(&self, record: &FlowRecord, line: &mut String) {
        let mut octets = Vec::with_capacity(128);
        self.write_octets(record, &mut octets);
        // Every part of it was text.
        line.push_str(&String::from_utf8_lossy(&octets));
    }

    /// [`LogFormat::write_line`] for whoever gathers many lines: several times quicker.
    pub fn write_octets(&self, record: &FlowRecord, lines: &mut Vec<u8>) {
        let line = &mut Line::with_room(lines, self.fields().len());
        for field in self.fields() {
            let before = line.end;
            self.write_value(*field, record, line);
            if line.end == before {
                line.octet(b'-');
            }
            line.octet(b' ');
        }
        line.end -= 1;
    }

    /// One value as text; empty where the record has none.
    pub(crate) fn write_one(&self, field: Field, record: &FlowRecord, value: &mut Vec<u8>) {
        value.clear();
        self.write_value(field, record, &mut Line::with_room(value, 1));
    }

    /// Appends one value, or nothing where the record has none.
    #[inline]
    fn write_value(&self, field: Field, record: &FlowRecord, line: &mut Line<'_>) {
        if field.kind() == FieldType::Text {
            write_text(field, record, line);
        } else if let Some(value) = self.number(field, record) {
            line.number(value);
        }
    }

    /// The value of a field that is a number.
    #[inline]
    pub(crate) fn number(&self, field: Field, record: &FlowRecord) -> Option<u64> {
        match field {
            Field::Version => return Some(self.version().into()),
            Field::Start => return Some(record.start.as_secs()),
            Field::End => return Some(record.end.as_secs()),
            _ => {}
        }
        let flow = record.flow.as_ref()?;
        match field {
            Field::SrcPort => Some(flow.srcport.into()),
            Field::DstPort => Some(flow.dstport.into()),
            Field::Protocol => Some(flow.protocol.into()),
            Field::Packets => Some(flow.packets),
            Field::Bytes => Some(flow.bytes),
            Field::TcpFlags => Some(flow.tcp_flags.0.into()),
            Field::TrafficPath => flow.traffic_path.map(|path| path as u64),
            Field::EncryptionStatus => {
                let metadata = record.metadata.as_ref()?;
                metadata.encryption_status.map(u64::from)
            }
            _ => None,
        }
    }
}

#[inline]
fn write_text(field: Field, record: &FlowRecord, line: &mut Line<'_>) {
    match field {
        Field::AccountId => line.text(&record.account_id),
        Field::InterfaceId => line.text(record.interface_id.as_str()),
        Field::LogStatus => line.text(status(record.log_status)),
        _ => {
            if let Some(flow) = &record.flow
                && !write_flow(field, flow, line)
            {
                write_place(field, &record.place, line);
                if let Some(metadata) = &record.metadata {
                    write_metadata(field, metadata, line);
                }
            }
        }
    }
}

const fn status(status: LogStatus) -> &'static str {
    match status {
        LogStatus::Ok => "OK",
        LogStatus::NoData => "NODATA",
        LogStatus::SkipData => "SKIPDATA",
    }
}

/// Writes a text field of a flow; whether it is one.
#[inline]
fn write_flow(field: Field, flow: &Flow, line: &mut Line<'_>) -> bool {
    match field {
        Field::SrcAddr => line.address(flow.srcaddr),
        Field::DstAddr => line.address(flow.dstaddr),
        Field::Action => line.text(match flow.action {
            FlowAction::Accept => "ACCEPT",
            FlowAction::Reject => "REJECT",
        }),
        Field::Type => line.text(if flow.srcaddr.is_ipv4() {
            "IPv4"
        } else {
            "IPv6"
        }),
        Field::PktSrcAddr => line.address(flow.pkt_srcaddr),
        Field::PktDstAddr => line.address(flow.pkt_dstaddr),
        Field::PktSrcAwsService => line.some(flow.pkt_src_aws_service.as_deref()),
        Field::PktDstAwsService => line.some(flow.pkt_dst_aws_service.as_deref()),
        Field::FlowDirection => line.text(match flow.direction {
            FlowDirection::Ingress => "ingress",
            FlowDirection::Egress => "egress",
        }),
        _ => return false,
    }
    true
}

fn write_place(field: Field, place: &Place, line: &mut Line<'_>) {
    match field {
        Field::VpcId => line.some(place.vpc_id.as_ref().map(|it| it.as_str())),
        Field::SubnetId => line.some(place.subnet_id.as_ref().map(|it| it.as_str())),
        Field::InstanceId => line.some(place.instance_id.as_ref().map(|it| it.as_str())),
        Field::Region => line.text(&place.region),
        Field::AzId => line.some(place.az_id.as_deref()),
        _ => {}
    }
}

fn write_metadata(field: Field, metadata: &FlowMetadata, line: &mut Line<'_>) {
    let hop = &metadata.next_hop;
    match field {
        Field::RejectReason => line.some(metadata.reject_reason.as_deref()),
        Field::ResourceId => line.some(metadata.resource_id.as_deref()),
        Field::InstanceTag => line.tag(metadata.instance_tags[0].as_ref()),
        Field::InstanceTag2 => line.tag(metadata.instance_tags[1].as_ref()),
        Field::InterfaceTag => line.tag(metadata.interface_tags[0].as_ref()),
        Field::InterfaceTag2 => line.tag(metadata.interface_tags[1].as_ref()),
        Field::AsgTag => line.tag(metadata.asg_tags[0].as_ref()),
        Field::AsgTag2 => line.tag(metadata.asg_tags[1].as_ref()),
        Field::InterfaceType => line.some(metadata.interface_type.as_deref()),
        Field::NextHopInterfaceId => line.some(hop.interface_id.as_ref().map(|it| it.as_str())),
        Field::NextHopSubnetId => line.some(hop.subnet_id.as_ref().map(|it| it.as_str())),
        Field::NextHopAzId => line.some(hop.az_id.as_deref()),
        Field::NextHopVpcId => line.some(hop.vpc_id.as_ref().map(|it| it.as_str())),
        Field::NextHopInterfaceType => line.some(hop.interface_type.as_deref()),
        _ => {}
    }
}

/// The most octets that a value of a record takes, and the space after it: an IPv6 address. Texts
/// make room for themselves.
const ROOM: usize = 64;

/// A line at the end of a vector that has room behind it: what is written last is cut off when it
/// is dropped.
struct Line<'a> {
    octets: &'a mut Vec<u8>,
    end: usize,
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        self.octets.truncate(self.end);
    }
}

impl<'a> Line<'a> {
    /// Begins a line of so many values.
    #[inline]
    fn with_room(octets: &'a mut Vec<u8>, values: usize) -> Self {
        let end = octets.len();
        octets.resize(end + ROOM * (values + 1), 0);
        Self { octets, end }
    }

    #[inline]
    fn octet(&mut self, octet: u8) {
        self.octets[self.end] = octet;
        self.end += 1;
    }

    #[inline]
    fn text(&mut self, value: &str) {
        if value.len() > ROOM / 2 {
            // It takes the room of what comes after it.
            let longer = self.octets.len() + value.len();
            self.octets.resize(longer, 0);
        }
        self.octets[self.end..self.end + value.len()].copy_from_slice(value.as_bytes());
        self.end += value.len();
    }

    #[inline]
    fn some(&mut self, value: Option<&str>) {
        if let Some(value) = value {
            self.text(value);
        }
    }

    /// A tag's value: everything but letters and digits as `%2D` (the user guide's `my%2Dapp`).
    fn tag(&mut self, value: Option<&SmolStr>) {
        let mut encoded = String::new();
        for octet in value.map_or(&[][..], |it| it.as_bytes()) {
            if octet.is_ascii_alphanumeric() {
                encoded.push(char::from(*octet));
            } else {
                write!(encoded, "%{octet:02X}").expect("writing to a String cannot fail");
            }
        }
        self.text(&encoded);
    }

    #[inline]
    fn number(&mut self, mut value: u64) {
        let start = self.end;
        self.end += digits(value);
        let mut at = self.end;
        while value >= 100 {
            at -= 2;
            self.octets[at..at + 2].copy_from_slice(&PAIRS[(value % 100) as usize]);
            value /= 100;
        }
        if value >= 10 {
            self.octets[start..start + 2].copy_from_slice(&PAIRS[value as usize]);
        } else {
            self.octets[start] = b'0' + value as u8;
        }
    }

    #[inline]
    fn address(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(address) => self.address_v4(address),
            IpAddr::V6(address) => self.text(&address.to_string()),
        }
    }

    #[inline]
    fn address_v4(&mut self, address: Ipv4Addr) {
        for octet in address.octets() {
            let (digits, length) = OCTETS[usize::from(octet)];
            self.octets[self.end..self.end + 4].copy_from_slice(&digits);
            self.end += usize::from(length);
        }
        self.end -= 1;
    }
}

/// How many decimal digits a number has.
#[inline]
const fn digits(value: u64) -> usize {
    /// The powers of ten that a `u64` holds.
    const POWERS: [u64; 20] = {
        let mut powers = [1; 20];
        let mut at = 1;
        while at < powers.len() {
            powers[at] = powers[at - 1] * 10;
            at += 1;
        }
        powers
    };
    // 1233 / 4096 is the logarithm of 2, near enough; the power of ten says which side it is.
    let bits = 64 - (value | 1).leading_zeros() as usize;
    let about = (bits * 1233) >> 12;
    about + ((value | 1) >= POWERS[about]) as usize
}

/// `00` to `99`.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut n = 0;
    while n < 100 {
        pairs[n] = [b'0' + (n / 10) as u8, b'0' + (n % 10) as u8];
        n += 1;
    }
    pairs
};

/// `0.` to `255.`, and the length of each.
const OCTETS: [([u8; 4], u8); 256] = {
    let mut octets = [([b'.'; 4], 0); 256];
    let mut n = 0;
    while n < 256 {
        let (hundreds, tens, ones) = (n / 100, n / 10 % 10, n % 10);
        let digits = [b'0' + hundreds as u8, b'0' + tens as u8, b'0' + ones as u8];
        let length = if hundreds > 0 {
            3
        } else if tens > 0 {
            2
        } else {
            1
        };
        let mut at = 0;
        while at < length {
            octets[n].0[at] = digits[3 - length + at];
            at += 1;
        }
        octets[n].1 = length as u8 + 1;
        n += 1;
    }
    octets
};

#[cfg(test)]
mod tests {
    use super::*;

    fn line(write: impl FnOnce(&mut Line<'_>)) -> String {
        let mut octets = b"before ".to_vec();
        write(&mut Line::with_room(&mut octets, 1));
        let text = String::from_utf8(octets).expect("text");
        text.strip_prefix("before ").expect("as it was").to_owned()
    }

    #[test]
    fn long_texts_make_room_for_themselves() {
        let long = "x".repeat(1000);
        let written = line(|line| {
            line.text(&long);
            line.octet(b' ');
            line.tag(Some(&"-".repeat(100).into()));
            line.number(u64::MAX);
        });
        assert_eq!(written, format!("{long} {}{}", "%2D".repeat(100), u64::MAX));
    }

    #[test]
    fn numbers_and_addresses_are_written_as_fmt_writes_them() {
        let edges = (0..20).flat_map(|power| {
            let ten = 10_u64.pow(power);
            [ten - 1, ten, ten + 1, ten / 3 * 5]
        });
        for value in edges.chain([u64::MAX, u64::from(u32::MAX)]) {
            let written = line(|line| line.number(value));
            assert_eq!(written, value.to_string());
        }
        for bits in (0..1 << 16).map(|n: u32| n.wrapping_mul(0x9e37_79b1)) {
            let value = Ipv4Addr::from(bits);
            assert_eq!(line(|line| line.address_v4(value)), value.to_string());
        }
    }
}
