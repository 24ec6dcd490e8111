//! The resolvers that `resolv.conf(5)` names.

use std::net::IpAddr;

#[cfg(test)]
mod tests;

/// As many as the C library asks.
const MAX_RESOLVERS: usize = 3;

/// Reads the `nameserver` lines; whatever else there is does not matter to a proxy.
pub(super) fn parse(text: &str) -> Vec<IpAddr> {
    text.lines()
        .filter_map(|line| {
            let mut words = line.split_ascii_whitespace();
            let address = (words.next()? == "nameserver").then(|| words.next())??;
            // A zone (`fe80::1%eth0`) cannot be written in an address; such a resolver is passed over.
            address.parse().ok()
        })
        .take(MAX_RESOLVERS)
        .collect()
}
