//! Random histories of a folder, without the kernel's events and without waiting.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    time::Instant,
};

use proptest::{collection::vec, prelude::Strategy, prop_oneof, proptest, sample::select, test_runner::Config};
use tempfile::TempDir;
use tokio::sync::watch;

use super::{Engine, FileLimits, Haste, Roots};
use crate::{
    Revision, Snapshot, Store, StoreOptions,
    source::file::{status::FileStatus, track::GRACE},
    testing::text,
};

/// One document of a file.
#[derive(Clone, Copy, Debug)]
struct Doc {
    name: &'static str,
    weight: u32,
    is_broken: bool,
}

/// What may happen to a folder.
#[derive(Clone, Debug)]
enum Step {
    Write {
        file: &'static str,
        documents: Vec<Doc>,
    },
    Remove {
        file: &'static str,
    },
    Rename {
        from: &'static str,
        to: &'static str,
    },
    /// The same text with another date.
    Rewrite {
        file: &'static str,
    },
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let file = select(vec!["a.yaml", "b.yaml", "c.yaml"]);
    let document = (select(vec!["x", "y", "z"]), 0..3_u32, proptest::bool::weighted(0.25))
        .prop_map(|(name, weight, is_broken)| Doc { name, weight, is_broken });
    prop_oneof![
        6 => (file.clone(), vec(document, 1..4)).prop_map(|(file, documents)| Step::Write { file, documents }),
        1 => file.clone().prop_map(|file| Step::Remove { file }),
        2 => (file.clone(), file.clone()).prop_map(|(from, to)| Step::Rename { from, to }),
        1 => file.prop_map(|file| Step::Rewrite { file }),
        1 => proptest::strategy::Just(Step::Restart),
    ]
}

/// What the folder says, by the rules of the source told in other words.
#[derive(Default)]
struct Expected {
    on_disk: BTreeMap<&'static str, Vec<Doc>>,
    /// By file and name of the object.
    in_force: BTreeMap<&'static str, BTreeMap<&'static str, u32>>,
}

impl Expected {
    fn step(&mut self, step: &Step) {
        match step {
            Step::Write { file, documents } => self.write(file, documents.clone()),
            Step::Remove { file } => self.remove(file),
            Step::Rename { from, to } if from != to => {
                if let Some(documents) = self.on_disk.get(from).cloned() {
                    // The other name has no last good versions of its own for what the old name said.
                    self.write(to, documents);
                    self.remove(from);
                }
            }
            Step::Restart => self.restart(),
            Step::Rename { .. } | Step::Rewrite { .. } => {}
        }
    }

    /// The store remembers what is in force: the last good version of a file that another file outranks is forgotten.
    fn restart(&mut self) {
        let content = self.content();
        for (file, objects) in &mut self.in_force {
            let good =
                |name: &str| self.on_disk[file].iter().any(|document| document.name == name && !document.is_broken);
            objects.retain(|name, weight| good(name) || content.contains(&format!("{name} {weight} {file}")));
        }
    }

    fn write(&mut self, file: &'static str, documents: Vec<Doc>) {
        let before = self.in_force.remove(file).unwrap_or_default();
        let mut now = BTreeMap::new();
        for document in documents.iter().filter(|document| !document.is_broken) {
            now.entry(document.name).or_insert(document.weight);
        }
        let broken: BTreeSet<&str> =
            documents.iter().filter(|document| document.is_broken).map(|document| document.name).collect();
        // A broken document of an object that was not there may be any that is missing now.
        let may_be_any = broken.iter().any(|name| !before.contains_key(name) && !now.contains_key(name));
        for (name, weight) in before {
            if may_be_any || broken.contains(name) {
                now.entry(name).or_insert(weight);
            }
        }
        self.in_force.insert(file, now);
        self.on_disk.insert(file, documents);
    }

    fn remove(&mut self, file: &'static str) {
        self.on_disk.remove(file);
        self.in_force.remove(file);
    }

