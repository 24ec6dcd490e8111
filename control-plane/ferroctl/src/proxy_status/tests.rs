use super::row;

/// A row as ferrod's JSON makes it.
fn last_cell(more: &str) -> String {
    let json = format!(
        r#"{{"id": "i", "name": "product-v1.shop", "proxyType": "sidecar", "version": "v", "protocol": "delta",
            "addresses": [], "connectedS": 3, "types": {{}}{more}}}"#
    );
    row(&serde_json::from_str(&json).unwrap()).pop().unwrap()
}

#[test]
fn a_proxy_that_runs_with_its_cache_says_so_and_how_old_it_is() {
    assert_eq!(last_cell(r#", "cacheAgeSeconds": 90"#), "3 s, from cache, 90 s");
    assert_eq!(last_cell(""), "3 s");
}
