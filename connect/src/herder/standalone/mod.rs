//! The herder of a standalone worker: connectors come from files and REST, everything else than source offsets is in memory.

mod core;
mod entry;
