use proptest::prelude::{any, prop_oneof, proptest};

use super::{LONGEST, program};

/// What the Envoy that we ship takes, with the size of the program it tells for some.
const TAKEN: [&str; 92] = [
    // Text, sets and groups.
    "abc",
    "ä",
    "",
    r"/items/{id}",
    "a{",
    "a{1",
    "a}",
    "]",
    "()",
    "(|a)",
    "|",
    "a|b",
    "a|",
    "(a|b)|(c|d)",
    "(?:a)",
    "(?P<n>a)",
    "(?<n>a)",
    "(?P<1a>x)",
    "(?P<n>a)(?P<n>b)",
    "(?)",
    "(?i)",
    "(?ii)a",
    "(?i-s:a)",
    "(?im-sU:a)",
    "(?i)(?-i)",
    "(?U)a*",
    // Repetitions.
    "a*?",
    "a??",
    "a{2}?",
    "a{5,}",
    "a{,5}",
    "a{,}",
    "a{ 2}",
    "a{01}",
    "a{1000}",
    "a{1000000000}",
    "a{1,99999999999}",
    "x{2}{",
    "(a{100}){10}",
    "(?:a{0}){1000}",
    "(a{1,}){1000}",
    "(?:x+)+",
    "()*",
    "a(?i)*",
    "a*(?i)*",
    "^*",
    "^{2}",
    "(^){1000}",
    r"\b*",
    r"\b{2}",
    r"\b{start}",
    // Escapes.
    r"\%",
    r"\/",
    r"\_",
    r"\<a",
    r"\>a",
    r"\ ",
    r"\.",
    r"\x41",
    r"\x{41}",
    r"\x{0000000041}",
    r"\x{ff}",
    r"\0",
    r"\012",
    r"\377",
    r"\A\z\b\B\C",
    r"\Qa{*\E*",
    r"\Q(",
    r"\pN",
    r"\PN",
    r"\p{Lu}",
    r"\p{^Greek}",
    r"\p{Any}",
    r"\p{Nag_Mundari}",
    // Classes.
    "[a-z]",
    "[^a]",
    "[]a]",
    "[^]a]",
    "[a-]",
    r"[\w-.]",
    r"[\d-z]",
    r"[\pN-z]",
    "[a&&b]",
    "[a~~b]",
    "[a[bc]]",
    "[--a]",
    "[[:alpha:]]",
    "[[:^word:]-z]",
    "[[.a.]]",
    r"[\x61-z]",
    r"[\n-\r]",
    "[ä-ü]",
];

/// What it refuses.
const REFUSED: [&str; 79] = [
    // Groups and flags.
    "(",
    ")",
    "(?:a",
    "(?",
    "(?P",
    "(?P<",
    "(?P<n",
    "(?<n",
    "(?<n>",
    "(?P<>x)",
    "(?P<a-b>x)",
    "(?P<ä>x)",
    "(?P=n)",
    "(?=a)",
    "(?!a)",
    "(?<=a)",
    "(?<!a)",
    "(?>a)",
    "(?|a)",
    "(?#c)",
    "(?'n'a)",
    "(?R)",
    "(?x)a b",
    "(?u)a",
    "(?-)",
    "(?i-:a)",
    "(?imsU",
    // Repetitions.
    "*a",
    "(*a)",
    "a|*",
    "|*",
    "{1}",
    "(?i)*",
    r"\Q\E*",
    "a**",
    "a++",
    "a+*",
    "a{2}{3}",
    "a{2}+",
    "a{2}??",
    "a???",
    r"\b**",
    "a{1001}",
    "a{1,1001}",
    "a{5,2}",
    "(a{32}){32}",
    "(a{2,}){501}",
    "((a{0}){1000}){1000}",
    // Escapes.
    r"\",
    r"a\",
    r"\1",
    r"\8",
    r"\ä",
    r"\u0041",
    r"\x4",
    r"\x{}",
    r"\x{g}",
    r"\x{100}",
    r"\400",
    r"\E",
    r"\Z",
    r"\R",
    r"\K",
    r"\h",
    r"\cA",
    r"\p",
    r"\p{",
    r"\p{}",
    r"\p{greek}",
    r"\p{Letter}",
    r"\p{Script=Greek}",
    // Classes.
    "[",
    "[]",
    "[b-a]",
    "[a--b]",
    r"[a-\d]",
    r"[\b]",
    r"[\Qa]",
    "[[:foo:]]",
];

#[test]
fn what_envoy_takes_is_taken() {
    for expression in TAKEN.iter().filter(|expression| !expression.is_empty()) {
        assert_eq!(program(expression).err(), None, "{expression}");
    }
}

#[test]
fn what_envoy_refuses_is_refused_in_one_line_that_says_what_is_allowed() {
    for expression in REFUSED {
        let reason = program(expression).expect_err(expression);
        assert!(reason.starts_with("no RE2 expression: ") && reason.len() < 200, "{expression}: {reason}");
    }
}

#[test]
fn the_size_of_a_program_is_about_what_envoy_says() {
    let told = [
        ("abcdefghij", 14),
        ("[^a]{10}", 24),
        (".{10}", 24),
        ("a{0,10}", 24),
        ("(?:ab?c){100}", 404),
        ("(?:(?:ab){2,5}){100}", 1_304),
        ("[acegikmoqsuwy]{1000}", 13_004),
        ("(?:abcdefghijklmnopqrstuvwxyzabcdefg){900}", 29_704),
    ];
    for (expression, size) in told {
        let ours = program(expression).expect(expression);
        assert!(ours.abs_diff(size) <= 4 + size / 20, "{expression}: {ours}, and Envoy says {size}");
    }
}

#[test]
fn a_program_that_envoy_has_no_room_for_is_refused() {
    let reason = program("(?:abcdefghijklmnopqrstuvwxyzabcdefg){1000}").expect_err("33,004 instructions");
    assert!(reason.contains("allowed: 32000"), "{reason}");
    assert!(program(&"a".repeat(LONGEST + 1)).is_err() && program("").is_err());
}

#[test]
fn deep_groups_are_read() {
    assert!(program(&format!("{}a{}", "(".repeat(500), ")".repeat(500))).is_ok());
}

proptest! {
    #[test]
    fn any_text_is_read_to_its_end(text in prop_oneof![any::<String>(), "[-a{}()|*+?,0-9\\[\\]\\\\^:pPQExä]{0,40}"]) {
        let _ = program(&text);
    }
}
