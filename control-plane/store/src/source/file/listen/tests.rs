use std::{path::PathBuf, time::Instant};

use notify::{
    Event, EventKind,
    event::{AccessKind, AccessMode, CreateKind, DataChange, MetadataKind, ModifyKind, RemoveKind, RenameMode},
};

use super::{Message, Roots, translate};
use crate::source::file::track::Signal;

fn message(kind: EventKind, path: &str) -> Option<String> {
    let roots = Roots::new(&[PathBuf::from("/mesh")]).expect("absolute");
    let messages = translate(Event::new(kind).add_path(PathBuf::from(path)), &roots, Instant::now());
    assert!(messages.len() <= 1);
    messages.into_iter().next().map(|message| match message {
        Message::File { signal, .. } => format!("{signal:?}"),
        Message::Folder(_) => "Folder".to_owned(),
        Message::Wake => "Wake".to_owned(),
    })
}

#[test]
fn events_of_policy_files_become_signals() {
    let cases = [
        (EventKind::Create(CreateKind::File), Signal::Created),
        (EventKind::Modify(ModifyKind::Data(DataChange::Any)), Signal::Written),
        (EventKind::Modify(ModifyKind::Metadata(MetadataKind::Any)), Signal::Touched),
        (EventKind::Access(AccessKind::Close(AccessMode::Write)), Signal::Closed),
        (EventKind::Modify(ModifyKind::Name(RenameMode::To)), Signal::MovedIn),
        (EventKind::Modify(ModifyKind::Name(RenameMode::From)), Signal::Removed),
        (EventKind::Remove(RemoveKind::File), Signal::Removed),
    ];
    for (kind, signal) in cases {
        assert_eq!(message(kind, "/mesh/a.yaml"), Some(format!("{signal:?}")), "{kind:?}");
    }
}

#[test]
fn reading_wakes_nobody_and_a_rename_is_told_by_its_halves() {
    for kind in [
        EventKind::Access(AccessKind::Open(AccessMode::Any)),
        EventKind::Access(AccessKind::Close(AccessMode::Read)),
        EventKind::Modify(ModifyKind::Name(RenameMode::Both)),
    ] {
        assert_eq!(message(kind, "/mesh/a.yaml"), None, "{kind:?}");
    }
}

#[test]
fn folders_and_what_may_be_folders_are_looked_into() {
    let moved = EventKind::Modify(ModifyKind::Name(RenameMode::To));
    assert_eq!(message(EventKind::Create(CreateKind::Folder), "/mesh/new").as_deref(), Some("Folder"));
    assert_eq!(message(EventKind::Create(CreateKind::Folder), "/mesh/.git"), None);
    assert_eq!(message(moved, "/mesh/..data").as_deref(), Some("Folder"));
    assert_eq!(message(EventKind::Remove(RemoveKind::Folder), "/mesh/old").as_deref(), Some("Folder"));
}

#[test]
fn writing_other_files_wakes_nobody() {
    for kind in [EventKind::Create(CreateKind::File), EventKind::Modify(ModifyKind::Data(DataChange::Any))] {
        assert_eq!(message(kind, "/mesh/notes.txt"), None);
        assert_eq!(message(kind, "/mesh/.a.yaml.swp"), None);
    }
}
