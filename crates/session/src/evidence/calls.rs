//! The calls of a run as they are held in memory.
//!
//! A session makes a hundred thousand calls, and until the next checkpoint those of seconds are in
//! memory: so of a call its request and reply are held as JSON, a fifth of what their values take,
//! and who made it and what it is called once for all that are alike. Whoever wants the call has it
//! made again.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use smol_str::SmolStr;
use wirelab_model::{Call, Caller, Reply, SimTime};

use super::ApiEvent;
use crate::texts::{Common, Place, Texts};

/// Calls, in the order of time.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Calls {
    kept: Vec<Kept>,
    texts: Texts,
    callers: Common<Caller>,
    /// Service and operation.
    actions: Common<(SmolStr, SmolStr)>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Kept {
    at: SimTime,
    caller: u32,
    action: u32,
    /// [`Body`] as JSON.
    body: Place,
}

#[derive(Serialize, Deserialize)]
struct Body {
    parameters: Map<String, Value>,
    reply: Reply,
}

/// What is known of a call at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallHead<'c> {
    /// When it was made.
    pub at: SimTime,
    /// By whom.
    pub caller: &'c Caller,
    /// The service's name.
    pub service: &'c SmolStr,
    /// The operation.
    pub operation: &'c SmolStr,
}

impl Calls {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// What is known at once of the call with that number; the first has 0.
    #[must_use]
    pub fn head(&self, number: usize) -> Option<CallHead<'_>> {
        self.kept.get(number).map(|it| self.head_of(it))
    }

    /// The call with that number.
    #[must_use]
    pub fn get(&self, number: usize) -> Option<ApiEvent> {
        let kept = self.kept.get(number)?;
        let head = self.head_of(kept);
        let body = serde_json::from_str(self.texts.get(kept.body));
        let body: Body = body.expect("it was written here");
        Some(ApiEvent {
            at: head.at,
            caller: head.caller.clone(),
            call: Call {
                service: head.service.clone(),
                operation: head.operation.clone(),
                parameters: body.parameters,
            },
            reply: body.reply,
        })
    }

    /// Adds a call, the latest one.
    pub(crate) fn push(&mut self, event: ApiEvent) {
        let body = Body {
            parameters: event.call.parameters,
            reply: event.reply,
        };
        let text = serde_json::to_string(&body).expect("calls have text keys");
        let head = CallHead {
            at: event.at,
            caller: &event.caller,
            service: &event.call.service,
            operation: &event.call.operation,
        };
        self.keep(head, &text);
    }

    /// Appends what came after.
    pub(crate) fn extend(&mut self, later: &Self) {
        if self.is_empty() {
            self.clone_from(later);
            return;
        }
        for kept in &later.kept {
            self.keep(later.head_of(kept), later.texts.get(kept.body));
        }
    }

    fn keep(&mut self, head: CallHead<'_>, body: &str) {
        let caller = self.callers.number(head.caller);
        let action = (head.service.clone(), head.operation.clone());
        let action = self.actions.number(&action);
        let body = self.texts.push(body);
        self.kept.push(Kept {
            at: head.at,
            caller,
            action,
            body,
        });
    }

    fn head_of(&self, kept: &Kept) -> CallHead<'_> {
        let (service, operation) = self.actions.get(kept.action);
        CallHead {
            at: kept.at,
            caller: self.callers.get(kept.caller),
            service,
            operation,
        }
    }
}

/// The same calls, however they came together.
impl PartialEq for Calls {
    fn eq(&self, other: &Self) -> bool {
        let one = self.kept.iter();
        let mut pairs = one.zip(&other.kept);
        self.len() == other.len()
            && pairs.all(|(one, its)| {
                self.head_of(one) == other.head_of(its)
                    && self.texts.get(one.body) == other.texts.get(its.body)
            })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use wirelab_model::ApiError;

    use super::*;

    fn event(at: u64) -> ApiEvent {
        let reply = match at % 3 {
            0 => Err(ApiError::client("InvalidVpcID.NotFound", "there is none")),
            _ => Ok(json!({ "Return": true, "Items": [at] })),
        };
        let parameters = json!({ "VpcId": "vpc-1", "Number": at });
        ApiEvent {
            at: SimTime::from_secs(at),
            caller: Caller {
                account: format!("{}", at % 2).into(),
                region: "us-east-1".into(),
                principal: "arn".into(),
            },
            call: Call {
                service: "ec2".into(),
                operation: format!("Operation{}", at % 5).into(),
                parameters: parameters.as_object().cloned().unwrap_or_default(),
            },
            reply,
        }
    }

    #[test]
    fn calls_come_back_as_they_were_in_whatever_parts_they_came() {
        let mut whole = Calls::default();
        let (mut first, mut second) = (Calls::default(), Calls::default());
        for at in 0..1_000 {
            whole.push(event(at));
            let half = if at < 400 { &mut first } else { &mut second };
            half.push(event(at));
        }
        first.extend(&second);
        assert!(first == whole && second != whole);
        for at in 0..1_000 {
            let number = usize::try_from(at).expect("a small number");
            assert_eq!(first.get(number), Some(event(at)));
            let head = first.head(number).expect("a call");
            assert_eq!(
                (head.at, head.operation),
                (event(at).at, &event(at).call.operation)
            );
        }
        assert!(first.get(1_000).is_none());
        assert_eq!((first.callers.len(), first.actions.len()), (2, 5));
        let stored = postcard::to_stdvec(&first).expect("a compact form");
        let read: Calls = postcard::from_bytes(&stored).expect("what was stored");
        assert!(read == whole);
    }
}
