//! Who may do what with a bucket: its owner everything, others what its policy allows (Amazon S3
//! User Guide, "Bucket policies"; IAM User Guide, "Policy evaluation logic").
//!
//! Of a policy's statement effect, principals, actions and resources are heeded. One with a
//! condition allows and denies nothing here: what its keys would say of a caller is not simulated.

use serde_json::Value;
use wirelab_control::policy::{is_principal, many, texts};
use wirelab_model::{ApiError, Caller, fits_wildcards};

use super::note::Bucket;

/// Holds that the caller may do this: `action` without its `s3:`, `key` of an object or empty.
///
/// # Errors
/// `AccessDenied`.
pub(super) fn check(
    (name, bucket): (&str, &Bucket),
    caller: &Caller,
    action: &str,
    key: &str,
) -> Result<(), ApiError> {
    let resource = match key {
        "" => format!("arn:aws:s3:::{name}"),
        key => format!("arn:aws:s3:::{name}/{key}"),
    };
    let is_owner = bucket.account == caller.account.as_str();
    // An owner cannot be locked out of the policy itself.
    if is_owner && action.ends_with("BucketPolicy") {
        return Ok(());
    }
    let mut effect = effect(bucket, &(caller, action, &resource));
    if !is_owner && effect == Some(Effect::Allow) && is_restricted(bucket) {
        effect = None;
    }
    if effect == Some(Effect::Allow) || (is_owner && effect != Some(Effect::Deny)) {
        return Ok(());
    }
    let why = match effect {
        Some(Effect::Deny) => "with an explicit deny in a resource-based policy",
        _ => "because no resource-based policy allows the action",
    };
    let principal = &caller.principal;
    let message = format!(
        "User: {principal} is not authorized to perform: s3:{action} on resource: \"{resource}\" \
         {why}"
    );
    Err(ApiError::client("AccessDenied", message))
}

/// Holds that a policy is not public where public ones are blocked.
///
/// # Errors
/// `AccessDenied`.
pub(super) fn check_public(
    name: &str,
    bucket: &Bucket,
    policy: &str,
    caller: &Caller,
) -> Result<(), ApiError> {
    if !is_public(policy) || !bucket.block.is_some_and(|it| it.block_public_policy) {
        return Ok(());
    }
    let principal = &caller.principal;
    let message = format!(
        "User: {principal} is not authorized to perform: s3:PutBucketPolicy on resource: \
         \"arn:aws:s3:::{name}\" because public policies are prevented by the BlockPublicPolicy \
         setting in S3 Block Public Access."
    );
    Err(ApiError::client("AccessDenied", message))
}

/// Whether a public policy opens the bucket to its own account alone.
fn is_restricted(bucket: &Bucket) -> bool {
    let blocks = bucket.block.is_some_and(|it| it.restrict_public_buckets);
    blocks && bucket.policy.as_deref().is_some_and(is_public)
}

/// Whether a policy lets everybody do something (Amazon S3 User Guide, "The meaning of 'public'").
pub(super) fn is_public(policy: &str) -> bool {
    let policy: Value = serde_json::from_str(policy).unwrap_or_default();
    many(&policy["Statement"]).iter().any(|it| {
        let is_all = is_everybody(&it["Principal"]);
        it["Effect"] == "Allow" && is_all && it["Condition"].is_null()
    })
}

