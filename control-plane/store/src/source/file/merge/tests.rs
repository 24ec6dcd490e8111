use std::sync::Arc;

use ferro_model::{Limits, diagnostic::Severity, document};

use super::{Merged, merge};
use crate::testing::text;

const FILE: &str = "/mesh/a.yaml";

fn read(in_force: &Merged, texts: &[String]) -> Merged {
    let parsed = document::parse(FILE, &texts.join("---\n"), &Limits::default());
    merge(&Arc::from(FILE), &in_force.documents, parsed)
}

fn names(merged: &Merged) -> Vec<String> {
    merged.documents.iter().map(|document| document.object.key.name.to_string()).collect()
}

fn errors(merged: &Merged) -> usize {
    merged.notes.iter().filter(|note| note.severity == Severity::Error).count()
}

/// A document whose object can be named and whose content is refused.
fn refused(name: &str) -> String {
    text(name, 1).replace("hosts: [", "hosts: 5 #[")
}

/// A text from which nothing can be read.
fn unreadable() -> String {
    "kind: VirtualService\nspec: {{{\n".to_owned()
}

#[test]
fn a_refused_document_keeps_its_last_good_version_and_spoils_no_other() {
    let first = read(&Merged::default(), &[text("a", 1), text("b", 1)]);
    let second = read(&first, &[refused("a"), text("b", 2)]);
    assert_eq!(names(&second), ["b", "a"]);
    assert_eq!(second.documents[1], first.documents[0]);
    assert!(errors(&second) >= 1);
    assert!(second.notes.iter().any(|note| note.to_string().contains("last good version")));
}

#[test]
fn a_document_that_is_missing_is_gone_although_another_is_refused() {
    let first = read(&Merged::default(), &[text("a", 1), text("b", 1), text("c", 1)]);
    assert_eq!(names(&read(&first, &[refused("a"), text("b", 1)])), ["b", "a"]);
}

#[test]
fn while_a_text_has_no_name_nothing_that_is_missing_is_gone() {
    let first = read(&Merged::default(), &[text("a", 1), text("b", 1)]);
    assert_eq!(names(&read(&first, &[unreadable()])), ["a", "b"]);
}

#[test]
fn a_refused_document_without_a_good_version_is_absent() {
    assert!(names(&read(&Merged::default(), &[refused("a")])).is_empty());
}

#[test]
fn of_two_documents_of_one_object_the_first_counts() {
    let merged = read(&Merged::default(), &[text("a", 1), text("a", 2)]);
    assert_eq!(names(&merged), ["a"]);
    assert!(merged.documents[0].object.source_text.contains("weight: 1"));
    assert_eq!(errors(&merged), 1);
}

#[test]
fn whatever_is_broken_in_the_middle_of_a_text_nothing_after_it_is_gone() {
    let broken = [
        "a: [1, 2\n",
        "a: \"never closed\n",
        "a: 'never closed\n",
        "\ta: tab\n",
        "a: b: c\n",
        "{{{\n",
        "]\n",
        "a: &x [*x]\n",
        "%nonsense\n",
        "- a\nb: 1\n",
        "a: |\nnot indented\n",
        "a: 1\na: 2\n",
        "!!binary {\n",
        "? \n? ]\n",
    ];
    let first = read(&Merged::default(), &[text("a", 1), text("b", 1), text("c", 1)]);
    for middle in broken {
        let head = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: b, namespace: shop}\n";
        for middle in [middle.to_owned(), format!("{head}{middle}"), format!("{middle}{head}")] {
            let second = read(&first, &[text("a", 2), middle.clone(), text("c", 2)]);
            let mut found = names(&second);
            found.sort();
            assert_eq!(found, ["a", "b", "c"], "{middle:?}: {:?}", second.notes);
            assert!(errors(&second) > 0, "{middle:?}");
        }
    }
}

#[test]
fn a_text_that_is_cut_anywhere_loses_no_object_that_the_cut_reaches() {
    let first = read(&Merged::default(), &[text("a", 1), text("b", 1)]);
    let whole = [text("a", 2), text("b", 2)].join("---\n");
    let b_begins = whole.find("---\n").expect("two documents");
    for cut in 1..whole.len() {
        let second = read(&first, &[whole[..cut].to_owned()]);
        let is_in_the_second = cut > b_begins + "---\n".len();
        if is_in_the_second {
            assert_eq!(second.documents.len(), 2, "cut after {:?}: {:?}", &whole[..cut], second.notes);
        }
    }
}

#[test]
fn a_refused_document_of_an_unknown_object_may_be_any_that_is_missing() {
    let first = read(&Merged::default(), &[text("a", 1), text("b", 1)]);
    let second = read(&first, &[refused("misspelt"), text("b", 1)]);
    assert_eq!(names(&second), ["b", "a"]);
}
