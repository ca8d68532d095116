//! Callbacks that went wrong at least once and are not delivered, and the way to send one again.

use std::collections::BTreeMap;

use anyhow::Result;
use tidegate_callbacks::{Delivery, DeliveryError, DeliveryStore, Present, Status};
use tidegate_events::OrderId;

use crate::queues::Queues as _;
use crate::resources::Resources;
use crate::services::Services;
use crate::tables::{self, IndexKey, Tables as _};

/// More than a person reads; the oldest come first.
const MOST: usize = 200;
/// What went wrong, or may go wrong still.
const UNDELIVERED: [Status; 3] = [Status::Pending, Status::Disabled, Status::Exhausted];

/// The deliveries in one status, or in every one but delivered; of each the oldest first.
pub async fn list(services: &impl Services, resources: &Resources, status: Option<Status>) -> Result<Vec<Delivery>> {
    let (tables, table) = (services.tables(), resources.output("CallbacksTableName")?);
    let mut deliveries: Vec<Delivery> = Vec::new();
    for status in status.map_or(UNDELIVERED.to_vec(), |status| vec![status]) {
        let key = IndexKey { index: "by-status", attribute: "status", value: status.as_str(), sort: "since" };
        let keys = tables.indexed(table, key, MOST).await?;
        let found: Vec<Option<Delivery>> =
            tables::states(tables, table, keys.iter().map(|key| key.id.as_str())).await?;
        // The index may still have what was delivered a moment ago.
        deliveries.extend(found.into_iter().flatten().filter(|delivery| delivery.status == status));
    }
    Ok(deliveries)
}

/// Sends an order's callback again: the delivery as it was found, or `None` where the order has none. Writes first and sends then;
/// interrupted in between, it has to be repeated.
pub async fn retry(
    services: &impl Services,
    resources: &Resources,
    order: &OrderId,
    present: Present,
) -> Result<Option<Delivery>> {
    let queue = resources.output("DeliverCallbackQueueUrl")?;
    let store = DeliveryStore(services.tables().aggregates(resources.output("CallbacksTableName")?));
    let (delivery, message) = match store.retry(order, present).await {
        Ok(written) => written,
        Err(DeliveryError::Absent { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    services.queues().send(queue, &message, BTreeMap::new()).await?;
    Ok(Some(delivery))
}

#[cfg(test)]
mod tests {
    use tidegate_callbacks::AttemptOutcome;
    use tidegate_webhooks::outbound::{RetrySchedule, Verdict};

    use super::*;
    use crate::services::MemoryServices;

    fn resources() -> Resources {
        let outputs = [("CallbacksTableName", "callbacks"), ("DeliverCallbackQueueUrl", "q/deliver-callback")];
        let outputs = outputs.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        Resources { outputs, ..Resources::default() }
    }

    #[tokio::test]
    async fn a_callback_that_was_given_up_is_listed_and_sent_again_on_request() {
        let (services, resources) = (MemoryServices::default(), resources());
        let order: OrderId = "ord_1".parse().unwrap();
        let present = |secs, random| Present { now: jiff::Timestamp::from_second(secs).unwrap(), random };
        assert!(retry(&services, &resources, &order, present(1, 1)).await.unwrap().is_none());

        let url = "https://shop.example/outcome?token=t".parse().unwrap();
        let fresh =
            Delivery::new(order.clone(), "customer".parse().unwrap(), url, "event", "the message", present(1, 1).now);
        let store = DeliveryStore(services.tables.aggregates("callbacks"));
        let (begun, _) = store.begin(&fresh, present(9, 1).now, present(2, 2)).await.unwrap();
        let end = (AttemptOutcome::BadUrl, Verdict::of_silence());
        store.finish(begun, &RetrySchedule::default(), end, present(3, 3)).await.unwrap();

        let listed = list(&services, &resources, None).await.unwrap();
        assert_eq!((listed.len(), listed[0].status), (1, Status::Exhausted));
        assert_eq!(list(&services, &resources, Some(Status::Disabled)).await.unwrap(), []);

        let found = retry(&services, &resources, &order, present(4, 4)).await.unwrap().unwrap();
        assert_eq!(found.status, Status::Exhausted);
        assert_eq!(services.queues.messages("q/deliver-callback")[0].body, "the message");
        assert_eq!(list(&services, &resources, None).await.unwrap()[0].status, Status::Pending);
    }
}
