//! `ip` of iproute2: `addr`, `link`, `rule`; `route` and `neigh` have files of their own.

use std::net::IpAddr;

use wirelab_model::{IpNet, SimTime};

use super::device::Device;
use super::{Refusal, Start, argument, ip_inet, ip_json, number, printed};
use crate::host::Host;
use crate::host::route::index_of;

pub(super) const USAGE: &str = "usage: ip [-4|-6] [-br] [-o] [-s] [-j [-p]] \
    addr|link|neigh|route|rule [show]\n       \
    ip link set dev NAME mtu OCTETS\n       \
    ip neigh show|flush [to PREFIX|all] [dev NAME] [nud STATE]\n       \
    ip neigh get|del ADDRESS dev NAME\n       \
    ip route show [PREFIX] [dev NAME] [type TYPE] [table main|local|all]\n       \
    ip route add|change|replace|del [TYPE] PREFIX [via ADDRESS] [dev NAME] [mtu OCTETS] \
    [advmss OCTETS]\n       \
    ip route get ADDRESS [from ADDRESS] [dev NAME]\n       \
    TYPE := unicast|blackhole|unreachable|prohibit|throw\n       ip route flush cache\n";

/// Smallest MTU of an IPv4 device (`ETH_MIN_MTU`).
const MTU_MIN: u32 = 68;
/// Largest MTU of the driver of instances.
const MTU_MAX: u32 = 9216;

pub(super) fn usage() -> Refusal {
    Refusal::usage(USAGE)
}

pub(super) fn failure(status: i32, text: &str) -> Refusal {
    Refusal::with_status(status, format!("{text}\n"))
}

/// An address; iproute2 looks no names up.
pub(super) fn address(text: &str) -> Result<IpAddr, Refusal> {
    ip_inet::address(text).ok_or_else(|| {
        failure(
            1,
            &format!("Error: any valid address is expected rather than \"{text}\"."),
        )
    })
}

/// An address, or one with a length or mask behind it.
pub(super) fn prefix(text: &str) -> Result<IpNet, Refusal> {
    ip_inet::prefix(text).ok_or_else(|| {
        failure(
            1,
            &format!("Error: any valid prefix is expected rather than \"{text}\"."),
        )
    })
}

/// `ip rule`: what every machine has.
const RULES: &str = "0:\tfrom all lookup local\n32766:\tfrom all lookup main\n\
    32767:\tfrom all lookup default\n";

const RULES_V6: &str = "0:\tfrom all lookup local\n32766:\tfrom all lookup main\n";

/// The objects that iproute2 knows, in its order: as much of a name as it takes for the first one
/// that begins so.
const OBJECTS: [&str; 32] = [
    "address",
    "addrlabel",
    "maddress",
    "route",
    "rule",
    "neighbour",
    "ntable",
    "ntbl",
    "link",
    "l2tp",
    "fou",
    "ila",
    "macsec",
    "tunnel",
    "tunl",
    "tuntap",
    "tap",
    "token",
    "tcpmetrics",
    "monitor",
    "xfrm",
    "mroute",
    "mrule",
    "netns",
    "netconf",
    "vrf",
    "sr",
    "nexthop",
    "mptcp",
    "ioam",
    "stats",
    "help",
];

/// What `-j` shows; of `neigh` all.
const JSON: [(&str, &str); 5] = [
    ("address", "show"),
    ("link", "show"),
    ("route", "show"),
    ("route", "get"),
    ("rule", "show"),
];

/// The first name that begins with what was typed.
pub(super) fn whole_word<'a>(typed: &str, names: &[&'a str]) -> Option<&'a str> {
    // It has both spellings.
    let typed = match typed {
        "neighb" | "neighbo" | "neighbor" => "neighbour",
        typed => typed,
    };
    let mut found = names.iter().filter(|name| name.starts_with(typed));
    found.next().copied().filter(|_| !typed.is_empty())
}

