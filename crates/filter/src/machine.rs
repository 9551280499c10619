//! The BPF machine (McCanne and Jacobson, 1993): what libpcap compiles to.
//!
//! libpcap's own interpreter is not used, because the `pcap` crate gives it the captured length for
//! the length on the wire, which `len`, `greater` and `less` ask for. Differences between the two
//! are looked for by the tests.
//!
//! A program is read once into steps ([`steps`]) whose jumps say where they go, and then run over
//! many frames: `ldh [12]; jeq #0x800` is two matches on two small values.

use std::fmt;

/// One instruction, as `tcpdump -ddd` prints it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instruction {
    /// Operation, addressing mode and size.
    pub code: u16,
    /// Instructions to skip if a condition holds.
    pub jt: u8,
    /// Instructions to skip if it does not.
    pub jf: u8,
    /// Operand.
    pub k: u32,
}

/// `code jt jf k` in decimal.
impl fmt::Display for Instruction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} {}", self.code, self.jt, self.jf, self.k)
    }
}

impl Instruction {
    /// Reads [`Self::to_string`]'s form, the only one in which the `pcap` crate shows instructions.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let mut fields = text.split_ascii_whitespace();
        let instruction = Self {
            code: fields.next()?.parse().ok()?,
            jt: fields.next()?.parse().ok()?,
            jf: fields.next()?.parse().ok()?,
            k: fields.next()?.parse().ok()?,
        };
        fields.next().is_none().then_some(instruction)
    }

    /// The value of a program of this one instruction: `ret #k`.
    pub(crate) fn returned_constant(self) -> Option<u32> {
        (self.code == RET).then_some(self.k)
    }
}

pub(crate) const CLASS: u16 = 0x07;
pub(crate) const LD: u16 = 0x00;
pub(crate) const LDX: u16 = 0x01;
pub(crate) const ST: u16 = 0x02;
pub(crate) const STX: u16 = 0x03;
pub(crate) const ALU: u16 = 0x04;
pub(crate) const JMP: u16 = 0x05;
pub(crate) const RET: u16 = 0x06;

pub(crate) const SIZE: u16 = 0x18;
pub(crate) const HALF: u16 = 0x08;
pub(crate) const BYTE: u16 = 0x10;

pub(crate) const MODE: u16 = 0xe0;
pub(crate) const IMM: u16 = 0x00;
pub(crate) const ABS: u16 = 0x20;
pub(crate) const IND: u16 = 0x40;
pub(crate) const MEM: u16 = 0x60;
pub(crate) const LEN: u16 = 0x80;
pub(crate) const MSH: u16 = 0xa0;

pub(crate) const OPERATION: u16 = 0xf0;
pub(crate) const SOURCE_X: u16 = 0x08;
pub(crate) const RETURN_A: u16 = 0x10;
pub(crate) const TXA: u16 = 0x80;

/// Words of scratch memory.
pub(crate) const MEMORY: usize = 16;

/// How often a program may jump backwards: `protochain` does so once a header.
const MAX_LOOPS: usize = 1 << 12;

/// What an instruction does, with the places that it goes on at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Byte(u32),
    Half(u32),
    Word(u32),
    ByteAtX(u32),
    HalfAtX(u32),
    WordAtX(u32),
    HeaderToX(u32),
    Length,
    LengthToX,
    Set(u32),
    SetX(u32),
    Recall(u8),
    RecallX(u8),
    Store(u8),
    StoreX(u8),
    Compute(u8, u32),
    ComputeX(u8),
    Equal(u32, u16, u16),
    Greater(u32, u16, u16),
    NotLess(u32, u16, u16),
    Common(u32, u16, u16),
    CompareX(u8, u16, u16),
    Jump(u16),
    ToX,
    FromX,
    Keep(u32),
    KeepA,
    /// Where BPF rejects the packet: what it does not have, and what is behind its end.
    Reject,
}

