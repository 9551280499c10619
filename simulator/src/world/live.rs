//! The watcher of packets that are really sent: captures, flow logs, drops.

use wirelab_model::{FlowAction, FlowDirection, SimTime, TrafficPath};
use wirelab_wire::{IpPacket, MacAddr};

use crate::attribution::Attribution;
use crate::capture::frame;
use crate::config::WorldConfig;
use crate::event::{CapturePoint, Captured, Dropped, Event};
use crate::fabric::{InterfaceIndex, Plan, Transit};
use crate::flow::{FlowLogs, Seen};
use crate::machines::Machine;
use crate::metrics::{Count, Metrics, Source};
use crate::path::PassDetail;
use crate::trace::Watch;
use crate::verdict::{DropReason, Hop};

use super::events::Events;

pub(super) struct Live<'a> {
    pub(super) now: SimTime,
    pub(super) config: &'a WorldConfig,
    pub(super) plan: &'a Plan,
    pub(super) machines: &'a [Machine],
    /// By interface, the machine behind it.
    pub(super) behind: &'a [Option<(u32, u32)>],
    pub(super) attribution: &'a Attribution,
    pub(super) flow_logs: &'a mut FlowLogs,
    pub(super) metrics: &'a mut Metrics,
    pub(super) events: &'a mut Events,
}

impl Watch for Live<'_> {
    const GOES_ON: bool = false;

    fn pass(&mut self, _: &IpPacket, _: impl FnOnce() -> (Hop, PassDetail)) {}

    fn deny(&mut self, transit: &Transit, hop: Hop, reason: impl Into<DropReason>) {
        if !self.config.observe.drops {
            return;
        }
        let name = |number: u32| self.machines[number as usize].name().clone();
        let traffic = transit.traffic.map(|it| self.attribution.name(it).clone());
        self.events.push(Event::Dropped(Box::new(Dropped {
            at: self.now,
            packet: (*transit.packet).clone(),
            hop,
            reason: reason.into(),
            from_host: transit.host.map(name),
            traffic,
        })));
    }

    fn capture(
        &mut self,
        interface: InterfaceIndex,
        outbound: bool,
        peer: MacAddr,
        packet: &IpPacket,
    ) {
        if self.config.observe.metrics
            && let Some(Some((machine, _))) = self.behind.get(interface.get())
        {
            let octets = packet.total_len();
            self.metrics.carry(*machine as usize, outbound, octets);
        }
        if !self.config.observe.captures {
            return;
        }
        let nic = self.plan.interface(interface);
        self.events.push(Event::Captured(Captured {
            at: self.now,
            point: CapturePoint::Interface(nic.id.clone()),
            outbound,
            frame: frame(nic.mac, peer, outbound, packet.clone()),
        }));
    }

    fn record(
        &mut self,
        interface: InterfaceIndex,
        direction: FlowDirection,
        action: FlowAction,
        traffic_path: Option<TrafficPath>,
        packet: &IpPacket,
    ) {
        if !self.config.observe.flow_records {
            return;
        }
        let seen = Seen {
            at: self.config.starts.at(self.now),
            direction,
            action,
            traffic_path,
            packet,
        };
        self.flow_logs.observe(interface, &seen);
    }

    fn count(&mut self, source: &Source, counts: &[Count]) {
        if self.config.observe.metrics {
            self.metrics.add(source, counts);
        }
    }
}
