//! What the real `aws` prints in a lab's shell: `tests/product/aws/transcripts`, one file a session.
//!
//! A file's head names the version of the client and the lab:
//!
//! ```text
//! # aws 1, lab nacl-ephemeral, seed 7
//! $ aws ec2 delete-network-acl-entry --network-acl-id ${network_acl.primary} --rule-number 7 \
//! > --ingress
//! An error occurred (InvalidNetworkAclEntry.NotFound) when calling ...
//! [255]
//! ```
//!
//! A line that begins with `$ ` is a command, `> ` goes on with it; below stand what it printed,
//! without empty lines, and its exit status if that is not 0. All commands of a file run in one
//! shell. `${kind.name}` is an id of the lab; other ids are numbered as they come. Where no such
//! `aws` is installed, that is said and nothing tested. `WIRELAB_BLESS=1` writes what was printed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::harness::{Place, root};

#[test]
fn reading_and_mending_a_network_acl() {
    transcript("network-acls");
}

#[test]
fn gateways_routes_and_metrics() {
    transcript("gateways");
}

#[test]
fn flow_logs_in_a_bucket_and_athena() {
    transcript("athena");
}

#[test]
fn a_network_of_ones_own() {
    transcript("sandbox");
}

/// Debian's client, which does not read `AWS_ENDPOINT_URL`: a command of each protocol.
#[test]
fn an_old_client_in_each_protocol() {
    transcript("old-client");
}

struct Step {
    command: String,
    shown: Vec<String>,
}

struct Transcript {
    /// Everything above the first command.
    head: String,
    steps: Vec<Step>,
}

impl Transcript {
    fn read(text: &str) -> Self {
        let (mut head, mut steps) = (String::new(), Vec::<Step>::new());
        for line in text.lines() {
            let last = steps.last_mut().filter(|it| it.shown.is_empty());
            if let Some(command) = line.strip_prefix("$ ") {
                steps.push(Step {
                    command: command.to_owned(),
                    shown: Vec::new(),
                });
            } else if let (Some(more), Some(step)) = (line.strip_prefix("> "), last) {
                step.command += &format!("\n{more}");
            } else if let Some(step) = steps.last_mut() {
                step.shown.push(line.to_owned());
            } else {
                head += &format!("{line}\n");
            }
        }
        Self { head, steps }
    }

