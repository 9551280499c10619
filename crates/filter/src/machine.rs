//! The BPF machine (McCanne and Jacobson, 1993): what libpcap compiles to.
//!
//! libpcap's own interpreter is not used, because the `pcap` crate gives it the captured length for
//! the length on the wire, which `len`, `greater` and `less` ask for. Differences between the two
//! are looked for by the tests.

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

/// Accumulator, index register, scratch memory.
struct Machine<'a> {
    a: u32,
    x: u32,
    memory: [u32; MEMORY],
    frame: &'a [u8],
    wire_len: u32,
}

/// Runs a program; `None` where BPF rejects the packet: a load behind its end, a division by zero,
/// an instruction that does not exist. Jumps go forward only, so it ends.
pub(crate) fn run(program: &[Instruction], frame: &[u8], wire_len: u32) -> Option<u32> {
    let mut machine = Machine {
        a: 0,
        x: 0,
        memory: [0; MEMORY],
        frame,
        wire_len,
    };
    let mut at = 0_usize;
    loop {
        let instruction = *program.get(at)?;
        at += 1;
        match instruction.code & CLASS {
            LD => machine.a = machine.load(instruction)?,
            LDX => machine.x = machine.load_index(instruction)?,
            ST => *machine.memory.get_mut(instruction.k as usize)? = machine.a,
            STX => *machine.memory.get_mut(instruction.k as usize)? = machine.x,
            ALU => machine.a = machine.arithmetic(instruction)?,
            JMP => at = at.checked_add(machine.jump(instruction)?)?,
            RET if instruction.code & RETURN_A != 0 => return Some(machine.a),
            RET => return Some(instruction.k),
            _ if instruction.code & TXA != 0 => machine.a = machine.x,
            _ => machine.x = machine.a,
        }
    }
}

impl Machine<'_> {
    fn load(&self, instruction: Instruction) -> Option<u32> {
        let size = instruction.code & SIZE;
        match instruction.code & MODE {
            IMM => Some(instruction.k),
            ABS => self.packet(instruction.k, size),
            IND => self.packet(self.x.checked_add(instruction.k)?, size),
            MEM => self.memory.get(instruction.k as usize).copied(),
            LEN => Some(self.wire_len),
            _ => None,
        }
    }

    fn load_index(&self, instruction: Instruction) -> Option<u32> {
        match instruction.code & MODE {
            IMM => Some(instruction.k),
            MEM => self.memory.get(instruction.k as usize).copied(),
            LEN => Some(self.wire_len),
            MSH => Some(4 * (self.packet(instruction.k, BYTE)? & 0x0f)),
            _ => None,
        }
    }

    fn packet(&self, at: u32, size: u16) -> Option<u32> {
        let tail = self.frame.get(at as usize..)?;
        match (size, tail) {
            (BYTE, [a, ..]) => Some(u32::from(*a)),
            (HALF, [a, b, ..]) => Some(u32::from(u16::from_be_bytes([*a, *b]))),
            (0, [a, b, c, d, ..]) => Some(u32::from_be_bytes([*a, *b, *c, *d])),
            _ => None,
        }
    }

    fn operand(&self, instruction: Instruction) -> u32 {
        if instruction.code & SOURCE_X == 0 {
            instruction.k
        } else {
            self.x
        }
    }

    fn arithmetic(&self, instruction: Instruction) -> Option<u32> {
        let (a, b) = (self.a, self.operand(instruction));
        match instruction.code & OPERATION {
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
            0xa0 => Some(a ^ b),
            _ => None,
        }
    }

    /// How many instructions to skip.
    fn jump(&self, instruction: Instruction) -> Option<usize> {
        let (a, b) = (self.a, self.operand(instruction));
        let holds = match instruction.code & OPERATION {
            0x00 => return Some(instruction.k as usize),
            0x10 => a == b,
            0x20 => a > b,
            0x30 => a >= b,
            0x40 => a & b != 0,
            _ => return None,
        };
        Some(usize::from(if holds {
            instruction.jt
        } else {
            instruction.jf
        }))
    }
}
