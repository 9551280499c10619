//! Records to lines.
//!
//! A busy VPC has millions of records an hour, so that this is done in octets and by hand:
//! numbers two digits at a time, IPv4 addresses from a table, nothing through `fmt` but IPv6.

use std::fmt::Display;
use std::io::Write as _;
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
    pub fn write_octets(&self, record: &FlowRecord, line: &mut Vec<u8>) {
        for field in self.fields() {
            let before = line.len();
            self.write_value(*field, record, line);
            if line.len() == before {
                line.push(b'-');
            }
            line.push(b' ');
        }
        line.pop();
    }

    /// Appends one value, or nothing where the record has none.
    #[inline]
    pub(crate) fn write_value(&self, field: Field, record: &FlowRecord, line: &mut Vec<u8>) {
        if field.kind() == FieldType::Text {
            write_text(field, record, line);
        } else if let Some(value) = self.number(field, record) {
            number(line, value);
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
fn write_text(field: Field, record: &FlowRecord, line: &mut Vec<u8>) {
    match field {
        Field::AccountId => text(line, &record.account_id),
        Field::InterfaceId => text(line, record.interface_id.as_str()),
        Field::LogStatus => text(line, status(record.log_status)),
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
fn write_flow(field: Field, flow: &Flow, line: &mut Vec<u8>) -> bool {
    match field {
        Field::SrcAddr => address(line, flow.srcaddr),
        Field::DstAddr => address(line, flow.dstaddr),
        Field::Action => text(
            line,
            match flow.action {
                FlowAction::Accept => "ACCEPT",
                FlowAction::Reject => "REJECT",
            },
        ),
        Field::Type => text(
            line,
            if flow.srcaddr.is_ipv4() {
                "IPv4"
            } else {
                "IPv6"
            },
        ),
        Field::PktSrcAddr => address(line, flow.pkt_srcaddr),
        Field::PktDstAddr => address(line, flow.pkt_dstaddr),
        Field::PktSrcAwsService => some(line, flow.pkt_src_aws_service.as_deref()),
        Field::PktDstAwsService => some(line, flow.pkt_dst_aws_service.as_deref()),
        Field::FlowDirection => text(
            line,
            match flow.direction {
                FlowDirection::Ingress => "ingress",
                FlowDirection::Egress => "egress",
            },
        ),
        _ => return false,
    }
    true
}

fn write_place(field: Field, place: &Place, line: &mut Vec<u8>) {
    match field {
        Field::VpcId => some(line, place.vpc_id.as_ref().map(|it| it.as_str())),
        Field::SubnetId => some(line, place.subnet_id.as_ref().map(|it| it.as_str())),
        Field::InstanceId => some(line, place.instance_id.as_ref().map(|it| it.as_str())),
        Field::Region => text(line, &place.region),
        Field::AzId => some(line, place.az_id.as_deref()),
        _ => {}
    }
}

fn write_metadata(field: Field, metadata: &FlowMetadata, line: &mut Vec<u8>) {
    let hop = &metadata.next_hop;
    match field {
        Field::RejectReason => some(line, metadata.reject_reason.as_deref()),
        Field::ResourceId => some(line, metadata.resource_id.as_deref()),
        Field::InstanceTag => tag(line, metadata.instance_tags[0].as_ref()),
        Field::InstanceTag2 => tag(line, metadata.instance_tags[1].as_ref()),
        Field::InterfaceTag => tag(line, metadata.interface_tags[0].as_ref()),
        Field::InterfaceTag2 => tag(line, metadata.interface_tags[1].as_ref()),
        Field::AsgTag => tag(line, metadata.asg_tags[0].as_ref()),
        Field::AsgTag2 => tag(line, metadata.asg_tags[1].as_ref()),
        Field::InterfaceType => some(line, metadata.interface_type.as_deref()),
        Field::NextHopInterfaceId => some(line, hop.interface_id.as_ref().map(|it| it.as_str())),
        Field::NextHopSubnetId => some(line, hop.subnet_id.as_ref().map(|it| it.as_str())),
        Field::NextHopAzId => some(line, hop.az_id.as_deref()),
        Field::NextHopVpcId => some(line, hop.vpc_id.as_ref().map(|it| it.as_str())),
        Field::NextHopInterfaceType => some(line, hop.interface_type.as_deref()),
        _ => {}
    }
}

#[inline]
fn text(line: &mut Vec<u8>, value: &str) {
    line.extend_from_slice(value.as_bytes());
}

fn some(line: &mut Vec<u8>, value: Option<&str>) {
    if let Some(value) = value {
        text(line, value);
    }
}

/// A tag's value: everything but letters and digits as `%2D` (the user guide's `my%2Dapp`).
fn tag(line: &mut Vec<u8>, value: Option<&SmolStr>) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for octet in value.map_or(&[][..], |it| it.as_bytes()) {
        if octet.is_ascii_alphanumeric() {
            line.push(*octet);
        } else {
            let (high, low) = (usize::from(octet >> 4), usize::from(octet & 15));
            line.extend_from_slice(&[b'%', HEX[high], HEX[low]]);
        }
    }
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

#[inline]
fn number(line: &mut Vec<u8>, mut value: u64) {
    if value < 10 {
        line.push(b'0' + value as u8);
        return;
    }
    let mut digits = [0; 20];
    let mut at = digits.len();
    while value >= 100 {
        at -= 2;
        digits[at..at + 2].copy_from_slice(&PAIRS[(value % 100) as usize]);
        value /= 100;
    }
    if value >= 10 {
        at -= 2;
        digits[at..at + 2].copy_from_slice(&PAIRS[value as usize]);
    } else {
        at -= 1;
        digits[at] = b'0' + value as u8;
    }
    line.extend_from_slice(&digits[at..]);
}

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

#[inline]
fn address(line: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(address) => address_v4(line, address),
        IpAddr::V6(address) => display(line, &address),
    }
}

#[inline]
fn address_v4(line: &mut Vec<u8>, address: Ipv4Addr) {
    let mut written = [0; 16];
    let mut at = 0;
    for octet in address.octets() {
        let (digits, length) = OCTETS[usize::from(octet)];
        written[at..at + 4].copy_from_slice(&digits);
        at += usize::from(length);
    }
    line.extend_from_slice(&written[..at - 1]);
}

fn display(line: &mut Vec<u8>, value: &dyn Display) {
    write!(line, "{value}").expect("a Vec takes any amount");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_addresses_are_written_as_fmt_writes_them() {
        let edges = (0..20).flat_map(|power| {
            let ten = 10_u64.pow(power);
            [ten - 1, ten, ten + 1, ten / 3 * 5]
        });
        for value in edges.chain([u64::MAX, u64::from(u32::MAX)]) {
            let mut line = Vec::new();
            number(&mut line, value);
            assert_eq!(String::from_utf8_lossy(&line), value.to_string());
        }
        for bits in (0..1 << 16).map(|n: u32| n.wrapping_mul(0x9e37_79b1)) {
            let (mut line, value) = (Vec::new(), Ipv4Addr::from(bits));
            address_v4(&mut line, value);
            assert_eq!(String::from_utf8_lossy(&line), value.to_string());
        }
    }
}
