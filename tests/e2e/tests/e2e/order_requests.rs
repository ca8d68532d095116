//! What the API takes, repeats and refuses.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http::{Request, header};
use tidegate_operations::orders_client::Draft;

use crate::shop::{Customer, Customers, draft, key, order_id, words};
use crate::stack::{Answer, Stack};

/// What nobody has, so that an order of it ends at once.
const MISSING: &str = "e2e-missing";
/// And what becomes of it, once.
const HAPPENED: [&str; 3] = ["order placed", "stock rejected", "order cancelled"];

pub(crate) async fn a_key_that_is_used_again_is_answered_the_same_and_places_nothing(stack: Arc<Stack>) -> Result<()> {
    let customer = &Customers::of(&stack).await?.console;
    let (key, draft) = (key(), draft(MISSING));
    let body = draft.body();
    let first = customer.place_as(&stack, &key, body.to_string()).await?;
    assert_eq!((first.status, replayed(&first)), (202, None), "{}", first.json());
    let id = order_id(&first)?;
    assert_eq!(header_of(&first, "location"), Some(&*format!("/orders/{}", id.as_str())));
    customer.ended(&stack, &id).await?;

    // Written otherwise it is the same order; its end changes nothing of the answer.
    let again = customer.place_as(&stack, &key, format!("{body:#}")).await?;
    assert_eq!((again.status, replayed(&again)), (202, Some("true")));
    let (mut first, mut second) = (first.json(), again.json());
    for answer in [&mut first, &mut second] {
        answer["status"].take();
    }
    assert_eq!(second, first);

    let other = Draft { quantity: 1, ..draft };
    let refused = customer.place_as(&stack, &key, other.body().to_string()).await?;
    is_problem(&refused, 422, "idempotency-key-reused");
    assert_eq!(words(&customer.order(&stack, &id).await?), HAPPENED);

    // The same key of another customer is another order.
    let elses = Customers::of(&stack).await?.other.place_as(&stack, &key, body.to_string()).await?;
    assert_eq!((elses.status, replayed(&elses)), (202, None));
    assert_ne!(order_id(&elses)?, id);
    Ok(())
}

pub(crate) async fn of_two_equal_requests_at_once_one_places_the_order_and_both_get_it(
    stack: Arc<Stack>,
) -> Result<()> {
    let customer = &Customers::of(&stack).await?.console;
    let (key, body) = (key(), draft(MISSING).body().to_string());
    let place = || customer.place_as(&stack, &key, body.clone());
    let (one, two) = tokio::try_join!(place(), place())?;
    assert_eq!((one.status, two.status), (202, 202), "{} {}", one.json(), two.json());
    assert_eq!(order_id(&one)?, order_id(&two)?);
    let replays = [&one, &two].into_iter().filter(|it| replayed(it).is_some()).count();
    assert_eq!(replays, 1);
    assert_eq!(words(&customer.ended(&stack, &order_id(&one)?).await?), HAPPENED);
    Ok(())
}

pub(crate) async fn a_list_is_read_page_by_page_newest_first(stack: Arc<Stack>) -> Result<()> {
    let customer = &Customers::of(&stack).await?.other;
    let mut placed = Vec::new();
    for _ in 0..3 {
        placed.insert(0, customer.place(&stack, &draft(MISSING)).await?.as_str().to_owned());
    }
    // Others' tests place orders meanwhile, so the pages are walked and not counted.
    let mut listed = Vec::new();
    let mut next = Some("/orders?limit=2".to_owned());
    let mut pages = 0;
    while let Some(path) = next.filter(|_| !placed.iter().all(|id| listed.contains(id))) {
        let page = customer.get(&stack, &path).await?;
        assert_eq!(page.status, 200, "{}", page.json());
        let page = page.json();
        let ids: Vec<_> = page["orders"].as_array().into_iter().flatten().collect();
        ensure!((1..=2).contains(&ids.len()), "{page}");
        listed.extend(ids.into_iter().filter_map(|it| it["order_id"].as_str()).map(str::to_owned));
        next = page["links"]["next"].as_str().map(str::to_owned);
        pages += 1;
    }
    ensure!(pages > 1, "{listed:?}");
    let of_these: Vec<_> = listed.into_iter().filter(|id| placed.contains(id)).collect();
    assert_eq!(of_these, placed, "newest first, each once");

    is_problem(&customer.get(&stack, "/orders?cursor=x").await?, 400, "malformed-cursor");
    is_problem(&customer.get(&stack, "/orders?limit=0").await?, 400, "malformed-query");
    Ok(())
}

pub(crate) async fn who_has_no_good_token_or_scope_is_turned_away(stack: Arc<Stack>) -> Result<()> {
    let customers = Customers::of(&stack).await?;
    let id = customers.console.place(&stack, &draft(MISSING)).await?;
    let paths = ["/orders".to_owned(), format!("/orders/{}", id.as_str())];
    for path in &paths {
        let request = || Request::get(stack.address(path));
        is_unauthorised(&stack.send(request().body(Bytes::new())?).await?);
        for token in ["Bearer made.up.token", "Bearer ", "Basic bW9uYTp4"] {
            let forged = request().header(header::AUTHORIZATION, token).body(Bytes::new())?;
            is_unauthorised(&stack.send(forged).await?);
        }
    }
    // One that is good for reading places and cancels nothing.
    let key = key();
    assert_eq!(customers.reader.place_as(&stack, &key, draft(MISSING).body().to_string()).await?.status, 403);
    assert_eq!(customers.reader.cancel(&stack, &id).await?.status, 403);
    assert_eq!(customers.reader.order(&stack, &id).await?["cancellation_requested"], false);
    Ok(())
}

