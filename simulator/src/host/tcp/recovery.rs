//! Loss: RACK, fast recovery, timeouts, undo, and the congestion window.

use wirelab_model::{SimDuration, SimTime};
use wirelab_wire::TcpSegment;

use super::acknowledge::{AckFlags, Delivery, Resend};
use super::connection::{CongestionState, Connection, RetransmitTimer};
use super::newreno::REORDERING;
use super::queue::Piece;
use super::seq::{after, before};
use super::{Context, clock};

/// Whether `a` was sent after `b` (`tcp_rack_sent_after`).
fn sent_after(a: (SimTime, u32), b: (SimTime, u32)) -> bool {
    a.0 > b.0 || (a.0 == b.0 && after(a.1, b.1))
}

impl Connection {
    /// Whether the window is being reduced (`tcp_in_cwnd_reduction`).
    pub(super) const fn in_reduction(&self) -> bool {
        matches!(
            self.congestion,
            CongestionState::Recovery | CongestionState::Cwr
        )
    }

    /// A delivered piece moves RACK's point forward (RFC 8985 section 6.2 step 2).
    pub(super) fn advance_rack(&mut self, piece: &Piece, now: SimTime) {
        if self.is_reno() {
            return;
        }
        let rtt = now.since(piece.sent_at).as_nanos() / 1000;
        if piece.ever_retransmitted && rtt < self.rtt.minimum() {
            // The answer must be to an earlier copy.
            return;
        }
        self.rack.advanced = true;
        self.rack.rtt = rtt;
        if sent_after(
            (piece.sent_at, piece.end),
            (self.rack.sent_at, self.rack.end),
        ) {
            self.rack.sent_at = piece.sent_at;
            self.rack.end = piece.end;
        }
    }

    fn sacked_segments(&self) -> u32 {
        self.sent.count().sacked
    }

    /// RFC 8985 section 6.2 step 4.
    fn reordering_window(&self) -> u64 {
        if !self.rack.reordering_seen
            && (self.congestion >= CongestionState::Recovery
                || self.sacked_segments() >= REORDERING)
        {
            return 0;
        }
        (self.rtt.minimum() / 4 * self.rack.window_steps).min(self.rtt.smoothed())
    }

    /// Microseconds until `piece` counts as lost; not positive if it does now.
    fn rack_left(&self, piece: &Piece, window: u64, now: SimTime) -> i64 {
        let age = now.since(piece.sent_at).as_nanos() / 1000;
        (self.rack.rtt + window) as i64 - age as i64
    }

    /// `tcp_rack_detect_loss`; sets the reordering timer if something is undecided.
    pub(super) fn detect_loss(&mut self, now: SimTime) {
        let window = self.reordering_window();
        let point = (self.rack.sent_at, self.rack.end);
        let mut wait = 0;
        for at in 0..self.sent.len() {
            let piece = &self.sent[at];
            if piece.sacked || (piece.lost && !piece.retransmitted) {
                continue;
            }
            if !sent_after(point, (piece.sent_at, piece.end)) {
                continue;
            }
            let left = self.rack_left(piece, window, now);
            if left <= 0 {
                self.mark_lost(at);
            } else {
                wait = wait.max(left as u64);
            }
        }
        if wait > 0 {
            let ticks = clock::ticks_of_micros(wait + 2000);
            self.set_retransmit_timer(RetransmitTimer::Reorder, ticks, now);
        }
    }

    pub(super) fn mark_lost(&mut self, at: usize) {
        if !self.sent[at].sacked {
            self.sent.change(at, |piece| {
                piece.lost = true;
                piece.retransmitted = false;
            });
        }
    }

    fn rack_mark_lost(&mut self, now: SimTime) {
        if self.rack.advanced {
            self.rack.advanced = false;
            self.detect_loss(now);
        }
    }

    fn retransmitted_segments(&self) -> u32 {
        self.sent.count().retransmitted
    }

    fn identify_loss(&mut self, flags: &mut AckFlags, now: SimTime) {
        if self.is_reno() {
            return self.mark_head_lost(flags);
        }
        let before = self.retransmitted_segments();
        self.rack_mark_lost(now);
        flags.lost_retransmission |= before > self.retransmitted_segments();
    }

