use super::{accepts, refuses, warns};

const KIND: &str = "VirtualService";

/// A VirtualService with one route to `product` and these further fields of the route.
fn to_product(fields: &str) -> String {
    format!("{{hosts: [product], http: [{{route: [{{destination: {{host: product}}}}], {fields}}}]}}")
}

/// A VirtualService with exactly this route.
fn route(fields: &str) -> String {
    format!("{{hosts: [product], http: [{{{fields}}}]}}")
}

/// A VirtualService whose route has this match.
fn matching(condition: &str) -> String {
    to_product(&format!("match: [{{{condition}}}]"))
}

#[test]
fn a_route_does_exactly_one_thing() {
    refuses(KIND, &route("name: nothing"), "spec.http[0]", "missing-field");
    refuses(KIND, &to_product("redirect: {uri: /x}"), "spec.http[0]", "conflict");
    refuses(KIND, &to_product("directResponse: {status: 503}"), "spec.http[0]", "conflict");
    refuses(KIND, &route("redirect: {uri: /x}, directResponse: {status: 503}"), "spec.http[0]", "conflict");
    accepts(KIND, &route("directResponse: {status: 503, body: {string: closed}}"));
}

#[test]
fn an_answer_at_once_takes_no_fault_and_no_rewrite() {
    let fault = "fault: {abort: {httpStatus: 500, percentage: {value: 1}}}";
    refuses(KIND, &route(&format!("redirect: {{uri: /x}}, {fault}")), "spec.http[0].fault", "conflict");
    refuses(KIND, &route("directResponse: {status: 503}, rewrite: {uri: /x}"), "spec.http[0].rewrite", "conflict");
}

#[test]
fn destinations_name_one_host_a_label_and_a_port() {
    let to = |destination: &str| route(&format!("route: [{{destination: {{{destination}}}}}]"));
    accepts(KIND, &to("host: product.shop.svc.cluster.local, subset: v1, port: {number: 8080}"));
    refuses(KIND, &to("host: '*'"), "spec.http[0].route[0].destination.host", "bad-name");
    refuses(KIND, &to("host: ''"), "spec.http[0].route[0].destination.host", "bad-name");
    refuses(KIND, &to("subset: v1"), "spec.http[0].route[0].destination.host", "missing-field");
    refuses(KIND, &to("host: a, subset: v1.0"), "spec.http[0].route[0].destination.subset", "bad-name");
    refuses(KIND, &to("host: a, port: {number: 0}"), "spec.http[0].route[0].destination.port.number", "out-of-range");
    refuses(
        KIND,
        &to("host: a, port: {number: 70000}"),
        "spec.http[0].route[0].destination.port.number",
        "out-of-range",
    );
}

#[test]
fn weights_are_not_negative_and_add_up_to_something() {
    let two = |first: &str, second: &str| {
        route(&format!(
            "route: [{{destination: {{host: a}}, weight: {first}}}, {{destination: {{host: b}}, weight: {second}}}]"
        ))
    };
    accepts(KIND, &two("90", "10"));
    accepts(KIND, &two("1", "0"));
    accepts(KIND, &two("2147483647", "2147483647"));
    refuses(KIND, &two("-1", "10"), "spec.http[0].route[0].weight", "out-of-range");
    refuses(KIND, &two("0", "0"), "spec.http[0].route", "out-of-range");
    accepts(KIND, &route("route: [{destination: {host: a}, weight: 0}]"));
    let largest = |host: &str| format!("{{destination: {{host: {host}}}, weight: 2147483647}}");
    let three = format!("route: [{}]", ["a", "b", "c"].map(largest).join(", "));
    refuses(KIND, &route(&three), "spec.http[0].route", "out-of-range");
    for stream in ["tcp: [{", "tls: [{match: [{sniHosts: [product]}], "] {
        let field = format!("spec.{}[0].route", &stream[..3]);
        refuses(KIND, &format!("{{hosts: [product], {stream}{three}}}]}}"), &field, "out-of-range");
    }
}

#[test]
fn query_parameters_have_names() {
    let named = |name: &str| matching(&format!("queryParams: {{? '{name}' : {{exact: a}}}}"));
    let place = "spec.http[0].match[0].queryParams.";
    let (fits, long) = ("a".repeat(1_024), "a".repeat(1_025));
    accepts(KIND, &named(&fits));
    refuses(KIND, &named(""), place, "bad-name");
    refuses(KIND, &named(&long), &format!("{place}{}…", &long[..1_000 - place.len()]), "bad-name");
}

