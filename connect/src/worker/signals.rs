//! Signals that ask the process to end.

use std::io;

use tokio::signal::unix::{self, SignalKind};

use super::Failure;

/// A signal that asked the process to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    /// The terminal is gone.
    Hangup,
    /// Ctrl-C.
    Interrupt,
    /// A service manager's word, or that of `kill`.
    Terminate,
}

impl Signal {
    /// The exit code of a process that a signal has ended: 128 and the signal's number, as for a JVM.
    pub(crate) const fn exit_code(self) -> u8 {
        match self {
            Self::Hangup => 129,
            Self::Interrupt => 130,
            Self::Terminate => 143,
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Hangup => "SIGHUP",
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
        }
    }
}

/// The signals that ask this process to end; from the moment that it exists they no longer end it by themselves.
#[derive(Debug)]
pub(crate) struct Signals {
    hangup: Option<unix::Signal>,
    interrupt: unix::Signal,
    terminate: unix::Signal,
}

impl Signals {
    /// Listens, on the current runtime.
    pub(crate) fn listen() -> Result<Self, Failure> {
        let listen = |kind| unix::signal(kind);
        let all = || -> io::Result<Self> {
            // Under nohup the signal is ignored, and listening to it would undo that.
            let hangup = if hangup_is_ignored() {
                None
            } else {
                Some(listen(SignalKind::hangup())?)
            };
            Ok(Self {
                hangup,
                interrupt: listen(SignalKind::interrupt())?,
                terminate: listen(SignalKind::terminate())?,
            })
        };
        all().map_err(|error| Failure::startup(format!("cannot listen to signals: {error}")))
    }

    /// Waits for the next signal. Cancel safe.
    pub(crate) async fn next(&mut self) -> Signal {
        let Self {
            hangup,
            interrupt,
            terminate,
        } = self;
        let hung_up = async {
            match hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = hung_up => Signal::Hangup,
            _ = interrupt.recv() => Signal::Interrupt,
            _ = terminate.recv() => Signal::Terminate,
        }
    }
}

/// Whether whoever started this process had it ignore SIGHUP.
fn hangup_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_none_or(|mask| mask & 1 != 0)
}
