//! Objects, texts and a failing disk for tests.

use std::{
    fs::File,
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use ferro_model::{
    Limits, document,
    object::{Object, ObjectKey, ObjectKind},
};

use ferro_process::clock::Clock;
use redb::{Database, StorageBackend, backends::FileBackend};

use crate::{
    disk::{Disk, Retention},
    owner::Owner,
    store::Store,
    transaction::{Action, Edit, Expected, Transaction},
};

/// A VirtualService of the namespace `shop`, which differs by `weight`.
pub(crate) fn text(name: &str, weight: u32) -> String {
    format!(
        "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata:\n  name: {name}\n  namespace: shop\n\
         spec:\n  hosts: [{name}]\n  http:\n  - route:\n    - destination: {{host: {name}}}\n      weight: {weight}\n"
    )
}

pub(crate) fn key(name: &str) -> ObjectKey {
    ObjectKey { kind: ObjectKind::VirtualService, namespace: "shop".into(), name: name.into() }
}

pub(crate) fn object(name: &str, weight: u32) -> Arc<Object> {
    let parsed = document::parse("test", &text(name, weight), &Limits::default());
    let (object, _) = parsed.objects.into_iter().next().expect("the text of the test is valid");
    Arc::new(object)
}

pub(crate) fn file(path: &str) -> Owner {
    Owner::File(path.into())
}

pub(crate) fn apply(owner: &Owner, object: Arc<Object>) -> Edit {
    Edit { owner: owner.clone(), expected: Expected::Any, action: Action::Apply(object) }
}

pub(crate) fn delete(owner: &Owner, name: &str) -> Edit {
    Edit { owner: owner.clone(), expected: Expected::Any, action: Action::Delete(key(name)) }
}

pub(crate) fn transaction(edits: impl IntoIterator<Item = Edit>) -> Transaction {
    Transaction { author: "test".to_owned(), expected: None, edits: edits.into_iter().collect() }
}

/// What a disk does wrong, for as long as it is set.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    /// No `fsync` succeeds, while what is written can be read, as from the page cache.
    pub(crate) syncs: Arc<AtomicBool>,
    /// `fsync` fails once.
    pub(crate) next_sync: Arc<AtomicBool>,
    /// Nothing is written.
    pub(crate) writes: Arc<AtomicBool>,
}

/// A store whose file fails as `faults` say.
pub(crate) fn open_on_failing_disk(directory: &Path, faults: &Faults) -> Store {
    let faults = faults.clone();
    let opener = move |path: &Path| {
        let file = FileBackend::new(File::options().read(true).write(true).open(path)?)?;
        Database::builder().create_with_backend(FailingFile { file, faults: faults.clone() })
    };
    let (disk, content) = Disk::open_by(Box::new(opener), directory, Retention::default()).expect("the store opens");
    Store::start(disk, content, Clock::default()).expect("a thread starts")
}

#[derive(Debug)]
struct FailingFile {
    file: FileBackend,
    faults: Faults,
}

fn broken_if(fails: bool) -> io::Result<()> {
    if fails { Err(nix::errno::Errno::EIO.into()) } else { Ok(()) }
}

// === impl FailingFile ===

impl StorageBackend for FailingFile {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        broken_if(self.faults.syncs.load(Ordering::SeqCst) || self.faults.next_sync.swap(false, Ordering::SeqCst))?;
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        broken_if(self.faults.writes.load(Ordering::SeqCst))?;
        self.file.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }
}
