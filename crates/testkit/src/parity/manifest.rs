//! The file format of a situation; `tests/golden/kernel/README.md` explains every key.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::ParityError;

/// A situation and the captures it is held against.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// One line.
    pub title: String,
    /// Seconds after which nothing is looked at any more.
    pub until: f64,
    /// A file with hosts and links, relative to this one.
    #[serde(default)]
    pub(super) network: Option<String>,
    #[serde(default)]
    pub(super) host: BTreeMap<String, HostTable>,
    #[serde(default)]
    pub(super) link: Vec<LinkTable>,
    #[serde(default)]
    pub(super) lose: Vec<Lose>,
    #[serde(default)]
    pub(super) program: Vec<Program>,
    #[serde(default)]
    pub(super) command: Vec<Command>,
    #[serde(default)]
    pub(super) replay: Vec<Replay>,
    #[serde(default)]
    pub(super) hold: Vec<Hold>,
    #[serde(default)]
    pub(super) explained: Vec<Explained>,
    /// Where it was read from.
    #[serde(skip)]
    pub(super) folder: PathBuf,
}

/// What a network file holds.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Network {
    host: BTreeMap<String, HostTable>,
    link: Vec<LinkTable>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HostTable {
    /// `linux-6.18` (the default) or `linux-6.1`.
    pub(super) kernel: Option<String>,
    #[serde(default)]
    pub(super) interface: Vec<InterfaceTable>,
    /// MTU by interface, over what the interface says.
    #[serde(default)]
    pub(super) mtu: BTreeMap<String, u16>,
    #[serde(default)]
    pub(super) sysctl: BTreeMap<String, String>,
    /// Octets of kernel memory that the driver spends on a packet beyond its data.
    pub(super) driver_overhead: Option<u32>,
    /// `10.0.2.0/24 via 10.0.1.1`.
    #[serde(default)]
    pub(super) routes: Vec<String>,
    /// `-A INPUT -p tcp --dport 80 -j DROP`.
    #[serde(default)]
    pub(super) firewall: Vec<String>,
    #[serde(default)]
    pub(super) nameservers: Vec<String>,
    #[serde(default)]
    pub(super) search: Vec<String>,
    /// `resource` of an HTTP server at port 80: octets by path.
    #[serde(default)]
    pub(super) http: BTreeMap<String, u32>,
    /// Answers DNS queries as this capture does.
    pub(super) answers_from: Option<String>,
    /// Seconds for which a neighbour counts as reachable, where the kernel draws 15 to 45.
    pub(super) reachable: Option<f64>,
    /// Translates between its interfaces `inside` and `outside` instead of routing.
    pub(super) nat: Option<NatTable>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InterfaceTable {
    pub(super) name: String,
    pub(super) address: Vec<String>,
    #[serde(default = "ethernet_mtu")]
    pub(super) mtu: u16,
    #[serde(default)]
    pub(super) gateway: Vec<String>,
}

const fn ethernet_mtu() -> u16 {
    1500
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NatTable {
    /// Seconds after which an idle TCP mapping is forgotten.
    pub(super) tcp_timeout: f64,
    /// The same of UDP.
    #[serde(default = "udp_timeout")]
    pub(super) udp_timeout: f64,
    /// What becomes of a TCP segment from inside, other than a SYN, that no mapping knows.
    pub(super) unknown: Unknown,
    /// Second at which it is replaced: no mappings, another outside address.
    #[serde(default)]
    pub(super) replaced: Option<(f64, String)>,
}

const fn udp_timeout() -> f64 {
    120.0
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Unknown {
    /// A new mapping.
    Pickup,
    /// RST.
    Reset,
    Drop,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LinkTable {
    /// `host:interface` twice.
    pub(super) ends: [String; 2],
    /// One way.
    #[serde(default)]
    pub(super) delay_ms: Option<f64>,
    /// Between two packets.
    #[serde(default)]
    pub(super) spacing_us: Option<f64>,
    /// Of Ethernet frames, each way.
    #[serde(default)]
    pub(super) rate_mbit: Option<f64>,
    /// What waits for its turn, in units of 1000 octets; what is more is lost.
    #[serde(default)]
    pub(super) queue_kb: Option<f64>,
}

/// Packets that get lost after the machine that sent them has put them on the link.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Lose {
    /// The sender.
    pub(super) from: String,
    #[serde(default)]
    pub(super) what: What,
    /// Which ones of these, counted from 0; all if none is named.
    #[serde(default)]
    pub(super) nth: Vec<u64>,
    #[serde(default)]
    pub(super) after: f64,
    #[serde(default = "forever")]
    pub(super) before: f64,
    /// Payload of at least so many octets.
    #[serde(default)]
    pub(super) payload: usize,
}

const fn forever() -> f64 {
    f64::INFINITY
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum What {
    #[default]
    All,
    /// TCP with payload.
    Data,
    Syn,
    SynAck,
    /// TCP with neither payload nor SYN, FIN, RST.
    Ack,
    Fin,
    Rst,
    Udp,
    Icmp,
}

/// A program with a script; see `play`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Program {
    pub(super) host: String,
    /// `address:port`.
    pub(super) connect: Option<String>,
    /// Second at which it starts; before it a listening program accepts nothing.
    #[serde(default)]
    pub(super) at: f64,
    pub(super) listen: Option<u16>,
    /// UDP instead of TCP: a bound port with `listen`, a connected socket with `connect`.
    #[serde(default)]
    pub(super) udp: bool,
    #[serde(default)]
    pub(super) backlog: Option<u32>,
    #[serde(default)]
    pub(super) no_delay: bool,
    /// Idle time, interval, probes.
    #[serde(default)]
    pub(super) keepalive: Option<(u64, u64, u8)>,
    #[serde(default)]
    pub(super) receive_buffer: Option<u32>,
    /// Seconds from the arrival of data until the program reads.
    #[serde(default)]
    pub(super) reads_after: f64,
    #[serde(default)]
    pub(super) local_port: Option<u16>,
    /// The source port of the program with this number.
    #[serde(default)]
    pub(super) same_port_as: Option<usize>,
    #[serde(default)]
    pub(super) steps: Vec<Step>,
    #[serde(default)]
    pub(super) expect: Option<Expect>,
}

/// One thing a program does. A step waits for its time, then for what it waits for, then acts.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    /// Not before this second.
    pub(super) at: Option<f64>,
    /// Not before so many seconds after the step before.
    pub(super) after: Option<f64>,
    /// For so many octets, or datagrams, more to be read.
    pub(super) wait: Option<u64>,
    /// For the peer's FIN.
    #[serde(default)]
    pub(super) wait_end: bool,
    /// `send()` calls of these octets each.
    #[serde(default)]
    pub(super) write: Vec<u32>,
    /// Whether arriving data is read at once.
    pub(super) reading: Option<bool>,
    #[serde(default)]
    pub(super) shutdown: bool,
    #[serde(default)]
    pub(super) close: bool,
    /// `close()` with `SO_LINGER` 0.
    #[serde(default)]
    pub(super) reset: bool,
    /// Repeat the steps before this one so many times.
    pub(super) repeat: Option<u32>,
}

/// How a program's connection ends.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expect {
    /// `ETIMEDOUT`; none if all went well.
    pub(super) error: Option<String>,
    /// Second at which it is seen.
    pub(super) at: Option<f64>,
    /// Octets, or datagrams, read.
    pub(super) read: Option<u64>,
    /// Errors of the sends of a UDP socket in order; empty text where there was none.
    #[serde(default)]
    pub(super) errors: Vec<String>,
}

/// A command line on a host. Each starts when its time has come and the one before has ended.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Command {
    pub(super) host: String,
    #[serde(default)]
    pub(super) at: f64,
    pub(super) run: String,
    #[serde(default)]
    pub(super) status: Option<i32>,
    /// What its output holds.
    #[serde(default)]
    pub(super) prints: Option<String>,
    /// Seconds it takes.
    #[serde(default)]
    pub(super) takes: Option<f64>,
}

