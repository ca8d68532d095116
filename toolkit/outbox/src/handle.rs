//! A command from arrival to commit: load, recognise, decide, write once.

use std::error::Error;
use std::time::SystemTime;

use futures::future::try_join_all;

use crate::{
    AggregateId, AggregateStore, Command, CommandId, Commit, CommitError, Decision, Image, Refused, Reply, StoreError,
};

/// How often a commit is tried that somebody else keeps being quicker than. Each time somebody has made progress, so this
/// is reached only where very many meet; the queue's back-off is then the better place to wait.
const MAX_ATTEMPTS: usize = 5;

/// What became of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handled {
    /// The answer, the same however often the command arrives.
    pub reply: Reply,
    /// Whether it had been handled before this call.
    pub repeated: bool,
}

/// Handles a command in one atomic write.
///
/// `others` says, seeing home, which aggregates the decision needs beside it. `decide` is shown home first and then those,
/// in that order, and is called again when another commit was quicker. Its error is the caller's own; whatever it
/// wants to say to the asker is a [`Reply`]. What it was shown but does not change is not guarded: it may have changed
/// meanwhile.
///
/// Once this is `Ok` everything is written; what is to be said the relay says. Timelines, with *home* at version 4:
///
/// ```text
/// the answer of a write is lost, and the client repeats it
///   A  load 4, decide, write 5 ok (answer lost) . again: refused, 5 is there . load 5: finds its own proof -> done
///
/// the same message is delivered to two
///   A  load 4, decide, write 5 ok
///   B  load 4, decide, ........... write 5: refused . load 5: finds A's proof -> repeated, A's answer
///
/// the process dies after the write, and a third commit follows before the message comes back
///   A  load 4, decide, write 5 ok, dies
///   C                               load 5, write 6 ok (keeps A's proof)
///   A' (same message)                                   load 6: finds the proof -> repeated
///
/// several aggregates are loaded one after the other, and a twin commits in between: they do not fit together
///   A  load home 4, .......................... load SKU 8, decide: it does not fit . home is at 5 by now: start over
///   B                load 4 and 7, write 5 and 8 ok
///
/// a redriven workflow asks again with another token
///   A  load 4, decide, write 5 ok, answers token 1
///   A' (token 2)  load 5: proof for token 1 -> write 6: the same answer to token 2
/// ```
///
/// # Errors
/// [`HandleError`] says which of them are worth trying again.
pub async fn handle<C: AggregateStore, E: Into<Box<dyn Error + Send + Sync>>>(
    store: &C,
    command: &Command,
    now: SystemTime,
    others: impl Fn(&Image) -> Vec<AggregateId>,
    decide: impl Fn(&[Image]) -> Result<Decision, E>,
) -> Result<Handled, HandleError> {
    for attempt in 0..MAX_ATTEMPTS {
        let home = store.load(&command.home).await?;
        let others = if home.proof(&command.id).is_none() { others(&home) } else { Vec::new() };
        let mut loaded = vec![home];
        loaded.extend(try_join_all(others.iter().map(|id| store.load(id))).await?);
        match handle_loaded(store, command, now, &loaded, &decide).await {
            // On a later attempt the proof may be of our own write, refused because its first answer was lost.
            Ok(handled) => return Ok(Handled { repeated: handled.repeated && attempt == 0, ..handled }),
            Err(HandleError::Contended { .. }) => {}
            Err(HandleError::Undecided(_)) if is_torn(store, &loaded).await? => {}
            Err(error) => return Err(error),
        }
    }
    Err(HandleError::Contended { command: command.id.clone() })
}

/// One attempt of [`handle`] by who has loaded already, because it asked somebody else in between: nothing is loaded, and
/// a write that finds another version than the one in `loaded` is [`HandleError::Contended`]. Load anew then, and ask anew
/// if the proof is not there.
///
/// `loaded` has home and whatever else the decision changes.
///
/// # Errors
/// As [`handle`]. A `decide` that gives up does so on what was loaded, which may have changed since.
pub async fn handle_loaded<C: AggregateStore, E: Into<Box<dyn Error + Send + Sync>>>(
    store: &C,
    command: &Command,
    now: SystemTime,
    loaded: &[Image],
    decide: impl FnOnce(&[Image]) -> Result<Decision, E>,
) -> Result<Handled, HandleError> {
    let Some(home) = loaded.iter().find(|it| *it.aggregate() == command.home) else {
        return Err(Refused::NotLoaded { aggregate: command.home.clone() }.into());
    };
    let (commit, handled) = match home.proof(&command.id) {
        Some(proof) => {
            let handled = Handled { reply: proof.reply.clone(), repeated: true };
            if proof.answers(command.token.as_ref()) {
                return Ok(handled);
            }
            (Commit::repeated(command, home, proof, now)?, handled)
        }
        None => {
            let decision = decide(loaded).map_err(|error| HandleError::Undecided(error.into()))?;
            let handled = Handled { reply: decision.reply.clone(), repeated: false };
            (Commit::decided(command, loaded, decision, now)?, handled)
        }
    };
    match store.commit(&commit).await {
        Ok(()) => Ok(handled),
        Err(CommitError::Conflict) => Err(HandleError::Contended { command: command.id.clone() }),
        Err(CommitError::Store(error)) => Err(error.into()),
    }
}

