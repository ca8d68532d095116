use std::sync::Mutex;

use futures::join;

use super::*;
use crate::ids::{CommandId, TaskToken};
use crate::memory::MemoryAggregates;
use crate::message::Message;

/// A store that lets others go first at each call, and loses answers where a test wants it.
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

fn command(id: &str, token: Option<&str>) -> Write {
    let home = AggregateId::new("order-17").unwrap();
    Write::command(CommandId::new(id).unwrap(), home).answering(token.map(|it| TaskToken::new(it).unwrap()))
}

fn nothing(_: &Image) -> Vec<AggregateId> {
    Vec::new()
}

/// Appends the command to the state, and answers with how long it is then.
async fn append(store: &Slow, write: &Write) -> Result<(Option<Reply>, bool), HandleError<String>> {
    let decide = |loaded: Loaded<'_>| {
        let mut state: Vec<String> = loaded.home.state_as().unwrap().unwrap_or_default();
        state.push(write.id.as_ref().unwrap().to_string());
        let change = Change::new(write.home.clone(), &state).unwrap();
        Ok(Decision::changes([change]).reply(Reply::success(&state.len()).unwrap()))
    };
    let handled = handle(store, write, SystemTime::UNIX_EPOCH, nothing, decide).await?;
    Ok((handled.reply, handled.repeated))
}

async fn home(store: &Slow) -> Image {
    store.inner.load(&command("x", None).home).await.unwrap()
}

fn handled(length: usize, repeated: bool) -> (Option<Reply>, bool) {
    (Some(Reply::success(&length).unwrap()), repeated)
}

#[tokio::test(flavor = "current_thread")]
async fn of_twins_one_commits_and_both_answer_the_same() {
    let (store, command) = (Slow::default(), command("a", Some("t")));
    let (one, two) = join!(append(&store, &command), append(&store, &command));
    assert_eq!(one.unwrap().0, two.unwrap().0);
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
async fn move_one<S: AggregateStore>(store: &S, write: &Write) -> Result<Handled, HandleError<&'static str>> {
    let other = AggregateId::new("other").unwrap();
    let decide = |Loaded { home, others, .. }: Loaded<'_>| {
        let (aside, moved) = (home.state_as::<u64>().unwrap(), others[0].state_as::<u64>().unwrap());
        if (aside.unwrap_or(1), moved.unwrap_or(0)) != (1, 0) {
            return Err("there is nothing to move");
        }
        let change = |image: &Image, state: u64| Change::new(image.aggregate().clone(), &state).unwrap();
        Ok(Decision::changes([change(home, 0), change(&others[0], 1)]).reply(Reply::success(&"moved").unwrap()))
    };
    handle(store, write, SystemTime::UNIX_EPOCH, |_| vec![other.clone()], decide).await
}

#[tokio::test(flavor = "current_thread")]
async fn what_was_loaded_around_a_twins_commit_is_no_reason_to_give_up() {
    let torn = Torn { inner: MemoryAggregates::default(), loads: Mutex::default() };
    let handled = move_one(&torn, &command("a", None)).await.unwrap();
    assert_eq!(handled.reply, Some(Reply::success(&"moved").unwrap()));
    let gave_up = move_one(&torn, &command("b", None)).await;
    assert!(matches!(gave_up, Err(HandleError::Decision(_))), "{gave_up:?}");
}

#[tokio::test(flavor = "current_thread")]
async fn a_redriven_command_has_the_same_reply_sent_to_its_new_token_and_nothing_else() {
    let store = Slow::default();
    append(&store, &command("a", Some("t1"))).await.unwrap();
    let state = home(&store).await.state().cloned();
    assert_eq!(append(&store, &command("a", Some("t2"))).await.unwrap(), handled(1, true));
    let redriven = home(&store).await;
    assert_eq!(redriven.state().cloned(), state);
    let [Message::Reply { token, reply, .. }] = redriven.outbox() else { panic!("{redriven:?}") };
    assert_eq!((token.expose(), Some(reply)), ("t2", handled(1, true).0.as_ref()));
    for token in [Some("t2"), None] {
        append(&store, &command("a", token)).await.unwrap();
    }
    assert_eq!(store.inner.records_from(0).len(), 2, "whoever was answered is not answered again");
}

