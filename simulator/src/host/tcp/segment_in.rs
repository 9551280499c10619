//! An arriving segment: the checks of RFC 9293 section 3.10.7 and the changes of state.

use wirelab_model::SimDuration;
use wirelab_wire::{TcpFlags, TcpSegment};

use super::acknowledge::AckFlags;
use super::connection::{Connection, RetransmitTimer, State};
use super::options::Agreed;
use super::receive::Arrival;
use super::send::Push;
use super::seq::{after, before};
use super::{Context, SocketError, clock};

/// `tcp_invalid_ratelimit`.
pub(super) const CHALLENGE_INTERVAL: SimDuration = SimDuration::from_millis(500);
/// `TCP_TIMEOUT_MIN`.
const TIMEOUT_MIN_TICKS: u64 = 2;

impl Connection {
    /// Handles one segment for this socket.
    pub(crate) fn on_segment(&mut self, segment: &TcpSegment, cx: &mut Context<'_>) {
        self.totals.segments_in += 1;
        self.totals.data_in += u64::from(!segment.payload.is_empty());
        let (una, next) = (self.una, self.receiver.next);
        match self.state {
            State::Closed | State::TimeWait => {}
            State::SynSent => {
                self.on_segment_in_syn_sent(segment, cx);
                self.totals.acknowledged += u64::from(self.una.wrapping_sub(una));
            }
            _ => {
                self.on_segment_synchronised(segment, cx);
                self.totals.acknowledged += u64::from(self.una.wrapping_sub(una));
                let received = self.receiver.next.wrapping_sub(next);
                self.totals.received += u64::from(received);
            }
        }
    }

    /// `tcp_rcv_synsent_state_process`.
    fn on_segment_in_syn_sent(&mut self, segment: &TcpSegment, cx: &mut Context<'_>) {
        let acks = segment.flags.contains(TcpFlags::ACK);
        if acks
            && (!after(segment.acknowledgment, self.una)
                || after(segment.acknowledgment, self.next))
        {
            if self.retransmits == 0 {
                // Of an older connection; the peer forgets it now, and a SYN is welcome again.
                let ticks = TIMEOUT_MIN_TICKS;
                self.set_retransmit_timer(RetransmitTimer::Retransmit, ticks, cx.now);
            }
            if let Some(reset) = super::reset_for(self.ends, segment) {
                cx.out.push(reset);
            }
            return;
        }
        if segment.flags.contains(TcpFlags::RST) {
            if acks {
                self.fail(SocketError::Refused);
            }
            return;
        }
        if !acks || !segment.flags.contains(TcpFlags::SYN) {
            return;
        }
        self.agree(segment);
        let peer_mss = segment.maximum_segment_size().map_or(536, u32::from);
        self.peer_mss = self.receiver.advertised_mss.min(peer_mss.max(88));
        let timestamps = self.agreed.timestamps;
        self.receiver
            .start(segment.sequence, self.mss, timestamps, cx.now);
        self.window = u32::from(segment.window);
        self.window_max = self.window;
        self.window_seq = segment.sequence;
        self.peer_timestamp = segment.timestamps().map_or(0, |(value, _)| value);
        self.state = State::Established;
        self.established_at = cx.now;
        self.delivered = 1;
        self.sync_mss(cx.path.mtu);
        self.acknowledge_syn(segment, cx);
        if let Some(keepalive) = self.config.keepalive {
            self.set_keepalive(keepalive, cx.now);
        }
        self.last_received = cx.now;
        self.send_ack(cx);
        self.write_out(Push::Nagle, cx);
    }

    /// The SYN-ACK acknowledges our SYN: first RTT sample, timer off.
    fn acknowledge_syn(&mut self, segment: &TcpSegment, cx: &mut Context<'_>) {
        let clean = self.retransmits == 0;
        let sent_at = self.sent.front().map(|syn| syn.sent_at);
        self.sent.clear();
        self.confirms = true;
        self.una = segment.acknowledgment;
        self.minimum_small_end = self.una;
        self.high_seq = self.una;
        self.cwnd_usage_seq = self.una;
        self.retransmit_timer = None;
        self.retrans_stamp = None;
        self.undo_marker = None;
        self.rtt.rto = super::rtt::RTO_INITIAL_TICKS;
        self.total_timeouts = 0;
        if clean && let Some(sent_at) = sent_at {
            let micros = cx.now.since(sent_at).as_nanos() / 1000;
            self.rtt.sample(micros, self.una, self.next);
        } else if let Some(micros) = self.echoed_rtt(segment, cx) {
            self.rtt.sample(micros, self.una, self.next);
        }
        self.retransmits = 0;
        self.backoff = 0;
        self.congestion = super::connection::CongestionState::Open;
        // RFC 6298 (5.7) and tcp_init_cwnd: a SYN that was lost leaves one segment only.
        if !clean && self.total_retransmitted > 1 {
            self.cwnd = 1;
        } else {
            self.cwnd = 10;
        }
        self.ssthresh = u32::MAX;
    }

