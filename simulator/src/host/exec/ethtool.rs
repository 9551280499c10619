//! `ethtool`: the driver, its features, and its counters of what the instance's network allows.
//!
//! EC2 User Guide, "Monitor network performance for ENA settings on your EC2 instance". The
//! driver's counters of queues are left out: nothing here has queues. Segmentation offloads are off
//! on every machine, and `-k` says so.

use smol_str::SmolStr;

use super::{Refusal, Start, printed};
use crate::host::{Attachment, Host, KernelProfile};

const USAGE: &str = "usage: ethtool -S|-i|-k DEVNAME\n";

/// Names and values of one interface's statistics, in the driver's order.
pub(crate) type Statistics = Vec<(SmolStr, u64)>;

/// Features of the ena driver as `-k` lists them, all those that people switch.
const FEATURES: [(&str, &str); 22] = [
    ("rx-checksumming", "on"),
    ("tx-checksumming", "on"),
    ("\ttx-checksum-ipv4", "on"),
    ("\ttx-checksum-ip-generic", "off [fixed]"),
    ("\ttx-checksum-ipv6", "on"),
    ("\ttx-checksum-fcoe-crc", "off [fixed]"),
    ("\ttx-checksum-sctp", "off [fixed]"),
    ("scatter-gather", "on"),
    ("\ttx-scatter-gather", "on"),
    ("\ttx-scatter-gather-fraglist", "off [fixed]"),
    ("tcp-segmentation-offload", "off"),
    ("\ttx-tcp-segmentation", "off [fixed]"),
    ("\ttx-tcp-ecn-segmentation", "off [fixed]"),
    ("\ttx-tcp-mangleid-segmentation", "off [fixed]"),
    ("\ttx-tcp6-segmentation", "off [fixed]"),
    ("generic-segmentation-offload", "off"),
    ("generic-receive-offload", "off"),
    ("large-receive-offload", "off [fixed]"),
    ("rx-vlan-offload", "off [fixed]"),
    ("tx-vlan-offload", "off [fixed]"),
    ("ntuple-filters", "off [fixed]"),
    ("receive-hashing", "on"),
];

impl Host {
    pub(super) fn run_ethtool(&self, arguments: &[String]) -> Start {
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        match words[..] {
            ["-S" | "--statistics", device] => self.driver_statistics(device),
            ["-i" | "--driver", device] => self.driver(device),
            ["-k" | "--show-features" | "--show-offload", device] => self.features(device),
            _ => Err(Refusal::usage(USAGE)),
        }
    }

    fn has_device(&self, device: &str) -> bool {
        device == "lo" || self.interfaces().iter().any(|it| it.name == device)
    }

    fn driver_statistics(&self, device: &str) -> Start {
        let position = self.interfaces().iter().position(|it| it.name == device);
        if position.is_none() && device != "lo" {
            return Err(Refusal::with_status(
                96,
                "Cannot get stats strings information: No such device\n",
            ));
        }
        let statistics = position.and_then(|at| self.statistics.get(at));
        let Some(statistics) = statistics.filter(|it| !it.is_empty()) else {
            return Err(Refusal::with_status(94, "no stats available\n"));
        };
        let lines = statistics
            .iter()
            .map(|(name, value)| format!("     {name}: {value}\n"));
        printed(format!("NIC statistics:\n{}", lines.collect::<String>()))
    }

    fn driver(&self, device: &str) -> Start {
        if !self.has_device(device) {
            let text = "Cannot get driver information: No such device\n";
            return Err(Refusal::with_status(71, text));
        }
        let release = match self.spec.kernel {
            KernelProfile::Linux618 => "6.18",
            KernelProfile::Linux61 => "6.1",
        };
        let on_instance = matches!(self.spec.attachment, Attachment::Instance(_));
        let at = self.interfaces().iter().position(|it| it.name == device);
        let (driver, version, bus, statistics) = match at {
            None => {
                let text = "Cannot get driver information: Operation not supported\n";
                return Err(Refusal::with_status(71, text));
            }
            Some(at) if on_instance => {
                let bus = format!("0000:00:{:02x}.0", 5 + at);
                ("ena", format!("{release}g"), bus, "yes")
            }
            Some(_) if device.starts_with("tun") => {
                ("tun", "1.6".to_owned(), "tun".to_owned(), "no")
            }
            Some(at) => {
                let bus = format!("0000:00:{:02x}.0", 3 + at);
                ("virtio_net", "1.0.0".to_owned(), bus, "no")
            }
        };
        printed(format!(
            "driver: {driver}\nversion: {version}\nfirmware-version: \nexpansion-rom-version: \n\
             bus-info: {bus}\nsupports-statistics: {statistics}\nsupports-test: no\n\
             supports-eeprom-access: no\nsupports-register-dump: no\nsupports-priv-flags: no\n"
        ))
    }

    fn features(&self, device: &str) -> Start {
        if !self.has_device(device) {
            let text = "netlink error: no device matches name (offset 24)\n\
                        netlink error: No such device\n";
            return Err(Refusal::with_status(1, text));
        }
        let lines = FEATURES
            .iter()
            .map(|(name, state)| format!("{name}: {state}\n"));
        printed(format!(
            "Features for {device}:\n{}",
            lines.collect::<String>()
        ))
    }
}
