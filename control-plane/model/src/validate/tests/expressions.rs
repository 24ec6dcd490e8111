use super::{accepts, refuses};

const KIND: &str = "VirtualService";

/// A VirtualService with one route to `product`, for requests of these kinds.
fn matching_any(conditions: &str) -> String {
    format!("{{hosts: [product], http: [{{route: [{{destination: {{host: product}}}}], match: [{conditions}]}}]}}")
}

/// A VirtualService with one route to `product`, for requests of this kind.
fn matching(condition: &str) -> String {
    matching_any(&format!("{{{condition}}}"))
}

#[test]
fn expressions_are_re2_and_short() {
    accepts(KIND, &matching("uri: {regex: '/a(b|c)*'}"));
    refuses(KIND, &matching("uri: {regex: '(?=a)b'}"), "spec.http[0].match[0].uri.regex", "bad-regex");
    refuses(KIND, &matching(r"uri: {regex: '(a)\1'}"), "spec.http[0].match[0].uri.regex", "bad-regex");
    refuses(KIND, &matching("uri: {regex: ''}"), "spec.http[0].match[0].uri.regex", "bad-regex");
    refuses(KIND, &matching("headers: {x: {regex: '('}}"), "spec.http[0].match[0].headers.x.regex", "bad-regex");
    let (fits, long) = ("a".repeat(1024), "a".repeat(1025));
    accepts(KIND, &matching(&format!("uri: {{regex: {fits}}}")));
    refuses(KIND, &matching(&format!("uri: {{regex: {long}}}")), "spec.http[0].match[0].uri.regex", "bad-regex");
}

#[test]
fn braces_that_repeat_nothing_are_text() {
    accepts(KIND, &matching("uri: {regex: '/items/{id}'}"));
    accepts(KIND, &matching(r"headers: {x: {regex: '[\w-.]+'}}"));
}

#[test]
fn an_expression_that_would_need_much_memory_is_refused() {
    refuses(KIND, &matching("uri: {regex: '((a{100}){100}){100}'}"), "spec.http[0].match[0].uri.regex", "bad-regex");
    let long = "[a-z][0-9]".repeat(20);
    refuses(
        KIND,
        &matching(&format!("uri: {{regex: '({long}){{1000}}'}}")),
        "spec.http[0].match[0].uri.regex",
        "bad-regex",
    );
}

#[test]
fn many_expressions_that_would_need_much_memory_together_are_refused_soon() {
    let place = |n: usize| format!("spec.http[0].match[{n}].uri.regex");
    let some = |count: usize| {
        let matches: Vec<String> = (0..count).map(|n| format!("{{uri: {{regex: '{n}(\\w{{20}}){{50}}'}}}}")).collect();
        matching_any(&matches.join(", "))
    };
    accepts(KIND, &some(100));
    let start = std::time::Instant::now();
    // The first that goes too far is named, and only it.
    refuses(KIND, &some(10_000), &place(195), "too-large");
    assert!(start.elapsed() < std::time::Duration::from_secs(5), "{:?}", start.elapsed());
}
