//! `iptables` and `sysctl`.

use wirelab_model::SimDuration;

use super::options::{self, Syntax, Word};
use super::{Printer, Refusal, Start, Started};
use crate::host::Host;
use crate::host::{HostSettings, KernelProfile, firewall};

/// Reads and writes of one setting; without a write it cannot be changed here.
struct Setting {
    name: &'static str,
    get: fn(&Host) -> String,
    set: Option<fn(&mut Host, &str) -> Option<()>>,
}

/// The largest value of `tcp_rmem`, which decides the window scale that is offered.
const fn receive_buffer_max(kernel: KernelProfile) -> u32 {
    match kernel {
        KernelProfile::Linux618 => 33_554_432,
        KernelProfile::Linux61 => 6_291_456,
    }
}

fn flag(text: &str) -> Option<bool> {
    text.parse::<u8>().ok().map(|value| value != 0)
}

macro_rules! settings {
    ($($name:literal: $get:expr $(, $set:expr)?;)*) => {
        &[$(Setting { name: $name, get: $get, set: settings!(@ $($set)?) }),*]
    };
    (@) => { None };
    (@ $set:expr) => { Some($set) };
}

/// In the order of their names, as `sysctl -a` lists them.
const SETTINGS: &[Setting] = settings! {
    "net.core.somaxconn": |_| "4096".to_owned();
    "net.ipv4.conf.all.rp_filter": |_| "0".to_owned();
    "net.ipv4.icmp_echo_ignore_all":
        |host| u8::from(host.stack.echo_ignore).to_string(),
        |host, text| {
            let value: u8 = text.parse().ok().filter(|it| *it <= 1)?;
            host.stack.echo_ignore = value == 1;
            Some(())
        };
    "net.ipv4.icmp_ratelimit":
        |host| host.stack.rate_limit.interval.as_millis().to_string(),
        |host, text| {
            let interval = SimDuration::from_millis(text.parse().ok()?);
            host.stack.rate_limit.interval = interval;
            Some(())
        };
    "net.ipv4.ip_forward":
        |host| u8::from(host.stack.forwarding).to_string(),
        |host, text| flag(text).map(|value| host.stack.forwarding = value);
    "net.ipv4.ip_local_port_range":
        |host| {
            let (low, high) = host.stack.port_range;
            format!("{low}\t{high}")
        },
        |host, text| {
            let mut ends = text.split_whitespace();
            let low: u16 = ends.next()?.parse().ok()?;
            let high: u16 = ends.next()?.parse().ok()?;
            HostSettings::takes_port_range(low, high).then(|| host.stack.port_range = (low, high))
        };
    "net.ipv4.ip_no_pmtu_disc":
        |host| u8::from(!host.stack.tcp.dont_fragment).to_string(),
        |host, text| flag(text).map(|value| host.stack.tcp.dont_fragment = !value);
    "net.ipv4.tcp_available_congestion_control": |_| "reno cubic".to_owned();
    "net.ipv4.tcp_congestion_control": |_| "cubic".to_owned();
    "net.ipv4.tcp_fin_timeout":
        |host| host.stack.tcp.fin_timeout.as_secs().to_string(),
        |host, text| {
            host.stack.tcp.fin_timeout = SimDuration::from_secs(text.parse().ok()?);
            Some(())
        };
    "net.ipv4.tcp_keepalive_intvl":
        |host| host.spec.settings.tcp_keepalive_interval.as_secs().to_string(),
        |host, text| {
            let interval = SimDuration::from_secs(text.parse::<u32>().ok()?.into());
            host.spec.settings.tcp_keepalive_interval = interval;
            host.change_keepalive();
            Some(())
        };
    "net.ipv4.tcp_keepalive_probes":
        |host| host.spec.settings.tcp_keepalive_probes.to_string(),
        |host, text| {
            host.spec.settings.tcp_keepalive_probes = text.parse().ok()?;
            host.change_keepalive();
            Some(())
        };
    "net.ipv4.tcp_keepalive_time":
        |host| host.spec.settings.tcp_keepalive_time.as_secs().to_string(),
        |host, text| {
            let time = SimDuration::from_secs(text.parse::<u32>().ok()?.into());
            host.spec.settings.tcp_keepalive_time = time;
            host.change_keepalive();
            Some(())
        };
    "net.ipv4.tcp_mtu_probing":
        |host| host.stack.tcp.mtu_probing.to_string(),
        |host, text| {
            // No bound but an octet's; more than 1 is as 2 (`tcp_mtup_init`).
            host.stack.tcp.mtu_probing = text.parse().ok()?;
            Some(())
        };
    "net.ipv4.tcp_retries2":
        |host| host.stack.tcp.retries2.to_string(),
        |host, text| text.parse().ok().map(|value| host.stack.tcp.retries2 = value);
    "net.ipv4.tcp_rmem":
        |host| format!("4096\t131072\t{}", receive_buffer_max(host.spec.kernel));
    "net.ipv4.tcp_sack":
        |host| u8::from(host.stack.tcp.sack).to_string(),
        |host, text| flag(text).map(|value| host.stack.tcp.sack = value);
    "net.ipv4.tcp_syn_retries":
        |host| host.stack.tcp.syn_retries.to_string(),
        |host, text| {
            // `tcp_syn_retries_min` and `_max` of `sysctl_net_ipv4.c`.
            let value = text.parse().ok().filter(|it| (1..=127).contains(it))?;
            host.stack.tcp.syn_retries = value;
            Some(())
        };
    "net.ipv4.tcp_synack_retries":
        |host| host.stack.tcp.synack_retries.to_string(),
        |host, text| text.parse().ok().map(|value| host.stack.tcp.synack_retries = value);
    "net.ipv4.tcp_timestamps":
        |host| u8::from(host.stack.tcp.timestamps).to_string(),
        |host, text| flag(text).map(|value| host.stack.tcp.timestamps = value);
    "net.ipv4.tcp_window_scaling":
        |host| u8::from(host.stack.tcp.window_scaling).to_string(),
        |host, text| flag(text).map(|value| host.stack.tcp.window_scaling = value);
    "net.ipv4.tcp_wmem": |_| "4096\t16384\t4194304".to_owned();
};

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
    status: 1,
    style: options::Style::Getopt,
};

