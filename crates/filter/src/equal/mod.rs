//! Whether two filters keep the same packets, proved; or a packet that tells them apart.
//!
//! Both programs are run over all well-formed frames at once ([`shape`]: which those are), with
//! octets that are unknown bits ([`frame`], [`execute`]). What comes out is a circuit ([`circuit`])
//! that is true for the frames that exactly one of them keeps. A SAT solver ([`solver`]) finds one,
//! or proves that there is none. If there is one, [`search`] goes on to the frame that departs
//! least from an ordinary packet ([`ordinary`]), its checksums are written ([`checksum`]), and
//! libpcap itself is asked whether the two programs differ on it.
//!
//! One pair, walked through: `tcp[13] & 2 != 0` for `tcp[13] & (tcp-syn|tcp-ack) == tcp-syn`. The
//! first shape is IPv4 with a header of five words and no fragment: the octets 12 to 14 and the
//! fragment field are known, so that of the first program only `ldb [23]`, `jeq #6`, `ldb [47]`,
//! `jset #2` are left, and of the second the same with `and #18`, `jeq #2`. They differ where the
//! protocol is 6, SYN is set and ACK is set: three gates. The rules of the shape (a TCP header of
//! at least five words that fits, no FIN beside SYN) leave such packets, and the nearest to an
//! ordinary one is the plain SYN-ACK: `IP 10.0.1.5.40000 > 10.0.2.10.443: Flags [S.], seq 1, ack 1,
//! win 64240, length 0`. Had the mask been right, every shape would have folded to nothing to
//! differ about, or the solver would have found no values: then the two are equivalent.
//!
//! What "equivalent" covers: IPv4, IPv6 and ARP over Ethernet, frames without padding and captured
//! whole; IPv4 options of any length, fragments; IPv6 with a fragment header or eight octets of
//! options, and no longer chain; connections of TCP and SCTP between two machines, datagrams to
//! groups and to everybody, too. [`Domain`] says what can be opened beside that. Work is counted in
//! gates and conflicts of the solver, never in time: [`GaveUp`] is the same on every machine.

mod blame;
mod checksum;
mod circuit;
mod execute;
mod frame;
mod hidden;
mod options;
mod ordinary;
mod search;
mod seen;
mod shape;
mod solver;

use wirelab_wire::summary;

use self::circuit::Bit;
use self::frame::Frame;
use self::search::Search;
use self::shape::Shape;
use self::solver::Sat;
use crate::filter::Filter;
use crate::machine::Instruction;
pub use hidden::fields;
pub use seen::Seen;
pub use shape::Domain;

/// The most conflicts of the solver, all shapes of a pair together.
const MAX_CONFLICTS: u64 = 10_000;

/// Whether two filters keep the same packets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Equality {
    /// Proved for every well-formed packet of the scope.
    Equivalent,
    /// They differ on this packet.
    Different(Difference),
    /// Nothing is known.
    GaveUp(GaveUp),
}

/// Why nothing is known. Never a matter of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GaveUp {
    /// `protochain` compiles to loops.
    #[error("a filter with a loop (`protochain`) is not compared")]
    Loop,
    /// A place that is read depends on too much.
    #[error("a filter reads the packet at a place that is computed from too much of it")]
    Index,
    /// Gates or conflicts.
    #[error("the comparison took more than {MAX_CONFLICTS} conflicts or too many gates")]
    Work,
    /// The link type has no rules here.
    #[error("filters are compared for Ethernet alone")]
    LinkType,
    /// A packet was found, and libpcap says that it makes no difference: it would need a checksum
    /// that no such packet has.
    #[error("the packet that was found is none that libpcap tells apart")]
    Unconfirmed,
}

/// A packet that one of two filters keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The frame, with right lengths and checksums.
    pub frame: Vec<u8>,
    /// Whether the first filter is the one that keeps it.
    pub is_kept: bool,
    /// The clause of the first filter with which alone it would be right, if there is just one.
    pub fault: Option<Fault>,
}

/// A clause of an expression that is wrong while all others may stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// As written.
    pub clause: String,
    /// Where it stands, in octets of the expression.
    pub span: std::ops::Range<usize>,
}

impl Difference {
    /// The packet as tcpdump prints it.
    #[must_use]
    pub fn line(&self) -> String {
        summary::line(crate::LinkType::ETHERNET, &self.frame)
    }
}

/// Compares `yours` with `wanted` on the packets that `scope` keeps; on all without one.
#[must_use]
pub fn compare(
    yours: &Filter,
    wanted: &Filter,
    scope: Option<&Filter>,
    domain: Domain,
) -> Equality {
    compare_where(yours, wanted, scope, domain, &Seen::default())
}

