//! What is asked, and by whom, from API Gateway's event.

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use http::header::{ACCEPT, ALLOW, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use tidegate_events::{CorrelationId, CustomerId};
use tidegate_runtime::body;
use tidegate_runtime::problem::Problem;

/// What the API's scopes are called.
const READ: &str = "orders/read";
const WRITE: &str = "orders/write";

/// What can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Place,
    List,
    Read { order: String },
    Cancel { order: String },
}

/// A request to one of the routes, by a customer who may send it.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) route: Route,
    pub(crate) customer: CustomerId,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Request {
    /// In this order: is there such a route, who asks, may they, is it small enough.
    pub(crate) fn read(event: ApiGatewayV2httpRequest, max_body_bytes: usize) -> Result<Self, Problem> {
        let route = Route::of(&event.request_context.http.method, path(&event))?;
        let customer = customer(&event, route.scope())?;
        let body = match route {
            Route::Place | Route::Cancel { .. } => body::bytes(event.body, event.is_base64_encoded, max_body_bytes)?,
            Route::List | Route::Read { .. } => Vec::new(), // a body means nothing there
        };
        let pair = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let query = event.query_string_parameters.iter().map(pair).collect();
        Ok(Self { route, customer, query, headers: event.headers, body })
    }

    /// A header's text, where it is there once and visible ASCII.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next()?.to_str().ok()?;
        values.next().is_none().then_some(value)
    }

    /// All values of a header that may stand there several times.
    pub(crate) fn headers(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers.get_all(name).iter().filter_map(|value| value.to_str().ok())
    }

    /// The client's name for the piece of work, where it gives a good one.
    pub(crate) fn correlation_id(&self) -> Option<CorrelationId> {
        self.header("x-correlation-id")?.parse().ok()
    }

    /// The client's own name for what it places.
    pub(crate) fn idempotency_key(&self) -> Result<&str, Problem> {
        let is_key = |key: &&str| (1..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
        self.header("idempotency-key").filter(is_key).ok_or_else(|| {
            Problem::new(StatusCode::BAD_REQUEST, "idempotency-key", "There is no good Idempotency-Key")
                .detail("send the header once, with 1 to 255 visible ASCII characters that are this order's alone")
        })
    }

    /// The body, which has to say that it is JSON.
    pub(crate) fn json(&self) -> Result<&[u8], Problem> {
        let media_type = self.header(CONTENT_TYPE.as_str()).and_then(|it| it.split(';').next()).unwrap_or_default();
        if media_type.trim().eq_ignore_ascii_case("application/json") {
            return Ok(&self.body);
        }
        Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "The body is of another type")
            .detail("send it with Content-Type: application/json")
            .header(ACCEPT, HeaderValue::from_static("application/json")))
    }

    /// The values of these parameters of the query. There may be no other, and none twice.
    pub(crate) fn query<const N: usize>(&self, known: [&str; N]) -> Result<[Option<&str>; N], Problem> {
        let mut values = [None; N];
        for (name, value) in &self.query {
            let at = known.iter().position(|it| it == name);
            let at = at.ok_or_else(|| malformed_query(format!("there are the parameters {}", known.join(" and "))))?;
            if values[at].replace(value.as_str()).is_some() {
                return Err(malformed_query(format!("{} is there more than once", known[at])));
            }
        }
        Ok(values)
    }
}

impl Route {
    fn of(method: &Method, path: &str) -> Result<Self, Problem> {
        let segments: Vec<_> = path.split('/').collect();
        let (allowed, route) = match (segments.as_slice(), method.as_str()) {
            (["", "orders"], "POST") => ("", Some(Self::Place)),
            (["", "orders"], "GET") => ("", Some(Self::List)),
            (["", "orders"], _) => ("GET, POST", None),
            (["", "orders", order], "GET") if !order.is_empty() => {
                ("", Some(Self::Read { order: (*order).to_owned() }))
            }
            (["", "orders", order], _) if !order.is_empty() => ("GET", None),
            (["", "orders", order, "cancellation"], "POST") => ("", Some(Self::Cancel { order: (*order).to_owned() })),
            (["", "orders", _, "cancellation"], _) => ("POST", None),
            _ => return Err(Problem::new(StatusCode::NOT_FOUND, "unknown-route", "There is nothing here")),
        };
        route.ok_or_else(|| {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "This cannot be done here")
                .detail(format!("there is {allowed}"))
                .header(ALLOW, HeaderValue::from_static(allowed))
        })
    }

    fn scope(&self) -> &'static str {
        match self {
            Self::Place | Self::Cancel { .. } => WRITE,
            Self::List | Self::Read { .. } => READ,
        }
    }
}

/// The path without the stage, which API Gateway puts before it unless the stage is `$default`.
fn path(event: &ApiGatewayV2httpRequest) -> &str {
    let path = event.raw_path.as_deref().unwrap_or_default();
    let stage = event.request_context.stage.as_deref().filter(|it| *it != "$default");
    let within = stage.and_then(|stage| path.strip_prefix('/')?.strip_prefix(stage));
    within.filter(|it| it.starts_with('/')).unwrap_or(path)
}

/// Who was issued the token that API Gateway has verified. The scope is looked at here too: a route that was deployed
/// without it must not be open.
fn customer(event: &ApiGatewayV2httpRequest, scope: &str) -> Result<CustomerId, Problem> {
    let jwt = event.request_context.authorizer.as_ref().and_then(|it| it.jwt.as_ref());
    let claim = |name| jwt.and_then(|it| it.claims.get(name));
    let Some(customer) = claim("sub").and_then(|it| it.parse().ok()) else {
        return Err(Problem::new(StatusCode::UNAUTHORIZED, "unauthenticated", "Nobody is signed in")
            .detail("send an access token of this deployment's user pool with Authorization: Bearer")
            .header(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")));
    };
    if claim("scope").is_some_and(|granted| granted.split(' ').any(|it| it == scope)) {
        return Ok(customer);
    }
    Err(Problem::new(StatusCode::FORBIDDEN, "insufficient-scope", "The token does not allow this")
        .detail(format!("ask for a token with the scope {scope}")))
}

pub(crate) fn malformed_query(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "malformed-query", "The query cannot be read").detail(detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_a_route_or_says_what_is_there() {
        let of = |method: Method, path| Route::of(&method, path);
        assert_eq!(of(Method::POST, "/orders"), Ok(Route::Place));
        assert_eq!(of(Method::GET, "/orders"), Ok(Route::List));
        assert_eq!(of(Method::GET, "/orders/a"), Ok(Route::Read { order: "a".to_owned() }));
        assert_eq!(of(Method::POST, "/orders/a/cancellation"), Ok(Route::Cancel { order: "a".to_owned() }));
        for (method, path, status) in [
            (Method::GET, "", 404),
            (Method::GET, "/", 404),
            (Method::GET, "/orders/", 404),
            (Method::POST, "/orders/a/cancellation/", 404),
            (Method::GET, "//orders", 404),
            (Method::GET, "/ORDERS", 404),
            (Method::GET, "/orders/a/b", 404),
            (Method::DELETE, "/orders", 405),
            (Method::DELETE, "/orders/a", 405),
            (Method::GET, "/orders/a/cancellation", 405),
        ] {
            assert_eq!(of(method.clone(), path).unwrap_err().status().as_u16(), status, "{method} {path}");
        }
    }
}
