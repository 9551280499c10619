//! Transitions in virtual time: what is `pending` becomes `available`, what is `deleted` is
//! forgotten.

use serde::{Deserialize, Serialize};
use wirelab_model::{ResourceRef, SimDuration, SimTime};

use crate::control::ControlConfig;
use crate::ec2;
use crate::state::State;

/// How long transitions take. AWS documents few of these; the values are what one sees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delays {
    /// From a call to its effect on packets: 1 s (EC2 says "as quickly as possible").
    pub propagation: SimDuration,
    /// `pending` of an instance that starts.
    pub instance_start: SimDuration,
    /// `stopping` and `shutting-down` of an instance.
    pub instance_stop: SimDuration,
    /// `initializing` of the status checks of an instance that runs; nothing in a world whose calls
    /// settle at once, since nobody waits for it there.
    pub status_checks: SimDuration,
    /// `pending` of a NAT gateway.
    pub nat_gateway_create: SimDuration,
    /// `deleting` of a NAT gateway.
    pub nat_gateway_delete: SimDuration,
    /// `assigning` and `associating` of an address of a NAT gateway in service.
    pub nat_gateway_address: SimDuration,
    /// `pending` of a NAT gateway that turns out `failed`.
    pub nat_gateway_fail: SimDuration,
    /// `pending`, `modifying` and `deleting` of a transit gateway and its parts.
    pub transit_gateway: SimDuration,
    /// `initiatingRequest` of a transit gateway peering.
    pub transit_gateway_request: SimDuration,
    /// `pending` and `deleting` of a VPN connection.
    pub vpn_connection: SimDuration,
    /// `modifying` of a VPN connection, during which the tunnel is down.
    pub vpn_tunnel_modify: SimDuration,
    /// `create-`, `modify-` and `delete-in-progress` of a prefix list.
    pub prefix_list: SimDuration,
    /// `initiating-request` of a VPC peering connection.
    pub vpc_peering_request: SimDuration,
    /// `provisioning` of a VPC peering connection.
    pub vpc_peering_provision: SimDuration,
    /// `deleting` of a VPC peering connection between Regions.
    pub vpc_peering_delete: SimDuration,
    /// `pending` and `deleting` of an interface endpoint.
    pub vpc_endpoint: SimDuration,
    /// `PENDING` of a change of Route 53's: within 60 s (Route 53 API Reference, `ChangeInfo`).
    pub route53_change: SimDuration,
    /// `running` of an analysis of Reachability Analyzer.
    pub network_insights: SimDuration,
    /// How long what is gone is still described: about an hour (Amazon VPC User Guide, "NAT
    /// gateways").
    pub forget: SimDuration,
}

impl Default for Delays {
    fn default() -> Self {
        Self {
            propagation: SimDuration::from_secs(1),
            instance_start: SimDuration::from_secs(15),
            instance_stop: SimDuration::from_secs(30),
            status_checks: SimDuration::ZERO,
            nat_gateway_create: SimDuration::from_secs(90),
            nat_gateway_delete: SimDuration::from_secs(45),
            nat_gateway_address: SimDuration::from_secs(15),
            nat_gateway_fail: SimDuration::from_secs(10),
            transit_gateway: SimDuration::from_secs(60),
            transit_gateway_request: SimDuration::from_secs(10),
            vpn_connection: SimDuration::from_secs(240),
            vpn_tunnel_modify: SimDuration::from_secs(180),
            prefix_list: SimDuration::from_secs(5),
            vpc_peering_request: SimDuration::from_secs(2),
            vpc_peering_provision: SimDuration::from_secs(5),
            vpc_peering_delete: SimDuration::from_secs(30),
            vpc_endpoint: SimDuration::from_secs(75),
            route53_change: SimDuration::from_secs(30),
            network_insights: SimDuration::from_secs(30),
            forget: SimDuration::from_secs(3600),
        }
    }
}

/// What happens to a resource when its time comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Transition {
    /// A transitional state becomes the lasting one that it leads to.
    Settle,
    /// A deadline passes: nobody has accepted, or one side has been shown it long enough.
    Expire,
    /// It is described no longer.
    Forget,
}

/// One transition to come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Timer {
    at: SimTime,
    resource: ResourceRef,
    transition: Transition,
}

impl Timer {
    pub(crate) fn fire(self, state: &mut State, config: &ControlConfig) {
        match self.transition {
            Transition::Settle => settle(&self.resource, self.at, state, config),
            Transition::Expire => ec2::expire(&self.resource, self.at, state),
            Transition::Forget => forget(self.resource, state),
        }
    }
}

/// Ends a transitional state at `at`, and notes when to forget what is then gone.
pub(crate) fn settle(
    resource: &ResourceRef,
    at: SimTime,
    state: &mut State,
    config: &ControlConfig,
) {
    if ec2::settle(resource, at, state, config) == ec2::Settled::Gone {
        let forget_at = at + config.delays.forget;
        state
            .timers
            .add(forget_at, resource.clone(), Transition::Forget);
    }
}

fn forget(resource: ResourceRef, state: &mut State) {
    state
        .resources
        .apply(&wirelab_model::Change::Remove(resource));
}

/// The transitions to come, soonest first; equal times in the order in which they were added.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Timers(Vec<Timer>);

impl Timers {
    /// Adds a transition. A resource has one of each sort at most: a later one replaces it.
    pub(crate) fn add(&mut self, at: SimTime, resource: ResourceRef, transition: Transition) {
        self.0
            .retain(|timer| timer.resource != resource || timer.transition != transition);
        let index = self.0.partition_point(|timer| timer.at <= at);
        let timer = Timer {
            at,
            resource,
            transition,
        };
        self.0.insert(index, timer);
    }

    /// Takes a transition out again.
    pub(crate) fn cancel(&mut self, resource: &ResourceRef, transition: Transition) {
        self.0
            .retain(|timer| timer.resource != *resource || timer.transition != transition);
    }

    pub(crate) fn next_at(&self) -> Option<SimTime> {
        self.0.first().map(|timer| timer.at)
    }

    pub(crate) fn pop_due(&mut self, now: SimTime) -> Option<Timer> {
        (self.next_at()? <= now).then(|| self.0.remove(0))
    }

    /// When the last transitional state ends.
    pub(crate) fn settled_at(&self) -> Option<SimTime> {
        let settling = |timer: &&Timer| timer.transition == Transition::Settle;
        self.0.iter().filter(settling).map(|timer| timer.at).max()
    }
}
