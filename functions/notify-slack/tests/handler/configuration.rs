//! The operator's document is broken: messages wait until it is mended.

use std::time::Duration;

use tidegate_testkit::Fault;

use crate::fixtures::{Desk, TOKEN, batch, posted, tides};

#[tokio::test]
async fn while_the_document_is_broken_messages_wait_and_go_out_once_it_is_mended() {
    let without_token = r#"{"routes":[]}"#.to_owned();
    let misspelt = format!(r##"{{"token":"{TOKEN}","routes":[{{"chanel":"#tides"}}]}}"##);
    for broken in ["".to_owned(), "not JSON".to_owned(), without_token, misspelt] {
        let desk = Desk::new(vec![posted()]).await;
        desk.configure(&broken);
        assert_eq!(desk.handle(batch([&tides("e1")])).await, ["m0"], "{broken}");
        assert_eq!((desk.letters(), desk.delays().len()), (vec![], 1));
        desk.configure(&desk.document());
        assert_eq!(desk.handle(batch([&tides("e1")])).await, [""; 0], "mended from {broken}");
        assert_eq!(desk.channels(), ["#tides"]);
    }
}

#[tokio::test]
async fn a_document_that_cannot_be_read_is_read_with_the_next_message() {
    for fault in [Fault::Transient, Fault::Permanent] {
        let desk = Desk::new(vec![posted()]).await;
        desk.secrets.fail_next(fault);
        assert_eq!(desk.handle(batch([&tides("e1")])).await, ["m0"]);
        assert_eq!(desk.letters(), []);
        assert_eq!(desk.handle(batch([&tides("e1")])).await, [""; 0]);
    }
}

#[tokio::test]
async fn a_new_route_is_in_force_within_a_minute_and_the_document_is_read_once_in_it() {
    let desk = Desk::new(vec![posted(), posted(), posted()]).await;
    desk.handle(batch([&tides("e1")])).await;
    desk.configure(&desk.document().replace("#tides", "#moon"));
    desk.skip(Duration::from_secs(30));
    desk.handle(batch([&tides("e2")])).await;
    assert_eq!((desk.channels(), desk.secrets.reads().len()), (vec!["#tides".to_owned(); 2], 1));
    desk.skip(Duration::from_secs(30));
    desk.handle(batch([&tides("e3")])).await;
    assert_eq!((desk.channels(), desk.secrets.reads().len()), (vec!["#moon".to_owned()], 2));
}
