//! From the kernel's events to messages for the source's thread.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    },
    time::Instant,
};

use notify::{
    Config, Event, EventKind, RecommendedWatcher, Watcher,
    event::{AccessKind, AccessMode, CreateKind, ModifyKind, RenameMode},
};
use tracing::warn;

use super::{roots::Roots, track::Signal};

#[cfg(test)]
mod tests;

/// Messages that wait at most. Past it they are dropped, and everything is looked at instead.
const MAX_MESSAGES: usize = 4_096;

/// What wakes the source's thread.
#[derive(Debug)]
pub(super) enum Message {
    /// Something happened to a policy file.
    File { path: PathBuf, signal: Signal, at: Instant },
    /// A folder, or what may be one, appeared, vanished or was exchanged.
    Folder(PathBuf),
    /// Look at the flags: see [`Inbox`].
    Wake,
}

/// The receiving side.
#[derive(Debug)]
pub(super) struct Inbox {
    pub(super) messages: Receiver<Message>,
    /// Set when messages or events were lost.
    pub(super) lost: Arc<AtomicBool>,
    /// Set when the source has to stop.
    pub(super) stop: Arc<AtomicBool>,
}

/// Stops the source's thread.
#[derive(Clone, Debug)]
pub(super) struct Stopper {
    stop: Arc<AtomicBool>,
    sender: SyncSender<Message>,
}

/// Starts to listen. Nothing is watched yet.
pub(super) fn listen(roots: Roots) -> notify::Result<(RecommendedWatcher, Inbox, Stopper)> {
    let (sender, messages) = sync_channel(MAX_MESSAGES);
    let lost = Arc::new(AtomicBool::new(false));
    let stop = Arc::new(AtomicBool::new(false));
    let stopper = Stopper { stop: Arc::clone(&stop), sender: sender.clone() };
    let inbox = Inbox { messages, lost: Arc::clone(&lost), stop };
    let handler = move |event: notify::Result<Event>| {
        let messages = match event {
            Ok(event) if event.need_rescan() => None,
            Ok(event) => Some(translate(event, &roots, Instant::now())),
            Err(error) => {
                warn!(%error, "watching the policy files failed; looking at all of them");
                None
            }
        };
        match messages {
            Some(messages) => messages.into_iter().for_each(|message| post(&sender, message, &lost)),
            None => {
                lost.store(true, Ordering::Release);
                post(&sender, Message::Wake, &lost);
            }
        }
    };
    let watcher = RecommendedWatcher::new(handler, Config::default().with_follow_symlinks(false))?;
    Ok((watcher, inbox, stopper))
}

fn post(sender: &SyncSender<Message>, message: Message, lost: &AtomicBool) {
    // A closed channel means that the source has ended, and nobody minds.
    if let Err(TrySendError::Full(_)) = sender.try_send(message) {
        lost.store(true, Ordering::Release);
    }
}

fn translate(event: Event, roots: &Roots, at: Instant) -> Vec<Message> {
    let Some(what) = What::of(event.kind) else { return Vec::new() };
    event.paths.into_iter().filter_map(|path| what.message(path, roots, at)).collect()
}

/// What an event says of each of its paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    FolderCreated,
    Signal(Signal),
}

// === impl What ===

impl What {
    /// Nothing for events that say nothing new: reads, our own among them, and the summary of a rename whose two halves
    /// were told.
    fn of(kind: EventKind) -> Option<Self> {
        let signal = match kind {
            EventKind::Create(CreateKind::Folder) => return Some(Self::FolderCreated),
            EventKind::Create(_) => Signal::Created,
            EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(RenameMode::From)) => Signal::Removed,
            EventKind::Modify(ModifyKind::Name(RenameMode::To)) => Signal::MovedIn,
            EventKind::Modify(ModifyKind::Data(_)) => Signal::Written,
            EventKind::Modify(ModifyKind::Metadata(_)) => Signal::Touched,
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => Signal::Closed,
            _ => return None,
        };
        Some(Self::Signal(signal))
    }

    fn message(self, path: PathBuf, roots: &Roots, at: Instant) -> Option<Message> {
        match self {
            Self::Signal(signal) if roots.accept(&path) => Some(Message::File { path, signal, at }),
            Self::FolderCreated => roots.may_hold(&path).then_some(Message::Folder(path)),
            // By a rename or a removal, a name without a known ending can be a folder or a link to one; hidden links too,
            // as mounted configuration is exchanged by renaming such a link.
            Self::Signal(Signal::MovedIn | Signal::Removed) => Some(Message::Folder(path)),
            Self::Signal(Signal::Created) if path.is_symlink() => Some(Message::Folder(path)),
            Self::Signal(_) => None,
        }
    }
}

// === impl Stopper ===

impl Stopper {
    /// Asks the source's thread to end.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        // If the queue is full or closed, the thread is awake or gone.
        let _ = self.sender.try_send(Message::Wake);
    }
}
