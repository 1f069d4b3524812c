//! Reading a log back from storage after a start.

use std::io;
use std::path::PathBuf;

use kconnect_protocol::records::Batches;

use super::Log;
use super::segment::Segment;
use crate::core::storage::{PartitionId, SegmentId, Storage};

/// Why a log cannot be read back.
#[derive(Debug)]
pub(crate) enum Unrecoverable {
    Io(io::Error),
    /// A segment that is not the last one has something in it that is no batch.
    Damaged {
        path: PathBuf,
        position: usize,
        what: String,
    },
}

impl From<io::Error> for Unrecoverable {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Reads the log of a partition that begins at `start` or later. What was not written to its end when
/// the process died is cut off.
pub(crate) fn recover(
    id: PartitionId,
    start: i64,
    storage: &mut dyn Storage,
) -> Result<Log, Unrecoverable> {
    let segments = storage.segments(id)?;
    let Some(first) = segments.first() else {
        return Ok(Log::at(id, start));
    };
    let mut log = Log::at(id, first.base_offset);
    log.segments.clear();
    for (number, segment) in segments.iter().enumerate() {
        let is_last = number + 1 == segments.len();
        read_segment(&mut log, *segment, is_last, storage)?;
    }
    log.log_start_offset = log.log_start_offset.max(start).min(log.log_end_offset);
    Ok(log)
}

fn read_segment(
    log: &mut Log,
    id: SegmentId,
    is_last: bool,
    storage: &mut dyn Storage,
) -> Result<(), Unrecoverable> {
    let mut segment = Segment::stored(id);
    if id.base_offset < log.log_end_offset {
        return Err(Unrecoverable::Damaged {
            path: storage.place(id),
            position: 0,
            what: format!("it begins before offset {}", log.log_end_offset),
        });
    }
    log.log_end_offset = id.base_offset;
    for batch in Batches::whole(storage.load(id)?) {
        let good = batch.map_err(|error| error.to_string()).and_then(|batch| {
            batch.verify_crc().map_err(|error| error.to_string())?;
            let header = *batch.header();
            if header.base_offset < log.log_end_offset {
                return Err(format!("offset {} comes twice", header.base_offset));
            }
            Ok((header, batch.bytes().len()))
        });
        match good {
            Ok((header, size)) => {
                segment.note(&header, size)?;
                log.log_end_offset = header.next_offset();
                log.epochs
                    .assign(header.partition_leader_epoch, header.base_offset);
                log.producers.appended(&header);
            }
            Err(what) if is_last => {
                let position = segment.size();
                tracing::warn!(partition = ?id.partition, position, what,
                    "the end of a log was not written whole and is cut off");
                storage.truncate(id, position as u64)?;
                break;
            }
            Err(what) => {
                return Err(Unrecoverable::Damaged {
                    path: storage.place(id),
                    position: segment.size(),
                    what,
                });
            }
        }
    }
    if segment.is_empty() {
        // What comes next goes into it: two segments of one offset would share a file.
        segment = Segment::new(id);
    }
    log.size += segment.size() as u64;
    log.segments.push_back(segment);
    Ok(())
}
