//! A batch handled with partial answers and claims in memory.

use std::time::SystemTime;

use aws_lambda_events::sqs::SqsEvent;
use batch_function::WithToolkit;
use lambda_runtime::{Error, LambdaEvent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let toolkit = &WithToolkit::default();
    lambda_runtime::run(service_fn(async |event: LambdaEvent<SqsEvent>| {
        let deadline = event.context.deadline();
        Ok::<_, Error>(toolkit.handle(event.payload, now(), deadline).await?)
    }))
    .await
}

#[expect(
    clippy::disallowed_methods,
    reason = "a composition root; a runtime crate's clock would weigh in what is measured"
)]
fn now() -> SystemTime {
    SystemTime::now()
}
