//! The tables of the order pipeline, as an operator reads them. What is written goes through an [`AggregateStore`].

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use serde::de::DeserializeOwned;
use tidegate_events::{OrderId, TimelineEntry};
use tidegate_outbox::{AggregateId, AggregateStore, Commit, CommitError, Image, MemoryAggregates, StoreError};

/// An index of a table, and the value whose items are asked for.
#[derive(Clone, Copy, Debug)]
pub struct IndexKey<'a> {
    pub index: &'a str,
    pub attribute: &'a str,
    pub value: &'a str,
    /// The attribute in whose order the index is.
    pub sort: &'a str,
}

/// An item of an index: its key, and where in the index's order it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Indexed {
    pub id: String,
    pub sort: String,
}

pub trait Tables: Sync {
    fn aggregates(&self, table: &str) -> impl AggregateStore;

    /// The items under one value of an index, in the index's order, at most `most`. An index follows its table: an item may be in it
    /// for a moment after it has changed.
    fn indexed(&self, table: &str, key: IndexKey<'_>, most: usize)
    -> impl Future<Output = Result<Vec<Indexed>>> + Send;

    /// The keys that start with `prefix`, sorted. Reads the whole table.
    fn keys(&self, table: &str, prefix: &str) -> impl Future<Output = Result<Vec<String>>> + Send;

    /// What has happened to an order, oldest first.
    fn timeline(&self, table: &str, order: &OrderId) -> impl Future<Output = Result<Vec<TimelineEntry>>> + Send;
}

/// An aggregate's newest image.
pub async fn load(tables: &impl Tables, table: &str, id: &str) -> Result<Image> {
    let id = AggregateId::new(id).with_context(|| format!("{id} is no key of table {table}"))?;
    tables.aggregates(table).load(&id).await.with_context(|| format!("table {table} cannot be read"))
}

/// An aggregate's state; `None` where it was never written.
pub async fn state<T: DeserializeOwned>(tables: &impl Tables, table: &str, id: &str) -> Result<Option<T>> {
    let image = load(tables, table, id).await?;
    image.state_as().with_context(|| format!("the state of {id} in table {table} cannot be read"))
}

/// The states of these keys, in their order.
pub async fn states<T: DeserializeOwned>(
    tables: &impl Tables,
    table: &str,
    ids: impl IntoIterator<Item = &str>,
) -> Result<Vec<Option<T>>> {
    futures::future::try_join_all(ids.into_iter().map(|id| state(tables, table, id))).await
}

/// Tables in this process's memory.
#[derive(Debug, Default)]
pub struct MemoryTables {
    tables: Mutex<BTreeMap<String, Arc<MemoryAggregates>>>,
    entries: Mutex<Vec<TimelineEntry>>,
}

impl MemoryTables {
    pub fn record(&self, entry: TimelineEntry) {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
    }

    fn table(&self, name: &str) -> Arc<MemoryAggregates> {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(tables.entry(name.to_owned()).or_default())
    }

    fn images(&self, table: &str) -> BTreeMap<String, Image> {
        let records = self.table(table).records_from(0);
        let images = records.iter().filter_map(|record| record.image().ok().flatten());
        images.map(|image| (image.aggregate().to_string(), image.clone())).collect()
    }
}

impl Tables for MemoryTables {
    fn aggregates(&self, table: &str) -> impl AggregateStore {
        Shared(self.table(table))
    }

    async fn indexed(&self, table: &str, key: IndexKey<'_>, most: usize) -> Result<Vec<Indexed>> {
        let images = self.images(table);
        let found = images.iter().filter_map(|(id, image)| {
            let has_value = image.index().get(key.attribute).is_some_and(|value| value == key.value);
            has_value.then_some(Indexed { id: id.clone(), sort: image.index().get(key.sort)?.clone() })
        });
        let mut found: Vec<Indexed> = found.collect();
        found.sort_by(|one, other| one.sort.cmp(&other.sort));
        found.truncate(most);
        Ok(found)
    }

    async fn keys(&self, table: &str, prefix: &str) -> Result<Vec<String>> {
        Ok(self.images(table).into_keys().filter(|key| key.starts_with(prefix)).collect())
    }

    async fn timeline(&self, _table: &str, order: &OrderId) -> Result<Vec<TimelineEntry>> {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let mut entries: Vec<_> = entries.iter().filter(|entry| entry.order_id == *order).cloned().collect();
        entries.sort_by_key(|entry| entry.time);
        Ok(entries)
    }
}

struct Shared(Arc<MemoryAggregates>);

impl AggregateStore for Shared {
    async fn load(&self, aggregate: &AggregateId) -> Result<Image, StoreError> {
        self.0.load(aggregate).await
    }

    async fn commit(&self, commit: &Commit) -> Result<(), CommitError> {
        self.0.commit(commit).await
    }
}
