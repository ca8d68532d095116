//! The fault matrix: every single fault and every pair, as a table.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, Result};
use serde_json::Value;
use tidegate_events::CommandName;

use crate::faults::{Fault, LASTING, PASSING, PEOPLE, Person, Strike, is_done_after, strikes_at, title};
use crate::interpreter::Interpreter;
use crate::run::{Outcome, Run, task};
use crate::{Table, World};

/// Of the plans that went wrong; the tables show how many kinds there are.
const MOST_SHOWN: usize = 20;
/// Executions at a time. All their lines fit into a pipe, so that neither side waits for the other.
const CONCURRENCY: usize = 16;

/// Runs every plan of a saga, and every machine and world that was broken on purpose; whether all was as it must be.
pub fn run<W: World>(table: &Table<W>, out: &mut impl Write) -> Result<bool> {
    let started = Instant::now();
    let file = format!("../../statemachines/{}.asl.json", table.saga.name);
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(&file)).context(file)?;
    let machine: Value = serde_json::from_str(&text)?;
    let mut matrix = Matrix { table, interpreter: Interpreter::start()? };

    let outcomes = matrix.play_all(&machine, table.world, false)?;
    print_outcomes(table, &outcomes, out)?;
    let wrong: Vec<_> = outcomes.iter().filter(|outcome| !outcome.wrong.is_empty()).collect();
    for Outcome { plan, wrong, .. } in wrong.iter().take(MOST_SHOWN) {
        let words: Vec<_> = wrong.iter().map(String::as_str).collect();
        writeln!(out, "WRONG  {}\n       {}", in_words(table, plan), words.join("; "))?;
    }
    if !wrong.is_empty() {
        writeln!(out, "{} plans went wrong.", wrong.len())?;
    }

    let refused: BTreeSet<_> = outcomes.iter().flat_map(|outcome| &outcome.refused).copied().collect();
    let states = table.saga.steps().chain(table.saga.compensations());
    let refusals = states.flat_map(|name| name.refusals().iter().map(move |refusal| (name, *refusal)));
    let untried: Vec<_> = refusals.filter(|refusal| !refused.contains(refusal)).collect();
    for (name, refusal) in &untried {
        writeln!(out, "UNTRIED  {name} is never refused with {refusal}: the saga's table lacks a circumstance")?;
    }

    let mut unnoticed = Vec::new();
    for (name, breaks) in table.broken_machines {
        let mut broken = machine.clone();
        breaks(&mut broken["States"]);
        if !goes_wrong(&matrix.play_all(&broken, table.world, true)?) {
            unnoticed.push(name);
        }
    }
    for (name, world) in table.broken_worlds {
        if !goes_wrong(&matrix.play_all(&machine, *world, true)?) {
            unnoticed.push(name);
        }
    }
    for name in &unnoticed {
        writeln!(out, "UNNOTICED  {name}")?;
    }
    let broken = table.broken_machines.len() + table.broken_worlds.len();
    let seconds = started.elapsed().as_secs_f64();
    writeln!(out, "{} of {broken} broken machines and services noticed, {seconds:.1} s.", broken - unnoticed.len())?;
    Ok(wrong.is_empty() && untried.is_empty() && unnoticed.is_empty())
}

fn goes_wrong(outcomes: &[Outcome]) -> bool {
    outcomes.iter().any(|outcome| !outcome.wrong.is_empty())
}

struct Matrix<'t, W: 'static> {
    table: &'t Table<W>,
    interpreter: Interpreter,
}

