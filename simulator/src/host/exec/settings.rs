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

/// Settings of `net.ipv4` and of `net.core` that Linux has and machines here do not.
const OTHER_IPV4: &str = "fwmark_reflect icmp_echo_enable_probe icmp_echo_ignore_broadcasts \
    icmp_errors_use_inbound_ifaddr icmp_ignore_bogus_error_responses icmp_msgs_burst \
    icmp_msgs_per_sec icmp_ratemask igmp_link_local_mcast_reports igmp_max_memberships \
    igmp_max_msf igmp_qrv inet_peer_maxttl inet_peer_minttl inet_peer_threshold \
    ip_autobind_reuse ip_default_ttl ip_dynaddr ip_early_demux ip_forward_update_priority \
    ip_forward_use_pmtu ip_local_reserved_ports ip_nonlocal_bind ip_unprivileged_port_start \
    ipfrag_high_thresh ipfrag_low_thresh ipfrag_max_dist ipfrag_secret_interval ipfrag_time \
    nexthop_compat_mode ping_group_range raw_l3mdev_accept tcp_abort_on_overflow \
    tcp_adv_win_scale tcp_allowed_congestion_control tcp_app_win tcp_autocorking \
    tcp_available_ulp tcp_backlog_ack_defer tcp_base_mss tcp_challenge_ack_limit \
    tcp_child_ehash_entries tcp_comp_sack_delay_ns tcp_comp_sack_nr tcp_comp_sack_slack_ns \
    tcp_dsack tcp_early_demux tcp_early_retrans tcp_ecn tcp_ecn_fallback tcp_ecn_option \
    tcp_ecn_option_beacon tcp_ehash_entries tcp_fack tcp_fastopen \
    tcp_fastopen_blackhole_timeout_sec tcp_fastopen_key tcp_frto tcp_fwmark_accept \
    tcp_invalid_ratelimit tcp_l3mdev_accept tcp_limit_output_bytes tcp_low_latency \
    tcp_max_orphans tcp_max_reordering tcp_max_syn_backlog tcp_max_tw_buckets tcp_mem \
    tcp_migrate_req tcp_min_rtt_wlen tcp_min_snd_mss tcp_min_tso_segs tcp_moderate_rcvbuf \
    tcp_mtu_probe_floor tcp_no_metrics_save tcp_no_ssthresh_metrics_save tcp_notsent_lowat \
    tcp_orphan_retries tcp_pacing_ca_ratio tcp_pacing_ss_ratio tcp_pingpong_thresh \
    tcp_plb_cong_thresh tcp_plb_enabled tcp_plb_idle_rehash_rounds tcp_plb_rehash_rounds \
    tcp_plb_suspend_rto_sec tcp_probe_interval tcp_probe_threshold tcp_recovery \
    tcp_reflect_tos tcp_reordering tcp_retrans_collapse tcp_retries1 tcp_rfc1337 \
    tcp_rto_max_ms tcp_rto_min_us tcp_shrink_window tcp_slow_start_after_idle tcp_stdurg \
    tcp_syn_linear_timeouts tcp_syncookies tcp_thin_linear_timeouts tcp_tso_rtt_log \
    tcp_tso_win_divisor tcp_tw_reuse tcp_tw_reuse_delay tcp_workaround_signed_windows \
    udp_child_hash_entries udp_early_demux udp_hash_entries udp_l3mdev_accept udp_mem \
    udp_rmem_min udp_wmem_min";
const OTHER_CORE: &str = "busy_poll busy_read default_qdisc dev_weight dev_weight_rx_bias dev_weight_tx_bias \
    devconf_inherit_init_net fb_tunnels_only_for_init_net flow_limit_cpu_bitmap \
    flow_limit_table_len gro_normal_batch high_order_alloc_disable max_skb_frags mem_pcpu_rsv \
    message_burst message_cost netdev_budget netdev_budget_usecs netdev_max_backlog \
    netdev_rss_key netdev_tstamp_prequeue netdev_unregister_timeout_secs optmem_max \
    rmem_default rmem_max rps_default_mask rps_sock_flow_entries skb_defer_max \
    tstamp_allow_data txrehash warnings wmem_default wmem_max";

/// Whether a machine of one's own has a setting.
fn is_real(name: &str) -> bool {
    let among = |prefix: &str, names: &str| {
        let name = name.strip_prefix(prefix);
        name.is_some_and(|name| names.split(' ').any(|it| it == name))
    };
    let whole = [
        "net.ipv4.conf.",
        "net.ipv4.neigh.",
        "net.ipv4.route.",
        "net.ipv6.conf.",
        "net.netfilter.nf_conntrack_",
    ];
    among("net.ipv4.", OTHER_IPV4)
        || among("net.core.", OTHER_CORE)
        || whole.iter().any(|it| name.starts_with(it))
}

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
    /// A setting by its path below `/proc/sys`, as the kernel prints it.
    pub(super) fn setting(&self, path: &str) -> Option<String> {
        let text = match path {
            "kernel/hostname" => self.hostname(),
            "kernel/ostype" => "Linux".to_owned(),
            // Of a kernel only what it does on the wire is known, which is its version's.
            "kernel/osrelease" => match self.spec.kernel {
                KernelProfile::Linux618 => "6.18.0-wirelab",
                KernelProfile::Linux61 => "6.1.0-wirelab",
            }
            .to_owned(),
            _ => {
                let name = path.replace('/', ".");
                let known = SETTINGS.iter().find(|it| it.name == name)?;
                (known.get)(self)
            }
        };
        Some(text + "\n")
    }

    /// The names in a directory below `/proc/sys`, in order.
    pub(super) fn setting_names(&self, path: &str) -> Option<Vec<String>> {
        let others = ["kernel.hostname", "kernel.osrelease", "kernel.ostype"];
        let all = SETTINGS.iter().map(|it| it.name).chain(others);
        let before = match path {
            "" => String::new(),
            path => path.replace('/', ".") + ".",
        };
        let inner = all.filter_map(|it| it.strip_prefix(before.as_str()));
        let mut names: Vec<String> = inner
            .filter_map(|it| it.split('.').next())
            .map(str::to_owned)
            .collect();
        names.sort();
        names.dedup();
        (!names.is_empty()).then_some(names)
    }

    pub(super) fn run_iptables(&mut self, arguments: &[String]) -> Start {
        let names = &self.names;
        let name_of = |address| names.name_of(address).map(str::to_owned);
        let family = firewall::Family {
            is_ipv6: false,
            addresses_of: &|name| names.all(name),
        };
        let command = firewall::parse(arguments, &family);
        let done = command.and_then(|it| self.stack.firewall.apply(it, &name_of));
        done.map_err(|error| {
            let refusal = Refusal::with_status(error.status(), error.printed());
            match error {
                firewall::FirewallError::Network(name)
                    if name.contains(|it: char| it.is_ascii_alphabetic())
                        && names.failure(&name).is_none()
                        && names.all(&name).is_empty() =>
                {
                    refusal.unless_dns_knows(&name)
                }
                _ => refusal,
            }
        })
        .and_then(super::printed)
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
    let names = names.join(", ");
    if is_real(name) {
        return format!("sysctl: {name} (not supported here)\n(known here: {names})\n");
    }
    let path = name.replace('.', "/");
    format!(
        "sysctl: cannot stat /proc/sys/{path}: No such file or directory\n(known here: {names})\n"
    )
}
