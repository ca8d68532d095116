//! Aggregates and their stream in memory: for tests, for one process, and as the plainest statement of what a store does.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::commit::{AggregateStore, Commit, CommitError, StoreError};
use crate::ids::AggregateId;
use crate::image::Image;
use crate::ports::Record;

/// Keeps aggregates in this process's memory.
#[derive(Debug, Default)]
pub struct MemoryAggregates {
    tables: Mutex<Tables>,
}

#[derive(Debug, Default)]
struct Tables {
    images: BTreeMap<AggregateId, Image>,
    stream: Vec<Image>,
}

impl MemoryAggregates {
    /// The stream's records from a position on: every image in the order in which it was written. Position 0 is the
    /// first; after a record has been relayed, the next position is one more.
    #[must_use]
    pub fn records_from(&self, position: usize) -> Vec<Record> {
        let tables = self.lock();
        let images = tables.stream.iter().enumerate().skip(position);
        images.map(|(number, image)| Record::of_image(format!("{number:021}"), image.clone())).collect()
    }

    // A commit is checked before its first insert, and an insert does not panic: no commit is left half written.
    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AggregateStore for MemoryAggregates {
    async fn load(&self, aggregate: &AggregateId) -> Result<Image, StoreError> {
        Ok(self.lock().images.get(aggregate).cloned().unwrap_or_else(|| Image::absent(aggregate.clone())))
    }

    async fn commit(&self, commit: &Commit) -> Result<(), CommitError> {
        let mut tables = self.lock();
        let stored = |image: &Image| tables.images.get(&image.aggregate).map(Image::version).unwrap_or_default();
        if commit.images().iter().any(|image| stored(image) != Commit::expected(image)) {
            return Err(CommitError::Conflict);
        }
        for image in commit.images() {
            tables.images.insert(image.aggregate.clone(), image.clone());
            tables.stream.push(image.clone());
        }
        Ok(())
    }
}
