//! What is done to a copy of the network so that a prediction about it can be shown.

use wirelab_session::{Run, RunError};

use crate::calls::{Step, parse_calls};

/// A command that was played, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Played {
    /// `app: nc -vz -w 3 10.0.2.10 8080`.
    pub(crate) command: String,
    /// What it printed.
    pub(crate) printed: String,
}

/// Does the steps to `run`: calls, whose journal numbers begin where no learner's end; commands,
/// whatever their exit status says; time. `Err` is a mistake of the author.
pub(crate) fn play(run: &mut Run, text: &str) -> Result<Vec<Played>, String> {
    const FIRST: u64 = 1 << 32;
    let steps = parse_calls(text).map_err(|error| error.to_string())?;
    let mut played = Vec::new();
    for (number, step) in (FIRST..).zip(steps) {
        let failed = |error: RunError| error.to_string();
        match step {
            Step::Call(mut call) => {
                let plan = run.plan().clone();
                for (name, value) in &mut call.parameters {
                    plan.names.put_ids(name, value);
                }
                let reply = run.call(&plan.caller, &call, number);
                reply.map_err(|error| format!("{call}: {error}"))?;
                run.settle();
            }
            Step::Exec { host, argv } => {
                let result = run.exec(&host, &argv).map_err(failed)?;
                played.push(Played {
                    command: format!("{host}: {}", argv.join(" ")),
                    printed: result.combined,
                });
            }
            Step::Advance(time) => run.advance(run.now() + time).map_err(failed)?,
        }
    }
    Ok(played)
}