/// Packets of a raw socket, sent as and when a capture has them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Replay {
    pub(super) host: String,
    pub(super) file: String,
    /// Of all that the host's first address sent, these.
    pub(super) what: What,
    #[serde(default = "forever")]
    pub(super) before: f64,
}

/// A comparison with one capture.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Hold {
    pub(super) file: String,
    /// `host` or `host:interface`.
    pub(super) point: String,
    #[serde(default)]
    pub(super) protocol: Protocol,
    /// Port of the server, of TCP and UDP.
    pub(super) port: Option<u16>,
    /// Connections in the order of their first packet, from 0; all if none is named.
    #[serde(default)]
    pub(super) connections: Vec<usize>,
    /// Only what this address sent.
    pub(super) sender: Option<String>,
    /// Only what came after so many seconds.
    #[serde(default)]
    pub(super) after: f64,
    #[serde(default = "forever")]
    pub(super) before: f64,
    /// Of pure ACKs: each is compared, or none.
    #[serde(default)]
    pub(super) acks: Acks,
    /// Fields that are not compared.
    #[serde(default)]
    pub(super) ignore: Vec<String>,
    /// How much longer the kernel may take, in per cent, and in milliseconds besides.
    #[serde(default)]
    pub(super) late: Option<(u64, u64)>,
    /// Our packets number so many more at the end that were not captured.
    #[serde(default)]
    pub(super) cut: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Protocol {
    #[default]
    Tcp,
    Udp,
    Icmp,
    Any,
    Arp,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Acks {
    #[default]
    Each,
    None,
}

/// A kind of difference that has a reason.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Explained {
    /// The field that differs, `missing` or `extra`.
    pub(super) kind: String,
    pub(super) why: String,
    /// Only in packets of this sender.
    pub(super) sender: Option<String>,
    /// Only in this capture.
    pub(super) file: Option<String>,
    /// Only in pure ACKs, or only in others.
    pub(super) pure_ack: Option<bool>,
    /// More than this many fail.
    pub(super) most: usize,
}

