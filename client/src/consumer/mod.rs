//! The consumer.

mod assignor;
