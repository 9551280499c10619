//! From tables to a plan: the calls, and what the parts of a file share while they are read.

pub(crate) mod accounts;
mod fabric;
mod header;

use std::ops::Range;

use serde_json::{Map, Value, json};
use smol_str::SmolStr;
use wirelab_control::{CallIds, Control, Input};
use wirelab_model::{Call, Caller, Changes, SimTime};

use crate::error::{nearest, suggest};
use crate::fields::{Fields, Sink, Text};
use crate::names::Names;
use crate::node::{Table, Value as Content};

pub(crate) use accounts::Accounts;
pub(crate) use header::Header;

/// What is being built.
pub(crate) struct Builder<'a> {
    pub(crate) sink: &'a Sink,
    /// The whole file with everything filled in, for what is declared but not made yet.
    pub(crate) table: &'a Table,
    pub(crate) control: Control,
    /// Who makes the calls for what belongs to nobody else.
    pub(crate) operator: Caller,
    pub(crate) accounts: Accounts,
    pub(crate) initial: Vec<Changes>,
    pub(crate) names: Names,
}

impl Builder<'_> {
    /// Who makes the calls for a table that may have the keys `account` and `region`.
    pub(crate) fn caller(&self, fields: &Fields<'_>) -> Caller {
        let account = fields.text("account");
        let account = account.and_then(|text| self.accounts.find(&text, self.sink));
        let region = accounts::region(fields);
        accounts::caller(
            account.unwrap_or_else(|| self.operator.account.clone()),
            region.unwrap_or_else(|| self.operator.region.clone()),
            "user/operator",
        )
    }

    /// Who makes the calls for what is with `id`: its owner.
    pub(crate) fn owner(&self, id: &str) -> Caller {
        let (account, region) = self.control.owner_of(id);
        accounts::caller(account.clone(), region.clone(), "user/operator")
    }

    /// The owner of `id`; without one, whoever the table's keys name.
    pub(crate) fn with_or_by(&self, id: Option<&str>, fields: &Fields<'_>) -> Caller {
        match id {
            Some(id) => self.owner(id),
            None => self.caller(fields),
        }
    }

    /// Makes a structural call for the resource `kind.name`, as the owner of what the parameters
    /// name; a refusal is noted at `span`.
    pub(crate) fn call(
        &mut self,
        span: &Range<usize>,
        name: &str,
        operation: &str,
        parameters: Value,
    ) -> Option<Value> {
        let caller = self.owner_of_named(&parameters);
        self.call_as(&caller, span, name, operation, parameters)
    }

    /// The owner of the first resource that the parameters name, of those outside the scenario's
    /// own account and Region.
    fn owner_of_named(&self, parameters: &Value) -> Caller {
        let members = parameters.as_object().into_iter().flat_map(Map::values);
        let near = members.flat_map(|value| match value {
            Value::Array(items) => items.as_slice(),
            other => std::slice::from_ref(other),
        });
        let near = near.filter_map(Value::as_str);
        let mut ids: Vec<&str> = near.filter(|text| is_id(text)).collect();
        // Only if the call itself names nothing: `RunInstances` has its subnet further in, while a
        // security group's rules may name groups of others there.
        if ids.is_empty() {
            add_ids(parameters, &mut ids);
        }
        let owners = ids.into_iter().map(|id| self.owner(id));
        let mut foreign = owners.filter(|owner| *owner != self.operator);
        foreign.next().unwrap_or_else(|| self.operator.clone())
    }

    /// As [`Self::call`], by `caller`; the operation may bear its service: `route53:GetChange`.
    pub(crate) fn call_as(
        &mut self,
        caller: &Caller,
        span: &Range<usize>,
        name: &str,
        operation: &str,
        parameters: Value,
    ) -> Option<Value> {
        let Value::Object(parameters) = parameters else {
            unreachable!("parameters are written as JSON objects");
        };
        let (service, operation) = operation.split_once(':').unwrap_or(("ec2", operation));
        let call = Call {
            service: service.into(),
            operation: operation.into(),
            parameters: without_nulls(parameters),
        };
        let input = Input::Call {
            caller,
            call: &call,
            ids: CallIds::Named(name),
        };
        let output = self.control.handle(SimTime::ZERO, input);
        self.initial.extend(output.changes);
        match output.reply {
            Ok(reply) => Some(reply),
            Err(error) => {
                let hint = Some(format!("AWS answers {}: {}", error.code, error.message));
                self.sink
                    .explain(span, format!("`{call}` is refused"), "", hint);
                None
            }
        }
    }

    /// Makes the call that creates `kind.name`, and binds the name to the id at `pointer` of the
    /// reply.
    pub(crate) fn create(
        &mut self,
        fields: &Fields<'_>,
        kind: &str,
        name: &str,
        operation: &str,
        parameters: Value,
        pointer: &str,
    ) -> Option<SmolStr> {
        let caller = self.owner_of_named(&parameters);
        self.create_as(
            &caller,
            fields,
            kind,
            name,
            (operation, pointer),
            parameters,
        )
    }

    /// As [`Self::create`], by `caller`; `operation` comes with its pointer.
    pub(crate) fn create_as(
        &mut self,
        caller: &Caller,
        fields: &Fields<'_>,
        kind: &str,
        name: &str,
        (operation, pointer): (&str, &str),
        parameters: Value,
    ) -> Option<SmolStr> {
        let reply = self.call_as(caller, fields.span(), name, operation, parameters)?;
        let id = text_at(&reply, pointer)?;
        self.names.bind(format!("{kind}.{name}"), id.clone());
        Some(id)
    }

    /// The id of what `text` names: `app` or `vpc.app` where a VPC is wanted.
    pub(crate) fn id(&self, kind: &str, text: &Text) -> Option<SmolStr> {
        let (named_kind, name) = text.text.split_once('.').unwrap_or((kind, &text.text));
        if named_kind != kind {
            let message = format!("`{}` is no {}", text.text, words(kind));
            self.sink.error(&text.span, message);
            return None;
        }
        let id = self.names.id(&format!("{kind}.{name}")).cloned();
        if id.is_none() && !self.is_declared(kind, name) {
            self.unknown(kind, name, &text.span);
        }
        id
    }

    /// The id of what `text` names in full, of any of `kinds`.
    pub(crate) fn any_id(&self, kinds: &[&str], text: &Text) -> Option<SmolStr> {
        let kind = text.text.split_once('.').map(|(kind, _)| kind);
        match kind.filter(|kind| kinds.contains(kind)) {
            Some(kind) => self.id(kind, text),
            None => {
                let message = format!("`{}` names no {}", text.text, words(&kinds.join(", ")));
                let hint = self.meant(kinds, &text.text);
                self.sink.explain(&text.span, message, "", Some(hint));
                None
            }
        }
    }

    /// What `text`, which names nothing of `kinds`, was probably meant to be.
    fn meant(&self, kinds: &[&str], text: &str) -> String {
        let (kind, name) = text.split_once('.').unwrap_or(("", text));
        let has = |kind: &&&str| self.is_declared(kind, name);
        if let Some(kind) = kinds.iter().find(has) {
            return format!("did you mean `{kind}.{name}`?");
        }
        match nearest(kind, kinds.iter().copied()) {
            Some(kind) => format!("write it as `{kind}.NAME`"),
            None => format!("write it as `KIND.NAME`, KIND one of {}", kinds.join(", ")),
        }
    }

    pub(crate) fn required_id(&self, fields: &Fields<'_>, key: &'static str) -> Option<SmolStr> {
        self.id(key, &fields.required_text(key)?)
    }

    /// Whether the file has `[kind.name]`: if it has no id, its own mistake was noted already.
    pub(crate) fn is_declared(&self, kind: &str, name: &str) -> bool {
        self.declared(kind).any(|declared| declared == name)
    }

    /// The names under `[kind.*]`.
    pub(crate) fn declared(&self, kind: &str) -> impl Iterator<Item = &str> {
        let tables = match self.table.get(kind).map(|node| &node.value) {
            Some(Content::Table(tables)) => Some(tables),
            _ => None,
        };
        tables
            .into_iter()
            .flat_map(|tables| tables.iter().map(|(key, _)| key.name.as_str()))
    }

    pub(crate) fn unknown(&self, kind: &str, name: &str, span: &Range<usize>) {
        let known = self.declared(kind).chain(self.names.of_kind(kind));
        self.sink.explain(
            span,
            format!("unknown {} `{name}`", words(kind)),
            format!("this scenario has no `[{kind}.{name}]`"),
            suggest(name, known),
        );
    }
}

