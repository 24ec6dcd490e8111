//! `ferro-corpus --dir FOLDER --set NAME`: reads `<folder>/<name>.jsonl` and prints what becomes of its documents, by kind.
//!
//! Exits 1 when something else becomes of a document than its authors expect.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use ferro_model::corpus::{Case, Summary, Verdict, judge};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let path = file(std::env::args().skip(1))?;
    let text = std::fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    let (mut summary, mut unmet) = (Summary::default(), 0);
    for (line, case) in text.lines().filter(|line| !line.trim().is_empty()).enumerate() {
        let case: Case =
            serde_json::from_str(case).map_err(|error| format!("{} line {}: {error}", path.display(), line + 1))?;
        if case.text.is_empty() {
            continue;
        }
        let judged = judge(&case);
        summary.add(&case, judged.verdict);
        if !judged.expected || matches!(judged.verdict, Verdict::Refused | Verdict::Warned) {
            let mark = if judged.expected { "as expected" } else { "NOT AS EXPECTED" };
            println!("{:?}, {mark} ({}): {} {}", judged.verdict, case.expect, case.kind, case.id);
            judged.diagnostics.iter().for_each(|finding| println!("    {finding}"));
        }
        unmet += usize::from(!judged.expected);
    }
    print(&summary);
    println!("{unmet} not as expected");
    Ok(if unmet == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn file(mut arguments: impl Iterator<Item = String>) -> Result<PathBuf, Box<dyn Error>> {
    let (mut folder, mut set) = (None, None);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--dir" => folder = arguments.next(),
            "--set" => set = arguments.next(),
            other => return Err(format!("unknown argument {other}").into()),
        }
    }
    match (folder, set) {
        (Some(folder), Some(set)) => Ok(PathBuf::from(folder).join(format!("{set}.jsonl"))),
        _ => Err("usage: ferro-corpus --dir FOLDER --set NAME".into()),
    }
}

fn print(summary: &Summary) {
    println!("{:<52}{:>10}{:>8}{:>9}{:>19}", "kind", "accepted", "warned", "refused", "not yet supported");
    for (kind, [accepted, warned, refused, unsupported]) in summary.rows() {
        println!("{kind:<52}{accepted:>10}{warned:>8}{refused:>9}{unsupported:>19}");
    }
}
