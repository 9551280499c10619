//! What a client waits for: a reply that shows something on its way to another state.

use serde_json::Value;
use wirelab_model::SimDuration;

/// The time between two looks of most waiters of AWS's clients (botocore's `waiters-2.json`).
pub(crate) const BETWEEN_POLLS: SimDuration = SimDuration::from_secs(15);

/// States that end by themselves, in EC2's words.
const TRANSITIONAL: [&str; 21] = [
    "InProgress",
    "assigning",
    "associating",
    "attaching",
    "create-in-progress",
    "delete-in-progress",
    "deleting",
    "detaching",
    "disassociating",
    "initiating-request",
    "initiatingRequest",
    "initializing",
    "modify-in-progress",
    "modifying",
    "pending",
    "provisioning",
    "restore-in-progress",
    "shutting-down",
    "stopping",
    "unassigning",
    "updating",
];

/// Whether a reply shows something in a state that ends by itself.
pub(crate) fn is_on_its_way(reply: &Value) -> bool {
    match reply {
        Value::Array(items) => items.iter().any(is_on_its_way),
        Value::Object(members) => members.iter().any(|(name, value)| match value {
            // `State: {"Code": 0, "Name": "pending"}`, `Status: {"Code": "provisioning"}`; an
            // analysis is `running` until it ends, an instance for good.
            Value::String(word) => {
                let is_state = ["State", "Status", "Name", "Code"]
                    .iter()
                    .any(|it| name.ends_with(it));
                let is_analysis = name == "Status" && word == "running";
                is_state && (is_analysis || TRANSITIONAL.contains(&word.as_str()))
            }
            _ => is_on_its_way(value),
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::is_on_its_way;

    #[test]
    fn states_that_end_by_themselves_are_waited_for() {
        for (reply, waits) in [
            (json!({ "NatGateways": [{ "State": "pending" }] }), true),
            (json!({ "Vpcs": [{ "State": "available" }] }), false),
            (json!({ "State": { "Code": 0, "Name": "pending" } }), true),
            (json!({ "State": { "Code": 16, "Name": "running" } }), false),
            (
                json!({ "NetworkInsightsAnalyses": [{ "Status": "running" }] }),
                true,
            ),
            (json!({ "Description": "pending" }), false),
            (
                json!({ "Tags": [{ "Key": "State", "Value": "pending" }] }),
                false,
            ),
        ] {
            assert_eq!(is_on_its_way(&reply), waits, "{reply}");
        }
    }
}
