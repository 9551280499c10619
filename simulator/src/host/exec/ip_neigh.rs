//! `ip neigh` of iproute2: the neighbour table is shown, asked, and emptied. Nobody makes entries
//! by hand here.

use std::net::IpAddr;

use serde_json::{Map, Value, json};
use wirelab_model::{IpNet, SimTime};

use super::device::link_local;
use super::ip::{Look, Version, failure, whole_word};
use super::{Refusal, Start, ip_inet, ip_json, printed};
use crate::host::Host;
use crate::host::stack::{NeighborState, NeighborView};

/// `NUD_NOARP` and `NUD_PERMANENT`, which nobody has here.
const NO_ARP: u32 = 0x40;
const PERMANENT: u32 = 0x80;
/// Asked for by `nud none`; no entry of the table is in that state.
const NONE: u32 = 0x100;

/// What `help` prints, which is more than there is here.
const HELP: &str = "Usage: ip neigh { add | del | change | replace }
                { ADDR [ lladdr LLADDR ] [ nud STATE ] proxy ADDR }
                [ dev DEV ] [ router ] [ use ] [ managed ] [ extern_learn ]
                [ protocol PROTO ]

\tip neigh { show | flush } [ proxy ] [ to PREFIX ] [ dev DEV ] [ nud STATE ]
\t\t\t\t  [ vrf NAME ] [ nomaster ]
\tip neigh get { ADDR | proxy ADDR } dev DEV

STATE := { delay | failed | incomplete | noarp | none |
           permanent | probe | reachable | stale }
";

fn help() -> Refusal {
    Refusal::with_status(255, HELP)
}

/// The commands, in the order in which the first that begins so is taken (`do_ipneigh`).
const VERBS: [&str; 10] = [
    "add", "change", "replace", "delete", "get", "show", "lst", "list", "flush", "help",
];

/// The bit and the name of a state (`NUD_*`).
const fn named(state: NeighborState) -> (u32, &'static str) {
    match state {
        NeighborState::Incomplete => (0x01, "INCOMPLETE"),
        NeighborState::Reachable => (0x02, "REACHABLE"),
        NeighborState::Stale => (0x04, "STALE"),
        NeighborState::Delay => (0x08, "DELAY"),
        NeighborState::Probe => (0x10, "PROBE"),
        NeighborState::Failed => (0x20, "FAILED"),
        NeighborState::None => (0, ""),
    }
}

/// What follows `nud` (`nud_state_a2n`).
fn states(text: &str) -> Result<u32, Refusal> {
    let number = |text: &str| match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    let begins = |word: &str| !text.is_empty() && word.starts_with(text);
    let state = match text {
        "all" => return Ok(u32::MAX),
        _ if begins("permanent") => Some(PERMANENT),
        _ if begins("reachable") => Some(0x02),
        "noarp" => Some(NO_ARP),
        "none" => Some(0),
        "stale" => Some(0x04),
        "incomplete" => Some(0x01),
        "delay" => Some(0x08),
        "probe" => Some(0x10),
        _ if begins("failed") => Some(0x20),
        text => number(text).filter(|it| *it < 0x100 && it.count_ones() < 2),
    };
    match state {
        Some(0) => Ok(NONE),
        Some(state) => Ok(state),
        None => Err(bad_state(text)),
    }
}

fn bad_state(text: &str) -> Refusal {
    let text = format!("Error: argument \"{text}\" is wrong: nud state is bad");
    failure(255, &text)
}

/// A hardware address, of which up to twenty octets are read (`ll_addr_a2n`).
fn check_hardware_address(text: &str) -> Result<(), Refusal> {
    let wrong = |part: &str| Err(failure(1, &format!("\"{part}\" is invalid lladdr.")));
    if text == "null" {
        return Ok(());
    }
    if text.contains('.') {
        // The address of a tunnel's end.
        let is_one = ip_inet::address(text).is_some();
        return if is_one { Ok(()) } else { wrong(text) };
    }
    let mut parts = text.split(':').take(20);
    match parts.find(|it| !is_octet(it)) {
        Some(part) => wrong(part),
        None => Ok(()),
    }
}

/// Whether a text begins with a hexadecimal number below 256 (`%x` of `sscanf`).
fn is_octet(text: &str) -> bool {
    let text = text.trim_start();
    let text = text.strip_prefix('+').unwrap_or(text);
    let bare = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let digits = bare.unwrap_or(text);
    let end = digits.find(|it: char| !it.is_ascii_hexdigit());
    let digits = &digits[..end.unwrap_or(digits.len())];
    !digits.is_empty() && digits.trim_start_matches('0').len() <= 2
}

