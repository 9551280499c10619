//! Echo requests, of `ping` and of traffic programs.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use wirelab_model::SimTime;
use wirelab_wire::{IpPacket, protocol};

use crate::host::Host;
use crate::host::output::Output;
use crate::host::packet;
use crate::host::program::runner::Runner;
use crate::host::program::text;
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
        // Machines here do not cut IPv6 packets.
        if !fits && (echo.mode == PathMtu::Do || echo.to.is_ipv6()) {
            let sign = if echo.to.is_ipv4() { "=" } else { ": " };
            return Err(format!("message too long, mtu{sign}{path_mtu}").into());
        }
        let mut request = IpPacket::echo_request(
            echo.source.unwrap_or(way.source),
            echo.to,
            echo.identifier,
            echo.sequence,
            text::prose(u32::from(echo.size)),
        );
        // `ip_select_ident`: with DF and path MTU discovery there is nothing to reassemble.
        let number = match echo.mode {
            PathMtu::Do => 0,
            PathMtu::Want | PathMtu::Dont => self.stack.next_identification(now),
        };
        request.header.ttl = echo.ttl;
        if let wirelab_wire::IpVersionFields::V4(fields) = &mut request.header.version {
            fields.dont_fragment = echo.mode == PathMtu::Do || (echo.mode == PathMtu::Want && fits);
            fields.identification = number;
        }
        if !self.stack.output(now, request) {
            return Err("sendmsg: Operation not permitted".into());
        }
        Ok(())
    }
}
