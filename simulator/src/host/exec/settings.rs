//! `iptables` and `sysctl`.

use super::options::{Syntax, Word};
use super::{Refusal, Start, number, printed};
use crate::host::Host;
use crate::host::firewall;

/// Reads and writes of one setting.
struct Setting {
    name: &'static str,
    get: fn(&Host) -> String,
    set: fn(&mut Host, &str) -> Result<(), Refusal>,
}

fn flag(text: &str) -> Result<bool, Refusal> {
    number::<u8>(text, "the setting").map(|value| value != 0)
}

const SETTINGS: [Setting; 9] = [
    Setting {
        name: "net.ipv4.icmp_echo_ignore_all",
        get: |host| u8::from(host.stack.echo_ignore).to_string(),
        set: |host, text| flag(text).map(|value| host.stack.echo_ignore = value),
    },
    Setting {
        name: "net.ipv4.ip_forward",
        get: |host| u8::from(host.stack.forwarding).to_string(),
        set: |host, text| flag(text).map(|value| host.stack.forwarding = value),
    },
    Setting {
        name: "net.ipv4.ip_local_port_range",
        get: |host| {
            let (low, high) = host.stack.port_range;
            format!("{low}\t{high}")
        },
        set: |host, text| {
            let mut ends = text.split_whitespace();
            let low: u16 = number(ends.next().unwrap_or(""), "the setting")?;
            let high: u16 = number(ends.next().unwrap_or(""), "the setting")?;
            if low == 0 || low > high {
                return Err(Refusal::usage("sysctl: setting key: Invalid argument\n"));
            }
            host.stack.port_range = (low, high);
            Ok(())
        },
    },
    Setting {
        name: "net.ipv4.tcp_mtu_probing",
        get: |host| host.stack.tcp.mtu_probing.to_string(),
        set: |host, text| {
            number(text, "the setting").map(|value| host.stack.tcp.mtu_probing = value)
        },
    },
    Setting {
        name: "net.ipv4.tcp_retries2",
        get: |host| host.stack.tcp.retries2.to_string(),
        set: |host, text| number(text, "the setting").map(|value| host.stack.tcp.retries2 = value),
    },
    Setting {
        name: "net.ipv4.tcp_sack",
        get: |host| u8::from(host.stack.tcp.sack).to_string(),
        set: |host, text| flag(text).map(|value| host.stack.tcp.sack = value),
    },
    Setting {
        name: "net.ipv4.tcp_syn_retries",
        get: |host| host.stack.tcp.syn_retries.to_string(),
        set: |host, text| {
            number(text, "the setting").map(|value| host.stack.tcp.syn_retries = value)
        },
    },
    Setting {
        name: "net.ipv4.tcp_timestamps",
        get: |host| u8::from(host.stack.tcp.timestamps).to_string(),
        set: |host, text| flag(text).map(|value| host.stack.tcp.timestamps = value),
    },
    Setting {
        name: "net.ipv4.tcp_window_scaling",
        get: |host| u8::from(host.stack.tcp.window_scaling).to_string(),
        set: |host, text| flag(text).map(|value| host.stack.tcp.window_scaling = value),
    },
];

const SYSCTL: Syntax = Syntax {
    program: "sysctl",
    letters: "wnqa",
    long: &[
        ("write", 'w'),
        ("values", 'n'),
        ("quiet", 'q'),
        ("all", 'a'),
    ],
    usage: "usage: sysctl [-n] [-q] [-w] NAME[=VALUE] ... | -a\n",
};

impl Host {
    pub(super) fn run_iptables(&mut self, arguments: &[String]) -> Start {
        let refuse =
            |error: firewall::FirewallError| Refusal::usage(format!("iptables: {error}\n"));
        let command = firewall::parse(arguments).map_err(refuse)?;
        self.stack
            .firewall
            .apply(command)
            .map_err(|error| Refusal::with_status(1, format!("iptables: {error}\n")))
            .and_then(printed)
    }

    pub(super) fn run_sysctl(&mut self, arguments: &[String]) -> Start {
        let mut names = Vec::new();
        let (mut all, mut bare, mut quiet, mut write) = (false, false, false, false);
        for word in SYSCTL.read(arguments)? {
            match word {
                Word::Flag('a') => all = true,
                Word::Flag('n') => bare = true,
                Word::Flag('q') => quiet = true,
                Word::Flag(_) => write = true,
                Word::Value(..) => {}
                Word::Operand(name) => names.push(name),
            }
        }
        if names.is_empty() && !all {
            return Err(Refusal::usage(SYSCTL.usage));
        }
        let mut text = String::new();
        let show = |setting: &Setting, host: &Self| match bare {
            true => format!("{}\n", (setting.get)(host)),
            false => format!("{} = {}\n", setting.name, (setting.get)(host)),
        };
        for setting in SETTINGS.iter().filter(|_| all) {
            text += &show(setting, self);
        }
        for word in &names {
            let (name, value) = match word.split_once('=') {
                Some((name, value)) => (name.trim(), Some(value.trim())),
                None if write => {
                    let text = format!("sysctl: \"{word}\" must be of the form name=value\n");
                    return Err(Refusal::with_status(255, text));
                }
                None => (word.as_str(), None),
            };
            let name = name.replace('/', ".");
            let known = SETTINGS.iter().find(|setting| setting.name == name);
            let setting = known.ok_or_else(|| unknown(&name))?;
            if let Some(value) = value {
                (setting.set)(self, value)?;
            }
            if value.is_none() || !quiet {
                text += &show(setting, self);
            }
        }
        printed(text)
    }
}

fn unknown(name: &str) -> Refusal {
    let names: Vec<_> = SETTINGS.iter().map(|setting| setting.name).collect();
    Refusal::with_status(
        255,
        format!(
            "sysctl: cannot stat /proc/sys/{}: No such file or directory (known here: {})\n",
            name.replace('.', "/"),
            names.join(", ")
        ),
    )
}
