//! The places of connections: so many at once, and who gives up theirs.
//!
//! Clients keep connections for requests to come, many of them and for long. When no place is free,
//! the connection that has waited longest between two requests is closed for the new one: its
//! client connects again when it has something to ask. A connection with a request on its way is
//! never closed for another.

use std::collections::BTreeMap;
use std::io;
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Whether a connection waits for a request, and since when: by the number of its wait.
#[derive(Clone, Debug, Default)]
pub(crate) struct Idle(Arc<AtomicU64>);

const BUSY: u64 = 0;
const CLOSED: u64 = u64::MAX;

impl Idle {
    /// It waits, as the one that began to so late.
    pub(crate) fn waits(&self, since: u64) {
        // One that has been closed stays so.
        let from = self.0.load(Ordering::Acquire);
        if from != CLOSED {
            let _ = self.change(from, since);
        }
    }

    /// Something has come; `false`: it was closed before that was seen.
    pub(crate) fn is_asked(&self) -> bool {
        let from = self.0.load(Ordering::Acquire);
        from != CLOSED && self.change(from, BUSY)
    }

    fn close(&self, since: u64) -> bool {
        self.change(since, CLOSED)
    }

    fn change(&self, from: u64, to: u64) -> bool {
        let changed = (self.0).compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire);
        changed.is_ok()
    }
}

/// All places.
#[derive(Debug)]
pub(crate) struct Places {
    most: usize,
    /// Numbers of connections and of waits.
    next: AtomicU64,
    taken: Mutex<BTreeMap<u64, (TcpStream, Idle)>>,
}

/// One place; it is free again when this goes.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    number: u64,
    /// What its connection says of itself.
    pub(crate) idle: Idle,
}

impl Places {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            most,
            next: AtomicU64::new(BUSY + 1),
            taken: Mutex::default(),
        }
    }

    /// A number greater than those before.
    pub(crate) fn next(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// A place for a connection; `None` if all are taken by connections at work.
    ///
    /// # Errors
    /// The socket's.
    pub(crate) fn take(self: &Arc<Self>, stream: &TcpStream) -> io::Result<Option<Place>> {
        let handle = stream.try_clone()?;
        let mut taken = self.lock();
        if taken.len() >= self.most && !close_one(&mut taken) {
            return Ok(None);
        }
        let (number, idle) = (self.next(), Idle::default());
        // Until something comes it is as one that waits.
        idle.waits(number);
        taken.insert(number, (handle, idle.clone()));
        Ok(Some(Place {
            places: Arc::clone(self),
            number,
            idle,
        }))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, (TcpStream, Idle)>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closes the connection that has waited longest; whether there was one.
fn close_one(taken: &mut BTreeMap<u64, (TcpStream, Idle)>) -> bool {
    let mut waiting: Vec<_> = taken
        .iter()
        .map(|(number, (_, idle))| (idle.0.load(Ordering::Acquire), *number))
        .filter(|(since, _)| ![BUSY, CLOSED].contains(since))
        .collect();
    waiting.sort_unstable();
    for (since, number) in waiting {
        // It may have been asked something by now.
        let closed = |(_, idle): &(TcpStream, Idle)| idle.close(since);
        if taken.get(&number).is_some_and(closed) {
            let gone = taken.remove(&number);
            let _ = gone.map(|(stream, _)| stream.shutdown(Shutdown::Both));
            return true;
        }
    }
    false
}

impl Place {
    /// Its connection waits for a request from now on.
    pub(crate) fn waits(&self) {
        self.idle.waits(self.places.next());
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.lock().remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn who_has_waited_longest_goes_first_and_nobody_who_is_asked_something() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let places = Arc::new(Places::new(3));
        let take = || {
            let stream = TcpStream::connect(address).expect("a listener");
            places.take(&stream).expect("a socket")
        };
        let all: Vec<Place> = (0..3).map(|_| take().expect("a free place")).collect();
        assert!(all[0].idle.is_asked());
        assert!(all[1].idle.is_asked());
        all[0].waits();
        // The third has waited since it came, the first only since its last request.
        let fourth = take().expect("the third's");
        assert!(!all[2].idle.is_asked(), "it was closed");
        assert!(fourth.idle.is_asked());
        let fifth = take().expect("the first's");
        assert!(fifth.idle.is_asked());
        assert!(take().is_none(), "three are at work");
        drop(fourth);
        take().expect("the fourth's");
    }
}
