//! In-memory adapters of the ports: they keep what they were given, and fail where a test says so.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tidegate_cloudevents::messaging;
use tidegate_idempotency::{Claim, ClaimRequest, Claimed, FinishError, MemoryStore, Store, StoreError};
use tidegate_outbox::{Answered, Outgoing, Publisher, Reply, SendError, TaskToken, Tasks};
use tidegate_runtime::s3::Payloads;
use tidegate_runtime::secrets::Secrets;
use tidegate_runtime::sns::{MAX_MESSAGE_BYTES, Topic, size};
use tidegate_runtime::{BoxFuture, PortError};

/// How a call to a port goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is refused; trying again may help.
    Transient,
    /// It is refused for good.
    Permanent,
    /// It is never answered and nothing happened, as if the caller were killed before the call.
    NoAnswer,
    /// It is never answered and happened all the same, as if the caller were killed after the call.
    LostAnswer,
}

/// Secrets by name, and how often each was read. Clones share them, so that a test can rotate what a handler reads.
#[derive(Clone, Debug, Default)]
pub struct MemorySecrets(Arc<SecretsInMemory>);

#[derive(Debug, Default)]
struct SecretsInMemory {
    values: Mutex<BTreeMap<String, String>>,
    reads: Mutex<Vec<String>>,
    faults: Faults,
}

impl MemorySecrets {
    /// Puts a secret, in place of one of that name.
    pub fn put(&self, name: &str, value: impl Into<String>) {
        lock(&self.0.values).insert(name.to_owned(), value.into());
    }

    /// The names that were read, in order.
    #[must_use]
    pub fn reads(&self) -> Vec<String> {
        lock(&self.0.reads).clone()
    }

    /// Makes the next read go wrong.
    pub fn fail_next(&self, fault: Fault) {
        self.0.faults.push(fault);
    }
}

impl Secrets for MemorySecrets {
    fn read<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<String>, PortError>> {
        lock(&self.0.reads).push(name.to_owned());
        let read = async { Ok(lock(&self.0.values).get(name).cloned()) };
        Box::pin(self.0.faults.around(read, move |transient| refused("read the secret", name, transient)))
    }
}

/// What went out on a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    pub body: String,
    pub attributes: BTreeMap<String, String>,
}

/// A topic that keeps what is published, and refuses what SNS would. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct MemoryTopic {
    published: Arc<Mutex<Vec<Published>>>,
    faults: Faults,
}

impl MemoryTopic {
    /// What was published, in order.
    #[must_use]
    pub fn published(&self) -> Vec<Published> {
        lock(&self.published).clone()
    }

    /// Makes the next publish go wrong.
    pub fn fail_next(&self, fault: Fault) {
        self.faults.push(fault);
    }
}

impl Topic for MemoryTopic {
    fn publish<'a>(
        &'a self,
        body: &'a str,
        attributes: &'a [(&'static str, &'a str)],
    ) -> BoxFuture<'a, Result<(), PortError>> {
        let refused = |transient| refused("publish to", "the topic", transient);
        let publish = async move {
            tokio::task::yield_now().await; // a real call lets others run, and races show only then
            if size(body, attributes) > MAX_MESSAGE_BYTES || attributes.iter().any(|(_, value)| value.is_empty()) {
                return Err(refused(false));
            }
            let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            lock(&self.published).push(Published { body: body.to_owned(), attributes });
            Ok(())
        };
        Box::pin(self.faults.around(publish, refused))
    }
}

/// One after the other, so that a fault hits one of a batch, which then fails in part.
impl Publisher for MemoryTopic {
    async fn publish(&self, batch: &[Outgoing<'_>]) -> Vec<Result<(), SendError>> {
        let mut results = Vec::new();
        for Outgoing { event, body } in batch {
            let attributes: Vec<_> = messaging::attributes(event).collect();
            let published = Topic::publish(self, body, &attributes).await;
            results.push(published.map_err(|error| unsent("publish", event.id(), error)));
        }
        results
    }
}

/// Workflows that wait by a task token, and what they were answered.
#[derive(Debug, Default)]
pub struct MemoryWorkflows {
    waiting: Mutex<BTreeMap<String, Option<Reply>>>,
    faults: Faults,
}

impl MemoryWorkflows {
    /// Lets a workflow wait.
    pub fn wait(&self, token: &str) {
        lock(&self.waiting).insert(token.to_owned(), None);
    }

    /// What the workflow that waited by this token was answered.
    #[must_use]
    pub fn answer(&self, token: &str) -> Option<Reply> {
        lock(&self.waiting).get(token).cloned().flatten()
    }

