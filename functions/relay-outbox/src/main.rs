//! Composition: configuration, adapters, run.

use relay_outbox::Relay;
use tidegate_outbox::{SfnTasks, SnsPublisher};
use tidegate_runtime::config::required;
use tidegate_runtime::{Error, Function};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let function = Function::start()?;
    let relay = Relay {
        ports: function.ports.clone(),
        publisher: SnsPublisher::new(aws_sdk_sns::Client::new(&function.aws), required("EVENTS_TOPIC_ARN")?),
        tasks: SfnTasks::new(aws_sdk_sfn::Client::new(&function.aws)),
    };
    function.run(relay).await
}
