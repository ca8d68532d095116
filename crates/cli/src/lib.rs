//! The tidegate command: the local stack, deliveries, logs and dead letters.
