//! Alignment of two captures, and what differs.
//!
//! Each sender's packets are aligned by what they are (flags, numbers, length), so that one packet
//! more or less is one difference. Then every field of a pair is compared, and the time since the
//! pair before.

use std::collections::BTreeSet;
use std::fmt;

use wirelab_model::{SimDuration, SimTime};

use super::ParityError;
use super::capture::Packets;
use super::manifest::{Explained, Hold};
use super::observe::{Seen, observe};

/// Milliseconds that the kernel may be late beyond its wheel: scheduling of the machine that
/// captured.
const LATE: (u64, u64) = (7, 28);
/// Milliseconds that the kernel may be early: one tick, in which the timer may have been set. Two
/// packets that near to each other are of the same time in any case.
const EARLY: u64 = 4;

/// One difference.
#[derive(Clone, Debug)]
pub struct Difference {
    /// The field, `missing`, `extra` or `time`.
    pub kind: &'static str,
    /// Both packets as text.
    pub text: String,
    /// Why it is so, if the manifest knows.
    pub explained: Option<String>,
    sender: String,
    pure_ack: bool,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.text)
    }
}

/// What a comparison found.
#[derive(Clone, Debug, Default)]
pub struct Judged {
    /// How many of the kernel's packets were compared.
    pub compared: usize,
    /// Every difference, explained or not.
    pub differences: Vec<Difference>,
}

pub(super) fn compare(
    hold: &Hold,
    explained: &[Explained],
    kernel: &Packets,
    ours: &Packets,
) -> Result<Judged, ParityError> {
    let kernel = observe(hold, kernel)?;
    let mut ours = observe(hold, ours)?;
    if hold.cut
        && let Some(last) = kernel.last().map(|one| one.at)
    {
        ours.retain(|one| one.at <= last);
    }
    if kernel.is_empty() {
        let text = format!("{}: the [[hold]] chooses no packet", hold.file);
        return Err(ParityError::new(text));
    }
    let senders: BTreeSet<&String> = kernel.iter().chain(&ours).map(|one| &one.sender).collect();
    let mut judged = Judged {
        compared: kernel.len(),
        differences: Vec::new(),
    };
    for sender in senders {
        let of = |all: &[Seen]| -> Vec<Seen> {
            let mine = all.iter().filter(|one| one.sender == *sender);
            mine.cloned().collect()
        };
        direction(hold, &of(&kernel), &of(&ours), &mut judged);
    }
    explain(hold, explained, &mut judged);
    Ok(judged)
}

fn direction(hold: &Hold, kernel: &[Seen], ours: &[Seen], judged: &mut Judged) {
    let mut last = [SimTime::ZERO; 2];
    for (k, w) in align(kernel, ours) {
        match (k, w) {
            (Some(k), Some(w)) => {
                pair(hold, k, w, last, judged);
                last = [k.at, w.at];
            }
            (Some(k), None) => judged.differences.push(one("missing", k, format!("{k}"))),
            (None, Some(w)) => judged.differences.push(one("extra", w, format!("{w}"))),
            (None, None) => {}
        }
    }
}

fn one(kind: &'static str, about: &Seen, text: String) -> Difference {
    Difference {
        kind,
        text,
        explained: None,
        sender: about.sender.clone(),
        pure_ack: about.pure_ack,
    }
}

fn pair(hold: &Hold, k: &Seen, w: &Seen, last: [SimTime; 2], judged: &mut Judged) {
    let mut found = |kind| {
        let text = format!("\n      kernel  {k}\n      wirelab {w}");
        judged.differences.push(one(kind, k, text));
    };
    let names: BTreeSet<&'static str> = k.fields.keys().chain(w.fields.keys()).copied().collect();
    for name in names {
        if k.fields.get(name) != w.fields.get(name) {
            found(name);
        }
    }
    if k.push != w.push && !hold.ignore.iter().any(|ignored| ignored == "push") {
        found("push");
    }
    let gaps = (k.at.since(last[0]), w.at.since(last[1]));
    let apart = k.at.max(w.at).since(k.at.min(w.at)).as_millis();
    let ignored = hold.ignore.iter().any(|ignored| ignored == "time");
    if !ignored && apart >= EARLY && !timely(hold, gaps) {
        found("time");
    }
}

/// Whether the kernel's gap is ours, or a little longer.
fn timely(hold: &Hold, (kernel, ours): (SimDuration, SimDuration)) -> bool {
    let (percent, millis) = hold.late.unwrap_or(LATE);
    let (kernel, ours) = (kernel.as_nanos(), ours.as_nanos());
    kernel <= ours + ours * percent / 100 + millis * 1_000_000
        && ours <= kernel + kernel * percent / 100 + EARLY * 1_000_000
}

/// The longest common subsequence of both sides' keys; packets between two common ones stand
/// opposite each other only if they are of one kind.
fn align<'a>(kernel: &'a [Seen], ours: &'a [Seen]) -> Vec<(Option<&'a Seen>, Option<&'a Seen>)> {
    let (rows, columns) = (kernel.len(), ours.len());
    let mut best = vec![vec![0_u32; columns + 1]; rows + 1];
    for row in (0..rows).rev() {
        for column in (0..columns).rev() {
            best[row][column] = if kernel[row].key == ours[column].key {
                best[row + 1][column + 1] + 1
            } else {
                best[row + 1][column].max(best[row][column + 1])
            };
        }
    }
    let mut pairs = Vec::new();
    let (mut row, mut column) = (0, 0);
    while row < rows && column < columns {
        if kernel[row].key == ours[column].key {
            pairs.push((Some(&kernel[row]), Some(&ours[column])));
            row += 1;
            column += 1;
        } else if best[row + 1][column] >= best[row][column + 1] {
            pairs.push((Some(&kernel[row]), None));
            row += 1;
        } else {
            pairs.push((None, Some(&ours[column])));
            column += 1;
        }
    }
    pairs.extend(kernel[row..].iter().map(|one| (Some(one), None)));
    pairs.extend(ours[column..].iter().map(|one| (None, Some(one))));
    pairs
}

fn explain(hold: &Hold, explained: &[Explained], judged: &mut Judged) {
    for rule in explained {
        if rule.file.as_ref().is_some_and(|file| *file != hold.file) {
            continue;
        }
        let mut left = rule.most;
        for difference in &mut judged.differences {
            let sender = rule.sender.as_ref();
            let fits = difference.kind == rule.kind
                && sender.is_none_or(|sender| difference.sender.starts_with(sender.as_str()))
                && rule.pure_ack.is_none_or(|pure| pure == difference.pure_ack);
            if fits && left > 0 && difference.explained.is_none() {
                difference.explained = Some(rule.why.clone());
                left -= 1;
            }
        }
    }
}
