//! The part of iptables that decides what is seen on the wire: table `filter`, and TCPMSS in
//! table `mangle`.

mod draft;
mod errors;
mod list;
mod matching;
mod parse;
mod save;
pub(super) mod track;
mod values;

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use wirelab_model::SimTime;
use wirelab_wire::{IpPacket, TcpFlags, Unreachable};

use super::stops::Distinctions;
pub(crate) use errors::FirewallError;
pub(crate) use matching::{Match, Matches, Not};
use parse::Place;
pub(crate) use parse::{Command, parse};
pub(crate) use track::CtState;
use track::Tracker;
pub(crate) use values::Family;

/// The name of an address, if it has one.
pub(crate) type NameOf<'a> = &'a dyn Fn(IpAddr) -> Option<String>;

/// A built-in chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Hook {
    /// Of `mangle` alone; it has no rules here.
    Prerouting,
    Input,
    Forward,
    Output,
    /// Of `mangle` alone: whatever leaves, after the other chains.
    Postrouting,
}

impl Table {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Filter => "filter",
            Self::Mangle => "mangle",
        }
    }

    /// Its chains, as they are listed.
    pub(crate) const fn hooks(self) -> &'static [Hook] {
        match self {
            Self::Filter => &[Hook::Input, Hook::Forward, Hook::Output],
            Self::Mangle => &[
                Hook::Prerouting,
                Hook::Input,
                Hook::Forward,
                Hook::Output,
                Hook::Postrouting,
            ],
        }
    }
}

impl Hook {
    /// Whether a packet passes chains with this name where it passes those of another.
    const fn is_passed_with(self, other: Self) -> bool {
        match self {
            Self::Prerouting => matches!(other, Self::Prerouting | Self::Input | Self::Forward),
            Self::Input => matches!(other, Self::Input),
            Self::Forward => matches!(other, Self::Forward),
            Self::Output => matches!(other, Self::Output),
            Self::Postrouting => {
                matches!(other, Self::Forward | Self::Output | Self::Postrouting)
            }
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Prerouting => "PREROUTING",
            Self::Input => "INPUT",
            Self::Forward => "FORWARD",
            Self::Output => "OUTPUT",
            Self::Postrouting => "POSTROUTING",
        }
    }
}

/// A table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Table {
    Filter,
    Mangle,
}

/// What happens to a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Accept,
    Drop { rule: String },
    Reject { rule: String, with: RejectWith },
}

/// `--reject-with`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum RejectWith {
    Icmp(Unreachable),
    TcpReset,
}

/// Where a matching packet goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Target {
    Accept,
    Drop,
    Reject(RejectWith),
    /// TCPMSS; none for `--clamp-mss-to-pmtu`.
    Mss(Option<u16>),
    /// LOG: on to the next rule.
    Log(Log),
    /// None: the rule only counts.
    Nothing,
}

/// LOG. What it would write to the kernel's log is written nowhere: machines have no `dmesg`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Log {
    /// `--log-prefix`.
    pub(crate) prefix: Option<String>,
    /// Syslog's.
    pub(crate) level: u8,
    /// `XT_LOG_*`.
    pub(crate) flags: u8,
}

impl Log {
    /// `warning`.
    pub(crate) const LEVEL: u8 = 4;
    /// Letters of a prefix.
    const PREFIX_MAX: usize = 29;
    /// Options, what `-L` calls them, bits.
    const FLAGS: [(&'static str, &'static str, u8); 5] = [
        ("--log-tcp-sequence", "tcp-sequence", 0x01),
        ("--log-tcp-options", "tcp-options", 0x02),
        ("--log-ip-options", "ip-options", 0x04),
        ("--log-uid", "uid", 0x08),
        ("--log-macdecode", "macdecode", 0x20),
    ];
}

