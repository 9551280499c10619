//! `iptables -S`: rules as they can be read again.

use std::fmt;

use wirelab_wire::{TcpFlags, protocol};

use super::parse::{FLAG_NAMES, REJECTS};
use super::{Matches, RejectWith, Rule, Target};

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
    print_transport(matches, f)?;
    print_target(rule.target, f)
}

pub(super) fn protocol_name(number: u8) -> String {
    match number {
        protocol::TCP => "tcp".to_owned(),
        protocol::UDP => "udp".to_owned(),
        protocol::ICMP => "icmp".to_owned(),
        other => other.to_string(),
    }
}

fn print_transport(matches: &Matches, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let bang = |inverted: bool| if inverted { " !" } else { "" };
    let module = match &matches.protocol {
        Some(number) => protocol_name(number.value),
        None => "tcp".to_owned(),
    };
    for (option, ports) in [
        ("sport", &matches.source_ports),
        ("dport", &matches.destination_ports),
    ] {
        let Some(ports) = ports else { continue };
        let list: Vec<_> = ports.value.iter().map(print_range).collect();
        if list.len() > 1 {
            write!(
                f,
                " -m multiport{} --{option}s {}",
                bang(ports.inverted),
                list.join(",")
            )?;
        } else {
            write!(
                f,
                " -m {module}{} --{option} {}",
                bang(ports.inverted),
                list.join(",")
            )?;
        }
    }
    if let Some(test) = &matches.tcp_flags {
        let (mask, set) = test.value;
        let (mask, set) = (flag_names(mask), flag_names(set));
        write!(f, " -m tcp{} --tcp-flags {mask} {set}", bang(test.inverted))?;
    }
    if let Some(test) = &matches.icmp_type {
        write!(
            f,
            " -m icmp{} --icmp-type {}",
            bang(test.inverted),
            test.value.0
        )?;
        if let Some(code) = test.value.1 {
            write!(f, "/{code}")?;
        }
    }
    if let Some(comment) = &matches.comment {
        write!(f, " -m comment --comment {comment}")?;
    }
    if let Some(test) = &matches.length {
        write!(
            f,
            " -m length{} --length {}",
            bang(test.inverted),
            print_range(&test.value)
        )?;
    }
    Ok(())
}

pub(super) fn print_range((low, high): &(u16, u16)) -> String {
    if low == high {
        low.to_string()
    } else {
        format!("{low}:{high}")
    }
}

fn flag_names(set: TcpFlags) -> String {
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

fn print_target(target: Target, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match target {
        Target::Accept => f.write_str(" -j ACCEPT"),
        Target::Drop => f.write_str(" -j DROP"),
        Target::Reject(with) => {
            write!(f, " -j REJECT --reject-with {}", reject_name(with))
        }
        Target::Mss(None) => f.write_str(" -j TCPMSS --clamp-mss-to-pmtu"),
        Target::Mss(Some(size)) => write!(f, " -j TCPMSS --set-mss {size}"),
    }
}
