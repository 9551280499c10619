//! Reading of the part of an `iptables` command line that is a rule.

use wirelab_model::IpNet;
use wirelab_wire::{TcpFlags, Unreachable, protocol};

use super::errors::FirewallError;
use super::matching::{Match, Segment, Side};
use super::parse::Words;
use super::values::{
    Family, flags, icmp_type, log_level, one_range, ports, protocol_number, range, reject_with,
    states,
};
use super::{Hook, Log, Matches, Not, RejectWith, Rule, Table, Target};

/// Letters of an interface's name (`IFNAMSIZ`, less the end).
const NAME_MAX: usize = 15;
/// What `--set-mss` takes (`UINT16_MAX - 20`).
const MSS_MAX: u16 = 65_515;

/// A rule as far as it is read.
#[derive(Default)]
pub(super) struct Draft {
    /// Options of which there may be one.
    seen: Vec<&'static str>,
    /// As they were typed: they are read at the end.
    source: Option<Not<String>>,
    destination: Option<Not<String>>,
    matches: Matches,
    target: Option<Target>,
    /// TCPMSS knows what to do.
    sized: bool,
}

fn said<T>(text: &str) -> Result<T, FirewallError> {
    Err(FirewallError::Said(text.to_owned()))
}

fn once<T>(module: &str, option: &str) -> Result<T, FirewallError> {
    let text = format!("{module}: option \"{option}\" can only be used once.");
    Err(FirewallError::Option(text))
}

const fn not<T>(inverted: bool, value: T) -> Not<T> {
    Not { inverted, value }
}

impl Draft {
    /// Whether an option was typed.
    pub(super) fn has(&self, letter: &str) -> bool {
        self.seen.contains(&letter)
    }

    /// Reads an option with its values; false if it is none.
    pub(super) fn read(
        &mut self,
        word: &str,
        inverted: bool,
        words: &mut Words<'_>,
    ) -> Result<bool, FirewallError> {
        Ok(self.read_own(word, inverted, words)?
            || self.read_segment(word, inverted, words)?
            || self.read_match(word, inverted, words)?
            || self.read_target(word, words)?)
    }

    fn first(&mut self, letter: &'static str) -> Result<(), FirewallError> {
        if self.has(letter) {
            return Err(FirewallError::Multiple(letter));
        }
        self.seen.push(letter);
        Ok(())
    }

