//! `iptables -S`: rules as they can be read again.

use std::fmt;

use wirelab_wire::{TcpFlags, protocol};

use super::values::{FLAG_NAMES, ICMP_ANY, REJECTS, STATES};
use super::{CtState, Log, Matches, Module, Not, Ports, RejectWith, Rule, Target};

/// Prints what follows the chain in `iptables -S`.
pub(super) fn print(rule: &Rule, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let matches = &rule.matches;
    let bang = |inverted: bool| if inverted { " !" } else { "" };
    if let Some(net) = &matches.source {
        write!(f, "{} -s {}", bang(net.inverted), net.value)?;
    }
    if let Some(net) = &matches.destination {
        write!(f, "{} -d {}", bang(net.inverted), net.value)?;
    }
    if let Some(name) = &matches.input {
        write!(f, "{} -i {}", bang(name.inverted), name.value)?;
    }
    if let Some(name) = &matches.output {
        write!(f, "{} -o {}", bang(name.inverted), name.value)?;
    }
    if let Some(number) = &matches.protocol {
        write!(
            f,
            "{} -p {}",
            bang(number.inverted),
            protocol_name(number.value)
        )?;
    }
    for module in &matches.modules {
        print_module(matches, *module, f)?;
    }
    print_target(&rule.target, f)
}

pub(super) fn protocol_name(number: u8) -> String {
    match number {
        protocol::TCP => "tcp".to_owned(),
        protocol::UDP => "udp".to_owned(),
        protocol::ICMP => "icmp".to_owned(),
        other => other.to_string(),
    }
}

fn print_module(matches: &Matches, module: Module, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let bang = |inverted: bool| if inverted { " !" } else { "" };
    let name = match (module, &matches.protocol) {
        (Module::Transport, Some(number)) => protocol_name(number.value),
        _ => module.name().to_owned(),
    };
    write!(f, " -m {name}")?;
    let ports = |f: &mut fmt::Formatter<'_>, option: &str, ports: &Option<Not<Ports>>| {
        let Some(ports) = ports else { return Ok(()) };
        let list: Vec<_> = ports.value.iter().map(print_range).collect();
        write!(f, "{} --{option} {}", bang(ports.inverted), list.join(","))
    };
    match module {
        Module::Transport => {
            ports(f, "sport", &matches.source_ports)?;
            ports(f, "dport", &matches.destination_ports)?;
            if let Some(test) = &matches.tcp_flags {
                let (mask, set) = test.value;
                let (mask, set) = (flag_names(mask), flag_names(set));
                write!(f, "{} --tcp-flags {mask} {set}", bang(test.inverted))?;
            }
        }
        Module::Multiport => {
            ports(f, "sports", &matches.source_list)?;
            ports(f, "dports", &matches.destination_list)?;
        }
        Module::Icmp => {
            if let Some(test) = &matches.icmp_type {
                write!(f, "{} --icmp-type ", bang(test.inverted))?;
                match test.value {
                    (ICMP_ANY, _) => f.write_str("any")?,
                    (kind, None) => write!(f, "{kind}")?,
                    (kind, Some(code)) => write!(f, "{kind}/{code}")?,
                }
            }
        }
        Module::Comment => {
            if let Some(comment) = &matches.comment {
                write!(f, " --comment {}", quoted(comment))?;
            }
        }
        Module::Length => {
            if let Some(test) = &matches.length {
                let range = print_range(&test.value);
                write!(f, "{} --length {range}", bang(test.inverted))?;
            }
        }
        Module::Conntrack | Module::State => {
            if let Some(test) = &matches.states {
                let option = match module {
                    Module::State => "state",
                    _ => "ctstate",
                };
                let states = state_names(&test.value);
                write!(f, "{} --{option} {states}", bang(test.inverted))?;
            }
        }
    }
    Ok(())
}

/// As `xtables_save_string` does it: in quotes unless it is plain.
fn quoted(text: &str) -> String {
    let is_plain = |it: char| it.is_ascii_alphanumeric() || "_-".contains(it);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    let mut out = String::from("\"");
    for letter in text.chars() {
        if "\"\\'".contains(letter) {
            out.push('\\');
        }
        out.push(letter);
    }
    out + "\""
}

pub(super) fn state_names(wanted: &[CtState]) -> String {
    let names = STATES.iter().filter(|(_, state)| wanted.contains(state));
    let names: Vec<_> = names.map(|(name, _)| *name).collect();
    names.join(",")
}

pub(super) fn print_range((low, high): &(u16, u16)) -> String {
    if low == high {
        low.to_string()
    } else {
        format!("{low}:{high}")
    }
}

pub(super) fn flag_names(set: TcpFlags) -> String {
    let names: Vec<_> = FLAG_NAMES
        .iter()
        .filter(|(_, flag)| set.contains(*flag))
        .map(|(name, _)| *name)
        .collect();
    if names.is_empty() {
        "NONE".to_owned()
    } else {
        names.join(",")
    }
}

/// The name of a `--reject-with`.
pub(super) fn reject_name(with: RejectWith) -> &'static str {
    let known = REJECTS.iter().find(|(_, known)| *known == with);
    known.map_or("icmp-port-unreachable", |(name, _)| name)
}

fn print_target(target: &Target, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match target {
        Target::Accept => f.write_str(" -j ACCEPT"),
        Target::Drop => f.write_str(" -j DROP"),
        Target::Reject(with) => {
            write!(f, " -j REJECT --reject-with {}", reject_name(*with))
        }
        Target::Mss(None) => f.write_str(" -j TCPMSS --clamp-mss-to-pmtu"),
        Target::Mss(Some(size)) => write!(f, " -j TCPMSS --set-mss {size}"),
        Target::Nothing => Ok(()),
        Target::Log(log) => print_log(log, f),
    }
}

fn print_log(log: &Log, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(" -j LOG")?;
    if let Some(prefix) = &log.prefix {
        write!(f, " --log-prefix {}", quoted(prefix))?;
    }
    if log.level != Log::LEVEL {
        write!(f, " --log-level {}", log.level)?;
    }
    let set = Log::FLAGS
        .iter()
        .filter(|(_, _, flag)| log.flags & flag != 0);
    for (option, ..) in set {
        write!(f, " {option}")?;
    }
    Ok(())
}
