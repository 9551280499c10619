//! `ip` of iproute2: `addr`, `link` and `route`.

use std::net::IpAddr;

use wirelab_model::{IpNet, SimTime};

use super::device::Device;
use super::{Refusal, Start, argument, number, printed};
use crate::host::Host;
use crate::host::route::{RouteLine, index_of};
use crate::host::spec::HostRoute;

const USAGE: &str = "usage: ip [-4|-6] [-br] [-s] addr|link|route [show]\n       \
    ip link set dev NAME mtu OCTETS\n       \
    ip route add|change|replace|del PREFIX [via ADDRESS] [dev NAME] [mtu OCTETS] \
    [advmss OCTETS]\n       \
    ip route get ADDRESS\n       ip route flush cache\n";

/// Smallest MTU of an IPv4 device (`ETH_MIN_MTU`).
const MTU_MIN: u32 = 68;
/// Largest MTU of the driver of instances.
const MTU_MAX: u32 = 9216;

fn usage() -> Refusal {
    Refusal::usage(USAGE)
}

fn failure(text: &str) -> Refusal {
    Refusal::usage(format!("{text}\n"))
}

/// An address; iproute2 looks no names up.
fn address(text: &str) -> Result<IpAddr, Refusal> {
    text.parse().map_err(|_| {
        failure(&format!(
            "Error: any valid address is expected rather than \"{text}\"."
        ))
    })
}

/// Which IP version is asked about.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Version {
    /// Neither was said: both where addresses are shown, IPv4 where routes are.
    #[default]
    Unsaid,
    V4,
    V6,
}

impl Version {
    /// Whether an address is shown.
    pub(super) fn shows(self, is_ipv4: bool) -> bool {
        match self {
            Self::Unsaid => true,
            Self::V4 => is_ipv4,
            Self::V6 => !is_ipv4,
        }
    }
}

/// The options before the object.
#[derive(Clone, Copy, Default)]
pub(super) struct Look {
    /// `-br`.
    pub(super) brief: bool,
    /// `-s`.
    pub(super) statistics: bool,
    /// `-4` or `-6`.
    pub(super) version: Version,
    /// `addr` rather than `link`.
    pub(super) addresses: bool,
}

impl Look {
    /// Reads the options; what is left begins with the object.
    fn read(words: &[String]) -> Result<(Self, &[String]), Refusal> {
        let mut look = Self::default();
        let mut rest = words;
        while let Some((option, after)) = rest.split_first().filter(|it| it.0.starts_with('-')) {
            match option.as_str() {
                "-br" | "-brief" => look.brief = true,
                "-s" | "-stats" | "-statistics" => look.statistics = true,
                "-4" => look.version = Version::V4,
                "-6" => look.version = Version::V6,
                _ => {
                    return Err(failure(&format!(
                        "Option \"{option}\" is unknown here.\n{}",
                        USAGE.trim_end()
                    )));
                }
            }
            rest = after;
        }
        Ok((look, rest))
    }
}

impl Host {
    pub(super) fn run_ip(&mut self, now: SimTime, arguments: &[String]) -> Start {
        let (mut look, words) = Look::read(arguments)?;
        let (object, rest) = words.split_first().ok_or_else(usage)?;
        let verb = rest.first().map_or("show", String::as_str);
        look.addresses = matches!(object.as_str(), "a" | "addr" | "address");
        match (object.as_str(), verb) {
            (
                "a" | "addr" | "address" | "l" | "link",
                "show" | "list" | "ls" | "lst" | "s" | "sh",
            ) => self.show_interfaces(rest, look),
            ("l" | "link", "set") => self.set_link(&rest[1..]),
            ("r" | "ro" | "route", "show" | "list" | "ls" | "s" | "sh") if rest.len() < 2 => {
                printed(self.show_routes(look.version))
            }
            ("r" | "ro" | "route", "get") => self.get_route(now, &rest[1..]),
            ("r" | "ro" | "route", "flush") => match &rest[1..] {
                [what] if what == "cache" => {
                    self.stack.routes.flush();
                    printed("")
                }
                _ => Err(usage()),
            },
            ("r" | "ro" | "route", "add" | "change" | "replace") => {
                self.set_route(verb, &rest[1..], look.version)
            }
            ("r" | "ro" | "route", "del" | "delete") => self.delete_route(&rest[1..], look.version),
            _ => Err(usage()),
        }
    }

