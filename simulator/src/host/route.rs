//! A machine's own routing table and its path MTU cache.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use wirelab_model::{IpNet, SimDuration, SimTime};

use super::spec::{HostRoute, InterfaceConfig};
use crate::block;

/// `net.ipv4.route.mtu_expires`.
const PATH_MTU_LIFE: SimDuration = SimDuration::from_secs(600);
/// `net.ipv4.route.min_pmtu`: no ICMP message lowers a path MTU further.
const PATH_MTU_MIN: u16 = 552;
/// The same for IPv6: what every link carries (RFC 8200 section 5).
const PATH_MTU_MIN_V6: u16 = 1280;
/// MTUs in use (RFC 1191 section 7), for routers that do not name the next hop's.
const PLATEAUS: [u16; 8] = [32000, 17914, 8166, 4352, 2002, 1492, 576, 296];

/// Where a packet goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resolved {
    /// Index of the interface.
    pub(crate) interface: usize,
    /// Next hop; the destination itself if it is on the link.
    pub(crate) next_hop: IpAddr,
    /// Source address a local program gets.
    pub(crate) source: IpAddr,
    /// MTU of route or interface in octets, without what was learned of the path.
    pub(crate) mtu: u16,
    /// MSS to announce in octets.
    pub(crate) advertised_mss: u16,
}

/// What a route does with what it holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum RouteKind {
    /// Sends it on.
    #[default]
    Unicast,
    /// Drops it without a word.
    Blackhole,
    /// Refuses it: there is no such host.
    Unreachable,
    /// Refuses it: that is forbidden.
    Prohibit,
    /// Ends the search in this table, as if nothing fitted.
    Throw,
}

/// Why nothing can be sent to a destination: the `errno` of a program (`fib_props`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RouteError {
    /// `ENETUNREACH`.
    Net,
    /// `EHOSTUNREACH`.
    Host,
    /// `EINVAL`.
    Invalid,
    /// `EACCES`.
    Denied,
}

impl RouteKind {
    const NAMES: [(Self, &'static str); 5] = [
        (Self::Unicast, "unicast"),
        (Self::Blackhole, "blackhole"),
        (Self::Unreachable, "unreachable"),
        (Self::Prohibit, "prohibit"),
        (Self::Throw, "throw"),
    ];

    pub(crate) fn named(text: &str) -> Option<Self> {
        let found = Self::NAMES.iter().find(|(_, name)| *name == text);
        found.map(|(kind, _)| *kind)
    }

    pub(crate) fn name(self) -> &'static str {
        let found = Self::NAMES.iter().find(|(kind, _)| *kind == self);
        found.map_or("unicast", |(_, name)| name)
    }

    const fn error(self) -> RouteError {
        match self {
            Self::Unicast | Self::Throw => RouteError::Net,
            Self::Blackhole => RouteError::Invalid,
            Self::Unreachable => RouteError::Host,
            Self::Prohibit => RouteError::Denied,
        }
    }
}

impl RouteError {
    /// As `strerror` puts it.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Net => "Network is unreachable",
            Self::Host => "No route to host",
            Self::Invalid => "Invalid argument",
            Self::Denied => "Permission denied",
        }
    }
}

/// One line of `ip route`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RouteLine {
    pub(crate) route: HostRoute,
    pub(crate) kind: RouteKind,
    /// Index of the interface; none has that of a route that sends nothing on.
    pub(crate) interface: usize,
    /// Made by the kernel for an address.
    pub(crate) connected: Option<IpAddr>,
}

