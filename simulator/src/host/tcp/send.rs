//! New data: cutting writes into pieces, deciding when to send, and the segments themselves.

use bytes::Bytes;
use wirelab_model::SimTime;
use wirelab_wire::{TcpFlags, TcpSegment};

use super::connection::{CongestionState, Connection, RetransmitTimer, State};
use super::queue::Piece;
use super::seq::{after, before};
use super::{Context, clock, headers, options, packet};

/// `sk_gso_max_size` in octets.
const BURST_MAX: u32 = 65_536;
/// Octets the timestamp option takes in every segment.
const TIMESTAMP_LEN: u32 = 12;
/// Smallest MSS ever used (`tcp_min_snd_mss`).
const MSS_MIN: u32 = 48;
/// ECT(0) of the IP header (RFC 3168 section 5).
const ECT_0: u8 = 0b10;
/// Milliseconds during which deferring a burst is worth it, in nanoseconds.
const DEFER_WINDOW: u64 = 1_000_000;

/// How `write_out` may behave.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Push {
    /// By Nagle's rule.
    Nagle,
    /// Ignoring Nagle: what is queued is known to be all there is.
    Off,
    /// The same, but one burst only (`tcp_push_one`): more is on its way.
    One,
    /// One segment, even beyond the congestion window: a loss probe.
    Probe,
}

impl Connection {
    /// Segments in flight as far as is known (`tcp_packets_in_flight`).
    pub(super) fn in_flight(&self) -> u32 {
        let in_flight = self.sent.count().in_flight;
        in_flight.saturating_sub(self.told_by_duplicates)
    }

    /// Segments sent and not acknowledged cumulatively.
    pub(super) fn packets_out(&self) -> u32 {
        self.sent.count().out
    }

    /// One past the last octet the peer has room for.
    pub(super) fn window_end(&self) -> u32 {
        self.una.wrapping_add(self.window)
    }

    /// Header octets beyond IP and TCP in a segment with data.
    fn option_len(&self) -> u32 {
        let stamps = if self.agreed.timestamps {
            TIMESTAMP_LEN
        } else {
            0
        };
        let blocks = self.receiver.sack_count();
        stamps + options::sack_len(blocks, self.agreed.timestamps)
    }

    /// `tcp_mtu_to_mss`.
    fn mss_for(&self, mtu: u32) -> u32 {
        let stamps = if self.agreed.timestamps {
            TIMESTAMP_LEN
        } else {
            0
        };
        let headers = headers(self.ends.remote.ip());
        let payload = mtu.saturating_sub(headers).min(self.peer_mss);
        payload.max(MSS_MIN) - stamps
    }

    /// `tcp_sync_mss`: the segment size for a path MTU.
    pub(super) fn sync_mss(&mut self, mtu: u32) {
        self.known_mtu = mtu;
        let mut mss = self.bound_to_half_window(self.mss_for(mtu));
        if let Some(low) = self.mtu_search_low {
            mss = mss.min(self.mss_for(low));
        }
        self.mss = mss;
    }

    /// No segment longer than half of the largest window seen (`tcp_bound_to_half_wnd`).
    fn bound_to_half_window(&self, size: u32) -> u32 {
        let cutoff = if self.window_max > 536 {
            self.window_max / 2
        } else {
            self.window_max
        };
        if cutoff > 0 && size > cutoff {
            cutoff.max(68 - 40)
        } else {
            size
        }
    }

    /// Payload of a full segment now (`tcp_current_mss`).
    pub(super) fn current_mss(&mut self, mtu: u32) -> u32 {
        if self.known_mtu != mtu {
            self.sync_mss(mtu);
        }
        let stamps = if self.agreed.timestamps {
            TIMESTAMP_LEN
        } else {
            0
        };
        self.mss.saturating_sub(self.option_len() - stamps).max(1)
    }

