//! The same query gives the same rows whatever holds the records: gzip text in a bucket's layout
//! and Parquet, each as a table of DDL and as one that says itself what it is, and a log group in
//! memory. One thing differs, as it does at AWS: what text has as `-` is NULL in Parquet.

use std::sync::Arc;
use std::time::{Duration, Instant};

use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use wirelab_flowlog::read::LogText;
use wirelab_flowlog::{LogFormat, parquet, s3};
use wirelab_model::UnixTime;
use wirelab_query::athena::{
    AthenaCatalog, AthenaOptions, AthenaResult, Buckets, FLOW_LOGS, Limits, athena,
};
use wirelab_query::{LogFiles, LogGroup, blocking};

/// 2024-03-05 00:00:00 UTC.
const START: u64 = 1_709_596_800;

/// What has not ended by then never will, on the busiest machine: a guard, not a measure.
const END: Duration = Duration::from_secs(600);

/// Default fields and some of later versions, in an order of their own.
const HEADER: &str = "version interface-id srcaddr dstaddr srcport dstport protocol packets bytes \
                      start end action log-status tcp-flags vpc-id flow-direction";

const COLUMNS: &str = "version int, interface_id string, srcaddr string, dstaddr string,
    srcport int, dstport int, protocol bigint, packets bigint, bytes bigint, start bigint,
    `end` bigint, action string, log_status string, tcp_flags int, vpc_id string,
    flow_direction string";

/// What people ask of flow logs; `{t}` is the table.
const QUERIES: &[&str] = &[
    "SELECT * FROM {t} ORDER BY start, interface_id, srcaddr, srcport",
    "SELECT srcaddr, dstaddr, sum(bytes) AS b FROM {t} WHERE bytes IS NOT NULL
     GROUP BY srcaddr, dstaddr ORDER BY b DESC, srcaddr, dstaddr LIMIT 20",
    "SELECT start - start % 300 AS t, count(*) AS n FROM {t} WHERE action = 'REJECT'
     GROUP BY start - start % 300 ORDER BY t",
    "SELECT srcaddr, count(DISTINCT dstport) AS n FROM {t} GROUP BY srcaddr
     HAVING count(DISTINCT dstport) > 1 ORDER BY n DESC, srcaddr LIMIT 50",
    "SELECT srcaddr, count(*) AS n FROM {t} WHERE action = 'REJECT' AND dstport = 22
     AND protocol = 6 GROUP BY srcaddr ORDER BY n DESC, srcaddr LIMIT 20",
    "SELECT log_status, coalesce(action, '-'), count(*), count(dstport), count(tcp_flags) FROM {t}
     GROUP BY 1, 2 ORDER BY 1, 2",
    "SELECT date_trunc('minute', from_unixtime(start)) AS minute, flow_direction, sum(packets)
     FROM {t} WHERE log_status = 'OK' GROUP BY 1, 2 ORDER BY 1, 2",
    "SELECT DISTINCT srcaddr FROM {t} WHERE log_status = 'OK'
     AND contains('2001:db8::/32', CAST(srcaddr AS IPADDRESS)) ORDER BY 1 LIMIT 5",
];

fn lines() -> Vec<String> {
    let line = |n: u64| {
        let (start, eni) = (START + n * 7 % 720, n % 3);
        let end = start + 30 + n % 30;
        if n.is_multiple_of(17) {
            return format!("5 eni-{eni} - - - - - - - {start} {end} - NODATA - - -");
        }
        let from = match n % 5 {
            0 => format!("2001:db8::{n:x}"),
            _ => format!("10.0.1.{}", n % 40),
        };
        let (port, action) = (
            [22, 443, 53][(n % 3) as usize],
            ["ACCEPT", "REJECT"][(n % 4 / 3) as usize],
        );
        let (packets, bytes, source) = (n % 9 + 1, n * 131 % 5000, 40_000 + n);
        let way = ["ingress", "egress"][(n % 2) as usize];
        format!(
            "5 eni-{eni} {from} 10.0.2.9 {source} {port} 6 {packets} {bytes} {start} {end} \
             {action} OK {} vpc-1 {way}",
            n % 20
        )
    };
    (1..400).map(line).collect()
}

async fn put(store: &Arc<dyn ObjectStore>, key: &str, bytes: Vec<u8>) {
    let put = store.put(&Path::from(key), bytes.into()).await;
    put.expect("memory takes it");
}

fn with_header(lines: &[String]) -> String {
    format!("{HEADER}\n{}\n", lines.join("\n"))
}

