//! What every store of aggregates must do: one suite, run against memory and against the emulator's DynamoDB.

#![expect(clippy::expect_used, reason = "a suite fails as a test does: by panicking, with what went wrong")]

use std::sync::Arc;
use std::time::SystemTime;

use tidegate_cloudevents::Event;
use tidegate_outbox::{
    AggregateId, AggregateStore, Change, CommandId, Commit, CommitError, Decision, Handled, Image, Loaded, Message,
    Refused, Reply, TaskToken, Version, Write, handle,
};

/// A store with names of its own.
struct Case<'a, C> {
    store: &'a Arc<C>,
    name: String,
    now: SystemTime,
}

impl<C: AggregateStore> Case<'_, C> {
    fn id(&self, what: &str) -> AggregateId {
        AggregateId::new(format!("{}/{what}", self.name)).expect("a name")
    }

    fn id_of(&self, step: &str) -> CommandId {
        CommandId::of_step(&self.name, step).expect("a name")
    }

    fn command(&self, step: &str, token: Option<&str>) -> Write {
        let token = token.map(|token| TaskToken::new(token).expect("a token"));
        Write::command(self.id_of(step), self.id("home")).answering(token)
    }

    async fn load(&self, what: &str) -> Image {
        self.store.load(&self.id(what)).await.expect("the store answers")
    }

    /// The commit that counts every one of these up by one, home first, each with an event.
    fn counted(&self, write: &Write, loaded: &[Image]) -> Result<Commit, Refused> {
        let [home, others @ ..] = loaded else { panic!("home is loaded") };
        Commit::decided(write, home, others, count(home, others), self.now)
    }

    async fn handle(&self, write: &Write, others: &[&str]) -> Handled {
        let concerns = |_: &Image| others.iter().map(|it| self.id(it)).collect();
        let decide = |Loaded { home, others, .. }: Loaded<'_>| Ok::<_, String>(count(home, others));
        handle(&**self.store, write, self.now, concerns, decide).await.expect("it is handled")
    }
}

fn count(home: &Image, others: &[Image]) -> Decision {
    let next = |image: &Image| image.state_as::<u64>().expect("a number").unwrap_or(0) + 1;
    let change = |image: &Image| {
        let event = Event::builder_without_id("/suite", "counted").data_of(&next(image));
        let index = vec![("counted".to_owned(), next(image).to_string())];
        Change::new(image.aggregate().clone(), &next(image)).expect("JSON").events([event]).index(index)
    };
    let changes: Vec<_> = std::iter::once(home).chain(others).map(change).collect();
    Decision::changes(changes).reply(Reply::success(&next(home)).expect("JSON"))
}

/// Runs the whole suite. `unique` keeps several runs over one table apart.
///
/// # Panics
/// Where the store does not keep its contract.
pub async fn run<C: AggregateStore + 'static>(store: Arc<C>, unique: &str, now: SystemTime) {
    let case = |name: &str| Case { store: &store, name: format!("{unique}-{name}"), now };
    what_was_committed_is_loaded(&case("committed")).await;
    a_commit_over_an_older_version_is_refused(&case("stale")).await;
    several_aggregates_change_together_or_not_at_all(&case("together")).await;
    a_transaction_takes_a_hundred_aggregates(&case("hundred")).await;
    an_item_at_its_largest_is_kept(&case("large")).await;
    a_repeated_command_changes_nothing_and_a_new_token_gets_the_same_answer(&case("repeated")).await;
    of_racers_for_one_version_one_wins(&case("race"), &["home"]).await;
    of_racers_for_one_version_one_wins(&case("transaction-race"), &["home", "a", "b"]).await;
}

async fn what_was_committed_is_loaded<C: AggregateStore>(case: &Case<'_, C>) {
    let absent = case.load("home").await;
    assert_eq!(absent, Image::absent(case.id("home")));
    let commit = case.counted(&case.command("one", Some("token-1")), &[absent]).expect("fits");
    case.store.commit(&commit).await.expect("commits");
    let home = case.load("home").await;
    assert_eq!(home, commit.images()[0]);
    assert!(matches!(home.outbox(), [Message::Event(_), Message::Reply { .. }]), "{home:?}");
    assert_eq!(home.index().get("counted").map(String::as_str), Some("1"));

    let commit = case.counted(&case.command("two", None), &[home]).expect("fits");
    case.store.commit(&commit).await.expect("commits");
    let home = case.load("home").await;
    assert_eq!(
        (home.version(), home.outbox().len()),
        (Version(2), 1),
        "the last version's outbox does not stay behind"
    );
    assert!(home.proof(&case.id_of("one")).is_some(), "the last version's proof does");
}

