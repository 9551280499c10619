//! What an acknowledgment says about the send queue (`tcp_ack`).

use wirelab_model::SimTime;
use wirelab_wire::{TcpFlags, TcpSegment};

use super::connection::{CongestionState, Connection, State};
use super::cubic::Acked;
use super::seq::{after, before};
use super::{Context, clock};

/// The `FLAG_` bits of `tcp_input.c` that matter here.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct AckFlags {
    /// The segment carried data.
    pub(super) data: bool,
    pub(super) window_update: bool,
    pub(super) data_acked: bool,
    pub(super) retransmitted_acked: bool,
    pub(super) data_sacked: bool,
    /// An original transmission was acknowledged below the recovery point: it was not lost.
    pub(super) original_sacked: bool,
    pub(super) una_advanced: bool,
    pub(super) duplicate_sack: bool,
    pub(super) lost_retransmission: bool,
    pub(super) set_timer: bool,
}

impl AckFlags {
    const fn not_duplicate(self) -> bool {
        self.data || self.window_update || self.data_acked
    }

    /// RFC 5681 section 2: it acknowledges nothing new, carries nothing, opens no window.
    pub(super) const fn is_duplicate(self) -> bool {
        !(self.una_advanced || self.not_duplicate() || self.duplicate_sack)
    }
}

/// What one acknowledgment delivered.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Delivery {
    /// Segments newly acknowledged or SACKed.
    pub(super) segments: u32,
    /// Segments newly acknowledged cumulatively.
    pub(super) acked: u32,
    first_sent: Option<SimTime>,
    last_sent: Option<SimTime>,
    sack_sent: Option<SimTime>,
}

/// What to send after the ACK was digested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resend {
    Nothing,
    Lost,
    New,
}

impl Connection {
    /// Digests ACK and SACK; none if the ACK number is nonsense and the segment is to be dropped.
    pub(super) fn on_ack(
        &mut self,
        segment: &TcpSegment,
        cx: &mut Context<'_>,
    ) -> Option<AckFlags> {
        let ack = segment.acknowledgment;
        let prior_una = self.una;
        if after(ack, self.next) {
            self.send_ack(cx);
            return None;
        }
        let mut flags = AckFlags::default();
        let mut delivery = Delivery::default();
        if before(ack, self.una) {
            self.tag_sacks(segment, prior_una, &mut flags, &mut delivery, cx.now);
            return Some(flags);
        }
        flags.una_advanced = after(ack, self.una);
        if flags.una_advanced {
            self.retransmits = 0;
        }
        self.note_window(segment, ack, &mut flags);
        flags.data = !segment.payload.is_empty();
        self.tag_sacks(segment, prior_una, &mut flags, &mut delivery, cx.now);
        self.probes_out = 0;
        self.una = ack;
        if self.sent.is_empty() {
            self.on_window_probe_ack(cx.now);
            return Some(flags);
        }
        self.clean(prior_una, segment, &mut flags, &mut delivery, cx);
        self.on_loss_probe_ack(ack, &flags);
        let lost_before = self.lost_segments();
        let mut resend = Resend::Nothing;
        if self.is_dubious(&flags) {
            resend = self.alert(&mut flags, &mut delivery, segment, cx);
        }
        // `sk_dst_confirm`.
        self.confirms |= flags.data_acked || flags.data_sacked || !flags.not_duplicate();
        if flags.set_timer {
            self.set_timeout_or_probe(cx.now);
        }
        let newly_lost = self.lost_segments().saturating_sub(lost_before);
        self.control_congestion(&flags, delivery, newly_lost, cx.now);
        self.resend(resend, cx);
        Some(flags)
    }

    /// `tcp_ack_update_window`: newer data or ACK, or a larger window, decides.
    fn note_window(&mut self, segment: &TcpSegment, ack: u32, flags: &mut AckFlags) {
        let shift = self.agreed.scales.map_or(0, |(_, theirs)| theirs);
        let window = u32::from(segment.window) << shift;
        let newer = after(ack, self.una)
            || after(segment.sequence, self.window_seq)
            || (segment.sequence == self.window_seq && window > self.window);
        if newer {
            flags.window_update = window != self.window;
            self.window = window;
            self.window_seq = segment.sequence;
            if window > self.window_max {
                self.window_max = window;
                self.sync_mss(self.known_mtu);
            }
        }
    }

    /// `tcp_sacktag_write_queue`.
    fn tag_sacks(
        &mut self,
        segment: &TcpSegment,
        prior_una: u32,
        flags: &mut AckFlags,
        delivery: &mut Delivery,
        now: SimTime,
    ) {
        if !self.agreed.sack {
            return;
        }
        let blocks = &segment.sack_blocks();
        if self.is_duplicate_sack(blocks, segment.acknowledgment, prior_una) {
            flags.duplicate_sack = true;
            self.rack.reordering_seen |= self.undo_retrans < 0 && self.undo_marker.is_none();
            if self.undo_marker.is_some() && self.undo_retrans > 0 {
                self.undo_retrans -= 1;
            }
        }
        for &(start, end) in blocks {
            if after(end, segment.acknowledgment) && before(start, end) && !after(end, self.next) {
                self.tag_block(start, end, flags, delivery, now);
            }
        }
    }

