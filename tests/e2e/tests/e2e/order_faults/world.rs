//! What all orders share: tables, queues, a topic, the workers and relays as processes, and whoever hands messages over.
//!
//! ```text
//! saga --> queue --> this test --> worker --> table --> stream --> this test --> relay --> saga
//!   (emulator)       (as Lambda)  (process)   (emulator)          (as Lambda)  (process)
//! ```

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use aws_sdk_sqs::types::MessageSystemAttributeName;
use serde_json::{Value, json};
use tidegate_events::{Saga, Service};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::task::JoinSet;

use super::relay::Relay;
use super::saga::{Impatient, Machines};
use super::services::{Delivery, Desk, Process, Recipe, name_of, subscribed};
use super::tokens::Tokens;
use crate::stack::{DEPLOYMENT, Stack};
use crate::tables::{Table, item};
use crate::watch::{Watch, subscribe};

/// Where the carrier ships to.
const SERVED: &str = "AT,DE,NL";
/// Longer than any case takes: who hands messages over says itself when one comes back.
const HIDDEN_SECS: &str = "600";

pub(super) struct World {
    pub(super) stack: Arc<Stack>,
    pub(super) machines: Machines,
    pub(super) watch: Watch,
    tokens: Tokens,
    topic_arn: String,
    desks: BTreeMap<Service, Desk>,
    recipes: BTreeMap<Service, Recipe>,
    relays: BTreeMap<Service, Arc<Relay>>,
    inboxes: Mutex<HashMap<String, UnboundedSender<Delivery>>>,
}

impl World {
    /// Makes everything, and starts who hands over. The tasks end only when one of them fails.
    pub(super) async fn start(
        stack: &Arc<Stack>,
        saga: Saga,
        kinds: BTreeSet<Impatient>,
    ) -> Result<(Arc<Self>, JoinSet<Result<()>>)> {
        let tokens = Tokens::start(&stack.state.endpoint).await?;
        let topic = stack.sns.create_topic().name(format!("{DEPLOYMENT}-faults-events")).send().await?;
        let topic_arn = topic.topic_arn.context("a topic without an ARN")?;
        let watch =
            Watch::of(stack, "faults", &topic_arn, &json!({ "type": [{ "prefix": "com.tidegate.orders." }] })).await?;

        let (mut desks, mut recipes, mut relays) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let mut streams = Vec::new();
        for service in Service::ALL {
            let queue_url = queue(stack, &name_of(service)).await?;
            let dead_letters_url = queue(stack, &format!("{}-dlq", name_of(service))).await?;
            let table = Table::create(stack, &format!("faults-{}", name_of(service))).await?;
            let upper = name_of(service).to_uppercase();
            let own = [
                (&*format!("{upper}_TABLE"), &*table.name),
                (&*format!("{upper}_QUEUE_URL"), &*queue_url),
                ("DEAD_LETTER_QUEUE_URL", &*dead_letters_url),
                ("SERVED_COUNTRIES", SERVED),
            ];
            let recipe = Recipe::new(stack, &tokens, &format!("{}-worker", name_of(service)), &own)?;
            let of_relay = Recipe::new(stack, &tokens, "relay-outbox", &[("EVENTS_TOPIC_ARN", &topic_arn)])?;
            streams.push((service, table.reader(stack).await?));
            relays.insert(service, Arc::new(Relay::new(of_relay)));
            let worker = Process::start(&recipe).await.with_context(|| format!("the {} worker", name_of(service)))?;
            recipes.insert(service, recipe);
            desks.insert(service, Desk { queue_url, dead_letters_url, table, worker });
        }
        for service in Service::ALL {
            let types =
                subscribed(service).iter().map(|word| format!("com.tidegate.orders.{word}.v1")).collect::<Vec<_>>();
            if !types.is_empty() {
                subscribe(stack, &topic_arn, &desks[&service].queue_url, &json!({ "type": types })).await?;
            }
        }
        let queues = desks.iter().map(|(service, desk)| (*service, desk.queue_url.clone())).collect();
        let machines = Machines::create(stack, saga, &queues, kinds).await?;

        let world = Self {
            stack: Arc::clone(stack),
            machines,
            watch,
            tokens,
            topic_arn,
            desks,
            recipes,
            relays,
            inboxes: Mutex::default(),
        };
        let world = Arc::new(world);
        let mut tasks = JoinSet::new();
        for (service, stream) in streams {
            let (relay, stack) = (Arc::clone(&world.relays[&service]), Arc::clone(stack));
            tasks.spawn(async move {
                let ended = relay.run(&stack, stream).await;
                ended.with_context(|| format!("the relay of {}", name_of(service)))
            });
            let world = Arc::clone(&world);
            tasks.spawn(async move { world.receive(service).await });
        }
        Ok((world, tasks))
    }

