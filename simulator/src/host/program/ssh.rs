//! SSH 2 (RFC 4253, 4252, 4254) between OpenSSH 8.7 (Amazon Linux 2023) on both sides: a login with
//! a public key, one command, good-bye. After the key exchange everything is noise of
//! `chacha20-poly1305@openssh.com`'s lengths, which the peer reads back.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use wirelab_model::{SmolStr, Stream};

use super::octets::{Reader, prefixed};
use super::tls::noise;
use super::{Act, Done, Inbox};
use crate::host::spec::ServerSpec;

const BANNER: &str = "SSH-2.0-OpenSSH_8.7\r\n";
const KEX: &str = "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,diffie-hellman-group-exchange-sha256,diffie-hellman-group14-sha256,diffie-hellman-group16-sha512,diffie-hellman-group18-sha512";
const HOST_KEYS: &str = "rsa-sha2-512,rsa-sha2-256,ecdsa-sha2-nistp256,ssh-ed25519";
const KNOWN_KEYS: &str = "ssh-ed25519-cert-v01@openssh.com,ecdsa-sha2-nistp256-cert-v01@openssh.com,ecdsa-sha2-nistp384-cert-v01@openssh.com,ecdsa-sha2-nistp521-cert-v01@openssh.com,rsa-sha2-512-cert-v01@openssh.com,rsa-sha2-256-cert-v01@openssh.com,ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,rsa-sha2-512,rsa-sha2-256";
const CIPHERS: &str = "chacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr,aes128-gcm@openssh.com,aes256-gcm@openssh.com";
const MACS: &str = "umac-64-etm@openssh.com,umac-128-etm@openssh.com,hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha1-etm@openssh.com,umac-64@openssh.com,umac-128@openssh.com,hmac-sha2-256,hmac-sha2-512,hmac-sha1";
const COMPRESSION: &str = "none,zlib@openssh.com";

const DISCONNECT: u8 = 1;
const SERVICE_REQUEST: u8 = 5;
const SERVICE_ACCEPT: u8 = 6;
const EXT_INFO: u8 = 7;
const KEXINIT: u8 = 20;
const NEWKEYS: u8 = 21;
const KEX_ECDH_INIT: u8 = 30;
const KEX_ECDH_REPLY: u8 = 31;
const USERAUTH_REQUEST: u8 = 50;
const USERAUTH_FAILURE: u8 = 51;
const USERAUTH_SUCCESS: u8 = 52;
const USERAUTH_PK_OK: u8 = 60;
const CHANNEL_OPEN: u8 = 90;
const CHANNEL_OPEN_CONFIRMATION: u8 = 91;
const CHANNEL_WINDOW_ADJUST: u8 = 93;
const CHANNEL_DATA: u8 = 94;
const CHANNEL_EOF: u8 = 96;
const CHANNEL_CLOSE: u8 = 97;
const CHANNEL_REQUEST: u8 = 98;
const CHANNEL_SUCCESS: u8 = 99;

/// Longest packet that is read (RFC 4253 section 6.1).
const PACKET_MAX: usize = 35_000;
/// Octets of Poly1305's tag.
const TAG: usize = 16;
const ED25519: &str = "ssh-ed25519";
/// What the command prints.
const OUTPUT: &str = " 08:00:01 up 12 days,  3:14,  1 user,  load average: 0.08, 0.03, 0.01\n";

fn string(out: &mut Vec<u8>, text: &[u8]) {
    prefixed::<4>(out, |out| out.extend(text));
}

/// A message: its number, then strings.
fn message(kind: u8, strings: &[&[u8]]) -> Vec<u8> {
    let mut out = vec![kind];
    for text in strings {
        string(&mut out, text);
    }
    out
}

