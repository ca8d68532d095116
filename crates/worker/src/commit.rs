//! From a command to the write that carries it out.

use std::error::Error;
use std::time::SystemTime;

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tidegate_batch::Failure;
use tidegate_cloudevents::JsonText;
use tidegate_events::{About, Envelope};
use tidegate_orders::{InvalidTransition, Next};
use tidegate_outbox::{
    AggregateId, AggregateStore, Change, Command, CommandId, Decision, HandleError, Handled, Image, InvalidName, Reply,
    TaskToken, handle, handle_loaded,
};

/// How often somebody is asked anew because somebody else wrote first. The queue's back-off is then the better place to
/// wait.
const MAX_ROUNDS: usize = 5;

/// Why there is no decision. Trying again does not help.
pub type Undecided = Box<dyn Error + Send + Sync>;

/// What is stored is not of the shape that this version knows. Does not quote it.
#[derive(Debug, thiserror::Error)]
#[error("the state of {aggregate} cannot be read")]
struct Unreadable {
    aggregate: AggregateId,
}

/// Somebody else wrote meanwhile: what was decided, or asked, is for another state. As the error of a decision it has the
/// command come again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("another write was quicker")]
pub struct Overtaken;

/// The command as the outbox knows it; its home is the order's item in the service's table.
///
/// # Errors
/// [`Failure`], permanent, where the names cannot be the outbox's.
pub fn command(envelope: &Envelope) -> Result<Command, Failure> {
    let command = || -> Result<Command, InvalidName> {
        Ok(Command {
            id: CommandId::new(envelope.command_id.as_str())?,
            home: home(envelope)?,
            token: envelope.task_token.as_ref().map(|it| TaskToken::new(it.as_str())).transpose()?,
        })
    };
    command().map_err(Failure::permanent)
}

fn home(envelope: &Envelope) -> Result<AggregateId, InvalidName> {
    AggregateId::new(envelope.order_id.as_str())
}

/// An aggregate's state, the default one where it was never written.
///
/// # Errors
/// Where it is of a shape that is not known.
pub fn state<S: DeserializeOwned + Default>(image: &Image) -> Result<S, Undecided> {
    let state = image.state_as().map_err(|_| Unreadable { aggregate: image.aggregate().clone() })?;
    Ok(state.unwrap_or_default())
}

/// What becomes of an aggregate that says nothing.
///
/// # Errors
/// Where the state has no JSON.
pub fn changed(aggregate: AggregateId, state: &impl Serialize) -> Result<Change, Undecided> {
    Ok(Change { aggregate, state: JsonText::of(state)?, events: Vec::new(), index: Vec::new() })
}

/// A service's decision about the order's item as the outbox writes it: state, reply, and the events as CloudEvents.
///
/// # Errors
/// Where the state has no JSON, or an event cannot be one.
pub fn decided<S: Serialize>(
    envelope: &Envelope,
    decision: tidegate_orders::Decision<S>,
    now: SystemTime,
) -> Result<Decision, Undecided> {
    let about = About {
        order_id: &envelope.order_id,
        time: Timestamp::try_from(now)?,
        cause: Some(&envelope.command_id),
        correlation_id: envelope.correlation_id.as_ref(),
        traceparent: envelope.traceparent.as_deref(),
    };
    // The outbox gives each event its id.
    let events = decision.events.iter().map(|it| it.to_cloudevent("-", &about)).collect::<Result<_, _>>()?;
    let change = Change { events, ..changed(home(envelope)?, &decision.state)? };
    let reply = match decision.reply {
        tidegate_orders::Reply::Done(word) => Reply::success(&word)?,
        tidegate_orders::Reply::No { error, cause } => Reply::failure(error.as_str(), cause),
        // Nobody is answered with it: a person will say.
        tidegate_orders::Reply::Later => Reply::success(&"later")?,
    };
    Ok(Decision { reply, changes: vec![change] })
}

/// Carries a command out that the service decides about alone. `others` and `decide` are those of [`handle`].
///
/// # Errors
/// [`Failure`]: what cannot be decided or written is permanent, a store that does not answer transient.
pub async fn commit<C: AggregateStore>(
    store: &C,
    command: &Command,
    now: SystemTime,
    others: impl Fn(&Image) -> Vec<AggregateId>,
    decide: impl Fn(&[Image]) -> Result<Decision, Undecided>,
) -> Result<Handled, Failure> {
    handle(store, command, now, others, decide).await.map_err(|error| failure(&error))
}

