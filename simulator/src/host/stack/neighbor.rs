//! Neighbours that answer ARP or neighbour discovery, and those that do not.
//!
//! Who answers, the fabric knows; frames for nobody are dropped there. What the kernel does about
//! silence is here (`neigh_probe` and `neigh_timer_handler` of Linux): it asks three times, a
//! second apart (`mcast_solicit`, `retrans_time_ms`), keeps what waits for the answer, and then
//! tells each packet's sender that the host is unreachable. The next packet begins it again.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use wirelab_model::{SimDuration, SimTime};
use wirelab_wire::{IcmpError, IpPacket, Unreachable};

use super::{Stack, TimerKey};

/// Three questions, a second each.
const PATIENCE: SimDuration = SimDuration::from_secs(3);
/// `base_reachable_time_ms`.
const REACHABLE: SimDuration = SimDuration::from_secs(30);
/// Packets kept for one neighbour; `unres_qlen_bytes` allows about as many of full size.
const WAITING_MAX: usize = 100;

/// An entry of the neighbour table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Neighbor {
    /// It was sent to then, and answers.
    Known(SimTime),
    /// It is being asked; these packets wait.
    Incomplete(Vec<IpPacket>),
    Failed,
}

/// The table, by interface and address.
pub(super) type Neighbors = BTreeMap<(usize, IpAddr), Neighbor>;

/// A state as `ip neigh` words it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NeighborState {
    Reachable,
    Stale,
    Incomplete,
    Failed,
}

impl Stack {
    /// The neighbour table.
    pub(crate) fn neighbors(
        &self,
        now: SimTime,
    ) -> impl Iterator<Item = (usize, IpAddr, NeighborState)> {
        self.neighbors.iter().map(move |((interface, at), entry)| {
            let state = match entry {
                Neighbor::Known(since) if now.since(*since) > REACHABLE => NeighborState::Stale,
                Neighbor::Known(_) => NeighborState::Reachable,
                Neighbor::Incomplete(_) => NeighborState::Incomplete,
                Neighbor::Failed => NeighborState::Failed,
            };
            (*interface, *at, state)
        })
    }

    /// The next hop of a packet that was just sent answers, or does not.
    pub(crate) fn asked_neighbor(
        &mut self,
        now: SimTime,
        at: (usize, IpAddr),
        unanswered: Option<IpPacket>,
    ) {
        let Some(packet) = unanswered else {
            self.neighbors.insert(at, Neighbor::Known(now));
            return;
        };
        if let Some(Neighbor::Incomplete(waiting)) = self.neighbors.get_mut(&at) {
            if waiting.len() < WAITING_MAX {
                waiting.push(packet);
            }
            return;
        }
        self.neighbors
            .insert(at, Neighbor::Incomplete(vec![packet]));
        self.arm(TimerKey::Neighbor(at.0, at.1), Some(now + PATIENCE));
    }

    /// The last question was not answered either (`arp_error_report`, `ndisc_error_report`).
    pub(super) fn neighbor_failed(&mut self, now: SimTime, at: (usize, IpAddr)) {
        let entry = self.neighbors.insert(at, Neighbor::Failed);
        let Some(Neighbor::Incomplete(waiting)) = entry else {
            return;
        };
        for packet in waiting {
            self.send_error(now, &packet, IcmpError::Unreachable(Unreachable::Host));
        }
    }
}
