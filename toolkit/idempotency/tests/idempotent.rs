//! What callers of `Idempotent` see.
#![cfg(all(feature = "json", feature = "lru"))]
#![expect(clippy::unwrap_used, reason = "the lint spares `#[test]` functions, not what they call")]

use std::collections::HashMap;
use std::convert::Infallible;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tidegate_idempotency::{
    Admission, Cached, Call, Claim, ClaimRequest, Claimed, Error, Execution, Fence, FinishError, Idempotent,
    MemoryStore, Overflow, OverflowError, Part, Store, StoreError,
};

const KEPT: Duration = Duration::from_secs(3600);
const LEASE: Duration = Duration::from_secs(6);

fn start() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)
}

fn call(fence: u128) -> Call {
    call_at(fence, start())
}

fn call_at(fence: u128, now: SystemTime) -> Call {
    Call { now, deadline: now + LEASE, fence: Fence::new(fence) }
}

type Orders<S> = Idempotent<Value, String, S>;

fn orders<S: Store>(store: S) -> Orders<S> {
    Idempotent::new(store, "orders", Part::of(|event: &Value| event["id"].clone()), KEPT)
}

async fn respond(text: &str) -> Result<String, Infallible> {
    Ok(text.to_owned())
}

async fn must_not_run() -> Result<String, Infallible> {
    panic!("the handler ran")
}

/// Counts what reaches a store.
#[derive(Default)]
struct Requests {
    store: MemoryStore,
    claims: AtomicUsize,
    finishes: AtomicUsize,
}

impl Requests {
    fn so_far(&self) -> (usize, usize) {
        (self.claims.load(Ordering::Relaxed), self.finishes.load(Ordering::Relaxed))
    }
}

impl Store for Requests {
    async fn claim(&self, request: ClaimRequest<'_>, now: SystemTime) -> Result<Claimed, StoreError> {
        self.claims.fetch_add(1, Ordering::Relaxed);
        self.store.claim(request, now).await
    }

    async fn complete(&self, claim: &Claim, response: Option<&str>) -> Result<(), FinishError> {
        self.finishes.fetch_add(1, Ordering::Relaxed);
        self.store.complete(claim, response).await
    }

    async fn release(&self, claim: &Claim) -> Result<(), FinishError> {
        self.finishes.fetch_add(1, Ordering::Relaxed);
        self.store.release(claim).await
    }
}

/// Large responses in memory; `broken` refuses them.
#[derive(Clone, Default)]
struct Shelf {
    responses: Arc<Mutex<HashMap<String, String>>>,
    broken: bool,
}

impl Overflow for Shelf {
    async fn put(&self, name: &str, response: &str) -> Result<(), OverflowError> {
        if self.broken {
            return Err(OverflowError { operation: "keep", name: name.to_owned(), source: "broken".into() });
        }
        self.responses.lock().unwrap().insert(name.to_owned(), response.to_owned());
        Ok(())
    }

    async fn get(&self, name: &str) -> Result<String, OverflowError> {
        let found = self.responses.lock().unwrap().get(name).cloned();
        found.ok_or_else(|| OverflowError { operation: "fetch", name: name.to_owned(), source: "none".into() })
    }
}

#[tokio::test]
async fn a_missing_key_is_refused_unless_it_is_allowed_by_name() {
    let event = json!({"number": 17});
    let refused = orders(MemoryStore::default()).run(&event, call(1), must_not_run).await;
    assert!(matches!(refused, Err(Error::MissingKey)));
    let allowed = orders(MemoryStore::default()).allow_missing_key();
    let answered = allowed.run(&event, call(1), || respond("ran")).await.unwrap();
    assert_eq!(answered.execution, Execution::RanUnguarded);
}

#[tokio::test]
async fn switched_off_everything_runs_and_nothing_is_stored() {
    let store = Arc::new(MemoryStore::default());
    let off = orders(Arc::clone(&store)).disabled(true);
    for fence in 1..=2 {
        let answered = off.run(&json!({"id": 17}), call(fence), || respond("ran")).await.unwrap();
        assert_eq!(answered.execution, Execution::RanUnguarded);
    }
    assert!(store.is_empty());
}

