use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;

use crate::local::plan::member_state;
use crate::local::state::State;

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
    let mut file = File::open(&path).with_context(|| format!("no log yet at {}", path.display()))?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(arguments.tail_bytes)))?;
    let mut chunk = vec![0; 64 * 1024];
    let mut out = std::io::stdout().lock();
    loop {
        match file.read(&mut chunk)? {
            0 if arguments.no_follow => return Ok(()),
            0 => std::thread::sleep(Duration::from_millis(100)),
            n => {
                out.write_all(chunk.get(..n).unwrap_or_default())?;
                out.flush()?;
            }
        }
    }
}
