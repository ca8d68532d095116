//! Access tokens in the state directory, a file for each customer, readable by its owner only.

use std::path::PathBuf;

use anyhow::{Context, Result};
use tidegate_local::state::{StateDir, write_private};
use tidegate_operations::Deployment;
use tidegate_operations::token::{Token, TokenStore};

#[derive(Clone, Debug)]
pub struct FileTokens {
    dir: PathBuf,
}

impl FileTokens {
    pub fn new(dir: &StateDir) -> Self {
        Self { dir: dir.tokens() }
    }

    fn file(&self, deployment: &Deployment, customer: &str) -> PathBuf {
        self.dir.join(format!("{}.{customer}.json", deployment.name))
    }
}

impl TokenStore for FileTokens {
    fn load(&self, deployment: &Deployment, customer: &str) -> Result<Option<Token>> {
        let path = self.file(deployment, customer);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(|| format!("{} cannot be read", path.display())),
        };
        // One of another shape counts as absent: signing in again replaces it.
        let token: Option<Token> = serde_json::from_slice(&text).ok();
        Ok(token.filter(|token| token.is_of(deployment)))
    }

    fn save(&self, deployment: &Deployment, token: &Token) -> Result<()> {
        std::fs::create_dir_all(&self.dir).with_context(|| format!("{} cannot be created", self.dir.display()))?;
        write_private(&self.file(deployment, &token.customer), &serde_json::to_vec_pretty(token)?)
    }
}
