//! The state directory: what of the local stack runs where, remembered between commands.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::failure::Hint;
use crate::group::Group;

/// What the names of files about helpers start with.
const HELPER: &str = "helper-";

/// `.tidegate` of a checkout, or the folder that `--state-dir` names.
#[derive(Clone, Debug)]
pub struct StateDir {
    root: PathBuf,
}

/// What runs. Written as soon as there is something to stop, so that `down` finds it also after an `up` that was killed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct State {
    /// The name of the deployment.
    pub deployment: String,
    /// Where AWS calls go.
    pub endpoint: String,
    /// The region of the local stack.
    pub region: String,
    /// The emulator's root credentials; nothing for an endpoint of the caller's own.
    pub credentials: Option<Credentials>,
    /// The emulator, when this state directory started it.
    pub emulator: Option<Emulator>,
    /// The stand-in for Slack, Stripe and the receiver of callbacks.
    pub standin: Option<Standin>,
    /// The Stripe server behind the stand-in.
    #[serde(default)]
    pub stripe: Option<Stripe>,
    /// What was deployed last, by stack: a digest of template and code. An unchanged stack is not deployed again.
    #[serde(default)]
    pub digests: BTreeMap<String, String>,
}

/// Credentials of the local stack. They open nothing but the emulator on this machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Credentials {
    pub access_key_id: String,
    pub secret_access_key: String,
}

/// The running emulator.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Emulator {
    /// Its process group, which holds the functions' processes too.
    pub group: Group,
    /// Its port on 127.0.0.1.
    pub port: u16,
}

/// The running Stripe server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Stripe {
    /// Its process group.
    pub group: Group,
    /// Its port on 127.0.0.1.
    pub port: u16,
}

/// The stand-in for Slack, Stripe and the receiver of callbacks.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Standin {
    /// Its process group; nothing when it lives in the process that started the stack, as in the end-to-end tests.
    pub group: Option<Group>,
    /// Where it answers, without a trailing slash.
    pub url: String,
}

impl State {
    /// The process groups that were started, in the order in which they are stopped: the emulator last, because it is what others serve.
    pub fn groups(&self) -> Vec<&Group> {
        let standin = self.standin.iter().filter_map(|standin| standin.group.as_ref());
        let stripe = self.stripe.iter().map(|stripe| &stripe.group);
        standin.chain(stripe).chain(self.emulator.iter().map(|emulator| &emulator.group)).collect()
    }
}

impl StateDir {
    /// Names a state directory; nothing is created yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The directory itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Logs of the emulator, the stand-in and each deployment.
    pub fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// Temporary files of the emulator, such as unpacked functions; removed by `down`.
    pub fn scratch(&self) -> PathBuf {
        self.root.join("tmp")
    }

    /// What the Slack stand-in received, one JSON document a line.
    pub fn slack_log(&self) -> PathBuf {
        self.root.join("slack.jsonl")
    }

    /// What the receiver of callbacks received, one JSON document a line.
    pub fn callbacks_log(&self) -> PathBuf {
        self.root.join("callbacks.jsonl")
    }

    /// The customers that are signed in, one file each.
    pub fn tokens(&self) -> PathBuf {
        self.root.join("tokens")
    }

    /// The locally drawn secrets of the sources.
    pub fn secrets(&self) -> PathBuf {
        self.root.join("secrets.json")
    }

    /// Remembers a short-lived helper, such as a deployment under way, for the case that this process is killed meanwhile.
    pub(crate) fn remember_helper(&self, group: &Group) -> Result<()> {
        write_private(&self.helper_file(group), &serde_json::to_vec(group)?)
    }

    /// The helper has ended.
    pub(crate) fn forget_helper(&self, group: &Group) {
        // A file that stays names a process that is gone, which `stop` of it notices.
        let _ = fs::remove_file(self.helper_file(group));
    }

    /// Helpers whose parent was killed.
    pub(crate) fn helpers(&self) -> Vec<Group> {
        let files = fs::read_dir(self.scratch()).into_iter().flatten().flatten();
        files
            .filter(|file| file.file_name().to_string_lossy().starts_with(HELPER))
            .filter_map(|file| serde_json::from_slice(&fs::read(file.path()).ok()?).ok())
            .collect()
    }

