//! Standard input, read by a thread of its own: a read that waits cannot be given up, so nobody may be waiting in it.

use std::io::{self, ErrorKind, Read};
use std::sync::{Arc, LazyLock};

use tokio::sync::{Mutex, OwnedMutexGuard, mpsc};

/// How much is read at a time.
const BLOCK: usize = 64 * 1024;
/// How many blocks are read ahead.
const BLOCKS_AHEAD: usize = 2;

/// The reading end of a thread that reads an input which cannot be read twice.
#[derive(Debug)]
pub(super) struct Pump {
    blocks: mpsc::Receiver<io::Result<Vec<u8>>>,
    /// What the last task took and did not hand out.
    unread: Vec<u8>,
}

/// An input that one task at a time reads; what it leaves is for the next one.
pub(super) type SharedPump = Arc<Mutex<Pump>>;

/// The right to read.
pub(super) type PumpGuard = OwnedMutexGuard<Pump>;

static STDIN: LazyLock<io::Result<SharedPump>> = LazyLock::new(|| start(io::stdin()));

/// Standard input; reading it begins with the first call.
pub(super) fn stdin() -> io::Result<SharedPump> {
    match &*STDIN {
        Ok(pump) => Ok(Arc::clone(pump)),
        Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
    }
}

/// Starts to read an input.
pub(super) fn start(input: impl Read + Send + 'static) -> io::Result<SharedPump> {
    let (sender, blocks) = mpsc::channel(BLOCKS_AHEAD);
    std::thread::Builder::new()
        .name("stdin".to_owned())
        .spawn(move || read(input, &sender))?;
    let unread = Vec::new();
    Ok(Arc::new(Mutex::new(Pump { blocks, unread })))
}

/// Reads to the end, or until nobody listens.
fn read(mut input: impl Read, blocks: &mpsc::Sender<io::Result<Vec<u8>>>) {
    loop {
        let mut block = vec![0; BLOCK];
        let read = match input.read(&mut block) {
            Ok(0) => return,
            Ok(length) => {
                block.truncate(length);
                Ok(block)
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => Err(error),
        };
        let failed = read.is_err();
        if blocks.blocking_send(read).is_err() || failed {
            return;
        }
    }
}

impl Pump {
    /// The next block; none at the end of the input.
    ///
    /// Cancel safe: a block is taken or not.
    pub(super) async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        if !self.unread.is_empty() {
            return Ok(Some(std::mem::take(&mut self.unread)));
        }
        self.blocks.recv().await.transpose()
    }

    /// The next block, if it is there.
    pub(super) fn try_next(&mut self) -> io::Result<Option<Vec<u8>>> {
        if !self.unread.is_empty() {
            return Ok(Some(std::mem::take(&mut self.unread)));
        }
        self.blocks.try_recv().ok().transpose()
    }

    /// Gives back what was taken and not handed out.
    pub(super) fn put_back(&mut self, mut unread: Vec<u8>) {
        unread.append(&mut self.unread);
        self.unread = unread;
    }
}