    /// The program's own options.
    fn read_own(
        &mut self,
        word: &str,
        inverted: bool,
        words: &mut Words<'_>,
    ) -> Result<bool, FirewallError> {
        match word {
            "-m" if inverted => return said("unexpected ! flag before --match"),
            "-m" => {
                let name = words.value(word)?;
                let found = Match::named(&name);
                let found = found.ok_or_else(|| FirewallError::no_match(&name))?;
                self.matches.matches.push(found);
            }
            "-p" => {
                self.first("-p")?;
                let value = protocol_number(&words.value(word)?)?;
                if value == 0 && inverted {
                    return said("rule would never match protocol");
                }
                self.matches.protocol = (value != 0).then_some(Not { inverted, value });
            }
            "-s" => {
                self.first("-s")?;
                self.source = Some(not(inverted, words.value(word)?));
            }
            "-d" => {
                self.first("-d")?;
                self.destination = Some(not(inverted, words.value(word)?));
            }
            "-i" => {
                self.first("-i")?;
                self.matches.input = interface(inverted, words.value(word)?)?;
            }
            "-o" => {
                self.first("-o")?;
                self.matches.output = interface(inverted, words.value(word)?)?;
            }
            "-j" if inverted => return said("cannot have ! before -j"),
            "-j" => {
                self.first("-j")?;
                self.target = Some(match words.value(word)?.as_str() {
                    "ACCEPT" => Target::Accept,
                    "DROP" => Target::Drop,
                    "REJECT" => Target::Reject(RejectWith::Icmp(Unreachable::Port)),
                    "TCPMSS" => Target::Mss(None),
                    "LOG" => Target::Log(Log::default()),
                    "" => return said("Invalid target name (too short)"),
                    other => return Err(FirewallError::no_target(other)),
                });
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The match that an option of `tcp` or `udp` belongs to: `-p` brings it along.
    fn segment(&mut self, tcp_only: bool) -> Option<&mut Segment> {
        let fits = |number: u8| number == protocol::TCP || (number == protocol::UDP && !tcp_only);
        let is_it = |it: &Match| matches!(it, Match::Segment(segment) if fits(segment.protocol));
        if !self.matches.matches.iter().any(is_it) {
            let number = self.matches.protocol.as_ref()?.value;
            if !fits(number) {
                return None;
            }
            self.matches.matches.push(Match::Segment(Segment {
                protocol: number,
                ..Segment::default()
            }));
        }
        let mut all = self.matches.matches.iter_mut().rev();
        all.find_map(|it| match it {
            Match::Segment(segment) if fits(segment.protocol) => Some(segment),
            _ => None,
        })
    }

    fn read_segment(
        &mut self,
        word: &str,
        inverted: bool,
        words: &mut Words<'_>,
    ) -> Result<bool, FirewallError> {
        let tcp_only = matches!(word, "--syn" | "--tcp-flags");
        let (is_source, is_destination) = (
            matches!(word, "--sport" | "--source-port"),
            matches!(word, "--dport" | "--destination-port"),
        );
        if !(tcp_only || is_source || is_destination) {
            return Ok(false);
        }
        let Some(segment) = self.segment(tcp_only) else {
            return Ok(false);
        };
        if tcp_only {
            let (mask, set) = match word {
                "--syn" => {
                    let mask = TcpFlags::FIN | TcpFlags::SYN | TcpFlags::RST | TcpFlags::ACK;
                    (mask, TcpFlags::SYN)
                }
                _ => {
                    let mask = words.value(word)?;
                    let Some(set) = words.optional() else {
                        return said("--tcp-flags requires two args.");
                    };
                    (flags(&mask)?, flags(&set)?)
                }
            };
            if segment.flags.is_some() {
                return said("Only one of `--syn' or `--tcp-flags'  allowed");
            }
            segment.flags = Some(not(inverted, (mask, set)));
            return Ok(true);
        }
        let ports = one_range(&words.value(word)?)?;
        let (end, name) = match is_source {
            true => (&mut segment.source, "--source-port"),
            false => (&mut segment.destination, "--destination-port"),
        };
        if end.is_some() {
            return match segment.protocol {
                protocol::UDP => once("udp", name),
                _ => said(&format!("Only one `{name}' allowed")),
            };
        }
        *end = Some(not(inverted, ports));
        Ok(true)
    }

    fn read_match(
        &mut self,
        word: &str,
        inverted: bool,
        words: &mut Words<'_>,
    ) -> Result<bool, FirewallError> {
        let icmp = self.matches.protocol.as_ref().map(|it| it.value) == Some(protocol::ICMP);
        let has_icmp = |it: &Match| matches!(it, Match::Icmp(_));
        if word == "--icmp-type" && icmp && !self.matches.matches.iter().any(has_icmp) {
            self.matches.matches.push(Match::Icmp(None));
        }
        let side = match word {
            "--sports" | "--source-ports" => Some(Side::Source),
            "--dports" | "--destination-ports" => Some(Side::Destination),
            "--ports" => Some(Side::Either),
            _ => None,
        };
        let about = self.matches.protocol.clone();
        for test in self.matches.matches.iter_mut().rev() {
            let is_new = match (word, &mut *test) {
                ("--icmp-type", Match::Icmp(test)) => {
                    let new = not(inverted, icmp_type(&words.value(word)?)?);
                    test.replace(new).is_none()
                }
                ("--length", Match::Length(test)) => {
                    let new = not(inverted, range(&words.value(word)?, "length", word)?);
                    test.replace(new).is_none()
                }
                ("--comment", Match::Comment(_)) if inverted => {
                    let text = "comment: option \"--comment\" cannot be inverted.";
                    return Err(FirewallError::Option(text.to_owned()));
                }
                ("--comment", Match::Comment(test)) => test.replace(words.value(word)?).is_none(),
                ("--ctstate", Match::Conntrack(test)) => {
                    let new = not(inverted, states(&words.value(word)?, "ctstate")?);
                    test.replace(new).is_none()
                }
                ("--state", Match::State(test)) => {
                    let new = not(inverted, states(&words.value(word)?, "state")?);
                    test.replace(new).is_none()
                }
                (_, Match::Multiport(test)) if side.is_some() => {
                    check_multiport(about.as_ref())?;
                    let side = side.unwrap_or(Side::Either);
                    let new = not(inverted, ports(&words.value(word)?)?);
                    match test {
                        Some((other, _)) if *other != side => return exclusive(*other, side),
                        _ => test.replace((side, new)).is_none(),
                    }
                }
                _ => continue,
            };
            let option = side.map_or(word, |it| it.option());
            return if is_new {
                Ok(true)
            } else {
                once(test.name(), option)
            };
        }
        Ok(false)
    }

    /// Options of the target at hand.
    fn read_target(&mut self, word: &str, words: &mut Words<'_>) -> Result<bool, FirewallError> {
        match (word, &mut self.target) {
            (_, Some(Target::Log(log))) => return log.read(word, words),
            ("--reject-with", Some(Target::Reject(with))) => {
                *with = reject_with(&words.value(word)?)?;
            }
            ("--set-mss", Some(Target::Mss(size))) => {
                let number = words.value(word)?.parse::<u16>().ok();
                let Some(number) = number.filter(|it| *it <= MSS_MAX) else {
                    let text = "TCPMSS: bad value for option \"--set-mss\", or out of range";
                    return Err(FirewallError::Option(format!("{text} (0-{MSS_MAX}).")));
                };
                (*size, self.sized) = (Some(number), true);
            }
            ("--clamp-mss-to-pmtu", Some(Target::Mss(size))) => {
                (*size, self.sized) = (None, true);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The rules that the command with this letter is about: one of each pair of addresses.
    pub(super) fn rules(
        self,
        table: Table,
        hook: Hook,
        letter: &'static str,
        family: &Family<'_>,
    ) -> Result<Vec<Rule>, FirewallError> {
        let sources = networks(self.source.as_ref(), family)?;
        let destinations = networks(self.destination.as_ref(), family)?;
        let mut rules = Vec::new();
        for source in &sources {
            for destination in &destinations {
                let mut matches = self.matches.clone();
                matches.source.clone_from(source);
                matches.destination.clone_from(destination);
                rules.push(Rule {
                    matches,
                    target: self.target.clone().unwrap_or(Target::Nothing),
                    packets: 0,
                    octets: 0,
                });
            }
        }
        for rule in &rules {
            rule.check(hook, self.sized)?;
            let verb = match letter {
                "-A" => "RULE_APPEND",
                "-I" => "RULE_INSERT",
                "-R" => "RULE_REPLACE",
                _ => continue,
            };
            if rule.is_invalid(table, hook) {
                let chain = hook.name();
                return Err(FirewallError::Kernel { verb, chain });
            }
        }
        if hook == Hook::Prerouting {
            return Err(FirewallError::elsewhere("a rule in PREROUTING"));
        }
        Ok(rules)
    }
}

impl Rule {
    /// What the program itself does not take.
    fn check(&self, hook: Hook, sized: bool) -> Result<(), FirewallError> {
        let about = self.matches.protocol.as_ref().map(|it| it.value);
        let missing = |module: &str, option: &str| {
            let text = format!("{module}: option \"{option}\" must be specified");
            Err(FirewallError::Option(text))
        };
        for test in &self.matches.matches {
            match test {
                Match::Multiport(None) => return said("multiport expection an option"),
                Match::Length(None) => return missing("length", "--length"),
                Match::Comment(None) => return missing("comment", "--comment"),
                Match::Icmp(None) => return missing("icmp", "--icmp-type"),
                Match::State(None) => return missing("state", "--state"),
                Match::Conntrack(None) => return Err(FirewallError::StateMissing("conntrack")),
                Match::Segment(segment) if !segment.is_empty() => match segment.protocol {
                    protocol::UDP if about != Some(protocol::UDP) => {
                        return said("UDP match requires '-p udp'");
                    }
                    protocol::TCP if about != Some(protocol::TCP) => {
                        return said("TCP match requires '-p tcp'");
                    }
                    _ => {}
                },
                _ => {}
            }
        }
        if matches!(self.target, Target::Mss(_)) && !sized {
            return said("TCPMSS target: At least one parameter is required");
        }
        // What comes in has no way out yet, and the other way round.
        let option = match hook {
            Hook::Input | Hook::Prerouting if self.matches.output.is_some() => "-o",
            Hook::Output | Hook::Postrouting if self.matches.input.is_some() => "-i",
            _ => return Ok(()),
        };
        let chain = hook.name();
        Err(FirewallError::Device { option, chain })
    }

    /// What the kernel does not take (`EINVAL`).
    fn is_invalid(&self, table: Table, hook: Hook) -> bool {
        let is_about = |number: u8| {
            let about = self.matches.protocol.as_ref();
            about.is_some_and(|it| it.value == number && !it.inverted)
        };
        let clamps = matches!(hook, Hook::Forward | Hook::Output | Hook::Postrouting);
        let target = match &self.target {
            Target::Reject(_) if table == Table::Mangle => true,
            Target::Reject(RejectWith::TcpReset) => !is_about(protocol::TCP),
            Target::Mss(size) => !is_about(protocol::TCP) || (size.is_none() && !clamps),
            _ => false,
        };
        let ends = [&self.matches.source, &self.matches.destination];
        let never = |it: &Not<IpNet>| it.inverted && it.value.prefix_len() == 0;
        let astray = |it: &Match| match it {
            Match::Segment(segment) => segment.is_empty() && !is_about(segment.protocol),
            Match::Icmp(_) => !is_about(protocol::ICMP),
            _ => false,
        };
        target || ends.into_iter().flatten().any(never) || self.matches.matches.iter().any(astray)
    }
}

impl Segment {
    const fn is_empty(&self) -> bool {
        self.source.is_none() && self.destination.is_none() && self.flags.is_none()
    }
}

impl Side {
    /// The option of `-m multiport`.
    const fn option(self) -> &'static str {
        match self {
            Self::Source => "--source-ports",
            Self::Destination => "--destination-ports",
            Self::Either => "--ports",
        }
    }
}

/// Everybody's address is no condition.
fn networks(
    typed: Option<&Not<String>>,
    family: &Family<'_>,
) -> Result<Vec<Option<Not<IpNet>>>, FirewallError> {
    let Some(Not { inverted, value }) = typed else {
        return Ok(vec![None]);
    };
    let found = family.networks(value)?;
    if *inverted && found.len() > 1 {
        return said("! not allowed with multiple source or destination IP addresses");
    }
    let condition = |net: IpNet| {
        let says = *inverted || net.prefix_len() > 0;
        says.then_some(not(*inverted, net))
    };
    Ok(found.into_iter().map(condition).collect())
}

/// `+` is every interface, and no condition.
fn interface(inverted: bool, name: String) -> Result<Option<Not<String>>, FirewallError> {
    if name.is_empty() {
        return said("Empty interface is likely to be undesired");
    }
    if name.len() > NAME_MAX {
        let text = "must be shorter than IFNAMSIZ (15)";
        return said(&format!("interface name `{name}' {text}"));
    }
    let says = inverted || name != "+";
    Ok(says.then_some(not(inverted, name)))
}

/// `multiport` knows protocols with ports alone.
fn check_multiport(about: Option<&Not<u8>>) -> Result<(), FirewallError> {
    match about {
        None => said("multiport needs `-p tcp', `-p udp', `-p udplite', `-p sctp' or `-p dccp'"),
        Some(about) if about.inverted => {
            said("multiport only works with TCP, UDP, UDPLITE, SCTP and DCCP")
        }
        Some(about) => match about.value {
            protocol::TCP | protocol::UDP => Ok(()),
            33 | 132 | 136 => Err(FirewallError::elsewhere("ports of DCCP, SCTP, UDPLITE")),
            _ => said("multiport only works with TCP, UDP, UDPLITE, SCTP and DCCP"),
        },
    }
}

fn exclusive(one: Side, other: Side) -> Result<bool, FirewallError> {
    let (first, second) = match (one, other) {
        (Side::Source, _) | (_, Side::Source) => {
            let other = if one == Side::Source { other } else { one };
            (Side::Source, other)
        }
        _ => (Side::Destination, Side::Either),
    };
    let (first, second) = (first.option(), second.option());
    let text = format!("multiport: option \"{first}\" cannot be used together with \"{second}\".");
    Err(FirewallError::Option(text))
}

impl Log {
    /// An option of the target; false if it is none.
    fn read(&mut self, word: &str, words: &mut Words<'_>) -> Result<bool, FirewallError> {
        match word {
            "--log-prefix" => {
                let mut prefix = words.value(word)?;
                let end = prefix.char_indices().nth(Self::PREFIX_MAX);
                prefix.truncate(end.map_or(prefix.len(), |(at, _)| at));
                self.prefix = Some(prefix);
            }
            "--log-level" => self.level = log_level(&words.value(word)?)?,
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
