//! Many things to look at, and a thread for each core of the machine.

use std::sync::{Mutex, PoisonError};

/// Does `work` with each thing: whoever is through takes the next. Returns when all is done.
///
/// # Panics
/// As `work` does, when the other threads are through.
pub fn each<T, I>(things: I, work: impl Fn(T) + Sync)
where
    I: IntoIterator<Item = T>,
    I::IntoIter: Send,
{
    let things = Mutex::new(things.into_iter());
    // Nobody works while they hold the lock.
    let take = || {
        let mut things = things.lock().unwrap_or_else(PoisonError::into_inner);
        things.next()
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(thing) = take() {
                    work(thing);
                }
            });
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_thing_is_taken_once() {
        let done = Mutex::new(Vec::new());
        each(0..100, |it| done.lock().expect("no panic").push(it));
        let mut done = done.into_inner().expect("no panic");
        done.sort_unstable();
        assert_eq!(done, (0..100).collect::<Vec<_>>());
    }
}
