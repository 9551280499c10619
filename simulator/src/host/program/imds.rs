//! Reads from the instance metadata service, as an SDK makes them: version 2 asks for a session
//! token first (EC2 User Guide, "Use the Instance Metadata Service").

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::http::{Ask, HttpClient};
use super::{Act, Done};

const HOST: &str = "169.254.169.254";
const USER_AGENT: &str =
    "Boto3/1.34.69 md/Botocore#1.34.69 ua/2.0 os/linux#6.1.82 lang/python#3.9.16";

/// One read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ImdsClient {
    path: String,
    /// The token is still to come.
    wants_token: bool,
    http: HttpClient,
}

fn client(method: &str, path: &str, header: Option<String>) -> HttpClient {
    HttpClient::new(Ask {
        method: method.to_owned(),
        path: path.to_owned(),
        host: HOST.to_owned(),
        user_agent: USER_AGENT.to_owned(),
        body_bytes: 0,
        headers: header.into_iter().collect(),
        close: false,
    })
    .keeping_body()
}

impl ImdsClient {
    pub(crate) fn new(version: u8, path: &str) -> Self {
        let wants_token = version == 2;
        let http = if wants_token {
            let ttl = "X-aws-ec2-metadata-token-ttl-seconds: 21600".to_owned();
            client("PUT", "/latest/api/token", Some(ttl))
        } else {
            client("GET", path, None)
        };
        Self {
            path: path.to_owned(),
            wants_token,
            http,
        }
    }

    pub(crate) fn start(&mut self) -> Vec<Act> {
        self.http.start()
    }

    pub(crate) fn on_data(&mut self, data: Vec<Bytes>) -> Vec<Act> {
        let mut acts = self.http.on_data(data);
        let status = self.http.status();
        if acts.is_empty() || !self.wants_token || status != Some(200) {
            for act in &mut acts {
                *act = Act::Done(Done { status, last: true });
            }
            return acts;
        }
        self.wants_token = false;
        let token = String::from_utf8_lossy(&self.http.body.concat()).into_owned();
        let header = format!("X-aws-ec2-metadata-token: {token}");
        self.http = client("GET", &self.path, Some(header));
        self.http.start()
    }
}
