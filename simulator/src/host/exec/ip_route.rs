//! `ip route show` of iproute2: tables `main` and `local`.

use std::net::IpAddr;

use wirelab_model::{IpNet, Ipv6Net};

use super::device::link_local;
use super::ip::{Look, Version, failure};
use super::ip_route_change::parse_net;
use super::{Refusal, Start, argument, ip_json, printed};
use crate::host::Host;
use crate::host::route::{RouteKind, RouteLine};

/// Which tables are shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tables {
    Main,
    Local,
    All,
}

impl Tables {
    /// `main`, `local`, `all`, or a number (`rtnl_rttable_a2n`).
    fn read(text: &str, version: Version) -> Result<Self, Refusal> {
        let number = match text {
            "main" => Some(254),
            "local" => Some(255),
            "default" => Some(253),
            "all" | "unspec" => Some(0),
            text => match text.strip_prefix("0x") {
                Some(digits) => u32::from_str_radix(digits, 16).ok(),
                None => text.parse().ok(),
            },
        };
        match number {
            Some(0) => Ok(Self::All),
            Some(254) => Ok(Self::Main),
            Some(255) => Ok(Self::Local),
            Some(_) => {
                let ip = if version == Version::V6 {
                    "ipv6"
                } else {
                    "ipv4"
                };
                let text = format!("Error: {ip}: FIB table does not exist.\nDump terminated");
                Err(failure(2, &text))
            }
            None => {
                let why = "is wrong: table id value is invalid\n";
                Err(failure(255, &format!("Error: argument \"{text}\" {why}")))
            }
        }
    }
}

/// What is asked for.
struct Wanted<'a> {
    tables: Tables,
    prefix: Option<IpNet>,
    device: Option<&'a str>,
    kind: Option<&'a str>,
}

/// A line, and what it is sorted and chosen by.
struct Shown {
    local: bool,
    destination: IpNet,
    kind: &'static str,
    device: Option<String>,
    text: String,
}

impl Host {
    /// `ip route show`, all or some: of a table, of a prefix, of a device, of a type.
    pub(super) fn show_routes(&self, words: &[String], look: Look) -> Start {
        let version = look.version;
        let mut words = words.iter();
        let mut wanted = Wanted {
            tables: Tables::Main,
            prefix: None,
            device: None,
            kind: None,
        };
        while let Some(word) = words.next() {
            match word.as_str() {
                "dev" => wanted.device = Some(argument(&mut words, "dev")?),
                "table" => {
                    wanted.tables = Tables::read(argument(&mut words, "table")?, version)?;
                }
                "type" => wanted.kind = Some(argument(&mut words, "type")?),
                word => wanted.prefix = Some(parse_net(word, version)?.trunc()),
            }
        }
        let is_missing = |name: &&str| *name != "lo" && self.find_device(name).is_none();
        if let Some(name) = wanted.device.filter(is_missing) {
            return Err(failure(1, &format!("Cannot find device \"{name}\"")));
        }
        let of_prefix = wanted.prefix.map(|it| it.addr().is_ipv4());
        let both = version == Version::Unsaid && wanted.tables == Tables::All;
        let shows = |ipv4: bool| match of_prefix {
            Some(is) => is == ipv4,
            None => both || (version == Version::V6) != ipv4,
        };
        let versions = [true, false].into_iter().filter(|it| shows(*it));
        let text: String = versions.map(|it| self.listed(it, &wanted)).collect();
        printed(match look.json {
            true => ip_json::routes(&text, look),
            false => text,
        })
    }

    /// The lines of one version of IP.
    fn listed(&self, ipv4: bool, wanted: &Wanted<'_>) -> String {
        let known = wanted.device.is_some();
        let mut lines = Vec::new();
        if wanted.tables != Tables::Local {
            lines.extend(self.main_lines(ipv4, known));
        }
        if wanted.tables != Tables::Main {
            let table = match wanted.tables {
                Tables::All => " table local",
                _ => "",
            };
            lines.extend(self.local_lines(ipv4, known, table));
        }
        lines.retain(|it| {
            wanted.prefix.is_none_or(|net| net == it.destination)
                && wanted.kind.is_none_or(|kind| kind == it.kind)
                && (wanted.device).is_none_or(|name| it.device.as_deref() == Some(name))
        });
        // The kernel's trie is walked in the order of addresses; IPv6's default is the last.
        lines.sort_by_key(|it| {
            let last = !ipv4 && it.destination.prefix_len() == 0;
            (it.local, last, it.destination.addr())
        });
        lines.into_iter().map(|it| it.text + "\n").collect()
    }

    fn main_lines(&self, ipv4: bool, device_known: bool) -> Vec<Shown> {
        let own = self.stack.routes.lines().iter();
        let own = own.filter(|it| it.route.destination.addr().is_ipv4() == ipv4);
        let mut lines: Vec<_> = own
            .map(|line| Shown {
                local: false,
                destination: line.route.destination,
                kind: line.kind.name(),
                device: self.device_of(line).map(str::to_owned),
                text: self.show_route(line, device_known),
            })
            .collect();
        if !ipv4 {
            lines.extend(self.link_local_lines(device_known));
        }
        lines
    }

