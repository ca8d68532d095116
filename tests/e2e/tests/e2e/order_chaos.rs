//! 200 orders at once through the API of the deployed stack, while messages are copied and functions killed.
//!
//! Everything is as deployed but for one number: a message whose function was killed is hidden for [`VISIBILITY_SECS`] and not for
//! three minutes. That also has slow functions find their batch in two hands, which they must bear as well.

mod books;
mod trouble;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use serde_json::{Value, json};
use tidegate_cli::customers;
use tidegate_cli::output::Progress;
use tidegate_operations::customers::CONSOLE;
use tidegate_operations::orders_client::{Draft, OrdersClient};
use tokio::sync::Semaphore;

use self::books::Books;
use self::trouble::Trouble;
use crate::chance::Chance;
use crate::stack::Stack;
use crate::wait::{SOON, eventually_slowly};
use crate::watch::Watch;

const ORDERS: usize = 200;
/// How many requests are under way at once; why no more, `load.rs` says.
const ADMITTED: usize = 10;
/// How long a message stays hidden whose function died.
const VISIBILITY_SECS: u32 = 10;
/// All orders have ended by then, also on a machine that does other things.
const LIMIT: Duration = Duration::from_secs(150);
/// The SKUs of which there is plenty; orders meet there.
const PLENTY: usize = 20;
const PLENTIFUL: u64 = 1000;
/// Of this one there is not enough for all who want it.
const SCARCE: &str = "chaos-scarce";
const SCARCE_STOCK: u64 = 10;
const UNIT_PRICE: u64 = 990;

/// What an order is about, and how it ought to end if nobody were in its way.
#[derive(Clone, Debug)]
struct Wanted {
    sku: String,
    quantity: u64,
    pay: &'static str,
    country: &'static str,
}

/// An order that the API has taken.
#[derive(Clone, Debug)]
struct Placed {
    wanted: Wanted,
    id: String,
}

pub(crate) async fn of_200_orders_under_copies_and_kills_none_is_lost_and_none_is_double(
    stack: Arc<Stack>,
) -> Result<()> {
    let mut chance = Chance::of_run();
    let resources = stack.deployment.resources().await?;
    customers::sign_in(&stack.deployment, &resources, CONSOLE, &Progress::silent()).await?;
    let client = customers::orders_client(&stack.deployment, &resources, CONSOLE).await?;
    let books = Books::new(&stack)?;
    for number in 0..PLENTY {
        books.receive(&plenty(number), PLENTIFUL).await?;
    }
    books.receive(SCARCE, SCARCE_STOCK).await?;
    let topic = stack.output("EventsTopicArn")?;
    let told = Watch::of(&stack, "chaos", topic, &json!({ "type": [{ "prefix": "com.tidegate.orders." }] })).await?;
    let outcomes = ["order-confirmed", "order-cancelled"].map(|it| format!("com.tidegate.orders.{it}.v1"));
    let ends = Watch::of(&stack, "chaos-ends", topic, &json!({ "type": outcomes })).await?;

    let wanted: Vec<Wanted> = (0..ORDERS).map(|_| Wanted::drawn(&mut chance)).collect();
    let trouble = Trouble::new(&stack)?;
    trouble.hide_for(VISIBILITY_SECS).await?;
    let began = Instant::now();
    let placing = place_all(&stack, &client, &wanted);
    let outcome = {
        let mut copying = Chance::new(u64::try_from(chance.below(usize::MAX))?);
        let mut killing = Chance::new(u64::try_from(chance.below(usize::MAX))?);
        let course = async {
            let placed = placing.await?;
            let all_placed = began.elapsed();
            all_ended(&stack, &ends, placed.len()).await?;
            Ok((placed, all_placed, began.elapsed()))
        };
        tokio::select! {
            outcome = course => outcome,
            failed = trouble.copy(&mut copying) => failed.map(|()| unreachable!("copying has no end")),
            failed = trouble.kill(&mut killing) => failed.map(|()| unreachable!("killing has no end")),
        }
    };
    trouble.hide_for(180).await?;
    eprintln!("Orders under copies and kills, chosen by {}.", chance.seed());
    let (placed, all_placed, all_done): (Vec<Placed>, _, _) = outcome?;
    books.settled(&placed).await?;
    let ended = books.balance(&told, &placed).await?;
    eprintln!(
        "{} orders placed within {:.1} s, all ended within {:.1} s: {:.1} orders a second. {}",
        placed.len(),
        all_placed.as_secs_f64(),
        all_done.as_secs_f64(),
        count(placed.len()) / all_done.as_secs_f64(),
        trouble.done(),
    );
    eprintln!("{ended}");
    Ok(())
}

impl Wanted {
    fn drawn(chance: &mut Chance) -> Self {
        let fine = Self {
            sku: plenty(chance.below(PLENTY)),
            quantity: 1 + u64::try_from(chance.below(3)).unwrap_or_default(),
            pay: "pm_card_visa",
            country: "DE",
        };
        match chance.below(10) {
            0 => Self { pay: "pm_card_visa_chargeDeclined", ..fine },
            1 => Self { country: "BR", ..fine },
            2 => Self { sku: SCARCE.to_owned(), ..fine },
            _ => fine,
        }
    }

    fn total(&self) -> u64 {
        self.quantity * UNIT_PRICE
    }
}

fn plenty(number: usize) -> String {
    format!("chaos-{number}")
}

async fn place_all(stack: &Stack, client: &OrdersClient, wanted: &[Wanted]) -> Result<Vec<Placed>> {
    let gate = Semaphore::new(ADMITTED);
    let callback_url = format!("{}/callbacks/{}", stack.slack_url, client.customer_id);
    let placed = wanted.iter().enumerate().map(async |(number, wanted)| {
        let draft = Draft {
            sku: wanted.sku.clone(),
            quantity: wanted.quantity,
            price: UNIT_PRICE,
            currency: "EUR".to_owned(),
            country: wanted.country.to_owned(),
            pay: wanted.pay.to_owned(),
            callback_url: Some(callback_url.clone()),
        };
        let body = Bytes::from(draft.body().to_string());
        let _admitted = gate.acquire().await?;
        // As a client does: what is answered 5xx, or not at all, is sent again under the same key.
        let taken = async || {
            let Ok(answer) = client.place(&format!("chaos-{number}"), body.clone()).await else { return Ok(None) };
            match answer.status.as_u16() {
                200..=202 => Ok(Some(answer.json().context("an answer that is not JSON")?)),
                500.. => Ok(None),
                status => anyhow::bail!("{status}: {}", answer.text()),
            }
        };
        let answer: Value = eventually_slowly("the order is taken", SOON, taken).await?;
        let id = answer["order_id"].as_str().context("an answer without an order")?.to_owned();
        Ok::<_, anyhow::Error>(Placed { wanted: wanted.clone(), id })
    });
    futures::future::try_join_all(placed.collect::<Vec<_>>()).await
}

async fn all_ended(stack: &Stack, ends: &Watch, count: usize) -> Result<()> {
    let seen = async || {
        let events = ends.events(stack).await?;
        let orders: BTreeMap<_, _> = events.iter().map(|event| (event["subject"].as_str(), ())).collect();
        Ok((orders.len() >= count).then_some(()))
    };
    eventually_slowly("all orders have ended", LIMIT, seen).await
}

/// For rates: small numbers only.
fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}
