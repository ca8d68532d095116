// The state machine as it is deployed, in a second interpreter: its tasks are answered by the caller, and no time passes.

const fs = require("node:fs");
const path = require("node:path");
const { StateMachine } = require("aws-local-stepfunctions");

const FILE = path.join(__dirname, "../../statemachines/order-saga.asl.json");

// The interpreter's JSONPath throws an error for each path that it evaluates, and their stacks take most of the time.
Error.stackTraceLimit = 0;

// Where a command goes: the substitutions that the template makes, with names that say whose queue it is.
function read() {
  return JSON.parse(fs.readFileSync(FILE, "utf8").replace(/\$\{(\w+)QueueUrl\}/g, "https://queues.test/$1"));
}

// `answer(state, command)` returns what the task results in, or throws an error whose name is the error's. The interpreter
// has no task tokens: the context gives a new one at each look. It does not validate, since `validate.cjs` does.
async function execute(definition, input, answer) {
  const tokens = { count: 0, get Token() { return `token-${++this.count}`; } };
  const tasks = Object.entries(definition.States).filter(([, state]) => state.Type === "Task");
  const handler = async (name, { QueueUrl, MessageBody }) => answer(name, { queue: QueueUrl, ...MessageBody });
  const machine = new StateMachine(definition, { validationOptions: { noValidate: true } });
  const run = machine.run(input, {
    context: { Execution: { Name: input.order_id }, Task: tokens },
    overrides: {
      taskResourceLocalHandlers: Object.fromEntries(tasks.map(([name]) => [name, (task) => handler(name, task)])),
      retryIntervalOverrides: Object.fromEntries(tasks.map(([name]) => [name, 0])),
    },
  });
  try {
    return { output: await run.result };
  } catch (error) {
    return { failure: error.cause ?? error };
  }
}

// An error as a task raises it. One that is `final` can be neither retried nor caught: the execution stands still.
function named(name, { final = false } = {}) {
  return Object.assign(new Error(name), { name, isRetryable: !final, isCatchable: !final });
}

module.exports = { execute, named, read };
