//! The watch's screens, as tmux shows them, against those that are kept in `tests/golden/screens`.

use std::path::Path;
use std::process::Command;

use crate::harness::{Place, binary};

/// `scripts/watch-screens.sh BINARY` makes them anew.
#[test]
fn the_watch_shows_the_screens_that_are_kept() {
    for (tool, version) in [("tmux", "-V"), ("python3", "--version")] {
        let asked = Command::new(tool).arg(version).output();
        if !asked.is_ok_and(|it| it.status.success()) {
            println!("skipped: there is no {tool} here, which shows the screens");
            return;
        }
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/watch-screens.sh");
    let line = format!("sh '{}' '{}' --check", script.display(), binary().display());
    let ran = Place::new().shell(&line).exits(0);
    assert!(ran.stdout.contains("the same screens"), "{}", ran.stdout);
}
