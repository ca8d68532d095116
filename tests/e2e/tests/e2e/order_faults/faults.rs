//! The faults, as data: where each can strike, and how an order ends that meets no other.

use std::collections::BTreeSet;
use std::fmt;

use tidegate_events::CommandName;

use super::saga::Impatient;

/// The steps of the saga.
pub(super) const STEPS: [CommandName; 5] = [
    CommandName::ReserveStock,
    CommandName::AuthorisePayment,
    CommandName::CreateShipment,
    CommandName::CapturePayment,
    CommandName::ConfirmOrder,
];
/// What undoes them, in the order of undoing.
pub(super) const COMPENSATIONS: [CommandName; 5] = [
    CommandName::WithdrawConfirmation,
    CommandName::CancelShipment,
    CommandName::UndoPayment,
    CommandName::ReleaseStock,
    CommandName::CancelOrder,
];

/// What goes wrong with a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The service says no: sold out, declined, not served, expired.
    No,
    /// The customer withdraws just before.
    Withdrawn,
    /// The service's table does not answer, once.
    Transient,
    /// Stripe does what it was asked, and its answer is lost.
    AnswerLost,
    /// Stripe is slow, and carries it out when its undoing is under way.
    Overtaken,
    /// The service finds something that it cannot read.
    Permanent,
    /// It is done, and the saga does not hear of it in time.
    DoneUnheard,
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
    /// Says that it is undone; the service hears of it.
    Resolves,
}

impl Fault {
    pub(super) const AT_STEPS: [Self; 12] = [
        Self::No,
        Self::Withdrawn,
        Self::Transient,
        Self::AnswerLost,
        Self::Overtaken,
        Self::Permanent,
        Self::DoneUnheard,
        Self::Lost,
        Self::CrashBefore,
        Self::CrashAfter,
        Self::Duplicate,
        Self::Late,
    ];
    /// Those of a compensation that another fault led to.
    pub(super) const AT_COMPENSATIONS: [Self; 9] = [
        Self::Transient,
        Self::DoneUnheard,
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
            // Nobody refuses a confirmation, and by then it is too late to withdraw.
            Self::No => step != CommandName::ConfirmOrder,
            // Stock is reserved and parcels are booked whatever the customer wishes; the payment asks.
            Self::Withdrawn | Self::AnswerLost | Self::Overtaken => {
                matches!(step, CommandName::AuthorisePayment | CommandName::CapturePayment)
            }
            _ => true,
        }
    }

    /// Whether the order is confirmed all the same.
    pub(super) fn is_overcome_at(self, step: CommandName) -> bool {
        match self {
            Self::Transient | Self::AnswerLost | Self::CrashBefore | Self::CrashAfter | Self::Duplicate => true,
            // After the capture it goes forward, and asks again.
            Self::DoneUnheard => step == CommandName::ConfirmOrder,
            Self::No
            | Self::Withdrawn
            | Self::Overtaken
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
    fn undone(self, step: CommandName) -> &'static [CommandName] {
        let first = match (step, self) {
            _ if self.is_overcome_at(step) => return &[],
            (CommandName::ReserveStock, Self::No) => 4,
            (CommandName::ReserveStock, _) | (CommandName::AuthorisePayment, Self::No | Self::Withdrawn) => 3,
            (CommandName::AuthorisePayment, _) | (CommandName::CreateShipment, Self::No) => 2,
            (CommandName::CreateShipment | CommandName::CapturePayment, _) => 1,
            _ => 0,
        };
        &COMPENSATIONS[first..]
    }

    /// Whether a state would wait a quarter of an hour because of it.
    fn goes_unanswered(self) -> bool {
        matches!(self, Self::Overtaken | Self::DoneUnheard | Self::Lost | Self::Late | Self::Fails(Person::Resolves))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::No => "business no",
            Self::Withdrawn => "customer withdraws",
            Self::Transient => "transient error",
            Self::AnswerLost => "Stripe's answer lost",
            Self::Overtaken => "overtaken by its undoing",
            Self::Permanent => "permanent error",
            Self::DoneUnheard => "timeout, effect done",
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
        let unanswered = self.strikes.iter().filter(|it| it.fault.goes_unanswered());
        unanswered.map(|it| it.at.as_str()).collect()
    }

    /// Whether a person is needed.
    pub(super) fn parks(&self) -> bool {
        self.strikes.iter().any(|it| matches!(it.fault, Fault::Fails(_)))
    }

    /// Whether the order must be confirmed; nothing where that depends on who is quicker.
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

/// A fault after which every compensation from this one on is due.
pub(super) fn leading_to(compensation: CommandName) -> Strike {
    let at = match compensation {
        CommandName::WithdrawConfirmation => CommandName::ConfirmOrder,
        _ => CommandName::CapturePayment,
    };
    Strike { at, fault: Fault::Lost }
}

/// No fault; one at a step; a compensation that fails until a person has looked; and two at once, as `chance` has it.
pub(super) fn plans(doubles: usize, mut chance: impl FnMut(usize) -> usize) -> Vec<Plan> {
    let mut strikes = vec![Vec::new()];
    for fault in Fault::AT_STEPS {
        let steps = STEPS.into_iter().filter(|step| fault.strikes_at(*step));
        strikes.extend(steps.map(|at| vec![Strike { at, fault }]));
    }
    for fault in [Fault::Fails(Person::Retries), Fault::Fails(Person::Resolves)] {
        strikes.extend(COMPENSATIONS.map(|at| vec![leading_to(at), Strike { at, fault }]));
    }
    let leading: Vec<Strike> = singles(&strikes).filter(|it| !it.fault.undone(it.at).is_empty()).collect();
    let chosen = strikes.len();
    for _ in 0..doubles {
        let first = leading[chance(leading.len())];
        let undone = first.fault.undone(first.at);
        let at = undone[chance(undone.len())];
        let fault = Fault::AT_COMPENSATIONS[chance(Fault::AT_COMPENSATIONS.len())];
        strikes.push(vec![first, Strike { at, fault }]);
    }
    let plan = |(number, strikes)| Plan { number, strikes, is_drawn: number >= chosen };
    strikes.into_iter().enumerate().map(plan).collect()
}

/// The kinds of impatience that these plans need.
pub(super) fn kinds(plans: &[Plan]) -> BTreeSet<Impatient> {
    plans.iter().map(Plan::impatient).collect()
}

fn singles(strikes: &[Vec<Strike>]) -> impl Iterator<Item = Strike> {
    strikes.iter().filter_map(|strikes| if let [one] = strikes.as_slice() { Some(*one) } else { None })
}