impl RouteLine {
    /// The way to `destination`, if this is its route.
    pub(crate) fn follow(
        &self,
        destination: IpAddr,
        interfaces: &[InterfaceConfig],
    ) -> Option<Resolved> {
        let config = interfaces.get(self.interface)?;
        let same_version = |net: &&IpNet| net.addr().is_ipv4() == destination.is_ipv4();
        let source = self
            .connected
            .or_else(|| config.addresses.iter().find(same_version).map(IpNet::addr))?;
        let mtu = self.route.mtu.unwrap_or(config.mtu);
        let headers = if destination.is_ipv4() { 40 } else { 60 };
        let implied = || mtu.saturating_sub(headers);
        Some(Resolved {
            interface: self.interface,
            next_hop: self.route.via.unwrap_or(destination),
            source,
            mtu,
            advertised_mss: self.route.advmss.unwrap_or_else(implied),
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Learned {
    mtu: u16,
    /// A router named less than `min_pmtu`: packets leave without DF (`RTAX_MTU` is locked).
    locked: bool,
    expires: SimTime,
}

/// Routes of one machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RouteTable {
    /// Configured by the scenario or with `ip route`; they outlive changes of interfaces.
    configured: Vec<(RouteKind, HostRoute)>,
    removed: Vec<IpNet>,
    lines: Vec<RouteLine>,
    learned: BTreeMap<IpAddr, Learned>,
}

impl RouteTable {
    pub(crate) fn new(configured: Vec<HostRoute>) -> Self {
        let configured = configured.into_iter();
        Self {
            configured: configured.map(|it| (RouteKind::Unicast, it)).collect(),
            ..Self::default()
        }
    }

    /// Computes the table for these interfaces.
    pub(crate) fn rebuild(&mut self, interfaces: &[InterfaceConfig]) {
        self.lines.clear();
        for (interface, config) in interfaces.iter().enumerate() {
            self.add_implied(interface, config);
        }
        for (kind, route) in self.configured.clone() {
            let interface = match kind {
                RouteKind::Unicast => interface_for(&route, interfaces),
                _ => Some(usize::MAX),
            };
            if let Some(interface) = interface {
                self.lines
                    .retain(|line| line.route.destination != route.destination);
                self.lines.push(RouteLine {
                    route,
                    kind,
                    interface,
                    connected: None,
                });
            }
        }
        self.lines
            .sort_by_key(|line| (line.route.destination.prefix_len(), line.interface));
    }

    fn add_implied(&mut self, interface: usize, config: &InterfaceConfig) {
        let line = |destination: IpNet, via, connected| RouteLine {
            route: HostRoute {
                destination,
                via,
                device: Some(config.name.clone()),
                mtu: None,
                advmss: None,
            },
            kind: RouteKind::Unicast,
            interface,
            connected,
        };
        let default_taken = |lines: &[RouteLine], v4: bool| {
            lines.iter().any(|line| {
                line.route.destination.prefix_len() == 0
                    && line.route.destination.addr().is_ipv4() == v4
            })
        };
        for (at, address) in config.addresses.iter().enumerate() {
            // A secondary address is in the block that the first one's route is for.
            let mut before = config.addresses[..at].iter();
            let is_secondary = before.any(|it| it.trunc() == address.trunc());
            if address.prefix_len() < address.max_prefix_len() && !is_secondary {
                let connected = Some(address.addr());
                self.lines.push(line(address.trunc(), None, connected));
            }
        }
        for gateway in config.gateways.iter().copied() {
            if !default_taken(&self.lines, gateway.is_ipv4())
                && let Some(any) = default_net(gateway)
                && !self.removed.contains(&any)
            {
                self.lines.push(line(any, Some(gateway), None));
            }
        }
    }

    /// The lines in `ip route` order: default first, then by prefix.
    pub(crate) fn lines(&self) -> &[RouteLine] {
        &self.lines
    }

    /// `ip route replace`.
    pub(crate) fn replace(
        &mut self,
        kind: RouteKind,
        route: HostRoute,
        interfaces: &[InterfaceConfig],
    ) {
        self.removed.retain(|net| *net != route.destination);
        self.configured
            .retain(|(_, old)| old.destination != route.destination);
        self.configured.push((kind, route));
        self.rebuild(interfaces);
    }

    /// `ip route del`; false if there was none.
    pub(crate) fn remove(&mut self, destination: IpNet, interfaces: &[InterfaceConfig]) -> bool {
        let before = self.lines.len();
        self.configured
            .retain(|(_, old)| old.destination != destination);
        self.removed.push(destination);
        self.rebuild(interfaces);
        self.lines.len() < before
    }

    /// Longest prefix first.
    pub(crate) fn find(&self, destination: IpAddr) -> Option<&RouteLine> {
        longest(self.lines.iter(), destination)
    }

    /// The same among the routes of one interface, as a lookup with `oif` has it.
    pub(crate) fn find_through(&self, destination: IpAddr, interface: usize) -> Option<&RouteLine> {
        let lines = self.lines.iter().filter(|it| it.interface == interface);
        longest(lines, destination)
    }

    /// The way to `destination`.
    pub(crate) fn resolve(
        &self,
        destination: IpAddr,
        interfaces: &[InterfaceConfig],
    ) -> Option<Resolved> {
        self.find(destination)?.follow(destination, interfaces)
    }

    /// Why [`Self::resolve`] finds no way to `destination`.
    pub(crate) fn error(&self, destination: IpAddr) -> RouteError {
        let found = self.find(destination);
        found.map_or(RouteError::Net, |line| line.kind.error())
    }

    /// The path MTU to `destination`, given the route's.
    pub(crate) fn path_mtu(&self, destination: IpAddr, route: u16, now: SimTime) -> u16 {
        self.learned(destination, now)
            .map_or(route, |(mtu, _)| mtu.min(route))
    }

    /// What was learned of `destination` and how long it still holds.
    pub(crate) fn learned(&self, destination: IpAddr, now: SimTime) -> Option<(u16, SimDuration)> {
        let learned = self.learned.get(&destination)?;
        (learned.expires > now).then(|| (learned.mtu, learned.expires.since(now)))
    }

    /// Whether the path to `destination` carries less than a path MTU may be, so that packets have
    /// to be cut on the way (`__ip_rt_update_pmtu`).
    pub(crate) fn is_locked(&self, destination: IpAddr, now: SimTime) -> bool {
        let learned = self.learned.get(&destination);
        learned.is_some_and(|it| it.locked && it.expires > now)
    }

    /// ICMP 3/4 about a packet of `size` octets to `destination`.
    pub(crate) fn learn(
        &mut self,
        destination: IpAddr,
        next_hop_mtu: u16,
        size: usize,
        current: u16,
        now: SimTime,
    ) {
        let told = if next_hop_mtu == 0 {
            PLATEAUS
                .into_iter()
                .find(|plateau| usize::from(*plateau) < size)
                .unwrap_or(PATH_MTU_MIN)
        } else {
            next_hop_mtu
        };
        if told >= self.path_mtu(destination, current, now) {
            return;
        }
        let least = match destination {
            IpAddr::V4(_) => PATH_MTU_MIN,
            IpAddr::V6(_) => PATH_MTU_MIN_V6,
        };
        let entry = Learned {
            mtu: told.max(least),
            locked: destination.is_ipv4() && told < least,
            expires: now + PATH_MTU_LIFE,
        };
        self.learned.insert(destination, entry);
    }

    /// `ip route flush cache`.
    pub(crate) fn flush(&mut self) {
        self.learned.clear();
    }
}

/// The line with the longest prefix; of equal blocks the first interface's.
fn longest<'a>(
    lines: impl Iterator<Item = &'a RouteLine>,
    destination: IpAddr,
) -> Option<&'a RouteLine> {
    let mut found: Option<&RouteLine> = None;
    for line in lines {
        let length = line.route.destination.prefix_len();
        let is_longer = found.is_none_or(|it| it.route.destination.prefix_len() < length);
        if is_longer && block::holds(&line.route.destination, destination) {
            found = Some(line);
        }
    }
    found
}

fn default_net(like: IpAddr) -> Option<IpNet> {
    let text = if like.is_ipv4() { "0.0.0.0/0" } else { "::/0" };
    text.parse().ok()
}

fn interface_for(route: &HostRoute, interfaces: &[InterfaceConfig]) -> Option<usize> {
    if let Some(device) = &route.device {
        return index_of(device, interfaces);
    }
    let via = route.via?;
    interfaces
        .iter()
        .position(|config| config.addresses.iter().any(|net| net.contains(&via)))
}

/// The index of the interface called `name`.
pub(crate) fn index_of(name: &SmolStr, interfaces: &[InterfaceConfig]) -> Option<usize> {
    interfaces.iter().position(|config| config.name == *name)
}

#[cfg(test)]
mod tests {
    use wirelab_wire::MacAddr;

