//! `[[event]]` and `[[expect]]`: what happens, and what the scenario asserts about itself.

use serde_json::{Map, Value};
use smol_str::SmolStr;
use wirelab_model::{Call, Caller, FlowDirection, NetworkAclEntry, SimTime, VpnConnectionId};
use wirelab_simulator::host::{Attachment, HostSpec};
use wirelab_simulator::{VpnEnd, VpnTunnelFault};

use crate::build::{self, Accounts};
use crate::cause::Cause;
use crate::error::suggest;
use crate::fields::{Fields, Text};
use crate::lab::read::{moment, span};
use crate::plan::{Exec, Expect, Plan, TimedEvent, TimedKind};
use crate::resolve::Resolver;
use crate::traffic::{machine, resolved};

/// The timeline, in order of time; at equal times in that of the file.
pub(crate) fn events(
    root: &Fields<'_>,
    resolver: Resolver<'_>,
    accounts: (&Accounts, &Caller),
) -> Vec<TimedEvent> {
    let mut events: Vec<TimedEvent> = Vec::new();
    for (name, fields) in root.named("instance") {
        events.extend(interface_mtu(&name, &fields));
    }
    for fields in root.tables("event") {
        events.extend(event(&fields, resolver, accounts));
        fields.finish();
    }
    events.sort_by_key(|event| event.at);
    events
}

/// `mtu` of an instance: what a start-up script would do.
fn interface_mtu(name: &str, fields: &Fields<'_>) -> Option<TimedEvent> {
    let mtu = fields.mtu("mtu")?;
    let argv = format!("ip link set dev ens5 mtu {mtu}");
    Some(TimedEvent {
        at: SimTime::ZERO,
        summary: format!("{name} starts with an interface MTU of {mtu}"),
        kind: TimedKind::Exec(Exec {
            host: name.into(),
            argv: argv.split(' ').map(str::to_owned).collect(),
        }),
    })
}

fn event(
    fields: &Fields<'_>,
    resolver: Resolver<'_>,
    accounts: (&Accounts, &Caller),
) -> Option<TimedEvent> {
    fields.required("at");
    let at = moment(fields, "at");
    let summary = fields
        .text("summary")
        .map_or_else(String::new, |text| text.text);
    let call = fields.text("call");
    let with = fields.node("with");
    let exec = fields.text("exec");
    let on = fields.text("on");
    let stop = fields.text("stop_traffic");
    let fault = tunnel_fault(fields, resolver);
    let kind = if let Some(call) = call {
        let parameters = with.map_or(Value::Null, |node| node.value.to_json());
        TimedKind::Call {
            caller: caller(fields, accounts)?,
            call: parse_call(fields, &call, parameters, resolver)?,
        }
    } else if let Some(exec) = exec {
        let on = on.or_else(|| fields.required_text("on"))?;
        TimedKind::Exec(Exec {
            host: machine(fields, resolver, &on)?,
            argv: words(&resolved(fields, &exec, fill(&exec.text, resolver))?),
        })
    } else if let Some(stop) = stop {
        TimedKind::StopTraffic(stop.text.into())
    } else if let Some(fault) = fault {
        TimedKind::VpnTunnel(fault?)
    } else {
        let message = "an event is a `call`, an `exec`, a `stop_traffic`, a `tunnel_down` or a \
                       `tunnel_up`";
        fields.sink().error(fields.span(), message);
        return None;
    };
    Some(TimedEvent {
        at: at?,
        summary,
        kind,
    })
}

/// `as`, an account, and `region`; the operator where all else is.
fn caller(fields: &Fields<'_>, (accounts, operator): (&Accounts, &Caller)) -> Option<Caller> {
    let account = match fields.text("as") {
        Some(text) => accounts.find(&text, fields.sink())?,
        None => operator.account.clone(),
    };
    let region = build::accounts::region(fields);
    let region = region.unwrap_or_else(|| operator.region.clone());
    Some(build::accounts::caller(account, region, "user/operator"))
}

