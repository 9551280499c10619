//! Arriving data: reassembly, SACK blocks, the window, and when to acknowledge.

mod acknowledging;
mod window;

use std::collections::VecDeque;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use wirelab_model::{SimDuration, SimTime};

use super::connection::Connection;
use super::seq::{after, before, later, touch};
use super::{TcpConfig, clock};

/// `TCP_MAX_QUICKACKS`.
const QUICK_ACKS_MAX: u32 = 16;
/// `TCP_ATO_MIN`, `TCP_DELACK_MIN`: 40 ms in ticks.
const ATO_MIN: u64 = 10;
/// `TCP_DELACK_MAX`: 200 ms in ticks.
const DELAYED_ACK_MAX: u64 = 50;
/// `TCP_MSS_DEFAULT`.
const MSS_DEFAULT: u32 = 536;
/// Second value of `tcp_rmem` in octets.
const RECEIVE_BUFFER: u64 = 131_072;
/// What a small packet takes of kernel memory beyond its data, in octets.
const OVERHEAD: u32 = 728;
/// Longer ones are received into pages, headers included.
const PAGE_LIMIT: u32 = 3000;
const PAGE: u32 = 4096;
const HEADERS: u32 = 80;
/// What a packet keeps besides its data when it is merged with the one before
/// (`struct skb_shared_info`).
const SHARED: u32 = 320;
/// Duplicate ACKs sent at once before they are compressed (`TCP_FASTRETRANS_THRESH`).
const DUPLICATES_AT_ONCE: u8 = 3;

/// The window of a SYN (`tcp_select_initial_window`): the buffer's space or 64 KiB, in whole
/// segments of `unit` octets.
pub(super) fn initial_window(config: &TcpConfig, unit: u32) -> u32 {
    let space = config.receive_buffer.unwrap_or(65_536).min(65_536);
    let whole = match space / unit.max(1) {
        0 => space,
        whole => whole * unit,
    };
    whole.min(65_535)
}

/// What must be acknowledged, and how urgently (`icsk_ack.pending`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Pending {
    scheduled: bool,
    pushed: bool,
    pushed_again: bool,
    now: bool,
}

/// The receiving half of a socket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Receiver {
    started: bool,
    pub(super) next: u32,
    /// `rcv_nxt` when the last window was announced.
    acknowledged: u32,
    window: u32,
    pub(super) advertised_mss: u32,
    threshold: u64,
    clamp: u64,
    buffer: u64,
    buffer_max: u64,
    /// What a segment takes of kernel memory beyond its data in octets, if the driver has no pages.
    overhead: Option<u32>,
    /// Data per octet of kernel memory, in 1/256.
    ratio: u64,
    rcv_mss: u32,
    last_segment: u32,
    quick: u32,
    ato: u64,
    last_data: Option<SimTime>,
    ping_pong: bool,
    pending: Pending,
    compressed_next: u32,
    duplicates: u8,
    ready: VecDeque<Bytes>,
    unread: u32,
    unread_memory: u64,
    copied: u32,
    out_of_order: Vec<(u32, u32, Bytes)>,
    sacks: Vec<(u32, u32)>,
    duplicate: Option<(u32, u32)>,
    fin: Option<u32>,
    finished: bool,
    /// Eight times the round trip of the data, in microseconds.
    rtt: u64,
    rtt_echo: u32,
    space: u32,
    space_seq: u32,
    space_time: SimTime,
}

