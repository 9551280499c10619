//! The table `flow_logs` in SQL.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray,
};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::optimizer::optimizer::Optimizer;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use wirelab_model::UnixTime;

use super::{ByCode, Direct, Kind, LogFiles};
use crate::scan::session_builder;
use crate::{QueryOptions, insights_over_files};

const HEADER: &str = "version account-id interface-id srcaddr dstaddr srcport dstport protocol \
                      packets bytes start end action log-status";

fn text() -> String {
    let mut text = format!("{HEADER}\n");
    for n in 0_u32..300 {
        let start = 1000 + n * 37 % 900;
        let end = start + 59;
        text += &match n % 10 {
            9 => format!("2 1 eni-{} - - - - - - - {start} {end} - NODATA\n", n % 3),
            8 => {
                format!("2 1 eni-0 010.0.0.1 255.255.255.255 - 0 1 1 70 {start} {end} ACCEPT OK\n")
            }
            _ => format!(
                "2 1 eni-{} 10.0.0.{} 2001:db8::1 {} {} 6 {} {} {start} {end} {} OK\n",
                n % 3,
                n % 20,
                60_000 + n,
                [22, 443][(n % 2) as usize],
                n % 4 + 1,
                n * 100,
                if n % 6 == 0 { "REJECT" } else { "ACCEPT" }
            ),
        };
    }
    text
}

fn context(logs: &LogFiles, by_code: bool) -> SessionContext {
    let mut rules = Optimizer::new().rules;
    if by_code {
        rules.insert(0, Arc::new(ByCode));
        rules.insert(0, Arc::new(Direct));
    }
    let builder = session_builder()
        .expect("a session")
        .with_default_features()
        .with_optimizer_rules(rules);
    let context = SessionContext::new_with_state(builder.build());
    let table = Arc::new(logs.table(Kind::Athena));
    context
        .register_table("flow_logs", table)
        .expect("a new name");
    context
}

/// The answer, which is the same with groups by code and by text.
async fn sql(logs: &LogFiles, sql: &str) -> String {
    let mut answers = Vec::new();
    for by_code in [false, true] {
        let frame = context(logs, by_code).sql(sql).await.expect("plans");
        let rows = frame.collect().await.expect("runs");
        answers.push(pretty_format_batches(&rows).expect("prints").to_string());
    }
    let by_code = answers.pop().expect("two");
    assert_eq!(answers, [by_code.as_str()], "{sql}");
    by_code
}

async fn open(name: &str, bytes: Vec<u8>) -> LogFiles {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    store
        .put(&Path::from(name), bytes.into())
        .await
        .expect("memory takes it");
    LogFiles::open(store, "", None).await.expect("flow logs")
}

/// The table as another's Parquet file.
async fn parquet(logs: &LogFiles) -> LogFiles {
    let frame = context(logs, false).table("flow_logs").await;
    let columns = logs.table(Kind::Athena).documented();
    let columns: Vec<&str> = columns
        .iter()
        .map(|column| column.name().as_str())
        .collect();
    let frame = frame
        .and_then(|frame| frame.select_columns(&columns))
        .expect("the table");
    let mut rows = frame.execute_stream().await.expect("runs");
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, rows.schema(), None).expect("writes");
    while let Some(batch) = rows.try_next().await.expect("runs") {
        writer.write(&batch).expect("writes");
    }
    writer.close().expect("writes");
    open("other.parquet", bytes).await
}

/// A Parquet file of these columns.
fn parquet_of(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let columns = columns.into_iter().map(|(name, array)| (name, array, true));
    let batch = RecordBatch::try_from_iter_with_nullable(columns);
    let batch = batch.expect("columns of one length");
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).expect("writes");
    writer.write(&batch).expect("writes");
    writer.close().expect("writes");
    bytes
}

fn addresses() -> ArrayRef {
    Arc::new(StringArray::from(vec!["10.0.0.1", "10.0.0.2"]))
}