    /// What the options of both SYNs allow together.
    fn agree(&mut self, segment: &TcpSegment) {
        let theirs = segment.window_scale();
        self.agreed = Agreed {
            timestamps: self.config.timestamps && segment.timestamps().is_some(),
            sack: self.config.sack && segment.sack_permitted(),
            scales: theirs
                .filter(|_| self.config.window_scaling)
                .map(|theirs| (self.config.window_scale(), theirs.min(14))),
            ecn: self.asks_for_ecn()
                && segment.flags.contains(TcpFlags::ECE)
                && !segment.flags.contains(TcpFlags::CWR),
        };
    }

    /// RTT from the echoed timestamp in microseconds; 1 ms at least.
    pub(super) fn echoed_rtt(&self, segment: &TcpSegment, cx: &Context<'_>) -> Option<u64> {
        let (_, echo) = segment.timestamps().filter(|_| self.agreed.timestamps)?;
        let clock = cx.millis().wrapping_add(self.timestamp_offset);
        (echo != 0).then(|| u64::from(clock.wrapping_sub(echo).max(1)) * 1000)
    }

    /// The value our next timestamp option echoes.
    pub(super) const fn echo(&self) -> u32 {
        self.peer_timestamp
    }

    fn on_segment_synchronised(&mut self, segment: &TcpSegment, cx: &mut Context<'_>) {
        if !self.validate(segment, cx) {
            return;
        }
        if !segment.flags.contains(TcpFlags::ACK) {
            return;
        }
        self.note_timestamp(segment);
        self.last_received = cx.now;
        self.keepalive_probes = 0;
        // `tcp_time_wait`: a small socket has taken over already, which counts no packets.
        let small = self.state == State::FinWait2 && self.orphan;
        let Some(flags) = self.on_ack(segment, cx) else {
            return;
        };
        self.after_ack(cx);
        if self.state == State::Closed {
            return;
        }
        if self.data_after_close(segment, cx) {
            return;
        }
        let echo = segment.timestamps().filter(|_| self.agreed.timestamps);
        let clock = cx.millis().wrapping_add(self.timestamp_offset);
        let fin_reached = self.queue_data(
            Arrival {
                seq: segment.sequence,
                data: segment.payload.clone(),
                fin: segment.flags.contains(TcpFlags::FIN),
                push: segment.flags.contains(TcpFlags::PSH),
                echo: echo.map(|(_, echo)| (echo, clock)),
            },
            cx.now,
        );
        if fin_reached {
            if small {
                self.identification = 0;
            }
            self.on_fin(cx);
        }
        self.finish_segment(flags, cx);
    }

    fn finish_segment(&mut self, _flags: AckFlags, cx: &mut Context<'_>) {
        if self.state == State::Closed {
            return;
        }
        self.write_out(Push::Nagle, cx);
        self.unblock(cx);
        self.check_ack(cx);
    }

    /// `tcp_validate_incoming`: PAWS, window, RST, SYN.
    fn validate(&mut self, segment: &TcpSegment, cx: &mut Context<'_>) -> bool {
        let reset = segment.flags.contains(TcpFlags::RST);
        let end = segment.sequence.wrapping_add(segment.sequence_len());
        if self.too_old(segment) && !reset {
            if self.may_answer_out_of_window(segment, cx) {
                self.send_duplicate_ack(segment.sequence, end, cx);
            }
            return false;
        }
        if !self.receiver.acceptable(segment.sequence, end) {
            if reset && self.resets_after_fin(segment) {
                self.fail(SocketError::Reset);
            } else if !reset && self.may_answer_out_of_window(segment, cx) {
                self.send_duplicate_ack(segment.sequence, end, cx);
            }
            return false;
        }
        if reset {
            // RFC 5961 section 3.2: only the exact sequence number resets.
            if segment.sequence == self.receiver.next || self.resets_after_fin(segment) {
                self.fail(SocketError::Reset);
            } else if self.may_answer_out_of_window(segment, cx) {
                self.send_ack(cx);
            }
            return false;
        }
        if segment.flags.contains(TcpFlags::SYN) {
            if self.may_answer_out_of_window(segment, cx) {
                self.send_ack(cx);
            }
            return false;
        }
        true
    }