    /// How much a piece of the queue holds (`tcp_xmit_size_goal`).
    fn size_goal(&self, mss: u32) -> u32 {
        let bound = self.bound_to_half_window(BURST_MAX - 320);
        (bound / mss).max(1) * mss
    }

    /// `tcp_sendmsg`: cuts the write into pieces and sends as it goes.
    pub(super) fn write(&mut self, data: Bytes, cx: &mut Context<'_>) {
        let mut left = data.len() as u32;
        self.stream.push(self.write_seq, data);
        while left > 0 {
            let mss = self.current_mss(cx.path.mtu);
            let goal = self.size_goal(mss);
            let room = match self.unsent.back() {
                Some(tail) if tail.data_len() < goal && !tail.has(TcpFlags::FIN) => {
                    goal - tail.data_len()
                }
                _ => {
                    let at = self.write_seq;
                    self.unsent
                        .push_back(Piece::new(at, at, TcpFlags::ACK, mss));
                    goal
                }
            };
            let taken = left.min(room);
            left -= taken;
            self.write_seq = self.write_seq.wrapping_add(taken);
            if let Some(tail) = self.unsent.back_mut() {
                tail.end = self.write_seq;
                tail.mss = mss;
            }
            if left > 0 {
                self.push_full_piece(cx);
            }
        }
        self.mark_push();
        self.write_out(Push::Nagle, cx);
    }

    /// Blocked writes go on once everything before them has been sent.
    pub(super) fn unblock(&mut self, cx: &mut Context<'_>) {
        while self.unsent.is_empty()
            && let Some(data) = self.blocked.pop_front()
        {
            self.write(data, cx);
        }
    }

    /// A piece is full and more follows: push it when much has gathered, or when it is the head.
    fn push_full_piece(&mut self, cx: &mut Context<'_>) {
        let half = self.pushed.wrapping_add(self.window_max / 2);
        if after(self.write_seq, half) {
            self.mark_push();
            self.write_out(Push::Off, cx);
        } else if self.unsent.len() == 1 {
            self.write_out(Push::One, cx);
        }
    }

    fn mark_push(&mut self) {
        if let Some(tail) = self.unsent.back_mut() {
            tail.flags = tail.flags | TcpFlags::PSH;
        }
        self.pushed = self.write_seq;
    }

    /// Queues FIN, on the last unsent piece if there is one (`tcp_send_fin`).
    pub(super) fn send_fin(&mut self, cx: &mut Context<'_>) {
        self.fin_queued = true;
        let mss = self.current_mss(cx.path.mtu);
        let at = self.write_seq;
        self.write_seq = at.wrapping_add(1);
        if let Some(tail) = self.unsent.back_mut() {
            tail.flags = tail.flags | TcpFlags::FIN;
            tail.end = self.write_seq;
        } else {
            let flags = TcpFlags::FIN | TcpFlags::ACK;
            self.unsent
                .push_back(Piece::new(at, self.write_seq, flags, mss));
        }
        self.write_out(Push::Off, cx);
    }

    /// `tcp_write_xmit`: sends what windows and Nagle allow.
    pub(super) fn write_out(&mut self, push: Push, cx: &mut Context<'_>) {
        if self.unsent.is_empty() || self.state == State::SynSent || self.state == State::Closed {
            return;
        }
        let mss = self.current_mss(cx.path.mtu);
        let mut sent = 0;
        let mut cwnd_limited = false;
        while let Some(burst) = self.next_burst(mss, push, sent, &mut cwnd_limited, cx.now) {
            sent += burst;
            self.send_head(burst, mss, cx);
            if matches!(push, Push::One | Push::Probe) {
                break;
            }
        }
        self.after_writing(sent, cwnd_limited, push, cx.now);
    }

