//! The saga as its state machine has it (`statemachines/order-saga.asl.json`): which command comes next, and what is
//! undone when one fails. Here in Rust, so that its steps and the services' can be mixed in any order.

use tidegate_events::{
    Command, CommandName, Envelope, ErrorName, OrderCommand, OrderEvent, PaymentCommand, SagaInput, ShipmentCommand,
    StepError, StockCommand, TaskToken,
};
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
        let parked = CommandName::CancelOrder;
        let state = Some(CommandName::ReserveStock);
        let mut saga = Self { input, state, parked, reason: String::new(), retries: 0, entered: 0 };
        let envelope = saga.enter(CommandName::ReserveStock);
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
        use CommandName::*;
        match self.state? {
            ReserveStock => self.go(AuthorisePayment),
            AuthorisePayment => self.go(CreateShipment),
            CreateShipment => self.go(CapturePayment),
            CapturePayment => self.go(ConfirmOrder),
            // Only the order knows whether it was confirmed: it is asked again, whatever the person says.
            ParkCompensation if self.parked == WithdrawConfirmation => self.go(WithdrawConfirmation),
            ParkCompensation => self.after(self.parked),
            ConfirmOrder => self.end(),
            compensation => self.after(compensation),
        }
    }

    fn after(&mut self, compensation: CommandName) -> Option<Envelope> {
        use CommandName::*;
        self.retries = 0;
        match compensation {
            WithdrawConfirmation => self.go(CancelShipment),
            CancelShipment => self.go(UndoPayment),
            UndoPayment => self.go(ReleaseStock),
            ReleaseStock => self.go(CancelOrder),
            _ => self.end(),
        }
    }

    /// The state that waits has failed by this name; `States.Timeout` among them.
    pub(crate) fn failed(&mut self, error: &str) -> Option<Envelope> {
        use CommandName::*;
        let state = self.state?;
        let is_no = error.parse::<ErrorName>().is_ok_and(|it| state.refusals().contains(&it));
        let undo = match (state, is_no) {
            (ReserveStock, true) => CancelOrder,
            (ReserveStock, false) | (AuthorisePayment, true) => ReleaseStock,
            (AuthorisePayment, false) | (CreateShipment, true) => UndoPayment,
            (CreateShipment, false) | (CapturePayment, _) | (ConfirmOrder, true) => CancelShipment,
            (ConfirmOrder, false) => WithdrawConfirmation,
            (WithdrawConfirmation, true) => return self.end(),
            (ParkCompensation, true) => return self.go(self.parked),
            (compensation, _) => return self.compensation_failed(compensation),
        };
        error.clone_into(&mut self.reason);
        self.go(undo)
    }

    fn compensation_failed(&mut self, compensation: CommandName) -> Option<Envelope> {
        assert_ne!(compensation, CommandName::ParkCompensation, "what is parked waits for a person");
        self.retries += 1;
        if self.retries <= MAX_RETRIES {
            return self.go(compensation);
        }
        self.retries = 0;
        self.parked = compensation;
        self.go(CommandName::ParkCompensation)
    }

    fn go(&mut self, state: CommandName) -> Option<Envelope> {
        self.state = Some(state);
        Some(self.enter(state))
    }

    fn end(&mut self) -> Option<Envelope> {
        self.state = None;
        None
    }

    fn enter(&mut self, state: CommandName) -> Envelope {
        use CommandName::*;
        self.entered += 1;
        let input = &self.input;
        let lines = || input.lines.clone().try_into().unwrap();
        let command = match state {
            ReserveStock => Command::Stock(StockCommand::Reserve { lines: lines() }),
            ReleaseStock => Command::Stock(StockCommand::Release {}),
            AuthorisePayment => Command::Payment(PaymentCommand::Authorise {
                amount: input.amount,
                payment_method: input.payment_method.clone(),
            }),
            CapturePayment => Command::Payment(PaymentCommand::Capture {}),
            UndoPayment => Command::Payment(PaymentCommand::Undo {}),
            CreateShipment => {
                Command::Shipment(ShipmentCommand::Create { lines: lines(), address: input.address.clone() })
            }
            CancelShipment => Command::Shipment(ShipmentCommand::Cancel {}),
            ConfirmOrder => Command::Order(OrderCommand::Confirm {}),
            WithdrawConfirmation => Command::Order(OrderCommand::WithdrawConfirmation {}),
            CancelOrder => Command::Order(OrderCommand::Cancel { reason: self.reason.clone() }),
            ParkCompensation => {
                let error = StepError { name: "States.Timeout".to_owned() };
                Command::Order(OrderCommand::Park { step: self.parked, error })
            }
            ShipStock | StopPayment | SettlePayment | ReconcilePayment | AnswerCompensation => {
                unreachable!("follow from events")
            }
        };
        let order_id = input.order_id.clone();
        let command_id = format!("{}/{state}", order_id.as_str()).parse().unwrap();
        let task_token = Some(self.token());
        Envelope { command_id, order_id, task_token, correlation_id: None, traceparent: None, command }
    }
}

/// The command that an event leads to.
pub(crate) fn following(event: &OrderEvent, input: &SagaInput, number: usize) -> Option<Envelope> {
    let about = tidegate_events::About {
        order_id: &input.order_id,
        time: jiff::Timestamp::UNIX_EPOCH,
        cause: None,
        correlation_id: None,
        traceparent: None,
    };
    let event = event.to_cloudevent(&about).id(format!("ord_1/{number}/0")).build().unwrap();
    Envelope::following(&event).unwrap()
}
