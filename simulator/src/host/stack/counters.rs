//! What passed each interface, for `ip -s link`.

use serde::{Deserialize, Serialize};

use super::Stack;
use crate::host::spec::InterfaceConfig;

/// Octets of an Ethernet header, which the drivers count.
const ETHERNET: u64 = 14;

/// One direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Passed {
    pub(crate) packets: u64,
    pub(crate) octets: u64,
}

impl Passed {
    fn count(&mut self, octets: u64) {
        self.packets += 1;
        self.octets += octets;
    }
}

/// Both directions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counters {
    pub(crate) received: Passed,
    pub(crate) sent: Passed,
}

impl Stack {
    /// Of the interface with this index.
    pub(crate) fn counters(&self, interface: usize) -> Counters {
        self.counters.get(interface).copied().unwrap_or_default()
    }

    pub(crate) fn loopback_counters(&self) -> Counters {
        self.counters.last().copied().unwrap_or_default()
    }

    /// Devices that are still there keep their counters, new ones begin at 0.
    pub(super) fn carry_counters(&mut self, old: &[InterfaceConfig]) {
        let before = std::mem::take(&mut self.counters);
        let of = |new: &InterfaceConfig| {
            let at = old
                .iter()
                .position(|old| old.name == new.name && old.mac == new.mac);
            at.and_then(|at| before.get(at).copied())
                .unwrap_or_default()
        };
        self.counters = self.interfaces.iter().map(of).collect();
        self.counters
            .push(before.last().copied().unwrap_or_default());
    }

    pub(super) fn count_received(&mut self, interface: usize, len: usize) {
        let octets = self.frame_len(interface, len);
        if let Some(counters) = self.counters.get_mut(interface) {
            counters.received.count(octets);
        }
    }

    pub(super) fn count_sent(&mut self, interface: usize, len: usize) {
        let octets = self.frame_len(interface, len);
        if let Some(counters) = self.counters.get_mut(interface) {
            counters.sent.count(octets);
        }
    }

    /// What the machine sends to itself is sent and received.
    pub(super) fn count_loopback(&mut self, len: usize) {
        if let Some(counters) = self.counters.last_mut() {
            counters.sent.count(len as u64 + ETHERNET);
            counters.received.count(len as u64 + ETHERNET);
        }
    }

    fn frame_len(&self, interface: usize, len: usize) -> u64 {
        let tunnel = |config: &InterfaceConfig| config.name.starts_with("tun");
        let bare = self.interfaces.get(interface).is_some_and(tunnel);
        len as u64 + if bare { 0 } else { ETHERNET }
    }
}
