//! Transfers of any size and rate: a speed test over HTTP/1.1, `GET /down?bytes=N&rate=BITS` and
//! `POST /up`. Whoever sends keeps to the rate.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use wirelab_model::{SimDuration, SimTime};

use super::http::{Ask, HttpClient, content_length, response_head, take_head};
use super::{Act, Inbox, Moment, text};

/// How often a sender with a rate sends.
const TICK: SimDuration = SimDuration::from_millis(10);

/// What is left to send, and how fast.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Pacer {
    left: u64,
    /// Octets a tick.
    tick: Option<u64>,
    next: SimTime,
}

impl Pacer {
    fn new(bytes: u64, rate: Option<u64>, now: SimTime) -> Self {
        let tick = rate.map(|rate| (rate / 8 / 100).max(1));
        Self {
            left: bytes,
            tick,
            next: now,
        }
    }

    fn step(&mut self, moment: Moment, acts: &mut Vec<Act>) {
        // A program that is woken late catches up.
        let mut size = 0;
        while size < self.left && self.next <= moment.now {
            size += self.tick.unwrap_or(self.left);
            self.next += TICK;
        }
        let mut size = size.min(self.left);
        self.left -= size;
        let chunk = text::prose(size.min(text::CHUNK as u64) as u32);
        while size > 0 {
            let piece = size.min(text::CHUNK as u64);
            acts.push(Act::Send(chunk.slice(..piece as usize)));
            size -= piece;
        }
        if self.left > 0 {
            acts.push(Act::Wake(self.next));
        }
    }
}

/// The server's side.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BulkServer {
    inbox: Inbox,
    /// Octets of an upload that are still to come.
    upload: Option<u64>,
    download: Option<Pacer>,
}

impl BulkServer {
    pub(crate) fn on_data(&mut self, data: Vec<Bytes>, moment: Moment) -> Vec<Act> {
        self.inbox.extend(data);
        let mut acts = Vec::new();
        if self.upload.is_none() && self.download.is_none() {
            let Some(head) = take_head(&mut self.inbox) else {
                return acts;
            };
            self.on_request(&head, moment, &mut acts);
        }
        if let Some(left) = &mut self.upload {
            *left = left.saturating_sub(self.inbox.skip(self.inbox.len()) as u64);
            if *left == 0 {
                self.upload = None;
                acts.push(Act::Send(response_head(200, 0, true, moment).into()));
                acts.push(Act::Close);
            }
        }
        acts
    }

    fn on_request(&mut self, head: &str, moment: Moment, acts: &mut Vec<Act>) {
        let target = head.split(' ').nth(1).unwrap_or("");
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let number = |key: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find_map(|(own, value)| (own == key).then(|| value.parse::<u64>().ok())?)
        };
        match (head.split(' ').next(), path, number("bytes")) {
            (Some("GET"), "/down", Some(bytes)) => {
                acts.push(Act::Send(response_head(200, bytes, true, moment).into()));
                let mut pacer = Pacer::new(bytes, number("rate"), moment.now);
                pacer.step(moment, acts);
                self.download = Some(pacer);
                self.close_when_done(acts);
            }
            (Some("POST"), "/up", _) => {
                self.upload = Some(content_length(head).unwrap_or(0) as u64)
            }
            _ => {
                let status = if head.contains(" HTTP/1.") { 404 } else { 400 };
                acts.push(Act::Send(response_head(status, 0, true, moment).into()));
                acts.push(Act::Close);
            }
        }
    }

    fn close_when_done(&self, acts: &mut Vec<Act>) {
        if self.download.as_ref().is_some_and(|pacer| pacer.left == 0) {
            acts.push(Act::Close);
        }
    }

    pub(crate) fn on_wake(&mut self, moment: Moment) -> Vec<Act> {
        let mut acts = Vec::new();
        if let Some(pacer) = &mut self.download {
            pacer.step(moment, &mut acts);
            self.close_when_done(&mut acts);
        }
        acts
    }
}

/// The client's side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BulkClient {
    http: HttpClient,
    upload: Option<u64>,
    rate: Option<u64>,
    pacer: Option<Pacer>,
}

impl BulkClient {
    pub(crate) fn new(host: &str, bytes: u64, upload: bool, rate: Option<u64>) -> Self {
        let path = match rate {
            _ if upload => "/up".to_owned(),
            Some(rate) => format!("/down?bytes={bytes}&rate={rate}"),
            None => format!("/down?bytes={bytes}"),
        };
        let mut headers = Vec::new();
        if upload {
            headers.push(format!("Content-Length: {bytes}"));
            headers.push("Content-Type: application/octet-stream".to_owned());
        }
        let method = if upload { "POST" } else { "GET" };
        let ask = Ask {
            method: method.to_owned(),
            path,
            host: host.to_owned(),
            user_agent: "curl/7.88.1".to_owned(),
            body_bytes: 0,
            headers,
            close: true,
        };
        Self {
            http: HttpClient::new(ask),
            upload: upload.then_some(bytes),
            rate,
            pacer: None,
        }
    }

    pub(crate) fn start(&mut self, moment: Moment) -> Vec<Act> {
        let mut acts = self.http.start();
        if let Some(bytes) = self.upload {
            let mut pacer = Pacer::new(bytes, self.rate, moment.now);
            pacer.step(moment, &mut acts);
            self.pacer = Some(pacer);
        }
        acts
    }

    pub(crate) fn on_data(&mut self, data: Vec<Bytes>) -> Vec<Act> {
        self.http.on_data(data)
    }

    pub(crate) fn on_wake(&mut self, moment: Moment) -> Vec<Act> {
        let mut acts = Vec::new();
        if let Some(pacer) = &mut self.pacer {
            pacer.step(moment, &mut acts);
        }
        acts
    }
}
