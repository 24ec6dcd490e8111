//! Judges documents that others wrote: what becomes of each, and whether that is what they expect.
//!
//! A case is one JSON object a line: `text` is the document, `kind` and `apiVersion` what it is, `expect` what its authors say
//! (`accepted`, `valid`, `invalid`, or a sentence when neither holds). The rest describes where it comes from.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::diagnostic::Diagnostic;
use crate::document::{self, Parsed};
use crate::yaml::Limits;

/// One document with what is expected of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Case {
    /// Names the case.
    pub id: String,
    /// The kind of the document.
    #[serde(default)]
    pub kind: String,
    /// Its API version.
    #[serde(default)]
    pub api_version: String,
    /// The document.
    #[serde(default)]
    pub text: String,
    /// What its authors say becomes of it.
    #[serde(default)]
    pub expect: String,
}

/// What became of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Every object in it is accepted.
    Accepted,
    /// Accepted, but with fields nobody knows.
    Warned,
    /// An object in it is refused.
    Refused,
    /// Its kind is not supported yet.
    Unsupported,
}

/// A case that was judged.
#[derive(Clone, Debug)]
pub struct Judged {
    /// What became of it.
    pub verdict: Verdict,
    /// Everything said about it.
    pub diagnostics: Vec<Diagnostic>,
    /// Whether its authors expect the same.
    pub expected: bool,
}

/// Judged cases, counted by API version and kind.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    counts: BTreeMap<String, BTreeMap<Verdict, usize>>,
}

/// Parses the document of a case and compares with what is expected.
pub fn judge(case: &Case) -> Judged {
    let parsed = document::parse(&case.id, &case.text, &Limits::default());
    let verdict = verdict(&parsed);
    let expected = match (case.expect.as_str(), verdict) {
        (_, Verdict::Unsupported) => {
            !parsed.unsupported.iter().any(|other| is_promised(&other.api_version, &other.kind))
        }
        ("accepted" | "valid", _) => verdict == Verdict::Accepted,
        ("invalid", _) => verdict != Verdict::Accepted,
        // Neither: it must only be read, with something said about it.
        _ => !parsed.diagnostics.is_empty(),
    };
    Judged { verdict, diagnostics: parsed.diagnostics, expected }
}

/// What a mesh is made of, written out and not taken from [`ObjectKind`](crate::ObjectKind): a kind that is lost there must not
/// pass as one of another project.
const PROMISED: [(&str, &[&str]); 4] = [
    (
        "networking.istio.io",
        &["VirtualService", "DestinationRule", "ServiceEntry", "WorkloadEntry", "WorkloadGroup", "Sidecar", "Gateway"],
    ),
    ("discovery.k8s.io", &["EndpointSlice"]),
    ("apps", &["Deployment"]),
    ("", &["Service", "Endpoints", "Pod", "Namespace", "ServiceAccount"]),
];

fn is_promised(api_version: &str, kind: &str) -> bool {
    let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
    PROMISED.iter().any(|(promised, kinds)| *promised == group && kinds.contains(&kind))
}

fn verdict(parsed: &Parsed) -> Verdict {
    if parsed.diagnostics.iter().any(Diagnostic::is_error) {
        Verdict::Refused
    } else if !parsed.unsupported.is_empty() {
        Verdict::Unsupported
    } else if parsed.diagnostics.iter().any(|finding| finding.code == "unknown-field") {
        Verdict::Warned
    } else {
        Verdict::Accepted
    }
}

impl Summary {
    /// Counts one case.
    pub fn add(&mut self, case: &Case, verdict: Verdict) {
        let kind = format!("{} {}", case.api_version, case.kind);
        *self.counts.entry(kind).or_default().entry(verdict).or_default() += 1;
    }

    /// Rows of kind, then how many were accepted, warned of, refused, not supported; the last row is the sum.
    pub fn rows(&self) -> Vec<(String, [usize; 4])> {
        const COLUMNS: [Verdict; 4] = [Verdict::Accepted, Verdict::Warned, Verdict::Refused, Verdict::Unsupported];
        let row =
            |counts: &BTreeMap<Verdict, usize>| COLUMNS.map(|column| counts.get(&column).copied().unwrap_or_default());
        let mut rows: Vec<_> = self.counts.iter().map(|(kind, counts)| (kind.clone(), row(counts))).collect();
        let sum = rows.iter().fold([0; 4], |sum: [usize; 4], (_, row)| {
            let mut columns = sum.into_iter().zip(row).map(|(sum, count)| sum + count);
            std::array::from_fn(|_| columns.next().unwrap_or_default())
        });
        rows.push(("all".to_owned(), sum));
        rows
    }
}

#[cfg(test)]
mod tests;
