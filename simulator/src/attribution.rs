//! Whose packet is this? Which machine sent it first, and which client program's exchange it is
//! part of, in both directions and through translation and forwarding.
//!
//! A packet carries its attribution while it is in the fabric. Machines do not carry it, so what
//! came to a machine is remembered by flow: what it forwards or answers gets the same.

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use wirelab_wire::{FiveTuple, IpPacket};

use crate::host::{TrafficProgram, TrafficSpec};

/// How many flows of machines are remembered; then all are forgotten.
const REMEMBERED: usize = 65_536;

/// Client programs and the flows that belong to them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Attribution {
    /// All that ever ran: packets refer to them by number.
    traffic: Vec<Program>,
    /// By machine and the flow of what it will send.
    flows: IndexMap<(u32, FiveTuple), Owner, FxBuildHasher>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Program {
    spec: TrafficSpec,
    running: bool,
}

/// Number of the machine that sent a packet first, and of the client program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Owner {
    pub(crate) host: Option<u32>,
    pub(crate) traffic: Option<u32>,
}

impl Attribution {
    /// Adds a client program. `false` if one of this name is running.
    pub(crate) fn add(&mut self, spec: &TrafficSpec) -> bool {
        let mut running = self.traffic.iter().filter(|it| it.running);
        let is_new = running.all(|it| it.spec.name != spec.name);
        if is_new {
            let spec = spec.clone();
            let running = true;
            self.traffic.push(Program { spec, running });
        }
        is_new
    }

    /// Ends the client program of this name. Returns the name of its machine.
    pub(crate) fn stop(&mut self, name: &str) -> Option<SmolStr> {
        let mut running = self.traffic.iter_mut().filter(|it| it.running);
        let program = running.find(|it| it.spec.name == name)?;
        program.running = false;
        Some(program.spec.from.clone())
    }

    /// The client programs that run on a machine.
    pub(crate) fn of_host(&self, host: &str) -> impl Iterator<Item = &TrafficSpec> {
        let running = self.traffic.iter().filter(|it| it.running);
        running.map(|it| &it.spec).filter(move |it| it.from == host)
    }

    /// The name of a client program.
    pub(crate) fn name(&self, traffic: u32) -> &SmolStr {
        &self.traffic[traffic as usize].spec.name
    }

    /// A machine gets a packet: `forwards` tells that it is not addressed to it.
    pub(crate) fn received(&mut self, host: u32, packet: &IpPacket, owner: Owner, forwards: bool) {
        if owner.traffic.is_none() && !forwards {
            return;
        }
        let flow = packet.five_tuple();
        if forwards {
            self.remember((host, flow), owner);
        }
        let answers = Owner {
            host: Some(host),
            ..owner
        };
        self.remember((host, flow.reversed()), answers);
    }

    /// A machine sends a packet; `own` tells that the source is its own address.
    pub(crate) fn sent(&mut self, host: u32, name: &str, packet: &IpPacket, own: bool) -> Owner {
        let key = (host, packet.five_tuple());
        let itself = own.then_some(host);
        if let Some(known) = self.flows.get(&key) {
            return Owner {
                host: itself.or(known.host),
                ..*known
            };
        }
        let owner = Owner {
            host: itself,
            traffic: self.started_by(name, packet).filter(|_| own),
        };
        self.remember(key, owner);
        owner
    }

    fn remember(&mut self, key: (u32, FiveTuple), owner: Owner) {
        if self.flows.len() >= REMEMBERED {
            self.flows.clear();
        }
        self.flows.insert(key, owner);
    }

    /// A machine dropped a packet that it sent, forwarded or got.
    pub(crate) fn dropped(&mut self, host: u32, name: &str, packet: &IpPacket, own: bool) -> Owner {
        // What it got is known by the flow of its answers.
        let answers = (host, packet.five_tuple().reversed());
        match self.flows.get(&answers).filter(|_| !own) {
            Some(owner) => Owner {
                host: None,
                ..*owner
            },
            None => self.sent(host, name, packet, own),
        }
    }

    fn started_by(&self, host: &str, packet: &IpPacket) -> Option<u32> {
        let flow = packet.five_tuple();
        let at = self.traffic.iter().rposition(|Program { spec: it, .. }| {
            let is_ping = matches!(it.program, TrafficProgram::Ping { .. });
            let is_scan = matches!(it.program, TrafficProgram::Scan { .. });
            (it.to == flow.destination || it.to_name.is_some())
                && it.from == host
                && if is_ping {
                    packet.echo_identifier().is_some()
                } else {
                    it.port == flow.destination_port || is_scan
                }
        });
        at.and_then(|at| u32::try_from(at).ok())
    }
}
