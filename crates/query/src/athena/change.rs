//! Statements about the catalog: they change it, or tell what is in it.

use std::collections::BTreeSet;

use super::catalog::{AthenaCatalog, Database, Table, TableColumn, TableFormat, View};
use super::ddl::check_columns;
use super::definition::{create_table, describe, describe_formatted};
use super::error::{Checked, Fault};
use super::result::{AthenaColumn, AthenaResult, StatementType};
use super::statement::{PartitionSpec, Statement, TableName};
use super::types::Type;

/// Rows of texts under the names of their columns.
type Told = (
    StatementType,
    &'static str,
    Vec<&'static str>,
    Vec<Vec<String>>,
);

fn done(substatement: &'static str) -> Told {
    (StatementType::Ddl, substatement, Vec::new(), Vec::new())
}

fn list(substatement: &'static str, column: &'static str, rows: Vec<String>) -> Told {
    let rows = rows.into_iter().map(|row| vec![row]).collect();
    (StatementType::Utility, substatement, vec![column], rows)
}

/// Runs a statement that needs no files.
pub(super) fn run(
    statement: Statement,
    catalog: &mut AthenaCatalog,
    database: &str,
) -> Checked<AthenaResult> {
    let note = ignored(&statement, catalog, database);
    let mut result = result(change(statement, catalog, database)?);
    result.notes.extend(note);
    Ok(result)
}

/// That a table stays what it is, though the statement defines it otherwise.
fn ignored(statement: &Statement, catalog: &AthenaCatalog, current: &str) -> Option<String> {
    let Statement::CreateTable {
        name,
        table: new,
        if_not_exists: true,
    } = statement
    else {
        return None;
    };
    let old = table(catalog, name, current).ok()?;
    super::notes::stays(&name.name, old, new)
}

fn result((statement, substatement, columns, rows): Told) -> AthenaResult {
    let columns = columns.into_iter().map(|name| {
        let mut column = AthenaColumn::new(name, &Type::TEXT);
        column.ty = "string".to_owned();
        column.precision = 0;
        column
    });
    AthenaResult {
        statement,
        substatement,
        columns: columns.collect(),
        rows: rows
            .into_iter()
            .map(|row| row.into_iter().map(Some).collect())
            .collect(),
        bytes_scanned: 0,
        notes: Vec::new(),
    }
}

fn change(statement: Statement, catalog: &mut AthenaCatalog, current: &str) -> Checked<Told> {
    match statement {
        Statement::CreateDatabase {
            name,
            if_not_exists,
            comment,
            location,
        } => {
            if catalog.databases.contains_key(&name) && !if_not_exists {
                return Err(exists(&format!("Database {name}")));
            }
            catalog.databases.entry(name).or_insert_with(|| Database {
                comment,
                location,
                ..Database::default()
            });
            Ok(done("CREATE_DATABASE"))
        }
        Statement::DropDatabase {
            name,
            if_exists,
            cascade,
        } => drop_database(catalog, &name, if_exists, cascade),
        Statement::CreateTable {
            name,
            if_not_exists,
            table,
        } => {
            let database = database_mut(catalog, &name, current)?;
            let taken =
                database.tables.contains_key(&name.name) || database.views.contains_key(&name.name);
            if !taken {
                database.tables.insert(name.name, *table);
            } else if !if_not_exists {
                let fault = exists(&format!("Table {}", name.name));
                return Err(match database.tables.get(&name.name) {
                    Some(table) if table.format == TableFormat::Logs => fault.with_hint(format!(
                        "{} is the ready-made table of the flow logs: give yours another name",
                        name.name
                    )),
                    _ => fault,
                });
            }
            Ok(done("CREATE_TABLE"))
        }
        Statement::DropTable { name, if_exists } => {
            let database = database_mut(catalog, &name, current)?;
            if let Some(table) = database.tables.get(&name.name) {
                changeable(&name.name, table)?;
            }
            if database.tables.remove(&name.name).is_none() && !if_exists {
                return Err(not_found(&name.name));
            }
            Ok(done("DROP_TABLE"))
        }
        Statement::DropView { name, if_exists } => {
            let database = database_mut(catalog, &name, current)?;
            if database.views.remove(&name.name).is_none() && !if_exists {
                return Err(not_found(&name.name));
            }
            Ok(done("DROP_VIEW"))
        }
        other => change_table(other, catalog, current),
    }
}

