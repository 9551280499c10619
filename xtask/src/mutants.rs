//! `cargo xtask mutants`: plants the mistakes of `mutants.toml` one by one in a copy of the tree
//! and sees who notices: the swarm, and the simulator's own tests.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;
use std::{fs, io};

use clap::Args;
use serde::Deserialize;

/// The file, from the root of the repository.
const FILE: &str = "xtask/mutants.toml";
/// Packages that the copy builds without optimising: compiling is most of a mutant's time.
const PLAIN: [&str; 4] = [
    "wirelab-model",
    "wirelab-wire",
    "wirelab-simulator",
    "wirelab-session",
];

/// Which mistakes.
#[derive(Args)]
pub(crate) struct Mutants {
    /// Only those whose names contain one of these.
    names: Vec<String>,
    /// How many worlds the swarm plays.
    #[arg(long, default_value_t = 150)]
    seeds: u64,
    /// Do not run the simulator's own tests.
    #[arg(long)]
    swarm_only: bool,
}

/// The file's content.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Catalogue {
    pub(crate) mutant: Vec<Mutant>,
}

/// A planted mistake.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mutant {
    name: String,
    what: String,
    file: String,
    find: String,
    replace: String,
    /// Changes elsewhere that it needs to compile.
    #[serde(default)]
    also: Vec<Edit>,
}

/// One change.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Edit {
    file: String,
    find: String,
    replace: String,
}

impl Mutant {
    fn edits(&self) -> Vec<Edit> {
        let first = Edit {
            file: self.file.clone(),
            find: self.find.clone(),
            replace: self.replace.clone(),
        };
        std::iter::once(first)
            .chain(self.also.iter().cloned())
            .collect()
    }
}

/// Who noticed a mistake.
enum Noticed {
    /// It does not compile: the file is out of date.
    DoesNotCompile(String),
    By(Vec<String>),
}

impl Mutants {
    pub(crate) fn run(&self) -> ExitCode {
        match self.plant_all() {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => {
                eprintln!("{error}");
                ExitCode::FAILURE
            }
        }
    }

    fn plant_all(&self) -> io::Result<bool> {
        let catalogue = catalogue()?;
        let copy = Copy::new()?;
        println!("as it is: {}", noticed_text(&self.judge(&copy)?));
        let mut survived = Vec::new();
        let wanted = |it: &&Mutant| {
            self.names.is_empty()
                || self
                    .names
                    .iter()
                    .any(|name| it.name.contains(name.as_str()))
        };
        for mutant in catalogue.mutant.iter().filter(wanted) {
            let began = Instant::now();
            let edits = mutant.edits();
            let mut before = Vec::new();
            for edit in &edits {
                before.push((edit.file.as_str(), copy.plant(edit)?));
            }
            let noticed = self.judge(&copy)?;
            for (file, text) in before.iter().rev() {
                copy.write(file, text.as_bytes())?;
            }
            println!(
                "{} ({}), {} s: {}",
                mutant.name,
                mutant.what,
                began.elapsed().as_secs(),
                noticed_text(&noticed)
            );
            if !matches!(&noticed, Noticed::By(who) if !who.is_empty()) {
                survived.push(mutant.name.as_str());
            }
        }
        if !survived.is_empty() {
            println!("nobody noticed: {}", survived.join(", "));
        }
        Ok(survived.is_empty())
    }

    /// Builds the copy and asks the swarm and the tests.
    fn judge(&self, copy: &Copy) -> io::Result<Noticed> {
        let build = copy.cargo(&["build", "--package", "xtask"])?;
        if !build.success {
            return Ok(Noticed::DoesNotCompile(build.text));
        }
        let mut who = Vec::new();
        let seeds = self.seeds.to_string();
        let swarm = copy.swarm(&["swarm", "--failures", "1", "--no-shrink", "--seeds", &seeds])?;
        if !swarm.success {
            let seed = swarm.text.lines().find_map(|it| it.strip_prefix("seed "));
            let seed = seed.and_then(|it| it.split(' ').next()).unwrap_or("?");
            who.push(format!("swarm (seed {seed})"));
        }
        let situations = situations()?;
        let mut arguments = vec!["parity"];
        arguments.extend(situations.iter().map(String::as_str));
        if !copy.swarm(&arguments)?.success {
            who.push("parity".to_owned());
        }
        if !self.swarm_only {
            let packages = ["--package", "wirelab-simulator", "--lib", "--no-fail-fast"];
            let tests = copy.cargo(&[&["test"], &packages[..]].concat())?;
            let failed = tests.text.lines().filter_map(|line| {
                let name = line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?;
                Some(name.to_owned())
            });
            who.extend(failed);
        }
        Ok(Noticed::By(who))
    }
}