#[tokio::test]
async fn parquet_of_other_hands_is_fitted_where_nothing_is_lost() {
    let times = TimestampMicrosecondArray::from(vec![1_709_596_800_500_000, 1_709_596_860_000_000]);
    let bytes = parquet_of(vec![
        ("SrcAddr", addresses()),
        (
            "srcport",
            Arc::new(Int64Array::from(vec![Some(40_000), None])),
        ),
        ("dstport", Arc::new(StringArray::from(vec!["22", "-"]))),
        (
            "bytes",
            Arc::new(Float64Array::from(vec![Some(84.0), None])),
        ),
        ("account-id", Arc::new(Int64Array::from(vec![123, 456]))),
        ("start", Arc::new(times)),
        ("team", Arc::new(StringArray::from(vec!["red", "blue"]))),
    ]);
    let logs = open("a.parquet", bytes).await;
    let query = "SELECT srcaddr, srcport + 1 AS p, dstport, bytes, account_id, start, team \
                 FROM flow_logs WHERE start >= 1709596800 ORDER BY 1";
    insta::assert_snapshot!(sql(&logs, query).await, @r"
    +----------+-------+---------+-------+------------+------------+------+
    | srcaddr  | p     | dstport | bytes | account_id | start      | team |
    +----------+-------+---------+-------+------------+------------+------+
    | 10.0.0.1 | 40001 | 22      | 84    | 123        | 1709596800 | red  |
    | 10.0.0.2 |       |         |       | 456        | 1709596860 | blue |
    +----------+-------+---------+-------+------------+------------+------+
    ");
    let options = QueryOptions {
        start: UnixTime::from_secs(1_709_596_800),
        end: UnixTime::from_secs(1_709_596_830),
        now: UnixTime::from_secs(2_000_000_000),
        limit: None,
    };
    let query = "fields @timestamp, srcAddr, dstPort, team";
    let rows = insights_over_files(query, &logs, &options)
        .await
        .expect("answers");
    let expected = "@timestamp,srcAddr,dstPort,team\n2024-03-05 00:00:00.000,10.0.0.1,22,red\n";
    assert_eq!(rows.to_csv(), expected);
    let read = rows.statistics.bytes_scanned;
    assert!(read <= logs.bytes(), "the file's end counts once");
}

#[tokio::test]
async fn parquet_with_a_column_that_cannot_be_the_fields_is_refused_by_its_name() {
    let bytes = parquet_of(vec![
        ("srcaddr", addresses()),
        ("dstaddr", addresses()),
        ("srcport", Arc::new(BooleanArray::from(vec![true, false]))),
    ]);
    let store = InMemory::new();
    let key = Path::from("logs/bad.parquet");
    store
        .put(&key, bytes.into())
        .await
        .expect("memory takes it");
    let error = LogFiles::open(Arc::new(store), "logs", None)
        .await
        .expect_err("a truth value");
    let wanted = "logs/bad.parquet: the column `srcport` is of type Boolean; flow logs have INT_32";
    assert!(error.to_string().starts_with(wanted), "{error}");
}

const SQL: [&str; 9] = [
    "SELECT dstaddr, srcaddr, interface_id, count(DISTINCT dstport) AS p, count(DISTINCT action), \
     count(DISTINCT srcaddr) FROM flow_logs GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
    "SELECT count(DISTINCT srcport), count(DISTINCT srcaddr) FROM flow_logs",
    "SELECT s, n FROM (SELECT srcaddr AS s, count(*) AS n FROM flow_logs AS f \
     WHERE protocol = 6 AND srcaddr LIKE '10.%' GROUP BY srcaddr) AS g WHERE n > 13 ORDER BY s DESC",
    "SELECT DISTINCT srcaddr, dstaddr FROM flow_logs ORDER BY srcaddr DESC, dstaddr",
    "SELECT srcaddr, dstaddr, sum(bytes) AS b FROM flow_logs WHERE bytes IS NOT NULL \
     GROUP BY srcaddr, dstaddr ORDER BY b DESC, srcaddr LIMIT 5",
    "SELECT start - start % 300 AS t, count(*) AS n FROM flow_logs WHERE action = 'REJECT' \
     GROUP BY 1 ORDER BY t",
    "SELECT srcaddr, count(DISTINCT dstport) AS n FROM flow_logs GROUP BY srcaddr ORDER BY srcaddr",
    "SELECT log_status, count(*), count(srcport), min(\"end\") FROM flow_logs GROUP BY 1 ORDER BY 1",
    "SELECT version, srcaddr, srcport, bytes, start FROM flow_logs WHERE dstport = 22 AND action = 'REJECT' ORDER BY start, srcport LIMIT 9",
];

const INSIGHTS: [&str; 6] = [
    "stats sum(bytes) as b, count_distinct(dstPort), count_distinct(srcAddr) by dstAddr, srcAddr | sort dstAddr, srcAddr",
    "filter bytes > 2000 | stats max(bytes) as m, count(*) by srcPort | sort m desc | limit 7",
    "fields @timestamp, srcAddr, dstPort, @message | sort srcPort desc | limit 9",
    "filter action = \"REJECT\" and dstPort = 22 | stats sum(bytes) as b by srcAddr | sort b desc, srcAddr",
    "stats count(*) as n, count_distinct(dstPort) as p by interfaceId, logStatus | sort interfaceId, logStatus",
    "filter srcAddr = \"-\" | stats count(*), min(startTime), max(endTime)",
];

#[tokio::test]
async fn sql_and_insights_have_the_same_rows_over_text_parquet_and_the_compact_layout() {
    let plain = open("a.log", text().into_bytes()).await;
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let count = plain
        .compact(&store, "c/flow.parquet")
        .await
        .expect("writes");
    assert_eq!(count, 300);
    let compact = LogFiles::open(store, "c", None).await.expect("flow logs");
    let others = [("parquet", parquet(&plain).await), ("compact", compact)];
    let options = QueryOptions {
        start: UnixTime::from_secs(1100),
        end: UnixTime::from_secs(1800),
        now: UnixTime::from_secs(2000),
        limit: None,
    };
    for (name, logs) in &others {
        for query in SQL {
            let expected = sql(&plain, query).await;
            assert_eq!(sql(logs, query).await, expected, "{name}: {query}");
        }
        for query in INSIGHTS {
            let expected = insights_over_files(query, &plain, &options)
                .await
                .expect("answers");
            let result = insights_over_files(query, logs, &options).await;
            let result = result.unwrap_or_else(|error| panic!("{name}: {query}: {error}"));
            assert_eq!(result.to_csv(), expected.to_csv(), "{name}: {query}");
            assert!(!expected.rows.is_empty(), "{query}");
        }
    }
}
