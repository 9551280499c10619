//! A bucket of flow logs in each layout, and answers as tables.

pub(crate) mod draw;

use std::io::Write;
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use wirelab_model::UnixTime;
use wirelab_query::athena::{
    AthenaCatalog, AthenaError, AthenaOptions, AthenaResult, Buckets, StatementType,
};
use wirelab_query::blocking;

/// 2024-03-06 12:00:00 UTC.
const NOW: u64 = 1_709_726_400;

const HEADER: &str = "version account-id interface-id srcaddr dstaddr srcport dstport protocol \
                      packets bytes start end action log-status";

/// 2024-03-05, from 00:00:00.
const FIRST_DAY: &str = "\
2 123456789012 eni-a 10.0.1.5 10.0.2.9 40000 5432 6 10 840 1709596800 1709596830 ACCEPT OK
2 123456789012 eni-a 10.0.1.5 10.0.2.9 40001 5432 6 4 336 1709596860 1709596890 ACCEPT OK
2 123456789012 eni-a 110.0.1.7 10.0.2.9 51000 22 6 1 44 1709596930 1709596960 REJECT OK
2 123456789012 eni-b 10.0.2.9 10.0.1.5 5432 40000 6 8 9000 1709596800 1709596831 ACCEPT OK
2 123456789012 eni-b 10.0.1.20 10.0.2.9 0 0 1 4 336 1709597101 1709597131 ACCEPT OK
2 123456789012 eni-b - - - - - - - 1709597160 1709597220 - NODATA
";

/// 2024-03-06, from 10:00:00.
const SECOND_DAY: &str = "\
2 123456789012 eni-a 110.0.1.7 10.0.2.9 51001 22 6 3 132 1709719200 1709719230 REJECT OK
2 123456789012 eni-a 110.0.1.8 10.0.2.9 51002 3389 6 2 88 1709719260 1709719290 REJECT OK
2 123456789012 eni-b 2001:db8::7 2001:db8:2::9 40100 443 6 20 5000 1709719300 1709719330 ACCEPT OK
2 123456789012 eni-b 10.0.1.5 8.8.8.8 40200 53 17 2 150 1709719305 1709719306 ACCEPT OK
";

const LOGS: &str = "AWSLogs/123456789012/vpcflowlogs/us-east-1";
const HIVE: &str =
    "AWSLogs/aws-account-id=123456789012/aws-service=vpcflowlogs/aws-region=us-east-1";

/// The tables that every case finds.
const SETUP: &[&str] = &[
    "CREATE EXTERNAL TABLE flow (
       version int, account_id string, interface_id string, srcaddr string, dstaddr string,
       srcport int, dstport int, protocol bigint, packets bigint, bytes bigint, start bigint,
       `end` bigint, action string, log_status string)
     PARTITIONED BY (`date` date)
     ROW FORMAT DELIMITED FIELDS TERMINATED BY ' '
     LOCATION 's3://logs/AWSLogs/123456789012/vpcflowlogs/us-east-1/'
     TBLPROPERTIES (\"skip.header.line.count\"=\"1\");",
    "ALTER TABLE flow ADD
       PARTITION (`date`='2024-03-05')
       LOCATION 's3://logs/AWSLogs/123456789012/vpcflowlogs/us-east-1/2024/03/05'
       PARTITION (`date`='2024-03-06')
       LOCATION 's3://logs/AWSLogs/123456789012/vpcflowlogs/us-east-1/2024/03/06'",
];

/// What cases start from.
pub(crate) struct World {
    catalog: AthenaCatalog,
    buckets: Buckets,
}

impl World {
    pub(crate) fn new() -> Self {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let name = "123456789012_vpcflowlogs_us-east-1_fl-1";
        for (day, folder, lines) in [
            ("20240305", "2024/03/05", FIRST_DAY),
            ("20240306", "2024/03/06", SECOND_DAY),
        ] {
            let text = format!("{HEADER}\n{lines}");
            put(
                &store,
                &format!("{LOGS}/{folder}/{name}_{day}T0000Z_1.log.gz"),
                gzip(&text),
            );
            let [year, month, day_of] = [&folder[..4], &folder[5..7], &folder[8..]];
            let hive = format!("{HIVE}/year={year}/month={month}/day={day_of}");
            put(
                &store,
                &format!("{hive}/{name}_{day}T0000Z_1.log"),
                text.into_bytes(),
            );
        }
        put(&store, "lists/_hidden", b"1.1.1.1,hidden\n".to_vec());
        put(
            &store,
            "lists/bad.csv",
            b"110.0.1.7,scanner\n110.0.1.8,botnet\n".to_vec(),
        );
        let quoted = "ip,why,score\n\"110.0.1.7\",\"scans, \"\"loudly\"\"\",7\n110.0.1.8,,9\n";
        put(&store, "quoted/2024/list.csv.gz", gzip(quoted));
        let mut buckets = Buckets::new();
        buckets.insert("logs", store);
        let mut world = Self {
            catalog: AthenaCatalog::default(),
            buckets,
        };
        for statement in SETUP {
            let ran = blocking::athena(statement, &mut world.catalog, &world.buckets, &options());
            ran.unwrap_or_else(|error| panic!("{}", error.report()));
        }
        world
    }

    /// The answer of one statement.
    pub(crate) fn run(
        &self,
        sql: &str,
        options: &AthenaOptions,
    ) -> Result<AthenaResult, AthenaError> {
        blocking::athena(sql, &mut self.catalog.clone(), &self.buckets, options)
    }

    /// Its catalog and buckets.
    pub(crate) fn parts(&self) -> (AthenaCatalog, Buckets) {
        (self.catalog.clone(), self.buckets.clone())
    }

    /// The answer of the last of some statements, or the first error.
    pub(crate) fn show(&self, statements: &str) -> String {
        let mut catalog = self.catalog.clone();
        let mut shown = String::new();
        for sql in statements.split("\n;;\n") {
            match blocking::athena(sql, &mut catalog, &self.buckets, &options()) {
                Ok(result) => shown = table(&result),
                Err(error) => return error.report(),
            }
        }
        shown
    }
}

/// What every statement is run with.
pub(crate) fn options() -> AthenaOptions {
    AthenaOptions::at(UnixTime::from_secs(NOW))
}

fn put(store: &Arc<dyn ObjectStore>, key: &str, bytes: Vec<u8>) {
    let path = Path::from(key);
    let put = store.put(&path, bytes.into());
    futures::executor::block_on(put).expect("memory takes it");
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

/// Names and types, then rows, then notes; NULL as `∅`.
fn table(result: &AthenaResult) -> String {
    let mut lines = Vec::new();
    if result.statement == StatementType::Dml {
        let heads = result
            .columns
            .iter()
            .map(|c| format!("{} {}", c.name, c.ty));
        lines.push(heads.collect::<Vec<_>>().join(" | "));
    } else if result.rows.is_empty() {
        lines.push("done".to_owned());
    }
    for row in &result.rows {
        let cells = row
            .iter()
            .map(|cell| cell.clone().unwrap_or_else(|| "∅".to_owned()));
        lines.push(cells.collect::<Vec<_>>().join(" | ").trim_end().to_owned());
    }
    lines.extend(result.notes.iter().map(|note| format!("note: {note}")));
    lines.join("\n")
}
