//! Forms: `Action=CreateRoute&RouteTableId=rtb-1` to `{"RouteTableId": "rtb-1"}`.
//!
//! A name is a path: `Filter.1.Value.2` is the second value of the first filter. The paths become a
//! tree, and the tree is read along the shape of the operation's input. What the shape does not
//! have is refused with EC2's error and the wire's name of it, and the nearest name that exists;
//! what is of the wrong type goes on as text, and the control plane says so with the place.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use jiff::Timestamp;
use serde_json::{Map, Value};
use wirelab_model::ApiError;

use super::Protocol;
use crate::error;
use crate::shape::{Member, Scalar, Table, Type};

/// More than any call needs, and little enough to read at once.
const PARAMETERS_AT_MOST: usize = 10_000;

/// Longer than the longest path of the model, `LaunchSpecification...Ipv6Address` and the like.
const PATH_AT_MOST: usize = 16;

/// A form: its action, and its parameters as a tree.
#[derive(Debug, Default)]
pub(crate) struct Form {
    pub(crate) action: Option<String>,
    /// The date of the API that the client speaks.
    version: Option<String>,
    root: Node,
}

#[derive(Debug, Default)]
struct Node {
    text: Option<String>,
    below: BTreeMap<String, Self>,
}

impl Form {
    /// Reads a body or a query string.
    ///
    /// # Errors
    /// Too many parameters; a name that is too deep.
    pub(crate) fn read(octets: &[u8]) -> Result<Self, ApiError> {
        let mut form = Self::default();
        for (index, (name, value)) in form_urlencoded::parse(octets).enumerate() {
            if index >= PARAMETERS_AT_MOST {
                let message = format!("More than {PARAMETERS_AT_MOST} parameters are given");
                return Err(error::malformed(message));
            }
            match &*name {
                "Action" => form.action = Some(value.into_owned()),
                "Version" => form.version = Some(value.into_owned()),
                // What a presigned request says of its signature.
                name if name.starts_with("X-Amz-") => {}
                name => form.root.insert(name, value.into_owned())?,
            }
        }
        Ok(form)
    }

    /// Refuses a version that there has never been. One is spoken; the dates of old clients are
    /// forgiven, and so is none.
    ///
    /// # Errors
    /// No date, or one outside of the time in which AWS has had versions.
    pub(crate) fn check_version(&self, table: &Table) -> Result<(), ApiError> {
        /// Amazon EC2's first, the oldest of all.
        const FIRST: &str = "2006-06-26";
        let Some(version) = self.version.as_deref() else {
            return Ok(());
        };
        let is_date = version.parse::<jiff::civil::Date>().is_ok() && version.len() == FIRST.len();
        match is_date && (FIRST..=table.api_version.as_str()).contains(&version) {
            true => Ok(()),
            false => Err(error::no_version(version, &table.api_version)),
        }
    }

    /// The parameters of an operation whose input is `input`; of one without, none may be given.
    ///
    /// # Errors
    /// A parameter that the input does not have.
    pub(crate) fn parameters(
        self,
        protocol: Protocol,
        table: &Table,
        input: Option<&str>,
    ) -> Result<Map<String, Value>, ApiError> {
        let none = IndexMap::new();
        let members = match input.map(|name| table.named(name)) {
            Some(Type::Structure(members, _)) => members,
            _ => &none,
        };
        Reading { protocol, table }.structure(members, self.root, "")
    }
}

impl Node {
    fn insert(&mut self, name: &str, text: String) -> Result<(), ApiError> {
        if name.split('.').count() > PATH_AT_MOST {
            let message = format!("The name of a parameter has more than {PATH_AT_MOST} parts");
            return Err(error::malformed(message));
        }
        let parts = name.split('.');
        let node = parts.fold(self, |node, part| {
            node.below.entry(part.to_owned()).or_default()
        });
        node.text = Some(text);
        Ok(())
    }
}

struct Reading<'t> {
    protocol: Protocol,
    table: &'t Table,
}

