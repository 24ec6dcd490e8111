use super::Figure;

#[test]
fn a_share_within_four_standard_errors_is_ok() {
    // 10 % of 2,000: one standard error is 13.4 requests.
    assert!(Figure::share("v2", 200 + 53, 2000, 0.1).ok);
    assert!(!Figure::share("v2", 200 + 55, 2000, 0.1).ok);
    assert!(!Figure::share("v2", 200 - 55, 2000, 0.1).ok);
}

#[test]
fn a_certain_share_has_no_margin() {
    assert!(Figure::share("all", 10, 10, 1.0).ok);
    assert!(!Figure::share("all", 9, 10, 1.0).ok);
}

#[test]
fn a_share_of_nothing_is_never_ok() {
    assert!(!Figure::share("none", 0, 0, 0.0).ok);
}

#[test]
fn a_figure_prints_as_one_line_with_its_verdict() {
    let line = Figure::exactly("failed requests", 1, 0).to_string();
    assert!(line.contains("failed requests") && line.contains("= 0") && line.ends_with("short"), "{line}");
}