    /// `name weight file` of every object.
    fn content(&self) -> BTreeSet<String> {
        let names: BTreeSet<&str> = self.in_force.values().flat_map(|objects| objects.keys().copied()).collect();
        let winner = |name: &str| {
            self.in_force.iter().find_map(|(file, objects)| Some(format!("{name} {} {file}", objects.get(name)?)))
        };
        names.into_iter().filter_map(winner).collect()
    }
}

struct World {
    policies: TempDir,
    data: TempDir,
    engine: Engine,
    store: Store,
}

impl World {
    fn new() -> Self {
        let (policies, data) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let (engine, store) = start(&policies, &data);
        Self { policies, data, engine, store }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.policies.path().join(file)
    }

    fn step(self, step: &Step) -> Self {
        match step {
            Step::Write { file, documents } => self.write(file, documents),
            Step::Remove { file } => drop(fs::remove_file(self.path(file))),
            Step::Rename { from, to } => drop(fs::rename(self.path(from), self.path(to))),
            Step::Rewrite { file } => {
                if let Ok(text) = fs::read(self.path(file)) {
                    fs::write(self.path(file), text).expect("written");
                }
            }
            Step::Restart => return self.restart(),
        }
        self
    }

    fn write(&self, file: &str, documents: &[Doc]) {
        let text_of = |document: &Doc| {
            let text = text(document.name, document.weight);
            if document.is_broken { text.replace("hosts: [", "hosts: 5 #[") } else { text }
        };
        let texts: Vec<String> = documents.iter().map(text_of).collect();
        fs::write(self.path(file), texts.join("---\n")).expect("written");
    }

    fn restart(self) -> Self {
        let Self { policies, data, engine, store } = self;
        drop((engine, store));
        let (engine, store) = start(&policies, &data);
        Self { policies, data, engine, store }
    }

    fn settle(&mut self) -> Snapshot {
        let now = Instant::now();
        self.engine.scan(Haste::Exchanged, now);
        self.engine.pass(now);
        self.engine.pass(now + GRACE);
        self.store.snapshot()
    }
}

fn start(policies: &TempDir, data: &TempDir) -> (Engine, Store) {
    let store = Store::open(data.path(), StoreOptions::default()).expect("opens");
    let roots = Roots::new(&[policies.path().to_owned()]).expect("absolute");
    let (status, _) = watch::channel(FileStatus::default());
    let mut engine = Engine::new(store.clone(), roots, FileLimits::default(), status);
    engine.scan(Haste::First, Instant::now());
    engine.pass(Instant::now());
    (engine, store)
}

fn content(snapshot: &Snapshot) -> BTreeSet<String> {
    let weight = |text: &str| text.split("weight: ").nth(1).map(|rest| rest.trim_end().to_owned()).unwrap_or_default();
    let file = |stored: &crate::snapshot::Stored| {
        stored.owner.file().and_then(|path| path.rsplit('/').next()).unwrap_or_default().to_owned()
    };
    let line = |stored: &crate::snapshot::Stored| {
        format!("{} {} {}", stored.object.key.name, weight(&stored.object.source_text), file(stored))
    };
    snapshot.iter().map(|(_, stored)| line(stored)).collect()
}

fn play(steps: &[Step]) {
    let (mut world, mut expected) = (World::new(), Expected::default());
    let mut last = Revision::ZERO;
    for step in steps {
        world = world.step(step);
        let before = expected.content();
        expected.step(step);
        let snapshot = world.settle();
        assert_eq!(content(&snapshot), expected.content(), "{step:?}");
        assert!(snapshot.revision() >= last);
        if before == expected.content() && !matches!(step, Step::Rename { .. }) {
            assert_eq!(snapshot.revision(), last, "{step:?} changed nothing");
        }
        last = snapshot.revision();
        assert_eq!(world.settle().revision(), last, "looking again changes nothing");
    }
}

proptest! {
    #![proptest_config(Config { cases: 64, failure_persistence: None, ..Config::default() })]

    #[test]
    fn the_store_says_what_the_files_say_over_any_history(steps in vec(step(), 1..25)) {
        play(&steps);
    }
}
