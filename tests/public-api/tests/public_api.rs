//! What the toolkit's crates offer, all features on, as committed beside each crate: whoever changes it sees it, and means it.
//! `INSTA_UPDATE=always cargo test -p tidegate-public-api` writes it anew.

#![expect(clippy::unwrap_used, reason = "clippy takes what the tests share for no test")]

use std::path::{Path, PathBuf};
use std::process::Command;

use public_api::Builder;

const LIBRARIES: [&str; 5] = ["batch", "cloudevents", "idempotency", "outbox", "webhooks"];

/// Writes rustdoc's JSON and says into which folder.
fn document() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(env!("CARGO"))
        .args(["doc", "--locked", "--no-deps", "--all-features", "--lib"])
        .args(LIBRARIES.iter().flat_map(|name| ["-p".to_owned(), format!("tidegate-{name}")]))
        .env("RUSTDOC", here.join("rustdoc"))
        .env("RUSTDOCFLAGS", "-Z unstable-options --output-format json")
        .current_dir(here)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // Where cargo put this test: <target>/[<triple>/]debug/deps/public_api-….
    std::env::current_exe().unwrap().ancestors().nth(3).unwrap().join("doc")
}

#[test]
fn the_libraries_offer_what_is_committed() {
    let folder = document();
    for name in LIBRARIES {
        let api = Builder::from_rustdoc_json(folder.join(format!("tidegate_{name}.json")))
            .omit_blanket_impls(true)
            .omit_auto_trait_impls(true)
            .omit_auto_derived_impls(true)
            .build()
            .unwrap();
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(format!("../../../toolkit/{name}"));
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!("public-api", api.to_string()));
    }
}
