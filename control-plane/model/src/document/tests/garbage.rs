//! Whatever comes in, reading it ends, soon and within bounds, and says why it is refused.

use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::{BoxedStrategy, Just, Strategy, any, prop_oneof, proptest};

use super::{ROUTES, codes, read, service};
use crate::document::{Parsed, parse};
use crate::yaml::Limits;

/// Nothing may take longer, in a build without optimisation on a busy machine.
const SOON: Duration = Duration::from_secs(10);

/// Reads a text and checks what holds for every text.
fn judge(text: &str) -> Parsed {
    let start = Instant::now();
    let parsed = read(text);
    assert!(start.elapsed() < SOON, "{:?} for {} bytes", start.elapsed(), text.len());
    for finding in &parsed.diagnostics {
        assert!(!finding.message.is_empty() && finding.message.len() < 2_000, "{finding}");
        assert!(!finding.to_string().contains('\n'), "one line: {finding:?}");
    }
    for (object, location) in &parsed.objects {
        let refused = |finding: &&crate::Diagnostic| finding.is_error() && finding.object.as_ref() == Some(&object.key);
        assert!(location.line > 0 && !object.key.name.is_empty());
        let spoilt = parsed.diagnostics.iter().find(refused).filter(|finding| finding.code != "duplicate-object");
        // Another document may carry the same name and be refused; then it is not this one.
        assert!(spoilt.is_none_or(|finding| finding.location != *location), "{spoilt:?}");
        let again = read(&object.source_text);
        let same =
            again.objects.first().is_some_and(|(same, _)| (&same.key, &same.spec) == (&object.key, &object.spec));
        assert!(same, "reads back as itself: {}", object.source_text);
    }
    parsed
}

/// YAML-like trees: the words of policies in places where they do not belong.
fn tree() -> BoxedStrategy<String> {
    let word = prop_oneof![
        Just("spec"),
        Just("hosts"),
        Just("http"),
        Just("route"),
        Just("match"),
        Just("destination"),
        Just("host"),
        Just("weight"),
        Just("metadata"),
        Just("name"),
        Just("kind"),
        Just("Service"),
        Just("VirtualService"),
        Just("apiVersion"),
        Just("v1"),
        Just("networking.istio.io/v1"),
        Just("ports"),
        Just("80"),
        Just("-1"),
        Just("true"),
        Just("~"),
        Just("*"),
        Just("5s"),
        Just("'x'"),
        Just("prefix"),
        Just("uri"),
        Just("trafficPolicy"),
        Just("<<"),
        Just("items"),
        Just("List"),
        Just("1e999"),
    ]
    .prop_map(str::to_owned);
    let leaf =
        prop_oneof![4 => word.clone(), 1 => "[a-z:.]{0,8}", 1 => any::<i64>().prop_map(|number| number.to_string())];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        let pair = (word.clone(), inner.clone()).prop_map(|(key, value)| format!("{key}: {value}"));
        prop_oneof![
            vec(pair, 0..6).prop_map(|pairs| format!("{{{}}}", pairs.join(", "))),
            vec(inner, 0..6).prop_map(|items| format!("[{}]", items.join(", "))),
        ]
    })
    .boxed()
}

/// A document of one of our kinds around such a tree.
fn document() -> BoxedStrategy<String> {
    let kinds = crate::ObjectKind::ALL.to_vec();
    (proptest::sample::select(kinds), tree(), any::<bool>(), any::<bool>())
        .prop_map(|(kind, tree, whole, in_list)| {
            let version = kind.api_versions().first().copied().unwrap_or_default();
            let body = if whole {
                format!("spec: {tree}")
            } else {
                format!("spec: {{http: [{tree}], ports: {tree}, host: a, hosts: [a]}}")
            };
            let document = format!("{{apiVersion: {version}, kind: {kind}, metadata: {{name: x}}, {body}}}");
            if in_list { format!("{{apiVersion: v1, kind: List, items: [{document}]}}") } else { document }
        })
        .boxed()
}

