use super::{base64, domain, is_label, label, label_key, unix_path};

#[test]
fn labels_are_63_letters_digits_and_inner_hyphens() {
    for good in ["a", "A1", "a-b", "1", &"a".repeat(63)] {
        assert!(is_label(good), "{good}");
    }
    for bad in ["", "-a", "a-", "a.b", "a_b", "ä", &"a".repeat(64)] {
        assert!(!is_label(bad), "{bad}");
    }
}

#[test]
fn names_are_at_most_255_characters() {
    let long = vec!["a".repeat(50); 5].join(".");
    assert!(domain(&long).is_ok());
    assert!(domain(&format!("{long}.b")).is_err());
}

#[test]
fn keys_of_labels_may_have_a_domain() {
    for good in ["app", "app.kubernetes.io/name", "a_b.c-d", "A"] {
        assert!(label_key(good).is_ok(), "{good}");
    }
    for bad in ["", "/a", "a/", "a/b/c", "a b", "-a", "a_b/c"] {
        assert!(label_key(bad).is_err(), "{bad}");
    }
}

#[test]
fn what_was_found_is_shown_short_and_on_one_line() {
    let message = label(&format!("a\n{}", "b".repeat(200))).err().unwrap_or_default();
    assert!(message.len() < 200 && !message.contains('\n'), "{message}");
}

#[test]
fn abstract_sockets_have_a_name() {
    assert!(unix_path("@app").is_ok());
    for bad in ["@", "", "app.sock", "/run/"] {
        assert!(unix_path(bad).is_err(), "{bad}");
    }
}

#[test]
fn base64_is_whole_and_of_its_alphabet() {
    for good in ["", "YQ==", "YQ", "YWI=", "YWI", "YWJj", "+/+/", "YWJj\n"] {
        assert!(base64(good).is_ok(), "{good}");
    }
    for bad in ["!!", "Y", "YWJjY", "YQ=", "YQ===", "Y===", "Y=Q=", "-_-_", "YWJj YWJj"] {
        assert!(base64(bad).is_err(), "{bad}");
    }
}
