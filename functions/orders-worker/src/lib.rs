//! Ends orders: confirms or cancels them for the saga, and keeps what waits for a person.
//!
//! A parked compensation is the order's item with its task token. A person's answer is a command like any other, whose
//! reply goes to the parked token:
//!
//! ```text
//!   saga      ParkCompensation (token t) . waits ......................................... goes on
//!   worker                write: parked, t .                     write: not parked, reply to t
//!   operator                                AnswerCompensation .                              relay: t
//! ```

use std::time::SystemTime;

use jiff::Timestamp;
use tidegate_batch::Failure;
use tidegate_events::{Command, Envelope, OrderCommand, TaskToken};
use tidegate_orders::{Order, order};
use tidegate_outbox::{AggregateStore, CommandId, Handled, Image, Loaded, Write};
use tidegate_runtime::priming::Sample;
use tidegate_worker::{Service, commit, decision};

/// The service, over its table.
#[derive(Debug)]
pub struct Orders<C> {
    pub store: C,
}

impl<C: AggregateStore> Service for Orders<C> {
    const SAMPLE: Sample = Sample {
        event: include_str!("../../../crates/events/tests/fixtures/commands/ConfirmOrder.json"),
        answers: &[("GetItem", include_str!("sample.json"))],
    };

    fn takes(&self, command: &Command) -> bool {
        matches!(command, Command::Order(_))
    }

    async fn carry_out(&self, envelope: &Envelope, clock: &impl Fn() -> SystemTime) -> Result<Handled, Failure> {
        let Command::Order(wanted) = &envelope.command else {
            return Err(Failure::permanent("the command is another service's"));
        };
        let now = clock();
        let at = Timestamp::try_from(now).map_err(Failure::permanent)?;
        let decide = |loaded: Loaded<'_>| {
            let order = order_in(loaded.home)?;
            let transition = order::decide(&order, wanted, envelope.task_token.as_ref(), at);
            let transition = transition.map_err(Failure::permanent)?;
            let index = transition.state.index();
            let mut decision = decision(envelope, transition, now)?;
            for change in &mut decision.changes {
                change.index.clone_from(&index);
            }
            if let OrderCommand::Answer { .. } = wanted {
                decision.reply_to = order.parked.and_then(|parked| parked.token);
            }
            Ok(decision)
        };
        commit(&self.store, &write(envelope, wanted)?, now, |_: &Image| Vec::new(), decide).await
    }
}

/// The write, under the name that its proof has.
fn write(envelope: &Envelope, wanted: &OrderCommand) -> Result<Write, Failure> {
    let write = Write::from(envelope);
    match wanted {
        // The same compensation is parked under the same id again and again, each time with another token, which tells
        // that from a copy. The token is answered later.
        OrderCommand::Park { .. } => {
            let digest = envelope.task_token.as_ref().map(TaskToken::digest).unwrap_or_default();
            let id = CommandId::new(format!("{}/{digest}", envelope.command_id)).map_err(Failure::permanent)?;
            Ok(Write::command(id, write.home))
        }
        // The reply is for the token that was parked. A copy of the answer finds its proof, and replies to nobody.
        OrderCommand::Answer { .. } => Ok(write.answering(None)),
        OrderCommand::Confirm {} | OrderCommand::WithdrawConfirmation {} | OrderCommand::Cancel { .. } => Ok(write),
    }
}

fn order_in(image: &Image) -> Result<Order, Failure> {
    image.state_as().map_err(Failure::permanent)?.ok_or_else(|| Failure::permanent("there is no such order"))
}
