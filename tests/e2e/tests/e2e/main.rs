//! End-to-end tests: the real templates and the real function binaries on the emulator, with IAM enforced.
//!
//! The stack is brought up once and shared: every test has sources, repositories and Slack channels of its own. It is taken
//! down in every case, also when a test panics or somebody presses Ctrl-C, and what would still be running then is an error.

#![expect(clippy::wildcard_enum_match_arm, reason = "a test is about the variants that it names")]
#![expect(clippy::print_stderr, reason = "a test program of its own harness says how it is doing")]

mod aggregates;
mod callbacks;
mod chance;
mod claims;
mod command;
mod crash_notify;
mod crash_receive;
mod crash_relay;
mod crash_worker;
mod dead_letters;
mod delivery;
mod elsewhere;
mod expiry;
mod gateway;
mod health;
mod hostile;
mod killable;
mod leftovers;
mod load;
mod memory;
mod order_chaos;
mod order_faults;
mod order_letters;
mod order_requests;
mod order_roles;
mod orders;
mod parked;
mod redrive;
mod roles;
mod rotation;
mod sender;
mod shop;
mod shop_books;
mod slack;
mod stack;
mod stock;
mod stripe;
mod tables;
mod told;
mod update;
mod wait;
mod watch;
mod workflows;

use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use anyhow::{Context as _, Result};
use libtest_mimic::{Arguments, Trial};
use tidegate_cli::interrupt::Interrupt;
use tidegate_local::group::Guard;
use tokio::runtime::{Handle, Runtime};

use crate::stack::Stack;
use crate::wait::TEST_LIMIT;

/// The stack, once it is up.
type Shared = Arc<OnceLock<Arc<Stack>>>;

/// Tests wait more than they compute, so more of them run at once than there are processors.
const THREADS: usize = 8;

/// Whether a test may run beside others. One that loads the whole machine would make them slow to fail.
#[derive(Clone, Copy)]
enum Company {
    Together,
    Alone,
}

fn trials(shared: &Shared, runtime: &Handle) -> Vec<Trial> {
    macro_rules! trials {
        ($company:ident; $($module:ident: $($test:ident)+;)+) => {
            vec![$($({
                let name = concat!(stringify!($module), "::", stringify!($test));
                trial(name, Company::$company, $module::$test, shared, runtime)
            },)+)+]
        };
    }
    let mut trials = trials! {
        Alone;
        load: of_500_racing_deliveries_each_id_is_published_exactly_once;
        order_chaos: of_200_orders_under_copies_and_kills_none_is_lost_and_none_is_double;
        elsewhere: at_an_endpoint_that_is_given_the_same_commands_do_the_same;
    };
    trials.extend(trials! {
        Together;
        delivery:
            a_github_push_becomes_one_slack_message_within_one_trace
            a_payload_too_large_for_a_message_reaches_slack_through_the_claim_check
            an_unknown_source_is_told_so_and_works_soon_after_it_was_added;
        crash_receive: a_crash_of_receive_webhook_at_any_call_loses_nothing_and_slack_gets_one_message;
        crash_notify: a_crash_of_notify_slack_at_any_call_loses_nothing;
        crash_relay: a_crash_of_relay_outbox_at_any_call_loses_nothing_and_keeps_the_order;
        order_faults: a_fault_at_any_step_leaves_the_books_balanced;
        crash_worker: a_crash_of_a_worker_at_any_call_leaves_one_version_and_one_reply;
        dead_letters:
            a_poison_message_is_set_aside_with_its_reason_and_redriven_after_mending
            what_is_not_an_event_is_set_aside_as_undecodable
            redriving_a_message_that_is_not_there_is_a_clear_error;
        parked:
            a_compensation_that_is_parked_is_tried_again_after_mending
            a_compensation_that_was_done_by_hand_is_resolved;
        redrive:
            a_saga_that_goes_through_its_steps_again_changes_nothing
            a_saga_that_was_stopped_goes_on_with_what_was_done_meanwhile
            a_saga_that_was_stopped_while_parked_parks_anew_and_is_answered;
        expiry: an_authorisation_that_lapses_before_it_is_captured_cancels_the_order;
        callbacks:
            an_endpoint_that_is_down_is_asked_again
            an_endpoint_that_is_gone_is_left_alone_until_somebody_retries
            during_a_rotation_callbacks_are_signed_with_both_secrets;
        orders:
            an_order_that_is_paid_and_shipped_is_confirmed
            an_order_whose_payment_is_declined_is_cancelled
            an_order_of_more_than_there_is_is_cancelled
            an_order_to_where_nobody_ships_is_cancelled
            an_order_that_is_withdrawn_before_it_is_captured_is_cancelled;
        order_requests:
            a_key_that_is_used_again_is_answered_the_same_and_places_nothing
            of_two_equal_requests_at_once_one_places_the_order_and_both_get_it
            a_list_is_read_page_by_page_newest_first
            who_has_no_good_token_or_scope_is_turned_away
            an_order_of_another_customer_is_not_there
            an_order_that_is_as_it_was_is_not_sent_again
            what_is_no_order_is_refused_with_a_problem;
        order_letters:
            an_unreadable_command_is_set_aside_in_every_queue
            a_command_that_failed_for_good_is_redriven_and_its_saga_finds_it_done;
        slack:
            retry_after_is_honoured_and_the_message_is_posted_once
            server_errors_back_off_and_the_message_is_posted_once;
        roles:
            the_role_of_receive_webhook_lacks_what_it_does_not_need
            the_role_of_notify_slack_lacks_what_it_does_not_need
            the_role_of_health_lacks_what_it_does_not_need;
        order_roles:
            the_role_of_orders_api_lacks_what_it_does_not_need
            the_role_of_orders_worker_lacks_what_it_does_not_need
            the_role_of_inventory_worker_lacks_what_it_does_not_need
            the_role_of_payments_worker_lacks_what_it_does_not_need
            the_role_of_shipping_worker_lacks_what_it_does_not_need
            the_role_of_start_workflow_lacks_what_it_does_not_need
            the_role_of_record_timeline_lacks_what_it_does_not_need
            the_role_of_deliver_callback_lacks_what_it_does_not_need
            the_role_of_relay_outbox_lacks_what_it_does_not_need;
        hostile:
            hostile_requests_get_a_problem_within_a_second_and_nothing_is_published
            hostile_headers_get_a_problem_and_nothing_is_published;
        memory: memory_stays_flat_under_hostile_requests_and_nothing_is_stored;
        health: health_reaches_all_four_dependencies;
        delivery: the_cloudevents_handshake_is_answered;
        claims:
            the_deployed_table_keeps_the_contract_of_claims
            a_first_call_is_two_requests_and_a_repeat_is_one
            a_transaction_under_a_lost_claim_writes_nothing
            an_answer_over_the_item_limit_goes_to_s3_and_comes_back;
        aggregates: a_table_keeps_the_contract_of_aggregates;
        command:
            status_names_the_stacks_and_queues
            a_source_document_that_is_not_valid_is_refused_where_it_is_wrong
            sending_to_an_unknown_source_is_a_clear_error;
        update: a_change_is_deployed_and_nothing_else;
        rotation: during_a_rotation_both_secrets_pass_and_afterwards_only_the_new_one;
    });
    trials
}

