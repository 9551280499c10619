//! The grammar of Hive's DDL, as far as Athena takes it.
//!
//! sqlparser's Hive dialect does not serve: it knows neither Athena's reserved words nor MSCK, SHOW
//! PARTITIONS or backticked names with points in them, and it gives no places for faults.

use std::collections::BTreeMap;

use super::catalog::{Table, TableColumn, TableFormat, split_location};
use super::cursor::Cursor;
use super::error::{Checked, DDL, Fault};
use super::reserved;
use super::statement::{PartitionSpec, Statement, TableName};
use super::token::Kind;
use super::types::Type;

const LAZY: &str = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe";
const CSV: &str = "org.apache.hadoop.hive.serde2.OpenCSVSerde";
const PARQUET: &str = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe";

/// How rows are stored, while the clauses are read.
#[derive(Default)]
struct Storage {
    serde: Option<(String, usize)>,
    properties: BTreeMap<String, String>,
    parquet: bool,
    /// Text, said so.
    text: bool,
}

impl Cursor<'_> {
    pub(super) fn ddl(&mut self) -> Checked<Statement> {
        if self.takes("CREATE") {
            if self.takes("EXTERNAL") {
                return self.create_table();
            }
            let _ = self.takes("DATABASE") || self.takes("SCHEMA");
            return self.create_database();
        }
        if self.takes("DROP") {
            return self.drop();
        }
        if self.takes("ALTER") {
            return self.alter();
        }
        if self.takes("MSCK") {
            self.expects_all(&["REPAIR", "TABLE"])?;
            return self.table_name().map(Statement::Repair);
        }
        if self.takes("SHOW") {
            return self.show();
        }
        let _ = self.takes("DESCRIBE") || self.takes("DESC");
        let at = self.at();
        if self.takes("EXTENDED") {
            let message = "DESCRIBE EXTENDED is not simulated";
            let fault = Fault::new("NOT_SUPPORTED", at, message);
            return Err(fault.with_hint("DESCRIBE FORMATTED says the same, one thing a line"));
        }
        let formatted = self.takes("FORMATTED");
        let name = self.table_name()?;
        Ok(Statement::Describe { name, formatted })
    }

    /// A name of DDL, in lower case: bare or in backticks; `what` is what it names.
    fn ddl_name(&mut self, what: &str) -> Checked<String> {
        let at = self.at();
        let text = match self.kind() {
            Kind::Backticked(text) => text.clone(),
            Kind::Word if !reserved::in_ddl(self.slice(0)) => self.slice(0).to_owned(),
            Kind::Word => {
                let word = self.slice(0);
                let message = format!(
                    "Failed to recognize predicate '{word}'. Failed rule: 'identifier' in {what}"
                );
                let fault = Fault::new(DDL, at, message);
                return Err(fault.with_hint(format!(
                    "{word} is reserved in DDL: write `{}` in backticks",
                    word.to_lowercase()
                )));
            }
            Kind::Quoted(text) => {
                let fault = Fault::new(
                    DDL,
                    at,
                    format!("no viable alternative at input '\"{text}\"'"),
                );
                return Err(fault.with_hint(format!("names in DDL stand in backticks: `{text}`")));
            }
            _ => {
                self.could_be("Identifier");
                return Err(self.mismatch());
            }
        };
        self.advance();
        Ok(text.to_lowercase())
    }

    /// `[catalog.][database.]table`; double quotes are fine here too.
    pub(super) fn table_name(&mut self) -> Checked<TableName> {
        let mut parts = Vec::new();
        loop {
            let quoted = match self.kind() {
                Kind::Quoted(text) => Some(text.to_lowercase()),
                _ => None,
            };
            match quoted {
                Some(text) => {
                    self.advance();
                    parts.push(text);
                }
                None => parts.push(self.ddl_name("table name")?),
            }
            if parts.len() == 3 || !self.takes_sign(".") {
                break;
            }
        }
        // `db.table` in one pair of backticks, as SHOW CREATE TABLE prints it.
        if let [both] = parts.as_slice()
            && let Some((database, name)) = both.split_once('.')
        {
            parts = vec![database.to_owned(), name.to_owned()];
        }
        let name = parts.pop().unwrap_or_default();
        let database = parts.pop();
        Ok(TableName { database, name })
    }

    fn if_not_exists(&mut self) -> bool {
        self.takes_all(&["IF", "NOT", "EXISTS"])
    }

    fn create_database(&mut self) -> Checked<Statement> {
        let if_not_exists = self.if_not_exists();
        let name = self.ddl_name("database name")?;
        let comment = self.takes("COMMENT").then(|| self.string()).transpose()?;
        let location = self.takes("LOCATION").then(|| self.string()).transpose()?;
        if self.takes_all(&["WITH", "DBPROPERTIES"]) {
            self.properties()?;
        }
        Ok(Statement::CreateDatabase {
            name,
            if_not_exists,
            comment,
            location,
        })
    }

    fn drop(&mut self) -> Checked<Statement> {
        if self.takes("TABLE") {
            let if_exists = self.takes_all(&["IF", "EXISTS"]);
            let name = self.table_name()?;
            return Ok(Statement::DropTable { name, if_exists });
        }
        let _ = self.takes("DATABASE") || self.takes("SCHEMA");
        let if_exists = self.takes_all(&["IF", "EXISTS"]);
        let name = self.ddl_name("database name")?;
        let cascade = self.takes("CASCADE");
        let _ = cascade || self.takes("RESTRICT");
        Ok(Statement::DropDatabase {
            name,
            if_exists,
            cascade,
        })
    }

    fn create_table(&mut self) -> Checked<Statement> {
        self.expects("TABLE")?;
        let if_not_exists = self.if_not_exists();
        let name = self.table_name()?;
        let columns = self.columns()?;
        let mut table = Table {
            columns,
            partition_columns: Vec::new(),
            format: TableFormat::Parquet,
            location: String::new(),
            comment: None,
            properties: BTreeMap::new(),
            partitions: BTreeMap::new(),
        };
        let mut storage = Storage::default();
        while self.clause(&mut table, &mut storage)? {}
        if table.location.is_empty() {
            if !(self.is_end() || self.sign_ahead(0, ";")) {
                return Err(self.mismatch());
            }
            return Err(Fault::ddl(
                "SemanticException [Error 10004]: LOCATION is missing: an external table says where its files lie",
            ));
        }
        split_location(&table.location)?;
        table.format = format(storage)?;
        check_columns(&table)?;
        Ok(Statement::CreateTable {
            name,
            if_not_exists,
            table: Box::new(table),
        })
    }

    /// One clause behind the columns; `false` if none is left.
    fn clause(&mut self, table: &mut Table, storage: &mut Storage) -> Checked<bool> {
        if self.takes("COMMENT") {
            table.comment = Some(self.string()?);
        } else if self.takes_all(&["PARTITIONED", "BY"]) {
            table.partition_columns = self.columns()?;
        } else if self.takes_all(&["ROW", "FORMAT"]) {
            self.row_format(storage)?;
        } else if self.takes_all(&["STORED", "AS"]) {
            self.stored_as(storage)?;
        } else if self.takes_all(&["WITH", "SERDEPROPERTIES"]) {
            storage.properties.extend(self.properties()?);
        } else if self.takes("LOCATION") {
            table.location = self.string()?;
        } else if self.takes("TBLPROPERTIES") {
            table.properties.extend(self.properties()?);
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn columns(&mut self) -> Checked<Vec<TableColumn>> {
        self.expects_sign("(")?;
        let columns = self.list(|cursor| {
            let name = cursor.ddl_name("column specification")?;
            let ty = cursor.ddl_type()?;
            let comment = cursor
                .takes("COMMENT")
                .then(|| cursor.string())
                .transpose()?;
            Ok(TableColumn { name, ty, comment })
        })?;
        self.expects_sign(")")?;
        Ok(columns)
    }

    /// A type: a word, perhaps with parameters in brackets; as text.
    fn ddl_type(&mut self) -> Checked<String> {
        let start = self.at();
        if *self.kind() != Kind::Word {
            self.could_be("<type>");
            return Err(self.mismatch());
        }
        self.advance();
        let mut open = 0_usize;
        loop {
            let opens = self.sign_ahead(0, "(") || self.sign_ahead(0, "<");
            let closes = self.sign_ahead(0, ")") || self.sign_ahead(0, ">");
            if opens {
                open += 1;
            } else if open == 0 {
                break;
            } else if closes {
                open -= 1;
            } else if self.is_end() {
                return Err(self.mismatch());
            }
            self.advance();
        }
        let text = self.text[start..self.end()].to_lowercase();
        Type::parse(&text, start).map_err(|_| {
            let fault = Fault::new(DDL, start, format!("mismatched input '{text}' expecting a type"));
            fault.with_hint("types of DDL: boolean, tinyint, smallint, int, bigint, float, double, decimal, string, varchar, date, timestamp, array, map, struct")
        })?;
        Ok(text)
    }

    fn row_format(&mut self, storage: &mut Storage) -> Checked<()> {
        if self.takes("SERDE") {
            let at = self.at();
            storage.serde = Some((self.string()?, at));
            return Ok(());
        }
        self.expects("DELIMITED")?;
        storage.text = true;
        loop {
            if self.takes_all(&["FIELDS", "TERMINATED", "BY"]) {
                let delimiter = self.string()?;
                storage.properties.insert("field.delim".into(), delimiter);
                if self.takes_all(&["ESCAPED", "BY"]) {
                    self.string()?;
                }
            } else if self.takes_all(&["LINES", "TERMINATED", "BY"])
                || self.takes_all(&["COLLECTION", "ITEMS", "TERMINATED", "BY"])
                || self.takes_all(&["MAP", "KEYS", "TERMINATED", "BY"])
                || self.takes_all(&["NULL", "DEFINED", "AS"])
                || self.takes_all(&["ESCAPED", "BY"])
            {
                self.string()?;
            } else {
                return Ok(());
            }
        }
    }

    fn stored_as(&mut self, storage: &mut Storage) -> Checked<()> {
        if self.takes("INPUTFORMAT") {
            storage.parquet |= self.string()?.contains("parquet");
            self.expects("OUTPUTFORMAT")?;
            self.string()?;
        } else if self.takes("PARQUET") {
            storage.parquet = true;
        } else if self.takes("TEXTFILE") {
            storage.text = true;
        } else {
            let other = ["ORC", "AVRO", "JSON", "RCFILE", "SEQUENCEFILE", "ION"];
            let known = other.iter().any(|word| self.sees_all(&[word]));
            let fault = self.mismatch();
            return Err(if known {
                fault.with_hint("tables here are TEXTFILE or PARQUET, as flow logs are delivered")
            } else {
                fault
            });
        }
        Ok(())
    }

    /// `('key'='value', …)`; keys in lower case.
    fn properties(&mut self) -> Checked<Vec<(String, String)>> {
        self.expects_sign("(")?;
        let text = |cursor: &mut Self| {
            if let Kind::Quoted(text) = cursor.kind() {
                let text = text.clone();
                cursor.advance();
                return Ok(text);
            }
            cursor.string()
        };
        let all = self.list(|cursor| {
            let key = text(cursor)?.to_lowercase();
            cursor.expects_sign("=")?;
            Ok((key, text(cursor)?))
        })?;
        self.expects_sign(")")?;
        Ok(all)
    }

    fn alter(&mut self) -> Checked<Statement> {
        self.expects("TABLE")?;
        let name = self.table_name()?;
        let replaces = self.takes("REPLACE");
        let adds = !replaces && self.takes("ADD");
        if replaces || (adds && self.sees("COLUMNS")) {
            self.expects("COLUMNS")?;
            let columns = self.columns()?;
            return Ok(Statement::Columns {
                name,
                columns,
                replaces,
            });
        }
        if adds {
            let if_not_exists = self.if_not_exists();
            let partitions = self.partitions(true)?;
            return Ok(Statement::AddPartitions {
                name,
                if_not_exists,
                partitions,
            });
        }
        if self.takes("DROP") {
            let if_exists = self.takes_all(&["IF", "EXISTS"]);
            let partitions = self.partitions(false)?;
            return Ok(Statement::DropPartitions {
                name,
                if_exists,
                partitions,
            });
        }
        self.expects("SET")?;
        if self.takes("LOCATION") {
            let location = self.string()?;
            split_location(&location)?;
            return Ok(Statement::SetLocation { name, location });
        }
        self.expects("TBLPROPERTIES")?;
        let properties = self.properties()?;
        Ok(Statement::SetProperties { name, properties })
    }

    fn partitions(&mut self, with_location: bool) -> Checked<Vec<PartitionSpec>> {
        let mut all = Vec::new();
        loop {
            self.expects("PARTITION")?;
            self.expects_sign("(")?;
            let values = self.list(|cursor| {
                let column = cursor.ddl_name("partition specification")?;
                cursor.expects_sign("=")?;
                let value = match cursor.kind() {
                    Kind::Integer => cursor.integer()?.to_string(),
                    _ => cursor.string()?,
                };
                Ok((column, value))
            })?;
            self.expects_sign(")")?;
            let location = with_location && self.takes("LOCATION");
            let location = location.then(|| self.string()).transpose()?;
            if let Some(location) = &location {
                split_location(location)?;
            }
            all.push((values, location));
            // Partitions to add stand side by side, those to drop have commas between.
            if !self.takes_sign(",") && !self.sees("PARTITION") {
                return Ok(all);
            }
        }
    }

    fn show(&mut self) -> Checked<Statement> {
        if self.takes("DATABASES") || self.takes("SCHEMAS") {
            return Ok(Statement::ShowDatabases(self.pattern()?));
        }
        if self.takes("FUNCTIONS") {
            return Ok(Statement::ShowFunctions(self.pattern()?));
        }
        let tables = self.takes("TABLES");
        if tables || self.takes("VIEWS") {
            let within = self.takes("IN") || self.takes("FROM");
            let database = within.then(|| self.ddl_name("database name")).transpose()?;
            let pattern = self.pattern()?;
            let show = if tables {
                Statement::ShowTables
            } else {
                Statement::ShowViews
            };
            return Ok(show(database, pattern));
        }
        if self.takes("PARTITIONS") {
            return self.table_name().map(Statement::ShowPartitions);
        }
        if self.takes("COLUMNS") {
            let _ = self.takes("IN") || self.takes("FROM");
            let mut name = self.table_name()?;
            if self.takes("IN") || self.takes("FROM") {
                name.database = Some(self.ddl_name("database name")?);
            }
            return Ok(Statement::ShowColumns(name));
        }
        if self.takes("TBLPROPERTIES") {
            return self.table_name().map(Statement::ShowProperties);
        }
        self.expects("CREATE")?;
        if self.takes("VIEW") {
            return self.table_name().map(Statement::ShowCreateView);
        }
        self.expects("TABLE")?;
        self.table_name().map(Statement::ShowCreateTable)
    }

    /// `[LIKE] 'pattern'`: `*` for anything, `|` between alternatives.
    fn pattern(&mut self) -> Checked<Option<String>> {
        let like = self.takes("LIKE");
        if like || self.text_ahead(0) {
            return self.string().map(Some);
        }
        Ok(None)
    }
}

/// Hive's escapes in a delimiter: `\t`, `\001`, `\u0001`.
fn delimiter(text: &str) -> Option<char> {
    let octal = text
        .strip_prefix('\\')
        .and_then(|digits| u32::from_str_radix(digits, 8).ok());
    let unicode = text
        .strip_prefix("\\u")
        .and_then(|digits| u32::from_str_radix(digits, 16).ok());
    let char = match text {
        "\\t" => '\t',
        "\\\\" => '\\',
        _ => match unicode.or(octal) {
            Some(code) => char::from_u32(code)?,
            None => {
                let mut chars = text.chars();
                let first = chars.next()?;
                if chars.next().is_some() {
                    return None;
                }
                first
            }
        },
    };
    char.is_ascii().then_some(char)
}

fn format(storage: Storage) -> Checked<TableFormat> {
    let sign = |key: &str, default: char| {
        let Some(text) = storage.properties.get(key) else {
            return Ok(default);
        };
        delimiter(text).ok_or_else(|| {
            Fault::ddl(format!(
                "SemanticException '{key}' must be one ASCII character: '{text}'"
            ))
        })
    };
    let default = if storage.parquet { PARQUET } else { LAZY };
    let serde = storage
        .serde
        .as_ref()
        .map_or(default, |(serde, _)| serde.as_str());
    match serde {
        PARQUET => Ok(TableFormat::Parquet),
        LAZY => {
            let format = sign("serialization.format", '\u{1}').unwrap_or('\u{1}');
            Ok(TableFormat::Text {
                delimiter: sign("field.delim", format)?,
            })
        }
        CSV => Ok(TableFormat::Csv {
            separator: sign("separatorchar", ',')?,
            quote: sign("quotechar", '"')?,
            escape: sign("escapechar", '\\')?,
        }),
        other => {
            let fault = Fault::ddl(format!("SemanticException Cannot validate serde: {other}"));
            let known = ["regexserde", "grokserde", "jsonserde", "orcserde"];
            let known = known
                .iter()
                .any(|name| other.to_lowercase().ends_with(name));
            Err(match known {
                true => fault.with_hint(
                    "Athena has this serde, which is not read here: flow logs are read by ROW \
                     FORMAT DELIMITED, OpenCSVSerde or STORED AS PARQUET",
                ),
                false => fault,
            })
        }
    }
}

/// That no column has the name of another.
pub(super) fn check_columns(table: &Table) -> Checked<()> {
    let mut seen: Vec<&str> = Vec::new();
    for column in table.all_columns() {
        if seen.contains(&column.name.as_str()) {
            let name = &column.name;
            let message = if table.columns.iter().filter(|c| c.name == *name).count() > 1 {
                format!("SemanticException [Error 10036]: Duplicate column name: {name}")
            } else {
                "SemanticException [Error 10035]: Column repeated in partitioning columns"
                    .to_owned()
            };
            return Err(Fault::ddl(message));
        }
        seen.push(&column.name);
    }
    Ok(())
}
