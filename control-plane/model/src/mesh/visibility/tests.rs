use super::{Reach, Visibility};

fn exported(entries: &[&str]) -> Visibility {
    Visibility::resolve(entries, "shop", &[])
}

#[test]
fn unset_means_the_default_of_the_mesh_and_everybody_without_one() {
    let unset: [&str; 0] = [];
    assert_eq!(Visibility::resolve(&unset, "shop", &[]), Visibility::Everyone);
    let private = Visibility::resolve(&unset, "shop", &[".".to_owned()]);
    assert!(private.allows("shop"));
    assert!(!private.allows("other"));
}

#[test]
fn a_dot_is_the_own_namespace_and_names_are_namespaces() {
    let visibility = exported(&[".", "bar"]);
    assert!(visibility.allows("shop") && visibility.allows("bar"));
    assert!(!visibility.allows("other"));
}

#[test]
fn a_star_wins_over_everything_else() {
    assert_eq!(exported(&["bar", "*"]), Visibility::Everyone);
}

#[test]
fn a_tilde_is_nobody_not_even_the_own_namespace() {
    assert!(!exported(&["~"]).allows("shop"));
}

#[test]
fn reach_tells_private_from_exported_from_public() {
    assert_eq!(exported(&["."]).reach("shop", "shop"), Some(Reach::Private));
    assert_eq!(exported(&["bar"]).reach("shop", "bar"), Some(Reach::Exported));
    assert_eq!(exported(&["*"]).reach("shop", "shop"), Some(Reach::Public));
    assert_eq!(exported(&["bar"]).reach("shop", "shop"), None);
}

#[test]
fn one_visibility_includes_another_when_it_shows_the_object_to_as_many() {
    assert!(exported(&["*"]).includes(&exported(&["."])));
    assert!(exported(&[".", "bar"]).includes(&exported(&["bar"])));
    assert!(!exported(&["."]).includes(&exported(&["*"])));
    assert!(!exported(&["bar"]).includes(&exported(&["foo"])));
}

#[test]
fn private_means_nobody_else_sees_it() {
    assert!(exported(&["."]).is_private_to("shop"));
    assert!(exported(&["shop"]).is_private_to("shop"));
    assert!(!exported(&[".", "bar"]).is_private_to("shop"));
    assert!(!exported(&["*"]).is_private_to("shop"));
}
