//! The faults, as data: where each can strike, and how an order ends that meets no other.

use std::collections::BTreeSet;
use std::fmt;

use anyhow::{Context as _, Result};
use tidegate_events::{CommandName, ErrorName, Saga, Service};

use super::saga::Impatient;

/// What goes wrong with a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The service refuses: sold out, declined, not served, expired.
    Refused,
    /// The customer withdraws just before.
    Withdrawn,
    /// The service's table does not answer, once.
    Transient,
    /// Stripe does what it was asked, and its answer is lost.
    AnswerLost,
    /// Stripe is slow, and carries it out when its compensation is under way.
    UndoneMeanwhile,
    /// The service finds something that it cannot read.
    Permanent,
    /// It is done, and the saga is not answered in time.
    DoneUnanswered,
    /// It never arrives.
    Lost,
    /// The worker dies just before its write.
    CrashBefore,
    /// The worker dies just after its write, and so does the first relay that wants to answer.
    CrashAfter,
    /// It arrives twice at once, and once more when all is over.
    Duplicate,
    /// It arrives when everything has been undone.
    Late,
    /// It fails, each time, until a person has looked.
    Fails(Person),
}

/// What a person does about what is parked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Person {
    /// Mends the cause and has it tried again.
    Retries,
    /// Resolves it: undoes it by hand, and the service is notified.
    Resolves,
}

impl Fault {
    pub(super) const AT_STEPS: [Self; 12] = [
        Self::Refused,
        Self::Withdrawn,
        Self::Transient,
        Self::AnswerLost,
        Self::UndoneMeanwhile,
        Self::Permanent,
        Self::DoneUnanswered,
        Self::Lost,
        Self::CrashBefore,
        Self::CrashAfter,
        Self::Duplicate,
        Self::Late,
    ];
    /// Those of a compensation that another fault led to.
    pub(super) const AT_COMPENSATIONS: [Self; 9] = [
        Self::Transient,
        Self::DoneUnanswered,
        Self::Lost,
        Self::CrashBefore,
        Self::CrashAfter,
        Self::Duplicate,
        Self::Late,
        Self::Fails(Person::Retries),
        Self::Fails(Person::Resolves),
    ];

    /// Whether it can happen there.
    pub(super) fn strikes_at(self, step: CommandName) -> bool {
        match self {
            // A confirmation is refused only after it has been withdrawn.
            Self::Refused => step.refusals() != [ErrorName::Compensated],
            // Stock is reserved and parcels are booked whatever the customer wants; the payment is refused.
            Self::Withdrawn => step.refusals().contains(&ErrorName::OrderCancelledByCustomer),
            Self::AnswerLost | Self::UndoneMeanwhile => step.service() == Service::Payments,
            Self::Transient
            | Self::Permanent
            | Self::DoneUnanswered
            | Self::Lost
            | Self::CrashBefore
            | Self::CrashAfter
            | Self::Duplicate
            | Self::Late
            | Self::Fails(_) => true,
        }
    }

    /// Whether the order is confirmed all the same.
    pub(super) fn is_overcome_at(self, step: CommandName) -> bool {
        match self {
            Self::Transient | Self::AnswerLost | Self::CrashBefore | Self::CrashAfter | Self::Duplicate => true,
            // After the capture it goes forward, and is sent again.
            Self::DoneUnanswered => step == CommandName::ConfirmOrder,
            Self::Refused
            | Self::Withdrawn
            | Self::UndoneMeanwhile
            | Self::Permanent
            | Self::Lost
            | Self::Late
            | Self::Fails(_) => false,
        }
    }

    /// Whether each attempt meets it, and not the first alone.
    pub(super) fn lasts_at(self, command: CommandName) -> bool {
        match self {
            Self::Lost | Self::Late => command == CommandName::ConfirmOrder,
            Self::Fails(_) => true,
            _ => false,
        }
    }

    /// The compensations that it leads to. A refusal has done nothing; whatever else went wrong may have.
    fn undone(self, saga: Saga, step: CommandName) -> Vec<CommandName> {
        match self {
            _ if self.is_overcome_at(step) => Vec::new(),
            Self::Refused | Self::Withdrawn => saga.due_before(step),
            _ => saga.due_after(step),
        }
    }

