//! `iptables` and `sysctl`.

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

impl Host {
    pub(super) fn run_iptables(&mut self, arguments: &[String]) -> Start {
        let refuse =
            |error: firewall::FirewallError| Refusal::usage(format!("iptables: {error}\n"));
        let command = firewall::parse(arguments).map_err(refuse)?;
        self.stack
            .firewall
            .apply(command)
            .map_err(|error| Refusal {
                text: format!("iptables: {error}\n"),
                status: 1,
            })
            .and_then(printed)
    }

    pub(super) fn run_sysctl(&mut self, arguments: &[String]) -> Start {
        let mut text = String::new();
        let mut asked = false;
        for word in arguments {
            if matches!(word.as_str(), "-w" | "-n" | "-q") {
                continue;
            }
            asked = true;
            let all = word == "-a";
            let (name, value) = match word.split_once('=') {
                Some((name, value)) => (name.trim(), Some(value.trim())),
                None => (word.as_str(), None),
            };
            let name = name.replace('/', ".");
            let known = SETTINGS
                .iter()
                .filter(|setting| all || setting.name == name);
            let known: Vec<_> = known.collect();
            if known.is_empty() {
                return Err(unknown(&name));
            }
            for setting in known {
                if let Some(value) = value {
                    (setting.set)(self, value)?;
                }
                text += &format!("{} = {}\n", setting.name, (setting.get)(self));
            }
        }
        if asked {
            printed(text)
        } else {
            Err(Refusal::usage("usage: sysctl [-w] NAME[=VALUE] | -a\n"))
        }
    }
}

fn unknown(name: &str) -> Refusal {
    let names: Vec<_> = SETTINGS.iter().map(|setting| setting.name).collect();
    Refusal {
        text: format!(
            "sysctl: cannot stat /proc/sys/{}: No such file or directory (known here: {})\n",
            name.replace('.', "/"),
            names.join(", ")
        ),
        status: 255,
    }
}
