//! What the store promises when something goes wrong, and over random histories.

mod crash;
mod disk_full;
mod half_written;
mod history;
mod support;