/// [`compare`] for people who look at a capture: the packet that tells the two apart goes between
/// machines that are `seen` there, if one does.
#[must_use]
pub fn compare_where(
    yours: &Filter,
    wanted: &Filter,
    scope: Option<&Filter>,
    domain: Domain,
    seen: &Seen,
) -> Equality {
    let links = [Some(yours), Some(wanted), scope].into_iter().flatten();
    if links
        .into_iter()
        .any(|it| it.link() != crate::LinkType::ETHERNET)
    {
        return Equality::GaveUp(GaveUp::LinkType);
    }
    if yours.program() == wanted.program() {
        return Equality::Equivalent;
    }
    let pair = Pair {
        yours: yours.program(),
        wanted: wanted.program(),
        scope: scope.map(Filter::program),
        domain,
    };
    match pair.find(seen) {
        Ok(None) => Equality::Equivalent,
        Ok(Some(frame)) => {
            let is_kept = yours.matches_by_libpcap(&frame);
            let in_scope = scope.is_none_or(|it| it.matches_by_libpcap(&frame));
            if !in_scope || is_kept == wanted.matches_by_libpcap(&frame) {
                return Equality::GaveUp(GaveUp::Unconfirmed);
            }
            Equality::Different(Difference {
                fault: blame::fault(yours, &pair, &frame),
                frame,
                is_kept,
            })
        }
        Err(why) => Equality::GaveUp(why),
    }
}

/// Whether it is proved that two filters keep the same packets of the scope: [`compare`] without
/// the search for the nearest packet.
#[must_use]
pub fn are_equivalent(
    one: &Filter,
    other: &Filter,
    scope: Option<&Filter>,
    domain: Domain,
) -> bool {
    let is_ethernet = |it: &Filter| it.link() == crate::LinkType::ETHERNET;
    let pair = Pair {
        yours: one.program(),
        wanted: other.program(),
        scope: scope.map(Filter::program),
        domain,
    };
    let ends = |_: &Shape, _: &mut Frame, _: &mut Sat| Ok(());
    is_ethernet(one) && is_ethernet(other) && matches!(pair.first(ends), Ok(None))
}

/// Whether a frame is one that filters are compared on.
#[must_use]
pub fn is_compared(frame: &[u8], domain: Domain) -> bool {
    let shapes = Shape::all(domain);
    let mut fitting = shapes.iter().filter(|shape| shape.fits(frame));
    fitting.any(|shape| shape.admits(frame, domain))
}

impl Shape {
    /// Whether a frame is well-formed, and of this shape.
    fn admits(&self, octets: &[u8], domain: Domain) -> bool {
        let mut frame = self.known_frame(octets);
        let rules = self.rules(&mut frame, domain);
        // All that rules read is known, so they are.
        let len = circuit::known(&frame.len);
        rules.iter().all(|rule| *rule == Bit::TRUE)
            && len.is_some_and(|len| len as usize == octets.len())
    }
}

/// Two programs, where they are compared.
struct Pair<'a> {
    yours: &'a [Instruction],
    wanted: &'a [Instruction],
    scope: Option<&'a [Instruction]>,
    domain: Domain,
}

impl Pair<'_> {
    /// The frame nearest to an ordinary one that tells the two apart; `None` if there is none.
    fn find(&self, seen: &Seen) -> Result<Option<Vec<u8>>, GaveUp> {
        self.first(|shape, frame, sat| {
            let read: Vec<usize> = self.read(shape)?;
            let mut found = Search::new(shape, frame, sat, seen).nearest()?;
            checksum::write(shape, &mut found, |at| read.binary_search(&at).is_ok());
            Ok(found)
        })
    }

    /// What `end` makes of the first shape with a frame that tells the two apart.
    fn first<T>(
        &self,
        end: impl Fn(&Shape, &mut Frame, &mut Sat) -> Result<T, GaveUp>,
    ) -> Result<Option<T>, GaveUp> {
        let mut left = MAX_CONFLICTS;
        for shape in Shape::all(self.domain) {
            let mut frame = shape.frame();
            let differ = self.differ(&mut frame)?;
            if differ == Bit::FALSE {
                continue;
            }
            let mut sat = Sat::new(left);
            sat.demand(&frame.circuit, differ);
            // Most proofs need no rule.
            let may_differ = sat.solve(&frame.circuit, &[])?;
            if may_differ && self.is_possible(&shape, &mut frame, &mut sat)? {
                return end(&shape, &mut frame, &mut sat).map(Some);
            }
            left = left.saturating_sub(sat.conflicts());
        }
        Ok(None)
    }

    /// Where exactly one of the two keeps a frame of the scope.
    fn differ(&self, frame: &mut Frame) -> Result<Bit, GaveUp> {
        let yours = execute::execute(frame, self.yours)?;
        let wanted = execute::execute(frame, self.wanted)?;
        let differ = frame.circuit.xor(yours, wanted);
        self.in_scope(frame, differ)
    }

    /// The octets of a shape that the programs read.
    fn read(&self, shape: &Shape) -> Result<Vec<usize>, GaveUp> {
        let mut frame = shape.frame();
        self.differ(&mut frame)?;
        Ok(frame.octets().map(|(at, _)| at as usize).collect())
    }

    /// Whether what was demanded can be had of a well-formed frame.
    fn is_possible(&self, shape: &Shape, frame: &mut Frame, sat: &mut Sat) -> Result<bool, GaveUp> {
        let mut rules = shape.rules(frame, self.domain);
        sat.solve_within(&frame.circuit, &mut rules, &[])
    }

    /// `bit`, where the scope keeps the frame.
    fn in_scope(&self, frame: &mut Frame, bit: Bit) -> Result<Bit, GaveUp> {
        match self.scope {
            Some(scope) if bit != Bit::FALSE => {
                let scope = execute::execute(frame, scope)?;
                Ok(frame.circuit.and(bit, scope))
            }
            _ => Ok(bit),
        }
    }
}
