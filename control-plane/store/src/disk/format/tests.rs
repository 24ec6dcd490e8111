use std::{
    path::{Path, PathBuf},
    time::{Duration, UNIX_EPOCH},
};

use ferro_process::clock::Clock;
use redb::{ReadableDatabase, ReadableTable, TableDefinition};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{CURRENT, Format, Step, prepare};
use crate::{
    Store, StoreOptions,
    disk::{DiskError, JOURNAL, META, OBJECTS, OpenError, decode, encode},
    owner::Owner,
    revision::Revision,
    snapshot::ContentHash,
    testing::{apply, key, object, text, transaction},
};

/// A store as the first version wrote it, table by table. It must open for ever.
fn first_format() -> Value {
    let record = json!({"text": text("a", 1), "owner": "api", "created": 5, "hash": "00", "version": 4});
    json!({
        "meta": {"format": "1", "writer": "0.1.0", "revision": "4", "youngest": "5"},
        "objects": {"VirtualService/shop/a": record},
        "addresses": {"shop/a.example": {"address": "240.240.1.2"}, "shop/b.example": {"address": "240.240.1.3", "released_at": 9}},
        "journal": {"4": {"at": 5, "author": "x", "changes": [{"key": "VirtualService/shop/a", "after": record}]}},
    })
}

fn build(tables: &Value) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("store.redb");
    let database = redb::Database::create(&path).expect("created");
    let transaction = database.begin_write().expect("begun");
    for (table, rows) in tables.as_object().expect("tables") {
        for (key, value) in rows.as_object().expect("rows") {
            let bytes = encode(value).expect("JSON");
            match table.as_str() {
                "meta" => {
                    let mut meta = transaction.open_table(META).expect("a table");
                    meta.insert(key.as_str(), value.as_str().expect("a text")).expect("inserted");
                }
                "journal" => {
                    let definition: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("journal");
                    let mut journal = transaction.open_table(definition).expect("a table");
                    journal.insert(key.parse::<u64>().expect("a number"), bytes.as_slice()).expect("inserted");
                }
                other => {
                    let definition: TableDefinition<'_, &str, &[u8]> = TableDefinition::new(other);
                    let mut table = transaction.open_table(definition).expect("a table");
                    table.insert(key.as_str(), bytes.as_slice()).expect("inserted");
                }
            }
        }
    }
    transaction.commit().expect("committed");
    (folder, path)
}

fn meta_of(path: &Path, name: &str) -> String {
    let database = redb::Database::open(path).expect("opens");
    let meta = database.begin_read().expect("begun").open_table(META).expect("a table");
    meta.get(name).expect("readable").expect("it is there").value().to_owned()
}

#[tokio::test]
async fn the_store_of_the_first_format_opens() {
    let (folder, _) = build(&first_format());
    let store = Store::open(folder.path(), StoreOptions::default()).expect("opens");
    let snapshot = store.snapshot();
    assert_eq!((snapshot.revision(), snapshot.len()), (Revision(4), 1));
    let stored = snapshot.get(&key("a")).expect("it is there");
    assert_eq!((stored.version, stored.object.meta.created.unix_millis()), (Revision(4), 5));
    assert_eq!(store.addresses().borrow().table().len(), 2);
    assert_eq!(store.history(10).await.expect("readable").len(), 1);
    assert!(store.unserved().is_empty());
}

#[test]
fn fields_that_a_later_version_adds_do_not_keep_this_one_from_reading() {
    let mut tables = first_format();
    tables["objects"]["VirtualService/shop/a"]["signature"] = json!("new");
    tables["journal"]["4"]["reason"] = json!("new");
    let (folder, _) = build(&tables);
    assert_eq!(Store::open(folder.path(), StoreOptions::default()).expect("opens").snapshot().len(), 1);
}

#[test]
fn an_object_that_cannot_be_read_spoils_only_itself() {
    let mut tables = first_format();
    tables["objects"]["VirtualService/shop/damaged"] = json!(["no", "record"]);
    tables["objects"]["Unheard/shop/b"] = tables["objects"]["VirtualService/shop/a"].clone();
    let (folder, _) = build(&tables);
    let store = Store::open(folder.path(), StoreOptions::default()).expect("opens");
    assert_eq!(store.snapshot().len(), 1);
    let unserved: Vec<&str> = store.unserved().iter().map(|unserved| unserved.key.as_str()).collect();
    assert_eq!(unserved, ["Unheard/shop/b", "VirtualService/shop/damaged"]);
}

#[test]
fn an_address_that_cannot_be_read_spoils_only_itself() {
    let mut tables = first_format();
    tables["addresses"]["shop/damaged.example"] = json!({"address": "not an address"});
    tables["addresses"]["no-slash"] = json!({"address": "240.240.1.4"});
    let (folder, _) = build(&tables);
    let store = Store::open(folder.path(), StoreOptions::default()).expect("opens");
    assert_eq!((store.snapshot().len(), store.addresses().borrow().table().len()), (1, 2));
    let unserved: Vec<&str> = store.unserved().iter().map(|unserved| unserved.key.as_str()).collect();
    assert_eq!(unserved, ["address no-slash", "address shop/damaged.example"]);
}