    fn show_interfaces(&self, words: &[String], look: Look) -> Start {
        let wanted = match words {
            [] | [_] => None,
            [_, name] if name != "dev" => Some(name),
            [_, dev, name] if dev == "dev" => Some(name),
            _ => return Err(usage()),
        };
        let is_wanted = |name: &str| wanted.is_none_or(|wanted| wanted == name);
        let known = |name: &String| name == "lo" || self.find_device(name).is_some();
        if let Some(name) = wanted.filter(|name| !known(name)) {
            return Err(Refusal::with_status(
                1,
                format!("Device \"{name}\" does not exist.\n"),
            ));
        }
        let mut text = String::new();
        if is_wanted("lo") {
            text += &Device::loopback(self.stack.loopback_counters()).show(look);
        }
        for (index, config) in self.stack.interfaces.iter().enumerate() {
            if is_wanted(&config.name) {
                let counters = self.stack.counters(index);
                text += &Device::new(index, config, counters).show(look);
            }
        }
        printed(text)
    }

    fn find_device(&self, name: &str) -> Option<usize> {
        index_of(&name.into(), &self.stack.interfaces)
    }

    fn set_link(&mut self, words: &[String]) -> Start {
        let mut words = words.iter();
        let (mut name, mut mtu) = (None, None);
        while let Some(word) = words.next() {
            match word.as_str() {
                "dev" => name = Some(argument(&mut words, "dev")?.to_owned()),
                "mtu" => mtu = Some(number::<u32>(argument(&mut words, "mtu")?, "mtu")?),
                other if name.is_none() => name = Some(other.to_owned()),
                _ => return Err(usage()),
            }
        }
        let name = name.ok_or_else(usage)?;
        let mtu = mtu.ok_or_else(usage)?;
        let index = self
            .find_device(&name)
            .ok_or_else(|| failure(&format!("Cannot find device \"{name}\"")))?;
        if mtu < MTU_MIN {
            return Err(failure("Error: mtu less than device minimum."));
        }
        if mtu > MTU_MAX {
            return Err(failure("Error: mtu greater than device maximum."));
        }
        let mtu = u16::try_from(mtu).expect("it is below the maximum");
        self.stack.set_link_mtu(index, mtu);
        printed("")
    }

    fn show_routes(&self, version: Version) -> String {
        let is_ipv4 = version != Version::V6;
        let lines = self.stack.routes.lines().iter();
        let asked = lines.filter(|line| line.route.destination.addr().is_ipv4() == is_ipv4);
        asked.map(|line| self.show_route(line) + "\n").collect()
    }

    fn show_route(&self, line: &RouteLine) -> String {
        let route = &line.route;
        let mut text = match route.destination.prefix_len() {
            0 => "default".to_owned(),
            length if length == route.destination.max_prefix_len() => {
                route.destination.addr().to_string()
            }
            _ => route.destination.to_string(),
        };
        if let Some(via) = route.via {
            text += &format!(" via {via}");
        }
        if let Some(config) = self.stack.interfaces.get(line.interface) {
            text += &format!(" dev {}", config.name);
        }
        match line.connected {
            Some(IpAddr::V6(_)) => text += " proto kernel metric 256",
            Some(source) => text += &format!(" proto kernel scope link src {source}"),
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

    fn set_route(&mut self, verb: &str, words: &[String], version: Version) -> Start {
        let route = parse_route(words, version)?;
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
            .is_none_or(|name| self.find_device(name).is_some());
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

    fn delete_route(&mut self, words: &[String], version: Version) -> Start {
        let destination = parse_net(words.first().ok_or_else(usage)?, version)?;
        let interfaces = self.stack.interfaces.clone();
        if self.stack.routes.remove(destination, &interfaces) {
            printed("")
        } else {
            Err(failure("RTNETLINK answers: No such process"))
        }
    }
}

fn parse_net(text: &str, version: Version) -> Result<IpNet, Refusal> {
    let text = match (text, version) {
        ("default", Version::V6) => "::/0",
        ("default", _) => "0.0.0.0/0",
        (text, _) => text,
    };
    let single = || text.parse::<IpAddr>().map(IpNet::from);
    text.parse::<IpNet>().or_else(|_| single()).map_err(|_| {
        failure(&format!(
            "Error: any valid prefix is expected rather than \"{text}\"."
        ))
    })
}

fn parse_route(words: &[String], version: Version) -> Result<HostRoute, Refusal> {
    let mut words = words.iter();
    let destination = parse_net(words.next().ok_or_else(usage)?, version)?;
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
            other => {
                return Err(failure(&format!(
                    "Error: \"{other}\" is not supported here.\n{}",
                    USAGE.trim_end()
                )));
            }
        }
    }
    Ok(route)
}
