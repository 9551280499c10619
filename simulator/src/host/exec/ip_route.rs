//! `ip route` of iproute2.

use std::net::IpAddr;

use wirelab_model::{IpNet, Ipv6Net, SimTime};

use super::device::link_local;
use super::ip::{USAGE, Version, address, failure, usage};
use super::{Refusal, Start, argument, number, printed};
use crate::host::Host;
use crate::host::route::{Resolved, RouteLine};
use crate::host::spec::HostRoute;

impl Host {
    /// `ip route show`, all or some: of a prefix, of a device.
    pub(super) fn show_routes(&self, words: &[String], version: Version) -> Start {
        let mut words = words.iter();
        let (mut prefix, mut device) = (None, None);
        while let Some(word) = words.next() {
            match word.as_str() {
                "dev" => device = Some(argument(&mut words, "dev")?),
                "table" if words.as_slice().first().is_some_and(|it| it == "main") => {
                    words.next();
                }
                word => prefix = Some(parse_net(word, version)?.trunc()),
            }
        }
        if let Some(name) = device.filter(|name| self.find_device(name).is_none()) {
            return Err(failure(1, &format!("Cannot find device \"{name}\"")));
        }
        let is_ipv4 = prefix.map_or(version != Version::V6, |it| it.addr().is_ipv4());
        let lines = self.stack.routes.lines().iter().filter(|line| {
            let destination = line.route.destination;
            let there = self.stack.interfaces.get(line.interface);
            destination.addr().is_ipv4() == is_ipv4
                && prefix.is_none_or(|it| it == destination)
                && device.is_none_or(|name| there.is_some_and(|it| it.name == name))
        });
        let mut shown: Vec<_> = lines
            .map(|line| {
                let destination = line.route.destination;
                let last = !is_ipv4 && destination.prefix_len() == 0;
                let text = self.show_route(line, device.is_some()) + "\n";
                (last, destination.addr(), text)
            })
            .collect();
        if !is_ipv4 {
            shown.extend(self.link_local_routes(prefix, device));
        }
        // The kernel's trie is walked in the order of addresses; IPv6's default is the last.
        shown.sort_by_key(|(last, address, _)| (*last, *address));
        printed(
            shown
                .into_iter()
                .map(|(_, _, text)| text)
                .collect::<String>(),
        )
    }

    /// `fe80::/64` of each device that has a hardware address.
    fn link_local_routes(
        &self,
        prefix: Option<IpNet>,
        device: Option<&str>,
    ) -> Vec<(bool, IpAddr, String)> {
        let block = IpNet::from(ipnet_link_local());
        let own = self
            .stack
            .interfaces
            .iter()
            .filter(|it| link_local(it).is_some() && device.is_none_or(|name| it.name == name));
        let own = own.filter(|_| prefix.is_none_or(|it| it == block));
        own.map(|it| {
            let name = match device {
                Some(_) => String::new(),
                None => format!("dev {} ", it.name),
            };
            let text = format!("{block} {name}proto kernel metric 256 pref medium\n");
            (false, block.addr(), text)
        })
        .collect()
    }

