//! What remains of a connection after closing (RFC 9293 section 3.6.1, `tcp_minisocks.c`).

use serde::{Deserialize, Serialize};
use wirelab_model::{SimDuration, SimTime};
use wirelab_wire::{IpPacket, TcpFlags, TcpSegment};

use super::connection::Connection;
use super::seq::{after, before};
use super::{Ends, clock, options, packet};

/// `TCP_TIMEWAIT_LEN`.
const LENGTH: SimDuration = SimDuration::from_secs(60);

/// A connection in TIME-WAIT.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TimeWait {
    pub(crate) ends: Ends,
    next: u32,
    receive_next: u32,
    window: u16,
    timestamps: Option<(u32, u32)>,
    ends_at: SimTime,
}

/// What a segment to TIME-WAIT asks for.
pub(crate) enum TimeWaitInput {
    Nothing,
    Answer(Box<IpPacket>),
    /// A new SYN may take the four-tuple over (RFC 6191), and its answer starts above all that was
    /// sent.
    Reopen {
        initial_sequence: u32,
    },
    Gone,
}

impl TimeWait {
    /// Takes over from a connection that has just entered TIME-WAIT.
    pub(crate) fn new(connection: &mut Connection, now: SimTime) -> Self {
        let scale = connection.receive_scale();
        let window = connection.receiver.select_window(scale) >> scale;
        let stamps = (connection.timestamp_offset, connection.peer_timestamp);
        Self {
            ends: connection.ends,
            next: connection.next,
            receive_next: connection.receiver.next,
            window: window.min(65535) as u16,
            timestamps: connection.agreed.timestamps.then_some(stamps),
            ends_at: clock::expiry(now, clock::ticks(LENGTH)),
        }
    }

    /// When it is over.
    pub(crate) const fn ends_at(&self) -> SimTime {
        self.ends_at
    }

    /// `tcp_timewait_state_process`. A SYN finds somebody who `listens`, or none.
    pub(crate) fn on_segment(
        &mut self,
        segment: &TcpSegment,
        now: SimTime,
        listens: bool,
    ) -> TimeWaitInput {
        let reset = segment.flags.contains(TcpFlags::RST);
        let value = segment.timestamps().map(|(value, _)| value);
        let stamps = value.zip(self.timestamps.map(|(_, recent)| recent));
        let stale = stamps.is_some_and(|(value, recent)| before(value, recent));
        let nothing_new = segment.sequence_len() == 0 || reset;
        if !stale && segment.sequence == self.receive_next && nothing_new {
            if reset {
                return TimeWaitInput::Gone;
            }
            self.wait_again(now);
            if let (Some((_, recent)), Some(value)) = (&mut self.timestamps, value) {
                *recent = value;
            }
            return TimeWaitInput::Nothing;
        }
        let syn_only = segment.flags.contains(TcpFlags::SYN)
            && !segment.flags.contains(TcpFlags::ACK)
            && !reset;
        let newer = stamps.is_some_and(|(value, recent)| after(value, recent));
        let above = after(segment.sequence, self.receive_next) || newer;
        if syn_only && !stale && above && listens {
            let initial_sequence = self.next.wrapping_add(65_535 + 2).max(1);
            return TimeWaitInput::Reopen { initial_sequence };
        }
        if reset {
            return TimeWaitInput::Nothing;
        }
        if stale || segment.flags.contains(TcpFlags::ACK) {
            self.wait_again(now);
        }
        TimeWaitInput::Answer(Box::new(self.acknowledge(now)))
    }

    fn wait_again(&mut self, now: SimTime) {
        self.ends_at = clock::expiry(now, clock::ticks(LENGTH));
    }

    /// The ACK of a socket that is no more: identification 0.
    fn acknowledge(&self, now: SimTime) -> IpPacket {
        let stamps = self.timestamps.map(|(offset, recent)| {
            let value = (now.as_nanos() / 1_000_000) as u32;
            (value.wrapping_add(offset), recent)
        });
        let ip = packet::Ip {
            identification: 0,
            dont_fragment: true,
        };
        let segment = TcpSegment {
            source_port: self.ends.local.port(),
            destination_port: self.ends.remote.port(),
            sequence: self.next,
            acknowledgment: self.receive_next,
            flags: TcpFlags::ACK,
            window: self.window,
            urgent_pointer: 0,
            options: options::established(stamps, &[]),
            payload: bytes::Bytes::new(),
        };
        packet::tcp(self.ends, ip, segment)
    }
}
