//! The source over real files and the kernel's real events.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::Write,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    time::Duration,
};

use ferro_process::CancellationToken;
use tempfile::TempDir;
use tokio::{task::JoinHandle, time::timeout};

use super::{FileOptions, FileSource, FileSourceError, FileStatus, Synced};
use crate::{
    Revision, Snapshot, Store, StoreOptions,
    owner::Owner,
    testing::{apply, delete, key, object, text, transaction},
};

mod links;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Long enough for everything that settles, departs or is batched to have happened.
const CALM: Duration = Duration::from_millis(450);

struct World {
    policies: TempDir,
    data: TempDir,
    options: FileOptions,
    running: Option<Running>,
}

struct Running {
    store: Store,
    status: tokio::sync::watch::Receiver<FileStatus>,
    stop: CancellationToken,
    task: JoinHandle<Result<(), FileSourceError>>,
}

impl World {
    fn new() -> Self {
        let policies = tempfile::tempdir().expect("a temporary folder");
        let options =
            FileOptions { rescan: Duration::from_secs(3_600), ..FileOptions::new(vec![policies.path().to_owned()]) };
        Self { policies, data: tempfile::tempdir().expect("a temporary folder"), options, running: None }
    }

    async fn with(files: &[(&str, &str)]) -> Self {
        let mut world = Self::new();
        for (name, text) in files {
            world.write(name, text);
        }
        world.start().await;
        world
    }

    async fn start(&mut self) {
        let store = Store::open(self.data.path(), StoreOptions::default()).expect("opens");
        let source = FileSource::new(&self.options, store.clone()).expect("listens");
        let (status, stop) = (source.status(), CancellationToken::new());
        let task = tokio::spawn(source.run(stop.clone()));
        self.running = Some(Running { store, status, stop, task });
        self.status_where(|status| status.synced == Synced::Yes).await;
    }

    async fn stop(&mut self) {
        let running = self.running.take().expect("running");
        running.stop.cancel();
        running.task.await.expect("no panic").expect("no failure");
    }

    fn running(&self) -> &Running {
        self.running.as_ref().expect("running")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.policies.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.path(name).parent().expect("inside")).expect("created");
        fs::write(self.path(name), text).expect("written");
    }

    fn replace(&self, name: &str, text: &str) {
        self.write(".new", text);
        fs::rename(self.path(".new"), self.path(name)).expect("renamed");
    }

    fn snapshot(&self) -> Snapshot {
        self.running().store.snapshot()
    }

    /// `name=weight` of every object.
    fn weights(&self) -> Vec<String> {
        weights(&self.snapshot())
    }

    async fn expect(&self, expected: &[&str]) -> Snapshot {
        let mut snapshots = self.running().store.watch();
        let found = timeout(PATIENCE, snapshots.wait_for(|snapshot| weights(snapshot) == expected)).await;
        match found {
            Ok(snapshot) => snapshot.expect("open").clone(),
            Err(_) => panic!("expected {expected:?}, found {:?}; {}", self.weights(), self.told()),
        }
    }

    async fn status_where(&self, is_so: impl Fn(&FileStatus) -> bool) -> FileStatus {
        let mut status = self.running().status.clone();
        let found = timeout(PATIENCE, status.wait_for(|status| is_so(status))).await;
        found.map_or_else(|_| panic!("{}", self.told()), |status| status.expect("open").clone())
    }

    async fn expect_told(&self, code: &str) -> String {
        let has = |status: &FileStatus| status.diagnostics().any(|diagnostic| diagnostic.code == code);
        let status = self.status_where(has).await;
        status.diagnostics().find(|diagnostic| diagnostic.code == code).expect("just seen").to_string()
    }

    fn told(&self) -> String {
        let status = self.running().status.borrow().clone();
        status.diagnostics().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    /// Waits until nothing can still be on its way, and checks that nothing changed.
    async fn expect_unchanged(&self, revision: Revision) {
        tokio::time::sleep(CALM).await;
        assert_eq!(self.snapshot().revision(), revision, "{:?}", self.weights());
    }
}

