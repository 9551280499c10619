//! What happens when a timer fires.

use wirelab_model::{SimDuration, SimTime};
use wirelab_wire::TcpFlags;

use super::connection::{CongestionState, Connection, RetransmitTimer, State};
use super::rtt::RTO_MAX_TICKS;
use super::{Context, SocketError, clock};

/// `tcp_retries1`: timeouts before the path itself is doubted.
const RETRIES1: u32 = 3;
/// `tcp_orphan_retries` 0 means this.
const ORPHAN_RETRIES: u32 = 8;
/// Smallest timeout in milliseconds, the base of the model timeout.
const RTO_MIN_MS: u64 = 200;
/// Largest timeout in milliseconds.
const RTO_MAX_MS: u64 = 120_000;
/// `tcp_base_mss` plus headers with timestamps: where MTU probing starts.
const BASE_MSS: u32 = 1024;

/// How long `retries` doubling timeouts take (`tcp_model_timeout`).
fn model_timeout(retries: u32) -> SimDuration {
    let linear_from = (RTO_MAX_MS / RTO_MIN_MS).ilog2();
    let millis = if retries <= linear_from {
        ((2_u64 << retries) - 1) * RTO_MIN_MS
    } else {
        let doubling = ((2_u64 << linear_from) - 1) * RTO_MIN_MS;
        doubling + u64::from(retries - linear_from) * RTO_MAX_MS
    };
    SimDuration::from_millis(millis)
}

impl Connection {
    /// Does what is due at `now`.
    pub(crate) fn on_timeout(&mut self, cx: &mut Context<'_>) {
        let now = cx.now;
        let due = |at: Option<SimTime>| at.is_some_and(|at| at <= now);
        if due(self.ack_timer) {
            self.ack_timer = None;
            self.on_ack_timer(cx);
        }
        if due(self.compressed_ack_timer) {
            self.compressed_ack_timer = None;
            self.send_ack(cx);
        }
        if let Some((kind, at)) = self.retransmit_timer
            && at <= cx.now
        {
            self.on_retransmit_timer(kind, cx);
        }
        if self.keepalive_timer.is_some_and(|at| at <= cx.now) {
            self.keepalive_timer = None;
            self.on_keepalive_timer(cx);
        }
    }

    fn on_retransmit_timer(&mut self, kind: RetransmitTimer, cx: &mut Context<'_>) {
        match kind {
            RetransmitTimer::Retransmit => {
                self.retransmit_timer = None;
                self.on_timeout_of_head(cx);
            }
            RetransmitTimer::LossProbe => self.send_loss_probe(cx),
            RetransmitTimer::Reorder => self.on_reorder_timer(cx),
            RetransmitTimer::ZeroWindowProbe => {
                self.retransmit_timer = None;
                self.on_window_probe_timer(cx);
            }
        }
    }

    /// `tcp_rack_reo_timeout`.
    fn on_reorder_timer(&mut self, cx: &mut Context<'_>) {
        self.retransmit_timer = None;
        let in_flight = self.in_flight();
        self.detect_loss(cx.now);
        if in_flight != self.in_flight() {
            if self.congestion != CongestionState::Recovery {
                self.enter_recovery_by_timer();
            }
            self.retransmit_lost(cx);
        }
        if self.retransmit_timer.is_none() {
            self.rearm_timeout(cx.now);
        }
    }

    fn enter_recovery_by_timer(&mut self) {
        self.undo_marker = Some(self.una);
        if !self.in_reduction() {
            self.prior_ssthresh = self.ssthresh;
            self.init_reduction();
        }
        self.congestion = CongestionState::Recovery;
    }

    /// `tcp_retransmit_timer`.
    fn on_timeout_of_head(&mut self, cx: &mut Context<'_>) {
        if self.sent.is_empty() {
            return;
        }
        if self.state == State::SynSent {
            self.on_syn_timeout(cx);
            return;
        }
        if self.gives_up(cx) {
            return;
        }
        self.enter_loss(cx.now);
        self.retransmits = self.retransmits.saturating_add(1);
        self.total_timeouts = self.total_timeouts.saturating_add(1);
        self.retransmit(0, 1, cx);
        self.backoff = self.backoff.saturating_add(1);
        self.rtt.back_off();
        self.set_retransmit_timer(RetransmitTimer::Retransmit, self.rtt.rto, cx.now);
    }

    /// A router had no way for the head segment (`tcp_ld_RTO_revert`, RFC 6069 section 4.2): the
    /// last doubling of the timeout is taken back, since it says nothing of congestion.
    pub(crate) fn revert_backoff(&mut self, quoted_seq: u32, cx: &mut Context<'_>) {
        let head = self.sent.front().map(|piece| piece.sent_at);
        let Some(sent_at) = head.filter(|_| quoted_seq == self.una) else {
            return;
        };
        let waits = matches!(
            self.retransmit_timer,
            Some((RetransmitTimer::Retransmit, _))
        );
        if self.retransmits == 0 || self.backoff == 0 || !waits {
            return;
        }
        self.backoff -= 1;
        self.rtt.set_backed_off(self.backoff);
        let waited = clock::ticks(cx.now.since(sent_at));
        match self.rtt.rto.checked_sub(waited).filter(|left| *left > 0) {
            Some(left) => {
                self.set_retransmit_timer(RetransmitTimer::Retransmit, left, cx.now);
            }
            None => self.on_timeout_of_head(cx),
        }
    }

