//! Many deliveries at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::{Result, ensure};
use tidegate_operations::send::Delivery;
use tokio::sync::Semaphore;

use crate::sender::{deliver, delivery_id, push_to_repository};
use crate::stack::Stack;
use crate::wait::{SOON, eventually};
use crate::watch::Watch;

const IDS: usize = 100;
const COPIES: usize = 5;
/// The emulator starts a process for each request that it works on, and is one process itself. With a few dozen at once two cores are
/// so busy that calls to AWS exceed their time limits (at 32 a function once ran out of its 6 s), and what is measured is the machine.
/// Ten are two ids with all their copies. The handler's own tests race 500 at once in one process.
const ADMITTED: usize = 10;

pub(crate) async fn of_500_racing_deliveries_each_id_is_published_exactly_once(stack: Arc<Stack>) -> Result<()> {
    let sender = stack.github("racing").await?;
    let watch = Watch::start(&stack, "racing", &sender.event_source()).await?;
    // No route leads from here, so that Slack's pace of a message a second has no part in this.
    let deliveries = (0..IDS)
        .map(|_| sender.push(&delivery_id(), &push_to_repository("octo-harbour/unrouted")))
        .collect::<Result<Vec<_>>>()?;

    // All 500 senders are there at once, and are admitted with the copies of each id beside each other, so that they race.
    let gate = Semaphore::new(ADMITTED);
    let copies = deliveries.iter().flat_map(|delivery| std::iter::repeat_n(delivery, COPIES));
    let sent = copies.map(async |delivery| {
        let _admitted = gate.acquire().await?;
        Ok::<_, anyhow::Error>((delivery.id.clone(), deliver_until_taken(&stack, delivery).await?))
    });
    let answers = futures::future::try_join_all(sent.collect::<Vec<_>>()).await?;

    let events = watch.events(&stack).await?;
    let ids: BTreeSet<_> = events.iter().filter_map(|event| event["id"].as_str().map(str::to_owned)).collect();
    assert_eq!((events.len(), ids.len()), (IDS, IDS), "published, and different ids among them");
    assert_eq!(ids, deliveries.into_iter().map(|delivery| delivery.id).collect());

    let mut accepted: BTreeMap<&str, usize> = BTreeMap::new();
    for (id, status) in &answers {
        *accepted.entry(id).or_default() += usize::from(*status == 202);
    }
    let wrong: Vec<_> = accepted.iter().filter(|(_, accepted)| **accepted != 1).collect();
    ensure!(wrong.is_empty(), "answered 202 not exactly once: {wrong:?}");
    Ok(())
}

/// As a sender does: what is answered 503 is sent again.
async fn deliver_until_taken(stack: &Stack, delivery: &Delivery) -> Result<u16> {
    let taken = async || {
        let answer = deliver(stack, delivery).await?;
        match answer.status {
            200 | 202 => Ok(Some(answer.status)),
            503 => Ok(None),
            other => anyhow::bail!("{other}: {}", String::from_utf8_lossy(&answer.body)),
        }
    };
    eventually("the delivery is taken", SOON, taken).await
}
