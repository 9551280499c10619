//! Values of `iptables` options: addresses, ports, flags, types, states, levels.

use wirelab_model::IpNet;
use wirelab_wire::{TcpFlags, Unreachable, protocol};

use super::errors::FirewallError;
use super::{CtState, RejectWith};
use crate::host::exec::service_port;

pub(super) fn bad(what: &'static str, value: &str) -> FirewallError {
    FirewallError::Bad {
        what,
        value: value.to_owned(),
    }
}

pub(super) fn number<T: std::str::FromStr>(
    what: &'static str,
    text: &str,
) -> Result<T, FirewallError> {
    text.parse().map_err(|_| bad(what, text))
}

pub(super) fn protocol_number(text: &str) -> Result<u8, FirewallError> {
    Ok(match text {
        "tcp" => protocol::TCP,
        "udp" => protocol::UDP,
        "icmp" => protocol::ICMP,
        "all" => 0,
        other => {
            return other
                .parse()
                .map_err(|_| FirewallError::Protocol(other.to_owned()));
        }
    })
}

pub(super) fn network(text: &str) -> Result<IpNet, FirewallError> {
    let net: Result<IpNet, _> = text.parse();
    let address = |text: &str| text.parse::<std::net::IpAddr>().map(IpNet::from);
    net.or_else(|_| address(text))
        .map(|net| net.trunc())
        .map_err(|_| match text.split_once('/') {
            Some((host, mask)) if address(host).is_ok() => FirewallError::Mask(mask.to_owned()),
            Some((host, _)) => FirewallError::Network(host.to_owned()),
            None => FirewallError::Network(text.to_owned()),
        })
}

/// `LOW:HIGH`, of which either may be missing.
fn pair(
    text: &str,
    one: impl Fn(&str) -> Result<u16, FirewallError>,
) -> Result<(u16, u16), FirewallError> {
    let Some((low, high)) = text.split_once(':') else {
        let value = one(text)?;
        return Ok((value, value));
    };
    let low = if low.is_empty() { 0 } else { one(low)? };
    let high = if high.is_empty() {
        u16::MAX
    } else {
        one(high)?
    };
    Ok((low, high))
}

pub(super) fn range(text: &str, what: &'static str) -> Result<(u16, u16), FirewallError> {
    pair(text, |text| number(what, text))
}

/// Ports by number or by the names of `/etc/services`, with commas between.
pub(super) fn ports(text: &str) -> Result<Vec<(u16, u16)>, FirewallError> {
    let one = |text: &str| {
        let number = text.parse().ok().or_else(|| service_port(text));
        number.ok_or_else(|| FirewallError::Port(text.to_owned()))
    };
    text.split(',').map(|part| pair(part, one)).collect()
}

pub(super) const FLAG_NAMES: [(&str, TcpFlags); 6] = [
    ("FIN", TcpFlags::FIN),
    ("SYN", TcpFlags::SYN),
    ("RST", TcpFlags::RST),
    ("PSH", TcpFlags::PSH),
    ("ACK", TcpFlags::ACK),
    ("URG", TcpFlags::URG),
];

pub(super) fn flags(text: &str) -> Result<TcpFlags, FirewallError> {
    let mut set = TcpFlags::default();
    for name in text.split(',') {
        set = match name {
            "NONE" => set,
            "ALL" => TcpFlags(0x3f),
            name => {
                let known = FLAG_NAMES.iter().find(|(known, _)| *known == name);
                set | known.ok_or_else(|| FirewallError::Flag(name.to_owned()))?.1
            }
        };
    }
    Ok(set)
}

/// `any` of `--icmp-type`.
pub(super) const ICMP_ANY: u8 = 255;

