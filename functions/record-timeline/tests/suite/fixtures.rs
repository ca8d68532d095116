//! A recorder over memory, and messages as the queue has them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};

use record_timeline::{Recorder, Timelines};
use serde_json::Value;
use tidegate_events::{EventType, TimelineEntry};
use tidegate_runtime::PortError;
use tidegate_runtime::ambient::Ambient;
use tidegate_runtime::consumer::Invocation;
use tidegate_runtime::metrics::Metric;
use tidegate_testkit::{Counts, ManualAmbient, RecordingQueue, batch};

/// What the events' data say that must not turn up anywhere.
pub(crate) const PAYLOAD: &str = "Mona Example";

/// An item's attributes.
type Item = BTreeMap<&'static str, String>;

/// Items by order and key, as a table has them.
#[derive(Debug, Default)]
pub(crate) struct MemoryTimelines {
    items: Mutex<BTreeMap<(String, String), Item>>,
    fault: Mutex<Option<bool>>,
}

impl MemoryTimelines {
    /// Makes the next call go wrong.
    pub(crate) fn fail_next(&self, transient: bool) {
        *self.fault.lock().unwrap() = Some(transient);
    }

    /// The timeline of an order, as its readers read it.
    pub(crate) fn of(&self, order_id: &str) -> Vec<TimelineEntry> {
        let items = self.items.lock().unwrap();
        let of_order = items.iter().filter(|((it, _), _)| it == order_id);
        of_order.map(|(_, item)| TimelineEntry::read(|name| item.get(name).map(String::as_str)).unwrap()).collect()
    }
}

impl Timelines for MemoryTimelines {
    async fn keep(&self, entry: &TimelineEntry) -> Result<(), PortError> {
        if let Some(transient) = self.fault.lock().unwrap().take() {
            let what = entry.id.clone();
            return Err(PortError { operation: "keep the entry", what, transient, source: "the test says so".into() });
        }
        let item: Item = entry.attributes().into_iter().collect();
        let key = (item[TimelineEntry::ORDER_ID].clone(), item[TimelineEntry::ENTRY].clone());
        self.items.lock().unwrap().insert(key, item);
        Ok(())
    }
}

/// The handler over memory.
pub(crate) struct Desk(pub(crate) Recorder<ManualAmbient, MemoryTimelines, RecordingQueue, Counts>);

impl Desk {
    pub(crate) fn new() -> Self {
        Self(Recorder {
            ambient: ManualAmbient::new(SystemTime::UNIX_EPOCH, 7),
            timelines: MemoryTimelines::default(),
            queue: RecordingQueue::default(),
            metrics: Counts::default(),
        })
    }

    /// Handles messages of these bodies and returns the ids of those that stay in the queue.
    pub(crate) async fn handle(&self, bodies: &[String]) -> Vec<String> {
        self.handle_received(bodies, 1).await
    }

    pub(crate) async fn handle_received(&self, bodies: &[String], receive_count: u32) -> Vec<String> {
        let deadline = self.0.ambient.now() + Duration::from_secs(30);
        let invocation = Invocation { request_id: "made-up-request".to_owned(), deadline };
        let response = self.0.handle(batch(bodies.iter().cloned(), receive_count), invocation).await.unwrap();
        response.batch_item_failures.into_iter().map(|failure| failure.item_identifier.0).collect()
    }

    pub(crate) fn count(&self, metric: Metric) -> u64 {
        self.0.metrics.total(metric)
    }
}

/// An event as it is published.
pub(crate) fn event(event_type: EventType) -> Value {
    let word = event_type.as_str().strip_prefix("com.tidegate.orders.").unwrap().strip_suffix(".v1").unwrap();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates/events/tests/fixtures/events");
    serde_json::from_slice(&std::fs::read(fixtures.join(format!("{word}.json"))).unwrap()).unwrap()
}