#[tokio::test]
async fn the_same_key_with_another_payload_is_an_error_of_its_own() {
    let orders = orders(MemoryStore::default()).checking(Part::of(|event: &Value| event["amount"].clone()));
    orders.run(&json!({"id": 17, "amount": 1, "at": 1}), call(1), || respond("charged")).await.unwrap();
    let again = orders.run(&json!({"id": 17, "amount": 1, "at": 2}), call(2), must_not_run).await.unwrap();
    assert_eq!((&*again.response, again.execution), ("charged", Execution::Replayed));
    let other = orders.run(&json!({"id": 17, "amount": 2}), call(3), must_not_run).await;
    assert!(matches!(other, Err(Error::Mismatch { .. })), "{other:?}");
}

#[tokio::test]
async fn an_error_of_the_handler_lets_the_next_try_run_at_once() {
    let orders = orders(MemoryStore::default());
    let event = json!({"id": 17});
    let failed = orders.run(&event, call(1), async || Err::<String, _>("declined")).await;
    assert!(matches!(failed, Err(Error::Handler("declined"))));
    assert_eq!(orders.run(&event, call(2), || respond("charged")).await.unwrap().execution, Execution::Ran);
}

#[tokio::test]
async fn while_it_is_in_progress_a_second_call_is_told_how_long() {
    let orders = orders(MemoryStore::default());
    let event = json!({"id": 17});
    assert!(matches!(orders.begin::<Infallible>(&event, call(1)).await, Ok(Admission::Owner(_))));
    let error = orders.run(&event, call(2), must_not_run).await.unwrap_err();
    assert_eq!(error.retry_after(start() + Duration::from_secs(2)), Some(LEASE - Duration::from_secs(2)));
}

#[tokio::test]
async fn an_owner_that_was_fenced_off_gives_its_answer_and_says_so() {
    let notices = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&notices);
    let orders = orders(MemoryStore::default())
        .on_unrecorded(move |unrecorded| seen.lock().unwrap().push(unrecorded.to_string()));
    let event = json!({"id": 17});
    let late = orders.run(&event, call(1), async || {
        // Paused beyond its deadline; meanwhile a successor does the work.
        let successor = orders.run(&event, call_at(2, start() + LEASE), || respond("successor")).await.unwrap();
        assert_eq!(successor.execution, Execution::Ran);
        respond("late").await
    });
    let late = late.await.unwrap();
    assert_eq!((&*late.response, late.execution), ("late", Execution::RanUnrecorded));
    assert!(notices.lock().unwrap()[0].starts_with("fenced off"));
    let repeat = orders.run(&event, call_at(3, start() + LEASE), must_not_run).await.unwrap();
    assert_eq!(repeat.response, "successor");
}

#[tokio::test]
async fn a_replayed_answer_passes_the_hook() {
    let orders = orders(MemoryStore::default()).on_replay(|response, _| format!("{response}, again"));
    let event = json!({"id": 17});
    assert_eq!(orders.run(&event, call(1), || respond("charged")).await.unwrap().response, "charged");
    assert_eq!(orders.run(&event, call(2), must_not_run).await.unwrap().response, "charged, again");
}

#[tokio::test]
async fn a_large_answer_goes_elsewhere_and_comes_back() {
    let shelf = Shelf::default();
    let orders = orders(MemoryStore::default()).overflow(10, shelf.clone());
    let large = "x".repeat(100);
    orders.run(&json!({"id": 17}), call(1), || respond(&large)).await.unwrap();
    orders.run(&json!({"id": 18}), call(2), || respond("small")).await.unwrap();
    assert_eq!(shelf.responses.lock().unwrap().len(), 1);
    assert_eq!(orders.run(&json!({"id": 17}), call(3), must_not_run).await.unwrap().response, large);
    shelf.responses.lock().unwrap().clear();
    let gone = orders.run(&json!({"id": 17}), call(4), must_not_run).await;
    assert!(matches!(gone, Err(Error::Overflow(_))), "{gone:?}");
}

