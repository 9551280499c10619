//! The two tunnels of a VPN connection: which end takes them to be up, and how much they carry.
//!
//! Site-to-Site VPN guide, "VPN tunnels", "Tunnel endpoint replacements", "Quotas" (`facts.md`
//! 2.7). A tunnel carries packets while the endpoints at both ends are in service and have
//! negotiated. An end that goes takes the tunnel down for itself at once; the other end notices by
//! dead peer detection, 30 seconds later, and what it sends until then is lost. Each direction
//! carries 1.25 Gbps and 140,000 packets a second; what is more waits for a moment, and is dropped
//! if that does not help. How long the burst and the queue are is ours.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};
use wirelab_model::{
    Observation, ResourceState, Resources, SimDuration, SimTime, VpnConnection, VpnConnectionId,
};

use super::site::Sites;
use crate::config::VpnConfig;
use crate::event::VpnEnd;
use crate::verdict::VpnLimit;

/// The tunnels of every VPN connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tunnels(BTreeMap<VpnConnectionId, Vec<Tunnel>>);

/// One tunnel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Tunnel {
    outside_ip_address: Option<Ipv4Addr>,
    aws: Endpoint,
    customer: Endpoint,
    /// When the ends have negotiated; of meaning while both are in service.
    ready: SimTime,
    /// Whether they have done so before.
    is_known: bool,
    /// Whether they had when one of them went; of meaning while one is out of service.
    was_ready: bool,
    /// What the control plane was told last.
    told: bool,
}

/// One end of a tunnel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Endpoint {
    in_service: bool,
    /// When that changed last.
    since: SimTime,
    /// Somebody has broken it.
    broken: bool,
    /// How long it takes to notice that the other end is gone.
    dpd_timeout: SimDuration,
    limiter: Limiter,
}

impl Tunnels {
    /// Brings the ends in step with resources and machines. Returns whether any tunnel is there.
    pub(crate) fn follow(
        &mut self,
        now: SimTime,
        resources: &Resources,
        sites: &Sites,
        config: &VpnConfig,
    ) -> bool {
        let connections = &resources.vpn_connections;
        self.0.retain(|id, _| connections.contains_key(id));
        for (id, connection) in connections {
            let tunnels = self.0.entry(id.clone()).or_insert_with(|| {
                let new = connection.tunnels.iter().map(|it| Tunnel {
                    told: it.up,
                    ..Tunnel::default()
                });
                new.collect()
            });
            let gateway = &connection.customer_gateway_id;
            let has_machine = sites.customer_gateway(gateway).is_some();
            for (tunnel, source) in tunnels.iter_mut().zip(&connection.tunnels) {
                tunnel.outside_ip_address = Some(source.outside_ip_address);
                let timeout = SimDuration::from_secs(source.dpd_timeout_seconds.into());
                tunnel.aws.dpd_timeout = timeout;
                tunnel.customer.dpd_timeout = config.customer_dpd_timeout;
                let aws = source.in_service && is_in_service(connection) && !tunnel.aws.broken;
                tunnel.set(now, VpnEnd::Aws, aws, config.negotiation);
                let customer = has_machine && !tunnel.customer.broken;
                tunnel.set(now, VpnEnd::Customer, customer, config.negotiation);
            }
        }
        !self.0.is_empty()
    }

    /// Breaks or mends one end of tunnel `number`, 1 or 2. `false` if there is none.
    pub(crate) fn set_broken(
        &mut self,
        id: &VpnConnectionId,
        number: u8,
        end: VpnEnd,
        broken: bool,
    ) -> bool {
        let at = usize::from(number).checked_sub(1);
        let tunnel = at.and_then(|at| self.0.get_mut(id)?.get_mut(at));
        let Some(tunnel) = tunnel else {
            return false;
        };
        tunnel.end_mut(end).broken = broken;
        true
    }

