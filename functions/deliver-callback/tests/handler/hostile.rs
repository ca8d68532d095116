//! Endpoints that do not answer, answer too much, or are where nothing is sent to.

use std::time::{Duration, Instant};

use deliver_callback::sender::Sender;
use tidegate_batch::Reason;
use tidegate_testkit::Fault;

use crate::fixtures::{CUSTOMER, Desk, Fate, NEW, batch, confirmed};
use crate::server::{Reply, answer};

#[tokio::test]
async fn silence_ends_with_the_time_and_is_tried_again() {
    let mut desk = Desk::new(vec![Reply::Nothing, Reply::HangUp, answer("200 OK")]).await;
    desk.deliverer.sender = Sender::new(true, Duration::from_millis(200));
    assert_eq!(desk.deliver().await, Fate::Back(5));
    desk.skip(5);
    assert_eq!(desk.deliver().await, Fate::Back(300));
    desk.skip(300);
    assert_eq!(desk.deliver().await, Fate::Done);
    assert_eq!(desk.ended("ord_1").await, "delivered: timeout broken 200");
}

#[tokio::test]
async fn an_answer_without_end_counts_by_its_status_and_costs_little_time() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 100000000000\r\n\r\n".to_vec();
    let endless = b"HTTP/1.1 200 OK\r\nx-".to_vec();
    for (reply, ended) in [
        (Reply::Flood(head.clone()), "delivered: 200"),
        (Reply::Drip(head), "delivered: 200"),
        (Reply::Flood(endless.clone()), "pending: broken"),
        (Reply::Drip(endless), "pending: timeout"),
        (Reply::Bytes(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()), "pending: broken"),
    ] {
        let mut desk = Desk::new(vec![reply.clone()]).await;
        desk.deliverer.sender = Sender::new(true, Duration::from_millis(1_500));
        let began = Instant::now();
        desk.deliver().await;
        assert!(began.elapsed() < Duration::from_secs(3), "{:?} for {reply:?}", began.elapsed());
        assert_eq!(desk.ended("ord_1").await, ended, "{reply:?}");
    }
}

#[tokio::test]
async fn nothing_is_sent_into_a_private_network() {
    let mut desk = Desk::new(vec![answer("200 OK")]).await;
    desk.deliverer.sender = Sender::new(false, Duration::from_secs(5));
    let port = desk.endpoint.port;
    // A name is judged by the address that it leads to, when it is connected to; it may lead elsewhere by and by.
    desk.place("ord_2", Some(&format!("https://localhost:{port}/"))).await;
    let back = desk.handle(batch([&confirmed("ord_2")])).await;
    assert_eq!(back, ["m0"]);
    assert_eq!(desk.ended("ord_2").await, "pending: not-public");

    // An address says all there is to know.
    for url in ["https://169.254.169.254/latest", "https://[::1]/", "https://10.0.0.1:8443/", "http://localhost/"] {
        let mut desk = Desk::new(Vec::new()).await;
        desk.deliverer.sender = Sender::new(false, Duration::from_secs(5));
        desk.place("ord_3", Some(url)).await;
        let back = desk.handle(batch([&confirmed("ord_3")])).await;
        assert_eq!(back, [""; 0], "in the dead letters");
        assert_eq!(desk.ended("ord_3").await, "exhausted: bad-url", "{url}");
    }
    assert!(desk.endpoint.seen().is_empty());
}

#[tokio::test]
async fn nobody_there_is_tried_again() {
    let desk = Desk::new(vec![answer("200 OK")]).await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    desk.place("ord_2", Some(&format!("http://127.0.0.1:{free}/"))).await;
    desk.handle(batch([&confirmed("ord_2")])).await;
    assert_eq!(desk.ended("ord_2").await, "pending: unreachable");
}

#[tokio::test]
async fn without_secrets_an_attempt_has_failed_and_mending_them_is_enough() {
    let desk = Desk::new(vec![answer("200 OK")]).await;
    let name = format!("tidegate/callbacks/{CUSTOMER}");
    let mut delays = [5, 300, 1_800].into_iter();
    for document in ["{}", r#"{"secrets": []}"#, r#"{"secrets": ["whsec_short"]}"#] {
        desk.secrets.put(&name, document);
        let delay = delays.next().unwrap();
        assert_eq!(desk.deliver().await, Fate::Back(delay), "{document}");
        desk.skip(delay);
    }
    desk.configure(&[NEW]);
    assert_eq!(desk.deliver().await, Fate::Done);
    assert_eq!(desk.ended("ord_1").await, "delivered: no-secret no-secret no-secret 200");
    assert_eq!(desk.endpoint.seen().len(), 1);
}

#[tokio::test]
async fn a_store_of_secrets_that_does_not_answer_costs_no_attempt() {
    let desk = Desk::new(vec![answer("200 OK")]).await;
    desk.secrets.fail_next(Fault::Permanent);
    assert!(matches!(desk.deliver().await, Fate::Back(0..=1)));
    assert!(desk.delivery("ord_1").await.is_none());
    assert_eq!(desk.deliver().await, Fate::Done);
}

#[tokio::test]
async fn what_is_no_event_is_set_aside_without_a_word_of_it() {
    let desk = Desk::new(Vec::new()).await;
    let mut records = batch([&confirmed("ord_1")]);
    records.records[0].body = Some("made-up secret".to_owned());
    assert_eq!(desk.handle(records).await, [""; 0]);
    let Fate::Dead(Reason::Undecodable, error) = desk.fate() else { panic!("set aside") };
    assert!(!error.contains("made-up"), "{error}");
}
