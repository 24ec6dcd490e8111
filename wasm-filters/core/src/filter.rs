//! The state of one VM, shared by all plugins that run in it.
//!
//! A plugin whose configuration changes gets a new root context in the same VM, and nothing says when the old one is
//! gone (telling would cost a callback per stream). So counts are kept outside the root contexts, and of those the most
//! recently ticked are remembered: a living one ticks every second.

use alloc::vec::Vec;

use crate::config::{Configuration, InvalidConfiguration};
use crate::series::{CounterSink, Reporter, ResponseClass, SeriesTable};
use crate::streams::Streams;

/// Root contexts that are remembered.
const ROOT_LIMIT: usize = 256;

/// Everything a VM knows. `Id` is the sink's handle of a counter.
#[derive(Debug)]
pub struct Filter<Id> {
    /// Least recently configured or ticked first.
    roots: Vec<(u32, Configuration)>,
    streams: Streams<Reporter>,
    requests: SeriesTable<Id>,
}

// === impl Filter ===

impl<Id: Copy> Filter<Id> {
    /// A VM without plugins.
    pub const fn new() -> Self {
        Self { roots: Vec::new(), streams: Streams::new(), requests: SeriesTable::new() }
    }

    /// Configures the plugin that runs as the context `root`.
    ///
    /// # Errors
    /// If the text is no configuration. Nothing has changed then.
    pub fn configure(&mut self, root: u32, text: &[u8]) -> Result<(), InvalidConfiguration> {
        let configuration = Configuration::parse(text)?;
        self.roots.retain(|(known, _)| *known != root);
        if self.roots.len() >= ROOT_LIMIT {
            self.roots.remove(0);
        }
        self.roots.push((root, configuration));
        Ok(())
    }

    /// A stream of the plugin `root` begins.
    pub fn open(&mut self, stream: u32, root: u32) {
        let known = self.roots.iter().rev().find(|(known, _)| *known == root);
        if let Some((_, configuration)) = known {
            self.streams.insert(stream, configuration.reporter);
        }
    }

    /// A stream has ended with this response code, 0 if the client got no response.
    pub fn close(&mut self, stream: u32, route: &[u8], code: u64) {
        let reporter = self.streams.remove(stream).unwrap_or(Reporter::Unknown);
        self.requests.count(reporter, route, ResponseClass::of(code));
    }

    /// The tick of a root context: hands all counts to `sink`.
    pub fn tick(&mut self, root: u32, sink: &mut impl CounterSink<Id = Id>) {
        if let Some(index) = self.roots.iter().position(|(known, _)| *known == root) {
            let living = self.roots.remove(index);
            self.roots.push(living);
        }
        self.requests.flush(sink);
    }
}

impl<Id: Copy> Default for Filter<Id> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;
