// One order through the saga, with the faults of a plan, and everything that was wrong about it.

const { imbalances, loose_ends } = require("./books.cjs");
const { PEOPLE, UNDONE_BY } = require("./faults.cjs");
const { execute, named } = require("./machine.cjs");
const { QUEUES, open } = require("./services.cjs");

const ORDER = {
  order_id: "ord_0001",
  correlation_id: "made-up-correlation",
  traceparent: "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01",
  lines: [{ sku: "sku-tea", quantity: 2 }, { sku: "sku-cup", quantity: 4 }],
  amount: { minor_units: 4200, currency: "EUR" },
  payment_method: "pm_made_up",
  address: { country: "NL", postcode: "0000 XX" },
};

class Run {
  constructor(plan, decisions) {
    Object.assign(this, { plan, decisions, books: open(), start: open() });
    this.proofs = new Map();
    this.tokens = new Set();
    this.sent = [];
    this.lost = [];
    this.visited = [];
    this.wrong = new Set();
  }

  // The answer of a task: the interpreter calls this for each attempt at each state.
  answer(state, message) {
    // A state comes back without another in between only as its own retry.
    const is_retry = this.visited.at(-1) === state;
    this.attempt = is_retry ? this.attempt + 1 : 1;
    if (!is_retry) this.visited.push(state);
    this.judge_message(state, message);

    if (message.command === "ParkCompensation") return this.park(message);
    this.sent.push(message);
    const struck = this.plan.find((it) => it.state === state);
    const is_first_visit = this.visited.filter((it) => it === state).length === 1;
    const deliver = () => result(this.handle(message));
    deliver.quietly = () => void this.handle(message);
    if (!struck || !is_first_visit) return deliver();
    return struck.fault.strikes({
      books: this.books,
      attempt: this.attempt,
      deliver,
      // Decides, and dies before the one write: what it had in memory is gone.
      die: () => void this.decisions[message.command](structuredClone(this.books), message.data),
      lose: () => void this.lost.push({ state, message }),
    });
  }

  // A service: what it has a proof of it answers as before, without deciding again.
  handle(message) {
    const { command, command_id, data } = message;
    if (!this.proofs.has(command_id)) {
      this.proofs.set(command_id, this.decisions[command](this.books, data));
      imbalances(this.books, this.start).forEach((it) => this.wrong.add(it));
    }
    const reply = this.proofs.get(command_id);
    const due = this.lost.filter(({ state }) => command === (UNDONE_BY[state] ?? state));
    this.lost = this.lost.filter((it) => !due.includes(it));
    due.forEach(({ message: late }) => this.handle(late));
    return reply;
  }

  park({ data, task_token }) {
    if (!data.error?.Error) this.wrong.add(`${data.step} is parked without a reason`);
    this.books.parked[data.step] = task_token;
    const { person } = this.plan.find(({ state }) => state === data.step);
    const by_hand = () => this.handle(this.sent.findLast(({ command }) => command === data.step));
    return PEOPLE[person]({ attempt: this.attempt, by_hand });
  }

  judge_message(state, message) {
    const expect = (holds, otherwise) => holds || this.wrong.add(`${state}: ${otherwise}`);
    expect(message.queue.endsWith(`/${QUEUES[message.command]}`), "goes to another service's queue");
    expect(message.command_id === `${ORDER.order_id}/${state}`, "its command id is another's");
    expect(!this.tokens.has(message.task_token), "its token was used before");
    for (const member of ["order_id", "correlation_id", "traceparent"]) {
      expect(message[member] === ORDER[member], `${member} is lost`);
    }
    this.tokens.add(message.task_token);
  }

  // Queues deliver at least once, also when all is over and the proofs have expired: nothing may move any more.
  judge_repeats() {
    const before = JSON.stringify(this.books);
    for (const messages of [this.sent, this.sent.toReversed()]) {
      for (const keep of [true, false]) {
        if (!keep) this.proofs.clear();
        messages.forEach((message) => this.handle(message));
      }
    }
    if (JSON.stringify(this.books) !== before) this.wrong.add("a command that came again changed the books");
  }
}

function result(reply) {
  if (!reply.no) return reply;
  throw named(reply.no);
}

// How the order ended, the states it went through, and what was wrong.
async function run(definition, decisions, plan) {
  const it = new Run(plan, decisions);
  const { failure } = await execute(definition, ORDER, (state, message) => it.answer(state, message));
  let ended = it.books.order.status;
  if (failure?.name === "Parked") {
    ended = "parked";
    if (Object.keys(it.books.parked).length === 0) it.wrong.add("it is parked, and no row says so");
  } else if (failure) {
    it.wrong.add(`the execution failed: ${failure.name}: ${failure.message}`);
  } else {
    loose_ends(it.books, ORDER.amount.minor_units).forEach((loose) => it.wrong.add(loose));
    it.judge_repeats();
  }
  return { ended, visited: it.visited, wrong: [...it.wrong] };
}

module.exports = { run };