fn key_exchange_init(cookie: Vec<u8>, kex: &str, host_keys: &str) -> Vec<u8> {
    let mut out = vec![KEXINIT];
    out.extend(cookie);
    let lists = [
        kex,
        host_keys,
        CIPHERS,
        CIPHERS,
        MACS,
        MACS,
        COMPRESSION,
        COMPRESSION,
        "",
        "",
    ];
    for list in lists {
        string(&mut out, list.as_bytes());
    }
    // No guess follows; reserved.
    out.extend([0; 5]);
    out
}

/// A public key or a signature: its kind, then octets.
fn blob(octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    string(&mut out, ED25519.as_bytes());
    string(&mut out, octets);
    out
}

/// Packets in both directions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Packets {
    inbox: Inbox,
    /// The peer's banner has been read.
    greeted: bool,
    /// The peer's key share and one's own, as far as they are known.
    share: Vec<u8>,
    read: Option<Stream>,
    write: Option<Stream>,
    /// What the peer announced of a packet that is not whole yet.
    announced: Option<usize>,
    stream: Stream,
}

/// What has arrived.
enum Next {
    Message(Vec<u8>),
    Wait,
    Broken,
}

fn under_keys(keys: &mut Stream, octets: &mut [u8]) {
    let len = octets.len();
    for (octet, key) in octets.iter_mut().zip(noise(keys, len)) {
        *octet ^= key;
    }
}

impl Packets {
    fn new(stream: Stream) -> Self {
        Self {
            inbox: Inbox::default(),
            greeted: false,
            share: Vec::new(),
            read: None,
            write: None,
            announced: None,
            stream,
        }
    }

    fn next(&mut self) -> Next {
        if !self.greeted {
            let seen = self.inbox.peek(self.inbox.len().min(256));
            let Some(end) = seen.iter().position(|octet| *octet == b'\n') else {
                return if seen.len() == 256 {
                    Next::Broken
                } else {
                    Next::Wait
                };
            };
            if !seen.starts_with(b"SSH-2.0-") {
                return Next::Broken;
            }
            self.inbox.skip(end + 1);
            self.greeted = true;
        }
        let Some(length) = self.length() else {
            return Next::Wait;
        };
        if length > PACKET_MAX {
            return Next::Broken;
        }
        let tag = if self.read.is_some() { TAG } else { 0 };
        if self.inbox.len() < length + tag {
            return Next::Wait;
        }
        self.announced = None;
        let mut packet = self.inbox.take(length);
        self.inbox.skip(tag);
        if let Some(keys) = &mut self.read {
            under_keys(keys, &mut packet);
        }
        let padding = packet.first().map_or(0, |len| usize::from(*len));
        match packet.len().checked_sub(padding) {
            Some(end) if end > 1 => Next::Message(packet[1..end].to_vec()),
            _ => Next::Broken,
        }
    }

    /// The length before the next packet, read once.
    fn length(&mut self) -> Option<usize> {
        if self.announced.is_none() {
            if self.inbox.len() < 4 {
                return None;
            }
            let mut length = self.inbox.take(4);
            if let Some(keys) = &mut self.read {
                under_keys(keys, &mut length);
            }
            let length = length
                .iter()
                .fold(0, |sum, octet| sum << 8 | usize::from(*octet));
            self.announced = Some(length);
        }
        self.announced
    }

    /// A message in its packet (RFC 4253 section 6): padded to eight octets, of which the length is
    /// a part until it is encrypted apart.
    fn packet(&mut self, message: &[u8]) -> Vec<u8> {
        let counted = if self.write.is_some() { 1 } else { 5 };
        let mut padding = 8 - (counted + message.len()) % 8;
        if padding < 4 {
            padding += 8;
        }
        let mut body = vec![padding as u8];
        body.extend(message);
        match &mut self.write {
            None => {
                body.extend(noise(&mut self.stream, padding));
                let mut out = (body.len() as u32).to_be_bytes().to_vec();
                out.extend(body);
                out
            }
            Some(keys) => {
                body.resize(body.len() + padding, 0);
                let mut out = (body.len() as u32).to_be_bytes().to_vec();
                under_keys(keys, &mut out);
                under_keys(keys, &mut body);
                out.extend(body);
                out.extend(noise(&mut self.stream, TAG));
                out
            }
        }
    }

