//! The saga as the table of commands has it: which command comes next, and what is undone when one fails. Here in Rust, so that its
//! steps and the services' can be mixed in any order; that its machine is the same, the rules in `tests/architecture` hold.

use serde_json::{Value, json};
use tidegate_events::{CommandName, Envelope, ErrorName, ORDER_SAGA, Role, SagaInput, TaskToken};
use tidegate_orders::Completion;

/// How often a failed compensation is tried before it is parked.
const MAX_RETRIES: u32 = 2;

pub(crate) struct Saga {
    input: SagaInput,
    pub(crate) state: Option<CommandName>,
    /// The compensation that is parked, while `state` is `ParkCompensation`.
    pub(crate) parked: CommandName,
    /// The error that everything is undone for.
    reason: String,
    retries: u32,
    entered: u32,
}

impl Saga {
    pub(crate) fn start(input: SagaInput) -> (Self, Envelope) {
        let mut saga =
            Self { input, state: None, parked: ORDER_SAGA.last, reason: String::new(), retries: 0, entered: 0 };
        let envelope = saga.enter(ORDER_SAGA.first);
        (saga, envelope)
    }

    /// The token that is waited for.
    pub(crate) fn token(&self) -> TaskToken {
        format!("token-{}", self.entered).parse().unwrap()
    }

    /// What `token` is answered; the next command, if there is one. An answer to another token is passed over.
    pub(crate) fn answered(&mut self, token: &TaskToken, completion: Completion) -> Option<Envelope> {
        if self.state.is_none() || *token != self.token() {
            return None;
        }
        match completion {
            Completion::Done(_) => self.succeeded(),
            Completion::Refused { error, .. } => self.failed(error.as_str()),
            Completion::Deferred => None,
        }
    }

    fn succeeded(&mut self) -> Option<Envelope> {
        let state = self.state?;
        self.retries = 0;
        let next = match state.role() {
            Role::Step { next, .. } => next,
            // What may be refused has to be asked again, whatever the person answers.
            Role::Park if !self.parked.refusals().is_empty() => Some(self.parked),
            Role::Park => after(self.parked),
            Role::Compensation { .. } => after(state),
            Role::Aside => unreachable!("{state} is no state"),
        };
        self.go(next)
    }

    /// The state that waits has failed by this name; `States.Timeout` among them.
    pub(crate) fn failed(&mut self, error: &str) -> Option<Envelope> {
        let state = self.state?;
        let is_refused = error.parse::<ErrorName>().is_ok_and(|error| state.refusals().contains(&error));
        match (state.role(), is_refused) {
            (Role::Step { .. }, _) => {
                error.clone_into(&mut self.reason);
                let due = if is_refused { ORDER_SAGA.due_before(state) } else { ORDER_SAGA.due_after(state) };
                self.go(Some(due[0]))
            }
            (Role::Compensation { .. }, true) => self.go(None),
            (Role::Compensation { .. }, false) => {
                self.retries += 1;
                if self.retries <= MAX_RETRIES {
                    return self.go(Some(state));
                }
                self.retries = 0;
                self.parked = state;
                self.go(Some(CommandName::ParkCompensation))
            }
            (Role::Park, true) => self.go(Some(self.parked)),
            (Role::Park | Role::Aside, _) => panic!("{state} does not fail by itself"),
        }
    }

    fn go(&mut self, next: Option<CommandName>) -> Option<Envelope> {
        self.state = next;
        next.map(|next| self.enter(next))
    }

    /// Members of the data that a command has not are passed over.
    fn enter(&mut self, state: CommandName) -> Envelope {
        self.state = Some(state);
        self.entered += 1;
        let mut data: Value = serde_json::to_value(&self.input).unwrap();
        data["reason"] = self.reason.clone().into();
        data["step"] = self.parked.as_str().into();
        data["error"] = json!({ "Error": "States.Timeout" });
        let message = json!({
            "command": state,
            "version": state.version(),
            "command_id": format!("{}/{state}", self.input.order_id.as_str()),
            "order_id": self.input.order_id,
            "task_token": self.token().expose(),
            "data": data,
        });
        Envelope::from_json(message.to_string().as_bytes()).unwrap()
    }
}

fn after(compensation: CommandName) -> Option<CommandName> {
    ORDER_SAGA.compensations().into_iter().skip_while(|name| *name != compensation).nth(1)
}
