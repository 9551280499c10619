//! Reading of `iptables` command lines.

use std::collections::VecDeque;

use super::draft::Draft;
use super::errors::FirewallError;
use super::values::Family;
use super::{Hook, Rule, Table};

/// A chain and the number of a rule in it.
pub(crate) type Place = (Option<Hook>, Option<usize>);

/// What an `iptables` command line asks for. Lists of addresses make several rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// `-A` (no place) and `-I`.
    Insert {
        table: Table,
        hook: Hook,
        at: Option<usize>,
        rules: Vec<Rule>,
    },
    Delete {
        table: Table,
        hook: Hook,
        rules: Vec<Rule>,
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
        rules: Vec<Rule>,
    },
    Zero {
        table: Table,
        place: Place,
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
        place: Place,
        look: Look,
    },
    Save {
        table: Table,
        place: Place,
        /// `-v`: with counters.
        counters: bool,
    },
    /// `-V`.
    Version,
    /// `-X`: there are no chains of one's own.
    Nothing,
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

/// Long names of the program's own options; `0` is the letter of what has none.
const LONG: [(&str, char); 32] = [
    ("append", 'A'),
    ("delete", 'D'),
    ("check", 'C'),
    ("insert", 'I'),
    ("replace", 'R'),
    ("list", 'L'),
    ("list-rules", 'S'),
    ("flush", 'F'),
    ("zero", 'Z'),
    ("new-chain", 'N'),
    ("delete-chain", 'X'),
    ("rename-chain", 'E'),
    ("policy", 'P'),
    ("source", 's'),
    ("destination", 'd'),
    ("src", 's'),
    ("dst", 'd'),
    ("protocol", 'p'),
    ("in-interface", 'i'),
    ("jump", 'j'),
    ("table", 't'),
    ("match", 'm'),
    ("numeric", 'n'),
    ("out-interface", 'o'),
    ("verbose", 'v'),
    ("wait", 'w'),
    ("wait-interval", 'W'),
    ("exact", 'x'),
    ("version", 'V'),
    ("line-numbers", '0'),
    ("ipv4", '4'),
    ("set-counters", 'c'),
];

/// Letters without a value.
const FLAGS: &str = "nvx40V";

/// Letters that take the whole word for their value where it is attached.
const WHOLE: &str = "psdioj";

/// The words of a command line, read as `getopt_long` does.
pub(super) struct Words<'a> {
    words: std::slice::Iter<'a, String>,
    /// What has been taken apart.
    pending: VecDeque<String>,
}

impl Words<'_> {
    fn next(&mut self) -> Option<String> {
        let pending = self.pending.pop_front();
        pending.or_else(|| self.words.next().cloned())
    }

    fn peek(&self) -> Option<&String> {
        let words = self.words.as_slice();
        self.pending.front().or_else(|| words.first())
    }

    /// The value of an option, whatever it looks like.
    pub(super) fn value(&mut self, what: &str) -> Result<String, FirewallError> {
        let value = self.next();
        value.ok_or_else(|| FirewallError::Missing(what.to_owned()))
    }

    /// The next word, if it may belong to the option before it.
    pub(super) fn optional(&mut self) -> Option<String> {
        let word = self.peek()?;
        let is_option = word.starts_with('-') || word == "!";
        if is_option { None } else { self.next() }
    }

    /// The next option: by its letter, if it has one.
    fn option(&mut self) -> Option<String> {
        let word = self.next()?;
        if let Some(long) = word.strip_prefix("--") {
            let (name, value) = match long.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (long, None),
            };
            let letter = long_letter(name);
            if let Some(value) = value {
                let whole = letter.is_some_and(|it| WHOLE.contains(it));
                let value = if whole { word.as_str() } else { value };
                self.pending.push_front(value.to_owned());
            }
            return Some(match letter {
                Some(letter) => format!("-{letter}"),
                None => format!("--{name}"),
            });
        }
        let Some(cluster) = word.strip_prefix('-').filter(|it| it.len() > 1) else {
            return Some(word);
        };
        let (letter, rest) = cluster.split_at(cluster.chars().next().map_or(0, char::len_utf8));
        if !rest.is_empty() {
            self.pending.push_front(match letter {
                _ if FLAGS.contains(letter) => format!("-{rest}"),
                _ if WHOLE.contains(letter) => word.clone(),
                _ => rest.to_owned(),
            });
        }
        Some(format!("-{letter}"))
    }

    /// A rule's number, if there is one.
    fn optional_number(&mut self) -> Result<Option<usize>, FirewallError> {
        let Some(text) = self.optional() else {
            return Ok(None);
        };
        let number = text.parse::<usize>().ok().filter(|it| *it > 0);
        Ok(Some(number.ok_or(FirewallError::RuleNumber(text))?))
    }

    /// A chain, if there is one, and the number of a rule, if there is one.
    fn place(&mut self) -> Result<(Option<String>, Option<usize>), FirewallError> {
        let chain = self.optional();
        let number = match chain {
            Some(_) => self.optional_number()?,
            None => None,
        };
        Ok((chain, number))
    }
}

