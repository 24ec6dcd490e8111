//! Configuration that is exchanged by a link, as mounted volumes and checked out revisions are. No periodic look helps here.

use std::{fs, os::unix::fs::symlink};

use super::{Revision, World, key, text};
use crate::owner::Owner;

impl World {
    /// Makes the link `name`, by a rename over the one that is there.
    fn relink(&self, target: &str, name: &str) {
        let draft = self.path("..draft");
        symlink(target, &draft).expect("linked");
        fs::rename(draft, self.path(name)).expect("renamed");
    }

    fn owner(&self, object: &str) -> Owner {
        self.snapshot().get(&key(object)).expect("it is there").owner.clone()
    }

    fn owner_of_file(&self, name: &str) -> Owner {
        Owner::File(self.path(name).to_string_lossy().into())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mounted_configuration_that_is_exchanged_by_a_link_is_followed_under_its_plain_names() {
    let mut world = World::new();
    world.write("..2026_1/a.yaml", &text("x", 1));
    world.relink("..2026_1", "..data");
    world.relink("..data/a.yaml", "a.yaml");
    world.start().await;
    let owner = world.owner_of_file("a.yaml");
    for weight in 2..=5_u32 {
        assert_eq!((world.owner("x"), world.snapshot().len()), (owner.clone(), 1));
        let (old, new) = (format!("..2026_{}", weight - 1), format!("..2026_{weight}"));
        world.write(&format!("{new}/a.yaml"), &text("x", weight));
        world.relink(&new, "..data");
        fs::remove_dir_all(world.path(&old)).expect("removed");
        world.expect(&[&format!("x={weight}")]).await;
    }
    world.expect_unchanged(Revision(5)).await;
    assert_eq!((world.owner("x"), world.told()), (owner, String::new()));
    let files = world.running().status.borrow().files.len();
    assert_eq!(files, 1, "the hidden paths say nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_of_mounted_configuration_come_and_go_with_its_link() {
    let mut world = World::new();
    world.write("..one/a.yaml", &text("x", 1));
    world.write("..two/b.yaml", &text("y", 2));
    world.relink("..one", "..data");
    world.relink("..data/a.yaml", "a.yaml");
    world.start().await;
    world.relink("..two", "..data");
    world.relink("..data/b.yaml", "b.yaml");
    fs::remove_file(world.path("a.yaml")).expect("removed");
    world.expect(&["y=2"]).await;
    assert_eq!(world.owner("y"), world.owner_of_file("b.yaml"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_root_that_is_a_link_is_followed_when_it_is_exchanged() {
    let mut world = World::new();
    for weight in 1..=4 {
        world.write(&format!("rev{weight}/a.yaml"), &text("x", weight));
    }
    world.relink("rev1", "current");
    world.options.roots = vec![world.path("current")];
    world.start().await;
    assert_eq!(world.weights(), ["x=1"]);
    world.relink("rev2", "current");
    world.expect(&["x=2"]).await;
    world.write("rev2/a.yaml", &text("x", 22));
    world.expect(&["x=22"]).await;
    fs::remove_dir_all(world.path("rev1")).expect("removed");
    // In two steps.
    fs::remove_file(world.path("current")).expect("removed");
    symlink("rev3", world.path("current")).expect("linked");
    world.expect(&["x=3"]).await;
    world.relink("rev3", "current");
    world.write("current/a.yaml", &text("x", 33));
    world.expect(&["x=33"]).await;
    world.relink("rev4", "current");
    world.expect(&["x=4"]).await;
    assert_eq!((world.owner("x"), world.told()), (world.owner_of_file("current/a.yaml"), String::new()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_link_on_the_way_to_a_root_is_followed() {
    let mut world = World::new();
    for weight in 1..=3 {
        world.write(&format!("git/.trees/{weight}/policies/mesh.conf"), &text("x", weight));
    }
    fs::create_dir(world.path("mount")).expect("created");
    world.relink(".trees/1", "git/current");
    world.relink("../git/current/policies", "mount/policies");
    for root in ["mount/policies", "mount/policies/mesh.conf"] {
        world.write("git/.trees/1/policies/a.yaml", &text("x", 1));
        world.write("git/.trees/2/policies/a.yaml", &text("x", 2));
        world.relink(".trees/1", "git/current");
        world.options.roots = vec![world.path(root)];
        world.start().await;
        world.expect(&["x=1"]).await;
        world.relink(".trees/2", "git/current");
        world.expect(&["x=2"]).await;
        // In two steps.
        fs::remove_file(world.path("git/current")).expect("removed");
        symlink(".trees/1", world.path("git/current")).expect("linked");
        world.expect(&["x=1"]).await;
        world.stop().await;
    }
}
