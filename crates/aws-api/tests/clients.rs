//! Real clients on loopback: boto3 and the `aws` command line, where they are installed.
//!
//! Each test serves a session of its own. The clients are given fake keys and empty files for their
//! settings and the address of the endpoint, so that none of them can reach anything else.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tempfile::TempDir;
use wirelab_aws_api::{AccessKey, Endpoint, Server, Stopper};
use wirelab_model::Seed;
use wirelab_session::{Content, EntryKind, Session};

mod services;

/// A session that is served.
struct Served {
    home: TempDir,
    lab: PathBuf,
    content: Content,
    url: String,
    key: AccessKey,
    region: String,
    stopper: Stopper,
    thread: Option<JoinHandle<std::io::Result<()>>>,
}

impl Served {
    fn new(lab: &str, seed: u64) -> Self {
        Self::with(lab, seed, false)
    }

    fn with(lab: &str, seed: u64, strict: bool) -> Self {
        Self::of(lab, seed, |endpoint| endpoint.with_strict(strict))
    }

    fn of(lab: &str, seed: u64, set: impl FnOnce(Endpoint) -> Endpoint) -> Self {
        let home = TempDir::new().expect("a temporary folder");
        let content = Content::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."));
        let folder = home.path().join(lab);
        let session = Session::create(&folder, &content, lab, Seed::whole(seed));
        let session = session.unwrap_or_else(|error| panic!("{error}"));
        let caller = session.plan().caller.clone();
        let endpoint = set(Endpoint::new(session, content.clone()));
        let server = Server::bind(endpoint, 0).expect("a port");
        Self {
            home,
            lab: folder,
            content,
            url: server.url(),
            key: AccessKey::of_account(&caller.account),
            region: caller.region.to_string(),
            stopper: server.stopper(),
            thread: Some(std::thread::spawn(|| server.run())),
        }
    }

    /// A client's process: nothing of the machine's settings but where programs are.
    fn client(&self, program: &str) -> Command {
        let empty = self.home.path().join("empty");
        std::fs::write(&empty, "").expect("a writable folder");
        let mut command = Command::new(program);
        command.env_clear().current_dir(self.home.path());
        for name in ["PATH", "PYENV_ROOT", "PYENV_VERSION", "LD_LIBRARY_PATH"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
            .env("HOME", self.home.path())
            .env("NO_PROXY", "127.0.0.1")
            .env("AWS_ENDPOINT_URL", &self.url)
            .env("AWS_ACCESS_KEY_ID", &self.key.id)
            .env("AWS_SECRET_ACCESS_KEY", &self.key.secret)
            .env("AWS_DEFAULT_REGION", &self.region)
            .env("AWS_CONFIG_FILE", &empty)
            .env("AWS_SHARED_CREDENTIALS_FILE", &empty)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_PAGER", "");
        command
    }

    /// `aws` with the words of `line`.
    fn aws(&self, line: &str) -> Output {
        let mut words = line.split_whitespace();
        assert_eq!(words.next(), Some("aws"));
        let mut command = self.client("aws");
        command.args(["--endpoint-url", &self.url]).args(words);
        command.output().expect("aws runs")
    }

    /// Stdout of an `aws` command that succeeds.
    #[track_caller]
    fn done(&self, line: &str) -> String {
        let output = self.aws(line);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{line}\n{out}{err}");
        out.trim().to_owned()
    }

    /// Stdout as text of an `aws` command of these words that succeeds.
    #[track_caller]
    fn said(&self, words: &[&str]) -> String {
        let mut command = self.client("aws");
        command
            .args(["--endpoint-url", &self.url, "--output", "text"])
            .args(words);
        let output = command.output().expect("aws runs");
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "{words:?}\n{out}{err}");
        out.trim().to_owned()
    }

