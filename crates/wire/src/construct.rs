//! The common packets in one line, and the changes that routers and NATs make.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;

use crate::{
    IcmpMessage, Icmpv6Message, IpHeader, IpPacket, IpVersionFields, Ipv4Fields, Ipv6Fields,
    Ipv6Fragment, TcpFlags, TcpOptions, TcpSegment, Transport, UdpDatagram, Unreachable,
    translate_quoted,
};

/// Linux's `ip_default_ttl`.
const DEFAULT_TTL: u8 = 64;

impl IpHeader {
    /// A header as Linux starts it: TTL 64, traffic class 0, identification 0, DF set.
    ///
    /// # Panics
    /// If the addresses are of different IP versions.
    #[must_use]
    pub fn new(source: IpAddr, destination: IpAddr) -> Self {
        assert_eq!(
            source.is_ipv4(),
            destination.is_ipv4(),
            "source and destination are of one IP version"
        );
        let version = if source.is_ipv4() {
            IpVersionFields::V4(Ipv4Fields {
                dont_fragment: true,
                ..Ipv4Fields::default()
            })
        } else {
            IpVersionFields::V6(Ipv6Fields::default())
        };
        Self {
            source,
            destination,
            ttl: DEFAULT_TTL,
            traffic_class: 0,
            version,
        }
    }

    /// The same with another time to live.
    #[must_use]
    pub const fn with_ttl(mut self, ttl: u8) -> Self {
        self.ttl = ttl;
        self
    }

    /// The same with another traffic class (TOS).
    #[must_use]
    pub const fn with_traffic_class(mut self, traffic_class: u8) -> Self {
        self.traffic_class = traffic_class;
        self
    }

    /// The same with another identification; nothing changes in an IPv6 header.
    #[must_use]
    pub const fn with_identification(mut self, identification: u16) -> Self {
        if let IpVersionFields::V4(fields) = &mut self.version {
            fields.identification = identification;
        }
        self
    }

    /// The same with this fragment header, or with none; nothing changes in an IPv4 header.
    #[must_use]
    pub const fn with_fragment(mut self, fragment: Option<Ipv6Fragment>) -> Self {
        if let IpVersionFields::V6(fields) = &mut self.version {
            fields.fragment = fragment;
        }
        self
    }

    /// The same with DF set or clear; nothing changes in an IPv6 header.
    #[must_use]
    pub const fn with_dont_fragment(mut self, dont_fragment: bool) -> Self {
        if let IpVersionFields::V4(fields) = &mut self.version {
            fields.dont_fragment = dont_fragment;
        }
        self
    }
}

impl IpPacket {
    /// A packet of its two parts.
    #[must_use]
    pub const fn new(header: IpHeader, transport: Transport) -> Self {
        Self { header, transport }
    }

    /// A TCP segment between two hosts; the ports are the segment's. Header as [`IpHeader::new`].
    ///
    /// # Panics
    /// If the addresses are of different IP versions.
    #[must_use]
    pub fn tcp(source: IpAddr, destination: IpAddr, segment: TcpSegment) -> Self {
        Self::new(IpHeader::new(source, destination), Transport::Tcp(segment))
    }

    /// A UDP datagram between two end points. Header as [`IpHeader::new`].
    ///
    /// # Panics
    /// If the addresses are of different IP versions.
    #[must_use]
    pub fn udp(source: SocketAddr, destination: SocketAddr, payload: impl Into<Bytes>) -> Self {
        let datagram = UdpDatagram {
            source_port: source.port(),
            destination_port: destination.port(),
            payload: payload.into(),
        };
        Self::new(
            IpHeader::new(source.ip(), destination.ip()),
            Transport::Udp(datagram),
        )
    }

    /// An echo request of either version. Header as [`IpHeader::new`].
    ///
    /// # Panics
    /// If the addresses are of different IP versions.
    #[must_use]
    pub fn echo_request(
        source: IpAddr,
        destination: IpAddr,
        identifier: u16,
        sequence: u16,
        payload: impl Into<Bytes>,
    ) -> Self {
        let header = IpHeader::new(source, destination);
        let payload = payload.into();
        let transport = if header.is_ipv4() {
            Transport::Icmp(IcmpMessage::EchoRequest {
                identifier,
                sequence,
                payload,
            })
        } else {
            Transport::Icmpv6(Icmpv6Message::EchoRequest {
                identifier,
                sequence,
                payload,
            })
        };
        Self::new(header, transport)
    }

