//! Packets and boxes in words.

use std::fmt;
use std::net::SocketAddr;

use wirelab_model::IpProtocol;

use super::ranges::{Interval, IpVersion, Ranges};
use super::region::{Dimension, Packet, Region};

/// So many ranges of one side are printed, the others counted.
const MOST_RANGES: usize = 4;

/// `10.0.9.7:50000 > 10.0.2.10:32768 tcp`, `10.0.9.7 > 10.0.2.10 icmp type 3 code 1`.
impl fmt::Display for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protocol = IpProtocol::Number(self.protocol);
        match self.protocol {
            6 | 17 => {
                let source = SocketAddr::new(self.source, self.source_port);
                let destination = SocketAddr::new(self.destination, self.destination_port);
                write!(f, "{source} > {destination} {protocol}")
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

impl Region {
    /// One line: protocol, destination ports, addresses of one side: `tcp 22 (1 port) from
    /// 0.0.0.0/0`.
    #[must_use]
    pub fn seen_from(&self, remote: Dimension) -> String {
        let word = if remote == Dimension::Source {
            "from"
        } else {
            "to"
        };
        let what = self.what();
        let ports = self.side(Dimension::DestinationPort);
        let count = match self.side(Dimension::Protocol).only() {
            Some(6 | 17) if ports.count() == 1 => " (1 port)".to_owned(),
            Some(6 | 17) => format!(" ({} ports)", grouped(ports.count())),
            _ => String::new(),
        };
        format!("{what}{count} {word} {}", self.addresses(remote))
    }

    /// `tcp 5432`, `udp all ports`, `icmp type 8 code 0`, `protocols 2-5,50`.
    #[must_use]
    pub fn what(&self) -> String {
        let numbers = self.side(Dimension::Protocol);
        let ports = self.side(Dimension::DestinationPort);
        let Some(number) = numbers.only() else {
            return format!("protocols {}", list(numbers, numbers_text));
        };
        if number == u128::from(self.version.icmp()) {
            let name = IpProtocol::Number(self.version.icmp());
            let types = range(self.side(Dimension::SourcePort), 256, "every");
            return format!("{name} type {types} code {}", range(ports, 256, "every"));
        }
        match number {
            6 => format!("tcp {}", range(ports, 65536, "all ports")),
            17 => format!("udp {}", range(ports, 65536, "all ports")),
            _ => format!("protocol {number}"),
        }
    }

    /// One line, both sides with how many addresses or source ports they are:
    /// `tcp 443 from 0.0.0.0/1 (2 147 483 648 addresses) ports 1024-65535 (64 512) to 10.0.1.5`.
    #[must_use]
    pub fn between(&self) -> String {
        let side = |dimension| {
            let addresses = self.addresses(dimension);
            match self.side(dimension).count() {
                0 | 1 => addresses,
                more => format!("{addresses} ({} addresses)", grouped(more)),
            }
        };
        let (from, to) = (side(Dimension::Source), side(Dimension::Destination));
        let sources = self.side(Dimension::SourcePort);
        let has_ports = matches!(self.side(Dimension::Protocol).only(), Some(6 | 17));
        let ports = match (has_ports, sources.count()) {
            (false, _) | (_, 65536) => String::new(),
            (true, 1) => format!(" port {}", list(sources, numbers_text)),
            (true, n) => format!(" ports {} ({})", list(sources, numbers_text), grouped(n)),
        };
        format!("{} from {from}{ports} to {to}", self.what())
    }

    /// The addresses of one side: blocks where they are, else first and last.
    #[must_use]
    pub fn addresses(&self, side: Dimension) -> String {
        list(self.side(side), |it| block(self.version, it))
    }
}

fn list(ranges: &Ranges, text: impl Fn(Interval) -> String) -> String {
    let all = ranges.intervals();
    let some = all.iter().take(MOST_RANGES);
    let mut words: Vec<_> = some.map(|it| text(*it)).collect();
    if all.len() > MOST_RANGES {
        words.push(format!("... ({} more)", all.len() - MOST_RANGES));
    }
    words.join(",")
}

fn range(side: &Ranges, whole: u128, all: &str) -> String {
    if side.count() == whole {
        all.to_owned()
    } else {
        list(side, numbers_text)
    }
}

fn numbers_text(numbers: Interval) -> String {
    if numbers.low == numbers.high {
        numbers.low.to_string()
    } else {
        format!("{}-{}", numbers.low, numbers.high)
    }
}

/// A block where the interval is one, else first and last address.
fn block(version: IpVersion, side: Interval) -> String {
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
fn grouped(number: u128) -> String {
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
