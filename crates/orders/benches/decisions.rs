//! Decisions a second on one core: all that an order needs which is confirmed, and one which is declined and undone.
//!
//! Half of each, so that both ways are in it: what is asked of a decision, once it has been written down, is asked again
//! with the answer, as the workers do. Time is the thread's CPU, so that what else the machine does counts little.

use std::error::Error;
use std::hint::black_box;
use std::io::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use nix::time::{ClockId, clock_gettime};
use tidegate_events::{
    CommandId, OrderCommand, OrderId, OrderPlaced, PaymentCommand, PlaceOrder, ShipmentCommand, StockCommand, TaskToken,
};
use tidegate_orders::{Next, Order, Payment, Reservation, Shipment, Stock, order, payment, shipment, stock};

/// Measured rounds, and orders in a round: a disturbance spoils one round only.
const ROUNDS: usize = 101;
const ORDERS: u64 = 2_000;
const AIM: f64 = 1e6;

fn main() -> Result<(), Box<dyn Error>> {
    let bench = Bench::new()?;
    let mut rates = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let mut decisions = 0;
        let before = thread_cpu()?;
        for _ in 0..ORDERS / 2 {
            decisions += bench.confirmed()? + bench.declined()?;
        }
        rates.push(decisions as f64 / (thread_cpu()? - before).as_secs_f64());
    }
    rates.sort_by(f64::total_cmp);
    let (least, median, most) = (rates[0], rates[ROUNDS / 2], rates[ROUNDS - 1]);
    let (confirmed, declined) = (bench.confirmed()?, bench.declined()?);
    let out = &mut std::io::stdout();
    writeln!(
        out,
        "Decisions, one core: {confirmed} for an order that is confirmed, {declined} for one that is declined"
    )?;
    writeln!(
        out,
        "{:.2} million a second (median of {ROUNDS} rounds of {ORDERS} orders; {:.2} to {:.2}), {:.0} ns each",
        median / 1e6,
        least / 1e6,
        most / 1e6,
        1e9 / median,
    )?;
    let met = if median >= AIM { "met" } else { "not met" };
    writeln!(out, "Aim: more than {:.0} million a second: {met}", AIM / 1e6)?;
    Ok(())
}

fn thread_cpu() -> Result<Duration, nix::Error> {
    Ok(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?.into())
}

/// What comes from outside, parsed beforehand: reading a message is not deciding.
struct Bench {
    placed: OrderPlaced,
    order_id: OrderId,
    reserve: StockCommand,
    authorise: (PaymentCommand, CommandId),
    capture: CommandId,
    create: ShipmentCommand,
    token: TaskToken,
    authorised: Vec<payment::Answer>,
    refused: Vec<payment::Answer>,
    booked: Vec<shipment::Answer>,
    stocks: Vec<Stock>,
}

impl Bench {
    fn new() -> Result<Self, Box<dyn Error>> {
        let body = include_bytes!("../../events/tests/fixtures/place-order.json");
        let placed =
            PlaceOrder::parse(body).map_err(|faults| format!("{faults:?}"))?.placed_by("customer-mona".parse()?);
        let lines: Vec<_> = placed.lines.iter().map(|line| line.line.clone()).collect();
        let stocks = lines.iter().map(|_| Stock { on_hand: 1_000, reserved: 10, shipped: 10 }).collect();
        let lines: tidegate_events::Lines = lines.try_into()?;
        let authorise =
            PaymentCommand::Authorise { amount: placed.total, payment_method: placed.payment_method.clone() };
        Ok(Self {
            order_id: "ord_1".parse()?,
            reserve: StockCommand::Reserve { lines: lines.clone() },
            authorise: (authorise, "ord_1/AuthorisePayment".parse()?),
            capture: "ord_1/CapturePayment".parse()?,
            create: ShipmentCommand::Create { lines, address: placed.address.clone() },
            token: "made-up-token".parse()?,
            authorised: vec![payment::Answer::Authorised { payment_id: "pi_made_up".parse()? }],
            refused: vec![payment::Answer::Declined { reason: "insufficient_funds".parse()? }],
            booked: vec![shipment::Answer::Booked { shipment_id: "shp_1".parse()? }],
            stocks,
            placed,
        })
    }

    /// Placed, reserved, authorised, booked, captured, confirmed, shipped.
    fn confirmed(&self) -> Result<u64, Box<dyn Error>> {
        let (mut decisions, now) = (0, Timestamp::UNIX_EPOCH);
        let order = self.placed(now, &mut decisions);
        let (reserved, stocks) = self.reserved(&mut decisions)?;
        let (authorise, id) = &self.authorise;
        let payment = pay(Payment::default(), authorise, id, &self.authorised, &mut decisions)?;
        ship(&self.create, &self.order_id, &self.booked, &mut decisions)?;
        let captured = [payment::Answer::Captured];
        black_box(pay(payment, &PaymentCommand::Capture {}, &self.capture, &captured, &mut decisions)?);
        black_box(order::decide(&order, &OrderCommand::Confirm {}, Some(&self.token), now)?);
        black_box(stock::decide(&reserved, &StockCommand::Ship {}, &stocks)?);
        Ok(decisions + 2)
    }

    /// Placed, reserved, declined, undone, released, cancelled.
    fn declined(&self) -> Result<u64, Box<dyn Error>> {
        let (mut decisions, now) = (0, Timestamp::UNIX_EPOCH);
        let order = self.placed(now, &mut decisions);
        let (reserved, stocks) = self.reserved(&mut decisions)?;
        let (authorise, id) = &self.authorise;
        let payment = pay(Payment::default(), authorise, id, &self.refused, &mut decisions)?;
        black_box(pay(payment, &PaymentCommand::Undo {}, id, &[], &mut decisions)?);
        black_box(stock::decide(&reserved, &StockCommand::Release {}, &stocks)?);
        let cancel = OrderCommand::Cancel { reason: "PaymentDeclined".to_owned() };
        black_box(order::decide(&order, &cancel, Some(&self.token), now)?);
        Ok(decisions + 2)
    }

    fn placed(&self, now: Timestamp, decisions: &mut u64) -> Order {
        *decisions += 1;
        black_box(order::place(self.placed.clone(), None, now)).state
    }

    fn reserved(&self, decisions: &mut u64) -> Result<(Reservation, Vec<Stock>), Box<dyn Error>> {
        *decisions += 1;
        let decision = black_box(stock::decide(&Reservation::None, &self.reserve, &self.stocks)?);
        Ok((decision.reservation.state, decision.stocks))
    }
}

/// To its end, as [`Next`] says.
fn pay(
    mut payment: Payment,
    command: &PaymentCommand,
    id: &CommandId,
    answers: &[payment::Answer],
    decisions: &mut u64,
) -> Result<Payment, Box<dyn Error>> {
    let mut answered = 0;
    loop {
        *decisions += 1;
        match black_box(payment::decide(&payment, command, id, &answers[..answered])?) {
            Next::Record(recorded) => payment = recorded,
            Next::Ask(_) => answered += 1,
            Next::Done(decision) => return Ok(decision.state),
        }
    }
}

fn ship(
    command: &ShipmentCommand,
    order_id: &OrderId,
    answers: &[shipment::Answer],
    decisions: &mut u64,
) -> Result<(), Box<dyn Error>> {
    let (mut shipment, mut answered) = (Shipment::default(), 0);
    loop {
        *decisions += 1;
        match black_box(shipment::decide(&shipment, command, order_id, &answers[..answered])?) {
            Next::Record(recorded) => shipment = recorded,
            Next::Ask(_) => answered += 1,
            Next::Done(_) => return Ok(()),
        }
    }
}
