//! The primary's side of streaming replication: the WAL sender (PostgreSQL 15 documentation,
//! section 55.4; `walsender.c`).
//!
//! A standby that has said nothing for half of `wal_sender_timeout` is asked to; one that has said
//! nothing for all of it is given up: the connection closes without a word.
//!
//! ```text
//! last reply          t
//! keepalive, reply    t + 30 s    a standby that lives answers at once
//! close               t + 60 s
//! ```

use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};
use wirelab_model::{SimDuration, SimTime};

use super::{WAL_START, clock, message};
use crate::host::program::{Act, Moment, text};

/// `wal_sender_timeout`.
const TIMEOUT: SimDuration = SimDuration::from_secs(60);
/// When a standby is asked for a sign of life.
const ASKS_AFTER: SimDuration = SimDuration::from_secs(30);

/// A replication connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sender {
    position: u64,
    next: SimTime,
    last_reply: SimTime,
    /// It has been asked, and has not answered yet.
    waiting: bool,
    /// When the silence is looked at again.
    check: SimTime,
}

impl Sender {
    /// A sender that begins now, and when it wants to be called.
    pub(super) fn new(now: SimTime, every: SimDuration) -> (Self, [Act; 2]) {
        let sender = Self {
            position: WAL_START,
            next: now + every,
            last_reply: now,
            waiting: false,
            check: now + ASKS_AFTER,
        };
        let wakes = [Act::Wake(sender.next), Act::Wake(sender.check)];
        (sender, wakes)
    }

    /// CopyData from the standby: a status update, or feedback.
    pub(super) fn on_reply(&mut self, body: &[u8], moment: Moment) -> Option<Act> {
        self.last_reply = moment.now;
        self.waiting = false;
        // The last octet of a status update asks for an answer.
        let asks = body.first() == Some(&b'r') && body.get(33).is_some_and(|it| *it != 0);
        asks.then(|| Act::Send(self.keepalive(false, moment)))
    }

    pub(super) fn on_wake(&mut self, every: SimDuration, bytes: u32, moment: Moment) -> Vec<Act> {
        let now = moment.now;
        let mut acts = Vec::new();
        if now >= self.last_reply + TIMEOUT {
            return vec![Act::Close];
        }
        if self.next <= now {
            acts.push(Act::Send(self.wal(bytes, moment)));
            self.next = now + every;
            acts.push(Act::Wake(self.next));
        }
        if self.check <= now {
            if !self.waiting && now >= self.last_reply + ASKS_AFTER {
                self.waiting = true;
                acts.push(Act::Send(self.keepalive(true, moment)));
            }
            let span = if self.waiting { TIMEOUT } else { ASKS_AFTER };
            self.check = self.last_reply + span;
            acts.push(Act::Wake(self.check));
        }
        acts
    }

    /// XLogData, or a keepalive if there is nothing to send.
    fn wal(&mut self, bytes: u32, moment: Moment) -> Bytes {
        if bytes == 0 {
            return self.keepalive(false, moment);
        }
        let end = self.position + u64::from(bytes);
        let mut body = BytesMut::new();
        body.put_u8(b'w');
        body.put_u64(self.position);
        body.put_u64(end);
        body.put_u64(clock(moment));
        body.put_slice(&text::prose(bytes));
        self.position = end;
        copy_data(&body)
    }

    fn keepalive(&self, asks: bool, moment: Moment) -> Bytes {
        let mut body = BytesMut::new();
        body.put_u8(b'k');
        body.put_u64(self.position);
        body.put_u64(clock(moment));
        body.put_u8(u8::from(asks));
        copy_data(&body)
    }
}

fn copy_data(body: &[u8]) -> Bytes {
    let mut out = BytesMut::new();
    message(b'd', body, &mut out);
    out.freeze()
}

#[cfg(test)]
mod tests {
    use wirelab_model::UnixTime;

    use super::*;
    use crate::host::program::postgres::ReplicationClient;

    const EVERY: SimDuration = SimDuration::from_secs(1_000);

    fn at(seconds: u64) -> Moment {
        Moment {
            now: SimTime::from_secs(seconds),
            starts: UnixTime::from_secs(1_795_412_348),
        }
    }

    fn sent(acts: Vec<Act>) -> Vec<Bytes> {
        let sent = acts.into_iter().filter_map(|act| match act {
            Act::Send(octets) => Some(octets),
            _ => None,
        });
        sent.collect()
    }

    #[test]
    fn a_silent_standby_is_asked_after_30_seconds_and_given_up_after_60() {
        let (mut sender, _) = Sender::new(SimTime::ZERO, EVERY);
        assert!(sent(sender.on_wake(EVERY, 0, at(29))).is_empty());
        let asked = sent(sender.on_wake(EVERY, 0, at(30)));
        assert_eq!(asked[0].last(), Some(&1), "it asks for a reply");
        assert!(sent(sender.on_wake(EVERY, 0, at(59))).is_empty());
        assert_eq!(sender.on_wake(EVERY, 0, at(60)), [Act::Close]);
    }

    #[test]
    fn a_standby_answers_when_asked_and_not_otherwise() {
        let (mut sender, _) = Sender::new(SimTime::ZERO, EVERY);
        let mut standby = ReplicationClient::new("replicator", "one");
        let keepalive = sender.keepalive(false, at(5));
        assert!(sent(standby.on_data(vec![keepalive], at(5))).is_empty());
        let asked = sent(sender.on_wake(EVERY, 0, at(30)));
        let answer = sent(standby.on_data(asked, at(30)));
        // Behind the message's type and length.
        let reply = sender.on_reply(&answer[0][5..], at(30));
        assert_eq!(reply, None, "the answer asks for nothing");
        assert_ne!(sender.on_wake(EVERY, 0, at(60)), [Act::Close]);
    }
}
