//! Pools of connections: those that rest between their exchanges.

use wirelab_model::SimTime;

use crate::host::program::runner::{Parked, Runner};
use crate::host::stack::SocketId;
use crate::host::tcp::Connection;
use crate::host::traffic::TrafficProgram;
use crate::host::{Host, Waker};

impl Host {
    /// Puts the present connection to the others that rest.
    pub(super) fn park(&mut self, now: SimTime, runner: &mut Runner) {
        let TrafficProgram::Pool { idle, .. } = runner.spec.program else {
            return;
        };
        let Some(socket) = runner.socket.take() else {
            return;
        };
        runner.parked.push_back(Parked {
            client: runner.client.take(),
            socket,
            tuple: runner.tuple,
            uses: runner.uses,
            since: now,
        });
        runner.talking = false;
        if let Some(idle) = idle {
            let waker = Waker::Client(runner.spec.name.clone());
            self.wakes.insert((now + idle, waker));
        }
    }

    /// Once the pool is full, the connection that has rested longest is the present one.
    pub(super) fn take_parked(&mut self, now: SimTime, runner: &mut Runner) {
        let TrafficProgram::Pool { size, .. } = runner.spec.program else {
            return;
        };
        self.expire_parked(now, runner);
        if runner.parked.len() < usize::from(size) {
            return;
        }
        if let Some(parked) = runner.parked.pop_front() {
            runner.client = parked.client;
            runner.socket = Some(parked.socket);
            runner.tuple = parked.tuple;
            runner.uses = parked.uses;
            runner.talking = true;
        }
    }

    /// Closes what has rested too long.
    pub(super) fn expire_parked(&mut self, now: SimTime, runner: &mut Runner) {
        let TrafficProgram::Pool {
            idle: Some(idle), ..
        } = runner.spec.program
        else {
            return;
        };
        while let Some(parked) = runner.parked.pop_front_if(|it| it.since + idle <= now) {
            self.close_parked(now, parked);
        }
    }

    pub(super) fn close_parked(&mut self, now: SimTime, parked: Parked) {
        let mut client = parked.client;
        self.hang_up(now, parked.socket, client.as_mut());
    }

    /// Something happened on a connection that rests: one that is over leaves the pool.
    pub(super) fn see_parked(&mut self, now: SimTime, runner: &mut Runner, socket: SocketId) {
        let Some(at) = runner.parked.iter().position(|it| it.socket == socket) else {
            return;
        };
        self.stack.with(now, socket, Connection::receive);
        let connection = self.stack.connection(socket);
        let over = connection.is_none_or(|it| it.error.is_some() || it.at_end());
        if over && let Some(parked) = runner.parked.remove(at) {
            self.close_parked(now, parked);
        }
    }
}
