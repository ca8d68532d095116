//! A function behind a function URL or an HTTP API: takes measurements as CloudEvents in any of HTTP's modes, and
//! answers with an event of its own for each that is too high, in the mode that was asked in.
//!
//! ```sh
//! cargo lambda build --example high_water
//! curl "$URL" -H 'ce-specversion: 1.0' -H 'ce-id: 1' -H 'ce-source: /gauges/north' \
//!     -H 'ce-type: com.example.tide.measured' -H 'content-type: application/json' -d '{"height_cm": 512}'
//! ```

use aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde::Deserialize;
use tidegate_cloudevents::http::{Mode, Received, read, to_batched, to_binary, to_structured};
use tidegate_cloudevents::{DataError, Event, EventError};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_runtime::run(service_fn(async |request: LambdaEvent<ApiGatewayV2httpRequest>| handle(request.payload))).await
}

fn handle(request: ApiGatewayV2httpRequest) -> Result<ApiGatewayV2httpResponse, Error> {
    let body = request.body.unwrap_or_default();
    let body = if request.is_base64_encoded { STANDARD.decode(body)? } else { body.into_bytes() };
    let Received { mode, events } = match read(&request.headers, &body) {
        Ok(received) => received,
        Err(error) => return Ok(response(400, HeaderMap::new(), error.to_string())),
    };
    let mut warnings = Vec::new();
    for measured in events.iter().filter(|event| event.ty() == "com.example.tide.measured") {
        match warning(measured) {
            Ok(warning) => warnings.extend(warning),
            Err(error) => return Ok(response(422, HeaderMap::new(), error.to_string())),
        }
    }
    let (headers, body) = match (mode, warnings.as_slice()) {
        (Mode::Batched, warnings) => to_batched(warnings),
        (_, []) => return Ok(response(204, HeaderMap::new(), String::new())),
        (Mode::Binary, [warning, ..]) => to_binary(warning),
        (Mode::Structured, [warning, ..]) => to_structured(warning),
    };
    Ok(response(200, headers, String::from_utf8(body)?)) // what is answered here is JSON in every mode
}

#[derive(Deserialize)]
struct Measured {
    height_cm: u32,
}

/// The event that a measurement causes, if it does. Its id is derived, so that a repeated delivery gives the same.
fn warning(measured: &Event) -> Result<Option<Event>, Unusable> {
    let Measured { height_cm } = measured.data_as()?;
    if height_cm < 500 {
        return Ok(None);
    }
    let warning = Event::builder(format!("{}-high", measured.id()), measured.source(), "com.example.tide.high")
        .caused_by(measured)
        .data_of(&serde_json::json!({ "height_cm": height_cm }))
        .build()?;
    Ok(Some(warning))
}

#[derive(Debug, thiserror::Error)]
enum Unusable {
    #[error("the measurement is not one")]
    Data(#[from] DataError),
    #[error("no event can be made of it")]
    Event(#[from] EventError),
}

fn response(status: i64, headers: HeaderMap, body: String) -> ApiGatewayV2httpResponse {
    let mut response = ApiGatewayV2httpResponse::default();
    response.status_code = status;
    response.headers = headers;
    response.body = Some(body.into());
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(id: &str, data: &str) -> Event {
        let builder = Event::builder(id, "/gauges/north", "com.example.tide.measured");
        builder.data_json(data.as_bytes()).build().unwrap()
    }

    fn answer((headers, body): (HeaderMap, Vec<u8>)) -> (i64, Vec<Event>) {
        let mut request = ApiGatewayV2httpRequest::default();
        request.headers = headers;
        request.body = Some(STANDARD.encode(body));
        request.is_base64_encoded = true;
        let response = handle(request).unwrap();
        let Some(aws_lambda_events::encodings::Body::Text(body)) = response.body else { panic!("a text") };
        let events = read(&response.headers, body.as_bytes()).map(|received| received.events);
        (response.status_code, events.unwrap_or_default())
    }

    #[test]
    fn a_high_tide_is_answered_in_the_mode_it_was_told_in() {
        let high = measured("1", r#"{"height_cm": 512}"#);
        for message in [to_binary(&high), to_structured(&high), to_batched([&high])] {
            let (status, events) = answer(message);
            let [warning] = events.as_slice() else { panic!("one warning") };
            assert_eq!((status, warning.id(), warning.causationid()), (200, "1-high", Some("1")));
        }
        assert_eq!(answer(to_binary(&measured("2", r#"{"height_cm": 1}"#))).0, 204);
    }

    #[test]
    fn what_is_no_event_or_no_measurement_is_refused() {
        assert_eq!(answer((HeaderMap::new(), b"{}".to_vec())).0, 400);
        assert_eq!(answer(to_structured(&measured("1", r#"{"height_cm": "high"}"#))).0, 422);
    }
}
