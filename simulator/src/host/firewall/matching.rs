//! Conditions of rules.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use wirelab_model::IpNet;
use wirelab_wire::{IpPacket, TcpFlags, Transport, protocol};

use super::track::CtState;
use super::values::ICMP_ANY;
use crate::host::stops::Distinctions;

/// Ranges, both ends included.
pub(crate) type Ports = Vec<(u16, u16)>;

/// Which ports of a packet are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Side {
    Source,
    Destination,
    Either,
}

impl Side {
    /// The option of `-m multiport`, without what it ends with.
    pub(super) const fn letter(self) -> &'static str {
        match self {
            Self::Source => "s",
            Self::Destination => "d",
            Self::Either => "",
        }
    }
}

/// What `-m tcp` and `-m udp` look at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Segment {
    /// Whose match it is.
    pub(crate) protocol: u8,
    /// `--sport`, `--dport`.
    pub(crate) source: Option<Not<(u16, u16)>>,
    pub(crate) destination: Option<Not<(u16, u16)>>,
    /// `--tcp-flags MASK SET`.
    pub(crate) flags: Option<Not<(TcpFlags, TcpFlags)>>,
}

/// A match, `-m`, with its options.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Match {
    Segment(Segment),
    /// Type and code, the code optional.
    Icmp(Option<Not<(u8, Option<u8>)>>),
    Multiport(Option<(Side, Not<Ports>)>),
    /// IP total length.
    Length(Option<Not<(u16, u16)>>),
    /// Fits every packet.
    Comment(Option<String>),
    /// `--ctstate`.
    Conntrack(Option<Not<Vec<CtState>>>),
    /// `--state`.
    State(Option<Not<Vec<CtState>>>),
}

impl Match {
    pub(super) fn named(text: &str) -> Option<Self> {
        let segment = |protocol| {
            Self::Segment(Segment {
                protocol,
                ..Segment::default()
            })
        };
        Some(match text {
            "tcp" => segment(protocol::TCP),
            "udp" => segment(protocol::UDP),
            "icmp" => Self::Icmp(None),
            "multiport" => Self::Multiport(None),
            "length" => Self::Length(None),
            "comment" => Self::Comment(None),
            "conntrack" => Self::Conntrack(None),
            "state" => Self::State(None),
            _ => return None,
        })
    }

    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Segment(segment) if segment.protocol == protocol::UDP => "udp",
            Self::Segment(_) => "tcp",
            Self::Icmp(_) => "icmp",
            Self::Multiport(_) => "multiport",
            Self::Length(_) => "length",
            Self::Comment(_) => "comment",
            Self::Conntrack(_) => "conntrack",
            Self::State(_) => "state",
        }
    }

    fn holds(&self, packet: &IpPacket, state: CtState) -> bool {
        match self {
            Self::Segment(segment) => segment.holds(packet),
            Self::Icmp(test) => test.as_ref().is_none_or(|test| {
                packet.icmp_type_code().is_some_and(|(kind, code)| {
                    test.holds(|(wanted, of)| {
                        *wanted == ICMP_ANY || (*wanted == kind && of.is_none_or(|of| of == code))
                    })
                })
            }),
            Self::Multiport(test) => test.as_ref().is_none_or(|(side, test)| {
                let within = |ports: &Ports, port: u16| ports.iter().any(|it| contains(*it, port));
                packet.ports().is_some_and(|(source, destination)| {
                    test.holds(|ports| match side {
                        Side::Source => within(ports, source),
                        Side::Destination => within(ports, destination),
                        Side::Either => within(ports, source) || within(ports, destination),
                    })
                })
            }),
            Self::Length(test) => test.as_ref().is_none_or(|test| {
                let size = packet.total_len();
                test.holds(|(low, high)| (usize::from(*low)..=usize::from(*high)).contains(&size))
            }),
            Self::Comment(_) => true,
            Self::Conntrack(test) | Self::State(test) => test
                .as_ref()
                .is_none_or(|test| test.holds(|it| it.contains(&state))),
        }
    }
}

