//! `arp` of net-tools 2.10: what is known of IPv4 neighbours. Nobody makes or removes entries by
//! hand here.

use std::net::IpAddr;

use wirelab_model::SimTime;
use wirelab_wire::MacAddr;

use super::options::{self, Syntax, Word};
use super::{Refusal, Start, printed};
use crate::host::Host;

const USAGE: &str = "usage: arp [-v] [-n] [-a|-e] [-i DEVICE] [HOST]\n";

const SYNTAX: Syntax = Syntax {
    program: "arp",
    letters: "aeni:v",
    long: &[("numeric", 'n'), ("device", 'i'), ("verbose", 'v')],
    usage: USAGE,
    status: 255,
    style: options::Style::Getopt,
};

const TITLE: &str =
    "Address                  HWtype  HWaddress           Flags Mask            Iface\n";

/// An entry, as `/proc/net/arp` has it.
struct Entry<'a> {
    address: IpAddr,
    /// None while, or because, nobody has answered.
    mac: Option<MacAddr>,
    device: &'a str,
}

impl Host {
    pub(super) fn run_arp(&self, now: SimTime, arguments: &[String]) -> Start {
        let (mut by_lines, mut numeric, mut verbose) = (false, false, false);
        let (mut device, mut host) = (None, None);
        for word in SYNTAX.read(arguments)? {
            match word {
                Word::Flag('a') => by_lines = true,
                Word::Flag('e') => by_lines = false,
                Word::Flag('n') => numeric = true,
                Word::Flag(_) => verbose = true,
                Word::Value(_, name) => device = Some(name),
                Word::Operand(name) => host = Some(name),
            }
        }
        let address = match &host {
            Some(name) => Some(self.arp_host(name)?),
            None => None,
        };
        let all = self.arp_entries(now);
        let wanted = |it: &&Entry<'_>| {
            address.is_none_or(|own| own == it.address)
                && device.as_ref().is_none_or(|own| own == it.device)
        };
        let shown: Vec<_> = all.iter().filter(wanted).collect();
        let mut text = String::new();
        if !by_lines && !shown.is_empty() {
            text += TITLE;
        }
        for entry in &shown {
            let name = self.names.name_of(entry.address).filter(|_| !numeric);
            text += &match by_lines {
                true => entry.line(name),
                false => entry.row(name),
            };
        }
        let (entries, found) = (all.len(), shown.len());
        if verbose {
            let skipped = entries - found;
            text += &format!("Entries: {entries}\tSkipped: {skipped}\tFound: {found}\n");
        }
        if let (0, false, Some(name), Some(address)) = (found, by_lines, &host, address) {
            text += &format!("{name} ({address}) -- no entry\n");
        } else if found == 0 && (host.is_some() || device.is_some()) {
            text += &format!("arp: in {entries} entries no match found.\n");
        }
        printed(text)
    }

    fn arp_host(&self, name: &str) -> Result<IpAddr, Refusal> {
        let mut all = self.names.all(name).into_iter();
        if let Some(address) = all.find(IpAddr::is_ipv4) {
            return Ok(address);
        }
        let refusal = Refusal::with_status(255, format!("{name}: Unknown host\n"));
        Err(match self.names.failure(name) {
            Some(_) => refusal,
            None => refusal.unless_dns_knows(name),
        })
    }

    /// The IPv4 entries of the neighbour table, as `ip neigh` lists them.
    fn arp_entries(&self, now: SimTime) -> Vec<Entry<'_>> {
        let mut entries = Vec::new();
        for it in self.stack.neighbors(now).filter(|it| it.address.is_ipv4()) {
            let Some(config) = self.stack.interfaces.get(it.interface) else {
                continue;
            };
            let is_known = it.state.is_known();
            entries.push(Entry {
                address: it.address,
                mac: is_known.then_some(it.mac),
                device: &config.name,
            });
        }
        entries
    }
}

impl Entry<'_> {
    /// In the style of BSD.
    fn line(&self, name: Option<&str>) -> String {
        let Self {
            address, device, ..
        } = self;
        let name = name.unwrap_or("?");
        match self.mac {
            Some(mac) => format!("{name} ({address}) at {mac} [ether] on {device}\n"),
            None => format!("{name} ({address}) at <incomplete> on {device}\n"),
        }
    }

    /// In the style of Linux (`arp_disp_2`).
    fn row(&self, name: Option<&str>) -> String {
        let address = self.address.to_string();
        let name = name.unwrap_or(&address);
        let (kind, mac, flags) = match self.mac {
            Some(mac) => ("ether", mac.to_string(), "C"),
            None => ("", "(incomplete)".to_owned(), ""),
        };
        let device = self.device;
        format!(
            "{name:<23.23}  {kind:<8.8}{mac:<20.20}{flags:<6}{:<15} {device}\n",
            ""
        )
    }
}
