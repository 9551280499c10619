//! A handshake in progress at a listening socket (`request_sock`).

use serde::{Deserialize, Serialize};
use wirelab_model::SimTime;
use wirelab_wire::{TcpFlags, TcpSegment};

use super::connection::{Connection, State};
use super::options::{self, Agreed};
use super::receive::{Receiver, initial_window};
use super::rtt::{RTO_INITIAL_TICKS, RTO_MAX_TICKS};
use super::segment_in::CHALLENGE_INTERVAL;
use super::seq::{after, before};
use super::{Context, Draws, Ends, TcpConfig, clock, packet};

/// A SYN that was answered and waits for its ACK.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) ends: Ends,
    config: TcpConfig,
    draws: Draws,
    peer_sequence: u32,
    peer_mss: u32,
    peer_window: u32,
    peer_timestamp: u32,
    agreed: Agreed,
    advertised_mss: u32,
    window: u32,
    timeouts: u8,
    retransmitted: bool,
    sent_at: SimTime,
    timer: SimTime,
    /// When a segment out of window was answered last.
    challenged_at: Option<SimTime>,
}

/// What a segment did to a request.
pub(crate) enum RequestInput {
    /// Still waiting.
    Waiting,
    /// The handshake is complete; the segment is still to be given to the connection.
    Complete(Box<Connection>),
    /// The request is to be forgotten.
    Gone,
}

impl Request {
    /// Answers a SYN with SYN-ACK.
    pub(crate) fn new(
        ends: Ends,
        config: TcpConfig,
        draws: Draws,
        syn: &TcpSegment,
        cx: &mut Context<'_>,
    ) -> Self {
        let timestamps = config.timestamps && syn.timestamps().is_some();
        let mss = cx.path.advertised_mss;
        // The kernel knows by now that timestamps take 12 octets of each segment.
        let unit = mss - if timestamps { 12 } else { 0 };
        let scales = syn
            .window_scale()
            .filter(|_| config.window_scaling)
            .map(|theirs| (config.window_scale(), theirs.min(14)));
        let mut request = Self {
            ends,
            draws,
            peer_sequence: syn.sequence,
            peer_mss: syn.maximum_segment_size().map_or(536, u32::from),
            peer_window: u32::from(syn.window),
            peer_timestamp: syn.timestamps().map_or(0, |(value, _)| value),
            agreed: Agreed {
                timestamps,
                sack: config.sack && syn.sack_permitted(),
                scales,
                ecn: config.ecn > 0 && syn.flags.contains(TcpFlags::ECE | TcpFlags::CWR),
            },
            advertised_mss: mss,
            window: initial_window(&config, unit),
            timeouts: 0,
            retransmitted: false,
            sent_at: cx.now,
            timer: SimTime::MAX,
            challenged_at: None,
            config,
        };
        request.answer(cx);
        request.arm(cx.now);
        request
    }

    /// When the SYN-ACK timer is due.
    pub(crate) const fn poll_timeout(&self) -> SimTime {
        self.timer
    }

    /// The sequence number of the SYN-ACK.
    pub(crate) const fn initial_sequence(&self) -> u32 {
        self.draws.initial_sequence
    }

    /// The machine's settings as they are now: see [`TcpConfig::follow`].
    pub(crate) const fn follow(&mut self, machine: &TcpConfig) {
        self.config.follow(machine);
    }

    fn arm(&mut self, now: SimTime) {
        let ticks = (RTO_INITIAL_TICKS << self.timeouts).min(RTO_MAX_TICKS);
        self.timer = clock::expiry(now, ticks);
    }

    fn answer(&self, cx: &mut Context<'_>) {
        let options = options::handshake(
            self.advertised_mss,
            self.agreed.sack,
            self.stamps(cx),
            self.agreed.scales.map(|(ours, _)| ours),
        );
        let segment = TcpSegment {
            source_port: self.ends.local.port(),
            destination_port: self.ends.remote.port(),
            sequence: self.draws.initial_sequence,
            acknowledgment: self.peer_sequence.wrapping_add(1),
            flags: if self.agreed.ecn {
                TcpFlags::SYN | TcpFlags::ACK | TcpFlags::ECE
            } else {
                TcpFlags::SYN | TcpFlags::ACK
            },
            window: self.window as u16,
            urgent_pointer: 0,
            options,
            payload: bytes::Bytes::new(),
        };
        // `ip_build_and_send_pkt`: nothing so short is ever cut.
        let ip = packet::Ip {
            identification: 0,
            dont_fragment: true,
        };
        cx.out.push(packet::tcp(self.ends, ip, segment));
    }

    /// The SYN-ACK timer fired (`reqsk_timer_handler`): again, or false when it is enough.
    pub(crate) fn on_timeout(&mut self, cx: &mut Context<'_>) -> bool {
        if self.timeouts >= self.config.synack_retries {
            return false;
        }
        self.retransmitted = true;
        self.answer(cx);
        self.timeouts += 1;
        self.arm(cx.now);
        true
    }

