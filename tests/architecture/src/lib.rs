//! Rules that the compiler cannot hold: who may depend on whom, where AWS may be named, what a template must say so that no message
//! is lost, and what a state machine must say so that nothing is left half done. `tests/` runs them over this repository; each rule has a case beside it that breaks it, so that a rule which no longer
//! looks is noticed.
//!
//! A rule is a function from what it judges to a list of sentences, one for each violation; an empty list is a pass.

pub mod alarms;
pub mod crates;
pub mod documents;
pub mod drawing;
pub mod functions;
pub mod indexes;
pub mod machine;
pub mod messages;
pub mod modules;
pub mod numbers;
pub mod policies;
pub mod queues;
pub mod sagas;
pub mod sources;
pub mod stacks;
pub mod states;
pub mod streams;
pub mod template;
pub mod workflows;
