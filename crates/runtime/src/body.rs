//! The body of a request as API Gateway hands it over: text, or base64 where it does not know it to be text.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;

use crate::problem::Problem;

/// The bytes that were sent.
///
/// # Errors
/// A problem where they are more than `max_body_bytes`, which is checked before anything is decoded, or no base64.
pub fn bytes(body: Option<String>, is_base64: bool, max_body_bytes: usize) -> Result<Vec<u8>, Problem> {
    let body = body.unwrap_or_default();
    let size = if is_base64 { body.len() / 4 * 3 } else { body.len() };
    if size > max_body_bytes.saturating_add(2) {
        return Err(too_large(max_body_bytes)); // base64's padding may hide two bytes
    }
    let body = if is_base64 {
        STANDARD.decode(body).map_err(|_| {
            Problem::new(StatusCode::BAD_REQUEST, "malformed-body", "The body cannot be read")
                .detail("it is marked as base64 and is not")
        })?
    } else {
        body.into_bytes()
    };
    if body.len() > max_body_bytes { Err(too_large(max_body_bytes)) } else { Ok(body) }
}

fn too_large(max_body_bytes: usize) -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "The body is too large")
        .detail(format!("at most {max_body_bytes} bytes are taken"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_taken_up_to_its_limit_to_the_byte_however_it_comes() {
        for count in 0..=12 {
            let sent = vec![b'x'; count];
            for (body, is_base64) in [(String::from_utf8(sent.clone()).unwrap(), false), (STANDARD.encode(&sent), true)]
            {
                let read = bytes(Some(body), is_base64, 9);
                assert_eq!(read.as_ref().ok(), (count <= 9).then_some(&sent), "{read:?}");
            }
        }
        assert_eq!(bytes(None, false, 9).unwrap(), b"");
        assert_eq!(bytes(Some("?".to_owned()), true, 9).unwrap_err().kind(), "malformed-body");
    }
}
