//! Ports: those that sockets are given, those of UDP sockets and of raw ones.
//!
//! Linux gives connections to one end ports that ascend: the first is anywhere in the ephemeral
//! range, each next one 2 to 16 higher (`__inet_hash_connect`; algorithm 4 of RFC 6056,
//! "double-hash", with a random step). A UDP socket is given any port (`udp_lib_get_port`;
//! algorithm 1).

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};
use wirelab_model::Stream;

use super::Stack;
use super::numbers::mix;
use crate::host::tcp::Ends;

/// `connect()` leaves ports of the other parity to `bind()` as long as it can.
const STEP: u32 = 2;

/// Where the search for a free port begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ephemeral {
    secret: u64,
    draws: Stream,
    /// `table_perturb`: how far the search has gone, by the low half of a destination's hash.
    gone: BTreeMap<u16, u32>,
}

impl Ephemeral {
    pub(super) fn new(traffic_seed: u64, machine: &str) -> Self {
        let mut draws = Stream::new(traffic_seed, &format!("host/{machine}/ports"));
        Self {
            secret: draws.next_u64(),
            draws,
            gone: BTreeMap::new(),
        }
    }
}

impl Stack {
    /// A free port for a connection; `None` if all of the range are taken towards that end.
    pub(super) fn tcp_port(&mut self, remote: SocketAddr, local: IpAddr) -> Option<u16> {
        let hash = mix(
            mix(self.ephemeral.secret, SocketAddr::new(local, 0)),
            remote,
        );
        let gone = self.ephemeral.gone.get(&(hash as u16)).copied();
        let start = gone.unwrap_or(0).wrapping_add((hash >> 32) as u32) & !1;
        let (far, port) = every_port(self.port_range, start).find(|(_, port)| {
            let ends = Ends {
                local: SocketAddr::new(local, *port),
                remote,
            };
            !self.in_use(&ends) && !self.listeners.contains_key(port)
        })?;
        let jump = self.ephemeral.draws.range(0, 7) as u32 * STEP;
        let gone = self.ephemeral.gone.entry(hash as u16).or_insert(0);
        *gone = gone.wrapping_add(far.max(jump) + STEP);
        Some(port)
    }

    /// A free port for `bind()` of a TCP socket to none (`inet_csk_find_open_port`): any of those
    /// that `connect()` leaves.
    pub(crate) fn bound_port(&mut self) -> Option<u16> {
        let (low, high) = self.port_range;
        let start = self
            .ephemeral
            .draws
            .range(0, u64::from(high.saturating_sub(low))) as u32;
        let mut taken = vec![false; usize::from(u16::MAX) + 1];
        let connected = self.by_ends.keys().chain(self.time_waits.keys());
        let connected = connected.map(|ends| ends.local.port());
        for port in self.listeners.keys().copied().chain(connected) {
            taken[usize::from(port)] = true;
        }
        every_port((low, high), start | 1)
            .map(|(_, port)| port)
            .find(|port| !taken[usize::from(*port)])
    }

    /// A free port for a UDP socket; `None` if all of the range are taken.
    pub(crate) fn udp_port(&mut self) -> Option<u16> {
        let (low, high) = self.port_range;
        let size = u64::from(high.saturating_sub(low)) + 1;
        let start = self.ephemeral.draws.range(0, size - 1);
        let mut ports = (0..size).map(|far| low + ((start + far) % size) as u16);
        ports.find(|port| !self.udp_ports.contains_key(port))
    }

    /// `bind()` of a UDP socket.
    pub(crate) fn bind_udp(&mut self, port: u16) {
        self.udp_ports.insert(port, None);
    }

    /// `connect()` of a UDP socket.
    pub(crate) fn connect_udp(&mut self, port: u16) {
        let counter = self.identification.rotate_left(5) ^ port;
        self.udp_ports.entry(port).or_insert(Some(counter));
    }

    pub(crate) fn unbind_udp(&mut self, port: u16) {
        self.udp_ports.remove(&port);
    }

    /// UDP ports bound, in order.
    pub(crate) fn udp_bound(&self) -> impl Iterator<Item = u16> {
        self.udp_ports.keys().copied()
    }

