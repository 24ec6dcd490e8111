use super::{InvalidOwner, Owner};

#[test]
fn the_text_of_an_owner_reads_back_as_the_same_owner() {
    let owners = [Owner::File("/etc/mesh/a:b.yaml".into()), Owner::Api, Owner::Registration("sidecar~10.0.0.1".into())];
    for owner in owners {
        assert_eq!(owner.to_string().parse(), Ok(owner));
    }
}

#[test]
fn a_text_of_another_kind_is_refused_by_name() {
    for text in ["", "kubernetes", "files:/a", "Api"] {
        assert_eq!(text.parse::<Owner>(), Err(InvalidOwner(text.to_owned())));
    }
}