fn change_table(statement: Statement, catalog: &mut AthenaCatalog, current: &str) -> Checked<Told> {
    match statement {
        Statement::AddPartitions {
            name,
            if_not_exists,
            partitions,
        } => {
            let table = table_mut(catalog, &name, current)?;
            for (spec, location) in partitions {
                let values = partition_values(table, &spec)?;
                let location = location.unwrap_or_else(|| default_location(table, &values));
                if table.partitions.contains_key(&values) && !if_not_exists {
                    return Err(exists("Partition"));
                }
                table.partitions.entry(values).or_insert(location);
            }
            Ok(done("ALTER_TABLE_ADD_PARTITION"))
        }
        Statement::DropPartitions {
            name,
            if_exists,
            partitions,
        } => {
            let table = table_mut(catalog, &name, current)?;
            for spec in partitions {
                let found = matching(table, &spec)?;
                if found.is_empty() && !if_exists {
                    let text: Vec<String> =
                        spec.0.iter().map(|(c, v)| format!("{c} = '{v}'")).collect();
                    let message = format!(
                        "SemanticException [Error 10006]: Partition not found ({})",
                        text.join(" AND ")
                    );
                    return Err(Fault::ddl(message));
                }
                for values in found {
                    table.partitions.remove(&values);
                }
            }
            Ok(done("ALTER_TABLE_DROP_PARTITION"))
        }
        Statement::Columns {
            name,
            columns,
            replaces,
        } => {
            let table = table_mut(catalog, &name, current)?;
            change_columns(table, columns, replaces)?;
            Ok(done(match replaces {
                true => "ALTER_TABLE_REPLACE_COLUMNS",
                false => "ALTER_TABLE_ADD_COLUMNS",
            }))
        }
        Statement::SetProperties { name, properties } => {
            table_mut(catalog, &name, current)?
                .properties
                .extend(properties);
            Ok(done("ALTER_TABLE_SET_PROPERTIES"))
        }
        Statement::SetLocation { name, location } => {
            table_mut(catalog, &name, current)?.location = location;
            Ok(done("ALTER_TABLE_SET_LOCATION"))
        }
        other => tell(&other, catalog, current),
    }
}

fn change_columns(table: &mut Table, columns: Vec<TableColumn>, replaces: bool) -> Checked<()> {
    if table.format == TableFormat::Logs {
        let message = "the columns of this table are the fields of its flow logs";
        return Err(Fault::ddl(message));
    }
    let mut changed = table.clone();
    if replaces {
        changed.columns.clear();
    }
    changed.columns.extend(columns);
    check_columns(&changed)?;
    *table = changed;
    Ok(())
}

fn tell(statement: &Statement, catalog: &AthenaCatalog, current: &str) -> Checked<Told> {
    Ok(match statement {
        Statement::ShowPartitions(name) => {
            let table = table(catalog, name, current)?;
            if table.partition_columns.is_empty() {
                let message = format!(
                    "SemanticException [Error 10001]: Table {} is not a partitioned table",
                    name.name
                );
                return Err(Fault::ddl(message));
            }
            let rows = table
                .partitions
                .keys()
                .map(|values| table.partition_name(values));
            list("SHOW_PARTITIONS", "partition", rows.collect())
        }
        Statement::ShowColumns(name) => {
            let table = table(catalog, name, current)?;
            let names = table.all_columns().map(|column| column.name.clone());
            list("SHOW_COLUMNS", "field", names.collect())
        }
        Statement::ShowProperties(name) => {
            let table = table(catalog, name, current)?;
            let rows = table
                .properties
                .iter()
                .map(|(key, value)| vec![key.clone(), value.clone()]);
            (
                StatementType::Utility,
                "SHOW_TABLE_PROPERTIES",
                vec!["prpt_name", "prpt_value"],
                rows.collect(),
            )
        }
        Statement::ShowCreateTable(name) => {
            let table = table(catalog, name, current)?;
            let database = name.database.as_deref().unwrap_or(current);
            let text = create_table(&format!("{database}.{}", name.name), table);
            let lines = text.lines().map(str::to_owned).collect();
            list("SHOW_CREATE_TABLE", "createtab_stmt", lines)
        }
        Statement::ShowCreateView(name) => {
            let database = database_named(catalog, name.database.as_deref().unwrap_or(current))?;
            let view = database
                .views
                .get(&name.name)
                .ok_or_else(|| not_found(&name.name))?;
            let text = format!("CREATE VIEW \"{}\" AS\n{}", name.name, view.query);
            list(
                "SHOW_CREATE_VIEW",
                "Create View",
                text.lines().map(str::to_owned).collect(),
            )
        }
        Statement::Describe { name, formatted } => {
            let table = table(catalog, name, current)?;
            let database = name.database.as_deref().unwrap_or(current);
            description(database, table, *formatted)
        }
        other => return names(other, catalog, current),
    })
}

fn description(database: &str, table: &Table, formatted: bool) -> Told {
    // A view has columns, and no files.
    let rows = match formatted && !table.location.is_empty() {
        true => describe_formatted(database, table),
        false => describe(table),
    };
    (
        StatementType::Utility,
        "DESCRIBE_TABLE",
        vec!["col_name", "data_type", "comment"],
        rows,
    )
}