    /// How many segments of the head may leave now; none if it has to wait.
    fn next_burst(
        &mut self,
        mss: u32,
        push: Push,
        sent: u32,
        cwnd_limited: &mut bool,
        now: SimTime,
    ) -> Option<u32> {
        let in_flight = self.in_flight();
        let free = self.cwnd.saturating_sub(in_flight);
        let mut quota = free.min((self.cwnd / 2).max(1));
        if quota == 0 {
            *cwnd_limited = true;
            if push != Push::Probe || sent > 0 {
                return None;
            }
            quota = 1;
        }
        let last = self.unsent.len() == 1;
        let window_end = self.window_end();
        let most = if push == Push::Probe {
            1
        } else {
            self.burst_segments(mss)
        };
        let head = self.unsent.front_mut()?;
        head.mss = mss;
        let head = head.clone();
        if head.data_len() > 0 || !head.has(TcpFlags::FIN) {
            let first_end = head.seq.wrapping_add(head.data_len().min(mss));
            if after(first_end, window_end) {
                return None;
            }
        }
        let segments = head.segments();
        if segments == 1 {
            let small = head.data_len() < mss && !head.has(TcpFlags::FIN);
            let wait = push == Push::Nagle && last && small && self.nagle_holds(&head);
            return if wait { None } else { Some(1) };
        }
        if push != Push::Probe && self.should_defer(&head, most, last, cwnd_limited, now) {
            return None;
        }
        Some(self.split_point(&head, mss, quota.min(most), last, push))
    }

    /// `tcp_mss_split_point`, in segments.
    fn split_point(&self, head: &Piece, mss: u32, quota: u32, last: bool, push: Push) -> u32 {
        let window = self.window_end().wrapping_sub(head.seq);
        let most = mss * quota;
        if most <= window && !last && head.data_len() >= most {
            return quota;
        }
        let needed = head.data_len().min(window);
        if most <= needed {
            return quota;
        }
        let whole = needed / mss;
        let partial = needed % mss;
        if partial == 0 {
            return whole.max(1);
        }
        // The last short segment goes with the burst unless Nagle holds it, also if it is short
        // because the window ends there.
        if push == Push::Nagle && last && self.nagle_holds(head) {
            return whole.max(1);
        }
        whole + 1
    }

    /// Nagle with Minshall's rule (`tcp_nagle_check`).
    fn nagle_holds(&self, head: &Piece) -> bool {
        let small_in_flight =
            after(self.minimum_small_end, self.una) && !after(self.minimum_small_end, self.next);
        !self.no_delay && !head.has(TcpFlags::FIN) && !self.sent.is_empty() && small_in_flight
    }

    /// Segments of one burst at the present rate (`tcp_tso_autosize`).
    pub(super) fn burst_segments(&self, mss: u32) -> u32 {
        let mut bytes = self
            .pacing_rate
            .map_or_else(|| u64::from(BURST_MAX), |rate| rate >> 10);
        let shift = self.rtt.minimum() >> 9;
        if shift < 32 {
            bytes += u64::from(BURST_MAX) >> shift;
        }
        let bytes = bytes.min(u64::from(BURST_MAX)) as u32;
        (bytes / mss).max(2)
    }

    /// Whether to wait for the next ACK and send a larger burst then (`tcp_tso_should_defer`).
    fn should_defer(
        &self,
        head: &Piece,
        most: u32,
        last: bool,
        cwnd_limited: &mut bool,
        now: SimTime,
    ) -> bool {
        if self.congestion >= CongestionState::Recovery
            || now.since(self.last_wire).as_nanos() > DEFER_WINDOW
        {
            return false;
        }
        let window = self.window_end().wrapping_sub(head.seq);
        let congestion_room = self.cwnd.saturating_sub(self.in_flight()) * self.mss;
        let limit = window.min(congestion_room);
        if limit >= most.saturating_mul(self.mss) || (!last && limit >= head.data_len()) {
            return false;
        }
        let chunk = self.window.min(self.cwnd.saturating_mul(self.mss)) / 3;
        if limit >= chunk {
            return false;
        }
        let Some(oldest) = self.sent.front() else {
            return false;
        };
        if now.since(oldest.sent_at).as_nanos() / 1000 < self.rtt.smoothed() / 2 {
            return false;
        }
        if congestion_room < window {
            if congestion_room <= head.data_len() {
                *cwnd_limited = true;
                return true;
            }
        } else if window <= head.data_len() {
            return true;
        }
        !head.has(TcpFlags::FIN)
    }

