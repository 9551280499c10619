//! Names of machines, as a common `/etc/hosts` would have them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::Refusal;
use super::lookup::LookedUp;
use crate::host::resolver::{Answer, Found, NameError, Sought};

/// The table; the first entry of a name or an address counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NameTable {
    entries: Vec<(SmolStr, IpAddr)>,
    /// What DNS said about the names that the command at hand needs.
    looked_up: Vec<LookedUp>,
}

impl NameTable {
    pub(crate) fn new(entries: Vec<(SmolStr, IpAddr)>) -> Self {
        Self {
            entries,
            looked_up: Vec::new(),
        }
    }

    /// Takes what DNS said about names, for the command at hand.
    pub(in crate::host) fn look_up(&mut self, answers: Vec<LookedUp>) {
        self.looked_up = answers;
    }

    /// What DNS has said so far, for the command at hand.
    pub(super) fn looked_up(&self) -> &[LookedUp] {
        &self.looked_up
    }

    /// What DNS said, if it was asked for this.
    pub(super) fn said(&self, text: &str, sought: Sought) -> Option<&Found> {
        let mut all = self.looked_up.iter();
        let found = all.find(|it| it.name == text && it.sought == sought)?;
        Some(&found.found)
    }

    /// The names and addresses of `/etc/hosts`, in order.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&str, IpAddr)> {
        let localhost = ("localhost", IpAddr::V4(Ipv4Addr::LOCALHOST));
        let own = self.entries.iter().map(|(name, at)| (name.as_str(), *at));
        std::iter::once(localhost).chain(own)
    }

    /// `/etc/hosts`.
    pub(super) fn file(&self) -> String {
        let lines = self.entries();
        let lines = lines.map(|(name, address)| format!("{address} {name}\n"));
        lines.collect()
    }

    /// Why there is no such name, if DNS was asked, or need not be: an address with a zone that
    /// it cannot have is no name, nor is nothing.
    pub(super) fn failure(&self, text: &str) -> Option<NameError> {
        if text.is_empty() || has_zone(text) {
            return Some(NameError::Unknown);
        }
        let said = self.said(text, Sought::Addresses)?;
        said.as_ref().err().copied()
    }

    /// What DNS said about the name, if it was asked and knew.
    fn answer(&self, text: &str) -> Option<&Answer> {
        let said = self.said(text, Sought::Addresses)?;
        said.as_ref().ok()
    }

    /// Every address of an address or a name, the best first.
    pub(super) fn all(&self, text: &str) -> Vec<IpAddr> {
        if let Ok(address) = text.parse() {
            return vec![address];
        }
        if let Some(address) = inet_aton(text) {
            return vec![address.into()];
        }
        let known = self.known(text);
        if !known.is_empty() {
            return known;
        }
        let answer = self.answer(text);
        answer.map_or_else(Vec::new, |it| it.addresses.clone())
    }

    /// The addresses that `/etc/hosts` has for a name.
    pub(super) fn known(&self, text: &str) -> Vec<IpAddr> {
        let named = self.entries.iter().filter(|(name, _)| name == text);
        let named: Vec<_> = named.map(|(_, address)| *address).collect();
        match text {
            "localhost" if named.is_empty() => vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
            _ => named,
        }
    }

    /// The name that a name stands for (`AI_CANONNAME`).
    pub(super) fn canonical(&self, text: &str) -> String {
        let answer = self.answer(text);
        answer.map_or_else(|| text.to_owned(), |it| it.canonical.to_string())
    }

    /// As [`Self::resolve`], for `-4` and `-6`: the first address of that version.
    ///
    /// # Errors
    /// No machine has this name, or none has it in that version.
    pub(super) fn resolve_version(
        &self,
        program: &str,
        text: &str,
        version: Option<char>,
    ) -> Result<IpAddr, Refusal> {
        let first = self.resolve(program, text)?;
        let fits = |address: &IpAddr| match version {
            Some('4') => address.is_ipv4(),
            Some('6') => address.is_ipv6(),
            _ => true,
        };
        let all = std::iter::once(first).chain(self.all(text));
        all.into_iter().find(fits).ok_or_else(|| {
            let why = "Address family for hostname not supported";
            Refusal::usage(format!("{program}: {text}: {why}\n"))
        })
    }

    /// The name of an address.
    pub(super) fn name_of(&self, address: IpAddr) -> Option<&str> {
        if address == IpAddr::V4(Ipv4Addr::LOCALHOST) {
            return Some("localhost");
        }
        let entry = self.entries.iter().find(|(_, its)| *its == address);
        entry.map(|(name, _)| name.as_str())
    }

    /// `name (address)`, or the address alone.
    pub(super) fn describe(&self, address: IpAddr) -> String {
        match self.name_of(address) {
            Some(name) => format!("{name} ({address})"),
            None => address.to_string(),
        }
    }

    /// The address that `program` was asked about.
    ///
    /// # Errors
    /// No machine has this name.
    pub(super) fn resolve(&self, program: &str, text: &str) -> Result<IpAddr, Refusal> {
        if let Some(error) = self.failure(text) {
            let text = format!("{program}: {text}: {}\n", error.text());
            return Err(Refusal::usage(text));
        }
        self.all(text).first().copied().ok_or_else(|| {
            let refusal = Refusal::usage(format!(
                "{program}: {text}: Name or service not known (known are addresses, `localhost` \
                 and the names of machines)\n"
            ));
            refusal.unless_dns_knows(text)
        })
    }
}