pub(crate) async fn an_order_of_another_customer_is_not_there(stack: Arc<Stack>) -> Result<()> {
    let Customers { console, other, .. } = Customers::of(&stack).await?;
    let id = console.place(&stack, &draft(MISSING)).await?;
    let path = format!("/orders/{}", id.as_str());
    is_problem(&other.get(&stack, &path).await?, 404, "unknown-order");
    is_problem(&other.cancel(&stack, &id).await?, 404, "unknown-order");
    is_problem(&other.get(&stack, "/orders/ord_none").await?, 404, "unknown-order");
    let order = console.ended(&stack, &id).await?;
    assert_eq!(order["cancellation_requested"], false, "{order}");
    let listed = other.get(&stack, "/orders?limit=100").await?.json();
    let theirs: Vec<_> = listed["orders"].as_array().context("no list")?.iter().collect();
    ensure!(!theirs.iter().any(|it| it["order_id"] == id.as_str()), "{listed}");
    Ok(())
}

pub(crate) async fn an_order_that_is_as_it_was_is_not_sent_again(stack: Arc<Stack>) -> Result<()> {
    let customer = &Customers::of(&stack).await?.console;
    let id = customer.place(&stack, &draft(MISSING)).await?;
    customer.ended(&stack, &id).await?;
    let path = format!("/orders/{}", id.as_str());
    let first = customer.get(&stack, &path).await?;
    let tag = header_of(&first, "etag").context("no ETag")?.to_owned();
    let unless = |tag: String| {
        let request = Request::get(stack.address(&path)).header(header::IF_NONE_MATCH, tag);
        customer.send(&stack, request, Bytes::new())
    };
    let same = unless(tag.clone()).await?;
    assert_eq!((same.status, same.body.len(), header_of(&same, "etag")), (304, 0, Some(&*tag)));
    let changed = unless("\"0\"".to_owned()).await?;
    assert_eq!((changed.status, changed.json()), (200, first.json()));
    Ok(())
}

pub(crate) async fn what_is_no_order_is_refused_with_a_problem(stack: Arc<Stack>) -> Result<()> {
    let customer = &Customers::of(&stack).await?.console;
    let good = draft(MISSING).body();
    is_problem(&customer.place_as(&stack, &key(), "no json").await?, 400, "malformed-body");
    is_problem(&customer.place_as(&stack, "a b", good.to_string()).await?, 400, "idempotency-key");
    let mut wrong = good.clone();
    wrong["lines"][0]["quantity"] = 0.into();
    wrong["address"]["city"].take();
    let refused = customer.place_as(&stack, &key(), wrong.to_string()).await?;
    is_problem(&refused, 422, "invalid-order");
    let pointers =
        refused.json()["errors"].as_array().into_iter().flatten().map(|it| it["pointer"].clone()).collect::<Vec<_>>();
    assert_eq!(pointers, ["/lines/0/quantity", "/address/city"]);
    is_problem(&customer.place_as(&stack, &key(), "x".repeat(70_000)).await?, 413, "too-large");

    let request = || Request::post(stack.address("/orders"));
    let untyped = request().header("idempotency-key", key()).header(header::CONTENT_TYPE, "text/plain");
    is_problem(&customer.send(&stack, untyped, good.to_string()).await?, 415, "unsupported-media-type");
    let keyless = request().header(header::CONTENT_TYPE, "application/json");
    is_problem(&customer.send(&stack, keyless, good.to_string()).await?, 400, "idempotency-key");
    no_route(&stack, customer).await
}

/// The gateway has no such route, so the function is not even asked.
async fn no_route(stack: &Stack, customer: &Customer) -> Result<()> {
    for (method, path) in [("DELETE", "/orders"), ("PUT", "/orders/ord_1"), ("GET", "/orders/ord_1/cancellation")] {
        let request = Request::builder().method(method).uri(stack.address(path));
        let answer = customer.send(stack, request, Bytes::new()).await?;
        ensure!([404, 405].contains(&answer.status), "{method} {path}: {}", answer.status);
    }
    Ok(())
}

/// As the gateway says it. The emulator's leaves WWW-Authenticate out.
#[track_caller]
fn is_unauthorised(answer: &Answer) {
    let message = answer.json()["message"].as_str().map(str::to_owned);
    assert_eq!((answer.status, message.as_deref()), (401, Some("Unauthorized")));
}

#[track_caller]
fn is_problem(answer: &Answer, status: u16, kind: &str) {
    let body = answer.json();
    assert_eq!((answer.status, &*answer.content_type), (status, "application/problem+json"), "{body}");
    assert_eq!(
        (body["type"].as_str(), body["status"].as_u64()),
        (Some(&*format!("urn:tidegate:problem:{kind}")), Some(status.into()))
    );
}

fn header_of<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    answer.headers.get(name)?.to_str().ok()
}

fn replayed(answer: &Answer) -> Option<&str> {
    header_of(answer, "idempotency-replayed")
}
