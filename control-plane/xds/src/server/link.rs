use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Waker,
};

use ferro_process::CancellationToken;
use ferro_xds_protos::Kind;
use futures::task::AtomicWaker;
use tokio::{sync::Notify, time::Instant};
use tonic::Status;

use crate::{
    SessionEvent, SessionStatus, Source, StreamId, What,
    session::{Response, Session},
};

/// What the driver and the body of one stream share.
pub(super) struct Link {
    pub(super) stream: StreamId,
    source: Arc<dyn Source>,
    state: Mutex<State>,
    /// Held while events are handed over, so that they arrive in the order they happened.
    observing: Mutex<Arc<str>>,
    body: AtomicWaker,
    /// Tells the driver that the session's deadline is another one now.
    pub(super) deadline_moved: Notify,
    /// Cancelled when the transport has dropped the body.
    pub(super) body_gone: CancellationToken,
}

#[derive(Default)]
struct State {
    session: Option<Session>,
    /// How the stream ends, once it is to end.
    ending: Option<Status>,
    /// Since when the transport has taken nothing although it was asked to; `None` when it waits for more.
    waiting_since: Option<Instant>,
    /// The deadline the driver waits for.
    armed: Option<std::time::Instant>,
}

/// What the body does next.
pub(super) enum Next {
    Response(Response),
    End(Status),
    Nothing,
}

// === impl Link ===

impl Link {
    pub(super) fn new(stream: StreamId, source: Arc<dyn Source>) -> Self {
        Self {
            stream,
            source,
            state: Mutex::default(),
            observing: Mutex::new(Arc::from("")),
            body: AtomicWaker::new(),
            deadline_moved: Notify::new(),
            body_gone: CancellationToken::new(),
        }
    }

    /// The first message was accepted: from now on there is a session.
    pub(super) fn start(&self, node: Arc<str>, session: Session) {
        *self.observing.lock().unwrap_or_else(PoisonError::into_inner) = node;
        self.lock().session = Some(session);
    }

    /// Changes the session, hands over its events, and has the body look whether there is something to send.
    pub(super) fn update<R>(&self, change: impl FnOnce(&mut Session) -> R) -> Option<R> {
        let result = self.lock().session.as_mut().map(change);
        self.hand_over_events();
        self.poke();
        result
    }

    pub(super) fn status(&self) -> Option<SessionStatus> {
        self.lock().session.as_ref().map(Session::status)
    }

    /// When the session wants [`Session::on_deadline`] to be called; the driver waits for it from now on.
    pub(super) fn arm(&self) -> Option<Instant> {
        let mut state = self.lock();
        state.armed = state.session.as_ref().and_then(Session::deadline);
        state.armed.map(Instant::from_std)
    }

    /// Ends the stream with this status, after the response that is being written.
    pub(super) fn end(&self, status: Status) {
        self.lock().ending = Some(status);
        self.poke();
    }

    /// Takes the session out, at the very end.
    pub(super) fn finish(&self) -> Option<Session> {
        self.lock().session.take()
    }

    /// Since when the transport has taken nothing although it was asked to.
    pub(super) fn waiting_since(&self) -> Option<Instant> {
        self.lock().waiting_since
    }

    /// Tells the source what happened, in order. Never called with the state locked.
    pub(super) fn observe(&self, what: What) {
        let node = self.observing.lock().unwrap_or_else(PoisonError::into_inner);
        self.source.observe(SessionEvent { stream: self.stream, node: Arc::clone(&node), what });
    }

    /// The transport can take more: what is next?
    pub(super) fn next(&self, waker: &Waker) -> Next {
        self.body.register(waker);
        let next = {
            let mut state = self.lock();
            let now = Instant::now().into_std();
            let response = state.session.as_mut().and_then(|session| session.next_response(now));
            self.note_deadline(&state);
            match (response, state.ending.take()) {
                (_, Some(status)) => Next::End(status),
                (Some(response), None) => Next::Response(response),
                (None, None) => Next::Nothing,
            }
        };
        self.hand_over_events();
        next
    }

    /// The transport took the last byte of a response.
    pub(super) fn note_written(&self, kind: Kind, nonce: &str, now: std::time::Instant) {
        let mut state = self.lock();
        if let Some(session) = &mut state.session {
            session.on_written(kind, nonce, now);
        }
        self.note_deadline(&state);
    }

    /// The body gave the transport something and waits to be polled again, or not.
    pub(super) fn set_waiting(&self, waiting: bool) {
        self.lock().waiting_since = waiting.then(Instant::now);
    }

    fn note_deadline(&self, state: &State) {
        if state.session.as_ref().and_then(Session::deadline) != state.armed {
            self.deadline_moved.notify_one();
        }
    }

    fn poke(&self) {
        self.lock().waiting_since.get_or_insert_with(Instant::now);
        self.body.wake();
    }

    fn hand_over_events(&self) {
        let node = self.observing.lock().unwrap_or_else(PoisonError::into_inner);
        let events = self.lock().session.as_mut().map(Session::take_events).unwrap_or_default();
        for what in events {
            self.source.observe(SessionEvent { stream: self.stream, node: Arc::clone(&node), what });
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while the lock was held has already ended its task; a session has no broken in-between to protect.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
