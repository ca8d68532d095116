//! End-to-end tests: the deployed templates and the real binaries on the emulator.
