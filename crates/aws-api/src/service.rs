//! The services that answer here: an entry each, and how one answers.

mod athena;
pub(crate) mod cloudtrail;
mod cloudwatch;
mod delivery;
mod desk;
mod ec2;
mod iam;
mod kept;
mod logs;
mod question;
mod route53;
pub(crate) mod s3;
mod sts;
mod task;
pub(crate) mod trail;
mod turn;

pub(crate) use athena::forget_tables;
pub(crate) use desk::Desk;
use serde_json::{Map, Value};
use wirelab_model::{ApiError, Caller};
use wirelab_session::{Session, SessionError};

use crate::error;
use crate::protocol::form::Form;
use crate::protocol::{Codes, Protocol, cbor, json, rest_xml, xml};
use crate::shape::{self, Table};

/// A service.
pub(crate) struct Service {
    /// Its name in scopes, in calls and on the command line.
    pub(crate) name: &'static str,
    /// What it is spoken to in.
    protocols: &'static [Protocol],
    /// The shapes of its operations.
    pub(crate) table: fn() -> &'static Table,
    answer: fn(&mut Session, Request<'_>) -> Result<Value, Refusal>,
    /// What it answers, sorted.
    actions: fn() -> Vec<&'static str>,
}

/// What is asked of a service.
#[derive(Clone)]
pub(crate) struct Request<'r> {
    pub(crate) caller: &'r Caller,
    pub(crate) action: &'r str,
    /// By the API's names.
    pub(crate) parameters: Map<String, Value>,
    /// The request's, which no other has.
    pub(crate) id: &'r str,
    /// What the endpoint remembers of questions.
    pub(crate) desk: &'r Desk,
}

/// Why a service does not.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// The API's reasons. Time may have passed all the same.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The same with the further members that the exception has in the API's model.
    #[error("{0}")]
    With(ApiError, Box<Map<String, Value>>),
    /// The session's.
    #[error(transparent)]
    Session(#[from] SessionError),
}

impl Refusal {
    /// What the client is told.
    pub(crate) fn into_api(self) -> ApiError {
        match self {
            Self::Api(error) | Self::With(error, _) => error,
            Self::Session(error) => error::session(&error),
        }
    }

    /// The same, and the members beside its message.
    pub(crate) fn into_parts(self) -> (ApiError, Map<String, Value>) {
        match self {
            Self::With(error, members) => (error, *members),
            other => (other.into_api(), Map::new()),
        }
    }

    /// The session's reason, where nothing else was asked.
    pub(crate) fn into_session(self) -> SessionError {
        match self {
            Self::Session(error) => error,
            Self::Api(error) | Self::With(error, _) => {
                unreachable!("only the session was asked: {error}")
            }
        }
    }
}

/// The code of Service Quotas for parameters that it does not take.
const ILLEGAL_ARGUMENT: &str = "IllegalArgumentException";

static SERVICES: [Service; 10] = [
    Service {
        name: "athena",
        protocols: &[Protocol::Json {
            version: "1.1",
            codes: Codes::all(athena::INVALID),
        }],
        table: shape::athena,
        answer: athena::answer,
        actions: athena::actions,
    },
    Service {
        name: "cloudtrail",
        protocols: &[Protocol::Json {
            version: "1.1",
            codes: cloudtrail::CODES,
        }],
        table: shape::cloudtrail,
        answer: cloudtrail::answer,
        actions: cloudtrail::actions,
    },
    Service {
        name: "ec2",
        protocols: &[Protocol::Ec2],
        table: shape::ec2,
        answer: ec2::answer,
        actions: ec2::actions,
    },
    Service {
        name: "iam",
        protocols: &[Protocol::Query { codes: None }],
        table: shape::iam,
        answer: iam::answer,
        actions: iam::actions,
    },
    Service {
        name: "logs",
        protocols: &[Protocol::Json {
            version: "1.1",
            codes: Codes::all(logs::INVALID),
        }],
        table: shape::logs,
        answer: logs::answer,
        actions: logs::actions,
    },
    Service {
        name: "monitoring",
        protocols: &[
            Protocol::Json {
                version: "1.0",
                codes: cloudwatch::CODES,
            },
            Protocol::Cbor {
                codes: cloudwatch::CODES,
            },
            Protocol::Query {
                codes: Some(cloudwatch::CODES),
            },
        ],
        table: shape::monitoring,
        answer: cloudwatch::answer,
        actions: cloudwatch::actions,
    },
    Service {
        name: "route53",
        protocols: &[Protocol::RestXml {
            codes: route53::CODES,
        }],
        table: shape::route53,
        answer: route53::answer,
        actions: || kept::actions("route53"),
    },
    Service {
        name: "servicequotas",
        protocols: &[Protocol::Json {
            version: "1.1",
            codes: Codes::all(ILLEGAL_ARGUMENT),
        }],
        table: shape::servicequotas,
        answer: |session, request| {
            kept::answer(session, "servicequotas", request, ILLEGAL_ARGUMENT)
        },
        actions: || kept::actions("servicequotas"),
    },
    Service {
        name: "ssm",
        protocols: &[Protocol::Json {
            version: "1.1",
            codes: Codes::all("ValidationException"),
        }],
        table: shape::ssm,
        answer: |session, request| kept::answer(session, "ssm", request, "ValidationException"),
        actions: || kept::actions("ssm"),
    },
    Service {
        name: "sts",
        protocols: &[Protocol::Query { codes: None }],
        table: shape::sts,
        answer: sts::answer,
        actions: || sts::ACTIONS.to_vec(),
    },
];