#[test]
fn an_empty_prefix_is_for_paths_only() {
    accepts(KIND, &matching("uri: {prefix: ''}"));
    refuses(KIND, &matching("method: {prefix: ''}"), "spec.http[0].match[0].method.prefix", "bad-value");
}

#[test]
fn a_string_is_compared_in_one_way() {
    refuses(KIND, &matching("uri: {exact: /a, prefix: /b}"), "spec.http[0].match[0].uri", "wrong-type");
    refuses(KIND, &matching("uri: {suffix: /a}"), "spec.http[0].match[0].uri", "wrong-type");
}

#[test]
fn presence_of_a_header_is_an_empty_match_or_a_star() {
    for any in ["{}", "{regex: '*'}", ""] {
        accepts(
            KIND,
            &matching(&format!(
                "headers: {{x-user: {any}}}, withoutHeaders: {{x-bot: {any}}}, queryParams: {{q: {any}}}"
            )),
        );
    }
}

#[test]
fn matched_headers_have_valid_names() {
    accepts(KIND, &matching("headers: {':path': {exact: /a}, x-user: {exact: a}}"));
    refuses(KIND, &matching("headers: {'x user': {exact: a}}"), "spec.http[0].match[0].headers.x user", "bad-name");
    refuses(KIND, &matching("headers: {':paths': {exact: a}}"), "spec.http[0].match[0].headers.:paths", "bad-name");
}

#[test]
fn callers_are_matched_by_valid_labels_and_namespaces() {
    accepts(
        KIND,
        &matching("sourceLabels: {app.kubernetes.io/name: a}, sourceNamespace: other, gateways: [mesh], port: 80"),
    );
    refuses(KIND, &matching("sourceLabels: {a: 'b c'}"), "spec.http[0].match[0].sourceLabels.a", "bad-name");
    refuses(KIND, &matching("sourceNamespace: a_b"), "spec.http[0].match[0].sourceNamespace", "bad-name");
    refuses(KIND, &matching("gateways: [a/b/c]"), "spec.http[0].match[0].gateways[0]", "bad-name");
}

#[test]
fn the_place_of_a_key_with_dots_is_found() {
    let found = super::findings(KIND, &matching("sourceLabels: {\n  app.kubernetes.io/name: 'b c'}"));
    let places: Vec<_> = found.iter().map(|finding| (finding.location.line, finding.location.column)).collect();
    assert_eq!(places, [(2, 27)]);
}

#[test]
fn headers_of_the_protocol_cannot_be_changed() {
    let changing = |side: &str, change: &str| to_product(&format!("headers: {{{side}: {{{change}}}}}"));
    accepts(KIND, &changing("request", "set: {Host: a.b, x-a: b}, remove: [x-b]"));
    refuses(KIND, &changing("response", "set: {Host: a.b}"), "spec.http[0].headers.response.set.Host", "bad-name");
    refuses(KIND, &changing("request", "add: {':path': /x}"), "spec.http[0].headers.request.add.:path", "bad-name");
    refuses(KIND, &changing("request", "remove: [':path']"), "spec.http[0].headers.request.remove[0]", "bad-name");
    refuses(KIND, &changing("request", "remove: [Host]"), "spec.http[0].headers.request.remove[0]", "bad-name");
}

#[test]
fn the_authority_is_written_once() {
    refuses(
        KIND,
        &to_product("headers: {request: {set: {Host: a.b, ':authority': c.d}}}"),
        "spec.http[0].headers",
        "conflict",
    );
    refuses(
        KIND,
        &to_product("rewrite: {authority: a.b}, headers: {request: {set: {host: c.d}}}"),
        "spec.http[0].headers",
        "conflict",
    );
}

