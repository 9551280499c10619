//! One TCP socket: its state and what programs do with it.

use std::collections::VecDeque;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use wirelab_model::SimTime;
use wirelab_wire::TcpFlags;

use super::cubic::Cubic;
use super::flight::Flight;
use super::options::Agreed;
use super::queue::{Piece, StreamBuffer};
use super::receive::Receiver;
use super::rtt::RttEstimator;
use super::{Context, Draws, Ends, Keepalive, SocketError, TcpConfig, clock};

/// A write of this size blocks while earlier data is unsent (second value of `tcp_wmem`).
const SEND_BUFFER: usize = 16_384;

/// RFC 9293 section 3.3.2, less LISTEN and SYN-RECEIVED (see `listener`) and TIME-WAIT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum State {
    SynSent,
    Established,
    FinWait1,
    FinWait2,
    CloseWait,
    Closing,
    LastAck,
    /// Both directions are done; a [`super::TimeWait`] takes over.
    TimeWait,
    Closed,
}

/// `enum tcp_ca_state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum CongestionState {
    Open,
    Disorder,
    Cwr,
    Recovery,
    Loss,
}

/// Which of its meanings the one retransmission timer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum RetransmitTimer {
    Retransmit,
    LossProbe,
    Reorder,
    ZeroWindowProbe,
}

/// RFC 8985 state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rack {
    pub(crate) sent_at: SimTime,
    pub(crate) end: u32,
    pub(crate) rtt: u64,
    pub(crate) advanced: bool,
    pub(crate) reordering_seen: bool,
    pub(crate) window_steps: u64,
}

/// A socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Connection {
    pub(crate) ends: Ends,
    pub(crate) state: State,
    pub(crate) error: Option<SocketError>,
    pub(super) soft_error: Option<SocketError>,
    pub(super) config: TcpConfig,
    pub(super) agreed: Agreed,
    pub(super) timestamp_offset: u32,
    /// `ts_recent`: what our timestamps echo.
    pub(super) peer_timestamp: u32,
    pub(super) identification: u16,
    /// No program holds it any more.
    pub(super) orphan: bool,
    /// The peer has answered what was sent, so its next hop lives: the next segment says so to the
    /// neighbour table (`sk_dst_pending_confirm`).
    pub(crate) confirms: bool,
    /// `TCP_NODELAY`.
    pub(super) no_delay: bool,

    // What is to be sent.
    pub(super) stream: StreamBuffer,
    /// Large writes that wait for room in the send buffer.
    pub(super) blocked: VecDeque<Bytes>,
    pub(super) sent: Flight,
    pub(super) unsent: VecDeque<Piece>,
    pub(super) una: u32,
    pub(super) next: u32,
    pub(super) write_seq: u32,
    pub(super) pushed: u32,
    pub(super) minimum_small_end: u32,
    pub(super) window: u32,
    pub(super) window_max: u32,
    pub(super) window_seq: u32,
    /// Largest segment the peer takes, from its MSS option.
    pub(super) peer_mss: u32,
    pub(super) mss: u32,
    pub(super) known_mtu: u32,
    pub(super) mtu_search_low: Option<u32>,
    pub(super) fin_queued: bool,

    // Congestion control and loss detection.
    pub(super) rtt: RttEstimator,
    pub(super) cubic: Cubic,
    pub(super) congestion: CongestionState,
    pub(super) cwnd: u32,
    pub(super) cwnd_count: u32,
    pub(super) ssthresh: u32,
    pub(super) prior_ssthresh: u32,
    pub(super) prior_cwnd: u32,
    pub(super) cwnd_limited: bool,
    pub(super) max_packets_out: u32,
    pub(super) cwnd_usage_seq: u32,
    pub(super) cwnd_stamp: SimTime,
    pub(super) high_seq: u32,
    /// Without SACK: segments that duplicate ACKs tell of (`sacked_out` of NewReno).
    pub(super) told_by_duplicates: u32,
    /// `tp->reordering`, which counts without SACK only.
    pub(super) reordering: u32,
    pub(super) prr_delivered: u32,
    pub(super) prr_out: u32,
    pub(super) undo_marker: Option<u32>,
    pub(super) undo_retrans: i64,
    pub(super) retrans_stamp: Option<SimTime>,
    pub(super) forward_rto: bool,
    pub(super) rack: Rack,
    pub(super) loss_probe_end: Option<u32>,
    pub(super) loss_probe_retransmitted: bool,
    pub(super) pacing_rate: Option<u64>,
    pub(super) last_sent: SimTime,
    pub(super) last_wire: SimTime,

    // Timers.
    pub(super) retransmit_timer: Option<(RetransmitTimer, SimTime)>,
    pub(super) retransmits: u8,
    pub(super) backoff: u8,
    pub(super) total_timeouts: u8,
    pub(super) probes_out: u8,
    pub(super) keepalive_probes: u8,
    pub(super) total_retransmitted: u32,
    pub(super) totals: Totals,
    pub(super) ack_timer: Option<SimTime>,
    pub(super) compressed_ack_timer: Option<SimTime>,
    pub(super) keepalive_timer: Option<SimTime>,
    pub(super) last_received: SimTime,
    /// The handshake was over then.
    pub(super) established_at: SimTime,
    /// `tp->delivered`: segments that have arrived at the peer, the SYN among them.
    pub(super) delivered: u32,

    pub(super) receiver: Receiver,
    pub(super) out_of_window_ack: Option<SimTime>,
}

