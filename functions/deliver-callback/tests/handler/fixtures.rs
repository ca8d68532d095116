//! Queue records, orders, and the handler with everything it stands on. Secrets and customers are made up.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use aws_lambda_events::sqs::SqsEvent;
use deliver_callback::Deliverer;
use deliver_callback::sender::Sender;
use deliver_callback::signers::Signers;
use serde_json::{Value, json};
use tidegate_batch::Reason;
use tidegate_callbacks::{Delivery, DeliveryStore, Present};
use tidegate_cloudevents::{Event, messaging};
use tidegate_outbox::{
    AggregateId, AggregateStore, Change, Commit, CommitError, Decision, Image, MemoryAggregates, StoreError, Write,
};
use tidegate_runtime::Ports;
use tidegate_runtime::metrics::Metric;
use tidegate_testkit::{Fault, MemorySecrets, TestConsumer, TestPorts};
use tidegate_webhooks::outbound::RetrySchedule;
use tidegate_webhooks::{Source, UnixTime};

use crate::server::{Reply, Request, Server};

pub(crate) const CUSTOMER: &str = "mona-example";
/// Of two secrets, the newer.
pub(crate) const NEW: &str = "whsec_bWFkZSB1cCBhbmQgbmV3IHNpZ25pbmcga2V5";
pub(crate) const OLD: &str = "whsec_bWFkZSB1cCBhbmQgb2xkIHNpZ25pbmcga2V5";
const START: u64 = 1_790_000_000;

/// A table that goes wrong at the commits it is told to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    store: Arc<MemoryAggregates>,
    faults: Arc<Mutex<VecDeque<Option<Fault>>>>,
}

impl Table {
    /// Lets so many commits go well and the next one wrong.
    pub(crate) fn fail_commit(&self, after: usize, fault: Fault) {
        let mut faults = self.faults.lock().unwrap();
        faults.extend(vec![None; after]);
        faults.push_back(Some(fault));
    }

    /// How often anything was written.
    pub(crate) fn writes(&self) -> usize {
        self.store.records_from(0).len()
    }
}

impl AggregateStore for Table {
    async fn load(&self, aggregate: &AggregateId) -> Result<Image, StoreError> {
        tokio::task::yield_now().await; // a real call lets others run, and races show only then
        self.store.load(aggregate).await
    }

    async fn commit(&self, commit: &Commit) -> Result<(), CommitError> {
        tokio::task::yield_now().await;
        let fault = self.faults.lock().unwrap().pop_front().flatten();
        let aggregate = commit.images()[0].aggregate().clone();
        let refused = StoreError { operation: "commit", aggregate, source: "the test says so".into() };
        match fault {
            None => self.store.commit(commit).await,
            Some(Fault::Transient) => Err(refused.into()),
            // Its answer is lost, the client repeats it, and the repeat is refused because of the first.
            Some(Fault::Permanent) => {
                self.store.commit(commit).await?;
                Err(CommitError::Conflict)
            }
            Some(Fault::NoAnswer) => std::future::pending().await,
            Some(Fault::LostAnswer) => {
                self.store.commit(commit).await?;
                std::future::pending().await
            }
        }
    }
}

/// The handler, and an endpoint.
pub(crate) struct Desk {
    pub(crate) deliverer: TestConsumer<Deliverer<Table, Table>>,
    pub(crate) secrets: MemorySecrets,
    pub(crate) table: Table,
    pub(crate) endpoint: Server,
}

