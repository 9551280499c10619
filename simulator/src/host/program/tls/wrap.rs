//! TLS around the programs of this folder.

use std::net::IpAddr;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use wirelab_model::Stream;

use super::{Caller, Heard, TlsClient, TlsClientSpec, TlsServer, TlsServerSpec};
use crate::host::program::{Act, Client, Done, Inbox, Moment, Server, postgres};
use crate::host::spec::ServerSpec;

/// How a connection comes to TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Opening {
    /// It does, or has.
    Tls,
    /// PostgreSQL's client has to ask (PostgreSQL 15 documentation, section 55.2.10).
    Postgres,
    /// It does not.
    Plain,
}

/// A server that speaks through TLS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Secured {
    tls: TlsServer,
    inside: Server,
    index: usize,
    peer: IpAddr,
    opening: Opening,
    inbox: Inbox,
}

impl Secured {
    pub(crate) fn new(index: usize, inside: Server, peer: IpAddr, stream: Stream) -> Self {
        let opening = match inside {
            Server::Postgres(_) => Opening::Postgres,
            _ => Opening::Tls,
        };
        Self {
            tls: TlsServer::new(stream),
            inside,
            index,
            peer,
            opening,
            inbox: Inbox::default(),
        }
    }

    pub(crate) fn on_data(
        &mut self,
        specs: &[ServerSpec],
        data: Vec<Bytes>,
        moment: Moment,
    ) -> Vec<Act> {
        let plain = TlsServerSpec::default();
        let spec = match specs.get(self.index) {
            Some(ServerSpec::Tls { tls, .. }) => tls,
            _ => &plain,
        };
        let mut data = data;
        let mut acts = Vec::new();
        if self.opening == Opening::Postgres {
            self.inbox.extend(data);
            self.ask_postgres(spec.optional, &mut acts);
            if self.opening == Opening::Postgres {
                return acts;
            }
            data = vec![self.inbox.take(self.inbox.len()).into()];
        }
        if self.opening == Opening::Plain {
            acts.extend(self.inside.on_data(specs, data, moment));
            return acts;
        }
        let heard = self.tls.on_data(spec, data, moment);
        acts.extend(heard.send.into_iter().map(Act::Send));
        if !heard.data.is_empty() {
            let inner = self.inside.on_data(specs, heard.data, moment);
            self.seal(inner, &mut acts);
        }
        if heard.trouble.is_some() || heard.closed {
            acts.push(Act::Close);
        }
        acts
    }

    fn ask_postgres(&mut self, optional: bool, acts: &mut Vec<Act>) {
        while let Some(opening) = postgres::opening(&mut self.inbox) {
            match opening {
                postgres::Opening::Gss => acts.push(Act::Send(Bytes::from_static(b"N"))),
                postgres::Opening::Tls => {
                    acts.push(Act::Send(Bytes::from_static(b"S")));
                    self.opening = Opening::Tls;
                    return;
                }
                postgres::Opening::Nonsense => {
                    self.inbox.skip(self.inbox.len());
                    acts.push(Act::Close);
                    return;
                }
                postgres::Opening::LogIn(..) if optional => {
                    self.opening = Opening::Plain;
                    return;
                }
                postgres::Opening::LogIn(user, database) => {
                    let refusal = postgres::no_encryption(self.peer, &user, &database);
                    acts.extend([Act::Send(refusal), Act::Close]);
                    return;
                }
            }
        }
    }

    pub(crate) fn streams(&self) -> bool {
        self.inside.streams()
    }

    pub(crate) fn on_wake(&mut self, specs: &[ServerSpec], moment: Moment) -> Vec<Act> {
        let inner = self.inside.on_wake(specs, moment);
        if self.opening == Opening::Plain {
            return inner;
        }
        let mut acts = Vec::new();
        self.seal(inner, &mut acts);
        acts
    }

    fn seal(&mut self, inner: Vec<Act>, acts: &mut Vec<Act>) {
        for act in inner {
            match act {
                Act::Send(octets) => acts.push(Act::Send(self.tls.seal(&octets))),
                Act::Close => {
                    acts.extend(self.tls.close_notify().map(Act::Send));
                    acts.push(Act::Close);
                }
                other => acts.push(other),
            }
        }
    }
}

/// A client that speaks through TLS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SecuredClient {
    tls: TlsClient,
    inside: Client,
    opening: Opening,
}

impl SecuredClient {
    pub(crate) fn new(tls: TlsClientSpec, inside: Client, stream: Stream) -> Self {
        let (opening, caller) = match inside {
            Client::Postgres(_) | Client::Replication(_) => (Opening::Postgres, Caller::Libpq),
            _ => (Opening::Tls, Caller::Curl),
        };
        Self {
            tls: TlsClient::under(caller, tls, stream),
            inside,
            opening,
        }
    }

    pub(crate) fn start(&mut self, fresh: bool, moment: Moment) -> Vec<Act> {
        if fresh {
            return vec![Act::Send(match self.opening {
                Opening::Postgres => postgres::ssl_request(),
                _ => self.tls.start(),
            })];
        }
        let inner = self.inside.start(false, moment);
        self.seal(inner)
    }

    pub(crate) fn on_data(&mut self, data: Vec<Bytes>, moment: Moment) -> Vec<Act> {
        if self.opening == Opening::Postgres {
            self.opening = Opening::Tls;
            return vec![match data.first().and_then(|octets| octets.first()) {
                Some(b'S') => Act::Send(self.tls.start()),
                _ => Act::Failed("server does not support SSL, but SSL was required".into()),
            }];
        }
        let Heard {
            send,
            data,
            opened,
            closed,
            trouble,
        } = self.tls.on_data(data, moment);
        let mut acts: Vec<Act> = send.into_iter().map(Act::Send).collect();
        if opened {
            let inner = self.inside.start(true, moment);
            acts.extend(self.seal(inner));
        }
        if !data.is_empty() {
            let inner = self.inside.on_data(data, moment);
            acts.extend(self.seal(inner));
        }
        if closed {
            acts.extend(self.inside.on_end().map(Act::Done));
        }
        if let Some(trouble) = trouble {
            if trouble.leaves_unread() {
                acts.push(Act::Abort);
            }
            acts.push(Act::Failed(SmolStr::from(trouble.curl().1)));
        }
        acts
    }

    pub(crate) fn on_wake(&mut self, moment: Moment) -> Vec<Act> {
        if !self.tls.is_open() {
            return Vec::new();
        }
        let inner = self.inside.on_wake(moment);
        self.seal(inner)
    }

    pub(crate) fn on_end(&mut self) -> Option<Done> {
        self.tls.is_open().then(|| self.inside.on_end())?
    }

    /// What is said before the connection is closed.
    pub(crate) fn farewell(&mut self) -> Option<Bytes> {
        self.tls.close_notify()
    }

    fn seal(&mut self, inner: Vec<Act>) -> Vec<Act> {
        let seal = |act| match act {
            Act::Send(octets) => Act::Send(self.tls.seal(&octets)),
            other => other,
        };
        inner.into_iter().map(seal).collect()
    }
}
