//! The crate as its users see it: headers and bytes in, verdicts out. One binary, so that it links once.

#![expect(clippy::unwrap_used, reason = "the lint spares `#[test]` functions, not what they call")]

mod fixtures;
mod handshakes;
mod laws;
#[cfg(feature = "tower")]
mod layer;
mod outbound;
mod rejections;
mod source_documents;
mod tampering;
#[cfg(feature = "jwt")]
mod tokens;
mod vectors;
