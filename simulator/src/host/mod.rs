//! A Linux machine as it is seen on the wire.
//!
//! Sans-IO like the rest of the simulator: packets, commands and the passing of time come in as
//! calls with `now`; packets and events go out through [`Output`]. The caller calls
//! [`Host::on_timeout`] when [`Host::poll_timeout`] is due. A machine neither knows the fabric nor
//! AWS: its interfaces are given to it by [`Host::set_interfaces`].
//!
//! ARP is not sent: a [`Transmit`] names the next hop's address, and the fabric knows who has it.

mod output;
mod spec;
mod traffic;

use serde::{Deserialize, Serialize};
use wirelab_model::SimTime;
use wirelab_wire::IpPacket;

pub use output::{ExecId, HostDrop, HostEvent, Output, OutputStream, Transmit};
pub use spec::{
    Attachment, HostConfig, HostRoute, HostSettings, HostSpec, HttpResource, InterfaceConfig,
    KernelProfile, OutsideInterface, PostgresTable, ServerSpec, TunnelSpec,
};
pub use traffic::{ClientTuple, Outcome, TrafficEvent, TrafficProgram, TrafficSpec};

/// Why a machine cannot be set up as its [`HostSpec`] says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct HostError(pub String);

/// A machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    spec: HostSpec,
    config: HostConfig,
    interfaces: Vec<InterfaceConfig>,
}

impl Host {
    /// A machine that has booted and has no interface yet.
    ///
    /// # Errors
    /// [`HostError`] if a line of `spec.firewall` is not understood.
    pub fn new(spec: HostSpec, config: HostConfig) -> Result<Self, HostError> {
        Ok(Self {
            spec,
            config,
            interfaces: Vec::new(),
        })
    }

    /// What it was made from, as far as it has not been changed since.
    #[must_use]
    pub fn spec(&self) -> &HostSpec {
        &self.spec
    }

    /// Its interfaces now.
    #[must_use]
    pub fn interfaces(&self) -> &[InterfaceConfig] {
        &self.interfaces
    }

    /// Replaces the interfaces; sockets bound to an address that is gone stay and fall silent.
    pub fn set_interfaces(&mut self, _now: SimTime, interfaces: Vec<InterfaceConfig>) {
        self.interfaces = interfaces;
    }

    /// A packet has arrived on `interface`.
    pub fn on_packet(
        &mut self,
        _now: SimTime,
        _interface: usize,
        _packet: IpPacket,
        _out: &mut Output,
    ) {
    }

    /// Does everything that is due at or before `now`.
    pub fn on_timeout(&mut self, _now: SimTime, _out: &mut Output) {}

    /// When [`Self::on_timeout`] is to be called next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<SimTime> {
        None
    }

    /// Starts a command. An unknown command prints so and ends with status 127.
    pub fn exec(&mut self, _now: SimTime, _id: ExecId, _argv: &[String], _out: &mut Output) {}

    /// Starts a traffic program.
    pub fn start_traffic(&mut self, _now: SimTime, _spec: &TrafficSpec, _out: &mut Output) {}

    /// Ends a traffic program: closes its connection, reports nothing more.
    pub fn stop_traffic(&mut self, _now: SimTime, _name: &str, _out: &mut Output) {}
}
