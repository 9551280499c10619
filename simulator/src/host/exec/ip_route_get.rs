//! `ip route get` of iproute2.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::{Map, Value, json};
use wirelab_model::{IpNet, SimTime};

use super::device::link_local;
use super::ip::{Look, Version, failure, usage};
use super::ip_neigh::{family, is_all, next, version_of};
use super::{Printer, Refusal, Start, Started, ip_inet, ip_json};
use crate::host::Host;
use crate::host::route::{Resolved, RouteError, RouteKind, RouteLine};

/// From where IPv6 goes if nothing was said.
const ANY_V6: IpAddr = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
/// What IPv4 sends from to itself.
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// The last address of the loopback's block.
const LOOPBACK_BROADCAST: Ipv4Addr = Ipv4Addr::new(127, 255, 255, 255);
/// The group that every device is in.
const ALL_SYSTEMS: IpAddr = IpAddr::V4(Ipv4Addr::new(224, 0, 0, 1));

/// What is asked.
struct Asked {
    to: IpAddr,
    from: Option<IpAddr>,
    device: Option<String>,
    /// Printed first.
    warning: String,
}

impl Asked {
    fn read(words: &[String], look: Look) -> Result<Self, Refusal> {
        let (mut to, mut from, mut device) = (None, None, None);
        let mut version = look.version;
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "from" => from = Some(read_prefix(next(&mut words)?, &mut version)?),
                "oif" | "dev" => device = Some(next(&mut words)?.to_owned()),
                "iif" | "tos" | "dsfield" | "mark" | "uid" | "vrf" | "fibmatch" | "notify"
                | "connected" | "ipproto" | "sport" | "dport" => {
                    let text = format!("ip route get ... {word} (not supported here)");
                    return Err(failure(2, &text));
                }
                "to" => to = Some(read_prefix(next(&mut words)?, &mut version)?),
                word if !word.is_empty() && "help".starts_with(word) => {
                    return Err(usage().status(255));
                }
                word => to = Some(read_prefix(word, &mut version)?),
            }
        }
        let to = to.ok_or_else(|| failure(1, "need at least a destination address"))?;
        let (length, whole) = (to.prefix_len(), to.max_prefix_len());
        let warning = match length == whole {
            true => String::new(),
            false => format!(
                "Warning: /{length} as prefix is invalid, only /{whole} (or none) is supported.\n"
            ),
        };
        if let Some(from) = from {
            whole_address(from)?;
        }
        Ok(Self {
            to: to.addr(),
            from: from.map(|it| it.addr()).filter(|it| !it.is_unspecified()),
            device,
            warning,
        })
    }
}

/// An address or prefix of the version that the words before have named, if they have.
fn read_prefix(word: &str, version: &mut Version) -> Result<IpNet, Refusal> {
    let fits = |it: &IpNet| version.shows(it.addr().is_ipv4());
    let everybody = || match version {
        // Of no version it has no length that could be wrong.
        Version::Unsaid => Some(IpNet::from(IpAddr::from(Ipv4Addr::UNSPECIFIED))),
        Version::V4 => IpNet::new(Ipv4Addr::UNSPECIFIED.into(), 0).ok(),
        Version::V6 => IpNet::new(ANY_V6, 0).ok(),
    };
    let net = match is_all(word) {
        true => everybody(),
        false => ip_inet::prefix(word).filter(fits),
    };
    let net = net.ok_or_else(|| {
        let family = family(*version);
        let text = format!("Error: {family} prefix is expected rather than \"{word}\".");
        failure(1, &text)
    })?;
    *version = version_of(net.addr());
    Ok(net)
}

/// The kernel takes no block to come from.
fn whole_address(from: IpNet) -> Result<(), Refusal> {
    let (module, name) = match from.addr() {
        IpAddr::V4(_) => ("ipv4", "IPv4"),
        IpAddr::V6(_) => ("ipv6", "IPv6"),
    };
    let (length, whole) = (from.prefix_len(), from.max_prefix_len());
    let why = match length {
        _ if length == whole => return Ok(()),
        0 => format!("rtm_src_len and rtm_dst_len must be {whole} for {name}."),
        _ if whole == 32 => "Invalid values in header for route get request.".to_owned(),
        _ => "Invalid values in header for get route request.".to_owned(),
    };
    Err(failure(2, &format!("Error: {module}: {why}")))
}

