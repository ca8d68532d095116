//! Orders in memory, with the views that others would have made of them, and faults where a test says so.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use orders_api::{Page, Position, Views};
use tidegate_cloudevents::Event;
use tidegate_events::{CustomerId, OrderId, TimelineEntry};
use tidegate_outbox::{
    AggregateId, AggregateStore, Change, Commit, CommitError, Decision, Image, Loaded, MemoryAggregates, Message,
    StoreError, Write, handle,
};
use tidegate_runtime::PortError;

/// What becomes of the next commit.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Broken {
    /// It is not written, and the answer is lost.
    Unwritten,
    /// It is written, and the answer is lost.
    Unheard,
    /// It is written, and repeated by the client, because the answer is lost.
    Repeated,
    /// Another write comes first.
    Conflicting,
}

/// Clones share what they keep.
#[derive(Clone, Debug, Default)]
pub(crate) struct MemoryOrders {
    pub(crate) store: Arc<MemoryAggregates>,
    pub(crate) broken: Arc<Mutex<VecDeque<Broken>>>,
    /// The table does not answer when it is read.
    pub(crate) silent: Arc<Mutex<bool>>,
    /// What others have said of orders.
    pub(crate) said: Arc<Mutex<Vec<TimelineEntry>>>,
    /// What was read, in order.
    pub(crate) reads: Arc<Mutex<Vec<&'static str>>>,
    /// The views fail, transiently or not.
    pub(crate) unread: Arc<Mutex<Option<bool>>>,
}

impl MemoryOrders {
    /// All that was committed, in order.
    pub(crate) fn images(&self) -> Vec<Image> {
        self.store.records_from(0).iter().map(|it| it.image().unwrap().unwrap().clone()).collect()
    }

    /// The events of all commits.
    pub(crate) fn events(&self) -> Vec<Event> {
        let of = |message: &Message| if let Message::Event(event) = message { Some(event.clone()) } else { None };
        self.images().iter().flat_map(|image| image.outbox().iter().filter_map(of).collect::<Vec<_>>()).collect()
    }

    /// Writes something over an order that is none.
    pub(crate) async fn spoil(&self, id: &str) {
        let write = Write::to(AggregateId::new(id).unwrap());
        let decide = |loaded: Loaded<'_>| {
            let index = loaded.home.index().clone().into_iter().collect();
            let change = Change::new(loaded.home.aggregate().clone(), &"no order").unwrap();
            Ok::<_, String>(Decision::changes([change.index(index)]))
        };
        handle(&*self.store, &write, SystemTime::UNIX_EPOCH, |_| Vec::new(), decide).await.unwrap();
    }

    fn view(&self) -> Result<(), PortError> {
        self.unread.lock().unwrap().map_or(Ok(()), |transient| {
            let what = "a view".to_owned();
            Err(PortError { operation: "read", what, transient, source: "the test says so".into() })
        })
    }
}

fn unstored(operation: &'static str, aggregate: &AggregateId) -> StoreError {
    StoreError { operation, aggregate: aggregate.clone(), source: "the test says so".into() }
}

impl AggregateStore for MemoryOrders {
    async fn load(&self, aggregate: &AggregateId) -> Result<Image, StoreError> {
        tokio::task::yield_now().await; // a real call lets others run, and races show only then
        self.reads.lock().unwrap().push("order");
        if *self.silent.lock().unwrap() { Err(unstored("load", aggregate)) } else { self.store.load(aggregate).await }
    }

    async fn commit(&self, commit: &Commit) -> Result<(), CommitError> {
        tokio::task::yield_now().await;
        let home = commit.images()[0].aggregate();
        let broken = self.broken.lock().unwrap().pop_front();
        let outcome = match broken {
            Some(Broken::Unwritten) => Err(unstored("commit", home).into()),
            Some(Broken::Conflicting) => Err(CommitError::Conflict),
            Some(Broken::Unheard) => self.store.commit(commit).await.and(Err(unstored("commit", home).into())),
            Some(Broken::Repeated) => {
                self.store.commit(commit).await?;
                self.store.commit(commit).await
            }
            None => self.store.commit(commit).await,
        };
        tokio::task::yield_now().await; // and one may die between the write and its answer
        outcome
    }
}

impl Views for MemoryOrders {
    async fn orders_of(
        &self,
        customer: &CustomerId,
        after: Option<&Position>,
        limit: usize,
    ) -> Result<Page, PortError> {
        self.view()?;
        let mut listed = BTreeMap::new();
        for image in self.images() {
            let index = image.index();
            if index["customer_id"] == customer.as_str() {
                let order_id = image.aggregate().as_str().parse().unwrap();
                let position = Position { placed_at: index["placed_at"].clone(), order_id };
                listed.insert(position, image.state_as().unwrap().unwrap());
            }
        }
        let behind = listed.into_iter().rev().filter(|(it, _)| after.is_none_or(|after| it < after));
        let mut orders: Vec<_> = behind.take(limit + 1).collect();
        let more = orders.len() > limit;
        orders.truncate(limit);
        Ok(Page { orders, more })
    }

    async fn timeline_of(&self, order: &OrderId) -> Result<Vec<TimelineEntry>, PortError> {
        self.reads.lock().unwrap().push("timeline");
        self.view()?;
        let mut entries: Vec<_> = self.events().iter().map(|event| TimelineEntry::of(event).unwrap()).collect();
        entries.extend(self.said.lock().unwrap().iter().cloned());
        entries.retain(|entry| entry.order_id == *order);
        entries.sort_by_key(TimelineEntry::key);
        Ok(entries)
    }
}