fn columns_of(lines: &[String]) -> Vec<u8> {
    let text = with_header(lines);
    let read = LogText::from_bytes(text.as_bytes(), None).expect("a log file");
    let records = read.to_flow_records().expect("records");
    parquet::write(read.format(), &records)
}

/// Two files of each kind, as a bucket has them.
async fn bucket(lines: &[String]) -> Arc<dyn ObjectStore> {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    for (part, lines) in lines.chunks(200).enumerate() {
        let name = format!("123456789012_vpcflowlogs_us-east-1_fl-1_20240305T00{part}0Z_1");
        let folder = "AWSLogs/123456789012/vpcflowlogs/us-east-1/2024/03/05";
        let text = s3::gzip(with_header(lines).as_bytes());
        put(&store, &format!("text/{folder}/{name}.log.gz"), text).await;
        let folder = "AWSLogs/aws-account-id=123456789012/aws-service=vpcflowlogs/\
                      aws-region=us-east-1/year=2024/month=03/day=05";
        let key = format!("columns/{folder}/{name}.log.parquet");
        put(&store, &key, columns_of(lines)).await;
    }
    store
}

struct World {
    catalog: AthenaCatalog,
    buckets: Buckets,
    threads: usize,
}

impl World {
    async fn new() -> Self {
        let lines = lines();
        let store = bucket(&lines).await;
        let (mut catalog, mut buckets) = (AthenaCatalog::default(), Buckets::new());
        for (table, prefix) in [("found_text", "text"), ("found_columns", "columns")] {
            let found = LogFiles::open(Arc::clone(&store), prefix, None).await;
            catalog.add_logs("default", table, found.expect("logs"), &mut buckets);
        }
        let format = LogFormat::from_header(HEADER).expect("a format");
        let mut group = LogGroup::flow_log("flow", "123456789012", format);
        for line in &lines {
            let at = START * 1000;
            group.events.push(at, at + 60_000, "eni-0-all", line);
        }
        // One that has not arrived.
        group
            .events
            .push(0, (START + 90_000) * 1000, "eni-0-all", &lines[1]);
        catalog.add_logs("default", FLOW_LOGS, group, &mut buckets);
        buckets.insert("logs", store);
        let mut world = Self {
            catalog,
            buckets,
            threads: 1,
        };
        let text = format!(
            "CREATE EXTERNAL TABLE defined_text ({COLUMNS}) PARTITIONED BY (region string, day string)
             ROW FORMAT DELIMITED FIELDS TERMINATED BY ' '
             LOCATION 's3://logs/text/AWSLogs/123456789012/vpcflowlogs/'
             TBLPROPERTIES ('skip.header.line.count'='1', 'projection.enabled'='true',
               'projection.region.type'='enum', 'projection.region.values'='us-east-1,us-west-2',
               'projection.day.type'='date', 'projection.day.range'='2024/03/01,NOW',
               'projection.day.format'='yyyy/MM/dd', 'storage.location.template'=
               's3://logs/text/AWSLogs/123456789012/vpcflowlogs/${{region}}/${{day}}')"
        );
        let columns = format!(
            "CREATE EXTERNAL TABLE defined_columns ({COLUMNS})
             PARTITIONED BY (`aws-account-id` string, `aws-service` string, `aws-region` string,
               `year` string, `month` string, `day` string)
             STORED AS PARQUET LOCATION 's3://logs/columns/AWSLogs/'"
        );
        for sql in [&text, &columns, "MSCK REPAIR TABLE defined_columns"] {
            world.ask(sql).await;
        }
        world
    }

    async fn ask(&mut self, sql: &str) -> AthenaResult {
        let answer = self.try_ask(sql).await;
        answer.unwrap_or_else(|report| panic!("{sql}\n{report}"))
    }

    async fn try_ask(&mut self, sql: &str) -> Result<AthenaResult, String> {
        let options = AthenaOptions {
            limits: Limits {
                threads: self.threads,
                ..Limits::default()
            },
            ..AthenaOptions::at(UnixTime::from_secs(START + 86_400))
        };
        let answer = athena(sql, &mut self.catalog, &self.buckets, &options).await;
        answer.map_err(|error| error.report())
    }
}

fn without_dashes(row: &mut [Option<String>]) {
    let dash = |cell: &&mut Option<String>| cell.as_deref() == Some("-");
    row.iter_mut().filter(dash).for_each(|cell| *cell = None);
}

fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime").block_on(work)
}

