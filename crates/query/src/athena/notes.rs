//! What a person should know of an answer that is empty, or that a statement had nothing to do.
//!
//! A SELECT over a table whose partitions nobody has added answers no row, at Athena and here, and
//! says nothing; half of all first tables end so. `SELECT count(*) FROM logs` is 0 and comes with
//! the note that `default.logs` has no partition, and what adds one.

use super::catalog::Table;

/// What a query has found of a table's files.
#[derive(Clone, Debug, Default)]
pub(super) struct Listed {
    /// Partitions that the condition lets through, or 1 for a table without.
    pub(super) partitions: usize,
    pub(super) files: usize,
    pub(super) bytes: u64,
    /// Where the first of the partitions lies.
    pub(super) first: Option<String>,
}

/// Why a query has read no file of a table; `None` if it has read one.
pub(super) fn unread(name: &str, table: &Table, listed: &Listed) -> Option<String> {
    if listed.files > 0 {
        return None;
    }
    let known = table.partitions.len();
    let first = listed.first.as_deref().unwrap_or(&table.location);
    let is_partitioned = !table.partition_columns.is_empty();
    Some(match (is_partitioned, table.is_projected()) {
        (false, _) => format!("no object lies under {first}: is the LOCATION of {name} right?"),
        (true, false) if known == 0 => format!(
            "{name} has no partition, so nothing of it is read: ALTER TABLE {name} ADD PARTITION \
             adds one, MSCK REPAIR TABLE {name} those whose folders are named `column=value`"
        ),
        (true, false) if listed.partitions == 0 => format!(
            "none of the {known} partitions of {name} fits the condition; SHOW PARTITIONS {name} \
             lists them"
        ),
        (true, false) => format!(
            "no object lies under {first}: is the LOCATION of this partition of {name} right?"
        ),
        (true, true) if listed.partitions == 0 => {
            format!("none of the partitions that {name} projects fits the condition")
        }
        (true, true) => format!(
            "no object lies under any of the {} locations that {name} projects, such as {first}: \
             are `storage.location.template` and the ranges right?",
            listed.partitions
        ),
    })
}

/// Why MSCK REPAIR has found no partition; `seen` is a key that it has seen instead.
pub(super) fn unrepaired(name: &str, table: &Table, seen: Option<&str>) -> String {
    if table.is_projected() {
        return format!("the partitions of {name} are computed by its projection: none is added");
    }
    if table.partition_columns.is_empty() {
        return format!("{name} has no partition columns, so there is nothing to add");
    }
    let folders = table.partition_columns.iter();
    let folders: Vec<String> = folders.map(|c| format!("{}=…/", c.name)).collect();
    let (location, folders) = (&table.location, folders.concat());
    match seen {
        Some(key) => format!(
            "no folder {folders} lies under {location}, but {key} does: MSCK REPAIR knows only \
             folders named `column=value`; ALTER TABLE {name} ADD PARTITION adds others"
        ),
        None => format!("no object lies under {location}: is the LOCATION of {name} right?"),
    }
}

/// That a table stays what it is, and in what the one that was to be made is another.
pub(super) fn stays(name: &str, old: &Table, new: &Table) -> Option<String> {
    let parts = [
        ("columns", old.columns == new.columns),
        (
            "partition columns",
            old.partition_columns == new.partition_columns,
        ),
        ("format", old.format == new.format),
        ("location", old.location == new.location),
        ("properties", old.properties == new.properties),
    ];
    let others: Vec<&str> = parts.iter().filter(|it| !it.1).map(|it| it.0).collect();
    let (last, first) = others.split_last()?;
    let others = match first {
        [] => (*last).to_owned(),
        first => format!("{} and {last}", first.join(", ")),
    };
    Some(format!(
        "there is a table {name} already, with other {others}, and it stays as it is: IF NOT \
         EXISTS. DROP TABLE {name} makes room for this one, and deletes no file"
    ))
}