    /// A raw socket wants segments for this port that belong to no connection.
    pub(crate) fn hear(&mut self, port: u16) {
        self.overheard.insert(port);
    }

    pub(crate) fn stop_hearing(&mut self, ports: &[u16]) {
        self.overheard.retain(|port| !ports.contains(port));
    }
}

/// Every port of a range once, with the way to it: those of the parity of `start` first, from there
/// on and around, then the others.
fn every_port((low, high): (u16, u16), start: u32) -> impl Iterator<Item = (u32, u16)> {
    let size = u32::from(high.saturating_sub(low)) + 1;
    // An odd one out would change the parity on the way around.
    let size = if size > 1 { size & !1 } else { size };
    let start = start % size;
    let steps = (0..size).step_by(STEP as usize);
    let own = steps.clone().map(move |far| (far, start + far));
    let other = steps.map(move |far| (far, (start ^ 1) + far));
    own.chain(other)
        .map(move |(far, offset)| (far, low + (offset % size) as u16))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use wirelab_model::{Seed, UnixTime};

    use super::*;
    use crate::host::firewall::Firewall;
    use crate::host::{Attachment, HostConfig, HostSettings, HostSpec, KernelProfile};

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 1, 10));

    fn stack() -> Stack {
        let attachment = Attachment::Outside {
            interfaces: Vec::new(),
            customer_gateway: None,
            default_gateway: None,
        };
        let spec = HostSpec {
            name: "web".into(),
            attachment,
            kernel: KernelProfile::default(),
            settings: HostSettings::default(),
            routes: Vec::new(),
            firewall: Vec::new(),
            servers: Vec::new(),
        };
        let config = HostConfig {
            seed: Seed::whole(7),
            starts: UnixTime::from_secs(1_700_000_000),
        };
        Stack::new(&spec, &config, Firewall::default())
    }

    fn end(last: u8, port: u16) -> SocketAddr {
        SocketAddr::from(([10, 0, 2, last], port))
    }

    #[test]
    fn ports_to_one_end_ascend_by_two_to_sixteen_and_wrap() {
        let mut stack = stack();
        let (low, high) = stack.port_range;
        let mut last = stack.tcp_port(end(10, 443), HERE).expect("a free port");
        let mut wraps = 0;
        let mut gaps = std::collections::BTreeSet::new();
        for _ in 0..5_000 {
            let port = stack.tcp_port(end(10, 443), HERE).expect("a free port");
            assert!(
                (low..=high).contains(&port) && port % 2 == low % 2,
                "{port}"
            );
            if port > last {
                gaps.insert(port - last);
            } else {
                wraps += 1;
            }
            last = port;
        }
        assert_eq!(
            gaps.into_iter().collect::<Vec<_>>(),
            [2, 4, 6, 8, 10, 12, 14, 16]
        );
        assert!(
            (1..=2).contains(&wraps),
            "5,000 steps of about 9 among 28,232 ports"
        );
    }

    #[test]
    fn another_end_has_a_sequence_of_its_own() {
        let mut stack = stack();
        let first = stack.tcp_port(end(10, 443), HERE);
        let ends = [end(10, 444), end(11, 443)];
        let others = ends.map(|end| stack.tcp_port(end, HERE));
        let next = stack.tcp_port(end(10, 443), HERE);
        let gap = next
            .zip(first)
            .map(|(next, first)| next.wrapping_sub(first));
        assert!(gap.is_some_and(|gap| gap <= 16), "{first:?} {next:?}");
        for other in others {
            let gap = other.zip(first).map(|(other, first)| other.abs_diff(first));
            assert!(gap.is_some_and(|gap| gap > 16), "{first:?} {other:?}");
        }
    }

    #[test]
    fn a_range_of_one_port_has_that_one() {
        let mut stack = stack();
        stack.port_range = (40_001, 40_001);
        assert_eq!(stack.tcp_port(end(10, 443), HERE), Some(40_001));
        assert_eq!(stack.udp_port(), Some(40_001));
        stack.bind_udp(40_001);
        assert_eq!(stack.udp_port(), None);
    }
}
