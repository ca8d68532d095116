//! Ctrl-C, SIGTERM and a terminal that is closed.

use anyhow::Result;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// A request to end this process. Listens from when it is made, so make it before there is anything to clean up: until then a
/// signal ends the process at once.
#[derive(Debug)]
pub struct Interrupt {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Interrupt {
    /// Begins to listen.
    ///
    /// # Errors
    /// Where the system takes no handler.
    pub fn listen() -> Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the request; gives the exit code that shells expect then.
    pub async fn requested(&mut self) -> u8 {
        tokio::select! {
            _ = self.interrupt.recv() => 130,
            _ = self.terminate.recv() => 143,
            _ = self.hangup.recv() => 129,
        }
    }
}
