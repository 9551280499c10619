//! Repairs that are settings of machines. What is typed there works until the machine boots, and
//! the next machine is without it: whoever takes it for the repair is told so.

use wirelab_model::{SimTime, without_sudo};
use wirelab_session::{Entry, EntryKind};

use super::{Aftermath, traffic};
use crate::error::GradeError;
use crate::finding::{Finding, FindingKind};
use crate::material::Material;
use crate::submission;

/// Programs that change a machine.
const SETTERS: [&str; 4] = ["sysctl", "ip", "iptables", "ip6tables"];

/// Whether the repair is nothing without what was typed on machines: the same journal without
/// that, run on as long, still has the symptom.
pub(super) fn typed(
    material: &Material<'_>,
    after: &Aftermath<'_>,
    entries: &[Entry],
    now: SimTime,
) -> Result<Option<Finding>, GradeError> {
    let commands: Vec<String> = entries.iter().filter_map(setting).collect();
    if commands.is_empty() {
        return Ok(None);
    }
    let others = entries.iter().filter(|entry| setting(entry).is_none());
    let others: Vec<Entry> = others.cloned().collect();
    let mut run = material.after(after.opening, &others)?;
    submission::advance(&mut run, now)?;
    let repaired = run.now();
    run.advance(repaired + after.task.run_on)?;
    let without = Aftermath {
        run: &run,
        repaired,
        ..*after
    };
    let Some(symptom) = traffic::symptoms(&without).into_iter().next() else {
        return Ok(None);
    };
    let (kind, why) = match after.task.in_network {
        true => (
            FindingKind::FaultRemains,
            "it works round the fault on one machine: the network is as it was, so the next \
             machine there has the fault, and this one when it boots",
        ),
        false => (
            FindingKind::NotPersistent,
            "the repair is what was typed on a machine, and gone when it boots; /etc/sysctl.d, \
             netplan or netfilter-persistent keep it",
        ),
    };
    let mut finding = Finding::new(kind, why);
    finding.evidence = commands;
    let remains = format!("without it: {}", symptom.summary);
    Ok(Some(finding.evidence(remains)))
}

/// The command of an entry that sets something on a machine: `app_b: sysctl -w ...`.
fn setting(entry: &Entry) -> Option<String> {
    let EntryKind::Host { host, argv } = &entry.kind else {
        return None;
    };
    let program = without_sudo(argv).first()?;
    let program = program.rsplit('/').next().unwrap_or(program);
    SETTERS
        .contains(&program)
        .then(|| format!("{host}: {}", argv.join(" ")))
}
