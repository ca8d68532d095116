// The books of the four services, and what each command does to them: a model of the workers, small enough to be believed.
// It has the rules that make the saga safe: a decision is idempotent by the state it finds, a refusal is kept, and a
// compensation that comes first leaves a tombstone. Each decision commits at once; `no` is a refusal, the rest a success.

const QUEUES = {
  ReserveStock: "Inventory", ReleaseStock: "Inventory",
  AuthorisePayment: "Payments", CapturePayment: "Payments", UndoPayment: "Payments",
  CreateShipment: "Shipping", CancelShipment: "Shipping",
  ConfirmOrder: "Orders", WithdrawConfirmation: "Orders", CancelOrder: "Orders", ParkCompensation: "Orders",
};

const yes = {};
const no = (name) => ({ no: name });

function open() {
  const shelf = (on_hand) => ({ on_hand, reserved: 0, shipped: 0 });
  return {
    stock: { "sku-tea": shelf(5), "sku-cup": shelf(9) },
    reservation: { status: "none", lines: [] },
    payment: { status: "none", stopped: false, authorised: 0, captured: 0, voided: 0, expired: 0, refunded: 0 },
    shipment: { status: "none", serves_address: true },
    order: { status: "placed" },
    card_pays: true,
    outcomes: [],
    parked: {},
  };
}

function move(books, lines, from, to) {
  for (const { sku, quantity } of lines) {
    books.stock[sku][from] -= quantity;
    books.stock[sku][to] += quantity;
  }
}

const DECISIONS = {
  ReserveStock(books, { lines }) {
    const { stock, reservation } = books;
    if (reservation.status === "released") return no("Compensated");
    if (reservation.status === "rejected") return no("StockRejected");
    if (reservation.status !== "none") return yes;
    const lacking = lines.some(({ sku, quantity }) => stock[sku].on_hand < quantity);
    Object.assign(reservation, lacking ? { status: "rejected" } : { status: "reserved", lines });
    if (lacking) return no("StockRejected");
    move(books, lines, "on_hand", "reserved");
    return yes;
  },
  ReleaseStock(books) {
    const { reservation } = books;
    if (reservation.status === "shipped") throw new Error("stock that was shipped cannot be released");
    if (reservation.status === "reserved") move(books, reservation.lines, "reserved", "on_hand");
    reservation.status = "released";
    return yes;
  },
  AuthorisePayment({ payment, card_pays }, { amount }) {
    if (["undone", "voided", "refunded"].includes(payment.status)) return no("Compensated");
    if (payment.status === "declined") return no("PaymentDeclined");
    if (payment.status !== "none") return yes;
    if (payment.stopped) return no("OrderCancelledByCustomer");
    Object.assign(payment, card_pays ? { status: "authorised", authorised: amount.minor_units } : { status: "declined" });
    return card_pays ? yes : no("PaymentDeclined");
  },
  CapturePayment({ payment }) {
    if (["undone", "voided", "refunded"].includes(payment.status)) return no("Compensated");
    if (payment.status === "captured") return yes;
    if (payment.status !== "authorised") return no("PaymentDeclined");
    if (payment.stopped) return no("OrderCancelledByCustomer");
    Object.assign(payment, { status: "captured", captured: payment.authorised });
    return yes;
  },
  UndoPayment({ payment }) {
    if (payment.status === "authorised") Object.assign(payment, { status: "voided", voided: payment.authorised });
    if (payment.status === "captured") Object.assign(payment, { status: "refunded", refunded: payment.captured });
    if (!["voided", "refunded"].includes(payment.status)) payment.status = "undone";
    return yes;
  },
  CreateShipment({ shipment }) {
    if (shipment.status === "cancelled") return no("Compensated");
    if (shipment.status === "none") shipment.status = shipment.serves_address ? "created" : "rejected";
    return shipment.status === "rejected" ? no("ShipmentRejected") : yes;
  },
  CancelShipment({ shipment }) {
    shipment.status = "cancelled";
    return yes;
  },
  ConfirmOrder(books) {
    const { order, reservation } = books;
    if (["withdrawn", "cancelled"].includes(order.status)) return no("Compensated");
    if (order.status === "confirmed") return yes;
    order.status = "confirmed";
    books.outcomes.push("confirmed");
    // Inventory hears of it by the event.
    move(books, reservation.lines, "reserved", "shipped");
    reservation.status = "shipped";
    return yes;
  },
  WithdrawConfirmation({ order }) {
    if (order.status === "confirmed") return no("AlreadyConfirmed");
    if (order.status === "placed") order.status = "withdrawn";
    return yes;
  },
  CancelOrder(books, { reason }) {
    if (books.order.status === "cancelled") return yes;
    if (books.order.status === "confirmed") throw new Error("a confirmed order cannot be cancelled");
    if (!reason) throw new Error("an order is cancelled for a reason");
    books.order.status = "cancelled";
    books.outcomes.push("cancelled");
    return yes;
  },
};

// What happens in the world beside the saga, each of which makes a command's answer a no.
const CIRCUMSTANCES = {
  "sold out": (books) => move(books, [{ sku: "sku-cup", quantity: books.stock["sku-cup"].on_hand }], "on_hand", "shipped"),
  declined: (books) => { books.card_pays = false; },
  "not served": ({ shipment }) => { shipment.serves_address = false; },
  expired: ({ payment }) => {
    if (payment.status === "authorised") Object.assign(payment, { status: "expired", expired: payment.authorised });
  },
  // The payment is where a wish to cancel and the capture meet: whichever is written first wins (decision 0019).
  "cancelled by its customer": ({ payment }) => { payment.stopped = true; },
};

module.exports = { CIRCUMSTANCES, DECISIONS, QUEUES, open };