    pub(super) fn desk(&self, service: Service) -> &Desk {
        &self.desks[&service]
    }

    pub(super) fn relay(&self, service: Service) -> &Relay {
        &self.relays[&service]
    }

    /// A worker of its own for one message that meets a fault.
    pub(super) async fn another(&self, service: Service) -> Result<Process> {
        Process::start(&self.recipes[&service]).await
    }

    /// What comes for an order from now on.
    pub(super) fn inbox(&self, order: &str) -> UnboundedReceiver<Delivery> {
        let (inbox, coming) = mpsc::unbounded_channel();
        self.inboxes().insert(order.to_owned(), inbox);
        coming
    }

    /// The version and state of an item in a service's table.
    pub(super) async fn item(&self, service: Service, id: &str) -> Result<(u64, Value)> {
        item(&self.stack, &self.desk(service).table.name, id).await
    }

    /// It was handled, as far as its queue is concerned.
    pub(super) async fn delete_message(&self, delivery: &Delivery) -> Result<()> {
        let queue = &self.desk(delivery.service).queue_url;
        self.stack.deployment.sqs.delete_message().queue_url(queue).receipt_handle(&delivery.receipt).send().await?;
        Ok(())
    }

    /// Takes away what was made.
    pub(super) async fn delete(&self) -> Result<()> {
        self.machines.delete(&self.stack).await?;
        self.stack.sns.delete_topic().topic_arn(&self.topic_arn).send().await?;
        for desk in self.desks.values() {
            desk.table.delete(&self.stack).await?;
            for url in [&desk.queue_url, &desk.dead_letters_url] {
                self.stack.deployment.sqs.delete_queue().queue_url(url).send().await?;
            }
        }
        Ok(())
    }

    /// Takes messages from a service's queue to the orders that they are about.
    async fn receive(&self, service: Service) -> Result<()> {
        let receive = self
            .stack
            .deployment
            .sqs
            .receive_message()
            .queue_url(&self.desk(service).queue_url)
            .max_number_of_messages(10)
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .wait_time_seconds(5);
        loop {
            for message in receive.clone().send().await?.messages.unwrap_or_default() {
                let mut delivery = Delivery::read(service, &message)?;
                if let Some(token) = delivery.body["task_token"].as_str() {
                    delivery.body["task_token"] = self.tokens.of_attempt(token, &delivery.message_id).into();
                }
                let inbox = self.inboxes().get(&delivery.order_id).cloned();
                let inbox = inbox.with_context(|| format!("nobody has placed {}", delivery.order_id))?;
                // An order that is over reads no more; what comes late is for its own case to ask for.
                let _ = inbox.send(delivery);
            }
        }
    }

    fn inboxes(&self) -> std::sync::MutexGuard<'_, HashMap<String, UnboundedSender<Delivery>>> {
        self.inboxes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn queue(stack: &Stack, name: &str) -> Result<String> {
    let queue = stack.deployment.sqs.create_queue().queue_name(format!("{DEPLOYMENT}-faults-{name}"));
    let queue = queue.attributes(aws_sdk_sqs::types::QueueAttributeName::VisibilityTimeout, HIDDEN_SECS).send().await?;
    queue.queue_url.context("a queue without an address")
}
