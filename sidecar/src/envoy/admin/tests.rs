use super::{of_clients, parse_stats};

#[test]
fn counters_and_gauges_are_read_and_the_rest_is_passed_over() {
    let text = "listener.10.0.0.1_80.downstream_cx_active: 3\nlistener.x: P0(nan,1)\nserver.version: text here\n\n";
    assert_eq!(parse_stats(text), [("listener.10.0.0.1_80.downstream_cx_active".to_owned(), 3)]);
}

#[test]
fn connections_of_whoever_reads_metrics_are_not_counted_in_sum_or_by_worker() {
    let own = "listener.127.0.0.2_15090.downstream_cx_active: 1\nlistener.127.0.0.2_15090.worker_0.downstream_cx_active: 1\n\
               listener.[__1]_15090.downstream_cx_active: 2\n";
    assert_eq!(of_clients(&parse_stats(own), 15090), 0);
    let clients =
        "listener.127.0.0.2_8080.downstream_cx_active: 3\nlistener.127.0.0.2_150900.downstream_cx_active: 1\n";
    assert_eq!(of_clients(&parse_stats(&format!("{own}{clients}")), 15090), 4);
}
