//! Values of `iptables` options: addresses, ports, flags, types, states, levels.

use std::net::{IpAddr, Ipv4Addr};

use wirelab_model::IpNet;
use wirelab_wire::{TcpFlags, Unreachable};

use super::errors::FirewallError;
use super::{CtState, RejectWith};
use crate::host::exec::service_port;

/// Names of `/etc/protocols`, as Debian has them.
const PROTOCOLS: [(&str, u8); 53] = [
    ("ip", 0),
    ("icmp", 1),
    ("igmp", 2),
    ("ggp", 3),
    ("ipencap", 4),
    ("st", 5),
    ("tcp", 6),
    ("egp", 8),
    ("igp", 9),
    ("pup", 12),
    ("udp", 17),
    ("hmp", 20),
    ("xns-idp", 22),
    ("rdp", 27),
    ("iso-tp4", 29),
    ("dccp", 33),
    ("xtp", 36),
    ("ddp", 37),
    ("idpr-cmtp", 38),
    ("ipv6", 41),
    ("ipv6-route", 43),
    ("ipv6-frag", 44),
    ("idrp", 45),
    ("rsvp", 46),
    ("gre", 47),
    ("esp", 50),
    ("ah", 51),
    ("skip", 57),
    ("ipv6-icmp", 58),
    ("ipv6-nonxt", 59),
    ("ipv6-opts", 60),
    ("rspf", 73),
    ("vmtp", 81),
    ("eigrp", 88),
    ("ospf", 89),
    ("ax.25", 93),
    ("ipip", 94),
    ("etherip", 97),
    ("encap", 98),
    ("pim", 103),
    ("ipcomp", 108),
    ("vrrp", 112),
    ("l2tp", 115),
    ("isis", 124),
    ("sctp", 132),
    ("fc", 133),
    ("mobility-header", 135),
    ("udplite", 136),
    ("mpls-in-ip", 137),
    ("manet", 138),
    ("hip", 139),
    ("shim6", 140),
    ("wesp", 141),
];

/// Names that the program itself has.
const MORE_PROTOCOLS: [(&str, u8); 3] = [("icmpv6", 58), ("ipv6-mh", 135), ("all", 0)];

pub(super) fn protocol_number(text: &str) -> Result<u8, FirewallError> {
    let lower = text.to_ascii_lowercase();
    let mut names = PROTOCOLS.iter().chain(&MORE_PROTOCOLS);
    let named = names.find(|(name, _)| *name == lower);
    let number = lower.parse().ok();
    let number = number.or_else(|| named.map(|(_, number)| *number));
    number.ok_or(FirewallError::Protocol(lower))
}

pub(super) fn protocol_name(number: u8) -> String {
    let named = PROTOCOLS.iter().find(|(_, known)| *known == number);
    named.map_or_else(|| number.to_string(), |(name, _)| (*name).to_owned())
}

/// What a rule's addresses are read with.
pub(crate) struct Family<'a> {
    /// `ip6tables`.
    pub(crate) is_ipv6: bool,
    /// The addresses of a name.
    pub(crate) addresses_of: &'a dyn Fn(&str) -> Vec<IpAddr>,
}

impl Family<'_> {
    /// Networks with commas between.
    pub(super) fn networks(&self, text: &str) -> Result<Vec<IpNet>, FirewallError> {
        let mut all = Vec::new();
        for part in text.split(',') {
            all.extend(self.network(part)?);
        }
        Ok(all)
    }

    fn network(&self, text: &str) -> Result<Vec<IpNet>, FirewallError> {
        let (host, mask) = match text.split_once('/') {
            Some((host, mask)) => (host, Some(mask)),
            None => (text, None),
        };
        let missing = || FirewallError::Network(host.to_owned());
        let literal = match self.is_ipv6 {
            true => host.parse().ok().map(IpAddr::V6),
            false => padded(host).map(IpAddr::V4),
        };
        let mut hosts = match literal {
            Some(address) => vec![address],
            None => (self.addresses_of)(host),
        };
        hosts.retain(|it| it.is_ipv6() == self.is_ipv6);
        if hosts.is_empty() {
            return Err(missing());
        }
        let most = if self.is_ipv6 { 128 } else { 32 };
        let prefix = match mask {
            None => most,
            Some(mask) => prefix(mask, most)?,
        };
        let nets = hosts.into_iter().map(|it| IpNet::new(it, prefix));
        let nets: Result<Vec<_>, _> = nets.map(|it| it.map(|it| it.trunc())).collect();
        nets.map_err(|_| missing())
    }
}