fn noticed_text(noticed: &Noticed) -> String {
    match noticed {
        Noticed::DoesNotCompile(text) => format!("does not compile\n{text}"),
        Noticed::By(who) if who.is_empty() => "nothing fails".to_owned(),
        Noticed::By(who) => format!("noticed by {}", who.join(", ")),
    }
}

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// The manifests that hosts are held against.
fn situations() -> io::Result<Vec<String>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(root().join("tests/golden/kernel/situations"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "toml") {
            files.push(path.to_string_lossy().into_owned());
        }
    }
    files.sort();
    Ok(files)
}

fn catalogue() -> io::Result<Catalogue> {
    let text = fs::read_to_string(root().join(FILE))?;
    toml::from_str(&text).map_err(|error| io::Error::other(format!("{FILE}: {error}")))
}

/// What a command said.
struct Said {
    success: bool,
    text: String,
}

/// A copy of the tracked files, with a target folder of its own that is kept from run to run.
struct Copy {
    tree: PathBuf,
    target: PathBuf,
}

impl Copy {
    fn new() -> io::Result<Self> {
        let folder = root().join("target/mutants");
        let copy = Self {
            tree: folder.join("tree"),
            target: folder.join("target"),
        };
        let listed = Command::new("git")
            .args(["ls-files", "-z"])
            .current_dir(root())
            .output()?;
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        for file in listed.split('\0').filter(|it| !it.is_empty()) {
            copy.take(file)?;
        }
        Ok(copy)
    }

    /// Makes a file what it is in the repository; an equal one keeps its time.
    fn take(&self, file: &str) -> io::Result<()> {
        let from = root().join(file);
        if !from.is_file() {
            return Ok(());
        }
        self.write(file, &fs::read(from)?)
    }

    fn write(&self, file: &str, content: &[u8]) -> io::Result<()> {
        let to = self.tree.join(file);
        if fs::read(&to).is_ok_and(|old| old == content) {
            return Ok(());
        }
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(to, content)
    }

    /// Makes a change and returns what the file was before.
    fn plant(&self, edit: &Edit) -> io::Result<String> {
        let text = fs::read_to_string(self.tree.join(&edit.file))?;
        if text.matches(edit.find.as_str()).count() != 1 {
            let text = format!("{}: `{}` does not occur exactly once", edit.file, edit.find);
            return Err(io::Error::other(text));
        }
        let planted = text.replace(edit.find.as_str(), edit.replace.as_str());
        self.write(&edit.file, planted.as_bytes())?;
        Ok(text)
    }

    fn cargo(&self, arguments: &[&str]) -> io::Result<Said> {
        let mut command = Command::new(option_env!("CARGO").unwrap_or("cargo"));
        command.args(arguments).arg("--offline");
        for package in PLAIN {
            command.args([
                "--config",
                &format!("profile.dev.package.{package}.opt-level=0"),
            ]);
        }
        command.env("CARGO_TARGET_DIR", &self.target);
        self.said(command)
    }

    fn swarm(&self, arguments: &[&str]) -> io::Result<Said> {
        let mut command = Command::new(self.target.join("debug/xtask"));
        command.args(arguments);
        self.said(command)
    }

    fn said(&self, mut command: Command) -> io::Result<Said> {
        let output = command
            .current_dir(&self.tree)
            .stdin(Stdio::null())
            .output()?;
        let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.push_str(&String::from_utf8_lossy(&output.stderr));
        Ok(Said {
            success: output.status.success(),
            text,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_planted_mistake_still_has_its_place() {
        let catalogue = catalogue().expect("the file can be read");
        assert!(catalogue.mutant.len() >= 15);
        for mutant in &catalogue.mutant {
            for edit in mutant.edits() {
                let text = fs::read_to_string(root().join(&edit.file)).expect("the file is there");
                let places = text.matches(edit.find.as_str()).count();
                assert_eq!(places, 1, "{}: {} in {}", mutant.name, edit.find, edit.file);
                assert_ne!(edit.find, edit.replace, "{}", mutant.name);
            }
        }
    }
}
