//! Reading tasks of the kind `prediction`.

use wirelab_model::SimTime;

use super::read::{moment, span};
use super::{LabTask, PredictionPart, PredictionTask, TaskKind};
use crate::fields::{Fields, Sink};

pub(super) fn read(fields: &Fields<'_>) -> Option<TaskKind> {
    let question = fields.required_text("question")?.text;
    let at = moment(fields, "at").unwrap_or_default();
    let window = fields.required_text("window")?;
    let parts: Vec<PredictionPart> = if fields.has("part") {
        let parts = fields.tables("part");
        parts.iter().filter_map(|part| named(part)).collect()
    } else {
        part(fields, String::new()).into_iter().collect()
    };
    (!parts.is_empty()).then_some(TaskKind::Prediction(PredictionTask {
        question,
        at,
        window: span(&window, fields.sink())?,
        parts,
    }))
}

fn named(fields: &Fields<'_>) -> Option<PredictionPart> {
    let name = fields.required_text("name")?.text;
    let part = part(fields, name);
    fields.finish();
    part
}

fn part(fields: &Fields<'_>, name: String) -> Option<PredictionPart> {
    let texts = |key| {
        let texts = fields.texts(key).into_iter();
        texts.map(|text| text.text).collect()
    };
    Some(PredictionPart {
        name,
        choices: texts("choices"),
        play: texts("play"),
        truth: fields.required_parsed("truth")?,
    })
}

/// A prediction is made in the lab: its moment is not before the opening, its window not before
/// its moment.
pub(super) fn place(tasks: &mut [LabTask], opens_at: SimTime, sink: &Sink) {
    for task in tasks {
        let TaskKind::Prediction(prediction) = &mut task.kind else {
            continue;
        };
        let (name, at) = (&task.name, prediction.at);
        if at == SimTime::ZERO {
            prediction.at = opens_at;
        } else if at < opens_at {
            let message = format!("`at` of `{name}` is over when the lab opens ({opens_at})");
            sink.file(message, Some("predict what is still to come".to_owned()));
        }
        // Nothing of the window may be evidence already.
        if prediction.window.0 < prediction.at {
            let message = format!("the window of `{name}` begins before {}", prediction.at);
            sink.file(message, Some("begin it at `at` or later".to_owned()));
        }
    }
}
