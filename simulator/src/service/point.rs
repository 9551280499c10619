//! A place at which services answer: a TCP stack, and a program for each port.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};
use wirelab_model::{IpNet, SimTime, Stream};
use wirelab_wire::{IpPacket, MacAddr};

use super::http::{Request, Response};
use super::metadata::Metadata;
use super::{Context, front, resolver, time_sync};
use crate::dns;
use crate::fabric::{LINK_LOCAL_ADDRESSES, LinkLocal, Service};
use crate::host::firewall::Firewall;
use crate::host::program::Moment;
use crate::host::program::tls::TlsServer;
use crate::host::stack::{SocketId, Stack, StackEvent};
use crate::host::tcp::Connection;
use crate::host::{
    Attachment, HostConfig, HostRoute, HostSettings, HostSpec, InterfaceConfig, KernelProfile,
};

const HTTP: u16 = 80;
const HTTPS: u16 = 443;
const NTP: u16 = 123;
/// Largest packet that a service sends, in octets.
const MTU: u16 = 1500;
/// The same behind an interface endpoint.
const ENDPOINT_MTU: u16 = 8500;

/// A place at which services answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Point {
    service: Service,
    stack: Stack,
    inboxes: BTreeMap<SocketId, BytesMut>,
    /// TLS of the connections that have it.
    tls: BTreeMap<SocketId, TlsServer>,
    /// How many connections began with TLS.
    handshakes: u64,
    metadata: Metadata,
    /// Peers that asked for a token last: what goes to them bears the hop limit.
    limited: BTreeSet<SocketAddr>,
    timer: Option<SimTime>,
}

impl Point {
    pub(super) fn new(service: &Service, context: Context<'_>) -> Self {
        let name = name(service, context);
        let config = HostConfig {
            seed: context.config.seed,
            starts: context.config.starts,
        };
        let everywhere = |block: &str| HostRoute {
            destination: block.parse().expect("this is a block"),
            via: None,
            device: Some("aws0".into()),
            mtu: None,
            advmss: None,
        };
        let spec = HostSpec {
            name: name.into(),
            attachment: Attachment::Outside {
                interfaces: Vec::new(),
                customer_gateway: None,
                default_gateway: None,
            },
            kernel: KernelProfile::default(),
            settings: HostSettings::default(),
            routes: vec![everywhere("0.0.0.0/0"), everywhere("::/0")],
            firewall: Vec::new(),
            servers: Vec::new(),
        };
        let mut stack = Stack::new(&spec, &config, Firewall::default());
        let ports: &[u16] = match service {
            Service::LinkLocal(_) => &[dns::PORT, HTTP],
            _ => &[HTTP, HTTPS],
        };
        for port in ports {
            stack.listen(*port);
        }
        stack.set_interfaces(vec![interface(service, context)]);
        Self {
            service: service.clone(),
            stack,
            inboxes: BTreeMap::new(),
            tls: BTreeMap::new(),
            handshakes: 0,
            metadata: Metadata::default(),
            limited: BTreeSet::new(),
            timer: None,
        }
    }

    pub(super) fn on_packet(&mut self, packet: IpPacket, context: Context<'_>) -> Vec<IpPacket> {
        if let Some(answer) = self.answer_datagram(&packet, context) {
            return answer.into_iter().collect();
        }
        // A gateway endpoint and a service's public addresses are reached at more than one address.
        self.stack.on_packet(context.now, 0, Box::new(packet));
        self.settle(context)
    }

    pub(super) fn on_timeout(&mut self, context: Context<'_>) -> Vec<IpPacket> {
        if self.timer.is_some_and(|at| at <= context.now) {
            self.timer = None;
        }
        self.stack.on_timeout(context.now);
        self.settle(context)
    }

    pub(super) fn next_timer(&mut self) -> Option<SimTime> {
        let due = self.stack.poll_timeout()?;
        let sooner = self.timer.is_none_or(|at| due < at);
        sooner.then(|| *self.timer.insert(due))
    }

