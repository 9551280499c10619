//! `ip route get` of iproute2.

use std::net::{IpAddr, Ipv6Addr};

use serde_json::{Map, Value, json};
use wirelab_model::{IpNet, SimTime};

use super::device::link_local;
use super::ip::{Look, address, failure, prefix};
use super::{Printer, Refusal, Start, Started, argument, ip_json};
use crate::host::Host;
use crate::host::route::Resolved;

/// From where IPv6 goes if nothing was said.
const ANY_V6: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);

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
        let net = prefix(word)?;
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

/// The route that was found.
struct Got<'a> {
    /// If it is not unicast.
    kind: Option<&'static str>,
    to: IpAddr,
    from: Option<IpAddr>,
    via: Option<IpAddr>,
    device: &'a str,
    /// Of the kernel's own making, which IPv6 says.
    by_kernel: bool,
    source: Option<IpAddr>,
    metric: u32,
    metrics: Metrics,
}

/// What is known of the way, beside where it goes.
#[derive(Clone, Copy, Default)]
struct Metrics {
    /// In seconds.
    expires: Option<u64>,
    mtu: Option<u32>,
    locked: bool,
    advmss: Option<u16>,
}

impl Metrics {
    fn text(self) -> String {
        let mut text = String::new();
        if let Some(seconds) = self.expires {
            text += &format!(" expires {seconds}sec");
        }
        if let Some(mtu) = self.mtu {
            let lock = if self.locked { "lock " } else { "" };
            text += &format!(" mtu {lock}{mtu}");
        }
        if let Some(advmss) = self.advmss {
            text += &format!(" advmss {advmss}");
        }
        text
    }

    fn put(self, object: &mut Map<String, Value>) {
        if let Some(seconds) = self.expires {
            object.insert("expires".to_owned(), seconds.into());
        }
        let mut metrics = Map::new();
        if let Some(mtu) = self.mtu {
            metrics.insert("mtu".to_owned(), mtu.into());
        }
        if let Some(advmss) = self.advmss {
            metrics.insert("advmss".to_owned(), advmss.into());
        }
        if !metrics.is_empty() {
            object.insert("metrics".to_owned(), json!([metrics]));
        }
    }
}

impl Got<'_> {
    /// What IPv4 calls it (`RTCF_LOCAL`, `RTCF_BROADCAST`).
    fn flags(&self) -> &'static [&'static str] {
        match self.kind {
            Some("broadcast") => &["local", "brd"],
            Some(_) => &["local"],
            None => &[],
        }
    }

    fn text(&self) -> String {
        let word = |name: &str, address: Option<IpAddr>| {
            address.map_or_else(String::new, |it| format!(" {name} {it}"))
        };
        let kind = self.kind.map_or_else(String::new, |it| format!("{it} "));
        let (from, via) = (word("from", self.from), word("via", self.via));
        let source = word("src", self.source);
        let Self {
            to,
            device,
            metric,
            metrics,
            ..
        } = self;
        let metrics = metrics.text();
        let head = format!("{kind}{to}{from}{via} dev {device}");
        if to.is_ipv4() {
            let flags = match self.flags() {
                [] => String::new(),
                flags => format!(" <{}>", flags.join(",")),
            };
            return format!("{head}{source} uid 0 \n    cache{flags}{metrics} \n");
        }
        let table = self.kind.map_or("", |_| " table local");
        let maker = if self.by_kernel { " proto kernel" } else { "" };
        format!("{head}{table}{maker}{source} metric {metric}{metrics} pref medium\n")
    }

    fn json(&self) -> Value {
        let mut object = Map::new();
        let mut put = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                object.insert(key.to_owned(), value);
            }
        };
        let is_ipv4 = self.to.is_ipv4();
        let of_v6 = |value: Value| (!is_ipv4).then_some(value);
        put("type", self.kind.map(Value::from));
        put("dst", Some(json!(self.to)));
        put("from", self.from.map(|it| json!(it)));
        put("gateway", self.via.map(|it| json!(it)));
        put("dev", Some(self.device.into()));
        put("table", self.kind.and_then(|_| of_v6("local".into())));
        let maker = self.by_kernel.then(|| "kernel".into());
        put("protocol", maker.and_then(of_v6));
        put("prefsrc", self.source.map(|it| json!(it)));
        put("metric", of_v6(self.metric.into()));
        put("flags", Some(json!([])));
        put("uid", is_ipv4.then(|| 0.into()));
        put("cache", is_ipv4.then(|| json!(self.flags())));
        self.metrics.put(&mut object);
        if !is_ipv4 {
            object.insert("pref".to_owned(), "medium".into());
        }
        object.into()
    }
}

impl Host {
    pub(super) fn get_route(&self, now: SimTime, words: &[String], look: Look) -> Start {
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
        let special = self.get_broadcast(&asked);
        let got = match special.or_else(|| self.get_link_local(&asked, device)) {
            Some(got) => got,
            None => {
                let Some(way) = self.stack.resolve(to) else {
                    return Err(answer(self.stack.routes.error(to).text()));
                };
                self.got(now, &asked, self.through(way, device, to))
            }
        };
        let mut printer = Printer::default();
        printer.err(asked.warning);
        printer.out(match look.json {
            true => ip_json::list(vec![got.json()], look),
            false => got.text(),
        });
        Ok(Started::Over(printer, 0))
    }