    /// Whether a state would wait a quarter of an hour because of it.
    fn goes_unanswered(self) -> bool {
        matches!(
            self,
            Self::UndoneMeanwhile | Self::DoneUnanswered | Self::Lost | Self::Late | Self::Fails(Person::Resolves)
        )
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "business no",
            Self::Withdrawn => "customer withdraws",
            Self::Transient => "transient error",
            Self::AnswerLost => "Stripe's answer lost",
            Self::UndoneMeanwhile => "overtaken by its undoing",
            Self::Permanent => "permanent error",
            Self::DoneUnanswered => "timeout, effect done",
            Self::Lost => "timeout, effect not done",
            Self::CrashBefore => "crash before commit",
            Self::CrashAfter => "crash after commit",
            Self::Duplicate => "duplicate command",
            Self::Late => "late command",
            Self::Fails(Person::Retries) => "permanent error, a person retries",
            Self::Fails(Person::Resolves) => "timeouts, a person resolves",
        })
    }
}

/// A fault and the command that meets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Strike {
    pub(super) at: CommandName,
    pub(super) fault: Fault,
}

impl fmt::Display for Strike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.fault)
    }
}

/// One order, and what goes wrong with it.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) number: usize,
    pub(super) strikes: Vec<Strike>,
    /// Whether chance has chosen it.
    pub(super) is_drawn: bool,
}

impl Plan {
    /// Of a fixed width, so that no order's name begins another's.
    pub(super) fn order(&self) -> String {
        format!("ord_Faults{:03}", self.number)
    }

    /// What this order alone has a stock of.
    pub(super) fn sku(&self) -> String {
        format!("faults-{}", self.number)
    }

    pub(super) fn has(&self, at: CommandName, fault: Fault) -> bool {
        self.strikes.contains(&Strike { at, fault })
    }

    /// The states that give up soon.
    pub(super) fn impatient(&self) -> Impatient {
        let unanswered = self.strikes.iter().filter(|strike| strike.fault.goes_unanswered());
        unanswered.map(|strike| strike.at.as_str()).collect()
    }

    /// Whether a person is needed.
    pub(super) fn parks(&self) -> bool {
        self.strikes.iter().any(|strike| matches!(strike.fault, Fault::Fails(_)))
    }

    /// Whether the order must be confirmed; none where that depends on which write comes first.
    pub(super) fn is_confirmed(&self) -> Option<bool> {
        match self.strikes.as_slice() {
            [] => Some(true),
            [one] => Some(one.fault.is_overcome_at(one.at)),
            // All of the second kind are at compensations, which nothing is confirmed after.
            _ => Some(false),
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let strikes: Vec<_> = self.strikes.iter().map(ToString::to_string).collect();
        write!(f, "{} ({})", self.order(), strikes.join("; then "))
    }
}

/// A fault after which every compensation from this one on is due: the latest, but for those whose own compensation may be
/// refused, after which nothing would be undone.
fn leading_to(saga: Saga, compensation: CommandName) -> Result<Strike> {
    let leads = |step: &CommandName| {
        let due = saga.due_after(*step);
        due.contains(&compensation) && (due[0] == compensation || due[0].refusals().is_empty())
    };
    let at = saga.steps().rev().find(leads).with_context(|| format!("nothing leads to {compensation}"))?;
    Ok(Strike { at, fault: Fault::Lost })
}

/// No fault; one at a step; a compensation that fails until a person has looked; and two at once, as `chance` has it.
pub(super) fn plans(saga: Saga, doubles: usize, mut chance: impl FnMut(usize) -> usize) -> Result<Vec<Plan>> {
    let mut strikes = vec![Vec::new()];
    for fault in Fault::AT_STEPS {
        let steps = saga.steps().filter(|step| fault.strikes_at(*step));
        strikes.extend(steps.map(|at| vec![Strike { at, fault }]));
    }
    for fault in [Fault::Fails(Person::Retries), Fault::Fails(Person::Resolves)] {
        for at in saga.compensations() {
            strikes.push(vec![leading_to(saga, at)?, Strike { at, fault }]);
        }
    }
    let leading: Vec<Strike> =
        singles(&strikes).filter(|strike| !strike.fault.undone(saga, strike.at).is_empty()).collect();
    let chosen = strikes.len();
    for _ in 0..doubles {
        let first = leading[chance(leading.len())];
        let undone = first.fault.undone(saga, first.at);
        let at = undone[chance(undone.len())];
        let fault = Fault::AT_COMPENSATIONS[chance(Fault::AT_COMPENSATIONS.len())];
        strikes.push(vec![first, Strike { at, fault }]);
    }
    let plan = |(number, strikes)| Plan { number, strikes, is_drawn: number >= chosen };
    Ok(strikes.into_iter().enumerate().map(plan).collect())
}

/// The kinds of impatience that these plans need.
pub(super) fn kinds(plans: &[Plan]) -> BTreeSet<Impatient> {
    plans.iter().map(Plan::impatient).collect()
}

fn singles(strikes: &[Vec<Strike>]) -> impl Iterator<Item = Strike> {
    strikes.iter().filter_map(|strikes| if let [one] = strikes.as_slice() { Some(*one) } else { None })
}