#[test]
fn values_of_headers_are_what_envoy_can_format() {
    let value = |value: &str| to_product(&format!("headers: {{request: {{set: {{x: '{value}'}}}}}}"));
    for good in ["plain", "100%%", "%HOSTNAME%", "a %REQ(:path)% b", "%START_TIME(%Y)%", "%REQ(x):10%", ""] {
        accepts(KIND, &value(good));
    }
    for bad in ["100%", "a%b", "%START_TIME%%", "%REQ(x", "a\\u0001"] {
        let text = value(bad).replace("'a\\u0001'", "\"a\\u0001\"");
        refuses(KIND, &text, "spec.http[0].headers.request.set.x", "bad-value");
    }
}

#[test]
fn what_goes_into_a_header_stands_on_one_line() {
    let route_to = |fields: &str| to_product(&fields.replace('@', "\"/a\\nb\""));
    for field in ["uri", "authority"] {
        let place = format!("spec.http[0].rewrite.{field}");
        refuses(KIND, &route_to(&format!("rewrite: {{{field}: @}}")), &place, "bad-value");
    }
    let regex = "rewrite: {uriRegexRewrite: {match: a, rewrite: @}}";
    refuses(KIND, &route_to(regex), "spec.http[0].rewrite.uriRegexRewrite.rewrite", "bad-value");
    for field in ["uri", "prefixRewrite", "authority"] {
        let redirect = route(&format!("redirect: {{{field}: \"/a\\rb\"}}"));
        refuses(KIND, &redirect, &format!("spec.http[0].redirect.{field}"), "bad-value");
    }
    let named = "headers: {request: {add: {@: b}}}";
    refuses(KIND, &route_to(named), "spec.http[0].headers.request.add./a b", "bad-name");
    refuses(
        KIND,
        &route_to("headers: {response: {remove: [@]}}"),
        "spec.http[0].headers.response.remove[0]",
        "bad-name",
    );
}

#[test]
fn headers_are_as_long_as_envoy_takes_them() {
    let value = |size: usize| to_product(&format!("headers: {{request: {{set: {{x: '{}'}}}}}}", "a".repeat(size)));
    accepts(KIND, &value(16_384));
    refuses(KIND, &value(16_385), "spec.http[0].headers.request.set.x", "bad-value");
}

#[test]
fn redirects_change_something_and_answer_with_a_redirect() {
    let redirect = |fields: &str| route(&format!("redirect: {{{fields}}}"));
    for good in [
        "uri: /x",
        "authority: a.b",
        "scheme: https, derivePort: FROM_REQUEST_PORT",
        "port: 8443",
        "uri: /x, redirectCode: 308",
    ] {
        accepts(KIND, &redirect(good));
    }
    refuses(KIND, &redirect(""), "spec.http[0].redirect", "missing-field");
    refuses(KIND, &redirect("redirectCode: 302"), "spec.http[0].redirect", "missing-field");
    refuses(KIND, &redirect("uri: /x, redirectCode: 200"), "spec.http[0].redirect.redirectCode", "out-of-range");
    refuses(KIND, &redirect("scheme: ftp"), "spec.http[0].redirect.scheme", "bad-name");
    refuses(KIND, &redirect("port: 65536"), "spec.http[0].redirect.port", "out-of-range");
    refuses(KIND, &redirect("port: 80, derivePort: FROM_REQUEST_PORT"), "spec.http[0].redirect", "conflict");
    warns(KIND, &redirect("uri: /x, redirectCode: 304"), "spec.http[0].redirect.redirectCode", "no-effect");
}

#[test]
fn a_prefix_is_replaced_only_where_a_prefix_is_matched() {
    let redirect = |uri: &str| route(&format!("match: [{{uri: {uri}}}], redirect: {{prefixRewrite: /new}}"));
    accepts(KIND, &redirect("{prefix: /old}"));
    refuses(KIND, &redirect("{exact: /old}"), "spec.http[0].redirect.prefixRewrite", "conflict");
    refuses(KIND, &route("redirect: {uri: /x, prefixRewrite: /y}"), "spec.http[0].redirect", "conflict");
}