fn is_everybody(principal: &Value) -> bool {
    principal == "*" || texts(&principal["AWS"]).any(|it| it == "*")
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Effect {
    Allow,
    Deny,
}

/// What the policy says; a deny before all.
fn effect(bucket: &Bucket, asked: &(&Caller, &str, &str)) -> Option<Effect> {
    let policy: Value = serde_json::from_str(bucket.policy.as_deref()?).ok()?;
    let statements = many(&policy["Statement"]).iter();
    let mut effects = statements.filter_map(|it| said(it, asked));
    let mut found = None;
    for effect in &mut effects {
        if effect == Effect::Deny {
            return Some(effect);
        }
        found = Some(effect);
    }
    found
}

fn said(statement: &Value, (caller, action, resource): &(&Caller, &str, &str)) -> Option<Effect> {
    let has = |name: &str| !statement[name].is_null();
    let any = |name: &str, asked: &str| texts(&statement[name]).any(|it| fits(it, asked));
    let action = format!("s3:{action}").to_ascii_lowercase();
    let acts = |name: &str| texts(&statement[name]).any(|it| fits(&it.to_lowercase(), &action));
    let applies = !has("Condition")
        && (if has("NotAction") {
            !acts("NotAction")
        } else {
            acts("Action")
        })
        && (if has("NotResource") {
            !any("NotResource", resource)
        } else {
            any("Resource", resource)
        })
        && (if has("NotPrincipal") {
            !is_principal(&statement["NotPrincipal"], caller)
        } else {
            is_principal(&statement["Principal"], caller)
        });
    match statement["Effect"].as_str() {
        Some("Allow") if applies => Some(Effect::Allow),
        Some("Deny") if applies => Some(Effect::Deny),
        _ => None,
    }
}

/// Whether the bucket's policy lets the delivery service of flow logs put objects (Amazon VPC User
/// Guide, "Amazon S3 bucket permissions for flow logs"). Its conditions name accounts and ARNs that
/// the delivery has.
pub(super) fn lets_deliver(bucket: &Bucket) -> bool {
    let Some(policy) = &bucket.policy else {
        return false;
    };
    let policy: Value = serde_json::from_str(policy).unwrap_or_default();
    many(&policy["Statement"]).iter().any(|it| {
        let principals = &it["Principal"];
        let mut services = texts(&principals["Service"]);
        let is_delivery =
            is_everybody(principals) || services.any(|it| it == "delivery.logs.amazonaws.com");
        let puts = texts(&it["Action"]).any(|it| fits(&it.to_lowercase(), "s3:putobject"));
        it["Effect"] == "Allow" && is_delivery && puts
    })
}

/// What a service of AWS asks of a bucket.
pub(super) struct ByService<'a> {
    /// `cloudtrail.amazonaws.com`.
    pub(super) service: &'a str,
    /// Without its `s3:`.
    pub(super) action: &'a str,
    /// An ARN.
    pub(super) resource: &'a str,
    /// What conditions may ask for, with keys in small letters.
    pub(super) context: &'a [(&'a str, &'a str)],
}

/// Whether the bucket's policy lets a service do something. A condition of a key that is not known
/// of the service fits where it allows, and not where it denies.
pub(super) fn lets_service(bucket: &Bucket, asked: &ByService<'_>) -> bool {
    let policy = bucket.policy.as_deref().unwrap_or_default();
    let policy: Value = serde_json::from_str(policy).unwrap_or_default();
    let applies = |it: &&Value, effect: &str| it["Effect"] == effect && is_about(it, asked);
    let all = many(&policy["Statement"]);
    all.iter().any(|it| applies(&it, "Allow")) && !all.iter().any(|it| applies(&it, "Deny"))
}

fn is_about(statement: &Value, asked: &ByService<'_>) -> bool {
    let has = |name: &str| !statement[name].is_null();
    let names = |it: &Value| {
        is_everybody(it) || texts(&it["Service"]).any(|service| service == asked.service)
    };
    let is_meant = match has("NotPrincipal") {
        true => !names(&statement["NotPrincipal"]),
        false => names(&statement["Principal"]),
    };
    let action = format!("s3:{}", asked.action.to_ascii_lowercase());
    let acts = |name: &str| texts(&statement[name]).any(|it| fits(&it.to_lowercase(), &action));
    let covers = |name: &str| texts(&statement[name]).any(|it| fits(it, asked.resource));
    is_meant
        && (if has("NotAction") {
            !acts("NotAction")
        } else {
            acts("Action")
        })
        && (if has("NotResource") {
            !covers("NotResource")
        } else {
            covers("Resource")
        })
        && holds(
            &statement["Condition"],
            asked,
            statement["Effect"] == "Allow",
        )
}

/// Whether conditions hold (IAM User Guide, "IAM JSON policy elements: Condition operators").
fn holds(conditions: &Value, asked: &ByService<'_>, otherwise: bool) -> bool {
    let mut all = conditions.as_object().into_iter().flatten();
    all.all(|(operator, keys)| {
        let operator = operator.trim_end_matches("IfExists");
        let mut keys = keys.as_object().into_iter().flatten();
        keys.all(|(key, wanted)| {
            let key = key.to_ascii_lowercase();
            let always = [
                ("aws:principalisawsservice", "true"),
                ("aws:securetransport", "true"),
            ];
            let mut known = asked.context.iter().chain(&always);
            let Some((_, value)) = known.find(|it| it.0 == key) else {
                return otherwise;
            };
            let is_one = |is: &dyn Fn(&str) -> bool| {
                let mut all = many(wanted).iter();
                all.any(|it| it.as_str().map_or_else(|| is(&it.to_string()), is))
            };
            let equal = || is_one(&|it| it == *value);
            let like = || is_one(&|it| fits(it, value));
            match operator {
                "StringEquals" | "Bool" => equal(),
                "StringLike" | "ArnEquals" | "ArnLike" => like(),
                "StringNotEquals" => !equal(),
                "StringNotLike" | "ArnNotEquals" | "ArnNotLike" => !like(),
                _ => otherwise,
            }
        })
    })
}

