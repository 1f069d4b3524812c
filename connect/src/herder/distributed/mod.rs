//! The herder of a worker in a cluster: the config topic says what should run, the group says where.

mod core;
mod leader;
