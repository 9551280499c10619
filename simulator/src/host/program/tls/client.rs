//! The client's side.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use wirelab_model::Stream;

use super::certificate::{self, Seen};
use super::hello::{self, Caller, Drawn, ServerHello, message};
use super::record::{self, Next, Protection, Record};
use super::spec::{TlsClientSpec, TlsServerSpec, TlsVersion};
use super::suite::{self, KeyExchange, Suite};
use super::trouble::{CLOSE_NOTIFY, Trouble};
use super::{Heard, alert, draw, draw_32, next_message, noise};
use crate::host::program::octets::{Reader, prefixed};
use crate::host::program::{Inbox, Moment};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    /// Waits for the ServerHello.
    Hello,
    /// Waits for the end of the server's flight.
    Flight,
    /// TLS 1.2: has sent its Finished and waits for the server's.
    Finished,
    Open,
    Over,
}

/// A client's end of a TLS connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TlsClient {
    spec: TlsClientSpec,
    caller: Caller,
    stage: Stage,
    stream: Stream,
    inbox: Inbox,
    messages: Vec<u8>,
    random: [u8; 32],
    version: TlsVersion,
    suite: Option<Suite>,
    read: Option<Protection>,
    write: Option<Protection>,
    /// Up to TLS 1.2 the server's records are protected after its ChangeCipherSpec.
    server_changed: bool,
    /// What is wrong with the name, if that is looked at late.
    late: Option<Trouble>,
    verify_result: u8,
}

impl TlsClient {
    /// curl's. What it draws, it draws from `stream`.
    pub(crate) fn new(spec: TlsClientSpec, stream: Stream) -> Self {
        Self::under(Caller::Curl, spec, stream)
    }

    /// The same for a program that sets its own options.
    pub(crate) fn under(caller: Caller, spec: TlsClientSpec, stream: Stream) -> Self {
        Self {
            spec,
            caller,
            stage: Stage::Hello,
            stream,
            inbox: Inbox::default(),
            messages: Vec::new(),
            random: [0; 32],
            version: TlsVersion::Tls12,
            suite: None,
            read: None,
            write: None,
            server_changed: false,
            late: None,
            verify_result: 0,
        }
    }

    /// The connection is open: the ClientHello.
    pub(crate) fn start(&mut self) -> Bytes {
        let drawn: Drawn = draw(&mut self.stream);
        self.random = drawn.random;
        let hello = hello::client_hello(&self.spec, self.caller, &drawn);
        // The version of the record says nothing (RFC 8446 section 5.1).
        record::plain(record::HANDSHAKE, TlsVersion::Tls10.code(), &hello).into()
    }

    /// Version and cipher suite by OpenSSL's names, once they are agreed.
    pub(crate) fn agreed(&self) -> (&'static str, &'static str) {
        let version = match self.version {
            TlsVersion::Tls10 => "TLSv1",
            TlsVersion::Tls11 => "TLSv1.1",
            TlsVersion::Tls12 => "TLSv1.2",
            TlsVersion::Tls13 => "TLSv1.3",
        };
        (version, self.suite.map_or("(NONE)", |it| it.name()))
    }

    /// Whether the handshake is over and data may flow.
    pub(crate) fn is_open(&self) -> bool {
        self.stage == Stage::Open
    }

    /// Octets have arrived.
    pub(crate) fn on_data(&mut self, data: Vec<Bytes>, moment: Moment) -> Heard {
        let mut heard = Heard::default();
        self.inbox.extend(data);
        while self.stage != Stage::Over {
            match record::take(&mut self.inbox) {
                Next::Wait => break,
                Next::Nonsense => self.fail(Trouble::NotTls, &mut heard),
                Next::Record(record) => self.on_record(record, moment, &mut heard),
            }
        }
        heard
    }

