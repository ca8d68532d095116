use proptest::prelude::*;
use tidegate_events::Quantity;

use super::*;

fn lines(quantities: &[(usize, u64)]) -> Lines {
    let line = |&(sku, count): &(usize, u64)| Line {
        sku: format!("sku-{sku}").parse().unwrap(),
        quantity: Quantity::try_from(count).unwrap(),
    };
    quantities.iter().map(line).collect::<Vec<_>>().try_into().unwrap()
}

fn stock(on_hand: u64, reserved: u64, shipped: u64) -> Stock {
    Stock { on_hand, reserved, shipped }
}

/// Before, command, stocks; after, answer, how many events, stocks.
type Case<'a> = (Reservation, StockCommand, &'a [Stock], Reservation, &'a str, usize, &'a [Stock]);

#[test]
fn what_becomes_of_a_reservation() {
    use Reservation::*;
    let wanted = || lines(&[(0, 2), (1, 3)]);
    let reserve = || StockCommand::Reserve { lines: wanted() };
    let (release, ship) = (|| StockCommand::Release {}, || StockCommand::Ship {});
    let (reserved, shipped) = (|| Reserved { lines: wanted() }, || Shipped { lines: wanted() });
    let free = [stock(5, 1, 0), stock(3, 0, 7)];
    let aside = [stock(3, 3, 0), stock(0, 3, 7)];
    let gone = [stock(3, 1, 2), stock(0, 0, 10)];
    let short = [stock(5, 1, 0), stock(2, 0, 7)];
    let table: &[Case<'_>] = &[
        (None, reserve(), &free, reserved(), "reserved", 1, &aside),
        (None, reserve(), &short, Rejected, "StockRejected", 1, &[]),
        (reserved(), reserve(), &[], reserved(), "reserved", 0, &[]),
        (shipped(), reserve(), &[], shipped(), "reserved", 0, &[]),
        (Rejected, reserve(), &[], Rejected, "StockRejected", 0, &[]),
        (Released, reserve(), &[], Released, "Compensated", 0, &[]),
        (reserved(), release(), &aside, Released, "released", 1, &free),
        (None, release(), &[], Released, "released", 0, &[]),
        (Released, release(), &[], Released, "released", 0, &[]),
        (Rejected, release(), &[], Rejected, "released", 0, &[]),
        (reserved(), ship(), &aside, shipped(), "shipped", 0, &gone),
        (shipped(), ship(), &[], shipped(), "shipped", 0, &[]),
    ];
    for (before, command, stocks, after, reply, events, left) in table {
        assert_eq!(concerned(before, command).len(), stocks.len());
        let StockTransition { reservation, stocks } = decide(before, command, stocks).unwrap();
        let word = match reservation.completion {
            Completion::Done(word) => word,
            Completion::Refused { error, .. } => {
                assert!(command.name().refusals().contains(&error));
                error.as_str()
            }
            Completion::Deferred => "later",
        };
        assert_eq!((&reservation.state, word), (after, *reply), "{before:?} {command:?}");
        assert_eq!((reservation.events.len(), &stocks[..]), (*events, *left), "{before:?} {command:?}");
    }
    for (before, command) in [(shipped(), release()), (None, ship()), (Rejected, ship()), (Released, ship())] {
        assert!(decide(&before, &command, &[]).is_err(), "{before:?} {command:?}");
    }
    assert!(decide(&None, &reserve(), &[stock(5, 0, 0)]).is_err(), "not all stocks are shown");
    assert!(decide(&reserved(), &release(), &[stock(5, 1, 0), stock(3, 3, 0)]).is_err(), "the books are broken");
}

#[test]
fn a_rejection_says_what_there_is_not_enough_of() {
    let command = StockCommand::Reserve { lines: lines(&[(0, 2), (1, 3), (2, 1)]) };
    let stocks = [stock(1, 9, 0), stock(3, 0, 0), Stock::default()];
    let events = decide(&Reservation::None, &command, &stocks).unwrap().reservation.events;
    let [OrderEvent::StockRejected(StockRejected { short })] = &events[..] else { panic!("{events:?}") };
    let short: Vec<_> = short.iter().map(|it| (it.sku.as_str(), it.requested, it.available)).collect();
    assert_eq!(short, [("sku-0", 2, 1), ("sku-2", 1, 0)]);
}

proptest! {
    /// Many orders for the same few SKUs, their commands in any order and as often as they like.
    #[test]
    fn stock_is_neither_lost_nor_made_nor_shared(
        on_hand in prop::array::uniform3(0_u64..12),
        wanted in prop::collection::vec(prop::collection::btree_map(0_usize..3, 1_u64..6, 1..=3), 1..6),
        commands in prop::collection::vec((0_usize..6, 0..3), 0..60),
    ) {
        let mut stocks = on_hand.map(|it| stock(it, 0, 0));
        let mut reservations = vec![Reservation::None; wanted.len()];
        for (order, kind) in commands {
            let order = order % wanted.len();
            let wanted: Vec<_> = wanted[order].iter().map(|(sku, count)| (*sku, *count)).collect();
            let command = match kind {
                0 => StockCommand::Reserve { lines: lines(&wanted) },
                1 => StockCommand::Release {},
                _ => StockCommand::Ship {},
            };
            let index = |line: &Line| line.sku.as_str()[4..].parse::<usize>().unwrap();
            let concerned: Vec<_> = concerned(&reservations[order], &command).iter().map(index).collect();
            let shown: Vec<_> = concerned.iter().map(|it| stocks[*it]).collect();
            if let Ok(decision) = decide(&reservations[order], &command, &shown) {
                reservations[order] = decision.reservation.state;
                concerned.iter().zip(decision.stocks).for_each(|(at, it)| stocks[*at] = it);
            }
            for (at, stock) in stocks.iter().enumerate() {
                prop_assert_eq!(stock.on_hand + stock.reserved + stock.shipped, on_hand[at]);
                let held = |lines: &Lines| {
                    lines.iter().filter(|it| index(it) == at).map(|it| it.quantity.count()).sum::<u64>()
                };
                let of = |pick: fn(&Reservation) -> Option<&Lines>| {
                    reservations.iter().filter_map(pick).map(held).sum::<u64>()
                };
                let reserved = of(|it| if let Reservation::Reserved { lines } = it { Some(lines) } else { None });
                let shipped = of(|it| if let Reservation::Shipped { lines } = it { Some(lines) } else { None });
                prop_assert_eq!((stock.reserved, stock.shipped), (reserved, shipped));
            }
        }
    }
}
