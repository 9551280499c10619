//! The receive window: how large it is announced, and how the buffer behind it grows.

use wirelab_model::SimTime;

use super::{HEADERS, MSS_DEFAULT, OVERHEAD, PAGE, PAGE_LIMIT, Receiver, SHARED};

impl Receiver {
    /// `tcp_init_buffer_space`: the window leaves room for one segment.
    pub(super) fn reserve_a_segment(&mut self) {
        let most = self.memory_to_window(self.buffer);
        let segment = u64::from(self.advertised_mss);
        self.clamp = most;
        if most > 2 * segment {
            self.clamp = (2 * segment).max(most - segment);
        }
        self.threshold = self.threshold.min(self.clamp);
    }

    /// Dynamic right sizing (`tcp_rcv_space_adjust`).
    pub(super) fn adjust_space(&mut self, now: SimTime) {
        let passed = now.since(self.space_time).as_nanos() / 1000;
        if self.rtt == 0 || passed < self.rtt >> 3 {
            return;
        }
        let copied = self.copied.wrapping_sub(self.space_seq);
        if copied > self.space && self.space > 0 {
            self.grow_buffer(copied);
        }
        self.space_seq = self.copied;
        self.space_time = now;
    }

    /// `tcp_rcvbuf_grow`: twice what was read in a round trip, and more while the sender doubles.
    fn grow_buffer(&mut self, copied: u32) {
        let window = 2 * u64::from(copied);
        let grow = window * u64::from(copied - self.space) / u64::from(self.space);
        let held = self
            .out_of_order
            .last()
            .map_or(0, |(_, end, _)| end.wrapping_sub(self.next));
        let wanted = (window + 2 * grow + u64::from(held)) * 256 / self.ratio;
        let buffer = wanted.min(self.buffer_max);
        if buffer > self.buffer {
            self.buffer = buffer;
            self.clamp = self.memory_to_window(buffer);
        }
        self.space = copied;
    }

    /// `skb->truesize` of a segment with `len` octets of data.
    pub(super) fn memory(&self, len: u32) -> u64 {
        match (self.overhead, len) {
            (Some(overhead), _) => u64::from(len) + u64::from(overhead),
            (None, 0..=PAGE_LIMIT) => u64::from(len + OVERHEAD),
            (None, _) => u64::from((len + HEADERS).div_ceil(PAGE) * PAGE + SHARED),
        }
    }

    const fn memory_to_window(&self, memory: u64) -> u64 {
        memory * self.ratio / 256
    }

    fn free_space(&self) -> u64 {
        let waiting: u64 = self
            .out_of_order
            .iter()
            .map(|(_, _, data)| self.memory(data.len() as u32))
            .sum();
        self.memory_to_window(self.buffer.saturating_sub(self.unread_memory + waiting))
    }

    /// The window to announce next, before scaling (`tcp_select_window`).
    pub(in crate::host::tcp) fn select_window(&mut self, scale: u8) -> u32 {
        let current = self.open_window();
        let wanted = self.candidate_window(scale);
        let step = 1_u32 << scale;
        let chosen = if wanted < current {
            // Never shrink what was promised (RFC 9293 section 3.8.6).
            current.div_ceil(step) * step
        } else {
            wanted
        };
        self.window = chosen;
        self.acknowledged = self.next;
        chosen
    }

    pub(super) fn candidate_window(&mut self, scale: u8) -> u32 {
        let full = self.clamp.min(self.memory_to_window(self.buffer));
        let mut free = self.free_space();
        let step = 1_u64 << scale;
        if free < full / 2 {
            self.quick = 0;
            free = free / step * step;
            if free < full >> 4 || free < u64::from(self.rcv_mss).min(full) {
                return 0;
            }
        }
        let free = free.min(self.threshold);
        if scale > 0 {
            return (free.div_ceil(step) * step) as u32;
        }
        // Without scaling the window moves in whole segments.
        let segment = u64::from(self.rcv_mss).min(full).max(1);
        let window = u64::from(self.window);
        if window + segment <= free || window > free {
            (free / segment * segment) as u32
        } else {
            self.window
        }
    }

    /// `tcp_grow_window`: faster the less memory a segment wastes.
    pub(super) fn grow_window(&mut self, len: u32) {
        let room = self
            .clamp
            .min(self.free_space())
            .saturating_sub(self.threshold);
        if room == 0 || len < 128 {
            return;
        }
        let memory = self.memory_to_window(self.memory(len));
        let step = if memory <= u64::from(len) {
            2 * self.advertised_mss
        } else {
            self.careful_step(memory, u64::from(len))
        };
        if step > 0 {
            self.threshold += room.min(u64::from(step.max(2 * len)));
            self.quick |= 1;
        }
    }

    /// `__tcp_grow_window`: only as long as the buffer may still become large.
    fn careful_step(&self, memory: u64, len: u64) -> u32 {
        let mut memory = memory >> 1;
        let mut window = self.memory_to_window(self.buffer_max) >> 1;
        while self.threshold <= window {
            if memory <= len {
                return 2 * self.rcv_mss;
            }
            memory >>= 1;
            window >>= 1;
        }
        0
    }

    /// `tcp_measure_rcv_mss`.
    pub(super) fn measure(&mut self, len: u32, push: bool) {
        if len >= self.rcv_mss {
            if len != self.rcv_mss {
                let ratio = (u64::from(len) * 256 / self.memory(len)).max(1);
                if ratio != self.ratio {
                    self.ratio = ratio;
                    self.set_clamp(self.memory_to_window(self.buffer));
                }
            }
            self.rcv_mss = len.min(self.advertised_mss.max(88));
            self.pending.pushed |= push;
            return;
        }
        if len >= MSS_DEFAULT - 12 || !push {
            let same = len == self.last_segment;
            self.last_segment = len;
            if same && len >= 88 {
                self.rcv_mss = len;
                return;
            }
        }
        self.pending.pushed_again |= self.pending.pushed;
        self.pending.pushed = true;
    }

    /// `tcp_set_window_clamp`: what was announced stays allowed when the clamp rises.
    fn set_clamp(&mut self, clamp: u64) {
        if clamp < self.clamp {
            self.threshold = self.threshold.min(clamp);
        } else if clamp > self.clamp {
            self.threshold = self.threshold.max(u64::from(self.window).min(clamp));
        }
        self.clamp = clamp;
        self.space = self.space.min(clamp as u32);
    }
}
