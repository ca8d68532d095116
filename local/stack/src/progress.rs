//! How the caller shows what is being done.

pub trait Progress: Send + Sync {
    /// What is being done now.
    fn doing(&self, what: &str);
    /// What has been done, in a line that stays.
    fn done(&self, what: &str);
}