    /// Makes the next answer go wrong.
    pub fn fail_next(&self, fault: Fault) {
        self.faults.push(fault);
    }
}

impl Tasks for MemoryWorkflows {
    async fn answer(&self, token: &TaskToken, reply: &Reply) -> Result<Answered, SendError> {
        let answer = async {
            match lock(&self.waiting).get_mut(token.expose()) {
                Some(waiting @ None) => {
                    *waiting = Some(reply.clone());
                    Ok(Answered::Accepted)
                }
                _ => Ok(Answered::Expired),
            }
        };
        let refused = |transient| unsent("answer", "a task", refused("answer", "a workflow", transient));
        self.faults.around(answer, refused).await
    }

    async fn heartbeat(&self, token: &TaskToken) -> Result<Answered, SendError> {
        let is_waiting = matches!(lock(&self.waiting).get(token.expose()), Some(None));
        Ok(if is_waiting { Answered::Accepted } else { Answered::Expired })
    }
}

/// A bucket `memory` of payloads. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct MemoryPayloads {
    objects: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    faults: Faults,
}

impl MemoryPayloads {
    /// The keys that are kept.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        lock(&self.objects).keys().cloned().collect()
    }

    /// Makes the next call go wrong.
    pub fn fail_next(&self, fault: Fault) {
        self.faults.push(fault);
    }
}

impl Payloads for MemoryPayloads {
    fn put<'a>(&'a self, key: &'a str, bytes: Vec<u8>) -> BoxFuture<'a, Result<String, PortError>> {
        let put = async move {
            lock(&self.objects).insert(key.to_owned(), bytes);
            Ok(format!("s3://memory/{key}"))
        };
        Box::pin(self.faults.around(put, move |transient| refused("keep the payload", key, transient)))
    }

    fn fetch<'a>(&'a self, dataref: &'a str) -> BoxFuture<'a, Result<Vec<u8>, PortError>> {
        let refused = move |transient| refused("fetch the payload", dataref, transient);
        let fetch = async move {
            let key = dataref.strip_prefix("s3://memory/").ok_or_else(|| refused(false))?;
            lock(&self.objects).get(key).cloned().ok_or_else(|| refused(false))
        };
        Box::pin(self.faults.around(fetch, refused))
    }
}

/// Claims that can go wrong.
#[derive(Debug, Default)]
pub struct MemoryClaims {
    store: MemoryStore,
    claims: Faults,
    finishes: Faults,
}

impl MemoryClaims {
    /// True where nothing was ever claimed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.store.is_empty()
    }

    /// Makes the next claim go wrong.
    pub fn fail_next_claim(&self, fault: Fault) {
        self.claims.push(fault);
    }

    /// Makes the next claim go well, and the one after it wrong.
    pub fn fail_second_claim(&self, fault: Fault) {
        self.claims.push(None);
        self.claims.push(fault);
    }

    /// Makes the next completion or release go wrong.
    pub fn fail_next_finish(&self, fault: Fault) {
        self.finishes.push(fault);
    }
}

impl Store for MemoryClaims {
    async fn claim(&self, request: ClaimRequest<'_>, now: SystemTime) -> Result<Claimed, StoreError> {
        let key = request.key.to_string();
        self.claims.around(self.store.claim(request, now), |_| unstored("claim", &key)).await
    }

    async fn complete(&self, claim: &Claim, answer: Option<&str>) -> Result<(), FinishError> {
        let refused = |_| unstored("complete", claim.key.as_str()).into();
        self.finishes.around(self.store.complete(claim, answer), refused).await
    }

    async fn release(&self, claim: &Claim) -> Result<(), FinishError> {
        let refused = |_| unstored("release", claim.key.as_str()).into();
        self.finishes.around(self.store.release(claim), refused).await
    }
}

/// Faults that are due, call by call.
#[derive(Clone, Debug, Default)]
struct Faults(Arc<Mutex<VecDeque<Option<Fault>>>>);

impl Faults {
    fn push(&self, fault: impl Into<Option<Fault>>) {
        lock(&self.0).push_back(fault.into());
    }

    /// The call, or the fault that is due instead; `refused` is told whether it is a transient one.
    async fn around<T, E>(
        &self,
        call: impl Future<Output = Result<T, E>>,
        refused: impl FnOnce(bool) -> E,
    ) -> Result<T, E> {
        let due = lock(&self.0).pop_front().flatten();
        match due {
            None => call.await,
            Some(Fault::Transient) => Err(refused(true)),
            Some(Fault::Permanent) => Err(refused(false)),
            Some(Fault::NoAnswer) => std::future::pending().await,
            Some(Fault::LostAnswer) => {
                drop(call.await);
                std::future::pending().await
            }
        }
    }
}

fn refused(operation: &'static str, what: &str, transient: bool) -> PortError {
    PortError { operation, what: what.to_owned(), transient, source: "the test says so".into() }
}

fn unstored(operation: &'static str, key: &str) -> StoreError {
    StoreError { operation, key: key.to_owned(), source: "the test says so".into() }
}

fn unsent(operation: &'static str, what: &str, error: PortError) -> SendError {
    SendError { operation, what: what.to_owned(), source: Box::new(error) }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
