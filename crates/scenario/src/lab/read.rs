//! Reading `lab.toml`.

use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use wirelab_model::{SimDuration, SimTime, hex};

use super::handout::handed_out;
use super::prediction;
use super::{
    AnswerPart, AnswerTask, AthenaTask, Compare, Equivalent, FilterTask, FixTask, Hint, Lab,
    LabTask, NearMiss, QueryTask, Succeeds, TaskKind,
};
use crate::error::{ContentErrors, Source};
use crate::fields::{Fields, Keys, Sink, Text};
use crate::node::{self, Node, Value};

pub(crate) fn lab(dir: &Path, source: &Arc<Source>) -> Result<Lab, ContentErrors> {
    lab_noting(dir, source)?.0
}

/// As [`lab`], with every key that was asked for.
pub(crate) fn lab_noting(
    dir: &Path,
    source: &Arc<Source>,
) -> Result<(Result<Lab, ContentErrors>, Keys), ContentErrors> {
    let table = node::parse(source)?;
    let sink = Sink::new(source);
    let start = 0..0;
    let fields = Fields::new(&table, &start, "lab.toml", &sink);
    let lab = read(dir, source, &fields);
    fields.finish();
    let keys = sink.keys();
    Ok((sink.finish(lab), keys))
}

fn read(dir: &Path, source: &Arc<Source>, fields: &Fields<'_>) -> Option<Lab> {
    format(fields);
    let mut tasks: Vec<LabTask> = fields.tables("task").iter().filter_map(task).collect();
    if tasks.is_empty() {
        fields
            .sink()
            .file("a lab has at least one `[[task]]`", None);
    }
    unique(&tasks, fields.sink());
    let opens_at = moment(fields, "opens_at").unwrap_or_default();
    prediction::place(&mut tasks, opens_at, fields.sink());
    let words = |key| {
        fields
            .texts(key)
            .into_iter()
            .map(|text| text.text)
            .collect()
    };
    Some(Lab {
        dir: dir.to_owned(),
        name: folder_name(dir, fields)?,
        title: fields.required_text("title")?.text,
        scenario: fields.required_text("scenario")?.text,
        opens_at,
        minutes: fields.integer("minutes").unwrap_or(15),
        teaches: words("teaches"),
        requires: words("requires"),
        hidden_traffic_seeds: fields.integers("hidden_traffic_seeds"),
        settle: fields.boolean("settle").unwrap_or(true),
        evidence: words("evidence"),
        tasks,
        hash: hex(&Sha256::digest(handed_out(&source.text))),
        source: Arc::clone(source),
    })
}

/// `format = 1`, so that later formats can be told apart.
pub(crate) fn format(fields: &Fields<'_>) {
    let Some(node) = fields.required("format") else {
        return;
    };
    if node.value != Value::Integer(1) {
        let message = "this build reads `format = 1`";
        fields.sink().error(&node.span, message);
    }
}

/// The `name`, which equals the folder's.
pub(crate) fn folder_name(dir: &Path, fields: &Fields<'_>) -> Option<String> {
    let name = fields.required_text("name")?;
    let folder = dir.file_name().unwrap_or_default().to_string_lossy();
    if name.text != folder {
        let message = format!("`name` is `{}`, the folder `{folder}`", name.text);
        let hint = Some(format!("write `name = \"{folder}\"`, or rename the folder"));
        fields.sink().explain(&name.span, message, "", hint);
    }
    Some(name.text)
}

/// A duration from the scenario's start.
pub(crate) fn moment(fields: &Fields<'_>, key: &'static str) -> Option<SimTime> {
    fields
        .parsed::<SimDuration>(key)
        .map(|after| SimTime::ZERO + after)
}

fn unique(tasks: &[LabTask], sink: &Sink) {
    for (index, task) in tasks.iter().enumerate() {
        if tasks[..index].iter().any(|other| other.name == task.name) {
            sink.file(format!("two tasks are called `{}`", task.name), None);
        }
    }
}

fn task(fields: &Fields<'_>) -> Option<LabTask> {
    let name = fields.required_text("name")?;
    if !is_word(&name.text) {
        let message = format!("`{}` cannot name a file", name.text);
        let hint = Some("use lower-case letters, digits and hyphens".to_owned());
        fields.sink().explain(&name.span, message, "", hint);
    }
    let points = fields
        .required("points")
        .and_then(|_| fields.integer("points"));
    let title = fields
        .text("title")
        .map_or_else(|| name.text.clone(), |title| title.text);
    let hints = hints(fields);
    let kind = kind(fields);
    fields.finish();
    Some(LabTask {
        name: name.text,
        title,
        points: points?,
        kind: kind?,
        hints,
    })
}