impl Reading<'_> {
    fn structure(
        &self,
        members: &IndexMap<String, Member>,
        node: Node,
        path: &str,
    ) -> Result<Map<String, Value>, ApiError> {
        let mut read = Map::new();
        for (wire, node) in node.below {
            let path = join(path, &wire);
            let called = |name: &str, member: &Member| self.protocol.request_name(name, member);
            let found = members
                .iter()
                .find(|(name, member)| called(name, member) == wire);
            let Some((name, member)) = found else {
                let known = members.iter().map(|(name, member)| called(name, member));
                return Err(error::unknown_parameter(
                    &path,
                    nearest(&wire, known).as_deref(),
                ));
            };
            read.insert(
                name.clone(),
                self.value(self.table.type_of(member), node, &path)?,
            );
        }
        Ok(read)
    }

    fn value(&self, kind: Type<'_>, node: Node, path: &str) -> Result<Value, ApiError> {
        match kind {
            Type::Structure(members, _) => match node.text {
                Some(_) => Err(error::invalid_value(path, "a structure is wanted")),
                None => self.structure(members, node, path).map(Value::Object),
            },
            Type::List { member, flattened } => {
                let (node, path) = match self.protocol {
                    Protocol::Query { .. } if !flattened => unwrapped(node, member, path),
                    _ => (node, path.to_owned()),
                };
                self.list(member, node, &path).map(Value::Array)
            }
            // No form protocol's operation here has one.
            Type::Map { .. } => Err(error::invalid_value(path, "a map is not taken here")),
            Type::Scalar(kind) => match (node.text, node.below.is_empty()) {
                (Some(text), true) => Ok(self.scalar(kind, text)),
                _ => Err(error::invalid_value(path, "a single value is wanted")),
            },
        }
    }

    /// Elements in the order of their numbers, which need not be without gaps.
    fn list(&self, member: &Member, node: Node, path: &str) -> Result<Vec<Value>, ApiError> {
        let kind = self.table.type_of(member);
        if let Some(text) = node.text {
            // An empty text is the query protocol's empty list.
            return match (text.is_empty(), kind) {
                (true, _) => Ok(Vec::new()),
                (false, Type::Scalar(kind)) => Ok(vec![self.scalar(kind, text)]),
                (false, _) => Err(error::invalid_value(path, "a list is wanted")),
            };
        }
        let mut numbered = BTreeMap::new();
        for (part, node) in node.below {
            let path = join(path, &part);
            let number: u32 = part
                .parse()
                .map_err(|_| error::invalid_value(&path, "a list's elements have numbers"))?;
            numbered.insert(number, (node, path));
        }
        let elements = numbered.into_values();
        elements
            .map(|(node, path)| self.value(kind, node, &path))
            .collect()
    }
}

impl Reading<'_> {
    /// A value by its type. Where the codec holds values against the model, numbers and moments are
    /// JSON's, too.
    fn scalar(&self, kind: Scalar, text: String) -> Value {
        let is_checked = matches!(self.protocol, Protocol::Query { codes: Some(_) });
        let number = match kind {
            Scalar::Double if is_checked => text.parse::<f64>().ok(),
            Scalar::Timestamp if is_checked => {
                let moment = text.parse::<Timestamp>().ok();
                moment.map(|it| it.as_millisecond() as f64 / 1000.0)
            }
            _ => None,
        };
        match number {
            Some(number) => number.into(),
            None => scalar(kind, text),
        }
    }
}

/// `Tags.member.1` less `member`.
fn unwrapped(mut node: Node, member: &Member, path: &str) -> (Node, String) {
    let wrapper = member.location_name.as_deref().unwrap_or("member");
    match node.below.remove(wrapper) {
        Some(inner) if node.below.is_empty() => (inner, join(path, wrapper)),
        Some(inner) => {
            node.below.insert(wrapper.to_owned(), inner);
            (node, path.to_owned())
        }
        None => (node, path.to_owned()),
    }
}

fn scalar(kind: Scalar, text: String) -> Value {
    match kind {
        Scalar::Boolean if text == "true" => Value::Bool(true),
        Scalar::Boolean if text == "false" => Value::Bool(false),
        Scalar::Integer => match text.parse::<i64>() {
            Ok(number) => number.into(),
            Err(_) => Value::String(text),
        },
        Scalar::Boolean | Scalar::Double | Scalar::Timestamp | Scalar::Text => Value::String(text),
    }
}

