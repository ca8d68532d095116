//! The relay behind a table's stream (`StreamViewType: NEW_IMAGE`). The mapping keeps its defaults for retries: without
//! end, no bisecting, no destination on failure, because each of these would skip.

use aws_config::BehaviorVersion;
use aws_lambda_events::dynamodb;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use tidegate_outbox::{Expired, SfnTasks, SnsPublisher, relay, stream};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let http = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let aws = aws_config::defaults(BehaviorVersion::latest()).http_client(http).load().await;
    #[expect(clippy::disallowed_methods, reason = "an example has no configuration module")]
    let topic_arn = std::env::var("TOPIC_ARN")?;
    let topic = &SnsPublisher::new(aws_sdk_sns::Client::new(&aws), topic_arn);
    let tasks = &SfnTasks::new(aws_sdk_sfn::Client::new(&aws));
    let send = async |event: LambdaEvent<dynamodb::Event>| -> Result<(), Error> {
        // To be counted and looked at: the workflow has moved on without this answer.
        #[expect(clippy::print_stderr, reason = "an example has no log")]
        let on_expired = |late: Expired<'_>| eprintln!("too late for {}: {}", late.aggregate, late.command);
        relay(&stream::records(&event.payload), topic, tasks, on_expired).await?;
        Ok(())
    };
    lambda_runtime::run(service_fn(send)).await
}