    /// `tcp_fastretrans_alert`.
    pub(super) fn alert(
        &mut self,
        flags: &mut AckFlags,
        delivery: &mut Delivery,
        segment: &TcpSegment,
        cx: &mut Context<'_>,
    ) -> Resend {
        let duplicate = flags.is_duplicate() && self.is_reno();
        if self.leave_finished_episode() {
            return Resend::Nothing;
        }
        match self.congestion {
            CongestionState::Recovery => {
                if flags.una_advanced && self.try_undo_partial(segment) {
                    return Resend::Nothing;
                }
                if duplicate {
                    self.note_duplicate(delivery);
                }
                self.identify_loss(flags, cx.now);
                return Resend::Lost;
            }
            CongestionState::Loss => {
                let resend = self.process_loss(flags, delivery, segment);
                self.identify_loss(flags, cx.now);
                let reopened = self.congestion == CongestionState::Open;
                if !(reopened || flags.lost_retransmission) {
                    return resend;
                }
            }
            _ => {}
        }
        if self.is_reno() && flags.una_advanced {
            self.forget_duplicates();
        }
        if duplicate {
            self.note_duplicate(delivery);
        }
        self.try_undo_duplicates();
        self.identify_loss(flags, cx.now);
        if self.lost_segments() == 0 {
            self.try_to_open(flags);
            return Resend::Nothing;
        }
        self.enter_recovery();
        Resend::Lost
    }

    /// Everything up to the recovery point is acknowledged.
    fn leave_finished_episode(&mut self) -> bool {
        if self.congestion == CongestionState::Open {
            self.retrans_stamp = None;
            return false;
        }
        if before(self.una, self.high_seq) {
            return false;
        }
        match self.congestion {
            CongestionState::Cwr if self.una != self.high_seq => {
                self.end_reduction();
                self.set_open();
            }
            CongestionState::Recovery => {
                self.forget_duplicates();
                if self.holds_state() {
                    return true;
                }
                self.end_reduction();
                self.set_open();
                self.retrans_stamp = None;
            }
            _ => {}
        }
        false
    }

    fn set_open(&mut self) {
        self.congestion = CongestionState::Open;
        self.undo_marker = None;
    }

    /// `tcp_try_to_open`.
    fn try_to_open(&mut self, flags: &AckFlags) {
        let _ = flags;
        if self.retransmitted_segments() == 0 {
            self.retrans_stamp = None;
        }
        if self.congestion == CongestionState::Cwr || self.congestion == CongestionState::Loss {
            return;
        }
        let count = self.sent.count();
        let told = self.told_by_duplicates;
        let uncertain = count.sacked + told + count.lost + count.retransmitted > 0;
        if uncertain || self.undo_marker.is_some() {
            if self.congestion != CongestionState::Disorder {
                self.congestion = CongestionState::Disorder;
                self.high_seq = self.next;
            }
        } else {
            self.congestion = CongestionState::Open;
        }
    }

    /// `tcp_enter_recovery`.
    fn enter_recovery(&mut self) {
        self.undo_marker = Some(self.una);
        let outstanding = i64::from(self.retransmitted_segments());
        self.undo_retrans = if outstanding == 0 { -1 } else { outstanding };
        if !self.in_reduction() {
            self.prior_ssthresh = self.current_ssthresh();
            self.init_reduction();
        }
        self.congestion = CongestionState::Recovery;
    }

    /// `tcp_init_cwnd_reduction`.
    pub(super) fn init_reduction(&mut self) {
        self.high_seq = self.next;
        self.loss_probe_end = None;
        self.cwnd_count = 0;
        self.prior_cwnd = self.cwnd;
        self.prr_delivered = 0;
        self.prr_out = 0;
        self.ssthresh = self.cubic.slow_start_threshold(self.cwnd);
    }

    /// Proportional rate reduction (RFC 6937, `tcp_cwnd_reduction`).
    pub(super) fn reduce_cwnd(&mut self, delivered: u32, newly_lost: u32, advanced: bool) {
        if delivered == 0 || self.prior_cwnd == 0 {
            return;
        }
        self.prr_delivered += delivered;
        let in_flight = self.in_flight();
        let allowed = if self.ssthresh < in_flight {
            let share = u64::from(self.ssthresh) * u64::from(self.prr_delivered);
            let share = share.div_ceil(u64::from(self.prior_cwnd)) as u32;
            share.saturating_sub(self.prr_out)
        } else {
            let room = self.ssthresh - in_flight;
            let catch_up = self
                .prr_delivered
                .saturating_sub(self.prr_out)
                .max(delivered);
            room.min(catch_up + u32::from(advanced && newly_lost == 0))
        };
        // The first retransmission always goes out.
        let allowed = allowed.max(u32::from(self.prr_out == 0));
        self.cwnd = in_flight + allowed;
    }

    pub(super) fn end_reduction(&mut self) {
        if self.ssthresh != u32::MAX
            && (self.congestion == CongestionState::Cwr || self.undo_marker.is_some())
        {
            self.cwnd = self.ssthresh;
        }
    }

