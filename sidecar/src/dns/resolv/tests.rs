use super::parse;

#[test]
fn the_first_three_resolvers_are_taken_and_the_rest_is_ignored() {
    let text = "# made by hand\nsearch shop.svc.cluster.local\nnameserver 10.0.0.1\n  nameserver\t10.0.0.2 # spare\n\
                nameserver fe80::1%eth0\nnameserver fd00::3\nnameserver 10.0.0.4\noptions ndots:5\n";
    let found: Vec<String> = parse(text).iter().map(ToString::to_string).collect();
    assert_eq!(found, ["10.0.0.1", "10.0.0.2", "fd00::3"]);
}

#[test]
fn a_file_of_garbage_names_none() {
    assert!(parse("nameserver\nnameserver x\n\u{0}\u{1}nameserver 1.2.3.4.5").is_empty());
}
