//! What has happened to an order, and how it travels as a CloudEvent.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tidegate_cloudevents::extensions::{CAUSATIONID, CORRELATIONID, TRACEPARENT};
use tidegate_cloudevents::{Event, EventBuilder};
use tidegate_outbox::CommandId;

use crate::address::Address;
use crate::command::{CommandName, ParkedAnswer};
use crate::error_name::CancelReason;
use crate::id::{CallbackUrl, CorrelationId, CustomerId, OrderId, PaymentId, PaymentMethod, Reason, ShipmentId, Sku};
use crate::line::{Lines, PricedLine};
use crate::money::Money;

/// One line for each event: its data, the service that publishes it, the middle of its CloudEvents `type`, and how far it
/// shows that the saga is.
macro_rules! events {
    ($($(#[$doc:meta])* $name:ident($data:ty), $source:literal, $word:literal, $progress:expr;)*) => {
        /// Something that has happened to an order.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum OrderEvent {
            $($(#[$doc])* $name($data),)*
        }

        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum EventType {
            $($(#[$doc])* $name,)*
        }

        impl EventType {
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The CloudEvents attribute `type`. It ends in the version of the data: a change that old readers cannot
            /// bear makes another type, beside the old one.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => concat!("com.tidegate.orders.", $word, ".v1"),)*
                }
            }

            /// The CloudEvents attribute `source`: the service that publishes it.
            #[must_use]
            pub fn source(self) -> &'static str {
                match self {
                    $(Self::$name => $source,)*
                }
            }

            /// How far the saga is that it comes from.
            #[must_use]
            pub fn progress(self) -> Progress {
                use CommandName::*;
                use Progress::*;
                match self {
                    $(Self::$name => $progress,)*
                }
            }
        }

        impl OrderEvent {
            #[must_use]
            pub fn event_type(&self) -> EventType {
                match self {
                    $(Self::$name(_) => EventType::$name,)*
                }
            }

            fn add_data(&self, builder: EventBuilder) -> EventBuilder {
                match self {
                    $(Self::$name(data) => builder.data_of(data),)*
                }
            }

            /// The data alone, as they travel.
            pub(crate) fn data(&self) -> serde_json::Value {
                let data = match self {
                    $(Self::$name(data) => serde_json::to_value(data),)*
                };
                // Invariant: every key is a text and every value a text, a number or made of such, so all have JSON.
                data.expect("events have JSON")
            }

            fn read_data(event_type: EventType, event: &Event) -> Result<Self, ReadError> {
                match event_type {
                    $(EventType::$name => event.data_as().map(Self::$name),)*
                }
                .map_err(|_| ReadError::Data { event_type })
            }
        }
    };
}

events! {
    OrderPlaced(OrderPlaced), "/orders", "order-placed", Beside;
    /// The customer does not want it any more. Whether that is in time the payment decides.
    OrderCancellationRequested(Nothing), "/orders", "order-cancellation-requested", Beside;
    /// All of it is set aside.
    StockReserved(StockOf), "/inventory", "stock-reserved", Done(ReserveStock);
    /// There is not enough; nothing is set aside.
    StockRejected(StockRejected), "/inventory", "stock-rejected", Refused(&[ReserveStock]);
    /// What was set aside is free again.
    StockReleased(StockOf), "/inventory", "stock-released", Done(ReleaseStock);
    /// The money is certain.
    PaymentAuthorised(PaymentOf), "/payments", "payment-authorised", Done(AuthorisePayment);
    /// The money is not to be had.
    PaymentDeclined(PaymentDeclined), "/payments", "payment-declined", Refused(&[AuthorisePayment, CapturePayment]);
    PaymentCaptured(PaymentOf), "/payments", "payment-captured", Done(CapturePayment);
    /// The authorisation was given back.
    PaymentVoided(PaymentOf), "/payments", "payment-voided", Done(UndoPayment);
    PaymentRefunded(PaymentOf), "/payments", "payment-refunded", Done(UndoPayment);
    PaymentExpired(PaymentOf), "/payments", "payment-expired", Refused(&[CapturePayment]);
    ShipmentCreated(ShipmentCreated), "/shipping", "shipment-created", Done(CreateShipment);
    /// The carrier does not ship this there.
    ShipmentRejected(ShipmentRejected), "/shipping", "shipment-rejected", Refused(&[CreateShipment]);
    ShipmentCancelled(ShipmentOf), "/shipping", "shipment-cancelled", Done(CancelShipment);
    /// Done. One of the two ends an order has.
    OrderConfirmed(Nothing), "/orders", "order-confirmed", Done(ConfirmOrder);
    /// Undone. The other end.
    OrderCancelled(OrderCancelled), "/orders", "order-cancelled", Done(CancelOrder);
    /// A compensation keeps failing and waits for a person.
    CompensationParked(CompensationParked), "/orders", "compensation-parked", Parked;
    /// A person has said what is to become of it.
    CompensationAnswered(CompensationAnswered), "/orders", "compensation-answered", Beside;
}

/// How far an event shows that a saga is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// This step or compensation has been done.
    Done(CommandName),
    /// A step was refused: the first of these that has not been done.
    Refused(&'static [CommandName]),
    /// A compensation waits for a person.
    Parked,
    /// Nothing: it happens beside the saga.
    Beside,
}

/// No data: the event says it all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nothing {}

/// All there is to know for carrying an order out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderPlaced {
    /// Whose it is.
    pub customer_id: CustomerId,
    pub lines: Vec<PricedLine>,
    pub total: Money,
    /// By which means it is paid.
    pub payment_method: PaymentMethod,
    pub address: Address,
    /// Who is told the outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback_url: Option<CallbackUrl>,
}

/// Stock of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockOf {
    pub lines: Lines,
}

