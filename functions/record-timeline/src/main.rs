//! Composition: configuration, adapters, run.

use record_timeline::Recorder;
use record_timeline::dynamodb::DynamoDbTimelines;
use tidegate_runtime::config::required;
use tidegate_runtime::{Error, Function};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let function = Function::start()?;
    let timelines = DynamoDbTimelines::new(aws_sdk_dynamodb::Client::new(&function.aws), required("TIMELINE_TABLE")?);
    let recorder = Recorder { ports: function.ports.clone(), timelines };
    function.consume("RECORD_TIMELINE_QUEUE_URL", recorder).await
}
