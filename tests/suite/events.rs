//! The table of events and problem classes, `docs/tree/events.md` and the code.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use ekv_backup::event::{Row, TABLES};

fn rows() -> impl Iterator<Item = &'static Row> {
    TABLES.iter().flat_map(|(_, rows)| *rows)
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// `EKV_WRITE_DOCS=1` writes the tables anew.
#[test]
fn the_document_lists_every_row() {
    let path = root().join("docs/tree/events.md");
    let found = fs::read_to_string(&path).unwrap();
    let (mut wanted, mut tables) = (String::new(), BTreeMap::from(TABLES));
    let mut section = found.lines().peekable();
    while let Some(line) = section.next() {
        wanted += line;
        wanted.push('\n');
        let Some(rows) = line.strip_prefix("## ").and_then(|title| tables.remove(title)) else { continue };
        while let Some(prose) = section.next_if(|line| !line.starts_with('|') && !line.starts_with('#')) {
            wanted += prose;
            wanted.push('\n');
        }
        while section.next_if(|line| line.starts_with('|')).is_some() {}
        wanted += &table(rows);
    }
    assert!(tables.is_empty(), "docs/tree/events.md lacks {:?}", tables.keys());
    if std::env::var_os("EKV_WRITE_DOCS").is_some() {
        fs::write(&path, &wanted).unwrap();
    } else {
        assert!(
            found == wanted,
            "docs/tree/events.md is not the table: `EKV_WRITE_DOCS=1 cargo test events` writes it"
        );
    }
}

fn table(rows: &[Row]) -> String {
    let line = |row: &Row| {
        let fields = if row.kind == "problem" { "*problem*".to_owned() } else { row.fields.join(", ") };
        let (page, _) = row.section.split_once(".md").unwrap_or((row.section, ""));
        format!("| `{}` | {fields} | [{page}](../{}) | {} |\n", row.name, row.section, row.sentence)
    };
    let head = "| name | fields | rule | says |\n|---|---|---|---|\n".to_owned();
    head + &rows.iter().map(line).collect::<String>()
}

#[test]
fn no_two_rows_are_alike_and_each_is_said_somewhere() {
    let mut code = String::new();
    read(&root().join("src"), &mut code);
    let mut names = BTreeSet::new();
    for Row { name, kind, fields, .. } in rows() {
        assert!(names.insert((kind, name)), "{name} twice");
        let once: BTreeSet<_> = fields.iter().collect();
        assert_eq!(once.len(), fields.len(), "{name}");
        let constant =
            format!("{}::{}", if *kind == "warning" { "Event" } else { "Class" }, name.to_uppercase());
        let said = code.match_indices(&constant).any(|(at, _)| {
            !code[at + constant.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_')
        });
        assert!(said, "nothing says {constant}");
    }
}

/// Reads all sources but the table.
fn read(directory: &Path, code: &mut String) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("src/event") {
            read(&path, code);
        } else if path.is_file() {
            *code += &fs::read_to_string(&path).unwrap();
        }
    }
}

#[test]
fn each_section_is_a_page_and_its_heading() {
    for Row { name, section, .. } in rows() {
        assert!(section.contains(".md#"), "{name}: {section}");
    }
}

#[test]
fn fields_are_those_of_the_row_in_their_order() {
    let row = |name| rows().find(|row| row.name == name).unwrap();
    let allows = |name, fields: &[&str]| row(name).allows(fields.iter().copied());
    assert!(allows("fs_unreachable", &["count", "first_inode"]) && allows("fs_unreachable", &["count"]));
    assert!(
        !allows("fs_unreachable", &["first_inode"]) && !allows("fs_unreachable", &["first_inode", "count"])
    );
    assert!(!allows("fs_unreachable", &["count", "first_inode", "path"]));
    // The last warning of a capped event.
    assert!(allows("txn_pending", &["count"]) && !allows("fs_present", &["count"]));
}
