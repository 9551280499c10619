//! What an explained probe leaves: its hops, and who would have got it.

use std::net::IpAddr;

use wirelab_model::{FlowAction, FlowDirection, NatGatewayId, TrafficPath};
use wirelab_wire::{IpPacket, MacAddr};

use super::walk::Start;
use super::{PassDetail, PathStep, StepVerdict};
use crate::fabric::{InterfaceIndex, Place, Transit};
use crate::trace::Watch;
use crate::verdict::{DropReason, Hop, InternetGatewayDrop, NatGatewayDrop};

/// Writes every hop down.
#[derive(Default)]
pub(super) struct Recorder {
    pub(super) steps: Vec<PathStep>,
    pub(super) stranger: Option<IpAddr>,
    pub(super) reached_stranger: bool,
    pub(super) translator: Option<(NatGatewayId, IpAddr)>,
    pub(super) reached_translator: bool,
    pub(super) told: Option<Start>,
}

impl Recorder {
    fn add(&mut self, packet: &IpPacket, hop: Hop, verdict: StepVerdict) {
        self.steps.push(PathStep {
            hop,
            verdict,
            source: packet.source(),
            destination: packet.destination(),
        });
    }
}

impl Watch for Recorder {
    const GOES_ON: bool = true;

    fn pass(&mut self, packet: &IpPacket, describe: impl FnOnce() -> (Hop, PassDetail)) {
        let (hop, detail) = describe();
        self.add(packet, hop, StepVerdict::Pass(detail));
    }

    fn deny(&mut self, transit: &Transit, hop: Hop, reason: impl Into<DropReason>) {
        let reason = reason.into();
        // A stranger is no machine of this world, and there all the same.
        let nobody_at = match &reason {
            DropReason::InternetGateway(InternetGatewayDrop::NoSuchPublicAddress {
                destination,
            }) => Some(*destination),
            _ => None,
        };
        if nobody_at.is_some() && self.stranger == nobody_at {
            self.reached_stranger = true;
            let verdict = StepVerdict::Pass(PassDetail::Plain);
            return self.add(&transit.packet, hop, verdict);
        }
        // The gateway that has sent the probe knows no connection of it, and has the answer.
        let is_translator = |gateway: &NatGatewayId| {
            let sender = self.translator.as_ref();
            sender.is_some_and(|(id, own)| id == gateway && *own == transit.packet.destination())
        };
        if let DropReason::NatGateway(NatGatewayDrop::NoMapping { nat_gateway }) = &reason
            && is_translator(nat_gateway)
        {
            self.reached_translator = true;
            let verdict = StepVerdict::Pass(PassDetail::Plain);
            return self.add(&transit.packet, hop, verdict);
        }
        self.add(&transit.packet, hop, StepVerdict::Deny(reason));
    }

    fn told(&mut self, place: Place, transit: Transit) {
        self.told.get_or_insert((place, transit));
    }

    fn capture(&mut self, _: InterfaceIndex, _: bool, _: MacAddr, _: &IpPacket) {}

    fn record(
        &mut self,
        _: InterfaceIndex,
        _: FlowDirection,
        _: FlowAction,
        _: Option<TrafficPath>,
        _: &IpPacket,
    ) {
    }
}
