//! TLS around the programs of this folder.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use wirelab_model::Stream;

use super::{Heard, TlsClient, TlsClientSpec, TlsServer, TlsServerSpec};
use crate::host::program::{Act, Client, Done, Moment, Server};
use crate::host::spec::ServerSpec;

/// A server that speaks through TLS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Secured {
    tls: TlsServer,
    inside: Server,
    index: usize,
}

impl Secured {
    pub(crate) fn new(index: usize, inside: Server, stream: Stream) -> Self {
        Self {
            tls: TlsServer::new(stream),
            inside,
            index,
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
        let heard = self.tls.on_data(spec, data, moment);
        let mut acts: Vec<Act> = heard.send.into_iter().map(Act::Send).collect();
        if !heard.data.is_empty() {
            let inner = self.inside.on_data(specs, heard.data, moment);
            self.seal(inner, &mut acts);
        }
        if heard.trouble.is_some() || heard.closed {
            acts.push(Act::Close);
        }
        acts
    }

    pub(crate) fn on_wake(&mut self, specs: &[ServerSpec], moment: Moment) -> Vec<Act> {
        let inner = self.inside.on_wake(specs, moment);
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
}

impl SecuredClient {
    pub(crate) fn new(tls: TlsClientSpec, inside: Client, stream: Stream) -> Self {
        Self {
            tls: TlsClient::new(tls, stream),
            inside,
        }
    }

    pub(crate) fn start(&mut self, fresh: bool, moment: Moment) -> Vec<Act> {
        if fresh {
            return vec![Act::Send(self.tls.start())];
        }
        let inner = self.inside.start(false, moment);
        self.seal(inner)
    }

    pub(crate) fn on_data(&mut self, data: Vec<Bytes>, moment: Moment) -> Vec<Act> {
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
