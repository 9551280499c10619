//! Reading of `iptables` command lines.

use wirelab_model::IpNet;
use wirelab_wire::{TcpFlags, Unreachable, protocol};

use super::{Hook, Matches, Not, RejectWith, Rule, Table, Target};

/// What an `iptables` command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// `-A` (no place) and `-I`.
    Insert {
        table: Table,
        hook: Hook,
        at: Option<usize>,
        rule: Rule,
    },
    Delete {
        table: Table,
        hook: Hook,
        rule: Rule,
    },
    /// `-C`.
    Check {
        table: Table,
        hook: Hook,
        rule: Rule,
    },
    Zero {
        table: Table,
        hook: Option<Hook>,
    },
    DeleteAt {
        table: Table,
        hook: Hook,
        at: usize,
    },
    Flush {
        table: Table,
        hook: Option<Hook>,
    },
    Policy {
        table: Table,
        hook: Hook,
        accepts: bool,
    },
    List {
        table: Table,
        hook: Option<Hook>,
        look: Look,
    },
    Save {
        table: Table,
        hook: Option<Hook>,
    },
}

/// How `-L` prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Look {
    /// `-v`.
    pub(crate) verbose: bool,
    /// `-n`.
    pub(crate) numeric: bool,
    /// `-x`: counters in full.
    pub(crate) exact: bool,
    /// `--line-numbers`.
    pub(crate) numbered: bool,
}

/// Why a command line is refused, in the words of iptables.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FirewallError {
    #[error("unknown option \"{0}\"")]
    Unknown(String),
    #[error("option \"{0}\" requires an argument")]
    Missing(&'static str),
    #[error("bad value \"{value}\" for {what}")]
    Bad { what: &'static str, value: String },
    #[error("unknown protocol \"{0}\" specified")]
    Protocol(String),
    #[error("Chain '{0}' does not exist")]
    Target(String),
    #[error("-n, -v, -x and --line-numbers go with -L only here")]
    OnlyWithList,
    #[error("no command specified")]
    NoCommand,
    #[error(
        "TCPMSS target: only valid in the mangle table, with `-p tcp` and SYN set in --tcp-flags"
    )]
    MssNeedsSyn,
    #[error("No chain/target/match by that name.")]
    NoChain,
    #[error("Bad rule (does a matching rule exist in that chain?).")]
    NoSuchRule,
    #[error("Index of {0} too big.")]
    IndexTooBig(&'static str),
}

/// What there is, for those who asked for something else.
const SUPPORTED: &str = "(supported here: -t filter|mangle, -A -I -D -C -L -S -F -P -Z on INPUT, \
    FORWARD, OUTPUT, with -p -s -d -i -o --sport --dport --sports --dports --tcp-flags --syn \
    --icmp-type --length --comment -j ACCEPT|DROP|REJECT|TCPMSS)";

impl FirewallError {
    /// The exit code of iptables: 1 where the kernel said no, 2 for what it does not understand.
    pub(crate) const fn status(&self) -> i32 {
        match self {
            Self::NoChain | Self::NoSuchRule | Self::IndexTooBig(_) => 1,
            _ => 2,
        }
    }

    /// What iptables prints; and, of what is only unknown here, what there is.
    pub(crate) fn printed(&self) -> String {
        if self.status() == 1 {
            return format!("iptables: {self}\n");
        }
        let there = match self {
            Self::Unknown(option) if option.starts_with("--dport") || option == "--sport" => "",
            Self::Unknown(_) | Self::Bad { .. } => SUPPORTED,
            _ => "",
        };
        let gap = if there.is_empty() { "" } else { "\n" };
        format!(
            "iptables v1.8.9 (nf_tables): {self}\n\
             Try `iptables -h' or 'iptables --help' for more information.{gap}{there}\n"
        )
    }
}

struct Words<'a> {
    words: std::slice::Iter<'a, String>,
}

impl Words<'_> {
    fn value(&mut self, what: &'static str) -> Result<String, FirewallError> {
        self.words
            .next()
            .cloned()
            .ok_or(FirewallError::Missing(what))
    }
}

