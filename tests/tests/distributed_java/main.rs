//! Java workers and ours beside each other, over the same topics and in the same group.

mod mixed;
mod protocols;
mod support;
mod takeover;
mod topics;
mod transactions;
mod view;
