use anyhow::{Result, bail};
use clap::Args;
use ferro_api::ProxyStatus;

use crate::Global;
use crate::output::{Format, print};

/// The types every proxy has, in push order.
const COLUMNS: [&str; 6] = ["CDS", "EDS", "LDS", "RDS", "VHDS", "ECDS"];

#[derive(Args)]
pub(crate) struct Arguments {
    /// One proxy in detail: `name` or `name.namespace`
    proxy: Option<String>,
}

pub(crate) fn run(global: &Global, arguments: &Arguments) -> Result<()> {
    let mut proxies = global.client()?.proxies()?;
    if let Some(name) = &arguments.proxy {
        proxies.retain(|proxy| is(proxy, name));
        if proxies.is_empty() {
            bail!("no connected proxy `{name}`; `ferroctl proxy-status` lists them");
        }
        return print(
            global.output,
            &proxies,
            &["PROXY", "TYPE", "STATE", "RESOURCES", "SENT", "ACKED", "REFUSED BECAUSE"],
            details(&proxies),
        );
    }
    let header = [&["PROXY", "KIND", "PROTOCOL"], &COLUMNS[..], &["CONNECTED"]].concat();
    print(global.output, &proxies, &header, proxies.iter().map(row).collect())?;
    if global.output == Format::Table {
        nacks(&proxies);
    }
    Ok(())
}

/// Whether `name` means this proxy.
pub(crate) fn is(proxy: &ProxyStatus, name: &str) -> bool {
    proxy.name == name || proxy.id == name || proxy.name.split('.').next() == Some(name)
}

fn row(proxy: &ProxyStatus) -> Vec<String> {
    let states =
        COLUMNS.iter().map(|kind| proxy.types.get(*kind).map_or_else(|| "-".to_owned(), |status| status.state.clone()));
    let head = [proxy.name.clone(), proxy.proxy_type.clone(), proxy.protocol.clone()];
    head.into_iter().chain(states).chain([connected(proxy)]).collect()
}

fn connected(proxy: &ProxyStatus) -> String {
    match proxy.cache_age_seconds {
        Some(age) => format!("{} s, from cache, {age} s", proxy.connected_s),
        None => format!("{} s", proxy.connected_s),
    }
}

fn details(proxies: &[ProxyStatus]) -> Vec<Vec<String>> {
    let rows = proxies.iter().flat_map(|proxy| proxy.types.iter().map(move |(kind, status)| (proxy, kind, status)));
    rows.map(|(proxy, kind, status)| {
        let nack = status.nack.clone().unwrap_or_default();
        vec![
            proxy.name.clone(),
            kind.clone(),
            status.state.clone(),
            status.resources.to_string(),
            status.sent.clone(),
            status.acked.clone(),
            nack,
        ]
    })
    .collect()
}

fn nacks(proxies: &[ProxyStatus]) {
    for proxy in proxies {
        for (kind, status) in &proxy.types {
            if let Some(nack) = &status.nack {
                println!("\n{} refused {kind}: {nack}", proxy.name);
            }
        }
    }
}

#[cfg(test)]
mod tests;
