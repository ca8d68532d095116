//! From a command to the write that carries it out.

use std::time::SystemTime;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tidegate_batch::Failure;
use tidegate_events::{About, Envelope};
use tidegate_orders::{Completion, InvalidTransition, Next, Transition};
use tidegate_outbox::{
    AggregateId, AggregateStore, Change, Decision, HandleError, Handled, Image, Loaded, Reply, Step, Write, handle,
    handle_asking,
};

/// An aggregate's state, the default one where it was never written.
///
/// # Errors
/// [`Failure`], permanent, where it is of a shape that is not known.
pub fn state<S: DeserializeOwned + Default>(image: &Image) -> Result<S, Failure> {
    image.state_as().map(Option::unwrap_or_default).map_err(Failure::permanent)
}

/// A change without events.
///
/// # Errors
/// [`Failure`], permanent, where the state has no JSON.
pub fn changed(aggregate: AggregateId, state: &impl Serialize) -> Result<Change, Failure> {
    Change::new(aggregate, state).map_err(Failure::permanent)
}

/// A service's transition of the order's item as the outbox writes it: state, reply, and the events as CloudEvents.
///
/// # Errors
/// [`Failure`], permanent, where the state has no JSON.
pub fn decision<S: Serialize>(
    envelope: &Envelope,
    transition: Transition<S>,
    now: SystemTime,
) -> Result<Decision, Failure> {
    let about = About {
        order_id: &envelope.order_id,
        time: Timestamp::try_from(now).map_err(Failure::permanent)?,
        cause: Some(&envelope.command_id),
        correlation_id: envelope.correlation_id.as_ref(),
        traceparent: envelope.traceparent.as_deref(),
    };
    let Transition { state, completion, events } = transition;
    let change = changed(AggregateId::from(&envelope.order_id), &state)?;
    let change = change.events(events.iter().map(|event| event.to_cloudevent(&about)));
    let reply = match completion {
        Completion::Done(word) => Some(Reply::success(&word).map_err(Failure::permanent)?),
        Completion::Refused { error, cause } => Some(Reply::failure(error.as_str(), cause)),
        Completion::Deferred => None,
    };
    Ok(Decision { reply, ..Decision::changes([change]) })
}

/// Carries a command out that the service decides about alone: [`handle`], with failures for errors.
///
/// # Errors
/// [`Failure`]: that of `decide`; what cannot be written is permanent; a conflict and a store that does not answer are
/// transient.
pub async fn commit<S: AggregateStore>(
    store: &S,
    write: &Write,
    now: SystemTime,
    concerns: impl Fn(&Image) -> Vec<AggregateId>,
    decide: impl Fn(Loaded<'_>) -> Result<Decision, Failure>,
) -> Result<Handled, Failure> {
    handle(store, write, now, concerns, decide).await.map_err(failure)
}

/// Carries a command out for which somebody outside has to be asked: [`handle_asking`] for a service's own state.
///
/// # Errors
/// As [`commit`], and what `ask` fails with.
pub async fn ask_and_commit<S, T, Q, A>(
    store: &S,
    envelope: &Envelope,
    clock: &impl Fn() -> SystemTime,
    decide: impl Fn(&T, &[A]) -> Result<Next<T, Q>, InvalidTransition>,
    ask: impl AsyncFn(Q) -> Result<A, Failure>,
) -> Result<Handled, Failure>
where
    S: AggregateStore,
    T: Serialize + DeserializeOwned + Default,
{
    let decide = |loaded: Loaded<'_, A>| {
        let state: T = state(loaded.home)?;
        Ok(match decide(&state, loaded.answers).map_err(Failure::permanent)? {
            Next::Record(state) => Step::Record(vec![changed(loaded.home.aggregate().clone(), &state)?]),
            Next::Ask(request) => Step::Ask(request),
            Next::Done(transition) => Step::Done(decision(envelope, transition, loaded.now)?),
        })
    };
    let concerns = |_: &Image| Vec::new();
    handle_asking(store, &Write::from(envelope), clock, concerns, decide, ask).await.map_err(failure)
}

fn failure(error: HandleError<Failure>) -> Failure {
    match error {
        HandleError::Decision(failure) => failure,
        HandleError::Refused(_) => Failure::permanent(tidegate_runtime::chain(&error)),
        HandleError::Conflict { .. } | HandleError::Store(_) => Failure::transient(tidegate_runtime::chain(&error)),
    }
}
