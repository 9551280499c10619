//! `[prefix_list.*]`.

use serde_json::{Value, json};

use crate::build::{Builder, name_tag};
use crate::fields::{Fields, Text};

/// `[prefix_list.x] entries, max_entries, address_family, name, account, region`. Room and IP
/// version are those of the entries if not said. `prefix_list.s3` and `prefix_list.dynamodb` are
/// AWS's own, unless a table takes the name.
pub(super) fn all(builder: &mut Builder<'_>, root: &Fields<'_>) {
    for (name, fields) in root.named("prefix_list") {
        prefix_list(builder, &name, &fields);
        fields.finish();
    }
}

fn prefix_list(builder: &mut Builder<'_>, name: &str, fields: &Fields<'_>) {
    let entries = fields.texts("entries");
    let is_ipv6 = entries.first().is_some_and(|it| it.text.contains(':'));
    let by_entries = if is_ipv6 { "IPv6" } else { "IPv4" };
    let families = [("IPv4", "IPv4"), ("IPv6", "IPv6")];
    let family = fields.choice("address_family", &families);
    let size = fields.integer::<u32>("max_entries");
    let shown_name = fields
        .text("name")
        .map_or_else(|| name.to_owned(), |it| it.text);
    let parameters = json!({
        "PrefixListName": shown_name,
        "AddressFamily": family.unwrap_or(by_entries),
        "MaxEntries": size.unwrap_or_else(|| entries.len().max(1).try_into().unwrap_or(u32::MAX)),
        "Entries": entries.iter().map(entry).collect::<Vec<_>>(),
        "TagSpecifications": name_tag("prefix-list", name),
    });
    let caller = builder.caller(fields);
    let operation = ("CreateManagedPrefixList", "/PrefixList/PrefixListId");
    builder.create_as(&caller, fields, "prefix_list", name, operation, parameters);
}

/// `10.0.0.0/8`, or `10.0.0.0/8 some words`.
fn entry(text: &Text) -> Value {
    match text.text.split_once(' ') {
        Some((cidr, description)) => json!({ "Cidr": cidr, "Description": description.trim() }),
        None => json!({ "Cidr": text.text }),
    }
}

/// Binds `prefix_list.s3` and `prefix_list.dynamodb`, once AWS's lists are there; those of other
/// Regions than the scenario's own are `prefix_list.s3-eu-west-1`.
pub(super) fn bind_aws_lists(builder: &mut Builder<'_>) {
    let own = builder.control.config().region.clone();
    let lists = builder.control.resources().managed_prefix_lists.values();
    let aws = lists.filter(|it| it.is_aws_managed());
    let found: Vec<_> = aws
        .filter_map(|it| {
            let (_, place) = it.prefix_list_name.split_once("amazonaws.")?;
            let (region, service) = place.split_once('.')?;
            let name = match region == own {
                true => format!("prefix_list.{service}"),
                false => format!("prefix_list.{service}-{region}"),
            };
            Some((name, it.prefix_list_id.clone()))
        })
        .collect();
    for (name, id) in found {
        if builder.names.id(&name).is_none() {
            builder.names.bind(name, id.as_str());
        }
    }
}
