//! Which VPN connections are gone without the customer's device having noticed.
//!
//! AWS's end takes its tunnels down at once; the device finds out by dead peer detection 30 seconds
//! later (`facts.md` 2.7) and until then treats what it sends as if somebody took it: what is too
//! long for the tunnel is lost for that.

use std::collections::{BTreeMap, BTreeSet};

use wirelab_model::{ResourceState, Resources, SimDuration, SimTime, VpnConnectionId};

/// From the end of a tunnel until the device's end is down, too.
const DEAD_PEER: SimDuration = SimDuration::from_secs(30);

/// The connections that have been in service, and when those that are not any more ceased to be.
#[derive(Clone, Debug, Default)]
pub(super) struct Tunnels(BTreeMap<VpnConnectionId, Option<SimTime>>);

impl Tunnels {
    /// Looks at the connections as the network obeys them at `now`; answers when a device will
    /// notice what has changed.
    pub(super) fn observe(&mut self, now: SimTime, resources: &Resources) -> Vec<SimTime> {
        let mut notices = Vec::new();
        for connection in resources.vpn_connections.values() {
            let state = connection.state;
            let carries = matches!(state, ResourceState::Available | ResourceState::Modifying)
                && connection.tunnels.iter().any(|it| it.in_service);
            let id = &connection.vpn_connection_id;
            if carries {
                self.0.insert(id.clone(), None);
            } else if let Some(gone @ None) = self.0.get_mut(id) {
                *gone = Some(now);
                notices.push(now + DEAD_PEER);
            }
        }
        notices
    }

    /// Those whose devices send as ever.
    pub(super) fn unnoticed(&self, now: SimTime) -> BTreeSet<VpnConnectionId> {
        let gone = self.0.iter();
        gone.filter(|(_, gone)| gone.is_some_and(|gone| now < gone + DEAD_PEER))
            .map(|(id, _)| id.clone())
            .collect()
    }
}
