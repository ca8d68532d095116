// A second interpreter of state machines, over JSON lines: it runs executions, many at a time, and asks for the answer of each task.
// No time passes in it.
//
//   in:   { definition }              the machine of the executions from now on
//         { run, input }              starts one
//         { run, result }             a task's answer; or { run, error, final }: final is one that no retrier and no catcher takes
//   out:  { run, state, queue, message }   asks for an answer
//         { run, failure }            the end of it; no failure where it ended well

const readline = require("node:readline");
const { StateMachine } = require("aws-local-stepfunctions");

// The interpreter's JSONPath throws an error for each path that it evaluates, and their stacks take most of the time.
Error.stackTraceLimit = 0;

let definition;
const waiting = new Map();

const write = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);

// The interpreter has no task tokens: the context gives a new one at each look. `validate.cjs` validates.
async function execute(run, input) {
  const tokens = { count: 0, get Token() { return `token-${++this.count}`; } };
  const tasks = Object.keys(definition.States).filter((name) => definition.States[name].Type === "Task");
  const ask = (state) => ({ QueueUrl, MessageBody }) => new Promise((resolve, reject) => {
    waiting.set(run, { resolve, reject });
    write({ run, state, queue: QueueUrl, message: MessageBody });
  });
  const machine = new StateMachine(definition, { validationOptions: { noValidate: true } });
  try {
    await machine.run(input, {
      context: { Execution: { Name: input.order_id }, Task: tokens },
      overrides: {
        taskResourceLocalHandlers: Object.fromEntries(tasks.map((name) => [name, ask(name)])),
        retryIntervalOverrides: Object.fromEntries(tasks.map((name) => [name, 0])),
      },
    }).result;
    write({ run });
  } catch (error) {
    const { name, message } = error.cause ?? error;
    write({ run, failure: { name, message } });
  }
}

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const { run, input, error, final, ...rest } = JSON.parse(line);
  if (rest.definition) definition = rest.definition;
  else if (input) execute(run, input);
  else if (error) waiting.get(run).reject(Object.assign(new Error(error), { name: error, isRetryable: !final, isCatchable: !final }));
  else waiting.get(run).resolve(rest.result);
});
