//! What a resolver of the public DNS is asked.
//!
//! A machine knows no more than what its packets tell it. A resolver of the public DNS would ask
//! the root, the registries and Route 53 in turn; here the world answers in their place, at once.
//! So a server of [`ServerSpec::Resolver`](super::ServerSpec::Resolver) puts the query down as a
//! [`Question`], the world takes it when the machine has done what it was called for, and
//! [`Host::answer_question`] sends the answer by the way that the query came: same port, same
//! connection.

use std::net::SocketAddr;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use wirelab_model::SimTime;

use super::Host;
use super::output::Output;
use super::program::Act;
use super::stack::SocketId;
use crate::dns;

/// A query that waits for the world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Question {
    /// The query as it came, without the length that TCP puts before it.
    pub(crate) octets: Bytes,
    /// How it came.
    pub(super) way: Way,
}

/// How a query came, and its answer goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Way {
    Udp { port: u16, from: SocketAddr },
    Tcp(SocketId),
}

impl Question {
    /// Whether the answer is cut to what a datagram of the client's may hold.
    pub(crate) const fn is_datagram(&self) -> bool {
        matches!(self.way, Way::Udp { .. })
    }
}

impl Host {
    /// Takes what waits for the world.
    pub(crate) fn take_questions(&mut self) -> Vec<Question> {
        std::mem::take(&mut self.questions)
    }

    /// Sends an answer; without one a datagram stays unanswered and a connection is closed, as
    /// octets that are no query deserve.
    pub(crate) fn answer_question(
        &mut self,
        now: SimTime,
        question: &Question,
        answer: Option<Bytes>,
        out: &mut Output,
    ) {
        match (&question.way, answer) {
            (Way::Udp { port, from }, Some(octets)) => {
                self.stack.send_udp(now, *port, *from, octets);
            }
            (Way::Udp { .. }, None) => {}
            (Way::Tcp(socket), Some(octets)) => {
                self.apply_session(now, *socket, vec![Act::Send(dns::framed(&octets))]);
            }
            (Way::Tcp(socket), None) => self.end_session(now, *socket),
        }
        self.settle(now, out);
    }
}
