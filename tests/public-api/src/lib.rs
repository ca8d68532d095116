//! Nothing but the test beside it, which shows every change of what the toolkit's crates offer.