/// Whether it is an address of IPv6 with a zone, as `fe80::1%ens5`.
pub(super) fn has_zone(text: &str) -> bool {
    let address = text.split_once('%').map(|it| it.0.parse::<Ipv6Addr>());
    address.is_some_and(|it| it.is_ok())
}

/// An IPv4 address as `inet_aton` reads it: one to four numbers, of which the last fills what is
/// left; octal behind `0`, hexadecimal behind `0x`.
pub(super) fn inet_aton(text: &str) -> Option<Ipv4Addr> {
    let one = |text: &str| {
        let lower = text.to_ascii_lowercase();
        let (digits, radix) = match (lower.strip_prefix("0x"), lower.strip_prefix('0')) {
            (Some(rest), _) => (rest, 16),
            (None, Some(rest)) if !rest.is_empty() => (rest, 8),
            _ => (lower.as_str(), 10),
        };
        let is_number = !digits.is_empty() && digits.chars().all(|it| it.is_digit(radix));
        is_number.then(|| u32::from_str_radix(digits, radix).ok())?
    };
    let parts: Option<Vec<u32>> = text.split('.').map(one).collect();
    let parts = parts.filter(|it| it.len() <= 4)?;
    let (last, first) = parts.split_last()?;
    let room = u64::from(u32::MAX) >> (8 * first.len());
    if first.iter().any(|it| *it > 255) || u64::from(*last) > room {
        return None;
    }
    let high = first.iter().enumerate();
    let high = high.map(|(at, it)| it << (24 - 8 * at)).sum::<u32>();
    Some((high | *last).into())
}

/// The name of a TCP port in `/etc/services`.
pub(crate) const fn service(port: u16) -> Option<&'static str> {
    Some(match port {
        7 => "echo",
        9 => "discard",
        21 => "ftp",
        22 => "ssh",
        23 => "telnet",
        25 => "smtp",
        53 => "domain",
        67 => "bootps",
        68 => "bootpc",
        80 => "http",
        110 => "pop3",
        123 => "ntp",
        143 => "imap2",
        161 => "snmp",
        179 => "bgp",
        389 => "ldap",
        443 => "https",
        636 => "ldaps",
        993 => "imaps",
        2049 => "nfs",
        3306 => "mysql",
        3389 => "ms-wbt-server",
        5432 => "postgresql",
        5672 => "amqp",
        6379 => "redis",
        8080 => "http-alt",
        _ => return None,
    })
}

/// The port that `/etc/services` has under a name.
pub(crate) fn service_port(name: &str) -> Option<u16> {
    (1..=u16::MAX).find(|port| service(*port) == Some(name))
}