impl Receiver {
    /// `window` is what the SYN or SYN-ACK announces.
    pub(super) fn new(advertised_mss: u32, window: u32, config: &TcpConfig) -> Self {
        // A buffer set by the program is doubled and stays as it is.
        let fixed = config.receive_buffer.map(|octets| 2 * u64::from(octets));
        let buffer = fixed.unwrap_or(RECEIVE_BUFFER);
        let buffer_max = fixed.unwrap_or_else(|| config.receive_buffer_max());
        Self {
            started: false,
            next: 0,
            acknowledged: 0,
            window,
            advertised_mss,
            threshold: u64::from(window),
            clamp: buffer / 2,
            buffer,
            buffer_max,
            overhead: config.overhead,
            ratio: 128,
            rcv_mss: MSS_DEFAULT,
            last_segment: 0,
            quick: 0,
            ato: 0,
            last_data: None,
            ping_pong: false,
            pending: Pending::default(),
            compressed_next: 0,
            duplicates: 0,
            ready: VecDeque::new(),
            unread: 0,
            unread_memory: 0,
            copied: 0,
            out_of_order: Vec::new(),
            sacks: Vec::new(),
            duplicate: None,
            fin: None,
            finished: false,
            rtt: 0,
            rtt_echo: 0,
            space: 0,
            space_seq: 0,
            space_time: SimTime::ZERO,
        }
    }

    /// The peer's SYN had sequence number `initial`.
    pub(super) fn start(&mut self, initial: u32, mss: u32, timestamps: bool, now: SimTime) {
        self.started = true;
        if timestamps {
            self.advertised_mss = self.advertised_mss.saturating_sub(12);
        }
        self.reserve_a_segment();
        self.next = initial.wrapping_add(1);
        self.acknowledged = self.next;
        self.copied = self.next;
        self.compressed_next = self.next;
        let hint = self.advertised_mss.min(mss).min(self.window / 2);
        self.rcv_mss = hint.clamp(88, MSS_DEFAULT);
        self.space = (self.threshold as u32)
            .min(self.window)
            .min(10 * self.advertised_mss);
        self.space_seq = self.next;
        self.space_time = now;
    }

    /// `rcv_wup`: everything before it was acknowledged.
    pub(super) const fn last_announced(&self) -> u32 {
        self.acknowledged
    }

    pub(super) const fn established(&self) -> bool {
        self.started
    }

    pub(super) const fn finished(&self) -> bool {
        self.finished
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ready.is_empty()
    }

    pub(super) const fn unread(&self) -> u32 {
        self.unread
    }

    /// When data last came.
    pub(super) fn last_data(&self) -> SimTime {
        self.last_data.unwrap_or(SimTime::ZERO)
    }

    /// How long an ACK may wait; nothing before data has come.
    pub(super) const fn ack_timeout(&self) -> SimDuration {
        clock::span(self.ato)
    }

    pub(super) const fn space(&self) -> u32 {
        self.space
    }

    pub(super) const fn threshold(&self) -> u64 {
        self.threshold
    }

    pub(super) const fn peer_segment(&self) -> u32 {
        self.rcv_mss
    }

    /// Octets the peer may still send (`tcp_receive_window`).
    pub(super) fn open_window(&self) -> u32 {
        let used = self.next.wrapping_sub(self.acknowledged);
        self.window.saturating_sub(used)
    }

    /// Whether `seq..end` has a place in the window (`tcp_sequence`).
    pub(super) fn acceptable(&self, seq: u32, end: u32) -> bool {
        !before(end, self.acknowledged) && !after(seq, self.next.wrapping_add(self.open_window()))
    }

    /// How many SACK blocks the next segment could tell.
    pub(super) fn sack_count(&self) -> usize {
        usize::from(self.duplicate.is_some()) + self.sacks.len()
    }

    /// SACK blocks of the next segment, DSACK first (RFC 2883 section 4).
    pub(super) fn sack_blocks(&self) -> Vec<(u32, u32)> {
        self.duplicate.iter().chain(&self.sacks).copied().collect()
    }

    /// The program takes everything that is in order.
    pub(super) fn take(&mut self, now: SimTime) -> Vec<Bytes> {
        let data: Vec<_> = self.ready.drain(..).collect();
        self.unread = 0;
        self.unread_memory = 0;
        self.copied = self.next;
        self.adjust_space(now);
        data
    }

