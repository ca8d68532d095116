//! Checks over cargo metadata, the templates and the state machines.
