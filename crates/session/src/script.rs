//! Scripts that Systems Manager has an instance run.
//!
//! The agent joins the lines, writes them into a file and has `sh` run that, or the shell that the
//! file begins with (`aws:runShellScript`, AWS Systems Manager User Guide, "Command document plugin
//! reference"; amazon-ssm-agent, `agent/plugins/runscript`). At the end of a script that has failed
//! it says so.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use wirelab_model::{InstanceId, Observation};
use wirelab_shell::{Script, interpreter};
use wirelab_simulator::host::ExecId;

use crate::run::ExecResult;

/// A script at work.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Running {
    pub(crate) command_id: SmolStr,
    pub(crate) instance: InstanceId,
    /// The command that it is on the machine.
    pub(crate) exec: ExecId,
}

/// The script as the shell takes it, or what the agent prints instead.
pub(crate) fn read(sent: &wirelab_control::Script) -> Result<Script, String> {
    let lines: Vec<&str> = sent.lines.iter().map(SmolStr::as_str).collect();
    let text = lines.join("\n") + "\n";
    let name = format!(
        "/var/lib/amazon/ssm/{}/document/orchestration/{}/awsrunShellScript/\
         0.awsrunShellScript/_script.sh",
        sent.instance, sent.command_id
    );
    let shell = interpreter(&text).unwrap_or("sh").to_owned();
    match shell.as_str() {
        "sh" | "bash" | "dash" => Ok(Script {
            name,
            text,
            arguments: Vec::new(),
            is_sh: shell != "bash",
            is_file: true,
            directory: sent.directory.to_string(),
        }),
        other => Err(format!("{name}: {other}: bad interpreter: not simulated\n")),
    }
}

impl Running {
    /// What Systems Manager is told of it.
    pub(crate) fn ended(self, result: ExecResult) -> Observation {
        let mut stderr = result.stderr;
        if result.timed_out {
            stderr += "failed to run commands: signal: killed";
        } else if result.status != 0 {
            stderr += &format!("failed to run commands: exit status {}", result.status);
        }
        Observation::ScriptEnded {
            command_id: self.command_id,
            instance: self.instance,
            status: result.status,
            stdout: result.stdout,
            stderr,
            timed_out: result.timed_out,
        }
    }
}