/// Reads a program. The last step, behind its end, rejects.
pub(crate) fn steps(program: &[Instruction]) -> Vec<Step> {
    let end = program.len();
    let steps = program.iter().enumerate();
    let steps = steps.map(|(at, it)| step(*it, at, end).unwrap_or(Step::Reject));
    steps.chain([Step::Reject]).collect()
}

fn step(it: Instruction, at: usize, end: usize) -> Option<Step> {
    let k = it.k;
    let memory = u8::try_from(k).ok().filter(|it| usize::from(*it) < MEMORY);
    let target = |by: usize| u16::try_from((at + 1 + by).min(end)).ok();
    let operation = (it.code & OPERATION) as u8;
    let is_x = it.code & SOURCE_X != 0;
    Some(match (it.code & CLASS, it.code & MODE) {
        (LD, IMM) => Step::Set(k),
        (LD, ABS) => match it.code & SIZE {
            BYTE => Step::Byte(k),
            HALF => Step::Half(k),
            _ => Step::Word(k),
        },
        (LD, IND) => match it.code & SIZE {
            BYTE => Step::ByteAtX(k),
            HALF => Step::HalfAtX(k),
            _ => Step::WordAtX(k),
        },
        (LD, MEM) => Step::Recall(memory?),
        (LD, LEN) => Step::Length,
        (LDX, IMM) => Step::SetX(k),
        (LDX, MEM) => Step::RecallX(memory?),
        (LDX, LEN) => Step::LengthToX,
        (LDX, MSH) => Step::HeaderToX(k),
        (ST, _) => Step::Store(memory?),
        (STX, _) => Step::StoreX(memory?),
        (ALU, _) if operation > 0xa0 => return None,
        (ALU, _) if is_x => Step::ComputeX(operation),
        (ALU, _) => Step::Compute(operation, k),
        (JMP, _) if operation == 0 => {
            let to = at as i64 + 1 + i64::from(k as i32);
            Step::Jump(u16::try_from(to.clamp(0, end as i64)).ok()?)
        }
        (JMP, _) => {
            let (yes, no) = (target(it.jt.into())?, target(it.jf.into())?);
            match operation {
                0x10..=0x40 if is_x => Step::CompareX(operation, yes, no),
                0x10 => Step::Equal(k, yes, no),
                0x20 => Step::Greater(k, yes, no),
                0x30 => Step::NotLess(k, yes, no),
                0x40 => Step::Common(k, yes, no),
                _ => return None,
            }
        }
        (RET, _) if it.code & RETURN_A != 0 => Step::KeepA,
        (RET, _) => Step::Keep(k),
        (LD | LDX, _) => return None,
        _ if it.code & TXA != 0 => Step::FromX,
        _ => Step::ToX,
    })
}

/// Runs a program; `None` where BPF rejects the packet: a load behind its end, a division by zero,
/// an instruction that does not exist, a loop without end.
pub(crate) fn run(steps: &[Step], frame: &[u8], wire_len: u32) -> Option<u32> {
    run_watched(steps, frame, wire_len, &mut |_| {})
}

/// What a program loads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    /// So many octets of the frame.
    Octets { at: u32, size: usize },
    /// Its length.
    Length,
}

