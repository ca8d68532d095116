//! Runs a batch of queue records through a handler and reports per record.