    /// `tcp_current_ssthresh`.
    fn current_ssthresh(&self) -> u32 {
        if self.in_reduction() {
            self.ssthresh
        } else {
            self.ssthresh.max((self.cwnd / 2) + (self.cwnd / 4))
        }
    }

    /// A retransmission timeout (`tcp_enter_loss`).
    pub(super) fn enter_loss(&mut self, now: SimTime) {
        let fresh = self.congestion < CongestionState::Recovery;
        if self.congestion <= CongestionState::Disorder && self.told_by_duplicates >= REORDERING {
            self.reordering = self.reordering.min(REORDERING);
        }
        self.forget_duplicates();
        for at in 0..self.sent.len() {
            let recent = at > 0 && self.rack_left(&self.sent[at], 0, now) > 0;
            if !recent {
                self.mark_lost(at);
            }
        }
        let again = self.congestion == CongestionState::Loss && self.retransmits == 0;
        if self.congestion <= CongestionState::Disorder || !after(self.high_seq, self.una) || again
        {
            self.prior_ssthresh = self.current_ssthresh();
            self.prior_cwnd = self.cwnd;
            self.ssthresh = self.cubic.slow_start_threshold(self.cwnd);
            self.cubic.on_loss(now, self.next);
            self.undo_marker = Some(self.una);
            let out = i64::from(self.retransmitted_segments());
            self.undo_retrans = if out == 0 { -1 } else { out };
        }
        self.cwnd = self.in_flight() + 1;
        self.cwnd_count = 0;
        self.cwnd_stamp = now;
        self.congestion = CongestionState::Loss;
        self.high_seq = self.next;
        self.loss_probe_end = None;
        self.forward_rto = fresh || self.retransmits > 0;
    }

    /// `tcp_process_loss`, with F-RTO (RFC 5682).
    fn process_loss(
        &mut self,
        flags: &AckFlags,
        delivery: &mut Delivery,
        segment: &TcpSegment,
    ) -> Resend {
        let duplicate = flags.is_duplicate();
        let recovered = !before(self.una, self.high_seq);
        if flags.una_advanced && self.try_undo_loss(false, segment) {
            return Resend::Nothing;
        }
        if self.forward_rto {
            if flags.original_sacked && self.try_undo_loss(true, segment) {
                return Resend::Nothing;
            }
            if after(self.next, self.high_seq) {
                self.forward_rto &= !(flags.data_sacked || duplicate);
            } else if flags.una_advanced && !recovered {
                self.high_seq = self.next;
                let room = after(self.window_end(), self.next);
                if room && !self.unsent.is_empty() {
                    return Resend::New;
                }
                self.forward_rto = false;
            }
        }
        if recovered {
            self.try_undo_recovery(segment);
            return Resend::Nothing;
        }
        if self.is_reno() {
            // A duplicate says that the new data of F-RTO's step 2.b have arrived.
            if duplicate && after(self.next, self.high_seq) {
                self.note_duplicate(delivery);
            } else if flags.una_advanced {
                self.forget_duplicates();
            }
        }
        Resend::Lost
    }

    /// Whether the timestamps say that an original was answered (`tcp_packet_delayed`).
    fn original_arrived(&self, segment: &TcpSegment) -> bool {
        let Some(stamp) = self.retrans_stamp else {
            return false;
        };
        let first = (stamp.as_nanos() / 1_000_000) as u32;
        self.agreed.timestamps
            && segment.timestamps().is_some_and(|(_, echo)| {
                echo != 0 && before(echo, first.wrapping_add(self.timestamp_offset))
            })
    }

    fn may_undo(&self, segment: &TcpSegment) -> bool {
        self.undo_marker.is_some() && (self.undo_retrans == 0 || self.original_arrived(segment))
    }

    fn undo_reduction(&mut self, unmark: bool) {
        if unmark {
            self.sent.change_all(|piece| piece.lost = false);
        }
        if self.prior_ssthresh > 0 {
            self.cwnd = self.cwnd.max(self.prior_cwnd);
            self.ssthresh = self.ssthresh.max(self.prior_ssthresh);
        }
        self.undo_marker = None;
        self.rack.advanced = true;
    }

    fn try_undo_recovery(&mut self, segment: &TcpSegment) {
        if self.may_undo(segment) {
            self.undo_reduction(false);
        }
        if self.holds_state() {
            return;
        }
        self.set_open();
        self.retrans_stamp = None;
    }

    fn try_undo_partial(&mut self, segment: &TcpSegment) -> bool {
        if self.undo_marker.is_none() || !self.original_arrived(segment) {
            return false;
        }
        if self.retransmitted_segments() == 0 {
            self.undo_reduction(true);
            self.congestion = CongestionState::Disorder;
        }
        true
    }

