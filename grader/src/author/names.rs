//! What `lab.toml` names of its scenario, where only the two together show a mistake: looked at
//! before anything is run, so that it is told once and not as what comes of it.

use wirelab_scenario::{Lab, Plan, TaskKind, suggest};

use super::AuthorReport;

/// Traffic that a `fix` task asks for and nobody sends. Whether all is there.
pub(super) fn check(lab: &Lab, plan: &Plan, report: &mut AuthorReport) -> bool {
    let mut sound = true;
    for task in &lab.tasks {
        let TaskKind::Fix(fix) = &task.kind else {
            continue;
        };
        for wanted in &fix.succeeds {
            let name = wanted.traffic.as_str();
            let known = plan.traffic.iter().map(|it| it.name.as_str());
            let known: Vec<&str> = known.collect();
            if known.contains(&name) {
                continue;
            }
            sound = false;
            let place = format!("lab.toml{}, task {}", line(lab, name), task.name);
            let hint = suggest(name, known).map_or_else(String::new, |it| format!("; {it}"));
            let what = format!("`succeeds` names the traffic `{name}`, which nobody sends{hint}");
            report.problem(place, what);
        }
    }
    sound
}

/// `:12`, the line in which `"name"` stands as the value of `traffic`.
fn line(lab: &Lab, name: &str) -> String {
    let quoted = format!("\"{name}\"");
    let mut lines = (1..).zip(lab.source().text.lines());
    let found = lines.find(|(_, line)| line.contains("traffic") && line.contains(&quoted));
    found.map_or_else(String::new, |(number, _)| format!(":{number}"))
}
