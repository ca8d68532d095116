//! The process is killed at every step of a thousand commits and of the relay that says them: before and after each call
//! of a port. Nothing is lost, nothing is said that was not committed, nothing comes before what it follows.
//!
//! Deterministic: a process is a future that this test polls by hand. Before and after each call it gives way once, so
//! that commands handled at the same time interleave; killed, it is dropped, as a process's memory is.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helper functions too")]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::pin::pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime};

use futures::FutureExt as _;
use futures::future::join_all;
use tidegate_cloudevents::{Data, Event};
use tidegate_outbox::{
    AggregateId, AggregateStore, Answered, Change, CommandId, Commit, CommitError, Decision, EventId, HandleError,
    Image, Loaded, MemoryAggregates, Message, Outgoing, Publisher, Record, Reply, SendError, StoreError, TaskToken,
    Tasks, Write, handle, relay,
};

const COMMANDS: usize = 1000;
const ORDERS: usize = 40;
const SKUS: usize = 5;

/// How many more steps the process lives. Once it has burnt down, nothing of the process moves any more.
#[derive(Default)]
struct Fuse(AtomicUsize);

impl Fuse {
    async fn step(&self) {
        futures::pending!();
        if self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Two steps for each call: one before it, one after it.
    async fn around<T>(&self, call: impl Future<Output = T>) -> T {
        self.step().await;
        let answer = call.await;
        self.step().await;
        answer
    }
}

/// Everything that outlives a process, and the fuse of the one that lives now.
#[derive(Default)]
struct World {
    fuse: Fuse,
    store: MemoryAggregates,
    published: Mutex<Vec<Event>>,
    answers: Mutex<Vec<(String, Reply)>>,
    /// Entries that a `PublishBatch` refuses, or takes without saying so.
    faults: Mutex<Option<fastrand::Rng>>,
}

impl AggregateStore for World {
    async fn load(&self, aggregate: &AggregateId) -> Result<Image, StoreError> {
        self.fuse.around(self.store.load(aggregate)).await
    }

    async fn commit(&self, commit: &Commit) -> Result<(), CommitError> {
        self.fuse.around(self.store.commit(commit)).await
    }
}

impl Publisher for World {
    async fn publish(&self, batch: &[Outgoing<'_>]) -> Vec<Result<(), SendError>> {
        let aggregates: BTreeSet<_> = batch.iter().map(|it| aggregate_of(it.event.id())).collect();
        assert_eq!(aggregates.len(), batch.len(), "two events of one aggregate in one batch");
        let publish = |it: &Outgoing<'_>| {
            let refused =
                || SendError { operation: "publish", what: it.event.id().to_owned(), source: "a fault".into() };
            let fault = self.faults.lock().unwrap().as_mut().map_or(100, |rng| rng.u8(..100));
            if fault >= 5 {
                self.published.lock().unwrap().push(Event::from_json(it.body.as_bytes()).unwrap());
            }
            if fault < 10 { Err(refused()) } else { Ok(()) }
        };
        self.fuse.around(async { batch.iter().map(publish).collect() }).await
    }
}

impl Tasks for World {
    async fn answer(&self, token: &TaskToken, reply: &Reply) -> Result<Answered, SendError> {
        let answer = async {
            let mut answers = self.answers.lock().unwrap();
            let again = answers.iter().any(|(answered, _)| answered == token.expose());
            answers.push((token.expose().to_owned(), reply.clone()));
            Ok(if again { Answered::Expired } else { Answered::Accepted })
        };
        self.fuse.around(answer).await
    }

    async fn heartbeat(&self, _: &TaskToken) -> Result<Answered, SendError> {
        Ok(Answered::Accepted)
    }
}

/// What one command is to do, however often it arrives.
#[derive(Clone)]
struct Order {
    number: usize,
    skus: BTreeSet<usize>,
    events: usize,
}

impl Order {
    fn write(&self, token: Option<usize>) -> Write {
        let id = CommandId::of_step(&format!("saga-{}", self.number), "ReserveStock").unwrap();
        let home = AggregateId::new(format!("order-{}", self.number % ORDERS)).unwrap();
        Write::command(id, home).answering(token.map(|token| TaskToken::new(format!("token-{token}")).unwrap()))
    }

