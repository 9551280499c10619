//! `ip -j`: what `addr`, `link`, `neigh`, `route` and `rule` show, as JSON; with `-p` in lines.

use serde_json::{Map, Value, json};
use std::net::IpAddr;

use wirelab_model::IpNet;

use super::device::Device;
use super::ip::{Look, Version};

/// `INFINITY_LIFE_TIME`.
const FOREVER: u32 = u32::MAX;

/// A list: on one line, or as `-p` has it.
pub(super) fn list(objects: Vec<Value>, look: Look) -> String {
    let list = Value::Array(objects);
    match look.pretty {
        true => pretty(&list, 0) + "\n",
        false => format!("{list}\n"),
    }
}

/// As `json_writer.c` of iproute2 lays it out: every key on a line, what a list holds side by side.
fn pretty(value: &Value, depth: usize) -> String {
    let inner = depth + 1;
    match value {
        Value::Array(items) if items.is_empty() => "[ ]".to_owned(),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(|it| pretty(it, inner)).collect();
            format!("[ {} ]", items.join(","))
        }
        Value::Object(fields) => {
            let fields = fields.iter().map(|(key, value)| {
                let value = pretty(value, inner);
                format!("\n{:indent$}\"{key}\": {value}", "", indent = 4 * inner)
            });
            let fields: Vec<_> = fields.collect();
            let all = fields.join(",");
            format!("{{{all}\n{:indent$}}}", "", indent = 4 * depth)
        }
        single => single.to_string(),
    }
}

/// The routes that lines of `ip route show` tell of.
pub(super) fn routes(text: &str, look: Look) -> String {
    list(text.lines().map(route).collect(), look)
}

/// `ip rule`, in lines: `0:`, a tab, `from all lookup local`.
pub(super) fn rules(text: &str, look: Look) -> String {
    let rule = |line: &str| {
        let (priority, rest) = line.split_once(":\tfrom all lookup ")?;
        let priority: u32 = priority.parse().ok()?;
        Some(json!({ "priority": priority, "src": "all", "table": rest }))
    };
    list(text.lines().filter_map(rule).collect(), look)
}

/// A line: a type, a destination, and keys with their values.
fn route(line: &str) -> Value {
    let mut words = line.split_whitespace().peekable();
    let mut object = Map::new();
    let begins_with_type = |it: &&str| *it != "default" && !it.contains(['.', ':']);
    if let Some(kind) = words.next_if(begins_with_type) {
        object.insert("type".to_owned(), kind.into());
    }
    object.insert("dst".to_owned(), words.next().unwrap_or_default().into());
    let (mut metrics, mut preference) = (Map::new(), None);
    while let (Some(key), Some(value)) = (words.next(), words.next()) {
        let number = || value.parse::<u32>().map_or(Value::Null, Value::from);
        let name = match key {
            "via" => "gateway",
            "proto" => "protocol",
            "src" => "prefsrc",
            "pref" => {
                preference = Some(value);
                continue;
            }
            "mtu" | "advmss" => {
                metrics.insert(key.to_owned(), number());
                continue;
            }
            key => key,
        };
        let value = match key {
            "metric" => number(),
            _ => value.into(),
        };
        object.insert(name.to_owned(), value);
    }
    object.insert("flags".to_owned(), json!([]));
    if !metrics.is_empty() {
        object.insert("metrics".to_owned(), json!([metrics]));
    }
    if let Some(preference) = preference {
        object.insert("pref".to_owned(), preference.into());
    }
    object.into()
}

impl Device<'_> {
    /// This device; nothing if it has no address of the version that is asked for.
    pub(super) fn json(&self, look: Look) -> Option<Value> {
        let shown: Vec<&IpNet> = self.shown(look).collect();
        if look.addresses && look.version != Version::Unsaid && shown.is_empty() {
            return None;
        }
        let flags: Vec<&str> = self.flags.split(',').collect();
        if look.brief && look.addresses {
            let brief = |it: &&IpNet| json!({ "local": it.addr(), "prefixlen": it.prefix_len() });
            let addresses: Vec<_> = shown.iter().map(brief).collect();
            return Some(json!({
                "ifname": self.name, "operstate": self.state, "addr_info": addresses,
            }));
        }
        if look.brief {
            return Some(json!({
                "ifname": self.name, "operstate": self.state, "address": self.hardware,
                "flags": flags,
            }));
        }
        let mut object = Map::new();
        let mut put = |key: &str, value: Value| object.insert(key.to_owned(), value);
        put("ifindex", self.index.into());
        put("ifname", self.name.into());
        put("flags", json!(flags));
        put("mtu", self.mtu.into());
        put("qdisc", self.queueing.into());
        put("operstate", self.state.into());
        if !look.addresses {
            put("linkmode", "DEFAULT".into());
        }
        put("group", "default".into());
        put("txqlen", 1000.into());
        if !look.addresses || look.version == Version::Unsaid {
            // `link/ether ADDRESS brd ADDRESS`, or `link/none`.
            let mut words = self.link.split_whitespace();
            let kind = words.next().and_then(|it| it.strip_prefix("link/"));
            put("link_type", kind.unwrap_or_default().into());
            if let Some(address) = words.next() {
                put("address", address.into());
                put("broadcast", words.nth(1).unwrap_or_default().into());
            }
        }
        if look.addresses {
            let addresses: Vec<_> = shown.iter().map(|it| self.address_json(it)).collect();
            put("addr_info", addresses.into());
        }
        if look.statistics {
            let (received, sent) = (self.counters.received, self.counters.sent);
            put(
                "stats64",
                json!({
                    "rx": {
                        "bytes": received.octets, "packets": received.packets, "errors": 0,
                        "dropped": 0, "over_errors": 0, "multicast": 0,
                    },
                    "tx": {
                        "bytes": sent.octets, "packets": sent.packets, "errors": 0,
                        "dropped": 0, "carrier_errors": 0, "collisions": 0,
                    },
                }),
            );
        }
        Some(object.into())
    }

    fn address_json(&self, net: &IpNet) -> Value {
        let is_ipv4 = net.addr().is_ipv4();
        let mut object = Map::new();
        let mut put = |key: &str, value: Value| object.insert(key.to_owned(), value);
        put("family", if is_ipv4 { "inet" } else { "inet6" }.into());
        put("local", json!(net.addr()));
        put("prefixlen", net.prefix_len().into());
        if let IpAddr::V4(last) = net.broadcast()
            && self.broadcasts
            && net.prefix_len() < 31
        {
            put("broadcast", json!(last));
        }
        put("scope", self.scope_of(net).into());
        if self.is_secondary(net) {
            put("secondary", true.into());
        }
        if is_ipv4 {
            put("label", self.name.into());
        }
        put("valid_life_time", FOREVER.into());
        put("preferred_life_time", FOREVER.into());
        object.into()
    }
}
