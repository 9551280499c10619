//! `curl` with several URLs: one transfer after the other, over connections that are kept open for
//! those that follow.
//!
//! A transfer ends as a command of its own would; [`Host::conclude`] then starts the command again
//! for the URL whose turn it is, until none is left. The last one's status is the command's.

use serde::{Deserialize, Serialize};
use wirelab_model::SimTime;

use super::connect::{Connect, Purpose};
use super::curl::Curl;
use super::timeout::Limit;
use super::{Printer, finish, print};
use crate::host::Host;
use crate::host::output::{ExecId, Output};
use crate::host::program::tls::TlsClient;
use crate::host::stack::SocketId;

/// A `curl` that has several URLs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::host) struct Curls {
    /// The whole command.
    argv: Vec<String>,
    /// When it is ended.
    limit: Option<Limit>,
    nth: usize,
    urls: usize,
    kept: Vec<Kept>,
    /// Connections that there have been.
    connections: usize,
}

/// A connection that a transfer has left open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    socket: SocketId,
    name: String,
    port: u16,
    number: usize,
    tls: Option<Box<TlsClient>>,
}

impl Host {
    /// Which URL of a command has its turn.
    pub(super) fn curl_turn(&mut self, id: ExecId, urls: usize) -> usize {
        if urls < 2 {
            return 0;
        }
        let curls = self.curls.entry(id).or_default();
        curls.urls = urls;
        curls.nth
    }

    /// Takes up a connection that leads where a transfer wants to go.
    pub(super) fn curl_connection(
        &mut self,
        id: ExecId,
        name: &str,
        curl: &mut Curl,
    ) -> Option<SocketId> {
        let curls = self.curls.get_mut(&id)?;
        let stack = &self.stack;
        let open = |it: &Kept| {
            let connection = stack.connection(it.socket);
            connection.is_some_and(|it| !it.at_end() && !it.is_finished())
        };
        let fits = |it: &Kept| {
            it.name == name && it.port == curl.port && it.tls.is_some() == curl.secure && open(it)
        };
        let Some(at) = curls.kept.iter().position(fits) else {
            curl.connection = curls.connections;
            curls.connections += 1;
            return None;
        };
        let kept = curls.kept.remove(at);
        curl.tls = kept.tls;
        curl.connection = kept.number;
        curl.reused = true;
        Some(kept.socket)
    }

    /// A transfer is over: its connection stays for the next one, if both sides have left it open.
    pub(super) fn keep_curl(&mut self, id: ExecId, task: &mut Connect) {
        let Purpose::Curl(curl) = &mut task.purpose else {
            return;
        };
        let Some(curls) = self.curls.get_mut(&id).filter(|it| it.nth + 1 < it.urls) else {
            return;
        };
        if !curl.may_go_on() {
            return;
        }
        let kept = task.attempts.drain(..).map(|attempt| Kept {
            socket: attempt.socket,
            name: task.name.clone(),
            port: curl.port,
            number: curl.connection,
            tls: curl.tls.take(),
        });
        curls.kept.extend(kept);
    }

    /// A command is over, unless it is a `curl` that has more to do.
    pub(super) fn conclude(
        &mut self,
        now: SimTime,
        id: ExecId,
        printer: Printer,
        status: i32,
        out: &mut Output,
    ) {
        let more = self.curls.get_mut(&id).and_then(|it| {
            it.nth += 1;
            (it.nth < it.urls).then(|| (it.argv.clone(), it.limit.clone()))
        });
        if let Some((argv, limit)) = more {
            print(now, id, printer, out);
            return self.begin_exec(now, id, &argv, (now, limit), out);
        }
        let kept = self.curls.remove(&id).map(|it| it.kept);
        for mut kept in kept.unwrap_or_default() {
            if let Some(farewell) = kept.tls.as_mut().and_then(|it| it.close_notify()) {
                self.send(now, kept.socket, farewell);
            }
            self.owners.remove(&kept.socket);
            self.stack.close(now, kept.socket);
        }
        self.stdins.remove(&id);
        finish(now, id, printer, status, out);
    }

    /// A command is killed, and its connections close without a word.
    pub(super) fn drop_curls(&mut self, now: SimTime, id: ExecId) {
        let kept = self.curls.remove(&id).map(|it| it.kept);
        for kept in kept.unwrap_or_default() {
            self.owners.remove(&kept.socket);
            self.stack.close(now, kept.socket);
        }
    }

    /// Remembers the command of a `curl` that has just been read.
    pub(super) fn note_curls(&mut self, id: ExecId, argv: &[String], limit: Option<&Limit>) {
        if let Some(curls) = self.curls.get_mut(&id).filter(|it| it.argv.is_empty()) {
            curls.argv = argv.to_vec();
            curls.limit = limit.cloned();
        }
    }
}
