//! What goes wrong meanwhile: messages come twice, and functions die in the middle.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result};
use aws_sdk_sqs::types::QueueAttributeName;
use tokio::process::Command;

use crate::chance::Chance;
use crate::leftovers;
use crate::stack::{DEPLOYMENT, Stack};
use crate::wait::{pause, shortly};

/// One in so many messages is copied.
const COPIED: usize = 5;
/// The consumers, by what their queues are called in the stacks' outputs.
pub(super) const CONSUMERS: [&str; 7] = [
    "OrdersWorker",
    "InventoryWorker",
    "PaymentsWorker",
    "ShippingWorker",
    "StartWorkflow",
    "RecordTimeline",
    "DeliverCallback",
];
/// Who dies.
const MORTAL: [&str; 5] = ["orders-worker", "inventory-worker", "payments-worker", "shipping-worker", "relay-outbox"];

pub(super) struct Trouble<'a> {
    stack: &'a Stack,
    queues: Vec<String>,
    seen: Mutex<HashSet<String>>,
    messages: AtomicUsize,
    copies: AtomicUsize,
    kills: AtomicUsize,
}

impl<'a> Trouble<'a> {
    pub(super) fn new(stack: &'a Stack) -> Result<Self> {
        let queues = CONSUMERS.iter().map(|it| stack.output(&format!("{it}QueueUrl")).map(str::to_owned));
        Ok(Self {
            stack,
            queues: queues.collect::<Result<_>>()?,
            seen: Mutex::default(),
            messages: AtomicUsize::default(),
            copies: AtomicUsize::default(),
            kills: AtomicUsize::default(),
        })
    }

    /// For how long a received message is hidden.
    pub(super) async fn hide_for(&self, secs: u32) -> Result<()> {
        for url in &self.queues {
            let set = self.stack.deployment.sqs.set_queue_attributes().queue_url(url);
            set.attributes(QueueAttributeName::VisibilityTimeout, secs.to_string()).send().await?;
        }
        Ok(())
    }

    /// Looks into the queues all the time and sends a copy of one in five messages, hidden ones too.
    pub(super) async fn copy(&self, chance: &mut Chance) -> Result<()> {
        loop {
            for url in &self.queues {
                // An event has the same body in several queues.
                for body in self.stack.messages_in(url).await? {
                    let new = self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(format!("{url} {body}"));
                    if !new {
                        continue;
                    }
                    self.messages.fetch_add(1, Ordering::Relaxed);
                    if chance.below(COPIED) == 0 {
                        self.stack.deployment.sqs.send_message().queue_url(url).message_body(body).send().await?;
                        self.copies.fetch_add(1, Ordering::Relaxed);
                    }
                }
            }
            pause().await;
        }
    }

    /// Kills a worker or a relay, again and again, whatever it is doing.
    pub(super) async fn kill(&self, chance: &mut Chance) -> Result<()> {
        let group = &self.stack.state.emulator.as_ref().context("the emulator is not ours")?.group;
        loop {
            let mortal: Vec<u32> = group.members().into_iter().filter(|pid| is_mortal(*pid)).collect();
            if !mortal.is_empty() {
                let pid = mortal[chance.below(mortal.len())];
                // One that has ended in between is not there to be killed.
                let killed = Command::new("kill").args(["-KILL", &pid.to_string()]).output().await?;
                self.kills.fetch_add(usize::from(killed.status.success()), Ordering::Relaxed);
            }
            shortly(std::future::pending::<()>()).await;
        }
    }

    pub(super) fn done(&self) -> String {
        let [messages, copies, kills] =
            [&self.messages, &self.copies, &self.kills].map(|count| count.load(Ordering::Relaxed));
        format!("{copies} of {messages} messages copied, {kills} processes killed.")
    }
}

/// Whether it is a process of one of those functions. The emulator's own has no function's name.
fn is_mortal(pid: u32) -> bool {
    let environment = leftovers::environment(pid);
    let name = environment.lines().find_map(|line| line.strip_prefix("AWS_LAMBDA_FUNCTION_NAME="));
    let name = name.and_then(|name| name.strip_prefix(DEPLOYMENT)?.strip_prefix('-'));
    name.is_some_and(|name| MORTAL.contains(&name))
}