    /// The reply to an echo request, DF clear as Linux sends it; `None` if `self` is none.
    #[must_use]
    pub fn echo_reply(&self) -> Option<Self> {
        let transport = match &self.transport {
            Transport::Icmp(IcmpMessage::EchoRequest {
                identifier,
                sequence,
                payload,
            }) => Transport::Icmp(IcmpMessage::EchoReply {
                identifier: *identifier,
                sequence: *sequence,
                payload: payload.clone(),
            }),
            Transport::Icmpv6(Icmpv6Message::EchoRequest {
                identifier,
                sequence,
                payload,
            }) => Transport::Icmpv6(Icmpv6Message::EchoReply {
                identifier: *identifier,
                sequence: *sequence,
                payload: payload.clone(),
            }),
            _ => return None,
        };
        let header = IpHeader::new(self.header.destination, self.header.source)
            .with_dont_fragment(false)
            .with_traffic_class(self.header.traffic_class);
        Some(Self::new(header, transport))
    }

    /// Sets the source address and, given one, the source port (echo identifier for pings).
    ///
    /// A first fragment holds its transport header as octets: the port is written there, and the
    /// datagram's checksum follows the change (RFC 1624). Later fragments and other protocols have
    /// no port to set; their address alone changes.
    pub fn set_source(&mut self, address: IpAddr, port: Option<u16>) {
        self.translate_first_fragment(Some((address, port)), None);
        self.header.source = address;
        let Some(port) = port else { return };
        match &mut self.transport {
            Transport::Tcp(segment) => segment.source_port = port,
            Transport::Udp(datagram) => datagram.source_port = port,
            _ => self.set_echo_identifier(port),
        }
    }

    /// Sets the destination address and, given one, the destination port (echo identifier for
    /// pings). Fragments as in [`Self::set_source`].
    pub fn set_destination(&mut self, address: IpAddr, port: Option<u16>) {
        self.translate_first_fragment(None, Some((address, port)));
        self.header.destination = address;
        let Some(port) = port else { return };
        match &mut self.transport {
            Transport::Tcp(segment) => segment.destination_port = port,
            Transport::Udp(datagram) => datagram.destination_port = port,
            _ => self.set_echo_identifier(port),
        }
    }

    /// Writes new addresses and ports into the transport header that a first fragment holds.
    fn translate_first_fragment(
        &mut self,
        source: Option<(IpAddr, Option<u16>)>,
        destination: Option<(IpAddr, Option<u16>)>,
    ) {
        if !self.is_fragment() || self.header.is_later_fragment() {
            return;
        }
        let translated = translate_quoted(&self.to_bytes().into(), source, destination);
        let header = self.header.wire_len();
        if let Transport::Other { payload, .. } = &mut self.transport {
            *payload = translated.slice(header..);
        }
    }

    const fn set_echo_identifier(&mut self, value: u16) {
        if let Transport::Icmp(
            IcmpMessage::EchoRequest { identifier, .. } | IcmpMessage::EchoReply { identifier, .. },
        )
        | Transport::Icmpv6(
            Icmpv6Message::EchoRequest { identifier, .. }
            | Icmpv6Message::EchoReply { identifier, .. },
        ) = &mut self.transport
        {
            *identifier = value;
        }
    }
}

impl TcpSegment {
    /// A segment with these ports and control bits and nothing else: numbers, window 0, no options,
    /// no data.
    #[must_use]
    pub const fn new(source_port: u16, destination_port: u16, flags: TcpFlags) -> Self {
        Self {
            source_port,
            destination_port,
            sequence: 0,
            acknowledgment: 0,
            flags,
            window: 0,
            urgent_pointer: 0,
            options: TcpOptions::NONE,
            payload: Bytes::new(),
        }
    }

    /// The same with these sequence and acknowledgment numbers.
    #[must_use]
    pub const fn with_numbers(mut self, sequence: u32, acknowledgment: u32) -> Self {
        self.sequence = sequence;
        self.acknowledgment = acknowledgment;
        self
    }

    /// The same with this window field.
    #[must_use]
    pub const fn with_window(mut self, window: u16) -> Self {
        self.window = window;
        self
    }

    /// The same with these options.
    #[must_use]
    pub fn with_options(mut self, options: impl Into<TcpOptions>) -> Self {
        self.options = options.into();
        self
    }

    /// The same with this data.
    #[must_use]
    pub fn with_payload(mut self, payload: impl Into<Bytes>) -> Self {
        self.payload = payload.into();
        self
    }
}

impl Unreachable {
    /// The code on the wire.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Net => 0,
            Self::Host => 1,
            Self::Protocol => 2,
            Self::Port => 3,
            Self::FragmentationNeeded { .. } => 4,
            Self::HostProhibited => 10,
            Self::AdministrativelyProhibited => 13,
            Self::Other(code) => code,
        }
    }

    /// The value of a code; `next_hop_mtu` is used for code 4 only.
    #[must_use]
    pub const fn from_code(code: u8, next_hop_mtu: u16) -> Self {
        match code {
            0 => Self::Net,
            1 => Self::Host,
            2 => Self::Protocol,
            3 => Self::Port,
            4 => Self::FragmentationNeeded { next_hop_mtu },
            10 => Self::HostProhibited,
            13 => Self::AdministrativelyProhibited,
            other => Self::Other(other),
        }
    }
}
