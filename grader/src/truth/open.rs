//! Connections that are open when a question begins: whether they are still used, and what they
//! lose. A program that has lost one connects anew, and what becomes of that is another question.

use wirelab_simulator::Dropped;
use wirelab_simulator::host::{ClientTuple, Outcome, TrafficEvent};

use super::Evidence;
use super::ask::lost_packet;
use crate::author::{belongs, word};

/// The connection that a program has open at a moment: it was used for two exchanges before it.
#[derive(Clone, Copy)]
pub(super) struct Open {
    connection: ClientTuple,
}

impl Open {
    /// Of the client program `traffic`, when what the evidence is asked about begins.
    pub(super) fn of(evidence: &Evidence<'_>, traffic: &str) -> Option<Self> {
        let before = evidence.run.evidence().exchanges(traffic);
        let before = before.filter(|it| it.started < evidence.from);
        let mut before = before.filter_map(|it| it.connection).collect::<Vec<_>>();
        let connection = before.pop()?;
        let is_kept = before.pop() == Some(connection);
        is_kept.then_some(Self { connection })
    }

    /// Whether the exchange goes over it.
    pub(super) fn carries(&self, event: &TrafficEvent) -> bool {
        event.connection == Some(self.connection)
    }

    /// ` over its open connection, port 55584`.
    pub(super) fn named(&self) -> String {
        let port = self.connection.local_port;
        format!(" over its open connection, port {port}")
    }

    /// What it loses from the beginning on: the first packet, and how often another of the same
    /// connection is lost after it. Empty if nothing is.
    pub(super) fn losses(&self, evidence: &Evidence<'_>, traffic: &str) -> Vec<String> {
        let all = evidence.run.evidence();
        let failed = all.exchanges(traffic).find(|it| {
            it.at >= evidence.from && it.outcome != Outcome::Completed && self.carries(it)
        });
        let Some(failed) = failed else {
            return Vec::new();
        };
        let drops = all.drops.iter().filter(|it| it.at >= evidence.from);
        let is_own = |it| self.has_port(it) && belongs(it, traffic, &[failed]);
        let mut drops = drops.filter(|it| self.is_of(it) || is_own(it));
        let Some(first) = drops.next() else {
            return Vec::new();
        };
        let at = evidence.moment(failed.started);
        let outcome = word(&failed.outcome).replace('_', " ");
        let mut lines = vec![
            format!("`{traffic}` of {at}{}: {outcome}", self.named()),
            lost_packet(evidence, first),
        ];
        let again: Vec<&Dropped> = drops.collect();
        if let Some(last) = again.last() {
            let (times, until) = (again.len(), evidence.moment(last.at));
            let times = match times {
                1 => "once".to_owned(),
                times => format!("{times} times"),
            };
            lines.push(format!(
                "it is sent again and dropped again, {times} until {until}"
            ));
        }
        lines
    }

    /// Whether the packet goes between the client's end and the server's port, whatever address
    /// the server has where it is dropped.
    fn is_of(&self, drop: &Dropped) -> bool {
        let it = &self.connection;
        let (source, destination) = (drop.packet.source(), drop.packet.destination());
        drop.packet.ports().is_some_and(|(from, to)| {
            let there = (source, from, to) == (it.local, it.local_port, it.remote_port);
            there || (destination, to, from) == (it.local, it.local_port, it.remote_port)
        })
    }

    /// Whether the packet has the connection's port at one of its ends.
    fn has_port(&self, drop: &Dropped) -> bool {
        let port = self.connection.local_port;
        let ports = drop.packet.ports();
        ports.is_some_and(|(from, to)| from == port || to == port)
    }
}
