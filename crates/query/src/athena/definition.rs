//! A table's definition: as SHOW CREATE TABLE prints it, the statement that makes the table again,
//! and as DESCRIBE and DESCRIBE FORMATTED do.

use std::collections::BTreeMap;

use super::catalog::{Table, TableColumn, TableFormat};

/// The statement that makes the table again.
pub(super) fn create_table(name: &str, table: &Table) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    let columns = |columns: &[TableColumn]| {
        let lines = columns.iter().map(|column| {
            let comment = column.comment.as_deref();
            let comment = comment.map(|text| format!(" COMMENT {}", quoted(text)));
            format!(
                "  `{}` {}{}",
                column.name,
                column.ty,
                comment.unwrap_or_default()
            )
        });
        lines.collect::<Vec<_>>().join(", \n")
    };
    let mut text = format!(
        "CREATE EXTERNAL TABLE `{name}`(\n{})\n",
        columns(&table.columns)
    );
    if let Some(comment) = &table.comment {
        text.push_str(&format!("COMMENT {}\n", quoted(comment)));
    }
    if !table.partition_columns.is_empty() {
        text.push_str(&format!(
            "PARTITIONED BY ( \n{})\n",
            columns(&table.partition_columns)
        ));
    }
    text.push_str(&stored(&table.format));
    text.push_str(&format!("LOCATION\n  {}\n", quoted(&table.location)));
    let properties: BTreeMap<_, _> = table.properties.iter().collect();
    let properties: Vec<String> = properties
        .into_iter()
        .map(|(key, value)| format!("  {}={}", quoted(key), quoted(value)))
        .collect();
    if !properties.is_empty() {
        text.push_str(&format!("TBLPROPERTIES (\n{})\n", properties.join(", \n")));
    }
    text
}

/// How Hive names what reads a table's files.
struct Storage {
    serde: &'static str,
    input: &'static str,
    output: &'static str,
    /// Parameters of the SerDe.
    parameters: Vec<(&'static str, String)>,
}

const TEXT_INPUT: &str = "org.apache.hadoop.mapred.TextInputFormat";
const TEXT_OUTPUT: &str = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat";

fn storage(format: &TableFormat) -> Storage {
    let lazy = |delimiter: String| Storage {
        serde: "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
        input: TEXT_INPUT,
        output: TEXT_OUTPUT,
        parameters: vec![
            ("field.delim", delimiter.clone()),
            ("serialization.format", delimiter),
        ],
    };
    match format {
        TableFormat::Logs => lazy(" ".to_owned()),
        TableFormat::Text { delimiter } => lazy(match delimiter {
            '\t' => "\\t".to_owned(),
            c if c.is_ascii_control() => format!("\\{:03o}", u32::from(*c)),
            c => c.to_string(),
        }),
        TableFormat::Csv {
            separator,
            quote,
            escape,
        } => Storage {
            serde: "org.apache.hadoop.hive.serde2.OpenCSVSerde",
            input: TEXT_INPUT,
            output: TEXT_OUTPUT,
            parameters: vec![
                ("separatorChar", separator.to_string()),
                ("quoteChar", quote.to_string()),
                ("escapeChar", escape.to_string()),
            ],
        },
        TableFormat::Parquet => Storage {
            serde: "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
            input: "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
            output: "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
            parameters: Vec::new(),
        },
    }
}

fn stored(format: &TableFormat) -> String {
    let Storage {
        serde,
        input,
        output,
        parameters,
    } = storage(format);
    let row = match format {
        TableFormat::Logs | TableFormat::Text { .. } => {
            let delimiter = parameters.first().map_or("", |(_, value)| value.as_str());
            format!("DELIMITED \n  FIELDS TERMINATED BY '{delimiter}' \n")
        }
        TableFormat::Csv { .. } => {
            let pairs = parameters.iter().map(|(name, value)| {
                let value = value.replace('\\', "\\\\").replace('\'', "\\'");
                format!("  '{name}'='{value}'")
            });
            let pairs = pairs.collect::<Vec<_>>().join(", \n");
            format!("SERDE \n  '{serde}' \nWITH SERDEPROPERTIES ( \n{pairs}) \n")
        }
        TableFormat::Parquet => format!("SERDE \n  '{serde}' \n"),
    };
    format!("ROW FORMAT {row}STORED AS INPUTFORMAT \n  '{input}' \nOUTPUTFORMAT \n  '{output}'\n")
}

/// The rows of DESCRIBE: columns, then which of them are partitions.
pub(super) fn describe(table: &Table) -> Vec<Vec<String>> {
    let mut rows: Vec<Vec<String>> = table.all_columns().map(column).collect();
    if !table.partition_columns.is_empty() {
        rows.push(texts(["", "", ""]));
        rows.extend(partitions(table));
    }
    rows
}

/// The rows of DESCRIBE FORMATTED, as Hive lays them out: columns, partitions, where the table is
/// and how it is stored. Owner and times are left out: no such thing is kept of a table here.
pub(super) fn describe_formatted(database: &str, table: &Table) -> Vec<Vec<String>> {
    let empty = || texts(["", "", ""]);
    let heading = |text: &str| texts([text, "", ""]);
    let pair = |name: &str, value: &str| texts([name, value, ""]);
    let nested = |name: &str, value: &str| texts(["", name, value]);
    let mut rows = vec![texts(["# col_name", "data_type", "comment"]), empty()];
    rows.extend(table.columns.iter().map(column));
    rows.push(empty());
    if !table.partition_columns.is_empty() {
        rows.extend(partitions(table));
        rows.push(empty());
    }
    rows.push(heading("# Detailed Table Information"));
    rows.push(pair("Database:", database));
    rows.push(pair("Location:", &table.location));
    rows.push(pair("Table Type:", "EXTERNAL_TABLE"));
    rows.push(heading("Table Parameters:"));
    let properties = &table.properties;
    let external = [("EXTERNAL", "TRUE")];
    let comment = table.comment.as_deref().map(|text| ("comment", text));
    let own = properties
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()));
    let all = external.into_iter().chain(comment).chain(own);
    rows.extend(all.map(|(key, value)| nested(key, value)));
    rows.push(empty());
    let Storage {
        serde,
        input,
        output,
        parameters,
    } = storage(&table.format);
    rows.push(heading("# Storage Information"));
    rows.push(pair("SerDe Library:", serde));
    rows.push(pair("InputFormat:", input));
    rows.push(pair("OutputFormat:", output));
    rows.push(pair("Compressed:", "No"));
    rows.push(pair("Num Buckets:", "-1"));
    rows.push(pair("Bucket Columns:", "[]"));
    rows.push(pair("Sort Columns:", "[]"));
    if !parameters.is_empty() {
        rows.push(heading("Storage Desc Params:"));
        rows.extend(parameters.iter().map(|(key, value)| nested(key, value)));
    }
    rows
}

fn partitions(table: &Table) -> Vec<Vec<String>> {
    let mut rows = vec![
        texts(["# Partition Information", "", ""]),
        texts(["# col_name", "data_type", "comment"]),
        texts(["", "", ""]),
    ];
    rows.extend(table.partition_columns.iter().map(column));
    rows
}

fn column(column: &TableColumn) -> Vec<String> {
    let comment = column.comment.clone().unwrap_or_default();
    vec![column.name.clone(), column.ty.clone(), comment]
}

fn texts(texts: [&str; 3]) -> Vec<String> {
    texts.map(str::to_owned).to_vec()
}