    fn on_record(&mut self, record: Record, moment: Moment, heard: &mut Heard) {
        if record.0 == record::CHANGE_CIPHER_SPEC {
            self.server_changed = true;
            return;
        }
        let protected = self.version == TlsVersion::Tls13 || self.server_changed;
        let opened = match &mut self.read {
            Some(protection) if protected => protection.open(record),
            _ => Some(record),
        };
        match opened {
            Some((record::ALERT, body)) => self.on_alert(&body, heard),
            Some((record::HANDSHAKE, body)) => {
                self.messages.extend(body);
                while self.stage != Stage::Over
                    && let Some((kind, body)) = next_message(&mut self.messages)
                {
                    if let Err(trouble) = self.on_message(kind, &body, moment, heard) {
                        self.fail(trouble, heard);
                    }
                }
            }
            Some((record::APPLICATION_DATA, body)) if self.stage == Stage::Open => {
                heard.data.push(body.into());
            }
            _ => self.fail(Trouble::Broken, heard),
        }
    }

    fn on_alert(&mut self, body: &[u8], heard: &mut Heard) {
        match body {
            [_, CLOSE_NOTIFY] => heard.closed = true,
            [_, description] => self.end(Trouble::Alert(*description), heard),
            _ => self.end(Trouble::Broken, heard),
        }
    }

    fn on_message(
        &mut self,
        kind: u8,
        body: &[u8],
        moment: Moment,
        heard: &mut Heard,
    ) -> Result<(), Trouble> {
        match (self.stage, kind) {
            (Stage::Hello, hello::SERVER_HELLO) => self.on_hello(body),
            (Stage::Flight, super::CERTIFICATE) => self.on_certificate(body, moment),
            (Stage::Flight, super::SERVER_HELLO_DONE) => {
                heard.send.push(self.old_flight());
                self.stage = Stage::Finished;
                Ok(())
            }
            (Stage::Flight, super::FINISHED) if self.version == TlsVersion::Tls13 => {
                heard.send.push(self.modern_flight());
                self.open(heard)
            }
            (Stage::Finished, super::FINISHED) => self.open(heard),
            (
                Stage::Flight,
                super::ENCRYPTED_EXTENSIONS
                | super::CERTIFICATE_VERIFY
                | super::SERVER_KEY_EXCHANGE,
            )
            | (Stage::Open, super::NEW_SESSION_TICKET) => Ok(()),
            _ => Err(Trouble::Broken),
        }
    }

    fn on_hello(&mut self, body: &[u8]) -> Result<(), Trouble> {
        let hello = ServerHello::read(body).ok_or(Trouble::Broken)?;
        let version = TlsVersion::from_code(hello.version).ok_or(Trouble::Version)?;
        if !self.spec.range.has(version) {
            return Err(Trouble::Version);
        }
        let offered = suite::of(&self.spec.range);
        let found = offered.iter().find(|it| it.code == hello.suite);
        let suite = *found.ok_or(Trouble::Broken)?;
        let randoms = [&self.random, &hello.random];
        let etm = hello.encrypt_then_mac;
        let keys = |label| Protection::new(version, &suite, etm, randoms, label);
        self.read = Some(keys("server"));
        self.write = Some(keys("client"));
        self.version = version;
        self.suite = Some(suite);
        self.stage = Stage::Flight;
        Ok(())
    }

    fn on_certificate(&mut self, body: &[u8], moment: Moment) -> Result<(), Trouble> {
        let seen = self.leaf(body).as_deref().and_then(Seen::read);
        let Some(seen) = seen else {
            return match self.spec.verify {
                true => Err(Trouble::Broken),
                false => Ok(()),
            };
        };
        let found = self.look_at_chain(&seen, moment);
        self.verify_result = found.as_ref().err().map_or(0, Trouble::x509_code);
        if !self.spec.verify {
            return Ok(());
        }
        found?;
        let name = self.spec.server_name.as_ref().map(ToString::to_string);
        let host = name.or_else(|| Some(self.spec.address?.to_string()));
        let Some(host) = host.filter(|host| !seen.names_host(host)) else {
            return Ok(());
        };
        let trouble = Trouble::WrongName(host);
        if self.spec.late_name_check {
            self.late = Some(trouble);
            return Ok(());
        }
        Err(trouble)
    }

    /// Issuer and dates.
    fn look_at_chain(&self, seen: &Seen, moment: Moment) -> Result<(), Trouble> {
        let is_trusted = seen.issuer == TlsServerSpec::PUBLIC_ISSUER
            || self.spec.trusts.iter().any(|it| *it == seen.issuer);
        if !is_trusted {
            return Err(match seen.issuer == seen.subject {
                true => Trouble::SelfSigned,
                false => Trouble::UnknownIssuer,
            });
        }
        match seen.not_after < certificate::utc(moment.starts.at(moment.now)) {
            true => Err(Trouble::Expired),
            false => Ok(()),
        }
    }