    /// The name of a route's device; of an IPv6 one that sends nothing on, the loopback.
    pub(super) fn device_of(&self, line: &RouteLine) -> Option<&str> {
        match self.stack.interfaces.get(line.interface) {
            Some(config) => Some(config.name.as_str()),
            None => line.route.destination.addr().is_ipv6().then_some("lo"),
        }
    }

    /// `fe80::/64` of each device that has a hardware address.
    fn link_local_lines(&self, device_known: bool) -> Vec<Shown> {
        let block = IpNet::from(ipnet_link_local());
        let own = self.stack.interfaces.iter();
        own.filter(|it| link_local(it).is_some())
            .map(|it| {
                let name = match device_known {
                    true => String::new(),
                    false => format!("dev {} ", it.name),
                };
                Shown {
                    local: false,
                    destination: block,
                    kind: "unicast",
                    device: Some(it.name.to_string()),
                    text: format!("{block} {name}proto kernel metric 256 pref medium"),
                }
            })
            .collect()
    }

    /// What the kernel keeps for its own addresses.
    fn local_lines(&self, ipv4: bool, device_known: bool, table: &str) -> Vec<Shown> {
        let line = |kind, destination: IpNet, device: &str, end: &str| {
            let shown = match destination.prefix_len() == destination.max_prefix_len() {
                true => destination.addr().to_string(),
                false => destination.to_string(),
            };
            let dev = match device_known {
                true => String::new(),
                false => format!(" dev {device}"),
            };
            Shown {
                local: true,
                destination,
                kind,
                device: Some(device.to_owned()),
                text: format!("{kind} {shown}{dev}{table} proto kernel {end}"),
            }
        };
        let single = |address: IpAddr| IpNet::from(address);
        let mut lines = Vec::new();
        if ipv4 {
            let loopback: IpNet = IpNet::from(wirelab_model::Ipv4Net::new_assert(LOOPBACK, 8));
            let host = "scope host src 127.0.0.1 ";
            let last = single(IpAddr::from([127, 255, 255, 255]));
            lines.push(line("local", loopback, "lo", host));
            lines.push(line("local", single(LOOPBACK_HOST.into()), "lo", host));
            lines.push(line("broadcast", last, "lo", "scope link src 127.0.0.1 "));
        } else {
            let metric = "metric 0 pref medium";
            let loopback = single(std::net::Ipv6Addr::LOCALHOST.into());
            lines.push(line("local", loopback, "lo", metric));
        }
        for config in &self.stack.interfaces {
            let name = config.name.as_str();
            let nets = config.addresses.iter();
            let nets: Vec<_> = nets.filter(|it| it.addr().is_ipv4() == ipv4).collect();
            for net in &nets {
                if !ipv4 {
                    let own = single(net.addr());
                    lines.push(line("local", own, name, "metric 0 pref medium"));
                    continue;
                }
                // Of a block's addresses the first is the source.
                let first = nets.iter().find(|it| it.trunc() == net.trunc());
                let source = first.unwrap_or(net).addr();
                let end = format!("scope host src {source} ");
                lines.push(line("local", single(net.addr()), name, &end));
                if source == net.addr() && net.prefix_len() < 31 {
                    let end = format!("scope link src {source} ");
                    lines.push(line("broadcast", single(net.broadcast()), name, &end));
                }
            }
            if !ipv4 {
                if let Some(own) = link_local(config) {
                    lines.push(line(
                        "local",
                        single(own.addr()),
                        name,
                        "metric 0 pref medium",
                    ));
                }
                let everybody = IpNet::from(Ipv6Net::new_assert(MULTICAST, 8));
                let end = "metric 256 pref medium";
                lines.push(line("multicast", everybody, name, end));
            }
        }
        lines
    }

    fn show_route(&self, line: &RouteLine, device_known: bool) -> String {
        let route = &line.route;
        let kind = match line.kind {
            RouteKind::Unicast => String::new(),
            kind => format!("{} ", kind.name()),
        };
        let destination = match route.destination.prefix_len() {
            0 => "default".to_owned(),
            length if length == route.destination.max_prefix_len() => {
                route.destination.addr().to_string()
            }
            _ => route.destination.to_string(),
        };
        let mut text = kind + &destination;
        if let Some(via) = route.via {
            text += &format!(" via {via}");
        }
        if let Some(name) = self.device_of(line).filter(|_| !device_known) {
            text += &format!(" dev {name}");
        }
        match line.connected {
            Some(IpAddr::V6(_)) => text += " proto kernel metric 256",
            Some(source) => text += &format!(" proto kernel scope link src {source}"),
            None if route.destination.addr().is_ipv6() => text += " metric 1024",
            None => {}
        }
        if let Some(mtu) = route.mtu {
            text += &format!(" mtu {mtu}");
        }
        if let Some(advmss) = route.advmss {
            text += &format!(" advmss {advmss}");
        }
        text + if route.destination.addr().is_ipv4() {
            " "
        } else {
            " pref medium"
        }
    }
}

const LOOPBACK: std::net::Ipv4Addr = std::net::Ipv4Addr::new(127, 0, 0, 0);
const LOOPBACK_HOST: std::net::Ipv4Addr = std::net::Ipv4Addr::LOCALHOST;
/// `ff00::`.
const MULTICAST: std::net::Ipv6Addr = std::net::Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0);

/// `fe80::/64`.
const fn ipnet_link_local() -> Ipv6Net {
    Ipv6Net::new_assert(std::net::Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 64)
}
