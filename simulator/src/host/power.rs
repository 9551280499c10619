//! The end of a machine's programs, as `shutdown` brings it about.

use wirelab_model::SimTime;

use super::output::Output;
use super::{Host, Owner};

impl Host {
    /// Every program ends: its sockets close, with a FIN or, where something is unread, a RST.
    /// Nobody listens any more; the kernel goes on.
    pub(crate) fn shut_down(&mut self, now: SimTime, out: &mut Output) {
        for (_, runner) in std::mem::take(&mut self.runners) {
            self.drop_runner(now, *runner);
        }
        self.execs.clear();
        self.curls.clear();
        self.stdins.clear();
        self.lookups.clear();
        self.resolved.clear();
        let sessions: Vec<_> = self.sessions.keys().copied().collect();
        for socket in sessions {
            self.end_session(now, socket);
        }
        for (socket, owner) in std::mem::take(&mut self.owners) {
            match owner {
                // Whoever drives the machine from outside is no program of it.
                Owner::Caller => {
                    self.owners.insert(socket, owner);
                }
                _ => self.stack.close(now, socket),
            }
        }
        self.stack.stop_listening();
        self.wakes.clear();
        self.settle(now, out);
    }
}
