//! `.calls` files: what a repair does, one step a line.
//!
//! ```text
//! # comment
//! ec2:CreateNetworkAclEntry NetworkAclId=acl-1 RuleNumber=100 PortRange='{"From":1,"To":2}'
//! exec app -- ip route change default via 10.0.1.1 mtu 1400
//! advance 60s
//! ```
//!
//! The lines are what a learner types after `wirelab call`, `wirelab` and `wirelab`: words as a
//! shell splits them, values that are JSON as JSON, all others as text. What a call has made is
//! named by its place in the reply, as `--query` of the AWS CLI does:
//!
//! ```text
//! ec2:CreateNetworkAcl VpcId=vpc-1
//! ec2:CreateNetworkAclEntry NetworkAclId=$NetworkAcl.NetworkAclId RuleNumber=100 ...
//! ```

use serde_json::{Map, Value};
use smol_str::SmolStr;
use wirelab_model::{Call, DurationParseError, SimDuration};

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// An API call.
    Call(Call),
    /// A command on a machine.
    Exec {
        /// The machine.
        host: SmolStr,
        /// Program and arguments.
        argv: Vec<String>,
    },
    /// Time passes.
    Advance(SimDuration),
}

/// What the calls of a file were answered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Replies(Vec<Value>);

impl Replies {
    /// Remembers a reply.
    pub(crate) fn push(&mut self, reply: Value) {
        self.0.push(reply);
    }

    /// Puts what replies hold in the place of `$NetworkAcl.NetworkAclId` and
    /// `$NetworkAcls[0].VpcId`, whole strings at any depth: of the last reply that has it.
    ///
    /// # Errors
    /// The reference that no reply answers.
    pub(crate) fn fill(&self, value: &mut Value) -> Result<(), String> {
        match value {
            Value::String(text) if text.starts_with('$') => {
                let found = self.0.iter().rev().find_map(|reply| at(reply, &text[1..]));
                *value = found.cloned().ok_or_else(|| text.clone())?;
            }
            Value::Array(items) => items.iter_mut().try_for_each(|it| self.fill(it))?,
            Value::Object(members) => members.values_mut().try_for_each(|it| self.fill(it))?,
            _ => {}
        }
        Ok(())
    }
}

/// What stands at `NetworkAcls[0].VpcId`, or `NetworkAcls.0.VpcId`.
fn at<'a>(reply: &'a Value, path: &str) -> Option<&'a Value> {
    let path = path.replace('[', ".").replace(']', "");
    let mut parts = path.split('.');
    parts.try_fold(reply, |value, part| match value {
        Value::Array(items) => items.get(part.parse::<usize>().ok()?),
        other => other.get(part),
    })
}

/// A line that is no step.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct CallsError {
    /// From 1.
    pub line: usize,
    /// What is wrong, and what is wanted.
    pub why: CallsErrorKind,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallsErrorKind {
    /// A quote without its partner.
    #[error("a quote is not closed")]
    Quote,
    /// Neither of the three forms.
    #[error("wanted `SERVICE:OPERATION KEY=VALUE ...`, `exec HOST -- COMMAND`, or `advance TIME`")]
    Form,
    /// A word of a call that is no parameter.
    #[error("`{0}` is no parameter; write `KEY=VALUE`")]
    Parameter(String),
    /// `advance` without a time.
    #[error(transparent)]
    Duration(#[from] DurationParseError),
}

/// Reads a `.calls` file.
///
/// # Errors
/// The first line that is no step.
pub fn parse_calls(text: &str) -> Result<Vec<Step>, CallsError> {
    let lines = (1..).zip(text.lines().map(str::trim));
    let steps = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    steps
        .map(|(line, text)| step(text).map_err(|why| CallsError { line, why }))
        .collect()
}

fn step(line: &str) -> Result<Step, CallsErrorKind> {
    let words = words(line).ok_or(CallsErrorKind::Quote)?;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["exec", host, "--", ref argv @ ..] if !argv.is_empty() => Ok(Step::Exec {
            host: host.into(),
            argv: argv.iter().map(|word| (*word).to_owned()).collect(),
        }),
        ["advance", time] => Ok(Step::Advance(time.parse()?)),
        [operation, ref parameters @ ..] => call(operation, parameters),
        [] => Err(CallsErrorKind::Form),
    }
}