fn nearest(name: &str, known: impl Iterator<Item = String>) -> Option<String> {
    let near = |other: &String| strsim::jaro_winkler(name, other);
    let nearest = known.max_by(|one, other| near(one).total_cmp(&near(other)));
    nearest.filter(|it| near(it) > 0.85)
}

fn join(path: &str, part: &str) -> String {
    match path.is_empty() {
        true => part.to_owned(),
        false => format!("{path}.{part}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::shape;

    fn read(body: &str) -> Result<Value, ApiError> {
        let form = Form::read(body.as_bytes())?;
        let action = form.action.clone().expect("an action");
        let signature = shape::ec2().signature(&action).expect("an operation");
        let input = signature.input.as_deref();
        form.parameters(Protocol::Ec2, shape::ec2(), input)
            .map(Value::Object)
    }

    #[test]
    fn names_of_the_wire_become_the_apis() {
        for (body, expected) in [
            (
                "Action=DescribeSubnets&Version=2016-11-15&Filter.1.Name=vpc-id&Filter.1.Value.1=v",
                json!({ "Filters": [{ "Name": "vpc-id", "Values": ["v"] }] }),
            ),
            (
                "Action=AuthorizeSecurityGroupIngress&GroupId=sg-1&IpPermissions.1.IpProtocol=tcp\
                 &IpPermissions.1.FromPort=443&IpPermissions.1.Groups.1.GroupId=sg-2\
                 &IpPermissions.1.IpRanges.1.CidrIp=10.0.0.0%2F8",
                json!({ "GroupId": "sg-1", "IpPermissions": [{
                    "IpProtocol": "tcp", "FromPort": 443,
                    "UserIdGroupPairs": [{ "GroupId": "sg-2" }],
                    "IpRanges": [{ "CidrIp": "10.0.0.0/8" }],
                }] }),
            ),
            (
                "Action=CreateNetworkAclEntry&Egress=false&Icmp.Type=3&PortRange.From=1&RuleNumber=x",
                json!({ "Egress": false, "IcmpTypeCode": { "Type": 3 },
                        "PortRange": { "From": 1 }, "RuleNumber": "x" }),
            ),
            (
                "Action=ModifyVpcAttribute&EnableDnsSupport.Value=true",
                json!({ "EnableDnsSupport": { "Value": true } }),
            ),
            (
                "Action=ModifyNetworkInterfaceAttribute&SecurityGroupId.2=b&SecurityGroupId.10=c\
                 &SecurityGroupId.1=a",
                json!({ "Groups": ["a", "b", "c"] }),
            ),
        ] {
            let mut read = read(body).expect(body);
            read.sort_all_objects();
            let mut expected = expected;
            expected.sort_all_objects();
            assert_eq!(read, expected, "{body}");
        }
    }

    #[test]
    fn what_the_api_does_not_have_is_named_as_it_was_sent() {
        for (body, code, text) in [
            (
                "Action=DescribeSubnets&Filter.1.Nam=x",
                "UnknownParameter",
                "Filter.1.Nam is not recognized. Did you mean Name?",
            ),
            (
                "Action=DescribeSubnets&Filter=x",
                "InvalidParameterValue",
                "Filter is invalid",
            ),
            (
                "Action=DescribeSubnets&Filter.a.Name=x",
                "InvalidParameterValue",
                "Filter.a",
            ),
            (
                "Action=CreateVpc&CidrBlock.1=x",
                "InvalidParameterValue",
                "CidrBlock is invalid",
            ),
        ] {
            let error = read(body).expect_err(body);
            assert_eq!(error.code, code, "{body}");
            assert!(error.message.contains(text), "{body}: {}", error.message);
        }
    }

    #[test]
    fn forms_have_limits() {
        let deep = format!("{}=1", "a.".repeat(100_000));
        assert_eq!(
            Form::read(deep.as_bytes()).expect_err("deep").code,
            "MalformedQueryString"
        );
        let many = "a=1&".repeat(20_000);
        assert_eq!(
            Form::read(many.as_bytes()).expect_err("many").code,
            "MalformedQueryString"
        );
    }
}