    fn try_undo_loss(&mut self, forward: bool, segment: &TcpSegment) -> bool {
        if !forward && !self.may_undo(segment) {
            return false;
        }
        self.undo_reduction(true);
        self.retransmits = 0;
        if !self.holds_state() && (forward || !self.is_reno()) {
            self.congestion = CongestionState::Open;
        }
        true
    }

    fn try_undo_duplicates(&mut self) {
        if self.congestion <= CongestionState::Disorder
            && self.undo_marker.is_some()
            && self.undo_retrans == 0
        {
            self.undo_reduction(false);
        }
    }

    /// `tcp_process_tlp_ack` (RFC 8985 section 7.4).
    pub(super) fn on_loss_probe_ack(&mut self, ack: u32, flags: &AckFlags) {
        let Some(end) = self.loss_probe_end else {
            return;
        };
        if before(ack, end) {
            return;
        }
        if !self.loss_probe_retransmitted || flags.duplicate_sack {
            self.loss_probe_end = None;
        } else if after(ack, end) {
            // Beyond the probe without a DSACK: the original was lost, the probe repaired it.
            self.prior_ssthresh = 0;
            self.init_reduction();
            self.congestion = CongestionState::Cwr;
            self.end_reduction();
            self.set_open();
        } else if !(flags.una_advanced || flags.data || flags.data_sacked) {
            self.loss_probe_end = None;
        }
    }

    /// `tcp_cwnd_validate` and the idle rule of RFC 7661's spirit.
    pub(super) fn validate_cwnd(&mut self, limited: bool, now: SimTime) {
        let out = self.packets_out();
        if !before(self.una, self.cwnd_usage_seq)
            || limited
            || (!self.cwnd_limited && out > self.max_packets_out)
        {
            self.cwnd_limited = limited;
            self.max_packets_out = out;
            self.cwnd_usage_seq = self.next;
        }
        if self.is_cwnd_limited() {
            self.cwnd_stamp = now;
        } else if now.since(self.cwnd_stamp) >= clock::span(self.rtt.rto)
            && self.congestion == CongestionState::Open
            && self.unsent.is_empty()
        {
            let used = self.max_packets_out.max(10);
            if used < self.cwnd {
                self.ssthresh = self.current_ssthresh();
                self.cwnd = (self.cwnd + used) / 2;
            }
            self.cwnd_stamp = now;
        }
    }

    fn is_cwnd_limited(&self) -> bool {
        if self.cwnd_limited {
            return true;
        }
        self.cwnd < self.ssthresh && self.cwnd < 2 * self.max_packets_out
    }

    /// Slow start, then CUBIC (`cubictcp_cong_avoid`).
    pub(super) fn grow_cwnd(&mut self, mut acked: u32, now: SimTime) {
        if !self.is_cwnd_limited() {
            return;
        }
        if self.cwnd < self.ssthresh {
            let grown = self.cwnd.saturating_add(acked).min(self.ssthresh);
            acked -= grown - self.cwnd;
            self.cwnd = grown;
            if acked == 0 {
                return;
            }
        }
        let per = self.cubic.segments_per_increase(now, self.cwnd, acked);
        if self.cwnd_count >= per {
            self.cwnd_count = 0;
            self.cwnd += 1;
        }
        self.cwnd_count += acked;
        if self.cwnd_count >= per {
            self.cwnd += self.cwnd_count / per;
            self.cwnd_count %= per;
        }
    }

    /// The time of a retransmission, for the model timeout.
    pub(super) fn retransmitting_for(&self, now: SimTime) -> SimDuration {
        self.retrans_stamp
            .map_or(SimDuration::ZERO, |stamp| now.since(stamp))
    }

    /// ICMP 3/4 made segments too long: they count as lost, the window stays
    /// (`tcp_simple_retransmit`).
    pub(super) fn simple_retransmit(&mut self, cx: &mut Context<'_>) {
        let mss = self.current_mss(cx.path.mtu);
        for at in 0..self.sent.len() {
            if self.sent[at].segment_len() > mss {
                self.mark_lost(at);
            }
        }
        if self.lost_segments() == 0 {
            return;
        }
        if self.congestion != CongestionState::Loss {
            self.high_seq = self.next;
            self.ssthresh = self.current_ssthresh();
            self.prior_ssthresh = 0;
            self.undo_marker = None;
            self.congestion = CongestionState::Loss;
            self.forward_rto = false;
        }
        self.retransmit_lost(cx);
    }
}
