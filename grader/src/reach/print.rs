//! Packets, rules and sets in words.

use std::fmt;

use wirelab_model::{IpProtocol, NetworkAclEntry, RuleAction, RulePeer, SecurityGroupRule};

use super::region::{Dimension, Interval, IpVersion, Packet, Region};

/// `10.0.9.7:50000 > 10.0.2.10:32768 tcp`, `10.0.9.7 > 10.0.2.10 icmp type 3 code 1`.
impl fmt::Display for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = IpProtocol::Number(self.protocol);
        match self.protocol {
            6 | 17 => {
                write!(f, "{}:{} > ", self.source, self.source_port)?;
                write!(
                    f,
                    "{}:{} {protocol}",
                    self.destination, self.destination_port
                )
            }
            number if number == self.version().icmp() => {
                write!(f, "{} > {} {protocol} ", self.source, self.destination)?;
                write!(
                    f,
                    "type {} code {}",
                    self.source_port, self.destination_port
                )
            }
            number => write!(
                f,
                "{} > {} protocol {number}",
                self.source, self.destination
            ),
        }
    }
}

/// `rule 100 allow tcp 32768-60999 from 10.0.1.0/24`.
pub(super) fn entry(entry: &NetworkAclEntry) -> String {
    let number = if entry.is_default() {
        "*".to_owned()
    } else {
        entry.rule_number.to_string()
    };
    let action = match entry.rule_action {
        RuleAction::Allow => "allow",
        RuleAction::Deny => "deny",
    };
    let what = match (entry.port_range, entry.icmp_type_code) {
        (Some(ports), _) if !ports.is_all() => format!(" {ports}"),
        (_, Some(icmp)) if icmp.icmp_type >= 0 => {
            icmp_fields(i32::from(icmp.icmp_type), i32::from(icmp.code))
        }
        _ => String::new(),
    };
    let side = if entry.egress { "to" } else { "from" };
    format!(
        "rule {number} {action} {}{what} {side} {}",
        entry.protocol, entry.cidr_block
    )
}

/// ` type 3 code 4`, ` type 3`.
fn icmp_fields(icmp_type: i32, code: i32) -> String {
    if code < 0 {
        format!(" type {icmp_type}")
    } else {
        format!(" type {icmp_type} code {code}")
    }
}

/// `tcp 5432 from sg-...`.
pub(super) fn rule(rule: &SecurityGroupRule) -> String {
    let what = match rule.ports() {
        Some(ports) if !ports.is_all() => format!(" {ports}"),
        Some(_) => String::new(),
        None if rule.from_port >= 0 => icmp_fields(rule.from_port, rule.to_port),
        None => String::new(),
    };
    let peer = match &rule.peer {
        RulePeer::Cidr(cidr) => cidr.to_string(),
        RulePeer::Group(group) => group.to_string(),
        RulePeer::PrefixList(list) => list.to_string(),
    };
    let side = if rule.is_egress { "to" } else { "from" };
    format!("{}{what} {side} {peer}", rule.ip_protocol)
}

/// One line on a box: protocol, remote addresses, destination ports.
pub(super) fn region(region: &Region, remote: Dimension) -> String {
    let side = if remote == Dimension::Source {
        "from"
    } else {
        "to"
    };
    let addresses = addresses(region.version, region.side(remote));
    format!("{} {side} {addresses}", protocol(region))
}

fn protocol(region: &Region) -> String {
    let numbers = region.side(Dimension::Protocol);
    let ports = region.side(Dimension::DestinationPort);
    if numbers.count() > 1 {
        return format!("protocols {}-{}", numbers.low, numbers.high);
    }
    let name = IpProtocol::Number(numbers.low as u8);
    match numbers.low {
        6 | 17 => format!(
            "{name} {} ({})",
            range(ports, 65536, "all ports"),
            port_count(ports)
        ),
        number if number == u128::from(region.version.icmp()) => {
            let types = region.side(Dimension::SourcePort);
            let types = range(types, 256, "every");
            format!("{name} type {types} code {}", range(ports, 256, "every"))
        }
        _ => format!("protocol {}", numbers.low),
    }
}

fn range(side: Interval, whole: u128, all: &str) -> String {
    if side.count() == whole {
        all.to_owned()
    } else if side.count() == 1 {
        side.low.to_string()
    } else {
        format!("{}-{}", side.low, side.high)
    }
}

fn port_count(ports: Interval) -> String {
    match ports.count() {
        1 => "1 port".to_owned(),
        n => format!("{} ports", grouped(n)),
    }
}

/// A block where the interval is one, else first and last address.
fn addresses(version: IpVersion, side: Interval) -> String {
    let (low, high) = (version.address(side.low), version.address(side.high));
    if low == high {
        return low.to_string();
    }
    let size = side.high - side.low;
    let bits = if version == IpVersion::V4 { 32 } else { 128 };
    let is_block = size.wrapping_add(1).is_power_of_two() || size == u128::MAX;
    if is_block && side.low & size == 0 {
        format!("{low}/{}", bits - size.count_ones())
    } else {
        format!("{low}-{high}")
    }
}

/// `28 232`: digits in groups of three.
pub(super) fn grouped(number: u128) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}