/// The device that was asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Out {
    Loopback,
    /// By its index.
    Interface(usize),
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
    /// What IPv4 calls it (`RTCF_LOCAL`, `RTCF_BROADCAST`, `RTCF_MULTICAST`).
    fn cached(&self) -> &'static [&'static str] {
        match self.kind {
            Some("broadcast") => &["local", "brd"],
            Some("multicast") if self.to == ALL_SYSTEMS => &["local", "mc"],
            Some("multicast") => &["mc"],
            None if self.device != "lo" => &[],
            _ => &["local"],
        }
    }

    /// What iproute2 reads out of the bit of `RTCF_MULTICAST`.
    fn flags(&self) -> &'static [&'static str] {
        match self.kind {
            Some("multicast") if self.to.is_ipv4() => &["rt_offload_failed"],
            _ => &[],
        }
    }

    /// `between` stands where a line ends within it.
    fn text(&self, between: &str) -> String {
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
            let cached = match self.cached() {
                [] => String::new(),
                cached => format!(" <{}>", cached.join(",")),
            };
            let flags: String = self.flags().iter().map(|it| format!(" {it}")).collect();
            let tail = format!("    cache{cached}{metrics} \n");
            return format!("{head}{source}{flags} uid 0 {between}{tail}");
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
        put("flags", Some(json!(self.flags())));
        put("uid", is_ipv4.then(|| 0.into()));
        put("cache", is_ipv4.then(|| json!(self.cached())));
        self.metrics.put(&mut object);
        if !is_ipv4 {
            object.insert("pref".to_owned(), "medium".into());
        }
        object.into()
    }
}

impl Host {
    pub(super) fn get_route(&self, now: SimTime, words: &[String], look: Look) -> Start {
        let asked = Asked::read(words, look)?;
        let out = match asked.device.as_deref() {
            None => None,
            Some("lo") => Some(Out::Loopback),
            Some(name) => match self.find_device(name) {
                Some(index) => Some(Out::Interface(index)),
                None => return Err(failure(1, &format!("Cannot find device \"{name}\""))),
            },
        };
        let got = self.get_way(now, &asked, out);
        let got = got.map_err(|why| failure(2, &format!("RTNETLINK answers: {}", why.text())))?;
        let mut printer = Printer::default();
        printer.err(asked.warning);
        printer.out(match (look.json, look.one_line) {
            (true, _) => ip_json::list(vec![got.json()], look),
            (false, true) => got.text("\\"),
            (false, false) => got.text("\n"),
        });
        Ok(Started::Over(printer, 0))
    }

