use super::parse_stats;

#[test]
fn counters_and_gauges_are_read_and_the_rest_is_passed_over() {
    let text = "listener.10.0.0.1_80.downstream_cx_active: 3\nlistener.x: P0(nan,1)\nserver.version: text here\n\n";
    assert_eq!(parse_stats(text), [("listener.10.0.0.1_80.downstream_cx_active".to_owned(), 3)]);
}
