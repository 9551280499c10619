//! A table's definition as SHOW CREATE TABLE prints it: the statement that makes the table again.

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

fn stored(format: &TableFormat) -> String {
    let text = "STORED AS INPUTFORMAT \n  'org.apache.hadoop.mapred.TextInputFormat' \nOUTPUTFORMAT \n  'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'\n";
    match format {
        TableFormat::Logs => {
            format!("ROW FORMAT DELIMITED \n  FIELDS TERMINATED BY ' ' \n{text}")
        }
        TableFormat::Text { delimiter } => {
            let delimiter = match delimiter {
                '\t' => "\\t".to_owned(),
                c if c.is_ascii_control() => format!("\\{:03o}", u32::from(*c)),
                c => c.to_string(),
            };
            format!("ROW FORMAT DELIMITED \n  FIELDS TERMINATED BY '{delimiter}' \n{text}")
        }
        TableFormat::Csv {
            separator,
            quote,
            escape,
        } => {
            let backslash = |c: &char| match c {
                '\\' => "\\\\".to_owned(),
                '\'' => "\\'".to_owned(),
                c => c.to_string(),
            };
            let signs = [separator, quote, escape].map(backslash);
            let [separator, quote, escape] = signs;
            format!("ROW FORMAT SERDE \n  'org.apache.hadoop.hive.serde2.OpenCSVSerde' \nWITH SERDEPROPERTIES ( \n  'separatorChar'='{separator}', \n  'quoteChar'='{quote}', \n  'escapeChar'='{escape}') \n{text}")
        }
        TableFormat::Parquet => "ROW FORMAT SERDE \n  'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe' \nSTORED AS INPUTFORMAT \n  'org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat' \nOUTPUTFORMAT \n  'org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat'\n".to_owned(),
    }
}
