//! What names, addresses and numbers may look like. Every check says what it found and what is allowed.

use std::net::IpAddr;

use crate::mesh::Protocol;

type Check = Result<(), String>;

/// The longest label of a DNS name (RFC 1035, section 2.3.4).
const LABEL: usize = 63;
/// The longest DNS name.
const NAME: usize = 255;

/// Whether this is a DNS label: letters, digits and inner hyphens.
pub(super) fn is_label(text: &str) -> bool {
    let ends = |c: char| c.is_ascii_alphanumeric();
    text.len() <= LABEL
        && text.starts_with(ends)
        && text.ends_with(ends)
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

/// A DNS label.
pub(crate) fn label(text: &str) -> Check {
    allow(is_label(text), text, "a DNS label: at most 63 letters, digits and hyphens inside")
}

/// The name of an object: lower-case DNS labels, as Kubernetes has it. It becomes part of names that Envoy sees.
pub(crate) fn object_name(text: &str) -> Check {
    let allowed =
        text.len() <= 253 && text.split('.').all(is_label) && !text.contains(|c: char| c.is_ascii_uppercase());
    allow(allowed, text, "a name of at most 253 lower-case letters, digits, hyphens and dots")
}

/// A DNS name; a dot at its end is allowed, a number as its last label is not: that would be a broken IP address.
pub(crate) fn domain(text: &str) -> Check {
    const WANTED: &str = "a DNS name such as reviews.shop.svc.cluster.local";
    let labels = text.strip_suffix('.').unwrap_or(text);
    let numeric = labels.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    allow(text.len() <= NAME && !numeric && labels.split('.').all(is_label), text, WANTED)
}

/// A DNS name whose first label may be, or begin with, `*`.
pub(super) fn wildcard_domain(text: &str) -> Check {
    let Some(rest) = text.strip_prefix('*') else {
        // A single label may be a number: it is a short name, not the end of an address.
        return if is_label(text) { Ok(()) } else { domain(text) };
    };
    let (first, others) = rest.split_once('.').map_or((rest, None), |(first, others)| (first, Some(others)));
    let first_ok = first.is_empty() || is_label(first.strip_prefix('-').unwrap_or(first));
    let rest_ok = others.is_none_or(|others| domain(others).is_ok());
    allow(text.len() <= NAME && first_ok && rest_ok, text, "a DNS name, or one that begins with `*.`")
}

/// A host of a policy: a name, a wildcard, or an address.
pub(super) fn host(text: &str) -> Check {
    if is_ip(text) { Ok(()) } else { wildcard_domain(text) }
}

/// `*` inside a label matches nothing a DNS name can be.
pub(super) fn whole_wildcard(text: &str) -> Check {
    let partial = text.contains('*') && text != "*" && !text.starts_with("*.");
    allow(!partial, text, "a name, or `*.` and a name")
}

pub(super) fn is_ip(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok()
}

/// An IP address.
pub(super) fn ip(text: &str) -> Check {
    allow(is_ip(text), text, "an IP address")
}

/// An IP address, or a range of them as `10.0.0.0/8`.
pub(super) fn subnet(text: &str) -> Check {
    const WANTED: &str = "an IP address or a range such as 10.0.0.0/8";
    let Some((address, bits)) = text.split_once('/') else { return allow(is_ip(text), text, WANTED) };
    let most = match address.parse() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => return allow(false, text, WANTED),
    };
    // `u8` would take a sign, which no range has.
    let bits = bits.bytes().all(|b| b.is_ascii_digit()).then(|| bits.parse::<u8>().ok()).flatten();
    allow(bits.is_some_and(|bits| bits <= most), text, WANTED)
}

/// The path behind `unix://`: absolute and no directory, or an abstract name that begins with `@`.
pub(super) fn unix_path(path: &str) -> Check {
    let file = path.starts_with('/') && !path.ends_with('/');
    allow(
        file || (path.starts_with('@') && path.len() > 1),
        path,
        "an absolute path of a socket, as in unix:///run/app.sock",
    )
}

