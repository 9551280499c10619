//! Replies and errors as XML.
//!
//! Members come in the model's order under the model's names; lists are an element with an element
//! for each, `<subnetSet><item>`, and an empty list is an empty element. A member that the reply
//! does not have is left out.

use http::{Response, StatusCode};
use serde_json::{Map, Value};

use super::{Protocol, reply_name};
use crate::shape::{Member, Signature, Table, Type};

pub(crate) const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

/// The body of a reply to `action`.
pub(crate) fn reply(
    protocol: Protocol,
    table: &Table,
    (action, signature): (&str, &Signature),
    reply: &Value,
    id: &str,
) -> String {
    let mut writing = Writing {
        table,
        protocol,
        out: DECLARATION.to_owned(),
    };
    let root = format!("{action}Response");
    let namespace = &table.xml_namespace;
    writing.out += &format!("<{root} xmlns=\"{namespace}\">");
    match protocol {
        Protocol::Ec2 => {
            writing.text_element("requestId", id);
            writing.members_of(signature, reply);
        }
        Protocol::RestXml { .. } => writing.members_of(signature, reply),
        Protocol::Query { .. } | Protocol::Json { .. } | Protocol::Cbor { .. } => {
            let wrapper = signature.result_wrapper.clone();
            let wrapper = wrapper.unwrap_or_else(|| format!("{action}Result"));
            writing.open(&wrapper);
            writing.members_of(signature, reply);
            writing.close(&wrapper);
            writing.open("ResponseMetadata");
            writing.text_element("RequestId", id);
            writing.close("ResponseMetadata");
        }
    }
    writing.close(&root);
    writing.out
}

struct Writing<'t> {
    table: &'t Table,
    protocol: Protocol,
    out: String,
}

impl Writing<'_> {
    /// The reply's members; of an EC2 operation that has none, that it was done.
    fn members_of(&mut self, signature: &Signature, reply: &Value) {
        let output = signature
            .output
            .as_deref()
            .map(|name| self.table.named(name));
        match (output, reply) {
            (Some(Type::Structure(members, _)), Value::Object(values)) => {
                self.members(members.iter(), values);
            }
            _ if self.protocol == Protocol::Ec2 => self.text_element("return", "true"),
            _ => {}
        }
    }

    fn members<'m>(
        &mut self,
        members: impl Iterator<Item = (&'m String, &'m Member)>,
        values: &Map<String, Value>,
    ) {
        for (name, member) in members {
            if let Some(value) = values.get(name)
                && member.location.is_none()
            {
                self.element(reply_name(name, member), self.table.type_of(member), value);
            }
        }
    }

    fn element(&mut self, name: &str, kind: Type<'_>, value: &Value) {
        match (kind, value) {
            (Type::Structure(members, _), Value::Object(values)) => {
                self.open(name);
                self.members(members.iter(), values);
                self.close(name);
            }
            (Type::List { member, flattened }, Value::Array(values)) => {
                let kind = self.table.type_of(member);
                if flattened {
                    values
                        .iter()
                        .for_each(|value| self.element(name, kind, value));
                    return;
                }
                let each = member.location_name.as_deref().unwrap_or("member");
                self.open(name);
                values
                    .iter()
                    .for_each(|value| self.element(each, kind, value));
                self.close(name);
            }
            (Type::Map { value: member }, Value::Object(values)) => {
                let kind = self.table.type_of(member);
                self.open(name);
                for (key, value) in values {
                    self.open("entry");
                    self.text_element("key", key);
                    self.element("value", kind, value);
                    self.close("entry");
                }
                self.close(name);
            }
            (Type::Scalar(_), Value::String(text)) => self.text_element(name, text),
            (Type::Scalar(_), Value::Bool(_) | Value::Number(_)) => {
                self.text_element(name, &value.to_string());
            }
            // `misfits` finds these, in tests.
            _ => {}
        }
    }

    fn text_element(&mut self, name: &str, text: &str) {
        self.open(name);
        escape(text, &mut self.out);
        self.close(name);
    }

    fn open(&mut self, name: &str) {
        self.out.extend(["<", name, ">"]);
    }

    fn close(&mut self, name: &str) {
        self.out.extend(["</", name, ">"]);
    }
}