/// [`run`], that tells what is loaded.
#[inline(always)]
pub(crate) fn run_watched(
    steps: &[Step],
    frame: &[u8],
    wire_len: u32,
    see: &mut impl FnMut(Load),
) -> Option<u32> {
    let (mut a, mut x, mut memory) = (0_u32, 0_u32, [0_u32; MEMORY]);
    let (mut at, mut loops) = (0_usize, 0);
    let choose = |holds: bool, yes: u16, no: u16| usize::from(if holds { yes } else { no });
    loop {
        let step = *steps.get(at)?;
        at += 1;
        match step {
            Step::Byte(k) => {
                see(Load::Octets { at: k, size: 1 });
                a = byte(frame, k)?;
            }
            Step::Half(k) => {
                see(Load::Octets { at: k, size: 2 });
                a = half(frame, k)?;
            }
            Step::Word(k) => {
                see(Load::Octets { at: k, size: 4 });
                a = word(frame, k)?;
            }
            Step::ByteAtX(k) => {
                let at = x.checked_add(k)?;
                see(Load::Octets { at, size: 1 });
                a = byte(frame, at)?;
            }
            Step::HalfAtX(k) => {
                let at = x.checked_add(k)?;
                see(Load::Octets { at, size: 2 });
                a = half(frame, at)?;
            }
            Step::WordAtX(k) => {
                let at = x.checked_add(k)?;
                see(Load::Octets { at, size: 4 });
                a = word(frame, at)?;
            }
            Step::HeaderToX(k) => x = 4 * (byte(frame, k)? & 0x0f),
            Step::Equal(k, yes, no) => at = choose(a == k, yes, no),
            Step::Greater(k, yes, no) => at = choose(a > k, yes, no),
            Step::NotLess(k, yes, no) => at = choose(a >= k, yes, no),
            Step::Common(k, yes, no) => at = choose(a & k != 0, yes, no),
            Step::CompareX(operation, yes, no) => at = choose(compare(operation, a, x), yes, no),
            Step::Compute(operation, k) => a = compute(operation, a, k)?,
            Step::ComputeX(operation) => a = compute(operation, a, x)?,
            Step::Keep(kept) => return Some(kept),
            Step::KeepA => return Some(a),
            Step::Length => a = seen_length(wire_len, see),
            Step::LengthToX => x = seen_length(wire_len, see),
            Step::Set(k) => a = k,
            Step::SetX(k) => x = k,
            Step::Recall(place) => a = memory[usize::from(place)],
            Step::RecallX(place) => x = memory[usize::from(place)],
            Step::Store(place) => memory[usize::from(place)] = a,
            Step::StoreX(place) => memory[usize::from(place)] = x,
            Step::ToX => x = a,
            Step::FromX => a = x,
            Step::Jump(to) => {
                loops += usize::from(usize::from(to) < at);
                at = usize::from(to);
                if loops > MAX_LOOPS {
                    return None;
                }
            }
            Step::Reject => return None,
        }
    }
}

fn seen_length(wire_len: u32, see: &mut impl FnMut(Load)) -> u32 {
    see(Load::Length);
    wire_len
}

fn byte(frame: &[u8], at: u32) -> Option<u32> {
    frame.get(at as usize).map(|it| u32::from(*it))
}

fn half(frame: &[u8], at: u32) -> Option<u32> {
    let octets = frame.get(at as usize..)?.first_chunk()?;
    Some(u32::from(u16::from_be_bytes(*octets)))
}

fn word(frame: &[u8], at: u32) -> Option<u32> {
    let octets = frame.get(at as usize..)?.first_chunk()?;
    Some(u32::from_be_bytes(*octets))
}

const fn compare(operation: u8, a: u32, b: u32) -> bool {
    match operation {
        0x10 => a == b,
        0x20 => a > b,
        0x30 => a >= b,
        _ => a & b != 0,
    }
}

fn compute(operation: u8, a: u32, b: u32) -> Option<u32> {
    match operation {
        0x00 => Some(a.wrapping_add(b)),
        0x10 => Some(a.wrapping_sub(b)),
        0x20 => Some(a.wrapping_mul(b)),
        0x30 => a.checked_div(b),
        0x40 => Some(a | b),
        0x50 => Some(a & b),
        0x60 => Some(a.checked_shl(b).unwrap_or(0)),
        0x70 => Some(a.checked_shr(b).unwrap_or(0)),
        0x80 => Some(a.wrapping_neg()),
        0x90 => a.checked_rem(b),
        _ => Some(a ^ b),
    }
}