impl Connection {
    /// A socket before `connect()` or, for a server, in the moment its handshake completes.
    pub(super) fn new(ends: Ends, config: TcpConfig, draws: Draws, receiver: Receiver) -> Self {
        let isn = draws.initial_sequence;
        Self {
            ends,
            state: State::Closed,
            error: None,
            soft_error: None,
            agreed: Agreed::default(),
            timestamp_offset: draws.timestamp_offset,
            peer_timestamp: 0,
            identification: draws.identification,
            orphan: false,
            confirms: false,
            no_delay: false,
            stream: StreamBuffer::default(),
            blocked: VecDeque::new(),
            sent: Flight::default(),
            unsent: VecDeque::new(),
            una: isn,
            next: isn,
            write_seq: isn,
            pushed: isn,
            minimum_small_end: isn,
            window: 0,
            window_max: 0,
            window_seq: 0,
            peer_mss: 536,
            mss: 536,
            known_mtu: 0,
            mtu_search_low: None,
            fin_queued: false,
            rtt: RttEstimator::default(),
            cubic: Cubic::default(),
            congestion: CongestionState::Open,
            cwnd: 10,
            cwnd_count: 0,
            ssthresh: u32::MAX,
            prior_ssthresh: 0,
            prior_cwnd: 0,
            cwnd_limited: false,
            max_packets_out: 0,
            cwnd_usage_seq: isn,
            cwnd_stamp: SimTime::ZERO,
            high_seq: isn,
            told_by_duplicates: 0,
            reordering: super::newreno::REORDERING,
            prr_delivered: 0,
            prr_out: 0,
            undo_marker: None,
            undo_retrans: -1,
            retrans_stamp: None,
            forward_rto: false,
            rack: Rack {
                window_steps: 1,
                ..Rack::default()
            },
            loss_probe_end: None,
            loss_probe_retransmitted: false,
            pacing_rate: None,
            last_sent: SimTime::ZERO,
            last_wire: SimTime::ZERO,
            retransmit_timer: None,
            retransmits: 0,
            backoff: 0,
            total_timeouts: 0,
            probes_out: 0,
            keepalive_probes: 0,
            total_retransmitted: 0,
            totals: Totals::default(),
            ack_timer: None,
            compressed_ack_timer: None,
            keepalive_timer: None,
            last_received: SimTime::ZERO,
            established_at: SimTime::ZERO,
            delivered: 0,
            receiver,
            out_of_window_ack: None,
            config,
        }
    }

    /// `connect()`: sends the SYN.
    pub(crate) fn connect(
        ends: Ends,
        config: TcpConfig,
        draws: Draws,
        cx: &mut Context<'_>,
    ) -> Self {
        let mss = cx.path.advertised_mss;
        let window = super::receive::initial_window(&config, mss);
        let receiver = Receiver::new(mss, window, &config);
        let mut connection = Self::new(ends, config, draws, receiver);
        connection.state = State::SynSent;
        connection.peer_mss = mss;
        connection.mtu_search_low = connection.initial_search_low();
        connection.sync_mss(cx.path.mtu);
        let isn = draws.initial_sequence;
        let mut syn = Piece::new(isn, isn.wrapping_add(1), TcpFlags::SYN, connection.mss);
        syn.sent_at = cx.now;
        connection.write_seq = syn.end;
        connection.pushed = syn.end;
        connection.next = syn.end;
        connection.sent.push_back(syn);
        connection.retrans_stamp = None;
        connection.transmit_syn(cx);
        connection.set_retransmit_timer(RetransmitTimer::Retransmit, connection.rtt.rto, cx.now);
        connection
    }

    /// The machine's settings as they are now: see [`TcpConfig::follow`].
    pub(crate) const fn follow(&mut self, machine: &TcpConfig) {
        self.config.follow(machine);
    }

    /// `TCP_NODELAY`.
    pub(crate) fn set_no_delay(&mut self) {
        self.no_delay = true;
    }

