//! What priming asks for.

use shipping_worker::Shipping;
use shipping_worker::carrier::TableCarrier;
use tidegate_outbox::{DynamoDbAggregates, SfnTasks};
use tidegate_runtime::metrics::Metric;
use tidegate_testkit::PrimingTest;
use tidegate_worker::Worker;

#[tokio::test]
async fn priming_books_nothing() {
    let primed = PrimingTest::start("").await.consumer(|function| {
        let store = DynamoDbAggregates::new(aws_sdk_dynamodb::Client::new(&function.aws), "shipping");
        let carrier = TableCarrier::serving("NL").unwrap();
        let tasks = SfnTasks::new(aws_sdk_sfn::Client::new(&function.aws));
        Worker { ports: function.ports.clone(), tasks, service: Shipping { store, carrier } }
    });
    let primed = primed.await;
    assert!(primed.sent.iter().all(|it| ["GetItem", "HEAD /"].contains(&it.as_str())), "{primed:?}");
    assert_eq!((primed.letters, primed.retried), (vec![], false));
    assert_eq!(primed.ports.total(Metric::CommandHandled), 1, "the sample comes to its end");
}
