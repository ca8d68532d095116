//! The orders API as its customers use it, and what it says and is told.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http::{HeaderValue, Request, header, request};
use serde_json::Value;
use tidegate_cli::output::Progress;
use tidegate_cli::standin_client::{self, StandinClient};
use tidegate_cli::{clock, customers};
use tidegate_events::OrderId;
use tidegate_operations::customers::{CONSOLE, find};
use tidegate_operations::orders_client::Draft;
use tidegate_operations::{timeline, token};
use tidegate_standins::{Act, Callback, StripeFault};
use tidegate_testkit::openapi::{Description, Exchange};
use uuid::Uuid;

use crate::command::tidegate;
use crate::stack::{Answer, Stack};
use crate::wait::{SOON, eventually};

/// A customer that these tests make.
pub(crate) const OTHER: &str = "e2e-other";
/// A means of payment that goes well.
pub(crate) const GOOD_CARD: &str = "pm_card_visa";
/// A country that the carrier does not serve.
pub(crate) const NOWHERE: &str = "AQ";
/// How many of a SKU an order is about.
pub(crate) const QUANTITY: u64 = 2;

/// Who may ask the API what.
pub(crate) struct Customers {
    /// The one of the template.
    pub(crate) console: Customer,
    pub(crate) other: Customer,
    /// The console with a token that has one scope.
    pub(crate) reader: Customer,
}

/// Who asks, by a token.
#[derive(Clone)]
pub(crate) struct Customer {
    pub(crate) id: String,
    authorization: HeaderValue,
}

impl Customers {
    /// Everybody, signed in. The first test that asks waits until the gateway admits them.
    pub(crate) async fn of(stack: &Stack) -> Result<&Self> {
        stack.customers.get_or_try_init(|| Self::sign_in(stack)).await
    }

    async fn sign_in(stack: &Stack) -> Result<Self> {
        let (deployment, resources) = (&stack.deployment, &stack.resources);
        customers::sign_in(deployment, resources, CONSOLE, &Progress::silent()).await?;
        let login = tidegate(stack, &["login", OTHER, "--json"]).await?.success()?.json()?;
        ensure!(login["made"] == true, "{login}");
        let client = find(deployment, resources, CONSOLE).await?.context("the console has no client")?;
        let reader =
            token::request(deployment, resources, CONSOLE, &client, &["orders/read"], clock::epoch_millis()).await?;
        Ok(Self {
            console: Customer::with(&customers::token_of(deployment, resources, CONSOLE).await?)?,
            other: Customer::with(&customers::token_of(deployment, resources, OTHER).await?)?,
            reader: Customer::with(&reader)?,
        })
    }
}

impl Customer {
    fn with(token: &token::Token) -> Result<Self> {
        let authorization = HeaderValue::from_str(&format!("Bearer {}", token.expose()))?;
        Ok(Self { id: token.client_id.clone(), authorization })
    }

    /// Sends any request as this customer, and holds the answer against the API's description.
    pub(crate) async fn send(
        &self,
        stack: &Stack,
        request: request::Builder,
        body: impl Into<Bytes>,
    ) -> Result<Answer> {
        send(stack, request.header(header::AUTHORIZATION, self.authorization.clone()), body).await
    }

    pub(crate) async fn get(&self, stack: &Stack, path: &str) -> Result<Answer> {
        self.send(stack, Request::get(stack.address(path)), Bytes::new()).await
    }

    /// Places what the body says under a key.
    pub(crate) async fn place_as(&self, stack: &Stack, key: &str, body: impl Into<Bytes>) -> Result<Answer> {
        let request = Request::post(stack.address("/orders"))
            .header(header::CONTENT_TYPE, "application/json")
            .header("idempotency-key", key);
        self.send(stack, request, body).await
    }

    /// Places an order that is taken.
    pub(crate) async fn place(&self, stack: &Stack, draft: &Draft) -> Result<OrderId> {
        let answer = self.place_as(stack, &key(), draft.body().to_string()).await?;
        ensure!(answer.status == 202, "{} {}", answer.status, answer.json());
        order_id(&answer)
    }

    /// Places an order whose bank goes on thinking until its mark is mended at Stripe, and whose outcome is called back.
    /// Gives the mark too.
    pub(crate) async fn place_while_the_bank_thinks(&self, stack: &Stack, sku: &str) -> Result<(OrderId, String)> {
        let standin = outside(stack)?;
        let draft = Draft { callback_url: Some(standin.callback_url(&self.id)), ..draft(sku) };
        let mark = mark(&draft);
        let hold = StripeFault { contains: Some(mark.clone()), act: Act::Hold, ..StripeFault::default() };
        standin.fail_stripe(&hold).await?;
        Ok((self.place(stack, &draft).await?, mark))
    }