    /// `SO_KEEPALIVE`.
    pub(crate) fn set_keepalive(&mut self, keepalive: Keepalive, now: SimTime) {
        self.config.keepalive = Some(keepalive);
        if self.state != State::SynSent {
            self.keepalive_timer = Some(clock::expiry(now, clock::ticks(keepalive.time)));
        }
    }

    /// What keepalive goes by, if the socket has it.
    pub(crate) const fn keepalive_mut(&mut self) -> Option<&mut Keepalive> {
        self.config.keepalive.as_mut()
    }

    /// `send()` of one buffer. Ignored after [`Self::close`].
    pub(crate) fn send(&mut self, data: Bytes, cx: &mut Context<'_>) {
        if data.is_empty() || self.fin_queued || !self.may_send() {
            return;
        }
        let full = !self.unsent.is_empty() && data.len() >= SEND_BUFFER;
        if full || !self.blocked.is_empty() {
            self.blocked.push_back(data);
            return;
        }
        self.restart_after_idle(cx.now);
        self.write(data, cx);
    }

    /// Whether `send()` still makes sense.
    pub(crate) const fn may_send(&self) -> bool {
        matches!(
            self.state,
            State::SynSent | State::Established | State::CloseWait
        )
    }

    /// `recv()` until it would block. Reading may send a window update or a due ACK.
    pub(crate) fn receive(&mut self, cx: &mut Context<'_>) -> Vec<Bytes> {
        let data = self.receiver.take(cx.now);
        if !data.is_empty() {
            self.clean_receive_buffer(cx);
        }
        data
    }

    /// Whether the peer has sent FIN and everything before it was read.
    pub(crate) fn at_end(&self) -> bool {
        self.receiver.finished() && self.receiver.is_empty()
    }

    /// `shutdown(SHUT_WR)`: FIN after what is queued.
    pub(crate) fn shutdown(&mut self, cx: &mut Context<'_>) {
        while let Some(data) = self.blocked.pop_front() {
            self.write(data, cx);
        }
        let next = match self.state {
            State::Established => State::FinWait1,
            State::CloseWait => State::LastAck,
            State::SynSent => {
                self.finish();
                return;
            }
            _ => return,
        };
        self.state = next;
        self.send_fin(cx);
    }

    /// `close()`: as [`Self::shutdown`], and nobody reads any more; RST if unread data is lost.
    pub(crate) fn close(&mut self, cx: &mut Context<'_>) {
        self.orphan = true;
        if !self.receiver.is_empty() {
            self.abort(cx);
            return;
        }
        self.shutdown(cx);
        if self.state == State::FinWait2 {
            let ticks = clock::ticks(self.config.fin_timeout);
            self.keepalive_timer = Some(clock::expiry(cx.now, ticks));
        } else {
            self.keepalive_timer = None;
        }
    }

    /// `close()` with `SO_LINGER` 0, or of a socket with unread data: RST.
    pub(crate) fn abort(&mut self, cx: &mut Context<'_>) {
        if !matches!(self.state, State::SynSent | State::Closed | State::TimeWait) {
            self.transmit_control(TcpFlags::RST | TcpFlags::ACK, self.next, cx);
        }
        self.finish();
    }

    /// An ICMP error about a segment of this connection (`tcp_v4_err`).
    pub(crate) fn on_unreachable(&mut self, error: SocketError, quoted_seq: u32) {
        use super::seq::{after, before};
        if self.state == State::SynSent {
            self.fail(error);
        } else if !before(quoted_seq, self.una) && !after(quoted_seq, self.next) {
            self.soft_error = Some(error);
        }
    }

    /// ICMP 3/4 has lowered the path MTU (`tcp_v4_mtu_reduced`): at the first message everything
    /// that is too long is sent again at once in smaller segments, and the window stays.
    pub(crate) fn on_path_mtu(&mut self, quoted_seq: u32, cx: &mut Context<'_>) {
        use super::seq::{after, before};
        if before(quoted_seq, self.una) || after(quoted_seq, self.next) {
            return;
        }
        if matches!(self.state, State::SynSent | State::Closed | State::TimeWait) {
            return;
        }
        if self.config.dont_fragment && self.known_mtu > cx.path.mtu {
            self.sync_mss(cx.path.mtu);
            self.simple_retransmit(cx);
        }
    }

    /// Whether no program holds it any more.
    pub(crate) const fn is_orphan(&self) -> bool {
        self.orphan
    }

    /// Whether the handshake has completed at some time.
    pub(crate) fn was_established(&self) -> bool {
        self.state != State::SynSent && self.receiver.established()
    }