/// `10` is 10.0.0.0, `10.1` 10.1.0.0 (`xtables_numeric_to_ipaddr`).
fn padded(text: &str) -> Option<Ipv4Addr> {
    let mut octets = [0; 4];
    let mut parts = text.split('.');
    for octet in &mut octets {
        let Some(part) = parts.next() else { break };
        *octet = part.parse().ok()?;
    }
    parts.next().is_none().then(|| octets.into())
}

/// A length, or a mask of IPv4 without holes.
fn prefix(text: &str, most: u8) -> Result<u8, FirewallError> {
    let wrong = || FirewallError::Mask(text.to_owned());
    if let Ok(length) = text.parse::<u8>() {
        return Some(length).filter(|it| *it <= most).ok_or_else(wrong);
    }
    let mask: Ipv4Addr = text.parse().map_err(|_| wrong())?;
    if most != 32 {
        return Err(wrong());
    }
    let bits = mask.to_bits();
    match bits.leading_ones() + bits.trailing_zeros() {
        32.. => Ok(bits.leading_ones() as u8),
        _ => Err(FirewallError::elsewhere(&format!(
            "the mask {text}, which has holes"
        ))),
    }
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

/// A range of numbers, as libxtables complains about it.
pub(super) fn range(text: &str, module: &str, option: &str) -> Result<(u16, u16), FirewallError> {
    pair(text, |part| {
        part.parse().map_err(|_| {
            let bounds = "or out of range (0-65535).";
            let text =
                format!("{module}: bad value for option \"{option}\" near \"{part}\", {bounds}");
            FirewallError::Option(text)
        })
    })
}

fn port(text: &str) -> Result<u16, FirewallError> {
    let number = text.parse().ok().or_else(|| service_port(text));
    number.ok_or_else(|| FirewallError::Port(text.to_owned()))
}

/// A port or a range of them, by number or by the names of `/etc/services`.
pub(super) fn one_range(text: &str) -> Result<(u16, u16), FirewallError> {
    let (low, high) = pair(text, port)?;
    match low <= high {
        true => Ok((low, high)),
        false => Err(FirewallError::Said(
            "invalid portrange (min > max)".to_owned(),
        )),
    }
}

/// Ports and ranges with commas between: as many as fit (`XT_MULTI_PORTS`), a range counts twice.
pub(super) fn ports(text: &str) -> Result<Vec<(u16, u16)>, FirewallError> {
    const MOST: usize = 15;
    let said = |text: &str| Err(FirewallError::Said(text.to_owned()));
    let mut taken = 0;
    let mut ports = Vec::new();
    for part in text.split(',') {
        taken += 1 + usize::from(part.contains(':'));
        if taken > MOST {
            return said("too many ports specified");
        }
        let (low, high) = pair(part, port)?;
        if low > high || (part.contains(':') && low == high) {
            return said("invalid portrange specified");
        }
        ports.push((low, high));
    }
    Ok(ports)
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

/// Types by name, in the program's order (`icmp_codes`).
pub(super) const ICMP_TYPES: [(&str, (u8, Option<u8>)); 38] = [
    ("any", (ICMP_ANY, None)),
    ("echo-reply", (0, None)),
    ("pong", (0, None)),
    ("destination-unreachable", (3, None)),
    ("network-unreachable", (3, Some(0))),
    ("host-unreachable", (3, Some(1))),
    ("protocol-unreachable", (3, Some(2))),
    ("port-unreachable", (3, Some(3))),
    ("fragmentation-needed", (3, Some(4))),
    ("source-route-failed", (3, Some(5))),
    ("network-unknown", (3, Some(6))),
    ("host-unknown", (3, Some(7))),
    ("network-prohibited", (3, Some(9))),
    ("host-prohibited", (3, Some(10))),
    ("TOS-network-unreachable", (3, Some(11))),
    ("TOS-host-unreachable", (3, Some(12))),
    ("communication-prohibited", (3, Some(13))),
    ("host-precedence-violation", (3, Some(14))),
    ("precedence-cutoff", (3, Some(15))),
    ("source-quench", (4, None)),
    ("redirect", (5, None)),
    ("network-redirect", (5, Some(0))),
    ("host-redirect", (5, Some(1))),
    ("TOS-network-redirect", (5, Some(2))),
    ("TOS-host-redirect", (5, Some(3))),
    ("echo-request", (8, None)),
    ("ping", (8, None)),
    ("router-advertisement", (9, None)),
    ("router-solicitation", (10, None)),
    ("time-exceeded", (11, None)),
    ("ttl-exceeded", (11, None)),
    ("ttl-zero-during-transit", (11, Some(0))),
    ("ttl-zero-during-reassembly", (11, Some(1))),
    ("parameter-problem", (12, None)),
    ("ip-header-bad", (12, Some(0))),
    ("required-option-missing", (12, Some(1))),
    ("timestamp-request", (13, None)),
    ("timestamp-reply", (14, None)),
];

/// Whether `name` begins with what was typed.
fn begins(name: &str, typed: &str) -> bool {
    let head = name.as_bytes().get(..typed.len());
    !typed.is_empty() && head.is_some_and(|it| it.eq_ignore_ascii_case(typed.as_bytes()))
}

/// A type by as much of its name as tells it from the others, or by number.
pub(super) fn icmp_type(text: &str) -> Result<(u8, Option<u8>), FirewallError> {
    let mut named = ICMP_TYPES.iter().filter(|(name, _)| begins(name, text));
    if let Some((name, known)) = named.next() {
        return match named.next() {
            None => Ok(*known),
            Some((other, _)) => Err(FirewallError::IcmpTypes(text.to_owned(), name, other)),
        };
    }
    let (kind, code) = match text.split_once('/') {
        Some((kind, code)) => (kind, Some(code)),
        None => (text, None),
    };
    let kind = kind.parse();
    let kind = kind.map_err(|_| FirewallError::IcmpType(text.to_owned()))?;
    let code = code.map(str::parse).transpose();
    Ok((
        kind,
        code.map_err(|_| FirewallError::IcmpCode(text.to_owned()))?,
    ))
}

/// Names and short names, in the program's order.
pub(super) const REJECTS: [(&str, &str, RejectWith); 8] = [
    (
        "icmp-net-unreachable",
        "net-unreach",
        RejectWith::Icmp(Unreachable::Net),
    ),
    (
        "icmp-host-unreachable",
        "host-unreach",
        RejectWith::Icmp(Unreachable::Host),
    ),
    (
        "icmp-proto-unreachable",
        "proto-unreach",
        RejectWith::Icmp(Unreachable::Protocol),
    ),
    (
        "icmp-port-unreachable",
        "port-unreach",
        RejectWith::Icmp(Unreachable::Port),
    ),
    (
        "icmp-net-prohibited",
        "net-prohib",
        RejectWith::Icmp(Unreachable::Other(9)),
    ),
    (
        "icmp-host-prohibited",
        "host-prohib",
        RejectWith::Icmp(Unreachable::HostProhibited),
    ),
    ("tcp-reset", "tcp-rst", RejectWith::TcpReset),
    (
        "icmp-admin-prohibited",
        "admin-prohib",
        RejectWith::Icmp(Unreachable::AdministrativelyProhibited),
    ),
];

pub(super) fn reject_with(text: &str) -> Result<RejectWith, FirewallError> {
    let mut all = REJECTS.iter();
    let known = all.find(|(name, short, _)| begins(name, text) || begins(short, text));
    let known = known.ok_or_else(|| FirewallError::Reject(text.to_owned()))?;
    Ok(known.2)
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