    /// The answer to a datagram for a service; nothing if there is none, `None` if the stack is to
    /// see it.
    fn answer_datagram(&self, packet: &IpPacket, context: Context<'_>) -> Option<Option<IpPacket>> {
        let datagram = packet.as_udp()?;
        let Service::LinkLocal(interface) = self.service else {
            return None;
        };
        let nic = context.plan.find_interface(interface)?;
        let at = context.plan.link_local(nic, packet.destination())?;
        let payload = match (at, datagram.destination_port) {
            (LinkLocal::Resolver, dns::PORT) => {
                let vpc = &context.plan.vpc(nic.vpc).id;
                resolver::answer(&datagram.payload, vpc, true, context)
            }
            (LinkLocal::TimeSync, NTP) => time_sync::answer(&datagram.payload, context),
            _ => return None,
        };
        let from = SocketAddr::new(packet.destination(), datagram.destination_port);
        let to = SocketAddr::new(packet.source(), datagram.source_port);
        Some(payload.map(|payload| IpPacket::udp(from, to, payload)))
    }

    /// Lets the programs answer and takes what leaves.
    fn settle(&mut self, context: Context<'_>) -> Vec<IpPacket> {
        while let Some(event) = self.stack.events.pop_front() {
            match event {
                StackEvent::Accepted { socket, .. } => {
                    self.inboxes.insert(socket, BytesMut::new());
                    self.secure(socket, context);
                    self.touched(socket, context);
                }
                StackEvent::Touched(socket) => self.touched(socket, context),
                StackEvent::Datagram { .. } | StackEvent::Heard { .. } | StackEvent::Icmp(_) => {}
            }
        }
        self.stack.notices.clear();
        let limit = self.hop_limit(context);
        let sent = std::mem::take(&mut self.stack.sent).into_iter();
        sent.map(|transmit| {
            let mut packet = *transmit.packet;
            let port = packet.as_tcp().map(|it| it.destination_port);
            let to = port.map(|port| SocketAddr::new(packet.destination(), port));
            if to.is_some_and(|to| self.limited.contains(&to)) {
                packet.header.ttl = limit;
            }
            packet
        })
        .collect()
    }

    fn hop_limit(&self, context: Context<'_>) -> u8 {
        let options = self.instance(context).map(|it| it.metadata_options);
        options.unwrap_or_default().http_put_response_hop_limit
    }

