//! A thousand random queries over random flow-log rows, answered here and by DuckDB: the rows must
//! be the same. Only what both mean alike is drawn; where they write it differently (division of
//! integers is `//` there) a query is written twice.
//!
//! Needs a Python that can `import duckdb`: `python3` on the path, or the one that `WIRELAB_PYTHON`
//! names; without one it says so and passes. `WIRELAB_QUERIES` in the environment asks for more
//! queries, `WIRELAB_SEED` for others.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use crate::athena_support::draw::{self, Draw};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use wirelab_model::UnixTime;
use wirelab_query::athena::{AthenaCatalog, AthenaOptions, Buckets};
use wirelab_query::blocking;

const ROWS: u64 = 300;

const TABLE: &str = "CREATE EXTERNAL TABLE flow (id int, srcaddr string, dstaddr string,
    srcport int, dstport int, protocol int, packets bigint, bytes bigint, start bigint,
    action string) ROW FORMAT DELIMITED FIELDS TERMINATED BY ' ' LOCATION 's3://logs/flow/'";

/// Reads queries, one JSON text a line; writes rows of texts, one JSON array a line.
const PEER: &str = r#"
import duckdb, json, sys
con = duckdb.connect()
con.execute("SET default_null_order = 'nulls_last'")
con.execute("SET threads = 1")
con.execute("CREATE TABLE flow (id int, srcaddr text, dstaddr text, srcport int, dstport int, "
            "protocol int, packets bigint, bytes bigint, start bigint, action text)")
for line in open(sys.argv[1]):
    row = [None if v == '\\N' else v for v in line.rstrip('\n').split(' ')]
    con.execute("INSERT INTO flow VALUES (?,?,?,?,?,?,?,?,?,?)", row)
def text(v):
    if v is None: return None
    if isinstance(v, bool): return 'true' if v else 'false'
    return repr(v) if isinstance(v, float) else str(v)
for line in open(sys.argv[2]):
    try:
        rows = [[text(v) for v in row] for row in con.execute(json.loads(line)).fetchall()]
        print(json.dumps(rows))
    except Exception as e:
        print(json.dumps(str(e)))
"#;

/// A number from the environment.
fn asked(name: &str, usual: u64) -> u64 {
    let asked = std::env::var(name).ok();
    asked.and_then(|text| text.parse().ok()).unwrap_or(usual)
}

fn python() -> Command {
    let named = std::env::var_os("WIRELAB_PYTHON");
    Command::new(named.unwrap_or_else(|| "python3".into()))
}

type Rows = Vec<Vec<Option<String>>>;

#[test]
fn random_queries_answer_as_duckdb_does() {
    let able = python().args(["-c", "import duckdb"]).output();
    if !able.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: {:?} cannot import duckdb", python().get_program());
        return;
    }
    let (seed, count) = (asked("WIRELAB_SEED", 7), asked("WIRELAB_QUERIES", 1000));
    let mut draw = Draw::new(seed);
    let data = draw.rows(ROWS);
    let queries: Vec<draw::Query> = (0..count).map(|_| draw.query()).collect();
    let theirs = peer(&data, &queries);
    let ours = answers(&data, &queries);
    let mut different = Vec::new();
    let mut failed = 0;
    for ((query, ours), theirs) in queries.iter().zip(ours).zip(theirs) {
        let (mut ours, mut theirs) = match (ours, theirs) {
            (Ok(ours), Ok(theirs)) => (ours, theirs),
            // A query that fails must fail in both.
            (Err(_), Err(_)) => {
                failed += 1;
                continue;
            }
            (ours, theirs) => {
                different.push(format!("{}\n{ours:?}\n{theirs:?}", query.trino));
                continue;
            }
        };
        if !query.ordered {
            ours.sort();
            theirs.sort();
        }
        if !same(&ours, &theirs) {
            different.push(format!("{}\n{ours:?}\n{theirs:?}", query.trino));
        }
    }
    let n = different.len();
    assert!(
        n == 0,
        "{n} differ, such as\n{}",
        different[..n.min(5)].join("\n\n")
    );
    assert!(
        failed * 20 < count,
        "{failed} queries fail in both, which says little"
    );
}

fn same(ours: &Rows, theirs: &Rows) -> bool {
    let cell = |a: &Option<String>, b: &Option<String>| match (a, b) {
        (Some(a), Some(b)) => a == b || near(a, b),
        (a, b) => a == b,
    };
    ours.len() == theirs.len()
        && ours
            .iter()
            .zip(theirs)
            .all(|(a, b)| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| cell(a, b)))
}

/// Sums of doubles depend on their order in the last digits.
fn near(a: &str, b: &str) -> bool {
    let both = a.parse::<f64>().ok().zip(b.parse::<f64>().ok());
    both.is_some_and(|(a, b)| (a - b).abs() <= 1e-9 * a.abs().max(b.abs()))
}

fn answers(data: &str, queries: &[draw::Query]) -> Vec<Result<Rows, String>> {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let path = Path::from("flow/1.log");
    let put = store.put(&path, data.as_bytes().to_vec().into());
    futures::executor::block_on(put).expect("memory takes it");
    let mut buckets = Buckets::new();
    buckets.insert("logs", store);
    let mut catalog = AthenaCatalog::default();
    let options = AthenaOptions::at(UnixTime::from_secs(0));
    blocking::athena(TABLE, &mut catalog, &buckets, &options).expect("a table");
    let mut answer = |query: &draw::Query| {
        let result = blocking::athena(&query.trino, &mut catalog, &buckets, &options);
        result
            .map(|result| result.rows)
            .map_err(|error| error.to_string())
    };
    queries.iter().map(&mut answer).collect()
}

fn peer(data: &str, queries: &[draw::Query]) -> Vec<Result<Rows, String>> {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let (rows, texts) = (folder.join("duckdb-rows"), folder.join("duckdb-queries"));
    let lines = queries
        .iter()
        .map(|query| serde_json::json!(query.duckdb).to_string() + "\n");
    fs::write(&rows, data).expect("a file");
    fs::write(&texts, lines.collect::<String>()).expect("a file");
    let output = python().args(["-c", PEER]).arg(&rows).arg(&texts).output();
    let output = output.expect("python3 runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).expect("a text");
    let answers: Vec<_> = text
        .lines()
        .map(|line| match serde_json::from_str::<Rows>(line) {
            Ok(rows) => Ok(rows),
            Err(_) => Err(line.to_owned()),
        })
        .collect();
    assert_eq!(answers.len(), queries.len());
    answers
}