/// Types by name.
pub(super) const ICMP_TYPES: [(&str, (u8, Option<u8>)); 11] = [
    ("any", (ICMP_ANY, None)),
    ("echo-request", (8, None)),
    ("echo-reply", (0, None)),
    ("destination-unreachable", (3, None)),
    ("network-unreachable", (3, Some(0))),
    ("host-unreachable", (3, Some(1))),
    ("port-unreachable", (3, Some(3))),
    ("fragmentation-needed", (3, Some(4))),
    ("communication-prohibited", (3, Some(13))),
    ("time-exceeded", (11, None)),
    ("ttl-zero-during-transit", (11, Some(0))),
];

pub(super) fn icmp_type(text: &str) -> Result<(u8, Option<u8>), FirewallError> {
    if let Some((_, known)) = ICMP_TYPES.iter().find(|(name, _)| *name == text) {
        return Ok(*known);
    }
    let number = |part: &str| {
        part.parse()
            .map_err(|_| FirewallError::IcmpType(text.to_owned()))
    };
    Ok(match text.split_once('/') {
        Some((kind, code)) => (number(kind)?, Some(number(code)?)),
        None => (number(text)?, None),
    })
}

pub(super) const REJECTS: [(&str, RejectWith); 7] = [
    ("icmp-port-unreachable", RejectWith::Icmp(Unreachable::Port)),
    ("icmp-host-unreachable", RejectWith::Icmp(Unreachable::Host)),
    ("icmp-net-unreachable", RejectWith::Icmp(Unreachable::Net)),
    (
        "icmp-proto-unreachable",
        RejectWith::Icmp(Unreachable::Protocol),
    ),
    (
        "icmp-host-prohibited",
        RejectWith::Icmp(Unreachable::HostProhibited),
    ),
    (
        "icmp-admin-prohibited",
        RejectWith::Icmp(Unreachable::AdministrativelyProhibited),
    ),
    ("tcp-reset", RejectWith::TcpReset),
];

pub(super) fn reject_with(text: &str) -> Result<RejectWith, FirewallError> {
    let known = REJECTS.iter().find(|(name, _)| *name == text);
    let known = known.ok_or_else(|| FirewallError::Reject(text.to_owned()))?;
    Ok(known.1)
}

/// States in the order in which they are printed.
pub(super) const STATES: [(&str, CtState); 5] = [
    ("INVALID", CtState::Invalid),
    ("NEW", CtState::New),
    ("RELATED", CtState::Related),
    ("ESTABLISHED", CtState::Established),
    ("UNTRACKED", CtState::Untracked),
];

/// `NEW,ESTABLISHED`, in the order of [`STATES`]; `what` names it in the complaint.
pub(super) fn states(text: &str, what: &'static str) -> Result<Vec<CtState>, FirewallError> {
    let mut wanted = Vec::new();
    for name in text.split(',') {
        let mut known = STATES.iter();
        let known = known.find(|(known, _)| known.eq_ignore_ascii_case(name));
        wanted.push(
            known
                .ok_or_else(|| FirewallError::State(what, name.to_owned()))?
                .1,
        );
    }
    let states = STATES.iter().map(|(_, state)| *state);
    Ok(states.filter(|it| wanted.contains(it)).collect())
}

/// Syslog's levels as `-L` prints them, by number.
pub(super) const LEVELS: [&str; 8] = [
    "emerg", "alert", "crit", "err", "warn", "notice", "info", "debug",
];

/// A number, or one of the names that `--log-level` takes.
pub(super) fn log_level(text: &str) -> Result<u8, FirewallError> {
    const TAKEN: [(&str, u8); 9] = [
        ("emerg", 0),
        ("panic", 0),
        ("alert", 1),
        ("crit", 2),
        ("error", 3),
        ("warning", 4),
        ("notice", 5),
        ("info", 6),
        ("debug", 7),
    ];
    let named = TAKEN.iter().find(|(name, _)| *name == text);
    let number = named.map(|(_, level)| *level).or_else(|| text.parse().ok());
    number
        .filter(|it| usize::from(*it) < LEVELS.len())
        .ok_or_else(|| FirewallError::LogLevel(text.to_owned()))
}
