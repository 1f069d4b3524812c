//! Values as text and back, where no schema tells what the text is: what header values go through.
//!
//! The rules are those of Java Connect's `Values`, oddities included; times are in UTC, where Java takes the zone of its host.

mod merge;
mod parse;
mod temporal;
mod tokens;
mod write;

#[cfg(test)]
mod tests;

pub use parse::{TooDeep, parse};
pub use write::to_text;
