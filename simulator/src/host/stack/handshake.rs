//! Connections that are about to be, and those that have been.

use wirelab_model::SimTime;
use wirelab_wire::{TcpFlags, TcpSegment};

use super::{Stack, StackEvent, TimerKey};
use crate::host::tcp::{Context, Ends, Request, RequestInput, TimeWaitInput};

impl Stack {
    pub(super) fn on_syn(&mut self, now: SimTime, ends: Ends, segment: &TcpSegment) {
        self.on_syn_after(now, ends, segment, None);
    }

    /// The same where a connection in TIME-WAIT says which sequence number to start with.
    fn on_syn_after(
        &mut self,
        now: SimTime,
        ends: Ends,
        segment: &TcpSegment,
        initial_sequence: Option<u32>,
    ) {
        let Some(path) = self.path(ends.remote.ip(), now) else {
            return;
        };
        let Some(listener) = self.listeners.get(&ends.local.port()) else {
            return;
        };
        if listener.waiting > listener.backlog {
            // `tcp_conn_request`: the accept queue is full, the SYN is not answered.
            return;
        }
        let mut config = self.tcp.clone();
        config.receive_buffer = listener.receive_buffer;
        let mut draws = self.draw(now, ends);
        draws.initial_sequence = initial_sequence.unwrap_or(draws.initial_sequence);
        let mut packets = Vec::new();
        let mut cx = Context {
            now,
            path,
            out: &mut packets,
        };
        let request = Request::new(ends, config, draws, segment, &mut cx);
        self.requests.insert(ends, request);
        self.keep_request(ends, true);
        self.transmit_all(now, packets);
    }

    pub(super) fn on_request_segment(&mut self, now: SimTime, ends: Ends, segment: &TcpSegment) {
        let full = self
            .listeners
            .get(&ends.local.port())
            .is_some_and(|listener| listener.waiting > listener.backlog);
        if full && !segment.flags.contains(TcpFlags::RST) {
            // `tcp_v4_syn_recv_sock`: no room, the ACK is ignored and the request stays.
            return;
        }
        let input = self.with_request(now, ends, |request, cx| request.on_segment(segment, cx));
        match input {
            Some(RequestInput::Waiting) => self.keep_request(ends, true),
            Some(RequestInput::Gone) | None => self.keep_request(ends, false),
            Some(RequestInput::Complete(connection)) => {
                self.keep_request(ends, false);
                let id = self.insert(*connection);
                let port = ends.local.port();
                self.events
                    .push_back(StackEvent::Accepted { socket: id, port });
                self.with(now, id, |connection, cx| connection.on_segment(segment, cx));
                self.events.push_back(StackEvent::Touched(id));
            }
        }
    }

    pub(super) fn on_time_wait_segment(&mut self, now: SimTime, ends: Ends, segment: &TcpSegment) {
        let Some(wait) = self.time_waits.get_mut(&ends) else {
            return;
        };
        let listens = self.listeners.contains_key(&ends.local.port());
        let input = wait.on_segment(segment, now, listens);
        let until = wait.ends_at();
        match input {
            TimeWaitInput::Nothing => self.arm(TimerKey::TimeWait(ends), Some(until)),
            TimeWaitInput::Answer(packet) => {
                self.arm(TimerKey::TimeWait(ends), Some(until));
                self.transmit_all(now, vec![*packet]);
            }
            TimeWaitInput::Gone => {
                self.time_waits.remove(&ends);
                self.arm(TimerKey::TimeWait(ends), None);
            }
            TimeWaitInput::Reopen { initial_sequence } => {
                self.time_waits.remove(&ends);
                self.arm(TimerKey::TimeWait(ends), None);
                self.on_syn_after(now, ends, segment, Some(initial_sequence));
            }
        }
    }
}
