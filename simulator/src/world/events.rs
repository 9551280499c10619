//! What has happened and was not yet taken.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::event::Event;
use crate::flow::WindowRecords;

/// Events in the order in which they happened.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Events {
    waiting: VecDeque<Waiting>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly all are events: a box would be an allocation for each"
)]
enum Waiting {
    Event(Event),
    /// As many events as there are records.
    Records(Box<WindowRecords>),
}

impl Events {
    pub(super) fn push(&mut self, event: Event) {
        self.waiting.push_back(Waiting::Event(event));
    }

    pub(super) fn push_records(&mut self, records: WindowRecords) {
        self.waiting.push_back(Waiting::Records(Box::new(records)));
    }

    pub(super) fn pop(&mut self) -> Option<Event> {
        loop {
            if let Some(Waiting::Records(records)) = self.waiting.front_mut()
                && let Some(record) = records.next()
            {
                return Some(Event::FlowRecord(record));
            }
            if let Waiting::Event(event) = self.waiting.pop_front()? {
                return Some(event);
            }
        }
    }
}
