//! What an undo makes of an entry: a step of its own, part of one, or nothing.

use serde::{Deserialize, Serialize};
use wirelab_model::{Reply, SimTime, without_sudo};

use crate::run::ExecResult;

/// What an undo makes of an entry of the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weight {
    /// It changed the network, or let time pass on purpose: one undo takes it back.
    #[default]
    Step,
    /// It changed nothing and took no time, as a refused call: an undo passes over it.
    Idle,
    /// It changed nothing and took time, as a ping: an undo passes over it, and takes it back only
    /// if nothing else is left.
    Passing,
    /// Time that passed by itself, as until the call before it had settled: it is taken back with
    /// what is before it.
    Settling,
}

impl Weight {
    /// Whether an undo takes it back by itself.
    #[must_use]
    pub const fn is_step(&self) -> bool {
        matches!(self, Self::Step)
    }

    const fn idle_if(idle: bool) -> Self {
        if idle { Self::Idle } else { Self::Step }
    }

    /// A refused call, a dry run included, changes nothing.
    pub(crate) const fn of_call(reply: &Reply) -> Self {
        Self::idle_if(reply.is_err())
    }

    /// A command that configures is a step; what only shows or asks is none.
    pub(crate) fn of_command(argv: &[String], at: SimTime, result: &ExecResult) -> Self {
        if result.changes || may_configure(argv, result.status) {
            Self::Step
        } else if result.ended_at > at {
            Self::Passing
        } else {
            Self::Idle
        }
    }

    /// Time that stands still changes nothing.
    pub(crate) fn of_advance(at: SimTime, until: SimTime) -> Self {
        Self::idle_if(until <= at)
    }
}

/// Whether a command that ended with `status` may have changed settings of its machine.
pub(crate) fn may_configure(argv: &[String], status: i32) -> bool {
    let Some((program, arguments)) = without_sudo(argv).split_first() else {
        return false;
    };
    match program.rsplit('/').next().unwrap_or(program) {
        // Of several assignments the first ones may have been made before one fails.
        "sysctl" => arguments.iter().any(|it| it.contains('=')),
        "ip" => status == 0 && ip_configures(arguments),
        "serve" | "python" | "python3" => status == 0,
        "iptables" => status == 0 && !arguments.iter().any(|it| lists(it)),
        _ => false,
    }
}

const IP_VERBS: [&str; 7] = [
    "add", "append", "change", "delete", "flush", "replace", "set",
];

/// Verbs are typed as short as they may be; `s` is `set` of a link, and `show` of all else.
fn ip_configures(arguments: &[String]) -> bool {
    let mut words = arguments.iter().filter(|it| !it.starts_with('-'));
    let (Some(object), Some(verb)) = (words.next(), words.next()) else {
        return false;
    };
    let sets = object.starts_with('l') || !"show".starts_with(verb.as_str());
    sets && IP_VERBS.iter().any(|it| it.starts_with(verb.as_str()))
}

/// Whether an option of `iptables` says that it only shows or asks.
fn lists(option: &str) -> bool {
    if matches!(option, "--list" | "--list-rules" | "--check" | "--version") {
        return true;
    }
    let letters = option.strip_prefix('-').unwrap_or_default();
    letters.chars().all(|it| "nvx4LSCV".contains(it)) && letters.contains(['L', 'S', 'C', 'V'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_that_show_or_fail_are_idle_and_those_that_configure_are_steps() {
        let at = SimTime::from_secs(60);
        let weight = |line: &str, status, ended_at| {
            let argv: Vec<String> = line.split(' ').map(str::to_owned).collect();
            let result = ExecResult {
                status,
                ended_at,
                ..ExecResult::default()
            };
            Weight::of_command(&argv, at, &result)
        };
        for line in [
            "ip route",
            "ip -4 addr show",
            "iptables -nvL",
            "sudo iptables -vS INPUT 1",
            "sudo -u root -- ip route",
            "iptables -w 5 -L INPUT",
            "ip a s",
            "ip rou",
            "sysctl net.ipv4.tcp_sack",
        ] {
            assert_eq!(weight(line, 0, at), Weight::Idle, "{line}");
        }
        for line in [
            "ip route del 10.0.0.0/8",
            "nosuch",
            "ping",
            "iptables -A NOWHERE",
        ] {
            assert_eq!(weight(line, 2, at), Weight::Idle, "{line}");
        }
        for line in [
            "ip link set dev ens5 mtu 1500",
            "iptables -F",
            "sudo -n iptables -A INPUT -j DROP",
            "/usr/bin/sudo -nu root A=1 ip link set ens5 down",
            "ip l s ens5 mtu 1400",
            "ip ro d 10.0.0.0/8",
            "sysctl -w a=1",
        ] {
            assert_eq!(weight(line, 0, at), Weight::Step, "{line}");
        }
        assert_eq!(weight("sysctl -w a=1 b=x", 2, at), Weight::Step);
        let later = SimTime::from_secs(61);
        assert_eq!(weight("ping -c 2 10.0.0.1", 1, later), Weight::Passing);
    }
}
