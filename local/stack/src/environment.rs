//! What the programs of the local stack see of the caller's environment.

/// Enough to start, and nothing that steers them: an emulator that inherited, say, `PERSIST_STATE` or a proxy would behave
/// differently on each machine.
const NAMES: [&str; 9] =
    ["PATH", "HOME", "USER", "LANG", "LC_ALL", "TERM", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT"];

#[expect(clippy::disallowed_methods, reason = "the local stack reads its environment here and nowhere else")]
pub fn inherited() -> Vec<(String, String)> {
    NAMES.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?))).collect()
}
