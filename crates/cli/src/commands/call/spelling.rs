//! The AWS CLI's spelling of a call, in ours.
//!
//! `ec2 create-network-acl-entry --rule-number 100 --egress` becomes
//! `ec2:CreateNetworkAclEntry RuleNumber=100 Egress=true`. Only spelling is known here; whether
//! the operation takes the parameters is the control plane's to say.

use serde_json::{Map, Value};
use wirelab_control::Control;

/// `create-network-acl-entry` as the API spells it; other names as they are.
pub(super) fn operation(name: &str) -> String {
    let pressed = pressed(name);
    let same = Control::operations().find(|it| it.name.to_ascii_lowercase() == pressed);
    match same {
        Some(known) => known.name.to_owned(),
        None if name.contains('-') => camel(name),
        None => name.to_owned(),
    }
}

/// The command to type for a call in the AWS CLI's spelling: what follows `wirelab call`. `None`:
/// it has no `--option`, so it is not in that spelling.
pub(crate) fn command(words: &[String]) -> Option<String> {
    let first = words.iter().position(|word| word.starts_with("--"))?;
    let (service, name) = match &words[..first] {
        [whole] => whole.split_once(':').unwrap_or(("ec2", whole)),
        [service, name] => (service.as_str(), name.as_str()),
        _ => return None,
    };
    let name = operation(name);
    let known = Control::operations().find(|it| it.name == name);
    let known = known.map(|it| it.parameters()).unwrap_or_default();
    let mut command = format!("wirelab call {service}:{name}");
    for option in options(&words[first..]) {
        for (key, value) in option.spelt(&known) {
            command += &format!(" {}", quoted(&format!("{key}={value}")));
        }
    }
    Some(command)
}

/// `--name` and what follows it.
struct Argument<'a> {
    name: &'a str,
    values: Vec<&'a str>,
}

fn options(words: &[String]) -> Vec<Argument<'_>> {
    let mut options: Vec<Argument<'_>> = Vec::new();
    for word in words {
        match (word.strip_prefix("--"), options.last_mut()) {
            (Some(name), _) => {
                let (name, value) = match name.split_once('=') {
                    Some((name, value)) => (name, vec![value]),
                    None => (name, Vec::new()),
                };
                options.push(Argument {
                    name,
                    values: value,
                });
            }
            (None, Some(option)) => option.values.push(word),
            (None, None) => {}
        }
    }
    options
}

impl Argument<'_> {
    /// The parameters it stands for; the CLI has short forms that the API has not.
    fn spelt(&self, known: &[&str]) -> Vec<(String, String)> {
        let takes = |name: &str| known.contains(&name);
        let first = self.values.first().copied().unwrap_or_default();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        match self.name {
            "ingress" => vec![pair("Egress", "false")],
            "protocol" if !takes("Protocol") => vec![pair("IpProtocol", first)],
            "cidr" if takes("CidrIp") => vec![pair("CidrIp", first)],
            "port" if takes("FromPort") => {
                let (from, to) = first.split_once('-').unwrap_or((first, first));
                vec![pair("FromPort", from), pair("ToPort", to)]
            }
            name => {
                let (name, no) = match name.strip_prefix("no-") {
                    Some(positive) => (positive, true),
                    None => (name, false),
                };
                vec![(parameter(name, known), self.value(no))]
            }
        }
    }

    fn value(&self, no: bool) -> String {
        let is_list = self.name.ends_with('s') && !self.name.ends_with("address");
        match self.values[..] {
            [] => (!no).to_string(),
            [one] if !is_list || one.starts_with(['[', '{']) => match structure(one) {
                Some(object) => object.to_string(),
                None => one.to_owned(),
            },
            ref several => {
                let items = several.iter().map(|item| {
                    let json = serde_json::from_str(item).ok();
                    json.or_else(|| structure(item))
                        .unwrap_or_else(|| (*item).into())
                });
                Value::Array(items.collect()).to_string()
            }
        }
    }
}

/// The CLI's shorthand `Name=vpc-id,Values=vpc-1,vpc-2` as an object.
fn structure(text: &str) -> Option<Value> {
    if !text.contains('=') || text.starts_with(['[', '{']) {
        return None;
    }
    let mut object: Map<String, Value> = Map::new();
    let mut last = String::new();
    for piece in text.split(',') {
        match piece.split_once('=') {
            Some((key, value)) => {
                key.clone_into(&mut last);
                let value = scalar(value);
                let value = if key == "Values" {
                    Value::Array(vec![value])
                } else {
                    value
                };
                object.insert(last.clone(), value);
            }
            None => match object.get_mut(&last)? {
                Value::Array(items) => items.push(scalar(piece)),
                single => *single = Value::Array(vec![single.take(), scalar(piece)]),
            },
        }
    }
    Some(Value::Object(object))
}

fn scalar(text: &str) -> Value {
    match text.parse::<i64>() {
        Ok(number) => number.into(),
        Err(_) => text.into(),
    }
}

/// `group-id` as the operation spells it: `GroupId`.
fn parameter(name: &str, known: &[&str]) -> String {
    let pressed = pressed(name);
    let same = known.iter().find(|it| it.to_ascii_lowercase() == pressed);
    same.map_or_else(|| camel(name), |it| (*it).to_owned())
}

fn pressed(name: &str) -> String {
    name.replace('-', "").to_ascii_lowercase()
}

fn camel(name: &str) -> String {
    let words = name.split('-').map(|word| {
        let mut letters = word.chars();
        let first = letters.next().map(|it| it.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    });
    words.collect()
}

/// For the shell, in quotes where it would read something into it.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "=-_./:,".contains(c);
    if word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Option<String> {
        let words: Vec<_> = line.split(' ').map(str::to_owned).collect();
        command(&words)
    }

    #[test]
    fn a_call_as_the_aws_cli_has_it_is_answered_in_our_spelling() {
        let line = "ec2 create-network-acl-entry --network-acl-id acl-1 --ingress --rule-number \
                    100 --protocol tcp --port-range From=22,To=23 --cidr-block 10.0.0.0/8";
        assert_eq!(
            of(line).as_deref(),
            Some(
                "wirelab call ec2:CreateNetworkAclEntry NetworkAclId=acl-1 Egress=false \
                 RuleNumber=100 Protocol=tcp 'PortRange={\"From\":22,\"To\":23}' \
                 CidrBlock=10.0.0.0/8"
            )
        );
        let line = "describe-subnets --filters Name=vpc-id,Values=vpc-1,vpc-2 --subnet-ids s";
        assert_eq!(
            of(line).as_deref(),
            Some(
                "wirelab call ec2:DescribeSubnets \
                 'Filters=[{\"Name\":\"vpc-id\",\"Values\":[\"vpc-1\",\"vpc-2\"]}]' \
                 'SubnetIds=[\"s\"]'"
            )
        );
        assert_eq!(of("ec2:DescribeSubnets VpcId=1"), None);
    }

    #[test]
    fn operations_may_be_written_either_way() {
        assert_eq!(operation("describe-network-acls"), "DescribeNetworkAcls");
        assert_eq!(operation("DescribeNetworkAcls"), "DescribeNetworkAcls");
        assert_eq!(operation("no-such-thing"), "NoSuchThing");
    }
}
