//! Trace context, so that one trace spans from the sender to the last consumer.
//!
//! Between functions it travels as W3C `traceparent` (<https://www.w3.org/TR/trace-context/>) inside the CloudEvent.
//! X-Ray's own header is read where a sender brings no `traceparent`, so that both name the same trace.

use std::fmt;

/// Which trace something belongs to, and what caused it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: u128,
    span_id: u64,
    flags: u8,
}

impl TraceContext {
    /// Reads a `traceparent` header. `None` where it is malformed: the specification says to start anew then.
    #[must_use]
    pub fn from_traceparent(header: &str) -> Option<Self> {
        let (version, rest) = header.trim().split_once('-')?;
        let (trace_id, rest) = rest.split_once('-')?;
        let (span_id, rest) = rest.split_once('-')?;
        let flags = match (version, rest.split_once('-')) {
            ("00", None) => rest,
            ("00", Some(_)) => return None, // version 00 has exactly four fields
            (_, later) => later.map_or(rest, |(flags, _)| flags), // later versions may add some
        };
        if version == "ff" || hex(version, 2).is_none() {
            return None;
        }
        Self::new(hex(trace_id, 32)?, u64::try_from(hex(span_id, 16)?).ok()?, u8::try_from(hex(flags, 2)?).ok()?)
    }

    /// Reads X-Ray's header, `Root=1-{8 hex}-{24 hex};Parent={16 hex};Sampled=1`.
    #[must_use]
    pub fn from_xray(header: &str) -> Option<Self> {
        let field = |name: &str| header.split(';').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
        let (time, unique) = field("Root")?.strip_prefix("1-")?.split_once('-')?;
        let trace_id = (hex(time, 8)? << 96) | hex(unique, 24)?;
        // A sender without a segment of its own gives no parent; the trace's own bits stand in, so that it is not zero.
        let span_id = field("Parent").and_then(|parent| hex(parent, 16)).unwrap_or(trace_id & u128::from(u64::MAX));
        Self::new(trace_id, u64::try_from(span_id).ok()?, u8::from(field("Sampled") == Some("1")))
    }

    /// A new trace out of random bits, which is recorded.
    #[must_use]
    pub fn start(random: u128) -> Self {
        Self { trace_id: random | 1, span_id: fold(random) | 1, flags: 1 }
    }

    /// The next span of the same trace, named by random bits.
    #[must_use]
    pub fn child(self, random: u128) -> Self {
        Self { span_id: fold(random) | 1, ..self }
    }

    /// The trace's id: 32 hexadecimal digits, for logs.
    #[must_use]
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.trace_id)
    }

    fn new(trace_id: u128, span_id: u64, flags: u8) -> Option<Self> {
        (trace_id != 0 && span_id != 0).then_some(Self { trace_id, span_id, flags })
    }
}

/// As a `traceparent` header.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.span_id, self.flags)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "half of the random bits are enough for a span's name")]
fn fold(random: u128) -> u64 {
    (random >> 64) as u64 ^ random as u64
}

/// Exactly `digits` lower-case hexadecimal digits, as the specification wants them.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let plain = text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    plain.then(|| u128::from_str_radix(text, 16).ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_traceparent_is_read_or_refused_as_the_specification_says() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(TraceContext::from_traceparent(good).unwrap().to_string(), good);
        let later = "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-the-future-brings";
        assert_eq!(TraceContext::from_traceparent(later).unwrap().to_string(), good);
        for bad in [
            "",
            "00",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473é-00f067aa0ba902b7-01",
        ] {
            assert_eq!(TraceContext::from_traceparent(bad), None, "{bad}");
        }
    }

    #[test]
    fn x_rays_header_names_the_same_trace() {
        let header = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";
        let context = TraceContext::from_xray(header).unwrap();
        assert_eq!(context.to_string(), "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01");
        let bare = TraceContext::from_xray("Root=1-5759e988-bd862e3fe1be46a994272793").unwrap();
        assert_eq!(bare.trace_id(), context.trace_id());
        assert_eq!(TraceContext::from_xray("Root=1-5759e988"), None);
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(random: u128, next: u128) {
            let child = TraceContext::start(random).child(next);
            prop_assert_eq!(TraceContext::from_traceparent(&child.to_string()), Some(child));
        }

        #[test]
        fn nothing_panics(text in ".{0,80}") {
            let _ = (TraceContext::from_traceparent(&text), TraceContext::from_xray(&text));
        }
    }
}
