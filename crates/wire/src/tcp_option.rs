//! TCP options as they stand in a segment (RFC 9293 section 3.1).

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::TcpOption;

/// The most octets that options take.
const MAXIMUM: usize = 40;

/// The options of a segment, in wire order: the octets themselves, so that a segment is one piece
/// of memory, is as long as it says at a glance, and is written again as it was read.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<TcpOption>", into = "Vec<TcpOption>")]
pub struct TcpOptions {
    len: u8,
    /// Zero beyond `len`.
    octets: [u8; MAXIMUM],
}

impl TcpOptions {
    /// No options.
    pub const NONE: Self = Self {
        len: 0,
        octets: [0; MAXIMUM],
    };

    /// Appends an option.
    ///
    /// # Panics
    /// If the options would take more than 40 octets.
    pub fn push(&mut self, option: TcpOption) {
        match option {
            TcpOption::EndOfList => self.append(&[0]),
            TcpOption::Nop => self.append(&[1]),
            TcpOption::MaximumSegmentSize(size) => self.field(2, &size.to_be_bytes()),
            TcpOption::WindowScale(shift) => self.field(3, &[shift]),
            TcpOption::SackPermitted => self.field(4, &[]),
            TcpOption::Sack(blocks) => self.push_sack(&blocks),
            TcpOption::Timestamps { value, echo_reply } => {
                let mut data = [0; 8];
                data[..4].copy_from_slice(&value.to_be_bytes());
                data[4..].copy_from_slice(&echo_reply.to_be_bytes());
                self.field(8, &data);
            }
            TcpOption::Unknown { kind, data } => self.field(kind, &data),
        }
    }

    fn push_sack(&mut self, blocks: &[(u32, u32)]) {
        let len = u8::try_from(2 + 8 * blocks.len()).expect("at most four blocks fit");
        self.append(&[5, len]);
        for (left, right) in blocks {
            self.append(&left.to_be_bytes());
            self.append(&right.to_be_bytes());
        }
    }

    fn field(&mut self, kind: u8, data: &[u8]) {
        let len = u8::try_from(2 + data.len()).expect("a TCP option is at most 40 octets");
        self.append(&[kind, len]);
        self.append(data);
    }

    fn append(&mut self, octets: &[u8]) {
        let start = usize::from(self.len);
        let end = start + octets.len();
        assert!(end <= MAXIMUM, "TCP options take at most 40 octets");
        self.octets[start..end].copy_from_slice(octets);
        self.len = u8::try_from(end).expect("40 octets are fewer than 256");
    }

    /// Reads an options field; `None` if a length is wrong or something follows the end of the
    /// list.
    ///
    /// `etherparse` stops at the end of the list and skips what it does not know; a capture that is
    /// written again must not change, so every octet is kept here.
    #[must_use]
    pub fn parse(field: &[u8]) -> Option<Self> {
        let mut rest = field;
        let mut ended = false;
        while let Some((&kind, tail)) = rest.split_first() {
            rest = match kind {
                0 => tail,
                _ if ended => return None,
                1 => tail,
                _ => {
                    let len = usize::from(*tail.first()?);
                    rest.get(2..len)?;
                    &rest[len..]
                }
            };
            ended |= kind == 0;
        }
        let mut options = Self::NONE;
        options
            .octets
            .get_mut(..field.len())?
            .copy_from_slice(field);
        options.len = u8::try_from(field.len()).ok()?;
        Some(options)
    }

    /// The octets.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.octets[..usize::from(self.len)]
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The options, in wire order.
    pub fn iter(&self) -> impl Iterator<Item = TcpOption> {
        self.fields().map(|field| match (field.kind, field.data) {
            (0, _) => TcpOption::EndOfList,
            (1, _) => TcpOption::Nop,
            (2, &[a, b]) => TcpOption::MaximumSegmentSize(u16::from_be_bytes([a, b])),
            (3, &[shift]) => TcpOption::WindowScale(shift),
            (4, []) => TcpOption::SackPermitted,
            (5, edges) if edges.len() % 8 == 0 => TcpOption::Sack(sack_blocks(edges)),
            (8, data) if data.len() == 8 => {
                let (value, echo_reply) = pair(data);
                TcpOption::Timestamps { value, echo_reply }
            }
            (kind, data) => TcpOption::Unknown {
                kind,
                data: Bytes::copy_from_slice(data),
            },
        })
    }