    /// What OpenSSL made of the certificate (`X509_V_...`); 0 if there was nothing to say.
    pub(crate) const fn verify_result(&self) -> u8 {
        self.verify_result
    }

    /// The first certificate of the list.
    fn leaf(&self, body: &[u8]) -> Option<Vec<u8>> {
        let mut reader = Reader(body);
        if self.version == TlsVersion::Tls13 {
            reader.prefixed::<1>()?;
        }
        let mut list = reader.prefixed::<3>()?;
        Some(list.prefixed::<3>()?.0.to_vec())
    }

    /// ChangeCipherSpec for middleboxes, Finished.
    fn modern_flight(&mut self) -> Bytes {
        let version = TlsVersion::Tls12.code();
        let mut flight = record::plain(record::CHANGE_CIPHER_SPEC, version, &[1]);
        let hash = self.suite.map_or(32, |suite| usize::from(suite.hash));
        flight.extend(self.finished(hash));
        flight.into()
    }

    /// ClientKeyExchange, ChangeCipherSpec, Finished.
    fn old_flight(&mut self) -> Bytes {
        let rsa = self
            .suite
            .is_some_and(|suite| suite.exchange == KeyExchange::Rsa);
        let secret = if rsa {
            let mut out = Vec::new();
            let octets = noise(&mut self.stream, certificate::RSA_OCTETS);
            prefixed::<2>(&mut out, |out| out.extend(octets));
            out
        } else {
            [&[32][..], &draw_32(&mut self.stream)].concat()
        };
        let exchange = message(super::CLIENT_KEY_EXCHANGE, |out| out.extend(secret));
        let version = self.version.code();
        let mut flight = record::plain(record::HANDSHAKE, version, &exchange);
        flight.extend(record::plain(record::CHANGE_CIPHER_SPEC, version, &[1]));
        flight.extend(self.finished(super::VERIFY_DATA));
        flight.into()
    }

    fn finished(&mut self, len: usize) -> Vec<u8> {
        let octets = noise(&mut self.stream, len);
        let finished = message(super::FINISHED, |out| out.extend(octets));
        self.seal_as(record::HANDSHAKE, &finished)
    }

    fn open(&mut self, heard: &mut Heard) -> Result<(), Trouble> {
        self.stage = Stage::Open;
        match self.late.take() {
            // curl closes in good order.
            Some(trouble) => {
                heard.send.extend(self.close_notify());
                self.end(trouble, heard);
            }
            None => heard.opened = true,
        }
        Ok(())
    }

    fn seal_as(&mut self, kind: u8, octets: &[u8]) -> Vec<u8> {
        match &mut self.write {
            Some(protection) => protection.seal(kind, octets),
            None => record::plain(kind, TlsVersion::Tls12.code(), octets),
        }
    }

    /// One `send()` of the program, in records.
    pub(crate) fn seal(&mut self, octets: &[u8]) -> Bytes {
        self.seal_as(record::APPLICATION_DATA, octets).into()
    }

    /// The alert before the end; nothing if the handshake is not over.
    pub(crate) fn close_notify(&mut self) -> Option<Bytes> {
        let open = self.stage == Stage::Open;
        self.stage = Stage::Over;
        open.then(|| self.seal_as(record::ALERT, &alert(CLOSE_NOTIFY)).into())
    }

    fn fail(&mut self, trouble: Trouble, heard: &mut Heard) {
        if let Some(description) = trouble.alert() {
            // Until its own ChangeCipherSpec a client speaks in the clear [tls-unknown-ca].
            let octets = match self.stage {
                Stage::Open | Stage::Finished => self.seal_as(record::ALERT, &alert(description)),
                _ => record::plain(record::ALERT, TlsVersion::Tls12.code(), &alert(description)),
            };
            heard.send.push(octets.into());
        }
        self.end(trouble, heard);
    }

    fn end(&mut self, trouble: Trouble, heard: &mut Heard) {
        self.stage = Stage::Over;
        heard.trouble = Some(trouble);
    }
}
