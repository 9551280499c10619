//! `iptables -L`: the table that people read.

use wirelab_model::IpNet;

use super::parse::Look;
use super::save::{print_range, protocol_name, reject_name};
use super::{Chain, Firewall, Hook, Matches, Not, Rule, Table, Target};
use crate::host::exec::service;

impl Firewall {
    pub(super) fn list(&self, table: Table, hook: Option<Hook>, look: Look) -> String {
        let chains: Vec<_> = self
            .selected(table, hook)
            .map(|chain| list_chain(chain, look))
            .collect();
        chains.join("\n")
    }
}

fn list_chain(chain: &Chain, look: Look) -> String {
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
    text += if look.verbose {
        " pkts bytes target     prot opt in     out     source               destination\n"
    } else {
        "target     prot opt source               destination\n"
    };
    for (at, rule) in chain.rules.iter().enumerate() {
        if look.numbered {
            text += &format!("{:<5}", at + 1);
        }
        text += list_rule(rule, look).trim_end();
        text.push('\n');
    }
    text
}

fn list_rule(rule: &Rule, look: Look) -> String {
    let matches = &rule.matches;
    let protocol = match &matches.protocol {
        Some(protocol) => bang(protocol, |number| protocol_name(*number)),
        None => "all".to_owned(),
    };
    let mut text = String::new();
    if look.verbose {
        let (packets, octets) = (scaled(rule.packets, look), scaled(rule.octets, look));
        text += &format!("{packets:>5} {octets:>5} ");
    }
    text += &format!("{:<10} {protocol:<4} --  ", target_name(rule.target));
    if look.verbose {
        let interface = |test: &Option<Not<String>>| {
            let named = test.as_ref().map(|test| bang(test, Clone::clone));
            named.unwrap_or_else(|| if look.numeric { "*" } else { "any" }.to_owned())
        };
        let (input, output) = (interface(&matches.input), interface(&matches.output));
        text += &format!("{input:<6} {output:<6}  ");
    }
    let network = |test: &Option<Not<IpNet>>| match test {
        Some(test) => bang(test, |net| net_text(*net)),
        None if look.numeric => "0.0.0.0/0".to_owned(),
        None => "anywhere".to_owned(),
    };
    let (source, destination) = (network(&matches.source), network(&matches.destination));
    text + &format!("{source:<20} {destination:<20} ") + &conditions(matches, rule.target, look)
}

/// An address without `/32`.
fn net_text(net: IpNet) -> String {
    if net.prefix_len() == net.max_prefix_len() {
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

const fn target_name(target: Target) -> &'static str {
    match target {
        Target::Accept => "ACCEPT",
        Target::Drop => "DROP",
        Target::Reject(_) => "REJECT",
        Target::Mss(_) => "TCPMSS",
    }
}

/// What the matches and the target print behind the addresses.
fn conditions(matches: &Matches, target: Target, look: Look) -> String {
    let mut words = Vec::new();
    let module = matches
        .protocol
        .as_ref()
        .map_or_else(|| "tcp".to_owned(), |number| protocol_name(number.value));
    for (side, ports) in [
        ("s", &matches.source_ports),
        ("d", &matches.destination_ports),
    ] {
        let Some(ports) = ports else { continue };
        words.push(match &ports.value[..] {
            [(low, high)] if low == high => {
                let port = bang(ports, |_| port_text(*low, look));
                format!("{module} {side}pt:{port}")
            }
            [range] => format!("{module} {side}pts:{}", bang(ports, |_| print_range(range))),
            many => {
                let list: Vec<_> = many.iter().map(print_range).collect();
                let not = if ports.inverted { " !" } else { "" };
                format!("multiport {side}ports{not} {}", list.join(","))
            }
        });
    }
    if let Some(test) = &matches.tcp_flags {
        let flags = bang(test, |(mask, set)| {
            format!("0x{:02X}/0x{:02X}", mask.0, set.0)
        });
        words.push(format!("tcp flags:{flags}"));
    }
    if let Some(test) = &matches.icmp_type {
        let kind = bang(test, |(kind, _)| kind.to_string());
        let code = test.value.1.map(|code| format!(" code {code}"));
        words.push(format!("icmptype {kind}{}", code.unwrap_or_default()));
    }
    if let Some(test) = &matches.length {
        words.push(format!("length {}", bang(test, print_range)));
    }
    match target {
        Target::Reject(with) => words.push(format!("reject-with {}", reject_name(with))),
        Target::Mss(None) => words.push("TCPMSS clamp to PMTU".to_owned()),
        Target::Mss(Some(size)) => words.push(format!("TCPMSS set {size}")),
        Target::Accept | Target::Drop => {}
    }
    words.join(" ")
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