    fn skus(&self) -> Vec<AggregateId> {
        self.skus.iter().map(|sku| AggregateId::new(format!("sku-{sku}")).unwrap()).collect()
    }

    fn reply(&self) -> Reply {
        Reply::success(&self.number).unwrap()
    }

    /// Each aggregate's state is the list of commands that changed it.
    fn decide(&self, loaded: Loaded<'_>) -> Result<Decision, String> {
        let change = |image: &Image| {
            let mut numbers: Vec<usize> = image.state_as().unwrap().unwrap_or_default();
            numbers.push(self.number);
            let event = |at| Event::builder_without_id("/orders", "reserved").data_of(&(self.number, at));
            Change::new(image.aggregate().clone(), &numbers).unwrap().events((0..self.events).map(event))
        };
        let images = std::iter::once(loaded.home).chain(loaded.others);
        Ok(Decision::changes(images.map(change).collect::<Vec<_>>()).reply(self.reply()))
    }
}

/// A message in the workers' queue: it stays there until it was handled.
struct Queued {
    order: Order,
    token: Option<usize>,
    lives: usize,
}

/// A batch of the stream: it is handed over again until it was relayed.
struct Batch {
    position: usize,
    records: Vec<Record>,
    lives: usize,
}

fn aggregate_of(event_id: &str) -> &str {
    event_id.rsplitn(3, '/').nth(2).unwrap()
}

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)
}

/// Lets a process live for so many steps, and gives what it ended with, if it came to its end.
fn live<T>(world: &World, steps: usize, work: impl Future<Output = T>) -> Option<T> {
    world.fuse.0.store(steps, Ordering::SeqCst);
    let (mut work, mut context) = (pin!(work), Context::from_waker(Waker::noop()));
    // Each round takes every call a step on, so one round more than there are steps comes to the end of either.
    (0..=steps + 1).find_map(|_| match work.as_mut().poll(&mut context) {
        Poll::Ready(done) => Some(done),
        Poll::Pending => None,
    })
}

/// Handles messages at the same time. True where the process lived to the end and all are handled.
fn work(world: &World, messages: &[Queued]) -> bool {
    let handled = join_all(messages.iter().map(async |message| {
        let write = message.order.write(message.token);
        let concerns = |_: &Image| message.order.skus();
        match handle(world, &write, now(), concerns, |loaded| message.order.decide(loaded)).await {
            Ok(handled) => handled.reply == Some(message.order.reply()),
            Err(HandleError::Conflict { .. }) => false,
            Err(error) => panic!("{error:?}"),
        }
    }));
    let steps = messages.iter().map(|message| message.lives).max().unwrap_or_default();
    live(world, steps, handled).is_some_and(|handled| handled.into_iter().all(|it| it))
}

/// True where the whole batch was said. A partial failure goes on from where it stopped.
fn say(world: &World, batch: &mut Batch) -> bool {
    match live(world, batch.lives, relay(&batch.records, world, world, |_| ())) {
        None => false,
        Some(Ok(_)) => true,
        Some(Err(stopped)) => {
            let at = batch.records.iter().position(|it| it.sequence() == stopped.sequence).unwrap();
            batch.records.drain(..at);
            batch.position += at;
            false
        }
    }
}

