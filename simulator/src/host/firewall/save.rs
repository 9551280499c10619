//! `iptables -S`: rules as they can be read again.

use std::fmt;

use wirelab_wire::TcpFlags;

use super::values::{FLAG_NAMES, ICMP_ANY, REJECTS, STATES, protocol_name};
use super::{CtState, Log, Match, RejectWith, Rule, Target};

/// Prints what follows the chain in `iptables -S`, and in `-vS`.
pub(super) fn print(rule: &Rule, with_counters: bool, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
    for test in &matches.matches {
        print_match(test, f)?;
    }
    if with_counters {
        write!(f, " -c {} {}", rule.packets, rule.octets)?;
    }
    print_target(&rule.target, f)
}

fn print_match(test: &Match, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let bang = |inverted: bool| if inverted { " !" } else { "" };
    write!(f, " -m {}", test.name())?;
    match test {
        Match::Segment(segment) => {
            for (option, range) in [("sport", &segment.source), ("dport", &segment.destination)] {
                if let Some(range) = range {
                    let text = print_range(&range.value);
                    write!(f, "{} --{option} {text}", bang(range.inverted))?;
                }
            }
            if let Some(test) = &segment.flags {
                let (mask, set) = test.value;
                let (mask, set) = (flag_names(mask), flag_names(set));
                write!(f, "{} --tcp-flags {mask} {set}", bang(test.inverted))?;
            }
        }
        Match::Multiport(Some((side, ports))) => {
            let list: Vec<_> = ports.value.iter().map(print_range).collect();
            let (not, side, list) = (bang(ports.inverted), side.letter(), list.join(","));
            write!(f, "{not} --{side}ports {list}")?;
        }
        Match::Icmp(Some(test)) => {
            write!(f, "{} --icmp-type ", bang(test.inverted))?;
            match test.value {
                (ICMP_ANY, _) => f.write_str("any")?,
                (kind, None) => write!(f, "{kind}")?,
                (kind, Some(code)) => write!(f, "{kind}/{code}")?,
            }
        }
        Match::Comment(Some(comment)) => write!(f, " --comment {}", quoted(comment))?,
        Match::Length(Some(test)) => {
            let range = print_range(&test.value);
            write!(f, "{} --length {range}", bang(test.inverted))?;
        }
        Match::Conntrack(Some(test)) => {
            let states = state_names(&test.value);
            write!(f, "{} --ctstate {states}", bang(test.inverted))?;
        }
        Match::State(Some(test)) => {
            let states = state_names(&test.value);
            write!(f, "{} --state {states}", bang(test.inverted))?;
        }
        _ => {}
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
    let known = REJECTS.iter().find(|(.., known)| *known == with);
    known.map_or("icmp-port-unreachable", |(name, ..)| name)
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