    /// What the control plane is to be told, and when something will change by itself.
    pub(crate) fn observe(&mut self, now: SimTime) -> (Vec<Observation>, Option<SimTime>) {
        let mut observations = Vec::new();
        let mut next: Option<SimTime> = None;
        for (id, tunnels) in &mut self.0 {
            for tunnel in tunnels {
                let up = tunnel.is_up(VpnEnd::Aws, now);
                if let Some(outside_ip_address) = tunnel.outside_ip_address
                    && tunnel.told != up
                {
                    tunnel.told = up;
                    observations.push(Observation::VpnTunnel {
                        vpn_connection: id.clone(),
                        outside_ip_address,
                        up,
                    });
                }
                let change = tunnel.next_change(now);
                next = next.into_iter().chain(change).min();
            }
        }
        (observations, next)
    }

    /// Numbers of the tunnels that `end` takes to be up at `now`, from 1.
    pub(super) fn up(
        &self,
        id: &VpnConnectionId,
        end: VpnEnd,
        now: SimTime,
    ) -> impl Iterator<Item = u8> {
        let tunnels = self.0.get(id).into_iter().flatten();
        let numbered = (1..).zip(tunnels);
        numbered.filter_map(move |(number, tunnel)| tunnel.is_up(end, now).then_some(number))
    }

    /// Whether both ends of tunnel `number` are in service and have negotiated.
    pub(super) fn carries(&self, id: &VpnConnectionId, number: u8, now: SimTime) -> bool {
        let tunnel = self
            .0
            .get(id)
            .and_then(|it| it.get(usize::from(number) - 1));
        tunnel.is_some_and(|it| it.aws.in_service && it.customer.in_service && now >= it.ready)
    }

    /// How long a packet of `octets` that `end` sends by tunnel `number` has to wait.
    ///
    /// # Errors
    /// The limit that the queue is full for.
    pub(super) fn admit(
        &mut self,
        id: &VpnConnectionId,
        number: u8,
        end: VpnEnd,
        (now, octets): (SimTime, usize),
        config: &VpnConfig,
    ) -> Result<SimDuration, VpnLimit> {
        let tunnels = self.0.get_mut(id);
        let tunnel = tunnels.and_then(|it| it.get_mut(usize::from(number) - 1));
        tunnel.map_or(Ok(SimDuration::ZERO), |it| {
            it.end_mut(end).limiter.admit(now, octets, config)
        })
    }
}

fn is_in_service(connection: &VpnConnection) -> bool {
    matches!(
        connection.state,
        ResourceState::Available | ResourceState::Modifying
    )
}

impl Tunnel {
    fn ends(&self, end: VpnEnd) -> (&Endpoint, &Endpoint) {
        match end {
            VpnEnd::Aws => (&self.aws, &self.customer),
            VpnEnd::Customer => (&self.customer, &self.aws),
        }
    }

    fn end_mut(&mut self, end: VpnEnd) -> &mut Endpoint {
        match end {
            VpnEnd::Aws => &mut self.aws,
            VpnEnd::Customer => &mut self.customer,
        }
    }

    /// An end goes out of service, or comes back. The first negotiation takes no time: the tunnel
    /// is there when the connection is.
    fn set(&mut self, now: SimTime, end: VpnEnd, in_service: bool, negotiation: SimDuration) {
        let (own, other) = self.ends(end);
        if own.in_service == in_service {
            return;
        }
        let other_in_service = other.in_service;
        if other_in_service && in_service {
            self.ready = if self.is_known {
                now + negotiation
            } else {
                now
            };
            self.is_known = true;
        } else if other_in_service {
            self.was_ready = now >= self.ready;
        }
        let own = self.end_mut(end);
        own.in_service = in_service;
        own.since = now;
    }

    /// Whether `end` takes the tunnel to be up.
    fn is_up(&self, end: VpnEnd, now: SimTime) -> bool {
        let (own, other) = self.ends(end);
        match (own.in_service, other.in_service) {
            (false, _) => false,
            (true, true) => now >= self.ready,
            (true, false) => self.was_ready && now < other.since + own.dpd_timeout,
        }
    }

    /// When an end will change its mind although nothing else happens.
    fn next_change(&self, now: SimTime) -> Option<SimTime> {
        let at = match (self.aws.in_service, self.customer.in_service) {
            (true, true) => self.ready,
            (true, false) => self.customer.since + self.aws.dpd_timeout,
            (false, true) => self.aws.since + self.customer.dpd_timeout,
            (false, false) => return None,
        };
        (at > now).then_some(at)
    }
}

