//! The server's side.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use wirelab_model::Stream;

use super::hello::{self, Choice, ClientHello, message};
use super::record::{self, Next, Protection, Record};
use super::spec::{TlsServerSpec, TlsVersion};
use super::suite::{self, KeyExchange};
use super::trouble::{
    CLOSE_NOTIFY, HANDSHAKE_FAILURE, NO_APPLICATION_PROTOCOL, PROTOCOL_VERSION, Trouble,
    UNRECOGNIZED_NAME,
};
use super::{Heard, alert, certificate, draw, next_message, noise};
use crate::host::program::octets::prefixed;
use crate::host::program::{Inbox, Moment};

/// Octets of the two tickets that OpenSSL sends after a TLS 1.3 handshake [tls-tls13].
const TICKET: usize = 229;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Stage {
    Hello,
    /// Waits for the client's last flight.
    Finished,
    Open,
    Over,
}

/// A server's end of a TLS connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TlsServer {
    stage: Stage,
    stream: Stream,
    inbox: Inbox,
    messages: Vec<u8>,
    version: TlsVersion,
    read: Option<Protection>,
    write: Option<Protection>,
    /// Up to TLS 1.2 the client's records are protected after its ChangeCipherSpec.
    client_changed: bool,
}

impl TlsServer {
    /// What it draws, it draws from `stream`.
    pub(crate) fn new(stream: Stream) -> Self {
        Self {
            stage: Stage::Hello,
            stream,
            inbox: Inbox::default(),
            messages: Vec::new(),
            version: TlsVersion::Tls12,
            read: None,
            write: None,
            client_changed: false,
        }
    }

    /// Octets have arrived.
    pub(crate) fn on_data(
        &mut self,
        spec: &TlsServerSpec,
        data: Vec<Bytes>,
        moment: Moment,
    ) -> Heard {
        let mut heard = Heard::default();
        self.inbox.extend(data);
        while self.stage != Stage::Over {
            match record::take(&mut self.inbox) {
                Next::Wait => break,
                Next::Nonsense => self.end(Trouble::NotTls, &mut heard),
                Next::Record(record) => self.on_record(spec, record, moment, &mut heard),
            }
        }
        heard
    }