/// `TagSpecifications` with a Name, as the console sets it.
pub(crate) fn name_tag(resource_type: &str, name: &str) -> Value {
    json!([{ "ResourceType": resource_type, "Tags": [{ "Key": "Name", "Value": name }] }])
}

/// Whether the text is made as ids are: `subnet-0123456789abcdef0`. Images are everybody's.
fn is_id(text: &str) -> bool {
    let parts = text.rsplit_once('-').filter(|(kind, _)| *kind != "ami");
    parts
        .is_some_and(|(_, hex)| hex.len() == 17 && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// The ids in a value, at any depth.
fn add_ids<'v>(value: &'v Value, ids: &mut Vec<&'v str>) {
    match value {
        Value::String(text) if is_id(text) => ids.push(text),
        Value::Array(items) => items.iter().for_each(|item| add_ids(item, ids)),
        Value::Object(members) => members.values().for_each(|item| add_ids(item, ids)),
        _ => {}
    }
}

/// The text at a JSON pointer.
pub(crate) fn text_at(reply: &Value, pointer: &str) -> Option<SmolStr> {
    reply.pointer(pointer)?.as_str().map(SmolStr::from)
}

/// `route_table` as people say it.
pub(crate) fn words(kind: &str) -> String {
    kind.replace('_', " ")
}

fn without_nulls(parameters: Map<String, Value>) -> Map<String, Value> {
    parameters
        .into_iter()
        .filter(|(_, value)| !value.is_null())
        .collect()
}