/// Two leaky buckets, of bits and of packets, each as the moment at which it will be empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Limiter {
    bits: SimTime,
    packets: SimTime,
}

impl Limiter {
    fn admit(
        &mut self,
        now: SimTime,
        octets: usize,
        config: &VpnConfig,
    ) -> Result<SimDuration, VpnLimit> {
        let second = 1_000_000_000;
        let bits = octets as u64 * 8 * second / config.tunnel_bps.max(1);
        let packet = second / config.tunnel_pps.max(1);
        let longest = config.queue.as_nanos();
        let wait = |bucket: SimTime| {
            let level = bucket.as_nanos().saturating_sub(now.as_nanos());
            level.saturating_sub(config.burst.as_nanos())
        };
        let (for_bits, for_packets) = (wait(self.bits), wait(self.packets));
        if for_bits > longest {
            return Err(VpnLimit::Bandwidth);
        }
        if for_packets > longest {
            return Err(VpnLimit::PacketRate);
        }
        self.bits = self.bits.max(now) + SimDuration::from_nanos(bits);
        self.packets = self.packets.max(now) + SimDuration::from_nanos(packet);
        Ok(SimDuration::from_nanos(for_bits.max(for_packets)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEGOTIATION: SimDuration = SimDuration::from_secs(5);

    fn tunnel() -> Tunnel {
        let mut tunnel = Tunnel::default();
        for end in [VpnEnd::Aws, VpnEnd::Customer] {
            tunnel.end_mut(end).dpd_timeout = SimDuration::from_secs(30);
            tunnel.set(SimTime::from_secs(10), end, true, NEGOTIATION);
        }
        tunnel
    }

    fn views(tunnel: &Tunnel, secs: u64) -> (bool, bool) {
        let now = SimTime::from_secs(secs);
        (
            tunnel.is_up(VpnEnd::Aws, now),
            tunnel.is_up(VpnEnd::Customer, now),
        )
    }

    #[test]
    fn an_end_that_goes_knows_at_once_and_the_other_after_thirty_seconds() {
        let mut tunnel = tunnel();
        assert_eq!(views(&tunnel, 10), (true, true));
        tunnel.set(
            SimTime::from_secs(100),
            VpnEnd::Customer,
            false,
            NEGOTIATION,
        );
        assert_eq!(views(&tunnel, 100), (true, false));
        assert_eq!(views(&tunnel, 129), (true, false));
        assert_eq!(views(&tunnel, 130), (false, false));
        tunnel.set(SimTime::from_secs(200), VpnEnd::Customer, true, NEGOTIATION);
        assert_eq!(views(&tunnel, 204), (false, false));
        assert_eq!(views(&tunnel, 205), (true, true));
    }

    #[test]
    fn an_end_that_comes_back_before_it_was_missed_negotiates_again() {
        let mut tunnel = tunnel();
        tunnel.set(SimTime::from_secs(100), VpnEnd::Aws, false, NEGOTIATION);
        tunnel.set(SimTime::from_secs(110), VpnEnd::Aws, true, NEGOTIATION);
        assert_eq!(views(&tunnel, 114), (false, false));
        assert_eq!(views(&tunnel, 115), (true, true));
    }

    #[test]
    fn a_bucket_passes_a_burst_delays_what_follows_and_drops_what_cannot_wait() {
        let config = VpnConfig::default();
        let mut limiter = Limiter::default();
        let mut sent = 0_u64;
        let mut longest = SimDuration::ZERO;
        let refused = loop {
            match limiter.admit(SimTime::from_secs(1), 1446, &config) {
                Ok(wait) => longest = longest.max(wait),
                Err(limit) => break limit,
            }
            sent += 1;
        };
        assert_eq!(refused, VpnLimit::Bandwidth);
        let bits = sent * 1446 * 8;
        let room = (config.burst + config.queue).as_nanos();
        let capacity = config.tunnel_bps * room / 1_000_000_000;
        assert!(
            bits.abs_diff(capacity) < 2 * 1446 * 8,
            "{bits} of {capacity}"
        );
        assert!(longest <= config.queue, "{longest}");
    }
}
