//! What became of the objects of a command: several answers of ferrod as one.

use anyhow::Result;
use ferro_api::{Applied, ApplyResponse, Outcome};

use crate::output::{Format, print, print_lines};
use crate::select::kind_and_name;

/// Adds an answer to those before it.
pub(crate) fn add(all: &mut ApplyResponse, more: ApplyResponse) {
    all.revision = more.revision;
    all.objects.extend(more.objects);
    all.diagnostics.extend(more.diagnostics);
    all.messages.extend(more.messages);
}

/// Prints them, one value in every format.
pub(crate) fn show(format: Format, all: &ApplyResponse) -> Result<()> {
    match format {
        Format::Table => {
            print_lines(all.objects.iter().map(|object| format!("{} {}", object.object, word(object.outcome))));
        }
        Format::Name => print_lines(all.objects.iter().map(name)),
        format => print(format, all, &[], Vec::new())?,
    }
    Ok(())
}

/// `VirtualService shop/product` as the verbs take it.
fn name(object: &Applied) -> String {
    let (kind, path) = object.object.split_once(' ').unwrap_or_default();
    kind_and_name(kind, path.rsplit('/').next().unwrap_or_default())
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Created => "created",
        Outcome::Configured => "configured",
        Outcome::Unchanged => "unchanged",
        Outcome::Deleted => "deleted",
        Outcome::Refused => "refused",
        Outcome::Unsupported => "not supported yet",
    }
}