    fn show_route(&self, line: &RouteLine, device_known: bool) -> String {
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
        if let Some(config) = self.stack.interfaces.get(line.interface)
            && !device_known
        {
            text += &format!(" dev {}", config.name);
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

    pub(super) fn get_route(&self, now: SimTime, words: &[String]) -> Start {
        let word = words.first().ok_or_else(usage)?;
        let to: IpAddr = word.parse().map_err(|_| {
            let text = format!("Error: any valid prefix is expected rather than \"{word}\".");
            failure(1, &text)
        })?;
        let Some(way) = self.stack.resolve(to) else {
            return Err(failure(2, "RTNETLINK answers: Network is unreachable"));
        };
        if to.is_ipv6() {
            return printed(self.get_route_v6(now, to, &way));
        }
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
        let cache = self.cached(now, to);
        printed(format!(
            "{to}{via} dev {device} src {} uid 0 \n    cache{cache} \n",
            way.source
        ))
    }

    /// What `ip route get` says of the metrics of the way to `to`.
    fn cached(&self, now: SimTime, to: IpAddr) -> String {
        let route = self.stack.routes.find(to).map(|it| &it.route);
        let mut text = match self.stack.routes.learned(to, now) {
            Some((mtu, left)) => format!(" expires {}sec mtu {mtu}", left.as_secs()),
            None => match route.and_then(|it| it.mtu) {
                Some(mtu) => format!(" mtu {mtu}"),
                None => String::new(),
            },
        };
        if let Some(advmss) = route.and_then(|it| it.advmss) {
            text += &format!(" advmss {advmss}");
        }
        text
    }

    fn get_route_v6(&self, now: SimTime, to: IpAddr, way: &Resolved) -> String {
        let Some(config) = self.stack.interfaces.get(way.interface) else {
            return format!(
                "local {to} dev lo table local proto kernel src {to} metric 0 pref medium\n"
            );
        };
        let device = &config.name;
        let cache = match self.stack.routes.learned(to, now) {
            Some((mtu, left)) => format!(" expires {}sec mtu {mtu}", left.as_secs()),
            None => String::new(),
        };
        let (via, from, metric) = match way.next_hop == to {
            true => (String::new(), " proto kernel", 256),
            false => (format!(" via {}", way.next_hop), "", 1024),
        };
        let source = way.source;
        format!(
            "{to} from ::{via} dev {device}{from} src {source} metric {metric}{cache} pref medium\n"
        )
    }

    pub(super) fn set_route(&mut self, verb: &str, words: &[String], version: Version) -> Start {
        let route = parse_route(words, version)?;
        check_host_bits(route.destination)?;
        let lines = self.stack.routes.lines().iter();
        let old = lines
            .filter(|line| line.route.destination == route.destination)
            .map(|line| line.route.clone())
            .next();
        match (verb, &old) {
            ("add", Some(_)) => return Err(failure(2, "RTNETLINK answers: File exists")),
            ("change", None) => {
                return Err(failure(2, "RTNETLINK answers: No such file or directory"));
            }
            _ => {}
        }
        let known = route
            .device
            .as_ref()
            .is_none_or(|name| self.find_device(name).is_some());
        if !known {
            let name = route.device.unwrap_or_default();
            return Err(failure(1, &format!("Cannot find device \"{name}\"")));
        }
        let reachable = route.via.is_none_or(|via| {
            self.stack
                .interfaces
                .iter()
                .any(|config| config.addresses.iter().any(|net| net.contains(&via)))
        });
        if !reachable {
            return Err(failure(2, "Error: Nexthop has invalid gateway."));
        }
        if route.via.is_none() && route.device.is_none() {
            return Err(failure(2, "RTNETLINK answers: No such device"));
        }
        let interfaces = self.stack.interfaces.clone();
        self.stack.routes.replace(route, &interfaces);
        printed("")
    }

    pub(super) fn delete_route(&mut self, words: &[String], version: Version) -> Start {
        let destination = parse_net(words.first().ok_or_else(no_route)?, version)?;
        check_host_bits(destination)?;
        let interfaces = self.stack.interfaces.clone();
        if self.stack.routes.remove(destination, &interfaces) {
            printed("")
        } else {
            Err(failure(2, "RTNETLINK answers: No such process"))
        }
    }
}

/// `fe80::/64`.
const fn ipnet_link_local() -> Ipv6Net {
    Ipv6Net::new_assert(std::net::Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 64)
}

/// `ip route add` and the like without a route (`usage()` of `iproute.c` exits with -1).
fn no_route() -> Refusal {
    usage().status(255)
}

/// The kernel takes no prefix with bits of a host (`fib_table_insert`).
fn check_host_bits(net: IpNet) -> Result<(), Refusal> {
    match net == net.trunc() {
        true => Ok(()),
        false => Err(failure(2, "Error: Invalid prefix for given prefix length.")),
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
        failure(
            1,
            &format!("Error: any valid prefix is expected rather than \"{text}\"."),
        )
    })
}

fn parse_route(words: &[String], version: Version) -> Result<HostRoute, Refusal> {
    let mut words = words.iter();
    let destination = parse_net(words.next().ok_or_else(no_route)?, version)?;
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
                return Err(failure(
                    1,
                    &format!(
                        "Error: \"{other}\" is not supported here.\n{}",
                        USAGE.trim_end()
                    ),
                ));
            }
        }
    }
    Ok(route)
}
