//! `conntrack` of conntrack-tools: what the machine's own firewall tracks.

use std::net::IpAddr;

use wirelab_model::{IpNet, SimTime};
use wirelab_wire::protocol;

use super::{Printer, Refusal, Start, Started};
use crate::host::Host;
use crate::host::firewall::track::{Entry, TcpState, Tuple};

const VERSION: &str = "conntrack v1.4.7 (conntrack-tools)";

const USAGE: &str = "usage: conntrack -L|-D [-p tcp|udp|icmp] [-s ADDRESS] [-d ADDRESS] \
    [-r ADDRESS] [-q ADDRESS] [--sport PORT] [--dport PORT] [--state STATE] \
    [-u ASSURED|UNREPLIED|SEEN_REPLY] [-f ipv4|ipv6] [-o extended]\n       \
    conntrack -C|-F\n";

fn refuse(text: &str) -> Refusal {
    Refusal::usage(format!(
        "{VERSION}: {text}\nTry `conntrack -h' or 'conntrack --help' for more information.\n"
    ))
}

/// What is known, but not here.
fn unsupported(option: &str) -> Refusal {
    Refusal::usage(format!("{VERSION}: {option} (not supported here)\n{USAGE}"))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    List,
    Delete,
    Count,
    Flush,
}

/// `-u`.
#[derive(Clone, Copy)]
enum Status {
    Assured,
    Unreplied,
    Replied,
}

/// What is wanted of the entries.
#[derive(Default)]
struct Filter {
    protocol: Option<u8>,
    source: Option<IpNet>,
    destination: Option<IpNet>,
    reply_source: Option<IpNet>,
    reply_destination: Option<IpNet>,
    source_port: Option<u16>,
    destination_port: Option<u16>,
    state: Option<TcpState>,
    status: Option<Status>,
    /// `-f ipv6`, of which there is nothing.
    nothing: bool,
}

impl Filter {
    fn lets(&self, entry: &Entry) -> bool {
        let Tuple {
            protocol,
            source,
            destination,
            ports,
        } = entry.tuple;
        let holds = |net: Option<IpNet>, at: IpAddr| net.is_none_or(|net| net.contains(&at));
        !self.nothing
            && self.protocol.is_none_or(|it| it == protocol)
            && holds(self.source, source)
            && holds(self.destination, destination)
            && holds(self.reply_source, destination)
            && holds(self.reply_destination, source)
            && self.source_port.is_none_or(|it| it == ports.0)
            && self.destination_port.is_none_or(|it| it == ports.1)
            && self.state.is_none_or(|it| entry.tcp == Some(it))
            && self.status.is_none_or(|it| match it {
                Status::Assured => entry.assured,
                Status::Unreplied => !entry.replied,
                Status::Replied => entry.replied,
            })
    }
}

struct Asked {
    verb: Option<Verb>,
    filter: Filter,
    extended: bool,
}

impl Asked {
    fn read(arguments: &[String]) -> Result<Self, Refusal> {
        let mut asked = Self {
            verb: None,
            filter: Filter::default(),
            extended: false,
        };
        let mut words = arguments.iter();
        // The first option beyond the command, which `-C` and `-F` do not take.
        let mut first = None;
        while let Some(word) = words.next() {
            let (option, attached) = match word.split_once('=') {
                Some((option, value)) if option.starts_with("--") => {
                    (option, Some(value.to_owned()))
                }
                _ => (word.as_str(), None),
            };
            let verb = match option {
                "-L" | "--dump" => Some(Verb::List),
                "-D" | "--delete" => Some(Verb::Delete),
                "-C" | "--count" => Some(Verb::Count),
                "-F" | "--flush" => Some(Verb::Flush),
                _ => None,
            };
            if let Some(verb) = verb {
                asked.verb = Some(verb);
                // The table may be named.
                if words.as_slice().first().is_some_and(|it| it == "conntrack") {
                    words.next();
                }
                continue;
            }
            if !option.starts_with('-') {
                return Err(refuse(&format!("unknown type `{option}'")));
            }
            first = first.or_else(|| long_name(option));
            asked.option(option, || attached.or_else(|| words.next().cloned()))?;
        }
        if let (Some(Verb::Count | Verb::Flush), Some(long)) = (asked.verb, first) {
            return Err(refuse(&format!(
                "Illegal option `{long}' with this command"
            )));
        }
        Ok(asked)
    }

    fn option(
        &mut self,
        option: &str,
        value: impl FnOnce() -> Option<String>,
    ) -> Result<(), Refusal> {
        if matches!(option, "-E" | "-S" | "-G" | "-I" | "-U" | "-A") {
            return Err(unsupported(option));
        }
        if long_name(option).is_none() {
            return Err(refuse(&format!("unknown option `{option}'")));
        }
        let value = value();
        let value =
            value.ok_or_else(|| refuse(&format!("option `{option}' requires an argument")))?;
        let filter = &mut self.filter;
        match option {
            "-p" | "--proto" | "--protonum" => filter.protocol = Some(protocol_number(&value)?),
            "-s" | "--src" | "--orig-src" => filter.source = Some(network(&value)?),
            "-d" | "--dst" | "--orig-dst" => filter.destination = Some(network(&value)?),
            "-r" | "--reply-src" => filter.reply_source = Some(network(&value)?),
            "-q" | "--reply-dst" => filter.reply_destination = Some(network(&value)?),
            "-f" | "--family" => match value.as_str() {
                "ipv4" => {}
                "ipv6" => filter.nothing = true,
                _ => return Err(refuse(&format!("`{value}' unsupported protocol"))),
            },
            "-o" | "--output" => match value.as_str() {
                "extended" => self.extended = true,
                other => return Err(unsupported(&format!("-o {other}"))),
            },
            "-u" | "--status" => {
                filter.status = Some(match value.as_str() {
                    "ASSURED" => Status::Assured,
                    "UNREPLIED" => Status::Unreplied,
                    "SEEN_REPLY" => Status::Replied,
                    _ => return Err(refuse(&format!("Bad parameter `{value}'"))),
                });
            }
            _ => return self.of_protocol(option, &value),
        }
        Ok(())
    }

