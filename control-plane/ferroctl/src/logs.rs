use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;

use crate::local::plan::member_state;
use crate::local::state::State;

#[cfg(test)]
mod tests;

/// From one look at the end of the file to the next.
const PAUSE: Duration = Duration::from_millis(100);

#[derive(Args)]
pub(crate) struct Arguments {
    /// The workload
    workload: String,
    /// Print what is there and end
    #[arg(long)]
    no_follow: bool,
    /// How many bytes of the past to show
    #[arg(long, default_value_t = 4096)]
    tail_bytes: u64,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let (folder, state) = State::only_running().context("no local mesh runs here, or more than one")?;
    let member = state.member(&arguments.workload)?;
    let path = member_state(&folder, &member.name).join("envoy.log");
    let mut tail =
        Tail::open(&path, arguments.tail_bytes).with_context(|| format!("no log yet at {}", path.display()))?;
    let mut out = io::stdout().lock();
    loop {
        let new = tail.read()?;
        if !new.is_empty() {
            out.write_all(new)?;
            out.flush()?;
        } else if arguments.no_follow {
            return Ok(());
        } else {
            std::thread::sleep(PAUSE);
        }
    }
}

/// The end of a file that grows, and now and then begins anew: the agent copies a log that is full and cuts it to
/// nothing.
struct Tail {
    file: File,
    position: u64,
    chunk: Vec<u8>,
}

// === impl Tail ===

impl Tail {
    /// Begins so many bytes before the end.
    fn open(path: &Path, past: u64) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let position = file.metadata()?.len().saturating_sub(past);
        file.seek(SeekFrom::Start(position))?;
        Ok(Self { file, position, chunk: vec![0; 64 * 1024] })
    }

    /// What has come since; nothing at the end.
    fn read(&mut self) -> io::Result<&[u8]> {
        let mut length = self.file.read(&mut self.chunk)?;
        if length == 0 && self.file.metadata()?.len() < self.position {
            self.position = 0;
            self.file.rewind()?;
            length = self.file.read(&mut self.chunk)?;
        }
        self.position += u64::try_from(length).map_err(io::Error::other)?;
        Ok(self.chunk.get(..length).unwrap_or_default())
    }
}
