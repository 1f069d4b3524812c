//! Kafka Connect without the JVM: the worker, its connectors, its REST API, and the binary.

pub mod api;
mod cli;
pub mod config;
pub mod converters;
pub mod data;
pub mod distributed;
pub mod herder;
pub mod logging;
pub mod rest;
pub mod runtime;
mod storage;
