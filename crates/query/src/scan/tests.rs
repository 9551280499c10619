//! The table as DataFusion's SQL sees it.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::common::ScalarValue;
use datafusion::prelude::{SessionConfig, SessionContext};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use super::*;

fn field(name: &str, data_type: DataType) -> FieldRef {
    Arc::new(Field::new(name, data_type, true))
}

fn columns() -> Vec<FieldRef> {
    vec![
        field("name", DataType::Utf8View),
        field("port", DataType::Int32),
        field("bytes", DataType::Int64),
    ]
}

fn gzip(text: &str) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Default::default());
    encoder
        .write_all(text.as_bytes())
        .expect("a Vec takes any amount");
    encoder.finish().expect("a Vec takes any amount")
}

async fn put(store: &InMemory, name: &str, bytes: Vec<u8>) {
    store
        .put(&Path::from(name), bytes.into())
        .await
        .expect("memory takes it");
}

/// The table over all files of the store; a file's partition is its first folder.
async fn table(store: InMemory, encoding: Encoding) -> FileTable {
    use futures::TryStreamExt;
    let objects: Vec<_> = store.list(None).try_collect().await.expect("lists");
    let files: Vec<_> = objects
        .into_iter()
        .map(|object| {
            let day = object
                .location
                .parts()
                .next()
                .map(|part| part.as_ref().to_owned());
            TableFile {
                object,
                partition: vec![ScalarValue::Utf8View(day)],
            }
        })
        .collect();
    let partition = vec![field("day", DataType::Utf8View)];
    FileTable::new(
        Arc::new(store),
        Arc::new(files),
        encoding,
        columns(),
        partition,
    )
}

async fn answer(table: Arc<FileTable>, sql: &str) -> String {
    let mut config = SessionConfig::new().with_target_partitions(3);
    config.options_mut().optimizer.repartition_file_min_size = 1;
    let context = SessionContext::new_with_config(config);
    context.register_table("t", table).expect("a new name");
    let rows = context
        .sql(sql)
        .await
        .expect("plans")
        .collect()
        .await
        .expect("runs");
    pretty_format_batches(&rows).expect("prints").to_string()
}

