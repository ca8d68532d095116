// The faults, as data: where each can strike, what it does to a command, and how an order ends that meets no other.
//
// `strikes(delivery)` answers in the command's place: it returns the task's result or throws its error. `deliver()` has the
// service handle the command and gives its answer, `die()` has a worker crash over it, and `lose()` keeps it until its
// compensation has been done.

const { CIRCUMSTANCES } = require("./services.cjs");
const { named } = require("./machine.cjs");

// What undoes a step. Whatever else is sent is a compensation itself.
const UNDONE_BY = {
  ReserveStock: "ReleaseStock",
  AuthorisePayment: "UndoPayment",
  CreateShipment: "CancelShipment",
  CapturePayment: "UndoPayment",
  ConfirmOrder: "WithdrawConfirmation",
};
const STEPS = Object.keys(UNDONE_BY);
const COMPENSATIONS = ["WithdrawConfirmation", "CancelShipment", "UndoPayment", "ReleaseStock", "CancelOrder"];
const EVERYWHERE = [...STEPS, ...COMPENSATIONS];
// Both tell that no answer came, and the documentation and recordings disagree which of them a missed heartbeat is.
const NO_ANSWER = "States.Timeout";
const NO_HEARTBEAT = "States.HeartbeatTimeout";

function happens(circumstance, at, ends) {
  const strikes = ({ books, deliver }) => {
    CIRCUMSTANCES[circumstance](books);
    return deliver();
  };
  return { name: circumstance, at, strikes, ends };
}

// Only for the first attempt; the state's own retry meets none.
const once = (strikes) => (delivery) => (delivery.attempt === 1 ? strikes(delivery) : delivery.deliver());

const no_answer_done = ({ deliver }) => {
  deliver();
  throw named(NO_ANSWER);
};
const no_answer_lost = () => {
  throw named(NO_HEARTBEAT);
};
const permanent = () => {
  throw named("PermanentFailure");
};
const not_sent = () => {
  throw named("SQS.SdkClientException");
};

const confirmed = () => "confirmed";
const cancelled = () => "cancelled";
const unless_confirming = (step) => (step === "ConfirmOrder" ? "confirmed" : "cancelled");

// Those that a saga gets over by itself.
const PASSING = [
  happens("sold out", ["ReserveStock"], cancelled),
  happens("declined", ["AuthorisePayment"], cancelled),
  happens("not served", ["CreateShipment"], cancelled),
  happens("expired", ["CapturePayment"], cancelled),
  happens("cancelled by its customer", STEPS, unless_confirming),
  // A worker that fails or dies before its one write has done nothing: the queue hands the command out again.
  { name: "transient error", at: EVERYWHERE, strikes: ({ die, deliver }) => (die(), die(), deliver()), ends: confirmed },
  { name: "crash before commit", at: EVERYWHERE, strikes: ({ die, deliver }) => (die(), deliver()), ends: confirmed },
  { name: "crash after commit", at: EVERYWHERE, strikes: ({ deliver }) => (deliver(), deliver()), ends: confirmed },
  {
    name: "duplicate command",
    at: EVERYWHERE,
    strikes({ deliver }) {
      try {
        return deliver();
      } finally {
        deliver.quietly();
      }
    },
    ends: confirmed,
  },
  { name: "sent at the second try", at: EVERYWHERE, strikes: once(not_sent), ends: confirmed },
  // After the capture the saga goes forward as long as it can: ConfirmOrder is tried again, like a compensation.
  { name: "one timeout, effect done", at: EVERYWHERE, strikes: once(no_answer_done), ends: unless_confirming },
  { name: "one timeout, effect not done", at: EVERYWHERE, strikes: once(no_answer_lost), ends: unless_confirming },
];

// Those that outlast every retry. At a compensation they end with a person.
const LASTING = [
  { name: "permanent error", at: EVERYWHERE, strikes: permanent, ends: cancelled },
  { name: "timeout, effect done", at: EVERYWHERE, strikes: no_answer_done, ends: unless_confirming },
  { name: "timeout, effect not done", at: EVERYWHERE, strikes: no_answer_lost, ends: cancelled },
  { name: "late command", at: EVERYWHERE, strikes: ({ lose }) => (lose(), no_answer_lost()), ends: cancelled },
  { name: "never sent", at: EVERYWHERE, strikes: not_sent, ends: cancelled },
];

// What a person does about a compensation that waits. By then the cause is mended: the next attempt meets no fault.
const retry = () => {
  throw named("RetryCompensation");
};
const PEOPLE = {
  retries: retry,
  resolves: ({ by_hand }) => (by_hand(), {}),
  "answers the next day": ({ attempt }) => (attempt === 1 ? no_answer_lost() : retry()),
  "stays away": () => {
    throw named("Parked", { final: true });
  },
};

// Every fault that can strike at a state, with what a person does where one is needed.
function faults_at(state) {
  const here = ({ at }) => at.includes(state);
  const lasting = LASTING.filter(here);
  if (STEPS.includes(state)) return [...PASSING.filter(here), ...lasting].map((fault) => ({ state, fault }));
  const with_people = lasting.flatMap((fault) => Object.keys(PEOPLE).map((person) => ({ state, fault, person })));
  return [...PASSING.filter(here).map((fault) => ({ state, fault })), ...with_people];
}

module.exports = { COMPENSATIONS, LASTING, PASSING, PEOPLE, STEPS, UNDONE_BY, faults_at };