    /// RFC 2883: the first block lies below the ACK, or inside the second.
    fn is_duplicate_sack(&self, blocks: &[(u32, u32)], ack: u32, prior_una: u32) -> bool {
        let Some(first) = blocks.first() else {
            return false;
        };
        let below =
            !after(first.1, ack) && !before(first.0, prior_una.wrapping_sub(self.window_max));
        let inside = blocks
            .get(1)
            .is_some_and(|second| !after(first.1, second.1) && !before(first.0, second.0));
        below || inside
    }

    fn tag_block(
        &mut self,
        start: u32,
        end: u32,
        flags: &mut AckFlags,
        delivery: &mut Delivery,
        now: SimTime,
    ) {
        let mut at = 0;
        while at < self.sent.len() {
            let piece = &self.sent[at];
            if !before(piece.seq, end) {
                break;
            }
            if !after(piece.end, start) || piece.sacked {
                at += 1;
                continue;
            }
            if !self.isolate(at, start, end) {
                at += 1;
                continue;
            }
            if before(self.sent[at].seq, start) {
                at += 1;
                continue;
            }
            self.tag_piece(at, flags, delivery, now);
            at += 1;
        }
    }

    /// Splits the piece at segment borders so that its first part lies wholly inside or outside of
    /// the block (`tcp_match_skb_to_sack`). False if less than a segment of it is inside.
    fn isolate(&mut self, at: usize, start: u32, end: u32) -> bool {
        let piece = &self.sent[at];
        if !before(piece.seq, start) && !after(piece.end, end) {
            return true;
        }
        let mss = piece.mss.max(1);
        let length = if before(piece.seq, start) {
            start.wrapping_sub(piece.seq) / mss * mss
        } else {
            end.wrapping_sub(piece.seq) / mss * mss
        };
        if length == 0 || length >= piece.data_len() {
            return false;
        }
        self.sent.split(at, length);
        true
    }

    fn tag_piece(
        &mut self,
        at: usize,
        flags: &mut AckFlags,
        delivery: &mut Delivery,
        now: SimTime,
    ) {
        let high = self.high_seq;
        let copy = self.sent[at].clone();
        let piece = &copy;
        if !piece.retransmitted {
            if !piece.ever_retransmitted && !after(piece.end, high) {
                flags.original_sacked = true;
            }
            delivery.sack_sent = Some(piece.sent_at);
        }
        self.sent.change(at, |piece| {
            piece.sacked = true;
            piece.lost = false;
            piece.retransmitted = false;
        });
        flags.data_sacked = true;
        delivery.segments += copy.segments();
        self.advance_rack(&copy, now);
    }

    /// `tcp_clean_rtx_queue`: drops what is acknowledged, samples the RTT.
    fn clean(
        &mut self,
        prior_una: u32,
        segment: &TcpSegment,
        flags: &mut AckFlags,
        delivery: &mut Delivery,
        cx: &Context<'_>,
    ) {
        while let Some(head) = self.sent.front() {
            let whole = !after(head.end, self.una);
            if !whole && !after(self.una, head.seq) {
                break;
            }
            let mut piece = head.clone();
            if !whole {
                let mss = head.mss.max(1);
                let acked = self.una.wrapping_sub(head.seq) / mss * mss;
                if acked == 0 {
                    break;
                }
                let rest = piece.split(acked);
                self.sent.change(0, |head| *head = rest);
            } else {
                self.sent.pop_front();
            }
            self.note_cleaned(&piece, flags, delivery, cx.now);
            if !whole {
                break;
            }
        }
        self.stream.release(self.una);
        if self.is_reno() && flags.data_acked {
            self.use_up_duplicates(delivery.acked, delivery);
            // Which copy was acknowledged nobody can tell.
            flags.original_sacked &= !flags.retransmitted_acked;
        }
        self.sample_rtt(prior_una, segment, flags, delivery, cx);
    }

    fn note_cleaned(
        &mut self,
        piece: &super::queue::Piece,
        flags: &mut AckFlags,
        delivery: &mut Delivery,
        now: SimTime,
    ) {
        let segments = piece.segments();
        if piece.ever_retransmitted {
            flags.retransmitted_acked |= piece.retransmitted || !piece.sacked;
        } else if !piece.sacked {
            delivery.last_sent = Some(piece.sent_at);
            delivery.first_sent.get_or_insert(piece.sent_at);
            flags.original_sacked |= !after(piece.end, self.high_seq);
        }
        if !piece.sacked && !self.is_reno() {
            delivery.segments += segments;
            self.advance_rack(piece, now);
        }
        delivery.acked += segments;
        flags.data_acked = true;
        if piece.has(TcpFlags::SYN) {
            self.retrans_stamp = None;
        }
    }