/// `tunnel_down` or `tunnel_up = "vpn_connection.office 1"` with `end = "customer" | "aws"`: that end
/// of the tunnel breaks without a word to the other, or is mended. `None` if there is neither.
fn tunnel_fault(fields: &Fields<'_>, resolver: Resolver<'_>) -> Option<Option<VpnTunnelFault>> {
    let (down, up) = (fields.text("tunnel_down"), fields.text("tunnel_up"));
    let ends = [("customer", VpnEnd::Customer), ("aws", VpnEnd::Aws)];
    let end = fields.choice("end", &ends).unwrap_or(VpnEnd::Customer);
    let broken = down.is_some();
    let text = down.or(up)?;
    let tunnel = text.text.rsplit_once(' ').and_then(|(name, number)| {
        let id = resolver.names.id(name.trim())?;
        let tunnel = number.parse().ok().filter(|it| matches!(it, 1 | 2))?;
        name.starts_with("vpn_connection.")
            .then(|| (VpnConnectionId::new(id.clone()), tunnel))
    });
    let Some((vpn_connection, tunnel)) = tunnel else {
        let message = format!("`{}` is no tunnel of a VPN connection", text.text);
        let hint = "write `vpn_connection.NAME 1`, or 2".to_owned();
        fields.sink().explain(&text.span, message, "", Some(hint));
        return Some(None);
    };
    Some(Some(VpnTunnelFault {
        vpn_connection,
        tunnel,
        end,
        broken,
    }))
}

fn parse_call(
    fields: &Fields<'_>,
    text: &Text,
    parameters: Value,
    resolver: Resolver<'_>,
) -> Option<Call> {
    let Some((service, operation)) = text.text.split_once(':') else {
        let message = format!(
            "`{}` is no call; write `ec2:DeleteNetworkAclEntry`",
            text.text
        );
        fields.sink().error(&text.span, message);
        return None;
    };
    let mut services = wirelab_control::Control::services();
    let operations = services.find(|(name, _)| *name == service);
    let operations = operations.map_or(&[][..], |(_, operations)| operations);
    if !operations.iter().any(|it| it.name == operation) {
        let names = operations.iter().map(|it| it.name);
        let near = crate::error::nearest(operation, names);
        let hint = near.map(|near| format!("did you mean `{service}:{near}`?"));
        let message = format!("unknown operation `{}`", text.text);
        fields.sink().explain(&text.span, message, "", hint);
        return None;
    }
    let parameters = match with_ids("", parameters, resolver) {
        Value::Object(parameters) => parameters,
        _ => Map::new(),
    };
    Some(Call {
        service: service.into(),
        operation: operation.into(),
        parameters,
    })
}

/// Puts ids for names (a whole string `network_acl.db`, or `db` where `parameter` takes such ids),
/// and for `${network_acl.db}` in longer strings.
pub(crate) fn with_ids(parameter: &str, value: Value, resolver: Resolver<'_>) -> Value {
    match value {
        Value::String(text) => match resolver.names.id_for(parameter, &text) {
            Some(id) => Value::String(id.to_string()),
            None => Value::String(fill(&text, resolver).unwrap_or(text)),
        },
        Value::Array(items) => {
            let items = items.into_iter();
            items.map(|it| with_ids(parameter, it, resolver)).collect()
        }
        Value::Object(members) => {
            let members = members.into_iter().map(|(key, it)| {
                let it = with_ids(&key, it, resolver);
                (key, it)
            });
            Value::Object(members.collect())
        }
        other => other,
    }
}

