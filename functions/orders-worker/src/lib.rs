//! Ends orders: confirms or cancels them as the saga says, and keeps what waits for a person.
//!
//! A parked compensation is the order's item with its task token. A person's answer is a command like any other, whose
//! reply is said to the parked token:
//!
//! ```text
//!   saga      ParkCompensation (token t) . waits ......................................... goes on
//!   worker                write: parked, t .                     write: not parked, reply to t
//!   operator                                AnswerCompensation .                              relay: t
//! ```

use std::time::SystemTime;

use jiff::Timestamp;
use tidegate_batch::Failure;
use tidegate_events::{Command, Envelope, OrderCommand};
use tidegate_orders::{Order, order};
use tidegate_outbox::{self as outbox, AggregateStore, CommandId, Decision, Handled, Image, TaskToken};
use tidegate_worker::{Overtaken, Service, Undecided, command, commit, decided};

/// The service, over its table.
#[derive(Debug)]
pub struct Orders<C> {
    /// Orders.
    pub store: C,
}

impl<C: AggregateStore> Service for Orders<C> {
    fn takes(&self, command: &Command) -> bool {
        matches!(command, Command::Order(_))
    }

    async fn carry_out(&self, envelope: &Envelope, clock: &impl Fn() -> SystemTime) -> Result<Handled, Failure> {
        let Command::Order(wanted) = &envelope.command else {
            return Err(Failure::permanent("the command is another service's"));
        };
        let command = self.addressed(envelope, wanted).await?;
        let now = clock();
        let at = Timestamp::try_from(now).map_err(Failure::permanent)?;
        let decide = |loaded: &[Image]| -> Result<Decision, Undecided> {
            let order = order_in(loaded.first().ok_or("nothing was loaded")?)?;
            if matches!(wanted, OrderCommand::Answer { .. }) && parked_token(&order)? != command.token {
                return Err(Overtaken.into());
            }
            let decision = order::decide(&order, wanted, envelope.task_token.as_ref(), at)?;
            let index = decision.state.index();
            let mut decision = decided(envelope, decision, now)?;
            for change in &mut decision.changes {
                change.index.clone_from(&index);
            }
            Ok(decision)
        };
        commit(&self.store, &command, now, |_| Vec::new(), decide).await
    }
}

impl<C: AggregateStore> Orders<C> {
    /// The command, under the name that its proof has, with the token that its reply is for.
    async fn addressed(&self, envelope: &Envelope, wanted: &OrderCommand) -> Result<outbox::Command, Failure> {
        let command = command(envelope)?;
        match wanted {
            // The same compensation is parked under the same id again and again, each time with another token, which tells
            // that from a copy. Nobody is answered yet.
            OrderCommand::Park { .. } => {
                let digest = command.token.as_ref().map(TaskToken::digest).unwrap_or_default();
                let id = CommandId::new(format!("{}/{digest}", command.id)).map_err(Failure::permanent)?;
                Ok(outbox::Command { id, token: None, ..command })
            }
            OrderCommand::Answer { .. } => {
                let home = self.store.load(&command.home).await;
                let home = home.map_err(|error| Failure::transient(tidegate_runtime::chain(&error)))?;
                // A copy of an answer that was given is for the token that was parked then, and that has its reply. What is
                // parked now is another compensation, or the same one once more: it waits for an answer of its own.
                let token = match home.proof(&command.id) {
                    Some(_) => None,
                    None => order_in(&home).and_then(|order| parked_token(&order)).map_err(Failure::permanent)?,
                };
                Ok(outbox::Command { token, ..command })
            }
            OrderCommand::Confirm {} | OrderCommand::WithdrawConfirmation {} | OrderCommand::Cancel { .. } => {
                Ok(command)
            }
        }
    }
}

fn order_in(image: &Image) -> Result<Order, &'static str> {
    image.state_as().map_err(|_| "the order cannot be read")?.ok_or("there is no such order")
}

fn parked_token(order: &Order) -> Result<Option<TaskToken>, &'static str> {
    let token = order.parked.as_ref().and_then(|it| it.token.as_ref());
    token.map(|it| TaskToken::new(it.as_str())).transpose().map_err(|_| "the parked token cannot be used")
}
