//! The table `flow_logs` in SQL.

use std::sync::Arc;

use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use wirelab_model::UnixTime;

use super::{Kind, LogFiles};
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

fn context(logs: &LogFiles) -> SessionContext {
    let builder = session_builder()
        .expect("a session")
        .with_default_features();
    let context = SessionContext::new_with_state(builder.build());
    let table = Arc::new(logs.table(Kind::Athena));
    context
        .register_table("flow_logs", table)
        .expect("a new name");
    context
}

async fn sql(logs: &LogFiles, sql: &str) -> String {
    let frame = context(logs).sql(sql).await.expect("plans");
    let rows = frame.collect().await.expect("runs");
    pretty_format_batches(&rows).expect("prints").to_string()
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
    let frame = context(logs).table("flow_logs").await.expect("the table");
    let mut rows = frame.execute_stream().await.expect("runs");
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, rows.schema(), None).expect("writes");
    while let Some(batch) = rows.try_next().await.expect("runs") {
        writer.write(&batch).expect("writes");
    }
    writer.close().expect("writes");
    open("other.parquet", bytes).await
}

const SQL: [&str; 5] = [
    "SELECT srcaddr, dstaddr, sum(bytes) AS b FROM flow_logs WHERE bytes IS NOT NULL \
     GROUP BY srcaddr, dstaddr ORDER BY b DESC, srcaddr LIMIT 5",
    "SELECT start - start % 300 AS t, count(*) AS n FROM flow_logs WHERE action = 'REJECT' \
     GROUP BY 1 ORDER BY t",
    "SELECT srcaddr, count(DISTINCT dstport) AS n FROM flow_logs GROUP BY srcaddr ORDER BY srcaddr",
    "SELECT log_status, count(*), count(srcport), min(\"end\") FROM flow_logs GROUP BY 1 ORDER BY 1",
    "SELECT * FROM flow_logs WHERE dstport = 22 AND action = 'REJECT' ORDER BY start, srcport LIMIT 9",
];

const INSIGHTS: [&str; 4] = [
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
