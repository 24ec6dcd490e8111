//! The suite against a server that it does not know from inside, as somebody with another server would run it.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    sync::{Arc, Mutex},
};

use anyhow::{Context, ensure};
use ferro_testkit::ads::Address;
use ferro_xds::{Limits, SharedView, Update};
use ferro_xds_protos::Kind;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    process::Command,
};

use crate::{samples, world::Running};

/// Hands what it reads to the server's owner, and waits until it has it.
const DRIVER: &str = "#!/bin/bash
exec 3<>/dev/tcp/127.0.0.1/PORT
cat >&3 && echo end >&3 && read -r answer <&3 && [ \"$answer\" = ok ]
";

/// The owner of the other server.
struct Owner {
    view: Arc<SharedView>,
    held: Mutex<Vec<(Kind, String)>>,
}

impl Owner {
    async fn obey(&self, listener: TcpListener) -> anyhow::Result<()> {
        loop {
            let (stream, _) = listener.accept().await?;
            self.one(stream).await?;
        }
    }

    async fn one(&self, stream: TcpStream) -> anyhow::Result<()> {
        let mut lines = BufReader::new(stream).lines();
        let mut updates = Vec::new();
        while let Some(line) = lines.next_line().await?.filter(|line| line != "end") {
            updates.extend(self.understand(&line)?);
        }
        self.view.apply(updates);
        lines.into_inner().write_all(b"ok\n").await?;
        Ok(())
    }

    fn understand(&self, line: &str) -> anyhow::Result<Vec<(Kind, Update)>> {
        let mut held = self.held.lock().expect("nobody panics here");
        let kind = |short: &str| Kind::ALL.into_iter().find(|kind| kind.short() == short).context("a kind");
        let words: Vec<_> = line.split(' ').collect();
        match words[..] {
            ["reset"] => Ok(held.drain(..).map(|(kind, name)| (kind, Update::gone(name))).collect()),
            ["put", short, name, revision] => {
                held.push((kind(short)?, name.to_owned()));
                Ok(vec![(kind(short)?, Update::put(samples::resource(kind(short)?, name, revision.parse()?)))])
            }
            ["remove", short, name] => Ok(vec![(kind(short)?, Update::gone(name))]),
            _ => anyhow::bail!("not understood: {line}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rules_can_be_asked_of_a_server_elsewhere() -> anyhow::Result<()> {
    if std::env::var_os("XDS_ADDRESS").is_some() {
        // This is the suite that the test below has started.
        return Ok(());
    }
    let running = Running::start(Limits::default()).await?;
    let Address::Tcp(address) = &running.address else { anyhow::bail!("a server on a unix socket") };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let folder = tempfile::tempdir()?;
    let driver = folder.path().join("driver");
    fs::write(&driver, DRIVER.replace("PORT", &listener.local_addr()?.port().to_string()))?;
    fs::set_permissions(&driver, fs::Permissions::from_mode(0o755))?;
    let owner = Owner { view: Arc::clone(&running.view), held: Mutex::default() };
    let suite = Command::new(std::env::current_exe()?)
        .args(["--test-threads", "1", "rule_2", "rule_4"])
        .env("XDS_ADDRESS", address)
        .env("XDS_DRIVER", &driver)
        .output();
    tokio::select! {
        output = suite => {
            let output = output?;
            let said = String::from_utf8_lossy(&output.stdout);
            ensure!(output.status.success() && !said.contains(" 0 passed"), "{said}");
            Ok(())
        }
        obeyed = owner.obey(listener) => obeyed,
    }
}
