//! A folder of one's own, and the binary in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// What a command did.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: i32,
}

impl Ran {
    /// Fails with everything that was printed, unless the exit code is `code`.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "exit code\n--- stdout\n{}\n--- stderr\n{}",
            self.stdout, self.stderr
        );
        self
    }

    /// Stdout as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }
}

/// A fresh folder with a home of its own: nothing of the machine's user is read or written.
pub(crate) struct Place {
    folder: TempDir,
    here: PathBuf,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let here = folder.path().join("here");
        std::fs::create_dir(&here).expect("a fresh folder");
        Self { folder, here }
    }

    /// A course folder with `lab` started, as `wirelab init --lab LAB --seed SEED` makes it.
    pub(crate) fn with_lab(lab: &str, seed: u64) -> Self {
        let mut place = Self::new();
        let seed = seed.to_string();
        place
            .wirelab(&["init", "course", "--lab", lab, "--seed", &seed])
            .exits(0);
        place.here.push("course");
        place
    }

    /// The folder in which commands run.
    pub(crate) fn here(&self) -> &Path {
        &self.here
    }

    pub(crate) fn enter(&mut self, folder: &Path) {
        self.here = folder.to_owned();
    }

    /// Runs the binary with `arguments`.
    pub(crate) fn wirelab(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::new(binary());
        command.args(arguments);
        self.run(command)
    }

    /// Runs a line of shell in which `wirelab` is this binary.
    pub(crate) fn shell(&self, line: &str) -> Ran {
        let mut command = Command::new("sh");
        command.args(["-c", line]);
        self.run(command)
    }

    /// Runs a line of shell on a terminal: waits until the screen shows the first word of a turn,
    /// types the second, and so on. Fails if a word does not come within a minute.
    #[track_caller]
    pub(crate) fn terminal(&self, line: &str, turns: &[(&str, &str)]) -> Ran {
        let typed = turns.iter().map(|(wanted, keys)| {
            format!(
                "n=0; until grep -qF -- '{wanted}' screen; do n=$((n+1)); [ $n -lt 1200 ] || \
                 {{ echo 'no {wanted}' >> failed; exit; }}; sleep 0.05; done; printf '{keys}'; "
            )
        });
        // The keyboard goes when the program has ended: whatever closes it first would end it.
        let typed: String = typed.collect();
        let ran = self.shell(&format!(
            "rm -f screen ended; touch screen; ({typed} until [ -e ended ]; do sleep 0.05; done) | \
             (TERM=xterm timeout 90 script -qefc '{line}' screen; code=$?; touch ended; exit $code)"
        ));
        let failed = std::fs::read_to_string(self.here.join("failed")).unwrap_or_default();
        assert_eq!(failed, "", "on the screen:\n{}", ran.stdout);
        ran
    }

    fn run(&self, mut command: Command) -> Ran {
        let tools = std::env::var_os("PATH").unwrap_or_default();
        let ours = binary()
            .parent()
            .expect("a binary is in a folder")
            .to_owned();
        let mut path = vec![ours];
        path.extend(std::env::split_paths(&tools));
        path.push(PathBuf::from("/usr/sbin"));
        let output = command
            .current_dir(&self.here)
            .env_clear()
            .env(
                "PATH",
                std::env::join_paths(path).expect("no separator in folders"),
            )
            .env("HOME", self.folder.path())
            .env("LANG", "C.UTF-8")
            .env("TZ", "UTC")
            .env("NO_COLOR", "1")
            .env("COLUMNS", "100")
            .stdin(Stdio::null())
            .output()
            .expect("the command starts");
        Ran {
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            code: output.status.code().unwrap_or(-1),
        }
    }
}

pub(crate) fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_wirelab"))
}

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    let cli = Path::new(env!("CARGO_MANIFEST_DIR"));
    cli.ancestors()
        .nth(2)
        .expect("crates/cli is two below the root")
        .to_owned()
}
