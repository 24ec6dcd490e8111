use anyhow::Result;
use serde_json::json;

use crate::Global;
use crate::output::print;

pub(crate) fn run(global: &Global) -> Result<()> {
    let own = env!("CARGO_PKG_VERSION");
    let server = global.client()?.version();
    let mut rows = vec![vec!["ferroctl".to_owned(), own.to_owned(), String::new(), String::new()]];
    match &server {
        Ok(server) => rows.push(vec![
            server.component.clone(),
            server.version.clone(),
            server.protocol.to_string(),
            server.store_format.to_string(),
        ]),
        Err(error) => eprintln!("{error:#}"),
    }
    let value = json!({ "ferroctl": own, "server": server.ok() });
    print(global.output, &value, &["PROGRAM", "VERSION", "PROTOCOL", "STORE FORMAT"], rows)
}