#[tokio::test]
async fn an_answer_that_cannot_be_stored_is_given_once_and_its_repeat_is_refused() {
    let event = json!({"id": 17});
    let large = "x".repeat(400 * 1024);
    let nowhere = orders(MemoryStore::default());
    let first = nowhere.run(&event, call(1), || respond(&large)).await.unwrap();
    assert_eq!((first.response.len(), first.execution), (large.len(), Execution::RanUnrecorded));
    let repeat = nowhere.run(&event, call(2), must_not_run).await;
    assert!(matches!(repeat, Err(Error::ResponseNotStored { .. })), "{repeat:?}");

    let broken = orders(MemoryStore::default()).overflow(10, Shelf { broken: true, ..Shelf::default() });
    assert_eq!(broken.run(&event, call(1), || respond(&large)).await.unwrap().execution, Execution::RanUnrecorded);
    assert!(matches!(broken.run(&event, call(2), must_not_run).await, Err(Error::ResponseNotStored { .. })));
}

#[tokio::test]
async fn an_answer_of_another_type_is_an_error_and_not_a_second_run() {
    let store = Arc::new(MemoryStore::default());
    let event = json!({"id": 17});
    orders(Arc::clone(&store)).run(&event, call(1), || respond("text")).await.unwrap();
    let part = Part::of(|event: &Value| event["id"].clone());
    let numbers: Idempotent<Value, u32, _> = Idempotent::new(store, "orders", part, KEPT);
    let read = numbers.run(&event, call(2), async || Ok::<_, Infallible>(1)).await;
    assert!(matches!(read, Err(Error::ResponseUnreadable { .. })), "{read:?}");
}

#[tokio::test]
async fn a_first_call_asks_twice_a_repeat_once_and_a_cached_repeat_never() {
    let requests = Arc::new(Requests::default());
    let cached = |most| orders(Cached::new(Arc::clone(&requests), NonZeroUsize::new(most).unwrap()));
    let (here, elsewhere) = (cached(8), cached(8));
    let event = json!({"id": 17});
    here.run(&event, call(1), || respond("charged")).await.unwrap();
    assert_eq!(requests.so_far(), (1, 1), "a first call");
    here.run(&event, call(2), must_not_run).await.unwrap();
    assert_eq!(requests.so_far(), (1, 1), "a repeat that comes back to the same process");
    elsewhere.run(&event, call(3), must_not_run).await.unwrap();
    assert_eq!(requests.so_far(), (2, 1), "a repeat in another process");
    elsewhere.run(&event, call(4), must_not_run).await.unwrap();
    assert_eq!(requests.so_far(), (2, 1), "and there again");
    let later = call_at(5, start() + KEPT);
    assert_eq!(
        here.run(&event, later, || respond("charged anew")).await.unwrap().execution,
        Execution::Ran,
        "until it expires"
    );
}

#[tokio::test]
async fn in_a_transaction_only_the_claim_is_asked_of_the_store() {
    let requests = Arc::new(Requests::default());
    let orders = orders(Arc::clone(&requests));
    let event = json!({"id": 17});
    let transaction = orders.run_in_transaction(&event, call(1), async |claim: Option<Claim>| {
        let (claim, response) = (claim.unwrap(), "charged".to_owned());
        let sealed = orders.seal(&claim, &response).await;
        requests.store.complete(&claim, Some(&sealed.text)).await.map(|()| response)
    });
    assert_eq!(transaction.await.unwrap().execution, Execution::Ran);
    assert_eq!(requests.so_far(), (1, 0));
    assert_eq!(orders.run(&event, call(2), must_not_run).await.unwrap().response, "charged");
}

#[tokio::test]
async fn for_ever_is_long_and_no_panic() {
    let part = Part::of(|event: &Value| event["id"].clone());
    let orders: Orders<_> = Idempotent::new(MemoryStore::default(), "orders", part, Duration::MAX);
    orders.run(&json!({"id": 17}), call(1), || respond("charged")).await.unwrap();
    let later = call_at(2, start() + Duration::from_secs(50 * 365 * 86_400));
    assert_eq!(orders.run(&json!({"id": 17}), later, must_not_run).await.unwrap().execution, Execution::Replayed);
}

#[tokio::test]
async fn of_a_batch_each_record_is_its_own() {
    let orders = orders(MemoryStore::default());
    let mut ran = Vec::new();
    for (fence, id) in (1..).zip([1, 2, 1, 3, 2]) {
        let answered = orders.run(&json!({"id": id}), call(fence), || respond("charged")).await.unwrap();
        ran.push(answered.execution == Execution::Ran);
    }
    assert_eq!(ran, [true, true, false, true, false]);
}