    /// What the head says after a word: `# aws 1, lab sandbox, seed 1`.
    fn said(&self, word: &str) -> &str {
        let mut parts = self.head.split(['\n', ',', '#']).map(str::trim);
        let value = parts.find_map(|it| it.strip_prefix(word)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no `{word}` in the head"))
    }

    fn print(&self) -> String {
        let steps = self.steps.iter().map(|step| {
            let command = step.command.replace('\n', "\n> ");
            let shown = step.shown.iter().map(|it| format!("{it}\n"));
            format!("$ {command}\n{}", shown.collect::<String>())
        });
        format!("{}{}", self.head, steps.collect::<String>())
    }
}

fn transcript(name: &str) {
    let file = root().join(format!("tests/product/aws/transcripts/{name}.txt"));
    let text = std::fs::read_to_string(&file).expect("a transcript");
    let mut transcript = Transcript::read(&text);
    let Some(client) = client(transcript.said("aws")) else {
        eprintln!("skipped: no aws {} is installed", transcript.said("aws"));
        return;
    };
    let printed = play(&transcript, &client);
    let mut differences = Vec::new();
    for (step, printed) in transcript.steps.iter_mut().zip(printed) {
        if step.shown != printed {
            let (shown, came) = (step.shown.join("\n"), printed.join("\n"));
            let command = &step.command;
            differences.push(format!(
                "$ {command}\n--- shown\n{shown}\n--- came\n{came}\n"
            ));
            step.shown = printed;
        }
    }
    if std::env::var_os("WIRELAB_BLESS").is_some() {
        std::fs::write(&file, transcript.print()).expect("a writable tree");
    } else {
        assert!(differences.is_empty(), "{}", differences.join("\n"));
    }
}

/// An `aws` of this version: the first in the path, or where Debian has its own.
fn client(version: &str) -> Option<PathBuf> {
    let place = Place::new();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<_> = std::env::split_paths(&path).collect();
    folders.push(PathBuf::from("/usr/bin"));
    let programs = folders.into_iter().map(|it| it.join("aws"));
    let mut programs = programs.filter(|it| it.is_file());
    programs.find(|it| {
        let ran = place.shell(&format!("'{}' --version 2>&1", it.display()));
        ran.stdout.starts_with(&format!("aws-cli/{version}."))
    })
}

/// Runs the commands in one shell of the lab; what each printed, normalised.
fn play(transcript: &Transcript, client: &Path) -> Vec<Vec<String>> {
    let (lab, seed) = (transcript.said("lab"), transcript.said("seed"));
    let (place, shell) = match lab {
        "sandbox" => (Place::new(), format!("wirelab sandbox . --seed {seed} --")),
        lab => {
            let place = Place::with_lab(lab, seed.parse().expect("a seed"));
            (place, "wirelab shell".to_owned())
        }
    };
    let here = place.here();
    let mut names = Names::of(&place, transcript);
    let bin = here.join("client");
    std::fs::create_dir(&bin).expect("a writable folder");
    std::os::unix::fs::symlink(client, bin.join("aws")).expect("a writable folder");
    let mut script = String::new();
    for (number, step) in transcript.steps.iter().enumerate() {
        let command = names.filled(&step.command) + "\n";
        std::fs::write(here.join(format!("step-{number}")), command).expect("a writable folder");
        script += &format!(". ./step-{number} > out-{number} 2>&1; echo $? > code-{number}\n");
    }
    std::fs::write(here.join("script"), script).expect("a writable folder");
    let ran = place.shell(&format!("PATH=$PWD/client:$PATH {shell} sh script"));
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    let steps = 0..transcript.steps.len();
    let printed = steps.map(|number| {
        let read = |kind: &str| {
            let text = std::fs::read(here.join(format!("{kind}-{number}")));
            String::from_utf8_lossy(&text.unwrap_or_default()).into_owned()
        };
        lines(&names.normal(&read("out")), read("code").trim())
    });
    printed.collect()
}

/// What is compared: no empty lines, of a refusal by the client itself the last line.
fn lines(printed: &str, code: &str) -> Vec<String> {
    let lines = printed.lines().map(str::trim_end);
    let mut lines: Vec<_> = lines.filter(|it| !it.is_empty()).collect();
    if lines.iter().any(|it| it.starts_with("usage: aws")) {
        lines.drain(..lines.len() - 1);
    }
    // The shell names its script where it complains itself.
    let plain = |line: &&str| {
        line.rsplit_once("./step-").map_or_else(
            || (*line).to_owned(),
            |(_, rest)| rest.split_once(": ").map_or(rest, |it| it.1).to_owned(),
        )
    };
    let mut lines: Vec<_> = lines.iter().map(plain).collect();
    if code != "0" {
        lines.push(format!("[{code}]"));
    }
    lines
}

/// Names of the lab's resources, and numbers of all others.
struct Names {
    known: Vec<(String, String)>,
    numbered: BTreeMap<String, Vec<String>>,
}

impl Names {
    /// The references of a transcript, with what they mean in this lab.
    fn of(place: &Place, transcript: &Transcript) -> Self {
        let mut references: Vec<String> = Vec::new();
        for step in &transcript.steps {
            for part in step.command.split("${").skip(1) {
                let reference = part.split('}').next().unwrap_or_default();
                references.push(format!("${{{reference}}}"));
            }
        }
        references.sort();
        references.dedup();
        let mut known = Vec::new();
        if !references.is_empty() {
            let file = place.here().join("references");
            std::fs::write(file, references.join("\n")).expect("a writable folder");
            let filled = place.wirelab(&["author", "fill", "references"]).exits(0);
            let values = filled.stdout.lines().map(str::to_owned);
            known = references.into_iter().zip(values).collect();
        }
        Self {
            known,
            numbered: BTreeMap::new(),
        }
    }

    fn filled(&self, command: &str) -> String {
        let names = self.known.iter();
        names.fold(command.to_owned(), |text, (name, value)| {
            text.replace(name, value)
        })
    }

    /// A text in which ids have the lab's names or numbers.
    fn normal(&mut self, printed: &str) -> String {
        let mut text = String::new();
        let printed = &without_port(printed);
        let is_part = |it: char| it.is_ascii_alphanumeric() || it == '-';
        for word in printed.split_inclusive(|it| !is_part(it)) {
            let id = word.trim_end_matches(|it| !is_part(it));
            text += &self.name(id);
            text += &word[id.len()..];
        }
        text
    }

    fn name(&mut self, word: &str) -> String {
        if let Some((name, _)) = self.known.iter().find(|it| it.1 == word && has_id(word)) {
            return name.clone();
        }
        let Some(kind) = kind_of_id(word) else {
            return word.to_owned();
        };
        let seen = self.numbered.entry(kind.to_owned()).or_default();
        let number = seen.iter().position(|it| it == word);
        let number = number.unwrap_or_else(|| {
            seen.push(word.to_owned());
            seen.len() - 1
        });
        format!("{kind}-{}", number + 1)
    }
}

/// The endpoint's port is another each time.
fn without_port(printed: &str) -> String {
    let mut parts = printed.split("127.0.0.1:");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let rest = part.trim_start_matches(|it: char| it.is_ascii_digit());
        format!("{text}127.0.0.1:PORT{rest}")
    })
}

/// Whether a value may stand for the resource wherever it is printed.
fn has_id(value: &str) -> bool {
    kind_of_id(value).is_some()
}

/// `vpc` of `vpc-0123456789abcdef0`, `uuid` of a UUID.
fn kind_of_id(word: &str) -> Option<&str> {
    let hex = |text: &str| {
        text.bytes()
            .all(|it| it.is_ascii_hexdigit() && !it.is_ascii_uppercase())
    };
    let groups: Vec<_> = word.split('-').map(str::len).collect();
    if groups == [8, 4, 4, 4, 12] && hex(&word.replace('-', "")) {
        return Some("uuid");
    }
    let (kind, number) = word.rsplit_once('-')?;
    (number.len() == 17 && hex(number)).then_some(kind)
}