/// What a verb stands for, which an object has its own order of.
fn whole_verb<'a>(object: &str, typed: &'a str) -> &'a str {
    const ADDRESS: &[&str] = &["add", "change", "replace", "delete", "show", "lst", "list"];
    const LINK: &[&str] = &[
        "add", "set", "change", "replace", "delete", "show", "lst", "list",
    ];
    const ROUTE: &[&str] = &[
        "list", "show", "lst", "get", "add", "change", "replace", "prepend", "append", "test",
        "delete", "flush", "save",
    ];
    let names = match object {
        "link" => LINK,
        "route" => ROUTE,
        _ => ADDRESS,
    };
    match (typed, whole_word(typed, names)) {
        ("ls", _) | (_, Some("lst" | "list")) => "show",
        (_, Some(verb)) => verb,
        (typed, None) => typed,
    }
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
    /// `-o`: a line each.
    pub(super) one_line: bool,
    /// `-s`.
    pub(super) statistics: bool,
    /// `-s -s`.
    pub(super) more_statistics: bool,
    /// `-j`.
    pub(super) json: bool,
    /// `-p`: JSON in lines.
    pub(super) pretty: bool,
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
            // Both dashes are as good as one, and as much of a name as begins it.
            let name = option.strip_prefix('-').unwrap_or(option);
            let name = name.strip_prefix('-').unwrap_or(name);
            let means = |whole: &str| !name.is_empty() && whole.starts_with(name);
            match name {
                "4" => look.version = Version::V4,
                "6" => look.version = Version::V6,
                name if means("brief") && name.len() > 1 => look.brief = true,
                _ if means("oneline") => look.one_line = true,
                _ if means("stats") || means("statistics") => {
                    look.more_statistics = look.statistics;
                    look.statistics = true;
                }
                _ if means("json") => look.json = true,
                _ if means("pretty") => look.pretty = true,
                _ => {
                    return Err(failure(
                        2,
                        &format!("Option \"{option}\" is unknown here.\n{}", USAGE.trim_end()),
                    ));
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
        let (typed, rest) = words.split_first().ok_or_else(usage)?;
        let object = whole_word(typed, &OBJECTS).unwrap_or(typed);
        let verb = rest.first().map_or("show", |verb| whole_verb(object, verb));
        look.addresses = object == "address";
        if look.json && object != "neighbour" && !JSON.contains(&(object, verb)) {
            let what = format!("ip -j {object} {verb} (not supported here): without -j it is");
            return Err(failure(2, &what));
        }
        match (object, verb) {
            ("address" | "link", "show") => self.show_interfaces(rest, look),
            ("link", "set") => self.set_link(&rest[1..]),
            ("neighbour", _) => self.run_neighbors(now, rest, look),
            ("rule", "show") => {
                let rules = match look.version {
                    Version::V6 => RULES_V6,
                    _ => RULES,
                };
                printed(match look.json {
                    true => ip_json::rules(rules, look),
                    false => rules.to_owned(),
                })
            }
            ("route", "show") => {
                let words = rest.split_first().map_or(rest, |(_, words)| words);
                self.show_routes(words, look)
            }
            ("route", "get") => self.get_route(now, &rest[1..], look),
            ("route", "flush") => match &rest[1..] {
                [what] if what == "cache" => {
                    self.stack.routes.flush();
                    printed("")
                }
                _ => Err(usage()),
            },
            ("route", "add" | "change" | "replace") => {
                self.set_route(verb, &rest[1..], look.version)
            }
            ("route", "delete") => self.delete_route(&rest[1..], look.version),
            (object, _) if OBJECTS.contains(&object) => Err(usage()),
            _ => {
                let text = format!("Object \"{typed}\" is unknown, try \"ip help\".");
                Err(failure(1, &text))
            }
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
        let mut devices = Vec::new();
        if is_wanted("lo") {
            devices.push(Device::loopback(self.stack.loopback_counters()));
        }
        for (index, config) in self.stack.interfaces.iter().enumerate() {
            if is_wanted(&config.name) {
                let counters = self.stack.counters(index);
                devices.push(Device::new(index, config, counters));
            }
        }
        let devices = devices.iter();
        printed(match look.json {
            true => ip_json::list(devices.filter_map(|it| it.json(look)).collect(), look),
            false => devices.map(|it| it.show(look)).collect(),
        })
    }

    pub(super) fn find_device(&self, name: &str) -> Option<usize> {
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
            .ok_or_else(|| failure(1, &format!("Cannot find device \"{name}\"")))?;
        if mtu < MTU_MIN {
            return Err(failure(2, "Error: mtu less than device minimum."));
        }
        if mtu > MTU_MAX {
            return Err(failure(2, "Error: mtu greater than device maximum."));
        }
        let mtu = u16::try_from(mtu).expect("it is below the maximum");
        self.stack.set_link_mtu(index, mtu);
        printed("")
    }
}