impl Desk {
    /// With an endpoint that answers so, request by request, and the order `ord_1`, whose outcome it is to be told.
    pub(crate) async fn new(replies: Vec<Reply>) -> Self {
        let (endpoint, secrets, table) = (Server::start(replies).await, MemorySecrets::default(), Table::default());
        let deliverer = TestConsumer::new(TestPorts::at(START), |ports| Deliverer {
            ports,
            orders: Table::default(),
            deliveries: DeliveryStore(table.clone()),
            signers: Signers::new(Arc::new(secrets.clone()), "tidegate"),
            sender: Sender::new(true, Duration::from_secs(5)),
            schedule: RetrySchedule { jitter_percent: 0, ..RetrySchedule::default() },
        });
        let desk = Self { deliverer, secrets, table, endpoint };
        desk.configure(&[NEW]);
        desk.place("ord_1", Some(&desk.url("/hooks?token=made-up"))).await;
        desk
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.endpoint.port)
    }

    pub(crate) fn configure(&self, secrets: &[&str]) {
        self.secrets.put(&format!("tidegate/callbacks/{CUSTOMER}"), json!({ "secrets": secrets }).to_string());
    }

    /// An order in the table of orders.
    pub(crate) async fn place(&self, id: &str, callback_url: Option<&str>) {
        let order = json!({
            "customer_id": CUSTOMER,
            "lines": [{"sku": "tide-table", "quantity": 1, "unit_price": {"minor_units": 12_950, "currency": "EUR"}}],
            "total": {"minor_units": 12_950, "currency": "EUR"},
            "callback_url": callback_url,
            "placed_at": "2026-09-21T14:00:00Z",
            "status": {"is": "confirmed"},
        });
        let home = AggregateId::new(id).unwrap();
        let decision = Decision::changes([Change::new(home.clone(), &order).unwrap()]);
        let write = Write::to(home.clone());
        let commit = Commit::decided(&write, &Image::absent(home), &[], decision, SystemTime::UNIX_EPOCH).unwrap();
        self.deliverer.orders.commit(&commit).await.unwrap();
    }

    pub(crate) fn skip(&self, secs: u64) {
        self.deliverer.ports.skip(Duration::from_secs(secs));
    }

    pub(crate) fn now(&self) -> i64 {
        let now = self.deliverer.ports.now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        i64::try_from(now.as_secs()).unwrap()
    }

    /// Handles a batch and returns the ids of the messages that stay in the queue.
    pub(crate) async fn handle(&self, batch: SqsEvent) -> Vec<String> {
        self.deliverer.handle_batch(batch).await
    }

    /// Handles the message of `ord_1`'s confirmation; what became of it.
    pub(crate) async fn deliver(&self) -> Fate {
        self.handle(batch([&confirmed("ord_1")])).await;
        self.fate()
    }

    /// What became of the last message.
    pub(crate) fn fate(&self) -> Fate {
        let (delays, letters) = (self.deliverer.delays(), self.deliverer.letters());
        match (delays.as_slice(), letters.as_slice()) {
            ([], []) => Fate::Done,
            ([(_, delay)], []) => Fate::Back(delay.as_millis().div_ceil(1_000).try_into().unwrap()),
            ([], [(_, reason, error)]) => Fate::Dead(*reason, error.clone()),
            other => panic!("{other:?}"),
        }
    }

    /// The same, but the process is killed when it comes to a fault that never answers.
    pub(crate) async fn deliver_and_die(&self) {
        let killed = tokio::time::timeout(Duration::from_millis(300), self.deliver()).await;
        assert!(killed.is_err(), "nothing was there to die of");
    }

    pub(crate) async fn delivery(&self, order: &str) -> Option<Delivery> {
        self.table.load(&AggregateId::new(order).unwrap()).await.unwrap().state_as().unwrap()
    }

    /// The item's attributes for indexes.
    pub(crate) async fn index(&self, order: &str) -> BTreeMap<String, String> {
        self.table.load(&AggregateId::new(order).unwrap()).await.unwrap().index().clone()
    }

    /// Status and the outcomes of the attempts.
    pub(crate) async fn ended(&self, order: &str) -> String {
        let delivery = self.delivery(order).await.unwrap();
        let outcomes: Vec<_> = delivery.attempts.iter().map(|it| it.outcome.to_string()).collect();
        format!("{}: {}", delivery.status.as_str(), outcomes.join(" "))
    }

    pub(crate) fn present(&self) -> Present {
        let ports = &self.deliverer.ports;
        Present { now: ports.now().try_into().unwrap(), random: ports.random() }
    }

    pub(crate) fn count(&self, metric: Metric) -> u64 {
        self.deliverer.count(metric)
    }

    /// Whether a customer that knows this secret accepts the request now.
    pub(crate) fn verifies(&self, request: &Request, secret: &str) -> bool {
        let document = json!({"scheme": "standard-webhooks", "secrets": [secret]}).to_string();
        let source = Source::from_json(document.as_bytes()).unwrap();
        source.verify(&request.headers, &request.body, UnixTime(self.now())).is_ok()
    }
}

/// What became of a message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Done,
    /// Hidden for so many seconds, rounded up.
    Back(u64),
    Dead(Reason, String),
}

pub(crate) fn confirmed(order: &str) -> Event {
    event(order, "com.tidegate.orders.order-confirmed.v1", &json!({}))
}

pub(crate) fn cancelled(order: &str, reason: &str) -> Event {
    event(order, "com.tidegate.orders.order-cancelled.v1", &json!({ "reason": reason }))
}

/// As relay-outbox publishes it.
pub(crate) fn event(order: &str, ty: &str, data: &Value) -> Event {
    let event = Event::builder(format!("{order}/3/0"), "/orders", ty).subject(order);
    let event = event.time("2026-09-21T14:13:20.5Z".parse().unwrap());
    event.data_json(data.to_string().as_bytes()).build().unwrap()
}

/// A batch, whose messages are `m0`, `m1` and so on.
pub(crate) fn batch<'a>(events: impl IntoIterator<Item = &'a Event>) -> SqsEvent {
    tidegate_testkit::batch(events.into_iter().map(messaging::to_body), 1)
}