#[test]
fn direct_responses_have_a_status_and_a_bounded_body() {
    for status in [199, 600] {
        let answer = route(&format!("directResponse: {{status: {status}}}"));
        refuses(KIND, &answer, "spec.http[0].directResponse.status", "out-of-range");
    }
    accepts(KIND, &route("directResponse: {status: 599, body: {bytes: YQ==}}"));
    refuses(
        KIND,
        &route("directResponse: {status: 200, body: {bytes: '!!'}}"),
        "spec.http[0].directResponse.body.bytes",
        "bad-value",
    );
    refuses(KIND, &route("directResponse: {}"), "spec.http[0].directResponse.status", "missing-field");
    let body = |size: usize| route(&format!("directResponse: {{status: 200, body: {{string: {}}}}}", "a".repeat(size)));
    accepts(KIND, &body(100 << 10));
    warns(KIND, &body((100 << 10) + 1), "spec.http[0].directResponse.body", "too-large");
    refuses(
        KIND,
        &route("directResponse: {status: 200, body: {string: a, bytes: YQ==}}"),
        "spec.http[0].directResponse.body",
        "conflict",
    );
}

#[test]
fn rewrites_change_something_in_one_way() {
    accepts(KIND, &to_product("rewrite: {uri: /x, authority: a.b}"));
    accepts(KIND, &to_product(r"rewrite: {uriRegexRewrite: {match: '/a/(\d+)', rewrite: '/b/\1'}}"));
    refuses(KIND, &to_product("rewrite: {}"), "spec.http[0].rewrite", "missing-field");
    refuses(
        KIND,
        &to_product("rewrite: {uri: /x, uriRegexRewrite: {match: a, rewrite: b}}"),
        "spec.http[0].rewrite",
        "conflict",
    );
    refuses(
        KIND,
        &to_product("rewrite: {uriRegexRewrite: {match: a}}"),
        "spec.http[0].rewrite.uriRegexRewrite",
        "missing-field",
    );
    refuses(
        KIND,
        &to_product("rewrite: {uriRegexRewrite: {match: '(', rewrite: b}}"),
        "spec.http[0].rewrite.uriRegexRewrite.match",
        "bad-regex",
    );
}

#[test]
fn timeouts_are_off_or_whole_milliseconds() {
    for good in ["0s", "1ms", "1.5s", "1h30m", "250ms"] {
        accepts(KIND, &to_product(&format!("timeout: {good}")));
    }
    for bad in ["999us", "1500us", "1ns"] {
        refuses(KIND, &to_product(&format!("timeout: {bad}")), "spec.http[0].timeout", "out-of-range");
    }
    for bad in ["-1s", "5", "5 s", "s", "1d", "''", "1e3s"] {
        refuses(KIND, &to_product(&format!("timeout: {bad}")), "spec.http[0].timeout", "wrong-type");
    }
}

#[test]
fn retries_name_conditions_that_envoy_knows() {
    let retries = |fields: &str| to_product(&format!("retries: {{{fields}}}"));
    accepts(KIND, &retries("attempts: 3, perTryTimeout: 2s, retryOn: '5xx,connect-failure,503', backoff: 10ms"));
    accepts(KIND, &retries("attempts: 0"));
    accepts(KIND, &retries(""));
    refuses(KIND, &retries("attempts: -1"), "spec.http[0].retries.attempts", "out-of-range");
    refuses(KIND, &retries("attempts: 0, retryOn: 5xx"), "spec.http[0].retries", "conflict");
    refuses(KIND, &retries("perTryTimeout: 1s"), "spec.http[0].retries", "conflict");
    refuses(KIND, &retries("attempts: 1, perTryTimeout: 0s"), "spec.http[0].retries.perTryTimeout", "out-of-range");
    for bad in ["sometimes", "5xx, reset", "5xx,", "600", "99"] {
        refuses(KIND, &retries(&format!("attempts: 1, retryOn: '{bad}'")), "spec.http[0].retries.retryOn", "bad-name");
    }
}