    /// The session as another terminal has it.
    fn session(&self) -> Session {
        let session = Session::open(&self.lab, &self.content);
        session.unwrap_or_else(|error| panic!("{error}"))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stopper.stop();
        let served = self.thread.take().expect("it was started").join();
        if !std::thread::panicking() {
            served.expect("no panic").expect("a listening socket");
        }
    }
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

/// Whether the command succeeds here; if not, says that the test is left out.
fn is_there(program: &str, arguments: &[&str]) -> bool {
    let output = Command::new(program).args(arguments).output();
    let there = output.is_ok_and(|it| it.status.success());
    if !there {
        eprintln!("skipped: `{program} {}` fails here", arguments.join(" "));
    }
    there
}

fn boto3_is_there() -> bool {
    is_there("python3", &["-c", "import boto3"])
}

/// Runs a suite of `tests/clients` over the actions of some services, which says how many checks it
/// made.
fn suite(served: &Served, name: &str, services: &[&str]) -> u32 {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/clients")
        .join(name);
    let actions = wirelab_aws_api::actions().filter(|it| services.contains(&it.0));
    let actions: Vec<_> = actions.map(|it| it.1).collect();
    let mut python = served.client("python3");
    python.arg(file).env("WIRELAB_ACTIONS", actions.join(" "));
    // What the suites share is imported: no trace of that in the tree.
    python.env("PYTHONDONTWRITEBYTECODE", "1");
    let output = python.output().expect("python3 runs");
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{out}{err}");
    let checks = out
        .lines()
        .last()
        .and_then(|it| it.strip_suffix(" checks")?.parse().ok());
    checks.unwrap_or_else(|| panic!("no count of checks:\n{out}{err}"))
}

#[test]
fn boto3_makes_uses_and_removes_everything_that_is_simulated() {
    if boto3_is_there() {
        let served = Served::new("nacl-ephemeral", 7);
        let checks = suite(&served, "everything.py", &["ec2", "sts"]);
        assert!(checks >= 1_900, "only {checks} checks");
        served.session();
    }
}

#[test]
fn what_a_reply_shows_can_be_looked_for() {
    if boto3_is_there() {
        let served = Served::new("nacl-ephemeral", 7);
        let checks = suite(&served, "filters.py", &["ec2"]);
        assert!(checks >= 1_000, "only {checks} checks");
        served.session();
    }
}

#[test]
fn machines_are_what_tools_ask_for() {
    if boto3_is_there() {
        let served = Served::new("sandbox", 1);
        let checks = suite(&served, "machines.py", &[]);
        assert!(checks >= 150, "only {checks} checks");
        served.session();
    }
}

#[test]
fn signatures_are_verified_in_strict_mode() {
    if boto3_is_there() {
        let served = Served::with("nacl-ephemeral", 7, true);
        let checks = suite(&served, "strict.py", &[]);
        assert!(checks >= 15, "only {checks} checks");
    }
}

/// Each look at the clock finds it twenty seconds later, so the test takes as many looks, however
/// fast the machine is.
#[test]
fn programs_that_wait_come_to_their_end_where_time_goes_on_by_itself() {
    if !boto3_is_there() {
        return;
    }
    let looks = AtomicU64::new(0);
    let clock = move || Duration::from_secs(20 * looks.fetch_add(1, Ordering::Relaxed));
    let served = Served::of("nacl-ephemeral", 7, |endpoint| endpoint.with_pace(clock));
    let checks = suite(&served, "waiting.py", &[]);
    assert_eq!(checks, 6);
    let now = served.session().now();
    let again = played_again(&served).now();
    assert!(again >= now, "{again} {now}");
}

/// The session as its journal alone makes it, with no checkpoint.
fn played_again(served: &Served) -> Session {
    let copy = served.home.path().join("copy");
    std::fs::create_dir_all(copy.join(".wirelab")).expect("a writable folder");
    let journal = ".wirelab/journal.jsonl";
    std::fs::copy(served.lab.join(journal), copy.join(journal)).expect("a journal");
    Session::open(&copy, &served.content).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn systems_manager_runs_scripts_where_its_agent_reaches_it() {
    if !boto3_is_there() {
        return;
    }
    let served = Served::new("sandbox", 1);
    let checks = suite(&served, "ssm.py", &["ssm"]);
    assert!(checks >= 60, "only {checks} checks");
    assert_eq!(played_again(&served).now(), served.session().now());
}

#[test]
fn a_network_that_is_built_in_the_sandbox_carries_packets() {
    if !boto3_is_there() {
        return;
    }
    let served = Served::new("sandbox", 1);
    let checks = suite(&served, "sandbox.py", &[]);
    assert!(checks >= 12, "only {checks} checks");
    let mut session = served.session();
    let mut run = |host: &str, line: &str| {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let result = session.exec(host, &words).expect("a machine");
        (result.status, result.combined)
    };
    let curl = "curl -m 5 -s -o /dev/null -w %{http_code} http://web/";
    assert_eq!(run("app", curl), (28, "000".to_owned()));
    let group = "aws ec2 describe-security-groups --group-names web --output text --query \
                 SecurityGroups[0].GroupId";
    let group = served.done(group);
    served.done(&format!(
        "aws ec2 authorize-security-group-ingress --group-id {group} --protocol tcp --port 80 \
         --cidr 172.31.0.0/16"
    ));
    assert_eq!(run("app", curl), (0, "200".to_owned()));
    served.done(&format!(
        "aws ec2 authorize-security-group-ingress --group-id {group} --protocol icmp --port -1 \
         --cidr 172.31.0.0/16"
    ));
    assert_eq!(run("app", "ping -c 1 web").0, 0);
    assert_eq!(run("web", "serve http 80 /=1KiB").0, 1, "the port is taken");
    assert_eq!(run("web", "serve nothing").0, 2);
    assert_eq!(run("web", "python3 -m http.server 8080").0, 0);
    assert_eq!(
        run("web", "curl -s -o /dev/null http://localhost:8080/").0,
        0
    );

    let reset = served
        .client("curl")
        .args(["-sf", "-X", "POST"])
        .arg(format!("{}/_wirelab/reset", served.url))
        .status();
    assert!(reset.expect("curl runs").success());
    assert_eq!(
        served.done("aws ec2 describe-instances --query length(Reservations)"),
        "0"
    );
    assert_eq!(
        served.done("aws ec2 describe-security-groups --query length(SecurityGroups)"),
        "1"
    );
}

#[test]
fn boto3_asks_the_logs_of_the_world() {
    if boto3_is_there() {
        let served = Served::new("nacl-ephemeral", 7);
        let checks = suite(&served, "logs.py", &["logs"]);
        assert!(checks >= 200, "only {checks} checks");
        served.session();
    }
}

#[test]
fn boto3_asks_athena() {
    if boto3_is_there() {
        let served = Served::new("nacl-ephemeral", 7);
        let checks = suite(&served, "athena.py", &["athena"]);
        assert!(checks >= 150, "only {checks} checks");
        served.session();
    }
}

/// The log group of the lab, and how many of its records are REJECT.
fn refused_records(session: &mut Session) -> (String, String) {
    let run = session.run_with_evidence().expect("evidence");
    let log = run.world().resources().flow_logs.values().next();
    let log = log.expect("a flow log");
    let name = log.log_group_name.as_deref().expect("a log group");
    let refused = run.evidence().delivered(&log.flow_log_id, run.now());
    let refused = refused.filter(|it| {
        let flow = it.record.flow.as_ref();
        flow.is_some_and(|flow| flow.action == wirelab_model::FlowAction::Reject)
    });
    (name.to_owned(), refused.count().to_string())
}

/// `aws` starts a query, another process of it reads the rows: those of the engine over the flow
/// log, as `wirelab query` has them.
#[test]
fn the_cli_asks_insights_and_athena_what_the_engine_answers() {
    if !is_there("aws", &["--version"]) {
        return;
    }
    let served = Served::new("nacl-ephemeral", 7);
    let mut session = served.session();
    let (name, refused) = refused_records(&mut session);
    let (start, end) = (
        session.plan().starts.as_secs(),
        session.run().utc().as_secs(),
    );
    let query = "filter action = 'REJECT' | stats count(*) as n";
    let id = served.said(&[
        "logs",
        "start-query",
        "--log-group-name",
        &name,
        "--start-time",
        &start.to_string(),
        "--end-time",
        &end.to_string(),
        "--query-string",
        query,
        "--query",
        "queryId",
    ]);
    let rows = "results[0][0].value";
    let answer = served.said(&[
        "logs",
        "get-query-results",
        "--query-id",
        &id,
        "--query",
        rows,
    ]);
    assert_eq!(answer, refused);
    let lines = ["logs", "filter-log-events", "--log-group-name", &name];
    let lines = [
        &lines[..],
        &["--filter-pattern", "REJECT", "--query", "length(events)"],
    ]
    .concat();
    assert_eq!(served.said(&lines), refused);

    let sql = "SELECT count(*) AS n FROM flow_logs WHERE action = 'REJECT'";
    served.done("aws s3 mb s3://results");
    let id = served.said(&[
        "athena",
        "start-query-execution",
        "--query-string",
        sql,
        "--result-configuration",
        "OutputLocation=s3://results/",
        "--query",
        "QueryExecutionId",
    ]);
    let rows = "ResultSet.Rows[*].Data[0].VarCharValue";
    let results = [
        "athena",
        "get-query-results",
        "--query-execution-id",
        &id,
        "--query",
        rows,
    ];
    assert_eq!(served.said(&results), format!("n\t{refused}"));
    let file = served.lab.join(format!("evidence/s3/results/{id}.csv"));
    let file = std::fs::read_to_string(file).expect("the result lies in its bucket");
    assert_eq!(file, format!("\"n\"\n\"{refused}\"\n"));
}

#[test]
fn no_input_that_the_models_allow_breaks_the_endpoint() {
    if boto3_is_there() {
        let served = Served::new("nacl-ephemeral", 7);
        let checks = suite(&served, "anything.py", &["ec2"]);
        assert!(checks >= 300, "only {checks} checks");
        served.session();
    }
}

#[test]
fn a_route_that_the_cli_makes_carries_the_next_packets_and_is_in_the_journal() {
    if !is_there("aws", &["--version"]) {
        return;
    }
    let served = Served::new("nat-return-path", private_route_seed());
    let mut session = served.session();
    let id = |name: &str| session.plan().names.id(name).expect("a name").to_string();
    let (table, gateway) = (id("route_table.private"), id("nat_gateway.out"));
    let mirror = session.plan().draws["mirror_ip"]
        .as_str()
        .expect("an address");
    let curl = format!("curl -m 5 -s -o /dev/null http://{mirror}/");
    let curl: Vec<String> = curl.split(' ').map(str::to_owned).collect();
    let before = session.exec("worker", &curl).expect("a machine");
    assert_ne!(before.status, 0, "{}", before.combined);

    let routes = served.done(&format!(
        "aws ec2 describe-route-tables --route-table-ids {table} --output text \
         --query RouteTables[0].Routes[].DestinationCidrBlock"
    ));
    assert!(!routes.contains("0.0.0.0/0"), "{routes}");
    served.done(&format!(
        "aws ec2 create-route --route-table-id {table} --destination-cidr-block 0.0.0.0/0 \
         --nat-gateway-id {gateway}"
    ));
    let after = session.exec("worker", &curl).expect("a machine");
    assert_eq!(after.status, 0, "{}", after.combined);
    let made = session.entries().filter(|entry| match &entry.kind {
        EntryKind::Call { call, .. } => call.operation == "CreateRoute",
        _ => false,
    });
    assert_eq!(made.count(), 1);

    // What another terminal takes back is gone for the client.
    session.undo().expect("the second curl");
    session.undo().expect("the route");
    let again = format!(
        "aws ec2 replace-route --route-table-id {table} --destination-cidr-block 0.0.0.0/0 \
         --nat-gateway-id {gateway}"
    );
    let refused = served.aws(&again);
    let said = text(&refused.stderr);
    assert!(
        said.contains("(InvalidParameterValue)") || said.contains("NotFound"),
        "{said}"
    );
    assert!(
        matches!(refused.status.code(), Some(254 | 255)),
        "{:?}",
        refused.status
    );
}

/// A seed that draws the variant whose private subnets have no way out.
fn private_route_seed() -> u64 {
    let content = Content::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."));
    let scenario = content.scenario("nat-return-path").expect("a scenario");
    let drawn = |seed: &u64| {
        let plan = scenario.compile(Seed::whole(*seed)).expect("a plan");
        plan.variant.name == "private-route"
    };
    (1..200).find(drawn).expect("a variant in nine")
}

/// What the command line prints where a service refuses.
const SAID: &[(&str, &str)] = &[
    (
        "aws ec2 delete-vpc --vpc-id vpc-0123456789abcdef0",
        "An error occurred (InvalidVpcID.NotFound) when calling the DeleteVpc operation: The \
         vpc ID 'vpc-0123456789abcdef0' does not exist",
    ),
    (
        "aws ec2 create-vpc --cidr-block 10.50.0.0/16 --dry-run",
        "(DryRunOperation) when calling the CreateVpc operation: Request would have \
         succeeded, but DryRun flag is set.",
    ),
    (
        "aws ec2 describe-vpcs --filters Name=vpcid,Values=x",
        "(InvalidParameterValue)",
    ),
    (
        "aws ec2 describe-snapshots",
        "The action DescribeSnapshots is not valid",
    ),
    (
        "aws ec2 describe-vpcs --region mars-north-1",
        "(AuthFailure)",
    ),
    (
        "aws logs describe-log-streams --log-group-name nobody",
        "An error occurred (ResourceNotFoundException) when calling the DescribeLogStreams \
         operation: The specified log group does not exist.",
    ),
    (
        "aws logs describe-export-tasks",
        "(UnknownOperationException) when calling the DescribeExportTasks operation: The action \
         DescribeExportTasks is not valid for this web service. Did you mean",
    ),
    (
        "aws athena start-query-execution --query-string SELEC",
        "(InvalidRequestException) when calling the StartQueryExecution operation: ",
    ),
    (
        "aws s3 ls s3://nowhere",
        "An error occurred (NoSuchBucket) when calling the ListObjectsV2 operation: The specified \
         bucket does not exist",
    ),
    (
        "aws route53 get-hosted-zone --id Z0123456789",
        "An error occurred (NoSuchHostedZone) when calling the GetHostedZone operation: No hosted \
         zone found with ID: Z0123456789",
    ),
    (
        "aws route53 list-health-checks",
        "The action GET /2013-04-01/healthcheck is not valid for this web service. There are",
    ),
    (
        "aws cloudwatch get-metric-statistics --namespace AWS/NATGateway --metric-name X --period 7 \
         --start-time 2024-03-05T09:00:00Z --end-time 2024-03-05T10:00:00Z --statistics Sum",
        "An error occurred (InvalidParameterValue) when calling the GetMetricStatistics operation: \
         The parameter Period must be",
    ),
    (
        "aws lambda list-functions",
        "does not simulate the service 'lambda'",
    ),
    (
        "aws elbv2 describe-load-balancers",
        "'elasticloadbalancing'",
    ),
];

#[test]
fn the_cli_says_what_the_service_says() {
    if !is_there("aws", &["--version"]) {
        return;
    }
    let served = Served::new("nacl-ephemeral", 7);
    let account = served.session().plan().caller.account.clone();
    for (line, said) in SAID {
        let output = served.aws(line);
        let err = text(&output.stderr);
        assert!(err.contains(said), "{line}\n{err}");
        // 255 in version 1, 254 in version 2.
        assert!(
            matches!(output.status.code(), Some(254 | 255)),
            "{line}: {:?}",
            output.status
        );
    }
    let who = served.done("aws sts get-caller-identity --output text --query Account");
    assert_eq!(who, account);
    served.done("aws ec2 wait vpc-available");
}

#[test]
fn clients_at_once_lose_nothing() {
    if !boto3_is_there() {
        return;
    }
    let served = Served::new("nacl-ephemeral", 7);
    let run = || suite(&served, "at_once.py", &["ec2"]);
    let checks: u32 = std::thread::scope(|scope| {
        let clients = [scope.spawn(run), scope.spawn(run)];
        clients
            .map(|client| client.join().expect("a client"))
            .iter()
            .sum()
    });
    assert!(checks >= 40, "only {checks} checks");
    let session = served.session();
    let made = session.entries().filter(|entry| match &entry.kind {
        EntryKind::Call { call, .. } => call.operation == "CreateSecurityGroup",
        _ => false,
    });
    assert_eq!(made.count(), 20);
}
