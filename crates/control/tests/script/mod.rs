//! Calls written as lines: `ec2:Operation Key=Value ...` (values are JSON if they parse as such),
//! `name = ...` with `| Path.To.Member` to keep part of a reply as `${name}`,
//! `structure NAME: ec2:...` for a scenario's own resources, `as ACCOUNT REGION` for another caller
//! from here on, `tunnel CONNECTION ADDRESS up|down` for what the data plane tells, or `advance 90s`.
//! `#` begins a comment.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Map, Value};
use wirelab_control::Input;
use wirelab_model::{Call, Change, Changes, Observation, SimDuration, VpnConnectionId};

use crate::account::{Account, call};

/// A control plane that is talked to line by line.
pub(crate) struct Script {
    account: Account,
    kept: BTreeMap<String, String>,
    /// What was said.
    pub(crate) out: String,
    /// Code of the last call's error; `ok` if it succeeded.
    pub(crate) code: String,
}

impl Script {
    pub(crate) fn new() -> Self {
        Self {
            account: Account::new("transcript", "us-east-1"),
            kept: BTreeMap::new(),
            out: String::new(),
            code: String::new(),
        }
    }

    /// Runs every line.
    pub(crate) fn run(&mut self, text: &str) {
        for line in text.lines().map(str::trim) {
            if line.starts_with('#') {
                writeln!(self.out, "{line}").expect("a string takes it");
            } else if let Some(span) = line.strip_prefix("advance ") {
                self.advance(span.parse().expect("a duration"));
            } else if let Some(caller) = line.strip_prefix("as ") {
                writeln!(self.out, "{line}").expect("a string takes it");
                let (account, region) = caller.split_once(' ').expect("as ACCOUNT REGION");
                let caller = &mut self.account.caller;
                (caller.account, caller.region) = (account.into(), region.into());
            } else if let Some(tunnel) = line.strip_prefix("tunnel ") {
                writeln!(self.out, "{} {line}", self.account.now).expect("a string takes it");
                self.tunnel(&self.expand(tunnel));
            } else if !line.is_empty() {
                self.line(line);
            }
        }
    }

    fn tunnel(&mut self, text: &str) {
        let mut words = text.split(' ');
        let mut word = || words.next().expect("CONNECTION ADDRESS up|down");
        let observation = Observation::VpnTunnel {
            vpn_connection: VpnConnectionId::new(word()),
            outside_ip_address: word().parse().expect("an address"),
            up: word() == "up",
        };
        let input = Input::Observation(observation);
        let output = self.account.control.handle(self.account.now, input);
        self.show_changes(output.changes);
    }

    fn advance(&mut self, span: SimDuration) {
        let until = self.account.now + span;
        writeln!(self.out, "advance {span}").expect("a string takes it");
        while let Some(at) = self
            .account
            .control
            .poll_timeout()
            .filter(|at| *at <= until)
        {
            self.account.now = at;
            let changes = self.account.control.handle_timeout(at);
            self.show_changes(changes);
        }
        self.account.now = until;
    }

    fn line(&mut self, line: &str) {
        let (name, rest) = match line.split_once(" = ") {
            Some((name, rest)) if !name.contains([' ', ':']) => (Some(name), rest),
            _ => (None, line),
        };
        let (rest, path) = match rest.rsplit_once(" | ") {
            Some((rest, path)) => (rest, Some(path)),
            None => (rest, None),
        };
        let (structure, rest) = match rest.strip_prefix("structure ") {
            Some(rest) => {
                let (name, rest) = rest.split_once(": ").expect("structure NAME: CALL");
                (Some(name), rest)
            }
            None => (None, rest),
        };
        writeln!(self.out, "{} {line}", self.account.now).expect("a string takes it");
        let call = parse(&self.expand(rest));
        let output = self.account.call(&call, structure);
        let reply = output.reply;
        self.code = match &reply {
            Ok(_) => "ok".to_owned(),
            Err(error) => error.code.to_string(),
        };
        match (&reply, path) {
            (Ok(value), Some(path)) => {
                let member = member(value, path);
                let text = member
                    .as_str()
                    .map_or_else(|| member.to_string(), str::to_owned);
                writeln!(self.out, "    {text}").expect("a string takes it");
                self.kept.insert(name.unwrap_or(path).to_owned(), text);
            }
            (Ok(value), None) => self.indented(&serde_json::to_string_pretty(value).expect("JSON")),
            (Err(error), _) => self.indented(&format!("{}: {}", error.code, error.message)),
        }
        self.show_changes(output.changes);
    }

    fn expand(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, value) in &self.kept {
            text = text.replace(&format!("${{{name}}}"), value);
        }
        text
    }

    fn indented(&mut self, text: &str) {
        for line in text.lines() {
            writeln!(self.out, "    {line}").expect("a string takes it");
        }
    }

    fn show_changes(&mut self, changes: Option<Changes>) {
        let Some(changes) = changes else { return };
        let listed: Vec<_> = changes
            .changes
            .iter()
            .map(|change| match change {
                Change::Put(resource) => self.name_of(resource.reference().as_str()),
                Change::Remove(reference) => format!("-{}", self.name_of(reference.as_str())),
            })
            .collect();
        let at = changes.effective_at;
        writeln!(self.out, "  network {at}: {}", listed.join(", ")).expect("a string takes it");
    }

    /// The name under which a script keeps an id; otherwise the id's type.
    fn name_of(&self, id: &str) -> String {
        let kept = self.kept.iter().find(|(_, value)| *value == id);
        kept.map_or_else(
            || {
                id.rsplit_once('-')
                    .map_or(id, |(prefix, _)| prefix)
                    .to_owned()
            },
            |(name, _)| name.clone(),
        )
    }
}

fn parse(text: &str) -> Call {
    let mut words = text.split_whitespace();
    let (service, operation) = words
        .next()
        .and_then(|it| it.split_once(':'))
        .expect("a call");
    let mut parameters = Map::new();
    for word in words {
        let (key, value) = word.split_once('=').expect("Key=Value");
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
        parameters.insert(key.to_owned(), value);
    }
    call(service, operation, parameters)
}

fn member<'a>(value: &'a Value, path: &str) -> &'a Value {
    path.split('.')
        .fold(value, |value, step| match step.parse::<usize>() {
            Ok(index) => &value[index],
            Err(_) => &value[step],
        })
}
