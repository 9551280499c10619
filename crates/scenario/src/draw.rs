//! What the seed draws: the variant, and the values of `[draw]`.

use crate::node::{Table, Value};

/// The names of the variants, in the order of the file.
pub(crate) fn variant_names(table: &Table) -> Vec<String> {
    let Some(Value::Array(items)) = table.get("variant").map(|node| &node.value) else {
        return Vec::new();
    };
    let names = items.iter().filter_map(|item| match &item.value {
        Value::Table(variant) => variant.get("name")?.value.to_text(),
        _ => None,
    });
    names.collect()
}