#[tokio::test]
async fn text_is_read_by_position_and_what_does_not_fit_is_null() {
    let store = InMemory::new();
    put(
        &store,
        "mon/a.log",
        b"name port bytes\na 22 1\nb - 2\nc 99999999999 3".to_vec(),
    )
    .await;
    put(
        &store,
        "tue/b.log.gz",
        gzip("name port bytes\nd 80\r\ne 443 5 extra\n\\N 1 -7\n"),
    )
    .await;
    let encoding = Encoding::Text {
        delimiter: b' ',
        skip_header_lines: 1,
    };
    let table = Arc::new(table(store, encoding).await);
    let all = answer(table.clone(), "SELECT * FROM t ORDER BY day, bytes").await;
    insta::assert_snapshot!(all, @r"
    +------+------+-------+-----+
    | name | port | bytes | day |
    +------+------+-------+-----+
    | a    | 22   | 1     | mon |
    | b    |      | 2     | mon |
    | c    |      | 3     | mon |
    |      | 1    | -7    | tue |
    | e    | 443  | 5     | tue |
    | d    | 80   |       | tue |
    +------+------+-------+-----+
    ");
    let some = "SELECT name FROM t WHERE day = 'tue' AND (port >= 443 OR bytes IS NULL) ORDER BY 1";
    insta::assert_snapshot!(answer(table.clone(), some).await, @r"
    +------+
    | name |
    +------+
    | d    |
    | e    |
    +------+
    ");
    let count = answer(
        table,
        "SELECT count(*), count(port) FROM t WHERE name <> 'a'",
    )
    .await;
    insta::assert_snapshot!(count, @r"
    +----------+---------------+
    | count(*) | count(t.port) |
    +----------+---------------+
    | 4        | 2             |
    +----------+---------------+
    ");
}

#[tokio::test]
async fn only_files_of_wanted_partitions_are_opened_and_filters_reach_the_scan() {
    let store = InMemory::new();
    put(&store, "mon/a.log", b"a 22 1\n".repeat(1000)).await;
    put(&store, "tue/b.log", b"b 80 2\nbb 443 3\n".to_vec()).await;
    let encoding = Encoding::Text {
        delimiter: b' ',
        skip_header_lines: 0,
    };
    let table = Arc::new(table(store, encoding).await);
    let sql = "SELECT name FROM t WHERE day > 'mon' AND port = 443";
    let plan = answer(table.clone(), &format!("EXPLAIN {sql}")).await;
    assert!(
        !plan.contains("FilterExec") && plan.contains("predicate="),
        "{plan}"
    );
    assert!(answer(table.clone(), sql).await.contains("bb"));
    assert!(
        (16..1000).contains(&table.bytes_scanned()),
        "{}",
        table.bytes_scanned()
    );
}

/// However a plain file is cut into ranges, each line is read once.
#[tokio::test]
async fn a_file_in_ranges_has_every_line_once() {
    for lines in [1_usize, 2, 7, 50] {
        for last_end in ["", "\n"] {
            let store = InMemory::new();
            let line = |n: usize| format!("{} 1 {n}", "x".repeat(n % 9));
            let text: Vec<String> = (0..lines).map(line).collect();
            put(
                &store,
                "mon/a.log",
                (text.join("\n") + last_end).into_bytes(),
            )
            .await;
            let encoding = Encoding::Text {
                delimiter: b' ',
                skip_header_lines: 0,
            };
            let table = Arc::new(table(store, encoding).await);
            let sql = "SELECT count(*) AS n, count(DISTINCT bytes) AS d FROM t";
            let answer = answer(table, sql).await;
            let row = answer.lines().nth(3).expect("one row").replace(' ', "");
            assert_eq!(row, format!("|{lines}|{lines}|"));
        }
    }
}

#[tokio::test]
async fn several_gzip_members_are_one_text_and_damage_names_the_file() {
    let store = InMemory::new();
    let mut two = gzip("a 1 1\n");
    two.extend(gzip("b 2 2\n"));
    put(&store, "mon/a.gz", two).await;
    let encoding = Encoding::Text {
        delimiter: b' ',
        skip_header_lines: 0,
    };
    let good = Arc::new(table(store, encoding).await);
    assert!(
        answer(good, "SELECT sum(bytes) FROM t")
            .await
            .contains("| 3")
    );

    let store = InMemory::new();
    put(
        &store,
        "mon/bad.gz",
        b"\x1f\x8b\x08 not gzip at all, but long".to_vec(),
    )
    .await;
    let bad = Arc::new(table(store, encoding).await);
    let context = SessionContext::new();
    context.register_table("t", bad).expect("a new name");
    let rows = context
        .sql("SELECT * FROM t")
        .await
        .expect("plans")
        .collect()
        .await;
    let error = rows.expect_err("damaged").to_string();
    assert!(
        error.contains("mon/bad.gz") && error.contains("damaged"),
        "{error}"
    );
}

#[tokio::test]
async fn parquet_is_read_by_name_in_any_case() {
    use datafusion::arrow::array::{Int32Array, StringArray};
    use datafusion::arrow::record_batch::RecordBatch;
    use datafusion::parquet::arrow::ArrowWriter;
    let batch = RecordBatch::try_from_iter([
        ("PORT", Arc::new(Int32Array::from(vec![22, 80])) as _),
        ("name", Arc::new(StringArray::from(vec!["a", "b"])) as _),
    ]);
    let batch = batch.expect("two columns");
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).expect("writes");
    writer.write(&batch).expect("writes");
    writer.close().expect("writes");
    let store = InMemory::new();
    put(&store, "mon/a.parquet", bytes).await;
    let table = Arc::new(table(store, Encoding::Parquet).await);
    let sql = "SELECT name, port, bytes, day FROM t WHERE port > 22";
    insta::assert_snapshot!(answer(table, sql).await, @r"
    +------+------+-------+-----+
    | name | port | bytes | day |
    +------+------+-------+-----+
    | b    | 80   |       | mon |
    +------+------+-------+-----+
    ");
}