    /// A further segment of the peer (`tcp_check_req`).
    pub(crate) fn on_segment(
        &mut self,
        segment: &TcpSegment,
        cx: &mut Context<'_>,
    ) -> RequestInput {
        let syn_only = segment.flags.contains(TcpFlags::SYN)
            && !segment.flags.contains(TcpFlags::ACK)
            && !segment.flags.contains(TcpFlags::RST);
        if syn_only && segment.sequence == self.peer_sequence {
            // A repeated SYN is answered at once, and the timer starts anew.
            self.peer_timestamp = segment.timestamps().map_or(0, |(value, _)| value);
            self.retransmitted = true;
            self.answer(cx);
            self.arm(cx.now);
            return RequestInput::Waiting;
        }
        let expected = self.peer_sequence.wrapping_add(1);
        let window_end = expected.wrapping_add(self.window);
        let fits = !before(segment.sequence, expected) && !after(segment.sequence, window_end);
        if segment.flags.contains(TcpFlags::RST) {
            return if fits {
                RequestInput::Gone
            } else {
                RequestInput::Waiting
            };
        }
        let acks = segment.flags.contains(TcpFlags::ACK);
        let acks_other = segment.acknowledgment != self.draws.initial_sequence.wrapping_add(1);
        if acks && acks_other {
            cx.out.extend(super::reset_for(self.ends, segment));
            return RequestInput::Waiting;
        }
        if !fits {
            self.answer_out_of_window(segment, cx);
            return RequestInput::Waiting;
        }
        if segment.flags.contains(TcpFlags::SYN) {
            cx.out.extend(super::reset_for(self.ends, segment));
            return RequestInput::Gone;
        }
        if !acks {
            return RequestInput::Waiting;
        }
        RequestInput::Complete(Box::new(self.complete(segment, cx)))
    }

    /// "Out of window: send ACK and drop", at most twice a second (`tcp_oow_rate_limited`), data
    /// excepted. A client that has forgotten this handshake answers with RST and may begin anew.
    fn answer_out_of_window(&mut self, segment: &TcpSegment, cx: &mut Context<'_>) {
        let limited = segment.payload.is_empty() || segment.flags.contains(TcpFlags::SYN);
        let recent = |last: SimTime| cx.now.since(last) < CHALLENGE_INTERVAL;
        if limited && self.challenged_at.is_some_and(recent) {
            return;
        }
        if limited {
            self.challenged_at = Some(cx.now);
        }
        // `tcp_v4_reqsk_send_ack`.
        let scale = self.agreed.scales.map_or(0, |(ours, _)| ours);
        let options = options::established(self.stamps(cx), &[]);
        let ack = TcpSegment::new(
            self.ends.local.port(),
            self.ends.remote.port(),
            TcpFlags::ACK,
        )
        .with_numbers(
            self.draws.initial_sequence.wrapping_add(1),
            self.peer_sequence.wrapping_add(1),
        )
        .with_window((self.window >> scale) as u16)
        .with_options(options);
        let ip = packet::Ip {
            identification: 0,
            dont_fragment: true,
        };
        cx.out.push(packet::tcp(self.ends, ip, ack));
    }

    /// What the timestamps option of an answer says, if both ends want one.
    fn stamps(&self, cx: &Context<'_>) -> Option<(u32, u32)> {
        self.agreed.timestamps.then(|| {
            let value = cx.millis().wrapping_add(self.draws.timestamp_offset);
            (value, self.peer_timestamp)
        })
    }

    /// `tcp_v4_syn_recv_sock` and the move to ESTABLISHED.
    fn complete(&self, segment: &TcpSegment, cx: &Context<'_>) -> Connection {
        let receiver = Receiver::new(self.advertised_mss, self.window, &self.config);
        let mut connection = Connection::new(self.ends, self.config.clone(), self.draws, receiver);
        let first = self.draws.initial_sequence.wrapping_add(1);
        connection.una = first;
        connection.next = first;
        connection.write_seq = first;
        connection.pushed = first;
        connection.minimum_small_end = first;
        connection.high_seq = first;
        connection.cwnd_usage_seq = first;
        connection.agreed = self.agreed;
        connection.state = State::Established;
        connection.peer_mss = self.advertised_mss.min(self.peer_mss.max(88));
        connection.peer_timestamp = self.peer_timestamp;
        connection.window_max = self.peer_window;
        connection.sync_mss(cx.path.mtu);
        connection.mtu_search_low = connection.initial_search_low();
        connection.receiver.start(
            self.peer_sequence,
            connection.mss,
            self.agreed.timestamps,
            cx.now,
        );
        let shift = self.agreed.scales.map_or(0, |(_, theirs)| theirs);
        connection.window = u32::from(segment.window) << shift;
        connection.window_max = connection.window_max.max(connection.window);
        connection.window_seq = segment.sequence;
        connection.last_received = cx.now;
        connection.established_at = cx.now;
        connection.delivered = 1;
        let micros = if self.retransmitted {
            connection.echoed_rtt(segment, cx)
        } else {
            Some(cx.now.since(self.sent_at).as_nanos() / 1000)
        };
        if let Some(micros) = micros {
            connection.rtt.sample(micros, first, first);
        }
        if self.timeouts > 1 {
            connection.cwnd = 1;
        }
        connection.update_pacing_rate();
        connection
    }
}
