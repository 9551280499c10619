//! `iptables -L`: the table that people read.

use wirelab_model::IpNet;

use super::matching::Segment;
use super::parse::{Look, Place};
use super::save::{flag_names, print_range, reject_name, state_names};
use super::values::{ICMP_TYPES, LEVELS, protocol_name};
use super::{Chain, CtState, Firewall, Log, Match, Matches, NameOf, Not, Rule, Table, Target};
use crate::host::exec::service;

impl Firewall {
    pub(super) fn list(
        &self,
        table: Table,
        (hook, at): Place,
        look: Look,
        name_of: NameOf<'_>,
    ) -> String {
        if let Some(at) = at {
            let chain = self.selected(table, hook).next();
            let rule = chain.and_then(|it| it.rules.get(at - 1));
            return rule.map_or_else(String::new, |it| list_line(at, it, look, name_of));
        }
        let chains: Vec<_> = self
            .selected(table, hook)
            .map(|chain| list_chain(chain, look, name_of))
            .collect();
        chains.join("\n")
    }
}

fn list_chain(chain: &Chain, look: Look, name_of: NameOf<'_>) -> String {
    let policy = if chain.accepts { "ACCEPT" } else { "DROP" };
    let mut text = format!("Chain {} (policy {policy}", chain.hook.name());
    if look.verbose {
        let (packets, octets) = (scaled(chain.packets, look), scaled(chain.octets, look));
        text += &format!(" {packets} packets, {octets} bytes");
    }
    text += ")\n";
    if look.numbered {
        text += "num  ";
    }
    text += if look.verbose && look.exact {
        "    pkts      bytes target     prot opt in     out     source               destination         \n"
    } else if look.verbose {
        " pkts bytes target     prot opt in     out     source               destination         \n"
    } else {
        "target     prot opt source               destination         \n"
    };
    for (at, rule) in chain.rules.iter().enumerate() {
        text += &list_line(at + 1, rule, look, name_of);
    }
    text
}

fn list_line(at: usize, rule: &Rule, look: Look, name_of: NameOf<'_>) -> String {
    let number = match look.numbered {
        true => format!("{at:<5}"),
        false => String::new(),
    };
    number + &list_rule(rule, look, name_of) + "\n"
}

fn list_rule(rule: &Rule, look: Look, name_of: NameOf<'_>) -> String {
    let matches = &rule.matches;
    let protocol = match &matches.protocol {
        Some(protocol) if look.numeric => bang(protocol, u8::to_string),
        Some(protocol) => bang(protocol, |number| protocol_name(*number)),
        None => if look.numeric { "0" } else { "all" }.to_owned(),
    };
    let mut text = String::new();
    if look.verbose {
        let (packets, octets) = (scaled(rule.packets, look), scaled(rule.octets, look));
        text += &match look.exact {
            true => format!("{packets:>8} {octets:>8} "),
            false => format!("{packets:>5} {octets:>5} "),
        };
    }
    // The mark of an inverted one has the blank before it.
    let protocol = match protocol.starts_with('!') {
        true => format!("{protocol:<5}"),
        false => format!(" {protocol:<4}"),
    };
    text += &format!("{:<10}{protocol} -- ", target_name(&rule.target));
    if look.verbose {
        let interface = |test: &Option<Not<String>>| {
            let named = test.as_ref().map(|test| bang(test, Clone::clone));
            named.unwrap_or_else(|| if look.numeric { "*" } else { "any" }.to_owned())
        };
        let (input, output) = (interface(&matches.input), interface(&matches.output));
        text += &format!(" {input:<6} {output:<6} ");
    }
    // An inverted one has its mark in the blank before it.
    let network = |test: &Option<Not<IpNet>>| {
        let (mark, text) = match test {
            Some(test) => {
                let name = name_of(test.value.addr()).filter(|_| !look.numeric);
                let name = name.filter(|_| is_single(test.value));
                let mark = if test.inverted { "!" } else { " " };
                (mark, name.unwrap_or_else(|| net_text(test.value)))
            }
            None if look.numeric => (" ", "0.0.0.0/0".to_owned()),
            None => (" ", "anywhere".to_owned()),
        };
        format!("{mark}{text:<19}")
    };
    let (source, destination) = (network(&matches.source), network(&matches.destination));
    text += &format!("{source} {destination} ");
    match conditions(matches, &rule.target, look) {
        words if words.is_empty() => text,
        words => text + " " + &words,
    }
}

fn is_single(net: IpNet) -> bool {
    net.prefix_len() == net.max_prefix_len()
}

/// An address without `/32`.
fn net_text(net: IpNet) -> String {
    if is_single(net) {
        net.addr().to_string()
    } else {
        net.to_string()
    }
}

fn bang<T>(test: &Not<T>, print: impl Fn(&T) -> String) -> String {
    format!(
        "{}{}",
        if test.inverted { "!" } else { "" },
        print(&test.value)
    )
}

