// Machines and services that are broken on purpose: a matrix that does not notice them shows nothing.

const { DECISIONS } = require("./services.cjs");

const catch_all = (state) => state.Catch.find(({ ErrorEquals }) => ErrorEquals.includes("States.ALL"));
const leads = (from, to) => (states) => Object.assign(catch_all(states[from]), { Next: to });

function takes_the_id_of_a_capture({ UndoPayment }) {
  const body = UndoPayment.Parameters.MessageBody;
  body["command_id.$"] = body["command_id.$"].replace("UndoPayment", "CapturePayment");
}

const MACHINES = {
  "a reservation without an answer counts as none": leads("ReserveStock", "CancelOrder"),
  "an authorisation without an answer counts as none": leads("AuthorisePayment", "ReleaseStock"),
  "a shipment without an answer counts as none": leads("CreateShipment", "UndoPayment"),
  "a capture that fails leaves the shipment": leads("CapturePayment", "UndoPayment"),
  "a confirmation without an answer counts as none": leads("ConfirmOrder", "CancelShipment"),
  "a compensation gives up and goes on": leads("UndoPayment", "ReleaseStock"),
  "a person's word outweighs the order's": (states) => (states.ParkWithdrawConfirmation.Next = "CancelShipment"),
  "a person's word skips a compensation": (states) => (states.ParkCancelShipment.Next = "ReleaseStock"),
  "an error replaces what the saga knows": (states) => delete catch_all(states.CreateShipment).ResultPath,
  "an answer replaces what the saga knows": (states) => delete states.ReserveStock.ResultPath,
  "a compensation takes the command id of its step": takes_the_id_of_a_capture,
};

// A compensation that answers well and does nothing in some state, such as the one where it comes before its step.
const idle = (command, finds) => ({
  [command]: (books, data) => (finds(books) ? {} : DECISIONS[command](books, data)),
});

// A decision that forgets something first.
const forgetful = (command, forget) => ({
  [command](books, data) {
    forget(books);
    return DECISIONS[command](books, data);
  },
});

const SERVICES = {
  "stock has no tombstone": idle("ReleaseStock", ({ reservation }) => reservation.status === "none"),
  "payments have no tombstone": idle("UndoPayment", ({ payment }) => payment.status === "none"),
  "shipments have no tombstone": idle("CancelShipment", ({ shipment }) => shipment.status === "none"),
  "withdrawing leaves no tombstone": idle("WithdrawConfirmation", ({ order }) => order.status === "placed"),
  "a captured payment is not refunded": idle("UndoPayment", ({ payment }) => payment.status === "captured"),
  "what was decided is forgotten with its proof": forgetful("ReserveStock", ({ reservation }) => {
    if (reservation.status !== "released") reservation.status = "none";
  }),
  "what was refused is forgotten with its proof": forgetful("AuthorisePayment", (books) => {
    if (books.payment.status === "declined") Object.assign(books, { card_pays: true }).payment.status = "none";
  }),
  "the capture does not look at the customer's wish": forgetful("CapturePayment", ({ payment }) => {
    payment.stopped = false;
  }),
};

const SABOTAGES = [
  ...Object.entries(MACHINES).map(([name, machine]) => ({ name, machine })),
  ...Object.entries(SERVICES).map(([name, services]) => ({ name, services })),
];

module.exports = { SABOTAGES };