#[test]
fn the_same_query_gives_the_same_rows_whatever_holds_the_records() {
    run(async {
        let mut world = World::new().await;
        for query in QUERIES {
            let of = |table: &str| query.replace("{t}", table);
            let mut memory = world.ask(&of(FLOW_LOGS)).await;
            memory.rows.iter_mut().for_each(|row| without_dashes(row));
            assert!(!memory.rows.is_empty(), "{query}");
            let width = memory.columns.len();
            for table in [
                "found_text",
                "found_columns",
                "defined_text",
                "defined_columns",
            ] {
                let mut other = world.ask(&of(table)).await;
                // Behind `*` a table of DDL has its partitions' columns.
                other.rows.iter_mut().for_each(|row| row.truncate(width));
                other.rows.iter_mut().for_each(|row| without_dashes(row));
                assert_eq!(other.columns[..width], memory.columns, "{table}: {query}");
                assert!(other.bytes_scanned > 0, "{table}");
                for (at, (mine, theirs)) in memory.rows.iter().zip(&other.rows).enumerate() {
                    assert_eq!(mine, theirs, "row {at} of {table}: {query}");
                }
                assert_eq!(other.rows.len(), memory.rows.len(), "{table}: {query}");
            }
        }
    });
}

#[test]
fn a_table_that_does_not_fit_its_files_is_told_so() {
    run(async {
        let mut world = World::new().await;
        let wrong_type = "CREATE EXTERNAL TABLE wrong_type (srcaddr int)
            STORED AS PARQUET LOCATION 's3://logs/columns/AWSLogs/'";
        let seconds = "CREATE EXTERNAL TABLE seconds (line string) PARTITIONED BY (day string)
            LOCATION 's3://logs/text/' TBLPROPERTIES ('projection.enabled'='true',
              'projection.day.type'='date', 'projection.day.range'='0001/01/01,NOW',
              'projection.day.format'='yyyy/MM/dd', 'projection.day.interval'='1',
              'projection.day.interval.unit'='SECONDS')";
        for (ddl, query, why) in [
            (
                wrong_type,
                "SELECT srcaddr FROM wrong_type",
                "HIVE_BAD_DATA: Cannot cast",
            ),
            (
                seconds,
                "SELECT count(*) FROM seconds",
                "projection.day.range has too many values",
            ),
        ] {
            world.ask(ddl).await;
            let report = world.try_ask(query).await.expect_err(query);
            assert!(report.contains(why), "{report}");
        }
    });
}

#[test]
fn a_ready_table_is_in_the_catalog_like_any_other() {
    run(async {
        let mut world = World::new().await;
        let tables = world.ask("SHOW TABLES").await.to_file();
        assert!(tables.contains("flow_logs\n"), "{tables}");
        let described = world.ask("DESCRIBE flow_logs").await.to_file();
        assert!(described.starts_with("version\tint\t\n"), "{described}");
        assert!(described.contains("protocol\tbigint\t\n"), "{described}");
        assert!(
            described.contains("flow_direction\tstring\t\n"),
            "{described}"
        );
        let joined =
            "SELECT count(*) FROM flow_logs a JOIN defined_text b ON a.srcport = b.srcport";
        let joined = world.ask(joined).await;
        assert_eq!(joined.rows, [[Some("376".to_owned())]]);
        world
            .ask("CREATE VIEW ssh AS SELECT srcaddr FROM flow_logs WHERE dstport = 22")
            .await;
        let counted = world.ask("SELECT count(*) > 0 FROM ssh").await;
        assert_eq!(counted.rows, [[Some("true".to_owned())]]);
    });
}

#[test]
fn a_ready_table_is_no_ones_to_change() {
    run(async {
        let mut world = World::new().await;
        let options = AthenaOptions::at(UnixTime::from_secs(START + 86_400));
        let own = "CREATE EXTERNAL TABLE flow_logs (version int) LOCATION 's3://logs/text/'";
        for sql in [
            "DROP TABLE flow_logs",
            "DROP TABLE IF EXISTS default.flow_logs",
            "DROP DATABASE default CASCADE",
            "ALTER TABLE flow_logs SET LOCATION 's3://logs/text/'",
            "ALTER TABLE flow_logs SET TBLPROPERTIES ('a'='b')",
            own,
        ] {
            let error = athena(sql, &mut world.catalog, &world.buckets, &options).await;
            let error = error.expect_err(sql);
            assert!(error.to_string().starts_with("FAILED: "), "{sql}: {error}");
            let hint = error.hint().unwrap_or_default();
            assert!(hint.contains("another name"), "{sql}: {hint}");
        }
        let kept = own.replace("TABLE", "TABLE IF NOT EXISTS");
        let notes = world.ask(&kept).await.notes;
        assert!(notes[0].contains("stays as it is"), "{notes:?}");
        let counted = world.ask("SELECT count(*) > 0 FROM flow_logs").await;
        assert_eq!(counted.rows, [[Some("true".to_owned())]]);
        assert_eq!(counted.notes, Vec::<String>::new());
    });
}

