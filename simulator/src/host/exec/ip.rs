//! `ip` of iproute2: `addr`, `link` and `route`.

use std::net::IpAddr;

use wirelab_model::{IpNet, SimTime};

use super::{Refusal, Start, address, argument, number, printed};
use crate::host::Host;
use crate::host::route::{RouteLine, index_of};
use crate::host::spec::HostRoute;

const USAGE: &str = "usage: ip [-4] addr|link|route [show]\n       \
    ip link set dev NAME mtu OCTETS\n       \
    ip route add|change|replace|del PREFIX [via ADDRESS] [dev NAME] [mtu OCTETS] [advmss OCTETS]\n       \
    ip route get ADDRESS\n       ip route flush cache\n";

fn usage() -> Refusal {
    Refusal::usage(USAGE)
}

fn failure(text: &str) -> Refusal {
    Refusal::usage(format!("{text}\n"))
}

impl Host {
    pub(super) fn run_ip(&mut self, now: SimTime, arguments: &[String]) -> Start {
        let words: Vec<_> = arguments
            .iter()
            .filter(|word| !matches!(word.as_str(), "-4" | "-o" | "-c" | "-color" | "-br"))
            .cloned()
            .collect();
        let (object, rest) = words.split_first().ok_or_else(usage)?;
        let rest: &[String] = rest;
        let verb = rest.first().map_or("show", String::as_str);
        match (object.as_str(), verb) {
            ("a" | "addr" | "address", "show" | "list" | "ls" | "s") => {
                self.show_addresses(rest, true)
            }
            ("l" | "link", "show" | "list" | "ls" | "s") => self.show_addresses(rest, false),
            ("l" | "link", "set") => self.set_link(&rest[1..]),
            ("r" | "route", "show" | "list" | "ls" | "s") => printed(self.show_routes()),
            ("r" | "route", "get") => self.get_route(now, &rest[1..]),
            ("r" | "route", "flush") => {
                self.stack.routes.flush();
                printed("")
            }
            ("r" | "route", "add" | "change" | "replace") => self.set_route(verb, &rest[1..]),
            ("r" | "route", "del" | "delete") => self.delete_route(&rest[1..]),
            _ => Err(usage()),
        }
    }

    fn show_addresses(&self, words: &[String], addresses: bool) -> Start {
        let wanted = words.iter().skip(1).find(|word| *word != "dev");
        if let Some(name) = wanted
            && index_of(&name.as_str().into(), &self.stack.interfaces).is_none()
        {
            return Err(Refusal {
                text: format!("Device \"{name}\" does not exist.\n"),
                status: 1,
            });
        }
        let mut text = String::new();
        if wanted.is_none() {
            text += "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000\n    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00\n";
            if addresses {
                text += "    inet 127.0.0.1/8 scope host lo\n       valid_lft forever preferred_lft forever\n";
            }
        }
        for (index, config) in self.stack.interfaces.iter().enumerate() {
            if wanted.is_some_and(|name| config.name != name.as_str()) {
                continue;
            }
            text += &format!(
                "{}: {}: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu {} qdisc mq state UP group default qlen 1000\n    link/ether {} brd ff:ff:ff:ff:ff:ff\n",
                index + 2,
                config.name,
                config.mtu,
                config.mac
            );
            for net in config.addresses.iter().filter(|_| addresses) {
                text += &show_address(net, &config.name);
            }
        }
        printed(text)
    }

    fn set_link(&mut self, words: &[String]) -> Start {
        let mut words = words.iter();
        let (mut name, mut mtu) = (None, None);
        while let Some(word) = words.next() {
            match word.as_str() {
                "dev" => name = Some(argument(&mut words, "dev")?.to_owned()),
                "mtu" => mtu = Some(number::<u16>(argument(&mut words, "mtu")?, "mtu")?),
                other if name.is_none() => name = Some(other.to_owned()),
                _ => return Err(usage()),
            }
        }
        let name = name.ok_or_else(usage)?;
        let mtu = mtu.ok_or_else(usage)?;
        let index = index_of(&name.as_str().into(), &self.stack.interfaces)
            .ok_or_else(|| failure(&format!("Cannot find device \"{name}\"")))?;
        if !(68..=9216).contains(&mtu) {
            return Err(failure("Error: mtu greater than device maximum."));
        }
        let mut interfaces = self.stack.interfaces.clone();
        interfaces[index].mtu = mtu;
        self.stack.set_interfaces(interfaces);
        printed("")
    }

    fn show_routes(&self) -> String {
        let lines = self.stack.routes.lines().iter();
        lines.map(|line| self.show_route(line) + "\n").collect()
    }

