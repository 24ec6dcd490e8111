use super::{Limits, documents};
use crate::node::{Node, Style, Value};

/// The documents of a text, `Err` holding code and place.
fn read(text: &str) -> Vec<Result<Node, (&'static str, u32, u32)>> {
    read_within(text, &Limits::default())
}

fn read_within(text: &str, limits: &Limits) -> Vec<Result<Node, (&'static str, u32, u32)>> {
    documents(text, limits)
        .map(|document| {
            document.map(|document| document.root).map_err(|broken| (broken.code, broken.line, broken.column))
        })
        .collect()
}

#[track_caller]
fn only(text: &str) -> Node {
    let mut all = read(text);
    assert_eq!(all.len(), 1, "{text:?} is one document: {all:?}");
    all.remove(0).expect("the text is YAML")
}

#[track_caller]
fn refused(text: &str) -> &'static str {
    let found = read(text);
    let Some(Err((code, ..))) = found.iter().find(|document| document.is_err()) else {
        panic!("{text:?} is read: {found:?}")
    };
    code
}

fn words(node: &Node) -> Vec<&str> {
    match &node.value {
        Value::Sequence(items) => items.iter().filter_map(Node::text).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn every_value_knows_its_line_and_column() {
    let root = only("a:\n  b: [1,\n    {c: d}]\n");
    let list = root.get("a").and_then(|node| node.get("b")).expect("there is a.b");
    assert_eq!((list.line, list.column), (2, 6));
    let Value::Sequence(items) = &list.value else { panic!("a list: {list:?}") };
    let inner = items.last().and_then(|item| item.get("c")).expect("there is c");
    assert_eq!((inner.line, inner.column), (3, 9));
}

#[test]
fn quotes_and_block_forms_make_strings() {
    let root = only("plain: 80\nsingle: '80'\ndouble: \"80\"\nliteral: |\n  80\ntagged: !!str 80\n");
    let style = |name: &str| match root.get(name).map(|node| &node.value) {
        Some(Value::Scalar { style, .. }) => *style,
        other => panic!("{name} is a scalar: {other:?}"),
    };
    assert_eq!(style("plain"), Style::Plain);
    for name in ["single", "double", "literal", "tagged"] {
        assert_eq!(style(name), Style::Quoted, "{name}");
    }
}

#[test]
fn a_broken_document_spoils_only_itself() {
    let found = read("a: 1\n---\nb: [1, 2\n---\nc: 3\n");
    let broken: Vec<_> = found.iter().map(Result::is_err).collect();
    assert_eq!(broken, [false, true, false]);
    assert!(found.last().is_some_and(|last| last.as_ref().is_ok_and(|root| root.get("c").is_some())));
}

#[test]
fn empty_documents_are_left_out() {
    assert!(read("").is_empty());
    assert!(read("---\n---\n# nothing\n---\n~\n").is_empty());
    assert_eq!(read("---\na: 1\n---\n").len(), 1);
}

#[test]
fn the_text_of_a_document_is_its_own() {
    let texts: Vec<_> = documents("# first\na: 1\n---\nb: 2\n...\n---\n\nc: 3\n", &Limits::default())
        .map(|document| document.map(|document| document.text.to_owned()).unwrap_or_default())
        .collect();
    assert_eq!(texts, ["a: 1", "b: 2", "c: 3"]);
}

#[test]
fn json_is_yaml_with_tabs_and_escapes() {
    let root = only("{\n\t\"a\":\t[\"\\u00e4\\/\\ud83d\\ude00\", 1.5, null, true],\r\n\t\"b\": {}\n}");
    assert_eq!(root.get("a").map(words), Some(vec!["ä/😀", "1.5", "true"]));
}

#[test]
fn windows_line_ends_and_a_byte_order_mark_do_not_matter() {
    let root = only("\u{feff}a: 1\r\nb:\r\n  - c\r\n");
    assert_eq!(root.get("a").and_then(Node::text), Some("1"));
    assert_eq!(root.get("b").map(words), Some(vec!["c"]));
}

#[test]
fn in_a_list_a_colon_at_the_end_of_a_word_belongs_to_it() {
    assert_eq!(only("a: [1.2.3.4, 001:db8::]").get("a").map(words), Some(vec!["1.2.3.4", "001:db8::"]));
    assert_eq!(words(&only("[fe80::, x]")), ["fe80::", "x"]);
    let pair = only("[a: b]");
    let Value::Sequence(items) = &pair.value else { panic!("a list: {pair:?}") };
    assert_eq!(items.first().and_then(|item| item.get("a")).and_then(Node::text), Some("b"));
}

#[test]
fn a_key_that_stands_twice_is_refused() {
    assert_eq!(refused("a: 1\nb: 2\na: 3\n"), "duplicate-key");
    assert_eq!(refused("{a: {b: 1, b: 2}}"), "duplicate-key");
}

#[test]
fn comments_are_no_values() {
    let root = only("# a\na: # b\n  # c\n  - x # d\n  # e\n  - y\n# f\nb: [1, # g\n  2]\n");
    assert_eq!(root.get("a").map(words), Some(vec!["x", "y"]));
    assert_eq!(root.get("b").map(words), Some(vec!["1", "2"]));
}

#[test]
fn keys_are_words() {
    assert_eq!(refused("{[a, b]: c}"), "syntax");
    assert_eq!(refused("? {a: b}\n: c\n"), "syntax");
}

#[test]
fn aliases_repeat_what_they_name_and_merges_fill_in_what_is_absent() {
    let root = only("base: &base {a: 1, b: 2}\nown:\n  <<: *base\n  b: 3\nlist: &l [x]\nagain: *l\n");
    let own = root.get("own").expect("there is own");
    assert_eq!((own.get("a").and_then(Node::text), own.get("b").and_then(Node::text)), (Some("1"), Some("3")));
    assert_eq!(root.get("again").map(words), Some(vec!["x"]));
    assert_eq!(refused("a:\n  <<: 5\n"), "syntax");
}

#[test]
fn an_alias_of_nothing_or_of_itself_is_refused() {
    assert_eq!(refused("a: *nowhere\n"), "syntax");
    assert_eq!(refused("a: &a [*a]\n"), "syntax");
}

#[test]
fn tags_of_ones_own_are_refused() {
    assert_eq!(refused("a: !mine b\n"), "syntax");
    assert_eq!(refused("a: !!python/object:os.system b\n"), "syntax");
}

#[test]
fn a_billion_laughs_cost_no_more_than_the_limit() {
    let mut text = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for level in 1..40 {
        let below = format!("*a{}", level - 1);
        text.push_str(&format!("a{level}: &a{level} [{}]\n", vec![below; 10].join(", ")));
    }
    assert_eq!(refused(&text), "too-large");
}

#[test]
fn anchors_within_anchors_do_not_multiply_what_is_held() {
    let depth = 60;
    let open: String = (0..depth).map(|level| format!("[&a{level} ")).collect();
    let leaves = vec!["x"; 5_000].join(", ");
    assert_eq!(refused(&format!("{open}[{leaves}]{}", "]".repeat(depth))), "too-large");
}

/// The bytes of all texts and keys.
fn bytes(node: &Node) -> usize {
    match &node.value {
        Value::Null => 0,
        Value::Scalar { text, .. } => text.len(),
        Value::Sequence(items) => items.iter().map(bytes).sum(),
        Value::Mapping(entries) => entries.iter().map(|entry| entry.key.len() + bytes(&entry.value)).sum(),
    }
}

#[test]
fn aliases_of_a_long_text_are_refused_before_they_fill_the_memory() {
    let limits = Limits::default();
    let long = "x".repeat(500 << 10);
    let keys: String = (0..20_000).map(|n| format!("k{n}: *a\n")).collect();
    // As a text, and as the key and the value of a mapping.
    for anchored in [format!("\"{long}\""), format!("{{? \"{long}\" : y}}"), format!("[{long}]")] {
        let Some(Err(broken)) = documents(&format!("a: &a {anchored}\n{keys}"), &limits).next() else {
            panic!("{} bytes, 20,000 times", long.len())
        };
        assert_eq!(broken.code, "too-large");
        assert!(broken.message.contains("bytes of text"), "{}", broken.message);
        let held = broken.partial.as_ref().map_or(0, bytes);
        assert!((long.len()..2 * limits.document_bytes).contains(&held), "{held} bytes were held");
    }
}

#[test]
fn anchors_of_a_long_text_within_each_other_are_refused() {
    let open: String = (0..20).map(|level| format!("[&a{level} ")).collect();
    assert_eq!(refused(&format!("{open}\"{}\"{}", "x".repeat(500 << 10), "]".repeat(20))), "too-large");
}

#[test]
fn a_long_text_may_be_repeated_within_the_limit() {
    let long = "x".repeat(100 << 10);
    let root = only(&format!("a: &a {long}\nb: [*a, *a, *a]\n"));
    assert_eq!(root.get("b").map(words), Some(vec![long.as_str(); 3]));
}

#[test]
fn a_document_of_a_large_file_is_read_up_to_its_limit_and_no_further() {
    let limits = Limits::default();
    let text = format!("a: &a \"{}\"\nb: [*a, *a, *a]\n", "x".repeat(7 << 20));
    let Some(Err(broken)) = documents(&text, &limits).next() else { panic!("7 MiB in one document") };
    assert_eq!((broken.code, broken.line, broken.column), ("too-large", 1, 1));
    assert_eq!(broken.partial.as_ref().map_or(0, bytes), 0, "the long text was not taken in");
    let text: String = (0..2_000_000).map(|n| format!("k{n}: x\n")).collect();
    let Some(Err(broken)) = documents(&text, &limits).next() else { panic!("16 MiB in one document") };
    assert_eq!(broken.code, "too-large");
    assert!(broken.partial.as_ref().map_or(0, bytes) <= limits.document_bytes);
}

#[test]
fn a_document_as_large_as_allowed_is_read_also_with_escapes_that_grow() {
    let limits = Limits::default();
    for text in ["x", "\\L"] {
        let text = format!("a: \"{}\"", text.repeat((limits.document_bytes - 5) / text.len()));
        assert!(read(&text).iter().all(Result::is_ok), "{} bytes", text.len());
    }
}

#[test]
fn depth_is_bounded_in_both_forms() {
    assert_eq!(refused(&format!("{}{}", "[".repeat(100), "]".repeat(100))), "too-deep");
    let block: String = (0..100).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
    assert_eq!(refused(&block), "too-deep");
    assert!(matches!(read(&"[".repeat(200_000)).as_slice(), [Err(_), ..]));
    assert!(matches!(read(&"- ".repeat(200_000)).as_slice(), [Err(_), ..]));
}

#[test]
fn a_long_document_is_refused_and_its_neighbours_are_not() {
    let limits = Limits { document_bytes: 100, ..Limits::default() };
    let found = read_within(&format!("a: 1\n---\nb: {}\n---\nc: 3\n", "x".repeat(200)), &limits);
    let codes: Vec<_> = found.iter().map(|document| document.as_ref().err().map(|(code, ..)| *code)).collect();
    assert_eq!(codes, [None, Some("too-large"), None]);
}

#[test]
fn the_number_of_documents_is_bounded() {
    let limits = Limits { documents: 3, ..Limits::default() };
    let found = read_within(&"a: 1\n---\n".repeat(10), &limits);
    assert!(found.len() <= 5 && found.last().is_some_and(Result::is_err), "{found:?}");
}

#[test]
fn what_cannot_be_read_after_an_error_is_said() {
    // A tab where none may stand, a quote that never ends: nothing after it has a place to begin.
    let found = read("a: 1\n---\nb: \"never ends\n---\nc: 3\n");
    assert!(found.iter().any(Result::is_err), "{found:?}");
    assert!(found.first().is_some_and(Result::is_ok), "{found:?}");
}

#[test]
fn a_broken_document_shows_what_could_be_read_of_it() {
    let limits = Limits::default();
    let found = documents("kind: A\nmetadata:\n  name: x\nspec:\n  a: [1, 2\n", &limits).next();
    let Some(Err(broken)) = found else { panic!("the list never ends") };
    let name = broken.partial.as_ref().and_then(|root| root.get("metadata")).and_then(|meta| meta.get("name"));
    assert_eq!(name.and_then(Node::text), Some("x"));
}