fn weights(snapshot: &Snapshot) -> Vec<String> {
    let weight = |text: &str| text.split("weight: ").nth(1).and_then(|rest| rest.lines().next().map(str::to_owned));
    let line = |stored: &crate::snapshot::Stored| {
        let weight = weight(&stored.object.source_text).unwrap_or_default();
        format!("{}={weight}", stored.object.key.name)
    };
    snapshot.iter().map(|(_, stored)| line(stored)).collect()
}

fn two(first: &str, second: &str) -> String {
    format!("{first}---\n{second}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_document_of_every_file_is_committed_as_one_revision() {
    let world = World::with(&[("a.yaml", &two(&text("x", 1), &text("y", 2))), ("deep/er/b.yml", &text("z", 3))]).await;
    assert_eq!(world.weights(), ["x=1", "y=2", "z=3"]);
    assert_eq!(world.snapshot().revision(), Revision(1));
    let owner = world.snapshot().get(&key("z")).expect("it is there").owner.clone();
    assert_eq!(owner, Owner::File(world.path("deep/er/b.yml").to_string_lossy().into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_over_unchanged_files_makes_no_revision_and_keeps_the_ages() {
    let mut world = World::with(&[("b.yaml", &text("x", 1)), ("a.yaml", &text("y", 2))]).await;
    world.replace("b.yaml", &text("x", 7));
    world.expect(&["x=7", "y=2"]).await;
    let ages = |snapshot: &Snapshot| {
        snapshot.iter().map(|(_, stored)| (stored.version, stored.object.meta.created)).collect::<Vec<_>>()
    };
    let (revision, before) = (world.snapshot().revision(), ages(&world.snapshot()));
    assert!(before[1].1 < before[0].1, "y stands in the first file, so it is older");
    world.stop().await;
    world.start().await;
    assert_eq!((world.snapshot().revision(), ages(&world.snapshot())), (revision, before));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn comments_and_empty_documents_make_no_revision_at_a_restart() {
    let odd =
        format!("# head\n---\n---\n# of x\n{}# after x\n---\n# of y\n\n{}\n\n# end\n---\n", text("x", 1), text("y", 1));
    let mut world =
        World::with(&[("a.yaml", &odd), ("b.json", r#"{"apiVersion": "v1", "kind": "List", "items": []}"#)]).await;
    assert_eq!(world.weights(), ["x=1", "y=1"]);
    world.stop().await;
    world.start().await;
    assert_eq!(world.snapshot().revision(), Revision(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happened_to_the_files_while_nobody_looked_is_made_up_for() {
    let mut world =
        World::with(&[("a.yaml", &text("x", 1)), ("b.yaml", &text("y", 1)), ("c.yaml", &text("z", 1))]).await;
    world.stop().await;
    world.replace("a.yaml", &text("x", 2));
    fs::remove_file(world.path("b.yaml")).expect("removed");
    fs::rename(world.path("c.yaml"), world.path("d.yaml")).expect("renamed");
    let age = |world: &World| world.snapshot().get(&key("z")).expect("it is there").object.meta.created;
    world.start().await;
    world.expect(&["x=2", "z=1"]).await;
    let moved = age(&world);
    world.stop().await;
    world.start().await;
    assert_eq!(age(&world), moved);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_in_place_and_a_change_by_rename_take_effect() {
    let world = World::with(&[("a.yaml", &text("x", 1))]).await;
    world.write("a.yaml", &text("x", 2));
    world.expect(&["x=2"]).await;
    world.replace("a.yaml", &text("x", 3));
    world.expect(&["x=3"]).await;
    assert_eq!(world.snapshot().revision(), Revision(3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_not_read_while_its_writer_has_it_open() {
    let world = World::with(&[("a.yaml", &two(&text("x", 1), &text("y", 1)))]).await;
    let revision = world.snapshot().revision();
    let mut file = File::create(world.path("a.yaml")).expect("opened");
    // Whole documents, so that only the writer's patience tells that more is to come.
    file.write_all(text("x", 2).as_bytes()).expect("written");
    world.expect_unchanged(revision).await;
    file.write_all(format!("---\n{}", text("y", 2)).as_bytes()).expect("written");
    world.expect_unchanged(revision).await;
    drop(file);
    world.expect(&["x=2", "y=2"]).await;
    assert_eq!(world.snapshot().revision(), revision.next());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_whose_writer_was_killed_in_a_line_keeps_its_last_version() {
    let world = World::with(&[("a.yaml", &text("x", 1))]).await;
    let revision = world.snapshot().revision();
    let whole = text("x", 2);
    world.write("a.yaml", &whole[..whole.len() - 2]);
    world.expect_told("file-half-written").await;
    world.write("a.yaml", "");
    world.expect_unchanged(revision).await;
    world.write("a.yaml", &whole);
    world.expect(&["x=2"]).await;
    world.status_where(|status| status.diagnostics().next().is_none()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_was_cut_in_a_line_before_a_restart_keeps_its_last_version() {
    let whole = two(&text("x", 1), &text("y", 1));
    let longer = format!("{whole}---\n{}", text("z", 1));
    for cut in [&whole[..whole.len() - 60], &whole[..whole.len() - 2], &longer[..longer.len() - 2]] {
        let mut world = World::with(&[("a.yaml", &whole)]).await;
        world.write("a.yaml", cut);
        world.expect_told("file-half-written").await;
        world.stop().await;
        world.start().await;
        world.expect_told("file-half-written").await;
        assert_eq!((world.weights(), world.snapshot().revision()), (vec!["x=1".into(), "y=1".into()], Revision(1)));
        world.write("a.yaml", &text("x", 2));
        world.expect(&["x=2"]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_never_ends_its_last_line_is_taken_over_a_restart_and_changed_after_it() {
    let list =
        |weight| format!("kind: List\napiVersion: v1\nitems:\n- {}", text("x", weight).trim().replace('\n', "\n  "));
    for text_of in [&|weight| two(&text("y", 1), text("x", weight).trim()), &list as &dyn Fn(u32) -> String] {
        let mut world = World::with(&[("a.yaml", &text_of(1))]).await;
        let before = world.snapshot();
        world.stop().await;
        world.start().await;
        assert_eq!((world.told(), world.snapshot().revision()), (String::new(), before.revision()));
        world.write("a.yaml", &text_of(2));
        let mut snapshots = world.running().store.watch();
        let changed = snapshots.wait_for(|snapshot| snapshot.revision() == before.revision().next());
        timeout(PATIENCE, changed).await.expect("in time").expect("open");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_document_keeps_its_last_good_version_and_its_neighbours_go_on() {
    let world = World::with(&[("a.yaml", &two(&text("x", 1), &text("y", 1)))]).await;
    world.replace("a.yaml", &two(&text("x", 2).replace("hosts: [", "hosts: 5 #["), &text("y", 2)));
    world.expect(&["x=1", "y=2"]).await;
    assert!(world.expect_told("file-last-good-version").await.contains("VirtualService shop/x"));
    world.replace("a.yaml", &two(&text("x", 3), &text("y", 2)));
    world.expect(&["x=3", "y=2"]).await;
    world.status_where(|status| status.diagnostics().next().is_none()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_good_version_outlives_a_restart_over_the_broken_file() {
    let mut world = World::with(&[("a.yaml", &text("x", 1))]).await;
    world.replace("a.yaml", "kind: VirtualService\nspec: {{{\n");
    world.expect_told("file-last-good-version").await;
    world.stop().await;
    world.start().await;
    assert_eq!((world.weights(), world.snapshot().revision()), (vec!["x=1".to_owned()], Revision(1)));
    world.expect_told("file-last-good-version").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn removed_documents_files_and_folders_remove_their_objects() {
    let files = [("a.yaml", two(&text("w", 1), &text("x", 1))), ("b.yaml", text("y", 1)), ("sub/c.yaml", text("z", 1))];
    let world = World::with(&files.each_ref().map(|(name, text)| (*name, text.as_str()))).await;
    world.write("a.yaml", &text("x", 1));
    world.expect(&["x=1", "y=1", "z=1"]).await;
    fs::remove_file(world.path("b.yaml")).expect("removed");
    world.expect(&["x=1", "z=1"]).await;
    fs::remove_dir_all(world.path("sub")).expect("removed");
    world.expect(&["x=1"]).await;
    world.status_where(|status| status.files.len() == 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_replaced_by_unlinking_it_is_never_absent() {
    let world = World::with(&[("a.yaml", &text("x", 1))]).await;
    let created = world.snapshot().get(&key("x")).expect("it is there").object.meta.created;
    fs::remove_file(world.path("a.yaml")).expect("removed");
    world.write("a.yaml", &text("x", 2));
    let snapshot = world.expect(&["x=2"]).await;
    assert_eq!(snapshot.revision(), Revision(2), "one change, not a removal and a creation");
    assert_eq!(snapshot.get(&key("x")).expect("it is there").object.meta.created, created);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renamed_file_hands_its_objects_over() {
    let world = World::with(&[("a.yaml", &text("x", 1))]).await;
    let created = world.snapshot().get(&key("x")).expect("it is there").object.meta.created;
    fs::rename(world.path("a.yaml"), world.path("z.yaml")).expect("renamed");
    tokio::time::sleep(CALM).await;
    let snapshot = world.snapshot();
    let stored = snapshot.get(&key("x")).expect("it is there");
    assert_eq!(stored.owner, Owner::File(world.path("z.yaml").to_string_lossy().into()));
    assert_eq!((stored.object.meta.created, snapshot.revision()), (created, Revision(2)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_whose_folder_is_renamed_while_it_is_written_follows_the_folder() {
    let world = World::with(&[("aa/x.yaml", &text("x", 1))]).await;
    let mut file = OpenOptions::new().append(true).open(world.path("aa/x.yaml")).expect("opened");
    file.write_all(b"# more\n").expect("written");
    tokio::time::sleep(CALM).await;
    fs::rename(world.path("aa"), world.path("zz")).expect("renamed");
    drop(file);
    world.status_where(|status| status.files.keys().all(|path| path.ends_with("zz/x.yaml"))).await;
    world.write("zz/x.yaml", &text("x", 2));
    let snapshot = world.expect(&["x=2"]).await;
    let owner = snapshot.get(&key("x")).expect("it is there").owner.clone();
    assert_eq!(owner, Owner::File(world.path("zz/x.yaml").to_string_lossy().into()));
    world.status_where(|status| status.diagnostics().next().is_none()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_whose_folder_is_renamed_and_back_while_it_is_written_is_read() {
    let world = World::with(&[("aa/x.yaml", &text("x", 1))]).await;
    let mut file = File::create(world.path("aa/x.yaml")).expect("opened");
    file.write_all(text("x", 2).as_bytes()).expect("written");
    tokio::time::sleep(CALM).await;
    fs::rename(world.path("aa"), world.path("zz")).expect("renamed");
    drop(file);
    fs::rename(world.path("zz"), world.path("aa")).expect("renamed");
    world.expect(&["x=2"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_becomes_a_folder_is_gone() {
    let world = World::with(&[("a.yaml", &text("x", 1))]).await;
    fs::remove_file(world.path("a.yaml")).expect("removed");
    world.write("a.yaml/b.yaml", &text("y", 1));
    world.expect(&["y=1"]).await;
    world.status_where(|status| status.diagnostics().next().is_none()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_root_whose_mode_changes_is_not_taken_for_a_file() {
    let world = World::with(&[("a.yaml", &text("x", 1))]).await;
    fs::set_permissions(world.policies.path(), Permissions::from_mode(0o755)).expect("changed");
    world.expect_unchanged(Revision(1)).await;
    assert_eq!(world.told(), "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_folders_are_followed() {
    let world = World::with(&[("a.yaml", &text("x", 1))]).await;
    world.write("new/deep/b.yaml", &text("y", 1));
    world.expect(&["x=1", "y=1"]).await;
    world.write("new/deep/b.yaml", &text("y", 2));
    world.expect(&["x=1", "y=2"]).await;
    let outside = tempfile::tempdir().expect("a temporary folder");
    fs::write(outside.path().join("c.yaml"), text("z", 1)).expect("written");
    fs::rename(outside.path(), world.path("moved")).expect("renamed");
    world.expect(&["x=1", "y=2", "z=1"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_single_file_is_followed_through_its_folder() {
    let mut world = World::new();
    world.write("mesh.conf", &text("x", 1));
    world.write("other.yaml", &text("y", 1));
    world.options.roots = vec![world.path("mesh.conf")];
    world.start().await;
    assert_eq!(world.weights(), ["x=1"]);
    world.replace("mesh.conf", &text("x", 2));
    world.expect(&["x=2"]).await;
    world.write("mesh.conf", &text("x", 3));
    world.expect(&["x=3"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_root_that_vanishes_is_told_and_keeps_its_objects() {
    let mut world = World::with(&[("sub/a.yaml", &text("x", 1))]).await;
    world.stop().await;
    let hidden = tempfile::tempdir().expect("a temporary folder");
    let (root, aside) = (world.policies.path().to_owned(), hidden.path().join("aside"));
    fs::rename(&root, &aside).expect("renamed");
    world.start().await;
    assert_eq!(world.weights(), ["x=1"]);
    world.expect_told("file-unreadable-folder").await;
    world.stop().await;
    fs::rename(&aside, &root).expect("renamed");
    world.start().await;
    assert_eq!((world.told(), world.snapshot().revision()), (String::new(), Revision(1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_root_that_is_removed_under_way_keeps_its_objects_and_is_followed_when_it_is_back() {
    let mut world = World::new();
    world.write("root/a.yaml", &text("x", 1));
    world.options.roots = vec![world.path("root")];
    world.start().await;
    fs::remove_dir_all(world.path("root")).expect("removed");
    world.expect_told("file-unreadable-folder").await;
    world.expect_unchanged(Revision(1)).await;
    world.write("root/a.yaml", &text("x", 2));
    world.expect(&["x=2"]).await;
    world.write("root/a.yaml", &text("x", 3));
    world.expect(&["x=3"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_comes_back_gets_back_what_another_took_meanwhile() {
    let world = World::with(&[("a.yaml", &text("x", 1)), ("b.yaml", &text("x", 2))]).await;
    fs::rename(world.path("a.yaml"), world.path("aside")).expect("renamed");
    world.expect(&["x=2"]).await;
    fs::rename(world.path("aside"), world.path("a.yaml")).expect("renamed");
    world.expect(&["x=1"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_periodic_look_sees_what_no_event_told() {
    let mut world = World::new();
    let elsewhere = tempfile::tempdir().expect("a temporary folder");
    let target = elsewhere.path().join("target.yaml");
    fs::write(&target, text("x", 1)).expect("written");
    symlink(&target, world.path("a.yaml")).expect("linked");
    world.options.rescan = Duration::from_millis(50);
    world.start().await;
    assert_eq!(world.weights(), ["x=1"]);
    fs::write(&target, text("x", 2)).expect("written");
    world.expect(&["x=2"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_files_with_one_object_the_first_counts_and_the_second_is_told() {
    let world = World::with(&[("b.yaml", &text("x", 2)), ("a.yaml", &text("x", 1))]).await;
    assert_eq!(world.weights(), ["x=1"]);
    let told = world.expect_told("file-duplicate-object").await;
    assert!(told.contains("a.yaml:1") && told.contains("b.yaml:1"), "{told}");
    fs::remove_file(world.path("a.yaml")).expect("removed");
    world.expect(&["x=2"]).await;
    world.status_where(|status| status.diagnostics().next().is_none()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_does_not_take_what_the_api_owns_until_the_api_lets_go() {
    let mut world = World::with(&[]).await;
    world.running().store.commit(transaction([apply(&Owner::Api, object("x", 7))])).await.expect("committed");
    world.write("a.yaml", &text("x", 1));
    let told = world.expect_told("file-foreign-object").await;
    assert!(told.contains("belongs to api"), "{told}");
    assert_eq!(world.weights(), ["x=7"]);
    world.stop().await;
    world.options.rescan = Duration::from_millis(50);
    world.start().await;
    world.running().store.commit(transaction([delete(&Owner::Api, "x")])).await.expect("committed");
    world.expect(&["x=1"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_too_large_is_refused_and_the_others_go_on() {
    let world = World::with(&[("a.yaml", &text("x", 1))]).await;
    File::create(world.path("big.yaml")).and_then(|file| file.set_len(100_000_000)).expect("created");
    let told = world.expect_told("file-too-large").await;
    assert!(told.contains("100000000 bytes"), "{told}");
    world.write("a.yaml", &text("x", 2));
    world.expect(&["x=2"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_number_of_files_and_their_sum_are_bounded() {
    let mut world = World::new();
    for number in 0..5 {
        world.write(&format!("{number}.yaml"), &text(&format!("x{number}"), 1));
    }
    world.options.limits.files = 4;
    world.options.limits.total_bytes = u64::try_from(text("x0", 1).len() * 3).expect("small");
    world.start().await;
    assert_eq!(world.weights(), ["x0=1", "x1=1", "x2=1"]);
    world.expect_told("file-too-many").await;
    world.expect_told("file-too-much").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_of_an_unknown_kind_is_named_and_spoils_nothing() {
    let unknown = "apiVersion: example.com/v1\nkind: Recipe\nmetadata:\n  name: soup\n";
    let world = World::with(&[("a.yaml", &two(unknown, &text("x", 1)))]).await;
    assert_eq!(world.weights(), ["x=1"]);
    let status = world.running().status.borrow().clone();
    let unsupported: Vec<String> =
        status.files.values().flat_map(|report| &report.unsupported).map(|document| document.kind.clone()).collect();
    assert_eq!(unsupported, ["Recipe"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn appended_text_is_read_when_it_is_closed() {
    let world = World::with(&[("a.yaml", &text("x", 1))]).await;
    let mut file = OpenOptions::new().append(true).open(world.path("a.yaml")).expect("opened");
    file.write_all(format!("---\n{}", text("y", 1)).as_bytes()).expect("written");
    drop(file);
    world.expect(&["x=1", "y=1"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_a_rename_to_the_revision_it_takes_a_few_milliseconds() {
    let world = World::with(&[("a.yaml", &text("x", 0))]).await;
    let mut snapshots = world.running().store.watch();
    let mut times = Vec::new();
    for weight in 1..=100 {
        world.write(".new", &text("x", weight));
        let (from, to) = (world.path(".new"), world.path("a.yaml"));
        snapshots.mark_unchanged();
        let start = std::time::Instant::now();
        rename(&from, &to);
        timeout(PATIENCE, snapshots.changed()).await.expect("in time").expect("open");
        times.push(start.elapsed());
    }
    times.sort();
    println!("rename to revision: median {:?}, 95 % {:?}, worst {:?}", times[50], times[94], times[99]);
    assert!(times[50] < Duration::from_millis(25), "median {:?}", times[50]);
}

fn rename(from: &Path, to: &Path) {
    fs::rename(from, to).expect("renamed");
}