    fn get_way(
        &self,
        now: SimTime,
        asked: &Asked,
        out: Option<Out>,
    ) -> Result<Got<'_>, RouteError> {
        match asked.from {
            Some(IpAddr::V4(from)) if from.is_multicast() || from.is_broadcast() => {
                return Err(RouteError::Invalid);
            }
            Some(from) if !self.stack.is_local(from) => return Err(RouteError::Net),
            _ => {}
        }
        match asked.to {
            IpAddr::V4(to) => self.get_way_v4(now, asked, to, out),
            IpAddr::V6(to) => self.get_way_v6(now, asked, to, out),
        }
    }

    /// As `ip_route_output_key_hash_rcu` looks for it.
    fn get_way_v4(
        &self,
        now: SimTime,
        asked: &Asked,
        v4: Ipv4Addr,
        out: Option<Out>,
    ) -> Result<Got<'_>, RouteError> {
        let (to, of_many) = (asked.to, v4.is_multicast() || v4.is_broadcast());
        // To many it goes where the source is.
        let out = match out {
            None if of_many => asked.from.map(|it| self.owner(it).unwrap_or(Out::Loopback)),
            out => out,
        };
        if let Some(got) = self.get_local(asked, v4, out) {
            return Ok(got);
        }
        if of_many {
            let found = || {
                self.stack
                    .resolve(to)
                    .map(|it| Out::Interface(it.interface))
            };
            let out = out
                .or_else(found)
                .ok_or_else(|| self.stack.routes.error(to))?;
            let kind = if v4.is_multicast() {
                "multicast"
            } else {
                "broadcast"
            };
            return Ok(self.got_directly(asked, Some(kind), out));
        }
        if asked.from.is_some_and(|it| it.is_loopback()) {
            return Err(RouteError::Invalid);
        }
        match out {
            Some(Out::Loopback) => Ok(self.got_directly(asked, None, Out::Loopback)),
            Some(Out::Interface(index)) => self.got_through(now, asked, index),
            None => self.got_by_table(now, asked),
        }
    }

    /// What is said of the own addresses of IPv4, and of everybody on a link.
    fn get_local(&self, asked: &Asked, v4: Ipv4Addr, out: Option<Out>) -> Option<Got<'_>> {
        let local = |source| Got {
            source: asked.from.is_none().then_some(source),
            ..self.got_directly(asked, Some("local"), Out::Loopback)
        };
        if v4.is_unspecified() {
            let source = match out {
                Some(Out::Interface(index)) => self.first_address(index, asked.to)?,
                _ => LOOPBACK,
            };
            return Some(local(source));
        }
        let may_leave_by = |it: Out| out.is_none_or(|out| out == it);
        if v4.is_loopback() {
            let kind = if v4 == LOOPBACK_BROADCAST {
                "broadcast"
            } else {
                "local"
            };
            let got = Got {
                kind: Some(kind),
                ..local(LOOPBACK)
            };
            return may_leave_by(Out::Loopback).then_some(got);
        }
        if let Some(owner) = self.owner(asked.to) {
            return may_leave_by(owner).then(|| local(asked.to));
        }
        let mut all = self.stack.interfaces.iter().enumerate();
        all.find_map(|(index, config)| {
            let own = config.addresses.iter().filter(|it| it.addr().is_ipv4());
            let mut own = own.filter(|it| it.prefix_len() < 31 && it.broadcast() == asked.to);
            let own = own.next().filter(|_| may_leave_by(Out::Interface(index)))?;
            Some(Got {
                source: asked.from.is_none().then(|| own.addr()),
                ..self.got_directly(asked, Some("broadcast"), Out::Interface(index))
            })
        })
    }

    /// As `ip6_route_output_flags` looks for it.
    fn get_way_v6(
        &self,
        now: SimTime,
        asked: &Asked,
        v6: Ipv6Addr,
        out: Option<Out>,
    ) -> Result<Got<'_>, RouteError> {
        let to = asked.to;
        if out == Some(Out::Loopback) && !v6.is_loopback() {
            return Err(RouteError::Net);
        }
        if let Some(got) = self.get_on_link(asked, v6, out) {
            return Ok(got);
        }
        if v6.is_multicast() {
            return Err(RouteError::Net);
        }
        let got = match out {
            Some(Out::Interface(index)) if self.owner(to) != out => {
                self.got_through(now, asked, index)?
            }
            _ => self.got_by_table(now, asked)?,
        };
        // Of the scope of what it goes to (RFC 6724 section 5, rule 2).
        let is_narrow = got.kind.is_none() && (v6.is_unspecified() || v6.is_loopback());
        let mut all = self.stack.interfaces.iter();
        let config = all.find(|it| is_narrow && it.name == got.device);
        let own = config.and_then(link_local).map(|it| it.addr());
        Ok(Got {
            source: own.or(got.source),
            ..got
        })
    }

    /// What is said of a link-local address of IPv6, and of a group: the first device leads there,
    /// unless one is named.
    fn get_on_link(&self, asked: &Asked, v6: Ipv6Addr, out: Option<Out>) -> Option<Got<'_>> {
        let mut owners = self.stack.interfaces.iter().filter_map(link_local);
        let is_own = owners.any(|it| it.addr() == asked.to);
        if !v6.is_multicast() && (!v6.is_unicast_link_local() || is_own) {
            return None;
        }
        let mut all = self.stack.interfaces.iter().enumerate();
        let (index, config, own) = all.find_map(|(index, config)| {
            let wanted = out.is_none_or(|it| it == Out::Interface(index));
            let own = link_local(config).filter(|_| wanted)?;
            Some((index, config, own.addr()))
        })?;
        // A group's scope is in its second octet; 2 is the link's (RFC 4291 section 2.7).
        let is_wide = v6.is_multicast() && v6.octets()[1] & 0xf > 2;
        let wide = self.first_address(index, asked.to).filter(|_| is_wide);
        Some(Got {
            kind: v6.is_multicast().then_some("multicast"),
            to: asked.to,
            from: asked.from.or(Some(ANY_V6)),
            via: None,
            device: &config.name,
            by_kernel: true,
            source: wide.or(Some(own)),
            metric: 256,
            metrics: Metrics::default(),
        })
    }

    /// Which device has an address of this machine's.
    fn owner(&self, address: IpAddr) -> Option<Out> {
        let mut all = self.stack.interfaces.iter();
        let holds = |it: &IpNet| it.addr() == address;
        let found = all.position(|config| config.addresses.iter().any(holds));
        found.map(Out::Interface)
    }

    /// The first address of a device that is of the version of `like`.
    fn first_address(&self, device: usize, like: IpAddr) -> Option<IpAddr> {
        let config = self.stack.interfaces.get(device)?;
        let mut own = config.addresses.iter().map(IpNet::addr);
        own.find(|it| it.is_ipv4() == like.is_ipv4())
    }

    /// What is said of IPv4 where no route of the main table is asked.
    fn got_directly(&self, asked: &Asked, kind: Option<&'static str>, out: Out) -> Got<'_> {
        // The loopback lends addresses of others.
        let index = match out {
            Out::Loopback => 0,
            Out::Interface(index) => index,
        };
        let config = self.stack.interfaces.get(index);
        let config = config.filter(|_| out != Out::Loopback);
        Got {
            kind,
            to: asked.to,
            from: asked.from,
            via: None,
            device: config.map_or("lo", |it| it.name.as_str()),
            by_kernel: true,
            source: match asked.from {
                None => self.first_address(index, asked.to),
                Some(_) => None,
            },
            metric: 0,
            metrics: Metrics::default(),
        }
    }

    /// What the routes say.
    fn got_by_table(&self, now: SimTime, asked: &Asked) -> Result<Got<'_>, RouteError> {
        let routes = &self.stack.routes;
        let way = self.stack.resolve(asked.to);
        let way = way.ok_or_else(|| routes.error(asked.to))?;
        Ok(self.got(now, asked, &way, routes.find(asked.to)))
    }

    /// What the routes of one device say. IPv4 takes everybody to be on its link if there is none.
    fn got_through(
        &self,
        now: SimTime,
        asked: &Asked,
        index: usize,
    ) -> Result<Got<'_>, RouteError> {
        let (routes, interfaces) = (&self.stack.routes, &self.stack.interfaces);
        let to = asked.to;
        let is_refused = |line: &RouteLine| line.kind != RouteKind::Unicast;
        if routes.find(to).is_some_and(is_refused) {
            return Err(routes.error(to));
        }
        let line = routes.find_through(to, index);
        let way = line.and_then(|it| it.follow(to, interfaces));
        let on_link = || {
            let source = self.first_address(index, to).filter(|it| it.is_ipv4())?;
            let mtu = interfaces.get(index)?.mtu;
            Some(Resolved {
                interface: index,
                next_hop: to,
                source,
                mtu,
                advertised_mss: mtu.saturating_sub(40),
            })
        };
        let way = way.or_else(on_link).ok_or(RouteError::Net)?;
        Ok(self.got(now, asked, &way, line))
    }

    /// What is said of a way.
    fn got(
        &self,
        now: SimTime,
        asked: &Asked,
        way: &Resolved,
        line: Option<&RouteLine>,
    ) -> Got<'_> {
        let to = asked.to;
        let config = self.stack.interfaces.get(way.interface);
        let via = (config.is_some() && way.next_hop != to).then_some(way.next_hop);
        // IPv4 says either whence or with which source, IPv6 both.
        let (from, source) = match (to, asked.from) {
            (IpAddr::V4(_), None) => (None, Some(way.source)),
            (IpAddr::V4(_), from) => (from, None),
            (IpAddr::V6(_), from) => (from.or(Some(ANY_V6)), Some(way.source)),
        };
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
            source,
            metric,
            metrics: match config {
                Some(_) => self.metrics(now, to, line),
                None => Metrics::default(),
            },
        }
    }

    /// The metrics of the way to `to`: what was learned before what the route says.
    fn metrics(&self, now: SimTime, to: IpAddr, line: Option<&RouteLine>) -> Metrics {
        let route = line.map(|it| &it.route);
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