#[test]
fn faults_are_complete_and_possible() {
    let fault = |fields: &str| to_product(&format!("fault: {{{fields}}}"));
    accepts(
        KIND,
        &fault(
            "delay: {fixedDelay: 5s, percentage: {value: 0.0001}}, abort: {httpStatus: 503, percentage: {value: 100}}",
        ),
    );
    accepts(KIND, &fault("abort: {grpcStatus: UNAVAILABLE, percentage: {value: 10}}"));
    refuses(KIND, &fault(""), "spec.http[0].fault", "missing-field");
    refuses(KIND, &fault("delay: {percentage: {value: 1}}"), "spec.http[0].fault.delay", "missing-field");
    refuses(
        KIND,
        &fault("delay: {fixedDelay: 0s, percentage: {value: 1}}"),
        "spec.http[0].fault.delay.fixedDelay",
        "out-of-range",
    );
    refuses(
        KIND,
        &fault("delay: {exponentialDelay: 1s, percentage: {value: 1}}"),
        "spec.http[0].fault.delay.exponentialDelay",
        "not-supported",
    );
    refuses(KIND, &fault("delay: {fixedDelay: 1s, percent: 101}"), "spec.http[0].fault.delay.percent", "out-of-range");
    let aborted = |fields: &str| fault(&format!("abort: {{{fields}, percentage: {{value: 1}}}}"));
    refuses(KIND, &aborted("httpStatus: 600"), "spec.http[0].fault.abort.httpStatus", "out-of-range");
    refuses(KIND, &aborted("grpcStatus: BROKEN"), "spec.http[0].fault.abort.grpcStatus", "bad-name");
    refuses(KIND, &aborted("http2Error: X"), "spec.http[0].fault.abort.http2Error", "not-supported");
    refuses(KIND, &aborted("httpStatus: 500, grpcStatus: OK"), "spec.http[0].fault.abort", "conflict");
    warns(KIND, &fault("abort: {percentage: {value: 1}}"), "spec.http[0].fault.abort", "no-effect");
}

#[test]
fn a_fault_without_a_share_is_told_to_do_nothing() {
    warns(KIND, &to_product("fault: {delay: {fixedDelay: 1s}}"), "spec.http[0].fault.delay", "no-effect");
    warns(KIND, &to_product("fault: {abort: {httpStatus: 500}}"), "spec.http[0].fault.abort", "no-effect");
}

#[test]
fn shares_are_0_or_a_millionth_to_100_percent() {
    for bad in ["-1", "0.00001", "100.1"] {
        let fault = to_product(&format!("fault: {{abort: {{httpStatus: 500, percentage: {{value: {bad}}}}}}}"));
        refuses(KIND, &fault, "spec.http[0].fault.abort.percentage.value", "out-of-range");
        let mirror = to_product(&format!("mirror: {{host: a}}, mirrorPercentage: {{value: {bad}}}"));
        refuses(KIND, &mirror, "spec.http[0].mirrorPercentage.value", "out-of-range");
    }
}

#[test]
fn mirrors_are_given_in_one_way() {
    accepts(KIND, &to_product("mirror: {host: a, subset: v2}, mirrorPercentage: {value: 50}"));
    accepts(KIND, &to_product("mirrors: [{destination: {host: a}, percentage: {value: 1}}, {destination: {host: b}}]"));
    refuses(KIND, &to_product("mirror: {host: a}, mirrors: [{destination: {host: b}}]"), "spec.http[0]", "conflict");
    refuses(KIND, &to_product("mirror: {host: '*'}"), "spec.http[0].mirror.host", "bad-name");
    refuses(KIND, &to_product("mirror: {host: a}, mirrorPercent: 101"), "spec.http[0].mirrorPercent", "out-of-range");
    warns(KIND, &to_product("mirror: {host: a}, mirrorPercent: 10"), "spec.http[0].mirrorPercent", "deprecated");
}

#[test]
fn cors_names_methods_headers_and_whole_seconds() {
    let cors = |fields: &str| to_product(&format!("corsPolicy: {{{fields}}}"));
    accepts(
        KIND,
        &cors(
            "allowOrigins: [{exact: 'https://a.b'}], allowMethods: [GET, '*'], allowHeaders: ['*', x-a], maxAge: 24h",
        ),
    );
    refuses(KIND, &cors("allowOrigins: [{exact: ''}]"), "spec.http[0].corsPolicy.allowOrigins[0]", "bad-value");
    refuses(KIND, &cors("allowOrigins: [{regex: '('}]"), "spec.http[0].corsPolicy.allowOrigins[0].regex", "bad-regex");
    refuses(KIND, &cors("allowMethods: [get]"), "spec.http[0].corsPolicy.allowMethods[0]", "bad-name");
    refuses(KIND, &cors("exposeHeaders: ['a b']"), "spec.http[0].corsPolicy.exposeHeaders[0]", "bad-name");
    refuses(KIND, &cors("maxAge: 1500ms"), "spec.http[0].corsPolicy.maxAge", "out-of-range");
}