#[tokio::test(flavor = "current_thread")]
async fn one_that_loses_every_time_gives_up() {
    let decided = |_: Loaded<'_>| Ok::<_, String>(Decision::default().reply(Reply::success(&1).unwrap()));
    let lost = handle(&Refusing, &command("a", None), SystemTime::UNIX_EPOCH, nothing, decided).await;
    assert!(matches!(lost, Err(HandleError::Conflict { rounds: 5, .. })), "{lost:?}");
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

/// Counts home up to a limit, by no command: that it is there is seen in the state.
fn up_to(limit: u64) -> impl Fn(Loaded<'_>) -> Result<Decision, String> {
    move |loaded| {
        let count = loaded.home.state_as::<u64>().unwrap().unwrap_or(0);
        if count >= limit {
            return Ok(Decision::default());
        }
        Ok(Decision::changes([Change::new(loaded.home.aggregate().clone(), &(count + 1)).unwrap()]))
    }
}

fn unnamed() -> Write {
    Write::to(AggregateId::new("order-17").unwrap())
}

#[tokio::test(flavor = "current_thread")]
async fn what_is_no_commands_is_recognised_in_the_state_and_leaves_no_proof() {
    let store = Slow { lost: Mutex::new(vec![CommitError::Conflict]), ..Slow::default() };
    let first = handle(&store, &unnamed(), SystemTime::UNIX_EPOCH, nothing, up_to(1)).await.unwrap();
    assert!(first.written.is_none(), "its own write, whose answer was lost, left nothing to write");
    assert_eq!(first.home().state_as::<u64>().unwrap(), Some(1));
    let second = handle(&store, &unnamed(), SystemTime::UNIX_EPOCH, nothing, up_to(2)).await.unwrap();
    assert_eq!((second.found.version().0, second.home().version().0), (1, 2));
    assert_eq!((store.inner.records_from(0).len(), home(&store).await.proofs.len()), (2, 0));
}

#[tokio::test(flavor = "current_thread")]
async fn what_is_written_over_a_known_image_is_not_loaded_first_and_looks_what_came_before_it() {
    let store = Slow::default();
    let create = || unnamed().over(Image::absent(unnamed().home)).at_most(1);
    handle(&store, &create(), SystemTime::UNIX_EPOCH, nothing, up_to(1)).await.unwrap();
    let again = handle(&store, &create(), SystemTime::UNIX_EPOCH, nothing, up_to(1)).await.unwrap();
    assert_eq!((again.found.version().0, again.written), (1, None));
    let another = handle(&store, &create(), SystemTime::UNIX_EPOCH, nothing, up_to(2)).await;
    assert!(matches!(another, Err(HandleError::Conflict { rounds: 1, .. })), "one write at most: {another:?}");
}

/// Records the question, asks it, and writes the answer down.
async fn ask_once(store: &Slow, write: &Write, asked: &Mutex<Vec<u64>>) -> Result<Handled, HandleError<String>> {
    let decide = |loaded: Loaded<'_, u64>| {
        let change = |state: &str| Change::new(write.home.clone(), &state).unwrap();
        Ok(match (loaded.home.state_as::<String>().unwrap().as_deref(), loaded.answers) {
            (None, _) => Step::Record(vec![change("asking")]),
            (Some("asking"), []) => Step::Ask(17),
            (Some("asking"), [answer]) => {
                Step::Done(Decision::changes([change("answered")]).reply(Reply::success(answer).unwrap()))
            }
            (Some(_), _) => return Err("undone".to_owned()),
        })
    };
    let ask = async |question| {
        asked.lock().unwrap().push(question);
        tokio::task::yield_now().await;
        Ok(question + 1)
    };
    handle_asking(store, write, || SystemTime::UNIX_EPOCH, nothing, decide, ask).await
}

#[tokio::test(flavor = "current_thread")]
async fn what_will_be_asked_is_recorded_first_without_a_proof_and_a_repeat_does_not_ask() {
    let (store, asked, write) = (Slow::default(), Mutex::default(), command("a", Some("t")));
    let first = ask_once(&store, &write, &asked).await.unwrap();
    let again = ask_once(&store, &write, &asked).await.unwrap();
    assert_eq!((first.reply, first.repeated), (Some(Reply::success(&18).unwrap()), false));
    assert!(again.repeated && again.reply.is_some());
    assert_eq!(*asked.lock().unwrap(), [17]);
    let records = store.inner.records_from(0);
    let proofs: Vec<_> = records.iter().map(|it| it.image().unwrap().unwrap().proofs.len()).collect();
    assert_eq!(proofs, [0, 1]);
}

#[tokio::test(flavor = "current_thread")]
async fn of_twins_that_ask_both_ask_the_same_and_one_writes() {
    let (store, asked, write) = (Slow::default(), Mutex::default(), command("a", Some("t")));
    let (one, two) = join!(ask_once(&store, &write, &asked), ask_once(&store, &write, &asked));
    assert_eq!(one.unwrap().reply, two.unwrap().reply);
    assert_eq!((store.inner.records_from(0).len(), asked.lock().unwrap().as_slice()), (2, &[17, 17][..]));
}