impl Manifest {
    /// Whether machines have to ask for their neighbours: a [[hold]] is about ARP. Without one
    /// everybody knows everybody.
    pub(super) fn resolves(&self) -> bool {
        self.hold.iter().any(|it| it.protocol == Protocol::Arp)
    }

    /// Reads a manifest and the network file it names.
    ///
    /// # Errors
    /// A file that cannot be read or has unknown keys.
    pub fn read(path: &Path) -> Result<Self, ParityError> {
        let mut manifest: Self = parse(path)?;
        manifest.folder = path.parent().unwrap_or_else(|| Path::new(".")).to_owned();
        if let Some(name) = manifest.network.clone() {
            let folder = path.parent().unwrap_or_else(|| Path::new("."));
            let network: Network = parse(&folder.join(name))?;
            let own = std::mem::replace(&mut manifest.host, network.host);
            for (name, changes) in own {
                let host = manifest.host.entry(name).or_default();
                host.change(changes);
            }
            if manifest.link.is_empty() {
                manifest.link = network.link;
            }
        }
        if manifest.hold.is_empty() {
            return Err(ParityError::at(path, "holds nothing: add a [[hold]]"));
        }
        Ok(manifest)
    }
}

impl HostTable {
    fn change(&mut self, by: Self) {
        self.kernel = by.kernel.or_else(|| self.kernel.take());
        if !by.interface.is_empty() {
            self.interface = by.interface;
        }
        self.mtu.extend(by.mtu);
        self.sysctl.extend(by.sysctl);
        self.driver_overhead = by.driver_overhead.or(self.driver_overhead);
        self.routes.extend(by.routes);
        self.firewall.extend(by.firewall);
        self.nameservers.extend(by.nameservers);
        self.search.extend(by.search);
        self.http.extend(by.http);
        self.answers_from = by.answers_from.or_else(|| self.answers_from.take());
        self.reachable = by.reachable.or(self.reachable);
        self.nat = by.nat.or_else(|| self.nat.take());
    }
}

fn parse<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<T, ParityError> {
    let text = std::fs::read_to_string(path).map_err(|error| ParityError::at(path, error))?;
    toml::from_str(&text).map_err(|error| ParityError::at(path, error))
}

/// Host and interface of a capture point.
pub(super) fn point(text: &str) -> (&str, Option<&str>) {
    match text.split_once(':') {
        Some((host, interface)) => (host, Some(interface)),
        None => (text, None),
    }
}

/// Captures lie beside the manifest or one folder above.
pub(super) fn capture_path(folder: &Path, file: &str) -> PathBuf {
    let beside = folder.join(file);
    if beside.exists() {
        beside
    } else {
        folder.join("..").join(file)
    }
}
