//! Verifies a webhook, claims it, publishes it as a CloudEvent and answers.
