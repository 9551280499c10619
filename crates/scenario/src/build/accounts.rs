//! `[account.*]`: who else there is.

use smol_str::SmolStr;
use wirelab_model::{Caller, REGIONS, is_region};

use crate::error::suggest;
use crate::fields::{Fields, Sink, Text};
use crate::node::Value;

/// The accounts of a file: the one that all belongs to unless it says otherwise, and others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Accounts {
    /// The file's own.
    pub(crate) home: SmolStr,
    /// Names and ids.
    pub(crate) named: Vec<(SmolStr, SmolStr)>,
}

impl Accounts {
    /// `account = "123456789012"`, or `[account.NAME] id, default`.
    pub(crate) fn read(fields: &Fields<'_>) -> Option<Self> {
        let mut accounts = Self {
            home: "123456789012".into(),
            named: Vec::new(),
        };
        match fields.node("account").map(|node| &node.value) {
            None => {}
            Some(Value::Table(_)) => {
                for (name, table) in fields.named("account") {
                    let text = table.required_text("id");
                    let id = text.as_ref().and_then(|it| account_id(it, table.sink()));
                    accounts.refuse_twin(text.as_ref(), table.sink());
                    let is_home = table.boolean("default") == Some(true);
                    table.finish();
                    let id = id?;
                    if is_home {
                        accounts.home = id.clone();
                    }
                    accounts.named.push((name.into(), id));
                }
            }
            Some(_) => accounts.home = account_id(&fields.text("account")?, fields.sink())?,
        }
        Some(accounts)
    }

    /// An id is one account's alone.
    fn refuse_twin(&self, id: Option<&Text>, sink: &Sink) {
        let twin = |text: &&Text| self.named.iter().find(|(_, id)| *id == text.text);
        if let Some((text, (name, _))) = id.and_then(|it| Some((it, twin(&it)?))) {
            let message = format!("`account.{name}` has this id, too");
            let hint = "every account has twelve digits of its own".to_owned();
            sink.explain(&text.span, message, "", Some(hint));
        }
    }

    /// The id of the account that `text` names or is.
    pub(crate) fn find(&self, text: &Text, sink: &Sink) -> Option<SmolStr> {
        if is_account_id(&text.text) {
            return Some(text.text.as_str().into());
        }
        let found = self.named.iter().find(|(name, _)| *name == text.text);
        if found.is_none() {
            let known = self.named.iter().map(|(name, _)| name.as_str());
            let message = format!("no account is called `{}`", text.text);
            let hint = suggest(&text.text, known)
                .unwrap_or_else(|| "declare it: `[account.NAME]` with `id`".to_owned());
            sink.explain(&text.span, message, "", Some(hint));
        }
        found.map(|(_, id)| id.clone())
    }
}

/// The Region that a table's key `region` names.
pub(crate) fn region(fields: &Fields<'_>) -> Option<SmolStr> {
    let text = fields.text("region")?;
    if !is_region(&text.text) {
        let message = format!("AWS has no Region `{}`", text.text);
        let hint = suggest(&text.text, REGIONS)
            .unwrap_or_else(|| format!("the Regions are {}", REGIONS.join(", ")));
        (fields.sink()).explain(&text.span, message, "", Some(hint));
    }
    Some(text.text.into())
}

/// The user `user` of an account, in a Region.
pub(crate) fn caller(account: SmolStr, region: SmolStr, user: &str) -> Caller {
    Caller {
        principal: format!("arn:aws:iam::{account}:{user}").into(),
        account,
        region,
    }
}

pub(crate) fn is_account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn account_id(text: &Text, sink: &Sink) -> Option<SmolStr> {
    if is_account_id(&text.text) {
        return Some(text.text.as_str().into());
    }
    let message = format!("`{}` is no account id of 12 digits", text.text);
    sink.error(&text.span, message);
    None
}