    /// One write of several messages.
    fn send(&mut self, messages: &[Vec<u8>]) -> Act {
        let all = messages.iter().flat_map(|it| self.packet(it));
        Act::Send(all.collect::<Vec<u8>>().into())
    }

    /// The keys that follow from both shares, of the direction `label`.
    fn keys(&self, label: &str) -> Stream {
        let hex: String = self.share.iter().map(|it| format!("{it:02x}")).collect();
        Stream::new(0, &format!("ssh/{hex}/{label}"))
    }
}

/// The server's side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SshServer {
    index: usize,
    /// The public half of `/etc/ssh/ssh_host_ed25519_key`, which clients keep in `known_hosts`.
    host_key: Vec<u8>,
    packets: Packets,
}

impl SshServer {
    /// One of a machine with this `identity`: all its connections show one host key.
    pub(crate) fn new(index: usize, stream: Stream, mut identity: Stream) -> Self {
        Self {
            index,
            host_key: noise(&mut identity, 32),
            packets: Packets::new(stream),
        }
    }

    /// The server speaks first.
    pub(crate) fn greet(&mut self) -> Vec<Act> {
        vec![Act::Send(Bytes::from_static(BANNER.as_bytes()))]
    }

    pub(crate) fn on_data(&mut self, specs: &[ServerSpec], data: Vec<Bytes>) -> Vec<Act> {
        let everybody = Vec::new();
        let users = match specs.get(self.index).map(ServerSpec::inside) {
            Some(ServerSpec::Ssh { users, .. }) => users,
            _ => &everybody,
        };
        let greeted = self.packets.greeted;
        self.packets.inbox.extend(data);
        let mut acts = Vec::new();
        loop {
            let next = self.packets.next();
            if self.packets.greeted && !greeted && acts.is_empty() {
                let cookie = noise(&mut self.packets.stream, 16);
                acts.push(
                    self.packets
                        .send(&[key_exchange_init(cookie, KEX, HOST_KEYS)]),
                );
            }
            match next {
                Next::Wait => return acts,
                Next::Broken => {
                    acts.push(Act::Close);
                    return acts;
                }
                Next::Message(message) => self.on_message(users, &message, &mut acts),
            }
        }
    }

    fn on_message(&mut self, users: &[SmolStr], body: &[u8], acts: &mut Vec<Act>) {
        match body[0] {
            KEX_ECDH_INIT => self.on_share(body, acts),
            NEWKEYS => self.packets.read = Some(self.packets.keys("client")),
            SERVICE_REQUEST => acts.push(
                self.packets
                    .send(&[message(SERVICE_ACCEPT, &[b"ssh-userauth"])]),
            ),
            USERAUTH_REQUEST => {
                let answer = authenticate(users, &body[1..]);
                acts.push(self.packets.send(&[answer]));
            }
            CHANNEL_OPEN => {
                let mut open = vec![CHANNEL_OPEN_CONFIRMATION];
                for number in [0_u32, 0, 0, 32_768] {
                    open.extend(number.to_be_bytes());
                }
                acts.push(self.packets.send(&[open]));
            }
            CHANNEL_REQUEST => {
                let adjust = [CHANNEL_WINDOW_ADJUST, 0, 0, 0, 0, 0, 0x20, 0, 0].to_vec();
                let success = [CHANNEL_SUCCESS, 0, 0, 0, 0].to_vec();
                acts.push(self.packets.send(&[adjust, success]));
                acts.push(self.packets.send(&output()));
            }
            DISCONNECT => acts.push(Act::Close),
            _ => {}
        }
    }

