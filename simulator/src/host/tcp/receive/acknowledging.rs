//! When to acknowledge: at once, delayed, compressed, or because the program has read.

use wirelab_model::{SimDuration, SimTime};

use super::{ATO_MIN, DELAYED_ACK_MAX, DUPLICATES_AT_ONCE, Pending};
use crate::host::tcp::connection::Connection;
use crate::host::tcp::seq::{after, before};
use crate::host::tcp::{Context, clock};

impl Connection {
    /// `__tcp_ack_snd_check`.
    pub(in crate::host::tcp) fn check_ack(&mut self, cx: &mut Context<'_>) {
        if !self.receiver.pending.scheduled {
            return;
        }
        let scale = self.receive_scale();
        let receiver = &mut self.receiver;
        let since = receiver.next.wrapping_sub(receiver.acknowledged);
        let room =
            receiver.next == receiver.copied || receiver.candidate_window(scale) >= receiver.window;
        let quick = receiver.quick > 0 && !receiver.ping_pong;
        if (since > receiver.rcv_mss && room) || quick || receiver.pending.now {
            self.send_ack(cx);
        } else if self.receiver.out_of_order.is_empty() {
            self.delay_ack(cx);
        } else {
            self.acknowledge_out_of_order(cx);
        }
    }

    /// Duplicate ACKs beyond the third are compressed (`tcp_comp_sack_delay_ns`).
    fn acknowledge_out_of_order(&mut self, cx: &mut Context<'_>) {
        let receiver = &mut self.receiver;
        if receiver.compressed_next != receiver.next {
            receiver.compressed_next = receiver.next;
            receiver.duplicates = 0;
        }
        if !self.agreed.sack || receiver.duplicates < DUPLICATES_AT_ONCE {
            receiver.duplicates += 1;
            self.send_ack(cx);
        } else if self.compressed_ack_timer.is_none() {
            let measured = receiver.rtt >> 3;
            let rtt = match (self.rtt.smoothed(), measured) {
                (0, measured) => measured,
                (smoothed, 0) => smoothed,
                (smoothed, measured) => smoothed.min(measured),
            };
            let delay = (rtt * 50).min(1_000_000);
            self.compressed_ack_timer = Some(cx.now + SimDuration::from_nanos(delay));
        }
    }

    /// `tcp_send_delayed_ack`.
    fn delay_ack(&mut self, cx: &mut Context<'_>) {
        let receiver = &mut self.receiver;
        let mut ato = receiver.ato;
        if ato > ATO_MIN {
            let lazy = receiver.ping_pong || receiver.pending.pushed;
            let mut most = if lazy { DELAYED_ACK_MAX } else { 125 };
            if self.rtt.smoothed() > 0 {
                let rtt = clock::ticks_of_micros(self.rtt.smoothed()).max(ATO_MIN);
                most = most.min(rtt);
            }
            ato = ato.min(most);
        }
        let at = clock::expiry(cx.now, ato.min(DELAYED_ACK_MAX));
        self.ack_timer = Some(self.ack_timer.map_or(at, |set| set.min(at)));
    }

    /// Reading may make an ACK due (`tcp_cleanup_rbuf`).
    pub(in crate::host::tcp) fn clean_receive_buffer(&mut self, cx: &mut Context<'_>) {
        let scale = self.receive_scale();
        let receiver = &mut self.receiver;
        let mut due = false;
        if receiver.pending.scheduled {
            let since = receiver.next.wrapping_sub(receiver.acknowledged);
            let pushed = receiver.pending.pushed && !receiver.ping_pong;
            due = since > receiver.rcv_mss || receiver.pending.pushed_again || pushed;
        }
        if !due && !receiver.finished {
            let open = u64::from(receiver.open_window());
            if 2 * open <= receiver.clamp {
                let wanted = u64::from(receiver.candidate_window(scale));
                due = wanted > 0 && wanted >= 2 * open;
            }
        }
        if due {
            self.send_ack(cx);
        }
    }

    /// The delayed-ACK timer has fired (`tcp_delack_timer_handler`).
    pub(in crate::host::tcp) fn on_ack_timer(&mut self, cx: &mut Context<'_>) {
        let rto = self.rtt.rto;
        let receiver = &mut self.receiver;
        if !receiver.pending.scheduled {
            return;
        }
        if receiver.ping_pong {
            receiver.ping_pong = false;
            receiver.ato = ATO_MIN;
        } else {
            receiver.ato = (receiver.ato * 2).min(rto);
        }
        self.send_ack(cx);
    }

    /// An ACK is leaving (`tcp_event_ack_sent`).
    pub(in crate::host::tcp) fn on_ack_sent(&mut self) {
        let receiver = &mut self.receiver;
        if receiver.quick > 0 && receiver.pending.scheduled {
            receiver.quick -= 1;
            if receiver.quick == 0 {
                receiver.ato = ATO_MIN;
            }
        }
        receiver.pending = Pending::default();
        receiver.duplicate = None;
        self.ack_timer = None;
        self.compressed_ack_timer = None;
    }

    /// Data is leaving: a quick answer makes the socket interactive (`tcp_event_data_sent`).
    pub(in crate::host::tcp) fn note_interactive(&mut self, now: SimTime) {
        let receiver = &mut self.receiver;
        if let Some(last) = receiver.last_data
            && clock::jiffies(now) - clock::jiffies(last) < receiver.ato
        {
            receiver.ping_pong = true;
        }
    }

    /// The next check sends an ACK whatever else holds.
    pub(in crate::host::tcp) fn schedule_ack_now(&mut self) {
        self.receiver.pending.scheduled = true;
        self.receiver.pending.now = true;
    }

    /// The segment lay outside the window: say where we are (`tcp_send_dupack`).
    pub(in crate::host::tcp) fn send_duplicate_ack(
        &mut self,
        seq: u32,
        end: u32,
        cx: &mut Context<'_>,
    ) {
        if end != seq && before(seq, self.receiver.next) {
            self.receiver.enter_quick_ack_mode();
            if self.agreed.sack {
                let upto = if after(end, self.receiver.next) {
                    self.receiver.next
                } else {
                    end
                };
                self.receiver.note_duplicate(seq, upto);
            }
        }
        self.send_ack(cx);
    }
}