    fn helper_file(&self, group: &Group) -> PathBuf {
        self.scratch().join(format!("{HELPER}{}.json", group.pid))
    }

    fn state_file(&self) -> PathBuf {
        self.root.join("state.json")
    }

    /// What was remembered, or nothing when no stack is up.
    pub fn load(&self) -> Result<Option<State>> {
        let path = self.state_file();
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("{} cannot be read", path.display())),
        };
        match serde_json::from_slice(&text) {
            Ok(state) => Ok(Some(state)),
            Err(error) => bail!(Hint::new(
                format!("{} is not understood: {error}", path.display()),
                "it was written by another version: stop the processes it names, then remove the file",
            )),
        }
    }

    /// Remembers `state`, readable by its owner only.
    pub fn save(&self, state: &State) -> Result<()> {
        write_private(&self.state_file(), &serde_json::to_vec_pretty(state)?)
    }

    /// Forgets the stack. Logs stay, to show what happened.
    pub fn clear(&self) -> Result<()> {
        for path in [self.state_file(), self.slack_log(), self.callbacks_log(), self.secrets()] {
            remove(&path, fs::remove_file(&path))?;
        }
        remove(&self.tokens(), fs::remove_dir_all(self.tokens()))?;
        remove(&self.scratch(), fs::remove_dir_all(self.scratch()))
    }

    /// Creates the directory and its parts.
    pub fn create(&self) -> Result<()> {
        for dir in [self.root.clone(), self.logs(), self.scratch()] {
            fs::create_dir_all(&dir).with_context(|| format!("{} cannot be created", dir.display()))?;
        }
        Ok(())
    }

    /// Keeps a second `up` or `down` out until the returned file is dropped, also when this process dies.
    pub fn lock(&self) -> Result<File> {
        self.create()?;
        let path = self.root.join("lock");
        let file = File::create(&path).with_context(|| format!("{} cannot be created", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => bail!(Hint::new(
                format!("another tidegate is starting or stopping the stack in {}", self.root.display()),
                "wait for it to end",
            )),
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("{} cannot be locked", path.display()))
            }
        }
    }
}

/// Replaces a file in one step, with mode 0600 from its first byte.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    let temporary = path.with_extension("new");
    let write = || -> std::io::Result<()> {
        remove_if_there(&temporary)?;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.write_all(bytes)?;
        fs::rename(&temporary, path)
    };
    write().with_context(|| format!("{} cannot be written", path.display()))
}

fn remove_if_there(path: &Path) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn remove(path: &Path, outcome: std::io::Result<()>) -> Result<()> {
    match outcome {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{} cannot be removed", path.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn sample() -> State {
        State {
            deployment: "tidegate".to_owned(),
            endpoint: "http://127.0.0.1:4566".to_owned(),
            region: "us-east-1".to_owned(),
            credentials: None,
            emulator: None,
            standin: None,
            stripe: None,
            digests: BTreeMap::new(),
        }
    }

    #[test]
    fn state_survives_and_only_its_owner_can_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::new(dir.path());
        state.create().unwrap();
        assert!(state.load().unwrap().is_none());
        state.save(&sample()).unwrap();
        state.save(&sample()).unwrap();
        assert_eq!(state.load().unwrap().unwrap().endpoint, "http://127.0.0.1:4566");
        let mode = fs::metadata(state.state_file()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        state.clear().unwrap();
        assert!(state.load().unwrap().is_none());
    }

    #[test]
    fn only_one_command_at_a_time_may_start_or_stop() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::new(dir.path());
        let held = state.lock().unwrap();
        assert!(state.lock().unwrap_err().to_string().contains("another tidegate"));
        drop(held);
        state.lock().unwrap();
    }

    #[test]
    fn a_state_file_of_another_shape_is_refused_with_advice() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("state.json"), "[]").unwrap();
        let error = StateDir::new(dir.path()).load().unwrap_err();
        assert!(error.is::<Hint>());
    }
}
