//! Verify and sign webhooks: pure functions over headers and raw bytes.