/// `text` as character data. What XML 1.0 cannot hold (section 2.2) becomes U+FFFD.
fn escape(text: &str, out: &mut String) {
    // Most texts are plain: ids, states, blocks. Above 0xee begins what has to be looked at.
    let is_plain = |it: u8| (0x20..0xef).contains(&it) && !matches!(it, b'&' | b'<' | b'>');
    if text.bytes().all(is_plain) {
        return out.push_str(text);
    }
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\r' => out.push_str("&#13;"),
            '\t' | '\n' => out.push(letter),
            '\0'..'\x20' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ => out.push(letter),
        }
    }
}

pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::new();
    escape(text, &mut out);
    out
}

/// EC2's error; the request's id has capitals of its own here.
pub(crate) fn ec2_error(code: &str, message: &str, id: &str) -> String {
    let (code, message) = (escaped(code), escaped(message));
    format!(
        "{DECLARATION}<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message>\
         </Error></Errors><RequestID>{id}</RequestID></Response>"
    )
}

/// The query protocol's error; `fault` is `Sender` or `Receiver`.
pub(crate) fn query_error(fault: &str, code: &str, message: &str, id: &str) -> String {
    let (code, message) = (escaped(code), escaped(message));
    format!(
        "{DECLARATION}<ErrorResponse><Error><Type>{fault}</Type><Code>{code}</Code>\
         <Message>{message}</Message></Error><RequestId>{id}</RequestId></ErrorResponse>"
    )
}

/// S3's error.
pub(crate) fn s3_error(code: &str, message: &str, id: &str) -> String {
    let (code, message) = (escaped(code), escaped(message));
    format!(
        "{DECLARATION}<Error><Code>{code}</Code><Message>{message}</Message>\
         <RequestId>{id}</RequestId></Error>"
    )
}

/// A response with a body of XML.
pub(crate) fn response(status: StatusCode, id: &str, body: String) -> Response<Vec<u8>> {
    let response = Response::builder()
        .status(status)
        .header("Content-Type", "text/xml;charset=UTF-8")
        .header("x-amzn-RequestId", id);
    response
        .body(body.into_bytes())
        .expect("ids are header values")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::shape;

    fn written(action: &str, value: &Value) -> String {
        let signature = shape::ec2().signature(action).expect("an operation");
        let text = reply(
            Protocol::Ec2,
            shape::ec2(),
            (action, signature),
            value,
            "id",
        );
        let (_, members) = text.split_once("<requestId>id</requestId>").expect("an id");
        let end = format!("</{action}Response>");
        members
            .strip_suffix(&end)
            .expect("the root's end")
            .to_owned()
    }

    #[test]
    fn members_are_called_as_on_the_wire_and_come_in_the_models_order() {
        let acl = json!({ "NetworkAcls": [{
            "VpcId": "vpc-1", "IsDefault": true, "Associations": [],
            "Entries": [{ "RuleNumber": 100, "PortRange": { "To": 2, "From": 1 } }],
            "Tags": [{ "Key": "a<b", "Value": "\u{1}&" }],
        }] });
        assert_eq!(
            written("DescribeNetworkAcls", &acl),
            "<networkAclSet><item><associationSet></associationSet><entrySet><item>\
             <portRange><from>1</from><to>2</to></portRange><ruleNumber>100</ruleNumber></item>\
             </entrySet><default>true</default><tagSet><item><key>a&lt;b</key>\
             <value>\u{fffd}&amp;</value></item></tagSet><vpcId>vpc-1</vpcId></item>\
             </networkAclSet>"
        );
    }

    #[test]
    fn what_says_nothing_says_true() {
        let done = json!({ "Return": true });
        assert_eq!(
            written("CreateNetworkAclEntry", &done),
            "<return>true</return>"
        );
        assert_eq!(written("CreateRoute", &done), "<return>true</return>");
    }
}