impl<W: World> Matrix<'_, W> {
    /// No fault, each one, and each pair whose second strikes at a state that comes after the first one's. One that is to be noticed
    /// ends with the first that goes wrong.
    fn play_all(&mut self, machine: &Value, world: fn() -> W, until_wrong: bool) -> Result<Vec<Outcome>> {
        self.interpreter.define(machine)?;
        let steps = self.table.saga.steps();
        let firsts: Vec<Strike> = steps.flat_map(|step| strikes_at(self.table, step)).collect();
        let singles = std::iter::once(Vec::new()).chain(firsts.iter().map(|strike| vec![*strike])).collect();
        let mut outcomes = self.play(machine, world, singles, until_wrong)?;
        if until_wrong && goes_wrong(&outcomes) {
            return Ok(outcomes);
        }
        let pairs = outcomes.iter().flat_map(|single| {
            let [first] = single.plan[..] else { return Vec::new() };
            let at = single.visited.iter().position(|visited| *visited == first.at);
            let later = single.visited.iter().skip(at.map_or(usize::MAX, |at| at + 1));
            later.flat_map(|state| strikes_at(self.table, *state)).map(|second| vec![first, second]).collect()
        });
        let pairs = pairs.collect();
        outcomes.extend(self.play(machine, world, pairs, until_wrong)?);
        Ok(outcomes)
    }

    fn play(
        &mut self,
        machine: &Value,
        world: fn() -> W,
        plans: Vec<Vec<Strike>>,
        until_wrong: bool,
    ) -> Result<Vec<Outcome>> {
        let mut waiting = plans.into_iter().enumerate();
        let mut runs: BTreeMap<usize, Run<'_, W>> = BTreeMap::new();
        let mut outcomes = BTreeMap::new();
        let mut stopped = false;
        loop {
            while !stopped && runs.len() < CONCURRENCY {
                let Some((number, plan)) = waiting.next() else { break };
                let run = Run::new(self.table, world(), plan);
                self.interpreter.execute(number, run.input())?;
                runs.insert(number, run);
            }
            if runs.is_empty() {
                return Ok(outcomes.into_values().collect());
            }
            let line = self.interpreter.read()?;
            let run = runs.get_mut(&line.run).context("an execution that was not started")?;
            if let Some((state, queue, message)) = task(&line) {
                let answer = run.answer(state, queue, message);
                self.interpreter.answer(line.run, &answer)?;
                continue;
            }
            let mut outcome = runs.remove(&line.run).context("no such run")?.ended(line.failure);
            self.judge_end(machine, &mut outcome);
            stopped |= until_wrong && !outcome.wrong.is_empty();
            outcomes.insert(line.run, outcome);
        }
    }

    /// How two faults together end depends on which comes through; that the books balance does not.
    fn judge_end(&self, machine: &Value, outcome: &mut Outcome) {
        let is_done = match outcome.plan[..] {
            [] => true,
            [strike] => is_done_after(self.table, machine, strike),
            _ => return,
        };
        let expected = W::ENDS[usize::from(!is_done)];
        if outcome.end != expected {
            outcome.wrong.insert(format!("it ended {}, not {expected}", outcome.end));
        }
    }
}

fn in_words<W: World>(table: &Table<W>, plan: &[Strike]) -> String {
    let words: Vec<_> =
        plan.iter().map(|strike| format!("{}: {}", strike.at, title(table, strike.fault, strike.person))).collect();
    if words.is_empty() { "no fault".to_owned() } else { words.join("; then ") }
}

fn print_outcomes<W: World>(table: &Table<W>, outcomes: &[Outcome], out: &mut impl Write) -> Result<()> {
    let of = |faults: usize| outcomes.iter().filter(|outcome| outcome.plan.len() == faults).collect::<Vec<_>>();
    let (singles, pairs) = (of(1), of(2));
    // The plans of which one fault strikes each of these states, and how they ended.
    let row = |among: &[&Outcome], states: &[CommandName], fault: Fault, person: Option<Person>| {
        let cell = |state: &CommandName| {
            let is_meant = Strike { at: *state, fault, person };
            let found = among.iter().filter(|outcome| outcome.plan.last() == Some(&is_meant));
            let ends: BTreeSet<_> = found.map(|it| if it.wrong.is_empty() { it.end } else { "WRONG" }).collect();
            if ends.is_empty() { "-".to_owned() } else { ends.into_iter().collect::<Vec<_>>().join(" or ") }
        };
        std::iter::once(title(table, fault, person)).chain(states.iter().map(cell)).collect::<Vec<_>>()
    };
    let steps: Vec<_> = table.saga.steps().collect();
    let circumstances = (0..table.circumstances.len()).map(Fault::Circumstance);
    let at_steps = circumstances.chain(PASSING).chain(LASTING).map(|fault| row(&singles, &steps, fault, None));
    print(out, "one fault at a step", &steps, at_steps.collect())?;
    let compensations = table.saga.compensations();
    let passing = PASSING.into_iter().map(|fault| row(&pairs, &compensations, fault, None));
    let lasting = LASTING.into_iter().flat_map(|fault| PEOPLE.map(|person| (fault, person)));
    let lasting = lasting.map(|(fault, person)| row(&pairs, &compensations, fault, Some(person)));
    print(out, "another fault at a compensation", &compensations, passing.chain(lasting).collect())?;

    let count = |word: &str| format!("{} {word}", outcomes.iter().filter(|outcome| outcome.end == word).count());
    let ends = W::ENDS.iter().chain(&["parked"]).map(|word| count(word)).collect::<Vec<_>>().join(", ");
    let (all, one, two) = (outcomes.len(), singles.len(), pairs.len());
    writeln!(out, "{all} plans (1 without a fault, {one} with one, {two} with two): {ends}.")?;
    Ok(())
}

fn print(out: &mut impl Write, title: &str, states: &[CommandName], mut rows: Vec<Vec<String>>) -> Result<()> {
    rows.insert(0, std::iter::once(title.to_owned()).chain(states.iter().map(ToString::to_string)).collect());
    let widths: Vec<_> =
        (0..=states.len()).map(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0)).collect();
    rows.insert(1, widths.iter().map(|width| "-".repeat(*width)).collect());
    for row in &rows {
        let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        writeln!(out, "{}", cells.join("  ").trim_end())?;
    }
    Ok(writeln!(out)?)
}