    fn on_share(&mut self, body: &[u8], acts: &mut Vec<Act>) {
        let theirs = Reader(&body[1..])
            .prefixed::<4>()
            .map_or(&[][..], |it| it.0);
        let share = noise(&mut self.packets.stream, 32);
        self.packets.share = [theirs, &share].concat();
        let key = blob(&self.host_key);
        let signature = blob(&noise(&mut self.packets.stream, 64));
        let reply = message(KEX_ECDH_REPLY, &[&key, &share, &signature]);
        let mut octets = self.packets.packet(&reply);
        octets.extend(self.packets.packet(&[NEWKEYS]));
        self.packets.write = Some(self.packets.keys("server"));
        let mut info = vec![EXT_INFO, 0, 0, 0, 1];
        string(&mut info, b"server-sig-algs");
        string(&mut info, KNOWN_KEYS.as_bytes());
        octets.extend(self.packets.packet(&info));
        acts.push(Act::Send(octets.into()));
    }
}

/// The answer to a request to log in.
fn authenticate(users: &[SmolStr], body: &[u8]) -> Vec<u8> {
    let mut failure = message(USERAUTH_FAILURE, &[b"publickey"]);
    failure.push(0);
    let mut reader = Reader(body);
    let mut read = || reader.prefixed::<4>().map_or(&[][..], |it| it.0);
    let (user, _, method) = (read(), read(), read());
    let known = users.is_empty() || users.iter().any(|own| own.as_bytes() == user);
    if method != b"publickey" || !known {
        return failure;
    }
    let signed = reader.u8() == Some(1);
    let mut read = || reader.prefixed::<4>().map_or(&[][..], |it| it.0);
    let (kind, key) = (read(), read());
    if signed {
        vec![USERAUTH_SUCCESS]
    } else {
        message(USERAUTH_PK_OK, &[kind, key])
    }
}

/// What the command prints, and that it is over.
fn output() -> [Vec<u8>; 4] {
    let mut data = vec![CHANNEL_DATA, 0, 0, 0, 0];
    string(&mut data, OUTPUT.as_bytes());
    let mut status = vec![CHANNEL_REQUEST, 0, 0, 0, 0];
    string(&mut status, b"exit-status");
    status.extend([0; 5]);
    [
        data,
        vec![CHANNEL_EOF, 0, 0, 0, 0],
        status,
        vec![CHANNEL_CLOSE, 0, 0, 0, 0],
    ]
}

/// The client's side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SshClient {
    user: SmolStr,
    key: Vec<u8>,
    /// It has tried its key.
    tried: bool,
    packets: Packets,
}

impl SshClient {
    pub(crate) fn new(user: &str, stream: Stream) -> Self {
        Self {
            user: user.into(),
            key: blob(&noise(&mut Stream::new(0, &format!("ssh/key/{user}")), 32)),
            tried: false,
            packets: Packets::new(stream),
        }
    }

    pub(crate) fn start(&mut self) -> Vec<Act> {
        vec![Act::Send(Bytes::from_static(BANNER.as_bytes()))]
    }

    pub(crate) fn on_data(&mut self, data: Vec<Bytes>) -> Vec<Act> {
        let greeted = self.packets.greeted;
        self.packets.inbox.extend(data);
        let mut acts = Vec::new();
        loop {
            let next = self.packets.next();
            if self.packets.greeted && !greeted && acts.is_empty() {
                let cookie = noise(&mut self.packets.stream, 16);
                let kex = format!("{KEX},ext-info-c");
                acts.push(
                    self.packets
                        .send(&[key_exchange_init(cookie, &kex, KNOWN_KEYS)]),
                );
            }
            match next {
                Next::Wait => return acts,
                Next::Broken => {
                    let text = "kex_exchange_identification: Connection closed by remote host";
                    acts.push(Act::Failed(text.into()));
                    return acts;
                }
                Next::Message(message) => self.on_message(&message, &mut acts),
            }
        }
    }