/// What a long name stands for; as much of it as tells it from the others is enough.
fn long_letter(name: &str) -> Option<char> {
    let exact = LONG.iter().find(|(long, _)| *long == name);
    let begin = |(long, _): &&(&str, char)| !name.is_empty() && long.starts_with(name);
    let mut all = LONG.iter().filter(begin);
    let (_, letter) = exact.or_else(|| all.next())?;
    let alone = exact.is_some() || all.next().is_none();
    alone.then_some(*letter)
}

/// A command, its chain as it was typed.
enum Verb {
    Append(String),
    Insert(String, usize),
    Replace(String, usize),
    Delete(String, Option<usize>),
    Check(String),
    Zero(Option<String>, Option<usize>),
    Flush(Option<String>),
    Policy(String, String),
    List(Option<String>, Option<usize>),
    Save(Option<String>, Option<usize>),
    DeleteChains(Option<String>),
    Rename,
}

#[derive(Default)]
struct Line {
    table: Option<Table>,
    verb: Option<Verb>,
    rule: Draft,
    look: Look,
    version: bool,
}

/// Reads the arguments after `iptables`.
///
/// # Errors
/// [`FirewallError`] names the word that is not understood.
pub(crate) fn parse(arguments: &[String], family: &Family<'_>) -> Result<Command, FirewallError> {
    let mut line = Line::default();
    let mut words = Words {
        words: arguments.iter(),
        pending: VecDeque::new(),
    };
    let mut inverted = false;
    while let Some(word) = words.option() {
        if word == "!" {
            if inverted {
                let text = "multiple consecutive ! not allowed";
                return Err(FirewallError::Said(text.to_owned()));
            }
            inverted = true;
            continue;
        }
        let taken = line.read_verb(&word, inverted, &mut words)?
            || line.read_other(&word, inverted, &mut words)?
            || line.rule.read(&word, inverted, &mut words)?;
        if line.version {
            return Ok(Command::Version);
        }
        if !taken {
            return Err(match word.starts_with('-') {
                true => FirewallError::Unknown(word),
                false => FirewallError::Argument(word),
            });
        }
        inverted = false;
    }
    line.finish(family)
}

/// A chain of a table.
fn hook(text: &str, table: Table) -> Result<Hook, FirewallError> {
    let mut hooks = table.hooks().iter().copied();
    hooks
        .find(|hook| hook.name() == text)
        .ok_or(FirewallError::NoChain)
}

/// The same for what only shows.
fn shown(text: Option<String>, table: Table) -> Result<Option<Hook>, FirewallError> {
    let Some(text) = text else { return Ok(None) };
    let found = hook(&text, table);
    Ok(Some(found.map_err(|_| {
        FirewallError::Incompatible(text, table.name())
    })?))
}

