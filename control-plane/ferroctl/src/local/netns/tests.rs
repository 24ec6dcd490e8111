use super::taken;

const LISTING: &str = "\
1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever preferred_lft forever
4: eth0    inet 10.7.0.2/24 brd 10.7.0.255 scope global eth0\\       valid_lft forever preferred_lft forever
9: fm0123ab    inet 10.77.0.1/16 scope global fm0123ab\\       valid_lft forever preferred_lft forever
";

#[test]
fn a_range_belongs_to_the_link_that_has_an_address_of_it() {
    assert_eq!(taken(LISTING, [10, 77], "fm999999"), Some("fm0123ab"));
    assert_eq!(taken(LISTING, [10, 7], "fm999999"), Some("eth0"));
    assert_eq!(taken(LISTING, [10, 78], "fm999999"), None);
}

#[test]
fn a_mesh_is_not_in_its_own_way() {
    assert_eq!(taken(LISTING, [10, 77], "fm0123ab"), None);
}
