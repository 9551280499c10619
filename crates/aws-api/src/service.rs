//! The services that answer here: an entry each, and how one answers.

mod ec2;
mod sts;

use serde_json::{Map, Value};
use wirelab_control::Control;
use wirelab_model::{ApiError, Caller};
use wirelab_session::{Session, SessionError};

use crate::error;
use crate::protocol::Protocol;
use crate::shape::{self, Table};

/// A service.
pub(crate) struct Service {
    /// Its name in scopes, in calls and on the command line.
    pub(crate) name: &'static str,
    pub(crate) protocol: Protocol,
    /// The shapes of its operations.
    pub(crate) table: fn() -> &'static Table,
    answer: fn(&mut Session, Request<'_>) -> Result<Value, Refusal>,
}

/// What is asked of a service.
pub(crate) struct Request<'r> {
    pub(crate) caller: &'r Caller,
    pub(crate) action: &'r str,
    /// By the API's names.
    pub(crate) parameters: Map<String, Value>,
}

/// Why a service does not.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// The API's reasons. Time may have passed all the same.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The session's.
    #[error(transparent)]
    Session(#[from] SessionError),
}

impl Refusal {
    /// What the client is told.
    pub(crate) fn into_api(self) -> ApiError {
        match self {
            Self::Api(error) => error,
            Self::Session(error) => error::session(&error),
        }
    }

    /// The session's reason, where nothing else was asked.
    pub(crate) fn into_session(self) -> SessionError {
        match self {
            Self::Session(error) => error,
            Self::Api(error) => unreachable!("only the session was asked: {error}"),
        }
    }
}

static SERVICES: [Service; 2] = [
    Service {
        name: "ec2",
        protocol: Protocol::Ec2,
        table: shape::ec2,
        answer: ec2::answer,
    },
    Service {
        name: "sts",
        protocol: Protocol::Query,
        table: shape::sts,
        answer: sts::answer,
    },
];

/// Every action that is answered: (service, action).
pub fn actions() -> impl Iterator<Item = (&'static str, &'static str)> {
    let ec2 = Control::operations().map(|it| ("ec2", it.name));
    ec2.chain(sts::ACTIONS.iter().map(|it| ("sts", *it)))
}

/// The service of a scope.
///
/// # Errors
/// A service that is not simulated; the error says which are.
pub(crate) fn find(scope: &str) -> Result<&'static Service, ApiError> {
    let found = SERVICES.iter().find(|it| it.name == scope);
    found.ok_or_else(|| error::unknown_service(scope, &SERVICES.each_ref().map(|it| it.name)))
}

impl Service {
    /// The reply's members, by the API's names.
    ///
    /// # Errors
    /// As [`Refusal`] has them.
    pub(crate) fn answer(
        &self,
        session: &mut Session,
        request: Request<'_>,
    ) -> Result<Value, Refusal> {
        (self.answer)(session, request)
    }

    /// The error for an action that does not exist here.
    pub(crate) fn unknown_action(&self, name: &str) -> ApiError {
        let known: Vec<_> = actions()
            .filter(|it| it.0 == self.name)
            .map(|it| it.1)
            .collect();
        error::unknown_action(self.name, name, &known)
    }
}
