//! Servers that people put on machines: what they type, and what user data says.
//!
//! `serve KIND PORT ...` starts one, in the grammar of a scenario's `servers`; `python3 -m
//! http.server 8080` is what people know it as. Of an instance's user data, a script that EC2 runs
//! when the instance boots first, the lines that begin with these commands and with `iptables` are
//! taken: servers and rules that are there from the start. Nothing else of a script is simulated.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::Value;
use wirelab_model::{Call, InstanceId, Seed, UnixTime, without_sudo};
use wirelab_scenario::server_line;
use wirelab_simulator::host::{
    Attachment, Host, HostConfig, HostSettings, HostSpec, KernelProfile, ServerSpec,
};

use crate::run::Run;

/// What a command asks for, if it is one that starts a server.
///
/// # Errors
/// How the command is written.
pub(crate) fn asked(argv: &[String]) -> Option<Result<ServerSpec, String>> {
    let words: Vec<&str> = without_sudo(argv).iter().map(String::as_str).collect();
    match words[..] {
        ["serve"] => Some(Err(
            "usage: serve http|https|postgres|mysql|ssh|dns|ntp|bulk|echo|discard PORT ...".into(),
        )),
        // It would know what no packet has told it.
        ["serve", "resolver", ..] => Some(Err(
            "resolvers of the public DNS stand on the internet: ask 8.8.8.8, or serve zones of \
             your own, `serve dns 53 zone=corp.internal db.corp.internal=10.0.1.5`"
                .into(),
        )),
        ["serve", ref line @ ..] => Some(server_line(&line.join(" "))),
        ["python3" | "python", "-m", "http.server", ref rest @ ..] => Some(python(rest)),
        _ => None,
    }
}

/// A folder with nothing in it: `/` lists it, everything else is not found.
fn python(arguments: &[&str]) -> Result<ServerSpec, String> {
    let port = match arguments {
        [] => Some(8000),
        [port] => port.parse().ok().filter(|port| *port != 0),
        _ => None,
    };
    let port = port.ok_or("usage: python3 -m http.server [PORT]")?;
    Ok(ServerSpec::Python { port })
}

/// The machine of an instance that is not in the scenario: Amazon Linux 2023 with OpenSSH, and what
/// the call that launched it says.
pub(crate) fn machine(instance: &InstanceId, launched_by: Option<&Call>) -> HostSpec {
    let mut spec = HostSpec {
        name: instance.as_str().into(),
        attachment: Attachment::Instance(instance.clone()),
        kernel: KernelProfile::Linux61,
        settings: HostSettings::default(),
        routes: Vec::new(),
        firewall: Vec::new(),
        servers: vec![ServerSpec::Ssh {
            port: 22,
            users: Vec::new(),
        }],
    };
    let script = launched_by.and_then(|call| call.parameters.get("UserData"));
    if let Some(script) = script.and_then(Value::as_str).and_then(text) {
        script.lines().for_each(|line| run(line, &mut spec));
    }
    spec
}

/// What a machine's console says of the user data of its first boot: which lines were done, and
/// which nothing here does.
pub(crate) fn console(encoded: &str) -> String {
    let Some(script) = text(encoded) else {
        return "cloud-init: the user data is no text, and nothing was done\n".to_owned();
    };
    let mut spec = machine(&InstanceId::new("i-0"), None);
    let mut said = String::new();
    for (number, line) in script.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let before = (spec.servers.len(), spec.firewall.len());
        run(line, &mut spec);
        let outcome = match before == (spec.servers.len(), spec.firewall.len()) {
            true => "not done; `serve`, `python3 -m http.server` and `iptables` are simulated",
            false => "done",
        };
        said += &format!(
            "cloud-init: user data, line {}: {line}: {outcome}\n",
            number + 1
        );
    }
    said
}

impl Run {
    /// What an instance's console says of its first boot: of machines that are the scenario's,
    /// nothing, since their programs are the scenario's too.
    #[must_use]
    pub fn console(&self, id: &InstanceId) -> Option<String> {
        let is_it = |it: &HostSpec| it.attachment == Attachment::Instance(id.clone());
        let script = self.control().launched_with(id);
        let script = script.filter(|_| !self.plan().hosts.iter().any(is_it));
        script.map(console)
    }
}

/// A line of user data. One that is not understood fails, as in a script, and the next one runs.
fn run(line: &str, spec: &mut HostSpec) {
    let line = line.trim().trim_end_matches('&').trim();
    let argv: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    let argv = without_sudo(&argv);
    if let Some(Ok(server)) = asked(argv) {
        let taken = |it: &ServerSpec| it.port() == server.port();
        if !spec.servers.iter().any(taken) {
            spec.servers.push(server);
        }
    } else if let [program, rule @ ..] = argv
        && program == "iptables"
        && !rule.is_empty()
    {
        let before = spec.firewall.len();
        spec.firewall.push(rule.join(" "));
        let config = HostConfig {
            seed: Seed::whole(0),
            starts: UnixTime::default(),
        };
        if Host::new(spec.clone(), config).is_err() {
            spec.firewall.truncate(before);
        }
    }
}

/// User data as the API takes it: base64 (RFC 4648, section 4), in lines or not.
fn text(encoded: &str) -> Option<String> {
    let letters: String = encoded.split_ascii_whitespace().collect();
    let octets = STANDARD_NO_PAD.decode(letters.trim_end_matches('='));
    String::from_utf8(octets.ok()?).ok()
}

/// The output of a command that started no server.
pub(crate) fn refusal(argv: &[String], why: &str) -> String {
    let program = argv.first().map_or("serve", String::as_str);
    format!("{program}: {why}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_data_puts_servers_and_rules_on_a_machine() {
        // printf '#!/bin/bash\nserve http 80 /=2KiB\npython3 -m http.server 8080 &\n
        // iptables -A INPUT -p tcp --dport 9 -j DROP\ndnf install -y nginx\n' | base64
        let encoded = "IyEvYmluL2Jhc2gKc2VydmUgaHR0cCA4MCAvPTJLaUIKcHl0aG9uMyAtbSBodHRwLnNlcn\
                       ZlciA4MDgwICYKaXB0YWJsZXMgLUEgSU5QVVQgLXAgdGNwIC0tZHBvcnQgOSAtaiBEUk9Q\
                       CmRuZiBpbnN0YWxsIC15IG5naW54Cg==";
        let mut call = Call {
            service: "ec2".into(),
            operation: "RunInstances".into(),
            parameters: serde_json::Map::new(),
        };
        call.parameters
            .insert("UserData".to_owned(), encoded.into());
        let spec = machine(&InstanceId::new("i-1"), Some(&call));
        let ports: Vec<u16> = spec.servers.iter().map(ServerSpec::port).collect();
        assert_eq!(ports, [22, 80, 8080]);
        assert_eq!(spec.firewall, ["-A INPUT -p tcp --dport 9 -j DROP"]);
        assert_eq!(spec.name, "i-1");
        let said = console(encoded);
        let ends = said.lines().map(|it| it.ends_with(": done"));
        assert_eq!(
            ends.collect::<Vec<_>>(),
            [true, true, true, false],
            "{said}"
        );
        assert!(
            said.contains("line 5: dnf install -y nginx: not done"),
            "{said}"
        );
    }
}