impl Segment {
    fn holds(&self, packet: &IpPacket) -> bool {
        let ports = packet.ports();
        let has_port = |condition: &Option<Not<(u16, u16)>>, port: Option<u16>| {
            condition.as_ref().is_none_or(|test| {
                port.is_some_and(|port| test.holds(|range| contains(*range, port)))
            })
        };
        let flags = match &packet.transport {
            Transport::Tcp(segment) => Some(segment.flags),
            _ => None,
        };
        has_port(&self.source, ports.map(|(source, _)| source))
            && has_port(&self.destination, ports.map(|(_, destination)| destination))
            && self.flags.as_ref().is_none_or(|test| {
                flags.is_some_and(|flags| test.holds(|(mask, set)| flags.0 & mask.0 == set.0))
            })
    }
}

const fn contains((low, high): (u16, u16), port: u16) -> bool {
    low <= port && port <= high
}

/// A condition that may be turned round with `!`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Not<T> {
    pub(crate) inverted: bool,
    pub(crate) value: T,
}

impl<T> Not<T> {
    fn holds(&self, test: impl FnOnce(&T) -> bool) -> bool {
        test(&self.value) != self.inverted
    }
}

/// Conditions of a rule; all must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Matches {
    pub(crate) protocol: Option<Not<u8>>,
    pub(crate) source: Option<Not<IpNet>>,
    pub(crate) destination: Option<Not<IpNet>>,
    pub(crate) input: Option<Not<String>>,
    pub(crate) output: Option<Not<String>>,
    /// In the order in which they were typed.
    pub(crate) matches: Vec<Match>,
}

impl Matches {
    /// Whether it asks for states of connections.
    pub(super) fn asks_states(&self) -> bool {
        let asks = |it: &Match| matches!(it, Match::Conntrack(_) | Match::State(_));
        self.matches.iter().any(asks)
    }

    /// Adds the blocks and numbers that are looked at.
    pub(super) fn add_distinctions(&self, found: &mut Distinctions) {
        let blocks = [&self.source, &self.destination].into_iter().flatten();
        found.blocks.extend(blocks.map(|it| it.value));
        for test in &self.matches {
            match test {
                Match::Segment(segment) => {
                    let ranges = [&segment.source, &segment.destination].into_iter();
                    found.numbers.extend(ranges.flatten().map(|it| it.value));
                }
                Match::Multiport(Some((_, ports))) => found.numbers.extend(&ports.value),
                Match::Icmp(Some(test)) => {
                    let (kind, code) = test.value;
                    let numbers = [Some(kind), code].into_iter().flatten().map(u16::from);
                    found.numbers.extend(numbers.map(|it| (it, it)));
                }
                _ => {}
            }
        }
    }

    pub(super) fn hold(&self, packet: &IpPacket, names: (&str, &str), state: CtState) -> bool {
        let in_net = |condition: &Option<Not<IpNet>>, address: IpAddr| {
            let contains = |net: &IpNet| net.contains(&address);
            condition.as_ref().is_none_or(|test| test.holds(contains))
        };
        let named = |condition: &Option<Not<String>>, name: &str| {
            let same = |wanted: &String| match wanted.strip_suffix('+') {
                Some(prefix) => name.starts_with(prefix),
                None => wanted == name,
            };
            condition.as_ref().is_none_or(|test| test.holds(same))
        };
        let protocol = packet.protocol();
        self.protocol
            .as_ref()
            .is_none_or(|test| test.holds(|wanted| *wanted == protocol))
            && in_net(&self.source, packet.header.source)
            && in_net(&self.destination, packet.header.destination)
            && named(&self.input, names.0)
            && named(&self.output, names.1)
            && self.matches.iter().all(|it| it.holds(packet, state))
    }
}