async fn a_commit_over_an_older_version_is_refused<C: AggregateStore>(case: &Case<'_, C>) {
    let absent = case.load("home").await;
    let commit =
        |step: &str, image: &Image| case.counted(&case.command(step, None), std::slice::from_ref(image)).expect("fits");
    case.store.commit(&commit("one", &absent)).await.expect("commits");
    let one = case.load("home").await;
    let refused = case.store.commit(&commit("late", &absent)).await;
    assert!(matches!(refused, Err(CommitError::Conflict)), "{refused:?}");
    case.store.commit(&commit("two", &one)).await.expect("commits");
    let refused = case.store.commit(&commit("late", &one)).await;
    assert!(matches!(refused, Err(CommitError::Conflict)), "{refused:?}");
    assert_eq!(case.load("home").await.state_as::<u64>().expect("a number"), Some(2));
}

async fn several_aggregates_change_together_or_not_at_all<C: AggregateStore>(case: &Case<'_, C>) {
    let command = |step: &str| case.command(step, None);
    case.handle(&command("one"), &["a", "b"]).await;
    let stale = [case.load("home").await, case.load("a").await, case.load("b").await];
    case.store
        .commit(&case.counted(&Write::command(case.id_of("other"), case.id("b")), &stale[2..]).expect("fits"))
        .await
        .expect("commits");
    let refused = case.store.commit(&case.counted(&command("two"), &stale).expect("fits")).await;
    assert!(matches!(refused, Err(CommitError::Conflict)), "{refused:?}");
    for (what, count) in [("home", 1_u64), ("a", 1), ("b", 2)] {
        assert_eq!(case.load(what).await.state_as::<u64>().expect("a number"), Some(count), "{what}");
    }
}

async fn a_transaction_takes_a_hundred_aggregates<C: AggregateStore>(case: &Case<'_, C>) {
    let mut loaded = vec![case.load("home").await];
    for at in 1..100 {
        loaded.push(Image::absent(case.id(&at.to_string())));
    }
    let commit = case.counted(&case.command("one", None), &loaded).expect("fits");
    case.store.commit(&commit).await.expect("commits");
    assert_eq!(case.load("99").await, commit.images()[99]);
}

async fn an_item_at_its_largest_is_kept<C: AggregateStore>(case: &Case<'_, C>) {
    let command = case.command("one", Some("token-1"));
    let absent = case.load("home").await;
    let commit = |bytes: usize| {
        let change = Change::new(command.home.clone(), &"x".repeat(bytes)).expect("JSON");
        let decision = Decision::changes([change]).reply(Reply::success(&1).expect("JSON"));
        Commit::decided(&command, &absent, &[], decision, case.now)
    };
    // As large as it is not refused, to the byte.
    let (mut fits, mut refused) = (0, 400 * 1024);
    while refused - fits > 1 {
        let middle = usize::midpoint(fits, refused);
        if commit(middle).is_ok() { fits = middle } else { refused = middle }
    }
    case.store.commit(&commit(fits).expect("fits")).await.expect("what is not refused is kept");
}

async fn a_repeated_command_changes_nothing_and_a_new_token_gets_the_same_answer<C: AggregateStore>(
    case: &Case<'_, C>,
) {
    let first = case.handle(&case.command("one", Some("token-1")), &["a"]).await;
    case.handle(&case.command("two", None), &["a"]).await;
    let again = case.handle(&case.command("one", Some("token-1")), &["a"]).await;
    assert_eq!((first.repeated, again.repeated, again.reply == first.reply), (false, true, true));
    assert_eq!(case.load("home").await.version(), Version(2));

    let redriven = case.handle(&case.command("one", Some("token-2")), &["a"]).await;
    assert_eq!((redriven.reply.as_ref(), redriven.repeated), (again.reply.as_ref(), true));
    let home = case.load("home").await;
    let [Message::Reply { token, reply, .. }] = home.outbox() else { panic!("{home:?}") };
    assert_eq!((token.expose(), Some(reply)), ("token-2", first.reply.as_ref()));
    assert_eq!((home.version(), case.load("a").await.version()), (Version(3), Version(2)));
}

async fn of_racers_for_one_version_one_wins<C: AggregateStore + 'static>(case: &Case<'_, C>, aggregates: &[&str]) {
    let mut loaded = Vec::new();
    for what in aggregates {
        loaded.push(case.load(what).await);
    }
    let racers = (0..16).map(|racer| {
        let commit = case.counted(&case.command(&racer.to_string(), None), &loaded).expect("fits");
        let store = Arc::clone(case.store);
        tokio::spawn(async move { store.commit(&commit).await })
    });
    let mut winners = 0;
    for racer in racers.collect::<Vec<_>>() {
        match racer.await.expect("no panic") {
            Ok(()) => winners += 1,
            Err(CommitError::Conflict) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    // Transactions may refuse each other all at once; two may never both be written.
    assert!(winners <= 1 && (winners == 1 || aggregates.len() > 1), "{winners} of 16 were written");
    for what in aggregates {
        assert_eq!(case.load(what).await.version(), Version(winners), "{what}");
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tidegate_outbox::MemoryAggregates;

    use super::*;

    #[tokio::test]
    async fn memory_keeps_the_contract() {
        run(
            Arc::new(MemoryAggregates::default()),
            "memory",
            SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
        )
        .await;
    }
}