impl Default for Log {
    fn default() -> Self {
        Self {
            prefix: None,
            level: Self::LEVEL,
            flags: 0,
        }
    }
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rule {
    pub(crate) matches: Matches,
    pub(crate) target: Target,
    pub(crate) packets: u64,
    pub(crate) octets: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Chain {
    table: Table,
    hook: Hook,
    accepts: bool,
    rules: Vec<Rule>,
    /// What fell to the policy. The kernel's tables count it only once the policy was set by hand
    /// (`iptables-nft` makes its chains without counters).
    counts: bool,
    packets: u64,
    octets: u64,
}

/// Every chain of a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Firewall {
    chains: Vec<Chain>,
    /// No rule and no policy that could matter.
    idle: bool,
    /// Of connections: at work while a rule asks for states, as the kernel's is.
    pub(crate) tracker: Tracker,
    /// The rules of `ip6tables`, which are a firewall of their own.
    six: Option<Box<Self>>,
}

impl Default for Firewall {
    fn default() -> Self {
        let chains = [Table::Mangle, Table::Filter]
            .into_iter()
            .flat_map(|table| {
                table.hooks().iter().map(move |hook| Chain {
                    table,
                    hook: *hook,
                    accepts: true,
                    rules: Vec::new(),
                    counts: false,
                    packets: 0,
                    octets: 0,
                })
            })
            .collect();
        Self {
            chains,
            idle: true,
            tracker: Tracker::default(),
            six: None,
        }
    }
}

impl Firewall {
    /// Adds a line of a machine's description: arguments of `iptables`, or of the program that is
    /// named first, which may be `ip6tables`.
    pub(crate) fn describe(&mut self, line: &str) -> Result<(), FirewallError> {
        let words: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
        let is_ipv6 = words.first().is_some_and(|it| it == "ip6tables");
        let (firewall, arguments) = match words.first().map(String::as_str) {
            Some("ip6tables") => (&mut **self.six.get_or_insert_default(), &words[1..]),
            Some("iptables") => (self, &words[1..]),
            _ => (self, &words[..]),
        };
        let family = Family {
            is_ipv6,
            addresses_of: &|_| Vec::new(),
        };
        firewall.apply(parse(arguments, &family)?, &|_| None)?;
        Ok(())
    }

    /// The same rules, to which no connection is known.
    pub(crate) fn afresh(&self) -> Self {
        Self {
            tracker: self.tracker.afresh(),
            six: self.six.as_ref().map(|six| Box::new(six.afresh())),
            ..self.clone()
        }
    }

    /// Adds what its rules look at.
    pub(crate) fn add_distinctions(&self, found: &mut Distinctions) {
        let rules = self.chains.iter().flat_map(|chain| &chain.rules);
        rules.for_each(|rule| rule.matches.add_distinctions(found));
        if let Some(six) = &self.six {
            six.add_distinctions(found);
        }
    }

    /// Runs a packet through the chains of `hook`, `mangle` first. `names` are the interfaces it
    /// came from and goes to; `mtu` that of its way out, for clamping.
    pub(crate) fn filter(
        &mut self,
        hook: Hook,
        packet: &mut IpPacket,
        names: (&str, &str),
        mtu: Option<u16>,
        now: SimTime,
    ) -> Verdict {
        if !packet.header.source.is_ipv6() {
            return self.run(hook, packet, names, mtu, now);
        }
        match &mut self.six {
            Some(six) => six.run(hook, packet, names, mtu, now),
            None => Verdict::Accept,
        }
    }

    fn run(
        &mut self,
        hook: Hook,
        packet: &mut IpPacket,
        names: (&str, &str),
        mtu: Option<u16>,
        now: SimTime,
    ) -> Verdict {
        if self.idle {
            let passed = |chain: &&mut Chain| chain.hook.is_passed_with(hook);
            for chain in self.chains.iter_mut().filter(passed) {
                chain.count(packet.total_len());
            }
            return Verdict::Accept;
        }
        let state = self.tracker.classify(packet, now);
        // `mangle` comes first, but for POSTROUTING.
        for last in [false, true] {
            let passed = |chain: &&mut Chain| {
                chain.hook.is_passed_with(hook) && (chain.hook == Hook::Postrouting) == last
            };
            for chain in self.chains.iter_mut().filter(passed) {
                let names = if last { ("", names.1) } else { names };
                let verdict = chain.run(packet, names, mtu, state);
                if verdict != Verdict::Accept {
                    return verdict;
                }
            }
        }
        self.tracker.confirm(packet, state, now);
        Verdict::Accept
    }