#[test]
fn a_catalog_that_comes_back_without_its_logs_says_so() {
    let (mut catalog, mut buckets) = (AthenaCatalog::default(), Buckets::new());
    let group = LogGroup::flow_log("flow", "123456789012", LogFormat::default());
    catalog.add_logs("default", FLOW_LOGS, group, &mut buckets);
    let options = AthenaOptions::at(UnixTime::from_secs(START + 86_400));
    let sql = "SELECT count(*) FROM flow_logs";
    let none = blocking::athena(sql, &mut catalog, &buckets, &options).expect("an answer");
    assert_eq!(none.rows, [[Some("0".to_owned())]]);
    let stored = serde_json::to_string(&catalog);
    let mut back: AthenaCatalog = match stored {
        Ok(text) => serde_json::from_str(&text).expect("what was written"),
        Err(error) => panic!("{error}"),
    };
    assert_eq!(back, catalog);
    let error = blocking::athena(sql, &mut back, &Buckets::new(), &options);
    assert_eq!(
        error.expect_err("nothing there").to_string(),
        "HIVE_FILESYSTEM_ERROR: The flow logs of table default.flow_logs are not at hand"
    );
}

/// So many lines that a query over them may use several threads.
const MANY: u64 = 420_000;

async fn many() -> World {
    let line = |n: u64| {
        let (network, port, bytes) = (n % 7, n % 5, n % 1000);
        format!(
            "2 123456789012 eni-1 10.0.{network}.1 10.0.2.9 40000 {port} 6 3 {bytes} 1709596800 \
             1709596830 ACCEPT OK\n"
        )
    };
    let text: String = (0..MANY).map(line).collect();
    assert!(text.len() > 32 << 20);
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    put(&store, "many.log", text.into_bytes()).await;
    let found = LogFiles::open(store, "", None).await.expect("logs");
    let (mut catalog, mut buckets) = (AthenaCatalog::default(), Buckets::new());
    catalog.add_logs("default", FLOW_LOGS, found, &mut buckets);
    World {
        catalog,
        buckets,
        threads: 3,
    }
}

#[test]
fn large_logs_are_read_on_threads_with_the_same_answers() {
    run(async {
        let mut world = many().await;
        let counted = "SELECT dstport, count(*), sum(bytes), count(DISTINCT srcaddr) FROM flow_logs
            GROUP BY 1 ORDER BY 1 DESC LIMIT 2";
        let counted = world.ask(counted).await.to_file();
        let row = |port: u64| {
            let sum: u64 = (0..MANY).filter(|n| n % 5 == port).map(|n| n % 1000).sum();
            format!("\"{port}\",\"{}\",\"{sum}\",\"7\"\n", MANY / 5)
        };
        let expected = format!(
            "\"dstport\",\"_col1\",\"_col2\",\"_col3\"\n{}{}",
            row(4),
            row(3)
        );
        assert_eq!(counted, expected);
        let joined =
            "SELECT count(*) FROM flow_logs JOIN (VALUES 1, 2) AS t (port) ON dstport = port";
        let joined = world.ask(joined).await;
        assert_eq!(joined.rows, [[Some((MANY / 5 * 2).to_string())]]);
        let ranked = "SELECT * FROM (SELECT srcaddr, row_number() OVER (ORDER BY sum(bytes) DESC,
            srcaddr) AS n FROM flow_logs GROUP BY srcaddr) WHERE n = 7";
        assert_eq!(world.ask(ranked).await.rows.len(), 1);
        // It ends in time on its threads too.
        let options = AthenaOptions {
            limits: Limits {
                time: Duration::from_millis(200),
                threads: world.threads,
                ..Limits::default()
            },
            ..AthenaOptions::at(UnixTime::from_secs(START + 86_400))
        };
        let sql = "SELECT sum(a.bytes) FROM flow_logs a, flow_logs b, flow_logs c";
        let start = Instant::now();
        let error = athena(sql, &mut world.catalog, &world.buckets, &options).await;
        let error = error.expect_err("it never ends").to_string();
        assert_eq!(error, "Query timeout: it runs longer than 0.2 s");
        assert!(start.elapsed() < END);
    });
}
