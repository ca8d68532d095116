//! Says what is reachable, and the version.
