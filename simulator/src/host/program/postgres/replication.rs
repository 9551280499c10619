//! The standby's side of streaming replication (PostgreSQL 15 documentation, section 55.4).

use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};
use wirelab_model::{SimDuration, SimTime, SmolStr};

use super::{WAL_START, clock, message, next_message, query_message, start_up_packet};
use crate::host::program::{Act, Done, Inbox, Moment};

/// Half of `wal_receiver_timeout`: after such a silence the primary is asked for a sign of life.
/// The whole of it is the traffic's `timeout`.
const ASKS_AFTER: SimDuration = SimDuration::from_secs(30);
/// `wal_receiver_status_interval`.
const STATUS_INTERVAL: SimDuration = SimDuration::from_secs(10);

/// A standby.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ReplicationClient {
    user: SmolStr,
    slot: SmolStr,
    inbox: Inbox,
    logged_in: bool,
    received: u64,
    next_status: SimTime,
    last_heard: SimTime,
    /// The primary has been asked, and has not answered yet.
    asked: bool,
}

impl ReplicationClient {
    pub(crate) fn new(user: &str, slot: &str) -> Self {
        Self {
            user: user.into(),
            slot: slot.into(),
            inbox: Inbox::default(),
            logged_in: false,
            received: WAL_START,
            next_status: SimTime::ZERO,
            last_heard: SimTime::ZERO,
            asked: false,
        }
    }

    pub(crate) fn start(&mut self, fresh: bool, moment: Moment) -> Vec<Act> {
        if !fresh {
            return Vec::new();
        }
        self.next_status = moment.now + STATUS_INTERVAL;
        (self.last_heard, self.asked) = (moment.now, false);
        let parameters = [
            ("user", self.user.as_str()),
            ("replication", "true"),
            ("application_name", "walreceiver"),
        ];
        vec![
            Act::Send(start_up_packet(&parameters)),
            Act::Wake(self.next_status),
        ]
    }

    pub(crate) fn on_data(&mut self, data: Vec<Bytes>, moment: Moment) -> Vec<Act> {
        self.inbox.extend(data);
        (self.last_heard, self.asked) = (moment.now, false);
        let mut acts = Vec::new();
        while let Some((kind, body)) = next_message(&mut self.inbox) {
            match kind {
                b'Z' if !self.logged_in => {
                    self.logged_in = true;
                    let command = format!(
                        "START_REPLICATION SLOT \"{}\" {:X}/{:X} TIMELINE 1",
                        self.slot,
                        self.received >> 32,
                        self.received & 0xffff_ffff
                    );
                    acts.push(Act::Send(query_message(&command)));
                }
                b'd' => self.on_copy_data(&body, moment, &mut acts),
                _ => {}
            }
        }
        acts
    }

    fn on_copy_data(&mut self, body: &[u8], moment: Moment, acts: &mut Vec<Act>) {
        let position = |from: usize| {
            let octets = body.get(from..from + 8)?;
            octets.try_into().ok().map(u64::from_be_bytes)
        };
        let reached = match body.first() {
            Some(b'w') => position(9),
            Some(b'k') => position(1),
            _ => None,
        };
        if let Some(reached) = reached {
            self.received = self.received.max(reached);
            // WAL is confirmed when it is flushed; a keepalive only if it asks for that.
            let asks = body.first() == Some(&b'w') || body.get(17).is_some_and(|it| *it != 0);
            if asks {
                acts.push(Act::Send(self.status(false, moment)));
            }
            acts.push(Act::Done(Done::default()));
        }
    }

    /// Standby status update: written, flushed, applied, clock.
    fn status(&self, asks: bool, moment: Moment) -> Bytes {
        let mut body = BytesMut::new();
        body.put_u8(b'r');
        for _ in 0..3 {
            body.put_u64(self.received);
        }
        body.put_u64(clock(moment));
        body.put_u8(u8::from(asks));
        let mut out = BytesMut::new();
        message(b'd', &body, &mut out);
        out.freeze()
    }

    pub(crate) fn on_wake(&mut self, moment: Moment) -> Vec<Act> {
        if moment.now < self.next_status {
            return Vec::new();
        }
        self.next_status = moment.now + STATUS_INTERVAL;
        let mut acts = vec![Act::Wake(self.next_status)];
        if self.logged_in {
            let asks = !self.asked && moment.now >= self.last_heard + ASKS_AFTER;
            self.asked |= asks;
            acts.insert(0, Act::Send(self.status(asks, moment)));
        }
        acts
    }
}