    /// Options that are known once `-p` has said of which protocol.
    fn of_protocol(&mut self, option: &str, value: &str) -> Result<(), Refusal> {
        let unknown = || refuse(&format!("unknown option `{option}'"));
        let filter = &mut self.filter;
        let has_ports = matches!(filter.protocol, Some(protocol::TCP | protocol::UDP));
        // What is no port counts as none.
        let port = || Some(value.parse().unwrap_or(0));
        match option {
            "--sport" | "--orig-port-src" if has_ports => filter.source_port = port(),
            "--dport" | "--orig-port-dst" if has_ports => filter.destination_port = port(),
            "--state" if filter.protocol == Some(protocol::TCP) => {
                let mut states = TcpState::NAMES.iter();
                let found = states.find(|(name, _)| *name == value);
                let found = found.ok_or_else(|| refuse(&format!("unknown TCP state `{value}'")))?;
                filter.state = Some(found.1);
            }
            _ => return Err(unknown()),
        }
        Ok(())
    }
}

/// How an option is called in complaints; nothing for one that is not known.
fn long_name(option: &str) -> Option<&'static str> {
    Some(match option {
        "-p" | "--proto" | "--protonum" => "--protonum",
        "-s" | "--src" | "--orig-src" => "--orig-src",
        "-d" | "--dst" | "--orig-dst" => "--orig-dst",
        "-r" | "--reply-src" => "--reply-src",
        "-q" | "--reply-dst" => "--reply-dst",
        "-f" | "--family" => "--family",
        "-o" | "--output" => "--output",
        "-u" | "--status" => "--status",
        "--sport" | "--orig-port-src" => "--orig-port-src",
        "--dport" | "--orig-port-dst" => "--orig-port-dst",
        "--state" => "--state",
        _ => return None,
    })
}

fn protocol_number(text: &str) -> Result<u8, Refusal> {
    Ok(match text {
        "tcp" | "6" => protocol::TCP,
        "udp" | "17" => protocol::UDP,
        "icmp" | "1" => protocol::ICMP,
        _ => return Err(refuse(&format!("`{text}' unsupported protocol"))),
    })
}

fn network(text: &str) -> Result<IpNet, Refusal> {
    let single = || text.parse::<IpAddr>().map(IpNet::from);
    let net = text.parse::<IpNet>().or_else(|_| single());
    net.map_err(|_| refuse(&format!("Invalid IP address `{text}'")))
}

impl Host {
    pub(super) fn run_conntrack(&mut self, now: SimTime, arguments: &[String]) -> Start {
        let asked = Asked::read(arguments)?;
        let verb = asked.verb.ok_or_else(|| Refusal::usage(USAGE))?;
        let tracker = &mut self.stack.firewall.tracker;
        let entries = tracker.entries(now).into_iter();
        let entries: Vec<_> = entries.filter(|it| asked.filter.lets(it)).collect();
        if matches!(verb, Verb::Delete | Verb::Flush) {
            entries.iter().for_each(|it| tracker.forget(it));
        }
        let mut printer = Printer::default();
        if verb == Verb::Count {
            printer.out(format!("{}\n", entries.len()));
            return Ok(Started::Over(printer, 0));
        }
        if verb == Verb::Flush {
            let text = "connection tracking table has been emptied.";
            printer.err(format!("{VERSION}: {text}\n"));
            return Ok(Started::Over(printer, 0));
        }
        let lines = entries.iter().map(|it| line(it, asked.extended, now));
        printer.out(lines.collect::<String>());
        let (done, status) = match verb {
            Verb::Delete => ("deleted", i32::from(entries.is_empty())),
            _ => ("shown", 0),
        };
        let count = entries.len();
        printer.err(format!(
            "{VERSION}: {count} flow entries have been {done}.\n"
        ));
        Ok(Started::Over(printer, status))
    }
}

/// One entry, as `nfct_snprintf` prints it.
fn line(entry: &Entry, extended: bool, now: SimTime) -> String {
    let Tuple {
        protocol,
        source,
        destination,
        ports: (from, to),
    } = entry.tuple;
    let name = match protocol {
        protocol::TCP => "tcp",
        protocol::UDP => "udp",
        protocol::ICMP => "icmp",
        _ => "unknown",
    };
    let family = if extended { "ipv4     2 " } else { "" };
    let mut text = format!("{family}{name:<8} {protocol} {} ", entry.seconds_left(now));
    if let Some(state) = entry.tcp {
        text += &format!("{} ", state.name());
    }
    let way = |reply: bool| {
        let (source, destination, from, to) = match reply {
            false => (source, destination, from, to),
            true => (destination, source, to, from),
        };
        let rest = match protocol {
            protocol::TCP | protocol::UDP => format!("sport={from} dport={to} "),
            protocol::ICMP => {
                let kind = if reply { 0 } else { 8 };
                format!("type={kind} code=0 id={from} ")
            }
            _ => String::new(),
        };
        format!("src={source} dst={destination} {rest}")
    };
    text += &way(false);
    if !entry.replied {
        text += "[UNREPLIED] ";
    }
    text += &way(true);
    if entry.assured {
        text += "[ASSURED] ";
    }
    text + "mark=0 use=1\n"
}