    fn show_route(&self, line: &RouteLine) -> String {
        let route = &line.route;
        let mut text = match route.destination.prefix_len() {
            0 => "default".to_owned(),
            32 => route.destination.addr().to_string(),
            _ => route.destination.to_string(),
        };
        if let Some(via) = route.via {
            text += &format!(" via {via}");
        }
        if let Some(config) = self.stack.interfaces.get(line.interface) {
            text += &format!(" dev {}", config.name);
        }
        if let Some(source) = line.connected {
            text += &format!(" proto kernel scope link src {source}");
        }
        if let Some(mtu) = route.mtu {
            text += &format!(" mtu {mtu}");
        }
        if let Some(advmss) = route.advmss {
            text += &format!(" advmss {advmss}");
        }
        text + " "
    }

    fn get_route(&self, now: SimTime, words: &[String]) -> Start {
        let to: IpAddr = address(words.first().ok_or_else(usage)?)?;
        let Some(way) = self.stack.resolve(to) else {
            return Err(failure("RTNETLINK answers: Network is unreachable"));
        };
        if way.interface == usize::MAX {
            return printed(format!(
                "local {to} dev lo src {to} uid 0 \n    cache <local> \n"
            ));
        }
        let via = if way.next_hop == to {
            String::new()
        } else {
            format!(" via {}", way.next_hop)
        };
        let device = &self.stack.interfaces[way.interface].name;
        let cache = match self.stack.routes.learned(to, now) {
            Some((mtu, left)) => format!(" expires {}sec mtu {mtu}", left.as_secs()),
            None => String::new(),
        };
        printed(format!(
            "{to}{via} dev {device} src {} uid 0 \n    cache{cache} \n",
            way.source
        ))
    }

    fn set_route(&mut self, verb: &str, words: &[String]) -> Start {
        let route = parse_route(words)?;
        let lines = self.stack.routes.lines().iter();
        let old = lines
            .filter(|line| line.route.destination == route.destination)
            .map(|line| line.route.clone())
            .next();
        match (verb, &old) {
            ("add", Some(_)) => return Err(failure("RTNETLINK answers: File exists")),
            ("change", None) => {
                return Err(failure("RTNETLINK answers: No such file or directory"));
            }
            _ => {}
        }
        let known = route
            .device
            .as_ref()
            .is_none_or(|name| index_of(name, &self.stack.interfaces).is_some());
        if !known {
            let name = route.device.unwrap_or_default();
            return Err(failure(&format!("Cannot find device \"{name}\"")));
        }
        let reachable = route.via.is_none_or(|via| {
            self.stack
                .interfaces
                .iter()
                .any(|config| config.addresses.iter().any(|net| net.contains(&via)))
        });
        if !reachable {
            return Err(failure("Error: Nexthop has invalid gateway."));
        }
        if route.via.is_none() && route.device.is_none() {
            return Err(failure("RTNETLINK answers: No such device"));
        }
        let interfaces = self.stack.interfaces.clone();
        self.stack.routes.replace(route, &interfaces);
        printed("")
    }

    fn delete_route(&mut self, words: &[String]) -> Start {
        let destination = parse_net(words.first().ok_or_else(usage)?)?;
        let interfaces = self.stack.interfaces.clone();
        if self.stack.routes.remove(destination, &interfaces) {
            printed("")
        } else {
            Err(failure("RTNETLINK answers: No such process"))
        }
    }
}

fn show_address(net: &IpNet, device: &str) -> String {
    let broadcast = match net.broadcast() {
        IpAddr::V4(last) if net.prefix_len() < 31 => format!(" brd {last}"),
        _ => String::new(),
    };
    format!(
        "    inet{} {net}{broadcast} scope global {device}\n       valid_lft forever preferred_lft forever\n",
        if net.addr().is_ipv4() { "" } else { "6" }
    )
}

fn parse_net(text: &str) -> Result<IpNet, Refusal> {
    let text = if text == "default" { "0.0.0.0/0" } else { text };
    let single = || text.parse::<IpAddr>().map(IpNet::from);
    text.parse::<IpNet>().or_else(|_| single()).map_err(|_| {
        failure(&format!(
            "Error: any valid prefix is expected rather than \"{text}\"."
        ))
    })
}

fn parse_route(words: &[String]) -> Result<HostRoute, Refusal> {
    let mut words = words.iter();
    let destination = parse_net(words.next().ok_or_else(usage)?)?;
    let mut route = HostRoute {
        destination,
        via: None,
        device: None,
        mtu: None,
        advmss: None,
    };
    while let Some(word) = words.next() {
        match word.as_str() {
            "via" => route.via = Some(address(argument(&mut words, "via")?)?),
            "dev" => route.device = Some(argument(&mut words, "dev")?.into()),
            "mtu" => route.mtu = Some(number(argument(&mut words, "mtu")?, "mtu")?),
            "advmss" => route.advmss = Some(number(argument(&mut words, "advmss")?, "advmss")?),
            "proto" | "scope" | "src" | "metric" => {
                argument(&mut words, word)?;
            }
            _ => return Err(usage()),
        }
    }
    Ok(route)
}
