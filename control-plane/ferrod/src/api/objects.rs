use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use ferro_api::{Applied, ApplyResponse, Object, Outcome, Refusal, Revision};
use ferro_model::document::{Parsed, parse};
use ferro_model::{Limits, ObjectKey, ObjectKind};
use ferro_store::CommitError;
use ferro_store::journal::RevisionRecord;
use ferro_store::owner::Owner;
use ferro_store::snapshot::Stored;
use ferro_store::transaction::{self, Action, Committed, Edit, Expected, Transaction};
use serde::Deserialize;

use super::{Api, Failure};

/// Revisions listed at most.
const HISTORY: usize = 100;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ApplyOptions {
    #[serde(default)]
    dry_run: bool,
    resource_version: Option<u64>,
}

/// Applies every document of a text as one revision, or none of them.
pub(super) async fn apply(
    State(api): State<Api>,
    Query(options): Query<ApplyOptions>,
    body: String,
) -> Result<Json<ApplyResponse>, Failure> {
    let parsed = parse("api", &body, &Limits::default());
    let messages: Vec<String> = parsed.diagnostics.iter().map(ToString::to_string).collect();
    if parsed.diagnostics.iter().any(ferro_model::Diagnostic::is_error) {
        let diagnostics =
            parsed.diagnostics.iter().filter_map(|diagnostic| serde_json::to_value(diagnostic).ok()).collect();
        let error = format!("nothing was applied:\n  {}", messages.join("\n  "));
        return Err(Failure(StatusCode::UNPROCESSABLE_ENTITY, Refusal { error, diagnostics }));
    }
    let expected = expected(options.resource_version);
    let edits: Vec<Edit> = parsed
        .objects
        .iter()
        .map(|(object, _)| Edit { owner: Owner::Api, expected, action: Action::Apply(Arc::new(object.clone())) })
        .collect();
    let committed = commit(&api, edits, options.dry_run).await?;
    Ok(Json(response(&parsed, &committed, messages)))
}

fn expected(resource_version: Option<u64>) -> Expected {
    resource_version.map_or(Expected::Any, |version| Expected::Version(ferro_store::Revision(version)))
}

/// Commits, and waits until the views show it.
async fn commit(api: &Api, edits: Vec<Edit>, dry_run: bool) -> Result<Committed, Failure> {
    let transaction = Transaction { author: "api".to_owned(), expected: None, edits };
    if dry_run {
        return api.store.check(&transaction).map_err(|conflict| Failure::new(StatusCode::CONFLICT, &conflict));
    }
    let committed = api.store.commit(transaction).await.map_err(|error| match error {
        CommitError::Conflict(conflict) => Failure::new(StatusCode::CONFLICT, &conflict),
        other => Failure::new(StatusCode::INTERNAL_SERVER_ERROR, &other),
    })?;
    let mut served = api.control.served();
    // The sender lives as long as the API does.
    let _ = served.wait_for(|served| served.is_some_and(|revision| revision >= committed.revision.0)).await;
    Ok(committed)
}

fn response(parsed: &Parsed, committed: &Committed, messages: Vec<String>) -> ApplyResponse {
    let applied = parsed
        .objects
        .iter()
        .zip(&committed.outcomes)
        .map(|((object, _), outcome)| Applied { object: object.key.to_string(), outcome: outcome_of(*outcome) });
    let unsupported = parsed.unsupported.iter().map(|document| Applied {
        object: format!("{} {}/{}", document.kind, document.namespace, document.name),
        outcome: Outcome::Unsupported,
    });
    ApplyResponse {
        revision: committed.revision.0,
        objects: applied.chain(unsupported).collect(),
        diagnostics: parsed.diagnostics.iter().filter_map(|diagnostic| serde_json::to_value(diagnostic).ok()).collect(),
        messages,
    }
}

fn outcome_of(outcome: transaction::Outcome) -> Outcome {
    match outcome {
        transaction::Outcome::Created => Outcome::Created,
        transaction::Outcome::Configured => Outcome::Configured,
        transaction::Outcome::Unchanged => Outcome::Unchanged,
        transaction::Outcome::Deleted => Outcome::Deleted,
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Filter {
    kind: Option<String>,
    namespace: Option<String>,
    name: Option<String>,
}

pub(super) async fn list(State(api): State<Api>, Query(filter): Query<Filter>) -> Json<Vec<Object>> {
    let snapshot = api.store.snapshot();
    let wanted = |key: &ObjectKey| {
        let matches = |wanted: &Option<String>, value: &str| wanted.as_deref().is_none_or(|wanted| wanted == value);
        matches(&filter.kind, key.kind.as_str())
            && matches(&filter.namespace, &key.namespace)
            && matches(&filter.name, &key.name)
    };
    Json(snapshot.iter().filter(|(key, _)| wanted(key)).map(|(key, stored)| view(key, stored)).collect())
}

fn view(key: &ObjectKey, stored: &Stored) -> Object {
    Object {
        kind: key.kind.to_string(),
        namespace: key.namespace.to_string(),
        name: key.name.to_string(),
        owner: stored.owner.to_string(),
        resource_version: stored.version.0,
        created_ms: stored.object.meta.created.unix_millis(),
        text: stored.object.source_text.to_string(),
    }
}

type Named = Path<(String, String, String)>;

fn key(Path((kind, namespace, name)): Named) -> Result<ObjectKey, Failure> {
    let kind: ObjectKind = kind.parse().map_err(|error| Failure::new(StatusCode::NOT_FOUND, &error))?;
    let namespace = if namespace == "-" { String::new() } else { namespace };
    Ok(ObjectKey::new(kind, namespace, name))
}

pub(super) async fn one(State(api): State<Api>, path: Named) -> Result<Json<Object>, Failure> {
    let key = key(path)?;
    let snapshot = api.store.snapshot();
    let stored =
        snapshot.get(&key).ok_or_else(|| Failure::new(StatusCode::NOT_FOUND, &format!("there is no {key}")))?;
    Ok(Json(view(&key, stored)))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeleteOptions {
    resource_version: Option<u64>,
}

pub(super) async fn delete(
    State(api): State<Api>,
    path: Named,
    Query(options): Query<DeleteOptions>,
) -> Result<Json<ApplyResponse>, Failure> {
    let key = key(path)?;
    if api.store.snapshot().get(&key).is_none() {
        return Err(Failure::new(StatusCode::NOT_FOUND, &format!("there is no {key}")));
    }
    let object = key.to_string();
    let edit = Edit { owner: Owner::Api, expected: expected(options.resource_version), action: Action::Delete(key) };
    let committed = commit(&api, vec![edit], false).await?;
    let objects = vec![Applied { object, outcome: Outcome::Deleted }];
    Ok(Json(ApplyResponse { revision: committed.revision.0, objects, ..ApplyResponse::default() }))
}

pub(super) async fn revisions(State(api): State<Api>) -> Result<Json<Vec<Revision>>, Failure> {
    let history =
        api.store.history(HISTORY).await.map_err(|error| Failure::new(StatusCode::INTERNAL_SERVER_ERROR, &error))?;
    Ok(Json(history.iter().map(revision).collect()))
}

fn revision(record: &RevisionRecord) -> Revision {
    let changes = record.changes.iter().map(|change| {
        let verb = if change.after.is_some() { "applied" } else { "deleted" };
        format!("{verb} {}", change.name)
    });
    Revision {
        revision: record.revision.0,
        at_ms: record.at,
        author: record.author.clone(),
        changes: changes.collect(),
    }
}
