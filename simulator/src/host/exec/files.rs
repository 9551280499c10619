//! `cat` of the files about names, settings and interfaces.

use super::{Refusal, Start, Started};
use crate::host::Host;

const FILES: &str =
    "/etc/hosts, /etc/resolv.conf, /etc/hostname, /proc/sys/net/..., /sys/class/net/...";
const DEVICE_FILES: &[&str] = &[
    "address",
    "carrier",
    "ifindex",
    "mtu",
    "operstate",
    "statistics",
    "type",
];
const DEVICE_COUNTERS: &[&str] = &["rx_bytes", "rx_packets", "tx_bytes", "tx_packets"];

impl Host {
    pub(super) fn run_cat(&self, arguments: &[String]) -> Start {
        let mut printer = super::Printer::default();
        let mut status = 0;
        if arguments.is_empty() {
            return Err(Refusal::usage(format!("usage: cat FILE ... ({FILES})\n")));
        }
        for name in arguments {
            if name.starts_with('-') {
                let text = format!("cat: {name} (not supported here): cat FILE ...\n");
                return Err(Refusal::usage(text));
            }
            match self.file(name) {
                Some(text) => printer.out(text),
                None => {
                    printer.err(format!("cat: {name}: No such file or directory\n"));
                    status = 1;
                }
            }
        }
        Ok(Started::Over(printer, status))
    }

    /// The text of a file that is the machine's own: names, settings of the kernel, interfaces.
    #[must_use]
    pub fn file(&self, path: &str) -> Option<String> {
        if let Some(name) = path.strip_prefix("/proc/sys/") {
            return self.setting(name);
        }
        if let Some(path) = path.strip_prefix("/sys/class/net/") {
            let (device, name) = path.split_once('/')?;
            return self.device_file(device, name);
        }
        match path {
            "/etc/hosts" => Some(self.names.file()),
            "/etc/hostname" => Some(self.hostname() + "\n"),
            "/etc/resolv.conf" => Some(self.resolv_conf_file()),
            _ => None,
        }
    }

    /// The names in a directory that is the machine's own, in order; nothing elsewhere.
    #[must_use]
    pub fn file_names(&self, path: &str) -> Option<Vec<String>> {
        let path = path.trim_end_matches('/');
        let devices = || {
            let all = self.interfaces().iter().map(|it| it.name.to_string());
            all.chain(["lo".to_owned()]).collect::<Vec<_>>()
        };
        if let Some(name) = path.strip_prefix("/proc/sys") {
            return self.setting_names(name.trim_start_matches('/'));
        }
        let names = match path {
            "/proc" => vec!["sys".to_owned()],
            "/sys" => vec!["class".to_owned()],
            "/sys/class" => vec!["net".to_owned()],
            "/sys/class/net" => devices(),
            _ => {
                let rest = path.strip_prefix("/sys/class/net/")?;
                let (device, folder) = rest.split_once('/').unwrap_or((rest, ""));
                let names = match folder {
                    "" => DEVICE_FILES,
                    "statistics" => DEVICE_COUNTERS,
                    _ => return None,
                };
                let known = devices().iter().any(|it| it == device);
                known.then(|| names.iter().map(|it| (*it).to_owned()).collect())?
            }
        };
        let mut names = names;
        names.sort();
        Some(names)
    }

    /// A file of sysfs about a device (`Documentation/ABI/testing/sysfs-class-net`).
    fn device_file(&self, device: &str, name: &str) -> Option<String> {
        let at = self.interfaces().iter().position(|it| it.name == device);
        let config = at.map(|it| &self.interfaces()[it]);
        let (index, counters) = match at {
            Some(at) => (at + 2, self.stack.counters(at)),
            None if device == "lo" => (1, self.stack.loopback_counters()),
            None => return None,
        };
        let is_tunnel = device.starts_with("tun");
        let ethernet = config.is_some() && !is_tunnel;
        let text = match name {
            "address" => match config.filter(|_| ethernet) {
                Some(config) => config.mac.to_string(),
                None if is_tunnel => String::new(),
                None => "00:00:00:00:00:00".to_owned(),
            },
            "carrier" => "1".to_owned(),
            "ifindex" => index.to_string(),
            "mtu" => config.map_or(65_536, |it| u32::from(it.mtu)).to_string(),
            "operstate" => if ethernet { "up" } else { "unknown" }.to_owned(),
            // `ARPHRD_ETHER`, `ARPHRD_NONE`, `ARPHRD_LOOPBACK`.
            "type" => match config {
                Some(_) if is_tunnel => "65534",
                Some(_) => "1",
                None => "772",
            }
            .to_owned(),
            "statistics/rx_bytes" => counters.received.octets.to_string(),
            "statistics/rx_packets" => counters.received.packets.to_string(),
            "statistics/tx_bytes" => counters.sent.octets.to_string(),
            "statistics/tx_packets" => counters.sent.packets.to_string(),
            _ => return None,
        };
        Some(text + "\n")
    }

    fn resolv_conf_file(&self) -> String {
        let conf = self.resolv_conf();
        let servers = conf.servers.iter();
        let mut text: String = servers.map(|it| format!("nameserver {it}\n")).collect();
        if !conf.search.is_empty() {
            text += &format!("search {}\n", conf.search.join(" "));
        }
        text
    }
}