/// A port number.
pub(super) fn port(number: u32) -> Check {
    if (1..=65_535).contains(&number) { Ok(()) } else { Err(format!("found {number}, allowed: 1 to 65535")) }
}

/// A protocol that Istio knows; absent or empty means that it is found out from the bytes.
pub(super) fn protocol(name: Option<&str>) -> Check {
    let name = name.unwrap_or_default();
    let known = name.is_empty() || Protocol::parse(name).is_some() || name.eq_ignore_ascii_case("http_proxy");
    allow(known, name, "HTTP, HTTP2, HTTPS, GRPC, GRPC-WEB, TLS, TCP, UDP, MONGO, REDIS, MYSQL, HTTP_PROXY or nothing")
}

/// An HTTP header's name (RFC 9110, section 5.6.2).
pub(super) fn header(name: &str) -> Check {
    allow(is_header(name), name, "a header name: letters, digits and - _ . ! # $ % & ' * + ^ ` | ~")
}

fn is_header(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// A header's name as Kubernetes allows it in probes.
pub(super) fn probe_header(name: &str) -> Check {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    allow(!name.is_empty() && name.bytes().all(plain), name, "a header name of letters, digits, `-` and `_`")
}

/// The key of a label: `[dns name/]name`.
pub(super) fn label_key(key: &str) -> Check {
    let (prefix, name) = key.rsplit_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    let prefix_ok = prefix.is_none_or(|prefix| prefix.len() <= 253 && prefix.split('.').all(is_label));
    allow(
        prefix_ok && is_qualified(name),
        key,
        "a label key: at most 63 letters, digits, - _ . and an optional DNS name before `/`",
    )
}

/// The value of a label; may be empty.
pub(super) fn label_value(value: &str) -> Check {
    allow(value.is_empty() || is_qualified(value), value, "a label value: at most 63 letters, digits, - _ . inside")
}

fn is_qualified(text: &str) -> bool {
    let ends = |c: char| c.is_ascii_alphanumeric();
    text.len() <= LABEL
        && text.starts_with(ends)
        && text.ends_with(ends)
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

/// Text that goes into a header: Envoy refuses line ends in it, and other control characters have no place there.
pub(super) fn one_line(text: &str) -> Check {
    match text.bytes().any(|b| (b < b' ' && b != b'\t') || b == 0x7f) {
        true => Err("holds control characters; write it on one line".to_owned()),
        false => Ok(()),
    }
}

/// The longest name, and the longest value, of a header that Envoy adds.
const HEADER: usize = 16_384;

/// The name or the value of a header that is added.
pub(super) fn header_text(text: &str) -> Check {
    match text.len() {
        0..=HEADER => one_line(text),
        long => Err(format!("found {long} bytes, allowed: at most {HEADER}")),
    }
}

/// The longest name of a query parameter that Envoy looks for.
const PARAMETER: usize = 1_024;

/// The name of a query parameter.
pub(super) fn query_parameter(name: &str) -> Check {
    match name.len() {
        0 => Err("the name of a query parameter is empty; write the word before its `=`".to_owned()),
        1..=PARAMETER => Ok(()),
        long => Err(format!("found a name of {long} bytes, allowed: at most {PARAMETER}")),
    }
}

/// Bytes as RFC 4648 (section 4) writes them; the `=` at the end may be left out.
pub(super) fn base64(text: &str) -> Check {
    let text = text.trim();
    let digits = text.trim_end_matches('=');
    let whole = match text.len() - digits.len() {
        0 => digits.len() % 4 != 1,
        padding => padding <= 2 && text.len().is_multiple_of(4),
    };
    let plain = digits.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/');
    allow(whole && plain, text, "base64: letters, digits, `+` and `/`; write plain text as `string`")
}

fn allow(allowed: bool, found: &str, wanted: &str) -> Check {
    if allowed {
        return Ok(());
    }
    let short: String = found.chars().take(80).map(|c| if c.is_control() { ' ' } else { c }).collect();
    Err(format!("found \"{short}\", allowed: {wanted}"))
}

#[cfg(test)]
mod tests;
