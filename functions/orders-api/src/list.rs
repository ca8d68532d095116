//! `GET /orders`: a customer's orders, newest first, a page at a time.
//!
//! A cursor is where the last page ended, and a check that it was made for this customer and not written by hand. The
//! check is no secret: whoever forges one moves about in orders that are their own.

use aws_lambda_events::apigw::ApiGatewayV2httpResponse;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::CACHE_CONTROL;
use http::{HeaderMap, StatusCode};
use sha2::{Digest, Sha256};
use tidegate_events::CustomerId;
use tidegate_outbox::AggregateStore;
use tidegate_runtime::problem::{self, Problem};

use crate::answer::Listed;
use crate::orders;
use crate::read::PRIVATE;
use crate::request::{Request, malformed_query};
use crate::views::{Page, Position};
use crate::{Api, Views};

const DEFAULT_LIMIT: usize = 20;
const MAX_LIMIT: usize = 100;
/// Against a slip of the hand.
const CHECK_BYTES: usize = 8;

impl<C: AggregateStore, V: Views> Api<C, V> {
    pub(crate) async fn list(&self, request: &Request) -> Result<ApiGatewayV2httpResponse, Problem> {
        let [limit, cursor] = request.query(["limit", "cursor"])?;
        let limit = limit.map_or(Ok(DEFAULT_LIMIT), read_limit)?;
        let after = cursor.map(|cursor| read_cursor(&request.customer, cursor)).transpose()?;
        let page = self.views.orders_of(&request.customer, after.as_ref(), limit).await;
        let Page { orders, more } = page.map_err(|error| orders::unread(&error))?;
        let last = orders.last().filter(|_| more);
        let next = last.map(|(position, _)| write_cursor(&request.customer, position));
        let headers = HeaderMap::from_iter([(CACHE_CONTROL, PRIVATE)]);
        Ok(problem::json_with(StatusCode::OK, headers, &Listed::of(&orders, next, limit)))
    }
}

fn read_limit(text: &str) -> Result<usize, Problem> {
    let limit = text.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit) && !text.starts_with('+'));
    limit.ok_or_else(|| malformed_query("limit must be a whole number from 1 to 100"))
}

fn write_cursor(customer: &CustomerId, position: &Position) -> String {
    let text = format!("{}|{}", position.placed_at, position.order_id.as_str());
    URL_SAFE_NO_PAD.encode(format!("{}|{text}", check(customer, &text)))
}

fn read_cursor(customer: &CustomerId, cursor: &str) -> Result<Position, Problem> {
    let read = || {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
        let (checked, text) = text.split_once('|')?;
        let (placed_at, order_id) = text.split_once('|').filter(|_| check(customer, text) == checked)?;
        Some(Position { placed_at: placed_at.to_owned(), order_id: order_id.parse().ok()? })
    };
    read().ok_or_else(|| {
        Problem::new(StatusCode::BAD_REQUEST, "malformed-cursor", "The cursor cannot be read")
            .detail("send one as an earlier page gave it to this customer, or none to begin anew")
    })
}

fn check(customer: &CustomerId, text: &str) -> String {
    hex::encode(&Sha256::digest(format!("{}\0{text}", customer.as_str()))[..CHECK_BYTES])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn customer(name: &str) -> CustomerId {
        name.parse().unwrap()
    }

    fn position() -> Position {
        let placed_at = "2026-07-31T09:30:00.123456789Z".to_owned();
        Position { placed_at, order_id: "ord_1".parse().unwrap() }
    }

    #[test]
    fn a_cursor_reads_back_for_its_customer_alone() {
        let cursor = write_cursor(&customer("mona"), &position());
        assert_eq!(read_cursor(&customer("mona"), &cursor), Ok(position()));
        assert_eq!(read_cursor(&customer("otto"), &cursor).unwrap_err().kind(), "malformed-cursor");
    }

    proptest! {
        #[test]
        fn a_cursor_that_was_changed_anywhere_is_refused(at in 0_usize..80, sign in "[A-Za-z0-9_=-]") {
            let cursor = write_cursor(&customer("mona"), &position());
            let at = at % cursor.len();
            let changed = format!("{}{sign}{}", &cursor[..at], &cursor[at + 1..]);
            prop_assume!(changed != cursor);
            prop_assert!(read_cursor(&customer("mona"), &changed).is_err());
        }

        #[test]
        fn no_text_makes_reading_panic(text in any::<String>()) {
            prop_assert!(read_cursor(&customer("mona"), &text).is_err());
            let _ = read_limit(&text);
        }
    }
}
