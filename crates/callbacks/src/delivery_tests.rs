use http::StatusCode;
use proptest::prelude::*;
use tidegate_batch::sqs::MAX_DELAY;

use super::*;
use crate::schedule::{longest_life, receives as most_receives, schedule};

/// Neither early nor late.
const HALF: u64 = 1 << 63;

fn at(secs: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + secs).unwrap()
}

fn fresh() -> Delivery {
    let url = "https://shop.example/hooks?token=made-up".parse().unwrap();
    Delivery::new("ord_1".parse().unwrap(), "mona".parse().unwrap(), url, "ord_1/3/0", "{}", at(0))
}

fn answered(status: u16) -> (AttemptOutcome, Verdict) {
    let status = StatusCode::from_u16(status).unwrap();
    (AttemptOutcome::Answered(status), Verdict::of_answer(status, &http::HeaderMap::new()))
}

/// Begins at a time and ends in the same second.
fn attempt(delivery: &Delivery, secs: i64, end: (AttemptOutcome, Verdict)) -> (Delivery, Option<Endpoint>) {
    let (begun, NextAttempt::Send) = delivery.begin(&Endpoint::default(), at(secs), at(secs + 30), HALF) else {
        panic!("{delivery:?}")
    };
    begun.unwrap().finish(&Endpoint::default(), &RetrySchedule::default(), end, at(secs), HALF)
}

#[test]
fn attempts_come_at_the_times_of_the_schedule_and_then_no_more() {
    let (mut delivery, mut secs, mut times) = (fresh(), 0, Vec::new());
    while delivery.status == Status::Pending {
        times.push(secs);
        delivery = attempt(&delivery, secs, answered(500)).0;
        secs = delivery.next_at.map_or(secs, |next_at| next_at.as_second() - at(0).as_second());
    }
    assert_eq!(times, [0, 5, 305, 2_105, 9_305, 27_305, 63_305, 99_305]);
    assert_eq!((delivery.status, delivery.made, delivery.attempts.len()), (Status::Exhausted, 8, 8));
    assert_eq!(
        delivery.begin(&Endpoint::default(), at(secs + 1), at(secs + 31), 0),
        (None, NextAttempt::Ended(Status::Exhausted))
    );
}

#[test]
fn a_message_that_comes_early_waits_and_one_that_meets_a_sender_waits_for_its_deadline() {
    let (failed, _) = attempt(&fresh(), 0, answered(500));
    assert_eq!(failed.begin(&Endpoint::default(), at(4), at(34), 0), (None, NextAttempt::Wait(at(5))));
    let (sending, _) = failed.begin(&Endpoint::default(), at(5), at(35), 0);
    let sending = sending.unwrap();
    assert_eq!(sending.begin(&Endpoint::default(), at(6), at(36), 0), (None, NextAttempt::Wait(at(35))));

    let (after, begun) = sending.begin(&Endpoint::default(), at(35), at(65), 0);
    let after = after.unwrap();
    assert_eq!((begun, after.made), (NextAttempt::Send, 1), "what killed a sender costs the endpoint no attempt");
    assert_eq!(after.attempts.last().unwrap(), &Attempt { at: at(5), outcome: AttemptOutcome::Unknown });
}

#[test]
fn gone_disables_the_endpoint_and_what_comes_later_is_not_sent() {
    let (delivery, endpoint) = attempt(&fresh(), 0, answered(410));
    let endpoint = endpoint.unwrap();
    assert_eq!((delivery.status, delivery.next_at, endpoint.disabled_at), (Status::Disabled, None, Some(at(0))));

    let (later, begun) = fresh().begin(&endpoint, at(9), at(39), 0);
    let later = later.unwrap();
    assert_eq!((begun, later.status), (NextAttempt::Ended(Status::Disabled), Status::Disabled));
    assert_eq!(later.index(), [("status", "disabled"), ("since", "2026-09-21T14:13:29Z")].map(owned));
}

#[test]
fn an_overloaded_endpoint_is_asked_less_often_by_all_but_no_delivery_waits_for_it_twice() {
    let (delivery, endpoint) = attempt(&fresh(), 0, answered(429));
    let endpoint = endpoint.unwrap();
    assert_eq!((delivery.next_at, endpoint.slow_until), (Some(at(60)), Some(at(60))), "not after 5 seconds");

    let (other, begun) = fresh().begin(&endpoint, at(40), at(70), HALF);
    let other = other.unwrap();
    assert_eq!(begun, NextAttempt::Wait(at(70)), "somewhere in the 20 seconds after the 20 that are left");
    let still_slow = Endpoint { slow_until: Some(at(500)), ..endpoint };
    let (_, begun) = other.begin(&still_slow, at(70), at(100), HALF);
    assert_eq!(begun, NextAttempt::Send);
}

#[test]
fn a_slow_endpoint_is_never_made_less_slow_by_a_shorter_wish() {
    let known = Endpoint { slow_until: Some(at(900)), disabled_at: None };
    let (sending, _) = fresh().begin(&Endpoint::default(), at(0), at(30), 0);
    let (_, asked) = sending.unwrap().finish(&known, &RetrySchedule::default(), answered(504), at(0), 0);
    assert_eq!(asked.unwrap().slow_until, Some(at(900)));
}

