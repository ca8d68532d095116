//! What is asked of whom. Commands are grouped by the service that carries them out, so that each decides about its own
//! alone.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Address, ErrorName, Invalid, Lines, Money, ParkedAnswer, PaymentMethod};

/// A command to one of the services.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Command {
    /// To `inventory-worker`.
    Stock(StockCommand),
    /// To `payments-worker`.
    Payment(PaymentCommand),
    /// To `shipping-worker`.
    Shipment(ShipmentCommand),
    /// To `orders-worker`.
    Order(OrderCommand),
}

/// About the stock that an order needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", content = "data")]
pub enum StockCommand {
    /// Set all of it aside, or nothing.
    #[serde(rename = "ReserveStock")]
    Reserve {
        /// What.
        lines: Lines,
    },
    /// Give back what was set aside.
    #[serde(rename = "ReleaseStock")]
    Release {},
    /// What was set aside leaves the house. Follows from `OrderConfirmed`.
    #[serde(rename = "ShipStock")]
    Ship {},
}

/// About the payment of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", content = "data")]
pub enum PaymentCommand {
    /// Make sure of the money.
    #[serde(rename = "AuthorisePayment")]
    Authorise {
        /// How much.
        amount: Money,
        /// By which means.
        payment_method: PaymentMethod,
    },
    /// Take the money.
    #[serde(rename = "CapturePayment")]
    Capture {},
    /// Void what was authorised, refund what was captured.
    #[serde(rename = "UndoPayment")]
    Undo {},
    /// The customer withdraws: authorise and capture no more. Follows from `OrderCancellationRequested`.
    #[serde(rename = "StopPayment")]
    Stop {},
    /// A person has undone it by hand: give back what is only authorised, refund nothing. Follows from
    /// `CompensationAnswered`.
    #[serde(rename = "SettlePayment")]
    Settle {},
    /// The provider tells by itself what has become of a payment.
    #[serde(rename = "ReconcilePayment")]
    Reconcile {
        /// What it is now.
        status: PaymentFact,
    },
}

/// What a provider may tell of a payment, because it did so by itself or a person did it there by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentFact {
    /// The authorisation is no more: nobody captured it in time.
    Cancelled,
    /// The money was taken.
    Captured,
    /// The money was given back.
    Refunded,
}

/// About the shipment of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", content = "data")]
pub enum ShipmentCommand {
    /// Book a carrier.
    #[serde(rename = "CreateShipment")]
    Create {
        /// What.
        lines: Lines,
        /// Where to.
        address: Address,
    },
    /// Cancel the booking.
    #[serde(rename = "CancelShipment")]
    Cancel {},
}

/// About the order itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", content = "data")]
pub enum OrderCommand {
    /// It is done.
    #[serde(rename = "ConfirmOrder")]
    Confirm {},
    /// It may have been confirmed and nobody knows: confirm no more, or say that it has been.
    #[serde(rename = "WithdrawConfirmation")]
    WithdrawConfirmation {},
    /// Everything is undone.
    #[serde(rename = "CancelOrder")]
    Cancel {
        /// The name of the error that led here.
        reason: String,
    },
    /// A compensation keeps failing, and a person has to look.
    #[serde(rename = "ParkCompensation")]
    Park {
        /// Which.
        step: CommandName,
        /// How it failed last.
        error: StepError,
    },
    /// A person says what is to become of a parked compensation. Comes from an operator, not from the saga.
    #[serde(rename = "AnswerCompensation")]
    Answer {
        /// Which.
        step: CommandName,
        /// What is to become of it.
        answer: ParkedAnswer,
    },
}

/// How a step failed, in Step Functions' words. Its `Cause` is not kept: it may be long, and quote anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepError {
    /// The name.
    #[serde(rename = "Error")]
    pub name: String,
}

/// What a command is called, on the wire and as a state of the saga.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CommandName {
    ReserveStock,
    ReleaseStock,
    ShipStock,
    AuthorisePayment,
    CapturePayment,
    UndoPayment,
    StopPayment,
    SettlePayment,
    ReconcilePayment,
    CreateShipment,
    CancelShipment,
    ConfirmOrder,
    WithdrawConfirmation,
    CancelOrder,
    ParkCompensation,
    AnswerCompensation,
}

/// The service that carries a command out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    Stock,
    Payment,
    Shipment,
    Order,
}

