//! The one place where this crate reads its environment.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use tidegate_operations::Hint;

/// The endpoint the caller asked for with `AWS_ENDPOINT_URL`, without a trailing slash.
pub fn endpoint_from_environment() -> Option<String> {
    variable("AWS_ENDPOINT_URL").map(|url| url.trim_end_matches('/').to_owned())
}

/// The region of the caller's environment; the local stack uses it only when it is set.
pub fn region_from_environment() -> Option<String> {
    variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION"))
}

/// Where the Python environments `emulator`, `deploy` and `build` lie: `.tools` of the checkout unless `TIDEGATE_TOOLS_DIR` names another place.
pub fn tools_dir(checkout: &Path) -> PathBuf {
    variable("TIDEGATE_TOOLS_DIR").map_or_else(|| checkout.join(".tools"), PathBuf::from)
}

/// The checkout that contains the present directory: the nearest ancestor with `infra/backbone.yaml`'s folder and `Cargo.toml`.
pub fn find_checkout() -> Result<PathBuf> {
    let here = std::env::current_dir().context("the present directory cannot be read")?;
    let found = here.ancestors().find(|dir| dir.join("Cargo.toml").is_file() && dir.join("infra").is_dir());
    match found {
        Some(dir) => Ok(dir.to_owned()),
        None => bail!(Hint::new(
            format!("{} is not inside a Tidegate checkout", here.display()),
            "change into the checkout, or name the state with --state-dir",
        )),
    }
}

/// What the local stack's programs may see of the caller's environment: enough to start, nothing that steers them.
///
/// An emulator that inherited, say, `PERSIST_STATE` or a proxy would behave differently on each machine.
pub fn inherited_environment() -> Vec<(String, String)> {
    const NAMES: [&str; 9] =
        ["PATH", "HOME", "USER", "LANG", "LC_ALL", "TERM", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT"];
    NAMES.iter().filter_map(|name| Some(((*name).to_owned(), variable(name)?))).collect()
}

#[expect(clippy::disallowed_methods, reason = "the command reads its environment here and nowhere else")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