/// What a next version might do: it calls the owner `source`.
const NEXT: Format = Format { number: CURRENT.number + 1, steps: &[rename_owner] };

fn rename_owner(transaction: &redb::WriteTransaction) -> Result<(), DiskError> {
    let mut objects = transaction.open_table(OBJECTS)?;
    let mut rows = Vec::new();
    for row in objects.iter()? {
        let (key, value) = row?;
        rows.push((key.value().to_owned(), decode::<Value>("objects", key.value(), value.value())?));
    }
    for (key, mut value) in rows {
        value["source"] = value["owner"].take();
        objects.insert(key.as_str(), encode(&value)?.as_slice())?;
    }
    Ok(())
}

#[test]
fn a_next_version_brings_the_store_up_and_this_one_then_refuses_it_by_name() {
    let (folder, path) = build(&first_format());
    let database = redb::Database::open(&path).expect("opens");
    prepare(&database, &path, &NEXT).expect("brought up");
    {
        let objects = database.begin_read().expect("begun").open_table(OBJECTS).expect("a table");
        let row = objects.get("VirtualService/shop/a").expect("readable").expect("it is there");
        assert_eq!(decode::<Value>("objects", "a", row.value()).expect("JSON")["source"], json!("api"));
    }
    drop(database);
    assert_eq!(meta_of(&path, "format"), "2");

    let refused = Store::open(folder.path(), StoreOptions::default()).expect_err("it is newer").to_string();
    assert!(refused.contains("has format 2") && refused.contains("formats up to 1"), "{refused}");
}

#[test]
fn a_step_that_fails_leaves_the_old_format() {
    let failing: Step = |_| Err(redb::Error::PreviousIo.into());
    let steps: &'static [Step] = Box::leak(Box::new([rename_owner as Step, failing]));
    let (folder, path) = build(&first_format());
    let database = redb::Database::open(&path).expect("opens");
    prepare(&database, &path, &Format { number: 3, steps }).expect_err("the second step fails");
    drop(database);
    assert_eq!(meta_of(&path, "format"), "1");
    assert_eq!(Store::open(folder.path(), StoreOptions::default()).expect("opens").snapshot().len(), 1);
}

#[test]
fn a_database_of_somebody_else_is_refused_and_not_touched() {
    let (folder, path) = build(&json!({"recipes": {"soup": "water"}}));
    let refused = Store::open(folder.path(), StoreOptions::default());
    assert!(matches!(refused, Err(OpenError::Foreign { .. })), "{refused:?}");
    let database = redb::Database::open(path).expect("opens");
    assert_eq!(database.begin_read().expect("begun").list_tables().expect("readable").count(), 1);
}

#[test]
fn a_file_that_is_no_database_is_refused_with_its_path() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("store.redb"), "apiVersion: v1\n".repeat(1_000)).expect("written");
    let refused = Store::open(folder.path(), StoreOptions::default()).expect_err("no database").to_string();
    assert!(refused.contains("store.redb"), "{refused}");
}

#[test]
fn the_database_has_the_file_format_that_every_released_version_reads() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    drop(Store::open(folder.path(), StoreOptions::default()).expect("opens"));
    let bytes = std::fs::read(folder.path().join("store.redb")).expect("readable");
    // Of redb's two commit slots. The tests above build their stores with the redb of today, and would not see it change.
    assert_eq!((bytes[64], bytes[192]), (3, 3), "a step of ours has to bring older files to redb's new format");
}

#[tokio::test]
async fn what_this_version_writes_is_the_first_format() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let clock = Clock::starting_at(UNIX_EPOCH + Duration::from_secs(5));
    let store = Store::open(folder.path(), StoreOptions { clock, ..StoreOptions::default() }).expect("opens");
    store.commit(transaction([apply(&Owner::Api, object("a", 1))])).await.expect("committed");
    drop(store);
    let database = redb::Database::open(folder.path().join("store.redb")).expect("opens");
    let read = database.begin_read().expect("begun");
    let objects = read.open_table(OBJECTS).expect("a table");
    let row = objects.get("VirtualService/shop/a").expect("readable").expect("it is there");
    let mut record = decode::<Value>("objects", "a", row.value()).expect("JSON");
    let created = record["created"].as_u64().expect("a number");
    assert!((5_000..60_000).contains(&created), "{created}");
    let text = object("a", 1).source_text.to_string();
    let hash = ContentHash::of(&text).to_string();
    let expected = json!({"text": text, "owner": "api", "created": created, "hash": hash, "version": 1});
    assert_eq!(record, expected);
    let journal = read.open_table(JOURNAL).expect("a table");
    let row = journal.get(1).expect("readable").expect("it is there");
    let mut entry = decode::<Value>("journal", "1", row.value()).expect("JSON");
    assert_eq!(entry["changes"][0]["after"].take(), record.take());
    assert_eq!(entry["changes"][0]["key"], json!("VirtualService/shop/a"));
    assert_eq!((&entry["author"], entry["changes"][0].get("before")), (&json!("test"), None));
}