/// Carries a command out for which somebody outside has to be asked: load, decide, record what will be asked, ask, decide,
/// commit. A write that finds another state than the one decided upon starts over; whoever is asked then answers the
/// same again.
///
/// ```text
///   A  load 0, record 1, load 1, ask ....... dies
///   A' (same message)                        load 1, ask the same: the same answer, write 2
///
///   A  load 0, record 1, load 1, ask .................. write 2: overtaken . load 2, decide on what U left
///   U  (its compensation)       load 1, ask the same, undo it, write 2
/// ```
///
/// # Errors
/// As [`commit`], and what `ask` fails with.
pub async fn ask_and_commit<C: AggregateStore, S, Q, A>(
    store: &C,
    envelope: &Envelope,
    clock: &impl Fn() -> SystemTime,
    decide: impl Fn(&S, &[A]) -> Result<Next<S, Q>, InvalidTransition>,
    ask: impl AsyncFn(Q) -> Result<A, Failure>,
) -> Result<Handled, Failure>
where
    S: Serialize + DeserializeOwned + Default,
{
    let command = command(envelope)?;
    let mut has_tried = false;
    'rounds: for _ in 0..MAX_ROUNDS {
        let home = load(store, &command).await?;
        let state: S = state(&home).map_err(|error| Failure::permanent(&*error))?;
        let mut answers = Vec::new();
        let (mut recorded, mut done) = (None, None);
        // What was handled is answered by its proof, and nobody is asked again.
        while recorded.is_none() && done.is_none() && home.proof(&command.id).is_none() {
            match decide(&state, &answers) {
                Ok(Next::Ask(request)) => answers.push(ask(request).await?),
                Ok(Next::Record(state)) => recorded = Some(state),
                Ok(Next::Done(decision)) => done = Some(decision),
                // It may fit what somebody else has left meanwhile.
                Err(_) if load(store, &command).await?.version() != home.version() => continue 'rounds,
                Err(invalid) => return Err(Failure::permanent(invalid)),
            }
        }
        // Whatever was asked has taken its time: what happened, happened now.
        let (now, home) = (clock(), [home]);
        let written = match recorded {
            Some(state) => {
                let note = record(&command)?;
                handle_loaded(store, &note, now, &home, |_| noted(&command, &state)).await.map(|_| None)
            }
            None => {
                let decide = |_: &[Image]| decided(envelope, done.ok_or(Overtaken)?, now);
                let handled = handle_loaded(store, &command, now, &home, decide).await;
                // The proof may be of our own write, refused because its first answer was lost.
                let is_ours = std::mem::replace(&mut has_tried, true);
                handled.map(|it| Some(Handled { repeated: it.repeated && !is_ours, ..it }))
            }
        };
        match written {
            Ok(Some(handled)) => return Ok(handled),
            Ok(None) | Err(HandleError::Contended { .. }) => {}
            Err(error) => return Err(failure(&error)),
        }
    }
    Err(Failure::transient(format!("others kept being quicker than {}", command.id)))
}

async fn load<C: AggregateStore>(store: &C, command: &Command) -> Result<Image, Failure> {
    store.load(&command.home).await.map_err(|error| failure(&error.into()))
}

/// That something will be asked, which says nothing to anybody yet.
fn noted(command: &Command, state: &impl Serialize) -> Result<Decision, Undecided> {
    Ok(Decision { reply: Reply::success(&"recorded")?, changes: vec![changed(command.home.clone(), state)?] })
}

/// The write of what will be asked is a command of its own, which nobody waits for.
fn record(command: &Command) -> Result<Command, Failure> {
    let id = CommandId::new(format!("{}/record", command.id)).map_err(Failure::permanent)?;
    Ok(Command { id, home: command.home.clone(), token: None })
}

fn failure(error: &HandleError) -> Failure {
    let text = tidegate_runtime::chain(error);
    match error {
        HandleError::Undecided(source) if source.is::<Overtaken>() => Failure::transient(text),
        HandleError::Undecided(_) | HandleError::Refused(_) => Failure::permanent(text),
        HandleError::Contended { .. } | HandleError::Store(_) => Failure::transient(text),
    }
}
