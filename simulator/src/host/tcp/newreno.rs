//! Loss where SACK was not agreed on (RFC 5681 section 3.2, RFC 6582): each duplicate ACK tells
//! that one segment has left the network, three that the first one is lost, and what acknowledges
//! less than everything that the next one is.

use super::acknowledge::{AckFlags, Delivery};
use super::connection::{CongestionState, Connection};

/// `tcp_reordering`, the duplicate threshold.
pub(super) const REORDERING: u32 = 3;
/// `tcp_max_reordering`.
const REORDERING_MAX: u32 = 300;

impl Connection {
    /// `tcp_is_reno`.
    pub(super) const fn is_reno(&self) -> bool {
        !self.agreed.sack
    }

    /// `tcp_reset_reno_sack`.
    pub(super) const fn forget_duplicates(&mut self) {
        self.told_by_duplicates = 0;
    }

    /// `tcp_add_reno_sack`.
    pub(super) fn note_duplicate(&mut self, delivery: &mut Delivery) {
        let before = self.told_by_duplicates;
        self.told_by_duplicates += 1;
        self.limit_duplicates(0);
        delivery.segments += self.told_by_duplicates.saturating_sub(before);
    }

    /// `tcp_remove_reno_sacks`: of `acked` segments one was the hole, the others' duplicates are
    /// used up.
    pub(super) fn use_up_duplicates(&mut self, acked: u32, delivery: &mut Delivery) {
        if acked > 0 {
            let new = acked.saturating_sub(self.told_by_duplicates).max(1);
            delivery.segments += new;
            self.told_by_duplicates = self.told_by_duplicates.saturating_sub(acked - 1);
        }
        self.limit_duplicates(acked);
    }

    /// `tcp_check_reno_reordering`: more duplicates than segments beside the hole mean that they
    /// came in another order.
    fn limit_duplicates(&mut self, addend: u32) {
        let out = self.packets_out();
        let holes = self.lost_segments().max(1).min(out);
        if self.told_by_duplicates + holes > out {
            self.told_by_duplicates = out - holes;
            self.reordering = (out + addend).min(REORDERING_MAX);
        }
    }

    /// `tcp_newreno_mark_lost`.
    pub(super) fn mark_head_lost(&mut self, flags: &AckFlags) {
        let enough = self.congestion < CongestionState::Recovery
            && self.told_by_duplicates >= self.reordering;
        let partial = self.congestion == CongestionState::Recovery && flags.una_advanced;
        let Some(head) = self.sent.front().filter(|head| !head.lost) else {
            return;
        };
        if !enough && !partial {
            return;
        }
        if head.segments() > 1 && head.data_len() > head.mss {
            let mss = head.mss;
            self.sent.split(0, mss);
        }
        self.mark_lost(0);
    }

    /// `tcp_is_non_sack_preventing_reopen`: until something above the recovery point is
    /// acknowledged, duplicates of the old flight must not begin another recovery (RFC 6582
    /// section 4.1).
    pub(super) fn holds_state(&mut self) -> bool {
        let holds = self.is_reno() && self.una == self.high_seq;
        if holds && self.sent.count().retransmitted == 0 {
            self.retrans_stamp = None;
        }
        holds
    }
}
