//! A compiled filter.

use pcap::{Capture, Linktype};
use wirelab_wire::link::LinkType;

use crate::clause::{self, Skeleton};
use crate::error::FilterError;
use crate::frames::{Frames, Kept};
use crate::machine::{self, Instruction, Step};
use crate::{hint, lex, name};

/// The longest expression that is given to libpcap, in octets.
pub(crate) const MAX_LEN: usize = 8192;
/// The most words and operators; libpcap's optimiser takes cubic time.
pub(crate) const MAX_TOKENS: usize = 256;
/// The deepest nesting of parentheses and brackets.
const MAX_NESTING: usize = 64;

/// A compiled pcap-filter(7) expression.
///
/// Two filters with equal programs match the same frames; the converse does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    expression: String,
    link: LinkType,
    program: Vec<Instruction>,
    steps: Vec<Step>,
}

impl Filter {
    /// Compiles an expression with libpcap's optimiser; an empty one matches every frame.
    ///
    /// # Errors
    /// See [`FilterError`].
    pub fn compile(expression: &str, link: LinkType) -> Result<Self, FilterError> {
        if expression.len() > MAX_LEN {
            return Err(FilterError::TooLong);
        }
        let tokens = lex::tokens(expression);
        if tokens.len() > MAX_TOKENS || lex::nesting(&tokens) > MAX_NESTING {
            return Err(FilterError::TooLong);
        }
        name::check(expression, &tokens)?;
        let program = compile(expression, link, true)?;
        Ok(Self {
            expression: expression.to_owned(),
            link,
            steps: machine::steps(&program),
            program,
        })
    }

    /// The same expression without libpcap's optimiser (`tcpdump -O`): another program, and, if
    /// libpcap is right, the same filter.
    ///
    /// # Errors
    /// [`FilterError`]; none that [`Self::compile`] has not had.
    pub fn unoptimised(&self) -> Result<Self, FilterError> {
        let program = compile(&self.expression, self.link, false)?;
        Ok(Self {
            steps: machine::steps(&program),
            program,
            ..self.clone()
        })
    }

    /// Whether the filter keeps a frame of which `frame` was captured, `wire_len` octets long on
    /// the wire. As in libpcap, a frame cut in front of what the filter reads does not match.
    #[must_use]
    pub fn matches(&self, frame: &[u8], wire_len: u32) -> bool {
        machine::run(&self.steps, frame, wire_len).is_some_and(|kept| kept != 0)
    }

    /// Which frames of a capture the filter keeps.
    #[must_use]
    pub fn select(&self, frames: &Frames) -> Kept {
        frames
            .iter()
            .map(|(frame, wire_len)| self.matches(frame, wire_len))
            .collect()
    }

    /// Whether libpcap's own machine keeps a frame that was captured whole; slower than
    /// [`Self::matches`], which it is there to confirm.
    #[must_use]
    pub fn matches_by_libpcap(&self, frame: &[u8]) -> bool {
        let dead = data_link(self.link).and_then(|link| Capture::dead(link).ok());
        let program = dead.and_then(|dead| dead.compile(&self.expression, true).ok());
        program.is_some_and(|program| program.filter(frame))
    }

    /// Whether libpcap sees that nothing is kept by this filter and by `other` as well.
    #[must_use]
    pub fn excludes(&self, other: &str) -> bool {
        let both = format!("({}) and ({other})", self.expression);
        let refused = Self::compile(&both, self.link).err();
        refused.is_some_and(|error| matches!(error, FilterError::RejectsAll { .. }))
    }

    /// libpcap's optimised program.
    #[must_use]
    pub fn program(&self) -> &[Instruction] {
        &self.program
    }

    /// The expression as given.
    #[must_use]
    pub fn expression(&self) -> &str {
        &self.expression
    }

    /// The link type of the frames it reads.
    #[must_use]
    pub const fn link(&self) -> LinkType {
        self.link
    }

    /// Whether the filter decides without looking at the frame, and what.
    #[must_use]
    pub fn constant(&self) -> Option<bool> {
        match self.program[..] {
            [only] => only.returned_constant().map(|kept| kept != 0),
            _ => None,
        }
    }
}

/// libpcap's `DLT_` value of a `LINKTYPE_` value; they differ for raw IP.
fn data_link(link: LinkType) -> Option<Linktype> {
    let number = match link.0 {
        12 | 14 | 101 => 12,
        other => i32::try_from(other).ok()?,
    };
    Some(Linktype(number))
}

/// `inbound` or `outbound`, which a frame of Ethernet does not show: tcpdump refuses them for a
/// savefile of it; libpcap's handle without a file would take them for false.
fn direction(expression: &str, link: LinkType) -> Option<&'static str> {
    let tokens = lex::tokens(expression);
    let mut words = ["inbound", "outbound"].into_iter();
    let is_said = |word: &&str| tokens.iter().any(|token| token.is(word));
    words.find(is_said).filter(|_| link == LinkType::ETHERNET)
}

fn compile(
    expression: &str,
    link: LinkType,
    optimise: bool,
) -> Result<Vec<Instruction>, FilterError> {
    let unsupported = || FilterError::LinkType(link);
    let data_link = data_link(link).ok_or_else(unsupported)?;
    let dead = Capture::dead(data_link).map_err(|_| unsupported())?;
    if let Some(word) = direction(expression, link) {
        return Err(FilterError::Refused {
            message: "inbound/outbound not supported on Ethernet when reading savefiles".to_owned(),
            hint: Some(hint::about_direction(word)),
        });
    }
    let program = dead
        .compile(expression, optimise)
        .map_err(|error| refused(expression, &error, link))?;
    let instructions = program.get_instructions().iter();
    let instructions = instructions.map(|instruction| {
        Instruction::read(&instruction.to_string())
            .expect("the pcap crate prints four numbers an instruction")
    });
    Ok(instructions.collect())
}

/// Why no packet matches: `and` and `or` read in another order, or conditions that exclude each
/// other.
fn rejected(expression: &str, link: LinkType) -> String {
    let usual = clause::with_usual_ranks(expression);
    let is_read_otherwise = usual.is_some_and(|usual| compile(&usual, link, true).is_ok());
    let skeleton = is_read_otherwise
        .then(|| Skeleton::of(expression))
        .flatten();
    match skeleton {
        Some(skeleton) => format!("{}: {}", hint::SAME_RANK, skeleton.describe()),
        None => "one packet has one protocol and one source; `or` joins alternatives".to_owned(),
    }
}

fn refused(expression: &str, error: &pcap::Error, link: LinkType) -> FilterError {
    let message = match error {
        pcap::Error::PcapError(message) => message.trim(),
        pcap::Error::InvalidInputString => "expression holds a NUL character",
        _ => "libpcap refuses the expression",
    };
    let message = message
        .strip_prefix("can't parse filter expression: ")
        .unwrap_or(message);
    if message.contains("rejects all packets") {
        let hint = rejected(expression, link);
        return FilterError::RejectsAll { hint };
    }
    if message.contains("unknown data link type") {
        return FilterError::LinkType(link);
    }
    FilterError::Refused {
        message: message.to_owned(),
        hint: hint::of(expression, message),
    }
}