    fn on_record(
        &mut self,
        spec: &TlsServerSpec,
        record: Record,
        moment: Moment,
        heard: &mut Heard,
    ) {
        if record.0 == record::CHANGE_CIPHER_SPEC {
            self.client_changed = true;
            return;
        }
        // A client that refuses the certificate says so in the clear.
        let in_clear =
            record.0 == record::ALERT && self.stage != Stage::Open && record.1.len() == 2;
        let protected = !in_clear && (self.version == TlsVersion::Tls13 || self.client_changed);
        let opened = match &mut self.read {
            Some(protection) if protected => protection.open(record),
            _ => Some(record),
        };
        match opened {
            Some((record::ALERT, body)) => self.on_alert(&body, heard),
            Some((record::HANDSHAKE, body)) => {
                self.messages.extend(body);
                while let Some((kind, body)) = next_message(&mut self.messages) {
                    self.on_message(spec, kind, &body, moment, heard);
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
        spec: &TlsServerSpec,
        kind: u8,
        body: &[u8],
        moment: Moment,
        heard: &mut Heard,
    ) {
        match (self.stage, kind) {
            (Stage::Hello, hello::CLIENT_HELLO) => self.on_hello(spec, body, moment, heard),
            (Stage::Finished, super::CLIENT_KEY_EXCHANGE) => {}
            (Stage::Finished, super::FINISHED) => self.on_finished(heard),
            _ => self.fail(Trouble::Broken, heard),
        }
    }

    fn on_hello(&mut self, spec: &TlsServerSpec, body: &[u8], moment: Moment, heard: &mut Heard) {
        let Some(hello) = ClientHello::read(body) else {
            return self.fail(Trouble::Broken, heard);
        };
        let choice = match choose(spec, &hello) {
            Ok(choice) => choice,
            Err(description) => {
                heard.send.push(self.alert_record(description));
                return self.end(Trouble::Alert(description), heard);
            }
        };
        let drawn = draw(&mut self.stream);
        let randoms = [&hello.random, &drawn.random];
        let etm = choice.encrypts_then_macs(&hello);
        let keys = |label| Protection::new(choice.version, &choice.suite, etm, randoms, label);
        self.version = choice.version;
        self.read = Some(keys("client"));
        self.write = Some(keys("server"));
        self.stage = Stage::Finished;
        let first = hello::server_hello(&hello, &choice, &drawn);
        let mut flight = self.in_clear(&first);
        let asked = hello.server_name.as_deref();
        let certificate = certificate::make(spec, asked, moment.starts);
        if choice.version == TlsVersion::Tls13 {
            flight.extend(self.modern_flight(&choice, &certificate));
        } else {
            flight.extend(self.old_flight(&choice, &certificate, &drawn.share));
        }
        heard.send.push(flight.into());
    }

    fn in_clear(&self, message: &[u8]) -> Vec<u8> {
        let version = self.version.min(TlsVersion::Tls12).code();
        record::plain(record::HANDSHAKE, version, message)
    }

    /// From the compatibility ChangeCipherSpec (RFC 8446 section D.4) to Finished.
    fn modern_flight(&mut self, choice: &Choice, certificate: &[u8]) -> Vec<u8> {
        let version = TlsVersion::Tls12.code();
        let mut flight = record::plain(record::CHANGE_CIPHER_SPEC, version, &[1]);
        let extensions = hello::encrypted_extensions(super::ENCRYPTED_EXTENSIONS, choice);
        let chain = message(super::CERTIFICATE, |out| {
            out.push(0);
            prefixed::<3>(out, |out| {
                prefixed::<3>(out, |out| out.extend(certificate));
                out.extend([0, 0]);
            });
        });
        let signature = self.signature();
        let verify = message(super::CERTIFICATE_VERIFY, |out| out.extend(&signature));
        let finished = self.finished(usize::from(choice.suite.hash));
        for message in [extensions, chain, verify, finished] {
            flight.extend(self.seal_as(record::HANDSHAKE, &message));
        }
        flight
    }

    /// Certificate, ServerKeyExchange unless the key is RSA's, ServerHelloDone.
    fn old_flight(&mut self, choice: &Choice, certificate: &[u8], share: &[u8; 32]) -> Vec<u8> {
        let chain = message(super::CERTIFICATE, |out| {
            prefixed::<3>(out, |out| {
                prefixed::<3>(out, |out| out.extend(certificate));
            });
        });
        let mut flight = self.in_clear(&chain);
        if choice.suite.exchange == KeyExchange::EcdheRsa {
            let signature = self.signature();
            // Up to TLS 1.1 the signature's algorithm is not said.
            let from = if choice.version == TlsVersion::Tls12 {
                0
            } else {
                2
            };
            let exchange = message(super::SERVER_KEY_EXCHANGE, |out| {
                out.push(3);
                out.extend(hello::X25519.to_be_bytes());
                prefixed::<1>(out, |out| out.extend(share));
                out.extend(&signature[from..]);
            });
            flight.extend(self.in_clear(&exchange));
        }
        let done = message(super::SERVER_HELLO_DONE, |_| {});
        flight.extend(self.in_clear(&done));
        flight
    }

    /// `rsa_pss_rsae_sha256` and what looks like it.
    fn signature(&mut self) -> Vec<u8> {
        let mut out = vec![8, 4];
        let octets = noise(&mut self.stream, certificate::RSA_OCTETS);
        prefixed::<2>(&mut out, |out| out.extend(octets));
        out
    }

    fn finished(&mut self, len: usize) -> Vec<u8> {
        let octets = noise(&mut self.stream, len);
        message(super::FINISHED, |out| out.extend(octets))
    }

    fn on_finished(&mut self, heard: &mut Heard) {
        self.stage = Stage::Open;
        heard.opened = true;
        if self.version == TlsVersion::Tls13 {
            for _ in 0..2 {
                let octets = noise(&mut self.stream, TICKET);
                let ticket = message(super::NEW_SESSION_TICKET, |out| out.extend(octets));
                heard
                    .send
                    .push(self.seal_as(record::HANDSHAKE, &ticket).into());
            }
            return;
        }
        let finished = self.finished(super::VERIFY_DATA);
        let mut last = record::plain(record::CHANGE_CIPHER_SPEC, self.version.code(), &[1]);
        last.extend(self.seal_as(record::HANDSHAKE, &finished));
        heard.send.push(last.into());
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

    /// An alert of the handshake: in the clear, and TLS 1.2's whatever was asked for [tls-version].
    fn alert_record(&self, description: u8) -> Bytes {
        record::plain(record::ALERT, TlsVersion::Tls12.code(), &alert(description)).into()
    }

    fn fail(&mut self, trouble: Trouble, heard: &mut Heard) {
        if let Some(description) = trouble.alert() {
            let octets = match self.stage {
                Stage::Open => self.seal_as(record::ALERT, &alert(description)).into(),
                _ => self.alert_record(description),
            };
            heard.send.push(octets);
        }
        self.end(trouble, heard);
    }

    fn end(&mut self, trouble: Trouble, heard: &mut Heard) {
        self.stage = Stage::Over;
        heard.trouble = Some(trouble);
    }
}

/// What the server makes of the client's offer.
///
/// # Errors
/// The alert that refuses it.
fn choose(spec: &TlsServerSpec, hello: &ClientHello) -> Result<Choice, u8> {
    let offered = hello.versions.iter();
    let common = offered
        .filter_map(|code| TlsVersion::from_code(*code))
        .filter(|version| spec.range.has(*version));
    let version = common.max().ok_or(PROTOCOL_VERSION)?;
    let name = hello.server_name.as_deref();
    let knows_name = name.is_some_and(|name| knows(spec, name));
    if spec.strict_sni && !knows_name {
        return Err(UNRECOGNIZED_NAME);
    }
    let own = suite::of(&spec.range);
    let found = hello.suites.iter().find_map(|code| {
        let usable = |it: &&suite::Suite| it.code == *code && it.fits(version) && it.suits_rsa();
        own.iter().find(usable)
    });
    let suite = *found.ok_or(HANDSHAKE_FAILURE)?;
    let wanted = |own: &&smol_str::SmolStr| hello.protocols.iter().any(|it| it == own.as_str());
    let protocol = spec.alpn.iter().find(wanted).map(ToString::to_string);
    if protocol.is_none() && !hello.protocols.is_empty() && !spec.alpn.is_empty() {
        return Err(NO_APPLICATION_PROTOCOL);
    }
    Ok(Choice {
        version,
        suite,
        protocol,
        knows_name,
    })
}

fn knows(spec: &TlsServerSpec, name: &str) -> bool {
    let same = |own: &smol_str::SmolStr| match own.strip_prefix("*.") {
        Some(parent) => name
            .split_once('.')
            .is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(parent)),
        None => own.eq_ignore_ascii_case(name),
    };
    spec.names.iter().any(same)
}
