//! What answers on AWS's side: resolver, instance metadata, time, and the services behind
//! endpoints.
//!
//! The fabric leads packets to a [`Service`] and takes answers from it; which way a packet came is
//! part of the service's name, so answers go back by it. Each service that was ever asked has a
//! [`Point`] here: a TCP stack of its own, and the programs on it. Datagrams are answered without
//! one, because each answer follows from its question.
//!
//! | port | at a link-local address | elsewhere |
//! | --- | --- | --- |
//! | UDP 53, TCP 53 | [`resolver`] | |
//! | TCP 80 | [`metadata`] | [`front`] |
//! | TCP 443 | | [`front`], inside TLS |
//! | UDP 123 | [`time_sync`] | |

mod front;
mod http;
mod metadata;
mod names;
mod point;
mod resolver;
mod time_sync;
mod zone;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wirelab_model::{Resources, SimTime};
use wirelab_wire::IpPacket;

use crate::config::WorldConfig;
use crate::fabric::{Plan, Service};

pub(crate) use names::PublicNames;
use point::Point;
pub(crate) use resolver::{addresses_of, ask_public};

/// What services know of their world.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) now: SimTime,
    pub(crate) config: &'a WorldConfig,
    pub(crate) resources: &'a Resources,
    pub(crate) plan: &'a Plan,
    pub(crate) names: &'a PublicNames,
}

/// Every service that was ever asked.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Services {
    points: BTreeMap<Service, Point>,
}

impl Services {
    /// A service gets a packet. Returns what it sends.
    pub(crate) fn on_packet(
        &mut self,
        service: &Service,
        packet: IpPacket,
        context: Context<'_>,
    ) -> Vec<IpPacket> {
        let point =
            (self.points.entry(service.clone())).or_insert_with(|| Point::new(service, context));
        point.on_packet(packet, context)
    }

    /// A service does what is due. Returns what it sends.
    pub(crate) fn on_timeout(&mut self, service: &Service, context: Context<'_>) -> Vec<IpPacket> {
        let point = self.points.get_mut(service);
        point.map_or_else(Vec::new, |it| it.on_timeout(context))
    }

    /// When to call [`Self::on_timeout`], if that is sooner than it was last said.
    pub(crate) fn next_timer(&mut self, service: &Service) -> Option<SimTime> {
        self.points.get_mut(service)?.next_timer()
    }
}