    /// Sends the first `segments` of the head and moves them to what is in flight.
    fn send_head(&mut self, segments: u32, mss: u32, cx: &mut Context<'_>) {
        let Some(mut piece) = self.unsent.pop_front() else {
            return;
        };
        piece.mss = mss;
        let window = self.window_end().wrapping_sub(piece.seq).max(mss);
        let limit = segments.saturating_mul(mss).min(window);
        if piece.data_len() > limit {
            let rest = piece.split(limit);
            self.unsent.push_front(rest);
        }
        let first = self.sent.is_empty();
        if piece.data_len() % mss != 0 {
            self.minimum_small_end = piece.end;
        }
        self.transmit(&mut piece, cx);
        self.note_interactive(cx.now);
        self.last_sent = cx.now;
        self.next = piece.end;
        self.sent.push_back(piece);
        let probing = matches!(self.retransmit_timer, Some((RetransmitTimer::LossProbe, _)));
        if first || probing || self.retransmit_timer.is_none() {
            self.rearm_timeout(cx.now);
        }
    }

    fn after_writing(&mut self, sent: u32, cwnd_limited: bool, push: Push, now: SimTime) {
        if sent > 0 {
            if self.in_reduction() {
                self.prr_out += sent;
            }
            if push != Push::Probe {
                self.schedule_loss_probe(false, now);
            }
            let limited = cwnd_limited || self.in_flight() >= self.cwnd;
            self.validate_cwnd(limited, now);
        } else if self.sent.is_empty() && !self.unsent.is_empty() {
            self.schedule_window_probe(now);
        }
    }

    /// Sends a piece as it stands: one segment after the other, PSH on the last.
    pub(super) fn transmit(&mut self, piece: &mut Piece, cx: &mut Context<'_>) {
        // A burst ends in PSH so that the receiver does not wait to merge more; the piece itself
        // stays as it is.
        let burst = if piece.segments() > 1 {
            TcpFlags::PSH
        } else {
            TcpFlags::default()
        };
        piece.sent_at = cx.now;
        self.last_wire = cx.now;
        let last_only = TcpFlags::PSH.0 | TcpFlags::FIN.0;
        let total = piece.data_len();
        let mut offset = 0;
        loop {
            let len = (total - offset).min(piece.mss);
            let done = offset + len >= total;
            let mut flags = piece.flags | TcpFlags::ACK | burst;
            if !done {
                flags = TcpFlags(flags.0 & !last_only);
            }
            let seq = piece.seq.wrapping_add(offset);
            let payload = self.stream.slice(seq, len);
            self.emit(flags, seq, payload, cx);
            offset += len;
            if done {
                break;
            }
        }
    }

    /// A segment without data, such as an ACK or a RST.
    pub(super) fn transmit_control(&mut self, flags: TcpFlags, seq: u32, cx: &mut Context<'_>) {
        self.emit(flags, seq, Bytes::new(), cx);
    }

    /// A pure ACK.
    pub(super) fn send_ack(&mut self, cx: &mut Context<'_>) {
        if !matches!(self.state, State::SynSent | State::Closed) {
            self.transmit_control(TcpFlags::ACK, self.next, cx);
        }
    }

    /// Whether the SYN asks for ECN: a repeated one does not (`tcp_ecn_fallback`).
    pub(super) fn asks_for_ecn(&self) -> bool {
        self.config.ecn == 1 && self.retransmits == 0
    }

