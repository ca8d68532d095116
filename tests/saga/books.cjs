// What must hold of the books: at every moment, and when an execution has come to its end.

function sum({ on_hand, reserved, shipped }) {
  return on_hand + reserved + shipped;
}

// At every moment, whatever is under way.
function imbalances(books, start) {
  const found = [];
  for (const [sku, shelf] of Object.entries(books.stock)) {
    if (sum(shelf) !== sum(start.stock[sku])) found.push(`${sku} is not conserved`);
    if (Object.values(shelf).some((quantity) => quantity < 0)) found.push(`${sku} is below zero`);
  }
  const { authorised, captured, voided, expired, refunded } = books.payment;
  if (authorised < captured + voided + expired) found.push("more was captured, voided and expired than authorised");
  if (captured < refunded) found.push("more was refunded than captured");
  if (books.outcomes.length > 1) found.push(`outcomes: ${books.outcomes.join(", ")}`);
  return found;
}

// At the end, when everything is either done or undone.
function loose_ends(books, amount) {
  const { payment, shipment, reservation, order, outcomes } = books;
  const found = [];
  const expect = (holds, otherwise) => holds || found.push(otherwise);
  const kept = payment.captured - payment.refunded;
  expect(outcomes.join() === order.status, `the order is ${order.status}, its outcomes: ${outcomes.join(", ") || "none"}`);
  expect(payment.authorised === payment.captured + payment.voided + payment.expired, "an authorisation is left open");
  if (order.status === "confirmed") {
    expect(kept === amount, `${kept} was kept of ${amount}`);
    expect(shipment.status === "created", `the shipment is ${shipment.status}`);
    expect(reservation.status === "shipped", `the reservation is ${reservation.status}`);
  } else {
    expect(kept === 0, `${kept} was kept of a cancelled order`);
    expect(shipment.status !== "created", "a cancelled order is shipped");
    expect(Object.values(books.stock).every(({ reserved }) => reserved === 0), "a cancelled order holds stock");
  }
  return found;
}

module.exports = { imbalances, loose_ends };