enum Verb {
    Append(Hook),
    Insert(Hook, usize),
    Delete(Hook, Option<usize>),
    Check(Hook),
    Zero(Option<Hook>),
    Flush(Option<Hook>),
    Policy(Hook, bool),
    List(Option<Hook>),
    Save(Option<Hook>),
}

#[derive(Default)]
struct Draft {
    table: Option<Table>,
    verb: Option<Verb>,
    matches: Matches,
    target: Option<Target>,
    look: Look,
}

/// Reads the arguments after `iptables`.
///
/// # Errors
/// [`FirewallError`] names the word that is not understood.
pub(crate) fn parse(arguments: &[String]) -> Result<Command, FirewallError> {
    let mut draft = Draft::default();
    let mut words = Words {
        words: arguments.iter(),
    };
    let mut inverted = false;
    while let Some(word) = words.words.next() {
        if word == "!" {
            inverted = true;
            continue;
        }
        if !draft.read_verb(word, &mut words)?
            && !draft.read_match(word, inverted, &mut words)?
            && !draft.read_target(word, &mut words)?
        {
            return Err(FirewallError::Unknown(word.clone()));
        }
        inverted = false;
    }
    draft.finish()
}

fn hook(text: &str) -> Result<Hook, FirewallError> {
    Hook::ALL
        .into_iter()
        .find(|hook| hook.name() == text)
        .ok_or(FirewallError::NoChain)
}

fn bad(what: &'static str, value: &str) -> FirewallError {
    FirewallError::Bad {
        what,
        value: value.to_owned(),
    }
}

fn number<T: std::str::FromStr>(what: &'static str, text: &str) -> Result<T, FirewallError> {
    text.parse().map_err(|_| bad(what, text))
}

impl Draft {
    fn read_verb(&mut self, word: &str, words: &mut Words<'_>) -> Result<bool, FirewallError> {
        let verb = match word {
            "-t" | "--table" => {
                self.table = Some(match words.value("-t")?.as_str() {
                    "filter" => Table::Filter,
                    "mangle" => Table::Mangle,
                    other => return Err(bad("a table", other)),
                });
                return Ok(true);
            }
            "--line-numbers" => {
                self.look.numbered = true;
                return Ok(true);
            }
            "--numeric" | "--verbose" | "--exact" => {
                self.look.set(if word == "--exact" {
                    'x'
                } else {
                    word.as_bytes()[2].into()
                });
                return Ok(true);
            }
            // Nobody else holds the lock.
            "-w" | "--wait" => return Ok(true),
            // Letters may be clustered, as in `-nvL`.
            _ if is_listing(word) => {
                word.chars().for_each(|letter| self.look.set(letter));
                if !word.contains('L') {
                    return Ok(true);
                }
                Verb::List(words.optional_hook())
            }
            "-A" | "--append" => Verb::Append(hook(&words.value("-A")?)?),
            "-I" | "--insert" => {
                let at = hook(&words.value("-I")?)?;
                Verb::Insert(at, words.optional_number().unwrap_or(1))
            }
            "-D" | "--delete" => {
                let at = hook(&words.value("-D")?)?;
                Verb::Delete(at, words.optional_number())
            }
            "-C" | "--check" => Verb::Check(hook(&words.value("-C")?)?),
            "-Z" | "--zero" => Verb::Zero(words.optional_hook()),
            "-F" | "--flush" => Verb::Flush(words.optional_hook()),
            "--list" => Verb::List(words.optional_hook()),
            "-S" | "--list-rules" => Verb::Save(words.optional_hook()),
            "-P" | "--policy" => {
                let at = hook(&words.value("-P")?)?;
                match words.value("-P")?.as_str() {
                    "ACCEPT" => Verb::Policy(at, true),
                    "DROP" => Verb::Policy(at, false),
                    other => return Err(bad("a policy", other)),
                }
            }
            _ => return Ok(false),
        };
        self.verb = Some(verb);
        Ok(true)
    }

