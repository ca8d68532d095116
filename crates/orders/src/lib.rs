//! The decisions of order, stock, payment and shipment.
