//! Which of a run's frames are wanted.

use wirelab_filter::{Filter, LinkType};
use wirelab_model::SimTime;
use wirelab_session::Run;
use wirelab_simulator::Captured;

use super::feed;
use crate::hosts::Interface;

/// What is captured: interfaces, an expression, a direction, how many packets at most.
pub(super) struct Capture {
    /// One, or with `-i any` all of the machine's.
    pub(super) interfaces: Vec<Interface>,
    pub(super) link: LinkType,
    pub(super) filter: Option<Filter>,
    /// `-Q`: only what the machine sent, or only what it got.
    pub(super) outbound: Option<bool>,
    pub(super) count: Option<u64>,
}

/// How many frames of each interface are in front of a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Position(Vec<usize>);

/// A frame that passes, and the interface it passed.
#[derive(Clone, Copy)]
pub(super) struct Frame<'a> {
    pub(super) interface: usize,
    pub(super) captured: &'a Captured,
}

impl Capture {
    /// The frames from `position` on that pass, in time order, `count` at most.
    pub(super) fn passing<'a>(&self, run: &'a Run, position: &Position) -> Vec<Frame<'a>> {
        let mut passing = Vec::new();
        for (interface, skip) in position.0.iter().enumerate() {
            let frames = self.frames(run, interface).get(*skip..).unwrap_or_default();
            let frames = frames.iter().map(|captured| Frame {
                interface,
                captured,
            });
            let wanted = frames.filter(|frame| self.passes(frame));
            passing.extend(wanted.take(self.most()));
        }
        passing.sort_by_key(|frame| frame.captured.at);
        passing.truncate(self.most());
        passing
    }

    fn most(&self) -> usize {
        let count = self.count.map(usize::try_from);
        count.and_then(Result::ok).unwrap_or(usize::MAX)
    }

    fn frames<'a>(&self, run: &'a Run, interface: usize) -> &'a [Captured] {
        run.evidence().captured(&self.interfaces[interface].point)
    }

    fn passes(&self, frame: &Frame<'_>) -> bool {
        let captured = frame.captured;
        if self
            .outbound
            .is_some_and(|wanted| wanted != captured.outbound)
        {
            return false;
        }
        self.filter.as_ref().is_none_or(|filter| {
            let bytes = self.bytes(frame, feed::FIRST_INDEX);
            filter.matches(&bytes, u32::try_from(bytes.len()).unwrap_or(u32::MAX))
        })
    }

    /// The octets of a frame, its interfaces numbered from `first_index` on.
    pub(super) fn bytes(&self, frame: &Frame<'_>, first_index: u32) -> Vec<u8> {
        let index = first_index + frame.interface as u32;
        feed::bytes(self.link, frame.captured, index)
    }

    /// In front of the frames that `run` has seen from `at` on.
    pub(super) fn before(&self, run: &Run, at: SimTime) -> Position {
        self.position(|interface| {
            let frames = self.frames(run, interface);
            frames.partition_point(|frame| frame.at < at)
        })
    }

    /// Behind all frames that `run` has seen.
    pub(super) fn behind(&self, run: &Run) -> Position {
        self.position(|interface| self.frames(run, interface).len())
    }

    fn position(&self, of: impl FnMut(usize) -> usize) -> Position {
        Position((0..self.interfaces.len()).map(of).collect())
    }
}