    /// The data of the first option of this kind that has `len` octets of them.
    fn data_of(&self, kind: u8, len: usize) -> Option<&[u8]> {
        let mut fields = self.fields();
        let found = fields.find(|field| field.kind == kind && field.data.len() == len);
        found.map(|field| field.data)
    }

    /// The maximum segment size option's value in octets.
    #[must_use]
    pub fn maximum_segment_size(&self) -> Option<u16> {
        let data = self.data_of(2, 2)?.try_into().ok()?;
        Some(u16::from_be_bytes(data))
    }

    /// Lowers the maximum segment size option to `limit`; whether it was higher.
    pub(crate) fn clamp_maximum_segment_size(&mut self, limit: u16) -> bool {
        let found = self.fields().find(|it| it.kind == 2 && it.data.len() == 2);
        let Some(at) = found.map(|field| field.at) else {
            return false;
        };
        let size = u16::from_be_bytes([self.octets[at + 2], self.octets[at + 3]]);
        if size > limit {
            self.octets[at + 2..at + 4].copy_from_slice(&limit.to_be_bytes());
        }
        size > limit
    }

    /// The window scale option's shift count.
    #[must_use]
    pub fn window_scale(&self) -> Option<u8> {
        self.data_of(3, 1)?.first().copied()
    }

    /// TSval and TSecr.
    #[must_use]
    pub fn timestamps(&self) -> Option<(u32, u32)> {
        self.data_of(8, 8).map(pair)
    }

    /// Whether the sender takes SACK blocks.
    #[must_use]
    pub fn sack_permitted(&self) -> bool {
        self.data_of(4, 0).is_some()
    }

    /// The SACK blocks, most recent first; empty without the option.
    #[must_use]
    pub fn sack_blocks(&self) -> Vec<(u32, u32)> {
        let mut fields = self.fields();
        let found = fields.find(|field| field.kind == 5 && field.data.len() % 8 == 0);
        found
            .map(|field| sack_blocks(field.data))
            .unwrap_or_default()
    }

    fn fields(&self) -> impl Iterator<Item = Field<'_>> {
        let mut at = 0;
        std::iter::from_fn(move || {
            let rest = self.as_bytes().get(at..)?;
            let kind = *rest.first()?;
            let (len, data) = match kind {
                0 | 1 => (1, &rest[..0]),
                _ => {
                    let len = usize::from(*rest.get(1)?);
                    (len, rest.get(2..len)?)
                }
            };
            let field = Field { at, kind, data };
            at += len;
            Some(field)
        })
    }
}

/// One option.
struct Field<'a> {
    at: usize,
    kind: u8,
    data: &'a [u8],
}

impl Default for TcpOptions {
    fn default() -> Self {
        Self::NONE
    }
}

impl fmt::Debug for TcpOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl FromIterator<TcpOption> for TcpOptions {
    /// # Panics
    /// As [`TcpOptions::push`].
    fn from_iter<I: IntoIterator<Item = TcpOption>>(options: I) -> Self {
        let mut all = Self::NONE;
        all.extend(options);
        all
    }
}

impl Extend<TcpOption> for TcpOptions {
    /// # Panics
    /// As [`TcpOptions::push`].
    fn extend<I: IntoIterator<Item = TcpOption>>(&mut self, options: I) {
        options.into_iter().for_each(|option| self.push(option));
    }
}

impl From<Vec<TcpOption>> for TcpOptions {
    fn from(options: Vec<TcpOption>) -> Self {
        options.into_iter().collect()
    }
}

impl From<TcpOptions> for Vec<TcpOption> {
    fn from(options: TcpOptions) -> Self {
        options.iter().collect()
    }
}

fn edge(octets: &[u8]) -> u32 {
    u32::from_be_bytes(octets.try_into().expect("an edge is 4 octets"))
}

fn pair(octets: &[u8]) -> (u32, u32) {
    (edge(&octets[..4]), edge(&octets[4..]))
}

fn sack_blocks(edges: &[u8]) -> Vec<(u32, u32)> {
    edges.chunks_exact(8).map(pair).collect()
}
