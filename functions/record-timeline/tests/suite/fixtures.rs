//! A recorder over memory, and messages as the queue has them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

use record_timeline::{Recorder, Timelines};
use serde_json::Value;
use tidegate_events::{EventType, TimelineEntry};
use tidegate_runtime::PortError;
use tidegate_testkit::{TestConsumer, TestPorts};

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
pub(crate) type Desk = TestConsumer<Recorder<MemoryTimelines>>;

pub(crate) fn desk() -> Desk {
    TestConsumer::new(TestPorts::at(0), |ports| Recorder { ports, timelines: MemoryTimelines::default() })
}

/// An event as it is published.
pub(crate) fn event(event_type: EventType) -> Value {
    let word = event_type.as_str().strip_prefix("com.tidegate.orders.").unwrap().strip_suffix(".v1").unwrap();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates/events/tests/fixtures/events");
    serde_json::from_slice(&std::fs::read(fixtures.join(format!("{word}.json"))).unwrap()).unwrap()
}
