//! `cat` of the files about names, and `getent` of glibc: what `getaddrinfo` finds.

use std::net::IpAddr;

use super::{Refusal, Start, Started, printed};
use crate::host::Host;

const GETENT: &str = "usage: getent hosts|ahosts|ahostsv4|ahostsv6 NAME ...\n";
const FILES: &str = "/etc/hosts, /etc/resolv.conf, /etc/hostname";

impl Host {
    pub(super) fn run_cat(&self, arguments: &[String]) -> Start {
        let mut printer = super::Printer::default();
        let mut status = 0;
        if arguments.is_empty() {
            return Err(Refusal::usage(format!("usage: cat FILE ... ({FILES})\n")));
        }
        for name in arguments {
            match name.as_str() {
                "/etc/hosts" => printer.out(self.names.file()),
                "/etc/hostname" => printer.out(self.hostname() + "\n"),
                "/etc/resolv.conf" => printer.out(self.resolv_conf_file()),
                option if option.starts_with('-') => {
                    let text = format!("cat: {option} (not supported here): cat FILE ...\n");
                    return Err(Refusal::usage(text));
                }
                _ => {
                    printer.err(format!("cat: {name}: No such file or directory\n"));
                    status = 1;
                }
            }
        }
        Ok(Started::Over(printer, status))
    }

    fn resolv_conf_file(&self) -> String {
        let conf = self.resolv_conf();
        let servers = conf.servers.iter();
        let mut text: String = servers.map(|it| format!("nameserver {it}\n")).collect();
        if !conf.search.is_empty() {
            text += &format!("search {}\n", conf.search.join(" "));
        }
        text
    }

    pub(super) fn run_getent(&self, arguments: &[String]) -> Start {
        let Some((database, names)) = arguments.split_first().filter(|it| !it.1.is_empty()) else {
            return Err(Refusal::usage(GETENT));
        };
        let version = match database.as_str() {
            "hosts" | "ahosts" => None,
            "ahostsv4" => Some(true),
            "ahostsv6" => Some(false),
            other => {
                let text = format!("getent: database `{other}` (not supported here)\n{GETENT}");
                return Err(Refusal::usage(text));
            }
        };
        let mut text = String::new();
        for name in names {
            let mut all = self.names.all(name);
            if all.is_empty() {
                let refusal = Refusal::usage("");
                return Err(if self.names.failure(name).is_some() {
                    refusal
                } else {
                    refusal.unless_dns_knows(name)
                });
            }
            all.retain(|it| version.is_none_or(|is_ipv4| it.is_ipv4() == is_ipv4));
            if all.is_empty() {
                return Err(Refusal::usage(""));
            }
            text += &match database.as_str() {
                "hosts" => self.hosts_lines(name, &all)?,
                _ => self.ahosts_lines(name, &all),
            };
        }
        printed(text)
    }

    /// `gethostbyname2` for IPv6, then for IPv4; or `gethostbyaddr`.
    fn hosts_lines(&self, name: &str, all: &[IpAddr]) -> Result<String, Refusal> {
        if let Ok(address) = name.parse::<IpAddr>() {
            let known = self.names.name_of(address);
            let known = known.ok_or_else(|| Refusal::usage(""))?;
            return Ok(format!("{:<15} {known}\n", address.to_string()));
        }
        let canonical = self.names.canonical(name);
        let alias = if name.contains('.') && canonical != name {
            format!(" {name}")
        } else {
            String::new()
        };
        let ipv6 = all.iter().any(IpAddr::is_ipv6);
        let fitting = all.iter().filter(|it| it.is_ipv6() == ipv6);
        let line = |it: &IpAddr| format!("{:<15} {canonical}{alias}\n", it.to_string());
        Ok(fitting.map(line).collect())
    }

    fn ahosts_lines(&self, name: &str, all: &[IpAddr]) -> String {
        let mut canonical = self.names.canonical(name);
        let mut text = String::new();
        for address in all {
            for kind in ["STREAM", "DGRAM", "RAW"] {
                text += &format!("{:<15} {kind:<6} {canonical}\n", address.to_string());
                canonical.clear();
            }
        }
        text
    }
}
