//! The packet inside an ICMP error, to be changed by those who translate addresses.

use wirelab_wire::{Bytes, IcmpMessage, Icmpv6Message, IpPacket, Transport};

/// The octets that an ICMP error quotes; `None` for every other packet.
pub(super) fn quoted_mut(packet: &mut IpPacket) -> Option<&mut Bytes> {
    match &mut packet.transport {
        Transport::Icmp(
            IcmpMessage::DestinationUnreachable { quoted, .. }
            | IcmpMessage::TimeExceeded { quoted, .. }
            | IcmpMessage::Other {
                icmp_type: 4 | 5 | 12,
                payload: quoted,
                ..
            },
        )
        | Transport::Icmpv6(
            Icmpv6Message::DestinationUnreachable { quoted, .. }
            | Icmpv6Message::PacketTooBig { quoted, .. }
            | Icmpv6Message::TimeExceeded { quoted, .. },
        ) => Some(quoted),
        _ => None,
    }
}
