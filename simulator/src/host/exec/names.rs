//! Names of machines, as a common `/etc/hosts` would have them.

use std::net::{IpAddr, Ipv4Addr};

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::Refusal;
use crate::host::resolver::NameError;

/// The table; the first entry of a name or an address counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NameTable {
    entries: Vec<(SmolStr, IpAddr)>,
    /// What DNS said about the name that the command at hand needs.
    looked_up: Option<(SmolStr, Result<IpAddr, NameError>)>,
}

impl NameTable {
    pub(crate) fn new(entries: Vec<(SmolStr, IpAddr)>) -> Self {
        Self {
            entries,
            looked_up: None,
        }
    }

    /// Takes what DNS said about a name, for the command at hand.
    pub(crate) fn look_up(&mut self, answer: Option<(SmolStr, Result<IpAddr, NameError>)>) {
        self.looked_up = answer;
    }

    /// Why DNS did not know the name, if it was asked.
    pub(super) fn failure(&self, text: &str) -> Option<NameError> {
        let (name, answer) = self.looked_up.as_ref()?;
        answer.err().filter(|_| name == text)
    }

    /// The address of an address or a name.
    pub(super) fn find(&self, text: &str) -> Option<IpAddr> {
        let named = || {
            let entry = self.entries.iter().find(|(name, _)| name == text);
            entry.map(|(_, address)| *address)
        };
        let localhost = || (text == "localhost").then_some(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let looked_up = || {
            let (name, answer) = self.looked_up.as_ref()?;
            answer.ok().filter(|_| name == text)
        };
        let known = text.parse().ok().or_else(named).or_else(localhost);
        known.or_else(looked_up)
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
        let fits = |address: &IpAddr| match version {
            Some('4') => address.is_ipv4(),
            Some('6') => address.is_ipv6(),
            _ => true,
        };
        let named = self.entries.iter().filter(|(name, _)| name == text);
        let mut named = named.map(|(_, address)| *address);
        match named.find(fits) {
            Some(address) => Ok(address),
            None => {
                let address = self.resolve(program, text)?;
                Some(address).filter(fits).ok_or_else(|| {
                    let why = "Address family for hostname not supported";
                    Refusal::usage(format!("{program}: {text}: {why}\n"))
                })
            }
        }
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
        self.find(text).ok_or_else(|| {
            let refusal = Refusal::usage(format!(
                "{program}: {text}: Name or service not known (known are addresses, `localhost` \
                 and the names of machines)\n"
            ));
            refusal.unless_dns_knows(text)
        })
    }
}

/// The name of a TCP port in `/etc/services`.
pub(crate) const fn service(port: u16) -> Option<&'static str> {
    Some(match port {
        22 => "ssh",
        25 => "smtp",
        53 => "domain",
        80 => "http",
        179 => "bgp",
        443 => "https",
        3306 => "mysql",
        5432 => "postgresql",
        8080 => "http-alt",
        _ => return None,
    })
}
