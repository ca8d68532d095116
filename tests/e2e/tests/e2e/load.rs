//! Many deliveries at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::Result;

use crate::sender::{deliver, delivery_id, push_to_repository};
use crate::stack::Stack;
use crate::watch::Watch;

const IDS: usize = 100;
const COPIES: usize = 5;

pub(crate) async fn of_500_racing_deliveries_each_id_is_published_exactly_once(stack: Arc<Stack>) -> Result<()> {
    let sender = stack.github("racing").await?;
    let watch = Watch::start(&stack, "racing", &sender.event_source()).await?;
    // No route leads from here, so that Slack's pace of a message a second has no part in this.
    let deliveries = (0..IDS)
        .map(|_| sender.push(&delivery_id(), &push_to_repository("octo-harbour/unrouted")))
        .collect::<Result<Vec<_>>>()?;
    let mut copies: Vec<_> = (0..IDS * COPIES).map(|copy| deliveries[copy % IDS].clone()).collect();
    fastrand::shuffle(&mut copies);

    let sent = copies.iter().map(async |delivery| Ok((delivery.id.clone(), deliver(&stack, delivery).await?)));
    let answers = futures::future::try_join_all(sent.collect::<Vec<_>>()).await;
    let answers: Vec<_> = answers.map_err(|error: anyhow::Error| error)?;
    let mut statuses: BTreeMap<String, Vec<u16>> = BTreeMap::new();
    for (id, answer) in &answers {
        statuses.entry(id.clone()).or_default().push(answer.status);
    }
    for (id, statuses) in &mut statuses {
        statuses.sort_unstable();
        assert_eq!(*statuses, [200, 200, 200, 200, 202], "{id}");
    }

    let events = watch.events(&stack).await?;
    let ids: BTreeSet<_> = events.iter().filter_map(|event| event["id"].as_str().map(str::to_owned)).collect();
    assert_eq!((events.len(), ids.len()), (IDS, IDS));
    assert_eq!(ids, deliveries.into_iter().map(|delivery| delivery.id).collect());
    Ok(())
}