    fn read_match(
        &mut self,
        word: &str,
        inverted: bool,
        words: &mut Words<'_>,
    ) -> Result<bool, FirewallError> {
        let matches = &mut self.matches;
        match word {
            "-m" | "--match" => match words.value("-m")?.as_str() {
                "tcp" | "udp" | "icmp" | "multiport" | "length" | "comment" => {}
                other => {
                    return Err(bad(
                        "-m (tcp, udp, icmp, multiport, length, comment)",
                        other,
                    ));
                }
            },
            "-p" | "--protocol" => {
                let value = protocol_number(&words.value("-p")?)?;
                matches.protocol = Some(Not { inverted, value });
            }
            "-s" | "--source" => {
                matches.source = Some(not(inverted, network(&words.value("-s")?)?))
            }
            "-d" | "--destination" => {
                matches.destination = Some(not(inverted, network(&words.value("-d")?)?));
            }
            "-i" | "--in-interface" => matches.input = Some(not(inverted, words.value("-i")?)),
            "-o" | "--out-interface" => matches.output = Some(not(inverted, words.value("-o")?)),
            "--sport" | "--source-port" | "--sports" | "--source-ports" => {
                matches.source_ports = Some(not(inverted, ports(&words.value("--sport")?)?));
            }
            "--dport" | "--destination-port" | "--dports" | "--destination-ports" => {
                matches.destination_ports = Some(not(inverted, ports(&words.value("--dport")?)?));
            }
            "--tcp-flags" => {
                let mask = flags(&words.value("--tcp-flags")?)?;
                let set = flags(&words.value("--tcp-flags")?)?;
                matches.tcp_flags = Some(not(inverted, (mask, set)));
            }
            "--syn" => {
                let mask = TcpFlags::FIN | TcpFlags::SYN | TcpFlags::RST | TcpFlags::ACK;
                matches.tcp_flags = Some(not(inverted, (mask, TcpFlags::SYN)));
            }
            "--icmp-type" => {
                matches.icmp_type = Some(not(inverted, icmp_type(&words.value("--icmp-type")?)?));
            }
            "--comment" => matches.comment = Some(words.value("--comment")?),
            "--length" => {
                matches.length = Some(not(inverted, range(&words.value("--length")?, "--length")?))
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn read_target(&mut self, word: &str, words: &mut Words<'_>) -> Result<bool, FirewallError> {
        match word {
            "-j" | "--jump" => {
                self.target = Some(match words.value("-j")?.as_str() {
                    "ACCEPT" => Target::Accept,
                    "DROP" => Target::Drop,
                    "REJECT" => Target::Reject(RejectWith::Icmp(Unreachable::Port)),
                    "TCPMSS" => Target::Mss(None),
                    other => return Err(FirewallError::Target(other.to_owned())),
                });
            }
            "--reject-with" => {
                self.target = Some(Target::Reject(reject_with(&words.value("--reject-with")?)?));
            }
            "--set-mss" => {
                let size = number("--set-mss", &words.value("--set-mss")?)?;
                self.target = Some(Target::Mss(Some(size)));
            }
            "--clamp-mss-to-pmtu" => self.target = Some(Target::Mss(None)),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn finish(self) -> Result<Command, FirewallError> {
        let table = self.table.unwrap_or(Table::Filter);
        let verb = self.verb.ok_or(FirewallError::NoCommand)?;
        let matches = self.matches;
        let target = self.target;
        let look = self.look;
        let shows = matches!(verb, Verb::List(_));
        if look != Look::default() && !shows {
            return Err(FirewallError::OnlyWithList);
        }
        let rule = || {
            let target = target.ok_or(FirewallError::Missing("-j"))?;
            check_mss(table, &matches, target)?;
            check_ports(&matches)?;
            Ok(Rule {
                matches: matches.clone(),
                target,
                packets: 0,
                octets: 0,
            })
        };
        Ok(match verb {
            Verb::Append(hook) => Command::Insert {
                table,
                hook,
                at: None,
                rule: rule()?,
            },
            Verb::Insert(hook, at) => Command::Insert {
                table,
                hook,
                at: Some(at),
                rule: rule()?,
            },
            Verb::Delete(hook, Some(at)) => Command::DeleteAt { table, hook, at },
            Verb::Delete(hook, None) => Command::Delete {
                table,
                hook,
                rule: rule()?,
            },
            Verb::Check(hook) => Command::Check {
                table,
                hook,
                rule: rule()?,
            },
            Verb::Zero(hook) => Command::Zero { table, hook },
            Verb::Flush(hook) => Command::Flush { table, hook },
            Verb::Policy(hook, accepts) => Command::Policy {
                table,
                hook,
                accepts,
            },
            Verb::List(hook) => Command::List { table, hook, look },
            Verb::Save(hook) => Command::Save { table, hook },
        })
    }
}

impl Look {
    fn set(&mut self, letter: char) {
        match letter {
            'v' => self.verbose = true,
            'n' => self.numeric = true,
            'x' => self.exact = true,
            _ => {}
        }
    }
}

/// Whether a word is a cluster of `-L`, `-n`, `-v` and `-x`.
fn is_listing(word: &str) -> bool {
    let letters = word.strip_prefix('-').unwrap_or_default();
    !letters.is_empty() && letters.chars().all(|letter| "Lnvx".contains(letter))
}

/// The options of `-m tcp` and `-m udp` are known only with `-p`.
fn check_ports(matches: &Matches) -> Result<(), FirewallError> {
    let protocol = matches.protocol.as_ref().map(|it| it.value);
    if matches!(protocol, Some(protocol::TCP | protocol::UDP)) {
        return Ok(());
    }
    for (ports, option) in [
        (&matches.source_ports, "--sport"),
        (&matches.destination_ports, "--dport"),
    ] {
        if ports.is_some() {
            return Err(FirewallError::Unknown(option.to_owned()));
        }
    }
    Ok(())
}

fn check_mss(table: Table, matches: &Matches, target: Target) -> Result<(), FirewallError> {
    let syn_only = matches
        .tcp_flags
        .as_ref()
        .is_some_and(|test| !test.inverted && test.value.1.contains(TcpFlags::SYN));
    if matches!(target, Target::Mss(_)) && !(table == Table::Mangle && syn_only) {
        return Err(FirewallError::MssNeedsSyn);
    }
    Ok(())
}

impl Words<'_> {
    fn optional_number(&mut self) -> Option<usize> {
        let value = self.words.as_slice().first()?.parse().ok()?;
        self.words.next();
        Some(value)
    }

    fn optional_hook(&mut self) -> Option<Hook> {
        let value = hook(self.words.as_slice().first()?).ok()?;
        self.words.next();
        Some(value)
    }
}

const fn not<T>(inverted: bool, value: T) -> Not<T> {
    Not { inverted, value }
}

fn protocol_number(text: &str) -> Result<u8, FirewallError> {
    Ok(match text {
        "tcp" => protocol::TCP,
        "udp" => protocol::UDP,
        "icmp" => protocol::ICMP,
        "all" => 0,
        other => {
            return other
                .parse()
                .map_err(|_| FirewallError::Protocol(other.to_owned()));
        }
    })
}

fn network(text: &str) -> Result<IpNet, FirewallError> {
    let net: Result<IpNet, _> = text.parse();
    let address = || text.parse::<std::net::IpAddr>().map(IpNet::from);
    net.or_else(|_| address())
        .map(|net| net.trunc())
        .map_err(|_| bad("an address", text))
}

fn range(text: &str, what: &'static str) -> Result<(u16, u16), FirewallError> {
    let Some((low, high)) = text.split_once(':') else {
        let value = number(what, text)?;
        return Ok((value, value));
    };
    let low = if low.is_empty() {
        0
    } else {
        number(what, low)?
    };
    let high = if high.is_empty() {
        u16::MAX
    } else {
        number(what, high)?
    };
    Ok((low, high))
}

fn ports(text: &str) -> Result<Vec<(u16, u16)>, FirewallError> {
    text.split(',').map(|part| range(part, "a port")).collect()
}

pub(super) const FLAG_NAMES: [(&str, TcpFlags); 6] = [
    ("FIN", TcpFlags::FIN),
    ("SYN", TcpFlags::SYN),
    ("RST", TcpFlags::RST),
    ("PSH", TcpFlags::PSH),
    ("ACK", TcpFlags::ACK),
    ("URG", TcpFlags::URG),
];

fn flags(text: &str) -> Result<TcpFlags, FirewallError> {
    let mut set = TcpFlags::default();
    for name in text.split(',') {
        set = match name {
            "NONE" => set,
            "ALL" => TcpFlags(0x3f),
            name => {
                let known = FLAG_NAMES.iter().find(|(known, _)| *known == name);
                set | known.ok_or_else(|| bad("--tcp-flags", name))?.1
            }
        };
    }
    Ok(set)
}

/// Types by name.
pub(super) const ICMP_TYPES: [(&str, (u8, Option<u8>)); 10] = [
    ("echo-request", (8, None)),
    ("echo-reply", (0, None)),
    ("destination-unreachable", (3, None)),
    ("network-unreachable", (3, Some(0))),
    ("host-unreachable", (3, Some(1))),
    ("port-unreachable", (3, Some(3))),
    ("fragmentation-needed", (3, Some(4))),
    ("communication-prohibited", (3, Some(13))),
    ("time-exceeded", (11, None)),
    ("ttl-zero-during-transit", (11, Some(0))),
];

fn icmp_type(text: &str) -> Result<(u8, Option<u8>), FirewallError> {
    if let Some((_, known)) = ICMP_TYPES.iter().find(|(name, _)| *name == text) {
        return Ok(*known);
    }
    Ok(match text.split_once('/') {
        Some((kind, code)) => (
            number("--icmp-type", kind)?,
            Some(number("--icmp-type", code)?),
        ),
        None => (number("--icmp-type", text)?, None),
    })
}

pub(super) const REJECTS: [(&str, RejectWith); 7] = [
    ("icmp-port-unreachable", RejectWith::Icmp(Unreachable::Port)),
    ("icmp-host-unreachable", RejectWith::Icmp(Unreachable::Host)),
    ("icmp-net-unreachable", RejectWith::Icmp(Unreachable::Net)),
    (
        "icmp-proto-unreachable",
        RejectWith::Icmp(Unreachable::Protocol),
    ),
    (
        "icmp-host-prohibited",
        RejectWith::Icmp(Unreachable::HostProhibited),
    ),
    (
        "icmp-admin-prohibited",
        RejectWith::Icmp(Unreachable::AdministrativelyProhibited),
    ),
    ("tcp-reset", RejectWith::TcpReset),
];

fn reject_with(text: &str) -> Result<RejectWith, FirewallError> {
    REJECTS
        .iter()
        .find(|(name, _)| *name == text)
        .map(|(_, with)| *with)
        .ok_or_else(|| bad("--reject-with", text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::firewall::Firewall;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn rules_print_as_they_are_read() {
        for line in [
            "-A INPUT -s 10.0.0.0/8 -p tcp -m tcp --dport 22 -j DROP",
            "-A FORWARD -p tcp -m tcp --tcp-flags SYN,RST SYN -j ACCEPT",
            "-A OUTPUT ! -d 10.0.1.0/24 -o ens5 -j REJECT --reject-with icmp-admin-prohibited",
            "-A INPUT -p tcp -m multiport --dports 80,8000:8080 -j ACCEPT",
            "-A INPUT -p icmp -m icmp --icmp-type 3/4 -j DROP",
        ] {
            let mut firewall = Firewall::default();
            let command = parse(&words(line)).expect(line);
            firewall.apply(command, &|_| None).expect("it applies");
            let saved = firewall
                .apply(parse(&words("-S")).expect("-S"), &|_| None)
                .expect("a list");
            assert!(saved.lines().any(|printed| printed == line), "{saved}");
            let delete = line.replacen("-A", "-D", 1);
            firewall
                .apply(parse(&words(&delete)).expect("-D"), &|_| None)
                .expect("the rule is found again");
        }
    }

    #[test]
    fn unknown_words_and_misplaced_clamps_are_refused() {
        for line in [
            "-A INPUT -m conntrack --ctstate NEW -j ACCEPT",
            "-A FORWARD -p tcp -j TCPMSS --set-mss 1300",
            "-A NOWHERE -j DROP",
            "-j DROP",
        ] {
            assert!(parse(&words(line)).is_err(), "{line}");
        }
    }
}