    /// Another device than the route's is sent to as if everybody were on its link.
    fn through(&self, way: Resolved, device: Option<usize>, to: IpAddr) -> Resolved {
        match device {
            Some(device) if device != way.interface && way.interface != usize::MAX => Resolved {
                interface: device,
                next_hop: to,
                source: self.first_address(device, to).unwrap_or(way.source),
                ..way
            },
            _ => way,
        }
    }

    /// The first address of a device that is of the version of `like`.
    fn first_address(&self, device: usize, like: IpAddr) -> Option<IpAddr> {
        let config = self.stack.interfaces.get(device)?;
        let mut own = config.addresses.iter().map(IpNet::addr);
        own.find(|it| it.is_ipv4() == like.is_ipv4())
    }

    /// What is said of a way.
    fn got(&self, now: SimTime, asked: &Asked, way: Resolved) -> Got<'_> {
        let to = asked.to;
        let config = self.stack.interfaces.get(way.interface);
        let via = (config.is_some() && way.next_hop != to).then_some(way.next_hop);
        // IPv4 says either whence or with which source, IPv6 both.
        let (from, source) = match (to, asked.from) {
            (IpAddr::V4(_), None) => (None, Some(way.source)),
            (IpAddr::V4(_), from) => (from, None),
            (IpAddr::V6(_), from) => (from.or(Some(ANY_V6)), from.or(Some(way.source))),
        };
        let line = self.stack.routes.find(to);
        let by_kernel = config.is_none() || line.is_some_and(|it| it.connected.is_some());
        let metric = match (config, by_kernel) {
            (None, _) => 0,
            (Some(_), true) => 256,
            (Some(_), false) => 1024,
        };
        Got {
            kind: config.is_none().then_some("local"),
            to,
            from,
            via,
            device: config.map_or("lo", |it| it.name.as_str()),
            by_kernel,
            source: source.map(|it| {
                if config.is_none() {
                    asked.from.unwrap_or(to)
                } else {
                    it
                }
            }),
            metric,
            metrics: match config {
                Some(_) => self.metrics(now, to),
                None => Metrics::default(),
            },
        }
    }

    /// What is said of everybody on a link.
    fn get_broadcast(&self, asked: &Asked) -> Option<Got<'_>> {
        let to = asked.to;
        let IpAddr::V4(v4) = to else { return None };
        let found = self.stack.interfaces.iter().find_map(|config| {
            let own = config.addresses.iter().filter(|it| it.addr().is_ipv4());
            let mut own = own.filter(|it| it.prefix_len() < 31);
            let fits = |it: &&IpNet| v4.is_broadcast() || it.broadcast() == to;
            own.find(fits).map(|it| (&config.name, it.addr()))
        });
        let (name, source) = found?;
        Some(Got {
            kind: Some("broadcast"),
            to,
            from: asked.from,
            via: None,
            device: name,
            by_kernel: true,
            source: asked.from.is_none().then_some(source),
            metric: 0,
            metrics: Metrics::default(),
        })
    }

    /// What is said of a link-local address of IPv6: the first device leads there, unless one is
    /// named.
    fn get_link_local(&self, asked: &Asked, device: Option<usize>) -> Option<Got<'_>> {
        let is_link_local = |it: IpAddr| matches!(it, IpAddr::V6(it) if it.is_unicast_link_local());
        if !is_link_local(asked.to) {
            return None;
        }
        let mut all = self.stack.interfaces.iter().enumerate();
        let (config, own) = all.find_map(|(index, config)| {
            let wanted = device.is_none_or(|it| it == index);
            let own = link_local(config).filter(|_| wanted)?;
            Some((config, own.addr()))
        })?;
        let mut owners = self.stack.interfaces.iter();
        if owners.any(|it| link_local(it).is_some_and(|own| own.addr() == asked.to)) {
            return None;
        }
        Some(Got {
            kind: None,
            to: asked.to,
            from: asked.from.or(Some(ANY_V6)),
            via: None,
            device: &config.name,
            by_kernel: true,
            source: asked.from.or(Some(own)),
            metric: 256,
            metrics: Metrics::default(),
        })
    }

    /// The metrics of the way to `to`: what was learned before what the route says.
    fn metrics(&self, now: SimTime, to: IpAddr) -> Metrics {
        let route = self.stack.routes.find(to).map(|it| &it.route);
        let learned = self.stack.routes.learned(to, now);
        Metrics {
            expires: learned.map(|(_, left)| left.as_secs()),
            mtu: match learned {
                Some((mtu, _)) => Some(mtu.into()),
                None => route.and_then(|it| it.mtu).map(Into::into),
            },
            locked: learned.is_some() && self.stack.routes.is_locked(to, now),
            advmss: route.and_then(|it| it.advmss),
        }
    }
}
