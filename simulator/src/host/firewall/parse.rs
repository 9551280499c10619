//! Reading of `iptables` command lines.

use wirelab_wire::{TcpFlags, Unreachable, protocol};

use super::errors::FirewallError;
use super::values::{
    flags, icmp_type, log_level, network, number, ports, protocol_number, range, reject_with,
    states,
};
use super::{Hook, Log, Matches, Module, Not, RejectWith, Rule, Table, Target};

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
    /// `-R`.
    Replace {
        table: Table,
        hook: Hook,
        at: usize,
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
    Replace(Hook, usize),
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
    /// `-m conntrack` or `-m state` was said, and nothing of it yet.
    wants_state: bool,
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
            && !draft.read_ports(word, inverted, &mut words)?
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

impl Draft {
    fn read_verb(&mut self, word: &str, words: &mut Words<'_>) -> Result<bool, FirewallError> {
        let verb = match word {
            "-t" | "--table" => {
                self.table = Some(match words.value("-t")?.as_str() {
                    "filter" => Table::Filter,
                    "mangle" => Table::Mangle,
                    other => return Err(FirewallError::table(other)),
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
                Verb::List(words.shown_hook(self.table)?)
            }
            "-A" | "--append" => Verb::Append(hook(&words.value("-A")?)?),
            "-I" | "--insert" => {
                let at = hook(&words.value("-I")?)?;
                Verb::Insert(at, words.optional_number()?.unwrap_or(1))
            }
            "-R" | "--replace" => {
                let at = hook(&words.value("-R")?)?;
                let number = words.optional_number()?;
                Verb::Replace(at, number.ok_or(FirewallError::Missing("-R"))?)
            }
            "-D" | "--delete" => {
                let at = hook(&words.value("-D")?)?;
                Verb::Delete(at, words.optional_number()?)
            }
            "-C" | "--check" => Verb::Check(hook(&words.value("-C")?)?),
            "-Z" | "--zero" => Verb::Zero(words.optional_hook()?),
            "-F" | "--flush" => Verb::Flush(words.optional_hook()?),
            "--list" => Verb::List(words.shown_hook(self.table)?),
            "-S" | "--list-rules" => Verb::Save(words.shown_hook(self.table)?),
            "-P" | "--policy" => {
                let at = words.value("-P")?;
                let policy = words.words.next().ok_or(FirewallError::NoPolicy)?;
                let at = hook(&at).map_err(|_| FirewallError::NotBuiltIn)?;
                match policy.as_str() {
                    "ACCEPT" => Verb::Policy(at, true),
                    "DROP" => Verb::Policy(at, false),
                    _ => return Err(FirewallError::BadPolicy),
                }
            }
            _ => return Ok(false),
        };
        if let Some(before) = &self.verb {
            return Err(FirewallError::TwoCommands(verb.letter(), before.letter()));
        }
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
            "-m" | "--match" => {
                let name = words.value("-m")?;
                let module = Module::named(&name);
                matches.load(module.ok_or(FirewallError::Match(name))?);
                self.wants_state |= matches!(module, Some(Module::Conntrack | Module::State));
            }
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
            "--tcp-flags" => {
                matches.load(Module::Transport);
                let mask = flags(&words.value("--tcp-flags")?)?;
                let set = flags(&words.value("--tcp-flags")?)?;
                matches.tcp_flags = Some(not(inverted, (mask, set)));
            }
            "--syn" => {
                matches.load(Module::Transport);
                let mask = TcpFlags::FIN | TcpFlags::SYN | TcpFlags::RST | TcpFlags::ACK;
                matches.tcp_flags = Some(not(inverted, (mask, TcpFlags::SYN)));
            }
            "--icmp-type" => {
                matches.load(Module::Icmp);
                matches.icmp_type = Some(not(inverted, icmp_type(&words.value("--icmp-type")?)?));
            }
            "--comment" if matches.has(Module::Comment) => {
                matches.comment = Some(words.value("--comment")?);
            }
            "--length" if matches.has(Module::Length) => {
                matches.length = Some(not(inverted, range(&words.value("--length")?, "--length")?))
            }
            "--ctstate" if matches.has(Module::Conntrack) => {
                let wanted = states(&words.value("--ctstate")?, "ctstate")?;
                matches.states = Some(not(inverted, wanted));
                self.wants_state = false;
            }
            "--state" if matches.has(Module::State) => {
                let wanted = states(&words.value("--state")?, "state")?;
                matches.states = Some(not(inverted, wanted));
                self.wants_state = false;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn read_ports(
        &mut self,
        word: &str,
        inverted: bool,
        words: &mut Words<'_>,
    ) -> Result<bool, FirewallError> {
        let matches = &mut self.matches;
        match word {
            "--sport" | "--source-port" => {
                matches.load(Module::Transport);
                let ports = one_range(&words.value("--sport")?)?;
                matches.source_ports = Some(not(inverted, ports));
            }
            "--dport" | "--destination-port" => {
                matches.load(Module::Transport);
                let ports = one_range(&words.value("--dport")?)?;
                matches.destination_ports = Some(not(inverted, ports));
            }
            "--sports" | "--source-ports" if matches.has(Module::Multiport) => {
                let ports = ports(&words.value("--sports")?)?;
                matches.source_list = Some(not(inverted, ports));
            }
            "--dports" | "--destination-ports" if matches.has(Module::Multiport) => {
                let ports = ports(&words.value("--dports")?)?;
                matches.destination_list = Some(not(inverted, ports));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn read_target(&mut self, word: &str, words: &mut Words<'_>) -> Result<bool, FirewallError> {
        if let Some(Target::Log(log)) = &mut self.target
            && log.read(word, words)?
        {
            return Ok(true);
        }
        match word {
            "-j" | "--jump" => {
                self.target = Some(match words.value("-j")?.as_str() {
                    "ACCEPT" => Target::Accept,
                    "DROP" => Target::Drop,
                    "REJECT" => Target::Reject(RejectWith::Icmp(Unreachable::Port)),
                    "TCPMSS" => Target::Mss(None),
                    "LOG" => Target::Log(Log::default()),
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
        let wants_state = self.wants_state;
        let rule = |hook: Hook| {
            let target = target.clone().unwrap_or(Target::Nothing);
            check_mss(table, &matches, &target)?;
            check_ports(&matches)?;
            check_devices(hook, &matches)?;
            if wants_state {
                return Err(FirewallError::StateMissing);
            }
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
                rule: rule(hook)?,
            },
            Verb::Insert(hook, at) => Command::Insert {
                table,
                hook,
                at: Some(at),
                rule: rule(hook)?,
            },
            Verb::Replace(hook, at) => Command::Replace {
                table,
                hook,
                at,
                rule: rule(hook)?,
            },
            Verb::Delete(hook, Some(at)) => Command::DeleteAt { table, hook, at },
            Verb::Delete(hook, None) => Command::Delete {
                table,
                hook,
                rule: rule(hook)?,
            },
            Verb::Check(hook) => Command::Check {
                table,
                hook,
                rule: rule(hook)?,
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
        (&matches.source_list, "--sports"),
        (&matches.destination_list, "--dports"),
    ] {
        if ports.is_some() {
            return Err(FirewallError::Unknown(option.to_owned()));
        }
    }
    Ok(())
}

/// What comes in has no way out yet, and the other way round.
fn check_devices(hook: Hook, matches: &Matches) -> Result<(), FirewallError> {
    let option = match hook {
        Hook::Input if matches.output.is_some() => "-o",
        Hook::Output if matches.input.is_some() => "-i",
        _ => return Ok(()),
    };
    let chain = hook.name();
    Err(FirewallError::Device { option, chain })
}

fn check_mss(table: Table, matches: &Matches, target: &Target) -> Result<(), FirewallError> {
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
    /// A rule's number, if there is one.
    fn optional_number(&mut self) -> Result<Option<usize>, FirewallError> {
        let first = self.words.as_slice().first();
        let Some(text) = first.filter(|it| it.starts_with(|it: char| it.is_ascii_digit())) else {
            return Ok(None);
        };
        let number = text.parse().ok().filter(|it| *it > 0);
        let number = number.ok_or_else(|| FirewallError::RuleNumber(text.clone()))?;
        self.words.next();
        Ok(Some(number))
    }

    /// A chain, if there is one.
    fn optional_hook(&mut self) -> Result<Option<Hook>, FirewallError> {
        let first = self.words.as_slice().first();
        let Some(text) = first.filter(|it| !it.starts_with('-')) else {
            return Ok(None);
        };
        let found = hook(text)?;
        self.words.next();
        Ok(Some(found))
    }

    /// The same for what only shows.
    fn shown_hook(&mut self, table: Option<Table>) -> Result<Option<Hook>, FirewallError> {
        let name = self.words.as_slice().first().cloned().unwrap_or_default();
        let table = table.unwrap_or(Table::Filter).name();
        self.optional_hook()
            .map_err(|_| FirewallError::Incompatible(name, table))
    }
}

impl Verb {
    const fn letter(&self) -> &'static str {
        match self {
            Self::Append(_) => "-A",
            Self::Insert(..) => "-I",
            Self::Replace(..) => "-R",
            Self::Delete(..) => "-D",
            Self::Check(_) => "-C",
            Self::Zero(_) => "-Z",
            Self::Flush(_) => "-F",
            Self::Policy(..) => "-P",
            Self::List(_) => "-L",
            Self::Save(_) => "-S",
        }
    }
}

impl Log {
    /// An option of the target; false if it is none.
    fn read(&mut self, word: &str, words: &mut Words<'_>) -> Result<bool, FirewallError> {
        match word {
            "--log-prefix" => {
                let mut prefix = words.value("--log-prefix")?;
                let end = prefix.char_indices().nth(Self::PREFIX_MAX);
                prefix.truncate(end.map_or(prefix.len(), |(at, _)| at));
                self.prefix = Some(prefix);
            }
            "--log-level" => self.level = log_level(&words.value("--log-level")?)?,
            _ => {
                let mut flags = Self::FLAGS.iter();
                let Some((_, _, flag)) = flags.find(|(option, ..)| *option == word) else {
                    return Ok(false);
                };
                self.flags |= flag;
            }
        }
        Ok(true)
    }
}

/// A port or a range of them.
fn one_range(text: &str) -> Result<Vec<(u16, u16)>, FirewallError> {
    match text.contains(',') {
        true => Err(FirewallError::Port(text.to_owned())),
        false => ports(text),
    }
}

const fn not<T>(inverted: bool, value: T) -> Not<T> {
    Not { inverted, value }
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
            "-A INPUT -p tcp -m conntrack --ctstate NEW -m tcp --dport 22 -j ACCEPT",
            "-A INPUT -m state --state RELATED,ESTABLISHED -j ACCEPT",
            "-A INPUT -j LOG --log-prefix x --log-level 6 --log-uid",
            "-A INPUT -p tcp",
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
            "-A INPUT -m conntrack --ctstate LATE -j ACCEPT",
            "-A INPUT -m conntrack -j ACCEPT",
            "-A INPUT --ctstate NEW -j ACCEPT",
            "-A INPUT -j LOG --log-level loud",
            "-A INPUT -o ens5 -j DROP",
            "-A INPUT -P",
            "-A FORWARD -p tcp -j TCPMSS --set-mss 1300",
            "-A NOWHERE -j DROP",
            "-j DROP",
        ] {
            assert!(parse(&words(line)).is_err(), "{line}");
        }
    }
}
