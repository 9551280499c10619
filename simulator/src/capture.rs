//! Frames of capture points: the Ethernet around a packet.

use wirelab_wire::{Frame, IpPacket, LinkFrame, MacAddr};

use crate::fabric::Port;

/// The hardware address of whoever routes for a segment outside AWS.
pub(crate) const OUTSIDE_ROUTER: MacAddr = MacAddr([0x02, 0x16, 0x3e, 0xff, 0xff, 0xff]);

/// The hardware address of a machine's interface outside AWS: locally administered, told by number.
pub(crate) fn outside_mac(port: Port) -> MacAddr {
    let [_, a, b, c] = port.host.to_be_bytes();
    let interface = u8::try_from(port.interface).unwrap_or(u8::MAX);
    MacAddr([0x02, 0x16, a, b, c, interface])
}

/// The frame as the machine that owns `own` sees it.
pub(crate) fn frame(own: MacAddr, peer: MacAddr, outbound: bool, packet: IpPacket) -> LinkFrame {
    let (source, destination) = if outbound { (own, peer) } else { (peer, own) };
    LinkFrame::Ip(Frame {
        destination,
        source,
        packet,
    })
}