impl Line {
    fn read_verb(
        &mut self,
        word: &str,
        inverted: bool,
        words: &mut Words<'_>,
    ) -> Result<bool, FirewallError> {
        let verb = match word {
            "-A" => Verb::Append(words.value(word)?),
            "-I" => {
                let chain = words.value(word)?;
                Verb::Insert(chain, words.optional_number()?.unwrap_or(1))
            }
            "-R" => {
                let chain = words.value(word)?;
                let number = words.optional_number()?;
                let missing = || FirewallError::Said("-R requires a rule number".to_owned());
                Verb::Replace(chain, number.ok_or_else(missing)?)
            }
            "-D" => {
                let chain = words.value(word)?;
                Verb::Delete(chain, words.optional_number()?)
            }
            "-C" => Verb::Check(words.value(word)?),
            "-Z" => {
                let (chain, number) = words.place()?;
                Verb::Zero(chain, number)
            }
            "-F" => Verb::Flush(words.optional()),
            "-L" => {
                let (chain, number) = words.place()?;
                Verb::List(chain, number)
            }
            "-S" => {
                let (chain, number) = words.place()?;
                Verb::Save(chain, number)
            }
            "-P" => {
                let chain = words.value(word)?;
                Verb::Policy(chain, words.optional().ok_or(FirewallError::NoPolicy)?)
            }
            "-X" => Verb::DeleteChains(words.optional()),
            "-E" => {
                words.value(word)?;
                words.optional();
                Verb::Rename
            }
            "-N" => {
                words.value(word)?;
                return Err(FirewallError::elsewhere("-N, a chain of one's own"));
            }
            _ => return Ok(false),
        };
        if inverted {
            return Err(FirewallError::Said("unexpected '!' flag".to_owned()));
        }
        if let Some(before) = &self.verb {
            return Err(FirewallError::TwoCommands(verb.letter(), before.letter()));
        }
        self.verb = Some(verb);
        Ok(true)
    }