    /// `tcp_event_data_recv`.
    fn on_data(&mut self, len: u32, push: bool, now: SimTime, rto: u64) {
        self.pending.scheduled = true;
        self.measure(len, push);
        match self.last_data {
            None => {
                self.allow_quick_acks(QUICK_ACKS_MAX);
                self.ato = ATO_MIN;
            }
            Some(last) => {
                let gap = clock::jiffies(now) - clock::jiffies(last);
                if gap <= ATO_MIN / 2 {
                    self.ato = self.ato / 2 + ATO_MIN / 2;
                } else if gap < self.ato {
                    self.ato = (self.ato / 2 + gap).min(rto);
                } else if gap > rto {
                    self.allow_quick_acks(QUICK_ACKS_MAX);
                }
            }
        }
        self.last_data = Some(now);
        self.grow_window(len);
    }

    fn allow_quick_acks(&mut self, most: u32) {
        let fit = match self.window / (2 * self.rcv_mss.max(1)) {
            0 => 2,
            fit => fit,
        };
        self.quick = self.quick.max(fit.min(most));
    }

    /// The peer's FIN waits for an answer to ride on (`tcp_fin`).
    pub(super) const fn enter_ping_pong_mode(&mut self) {
        self.ping_pong = true;
    }

    pub(super) fn enter_quick_ack_mode(&mut self) {
        self.allow_quick_acks(QUICK_ACKS_MAX);
        self.ping_pong = false;
        self.ato = ATO_MIN;
    }

    /// Remembers a duplicate for the next ACK's first block (RFC 2883).
    fn note_duplicate(&mut self, seq: u32, end: u32) {
        self.duplicate = match self.duplicate {
            Some(range) if touch(range, (seq, end)) => {
                let start = if before(seq, range.0) { seq } else { range.0 };
                Some((start, later(end, range.1)))
            }
            Some(range) => Some(range),
            None => Some((seq, end)),
        };
    }

    fn accept(&mut self, data: Bytes) {
        if data.is_empty() {
            return;
        }
        self.next = self.next.wrapping_add(data.len() as u32);
        self.unread += data.len() as u32;
        // What follows in order is merged with what waits (`tcp_try_coalesce`), if the driver puts
        // the data into pages.
        let memory = self.memory(data.len() as u32);
        let saved = match (
            self.ready.is_empty() || self.overhead.is_some(),
            data.len() as u32,
        ) {
            (true, _) => 0,
            (false, 0..=PAGE_LIMIT) => OVERHEAD - SHARED,
            (false, _) => SHARED,
        };
        self.unread_memory += memory - u64::from(saved);
        self.ready.push_back(data);
    }

    /// Moves what has become contiguous out of the out-of-order queue.
    fn join(&mut self) {
        while let Some((seq, end, data)) = self.out_of_order.first().cloned() {
            if after(seq, self.next) {
                break;
            }
            self.out_of_order.remove(0);
            if !after(end, self.next) {
                continue;
            }
            let skip = self.next.wrapping_sub(seq) as usize;
            self.accept(data.slice(skip..));
        }
        self.sacks.retain(|(_, end)| after(*end, self.next));
    }

    fn hold(&mut self, seq: u32, data: Bytes) {
        let end = seq.wrapping_add(data.len() as u32);
        let covered = self
            .out_of_order
            .iter()
            .any(|(s, e, _)| !before(seq, *s) && !after(end, *e));
        if covered {
            self.note_duplicate(seq, end);
            return;
        }
        let at = self
            .out_of_order
            .partition_point(|(s, _, _)| before(*s, seq));
        self.out_of_order.insert(at, (seq, end, data));
        self.note_sack(seq, end);
    }

    /// Merges a new range into the blocks and puts the result first (`tcp_sack_new_ofo_skb`).
    fn note_sack(&mut self, seq: u32, end: u32) {
        let mut merged = (seq, end);
        while let Some(at) = self.sacks.iter().position(|block| touch(*block, merged)) {
            let block = self.sacks.remove(at);
            let start = if before(block.0, merged.0) {
                block.0
            } else {
                merged.0
            };
            merged = (start, later(block.1, merged.1));
        }
        self.sacks.insert(0, merged);
        self.sacks.truncate(4);
    }

