//! What is asked of which service, and what a saga has to know of it: one table.
//!
//! A row is a command with its data, its name, what it is to a saga, and the refusals it may be answered with. All else is
//! made from the rows or compared with them: the names and their lists, the way that an order has gone
//! (`tidegate_orders::progress`), the rules over `statemachines/`, the fault tables of `tests/saga` and `tests/e2e`, and
//! the drawing in `docs/`.

use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::error_name::ErrorName;
use crate::id::PaymentMethod;
use crate::line::Lines;
use crate::money::Money;
use crate::text::names;

macro_rules! commands {
    ($(
        $(#[doc = $about:literal])*
        $group:ident($of_group:ident) => $service:ident {
            $(
                $(#[doc = $doc:literal])*
                #[serde $wire:tt]
                $variant:ident $data:tt
                $name:ident: $role:expr, [$($refusal:ident),*];
            )*
        }
    )*) => {
        /// A command to one of the services.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
        #[serde(untagged)]
        pub enum Command {
            $($(#[doc = $about])* $group($of_group),)*
        }

        $(
            $(#[doc = $about])*
            #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
            #[serde(tag = "command", content = "data")]
            pub enum $of_group {
                $($(#[doc = $doc])* #[serde $wire] $variant $data,)*
            }

            impl $of_group {
                #[must_use]
                pub fn name(&self) -> CommandName {
                    match self {
                        $(Self::$variant { .. } => CommandName::$name,)*
                    }
                }
            }
        )*

        names! {
            /// What a command is called, on the wire and as a state of a saga.
            CommandName, "a command's name" {
                $($($(#[doc = $doc])* $name,)*)*
            }
        }

        impl Command {
            #[must_use]
            pub fn name(&self) -> CommandName {
                match self {
                    $(Self::$group(command) => command.name(),)*
                }
            }
        }

        impl CommandName {
            /// The service that carries it out.
            #[must_use]
            pub fn service(self) -> Service {
                match self {
                    $($(Self::$name)|* => Service::$service,)*
                }
            }

            /// What it is to a saga.
            #[must_use]
            pub fn role(self) -> Role {
                use CommandName::*;
                use Role::*;
                match self {
                    $($(Self::$name => $role,)*)*
                }
            }

            /// The refusals that the command may be answered with, each of which its state has to catch by name.
            /// `PermanentFailure` may come too, and goes where everything unknown goes.
            #[must_use]
            pub fn refusals(self) -> &'static [ErrorName] {
                match self {
                    $($(Self::$name => &[$(ErrorName::$refusal),*],)*)*
                }
            }
        }
    };
}

commands! {
    /// About the stock that an order needs.
    Stock(StockCommand) => Inventory {
        /// Set all of it aside, or nothing.
        #[serde(rename = "ReserveStock")]
        Reserve {
            lines: Lines,
        }
        ReserveStock: Step { undone_by: ReleaseStock, next: Some(AuthorisePayment) }, [StockRejected, Compensated];
        /// Give back what was set aside.
        #[serde(rename = "ReleaseStock")]
        Release {}
        ReleaseStock: Compensation { resolved: Some(Command::Stock(StockCommand::Release {})) }, [];
        /// What was set aside leaves the house. Follows from `OrderConfirmed`.
        #[serde(rename = "ShipStock")]
        Ship {}
        ShipStock: Aside, [];
    }

    Payment(PaymentCommand) => Payments {
        /// Make sure of the money.
        #[serde(rename = "AuthorisePayment")]
        Authorise {
            amount: Money,
            payment_method: PaymentMethod,
        }
        AuthorisePayment: Step { undone_by: UndoPayment, next: Some(CreateShipment) },
            [PaymentDeclined, OrderCancelledByCustomer, Compensated];
        #[serde(rename = "CapturePayment")]
        Capture {}
        CapturePayment: Step { undone_by: UndoPayment, next: Some(ConfirmOrder) },
            [PaymentDeclined, OrderCancelledByCustomer, Compensated];
        /// Void what was authorised, refund what was captured.
        #[serde(rename = "UndoPayment")]
        Undo {}
        UndoPayment: Compensation { resolved: Some(Command::Payment(PaymentCommand::Settle {})) }, [];
        /// The customer withdraws: authorise and capture no more. Follows from `OrderCancellationRequested`.
        #[serde(rename = "StopPayment")]
        Stop {}
        StopPayment: Aside, [];
        /// A person has undone it by hand: give back what is only authorised, refund nothing. Follows from
        /// `CompensationAnswered`.
        #[serde(rename = "SettlePayment")]
        Settle {}
        SettlePayment: Aside, [];
        /// The provider reports by itself what has become of a payment.
        #[serde(rename = "ReconcilePayment")]
        Reconcile {
            status: PaymentFact,
        }
        ReconcilePayment: Aside, [];
    }

    Shipment(ShipmentCommand) => Shipping {
        #[serde(rename = "CreateShipment")]
        Create {
            lines: Lines,
            address: Address,
        }
        CreateShipment: Step { undone_by: CancelShipment, next: Some(CapturePayment) }, [ShipmentRejected, Compensated];
        #[serde(rename = "CancelShipment")]
        Cancel {}
        CancelShipment: Compensation { resolved: Some(Command::Shipment(ShipmentCommand::Cancel {})) }, [];
    }

    Order(OrderCommand) => Orders {
        #[serde(rename = "ConfirmOrder")]
        Confirm {}
        ConfirmOrder: Step { undone_by: WithdrawConfirmation, next: None }, [Compensated];
        /// The answer to a confirmation was lost: confirm no more, or answer that it has been done.
        #[serde(rename = "WithdrawConfirmation")]
        WithdrawConfirmation {}
        // Resolving it leads back to asking the order, which alone knows.
        WithdrawConfirmation: Compensation { resolved: None }, [AlreadyConfirmed];
        /// Everything is undone.
        #[serde(rename = "CancelOrder")]
        Cancel {
            /// The name of the error that led here.
            reason: String,
        }
        // The order has the person's answer itself, and cancels with it.
        CancelOrder: Compensation { resolved: None }, [];
        /// A compensation keeps failing, and a person has to look.
        #[serde(rename = "ParkCompensation")]
        Park {
            step: CommandName,
            error: StepError,
        }
        ParkCompensation: Park, [RetryCompensation];
        /// A person answers what is to become of a parked compensation. Comes from an operator, not from the saga.
        #[serde(rename = "AnswerCompensation")]
        Answer {
            step: CommandName,
            answer: ParkedAnswer,
        }
        AnswerCompensation: Aside, [];
    }
}

names! {
    /// The services that carry commands out. A saga calls the queue of one `${InventoryQueueUrl}`.
    Service, "a service's name" {
        Inventory,
        Payments,
        Shipping,
        Orders,
    }
}

/// What a command is to a saga.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// Does something that can be undone. A refusal means that it has done nothing; after whatever else goes wrong it may
    /// have been done.
    Step {
        /// Also when it is not known whether it was done.
        undone_by: CommandName,
        /// The step after it, where there is one.
        next: Option<CommandName>,
    },
    /// Undoes steps, and is tried until it is done. A refusal means that the step stands and nothing is undone.
    Compensation {
        /// What its service is asked to do once a person has undone it by hand, so that it is written down, and a late copy
        /// of the step is refused.
        resolved: Option<Command>,
    },
    /// Asks a person what is to become of a compensation that keeps failing.
    Park,
    /// Not part of a saga: follows from an event, or comes from outside.
    Aside,
}

/// What a provider may report of a payment, because it did so by itself or a person did it there by hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentFact {
    /// The authorisation is no more: it was not captured in time.
    Cancelled,
    Captured,
    Refunded,
}

/// How a step failed, in Step Functions' words. Its `Cause` is not kept: it may be long, and quote anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepError {
    #[serde(rename = "Error")]
    pub name: String,
}

/// What a person may answer about a parked compensation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParkedAnswer {
    /// The cause is mended: try again.
    Retry,
    /// It was undone by hand: go on with the next.
    Resolved,
}

impl CommandName {
    /// The version of its data that is written, and the only one that is read. It goes up when a member changes its
    /// meaning or goes; a new member that may be missing does not change it.
    #[must_use]
    pub fn version(self) -> u32 {
        1
    }

    /// The step after it.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        if let Role::Step { next, .. } = self.role() { next } else { None }
    }

    /// What undoes it, if it is a step.
    #[must_use]
    pub fn undone_by(self) -> Option<Self> {
        if let Role::Step { undone_by, .. } = self.role() { Some(undone_by) } else { None }
    }
}