/// `together`: how many messages a process handles at a time, at most.
fn run(seed: u64, together: usize, faults: bool) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let world = World { faults: Mutex::new(faults.then(|| rng.fork())), ..World::default() };
    let mut orders = Vec::new();
    let mut queue = VecDeque::new();
    let mut tokens = BTreeMap::new();
    for number in 0..COMMANDS {
        let skus = (0..rng.usize(..3)).map(|_| rng.usize(..SKUS)).collect();
        let order = Order { number, skus, events: rng.usize(..3) };
        // Delivered once or twice; a redriven workflow asks with another token.
        let mut token = (rng.u8(..10) < 7).then_some(tokens.len());
        for _ in 0..1 + usize::from(rng.u8(..5) == 0) {
            token.map(|token| tokens.insert(token, order.reply()));
            queue.push_back(Queued { order: order.clone(), token, lives: 0 });
            token = token.map(|token| if rng.bool() { token } else { tokens.len() });
        }
        orders.push(order);
    }

    let (mut position, mut batch, mut kills): (usize, Option<Batch>, usize) = (0, None, 0);
    loop {
        let at_once = queue.len().min(1 + rng.usize(..together));
        let messages: Vec<Queued> = queue.drain(..at_once).collect();
        if !work(&world, &messages) {
            kills += 1;
            for mut message in messages {
                message.lives += 1;
                queue.insert(rng.usize(..=queue.len().min(20)), message); // others come between
            }
        }
        let mut current = match batch.take() {
            Some(current) => current,
            None => {
                let mut records = world.store.records_from(position);
                records.truncate(1 + rng.usize(..25));
                Batch { position, records, lives: 0 }
            }
        };
        if current.records.is_empty() && queue.is_empty() {
            break;
        }
        if say(&world, &mut current) {
            position = current.position + current.records.len();
        } else {
            current.lives += 1;
            kills += 1;
            batch = Some(current);
        }
    }
    assert!(kills > 5 * COMMANDS, "{kills}");
    check(&world, &orders, &tokens);
}

fn check(world: &World, orders: &[Order], tokens: &BTreeMap<usize, Reply>) {
    // Every command changed each of its aggregates once, and these are all the changes.
    let mut expected: BTreeMap<AggregateId, BTreeSet<usize>> = BTreeMap::new();
    for order in orders {
        for aggregate in order.skus().into_iter().chain([order.write(None).home]) {
            expected.entry(aggregate).or_default().insert(order.number);
        }
    }
    for (aggregate, numbers) in &expected {
        let state: Vec<usize> =
            world.store.load(aggregate).now_or_never().unwrap().unwrap().state_as().unwrap().unwrap();
        assert_eq!(state.len(), numbers.len(), "{aggregate} was changed twice by one command");
        assert_eq!(state.into_iter().collect::<BTreeSet<_>>(), *numbers);
    }

    // What was committed, by the stream.
    let mut committed: BTreeMap<String, Event> = BTreeMap::new();
    let mut order_of: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for record in world.store.records_from(0) {
        let image = record.image().unwrap().unwrap().clone();
        let events = image.outbox().iter().filter_map(|it| if let Message::Event(it) = it { Some(it) } else { None });
        for (index, event) in events.enumerate() {
            let id = EventId::new(image.aggregate(), image.version(), index);
            assert_eq!(event.id(), id.as_str());
            assert!(committed.insert(id.to_string(), event.clone()).is_none());
            order_of.entry(image.aggregate().to_string()).or_default().push(id.to_string());
        }
    }
    let decided: usize = orders.iter().map(|order| order.events * (order.skus.len() + 1)).sum();
    assert_eq!(committed.len(), decided, "events of a command were committed more or less than once");

    // What was said: all that was committed, nothing else, the same under the same id, and first in order.
    let mut said: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let published = world.published.lock().unwrap();
    for event in published.iter() {
        assert!(matches!(event.data(), Data::Json(_)));
        assert_eq!(Some(event), committed.get(event.id()), "an event was published that was not committed");
        let said = said.entry(aggregate_of(event.id()).to_owned()).or_default();
        if !said.iter().any(|id| id == event.id()) {
            said.push(event.id().to_owned());
        }
    }
    assert_eq!(said, order_of);
    assert!(published.len() > committed.len(), "nothing was said twice, so nothing was shown");

    // Every token got its command's answer, and no other.
    let answers = world.answers.lock().unwrap();
    let mut answered = BTreeSet::new();
    for (token, reply) in answers.iter() {
        let token: usize = token.strip_prefix("token-").unwrap().parse().unwrap();
        assert_eq!(tokens[&token], *reply);
        answered.insert(token);
    }
    assert_eq!(answered.len(), tokens.len());
}

#[test]
fn killed_at_every_step_of_a_thousand_commits_nothing_is_lost_invented_or_out_of_order() {
    run(1, 1, false);
}

#[test]
fn so_it_is_where_commands_interleave_and_publishes_fail_in_part() {
    for seed in 2..6 {
        run(seed, 3, true);
    }
}
