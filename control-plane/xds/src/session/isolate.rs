//! Which part of a refused response is to blame.
//!
//! Envoy refuses a response as a whole when one resource breaks a constraint (M4), and then has none of it. Holding all
//! of it back would let one bad resource take down its neighbours; sending all of it again would be refused again, for
//! ever (M6, rule 13). So:
//!
//! ```text
//! refused, the reason names some of its resources ──► those are held back until they change, the rest goes again
//! refused, it names none, one resource ─────────────► that one is held back until it changes
//! refused, it names none, several ──────────────────► halves go one after the other; each is judged on its own
//! too many refusals in a row ───────────────────────► all of it is held back until it changes
//! ```

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

/// Refusals in a row after which the search is given up. One bad resource in a thousand is found after ten.
const STRIKES: u8 = 40;

/// The search within one kind.
#[derive(Clone, Debug, Default)]
pub(crate) struct Isolation {
    groups: VecDeque<BTreeSet<Arc<str>>>,
    strikes: u8,
}

// === impl Isolation ===

impl Isolation {
    /// Judges a refused response that carried `names` and removed `removed`, and plans what goes again. Returns what is
    /// held back until it changes. Removals go along with the first group: what is added may be what was removed, under
    /// another name, and must not stand beside it (rule 48).
    pub(crate) fn judge(&mut self, names: &[Arc<str>], removed: &[Arc<str>], reason: &str) -> BTreeSet<Arc<str>> {
        self.strikes = self.strikes.saturating_add(1);
        let mut guilty: BTreeSet<_> = names.iter().filter(|name| mentions(reason, name)).cloned().collect();
        if names.len() <= 1 || self.strikes > STRIKES {
            guilty = names.iter().cloned().collect();
        } else if guilty.is_empty() {
            let (first, second) = names.split_at(names.len() / 2);
            self.groups.push_front(second.iter().cloned().collect());
            self.groups.push_front(first.iter().chain(removed).cloned().collect());
        }
        guilty
    }

    /// Each of these is to go alone: Envoy refuses a bad cluster at once then, and silently only beside others (M5).
    pub(crate) fn try_alone(&mut self, names: &[Arc<str>]) {
        self.groups.extend(names.iter().map(|name| BTreeSet::from([Arc::clone(name)])));
    }

    /// The client accepted a response.
    pub(crate) fn accepted(&mut self) {
        if self.groups.is_empty() {
            self.strikes = 0;
        }
    }

    /// The names that go next, alone, if a search is on.
    pub(crate) fn next_group(&mut self) -> Option<BTreeSet<Arc<str>>> {
        self.groups.pop_front()
    }

    /// The rest of a group that did not fit into its response.
    pub(crate) fn put_back(&mut self, rest: BTreeSet<Arc<str>>) {
        if !rest.is_empty() {
            self.groups.push_front(rest);
        }
    }
}

/// Whether `reason` names `name` as a word of its own.
pub(crate) fn mentions(reason: &str, name: &str) -> bool {
    !name.is_empty()
        && reason.match_indices(name).any(|(at, found)| {
            let before = reason[..at].chars().next_back();
            let mut after = reason[at + found.len()..].chars();
            !before.is_some_and(is_name_char) && ends_word(after.next(), after.next())
        })
}

/// A full stop or a colon after a name is punctuation unless the name goes on behind it.
fn ends_word(next: Option<char>, next_but_one: Option<char>) -> bool {
    match next {
        Some('.' | ':') => !next_but_one.is_some_and(is_name_char),
        Some(other) => !is_name_char(other),
        None => true,
    }
}

fn is_name_char(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '-' | '|' | '/' | '.' | ':' | '*')
}
