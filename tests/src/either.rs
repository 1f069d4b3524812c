//! A worker of either kind, ours or Java's, for what is done to both.

use std::time::Duration;

use crate::process::Process;
use crate::{JavaWorker, KconnectWorker, Result};

/// Whose worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Ours.
    Kconnect,
    /// Apache Kafka's.
    Java,
}

impl Kind {
    /// As tables and messages call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kconnect => "kconnect",
            Self::Java => "Java worker",
        }
    }
}

/// A running worker of either kind.
#[derive(Debug)]
pub enum EitherWorker {
    /// Ours.
    Kconnect(KconnectWorker),
    /// Apache Kafka's.
    Java(JavaWorker),
}

impl EitherWorker {
    /// The worker's process.
    pub const fn process(&mut self) -> &mut Process {
        match self {
            Self::Kconnect(worker) => worker.process(),
            Self::Java(worker) => worker.process(),
        }
    }

    /// Where its REST API listens.
    #[must_use]
    pub fn rest_url(&self) -> String {
        match self {
            Self::Kconnect(worker) => worker.rest_url(),
            Self::Java(worker) => worker.rest_url(),
        }
    }

    /// Stops it as an operator would, and waits for the end.
    ///
    /// # Errors
    /// If it does not end, or one of ours does not end in order.
    pub fn stop(self) -> Result<()> {
        match self {
            Self::Kconnect(worker) => worker.stop(),
            Self::Java(worker) => worker.stop(),
        }
    }

    /// User and system time it has used.
    ///
    /// # Errors
    /// If it has ended.
    pub fn cpu(&mut self) -> Result<Duration> {
        Ok(self.process().cpu_time().ok_or("the worker has ended")?)
    }
}