    pub(crate) async fn cancel(&self, stack: &Stack, id: &OrderId) -> Result<Answer> {
        self.send(stack, Request::post(stack.address(&format!("/orders/{}/cancellation", id.as_str()))), Bytes::new())
            .await
    }

    /// The order as the API tells it now.
    pub(crate) async fn order(&self, stack: &Stack, id: &OrderId) -> Result<Value> {
        let answer = self.get(stack, &format!("/orders/{}", id.as_str())).await?;
        ensure!(answer.status == 200, "{} {}", answer.status, answer.json());
        Ok(answer.json())
    }

    /// Waits until something of this kind stands in the order's timeline.
    pub(crate) async fn has_happened(&self, stack: &Stack, id: &OrderId, word: &str) -> Result<()> {
        eventually(&format!("{word}, of {}", id.as_str()), SOON, async || {
            Ok(words(&self.order(stack, id).await?).iter().any(|it| it == word).then_some(()))
        })
        .await
    }

    /// The order once it has ended and its timeline tells so.
    pub(crate) async fn ended(&self, stack: &Stack, id: &OrderId) -> Result<Value> {
        eventually(&format!("{} has ended", id.as_str()), SOON, async || {
            let order = self.order(stack, id).await?;
            let last = words(&order).into_iter().next_back();
            let told = matches!(last.as_deref(), Some("order confirmed" | "order cancelled"));
            Ok((order["status"] != "placed" && told).then_some(order))
        })
        .await
    }
}

/// Sends a request, and holds the answer against the API's description.
async fn send(stack: &Stack, request: request::Builder, body: impl Into<Bytes>) -> Result<Answer> {
    static DESCRIPTION: LazyLock<Description> =
        LazyLock::new(|| Description::of(include_str!("../../../../docs/openapi/orders.yaml")));
    let request = request.body(body.into())?;
    let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
    let path = path.find("/orders").map_or("", |at| &path[at..]);
    let answer = stack.send(request).await?;
    let Answer { status, headers, .. } = &answer;
    let exchange = Exchange { method: &method, path, status: *status, headers, body: &answer.json() };
    let faults = DESCRIPTION.faults(&exchange);
    ensure!(faults.is_empty(), "{method} {path} is not answered as described: {faults:?} {answer:?}");
    Ok(answer)
}

/// A key that nobody has used.
pub(crate) fn key() -> String {
    Uuid::new_v4().to_string()
}

/// The id in the answer to a placed order.
pub(crate) fn order_id(answer: &Answer) -> Result<OrderId> {
    Ok(answer.json()["order_id"].as_str().context("no order id")?.parse()?)
}

/// An order of a SKU that goes well, at a price that no other order has.
pub(crate) fn draft(sku: &str) -> Draft {
    static NEXT_PRICE: AtomicU64 = AtomicU64::new(31_001);
    Draft {
        sku: sku.to_owned(),
        quantity: QUANTITY,
        price: NEXT_PRICE.fetch_add(1, Ordering::Relaxed),
        currency: "EUR".to_owned(),
        country: "DE".to_owned(),
        pay: GOOD_CARD.to_owned(),
        callback_url: None,
    }
}

/// What Stripe is asked for this order alone, before anybody knows the order's id.
pub(crate) fn mark(draft: &Draft) -> String {
    format!("amount={}", draft.quantity * draft.price)
}

/// So many of a SKU of one's own.
pub(crate) async fn goods(stack: &Stack, label: &str, count: u64) -> Result<String> {
    let sku = format!("e2e-{label}-{}", &Uuid::new_v4().simple().to_string()[..8]);
    tidegate(stack, &["stock", "receive", &sku, &count.to_string()]).await?.success()?;
    Ok(sku)
}

/// What has happened to an order, in words and in order.
pub(crate) fn words(order: &Value) -> Vec<String> {
    let entries = order["timeline"].as_array().into_iter().flatten();
    entries.map(|entry| timeline::word(entry["type"].as_str().unwrap_or_default())).collect()
}

/// What is outside.
pub(crate) fn outside(stack: &Stack) -> Result<StandinClient> {
    standin_client::of(&stack.deployment)
}

/// Every callback about an order that was sent, accepted or not.
pub(crate) fn callbacks(stack: &Stack, id: &OrderId) -> Vec<Callback> {
    let of_order = |callback: &Callback| callback.body["data"]["order_id"] == id.as_str();
    stack.slack.callbacks().into_iter().filter(of_order).collect()
}

/// Waits until so many callbacks about an order were sent.
pub(crate) async fn called_back(stack: &Stack, id: &OrderId, count: usize) -> Result<Vec<Callback>> {
    eventually(&format!("{count} callbacks about {}", id.as_str()), SOON, async || {
        let sent = callbacks(stack, id);
        Ok((sent.len() >= count).then_some(sent))
    })
    .await
}
