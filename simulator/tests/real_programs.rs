//! The programs of machines held against the real ones, line by line.
//!
//! Each stage builds a network twice: of network namespaces of the kernel with the programs of
//! Debian 12, and of simulated machines. The same commands run in both; what they print must be the
//! same but for times and drawn numbers, and so must their exit codes. A case is a row.
//!
//! Needs root and the programs; says so and passes where they are missing. It talks to its own
//! namespaces alone, which are removed at the end.

mod real_support;

use real_support::answers::{self, Http};
use real_support::namespaces::{self, Namespaces};
use real_support::normal::normal;
use real_support::simulated::Simulated;
use real_support::{Case, INTERFACES, Printed, Stage, stages};

/// What became of a row.
struct Row {
    stage: &'static str,
    case: Case,
    lines: usize,
    differences: Vec<String>,
}

/// A line of `ip -j -p` about the other end of a veth pair.
fn is_about_peer(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("\"link_index\": ") || line.starts_with("\"link_netnsid\": ")
}

fn compare(stage: &'static str, case: Case, real: &Printed, ours: &Printed) -> Row {
    let mut differences = Vec::new();
    let lines_of = |printed: &Printed| {
        // What ip says now and then about the other end of a veth pair.
        let lines = printed
            .text
            .lines()
            .filter(|it| !it.contains("Peer netns reference") && !is_about_peer(it));
        let mut lines: Vec<_> = lines.map(normal).collect();
        if case.unordered {
            lines.sort_unstable();
        }
        lines
    };
    let (theirs, own) = (lines_of(real), lines_of(ours));
    if theirs != own {
        differences.extend(theirs.iter().map(|line| format!("    real `{line}`")));
        differences.extend(own.iter().map(|line| format!("    ours `{line}`")));
    }
    if real.status != ours.status {
        differences.push(format!(
            "    status real {} ours {}",
            real.status, ours.status
        ));
    }
    Row {
        stage,
        case,
        lines: theirs.len(),
        differences,
    }
}

impl Row {
    /// It differs without a reason, or has a reason without a difference.
    fn is_unexplained(&self) -> bool {
        self.case.explained.is_empty() != self.differences.is_empty()
    }
}

/// A stage as often as it takes, three times at most: the kernel's answers come late on a busy
/// machine, and a real program then prints what it prints when they are late.
fn play_until_explained(number: usize, stage: &Stage) -> Vec<Row> {
    let mut rows = play(number, stage);
    for _ in 0..2 {
        let Some(row) = rows.iter().find(|row| row.is_unexplained()) else {
            break;
        };
        println!(
            "{}: `{}` differs, played again",
            stage.name, row.case.command
        );
        rows = play(number, stage);
    }
    rows
}

/// Plays a stage in both networks.
fn play(number: usize, stage: &Stage) -> Vec<Row> {
    let mut ours = Simulated::new();
    for (host, command) in stage.setup {
        let printed = ours.run(host, command);
        assert_eq!(printed.status, 0, "{command}: {}", printed.text);
    }
    let run = |case: &Case| ours.run(case.on, case.command);
    let simulated: Vec<_> = stage.cases.iter().map(run).collect();
    let macs: Vec<_> = INTERFACES.iter().map(|it| ours.mac(it)).collect();
    let real = Namespaces::new(number, &macs, &ours.http);
    for (host, command) in stage.setup {
        let printed = real.run(host, command);
        assert_eq!(printed.status, 0, "{command}: {}", printed.text);
    }
    let pairs = stage.cases.iter().zip(&simulated);
    pairs
        .map(|(case, ours)| compare(stage.name, *case, &real.run(case.on, case.command), ours))
        .collect()
}

#[test]
fn programs_print_what_the_real_ones_print() {
    if let Some(why) = namespaces::missing() {
        println!("skipped: {why}");
        return;
    }
    let rows: Vec<Row> = std::thread::scope(|scope| {
        let stages = stages::all().enumerate();
        let started: Vec<_> = stages
            .map(|(number, stage)| scope.spawn(move || play_until_explained(number, stage)))
            .collect();
        let ended = started.into_iter().map(|it| it.join().expect("a stage"));
        ended.flatten().collect()
    });
    println!(
        "{:<12} {:<58} {:>5}  verdict",
        "network", "command", "lines"
    );
    let mut unexplained = 0;
    for row in &rows {
        let Case {
            on,
            command,
            explained,
            ..
        } = row.case;
        let verdict = match (row.differences.is_empty(), explained) {
            (true, "") => "same".to_owned(),
            (true, why) => format!("same, though explained: {why}"),
            (false, "") => "DIFFERENT".to_owned(),
            (false, why) => format!("explained: {why}"),
        };
        let at = if on == "client" {
            String::new()
        } else {
            format!("{on}$ ")
        };
        let shown = format!("{at}{command}");
        println!("{:<12} {shown:<58} {:>5}  {verdict}", row.stage, row.lines);
        if row.is_unexplained() {
            unexplained += 1;
            row.differences.iter().for_each(|line| println!("{line}"));
        }
    }
    println!("{} rows, {unexplained} unexplained", rows.len());
    assert_eq!(unexplained, 0);
}

/// Not a test: the server of a namespace, which the test above starts.
#[test]
#[ignore = "the server of a namespace"]
fn serve() {
    let Ok(file) = std::env::var(namespaces::SERVE) else {
        return;
    };
    let text = std::fs::read_to_string(file).expect("a file");
    let octets = |text: &str| -> Vec<u8> {
        let pairs = text.as_bytes().chunks(2);
        let texts = pairs.map(|pair| std::str::from_utf8(pair).expect("figures"));
        texts
            .map(|it| u8::from_str_radix(it, 16).expect("figures"))
            .collect()
    };
    let lines = text.lines().filter_map(|line| line.split_once('\t'));
    let http: Http = lines
        .map(|(request, answer)| (request.to_owned(), octets(answer)))
        .collect();
    answers::serve(http);
}
