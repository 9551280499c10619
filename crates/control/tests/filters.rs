//! Every filter that the EC2 API Reference documents for an action that exists here is taken, or
//! refused as one that is not simulated: never as one that EC2 does not know.
//!
//! `filters/documented.txt` holds the names by action; its first line says how it is made. The book
//! tells the counts.

mod account;

use std::path::Path;

use account::{Account, call};
use serde_json::{Map, Value, json};

/// The reply to a call that builds the scenario, or the error's message.
fn say(
    account: &mut Account,
    operation: &str,
    parameters: Map<String, Value>,
) -> Result<Value, String> {
    let call = call("ec2", operation, parameters);
    let output = account.call(&call, Some("made"));
    output.reply.map_err(|it| it.message)
}

fn members(of: Value) -> Map<String, Value> {
    match of {
        Value::Object(members) => members,
        other => panic!("{other} are no parameters"),
    }
}

#[test]
fn documented_filters_are_taken_or_said_to_be_not_simulated() {
    let mut account = Account::new("filters", "us-east-1");
    let made = say(&mut account, "CreateTransitGateway", Map::new());
    let made = made.expect("a transit gateway");
    let table = &made["TransitGateway"]["Options"]["AssociationDefaultRouteTableId"];
    let (mut taken, mut refused, mut wrong) = (0, Vec::new(), Vec::new());
    let documented = include_str!("filters/documented.txt");
    let lines = documented.lines().filter(|it| !it.starts_with('#'));
    for (action, names) in lines.filter_map(|it| it.split_once(": ")) {
        for name in names.split(' ') {
            let filters = json!([{ "Name": name, "Values": ["10.0.0.0/8"] }]);
            let mut parameters = members(json!({ "Filters": filters }));
            if action.contains("TransitGatewayRoute") && !action.starts_with("Describe") {
                parameters.insert("TransitGatewayRouteTableId".to_owned(), table.clone());
            }
            if action == "DescribeLaunchTemplateVersions" {
                parameters.insert("Versions".to_owned(), json!(["$Latest"]));
            }
            if action == "GetTransitGatewayAttachmentPropagations" {
                let id = json!("tgw-attach-0123456789abcdef0");
                parameters.insert("TransitGatewayAttachmentId".to_owned(), id);
            }
            match say(&mut account, action, parameters) {
                Ok(_) => taken += 1,
                Err(why) if why.contains("does not simulate") => refused.push((action, name)),
                // The attachment, of which there is none.
                Err(why) if why.contains("tgw-attach-") => taken += 1,
                Err(why) => wrong.push(format!("{action} {name}: {why}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let total = taken + refused.len();
    let said =
        format!("Of the {total} filters that EC2 documents for the actions here {taken} are");
    let book = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../book/src/not-simulated.md");
    let book = std::fs::read_to_string(book).expect("the book");
    let book = book.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        book.contains(&said),
        "the book should say: {said}\n{refused:?}"
    );
}