/// Whether what was loaded has changed since. A decision that is written is guarded by the versions of what it changes;
/// one that gives up is not, and may have been shown images that never stood beside each other.
async fn is_torn<C: AggregateStore>(store: &C, loaded: &[Image]) -> Result<bool, StoreError> {
    if loaded.len() < 2 {
        return Ok(false);
    }
    let now = try_join_all(loaded.iter().map(|it| store.load(it.aggregate()))).await?;
    Ok(now.iter().zip(loaded).any(|(now, then)| now.version() != then.version()))
}

/// A command that was not handled, or not known to be.
#[derive(Debug, thiserror::Error)]
pub enum HandleError {
    /// The caller's `decide` gave up on what is there. It is pure, so it would again: permanent.
    #[error("no decision was reached")]
    Undecided(#[source] Box<dyn Error + Send + Sync>),
    /// The decision can never be carried out. Permanent.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Others were quicker every time. Transient.
    #[error("others kept being quicker than {command}")]
    Contended {
        /// The command.
        command: CommandId,
    },
    /// The store failed; whether the commit was written is unknown, and the command's repeat will tell. Transient.
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use futures::join;
    use tidegate_cloudevents::JsonText;

    use super::*;
    use crate::{Change, MemoryAggregates, Message, TaskToken};

    /// A store that lets others go first at each call, and loses the answers it is told to lose.
    #[derive(Default)]
    struct Slow {
        inner: MemoryAggregates,
        lost: Mutex<Vec<CommitError>>,
    }

    impl AggregateStore for Slow {
        async fn load(&self, aggregate: &AggregateId) -> Result<Image, StoreError> {
            tokio::task::yield_now().await;
            self.inner.load(aggregate).await
        }

        async fn commit(&self, commit: &Commit) -> Result<(), CommitError> {
            tokio::task::yield_now().await;
            self.inner.commit(commit).await?;
            self.lost.lock().unwrap().pop().map_or(Ok(()), Err)
        }
    }

    fn command(id: &str, token: Option<&str>) -> Command {
        let home = AggregateId::new("order-17").unwrap();
        Command { id: CommandId::new(id).unwrap(), home, token: token.map(|it| TaskToken::new(it).unwrap()) }
    }

    /// Appends the command to the state, and answers with how long it is then.
    async fn append(store: &Slow, command: &Command) -> Result<Handled, HandleError> {
        let decide = |loaded: &[Image]| {
            let mut state: Vec<String> = loaded[0].state_as().unwrap().unwrap_or_default();
            state.push(command.id.to_string());
            let (aggregate, reply) = (command.home.clone(), Reply::success(&state.len()).unwrap());
            let change =
                Change { aggregate, state: JsonText::of(&state).unwrap(), events: Vec::new(), index: Vec::new() };
            Ok::<_, String>(Decision { reply, changes: vec![change] })
        };
        handle(store, command, SystemTime::UNIX_EPOCH, |_| Vec::new(), decide).await
    }

    async fn home(store: &Slow) -> Image {
        store.inner.load(&command("x", None).home).await.unwrap()
    }

    fn handled(length: usize, repeated: bool) -> Handled {
        Handled { reply: Reply::success(&length).unwrap(), repeated }
    }

    #[tokio::test(flavor = "current_thread")]
    async fn of_twins_one_commits_and_both_answer_the_same() {
        let (store, command) = (Slow::default(), command("a", Some("t")));
        let (one, two) = join!(append(&store, &command), append(&store, &command));
        assert_eq!(one.unwrap().reply, two.unwrap().reply);
        assert_eq!(store.inner.records_from(0).len(), 1);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn of_rivals_both_commit_one_after_the_other() {
        let (store, a, b) = (Slow::default(), command("a", None), command("b", None));
        let (one, two) = join!(append(&store, &a), append(&store, &b));
        assert_eq!((one.unwrap(), two.unwrap()), (handled(1, false), handled(2, false)));
        assert_eq!(home(&store).await.state().unwrap().get(), r#"["a","b"]"#);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_write_refused_because_of_itself_is_known_by_its_proof() {
        let store = Slow { lost: Mutex::new(vec![CommitError::Conflict]), ..Slow::default() };
        assert_eq!(append(&store, &command("a", Some("t"))).await.unwrap(), handled(1, false));
        assert_eq!(store.inner.records_from(0).len(), 1);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_command_whose_outcome_was_unknown_is_answered_alike_when_it_comes_again() {
        let command = command("a", Some("t"));
        let lost = StoreError { operation: "commit", aggregate: command.home.clone(), source: "timed out".into() };
        let store = Slow { lost: Mutex::new(vec![lost.into()]), ..Slow::default() };
        assert!(matches!(append(&store, &command).await, Err(HandleError::Store(_))));
        assert_eq!(append(&store, &self::command("b", None)).await.unwrap(), handled(2, false));
        assert_eq!(append(&store, &command).await.unwrap(), handled(1, true));
        assert_eq!(store.inner.records_from(0).len(), 2);
    }

    /// A store in which a twin of the command commits between the first load and the second.
    struct Torn {
        inner: MemoryAggregates,
        loads: Mutex<usize>,
    }

    impl AggregateStore for Torn {
        async fn load(&self, aggregate: &AggregateId) -> Result<Image, StoreError> {
            let load = {
                let mut loads = self.loads.lock().unwrap();
                *loads += 1;
                *loads
            };
            if load == 2 {
                move_one(&self.inner, &command("a", None)).await.unwrap();
            }
            self.inner.load(aggregate).await
        }

        async fn commit(&self, commit: &Commit) -> Result<(), CommitError> {
            self.inner.commit(commit).await
        }
    }

    /// Moves the one piece that home has aside to the other, which holds one at most.
    async fn move_one<C: AggregateStore>(store: &C, command: &Command) -> Result<Handled, HandleError> {
        let other = AggregateId::new("other").unwrap();
        let decide = |loaded: &[Image]| {
            let (aside, moved) = (loaded[0].state_as::<u64>().unwrap(), loaded[1].state_as::<u64>().unwrap());
            if (aside.unwrap_or(1), moved.unwrap_or(0)) != (1, 0) {
                return Err("there is nothing to move");
            }
            let change = |at: usize, state: u64| Change {
                aggregate: loaded[at].aggregate().clone(),
                state: JsonText::of(&state).unwrap(),
                events: Vec::new(),
                index: Vec::new(),
            };
            Ok(Decision { reply: Reply::success(&"moved").unwrap(), changes: vec![change(0, 0), change(1, 1)] })
        };
        handle(store, command, SystemTime::UNIX_EPOCH, |_| vec![other.clone()], decide).await
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_was_loaded_around_a_twins_commit_is_no_reason_to_give_up() {
        let torn = Torn { inner: MemoryAggregates::default(), loads: Mutex::default() };
        let handled = move_one(&torn, &command("a", None)).await.unwrap();
        assert_eq!(handled.reply, Reply::success(&"moved").unwrap());
        let gave_up = move_one(&torn, &command("b", None)).await;
        assert!(matches!(gave_up, Err(HandleError::Undecided(_))), "{gave_up:?}");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_redriven_command_has_the_same_answer_said_to_its_new_token_and_nothing_else() {
        let store = Slow::default();
        append(&store, &command("a", Some("t1"))).await.unwrap();
        let state = home(&store).await.state().cloned();
        assert_eq!(append(&store, &command("a", Some("t2"))).await.unwrap(), handled(1, true));
        let redriven = home(&store).await;
        assert_eq!(redriven.state().cloned(), state);
        let [Message::Reply { token, reply, .. }] = redriven.outbox() else { panic!("{redriven:?}") };
        assert_eq!((token.expose(), reply), ("t2", &handled(1, true).reply));
        for token in [Some("t2"), None] {
            append(&store, &command("a", token)).await.unwrap();
        }
        assert_eq!(store.inner.records_from(0).len(), 2, "whoever was answered is not answered again");
    }

    #[tokio::test(flavor = "current_thread")]
    async fn one_that_loses_every_time_gives_up() {
        let decided =
            |_: &[Image]| Ok::<_, String>(Decision { reply: Reply::success(&1).unwrap(), changes: Vec::new() });
        let lost = handle(&Refusing, &command("a", None), SystemTime::UNIX_EPOCH, |_| Vec::new(), decided).await;
        assert!(matches!(lost, Err(HandleError::Contended { .. })));
    }

    struct Refusing;

    impl AggregateStore for Refusing {
        async fn load(&self, aggregate: &AggregateId) -> Result<Image, StoreError> {
            Ok(Image::absent(aggregate.clone()))
        }

        async fn commit(&self, _: &Commit) -> Result<(), CommitError> {
            Err(CommitError::Conflict)
        }
    }
}