    /// What `ss` shows: `(Recv-Q, Send-Q)` in octets.
    pub(crate) fn queues(&self) -> (u32, u32) {
        let unacknowledged = self.write_seq.wrapping_sub(self.una);
        (self.receiver.unread(), unacknowledged)
    }

    /// Details for `ss -i`.
    pub(crate) fn info(&self) -> Info {
        Info {
            scales: self.agreed.scales,
            timestamps: self.agreed.timestamps,
            sack: self.agreed.sack,
            rto_ms: clock::span(self.rtt.rto).as_millis(),
            rtt_us: self.rtt.smoothed(),
            mss: self.mss,
            path_mtu: self.known_mtu,
            receive_mss: self.receiver.peer_segment(),
            advertised_mss: self.receiver.advertised_mss,
            cwnd: self.cwnd,
            ssthresh: (self.ssthresh != u32::MAX).then_some(self.ssthresh),
            rtt_variance_us: self.rtt.variance(),
            unacknowledged: self.packets_out(),
            retransmitted_now: self.sent.count().retransmitted,
            lost: self.sent.count().lost,
            total_retransmitted: self.total_retransmitted,
            backoff: self.backoff,
            totals: self.totals,
            minimum_rtt_us: self.rtt.minimum(),
            peer_window: self.window,
            timer: self.next_timer(),
            last_sent: self.last_sent.max(self.established_at),
            last_data: self.receiver.last_data().max(self.established_at),
            last_received: self.last_received,
            pacing_rate: self.pacing_rate.unwrap_or(0),
            delivered: self.delivered,
            ack_timeout_ms: self.receiver.ack_timeout().as_millis(),
            receive_space: self.receiver.space(),
            receive_threshold: self.receiver.threshold(),
        }
    }

    /// Ends the connection with an error for the program.
    pub(super) fn fail(&mut self, error: SocketError) {
        self.error = Some(error);
        self.finish();
    }

    /// Nothing more is sent or expected.
    pub(super) fn finish(&mut self) {
        self.state = State::Closed;
        self.sent.clear();
        self.unsent.clear();
        self.retransmit_timer = None;
        self.ack_timer = None;
        self.compressed_ack_timer = None;
        self.keepalive_timer = None;
    }
}

/// What a connection has carried (`tcpi_bytes_*`, `tcpi_segs_*`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Totals {
    /// Octets of data sent, those sent again as well.
    pub(crate) sent: u64,
    pub(crate) sent_again: u64,
    /// Sequence numbers acknowledged, SYN and FIN among them.
    pub(crate) acknowledged: u64,
    /// Sequence numbers taken.
    pub(crate) received: u64,
    pub(crate) segments_out: u64,
    pub(crate) segments_in: u64,
    pub(crate) data_out: u64,
    pub(crate) data_in: u64,
}

/// A snapshot for `ss -i`.
#[derive(Clone, Debug)]
pub(crate) struct Info {
    pub(crate) scales: Option<(u8, u8)>,
    pub(crate) timestamps: bool,
    pub(crate) sack: bool,
    pub(crate) rto_ms: u64,
    pub(crate) rtt_us: u64,
    pub(crate) mss: u32,
    pub(crate) path_mtu: u32,
    pub(crate) receive_mss: u32,
    pub(crate) advertised_mss: u32,
    pub(crate) cwnd: u32,
    pub(crate) ssthresh: Option<u32>,
    /// Mean deviation of the round-trip time.
    pub(crate) rtt_variance_us: u64,
    /// Segments sent and not acknowledged.
    pub(crate) unacknowledged: u32,
    /// Retransmitted segments in flight.
    pub(crate) retransmitted_now: u32,
    /// Segments taken for lost.
    pub(crate) lost: u32,
    /// Segments retransmitted ever.
    pub(crate) total_retransmitted: u32,
    pub(crate) backoff: u8,
    pub(crate) totals: Totals,
    pub(crate) minimum_rtt_us: u64,
    /// The window that the peer has announced, in octets.
    pub(crate) peer_window: u32,
    pub(crate) timer: Option<(&'static str, SimTime)>,
    /// When data was last sent, and when it last came; at the latest when it was established.
    pub(crate) last_sent: SimTime,
    pub(crate) last_data: SimTime,
    /// When a segment last came.
    pub(crate) last_received: SimTime,
    /// Octets a second; 0 before the first round trip is known.
    pub(crate) pacing_rate: u64,
    pub(crate) delivered: u32,
    /// How long an ACK may wait (`icsk_ack.ato`).
    pub(crate) ack_timeout_ms: u64,
    /// `rcvq_space.space` and `rcv_ssthresh` in octets.
    pub(crate) receive_space: u32,
    pub(crate) receive_threshold: u64,
}