/// A word that has to follow (`NEXT_ARG`).
pub(super) fn next<'a>(words: &mut std::slice::Iter<'a, String>) -> Result<&'a str, Refusal> {
    let word = words.next().map(String::as_str);
    word.ok_or_else(|| failure(255, "Command line is not complete. Try option \"help\""))
}

/// As `family_name` has it.
pub(super) const fn family(version: Version) -> &'static str {
    match version {
        Version::Unsaid => "any valid",
        Version::V4 => "inet",
        Version::V6 => "inet6",
    }
}

pub(super) const fn version_of(address: IpAddr) -> Version {
    match address {
        IpAddr::V4(_) => Version::V4,
        IpAddr::V6(_) => Version::V6,
    }
}

/// Everybody.
pub(super) fn is_all(word: &str) -> bool {
    matches!(word, "default" | "any" | "all")
}

/// What `show` and `flush` are about.
struct Wanted<'a> {
    to: Option<IpNet>,
    device: Option<&'a str>,
    version: Version,
    /// By their bits.
    states: Option<u32>,
    /// Proxies, which nobody has here.
    proxies: bool,
}

impl<'a> Wanted<'a> {
    fn read(words: &'a [String], look: Look) -> Result<Self, Refusal> {
        let mut wanted = Self {
            to: None,
            device: None,
            version: look.version,
            states: None,
            proxies: false,
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "dev" => {
                    let name = next(&mut words)?;
                    if wanted.device.is_some() {
                        return Err(duplicate("dev", name));
                    }
                    wanted.device = Some(name);
                }
                "nud" => {
                    let more = states(next(&mut words)?)?;
                    wanted.states = Some(wanted.states.unwrap_or(0) | more);
                }
                "proxy" => wanted.proxies = true,
                "nomaster" => {}
                "master" | "vrf" | "unused" | "protocol" => {
                    let text = format!("ip neigh show {word} (not supported here)");
                    return Err(failure(2, &text));
                }
                "to" => wanted.set(next(&mut words)?)?,
                word => wanted.set(word)?,
            }
        }
        Ok(wanted)
    }

    /// A prefix, or everybody.
    fn set(&mut self, word: &str) -> Result<(), Refusal> {
        if !word.is_empty() && "help".starts_with(word) {
            return Err(help());
        }
        if is_all(word) {
            self.to = None;
            return Ok(());
        }
        let fits = |it: &IpNet| self.version.shows(it.addr().is_ipv4());
        let Some(net) = ip_inet::prefix(word).filter(fits) else {
            let family = family(self.version);
            let text = format!("Error: {family} prefix is expected rather than \"{word}\".");
            return Err(failure(1, &text));
        };
        self.version = version_of(net.addr());
        self.to = Some(net);
        Ok(())
    }

    fn includes(&self, it: &NeighborView, usual: u32) -> bool {
        let states = self.states.unwrap_or(usual);
        named(it.state).0 & states != 0
            && !self.proxies
            && self.version.shows(it.address.is_ipv4())
            && self.to.is_none_or(|net| net.contains(&it.address))
    }
}

/// One neighbour, for `get` and `del`.
#[derive(Default)]
struct One<'a> {
    address: Option<IpAddr>,
    /// Something was said of the address, if only that it is everybody's.
    is_said: bool,
    device: Option<&'a str>,
    /// A proxy, which nobody has here.
    is_proxy: bool,
    hardware_address: Option<&'a str>,
}

