// The fault matrix: every single fault and every pair, as a table. `make faults` runs it; it ends with 1 when an order does
// not end as it must, or when a machine or a service that was broken on purpose goes unnoticed.

const { COMPENSATIONS, LASTING, PASSING, PEOPLE, STEPS, faults_at } = require("./faults.cjs");
const { read } = require("./machine.cjs");
const { run } = require("./run.cjs");
const { SABOTAGES } = require("./sabotages.cjs");
const { DECISIONS } = require("./services.cjs");

// Of the plans that went wrong; the tables show how many kinds there are.
const MOST_SHOWN = 20;

const told = (name, person) => (person ? `${name}, a person ${person}` : name);
const in_words = (plan) => plan.map(({ state, fault, person }) => `${state}: ${told(fault.name, person)}`).join("; then ");

// Runs every plan and hands each to `note`, which may return true to stop. A second fault strikes at a state that comes
// after the first one's, so that no pair is run whose second would never strike.
async function every_plan(definition, decisions, note) {
  const attempt = async (plan) => {
    const outcome = await run(definition, decisions, plan);
    const expected = plan.length === 0 ? "confirmed" : plan[0].fault.ends(plan[0].state);
    // How two faults together end depends on which comes through; that the books balance does not.
    if (plan.length < 2 && outcome.ended !== expected) outcome.wrong.push(`it ended ${outcome.ended}, not ${expected}`);
    return { plan, ...outcome };
  };
  if (note(await attempt([]))) return;
  for (const first of STEPS.flatMap(faults_at)) {
    const single = await attempt([first]);
    if (note(single)) return;
    const later = single.visited.slice(single.visited.indexOf(first.state) + 1);
    for (const second of later.flatMap(faults_at)) {
      if (note(await attempt([first, second]))) return;
    }
  }
}

function print(title, columns, rows) {
  const table = [[title, ...columns], ...rows];
  const widths = table[0].map((_, column) => Math.max(...table.map((row) => row[column].length)));
  const line = (row) => row.map((cell, column) => cell.padEnd(widths[column])).join("  ").trimEnd();
  const rule = widths.map((width) => "-".repeat(width)).join("  ");
  console.log([line(table[0]), rule, ...table.slice(1).map(line), ""].join("\n"));
}

function print_outcomes(outcomes) {
  const singles = outcomes.filter(({ plan }) => plan.length === 1);
  const pairs = outcomes.filter(({ plan }) => plan.length === 2);
  // The plans of which one fault strikes each of these states, and how they ended.
  const row = (among, states, name, person) => [told(name, person), ...states.map((state) => {
    const is_meant = (it) => it.state === state && it.fault.name === name && it.person === person;
    const found = among.filter(({ plan }) => is_meant(plan.at(-1))).map((it) => (it.wrong.length ? "WRONG" : it.ended));
    return [...new Set(found)].sort().join(" or ") || "-";
  })];
  print("one fault at a step", STEPS, [...PASSING, ...LASTING].map(({ name }) => row(singles, STEPS, name)));
  print("another fault at a compensation", COMPENSATIONS, [
    ...PASSING.filter(({ at }) => at.includes("CancelOrder")).map(({ name }) => row(pairs, COMPENSATIONS, name)),
    ...LASTING.flatMap(({ name }) => Object.keys(PEOPLE).map((person) => row(pairs, COMPENSATIONS, name, person))),
  ]);

  const count = (word) => outcomes.filter(({ ended: end }) => end === word).length;
  console.log(`${outcomes.length} plans (1 without a fault, ${singles.length} with one, ${pairs.length} with two): ` +
    `${count("confirmed")} confirmed, ${count("cancelled")} cancelled, ${count("parked")} parked.`);
}

async function main() {
  const started = Date.now();
  const outcomes = [];
  await every_plan(read(), DECISIONS, (outcome) => void outcomes.push(outcome));
  print_outcomes(outcomes);
  const wrong = outcomes.filter((it) => it.wrong.length);
  for (const { plan, wrong: what } of wrong.slice(0, MOST_SHOWN)) {
    console.log(`WRONG  ${in_words(plan) || "no fault"}\n       ${what.join("; ")}`);
  }
  if (wrong.length) console.log(`${wrong.length} plans went wrong.`);

  const unnoticed = [];
  for (const { name, machine, services } of SABOTAGES) {
    const definition = read();
    machine?.(definition.States);
    let noticed = false;
    await every_plan(definition, { ...DECISIONS, ...services }, (outcome) => (noticed = outcome.wrong.length > 0));
    if (!noticed) unnoticed.push(name);
  }
  unnoticed.forEach((name) => console.log(`UNNOTICED  ${name}`));
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  const noticed = SABOTAGES.length - unnoticed.length;
  console.log(`${noticed} of ${SABOTAGES.length} broken machines and services noticed, ${seconds} s.`);
  process.exitCode = wrong.length || unnoticed.length ? 1 : 0;
}

main();