    /// `tcp_reset_check`: who has sent a FIN and then resets may leave the FIN out of its number.
    fn resets_after_fin(&self, segment: &TcpSegment) -> bool {
        let after_fin = matches!(
            self.state,
            State::CloseWait | State::LastAck | State::Closing
        );
        after_fin && segment.sequence == self.receiver.next.wrapping_sub(1)
    }

    /// PAWS (RFC 7323 section 5).
    fn too_old(&self, segment: &TcpSegment) -> bool {
        self.agreed.timestamps
            && segment
                .timestamps()
                .is_some_and(|(value, _)| before(value, self.peer_timestamp))
    }

    /// At most one such answer in half a second (`tcp_invalid_ratelimit`), data excepted.
    fn may_answer_out_of_window(&mut self, segment: &TcpSegment, cx: &Context<'_>) -> bool {
        if !segment.payload.is_empty() && !segment.flags.contains(TcpFlags::SYN) {
            return true;
        }
        if let Some(last) = self.out_of_window_ack
            && cx.now.since(last) < CHALLENGE_INTERVAL
        {
            return false;
        }
        self.out_of_window_ack = Some(cx.now);
        true
    }

    /// `tcp_replace_ts_recent`.
    fn note_timestamp(&mut self, segment: &TcpSegment) {
        if let Some((value, _)) = segment.timestamps().filter(|_| self.agreed.timestamps)
            && !after(segment.sequence, self.receiver.last_announced())
        {
            self.peer_timestamp = value;
        }
    }

    /// Our FIN may have been acknowledged.
    fn after_ack(&mut self, cx: &mut Context<'_>) {
        if !self.fin_queued || self.una != self.write_seq {
            return;
        }
        match self.state {
            State::FinWait1 => {
                self.state = State::FinWait2;
                if self.orphan {
                    let ticks = clock::ticks(self.config.fin_timeout);
                    self.keepalive_timer = Some(clock::expiry(cx.now, ticks));
                }
            }
            State::Closing => self.enter_time_wait(),
            State::LastAck => self.finish(),
            _ => {}
        }
    }

    /// Data for a program that is gone is answered with RST (RFC 9293 section 3.6.1).
    fn data_after_close(&mut self, segment: &TcpSegment, cx: &mut Context<'_>) -> bool {
        let closed = self.orphan && matches!(self.state, State::FinWait1 | State::FinWait2);
        let end = segment.sequence.wrapping_add(segment.payload.len() as u32);
        if !closed || segment.payload.is_empty() || !after(end, self.receiver.next) {
            return false;
        }
        if let Some(reset) = super::reset_for(self.ends, segment) {
            cx.out.push(reset);
        }
        self.fail(SocketError::Reset);
        true
    }

    /// The peer has nothing more to say (`tcp_fin`).
    fn on_fin(&mut self, cx: &mut Context<'_>) {
        match self.state {
            State::Established => {
                self.state = State::CloseWait;
                self.receiver.enter_ping_pong_mode();
            }
            State::FinWait1 => {
                self.schedule_ack_now();
                self.check_ack(cx);
                self.state = State::Closing;
            }
            State::FinWait2 => {
                self.send_ack(cx);
                self.enter_time_wait();
            }
            _ => {}
        }
    }

    fn enter_time_wait(&mut self) {
        self.finish();
        self.state = State::TimeWait;
    }

    /// Sets the one retransmission timer.
    pub(super) fn set_retransmit_timer(
        &mut self,
        kind: RetransmitTimer,
        ticks: u64,
        now: wirelab_model::SimTime,
    ) {
        let ticks = ticks.min(super::rtt::RTO_MAX_TICKS);
        self.retransmit_timer = Some((kind, clock::expiry(now, ticks)));
    }
}
