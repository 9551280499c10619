//! Programs that are ended from outside, as by a signal.

use wirelab_model::SimTime;

use super::{Exec, Printer, Task, finish};
use crate::host::Host;
use crate::host::output::{ExecId, Output};
use crate::host::resolver::Asker;

impl Host {
    /// Ends a program by a signal: it says nothing more, and its sockets close as the kernel closes
    /// them. Its status is the number of the signal, negative. What has ended already stays so.
    pub(crate) fn kill(&mut self, now: SimTime, id: ExecId, signal: i32, out: &mut Output) {
        let Some(Exec { task, .. }) = self.execs.remove(&id) else {
            return;
        };
        self.close_task(now, id, task);
        finish(now, id, Printer::default(), -signal, out);
        self.settle(now, out);
    }

    /// Takes from a program what it had open.
    pub(super) fn close_task(&mut self, now: SimTime, id: ExecId, task: Task) {
        match task {
            Task::Connect(task) => {
                for socket in task.sockets() {
                    self.owners.remove(&socket);
                    self.stack.close(now, socket);
                }
            }
            Task::Dig(mut task) => self.dig_close(now, &mut task),
            Task::Datagrams(task) => {
                if let Some(port) = task.own_port() {
                    self.stack.unbind_udp(port);
                }
            }
            Task::Resolving(_) => self.stop_lookups(now, &Asker::Exec(id)),
            Task::Ping(_) | Task::Tracepath(_) | Task::Traceroute(_) | Task::Sleep(_) => {}
        }
        self.drop_curls(now, id);
        self.stdins.remove(&id);
    }

    /// Gives a program that is about to start something to read.
    pub(crate) fn feed(&mut self, id: ExecId, text: String) {
        self.stdins.insert(id, text);
    }
}