/// All names that a query can call.
fn functions() -> BTreeSet<&'static str> {
    let scalar = super::functions::signatures().filter_map(|it| it.split('(').next());
    let aggregates = super::aggregates::NAMES.iter().copied();
    let windows = super::group::WINDOWS.iter().copied();
    let all = scalar.chain(aggregates).chain(windows);
    all.filter(|name| *name != "subscript").collect()
}

/// The names of functions, databases, tables or views.
fn names(statement: &Statement, catalog: &AthenaCatalog, current: &str) -> Checked<Told> {
    Ok(match statement {
        Statement::ShowDatabases(pattern) => {
            let names = catalog.databases.keys();
            list(
                "SHOW_DATABASES",
                "database_name",
                matched(names, pattern.as_deref())?,
            )
        }
        Statement::ShowFunctions(pattern) => {
            // Trino's patterns are SQL's.
            let pattern = pattern.as_ref().map(|pattern| pattern.replace('%', "*"));
            let names: Vec<String> = functions().into_iter().map(str::to_owned).collect();
            let names = matched(names.iter(), pattern.as_deref())?;
            list("SHOW_FUNCTIONS", "Function", names)
        }
        Statement::ShowTables(database, pattern) => {
            let database = database_named(catalog, database.as_deref().unwrap_or(current))?;
            let names = database.tables.keys().chain(database.views.keys());
            let mut names = matched(names, pattern.as_deref())?;
            names.sort();
            list("SHOW_TABLES", "tab_name", names)
        }
        Statement::ShowViews(database, pattern) => {
            let database = database_named(catalog, database.as_deref().unwrap_or(current))?;
            list(
                "SHOW_VIEWS",
                "views",
                matched(database.views.keys(), pattern.as_deref())?,
            )
        }
        _ => {
            return Err(Fault::bare(
                super::error::INTERNAL,
                "a statement of another kind",
            ));
        }
    })
}

/// Stores a view.
pub(super) fn create_view(
    catalog: &mut AthenaCatalog,
    current: &str,
    name: TableName,
    or_replace: bool,
    query: String,
) -> Checked<AthenaResult> {
    let database = database_mut(catalog, &name, current)?;
    if database.tables.contains_key(&name.name) {
        return Err(exists(&format!("Table {}", name.name)));
    }
    if database.views.contains_key(&name.name) && !or_replace {
        return Err(exists(&format!("View {}", name.name)));
    }
    let view = View {
        query,
        database: current.to_owned(),
    };
    database.views.insert(name.name, view);
    Ok(result(done("CREATE_VIEW")))
}

/// MSCK REPAIR: adds the partitions that were found.
pub(super) fn repair(
    catalog: &mut AthenaCatalog,
    name: &TableName,
    current: &str,
    found: Vec<(Vec<String>, String)>,
) -> Checked<AthenaResult> {
    let table = table_mut(catalog, name, current)?;
    let (mut missing, mut added) = (Vec::new(), Vec::new());
    for (values, location) in found {
        if table.partitions.contains_key(&values) {
            continue;
        }
        let partition = table.partition_name(&values);
        missing.push(format!("{}:{partition}", name.name));
        added.push(format!(
            "Repair: Added partition to metastore {}:{partition}",
            name.name
        ));
        table.partitions.insert(values, location);
    }
    let mut rows = added;
    if !missing.is_empty() {
        rows.insert(
            0,
            format!("Partitions not in metastore:\t{}", missing.join("\t")),
        );
    }
    let (_, _, columns, rows) = list("MSCK_REPAIR_TABLE", "result", rows);
    Ok(result((
        StatementType::Ddl,
        "MSCK_REPAIR_TABLE",
        columns,
        rows,
    )))
}

fn exists(what: &str) -> Fault {
    Fault::ddl(format!(
        "Execution Error, return code 1 from org.apache.hadoop.hive.ql.exec.DDLTask. AlreadyExistsException(message:{what} already exists)"
    ))
}

fn not_found(table: &str) -> Fault {
    Fault::ddl(format!(
        "SemanticException [Error 10001]: Table not found {table}"
    ))
}

fn no_database(name: &str) -> Fault {
    Fault::ddl(format!(
        "SemanticException [Error 10072]: Database does not exist: {name}"
    ))
}

fn database_named<'c>(catalog: &'c AthenaCatalog, name: &str) -> Checked<&'c Database> {
    catalog.database(name).ok_or_else(|| no_database(name))
}

fn database_mut<'c>(
    catalog: &'c mut AthenaCatalog,
    name: &TableName,
    current: &str,
) -> Checked<&'c mut Database> {
    let name = name.database.as_deref().unwrap_or(current);
    catalog
        .databases
        .get_mut(name)
        .ok_or_else(|| no_database(name))
}