/// Every action that is answered: (service, action).
pub fn actions() -> impl Iterator<Item = (&'static str, &'static str)> {
    let each = |it: &'static Service| (it.actions)().into_iter().map(|name| (it.name, name));
    SERVICES.iter().flat_map(each)
}

/// The service of a scope.
///
/// # Errors
/// A service that is not simulated; the error says which are.
pub(crate) fn find(scope: &str) -> Result<&'static Service, ApiError> {
    let found = SERVICES.iter().find(|it| it.name == scope);
    found.ok_or_else(|| {
        let mut names = SERVICES.each_ref().map(|it| it.name).to_vec();
        names.push("s3");
        names.sort_unstable();
        error::unknown_service(scope, &names)
    })
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

    /// The action that a request asks for, which exists, and its parameters by the API's names.
    ///
    /// # Errors
    /// No such action; what the protocol or the shapes do not allow.
    pub(crate) fn read(
        &self,
        request: &http::Request<Vec<u8>>,
    ) -> Result<(String, Map<String, Value>), ApiError> {
        let table = (self.table)();
        let input = |action: &str| match table.signature(action) {
            Some(signature) => Ok(signature.input.as_deref()),
            None => Err(self.unknown_action(action)),
        };
        let protocol = self.protocol(request);
        let body = request.body();
        match protocol {
            Protocol::Json { codes, .. } => {
                let action = json::action(request.headers());
                let action = action.ok_or_else(|| self.unknown_action(""))?;
                let parameters = json::parameters(body, table, input(&action)?, codes)?;
                Ok((action, parameters))
            }
            Protocol::Cbor { codes } => {
                let action = cbor::action(request.uri().path()).unwrap_or_default();
                let input = input(action)?;
                let parameters = json::checked(cbor::value(body)?, table, input, codes)?;
                Ok((action.to_owned(), parameters))
            }
            Protocol::RestXml { .. } => {
                let found = rest_xml::action(table, request);
                let unknown = || rest_xml::unknown(self.name, request, &(self.actions)());
                let found = found.ok_or_else(unknown)?;
                let action = found.0.to_owned();
                let parameters = rest_xml::parameters(protocol, table, found, request)?;
                Ok((action, parameters))
            }
            Protocol::Ec2 | Protocol::Query { .. } => {
                let mut form = Form::read(form_of(request))?;
                let action = form.action.take().ok_or_else(error::missing_action)?;
                form.check_version(table)?;
                let input = input(&action)?;
                let mut parameters = form.parameters(protocol, table, input)?;
                if let Protocol::Query { codes: Some(codes) } = protocol {
                    parameters = json::checked(parameters.into(), table, input, codes)?;
                }
                Ok((action, parameters))
            }
        }
    }

    /// The protocol that the request is written in, or else the first.
    fn protocol(&self, request: &http::Request<Vec<u8>>) -> Protocol {
        let mut all = self.protocols.iter();
        *all.find(|it| it.is_of(request))
            .unwrap_or(&self.protocols[0])
    }

    /// The response with the reply to an action that [`Self::read`] gave for the request.
    pub(crate) fn write(
        &self,
        request: &http::Request<Vec<u8>>,
        action: &str,
        reply: &Value,
        id: &str,
    ) -> http::Response<Vec<u8>> {
        let table = (self.table)();
        let signature = table.signature(action).expect("reading has found it");
        let ok = http::StatusCode::OK;
        match self.protocol(request) {
            Protocol::Json { version, .. } => {
                json::response(version, id, json::reply(table, signature, reply))
            }
            Protocol::Cbor { .. } => cbor::response(ok, id, cbor::reply(table, signature, reply)),
            protocol @ Protocol::RestXml { .. } => {
                rest_xml::response(protocol, table, action, reply, id)
            }
            protocol => {
                let body = xml::reply(protocol, table, (action, signature), reply, id);
                xml::response(ok, id, body)
            }
        }
    }

    /// The error for an action that does not exist here.
    fn unknown_action(&self, name: &str) -> ApiError {
        let code = match self.protocols[0] {
            Protocol::Json { .. } | Protocol::Cbor { .. } => "UnknownOperationException",
            _ => "InvalidAction",
        };
        error::unknown_action(code, self.name, name, &(self.actions)())
    }
}

/// The form of a request: its body; of one without, the query of its address.
fn form_of(request: &http::Request<Vec<u8>>) -> &[u8] {
    match request.body().as_slice() {
        [] => request.uri().query().unwrap_or_default().as_bytes(),
        body => body,
    }
}
