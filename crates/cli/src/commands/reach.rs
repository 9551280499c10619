//! `wirelab reach`: what may talk to what.

mod label;
mod table;
#[cfg(test)]
mod tests;
mod traffic;
mod who;

use crate::args::{Json, TEMPLATE};

/// Show what may talk to what: every flow that the network would carry, there and back
///
/// Exact for all addresses, protocols and ports, by the rules, routes and gateways as they are now.
/// What programs or a host's own firewall do with it is not asked. Messages of ICMP are told by
/// name or as type/code; what nobody sends (codes that no message has, as 1 to 255 of a ping; the
/// number that ICMP has in the other IP version) is in `--json` alone.
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab reach                     everything
  wirelab reach internet            what the internet reaches
  wirelab reach app db              from one host to another
  wirelab reach any 10.0.2.10
  wirelab reach subnet.app 10.0.2.0/24
  wirelab reach --diff              what is new since the lab opened, and what is gone

")]
pub(crate) struct Arguments {
    /// Who opens flows: a host, subnet or customer gateway, a block or address, an interface's id,
    /// `internet`, or `any`
    #[arg(value_name = "FROM", default_value = "any")]
    from: String,
    /// Who answers, in the same forms
    #[arg(value_name = "TO", default_value = "any")]
    to: String,
    /// Only what has changed since the lab opened: whole flows, end to end. `wirelab check` weighs
    /// each rule and route by itself, whether or not others still stop the flow
    #[arg(long)]
    diff: bool,
    #[command(flatten)]
    json: Json,
}

use std::sync::Arc;

use wirelab_session::{Run, Session};
use wirelab_simulator::Observe;
use wirelab_simulator::reach::{Dimension, Interval, Ranges, reach};

use self::table::{Flow, Shown};
use self::who::{Side, Who};
use crate::failure::{Code, Failure};
use crate::{folder, hosts, output, terminal};

pub(crate) fn run(arguments: &Arguments) -> Result<Code, Failure> {
    let session = folder::open()?;
    let who = Who::new(session.run());
    let ends = [
        who.find(&session, &arguments.from)?,
        who.find(&session, &arguments.to)?,
    ];
    let now = reach(session.run().world());
    let flows = if arguments.diff {
        let opened = opening(&session)?;
        let before = reach(opened.world());
        let mut flows = who.flows((&now.difference(&before), &now), &ends, "new");
        let gone = before.difference(&now);
        let names = Who::new(&opened);
        flows.extend(names.flows((&gone, &before), &ends, "gone"));
        flows
    } else {
        who.flows((&now, &now), &ends, "same")
    };
    if arguments.json.json {
        output::json(&Shown::of(&flows))?;
        return Ok(Code::Passed);
    }
    if flows.is_empty() {
        output::note(&nothing(&session, arguments));
    } else {
        let machines = |version, addresses: &Ranges| who.machines(version, addresses);
        output::text(&table::print(&flows, &machines, terminal::columns()))?;
    }
    remarks(arguments, (&who, session.run()), &ends, &flows);
    Ok(Code::Passed)
}

/// Why the table is empty, and where to ask on: `path` takes machines and addresses, no blocks.
fn nothing(session: &Session, arguments: &Arguments) -> String {
    if arguments.diff {
        let same = "no flow gets through that did not when the lab opened, and none is gone";
        return same.to_owned();
    }
    let (from, to) = (arguments.from.as_str(), arguments.to.as_str());
    let service = hosts::services(session)
        .into_iter()
        .find(|it| it.name == to || it.name.ends_with(&format!(".{to}")));
    if let Some(service) = service.filter(|it| it.name.starts_with("nat_gateway.")) {
        return format!(
            "nothing gets through: {} takes no connections; what goes out by it is told by \
             `wirelab reach {from} internet`",
            service.name
        );
    }
    let is_one =
        |end: &str| end.parse::<std::net::IpAddr>().is_ok() || hosts::find(session, end).is_ok();
    if from == "internet" && is_one(to) || is_one(from) && is_one(to) {
        return format!(
            "nothing gets through; `wirelab path {from} {to}:PORT` shows what stops it"
        );
    }
    "nothing gets through; `wirelab path` shows for one machine and another what stops a packet"
        .to_owned()
}

/// What the table alone might be misread for.
fn remarks(arguments: &Arguments, (who, run): (&Who, &Run), ends: &[Side; 2], flows: &[Flow]) {
    for end in ends {
        let Some(address) = end.stranger(who, run).filter(|_| !flows.is_empty()) else {
            continue;
        };
        output::note(&format!(
            "{address} is on the internet, and no machine of this world has it: what the network \
             does on the way there is shown, nobody answers"
        ));
    }
    if flows.iter().any(is_unlikely) {
        let unlikely = "the ports of `no answer` are none that clients here take by themselves: a \
                        packet from there gets in, and its answer does not get out";
        output::note(unlikely);
    }
    if arguments.diff {
        output::note(
            "these are whole flows, end to end; least privilege in `wirelab check` weighs each \
             rule and route by itself, against what is meant to work",
        );
    }
}

/// Whether it gets no answer, and is from source ports that no Linux takes by itself.
fn is_unlikely(flow: &Flow) -> bool {
    let protocols = flow.region.side(Dimension::Protocol);
    let has_ports = [6, 17].iter().any(|it| protocols.contains(*it)) && !protocols.contains(1);
    let own = Ranges::of(Interval::new(32768, 60999));
    let ports = flow.region.side(Dimension::SourcePort).intersect(&own);
    !flow.answered && has_ports && ports.is_empty()
}

/// The network as the lab opened, without what its machines said.
fn opening(session: &Session) -> Result<Run, Failure> {
    let observe = Observe {
        captures: false,
        flow_records: false,
        drops: false,
        metrics: false,
    };
    let mut run = Run::new(Arc::clone(session.plan()), observe).map_err(Failure::internal)?;
    run.advance(session.lab().opens_at)
        .map_err(Failure::internal)?;
    Ok(run)
}
