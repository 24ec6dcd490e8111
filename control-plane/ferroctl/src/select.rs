//! Which objects a user means: kinds by any of their names, objects by name, and where.

use anyhow::{Error, Result, anyhow, bail};
use clap::Args;
use ferro_api::Object;
use ferro_model::ObjectKind;

use crate::client::Client;

#[cfg(test)]
mod tests;

/// A kind, and perhaps one object of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) kind: ObjectKind,
    pub(crate) name: Option<String>,
}

/// Where to look, as kubectl has it.
#[derive(Args)]
pub(crate) struct Scope {
    /// Only this namespace
    #[arg(short, long, default_value = "default", conflicts_with = "all_namespaces")]
    namespace: String,
    /// Every namespace
    #[arg(short = 'A', long)]
    all_namespaces: bool,
}

// === impl Scope ===

impl Scope {
    /// The one namespace to look in; none for all of them, and for kinds without namespace.
    pub(crate) fn of(&self, kind: Option<ObjectKind>) -> Option<&str> {
        let in_one = !self.all_namespaces && kind.is_none_or(ObjectKind::namespaced);
        in_one.then_some(self.namespace.as_str())
    }
}

/// What `kind`, `kind name...` or `kind/name...` stand for; nothing for nothing.
pub(crate) fn wanted(words: &[String]) -> Result<Vec<Wanted>> {
    let Some((first, names)) = words.split_first() else { return Ok(Vec::new()) };
    if first.contains('/') {
        return words.iter().map(|word| pair(word)).collect();
    }
    let kind = kind(first)?;
    if let Some(pair) = names.iter().find(|name| name.contains('/')) {
        bail!("`{pair}` after `{first}`: write either `kind name...` or `kind/name...`");
    }
    if names.is_empty() {
        return Ok(vec![Wanted { kind, name: None }]);
    }
    Ok(names.iter().map(|name| Wanted { kind, name: Some(name.clone()) }).collect())
}

fn pair(word: &str) -> Result<Wanted> {
    match word.split_once('/') {
        Some((kind_word, name)) if !name.is_empty() => {
            Ok(Wanted { kind: kind(kind_word)?, name: Some(name.to_owned()) })
        }
        _ => bail!("`{word}` is no `kind/name`"),
    }
}

/// The kind that a word means: singular or plural in any case, or the short form.
fn kind(word: &str) -> Result<ObjectKind> {
    let lower = word.to_ascii_lowercase();
    let means = |kind: &ObjectKind| {
        let singular = kind.as_str().to_ascii_lowercase();
        lower == short(*kind) || lower == plural(&singular) || lower == singular
    };
    ObjectKind::ALL.iter().copied().find(means).ok_or_else(|| {
        let known: Vec<String> = ObjectKind::ALL.iter().map(|kind| format!("{kind} ({})", short(*kind))).collect();
        anyhow!("`{word}` is no kind of object; there are: {}", known.join(", "))
    })
}

fn short(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Service => "svc",
        ObjectKind::EndpointSlice => "eps",
        ObjectKind::Endpoints => "ep",
        ObjectKind::Pod => "po",
        ObjectKind::Deployment => "deploy",
        ObjectKind::Namespace => "ns",
        ObjectKind::ServiceAccount => "sa",
        ObjectKind::VirtualService => "vs",
        ObjectKind::DestinationRule => "dr",
        ObjectKind::ServiceEntry => "se",
        ObjectKind::WorkloadEntry => "we",
        ObjectKind::WorkloadGroup => "wg",
        ObjectKind::Sidecar => "sidecar",
        ObjectKind::Gateway => "gw",
    }
}

fn plural(singular: &str) -> String {
    match singular.strip_suffix('y') {
        Some(stem) if !stem.ends_with('a') => format!("{stem}ies"),
        _ if singular.ends_with('s') => singular.to_owned(),
        _ => format!("{singular}s"),
    }
}

/// The objects that are meant, of every kind if none is. One that is named and not there is an error.
pub(crate) fn find(client: &Client, words: &[String], scope: &Scope) -> Result<Vec<Object>> {
    let wanted = wanted(words)?;
    if wanted.is_empty() {
        return client.objects(None, scope.of(None), None);
    }
    let mut objects = Vec::new();
    for Wanted { kind, name } in wanted {
        let namespace = scope.of(Some(kind));
        let found = client.objects(Some(kind.as_str()), namespace, name.as_deref())?;
        if let (Some(name), true) = (&name, found.is_empty()) {
            return Err(absent(client, kind, namespace, name)?);
        }
        objects.extend(found);
    }
    Ok(objects)
}

/// Says that an object is not there, and where one of its name is.
pub(crate) fn absent(client: &Client, kind: ObjectKind, namespace: Option<&str>, name: &str) -> Result<Error> {
    let Some(namespace) = namespace.filter(|namespace| !namespace.is_empty()) else {
        return Ok(anyhow!("there is no {kind} {name}; `ferroctl get {} -A` lists what there is", short(kind)));
    };
    let elsewhere = client.objects(Some(kind.as_str()), None, Some(name))?;
    let elsewhere: Vec<String> = elsewhere.iter().map(|object| format!("-n {}", object.namespace)).collect();
    Ok(match elsewhere.as_slice() {
        [] => anyhow!(
            "there is no {kind} {namespace}/{name}, nor in another namespace; `ferroctl get {} -A` lists what there is",
            short(kind)
        ),
        _ => anyhow!("there is no {kind} {namespace}/{name}; there is one with {}", elsewhere.join(", ")),
    })
}

/// `kind/name`, which the verbs take as it is.
pub(crate) fn kind_and_name(kind: &str, name: &str) -> String {
    format!("{}/{name}", kind.to_ascii_lowercase())
}