/// What there is not enough of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockRejected {
    pub short: Vec<Shortage>,
}

/// There is not enough of a SKU.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shortage {
    pub sku: Sku,
    pub requested: u64,
    pub available: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentOf {
    pub payment_id: PaymentId,
    pub amount: Money,
}

/// A payment that is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentDeclined {
    /// How much it was to be.
    pub amount: Money,
    /// The provider's word.
    pub reason: Reason,
}

/// A shipment and what is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShipmentCreated {
    pub shipment_id: ShipmentId,
    pub lines: Lines,
}

/// A shipment that is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShipmentRejected {
    /// The carrier's word.
    pub reason: Reason,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShipmentOf {
    pub shipment_id: ShipmentId,
}

/// The end of an order that was not to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderCancelled {
    pub reason: CancelReason,
}

/// What waits for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompensationParked {
    pub step: CommandName,
    /// The name of the error that it ended with last.
    pub error: String,
}

/// What a person decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompensationAnswered {
    pub step: CommandName,
    /// What is to become of it.
    pub answer: ParkedAnswer,
}

/// What an event has beside what happened.
#[derive(Clone, Debug)]
pub struct About<'a> {
    pub order_id: &'a OrderId,
    pub time: Timestamp,
    /// Because of which command.
    pub cause: Option<&'a CommandId>,
    /// The piece of work it belongs to. An order that has none is its own.
    pub correlation_id: Option<&'a CorrelationId>,
    pub traceparent: Option<&'a str>,
}

/// An event that is none which this version knows. Does not quote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Not of this context, or of a version that is not known.
    #[error("the event is of a type that is not known")]
    UnknownType,
    /// The subject is not the id of an order.
    #[error("the event's subject is not an order")]
    NoOrder,
    /// The data are not what the type says.
    #[error("the data of the {} are not what its type says", .event_type.as_str())]
    Data { event_type: EventType },
    /// Its source and id do not make a name for a command.
    #[error("the event's source and id do not name a command")]
    Unnamed,
}

impl OrderEvent {
    /// The CloudEvent, still without its id. Its `subject` is the order, so that the data do not repeat it.
    pub fn to_cloudevent(&self, about: &About<'_>) -> EventBuilder {
        let event_type = self.event_type();
        let order_id = about.order_id.as_str();
        let mut builder = Event::builder_without_id(event_type.source(), event_type.as_str())
            .subject(order_id)
            .time(about.time)
            .extension(CORRELATIONID, about.correlation_id.map_or(order_id, CorrelationId::as_str));
        if let Some(cause) = about.cause {
            builder = builder.extension(CAUSATIONID, cause.as_str());
        }
        if let Some(traceparent) = about.traceparent {
            builder = builder.extension(TRACEPARENT, traceparent);
        }
        self.add_data(builder)
    }

    /// Reads a CloudEvent. Members of its data that are not known are passed over, so that a sender may be newer.
    ///
    /// # Errors
    /// [`ReadError`]. Trying again does not help.
    pub fn read(event: &Event) -> Result<(OrderId, Self), ReadError> {
        let is_it = |it: &&EventType| it.as_str() == event.ty() && it.source() == event.source();
        let event_type = EventType::ALL.iter().find(is_it).ok_or(ReadError::UnknownType)?;
        let order_id = event.subject().and_then(|it| it.parse().ok()).ok_or(ReadError::NoOrder)?;
        Ok((order_id, Self::read_data(*event_type, event)?))
    }
}