/// The options of `sysctl`.
#[derive(Clone, Copy, Default)]
struct Look {
    bare: bool,
    quiet: bool,
    write: bool,
}

impl Host {
    pub(super) fn run_iptables(&mut self, arguments: &[String]) -> Start {
        let names = &self.names;
        let name_of = |address| names.name_of(address).map(str::to_owned);
        let command = firewall::parse(arguments);
        let done = command.and_then(|it| self.stack.firewall.apply(it, &name_of));
        let refused = |it: firewall::FirewallError| Refusal::with_status(it.status(), it.printed());
        done.map_err(refused).and_then(super::printed)
    }

    pub(super) fn run_sysctl(&mut self, arguments: &[String]) -> Start {
        let mut look = Look::default();
        let (mut names, mut all) = (Vec::new(), false);
        for word in SYSCTL.read(arguments)? {
            match word {
                Word::Flag('a') => all = true,
                Word::Flag('n') => look.bare = true,
                Word::Flag('q') => look.quiet = true,
                Word::Flag(_) => look.write = true,
                Word::Value(..) => {}
                Word::Operand(name) => names.push(name),
            }
        }
        if names.is_empty() && !all {
            return Err(Refusal::usage(SYSCTL.usage));
        }
        let mut printer = Printer::default();
        for setting in SETTINGS.iter().filter(|_| all) {
            printer.out(self.show_setting(setting, look));
        }
        let mut status = 0;
        for word in &names {
            if let Err(complaint) = self.one_setting(word, look, &mut printer) {
                printer.err(complaint);
                status = 1;
            }
        }
        Ok(Started::Over(printer, status))
    }

    fn show_setting(&self, setting: &Setting, look: Look) -> String {
        match look.bare {
            true => format!("{}\n", (setting.get)(self)),
            false => format!("{} = {}\n", setting.name, (setting.get)(self)),
        }
    }

    /// Reads or writes one; an error is what sysctl prints about it.
    fn one_setting(&mut self, word: &str, look: Look, printer: &mut Printer) -> Result<(), String> {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name.trim(), Some(value.trim())),
            None if look.write => {
                let text = "sysctl: command line(0): invalid syntax, continuing...\n";
                return Err(text.to_owned());
            }
            None => (word, None),
        };
        let name = name.replace('/', ".");
        let known = SETTINGS.iter().find(|setting| setting.name == name);
        let setting = known.ok_or_else(|| unknown(&name))?;
        if let Some(value) = value {
            let set = setting.set.ok_or_else(|| {
                format!("sysctl: {name}: machines here keep the value they have\n")
            })?;
            set(self, value)
                .ok_or_else(|| format!("sysctl: setting key \"{name}\": Invalid argument\n"))?;
        }
        match value {
            None => printer.out(self.show_setting(setting, look)),
            Some(_) if look.quiet => {}
            // What was typed is said, not what the kernel made of it.
            Some(value) if look.bare => printer.out(format!("{value}\n")),
            Some(value) => printer.out(format!("{} = {value}\n", setting.name)),
        }
        Ok(())
    }
}

fn unknown(name: &str) -> String {
    let names: Vec<_> = SETTINGS.iter().map(|setting| setting.name).collect();
    format!(
        "sysctl: cannot stat /proc/sys/{}: No such file or directory\n(known here: {})\n",
        name.replace('.', "/"),
        names.join(", ")
    )
}
