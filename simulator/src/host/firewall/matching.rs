//! Conditions of rules.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use wirelab_model::IpNet;
use wirelab_wire::{IpPacket, TcpFlags, Transport};

use super::track::CtState;
use super::values::ICMP_ANY;
use crate::host::stops::Distinctions;

/// Ranges, both ends included.
pub(crate) type Ports = Vec<(u16, u16)>;

/// `-m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Module {
    /// `tcp` or `udp`, whatever the protocol is.
    Transport,
    Icmp,
    Multiport,
    Length,
    Comment,
    Conntrack,
    State,
}

impl Module {
    const NAMES: [(&'static str, Self); 8] = [
        ("tcp", Self::Transport),
        ("udp", Self::Transport),
        ("icmp", Self::Icmp),
        ("multiport", Self::Multiport),
        ("length", Self::Length),
        ("comment", Self::Comment),
        ("conntrack", Self::Conntrack),
        ("state", Self::State),
    ];

    pub(super) fn named(text: &str) -> Option<Self> {
        let found = Self::NAMES.iter().find(|(name, _)| *name == text);
        found.map(|(_, module)| *module)
    }

    pub(super) fn name(self) -> &'static str {
        let found = Self::NAMES.iter().find(|(_, module)| *module == self);
        found.map_or("tcp", |(name, _)| name)
    }
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
    /// `--sport`, `--dport`: one range.
    pub(crate) source_ports: Option<Not<Ports>>,
    pub(crate) destination_ports: Option<Not<Ports>>,
    /// `--sports`, `--dports`.
    pub(crate) source_list: Option<Not<Ports>>,
    pub(crate) destination_list: Option<Not<Ports>>,
    /// `--tcp-flags MASK SET`.
    pub(crate) tcp_flags: Option<Not<(TcpFlags, TcpFlags)>>,
    /// `--icmp-type`, code optional.
    pub(crate) icmp_type: Option<Not<(u8, Option<u8>)>>,
    /// `-m length --length LOW:HIGH`, IP total length.
    pub(crate) length: Option<Not<(u16, u16)>>,
    /// `-m comment`, which every packet fits.
    pub(crate) comment: Option<String>,
    /// `--ctstate` and `--state`.
    pub(crate) states: Option<Not<Vec<CtState>>>,
    /// In the order in which they were typed.
    pub(crate) modules: Vec<Module>,
}

impl Matches {
    /// Loads a module, once.
    pub(super) fn load(&mut self, module: Module) {
        if !self.has(module) {
            self.modules.push(module);
        }
    }

    pub(super) fn has(&self, module: Module) -> bool {
        self.modules.contains(&module)
    }

    /// Adds the blocks and numbers that are looked at.
    pub(super) fn add_distinctions(&self, found: &mut Distinctions) {
        let blocks = [&self.source, &self.destination].into_iter().flatten();
        found.blocks.extend(blocks.map(|it| it.value));
        let ports = [
            &self.source_ports,
            &self.destination_ports,
            &self.source_list,
            &self.destination_list,
        ];
        let ports = ports.into_iter().flatten();
        found.numbers.extend(ports.flat_map(|it| &it.value));
        if let Some(Not {
            value: (kind, code),
            ..
        }) = self.icmp_type
        {
            let numbers = [Some(kind), code].into_iter().flatten().map(u16::from);
            found.numbers.extend(numbers.map(|it| (it, it)));
        }
    }

    pub(super) fn hold(&self, packet: &IpPacket, names: (&str, &str), state: CtState) -> bool {
        let ports = packet.ports();
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
        let has_port = |condition: &Option<Not<Ports>>, port: Option<u16>| {
            condition.as_ref().is_none_or(|test| {
                port.is_some_and(|port| {
                    test.holds(|ranges| {
                        ranges
                            .iter()
                            .any(|(low, high)| (*low..=*high).contains(&port))
                    })
                })
            })
        };
        let protocol = packet.protocol();
        self.protocol
            .as_ref()
            .is_none_or(|test| test.holds(|wanted| *wanted == protocol))
            && in_net(&self.source, packet.header.source)
            && in_net(&self.destination, packet.header.destination)
            && named(&self.input, names.0)
            && named(&self.output, names.1)
            && has_port(&self.source_ports, ports.map(|(source, _)| source))
            && has_port(
                &self.destination_ports,
                ports.map(|(_, destination)| destination),
            )
            && has_port(&self.source_list, ports.map(|(source, _)| source))
            && has_port(&self.destination_list, ports.map(|(_, to)| to))
            && (self.states.as_ref()).is_none_or(|test| test.holds(|it| it.contains(&state)))
            && self.transport_holds(packet)
    }

    fn transport_holds(&self, packet: &IpPacket) -> bool {
        let flags = match &packet.transport {
            Transport::Tcp(segment) => Some(segment.flags),
            _ => None,
        };
        let by_flags = self.tcp_flags.as_ref().is_none_or(|test| {
            flags.is_some_and(|flags| test.holds(|(mask, set)| flags.0 & mask.0 == set.0))
        });
        let by_icmp = self.icmp_type.as_ref().is_none_or(|test| {
            packet.icmp_type_code().is_some_and(|(kind, code)| {
                test.holds(|(wanted, of)| {
                    *wanted == ICMP_ANY || (*wanted == kind && of.is_none_or(|of| of == code))
                })
            })
        });
        let by_length = self.length.as_ref().is_none_or(|test| {
            let size = packet.total_len();
            test.holds(|(low, high)| (usize::from(*low)..=usize::from(*high)).contains(&size))
        });
        by_flags && by_icmp && by_length
    }
}
