//! Echo requests, of `ping` and of traffic programs.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use wirelab_model::SimTime;
use wirelab_wire::{IpPacket, protocol};

use crate::host::Host;
use crate::host::output::Output;
use crate::host::packet;
use crate::host::program::runner::Runner;
use crate::host::stack::Sent;
use crate::host::traffic::{ClientTuple, Outcome};

/// `ping -M`: what happens to a message longer than the path allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::host) enum PathMtu {
    /// DF; refused here once the path MTU is known.
    Do,
    /// DF as long as it fits what is known of the path, fragments after that: the default.
    Want,
    /// Never DF.
    Dont,
}

/// An echo request to be sent.
pub(in crate::host) struct Echo {
    pub(in crate::host) to: std::net::IpAddr,
    /// The address that it is sent from; none: what the route says.
    pub(in crate::host) source: Option<std::net::IpAddr>,
    pub(in crate::host) identifier: u16,
    pub(in crate::host) sequence: u16,
    /// Octets of data.
    pub(in crate::host) size: u16,
    pub(in crate::host) mode: PathMtu,
    pub(in crate::host) ttl: u8,
}

impl Host {
    pub(super) fn start_ping(
        &mut self,
        now: SimTime,
        runner: &mut Runner,
        size: u16,
        dont_fragment: bool,
        out: &mut Output,
    ) {
        if runner.handle == 0 {
            runner.handle = self.echo_identifier();
        }
        let sequence = (runner.exchange as u16).wrapping_add(1);
        let mode = if dont_fragment {
            PathMtu::Do
        } else {
            PathMtu::Want
        };
        let echo = Echo {
            to: runner.to,
            source: None,
            identifier: runner.handle,
            sequence,
            size,
            mode,
            ttl: packet::DEFAULT_TTL,
        };
        let sent = self.send_echo(now, &echo);
        runner.tuple = self.stack.resolve(runner.to).map(|way| ClientTuple {
            local: way.source,
            local_port: 0,
            remote: runner.to,
            remote_port: 0,
            protocol: match runner.spec.to {
                std::net::IpAddr::V4(_) => protocol::ICMP,
                std::net::IpAddr::V6(_) => protocol::ICMPV6,
            },
        });
        if let Err(text) = sent {
            self.finish(now, runner, Outcome::Failed(text), None, out);
        }
    }

    /// What `ping` sends: the time of day (`struct timeval`) if it fits, and the octets 0x10, 0x11
    /// and so on, each by its place (iputils, `ping.c` and `ping4_send_probe`).
    fn echo_data(&self, now: SimTime, size: u16) -> Bytes {
        let mut data: Vec<u8> = (0..size).map(|place| place as u8).collect();
        let seconds = self.config.starts.at(now).as_secs();
        let micros = now.as_nanos() / 1000 % 1_000_000;
        let time = u128::from(seconds) | u128::from(micros) << 64;
        if let Some(head) = data.first_chunk_mut() {
            *head = time.to_le_bytes();
        }
        data.into()
    }

    /// Sends an echo request as `ping` does.
    ///
    /// # Errors
    /// The text `ping` prints: no route, or longer than the path MTU with DF set.
    pub(in crate::host) fn send_echo(&mut self, now: SimTime, echo: &Echo) -> Result<(), SmolStr> {
        let way = self
            .stack
            .resolve(echo.to)
            .ok_or_else(|| SmolStr::from("Network is unreachable"))?;
        let path_mtu = self.stack.routes.path_mtu(echo.to, way.mtu, now);
        let headers = if echo.to.is_ipv4() { 28 } else { 48 };
        let fits = usize::from(echo.size) + headers <= usize::from(path_mtu);
        if !fits && echo.mode == PathMtu::Do {
            return Err(too_long(echo.to, path_mtu));
        }
        let mut request = IpPacket::echo_request(
            echo.source.unwrap_or(way.source),
            echo.to,
            echo.identifier,
            echo.sequence,
            self.echo_data(now, echo.size),
        );
        // `ip_select_ident`: with DF and path MTU discovery there is nothing to reassemble.
        let number = match echo.mode {
            PathMtu::Do => 0,
            PathMtu::Want | PathMtu::Dont => self.stack.next_identification(now),
        };
        request.header.ttl = echo.ttl;
        let whole = fits && !self.stack.routes.is_locked(echo.to, now);
        if let wirelab_wire::IpVersionFields::V4(fields) = &mut request.header.version {
            fields.dont_fragment =
                echo.mode == PathMtu::Do || (echo.mode == PathMtu::Want && whole);
            fields.identification = number;
        }
        if self.stack.output_in_pieces(now, request) == Sent::Rejected {
            return Err("sendmsg: Operation not permitted".into());
        }
        Ok(())
    }
}

/// `EMSGSIZE` in the words of `ping`.
pub(in crate::host) fn too_long(to: std::net::IpAddr, mtu: u16) -> SmolStr {
    let sign = if to.is_ipv4() { "=" } else { ": " };
    format!("message too long, mtu{sign}{mtu}").into()
}
