//! Kafka's wire protocol and record batches: bytes and meaning, no I/O.
