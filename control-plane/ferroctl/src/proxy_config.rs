//! What a proxy's Envoy really runs, read from its own admin interface.

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use serde_json::Value;

use crate::Global;
use crate::local::request::{Method, from_inside};
use crate::output::{Format, print};
use section::Section;

mod section;

/// A part of Envoy's configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    Listeners,
    Routes,
    Clusters,
    Endpoints,
    Ecds,
    /// Show or set log levels
    Log,
    /// The whole configuration dump
    All,
}

#[derive(Args)]
pub(crate) struct Arguments {
    /// What to show
    part: Part,
    /// The workload: `name` or `name.namespace`
    proxy: String,
    /// For `log`: a level for all loggers, or `logger=level`
    #[arg(long)]
    level: Option<String>,
}

pub(crate) fn run(global: &Global, arguments: &Arguments) -> Result<()> {
    let admin = Admin::of(global, &arguments.proxy)?;
    match arguments.part {
        Part::Log => {
            let levels = section::levels(&admin.log(arguments.level.as_deref())?);
            let rows = levels.iter().map(|(logger, level)| vec![logger.clone(), level.clone()]).collect();
            print(global.output, &levels, &["LOGGER", "LEVEL"], rows)
        }
        Part::All => {
            let dump = admin.json("/config_dump?include_eds")?;
            match global.output {
                Format::Table => print(Format::Json, &dump, &[], Vec::new()),
                Format::Name => bail!("the whole dump has no names; ask for a part of it, or for -o json"),
                format => print(format, &dump, &[], Vec::new()),
            }
        }
        Part::Listeners => show(global.output, &section::LISTENERS, &admin),
        Part::Routes => show(global.output, &section::ROUTES, &admin),
        Part::Clusters => show(global.output, &section::CLUSTERS, &admin),
        Part::Endpoints => show(global.output, &section::ENDPOINTS, &admin),
        Part::Ecds => show(global.output, &section::ECDS, &admin),
    }
}

fn show(format: Format, section: &Section, admin: &Admin) -> Result<()> {
    let page = admin.json(section.page)?;
    let entries = section.entries(&page);
    let rows = entries.iter().flat_map(|entry| (section.rows)(entry)).collect();
    print(format, &entries, section.header, rows)
}

/// The admin interface of one Envoy.
struct Admin {
    ip: String,
    netns: Option<String>,
}

impl Admin {
    fn of(global: &Global, proxy: &str) -> Result<Self> {
        if let Some((_, state)) = global.local_mesh() {
            let member = state.member(proxy)?;
            let ip = if member.netns.is_some() { "127.0.0.1".to_owned() } else { member.ip.to_string() };
            return Ok(Self { ip, netns: member.netns.clone() });
        }
        let proxies = global.client()?.proxies()?;
        let found = proxies.iter().find(|status| crate::proxy_status::is(status, proxy));
        let Some(ip) = found.and_then(|status| status.addresses.first()) else {
            bail!("no connected proxy `{proxy}`; `ferroctl proxy-status` lists them");
        };
        Ok(Self { ip: ip.clone(), netns: None })
    }

    fn request(&self, method: Method, path: &str) -> Result<String> {
        from_inside(self.netns.as_deref(), method, &format!("http://{}:15000{path}", self.ip))
            .context("its Envoy's admin interface does not answer")
    }

    fn json(&self, path: &str) -> Result<Value> {
        serde_json::from_str(&self.request(Method::Get, path)?)
            .context("Envoy's admin interface answered something else than JSON")
    }

    /// The levels of the loggers, after one or all of them were set if a level is given.
    fn log(&self, level: Option<&str>) -> Result<String> {
        let query = match level.map(|level| level.split_once('=')) {
            None => String::new(),
            Some(None) => format!("?level={}", level.unwrap_or_default()),
            Some(Some((logger, level))) => format!("?{logger}={level}"),
        };
        self.request(Method::Post, &format!("/logging{query}"))
    }
}
