//! Commands run on a machine: they send real packets and print what the real programs print.

use serde::{Deserialize, Serialize};
use wirelab_model::SimTime;

use super::icmp::Heard;
use super::output::{ExecId, HostEvent, Output, OutputStream};
use super::Host;

/// A command at work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Exec {
    pub(super) id: ExecId,
}

impl Host {
    pub(super) fn start_exec(&mut self, now: SimTime, id: ExecId, argv: &[String], out: &mut Output) {
        let _ = argv;
        out.events.push(HostEvent::ExecOutput { id, stream: OutputStream::Stderr, text: "command not found\n".to_owned(), at: now });
        out.events.push(HostEvent::ExecDone { id, status: 127, at: now });
    }
    pub(super) fn on_exec_touched(&mut self, _now: SimTime, _id: ExecId, _out: &mut Output) {}
    pub(super) fn on_exec_icmp(&mut self, _now: SimTime, _heard: &Heard, _out: &mut Output) {}
    pub(super) fn on_exec_wake(&mut self, _now: SimTime, _id: ExecId, _out: &mut Output) {}
}
