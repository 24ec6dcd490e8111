//! Tables for people, JSON and YAML for machines, names for scripts.

use anyhow::Result;
use clap::ValueEnum;
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

/// How to print a result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Aligned columns.
    #[default]
    Table,
    /// One JSON value.
    Json,
    /// One YAML value; of objects, the documents as they were given.
    Yaml,
    /// One name a line, `kind/name` of objects.
    Name,
}

/// Prints `value` for machines, or `rows` under `header` for people; a row begins with its name.
pub(crate) fn print<T: Serialize>(format: Format, value: &T, header: &[&str], rows: Vec<Vec<String>>) -> Result<()> {
    match format {
        Format::Json => println!("{}", serde_json::to_string_pretty(value)?),
        Format::Yaml => print!("{}", serde_saphyr::to_string(value)?),
        Format::Table => println!("{}", table(header, rows)),
        Format::Name => {
            let mut names: Vec<String> = rows.into_iter().filter_map(|row| row.into_iter().next()).collect();
            names.dedup();
            print_lines(names);
        }
    }
    Ok(())
}

/// Prints lines, and nothing for an empty one.
pub(crate) fn print_lines(lines: impl IntoIterator<Item = String>) {
    lines.into_iter().filter(|line| !line.is_empty()).for_each(|line| println!("{line}"));
}

/// An aligned table without lines.
pub(crate) fn table(header: &[&str], rows: Vec<Vec<String>>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header.iter().copied());
    table.add_rows(rows);
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table
}