proptest! {
    #[test]
    fn arbitrary_text_is_read_or_refused(text in "\\PC{0,400}") {
        judge(&text);
    }

    #[test]
    fn arbitrary_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..400)) {
        judge(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn characters_that_mean_something_are_read_or_refused(text in "[-:?,\\[\\]{}#&*!|>'\"%@` \t\na1~<.]{0,200}") {
        judge(&text);
    }

    #[test]
    fn arbitrary_trees_are_read_or_refused(text in tree()) {
        judge(&text);
    }

    #[test]
    fn arbitrary_objects_are_read_or_refused(text in document()) {
        judge(&text);
    }

    #[test]
    fn a_document_cut_anywhere_is_read_or_refused(at in 0..ROUTES.len()) {
        judge(&ROUTES.chars().take(at).collect::<String>());
    }

    #[test]
    fn a_document_with_a_part_replaced_is_read_or_refused(at in 0..ROUTES.len(), length in 0_usize..30, with in "\\PC{0,10}") {
        let before: String = ROUTES.chars().take(at).collect();
        let after: String = ROUTES.chars().skip(at + length).collect();
        judge(&format!("{before}{with}{after}"));
    }
}

/// Each kind of garbage by name, beside one good object that it must not take with it.
#[test]
fn whatever_is_wrong_with_a_document_spoils_it_and_no_other() {
    let head = "apiVersion: v1\nkind: Service\nmetadata: {name: bad}\n";
    let service = service("good");
    let cases = [
        ("truncated YAML", format!("{head}spec: {{ports: [{{port: 80"), "syntax"),
        ("wrong types", format!("{head}spec: {{ports: [{{port: {{a: b}}}}]}}"), "wrong-type"),
        ("a wrong type of the whole", "[a, b]".to_owned(), "wrong-type"),
        ("duplicate names of fields", format!("{head}metadata: {{name: worse}}"), "duplicate-key"),
        ("duplicate names of objects", service.clone(), "duplicate-object"),
        ("an unknown version", head.replace("v1", "v9"), "unknown-version"),
        ("no kind", "apiVersion: v1".to_owned(), "missing-field"),
        (
            "aliases that fill the memory",
            format!("a: &a \"{}\"\nb: [{}]", "x".repeat(500 << 10), "*a, ".repeat(90_000)),
            "too-large",
        ),
        ("a large document", format!("{head}a: {}", "x".repeat(2 << 20)), "too-large"),
    ];
    for (case, text, code) in cases {
        let parsed = judge(&format!("{service}---\n{text}\n---\n{}", service.replace("good", "other")));
        assert_eq!(codes(&parsed), [code], "{case}");
        assert_eq!(parsed.objects.len(), 2, "{case}");
    }
    let unknown = judge(&format!("{service}---\napiVersion: a/v1\nkind: Unknown\nmetadata: {{name: bad}}\n"));
    assert_eq!(
        (unknown.objects.len(), unknown.unsupported.len(), unknown.diagnostics.len()),
        (1, 1, 0),
        "unknown kinds"
    );
}

#[test]
fn a_file_that_is_too_large_is_refused_before_it_is_read() {
    let text = "a".repeat(100 << 20);
    let start = Instant::now();
    let parsed = read(&text);
    assert_eq!(codes(&parsed), ["too-large"]);
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
}

#[test]
fn the_largest_file_that_is_read_is_read_soon() {
    let limits = Limits::default();
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: 80}]}\n---\n";
    for part in
        [service, "- ", "a: b\n", "[", "{a: [", "'", "&a *a ", "? ", "# x\n", "x\n---\n", "!a ", "|\n ", "%a\n", "\t"]
    {
        let text = part.repeat((1 << 20) / part.len());
        let start = Instant::now();
        let parsed = parse("x.yaml", &text, &limits);
        assert!(start.elapsed() < SOON * 3, "{part:?}: {:?}", start.elapsed());
        assert!(!parsed.diagnostics.is_empty() || part.starts_with(['#', '\t']), "{part:?} is no policy");
    }
}

#[test]
fn a_changed_file_is_read_within_a_few_milliseconds() {
    let text = [ROUTES; 10].join("---\n");
    let time = || {
        let start = Instant::now();
        read(&text);
        start.elapsed()
    };
    let best = (0..20).map(|_| time()).min().unwrap_or_default();
    assert!(best < Duration::from_millis(20), "{best:?} without optimisation; with it a tenth");
}

#[test]
fn a_flood_of_documents_makes_bounded_findings() {
    let parsed = read(&"kind: [\n---\n".repeat(50_000));
    assert!(parsed.diagnostics.len() <= Limits::default().documents + 2, "{}", parsed.diagnostics.len());
}
