//! Who looks on while a packet walks through the fabric.
//!
//! The hop functions are written once, over a [`Watch`]. When packets are sent, the watcher makes
//! events of captures, records and drops and stops a packet at its first deny; when a path is
//! explained, it writes every hop down and lets the packet go on.

use wirelab_model::{FlowAction, FlowDirection, TrafficPath};
use wirelab_wire::{IpPacket, MacAddr};

use crate::fabric::{InterfaceIndex, Place, Transit};
use crate::metrics::{Count, Source};
use crate::path::PassDetail;
use crate::verdict::{DropReason, Hop};

/// An onlooker.
pub(crate) trait Watch {
    /// Whether walks go on after a deny, where there is a way on.
    const GOES_ON: bool;

    /// `hop` lets the packet pass. Hop and detail are made only if somebody wants them.
    fn pass(&mut self, packet: &IpPacket, describe: impl FnOnce() -> (Hop, PassDetail));

    /// `hop` drops the packet.
    fn deny(&mut self, transit: &Transit, hop: Hop, reason: impl Into<DropReason>);

    /// The machine behind `interface` sees the packet on it.
    fn capture(
        &mut self,
        interface: InterfaceIndex,
        outbound: bool,
        peer: MacAddr,
        packet: &IpPacket,
    );

    /// The flow logs of `interface` count the packet.
    fn record(
        &mut self,
        interface: InterfaceIndex,
        direction: FlowDirection,
        action: FlowAction,
        path: Option<TrafficPath>,
        packet: &IpPacket,
    );

    /// A hop tells a packet's sender why it is dropped. Walks that go on leave it to the watch what
    /// becomes of that.
    fn told(&mut self, _: Place, _: Transit) {}

    /// A resource counts something for CloudWatch.
    fn count(&mut self, _: &Source, _: &[Count]) {}
}
