//! Whose a socket is: programs as `ss -p` and `netstat -p` name them.
//!
//! Numbers of processes are no part of what is simulated; they are drawn so that each program has
//! its own, and keeps it.

use super::Task;
use super::connect::Purpose;
use crate::host::output::ExecId;
use crate::host::stack::SocketId;
use crate::host::tcp::Connection;
use crate::host::{Host, Owner};

/// Of the first server, the first program that talks by itself, and the first command.
const SERVERS: usize = 1000;
const CLIENTS: usize = 1500;
const COMMANDS: usize = 2000;
/// Commands after which the numbers begin anew.
const ROUND: u64 = 30_000;
/// What the kernel keeps of a program's name (`TASK_COMM_LEN`, without the end).
const NAME_MAX: usize = 15;

/// A program that holds a socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) name: String,
    pub(super) pid: usize,
    /// The descriptor of the socket.
    pub(super) file: u8,
}

impl Host {
    /// The program that holds a connection; none if it was closed and lives on in the kernel.
    pub(super) fn holder(&self, socket: SocketId, connection: &Connection) -> Option<Process> {
        match self.owners.get(&socket)? {
            Owner::Server => self.server(connection.ends.local.port(), 7),
            Owner::Exec(id) => self.command(*id),
            Owner::Traffic(name) => {
                let at = self.runners.keys().position(|it| it == name)?;
                Some(Process {
                    name: name.chars().take(NAME_MAX).collect(),
                    pid: CLIENTS + at,
                    file: 3,
                })
            }
            Owner::Caller | Owner::Lookup(_) => None,
        }
    }

    /// The program that listens at a port, or talks UDP from it.
    pub(super) fn waiter(&self, port: u16, is_udp: bool) -> Option<Process> {
        let commands = self.execs.values().filter(|_| is_udp);
        let mut own = commands.filter(|it| match &it.task {
            Task::Dig(dig) => dig.port == Some(port),
            Task::Datagrams(task) => task.owns(port),
            _ => false,
        });
        match own.next() {
            Some(exec) => self.command(exec.id),
            None => self.server(port, 6),
        }
    }

    fn server(&self, port: u16, file: u8) -> Option<Process> {
        let at = self.spec.servers.iter().position(|it| it.port() == port)?;
        Some(Process {
            name: self.spec.servers[at].program().to_owned(),
            pid: SERVERS + at,
            file,
        })
    }

    /// A command. The descriptors are those that the real programs have at their first socket.
    fn command(&self, id: ExecId) -> Option<Process> {
        let (name, file) = match &self.execs.get(&id)?.task {
            Task::Connect(task) => match task.purpose {
                Purpose::Curl(_) => ("curl", 5),
                Purpose::Nc(_) => ("nc", 3),
            },
            Task::Datagrams(_) => ("nc", 3),
            Task::Dig(task) => (task.manner.program.name(), 14),
            _ => return None,
        };
        Some(Process {
            name: name.to_owned(),
            pid: COMMANDS + (id.0 % ROUND) as usize,
            file,
        })
    }
}