    /// The SYN, first or again; its window is not scaled.
    pub(super) fn transmit_syn(&mut self, cx: &mut Context<'_>) {
        let stamps = self
            .config
            .timestamps
            .then(|| (cx.millis().wrapping_add(self.timestamp_offset), 0));
        let scale = self
            .config
            .window_scaling
            .then(|| self.config.window_scale());
        let mss = self.receiver.advertised_mss;
        let list = options::handshake(mss, self.config.sack, stamps, scale);
        let window = super::receive::initial_window(&self.config, mss);
        let flags = if self.asks_for_ecn() {
            TcpFlags::SYN | TcpFlags::ECE | TcpFlags::CWR
        } else {
            TcpFlags::SYN
        };
        self.emit_raw(flags, self.una, 0, window as u16, list, Bytes::new(), cx);
    }

    fn emit(&mut self, flags: TcpFlags, seq: u32, payload: Bytes, cx: &mut Context<'_>) {
        let scale = self.receive_scale();
        let window = self.receiver.select_window(scale) >> scale;
        let stamps = self.agreed.timestamps.then(|| {
            let value = cx.millis().wrapping_add(self.timestamp_offset);
            (value, self.echo())
        });
        let blocks = if self.agreed.sack && !flags.contains(TcpFlags::RST) {
            self.receiver.sack_blocks()
        } else {
            Vec::new()
        };
        let list = options::established(stamps, &blocks);
        let acknowledgment = self.receiver.next;
        self.emit_raw(
            flags,
            seq,
            acknowledgment,
            window.min(65535) as u16,
            list,
            payload,
            cx,
        );
        self.on_ack_sent();
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of a TCP header")]
    fn emit_raw(
        &mut self,
        flags: TcpFlags,
        sequence: u32,
        acknowledgment: u32,
        window: u16,
        options: wirelab_wire::TcpOptions,
        payload: Bytes,
        cx: &mut Context<'_>,
    ) {
        let ip = packet::Ip {
            identification: self.identification,
            dont_fragment: self.config.dont_fragment && !cx.path.locked,
        };
        self.identification = self.identification.wrapping_add(1);
        let segment = TcpSegment {
            source_port: self.ends.local.port(),
            destination_port: self.ends.remote.port(),
            sequence,
            acknowledgment,
            flags,
            window,
            urgent_pointer: 0,
            options,
            payload,
        };
        // RFC 3168 section 6.1: new data is ECN-capable; pure ACKs and data sent again are not.
        let capable =
            self.agreed.ecn && !segment.payload.is_empty() && !before(sequence, self.next);
        let octets = segment.payload.len() as u64;
        let again = octets > 0 && before(sequence, self.next);
        self.totals.segments_out += 1;
        self.totals.data_out += u64::from(octets > 0);
        self.totals.sent += octets;
        self.totals.sent_again += if again { octets } else { 0 };
        let mut packet = packet::tcp(self.ends, ip, segment);
        if capable {
            packet.header.traffic_class |= ECT_0;
        }
        cx.out.push(packet);
    }

    /// After an idle time the window falls back (`tcp_slow_start_after_idle_check`, RFC 5681 4.1).
    pub(super) fn restart_after_idle(&mut self, now: SimTime) {
        let idle = clock::jiffies(now) - clock::jiffies(self.last_sent);
        if !self.sent.is_empty() || idle <= self.rtt.rto || self.last_sent == SimTime::ZERO {
            return;
        }
        self.cubic
            .on_restart(now.since(self.last_sent).as_nanos() / 1000);
        let three_quarters = (self.cwnd / 2).max(self.cwnd / 4 * 3);
        if self.ssthresh != u32::MAX || self.cwnd > 10 {
            self.ssthresh = self.ssthresh.max(three_quarters);
        }
        let mut left = idle;
        while left > self.rtt.rto && self.cwnd > 10 {
            left -= self.rtt.rto;
            self.cwnd /= 2;
        }
        self.cwnd = self.cwnd.max(10);
        self.cwnd_stamp = now;
    }
}
