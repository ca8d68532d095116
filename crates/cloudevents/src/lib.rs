//! The CloudEvents envelope and its bindings to HTTP and SNS/SQS.
