//! One interface as `ip addr` and `ip link` print it.

use std::net::IpAddr;

use wirelab_model::IpNet;

use super::ip::Look;
use crate::host::spec::InterfaceConfig;
use crate::host::stack::Counters;

/// What is printed of an interface.
pub(super) struct Device<'a> {
    index: usize,
    name: &'a str,
    flags: &'static str,
    mtu: u32,
    queueing: &'static str,
    state: &'static str,
    /// `link/ether` and the addresses behind it.
    link: String,
    /// The hardware address, or the flags' stand-in for one.
    hardware: String,
    addresses: Vec<IpNet>,
    scope: &'static str,
    broadcasts: bool,
    counters: Counters,
}

impl<'a> Device<'a> {
    pub(super) fn loopback(counters: Counters) -> Self {
        let address = IpAddr::from([127, 0, 0, 1]);
        let zero = "00:00:00:00:00:00".to_owned();
        Self {
            index: 1,
            name: "lo",
            flags: "LOOPBACK,UP,LOWER_UP",
            mtu: 65_536,
            queueing: "noqueue",
            state: "UNKNOWN",
            link: format!("link/loopback {zero} brd {zero}"),
            hardware: zero,
            addresses: IpNet::new(address, 8).into_iter().collect(),
            scope: "host",
            broadcasts: false,
            counters,
        }
    }

    /// The interface with this index; a tunnel has no hardware address and no broadcast.
    pub(super) fn new(index: usize, config: &'a InterfaceConfig, counters: Counters) -> Self {
        let tunnel = config.name.starts_with("tun");
        let mac = config.mac.to_string();
        Self {
            index: index + 2,
            name: &config.name,
            flags: if tunnel {
                "POINTOPOINT,NOARP,UP,LOWER_UP"
            } else {
                "BROADCAST,MULTICAST,UP,LOWER_UP"
            },
            mtu: u32::from(config.mtu),
            queueing: if tunnel { "noqueue" } else { "mq" },
            state: if tunnel { "UNKNOWN" } else { "UP" },
            link: if tunnel {
                "link/none ".to_owned()
            } else {
                format!("link/ether {mac} brd ff:ff:ff:ff:ff:ff")
            },
            hardware: if tunnel { String::new() } else { mac },
            addresses: config.addresses.clone(),
            scope: "global",
            broadcasts: !tunnel,
            counters,
        }
    }

    pub(super) fn show(&self, look: Look) -> String {
        if look.brief {
            return self.brief(look);
        }
        let mode = if look.addresses { "" } else { " mode DEFAULT" };
        let mut text = format!(
            "{}: {}: <{}> mtu {} qdisc {} state {}{mode} group default qlen 1000\n    {}\n",
            self.index, self.name, self.flags, self.mtu, self.queueing, self.state, self.link
        );
        if look.addresses {
            for net in self.shown(look) {
                text += &self.address(net);
            }
        }
        if look.statistics {
            text += &self.statistics();
        }
        text
    }

    fn shown(&self, look: Look) -> impl Iterator<Item = &IpNet> {
        let wanted = move |net: &&IpNet| look.version.shows(net.addr().is_ipv4());
        self.addresses.iter().filter(wanted)
    }

    fn brief(&self, look: Look) -> String {
        let mut text = format!("{:<16} {:<14} ", self.name, self.state);
        if look.addresses {
            for net in self.shown(look) {
                text += &format!("{net} ");
            }
        } else {
            text += &format!("{:<18}<{}> ", self.hardware, self.flags);
        }
        text + "\n"
    }

    fn address(&self, net: &IpNet) -> String {
        let broadcast = match net.broadcast() {
            IpAddr::V4(last) if self.broadcasts && net.prefix_len() < 31 => format!(" brd {last}"),
            _ => String::new(),
        };
        format!(
            "    inet{} {net}{broadcast} scope {} {}\n       valid_lft forever preferred_lft forever\n",
            if net.addr().is_ipv4() { "" } else { "6" },
            self.scope,
            self.name
        )
    }

    /// Nothing is lost between a driver and its queue here, so the other columns are 0.
    fn statistics(&self) -> String {
        let Counters { received, sent } = self.counters;
        format!(
            "    RX:  bytes packets errors dropped  missed   mcast           \n\
             \x20   {:>10} {:>7}      0       0       0       0 \n\
             \x20   TX:  bytes packets errors dropped carrier collsns           \n\
             \x20   {:>10} {:>7}      0       0       0       0 \n",
            received.octets, received.packets, sent.octets, sent.packets
        )
    }
}
