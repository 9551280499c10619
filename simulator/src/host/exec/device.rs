//! One interface as `ip addr` and `ip link` print it.

use std::net::{IpAddr, Ipv6Addr};

use wirelab_model::IpNet;

use super::ip::{Look, Version};
use crate::host::spec::InterfaceConfig;
use crate::host::stack::Counters;

/// The link-local address that the kernel gives a device with a hardware address (RFC 4291,
/// appendix A).
pub(super) fn link_local(config: &InterfaceConfig) -> Option<IpNet> {
    let [a, b, c, d, e, f] = config.mac.0;
    if config.name.starts_with("tun") {
        return None;
    }
    let word = |high: u8, low: u8| u16::from_be_bytes([high, low]);
    let (one, two) = (word(a ^ 2, b), word(c, 0xff));
    let (three, four) = (word(0xfe, d), word(e, f));
    let address = Ipv6Addr::new(0xfe80, 0, 0, 0, one, two, three, four);
    IpNet::new(address.into(), 64).ok()
}

/// What is printed of an interface.
pub(super) struct Device<'a> {
    pub(super) index: usize,
    pub(super) name: &'a str,
    pub(super) flags: &'static str,
    pub(super) mtu: u32,
    pub(super) queueing: &'static str,
    pub(super) state: &'static str,
    /// `link/ether` and the addresses behind it.
    pub(super) link: String,
    /// The hardware address, or the flags' stand-in for one.
    pub(super) hardware: String,
    pub(super) addresses: Vec<IpNet>,
    pub(super) scope: &'static str,
    pub(super) broadcasts: bool,
    pub(super) counters: Counters,
}

impl<'a> Device<'a> {
    pub(super) fn loopback(counters: Counters) -> Self {
        let (ipv4, ipv6) = (
            IpAddr::from([127, 0, 0, 1]),
            IpAddr::from(Ipv6Addr::LOCALHOST),
        );
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
            addresses: [IpNet::new(ipv4, 8), IpNet::new(ipv6, 128)]
                .into_iter()
                .flatten()
                .collect(),
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
            addresses: config
                .addresses
                .iter()
                .copied()
                .chain(link_local(config))
                .collect(),
            scope: "global",
            broadcasts: !tunnel,
            counters,
        }
    }

    pub(super) fn show(&self, look: Look) -> String {
        let Self {
            index,
            name,
            flags,
            mtu,
            queueing,
            state,
            link,
            ..
        } = self;
        // Asked for addresses of one version, a device that has none is not shown.
        if look.addresses && look.version != Version::Unsaid && self.shown(look).next().is_none() {
            return String::new();
        }
        if look.brief {
            return self.brief(look);
        }
        if look.one_line && look.addresses {
            let head = format!("{index}: {name}");
            let lines = self.shown(look).map(|net| self.address(net));
            return lines
                .map(|it| head.clone() + &it.replacen('\n', "\\", 1))
                .collect();
        }
        let mode = if look.addresses { "" } else { " mode DEFAULT" };
        let first = format!("{index}: {name}: <{flags}> mtu {mtu} ");
        let mut text = match look.version {
            Version::V6 if look.addresses => first + &format!("state {state} qlen 1000\n"),
            Version::V4 if look.addresses => {
                first + &format!("qdisc {queueing} state {state} group default qlen 1000\n")
            }
            _ => {
                let end = if look.one_line { "\\" } else { "\n" };
                first
                    + &format!(
                        "qdisc {queueing} state {state}{mode} group default qlen 1000{end}    {link}\n"
                    )
            }
        };
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

    pub(super) fn shown(&self, look: Look) -> impl Iterator<Item = &IpNet> {
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
        let (version, name) = match net.addr() {
            IpAddr::V4(_) => ("", self.name),
            IpAddr::V6(_) => ("6", ""),
        };
        let scope = self.scope_of(net);
        let secondary = if self.is_secondary(net) {
            "secondary "
        } else {
            ""
        };
        format!(
            "    inet{version} {net}{broadcast} scope {scope} {secondary}{name}\n       \
             valid_lft forever preferred_lft forever\n"
        )
    }

    /// How far an address holds.
    pub(super) fn scope_of(&self, net: &IpNet) -> &'static str {
        match net.addr() {
            IpAddr::V6(address) if address.is_unicast_link_local() => "link",
            _ => self.scope,
        }
    }

    /// An IPv4 address in the block of an earlier one (`IFA_F_SECONDARY`).
    pub(super) fn is_secondary(&self, net: &IpNet) -> bool {
        let before = self.addresses.iter().take_while(|it| *it != net);
        let mut block = before.filter(|it| it.trunc() == net.trunc());
        net.addr().is_ipv4() && block.next().is_some()
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
