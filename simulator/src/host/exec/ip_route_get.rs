//! `ip route get` of iproute2.

use std::net::IpAddr;

use wirelab_model::{IpNet, SimTime};

use super::ip::{address, failure};
use super::{Refusal, Start, argument, printed};
use crate::host::Host;
use crate::host::route::Resolved;

/// What is asked.
struct Asked {
    to: IpAddr,
    from: Option<IpAddr>,
    device: Option<String>,
    /// Printed first.
    warning: String,
}

impl Asked {
    fn read(words: &[String]) -> Result<Self, Refusal> {
        let (mut to, mut from, mut device) = (None, None, None);
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "to" => {}
                "from" => from = Some(address(argument(&mut words, "from")?)?),
                "oif" | "dev" => device = Some(argument(&mut words, "dev")?.to_owned()),
                word if to.is_none() => to = Some(word),
                word => {
                    let text = format!("Error: \"{word}\" is not supported here.");
                    return Err(failure(
                        1,
                        &format!("{text}\n{}", super::ip::USAGE.trim_end()),
                    ));
                }
            }
        }
        let word = to.ok_or_else(|| failure(1, "need at least a destination address"))?;
        let net = word.parse::<IpNet>();
        let single = word.parse::<IpAddr>().map(IpNet::from);
        let net = net.or(single).map_err(|_| {
            let text = format!("Error: any valid prefix is expected rather than \"{word}\".");
            failure(1, &text)
        })?;
        let (length, whole) = (net.prefix_len(), net.max_prefix_len());
        let warning = match length == whole {
            true => String::new(),
            false => format!(
                "Warning: /{length} as prefix is invalid, only /{whole} (or none) is supported.\n"
            ),
        };
        Ok(Self {
            to: net.addr(),
            from,
            device,
            warning,
        })
    }
}

impl Host {
    pub(super) fn get_route(&self, now: SimTime, words: &[String]) -> Start {
        let asked = Asked::read(words)?;
        let to = asked.to;
        let answer = |error: &str| failure(2, &format!("RTNETLINK answers: {error}"));
        let device = match &asked.device {
            None => None,
            Some(name) => Some(
                self.find_device(name)
                    .ok_or_else(|| failure(1, &format!("Cannot find device \"{name}\"")))?,
            ),
        };
        if asked.from.is_some_and(|from| !self.stack.is_local(from)) {
            return Err(answer("Network is unreachable"));
        }
        if let Some(text) = self.get_broadcast(to) {
            return printed(asked.warning + &text);
        }
        let Some(way) = self.stack.resolve(to) else {
            return Err(answer(self.stack.routes.error(to).text()));
        };
        let way = match device {
            // Another device than the route's is sent to as if everybody were on its link.
            Some(device) if device != way.interface && way.interface != usize::MAX => Resolved {
                interface: device,
                next_hop: to,
                source: self.first_address(device, to).unwrap_or(way.source),
                ..way
            },
            _ => way,
        };
        if to.is_ipv6() {
            return printed(asked.warning + &self.get_route_v6(now, to, &way));
        }
        let Some(config) = self.stack.interfaces.get(way.interface) else {
            return printed(format!(
                "{}local {to} dev lo src {to} uid 0 \n    cache <local> \n",
                asked.warning
            ));
        };
        let via = match way.next_hop == to {
            true => String::new(),
            false => format!(" via {}", way.next_hop),
        };
        let cache = self.cached(now, to);
        let (from, source) = match asked.from {
            Some(from) => (format!(" from {from}"), String::new()),
            None => (String::new(), format!(" src {}", way.source)),
        };
        printed(format!(
            "{}{to}{from}{via} dev {}{source} uid 0 \n    cache{cache} \n",
            asked.warning, config.name
        ))
    }

    /// The first address of a device that is of the version of `like`.
    fn first_address(&self, device: usize, like: IpAddr) -> Option<IpAddr> {
        let config = self.stack.interfaces.get(device)?;
        let mut own = config.addresses.iter().map(IpNet::addr);
        own.find(|it| it.is_ipv4() == like.is_ipv4())
    }

    /// What is said of everybody on a link.
    fn get_broadcast(&self, to: IpAddr) -> Option<String> {
        let IpAddr::V4(v4) = to else { return None };
        let found = self.stack.interfaces.iter().find_map(|config| {
            let own = config.addresses.iter().filter(|it| it.addr().is_ipv4());
            let mut own = own.filter(|it| it.prefix_len() < 31);
            let fits = |it: &&IpNet| v4.is_broadcast() || it.broadcast() == to;
            own.find(fits).map(|it| (&config.name, it.addr()))
        });
        let (name, source) = found?;
        let line = format!("broadcast {to} dev {name} src {source} uid 0 \n");
        Some(line + "    cache <local,brd> \n")
    }

    /// What `ip route get` says of the metrics of the way to `to`.
    fn cached(&self, now: SimTime, to: IpAddr) -> String {
        let route = self.stack.routes.find(to).map(|it| &it.route);
        let mut text = match self.stack.routes.learned(to, now) {
            Some((mtu, left)) => {
                let locked = self.stack.routes.is_locked(to, now);
                let lock = if locked { "lock " } else { "" };
                format!(" expires {}sec mtu {lock}{mtu}", left.as_secs())
            }
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
}