/// Holds that a text is a policy for the bucket.
///
/// # Errors
/// `MalformedPolicy`.
pub(super) fn check_policy(name: &str, text: &str) -> Result<(), ApiError> {
    let malformed = |why: &str| Err(ApiError::client("MalformedPolicy", why));
    let Ok(policy) = serde_json::from_str::<Value>(text) else {
        return malformed("Policies must be valid JSON and the first byte must be '{'");
    };
    if !policy.is_object() {
        return malformed("Policies must be valid JSON and the first byte must be '{'");
    }
    if many(&policy["Statement"]).is_empty() {
        return malformed("Missing required field Statement");
    }
    let ours = format!("arn:aws:s3:::{name}");
    for statement in many(&policy["Statement"]) {
        let has = |name: &str| !statement[name].is_null();
        if !matches!(statement["Effect"].as_str(), Some("Allow" | "Deny")) {
            return malformed("Missing required field Effect");
        }
        if !has("Principal") && !has("NotPrincipal") {
            return malformed("Missing required field Principal");
        }
        let mut actions = texts(&statement["Action"]).chain(texts(&statement["NotAction"]));
        let is_ours = |it: &str| it == "*" || it.to_lowercase().starts_with("s3:");
        if !has("Action") && !has("NotAction") {
            return malformed("Missing required field Action");
        }
        if !actions.all(is_ours) {
            return malformed("Policy has invalid action");
        }
        let mut resources = texts(&statement["Resource"]).chain(texts(&statement["NotResource"]));
        let is_here = |it: &str| {
            let head = it.split('/').next().unwrap_or_default();
            it == "*" || fits(head, &ours)
        };
        if (!has("Resource") && !has("NotResource")) || !resources.all(is_here) {
            return malformed("Policy has invalid resource");
        }
    }
    Ok(())
}

/// Whether a text fits a pattern of policies: `*` is any text, `?` any one letter.
fn fits(pattern: &str, text: &str) -> bool {
    fits_wildcards(pattern, text, false)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_policy_lets_a_service_in_by_principal_action_resource_and_conditions() {
        let context = [("aws:sourcearn", "arn:trail/all"), ("s3:x-amz-acl", "full")];
        let lets = |statements: Value| {
            let bucket = Bucket {
                policy: Some(json!({ "Statement": statements }).to_string()),
                ..Bucket::default()
            };
            let asked = ByService {
                service: "cloudtrail.amazonaws.com",
                action: "PutObject",
                resource: "arn:aws:s3:::b/AWSLogs/1/x",
                context: &context,
            };
            lets_service(&bucket, &asked)
        };
        let allow = |service: &str, resource: &str, condition: Value| {
            json!({ "Effect": "Allow", "Principal": { "Service": service },
                "Action": "s3:PutObject", "Resource": resource, "Condition": condition })
        };
        let (trail, all) = ("cloudtrail.amazonaws.com", "arn:aws:s3:::b/AWSLogs/1/*");
        let acl = json!({ "StringEquals": { "s3:x-amz-acl": "full" } });
        assert!(lets(json!([allow(trail, all, acl.clone())])));
        assert!(!lets(json!([])));
        assert!(!lets(json!([allow(
            "delivery.logs.amazonaws.com",
            all,
            acl
        )])));
        assert!(!lets(json!([allow(
            trail,
            "arn:aws:s3:::b/AWSLogs/2/*",
            Value::Null
        )])));
        let source = |arn: &str| json!({ "ArnLike": { "aws:SourceArn": arn } });
        assert!(lets(json!([allow(trail, all, source("arn:trail/*"))])));
        assert!(!lets(json!([allow(trail, all, source("arn:trail/other"))])));
        let insecure = json!({ "Effect": "Deny", "Principal": "*", "Action": "s3:*",
            "Resource": "*", "Condition": { "Bool": { "aws:SecureTransport": "false" } } });
        let deny = json!({ "Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*" });
        assert!(lets(json!([allow(trail, all, Value::Null), insecure])));
        assert!(!lets(json!([allow(trail, all, Value::Null), deny])));
    }

    #[test]
    fn patterns_fit_as_in_policies() {
        for (pattern, text, wanted) in [
            ("s3:*", "s3:getobject", true),
            ("s3:get*", "s3:putobject", false),
            ("arn:aws:s3:::b/*", "arn:aws:s3:::b/a/c", true),
            ("arn:aws:s3:::b/*", "arn:aws:s3:::b", false),
            ("*a*b", "aab", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
        ] {
            assert_eq!(fits(pattern, text), wanted, "{pattern} {text}");
        }
    }
}