#[test]
fn a_url_that_nothing_is_sent_to_is_given_up_at_once() {
    let (delivery, endpoint) = attempt(&fresh(), 0, (AttemptOutcome::BadUrl, Verdict::of_silence()));
    assert_eq!((delivery.status, delivery.made, endpoint), (Status::Exhausted, 1, None));
}

#[test]
fn a_retry_starts_anew_and_keeps_what_was() {
    let (disabled, _) = attempt(&fresh(), 0, answered(410));
    let (delivery, endpoint, message) = disabled.retry(at(100));
    assert_eq!((delivery.status, delivery.made, delivery.next_at), (Status::Pending, 0, Some(at(100))));
    assert_eq!((delivery.attempts.len(), endpoint, message.as_str()), (1, Endpoint::default(), "{}"));
    assert_eq!(delivery.index()[0], owned(("status", "pending")), "an operator sees that it is under way");
    assert_eq!(attempt(&delivery, 100, answered(204)).0.status, Status::Delivered);
}

#[test]
fn what_goes_well_is_not_in_the_index_and_the_host_is_all_that_shows() {
    let (delivered, _) = attempt(&fresh(), 0, answered(200));
    assert_eq!((fresh().index(), delivered.index()), (Vec::new(), Vec::new()));
    let (failed, _) = attempt(&fresh(), 0, answered(500));
    assert_eq!(failed.index()[0], owned(("status", "pending")));
    assert_eq!(failed.host(), "shop.example");
    assert_eq!(host(&"https://shop.example:8443?token=made-up".parse().unwrap()), "shop.example:8443");
}

#[test]
fn an_endpoint_is_of_one_customer_and_one_url() {
    let key = |customer: &str, url: &str| Endpoint::key(&customer.parse().unwrap(), &url.parse().unwrap());
    let mona = key("mona", "https://shop.example/a?token=made-up");
    assert!(mona.starts_with("endpoint/mona/") && !mona.contains("made-up"), "{mona}");
    assert_ne!(mona, key("lisa", "https://shop.example/a?token=made-up"));
    assert_ne!(mona, key("mona", "https://shop.example/b?token=made-up"));
}

fn owned((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

fn ends() -> impl Strategy<Value = (AttemptOutcome, Verdict)> {
    let status = prop::sample::select(vec![301, 400, 429, 500, 502, 503]);
    let asked = prop::option::of((0_u64..200_000).prop_map(Duration::from_secs));
    prop_oneof![
        Just((AttemptOutcome::Timeout, Verdict::of_silence())),
        (status, asked).prop_map(|(status, retry_after)| match answered(status) {
            (outcome, Verdict::SlowDown { .. }) => (outcome, Verdict::SlowDown { retry_after }),
            (outcome, _) => (outcome, Verdict::Retry { retry_after }),
        }),
    ]
}

fn attempts() -> usize {
    schedule().delays_secs.len()
}

proptest! {
    /// Whatever the endpoint answers, whatever dies, however slow others make the endpoint: no more attempts than scheduled,
    /// no more receives than the policy allows for, and an end within the longest life that the queue is held against.
    #[test]
    fn every_delivery_ends(
        ends in prop::collection::vec(ends(), attempts()),
        deaths in prop::collection::vec(any::<bool>(), 70),
        slow in prop::collection::vec(0_i64..=3_600, attempts()),
        random in any::<u64>(),
    ) {
        let (mut delivery, mut now, mut sent, mut receives, mut died) = (fresh(), at(0), 0, 0, 0_i64);
        let mut deaths = deaths.into_iter();
        while delivery.status == Status::Pending {
            receives += 1;
            let busy = slow[sent.min(attempts() - 1)];
            let endpoint = Endpoint { slow_until: Some(later(now, Duration::from_secs(busy.unsigned_abs()))), disabled_at: None };
            let (next, begun) = delivery.begin(&endpoint, now, later(now, Duration::from_secs(30)), random);
            delivery = next.unwrap_or(delivery);
            let wait = match begun {
                NextAttempt::Wait(until) => until,
                NextAttempt::Ended(_) => break,
                NextAttempt::Send if deaths.next() == Some(true) => {
                    died += 1;
                    later(now, Duration::from_secs(180))
                }
                NextAttempt::Send => {
                    delivery = delivery.finish(&endpoint, &schedule(), ends[sent], now, random).0;
                    sent += 1;
                    delivery.next_at.unwrap_or(now)
                }
            };
            prop_assert!(wait >= now);
            now = wait.min(later(now, MAX_DELAY));
            prop_assert!(delivery.attempts.len() <= kept_attempts());
        }
        prop_assert_eq!((delivery.status, sent), (Status::Exhausted, attempts()));
        prop_assert!(receives - died <= i64::from(most_receives(&schedule())), "{} receives beside {} deaths", receives - died, died);
        let took = now.duration_since(at(0)).as_secs() - 180 * died;
        prop_assert!(took <= i64::try_from(longest_life(&schedule()).as_secs()).unwrap(), "{took} seconds");
        let text = serde_json::to_string(&delivery).unwrap();
        prop_assert_eq!(serde_json::from_str::<Delivery>(&text).unwrap(), delivery);
    }
}
