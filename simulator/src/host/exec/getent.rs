//! `getent` of glibc: what programs find when they look for a name, in `/etc/hosts` and then in
//! DNS.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::names::inet_aton;
use super::{Refusal, Start, Started, printed};
use crate::dns;
use crate::host::Host;
use crate::host::resolver::{Answer, Sought};

const USAGE: &str = "usage: getent hosts|ahosts|ahostsv4|ahostsv6 [NAME ...]\n";
const TRY: &str = "Try `getent --help' or `getent --usage' for more information.\n";
/// Databases of other things than hosts (`nsswitch.conf(5)`).
const OTHERS: &[&str] = &[
    "aliases",
    "ethers",
    "group",
    "gshadow",
    "initgroups",
    "netgroup",
    "networks",
    "passwd",
    "protocols",
    "rpc",
    "services",
    "shadow",
];

impl Host {
    pub(super) fn run_getent(&self, arguments: &[String]) -> Start {
        let Some((database, names)) = arguments.split_first() else {
            let text = format!("getent: wrong number of arguments\n{TRY}");
            return Err(Refusal::with_status(1, text));
        };
        let lines_of = |name: &String| match database.as_str() {
            "hosts" => self.hosts_lines(name),
            "ahostsv4" => self.ahosts_lines(name, Some(true)),
            "ahostsv6" => self.ahosts_lines(name, Some(false)),
            _ => self.ahosts_lines(name, None),
        };
        match database.as_str() {
            "hosts" | "ahosts" | "ahostsv4" | "ahostsv6" => {}
            other if OTHERS.contains(&other) || other.starts_with('-') => {
                let text = format!("getent: `{other}` (not supported here)\n{USAGE}");
                return Err(Refusal::usage(text));
            }
            other => {
                let text = format!("Unknown database: {other}\n{TRY}");
                return Err(Refusal::with_status(1, text));
            }
        }
        if names.is_empty() {
            let entries = self.names.entries();
            return printed(entries.map(|(name, at)| line(at, name)).collect::<String>());
        }
        let mut printer = super::Printer::default();
        let mut status = 0;
        for name in names {
            match lines_of(name)? {
                Some(text) => printer.out(text),
                None => status = 2,
            }
        }
        Ok(Started::Over(printer, status))
    }

    /// What DNS knows; nothing if it was asked in vain, or nobody can be asked.
    fn ask_dns(&self, name: &str, sought: Sought) -> Result<Option<&Answer>, Refusal> {
        match self.names.said(name, sought) {
            Some(said) => Ok(said.as_ref().ok()),
            None if self.can_look_up(name) => Err(Refusal::usage("").unless_dns_has(name, sought)),
            None => Ok(None),
        }
    }

    /// `gethostbyname2` for IPv6, then for IPv4; or `gethostbyaddr`.
    fn hosts_lines(&self, name: &str) -> Result<Option<String>, Refusal> {
        if let Ok(address) = name.parse::<IpAddr>() {
            if let Some(known) = self.names.name_of(address) {
                return Ok(Some(line(address, known)));
            }
            let reverse = dns::reverse_name(address) + ".";
            let found = self.ask_dns(&reverse, Sought::Name)?;
            return Ok(found.map(|it| line(address, &it.canonical)));
        }
        let mut known = self.names.known(name);
        known.extend(inet_aton(name).map(IpAddr::V4));
        if !known.is_empty() {
            return Ok(Some(known.iter().map(|it| line(*it, name)).collect()));
        }
        let mut found = self.ask_dns(name, Sought::Ipv6)?;
        if found.is_none() {
            found = self.ask_dns(name, Sought::Ipv4)?;
        }
        Ok(found.map(|it| {
            let mut names = it.canonical.to_string();
            for alias in &it.aliases {
                names += &format!(" {alias}");
            }
            it.addresses.iter().map(|it| line(*it, &names)).collect()
        }))
    }

    /// `getaddrinfo` with `AI_V4MAPPED`, `AI_ADDRCONFIG` and `AI_CANONNAME`, for one version or
    /// both.
    fn ahosts_lines(&self, name: &str, ipv4: Option<bool>) -> Result<Option<String>, Refusal> {
        if ipv4 == Some(false) && !self.has_ipv6() {
            return Ok(None);
        }
        let literal = name.parse::<IpAddr>().ok();
        let literal = literal.or_else(|| inet_aton(name).map(IpAddr::V4));
        let mut known = match literal {
            Some(address) => vec![address],
            None => self.names.known(name),
        };
        let mut canonical = name.to_owned();
        if known.is_empty() {
            let sought = match ipv4 {
                None => Sought::Addresses,
                Some(true) => Sought::Ipv4,
                Some(false) => Sought::Ipv6,
            };
            let mut found = self.ask_dns(name, sought)?;
            if found.is_none() && ipv4 == Some(false) {
                found = self.ask_dns(name, Sought::Ipv4)?;
            }
            let Some(found) = found else {
                return Ok(None);
            };
            known.clone_from(&found.addresses);
            canonical = found.canonical.to_string();
        }
        known.retain(|it| ipv4 != Some(true) || it.is_ipv4());
        if known.is_empty() {
            return Ok(None);
        }
        let mut text = String::new();
        for address in known {
            let shown = match address {
                IpAddr::V4(address) if ipv4 == Some(false) => mapped(address).to_string(),
                address => address.to_string(),
            };
            for kind in ["STREAM", "DGRAM", "RAW"] {
                text += &format!("{shown:<15} {kind:<6} {canonical}\n");
                canonical.clear();
            }
        }
        Ok(Some(text))
    }
}

/// An IPv4 address among those of IPv6 (RFC 4291 section 2.5.5.2).
const fn mapped(address: Ipv4Addr) -> Ipv6Addr {
    address.to_ipv6_mapped()
}

fn line(address: IpAddr, names: &str) -> String {
    format!("{:<15} {names}\n", address.to_string())
}
