//! What the API reads beside single orders, as a port: the lists and the timelines that others have written.

use tidegate_events::{CustomerId, OrderId, TimelineEntry};
use tidegate_orders::Order;
use tidegate_runtime::PortError;

/// The most entries of a timeline that are read. An order that nothing happens to has six; what has more than this was
/// parked and tried again hundreds of times, and its newest entries are the ones to look at.
pub const MAX_ENTRIES: usize = 1000;

/// Reads views of orders. A view follows what was committed: it may be behind, and never ahead.
pub trait Views: Send + Sync {
    /// The customer's orders, newest first, at most `limit`, from behind `after` on.
    ///
    /// # Errors
    /// [`PortError`] when the view cannot be read.
    fn orders_of(
        &self,
        customer: &CustomerId,
        after: Option<&Position>,
        limit: usize,
    ) -> impl Future<Output = Result<Page, PortError>> + Send;

    /// What has happened to an order, the oldest first; the newest [`MAX_ENTRIES`] where there is more.
    ///
    /// # Errors
    /// [`PortError`] when the view cannot be read.
    fn timeline_of(&self, order: &OrderId) -> impl Future<Output = Result<Vec<TimelineEntry>, PortError>> + Send;
}

/// Where an order stands in its customer's list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// When it was placed, as the index has it: in that form the order of texts is that of times.
    pub placed_at: String,
    /// Tells apart what was placed at the same moment.
    pub order_id: OrderId,
}

/// A page of a customer's orders.
#[derive(Clone, Debug)]
pub struct Page {
    /// The orders, and where each stands.
    pub orders: Vec<(Position, Order)>,
    /// There are more behind the last.
    pub more: bool,
}