fn trial<F>(
    name: &str,
    company: Company,
    test: impl FnOnce(Arc<Stack>) -> F + Send + 'static,
    shared: &Shared,
    runtime: &Handle,
) -> Trial
where
    F: Future<Output = Result<()>>,
{
    let (shared, runtime) = (Arc::clone(shared), runtime.clone());
    Trial::test(name, move || {
        let stack = shared.get().context("the stack is not up")?;
        let outcome = runtime.block_on(async {
            let _together;
            let _alone;
            match company {
                Company::Together => _together = stack.turns.read().await,
                Company::Alone => _alone = stack.turns.write().await,
            }
            tokio::time::timeout(TEST_LIMIT, test(Arc::clone(stack))).await
        });
        let outcome = outcome.context("the test did not end in time").and_then(|outcome| outcome);
        Ok(outcome.map_err(|error| format!("{error:#}"))?)
    })
}

fn main() -> Result<ExitCode> {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(THREADS);
    let shared = Shared::default();
    let runtime = Runtime::new()?;
    let trials = trials(&shared, runtime.handle());
    if arguments.list {
        return Ok(libtest_mimic::run(&arguments, trials).exit_code());
    }

    let began = Instant::now();
    let mut interrupt = runtime.block_on(async { Interrupt::listen() })?;
    let stack = match runtime.block_on(up_unless_interrupted(&mut interrupt)) {
        Ok(up) => Arc::new(up.context("the stack could not be brought up")?),
        Err(code) => return Ok(ExitCode::from(code)),
    };
    eprintln!("The stack was up after {:.1} s.", began.elapsed().as_secs_f64());
    let mut guard = Guard::new();
    stack.groups().into_iter().for_each(|group| guard.hold(group));
    let _ = shared.set(Arc::clone(&stack));
    let (handle, watched) = (runtime.handle().clone(), Arc::clone(&stack));
    std::thread::spawn(move || handle.block_on(stop_when_interrupted(interrupt, watched)));

    let conclusion = libtest_mimic::run(&arguments, trials);

    let down = runtime.block_on(stack.down(conclusion.has_failed()));
    guard.release();
    eprintln!("The whole run took {:.1} s.", began.elapsed().as_secs_f64());
    down?;
    Ok(conclusion.exit_code())
}

/// The stack, or, when somebody asked this process to end first, the exit code for that; what had been started is gone then.
async fn up_unless_interrupted(interrupt: &mut Interrupt) -> Result<Result<Stack>, u8> {
    tokio::select! {
        up = Stack::up() => Ok(up),
        code = interrupt.requested() => Err(code),
    }
}

async fn stop_when_interrupted(mut interrupt: Interrupt, stack: Arc<Stack>) {
    let code = interrupt.requested().await;
    eprintln!("\nInterrupted, taking the stack down.");
    let down = stack.down(true).await;
    if let Err(error) = down {
        eprintln!("{error:#}");
    }
    std::process::exit(code.into());
}