impl<'a> One<'a> {
    /// `ip neigh get` (`ipneigh_get`).
    fn to_get(words: &'a [String], look: Look) -> Result<Self, Refusal> {
        let mut one = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "dev" => one.device = Some(next(&mut words)?),
                "proxy" => {
                    let word = next(&mut words)?;
                    if one.is_said {
                        return Err(duplicate("address", word));
                    }
                    one.is_proxy = true;
                    one.set(word, look)?;
                }
                "to" => one.set(next(&mut words)?, look)?,
                word => one.set(word, look)?,
            }
        }
        Ok(one)
    }

    /// `ip neigh del`, which takes what an entry may be made with, and looks at none of it
    /// (`ipneigh_modify`, `neigh_delete`).
    fn to_delete(words: &'a [String], look: Look) -> Result<Self, Refusal> {
        let mut one = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "dev" => one.device = Some(next(&mut words)?),
                "lladdr" => {
                    let word = next(&mut words)?;
                    if one.hardware_address.is_some() {
                        return Err(duplicate("lladdr", word));
                    }
                    one.hardware_address = Some(word);
                }
                "nud" => match next(&mut words)? {
                    "all" => return Err(bad_state("all")),
                    word => drop(states(word)?),
                },
                "proxy" => {
                    one.is_proxy = true;
                    one.set(next(&mut words)?, look)?;
                }
                "router" | "use" | "managed" | "extern_learn" => {}
                "protocol" => {
                    let text = format!("ip neigh del ... {word} (not supported here)");
                    return Err(failure(2, &text));
                }
                word => {
                    let word = if word == "to" {
                        next(&mut words)?
                    } else {
                        word
                    };
                    // Which is passed over, and not heeded.
                    let is_help = !word.is_empty() && "help".starts_with(word);
                    let word = if is_help { next(&mut words)? } else { word };
                    one.set(word, look)?;
                }
            }
        }
        Ok(one)
    }

    /// Its address.
    fn set(&mut self, word: &str, look: Look) -> Result<(), Refusal> {
        if !word.is_empty() && "help".starts_with(word) {
            return Err(help());
        }
        if self.is_said {
            let text = format!("Error: either \"to\" is duplicate, or \"{word}\" is a garbage.");
            return Err(failure(255, &text));
        }
        let fits = |it: &IpAddr| look.version.shows(it.is_ipv4());
        let address = ip_inet::address(word).filter(fits);
        if address.is_none() && !is_all(word) {
            let family = family(look.version);
            let text = format!("Error: {family} address is expected rather than \"{word}\".");
            return Err(failure(1, &text));
        }
        self.address = address;
        self.is_said = true;
        Ok(())
    }
}

fn duplicate(what: &str, word: &str) -> Refusal {
    let text = format!("Error: duplicate \"{what}\": \"{word}\" is the second value.");
    failure(255, &text)
}

impl Host {
    pub(super) fn run_neighbors(&mut self, now: SimTime, words: &[String], look: Look) -> Start {
        let Some((typed, rest)) = words.split_first() else {
            return self.show_neighbors(now, words, look);
        };
        let verb = match typed.as_str() {
            "chg" => Some("change"),
            typed => whole_word(typed, &VERBS),
        };
        if look.statistics && verb != Some("flush") && verb != Some("delete") {
            let what = "ip -s neigh (not supported here): without -s, and -s neigh flush, it is";
            return Err(failure(2, what));
        }
        match verb {
            Some("show" | "lst" | "list") => self.show_neighbors(now, rest, look),
            Some("get") => self.get_neighbor(now, rest, look),
            Some("delete") => self.delete_neighbor(now, rest, look),
            Some("flush") => self.flush_neighbors(now, rest, look),
            Some("help") => Err(help()),
            Some(verb) => {
                let what =
                    format!("ip neigh {verb} (not supported here): show, get, del and flush are");
                Err(failure(2, &what))
            }
            None => {
                let text = format!("Command \"{typed}\" is unknown, try \"ip neigh help\".");
                Err(failure(255, &text))
            }
        }
    }

    /// The entries that are wanted; `usual` are the states if none was said.
    fn wanted_neighbors(
        &self,
        now: SimTime,
        wanted: &Wanted<'_>,
        usual: u32,
    ) -> Result<Vec<NeighborView>, Refusal> {
        let device = wanted.device.map(|it| self.neighbor_device(it));
        let device = device.transpose()?;
        let all = self.stack.neighbors(now);
        Ok(all
            .filter(|it| device.is_none_or(|only| only == Some(it.interface)))
            .filter(|it| self.stack.interfaces.get(it.interface).is_some())
            .filter(|it| wanted.includes(it, usual))
            .collect())
    }

    /// A device by its name: nothing for the loopback, which has no neighbours.
    fn neighbor_device(&self, name: &str) -> Result<Option<usize>, Refusal> {
        match self.find_device(name) {
            None if name != "lo" => Err(failure(1, &format!("Cannot find device \"{name}\""))),
            found => Ok(found),
        }
    }

    fn show_neighbors(&self, now: SimTime, words: &[String], look: Look) -> Start {
        let wanted = Wanted::read(words, look)?;
        let found = self.wanted_neighbors(now, &wanted, 0xff & !NO_ARP)?;
        let of_all = wanted.device.is_none();
        printed(match look.json {
            true => {
                let objects = found.iter().map(|it| self.neighbor_json(it, of_all, look));
                ip_json::list(objects.collect(), look)
            }
            false => {
                let lines = found.iter().map(|it| self.neighbor_line(it, of_all, look));
                lines.collect()
            }
        })
    }

