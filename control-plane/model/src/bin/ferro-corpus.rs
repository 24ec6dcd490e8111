//! Reads a set of the corpus and says what becomes of each document: accepted, refused, not yet supported.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use ferro_model::{Diagnostic, Limits, document};
use serde::Deserialize;

/// One line of `<set>.jsonl`.
#[derive(Deserialize)]
struct Case {
    id: String,
    kind: String,
    text: String,
    #[serde(default)]
    expect: serde_json::Value,
}

/// What became of a document.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Accepted,
    Refused,
    Unsupported,
}

#[derive(Default)]
struct Tally {
    accepted: usize,
    refused: usize,
    unsupported: usize,
    /// Fates that are not those the corpus expects.
    surprises: usize,
}

fn main() -> ExitCode {
    match run() {
        Ok(0) => ExitCode::SUCCESS,
        Ok(surprises) => {
            eprintln!("{surprises} documents of supported kinds met another fate than the corpus expects");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<usize, Box<dyn std::error::Error>> {
    let (folder, set) = arguments()?;
    let path = folder.join(format!("{set}.jsonl"));
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let case: Case = serde_json::from_str(line).map_err(|error| format!("{}: not a case: {error}", path.display()))?;
        judge(&case, tallies.entry(case.kind.clone()).or_default());
    }
    Ok(print(&set, &tallies))
}

fn arguments() -> Result<(PathBuf, String), String> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.as_slice() {
        [dir, folder, flag, set] if dir == "--dir" && flag == "--set" => Ok((folder.into(), set.clone())),
        _ => Err("usage: ferro-corpus --dir FOLDER --set NAME".to_owned()),
    }
}

fn judge(case: &Case, tally: &mut Tally) {
    let parsed = document::parse(&case.id, &case.text, &Limits::default());
    let errors: Vec<&Diagnostic> = parsed.diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).collect();
    let fate = match (parsed.unsupported.is_empty(), errors.is_empty()) {
        (false, _) => Fate::Unsupported,
        (true, true) => Fate::Accepted,
        (true, false) => Fate::Refused,
    };
    match fate {
        Fate::Accepted => tally.accepted += 1,
        Fate::Refused => tally.refused += 1,
        Fate::Unsupported => tally.unsupported += 1,
    }
    if let Some(wanted) = expected(&case.expect)
        && fate != Fate::Unsupported
        && fate != wanted
    {
        tally.surprises += 1;
        println!("surprise: {}", case.id);
    } else if fate == Fate::Accepted && parsed.diagnostics.is_empty() {
        return;
    }
    parsed.diagnostics.iter().for_each(|diagnostic| println!("  {diagnostic}"));
}

/// `None` where the corpus leaves open what should become of the document as a whole.
fn expected(expect: &serde_json::Value) -> Option<Fate> {
    match expect.as_str() {
        Some("accepted" | "valid") => Some(Fate::Accepted),
        Some("invalid") => Some(Fate::Refused),
        _ => match expect.get("valid").and_then(serde_json::Value::as_bool) {
            Some(true) => Some(Fate::Accepted),
            Some(false) => Some(Fate::Refused),
            None => None,
        },
    }
}

fn print(set: &str, tallies: &BTreeMap<String, Tally>) -> usize {
    println!("{:<24} {:>9} {:>9} {:>18}", format!("{set}: KIND"), "ACCEPTED", "REFUSED", "NOT YET SUPPORTED");
    for (kind, tally) in tallies {
        println!("{kind:<24} {:>9} {:>9} {:>18}", tally.accepted, tally.refused, tally.unsupported);
    }
    let sum = |of: fn(&Tally) -> usize| tallies.values().map(of).sum::<usize>();
    println!("{:<24} {:>9} {:>9} {:>18}", "all", sum(|t| t.accepted), sum(|t| t.refused), sum(|t| t.unsupported));
    sum(|tally| tally.surprises)
}