    fn reach_fin(&mut self) -> bool {
        if self.fin == Some(self.next) && !self.finished {
            self.next = self.next.wrapping_add(1);
            self.finished = true;
            self.pending.scheduled = true;
            return true;
        }
        false
    }
}

/// What an arriving segment brings besides its acknowledgment.
pub(super) struct Arrival {
    pub(super) seq: u32,
    pub(super) data: Bytes,
    pub(super) fin: bool,
    pub(super) push: bool,
    /// Echoed timestamp and our clock, in milliseconds, for the receiver's RTT.
    pub(super) echo: Option<(u32, u32)>,
}

impl Connection {
    /// `tcp_data_queue`: returns whether the peer's FIN was reached by this segment.
    pub(super) fn queue_data(&mut self, arrival: Arrival, now: SimTime) -> bool {
        let rto = self.rtt.rto;
        let sack = self.agreed.sack;
        let receiver = &mut self.receiver;
        let len = arrival.data.len() as u32;
        let end = arrival.seq.wrapping_add(len);
        if len == 0 && !arrival.fin {
            return false;
        }
        receiver.measure_rtt(&arrival, len);
        let reaches = end.wrapping_add(u32::from(arrival.fin));
        if !after(reaches, receiver.next) || (receiver.finished && len > 0) {
            if sack {
                receiver.note_duplicate(arrival.seq, reaches);
            }
            receiver.enter_quick_ack_mode();
            receiver.pending.scheduled = true;
            return false;
        }
        if receiver.open_window() == 0 && len > 0 {
            receiver.enter_quick_ack_mode();
            receiver.pending.scheduled = true;
            return false;
        }
        if arrival.fin {
            receiver.fin = Some(end);
        }
        if after(arrival.seq, receiver.next) {
            if len > 0 {
                receiver.hold(arrival.seq, arrival.data.clone());
            }
            receiver.on_data_out_of_order(len, arrival.push, sack);
            return false;
        }
        let skip = receiver.next.wrapping_sub(arrival.seq) as usize;
        if skip > 0 && sack {
            receiver.note_duplicate(arrival.seq, receiver.next);
        }
        if len > 0 && skip < arrival.data.len() {
            receiver.accept(arrival.data.slice(skip..));
            receiver.on_data(len, arrival.push, now, rto);
        }
        if !receiver.out_of_order.is_empty() {
            receiver.join();
            if receiver.out_of_order.is_empty() {
                receiver.pending.now = true;
            }
        }
        receiver.reach_fin()
    }

    pub(super) fn receive_scale(&self) -> u8 {
        self.agreed.scales.map_or(0, |(ours, _)| ours)
    }
}

impl Receiver {
    /// `tcp_data_queue_ofo`: without SACK the window stays, so that the ACKs are duplicates.
    fn on_data_out_of_order(&mut self, len: u32, push: bool, sack: bool) {
        self.pending.scheduled = true;
        self.measure(len, push);
        if sack {
            self.grow_window(len);
        }
    }

    /// `tcp_rcv_rtt_measure_ts`: a new echo with a full segment is one round trip old.
    fn measure_rtt(&mut self, arrival: &Arrival, len: u32) {
        let Some((echo, clock)) = arrival.echo else {
            return;
        };
        if echo == self.rtt_echo || len < self.rcv_mss {
            return;
        }
        self.rtt_echo = echo;
        let sample = u64::from(clock.wrapping_sub(echo)) * 1000;
        if sample == 0 {
            return;
        }
        if self.rtt == 0 || sample << 3 < self.rtt {
            self.rtt = sample << 3;
        } else if self.next == self.copied {
            // Upwards slowly: the sender's own pauses are in the sample.
            self.rtt = self.rtt - (self.rtt >> 3) + sample;
        }
    }
}
