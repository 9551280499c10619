//! Old data again: retransmissions, tail loss probes, merging of small pieces.

use wirelab_model::SimTime;
use wirelab_wire::TcpFlags;

use super::acknowledge::Resend;
use super::connection::{CongestionState, Connection, RetransmitTimer};
use super::send::Push;
use super::seq::{after, before};
use super::{Context, clock};

/// `TCP_TIMEOUT_MIN_US`.
const PROBE_MARGIN_MICROS: u64 = 2000;
/// `tcp_rto_min_us`.
const DELAYED_ACK_ALLOWANCE_MICROS: u64 = 200_000;

impl Connection {
    /// `tcp_xmit_recovery`.
    pub(super) fn resend(&mut self, resend: Resend, cx: &mut Context<'_>) {
        match resend {
            Resend::Nothing => {}
            Resend::Lost => self.retransmit_lost(cx),
            Resend::New => {
                let high = self.high_seq;
                self.write_out(Push::Off, cx);
                if self.next == high {
                    self.forward_rto = false;
                    self.retransmit_lost(cx);
                }
            }
        }
    }

    /// `tcp_xmit_retransmit_queue`: lost pieces in order, as the window allows.
    pub(super) fn retransmit_lost(&mut self, cx: &mut Context<'_>) {
        let mss = self.current_mss(cx.path.mtu);
        let burst = self.burst_segments(mss);
        let mut at = 0;
        let mut rearm = false;
        while at < self.sent.len() {
            let room = self.cwnd.saturating_sub(self.in_flight());
            if room == 0 {
                break;
            }
            let piece = &self.sent[at];
            if !piece.lost || piece.sacked || piece.retransmitted {
                at += 1;
                continue;
            }
            if !self.retransmit(at, room.min(burst), cx) {
                break;
            }
            if self.in_reduction() {
                self.prr_out += self.sent[at].segments();
            }
            let reorder = matches!(self.retransmit_timer, Some((RetransmitTimer::Reorder, _)));
            rearm |= at == 0 && !reorder;
            at += 1;
        }
        if rearm {
            self.set_retransmit_timer(RetransmitTimer::Retransmit, self.rtt.rto, cx.now);
        }
    }

    /// `tcp_retransmit_skb`: as [`Self::send_again`], and counted as a retransmission in flight.
    pub(super) fn retransmit(&mut self, at: usize, segments: u32, cx: &mut Context<'_>) -> bool {
        if !self.send_again(at, segments, cx) {
            return false;
        }
        self.sent.change(at, |piece| piece.retransmitted = true);
        let segments = i64::from(self.sent[at].segments());
        self.undo_retrans = self.undo_retrans.max(0) + segments;
        self.retrans_stamp.get_or_insert(cx.now);
        true
    }

    /// `__tcp_retransmit_skb`: sends up to `segments` segments of a piece again. False if the
    /// peer's window forbids it.
    fn send_again(&mut self, at: usize, segments: u32, cx: &mut Context<'_>) -> bool {
        let mss = self.current_mss(cx.path.mtu);
        self.trim_acknowledged(at);
        let window_end = self.window_end();
        let piece = &self.sent[at];
        let mut available = if before(piece.seq, window_end) {
            window_end.wrapping_sub(piece.seq)
        } else {
            if piece.seq != self.una {
                return false;
            }
            mss
        };
        if available < mss && piece.seq == self.una {
            available = mss;
        }
        let mut most = mss * segments;
        if most > available {
            most = (available / mss * mss).max(available.min(mss));
        }
        if self.sent[at].data_len() > most {
            self.sent.split(at, most);
        } else {
            self.collapse(at, available.min(mss));
        }
        let mut piece = self.sent[at].clone();
        piece.mss = mss;
        if piece.has(TcpFlags::SYN) {
            piece.sent_at = cx.now;
            self.transmit_syn(cx);
        } else {
            self.transmit(&mut piece, cx);
        }
        piece.ever_retransmitted = true;
        self.total_retransmitted += piece.segments();
        self.sent.change(at, |sent| *sent = piece);
        true
    }

    /// The front of a piece may be acknowledged already.
    fn trim_acknowledged(&mut self, at: usize) {
        let una = self.una;
        let piece = &self.sent[at];
        if before(piece.seq, una) && after(piece.end, una) {
            self.sent.change(at, |piece| piece.seq = una);
        }
    }