    /// `tcp_ack_update_rtt`: Karn's rule unless the timestamp tells which copy was answered.
    fn sample_rtt(
        &mut self,
        _prior_una: u32,
        segment: &TcpSegment,
        flags: &mut AckFlags,
        delivery: &Delivery,
        cx: &Context<'_>,
    ) {
        let micros = |at: SimTime| cx.now.since(at).as_nanos() / 1000;
        let direct = delivery
            .first_sent
            .filter(|_| !flags.retransmitted_acked)
            .or(delivery.sack_sent)
            .map(micros);
        let sample = direct.or_else(|| {
            let ours = flags.data_acked.then(|| self.echoed_rtt(segment, cx));
            ours.flatten()
        });
        if let Some(sample) = sample {
            self.rtt.sample(sample, self.una, self.next);
            self.backoff = 0;
        }
        flags.set_timer |= flags.data_acked;
        let latest = delivery.last_sent.or(delivery.sack_sent).map(micros);
        if let Some(rtt) = latest.filter(|_| direct.is_some()) {
            self.inform_cubic(rtt, cx.now);
        }
    }

    fn inform_cubic(&mut self, rtt: u64, now: SimTime) {
        let slow_start = self.cwnd < self.ssthresh;
        let found = self.cubic.on_acked(&Acked {
            now,
            rtt,
            window: self.cwnd,
            slow_start,
            una: self.una,
            next: self.next,
        });
        if found {
            self.ssthresh = self.cwnd;
        }
    }

    /// `tcp_ack_is_dubious`.
    fn is_dubious(&self, flags: &AckFlags) -> bool {
        !flags.not_duplicate()
            || flags.data_sacked
            || flags.duplicate_sack
            || self.congestion != CongestionState::Open
    }

    pub(super) fn lost_segments(&self) -> u32 {
        self.sent.count().lost
    }

    /// `tcp_cong_control`.
    fn control_congestion(
        &mut self,
        flags: &AckFlags,
        delivery: Delivery,
        newly_lost: u32,
        now: SimTime,
    ) {
        self.delivered += delivery.segments;
        if self.in_reduction() {
            self.reduce_cwnd(
                delivery.segments,
                newly_lost,
                flags.una_advanced && !flags.lost_retransmission,
            );
        } else if flags.data_acked {
            self.grow_cwnd(delivery.acked.max(delivery.segments), now);
        }
        self.update_pacing_rate();
    }

    /// `tcp_update_pacing_rate`; octets per second.
    pub(super) fn update_pacing_rate(&mut self) {
        let srtt = self.rtt.smoothed();
        if srtt == 0 {
            return;
        }
        let percent = if self.cwnd < self.ssthresh / 2 {
            200
        } else {
            120
        };
        let window = u64::from(self.cwnd.max(self.packets_out()));
        self.pacing_rate = Some(u64::from(self.mss) * window * 10_000 * percent / srtt);
    }

    /// A pure ACK with nothing in flight answers a window probe or opens the window.
    fn on_window_probe_ack(&mut self, now: SimTime) {
        let Some(head) = self.unsent.front() else {
            return;
        };
        let first_end = head.seq.wrapping_add(head.segment_len().max(1));
        if after(first_end, self.window_end()) {
            self.schedule_window_probe(now);
        } else {
            self.backoff = 0;
            self.retransmit_timer = None;
        }
    }

    /// Whether the socket still waits for anything of the peer.
    pub(crate) const fn is_finished(&self) -> bool {
        matches!(self.state, State::Closed | State::TimeWait)
    }

    /// When anything is due next.
    pub(crate) fn poll_timeout(&self) -> Option<SimTime> {
        [
            self.retransmit_timer.map(|(_, at)| at),
            self.ack_timer,
            self.compressed_ack_timer,
            self.keepalive_timer,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// The timer `ss -o` would show.
    pub(super) fn next_timer(&self) -> Option<(&'static str, SimTime)> {
        match (self.retransmit_timer, self.keepalive_timer) {
            (Some((super::connection::RetransmitTimer::ZeroWindowProbe, at)), _) => {
                Some(("persist", at))
            }
            (Some((_, at)), _) => Some(("on", at)),
            (None, Some(at)) => Some(("keepalive", at)),
            (None, None) => None,
        }
    }

    /// Ticks from now to when the head's timeout would have been (`tcp_rto_delta_us`).
    pub(super) fn head_timeout_ticks(&self, now: SimTime) -> u64 {
        let Some(head) = self.sent.front() else {
            return self.rtt.rto;
        };
        let due = head.sent_at + clock::span(self.rtt.rto);
        clock::ticks(due.since(now)).max(1)
    }
}
