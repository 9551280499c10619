//! `cargo xtask swarm`: random worlds, and what must hold of them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use wirelab_testkit::Script;
use wirelab_testkit::check::{Report, examine};
use wirelab_testkit::generate::draw;
use wirelab_testkit::shrink::shrink;

/// How many shorter scripts are tried for a failing one.
const TRIES: usize = 600;

/// Which worlds.
#[derive(Args)]
pub(crate) struct Swarm {
    /// How many seeds.
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// The first one.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// This one alone, with its world printed.
    #[arg(long)]
    seed: Option<u64>,
    /// Stop after so many minutes, however many seeds are left.
    #[arg(long)]
    minutes: Option<u64>,
    /// Threads.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Stop after so many failing seeds.
    #[arg(long, default_value_t = 5)]
    failures: usize,
    /// Leave a failing world as it was drawn.
    #[arg(long)]
    no_shrink: bool,
}

impl Swarm {
    pub(crate) fn run(&self) -> ExitCode {
        match self.seed {
            Some(seed) => self.one(seed),
            None => self.many(),
        }
    }

    fn one(&self, seed: u64) -> ExitCode {
        let script = draw(seed);
        let report = examined(&script);
        println!("{script}");
        print_totals(&report, 1, None);
        if report.failures.is_empty() {
            return ExitCode::SUCCESS;
        }
        self.explain(seed, &script, &report);
        ExitCode::FAILURE
    }

    fn many(&self) -> ExitCode {
        let began = Instant::now();
        let next = AtomicU64::new(self.from);
        let end = self.minutes.map_or(self.from + self.seeds, |_| u64::MAX);
        let limit = self.minutes.map(|it| Duration::from_secs(60 * it));
        let done = Mutex::new((Report::default(), 0_u64, Vec::new()));
        std::thread::scope(|scope| {
            for _ in 0..self.threads {
                scope.spawn(|| {
                    loop {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        let is_over = limit.is_some_and(|it| began.elapsed() > it);
                        if seed >= end || is_over {
                            break;
                        }
                        let mut report = examined(&draw(seed));
                        let failures = std::mem::take(&mut report.failures);
                        let mut done = done.lock().expect("no thread panics with it");
                        done.0.add(report);
                        done.1 += 1;
                        if !failures.is_empty() {
                            done.2.push(seed);
                        }
                        if done.2.len() >= self.failures {
                            break;
                        }
                    }
                });
            }
        });
        let (report, worlds, mut failed) = done.into_inner().expect("no thread panics with it");
        failed.sort_unstable();
        for seed in &failed {
            let script = draw(*seed);
            self.explain(*seed, &script, &examined(&script));
        }
        print_totals(&report, worlds, Some(began.elapsed()));
        if failed.is_empty() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }

    /// Says what is wrong with a world, in the shortest form that was found.
    fn explain(&self, seed: u64, script: &Script, report: &Report) {
        println!("seed {seed} fails: cargo xtask swarm --seed {seed}");
        let kind = |report: &Report| {
            let first = report.failures.first();
            first.map(|it| kind_of(it).to_owned())
        };
        let wanted = kind(report);
        let shortest = if self.no_shrink {
            script.clone()
        } else {
            shrink(script, TRIES, |it| kind(&examined(it)) == wanted)
        };
        println!("{shortest}");
        for failure in examined(&shortest).failures.iter().take(3) {
            println!("{failure}");
        }
        println!();
    }
}

/// A failure without what is particular to it: its first letters.
fn kind_of(failure: &str) -> &str {
    failure.get(..5).unwrap_or(failure)
}

/// Examines a world; a panic is a failure.
fn examined(script: &Script) -> Report {
    let result = catch_unwind(AssertUnwindSafe(|| examine(script)));
    result.unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|it| (*it).to_owned()));
        let mut report = Report::default();
        let text = text.unwrap_or_default();
        report.failures.push(format!("panic: {text}"));
        report
    })
}

fn print_totals(report: &Report, worlds: u64, took: Option<Duration>) {
    for (kind, count) in &report.ends {
        println!("{count:>9}  {kind}");
    }
    println!(
        "{worlds} worlds, {} packets, {} checks, {} calls refused",
        report.packets, report.checks, report.refused
    );
    if let Some(took) = took {
        let seconds = took.as_secs_f64();
        let rate = |count: u64| count as f64 / seconds;
        println!(
            "{seconds:.1} s: {:.0} worlds, {:.0} packets, {:.0} checks a second",
            rate(worlds),
            rate(report.packets),
            rate(report.checks)
        );
    }
}