const fn target_name(target: &Target) -> &'static str {
    match target {
        Target::Accept => "ACCEPT",
        Target::Drop => "DROP",
        Target::Reject(_) => "REJECT",
        Target::Mss(_) => "TCPMSS",
        Target::Log(_) => "LOG",
        Target::Nothing => "",
    }
}

/// What the matches and the target print behind the addresses.
fn conditions(matches: &Matches, target: &Target, look: Look) -> String {
    let tests = matches.matches.iter();
    let mut words: Vec<_> = tests.filter_map(|test| match_words(test, look)).collect();
    match target {
        Target::Reject(with) => words.push(format!("reject-with {}", reject_name(*with))),
        Target::Mss(None) => words.push("TCPMSS clamp to PMTU".to_owned()),
        Target::Mss(Some(size)) => words.push(format!("TCPMSS set {size}")),
        Target::Log(log) => words.push(log_words(log, look)),
        Target::Accept | Target::Drop | Target::Nothing => {}
    }
    words.join(" ")
}

fn match_words(test: &Match, look: Look) -> Option<String> {
    let states = |name: &str, test: &Not<Vec<CtState>>| {
        let not = if test.inverted { "! " } else { "" };
        format!("{not}{name} {}", state_names(&test.value))
    };
    Some(match test {
        Match::Segment(segment) => segment_words(segment, look),
        Match::Multiport(test) => {
            let (side, ports) = test.as_ref()?;
            let list: Vec<_> = ports.value.iter().map(|it| range_text(it, look)).collect();
            let not = if ports.inverted { " !" } else { "" };
            format!("multiport {}ports {not}{}", side.letter(), list.join(","))
        }
        Match::Icmp(test) => icmp_word(test.as_ref()?, look),
        Match::Length(test) => format!("length {}", bang(test.as_ref()?, print_range)),
        Match::Comment(text) => format!("/* {} */", text.as_ref()?),
        Match::Conntrack(test) => states("ctstate", test.as_ref()?),
        Match::State(test) => states("state", test.as_ref()?),
    })
}

/// `tcp spt:1 dpts:22:80 flags:0x17/0x02`.
fn segment_words(segment: &Segment, look: Look) -> String {
    let mut text = protocol_name(segment.protocol);
    for (side, range) in [("s", &segment.source), ("d", &segment.destination)] {
        let Some(range) = range else { continue };
        let (low, high) = range.value;
        let many = if low == high { "" } else { "s" };
        let range = bang(range, |range| range_text(range, look));
        text += &format!(" {side}pt{many}:{range}");
    }
    if let Some(test) = &segment.flags {
        let flags = bang(test, |(mask, set)| match look.numeric {
            true => format!("0x{:02X}/0x{:02X}", mask.0, set.0),
            false => format!("{}/{}", flag_names(*mask), flag_names(*set)),
        });
        text += &format!(" flags:{flags}");
    }
    text
}

fn icmp_word(test: &Not<(u8, Option<u8>)>, look: Look) -> String {
    let named = ICMP_TYPES.iter().find(|(_, known)| *known == test.value);
    match named.filter(|_| !look.numeric) {
        Some((name, _)) => format!("icmp {}", bang(test, |_| (*name).to_owned())),
        None => {
            let kind = bang(test, |(kind, _)| kind.to_string());
            let code = test.value.1.map(|code| format!(" code {code}"));
            format!("icmptype {kind}{}", code.unwrap_or_default())
        }
    }
}

fn log_words(log: &Log, look: Look) -> String {
    let mut text = String::from("LOG");
    if look.numeric {
        text += &format!(" flags {} level {}", log.flags, log.level);
    } else {
        let level = LEVELS.get(usize::from(log.level)).unwrap_or(&"warn");
        text += &format!(" level {level}");
        for (_, name, flag) in Log::FLAGS {
            if log.flags & flag != 0 {
                text += &format!(" {name}");
            }
        }
    }
    match &log.prefix {
        Some(prefix) => text + &format!(" prefix \"{prefix}\""),
        None => text,
    }
}

/// `80`, `22:80`, or with the names of services.
fn range_text((low, high): &(u16, u16), look: Look) -> String {
    match low == high {
        true => port_text(*low, look),
        false => format!("{}:{}", port_text(*low, look), port_text(*high, look)),
    }
}

fn port_text(port: u16, look: Look) -> String {
    match service(port) {
        Some(name) if !look.numeric => name.to_owned(),
        _ => port.to_string(),
    }
}

/// Counters beyond five figures in thousands, and so on (`xtables_print_num`).
fn scaled(number: u64, look: Look) -> String {
    if look.exact || number <= 99_999 {
        return number.to_string();
    }
    let mut number = (number + 500) / 1000;
    for unit in ["K", "M", "G"] {
        if number <= 9999 {
            return format!("{number}{unit}");
        }
        number = (number + 500) / 1000;
    }
    format!("{number}T")
}
