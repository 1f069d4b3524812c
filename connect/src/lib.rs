//! Kafka Connect without the JVM: the worker, its connectors, its REST API, and the binary.
