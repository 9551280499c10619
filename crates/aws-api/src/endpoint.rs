//! A session behind the endpoint: a request in, a response out.

use std::hash::{BuildHasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{Request, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use wirelab_model::{ApiError, Caller, SimDuration};
use wirelab_session::{Content, Session, SessionError};

use crate::dialect::Dialect;
use crate::error;
use crate::pace::Pace;
use crate::room::TooLarge;
use crate::service::{self, Desk, Refusal, trail};
use crate::signature::Signature;

/// Answers requests from one session, one at a time.
///
/// Other processes may work on the session meanwhile: each request takes its lock and reads what
/// they have done first. A session that was put aside and started again in the same folder is
/// opened anew.
#[derive(Debug)]
pub struct Endpoint {
    folder: PathBuf,
    content: Content,
    session: Mutex<Option<Session>>,
    /// Whether time has passed since `evidence/` was written.
    has_evidence: AtomicBool,
    requests: AtomicU64,
    salt: RandomState,
    /// Whether signatures are verified.
    strict: bool,
    /// The clock that virtual time follows, if it follows one.
    pace: Option<Pace>,
    /// What those who may stop the server know.
    secret: String,
    /// Queries, for as long as the endpoint runs.
    desk: Desk,
}

impl Endpoint {
    /// An endpoint of the session in `session`'s folder, which is opened again from `content` when
    /// it was replaced.
    #[must_use]
    pub fn new(session: Session, content: Content) -> Self {
        let salt = RandomState::new();
        let secret = format!(
            "{:016x}{:016x}",
            salt.hash_one(0),
            RandomState::new().hash_one(0)
        );
        Self {
            folder: session.dir().to_owned(),
            content,
            session: Mutex::new(Some(session)),
            has_evidence: AtomicBool::new(false),
            requests: AtomicU64::new(0),
            salt,
            strict: false,
            pace: None,
            secret,
            desk: Desk::default(),
        }
    }

    /// Whether a request whose signature is not that of its key's secret, or is too old, is refused
    /// as AWS does. Without it whoever reaches the endpoint is who they say they are.
    #[must_use]
    pub fn with_strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    /// Virtual time follows `clock`, which counts from some moment, from now on. Then what a call
    /// starts takes as long as in AWS: nothing settles at once.
    #[must_use]
    pub fn with_pace(mut self, clock: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        self.pace = Some(Pace::new(Box::new(clock)));
        self
    }

    /// Lets virtual time forward by what has passed on the clock. A session that cannot go on
    /// says so to whoever asks it next.
    pub(crate) fn keep_pace(&self, asks: bool) {
        let Some(by) = self.pace.as_ref().and_then(|it| it.due(asks)) else {
            return;
        };
        let minute = |session: &Session| session.now().as_secs() / 60;
        let is_another = self.with_session(|session| {
            let before = minute(session);
            session.pass(by)?;
            Ok(minute(session) != before)
        });
        // What a second brings is not worth a file.
        if is_another.unwrap_or(false) {
            self.has_evidence.store(true, Ordering::Relaxed);
        }
    }

    /// What [`stop`](crate::stop) must be given.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.secret
    }

    /// Answers one request. Never panics and never fails: what is wrong becomes a response that
    /// the client can read.
    pub fn answer(&self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        let id = self.request_id();
        let answered = catch_unwind(AssertUnwindSafe(|| self.answer_as(request, &id)));
        answered.unwrap_or_else(|_| {
            // Whatever the session was in the middle of, the journal is right.
            *self.lock() = None;
            let scope = Signature::read(request).ok();
            let scope = scope.as_ref().map(|it| it.service.as_str());
            Dialect::of(request, scope).refusal(scope, &error::internal(), &id)
        })
    }

    /// Answers a request whose body was not read.
    pub(crate) fn too_large(&self, head: &Request<Vec<u8>>, why: TooLarge) -> Response<Vec<u8>> {
        let scope = Signature::read(head).ok();
        let scope = scope.as_ref().map(|it| it.service.as_str());
        let error = match why {
            TooLarge::Body(most) => error::too_large(scope, most),
            TooLarge::Now => error::slow_down(),
        };
        Dialect::of(head, scope).refusal(scope, &error, &self.request_id())
    }

    /// Answers a request for which there is no place.
    pub(crate) fn no_place(&self, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
        let scope = Signature::read(request).ok();
        let scope = scope.as_ref().map(|it| it.service.as_str());
        let error = error::no_place(scope);
        Dialect::of(request, scope).refusal(scope, &error, &self.request_id())
    }

    fn answer_as(&self, request: &Request<Vec<u8>>, id: &str) -> Response<Vec<u8>> {
        self.keep_pace(true);
        let signature = match Signature::read(request) {
            Ok(signature) => signature,
            Err(error) => {
                let dialect = Dialect::of(request, None);
                let error = match dialect {
                    // Who does not sign is anybody, and S3 says no more to them.
                    Dialect::S3 => error::access_denied("Access Denied"),
                    _ => error,
                };
                return dialect.refusal(None, &error, id);
            }
        };
        let answered = self.serve(request, &signature, id);
        answered.unwrap_or_else(|refusal| {
            let (error, members) = refusal.into_parts();
            let scope = Some(signature.service.as_str());
            Dialect::of(request, scope).refusal_with(scope, &error, members, id)
        })
    }

    fn serve(
        &self,
        request: &Request<Vec<u8>>,
        signature: &Signature,
        id: &str,
    ) -> Result<Response<Vec<u8>>, Refusal> {
        if self.strict {
            self.verify(request, signature)?;
        }
        if signature.service == "s3" {
            let answered = self.with_session(|session| {
                let caller = signature.caller(session.plan())?;
                let answered = service::s3::answer(session, request, &caller, id);
                note_bucket(session, request, &caller, answered.as_ref().map(drop));
                answered
            });
            return answered;
        }
        let service = service::find(&signature.service)?;
        let (action, parameters) = service.read(request)?;
        let agent = agent(request);
        let reply = self.ask(service, signature, (&action, &parameters), (id, agent))?;
        Ok(service.write(request, &action, &reply, id))
    }

    fn verify(&self, request: &Request<Vec<u8>>, signature: &Signature) -> Result<(), ApiError> {
        let caller = self.with_session(|session| Ok(signature.caller(session.plan())?));
        let caller = caller.map_err(Refusal::into_api)?;
        signature.verify(request, &caller.account, Timestamp::now())
    }

    fn ask(
        &self,
        service: &service::Service,
        signature: &Signature,
        (action, parameters): (&str, &Map<String, Value>),
        (id, agent): (&str, &str),
    ) -> Result<Value, Refusal> {
        self.with_session(|session| {
            let caller = signature.caller(session.plan())?;
            let request = service::Request {
                caller: &caller,
                action,
                parameters: parameters.clone(),
                id,
                desk: &self.desk,
            };
            let before = session.now();
            let calls = session.run().evidence().calls.len();
            let reply = service.answer(session, request);
            let asked = trail::Asked {
                caller: &caller,
                service: service.name,
                action,
                parameters: parameters.clone(),
                agent,
            };
            match &reply {
                Ok(reply) => asked.note(session, calls, Ok(reply)),
                Err(Refusal::Api(error) | Refusal::With(error, _)) => {
                    asked.note(session, calls, Err(error))
                }
                Err(Refusal::Session(_)) => {}
            }
            if session.now() > before {
                self.has_evidence.store(true, Ordering::Relaxed);
            }
            reply
        })
    }

    /// Does what no reply waits for: the journal is handed to the disk, a checkpoint is made, and,
    /// if the clients are quiet, the evidence of time that has passed is written.
    pub(crate) fn settle_down(&self, is_quiet: bool) {
        let mut held = self.lock();
        let Some(session) = held.as_mut() else {
            return;
        };
        // What cannot be written now is written by the next command that needs it.
        if is_quiet && self.has_evidence.swap(false, Ordering::Relaxed) {
            session.write_evidence().map(drop).ok();
            service::cloudtrail::deliver(session).ok();
        }
        session.settle_down().ok();
    }

    /// Writes everything, at the end.
    pub(crate) fn end(&self) {
        if self.pace.is_some() {
            self.has_evidence.store(true, Ordering::Relaxed);
        }
        self.settle_down(true);
    }

    /// How many requests there have been.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Takes everything back to where the lab opened. Of a sandbox anybody may ask for it, of a lab
    /// those who know the secret.
    ///
    /// # Errors
    /// A session that cannot go on.
    pub(crate) fn reset(&self, knows_secret: bool) -> Result<bool, SessionError> {
        let reset = self.with_session(|session| {
            let may = knows_secret || session.lab().name == Content::SANDBOX;
            if may {
                session.reset()?;
                self.desk.clear();
                crate::forget(session)?;
                self.has_evidence.store(true, Ordering::Relaxed);
            }
            Ok(may)
        });
        reset.map_err(Refusal::into_session)
    }

    /// Lets time pass, as `wirelab advance` does. Of a sandbox anybody may ask for it, of a lab
    /// those who know the secret.
    ///
    /// # Errors
    /// A session that cannot go on, or has no room for more evidence.
    pub(crate) fn advance(
        &self,
        knows_secret: bool,
        by: SimDuration,
    ) -> Result<bool, SessionError> {
        let advanced = self.with_session(|session| {
            let may = knows_secret || session.lab().name == Content::SANDBOX;
            if may {
                session.catch_up()?;
                self.has_evidence.store(true, Ordering::Relaxed);
                session.advance(session.now() + by)?;
            }
            Ok(may)
        });
        advanced.map_err(Refusal::into_session)
    }

    /// What this is an endpoint of.
    ///
    /// # Errors
    /// A session that cannot go on.
    pub(crate) fn about(&self) -> Result<About, SessionError> {
        self.keep_pace(true);
        let about = self.with_session(|session| {
            session.catch_up()?;
            Ok(About {
                lab: session.lab().name.clone(),
                folder: session.dir().display().to_string(),
                elapsed_seconds: session.now().as_nanos() / 1_000_000_000,
                utc_seconds: session.run().utc().as_secs(),
            })
        });
        about.map_err(Refusal::into_session)
    }

    /// Asks the session; once more if somebody has started another in its folder.
    fn with_session<T>(
        &self,
        ask: impl Fn(&mut Session) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let mut held = self.lock();
        let session = match held.take() {
            Some(session) => session,
            None => Session::open(&self.folder, &self.content)?,
        };
        let session = held.insert(session);
        session.set_paced(self.pace.is_some());
        let asked = ask(session);
        let Err(Refusal::Session(SessionError::Replaced { .. })) = asked else {
            return asked;
        };
        *held = None;
        self.desk.clear();
        let session = held.insert(Session::open(&self.folder, &self.content)?);
        session.set_paced(self.pace.is_some());
        ask(session)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Session>> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number that nobody else has given, in the form of a UUID.
    fn request_id(&self) -> String {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let hash = self.salt.hash_one(number + 1);
        let (a, b, c) = (hash >> 32, (hash >> 16) & 0xffff, hash & 0xfff);
        format!("{a:08x}-{b:04x}-4{c:03x}-8000-{number:012x}")
    }
}

/// Which session an endpoint serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The lab.
    pub lab: String,
    /// The session's folder.
    pub folder: String,
    /// Virtual time in whole seconds since the scenario's start.
    pub elapsed_seconds: u64,
    /// Virtual UTC in whole seconds since the Unix epoch.
    pub utc_seconds: u64,
}

/// The program that a client says it is.
fn agent(request: &Request<Vec<u8>>) -> &str {
    let agent = request.headers().get("user-agent");
    agent.and_then(|it| it.to_str().ok()).unwrap_or_default()
}

/// Notes what was done with a bucket, if that is an event.
fn note_bucket(
    session: &Session,
    request: &Request<Vec<u8>>,
    caller: &Caller,
    answered: Result<(), &Refusal>,
) {
    let reply = match answered {
        Ok(()) => Ok(&Value::Null),
        Err(Refusal::Api(error) | Refusal::With(error, _)) => Err(error),
        Err(Refusal::Session(_)) => return,
    };
    if let Some((action, bucket)) = service::s3::management_event(request) {
        let asked = trail::Asked {
            caller,
            service: "s3",
            action,
            parameters: Map::from_iter([("bucketName".to_owned(), bucket.into())]),
            agent: agent(request),
        };
        asked.note_event(session, false, reply);
    }
}
