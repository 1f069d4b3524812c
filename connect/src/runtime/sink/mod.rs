//! Sink tasks: given records in place, as the consumer fetched them.

mod offsets;