    use super::*;

    fn interface(name: &str, address: &str, gateway: Option<&str>) -> InterfaceConfig {
        InterfaceConfig {
            name: name.into(),
            mac: MacAddr::default(),
            addresses: vec![address.parse().expect("an address")],
            mtu: 9001,
            gateways: gateway
                .into_iter()
                .map(|text| text.parse().expect("a gateway"))
                .collect(),
            resolvers: Vec::new(),
            search: Vec::new(),
        }
    }

    #[test]
    fn of_two_interfaces_in_one_block_the_first_sends() {
        let interfaces = [
            interface("ens5", "10.0.1.10/24", Some("10.0.1.1")),
            interface("ens6", "10.0.1.50/24", None),
        ];
        let mut table = RouteTable::new(Vec::new());
        table.rebuild(&interfaces);
        let destination = "10.0.1.77".parse().expect("an address");
        let found = table.resolve(destination, &interfaces).expect("a route");
        assert_eq!(
            (found.interface, found.source.to_string()),
            (0, "10.0.1.10".into())
        );
    }

    #[test]
    fn the_longest_prefix_decides_and_its_mtu_lowers_the_mss() {
        let interfaces = [interface("ens5", "10.0.1.10/24", Some("10.0.1.1"))];
        let mut table = RouteTable::new(vec![HostRoute {
            destination: "10.9.0.0/16".parse().expect("a block"),
            via: Some("10.0.1.1".parse().expect("a hop")),
            device: None,
            mtu: Some(1400),
            advmss: None,
        }]);
        table.rebuild(&interfaces);
        let to = |text: &str| {
            let destination = text.parse().expect("an address");
            table.resolve(destination, &interfaces).expect("a route")
        };
        assert_eq!(to("10.0.1.77").next_hop.to_string(), "10.0.1.77");
        assert_eq!(
            (to("10.9.1.1").mtu, to("10.9.1.1").advertised_mss),
            (1400, 1360)
        );
        assert_eq!(
            (to("8.8.8.8").mtu, to("8.8.8.8").advertised_mss),
            (9001, 8961)
        );
    }

    #[test]
    fn a_learned_path_mtu_only_falls_and_expires_after_ten_minutes() {
        let mut table = RouteTable::default();
        let to = "10.0.2.20".parse().expect("an address");
        table.learn(to, 1500, 9001, 9001, SimTime::ZERO);
        table.learn(to, 4000, 9001, 9001, SimTime::from_secs(1));
        assert_eq!(table.path_mtu(to, 9001, SimTime::from_secs(599)), 1500);
        assert_eq!(table.path_mtu(to, 9001, SimTime::from_secs(600)), 9001);
        let later = SimTime::from_secs(601);
        assert!(!table.is_locked(to, SimTime::from_secs(1)));
        table.learn(to, 68, 9001, 9001, SimTime::from_secs(600));
        assert_eq!(table.path_mtu(to, 9001, later), 552);
        assert!(table.is_locked(to, later));
    }
}
