//! The values of the templates' parameters.

use crate::plan::StackPlan;

#[derive(Clone, Debug)]
pub(crate) struct Parameters {
    pub(crate) deployment: String,
    pub(crate) architecture: String,
    pub(crate) place: Place,
}

/// What a deployment goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Aws,
    Emulator { plain_http: bool },
}

impl Parameters {
    /// Those that the template has.
    pub(crate) fn of(&self, plan: &StackPlan) -> Vec<(&'static str, &str)> {
        let mut values = vec![("Deployment", self.deployment.as_str()), ("Architecture", &self.architecture)];
        if let Place::Emulator { plain_http } = self.place {
            // The receivers of callbacks are on this machine too.
            values.push(("AllowPrivateCallbacks", "true"));
            if plain_http {
                // The templates deny calls without TLS.
                values.push(("RequireTls", "false"));
            }
        }
        values.retain(|(name, _)| plan.parameters.iter().any(|own| own == name));
        values
    }
}

/// The architecture of this machine in Lambda's words.
pub(crate) fn host_architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_get_the_parameters_they_have_and_aws_none_that_weaken_it() {
        let values = |place, template: &str| {
            let parameters = Parameters { deployment: "tide".to_owned(), architecture: "arm64".to_owned(), place };
            let plan = StackPlan::of("x", template);
            parameters.of(&plan).iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>()
        };
        let few = "Parameters:\n  Deployment:\n    Type: String\nResources:\n  Architecture:\n";
        assert_eq!(values(Place::Emulator { plain_http: true }, few), ["Deployment=tide"]);
        let all = "Parameters:\n  Deployment:\n  Architecture:\n  RequireTls:\n  AllowPrivateCallbacks:\nResources:\n";
        assert_eq!(values(Place::Aws, all), ["Deployment=tide", "Architecture=arm64"]);
        let secure = values(Place::Emulator { plain_http: false }, all);
        assert_eq!(secure, ["Deployment=tide", "Architecture=arm64", "AllowPrivateCallbacks=true"]);
        assert!(values(Place::Emulator { plain_http: true }, all).contains(&"RequireTls=false".to_owned()));
    }
}