    /// The instance whose metadata is served here.
    fn instance<'a>(&self, context: Context<'a>) -> Option<&'a wirelab_model::Instance> {
        let Service::LinkLocal(interface) = self.service else {
            return None;
        };
        let nic = context.plan.find_interface(interface)?;
        let crate::fabric::Owner::Instance { id, .. } = &nic.owner else {
            return None;
        };
        context.resources.instances.get(id).map(AsRef::as_ref)
    }

    fn touched(&mut self, socket: SocketId, context: Context<'_>) {
        let now = context.now;
        let data = self.stack.with(now, socket, Connection::receive);
        if !self.inboxes.contains_key(&socket) {
            return;
        }
        let Some(connection) = self.stack.connection(socket) else {
            return self.forget(socket);
        };
        let (ends, over) = (
            connection.ends,
            connection.at_end() || connection.is_finished(),
        );
        let (local, peer) = (ends.local, ends.remote);
        let (data, broken) = self.plain(socket, local.ip(), data.unwrap_or_default(), context);
        if let Some(inbox) = self.inboxes.get_mut(&socket) {
            data.iter().for_each(|piece| inbox.extend_from_slice(piece));
        }
        let mut close = over || broken;
        while let Some(said) = self.next_answer(socket, local, peer, context) {
            close |= said.close;
            let octets = match self.tls.get_mut(&socket) {
                Some(tls) => tls.seal(&said.octets),
                None => said.octets,
            };
            self.say(now, socket, octets);
        }
        if close {
            let farewell = self.tls.get_mut(&socket).and_then(TlsServer::close_notify);
            farewell
                .into_iter()
                .for_each(|it| self.say(now, socket, it));
            self.forget(socket);
            self.stack.close(now, socket);
        }
    }

    /// A connection to port 443 begins with TLS.
    fn secure(&mut self, socket: SocketId, context: Context<'_>) {
        let port = self.stack.connection(socket).map(|it| it.ends.local.port());
        if port == Some(HTTPS) {
            let drawn = format!("{}/tls/{}", name(&self.service, context), self.handshakes);
            let stream = Stream::new(context.config.seed.traffic, &drawn);
            self.tls.insert(socket, TlsServer::new(stream));
            self.handshakes += 1;
        }
    }

    /// What has arrived without its TLS, and whether that is over; the handshake is answered.
    fn plain(
        &mut self,
        socket: SocketId,
        local: IpAddr,
        data: Vec<Bytes>,
        context: Context<'_>,
    ) -> (Vec<Bytes>, bool) {
        let Some(tls) = self.tls.get_mut(&socket).filter(|_| !data.is_empty()) else {
            return (data, false);
        };
        let certificate = front::certificate(&self.service, local, context);
        let moment = Moment {
            now: context.now,
            starts: context.config.starts,
        };
        let heard = tls.on_data(&certificate, data, moment);
        for octets in heard.send {
            self.say(context.now, socket, octets);
        }
        (heard.data, heard.closed || heard.trouble.is_some())
    }

    fn say(&mut self, now: SimTime, socket: SocketId, octets: Bytes) {
        self.stack
            .with(now, socket, |connection, cx| connection.send(octets, cx));
    }

    fn forget(&mut self, socket: SocketId) {
        self.inboxes.remove(&socket);
        self.tls.remove(&socket);
    }

    /// The answer to the next whole request, if there is one.
    fn next_answer(
        &mut self,
        socket: SocketId,
        local: SocketAddr,
        peer: SocketAddr,
        context: Context<'_>,
    ) -> Option<Said> {
        let inbox = self.inboxes.get_mut(&socket)?;
        if local.port() == dns::PORT {
            let (length, rest) = inbox.split_first_chunk::<2>()?;
            let length = usize::from(u16::from_be_bytes(*length));
            let query = rest.get(..length).map(Bytes::copy_from_slice)?;
            let _ = inbox.split_to(2 + length);
            let vpc = self.vpc(context)?;
            let answer = resolver::answer(&query, &vpc, false, context)?;
            return Some(Said {
                octets: dns::framed(&answer),
                close: false,
            });
        }
        let request = Request::take(inbox)?;
        let response = self.serve(local.ip(), peer, &request, context);
        Some(Said {
            octets: response.octets(&request, context.config.starts.at(context.now)),
            close: request.close || response.close,
        })
    }

    fn vpc(&self, context: Context<'_>) -> Option<wirelab_model::VpcId> {
        let Service::LinkLocal(interface) = self.service else {
            return None;
        };
        let nic = context.plan.find_interface(interface)?;
        Some(context.plan.vpc(nic.vpc).id.clone())
    }

    fn serve(
        &mut self,
        local: IpAddr,
        peer: SocketAddr,
        request: &Request,
        context: Context<'_>,
    ) -> Response {
        if !matches!(self.service, Service::LinkLocal(_)) {
            return front::answer(&self.service, local, request, context);
        }
        if request.method == "PUT" {
            self.limited.insert(peer);
        } else {
            self.limited.remove(&peer);
        }
        let draw = |stack: &mut Stack| u64::from(stack.draw_u16());
        let word = (0..4).fold(0, |word, _| word << 16 | draw(&mut self.stack));
        match self.instance(context) {
            Some(instance) => {
                let ipv6 = local.is_ipv6();
                self.metadata.answer(instance, ipv6, request, word, context)
            }
            None => Response::empty(404),
        }
    }
}

/// What a service says on a connection.
struct Said {
    octets: Bytes,
    close: bool,
}

fn interface(service: &Service, context: Context<'_>) -> InterfaceConfig {
    let plan = context.plan;
    let addresses: Vec<IpAddr> = match service {
        Service::LinkLocal(interface) => {
            let nic = plan.find_interface(*interface);
            let resolver = nic.and_then(|it| plan.vpc(it.vpc).resolver);
            let fixed = LINK_LOCAL_ADDRESSES.iter().map(|(address, _)| *address);
            fixed.chain(resolver).collect()
        }
        Service::Endpoint(interface) => {
            let nic = plan.find_interface(*interface);
            nic.map(|it| it.addresses.clone()).unwrap_or_default()
        }
        Service::Gateway(id) => plan.endpoint_addresses(id),
        Service::Public(address) => vec![*address],
    };
    let mtu = match service {
        Service::Endpoint(_) => ENDPOINT_MTU,
        _ => MTU,
    };
    InterfaceConfig {
        name: "aws0".into(),
        mac: MacAddr::default(),
        addresses: addresses.into_iter().map(IpNet::from).collect(),
        mtu,
        gateways: Vec::new(),
        resolvers: Vec::new(),
        search: Vec::new(),
    }
}

/// What its random streams are named after.
fn name(service: &Service, context: Context<'_>) -> String {
    match service {
        Service::LinkLocal(interface) => {
            format!("link-local/{}", context.plan.interface_id(*interface))
        }
        Service::Endpoint(interface) => {
            format!("endpoint/{}", context.plan.interface_id(*interface))
        }
        Service::Gateway(id) => format!("endpoint/{id}"),
        Service::Public(address) => format!("public/{address}"),
    }
}