fn call(operation: &str, parameters: &[&str]) -> Result<Step, CallsErrorKind> {
    let (service, operation) = operation.split_once(':').ok_or(CallsErrorKind::Form)?;
    let mut values = Map::new();
    for parameter in parameters {
        let wrong = || CallsErrorKind::Parameter((*parameter).to_owned());
        let (key, text) = parameter.split_once('=').ok_or_else(wrong)?;
        values.insert(key.to_owned(), value(text));
    }
    Ok(Step::Call(Call {
        service: service.into(),
        operation: operation.into(),
        parameters: values,
    }))
}

/// What parses as a JSON object, array, number or truth value is one; anything else is text.
fn value(text: &str) -> Value {
    let parsed = serde_json::from_str(text);
    let json = parsed
        .ok()
        .filter(|value: &Value| !value.is_string() && !value.is_null());
    json.unwrap_or_else(|| Value::String(text.to_owned()))
}

/// Splits as a shell does: spaces, `'...'` as it stands, `"..."` and words with `\`.
fn words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => word.get_or_insert_default().push(chars.next()?),
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_forms_are_read() {
        let text = "# a repair\n\n\
                    ec2:CreateNetworkAclEntry NetworkAclId=acl-1 Egress=false RuleNumber=90 \
                    PortRange='{\"From\": 1, \"To\": 2}' CidrBlock=10.0.0.0/16\n\
                    exec app -- ip route change default mtu 1400\n\
                    advance 1m30s\n";
        let steps = parse_calls(text).expect("three steps");
        let Step::Call(call) = &steps[0] else {
            panic!("{:?}", steps[0]);
        };
        assert_eq!(call.to_string(), "ec2:CreateNetworkAclEntry");
        let wanted = serde_json::json!({
            "NetworkAclId": "acl-1", "Egress": false, "RuleNumber": 90,
            "PortRange": {"From": 1, "To": 2}, "CidrBlock": "10.0.0.0/16",
        });
        assert_eq!(Value::Object(call.parameters.clone()), wanted);
        assert!(matches!(&steps[1], Step::Exec { host, argv } if host == "app" && argv.len() == 6));
        assert_eq!(steps[2], Step::Advance(SimDuration::from_secs(90)));
    }

    #[test]
    fn what_a_call_has_made_is_named_by_its_place_in_the_last_reply_that_has_it() {
        let mut replies = Replies::default();
        replies.push(serde_json::json!({ "NetworkAcl": { "NetworkAclId": "acl-1" } }));
        replies.push(serde_json::json!({ "Associations": [{ "Id": "a-1" }, { "Id": "a-2" }] }));
        replies.push(serde_json::json!({ "NetworkAcl": { "NetworkAclId": "acl-2" } }));
        let mut filled = serde_json::json!({
            "NetworkAclId": "$NetworkAcl.NetworkAclId",
            "Of": [{ "Id": "$Associations[1].Id" }, { "Id": "$Associations.0.Id" }],
            "Description": "5 $",
        });
        assert_eq!(replies.fill(&mut filled), Ok(()));
        let wanted = serde_json::json!({
            "NetworkAclId": "acl-2", "Of": [{ "Id": "a-2" }, { "Id": "a-1" }], "Description": "5 $",
        });
        assert_eq!(filled, wanted);
        let mut unknown = Value::from("$GroupId");
        assert_eq!(replies.fill(&mut unknown), Err("$GroupId".to_owned()));
    }

    #[test]
    fn a_line_that_is_no_step_is_named_with_its_number() {
        for (text, line) in [
            ("\nhello", 2),
            ("exec app ls", 1),
            ("ec2:X 'a", 1),
            ("ec2:X y", 1),
        ] {
            let error = parse_calls(text).expect_err(text);
            assert_eq!(error.line, line, "{error}");
        }
    }
}