    /// Carries out a parsed command; returns what it prints. `name_of` knows the names of
    /// addresses, for lists without `-n`.
    ///
    /// # Errors
    /// A rule to be deleted does not exist.
    pub(crate) fn apply(
        &mut self,
        command: Command,
        name_of: NameOf<'_>,
    ) -> Result<String, FirewallError> {
        let printed = self.apply_one(command, name_of)?;
        self.idle = self
            .chains
            .iter()
            .all(|chain| chain.accepts && chain.rules.is_empty());
        let rules = self.chains.iter().flat_map(|chain| &chain.rules);
        let asks = rules.filter(|rule| rule.matches.asks_states()).count() > 0;
        self.tracker.set_active(asks);
        Ok(printed)
    }

    fn chain_mut(&mut self, table: Table, hook: Hook) -> &mut Chain {
        self.chains
            .iter_mut()
            .find(|chain| chain.table == table && chain.hook == hook)
            .expect("every table has every chain")
    }

    fn apply_one(
        &mut self,
        command: Command,
        name_of: NameOf<'_>,
    ) -> Result<String, FirewallError> {
        match command {
            Command::List { table, place, look } => Ok(self.list(table, place, look, name_of)),
            Command::Save {
                table,
                place,
                counters,
            } => Ok(self.save(table, place, counters)),
            Command::Version => Ok("iptables v1.8.9 (nf_tables)\n".to_owned()),
            change => self.change(change).map(|()| String::new()),
        }
    }

    fn change(&mut self, command: Command) -> Result<(), FirewallError> {
        match command {
            Command::Insert {
                table,
                hook,
                at,
                rules: new,
            } => {
                let rules = &mut self.chain_mut(table, hook).rules;
                if at.is_some_and(|at| at > rules.len() + 1) {
                    return Err(FirewallError::IndexTooBig("insertion"));
                }
                for rule in new {
                    rules.insert(at.map_or(rules.len(), |at| at - 1), rule);
                }
            }
            Command::Delete {
                table,
                hook,
                rules: old,
            } => {
                let rules = &mut self.chain_mut(table, hook).rules;
                for rule in old {
                    rules.remove(position(rules, &rule)?);
                }
            }
            Command::Replace {
                table,
                hook,
                at,
                rule,
            } => {
                let rules = &mut self.chain_mut(table, hook).rules;
                let old = at.checked_sub(1).and_then(|at| rules.get_mut(at));
                *old.ok_or(FirewallError::IndexTooBig("replacement"))? = rule;
            }
            Command::Check { table, hook, rules } => {
                for rule in rules {
                    position(&self.chain_mut(table, hook).rules, &rule)?;
                }
            }
            Command::Zero {
                table,
                place: (hook, at),
            } => {
                let chains = self.selected_mut(table, hook);
                chains.for_each(|chain| chain.zero(at));
            }
            Command::DeleteAt { table, hook, at } => {
                let rules = &mut self.chain_mut(table, hook).rules;
                let at = Some(at).filter(|at| (1..=rules.len()).contains(at));
                rules.remove(at.ok_or(FirewallError::IndexTooBig("deletion"))? - 1);
            }
            Command::Flush { table, hook } => {
                let chains = self.selected_mut(table, hook);
                chains.for_each(|chain| chain.rules.clear());
            }
            Command::Policy {
                table,
                hook,
                accepts,
            } => {
                let chain = self.chain_mut(table, hook);
                (chain.accepts, chain.counts) = (accepts, true);
            }
            Command::List { .. } | Command::Save { .. } | Command::Version | Command::Nothing => {}
        }
        Ok(())
    }

    fn selected_mut(
        &mut self,
        table: Table,
        hook: Option<Hook>,
    ) -> impl Iterator<Item = &mut Chain> {
        let wanted = move |chain: &&mut Chain| {
            chain.table == table && hook.is_none_or(|hook| hook == chain.hook)
        };
        self.chains.iter_mut().filter(wanted)
    }

