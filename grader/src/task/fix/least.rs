//! Least privilege: what the repair opened beyond the scenario's `intent`.

use std::net::IpAddr;

use wirelab_model::{IpNet, PortRange};
use wirelab_scenario::{Intent as Declared, IntentEnd, Names, Plan};
use wirelab_simulator::host::Attachment;

use super::Aftermath;
use crate::finding::{Finding, FindingKind, PACKETS_WAY};
use crate::reach::{self, Intent};

/// Ports of clients of which nothing is known: all that systems use (Amazon VPC User Guide,
/// "Ephemeral ports").
const ANY_CLIENT: PortRange = PortRange {
    from: 1024,
    to: 65535,
};

/// One finding a rule that lets in too much; and what is let in that none can meet.
pub(super) fn excess(after: &Aftermath<'_>) -> (Vec<Finding>, Vec<reach::Excess>) {
    let plan = after.run.plan();
    let intents: Vec<_> = plan.intents.iter().map(|it| intent(plan, it)).collect();
    let before = after.untouched.control().resources();
    let now = after.run.control().resources();
    if let Some(rules) = reach::too_many(now) {
        let example = reach::example(before, now, &intents);
        return (vec![one_of_many(plan, rules, example)], Vec::new());
    }
    let found = reach::excess(before, now, &intents).into_iter();
    let (met, unmet): (Vec<_>, Vec<_>) = found.partition(|it| it.can_pass);
    (met.iter().map(|it| finding(plan, it)).collect(), unmet)
}

/// What is said of a network with more rules than exact sets are made of.
fn one_of_many(plan: &Plan, rules: usize, example: Option<reach::Example>) -> Finding {
    let most = reach::EXACT_RULES;
    let Some(example) = example else {
        let summary = format!(
            "too many rules ({rules}) for the exact set of what they let in: least privilege is \
             shown with {most} or fewer"
        );
        let finding = Finding::new(FindingKind::TooOpen, summary);
        let finding = finding.expected(format!("{most} rules or fewer"));
        return finding.observed(format!("{rules} rules")).see(PACKETS_WAY);
    };
    let summary = format!(
        "too many rules ({rules}, more than {most}) for the exact set of what you also opened; one \
         example of it"
    );
    Finding::new(FindingKind::TooOpen, summary)
        .evidence(format!("by  {}", named(&plan.names, &example.rule)))
        .evidence(format!("at  {}", named(&plan.names, &example.place)))
        .evidence(format!(
            "counterexample  {}  was dropped there, passes now, and nobody asked for it",
            example.packet
        ))
        .see(PACKETS_WAY)
}

fn finding(plan: &Plan, excess: &reach::Excess) -> Finding {
    let (lines, more) = excess.describe(4);
    let mut lines = lines.into_iter();
    let largest = lines.next().unwrap_or_default();
    let finding = Finding::new(FindingKind::TooOpen, format!("you also opened {largest}"))
        .evidence(format!("by  {}", named(&plan.names, &excess.rule)))
        .evidence(format!("at  {}", named(&plan.names, &excess.place)));
    let sample = format!("counterexample  {}", excess.sample);
    let mut finding = finding.evidence(format!(
        "{sample}  was dropped there, passes now, and nobody asked for it"
    ));
    finding
        .evidence
        .extend(lines.map(|line| format!("also {line}")));
    if more > 0 {
        finding = finding.evidence(format!("and {more} more"));
    }
    finding.see(PACKETS_WAY)
}

/// The text with the scenario's names for its ids: `network_acl.db (acl-...)`.
pub(super) fn named(names: &Names, text: &str) -> String {
    let word = |word: &str| {
        let id = word.trim_end_matches([':', ',']);
        match names.name_of(id) {
            Some(name) => format!("{name} ({id}){}", &word[id.len()..]),
            None => word.to_owned(),
        }
    };
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

pub(super) fn intent(plan: &Plan, declared: &Declared) -> Intent {
    let ports = client_ports(plan, &declared.from);
    of_ports(declared, ports.map_or(ANY_CLIENT, documented))
}

/// The same with the ports that the clients do take, and not those that a text says they may.
pub(super) fn needed(plan: &Plan, declared: &Declared) -> Intent {
    let ports = client_ports(plan, &declared.from);
    of_ports(declared, ports.unwrap_or(ANY_CLIENT))
}

fn of_ports(declared: &Declared, client_ports: PortRange) -> Intent {
    Intent {
        clients: declared.from.blocks.clone(),
        servers: declared.to.blocks.clone(),
        protocol: declared.protocol,
        ports: declared.ports,
        client_ports,
        icmp: declared.icmp,
    }
}

/// From which ports the machines behind an end open connections: by their systems' settings. `None`
/// of an end of which nothing is known.
fn client_ports(plan: &Plan, end: &IntentEnd) -> Option<PortRange> {
    let within =
        |name: &str| end.host.as_deref() == Some(name) || has_address(plan, name, &end.blocks);
    let hosts = plan.hosts.iter().filter(|host| within(&host.name));
    let ranges = hosts.map(|host| host.settings.local_port_range);
    let all = ranges.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
    // A block of the whole internet holds machines that the scenario does not.
    let known = end.blocks.iter().all(|block| block.prefix_len() >= 8);
    let (from, to) = all.filter(|_| known)?;
    Some(PortRange { from, to })
}

/// Linux uses 32768-60999; the VPC User Guide says 32768-61000 of it, and who goes by AWS's own
/// text opens no more than was asked for.
const fn documented(range: PortRange) -> PortRange {
    match range {
        PortRange {
            from: 32_768,
            to: 60_999,
        } => PortRange {
            from: 32_768,
            to: 61_000,
        },
        other => other,
    }
}

fn has_address(plan: &Plan, host: &str, blocks: &[IpNet]) -> bool {
    let inside = |address: &IpAddr| blocks.iter().any(|block| block.contains(address));
    addresses(plan, host).iter().any(inside)
}

/// The addresses that a machine was given.
fn addresses(plan: &Plan, host: &str) -> Vec<IpAddr> {
    let Some(spec) = plan.hosts.iter().find(|spec| spec.name == host) else {
        return Vec::new();
    };
    match &spec.attachment {
        Attachment::Instance(id) => {
            let interfaces = plan.control.resources().network_interfaces.values();
            let own = interfaces.filter(|it| {
                let attached = it.attachment.as_ref();
                attached.is_some_and(|at| at.instance_id.as_ref() == Some(id))
            });
            own.map(|it| it.private_ip_address.into()).collect()
        }
        Attachment::Outside { interfaces, .. } => {
            interfaces.iter().map(|it| it.address.addr()).collect()
        }
    }
}