    /// Small neighbours join into one segment (`tcp_retrans_try_collapse`).
    fn collapse(&mut self, at: usize, space: u32) {
        if self.sent[at].data_len() >= space || self.sent[at].has(TcpFlags::SYN) {
            return;
        }
        let window_end = self.window_end();
        while let Some(next) = self.sent.get(at + 1).cloned() {
            let joined = self.sent[at].data_len() + next.data_len();
            if next.sacked
                || next.segments() > 1
                || joined > space
                || after(next.end, window_end)
                || self.sent[at].has(TcpFlags::FIN)
            {
                break;
            }
            self.sent.remove(at + 1);
            self.sent.change(at, |piece| {
                piece.end = next.end;
                piece.flags = piece.flags | next.flags;
                piece.ever_retransmitted |= next.ever_retransmitted;
                piece.retransmitted |= next.retransmitted;
            });
        }
    }

    /// `tcp_set_xmit_timer`.
    pub(super) fn set_timeout_or_probe(&mut self, now: SimTime) {
        if !self.schedule_loss_probe(true, now) {
            self.rearm_timeout(now);
        }
    }

    /// `tcp_rearm_rto`.
    pub(super) fn rearm_timeout(&mut self, now: SimTime) {
        if self.sent.is_empty() {
            self.retransmit_timer = None;
            return;
        }
        let counted_from_head = matches!(
            self.retransmit_timer,
            Some((RetransmitTimer::LossProbe | RetransmitTimer::Reorder, _))
        );
        let ticks = if counted_from_head {
            self.head_timeout_ticks(now)
        } else {
            self.rtt.rto
        };
        self.set_retransmit_timer(RetransmitTimer::Retransmit, ticks, now);
    }

    /// `tcp_schedule_loss_probe` (RFC 8985 section 7.2).
    pub(super) fn schedule_loss_probe(&mut self, advancing: bool, now: SimTime) -> bool {
        let out = self.packets_out();
        let calm = matches!(
            self.congestion,
            CongestionState::Open | CongestionState::Cwr
        );
        if out == 0 || !self.agreed.sack || !calm {
            return false;
        }
        let mut ticks = match self.rtt.smoothed() {
            0 => super::rtt::RTO_INITIAL_TICKS,
            smoothed => {
                let margin = if out == 1 {
                    DELAYED_ACK_ALLOWANCE_MICROS
                } else {
                    PROBE_MARGIN_MICROS
                };
                clock::ticks_of_micros(2 * smoothed + margin)
            }
        };
        let limit = if advancing {
            self.rtt.rto
        } else {
            self.head_timeout_ticks(now)
        };
        ticks = ticks.min(limit);
        self.set_retransmit_timer(RetransmitTimer::LossProbe, ticks, now);
        true
    }

    /// `tcp_send_loss_probe`: new data if there is any, else the last segment again.
    pub(super) fn send_loss_probe(&mut self, cx: &mut Context<'_>) {
        if self.loss_probe_end.is_some() {
            self.rearm_timeout(cx.now);
            return;
        }
        self.loss_probe_retransmitted = false;
        if self.new_data_fits() {
            let before_probe = self.next;
            self.write_out(Push::Probe, cx);
            if self.next != before_probe {
                self.finish_probe(cx.now);
                return;
            }
        }
        let Some(tail) = self.sent.back() else {
            return;
        };
        let segments = tail.segments();
        if segments > 1 {
            let keep = (segments - 1) * tail.mss;
            self.sent.split(self.sent.len() - 1, keep);
        }
        let last = self.sent.len() - 1;
        self.loss_probe_retransmitted = self.send_again(last, 1, cx);
        self.finish_probe(cx.now);
    }

    fn finish_probe(&mut self, now: SimTime) {
        self.loss_probe_end = Some(self.next);
        self.retransmit_timer = None;
        self.rearm_timeout(now);
    }

    fn new_data_fits(&self) -> bool {
        self.unsent.front().is_some_and(|head| {
            let end = head.seq.wrapping_add(head.segment_len().max(1));
            !after(end, self.window_end())
        })
    }
}
