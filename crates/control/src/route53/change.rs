//! `GetChange`, and the changes it tells of.

use serde::Deserialize;
use serde_json::{Value, json};
use smol_str::{SmolStr, format_smolstr};
use wirelab_model::*;

use crate::clock::iso8601;
use crate::describe::Reader;
use crate::error;
use crate::state::ZoneChange;
use crate::transaction::Transaction;

/// Notes a change and shows its `ChangeInfo`.
pub(super) fn submit(tx: &mut Transaction<'_>, comment: Option<SmolStr>) -> Value {
    let text = tx.new_text_id("C");
    let id = format_smolstr!("C{}", text[2..].to_ascii_uppercase());
    let in_sync_at = if tx.is_structural() {
        tx.state.now
    } else {
        tx.state.now + tx.config.delays.route53_change
    };
    let change = ZoneChange {
        account: tx.owner.clone(),
        submitted: tx.utc(),
        in_sync_at,
        comment,
    };
    let shown = show(&id, &change, tx.state.now);
    tx.state.zone_changes.insert(id, change);
    shown
}

fn show(id: &str, change: &ZoneChange, now: SimTime) -> Value {
    let status = if now >= change.in_sync_at {
        "INSYNC"
    } else {
        "PENDING"
    };
    json!({
        "Id": format!("/change/{id}"),
        "Status": status,
        "SubmittedAt": iso8601(change.submitted),
        "Comment": change.comment,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct GetChange {
    id: SmolStr,
}

pub(super) fn get_change(reader: &Reader<'_>, request: GetChange) -> Reply {
    let id = request.id.trim_start_matches("/change/");
    let change = reader.state.zone_changes.get(id);
    let change = change.filter(|it| it.account == *reader.account());
    let change = change.ok_or_else(|| error::no_such_change(id))?;
    Ok(json!({ "ChangeInfo": show(id, change, reader.state.now) }))
}