    /// The table and how it is printed.
    fn read_other(
        &mut self,
        word: &str,
        inverted: bool,
        words: &mut Words<'_>,
    ) -> Result<bool, FirewallError> {
        match word {
            "-t" if inverted => {
                let text = "unexpected ! flag before --table";
                return Err(FirewallError::Said(text.to_owned()));
            }
            "-t" => {
                self.table = Some(match words.value(word)?.as_str() {
                    "filter" => Table::Filter,
                    "mangle" => Table::Mangle,
                    other => return Err(FirewallError::table(other)),
                });
            }
            // Nobody else holds the lock.
            "-w" => {
                let seconds = words.optional();
                if seconds.is_some_and(|it| it.parse::<u32>().is_err()) {
                    let text = "wait seconds not numeric";
                    return Err(FirewallError::Said(text.to_owned()));
                }
            }
            "-v" => self.look.verbose = true,
            "-n" => self.look.numeric = true,
            "-x" => self.look.exact = true,
            "-0" => self.look.numbered = true,
            "-4" => {}
            "-V" => self.version = true,
            "-W" | "-c" | "-f" | "-g" | "-h" | "-6" => return Err(FirewallError::elsewhere(word)),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// `generic_opt_check`: options that a command does not go with.
    fn check_options(&self, verb: &Verb) -> Result<(), FirewallError> {
        let changes = matches!(
            verb,
            Verb::Append(_)
                | Verb::Insert(..)
                | Verb::Replace(..)
                | Verb::Delete(_, None)
                | Verb::Check(_)
        );
        let lists = matches!(verb, Verb::List(..));
        let of_lists = |letter: &str| match letter {
            "-n" => self.look.numeric,
            "-x" => self.look.exact,
            _ => self.look.numbered,
        };
        for letter in ["-n", "-s", "-d", "-p", "-j", "-x", "-i", "-o", "-0"] {
            let (said, fits) = match letter {
                "-n" | "-x" | "-0" => (of_lists(letter), lists),
                _ => (self.rule.has(letter), changes),
            };
            if said && !fits {
                return Err(FirewallError::Illegal(letter));
            }
        }
        let prints = matches!(verb, Verb::List(..) | Verb::Save(..) | Verb::Policy(..));
        match self.look.verbose && !prints {
            true => Err(FirewallError::elsewhere("-v but with -L and -S")),
            false => Ok(()),
        }
    }

    fn finish(self, family: &Family<'_>) -> Result<Command, FirewallError> {
        let Some(verb) = &self.verb else {
            return Err(FirewallError::NoCommand);
        };
        self.check_options(verb)?;
        let Self {
            table,
            verb,
            rule,
            look,
            ..
        } = self;
        let table = table.unwrap_or(Table::Filter);
        let Some(verb) = verb else {
            return Err(FirewallError::NoCommand);
        };
        let letter = verb.letter();
        let rules = |chain: &str| -> Result<(Hook, Vec<Rule>), FirewallError> {
            let hook = hook(chain, table)?;
            let rules = rule.rules(table, hook, letter, family)?;
            Ok((hook, rules))
        };
        Ok(match verb {
            Verb::Append(chain) => {
                let (hook, rules) = rules(&chain)?;
                let at = None;
                Command::Insert {
                    table,
                    hook,
                    at,
                    rules,
                }
            }
            Verb::Insert(chain, at) => {
                let (hook, rules) = rules(&chain)?;
                let at = Some(at);
                Command::Insert {
                    table,
                    hook,
                    at,
                    rules,
                }
            }
            Verb::Replace(chain, at) => {
                let (hook, mut rules) = rules(&chain)?;
                let rule = rules.pop().filter(|_| rules.is_empty());
                let text = "Replacement rule does not specify a unique address";
                let rule = rule.ok_or_else(|| FirewallError::Said(text.to_owned()))?;
                Command::Replace {
                    table,
                    hook,
                    at,
                    rule,
                }
            }
            Verb::Delete(chain, Some(at)) => {
                let hook = hook(&chain, table)?;
                Command::DeleteAt { table, hook, at }
            }
            Verb::Delete(chain, None) => {
                let (hook, rules) = rules(&chain)?;
                Command::Delete { table, hook, rules }
            }
            Verb::Check(chain) => {
                let (hook, rules) = rules(&chain)?;
                Command::Check { table, hook, rules }
            }
            other => other.without_rule(table, look)?,
        })
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
            Self::Zero(..) => "-Z",
            Self::Flush(_) => "-F",
            Self::Policy(..) => "-P",
            Self::List(..) => "-L",
            Self::Save(..) => "-S",
            Self::DeleteChains(_) => "-X",
            Self::Rename => "-E",
        }
    }

    /// The command of what speaks of no rule.
    fn without_rule(self, table: Table, look: Look) -> Result<Command, FirewallError> {
        let chain = |text: Option<String>| text.map(|it| hook(&it, table)).transpose();
        Ok(match self {
            Self::Zero(text, number) => Command::Zero {
                table,
                place: (chain(text)?, number),
            },
            Self::Flush(text) => Command::Flush {
                table,
                hook: chain(text)?,
            },
            Self::List(text, number) => Command::List {
                table,
                place: (shown(text, table)?, number),
                look,
            },
            Self::Save(text, number) => Command::Save {
                table,
                place: (shown(text, table)?, number),
                counters: look.verbose,
            },
            Self::Policy(text, policy) => {
                let hook = hook(&text, table).map_err(|_| FirewallError::NotBuiltIn)?;
                let accepts = match policy.as_str() {
                    "ACCEPT" => true,
                    "DROP" if hook == Hook::Prerouting => {
                        return Err(FirewallError::elsewhere("a policy of PREROUTING"));
                    }
                    "DROP" => false,
                    _ => return Err(FirewallError::BadPolicy),
                };
                Command::Policy {
                    table,
                    hook,
                    accepts,
                }
            }
            Self::DeleteChains(None) => Command::Nothing,
            _ => return Err(FirewallError::NoChain),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::firewall::Firewall;

    fn read(line: &str) -> Result<Command, FirewallError> {
        let words: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
        let addresses_of = |name: &str| match name {
            "server" => vec![std::net::IpAddr::from([10, 0, 2, 20])],
            _ => Vec::new(),
        };
        let family = Family {
            is_ipv6: false,
            addresses_of: &addresses_of,
        };
        parse(&words, &family)
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
            "-A INPUT -m conntrack --ctstate NEW,ESTABLISHED -m conntrack --ctstate RELATED -j DROP",
            "-A INPUT -p tcp -m multiport --ports 80,443 -j ACCEPT",
            "-A INPUT -p gre -j DROP",
        ] {
            let mut firewall = Firewall::default();
            let command = read(line).expect(line);
            firewall.apply(command, &|_| None).expect("it applies");
            let saved = firewall
                .apply(read("-S").expect("-S"), &|_| None)
                .expect("a list");
            assert!(saved.lines().any(|printed| printed == line), "{saved}");
            let delete = line.replacen("-A", "-D", 1);
            firewall
                .apply(read(&delete).expect("-D"), &|_| None)
                .expect("the rule is found again");
        }
    }

    #[test]
    fn lists_and_names_of_addresses_make_rules_of_their_own() {
        let mut firewall = Firewall::default();
        for line in [
            "-A INPUT -s 10/8,192.168.0.0/255.255.0.0 -d server -j DROP",
            "-I INPUT -s 10.0.0.1,10.0.0.2 --jump ACCEPT",
            "-A INPUT -s 0.0.0.0/0 -p all -i + -j ACCEPT",
        ] {
            firewall
                .apply(read(line).expect(line), &|_| None)
                .expect("it applies");
        }
        let saved = firewall.apply(read("-S INPUT").expect("-S"), &|_| None);
        assert_eq!(
            saved.expect("a list"),
            "-P INPUT ACCEPT\n-A INPUT -s 10.0.0.2/32 -j ACCEPT\n\
             -A INPUT -s 10.0.0.1/32 -j ACCEPT\n-A INPUT -s 10.0.0.0/8 -d 10.0.2.20/32 -j DROP\n\
             -A INPUT -s 192.168.0.0/16 -d 10.0.2.20/32 -j DROP\n-A INPUT -j ACCEPT\n"
        );
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
            "-A FORWARD -j TCPMSS --set-mss 1300",
            "-A INPUT -p tcp --syn -j TCPMSS --clamp-mss-to-pmtu",
            "-A PREROUTING -j DROP",
            "-A INPUT -j DROP --reject-with tcp-reset",
            "-A INPUT --reject-with tcp-reset",
            "-A INPUT -p udp -j REJECT --reject-with tcp-reset",
            "-t mangle -A OUTPUT -j REJECT",
            "-A INPUT -p udp --syn -j DROP",
            "-A INPUT -p tcp --icmp-type 8 -j DROP",
            "-A INPUT -p tcp --dport 443:80 -j DROP",
            "-A INPUT -p tcp -p udp -j DROP",
            "-A INPUT -p tcp --syn ! -j DROP",
            "-A INPUT -s fd00::/8 -j DROP",
            "-A INPUT ! -s 0.0.0.0/0 -j DROP",
            "-A INPUT -i abcdefghijklmnop -j DROP",
            "-A INPUT -jDROP",
            "-F INPUT extra",
            "-L -p tcp",
            "-A NOWHERE -j DROP",
            "-j DROP",
        ] {
            assert!(read(line).is_err(), "{line}");
        }
    }
}