fn is_word(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

type Reader = fn(&Fields<'_>) -> Option<TaskKind>;

const KINDS: [(&str, Reader); 6] = [
    ("answer", answer),
    ("tcpdump-filter", filter),
    ("logs-insights", query),
    ("athena", athena),
    ("prediction", prediction::read),
    ("fix", fix),
];

fn kind(fields: &Fields<'_>) -> Option<TaskKind> {
    fields.required("kind")?;
    let read = fields.choice("kind", &KINDS)?;
    read(fields)
}

fn answer(fields: &Fields<'_>) -> Option<TaskKind> {
    let question = fields.required_text("question")?.text;
    let parts: Vec<AnswerPart> = if fields.has("part") {
        let parts = fields.tables("part");
        parts.iter().filter_map(|part| named_part(part)).collect()
    } else {
        answer_part(fields, String::new()).into_iter().collect()
    };
    (!parts.is_empty()).then_some(TaskKind::Answer(AnswerTask { question, parts }))
}

fn named_part(fields: &Fields<'_>) -> Option<AnswerPart> {
    let name = fields.required_text("name")?.text;
    let part = answer_part(fields, name);
    fields.finish();
    part
}

fn answer_part(fields: &Fields<'_>, name: String) -> Option<AnswerPart> {
    let expected = reference(fields.required_text("expected")?, fields.sink())?;
    let accepts = fields.texts("accepts").into_iter();
    let accepts = accepts
        .filter_map(|text| reference(text, fields.sink()))
        .collect();
    let choices = fields
        .texts("choices")
        .into_iter()
        .map(|text| text.text)
        .collect();
    let against = fields.texts("against").into_iter();
    let against = against.filter_map(|text| text.parse(fields.sink()));
    Some(AnswerPart {
        name,
        expected,
        accepts,
        choices,
        proof: fields.parsed("proof"),
        against: against.collect(),
    })
}

/// A reference such as `variant.bottleneck.mtu`: answers are never literals, since they vary.
fn reference(text: Text, sink: &Sink) -> Option<String> {
    if text.text.contains('.') && !text.text.starts_with(|c: char| c.is_ascii_digit()) {
        return Some(text.text);
    }
    let message = format!("`{}` is a literal, not a reference", text.text);
    let hint = "answers vary with the seed: name a value such as `variant.bottleneck.mtu`";
    sink.explain(&text.span, message, "", Some(hint.to_owned()));
    None
}

fn filter(fields: &Fields<'_>) -> Option<TaskKind> {
    Some(TaskKind::TcpdumpFilter(FilterTask {
        capture: fields.required_text("capture")?.text,
        scope: fields.text("scope").map(|text| text.text),
        portable: fields.boolean("portable").unwrap_or(false),
    }))
}

const COMPARE: [(&str, Compare); 4] = [
    ("rows", Compare::Rows),
    ("ordered-rows", Compare::OrderedRows),
    ("contains", Compare::Contains),
    ("columns", Compare::Columns),
];

fn query(fields: &Fields<'_>) -> Option<TaskKind> {
    Some(TaskKind::LogsInsights(QueryTask {
        log_group: fields.required_text("log_group")?.text,
        compare: compare(fields),
        columns: columns(fields),
        portable: fields.boolean("portable").unwrap_or(false),
        window: fields
            .text("window")
            .and_then(|text| span(&text, fields.sink())),
        near_misses: near_misses(fields),
        equivalents: equivalents(fields),
    }))
}

fn athena(fields: &Fields<'_>) -> Option<TaskKind> {
    Some(TaskKind::Athena(AthenaTask {
        flow_log: fields.required_text("flow_log")?.text,
        compare: compare(fields),
        columns: columns(fields),
        portable: fields.boolean("portable").unwrap_or(false),
        script: fields.boolean("script").unwrap_or(false),
        near_misses: near_misses(fields),
        equivalents: equivalents(fields),
    }))
}

fn compare(fields: &Fields<'_>) -> Compare {
    fields.choice("compare", &COMPARE).unwrap_or(Compare::Rows)
}

fn columns(fields: &Fields<'_>) -> Vec<String> {
    let columns = fields.texts("columns").into_iter();
    columns.map(|text| text.text).collect()
}

fn near_misses(fields: &Fields<'_>) -> Vec<NearMiss> {
    let words = fields.texts("near_misses").into_iter();
    let known = words.filter_map(|word| {
        let known = NearMiss::ALL.iter().find(|(name, _)| *name == word.text);
        if known.is_none() {
            let names = NearMiss::ALL.map(|(name, _)| name).join(", ");
            let message = format!(
                "`{}` is no kind of near miss; there are: {names}",
                word.text
            );
            fields.sink().error(&word.span, message);
        }
        known.map(|(_, kind)| *kind)
    });
    known.collect()
}

fn equivalents(fields: &Fields<'_>) -> Vec<Equivalent> {
    let tables = fields.tables("equivalent");
    let read = tables.iter().filter_map(|fields| {
        let equivalent = Equivalent {
            mutant: fields.required_text("mutant")?.text,
            because: fields.required_text("because")?.text,
        };
        fields.finish();
        Some(equivalent)
    });
    read.collect()
}

/// `2m..5m`: two moments from the scenario's start.
pub(crate) fn span(text: &Text, sink: &Sink) -> Option<(SimTime, SimTime)> {
    let ends = text.text.split_once("..").and_then(|(from, to)| {
        let from: SimDuration = from.trim().parse().ok()?;
        let to: SimDuration = to.trim().parse().ok()?;
        Some((from, to))
    });
    let hint = match ends {
        Some((from, to)) if from < to => return Some((SimTime::ZERO + from, SimTime::ZERO + to)),
        Some((from, to)) if from > to => {
            format!("it ends before it begins; did you mean `{to}..{from}`?")
        }
        Some(_) => "it ends when it begins".to_owned(),
        None => "write `FROM..TO`, two durations from the scenario's start".to_owned(),
    };
    let message = format!("`{}` is no span of time such as `2m..5m`", text.text);
    sink.explain(&text.span, message, "", Some(hint));
    None
}

fn fix(fields: &Fields<'_>) -> Option<TaskKind> {
    let texts = |key| {
        fields
            .texts(key)
            .into_iter()
            .map(|text| text.text)
            .collect()
    };
    let succeeds = fields.tables("succeeds");
    fields.required("succeeds")?;
    Some(TaskKind::Fix(FixTask {
        succeeds: succeeds.iter().filter_map(succeeding).collect(),
        run_on: fields
            .parsed("run_on")
            .unwrap_or(SimDuration::from_secs(900)),
        must_deny: texts("must_deny"),
        must_allow: texts("must_allow"),
        in_network: fields.boolean("in_network").unwrap_or(false),
        least_privilege_points: fields.integer("least_privilege_points").unwrap_or(0),
        unharmed_points: fields.integer("unharmed_points").unwrap_or(0),
    }))
}

fn succeeding(fields: &Fields<'_>) -> Option<Succeeds> {
    let succeeds = Succeeds {
        traffic: fields.required_text("traffic")?.text,
        within: fields
            .parsed("within")
            .unwrap_or(SimDuration::from_secs(60)),
        exchanges: fields.integer("exchanges").unwrap_or(3),
    };
    fields.finish();
    Some(succeeds)
}

/// `hints = ["nudge", { text = "where to look", price = 1 }]`: the first rung is free, each other
/// one costs a point unless it says otherwise.
fn hints(fields: &Fields<'_>) -> Vec<Hint> {
    let Some(node) = fields.required("hints") else {
        return Vec::new();
    };
    let Value::Array(items) = &node.value else {
        fields.sink().error(
            &node.span,
            "`hints` is an array, from a nudge to the solution",
        );
        return Vec::new();
    };
    if items.is_empty() {
        fields
            .sink()
            .error(&node.span, "a task has at least one hint");
    }
    let rungs = items.iter().enumerate();
    rungs
        .filter_map(|(rung, item)| hint(rung, item, fields.sink()))
        .collect()
}

fn hint(rung: usize, item: &Node, sink: &Sink) -> Option<Hint> {
    let price = u32::from(rung > 0);
    if let Value::String(text) = &item.value {
        return Some(Hint {
            text: text.clone(),
            price,
        });
    }
    let fields = Fields::of(item, "a hint", sink)?;
    let hint = Hint {
        text: fields.required_text("text")?.text,
        price: fields.integer("price").unwrap_or(price),
    };
    fields.finish();
    Some(hint)
}
