//! TCP options in Linux's order (`tcp_options_write`).

use wirelab_wire::{TcpOption, TcpOptions};

/// What both ends agreed on in the handshake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Agreed {
    pub(crate) timestamps: bool,
    pub(crate) sack: bool,
    /// Shifts of our and of the peer's window field.
    pub(crate) scales: Option<(u8, u8)>,
    /// RFC 3168.
    pub(crate) ecn: bool,
}

/// Options of a SYN or SYN-ACK: MSS, SACK-permitted, timestamps, NOP, window scale.
pub(crate) fn handshake(
    mss: u32,
    sack: bool,
    timestamps: Option<(u32, u32)>,
    scale: Option<u8>,
) -> TcpOptions {
    let mut options = TcpOptions::NONE;
    options.push(TcpOption::MaximumSegmentSize(mss as u16));
    match (sack, timestamps) {
        (true, Some(_)) => options.push(TcpOption::SackPermitted),
        (true, None) => options.extend([TcpOption::Nop, TcpOption::Nop, TcpOption::SackPermitted]),
        (false, Some(_)) => options.extend([TcpOption::Nop, TcpOption::Nop]),
        (false, None) => {}
    }
    if let Some((value, echo_reply)) = timestamps {
        options.push(TcpOption::Timestamps { value, echo_reply });
    }
    if let Some(scale) = scale {
        options.extend([TcpOption::Nop, TcpOption::WindowScale(scale)]);
    }
    options
}

/// Options of any later segment: NOP, NOP, timestamps, then NOP, NOP, SACK.
pub(crate) fn established(timestamps: Option<(u32, u32)>, sack: &[(u32, u32)]) -> TcpOptions {
    let mut options = TcpOptions::NONE;
    let most = if timestamps.is_some() { 3 } else { 4 };
    if let Some((value, echo_reply)) = timestamps {
        options.extend([
            TcpOption::Nop,
            TcpOption::Nop,
            TcpOption::Timestamps { value, echo_reply },
        ]);
    }
    if !sack.is_empty() {
        let blocks = sack.iter().take(most).copied().collect();
        options.extend([TcpOption::Nop, TcpOption::Nop, TcpOption::Sack(blocks)]);
    }
    options
}

/// Octets the SACK option takes in [`established`].
pub(crate) fn sack_len(blocks: usize, timestamps: bool) -> u32 {
    match blocks.min(if timestamps { 3 } else { 4 }) {
        0 => 0,
        blocks => 4 + 8 * blocks as u32,
    }
}
