//! `GET /orders/{id}`: where an order is, and how it got there.

use aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;
use sha2::{Digest, Sha256};
use tidegate_events::OrderId;
use tidegate_outbox::AggregateStore;
use tidegate_runtime::problem::{self, Problem};

use crate::answer::OrderView;
use crate::orders;
use crate::request::Request;
use crate::{Api, Views};

/// Of SHA-256: more than enough to tell the answers of one order apart.
const ETAG_BYTES: usize = 16;
/// Nobody but the customer keeps it, and not without asking whether it is still so.
pub(crate) const PRIVATE: HeaderValue = HeaderValue::from_static("private, no-cache");

impl<C: AggregateStore, V: Views> Api<C, V> {
    pub(crate) async fn read(&self, request: &Request, order: &str) -> Result<ApiGatewayV2httpResponse, Problem> {
        let id: OrderId = order.parse().map_err(|_| orders::unknown())?;
        tracing::Span::current().record("order_id", id.as_str());
        // The timeline before the order, one after the other: it is behind the order then, and never has an end that the
        // status does not have.
        let timeline = self.views.timeline_of(&id).await.map_err(|error| orders::unread(&error))?;
        let order = orders::load(&self.store, &id, &request.customer).await?;
        let view = OrderView::of(&id, &order, &timeline);
        let etag = etag(&view)?;
        let headers = HeaderMap::from_iter([(CACHE_CONTROL, PRIVATE), (ETAG, etag.clone())]);
        if request.headers(IF_NONE_MATCH.as_str()).any(|tags| names(tags, &etag)) {
            return Ok(problem::empty(StatusCode::NOT_MODIFIED, headers));
        }
        Ok(problem::json_with(StatusCode::OK, headers, &view))
    }
}

/// Made from the answer itself, which has all versions in it that it was made from, and this program's way to write it:
/// equal tags are equal bytes, as a strong tag promises.
fn etag(view: &impl Serialize) -> Result<HeaderValue, Problem> {
    let body = serde_json::to_vec(view).map_err(|_| orders::broken())?;
    let tag = format!("\"{}\"", hex::encode(&Sha256::digest(body)[..ETAG_BYTES]));
    HeaderValue::try_from(tag).map_err(|_| orders::broken())
}

/// Whether an `If-None-Match` names a tag ([RFC 9110](https://www.rfc-editor.org/rfc/rfc9110#field.if-none-match)): the
/// comparison is the weak one. No tag of ours has a comma in it.
fn names(tags: &str, etag: &HeaderValue) -> bool {
    tags.split(',').map(str::trim).any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == *etag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_found_among_others_weak_or_strong() {
        let etag = HeaderValue::from_static("\"abc\"");
        for tags in ["\"abc\"", "W/\"abc\"", "*", "\"x\", \"abc\"", "\"x\" ,W/\"abc\""] {
            assert!(names(tags, &etag), "{tags}");
        }
        for tags in ["", "abc", "\"ab\"", "\"abcd\"", "w/\"abc\"", "\"x\" \"abc\""] {
            assert!(!names(tags, &etag), "{tags}");
        }
    }
}
