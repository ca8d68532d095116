//! An order broken at every step, with the real workers, relays and Stripe client against the real state machine on the emulator.
//!
//! `tests/saga` runs thousands of plans over the services in memory; this runs one of each kind over the services themselves. Every
//! case is an order of its own, and they run beside each other and share a SKU. The test stands where Lambda's mappings stand,
//! between queue and worker and between stream and relay, so that it can lose, repeat, delay and kill what it likes without waiting
//! for a visibility or a retry.

mod books;
mod course;
mod faults;
mod orders;
mod relay;
mod saga;
mod services;
mod tokens;
mod world;

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use futures::StreamExt as _;
use tidegate_events::{CommandName, ORDER_SAGA, Service};

use self::books::{Books, shared_stock, skus, word};
use self::course::Ended;
use self::faults::{Fault, Person, Plan, kinds, plans};
use self::world::World;
use crate::chance::Chance;
use crate::stack::Stack;
use crate::stock;

/// How many orders are under way at once. They mostly wait.
const CONCURRENCY: usize = 24;
/// How many plans have a second fault, at a compensation, chosen at random.
const DOUBLES: usize = 12;

/// A plan and what came of it.
type Case = (Plan, Result<Ended>);

pub(crate) async fn a_fault_at_any_step_leaves_the_books_balanced(stack: Arc<Stack>) -> Result<()> {
    let began = Instant::now();
    let mut chance = Chance::of_run();
    let plans = plans(ORDER_SAGA, DOUBLES, |below| chance.below(below))?;
    let (world, mut tasks) = World::start(&stack, ORDER_SAGA, kinds(&plans)).await?;
    let all = async {
        for (sku, on_hand) in skus(&plans) {
            stock::receive(&stack, &world.desk(Service::Inventory).table.name, &sku, on_hand).await?;
        }
        let run = plans.into_iter().map(async |plan| {
            let ended = course::run(&world, &plan).await;
            (plan, ended)
        });
        let ended: Vec<Case> = futures::stream::iter(run).buffer_unordered(CONCURRENCY).collect().await;
        judged(&world, ended).await
    };
    let cases = tokio::select! {
        cases = all => cases?,
        Some(failed) = tasks.join_next() => { failed??; bail!("a relay or a receiver has stopped") }
    };
    drop(tasks);
    print(&cases);
    eprintln!("{} orders in {:.1} s. Chosen by {}.", cases.len(), began.elapsed().as_secs_f64(), chance.seed());
    let failed: Vec<String> =
        cases.iter().filter_map(|(plan, ended)| Some(format!("{plan}: {:#}", ended.as_ref().err()?))).collect();
    ensure!(failed.is_empty(), "{} of {} orders: {failed:#?}", failed.len(), cases.len());
    world.delete().await
}

/// The cases with their books looked at.
async fn judged(world: &World, cases: Vec<Case>) -> Result<Vec<Case>> {
    let books = Books::open(world).await?;
    let mut judged = Vec::new();
    let mut confirmed = 0;
    let mut unfinished = false;
    for (plan, ended) in cases {
        let outcome = match ended {
            Ok(ended) => {
                confirmed += u64::from(ended.confirmed);
                books.balance(world, &plan, ended).await.map(|()| ended)
            }
            Err(error) => {
                unfinished = true;
                Err(error)
            }
        };
        judged.push((plan, outcome));
    }
    if !unfinished {
        shared_stock(world, confirmed).await.context("of what all orders share")?;
    }
    judged.sort_by_key(|(plan, _)| plan.number);
    Ok(judged)
}

fn print(cases: &[Case]) {
    let word = |case: &Case| case.1.as_ref().map_or("WRONG", |ended| word(*ended));
    let line = |title: &str, states: &[CommandName], cell: &dyn Fn(CommandName) -> &'static str| {
        let cells: String = states.iter().map(|state| format!("{:<22}", cell(*state))).collect();
        format!("{title:<36}{cells}")
    };
    let row = |fault: Fault, states: &[CommandName], faults: usize| {
        let outcome = |at| {
            let is_meant = |plan: &Plan| plan.strikes.len() == faults && plan.has(at, fault) && !plan.is_drawn;
            cases.iter().find(|(plan, _)| is_meant(plan)).map_or("-", word)
        };
        line(&fault.to_string(), states, &outcome)
    };
    let (steps, compensations): (Vec<_>, _) = (ORDER_SAGA.steps().collect(), ORDER_SAGA.compensations());
    let mut lines = vec![line("one fault at a step", &steps, &CommandName::as_str)];
    lines.extend(Fault::AT_STEPS.map(|fault| row(fault, &steps, 1)));
    lines.push(String::new());
    lines.push(line("a compensation that keeps failing", &compensations, &CommandName::as_str));
    lines.extend([Person::Retries, Person::Resolves].map(|person| row(Fault::Fails(person), &compensations, 2)));
    lines.push("\ntwo faults".to_owned());
    let drawn = cases.iter().filter(|(plan, _)| plan.is_drawn);
    lines.extend(drawn.map(|case| format!("{:<20}{}", word(case), case.0)));
    eprintln!();
    lines.iter().for_each(|line| eprintln!("{}", line.trim_end()));
}