    fn selected(&self, table: Table, hook: Option<Hook>) -> impl Iterator<Item = &Chain> {
        self.chains
            .iter()
            .filter(move |chain| chain.table == table && hook.is_none_or(|hook| hook == chain.hook))
    }

    /// `iptables -S`.
    fn save(&self, table: Table, (hook, at): Place, counters: bool) -> String {
        let line = |chain: &Chain, rule: &Rule| {
            let rule = Saved { rule, counters };
            format!("-A {}{rule}\n", chain.hook.name())
        };
        if let Some(at) = at {
            let chain = self.selected(table, hook).next();
            let found = chain.and_then(|chain| Some(line(chain, chain.rules.get(at - 1)?)));
            return found.unwrap_or_default();
        }
        let mut text = String::new();
        for chain in self.selected(table, hook) {
            let policy = if chain.accepts { "ACCEPT" } else { "DROP" };
            text += &format!("-P {} {policy}", chain.hook.name());
            if counters {
                text += &format!(" -c {} {}", chain.packets, chain.octets);
            }
            text.push('\n');
        }
        for chain in self.selected(table, hook) {
            let lines = chain.rules.iter().map(|rule| line(chain, rule));
            text.extend(lines);
        }
        text
    }
}

/// Where a rule stands.
fn position(rules: &[Rule], rule: &Rule) -> Result<usize, FirewallError> {
    let same = |old: &Rule| old.matches == rule.matches && old.target == rule.target;
    rules.iter().position(same).ok_or(FirewallError::NoSuchRule)
}

impl Chain {
    /// The counters of a rule, or all of them.
    fn zero(&mut self, at: Option<usize>) {
        if at.is_none() {
            (self.packets, self.octets) = (0, 0);
        }
        for (number, rule) in self.rules.iter_mut().enumerate() {
            if at.is_none_or(|at| at == number + 1) {
                (rule.packets, rule.octets) = (0, 0);
            }
        }
    }

    /// A packet falls to the policy.
    fn count(&mut self, len: usize) {
        if self.counts {
            self.packets += 1;
            self.octets += len as u64;
        }
    }

    fn run(
        &mut self,
        packet: &mut IpPacket,
        names: (&str, &str),
        mtu: Option<u16>,
        state: CtState,
    ) -> Verdict {
        let hook = self.hook;
        for rule in &mut self.rules {
            if !rule.matches.hold(packet, names, state) {
                continue;
            }
            rule.packets += 1;
            rule.octets += packet.total_len() as u64;
            let text = |rule: &Rule| format!("-A {}{rule}", hook.name());
            match &rule.target {
                Target::Accept => return Verdict::Accept,
                Target::Drop => return Verdict::Drop { rule: text(rule) },
                Target::Reject(with) => {
                    return Verdict::Reject {
                        rule: text(rule),
                        with: *with,
                    };
                }
                Target::Mss(size) => clamp(packet, *size, mtu),
                Target::Log(_) | Target::Nothing => {}
            }
        }
        self.count(packet.total_len());
        if self.accepts {
            Verdict::Accept
        } else {
            let rule = format!("-P {} DROP", hook.name());
            Verdict::Drop { rule }
        }
    }
}

/// TCPMSS rewrites SYN and SYN-ACK only, and never raises the value.
fn clamp(packet: &mut IpPacket, size: Option<u16>, mtu: Option<u16>) {
    let limit = size.or_else(|| mtu.map(|mtu| mtu.saturating_sub(40)));
    if let (Some(segment), Some(limit)) = (packet.as_tcp_mut(), limit)
        && segment.flags.contains(TcpFlags::SYN)
    {
        segment.clamp_maximum_segment_size(limit);
    }
}

/// As `iptables -S` prints what follows the chain, with a leading blank.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        save::print(self, false, f)
    }
}

/// A rule as `iptables -S` and `-vS` print it.
struct Saved<'a> {
    rule: &'a Rule,
    counters: bool,
}

impl fmt::Display for Saved<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        save::print(self.rule, self.counters, f)
    }
}
