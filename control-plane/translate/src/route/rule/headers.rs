//! Changes to headers.

use ferro_model::istio::{HeaderOperations, Headers};

use crate::pb::core::header_value_option::HeaderAppendAction;
use crate::pb::core::{HeaderValue, HeaderValueOption};

/// What is added to, and removed from, requests and responses; and the authority, which is no header to Envoy.
#[derive(Default)]
pub(super) struct Changes {
    pub(super) request_add: Vec<HeaderValueOption>,
    pub(super) request_remove: Vec<String>,
    pub(super) response_add: Vec<HeaderValueOption>,
    pub(super) response_remove: Vec<String>,
    pub(super) authority: Option<String>,
}

impl Changes {
    pub(super) fn of(headers: Option<&Headers>) -> Self {
        let mut changes = Self::default();
        changes.add(headers);
        changes
    }

    /// Adds what another block asks for.
    pub(super) fn add(&mut self, headers: Option<&Headers>) {
        let Some(headers) = headers else { return };
        if let Some(request) = &headers.request {
            // What one block adds counts as well: there is only one authority. An earlier block's stays (Istio's rule).
            let own = request.set.iter().chain(&request.add).find(|(name, _)| is_authority(name));
            self.authority = self.authority.take().or(own.map(|(_, value)| value.clone()));
            self.request_add.extend(additions(request));
            self.request_remove.extend(request.remove.iter().cloned());
        }
        if let Some(response) = &headers.response {
            self.response_add.extend(additions(response));
            self.response_remove.extend(response.remove.iter().cloned());
        }
    }
}

fn additions(operations: &HeaderOperations) -> impl Iterator<Item = HeaderValueOption> + '_ {
    let option = |(name, value): (&String, &String), action: HeaderAppendAction| HeaderValueOption {
        header: Some(HeaderValue { key: name.clone(), value: value.clone(), ..HeaderValue::default() }),
        append_action: action.into(),
        ..HeaderValueOption::default()
    };
    let set = operations.set.iter().filter(|(name, _)| !is_authority(name));
    let set = set.map(move |pair| option(pair, HeaderAppendAction::OverwriteIfExistsOrAdd));
    let add = operations.add.iter().filter(|(name, _)| !is_authority(name));
    set.chain(add.map(move |pair| option(pair, HeaderAppendAction::AppendIfExistsOrAdd)))
}

fn is_authority(name: &str) -> bool {
    name.eq_ignore_ascii_case("host") || name.eq_ignore_ascii_case(":authority")
}
