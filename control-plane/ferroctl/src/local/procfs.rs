//! What the kernel says of processes.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// A process, as `/proc/<pid>/stat` has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) pid: i32,
    /// The program's name, cut by the kernel.
    pub(crate) name: String,
    pub(crate) parent: i32,
    pub(crate) group: i32,
    /// Clock ticks since boot: tells a process from a later one that got the same id.
    pub(crate) started: u64,
}

/// A process that runs; a zombie does not.
pub(crate) fn stat(pid: i32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold spaces and parentheses: fields are counted from the last `)`.
    let (head, rest) = text.rsplit_once(')')?;
    let name = head.split_once('(')?.1.to_owned();
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let number = |field: usize| fields.get(field)?.parse().ok();
    // A killed process is a zombie while its last threads still end; until then it holds its files and locks.
    let threads = || fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count);
    if matches!(*fields.first()?, "Z" | "X") && threads() <= 1 {
        return None;
    }
    Some(Stat { pid, name, parent: number(1)?, group: number(2)?, started: fields.get(19)?.parse().ok()? })
}

/// Every process that runs, but this one.
pub(crate) fn others() -> impl Iterator<Item = Stat> {
    let own = i32::try_from(std::process::id()).ok();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(move |pid| Some(*pid) != own).filter_map(stat)
}

/// Whether a process was started with this variable in its environment; not if it may not be known.
pub(crate) fn has_variable(pid: i32, name: &str, value: &str) -> bool {
    let wanted = format!("{name}={value}");
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    environment.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes())
}

/// Whether a process lives in the network namespace that is mounted at `mount`.
pub(crate) fn lives_in(pid: i32, mount: &Path) -> bool {
    let identity = |path: &Path| fs::metadata(path).map(|metadata| (metadata.dev(), metadata.ino())).ok();
    let own = identity(Path::new(&format!("/proc/{pid}/ns/net")));
    own.is_some() && own == identity(mount)
}
