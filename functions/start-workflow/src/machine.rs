//! A state machine's ARN, and its executions' ARNs, which follow from it.

use std::str::FromStr;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateMachine {
    arn: String,
    /// `arn:{partition}:states:{region}:{account}`.
    place: String,
    name: String,
}

/// A text that is no state machine's ARN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not the ARN of a state machine, arn:…:states:{{region}}:{{account}}:stateMachine:{{name}}")]
pub struct NoStateMachine;

impl FromStr for StateMachine {
    type Err = NoStateMachine;

    /// An alias or a version may stand behind the name; executions are named without it.
    fn from_str(arn: &str) -> Result<Self, NoStateMachine> {
        let parts: Vec<_> = arn.split(':').collect();
        match parts[..] {
            ["arn", partition, "states", region, account, "stateMachine", name]
            | ["arn", partition, "states", region, account, "stateMachine", name, _]
                if ![partition, region, account, name].contains(&"") =>
            {
                let place = format!("arn:{partition}:states:{region}:{account}");
                Ok(Self { arn: arn.to_owned(), place, name: name.to_owned() })
            }
            _ => Err(NoStateMachine),
        }
    }
}

impl StateMachine {
    #[must_use]
    pub fn arn(&self) -> &str {
        &self.arn
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The ARN of its execution of that name
    /// (<https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsstepfunctions.html>).
    #[must_use]
    pub fn execution_arn(&self, execution: &str) -> String {
        format!("{}:execution:{}:{execution}", self.place, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_execution_is_found_by_its_name() {
        for (arn, execution) in [
            (
                "arn:aws:states:us-east-1:000000000000:stateMachine:tidegate-order-saga",
                "arn:aws:states:us-east-1:000000000000:execution:tidegate-order-saga:ord_1",
            ),
            (
                "arn:aws-cn:states:cn-north-1:000000000000:stateMachine:tidegate-order-saga:live",
                "arn:aws-cn:states:cn-north-1:000000000000:execution:tidegate-order-saga:ord_1",
            ),
        ] {
            let machine: StateMachine = arn.parse().unwrap();
            assert_eq!((machine.arn(), machine.name()), (arn, "tidegate-order-saga"));
            assert_eq!(machine.execution_arn("ord_1"), execution);
        }
    }

    #[test]
    fn what_is_no_state_machine_is_told_when_the_function_starts() {
        for arn in [
            "",
            "tidegate-order-saga",
            "arn:aws:states:us-east-1:000000000000:execution:tidegate-order-saga:ord_1",
            "arn:aws:states:us-east-1:000000000000:stateMachine:",
            "arn:aws:states::000000000000:stateMachine:tidegate-order-saga",
            "arn:aws:sqs:us-east-1:000000000000:stateMachine:tidegate-order-saga",
        ] {
            assert_eq!(arn.parse::<StateMachine>(), Err(NoStateMachine), "{arn}");
        }
    }
}