/// The table of a name.
pub(super) fn table<'c>(
    catalog: &'c AthenaCatalog,
    name: &TableName,
    current: &str,
) -> Checked<&'c Table> {
    let database = database_named(catalog, name.database.as_deref().unwrap_or(current))?;
    database
        .tables
        .get(&name.name)
        .ok_or_else(|| not_found(&name.name))
}

fn table_mut<'c>(
    catalog: &'c mut AthenaCatalog,
    name: &TableName,
    current: &str,
) -> Checked<&'c mut Table> {
    let database = database_mut(catalog, name, current)?;
    let table = database.tables.get_mut(&name.name);
    let table = table.ok_or_else(|| not_found(&name.name))?;
    changeable(&name.name, table)?;
    Ok(table)
}

/// Fails for a table that is no one's to change: it stands for the flow logs themselves, so every
/// session has it again.
fn changeable(name: &str, table: &Table) -> Checked<()> {
    if table.format != TableFormat::Logs {
        return Ok(());
    }
    let message = format!(
        "Execution Error, return code 1 from org.apache.hadoop.hive.ql.exec.DDLTask. \
         InvalidOperationException(message:Table {name} is ready-made)"
    );
    Err(Fault::ddl(message).with_hint(format!(
        "{name} stands for the flow logs themselves and is always there; SHOW CREATE TABLE {name} \
         is the start of a table of your own, under another name"
    )))
}

fn drop_database(
    catalog: &mut AthenaCatalog,
    name: &str,
    if_exists: bool,
    cascade: bool,
) -> Checked<Told> {
    let Some(database) = catalog.database(name) else {
        return if if_exists {
            Ok(done("DROP_DATABASE"))
        } else {
            Err(no_database(name))
        };
    };
    let empty = database.tables.is_empty() && database.views.is_empty();
    if !(cascade || empty) {
        return Err(Fault::ddl(format!(
            "Execution Error, return code 1 from org.apache.hadoop.hive.ql.exec.DDLTask. InvalidOperationException(message:Database {name} is not empty. One or more tables exist.)"
        )));
    }
    for (table, definition) in &database.tables {
        changeable(table, definition)?;
    }
    catalog.databases.remove(name);
    Ok(done("DROP_DATABASE"))
}

/// The values of a whole partition in the order of the table's columns.
fn partition_values(table: &Table, spec: &[(String, String)]) -> Checked<Vec<String>> {
    check_spec(table, spec)?;
    let values = table.partition_columns.iter().map(|column| {
        let found = spec.iter().find(|(name, _)| *name == column.name);
        found.map(|(_, value)| value.clone()).ok_or_else(|| {
            let message = format!("SemanticException partition spec {spec:?} doesn't contain all ({}) partition columns", table.partition_columns.len());
            Fault::ddl(message)
        })
    });
    values.collect()
}

fn check_spec(table: &Table, spec: &[(String, String)]) -> Checked<()> {
    if table.partition_columns.is_empty() {
        return Err(Fault::ddl(
            "ValidationFailureSemanticException table is not partitioned but partition spec exists",
        ));
    }
    for (name, _) in spec {
        if !table
            .partition_columns
            .iter()
            .any(|column| column.name == *name)
        {
            return Err(Fault::ddl(format!(
                "SemanticException [Error 10098]: Non-Partition column appears in the partition specification: {name}"
            )));
        }
    }
    Ok(())
}

/// All partitions that have the given values.
fn matching(table: &Table, spec: &PartitionSpec) -> Checked<Vec<Vec<String>>> {
    check_spec(table, &spec.0)?;
    let fits = |values: &&Vec<String>| {
        spec.0.iter().all(|(name, wanted)| {
            let columns = table.partition_columns.iter().zip(values.iter());
            columns
                .into_iter()
                .any(|(column, value)| column.name == *name && value == wanted)
        })
    };
    Ok(table.partitions.keys().filter(fits).cloned().collect())
}

fn default_location(table: &Table, values: &[String]) -> String {
    let folder = table.location.trim_end_matches('/');
    format!("{folder}/{}/", table.partition_name(values))
}

/// Names that match Hive's pattern: `*` for anything, `|` between alternatives.
fn matched<'n>(
    names: impl Iterator<Item = &'n String>,
    pattern: Option<&str>,
) -> Checked<Vec<String>> {
    let Some(pattern) = pattern else {
        return Ok(names.cloned().collect());
    };
    let alternatives: Vec<String> = pattern
        .to_lowercase()
        .split('|')
        .map(|part| {
            part.split('*')
                .map(regex::escape)
                .collect::<Vec<_>>()
                .join(".*")
        })
        .collect();
    let regex = super::functions::regex(&format!("^(?:{})$", alternatives.join("|")))?;
    Ok(names.filter(|name| regex.is_match(name)).cloned().collect())
}
