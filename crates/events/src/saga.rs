//! The sagas: where each begins and ends, what is due when it cannot go on, and what it is started with.

use serde::Serialize;
use tidegate_cloudevents::Event;

use crate::address::Address;
use crate::command::CommandName;
use crate::event::{OrderEvent, ReadError};
use crate::id::{CorrelationId, OrderId, PaymentMethod};
use crate::line::Line;
use crate::money::Money;

/// A state machine that undoes what it did when it cannot go on. What lies between its ends stands in the table of
/// commands ([`Role`](crate::Role)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Saga {
    /// Its file is `statemachines/{name}.asl.json`.
    pub name: &'static str,
    /// The step that it begins with.
    pub first: CommandName,
    /// The compensation that ends it when everything is undone.
    pub last: CommandName,
}

/// Takes an order from placed to confirmed (docs/decisions/0019).
pub const ORDER_SAGA: Saga =
    Saga { name: "order-saga", first: CommandName::ReserveStock, last: CommandName::CancelOrder };

impl Saga {
    /// All of them.
    pub const ALL: &[Self] = &[ORDER_SAGA];

    /// Its steps, in their order.
    pub fn steps(self) -> impl DoubleEndedIterator<Item = CommandName> + ExactSizeIterator {
        let steps = std::iter::successors(Some(self.first), |step| step.next());
        // A table whose steps go round in a circle is found wrong, and not waited for.
        steps.take(CommandName::ALL.len()).collect::<Vec<_>>().into_iter()
    }

    /// What undoes its steps, in the order of undoing.
    #[must_use]
    pub fn compensations(self) -> Vec<CommandName> {
        self.undoing(self.steps().len())
    }

    /// What has to be undone when this step was refused, so that only those before it may have been done.
    #[must_use]
    pub fn due_before(self, step: CommandName) -> Vec<CommandName> {
        self.undoing(self.steps().take_while(|earlier| *earlier != step).count())
    }

    /// What has to be undone when this step may have been done.
    #[must_use]
    pub fn due_after(self, step: CommandName) -> Vec<CommandName> {
        self.undoing(self.steps().take_while(|earlier| *earlier != step).count() + 1)
    }

    /// In reverse, each once: one that undoes two steps comes where the first of them is undone.
    fn undoing(self, steps: usize) -> Vec<CommandName> {
        let mut due = Vec::new();
        for compensation in self.steps().take(steps).filter_map(CommandName::undone_by) {
            if !due.contains(&compensation) {
                due.push(compensation);
            }
        }
        due.reverse();
        due.push(self.last);
        due
    }
}

/// The input of an execution of `order-saga`. Derived from the event alone, so that the same event starts it with the
/// same input, which is what tells a repeated start from another order under the same name.
///
/// Every member is always there: a path into an input that lacks it fails the execution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SagaInput {
    /// The execution's name as well.
    pub order_id: OrderId,
    /// The piece of work it belongs to.
    pub correlation_id: Option<CorrelationId>,
    pub traceparent: Option<String>,
    /// What to reserve and ship.
    pub lines: Vec<Line>,
    /// What to collect.
    pub amount: Money,
    pub payment_method: PaymentMethod,
    pub address: Address,
}

impl SagaInput {
    /// The input for the order of an `OrderPlaced`. None for other events.
    ///
    /// # Errors
    /// [`ReadError`] when the event is none that this version knows.
    pub fn of(event: &Event) -> Result<Option<Self>, ReadError> {
        let (order_id, OrderEvent::OrderPlaced(placed)) = OrderEvent::read(event)? else { return Ok(None) };
        Ok(Some(Self {
            order_id,
            correlation_id: event.correlationid().and_then(|id| id.parse().ok()),
            traceparent: event.traceparent().map(str::to_owned),
            lines: placed.lines.into_iter().map(|priced| priced.line).collect(),
            amount: placed.total,
            payment_method: placed.payment_method,
            address: placed.address,
        }))
    }
}