    fn on_syn_timeout(&mut self, cx: &mut Context<'_>) {
        let allowed = self
            .config
            .syn_retries
            .saturating_add(self.config.linear_timeouts());
        if self.retransmits >= allowed {
            self.fail(self.soft_error.unwrap_or(SocketError::TimedOut));
            return;
        }
        self.retransmits += 1;
        self.total_timeouts += 1;
        self.retransmit(0, 1, cx);
        if self.total_timeouts > self.config.linear_timeouts() {
            self.backoff += 1;
            self.rtt.back_off();
        }
        self.set_retransmit_timer(RetransmitTimer::Retransmit, self.rtt.rto, cx.now);
    }

    /// `tcp_write_timeout`: whether the connection ends here.
    fn gives_up(&mut self, cx: &mut Context<'_>) -> bool {
        if self.retransmitting_longer_than(RETRIES1, cx.now) {
            self.doubt_mtu(cx);
        }
        let mut retries = u32::from(self.config.retries2);
        if self.orphan {
            retries = ORPHAN_RETRIES;
        }
        if !self.retransmitting_longer_than(retries, cx.now) {
            return false;
        }
        self.fail(self.soft_error.unwrap_or(SocketError::TimedOut));
        true
    }

    /// `retransmits_timed_out`.
    fn retransmitting_longer_than(&self, retries: u32, now: SimTime) -> bool {
        self.retransmits > 0 && self.retransmitting_for(now) >= model_timeout(retries)
    }

    /// A black hole is suspected (`tcp_mtu_probing`): fall back to 1024 octets, then halve.
    fn doubt_mtu(&mut self, cx: &mut Context<'_>) {
        if self.config.mtu_probing == 0 {
            return;
        }
        let headers = self.mss_headers();
        self.mtu_search_low = Some(match self.mtu_search_low {
            None => BASE_MSS + headers,
            Some(low) => (low.saturating_sub(headers) / 2).clamp(48, BASE_MSS) + headers,
        });
        self.sync_mss(cx.path.mtu);
    }

    fn mss_headers(&self) -> u32 {
        super::headers(self.ends.remote.ip()) + if self.agreed.timestamps { 12 } else { 0 }
    }

    /// Where MTU probing stands at the start.
    pub(super) fn initial_search_low(&self) -> Option<u32> {
        (self.config.mtu_probing > 1).then_some(BASE_MSS + self.mss_headers())
    }

    /// Arms the zero-window probe (`tcp_check_probe_timer`).
    pub(super) fn schedule_window_probe(&mut self, now: SimTime) {
        if self.retransmit_timer.is_none() || self.sent.is_empty() {
            let ticks = (self.rtt.rto << self.backoff.min(12)).min(RTO_MAX_TICKS);
            self.set_retransmit_timer(RetransmitTimer::ZeroWindowProbe, ticks, now);
        }
    }

    /// `tcp_probe_timer`: an old sequence number, so that the peer must answer with its window.
    fn on_window_probe_timer(&mut self, cx: &mut Context<'_>) {
        if !self.sent.is_empty() || self.unsent.is_empty() {
            return;
        }
        let unanswered = if self.orphan {
            ORPHAN_RETRIES
        } else {
            u32::from(self.config.retries2)
        };
        if u32::from(self.probes_out) > unanswered {
            self.fail(SocketError::TimedOut);
            return;
        }
        self.transmit_control(TcpFlags::ACK, self.una.wrapping_sub(1), cx);
        self.probes_out = self.probes_out.saturating_add(1);
        self.backoff = self.backoff.saturating_add(1).min(12);
        self.schedule_window_probe(cx.now);
    }

    /// `tcp_keepalive_timer`; for an orphan in FIN-WAIT-2 it is the end.
    fn on_keepalive_timer(&mut self, cx: &mut Context<'_>) {
        if self.state == State::FinWait2 && self.orphan {
            self.finish();
            return;
        }
        let Some(keepalive) = self.config.keepalive else {
            return;
        };
        if !self.sent.is_empty() || !self.unsent.is_empty() {
            let ticks = clock::ticks(keepalive.time);
            self.keepalive_timer = Some(clock::expiry(cx.now, ticks));
            return;
        }
        let idle = clock::jiffies(cx.now) - clock::jiffies(self.last_received);
        let time = clock::ticks(keepalive.time);
        if idle < time {
            self.keepalive_timer = Some(clock::expiry(cx.now, time - idle));
            return;
        }
        if self.keepalive_probes >= keepalive.probes {
            self.transmit_control(TcpFlags::RST | TcpFlags::ACK, self.next, cx);
            self.fail(self.soft_error.unwrap_or(SocketError::TimedOut));
            return;
        }
        self.transmit_control(TcpFlags::ACK, self.next.wrapping_sub(1), cx);
        self.keepalive_probes += 1;
        let ticks = clock::ticks(keepalive.interval);
        self.keepalive_timer = Some(clock::expiry(cx.now, ticks));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifteen_retries_take_924_seconds() {
        assert_eq!(model_timeout(15).as_millis(), 924_600);
        assert_eq!(model_timeout(3).as_millis(), 3000);
    }
}