impl CommandName {
    /// All names.
    pub const ALL: [Self; 16] = [
        Self::ReserveStock,
        Self::ReleaseStock,
        Self::ShipStock,
        Self::AuthorisePayment,
        Self::CapturePayment,
        Self::UndoPayment,
        Self::StopPayment,
        Self::SettlePayment,
        Self::ReconcilePayment,
        Self::CreateShipment,
        Self::CancelShipment,
        Self::ConfirmOrder,
        Self::WithdrawConfirmation,
        Self::CancelOrder,
        Self::ParkCompensation,
        Self::AnswerCompensation,
    ];

    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ReserveStock => "ReserveStock",
            Self::ReleaseStock => "ReleaseStock",
            Self::ShipStock => "ShipStock",
            Self::AuthorisePayment => "AuthorisePayment",
            Self::CapturePayment => "CapturePayment",
            Self::UndoPayment => "UndoPayment",
            Self::StopPayment => "StopPayment",
            Self::SettlePayment => "SettlePayment",
            Self::ReconcilePayment => "ReconcilePayment",
            Self::CreateShipment => "CreateShipment",
            Self::CancelShipment => "CancelShipment",
            Self::ConfirmOrder => "ConfirmOrder",
            Self::WithdrawConfirmation => "WithdrawConfirmation",
            Self::CancelOrder => "CancelOrder",
            Self::ParkCompensation => "ParkCompensation",
            Self::AnswerCompensation => "AnswerCompensation",
        }
    }

    /// The version of its data that is written, and the only one that is read. It goes up when a member changes its
    /// meaning or goes; a new member that may be missing does not change it.
    #[must_use]
    pub fn version(self) -> u32 {
        1
    }

    /// The decided "no"s that the command may be answered, each of which its state has to catch by name.
    /// `PermanentFailure` may come too, and goes where everything unknown goes.
    #[must_use]
    pub fn refusals(self) -> &'static [ErrorName] {
        use ErrorName::{
            AlreadyConfirmed, Compensated, OrderCancelledByCustomer, PaymentDeclined, RetryCompensation,
            ShipmentRejected, StockRejected,
        };
        match self {
            Self::ReserveStock => &[StockRejected, Compensated],
            Self::AuthorisePayment | Self::CapturePayment => &[PaymentDeclined, OrderCancelledByCustomer, Compensated],
            Self::CreateShipment => &[ShipmentRejected, Compensated],
            Self::ConfirmOrder => &[Compensated],
            Self::WithdrawConfirmation => &[AlreadyConfirmed],
            Self::ParkCompensation => &[RetryCompensation],
            Self::CancelShipment | Self::UndoPayment | Self::ReleaseStock | Self::CancelOrder => &[],
            Self::ShipStock
            | Self::StopPayment
            | Self::SettlePayment
            | Self::ReconcilePayment
            | Self::AnswerCompensation => &[],
        }
    }

    pub(crate) fn service(self) -> Service {
        match self {
            Self::ReserveStock | Self::ReleaseStock | Self::ShipStock => Service::Stock,
            Self::AuthorisePayment
            | Self::CapturePayment
            | Self::UndoPayment
            | Self::StopPayment
            | Self::SettlePayment
            | Self::ReconcilePayment => Service::Payment,
            Self::CreateShipment | Self::CancelShipment => Service::Shipment,
            Self::ConfirmOrder
            | Self::WithdrawConfirmation
            | Self::CancelOrder
            | Self::ParkCompensation
            | Self::AnswerCompensation => Service::Order,
        }
    }
}

impl fmt::Display for CommandName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for CommandName {
    type Err = Invalid;

    fn from_str(word: &str) -> Result<Self, Invalid> {
        Self::ALL.into_iter().find(|it| it.as_str() == word).ok_or(Invalid("a command's name"))
    }
}

impl Command {
    /// What it is called.
    #[must_use]
    pub fn name(&self) -> CommandName {
        match self {
            Self::Stock(it) => it.name(),
            Self::Payment(it) => it.name(),
            Self::Shipment(it) => it.name(),
            Self::Order(it) => it.name(),
        }
    }
}

impl StockCommand {
    /// What it is called.
    #[must_use]
    pub fn name(&self) -> CommandName {
        match self {
            Self::Reserve { .. } => CommandName::ReserveStock,
            Self::Release {} => CommandName::ReleaseStock,
            Self::Ship {} => CommandName::ShipStock,
        }
    }
}

impl PaymentCommand {
    /// What it is called.
    #[must_use]
    pub fn name(&self) -> CommandName {
        match self {
            Self::Authorise { .. } => CommandName::AuthorisePayment,
            Self::Capture {} => CommandName::CapturePayment,
            Self::Undo {} => CommandName::UndoPayment,
            Self::Stop {} => CommandName::StopPayment,
            Self::Settle {} => CommandName::SettlePayment,
            Self::Reconcile { .. } => CommandName::ReconcilePayment,
        }
    }
}

impl ShipmentCommand {
    /// What it is called.
    #[must_use]
    pub fn name(&self) -> CommandName {
        match self {
            Self::Create { .. } => CommandName::CreateShipment,
            Self::Cancel {} => CommandName::CancelShipment,
        }
    }
}

impl OrderCommand {
    /// What it is called.
    #[must_use]
    pub fn name(&self) -> CommandName {
        match self {
            Self::Confirm {} => CommandName::ConfirmOrder,
            Self::WithdrawConfirmation {} => CommandName::WithdrawConfirmation,
            Self::Cancel { .. } => CommandName::CancelOrder,
            Self::Park { .. } => CommandName::ParkCompensation,
            Self::Answer { .. } => CommandName::AnswerCompensation,
        }
    }
}
