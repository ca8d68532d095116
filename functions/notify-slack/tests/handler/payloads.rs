//! Events whose data lies in the bucket.

use std::time::Duration;

use tidegate_batch::Reason;
use tidegate_cloudevents::Event;
use tidegate_runtime::s3::Payloads;
use tidegate_testkit::Fault;

use crate::fixtures::{Desk, batch, posted, push, tides};

/// A push whose data is kept where the event says.
async fn checked(desk: &Desk) -> Event {
    let data = push("octo-harbour/tide-tables", "main");
    let dataref = desk.payloads.put("payloads/made-up", data).await.unwrap();
    tides("e1").with_dataref(dataref).unwrap()
}

#[tokio::test]
async fn data_in_the_bucket_is_fetched() {
    let desk = Desk::new(vec![posted()]).await;
    let event = checked(&desk).await;
    assert_eq!(desk.handle(batch([&event])).await, [""; 0]);
    let (_, body) = &desk.slack.seen().requests[0];
    assert!(body.contains("Mend the moon table"), "{body}");
}

#[tokio::test]
async fn data_that_cannot_be_fetched_now_is_fetched_later() {
    let desk = Desk::new(vec![posted()]).await;
    let event = checked(&desk).await;
    desk.payloads.fail_next(Fault::Transient);
    assert_eq!(desk.handle(batch([&event])).await, ["m0"]);
    assert_eq!((desk.channels(), desk.delays().len()), (vec![], 1));
    desk.skip(Duration::from_secs(1));
    assert_eq!(desk.handle(batch([&event])).await, [""; 0]);
    assert_eq!(desk.channels(), ["#tides"]);
}

#[tokio::test]
async fn data_that_is_gone_or_lies_in_another_bucket_is_set_aside() {
    for dataref in ["s3://memory/payloads/gone", "s3://elsewhere/payloads/made-up", "https://harbour.example.com/x"] {
        let desk = Desk::new(vec![]).await;
        checked(&desk).await;
        let event = tides("e1").with_dataref(dataref).unwrap();
        assert_eq!(desk.handle(batch([&event])).await, [""; 0]);
        let [(_, reason, error)] = &desk.letters()[..] else { panic!("{dataref}: not one letter") };
        assert_eq!(*reason, Reason::Permanent);
        assert!(error.starts_with("cannot fetch the payload"), "{error}");
    }
}
