//! Parameters as Logs' own actions read them. The codec has held them against the model.

use serde_json::{Map, Value};
use wirelab_model::ApiError;

use super::INVALID;
use crate::error;
use crate::service::Request;

/// The parameters of one call, each to be taken once.
pub(super) struct Parameters<'r> {
    action: &'r str,
    values: Map<String, Value>,
}

impl<'r> Parameters<'r> {
    pub(super) fn of(request: &Request<'r>) -> Self {
        Self {
            action: request.action,
            values: request.parameters.clone(),
        }
    }

    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        match self.values.remove(name) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        }
    }

    pub(super) fn number(&mut self, name: &str) -> Option<i64> {
        self.values.remove(name)?.as_i64()
    }

    /// A moment or a count, which is not negative.
    pub(super) fn count(&mut self, name: &str) -> Result<Option<u64>, ApiError> {
        let number = self.number(name);
        let count = number.map(u64::try_from).transpose();
        count.map_err(|_| invalid(format!("{name} must not be negative")))
    }

    pub(super) fn flag(&mut self, name: &str) -> bool {
        self.values.remove(name) == Some(Value::Bool(true))
    }

    pub(super) fn texts(&mut self, name: &str) -> Vec<String> {
        let Some(Value::Array(values)) = self.values.remove(name) else {
            return Vec::new();
        };
        let texts = values.into_iter().filter_map(|it| match it {
            Value::String(text) => Some(text),
            _ => None,
        });
        texts.collect()
    }

    /// The group: by name, or by name or ARN as identifier.
    pub(super) fn group(&mut self) -> Result<String, ApiError> {
        match (self.text("logGroupName"), self.text("logGroupIdentifier")) {
            (Some(name), None) | (None, Some(name)) => Ok(name),
            (Some(_), Some(_)) => Err(invalid(
                "LogGroup name and LogGroup ARN are mutually exclusive parameters.",
            )),
            (None, None) => Err(invalid("logGroupName or logGroupIdentifier must be given.")),
        }
    }

    /// Refuses what nothing has taken: the API has it and the simulation does not.
    pub(super) fn end(mut self) -> Result<(), ApiError> {
        // It shows what masks hide; nothing is masked here.
        self.values.remove("unmask");
        match self.values.keys().next() {
            Some(name) => Err(error::not_simulated(INVALID, self.action, name)),
            None => Ok(()),
        }
    }
}

pub(super) fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::client(INVALID, message)
}

pub(super) fn not_found(message: &str) -> ApiError {
    ApiError::client("ResourceNotFoundException", message)
}