    /// `-j` changes nothing: that of iproute2 6.1 makes no JSON here.
    fn get_neighbor(&self, now: SimTime, words: &[String], look: Look) -> Start {
        let one = One::to_get(words, look)?;
        let (Some(address), Some(name)) = (one.address, one.device) else {
            return Err(failure(1, "Device and address are required arguments."));
        };
        let device = self.neighbor_device(name)?;
        if one.is_proxy {
            return Err(failure(2, "Error: Proxy neighbour entry not found."));
        }
        let mut all = self.stack.neighbors(now);
        match all.find(|it| Some(it.interface) == device && it.address == address) {
            Some(found) => printed(self.neighbor_line(&found, true, look)),
            None => Err(failure(2, "Error: Neighbour entry not found.")),
        }
    }

    fn delete_neighbor(&mut self, now: SimTime, words: &[String], look: Look) -> Start {
        let one = One::to_delete(words, look)?;
        let (Some(address), Some(name)) = (one.address, one.device) else {
            let text = "Device and destination are required arguments.";
            return Err(failure(255, text));
        };
        one.hardware_address
            .map_or(Ok(()), check_hardware_address)?;
        let device = self.neighbor_device(name)?.filter(|_| !one.is_proxy);
        if device.is_some_and(|it| self.stack.remove_neighbor(now, (it, address))) {
            return printed("");
        }
        Err(failure(2, "RTNETLINK answers: No such file or directory"))
    }

    fn flush_neighbors(&mut self, now: SimTime, words: &[String], look: Look) -> Start {
        if words.is_empty() {
            return Err(failure(1, "Flush requires arguments."));
        }
        if look.more_statistics {
            let what = "ip -s -s neigh flush (not supported here): with one -s it is";
            return Err(failure(2, what));
        }
        let wanted = Wanted::read(words, look)?;
        let found = self.wanted_neighbors(now, &wanted, !(PERMANENT | NO_ARP))?;
        for it in &found {
            self.stack.remove_neighbor(now, (it.interface, it.address));
        }
        self.forget_for_good(&wanted);
        printed(match (look.statistics, found.len()) {
            (false, _) => String::new(),
            (true, 0) => "Nothing to flush.\n".to_owned(),
            (true, count) => format!(
                "\n*** Round 1, deleting {count} entries ***\n\
                 *** Flush is complete after 1 round ***\n"
            ),
        })
    }

    /// Where everybody was flushed, those who were never sent to are asked for first as well.
    fn forget_for_good(&mut self, wanted: &Wanted<'_>) {
        if wanted.to.is_some() || wanted.states.is_some() || wanted.proxies {
            return;
        }
        let all = self.stack.interfaces.iter().enumerate();
        let chosen = all
            .filter(|(_, it)| link_local(it).is_some())
            .filter(|(_, it)| wanted.device.is_none_or(|name| it.name == name));
        let chosen: Vec<_> = chosen.map(|(index, _)| index).collect();
        for ipv4 in [true, false] {
            for index in chosen.iter().filter(|_| wanted.version.shows(ipv4)) {
                self.stack.empty_neighbors(*index, ipv4);
            }
        }
    }

    fn device_name(&self, it: &NeighborView) -> &str {
        let config = self.stack.interfaces.get(it.interface);
        config.map_or("", |config| config.name.as_str())
    }

    /// A line; the device is left out where it was asked for.
    fn neighbor_line(&self, it: &NeighborView, with_device: bool, look: Look) -> String {
        let mac = it.state.is_known().then_some(it.mac);
        let device = with_device.then(|| self.device_name(it));
        if look.brief {
            let device = device.map_or_else(String::new, |name| format!("{name:<16} "));
            let mac = mac.map_or_else(String::new, |mac| mac.to_string());
            return format!("{:<39} {device}{mac}\n", it.address.to_string());
        }
        let device = device.map_or_else(String::new, |name| format!("dev {name} "));
        let mac = mac.map_or_else(String::new, |mac| format!("lladdr {mac} "));
        let router = if it.router { "router " } else { "" };
        format!(
            "{} {device}{mac}{router}{} \n",
            it.address,
            named(it.state).1
        )
    }

    fn neighbor_json(&self, it: &NeighborView, with_device: bool, look: Look) -> Value {
        let mut object = Map::new();
        let mut put = |key: &str, value: Value| object.insert(key.to_owned(), value);
        put("dst", json!(it.address));
        if with_device {
            put("dev", self.device_name(it).into());
        }
        if it.state.is_known() {
            put("lladdr", it.mac.to_string().into());
        }
        if !look.brief {
            if it.router {
                put("router", Value::Null);
            }
            put("state", json!([named(it.state).1]));
        }
        object.into()
    }
}