/// Fills every `${reference}` in.
pub(crate) fn fill(text: &str, resolver: Resolver<'_>) -> Result<String, crate::FillError> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, reference, after)) = crate::draw::next_reference(rest) {
        filled.push_str(before);
        match resolver.value(reference)? {
            Value::String(text) => filled.push_str(&text),
            other => filled.push_str(&other.to_string()),
        }
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

/// Splits a command into words; quotes, single or double, keep one together.
pub(crate) fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    let mut begun = false;
    for letter in command.chars() {
        match (quote, letter) {
            (Some(open), _) if letter == open => quote = None,
            (None, '\'' | '"') => (quote, begun) = (Some(letter), true),
            (None, _) if letter.is_whitespace() => {
                if begun {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            _ => {
                word.push(letter);
                begun = true;
            }
        }
    }
    if begun {
        words.push(word);
    }
    words
}

const OUTCOMES: [(&str, &str); 6] = [
    ("completed", "completed"),
    ("timed_out", "timed_out"),
    ("refused", "refused"),
    ("reset", "reset"),
    ("unreachable", "unreachable"),
    ("failed", "failed"),
];

/// The expectations; a scenario without any is rejected, unless it has no instances and no traffic:
/// of accounts that others are to fill, and an internet around them, there is nothing to expect.
pub(crate) fn expects(
    root: &Fields<'_>,
    plan: &Plan,
    line: impl Fn(usize) -> usize,
) -> Vec<Expect> {
    let tables = root.tables("expect");
    let is_inside = |it: &HostSpec| matches!(it.attachment, Attachment::Instance(_));
    let is_busy = plan.hosts.iter().any(is_inside) || !plan.traffic.is_empty();
    if tables.is_empty() && is_busy {
        let hint = "add an `[[expect]]` with `during`, `traffic` and `outcome`".to_owned();
        let message = "a scenario that asserts nothing is rejected";
        root.sink().file(message, Some(hint));
    }
    let expects = tables.iter().filter_map(|fields| {
        let place = format!("line {}", line(fields.span().start));
        let expect = expect(fields, plan, place);
        fields.finish();
        expect
    });
    expects.collect()
}

fn expect(fields: &Fields<'_>, plan: &Plan, place: String) -> Option<Expect> {
    let during = fields.required_text("during");
    let during = during.and_then(|text| span(&text, fields.sink()));
    let traffic = fields
        .required_text("traffic")
        .and_then(|text| known_traffic(fields, plan, text));
    fields.required("outcome");
    let outcome = fields.choice("outcome", &OUTCOMES);
    let cause = fields.text("dropped_by");
    let cause = cause.map(|text| parse_cause(fields, plan, &text));
    let at_least = fields.integer("at_least").unwrap_or(1);
    let (from, to) = during?;
    let dropped_by = match cause {
        Some(cause) => Some(cause?),
        None => None,
    };
    Some(Expect {
        from,
        to,
        traffic: traffic?,
        outcome: outcome?.into(),
        dropped_by,
        at_least,
        place,
    })
}

fn known_traffic(fields: &Fields<'_>, plan: &Plan, text: Text) -> Option<SmolStr> {
    if plan.traffic.iter().any(|traffic| traffic.name == text.text) {
        return Some(text.text.into());
    }
    let known = plan.traffic.iter().map(|traffic| traffic.name.as_str());
    let message = format!("no traffic is called `{}`", text.text);
    fields
        .sink()
        .explain(&text.span, message, "", suggest(&text.text, known));
    None
}

/// `network_acl.db ingress *`, `network_acl.db egress 110`, `security_group.app ingress`,
/// `vpn_connection.office`, `route_table.private`, `host.router`.
fn parse_cause(fields: &Fields<'_>, plan: &Plan, text: &Text) -> Option<Cause> {
    let mut words = text.text.split_whitespace();
    let reference = words.next().unwrap_or_default();
    let value = resolved(fields, text, plan.resolve(reference))?;
    let mut cause = Cause {
        text: text.text.clone(),
        kind: reference.split('.').next().unwrap_or_default().into(),
        id: value.as_str().unwrap_or_default().into(),
        direction: None,
        rule_number: None,
    };
    for word in words {
        match word {
            "ingress" => cause.direction = Some(FlowDirection::Ingress),
            "egress" => cause.direction = Some(FlowDirection::Egress),
            "*" => cause.rule_number = Some(NetworkAclEntry::DEFAULT_RULE_IPV4),
            number => match number.parse() {
                Ok(number) => cause.rule_number = Some(number),
                Err(_) => {
                    let message = format!("`{word}` is no direction and no rule number");
                    fields.sink().error(&text.span, message);
                    return None;
                }
            },
        }
    }
    Some(cause)
}