    fn on_message(&mut self, body: &[u8], acts: &mut Vec<Act>) {
        let channel = [0; 4];
        let answer = match body[0] {
            KEXINIT => {
                self.packets.share = noise(&mut self.packets.stream, 32);
                message(KEX_ECDH_INIT, &[&self.packets.share])
            }
            KEX_ECDH_REPLY => {
                let mut reader = Reader(&body[1..]);
                reader.prefixed::<4>();
                let theirs = reader.prefixed::<4>().map_or(&[][..], |it| it.0);
                self.packets.share.extend(theirs);
                return;
            }
            NEWKEYS => {
                acts.push(self.packets.send(&[vec![NEWKEYS]]));
                self.packets.read = Some(self.packets.keys("server"));
                self.packets.write = Some(self.packets.keys("client"));
                message(SERVICE_REQUEST, &[b"ssh-userauth"])
            }
            SERVICE_ACCEPT => self.log_in(b"none"),
            USERAUTH_FAILURE if !self.tried => {
                self.tried = true;
                self.try_key(None)
            }
            USERAUTH_FAILURE => {
                let text = format!("{}: Permission denied (publickey).", self.user);
                return acts.push(Act::Failed(text.into()));
            }
            USERAUTH_PK_OK => {
                let signature = blob(&noise(&mut self.packets.stream, 64));
                self.try_key(Some(&signature))
            }
            USERAUTH_SUCCESS => {
                let mut open = message(CHANNEL_OPEN, &[b"session"]);
                for number in [0_u32, 0x0020_0000, 32_768] {
                    open.extend(number.to_be_bytes());
                }
                open
            }
            CHANNEL_OPEN_CONFIRMATION => {
                let mut exec = [&[CHANNEL_REQUEST], &channel[..]].concat();
                string(&mut exec, b"exec");
                exec.push(1);
                string(&mut exec, b"uptime");
                exec
            }
            CHANNEL_CLOSE => return self.leave(acts),
            _ => return,
        };
        acts.push(self.packets.send(&[answer]));
    }

    fn log_in(&self, method: &[u8]) -> Vec<u8> {
        let user = self.user.as_bytes();
        message(USERAUTH_REQUEST, &[user, b"ssh-connection", method])
    }

    fn try_key(&self, signature: Option<&[u8]>) -> Vec<u8> {
        let mut out = self.log_in(b"publickey");
        out.push(u8::from(signature.is_some()));
        string(&mut out, ED25519.as_bytes());
        string(&mut out, &self.key);
        if let Some(signature) = signature {
            string(&mut out, signature);
        }
        out
    }

    fn leave(&mut self, acts: &mut Vec<Act>) {
        let mut good_bye = vec![DISCONNECT, 0, 0, 0, 11];
        string(&mut good_bye, b"disconnected by user");
        string(&mut good_bye, b"");
        acts.push(self.packets.send(&[vec![CHANNEL_CLOSE, 0, 0, 0, 0]]));
        acts.push(self.packets.send(&[good_bye]));
        acts.push(Act::Done(Done {
            status: None,
            last: true,
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The host key that a server shows in a connection of its own.
    fn shown(machine: &str, connection: u64) -> Vec<u8> {
        let identity = Stream::new(7, machine);
        let stream = Stream::new(connection, "session");
        let mut server = SshServer::new(0, stream, identity);
        let mut acts = Vec::new();
        server.on_share(&message(KEX_ECDH_INIT, &[&[9; 32]]), &mut acts);
        let [Act::Send(octets)] = &acts[..] else {
            panic!("{acts:?}");
        };
        // Length, padding length, type.
        let key = Reader(&octets[6..]).prefixed::<4>().expect("a key");
        key.0.to_vec()
    }

    #[test]
    fn a_machine_shows_one_host_key_to_all_and_another_machine_another() {
        assert_eq!(shown("web", 1), shown("web", 2));
        assert_ne!(shown("web", 1), shown("db", 1));
        assert_eq!(shown("web", 1).len(), 51);
    }
}
