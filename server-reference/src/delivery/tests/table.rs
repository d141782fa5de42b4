use std::time::Duration;

use nexus_core::time::Timestamp;
use proptest::prelude::*;

use crate::delivery::Table;

const IDLE: Duration = Duration::from_secs(10);

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

#[test]
fn key_is_remembered_while_used_and_for_a_time_after() {
    let mut table = Table::new(2, IDLE);
    assert_eq!(table.acquire(&"a", at(0), || 1), Some(&1));
    assert_eq!(table.acquire(&"a", at(0), || 2), Some(&1), "two use it");
    table.release(&"a", at(1));
    assert_eq!(table.acquire(&"b", at(100), || 3), Some(&3));
    assert_eq!(table.acquire(&"a", at(100), || 4), Some(&1), "one still did");
    table.release(&"a", at(100));
    table.release(&"a", at(100));
    assert_eq!(table.acquire(&"a", at(109), || 5), Some(&1));
    table.release(&"a", at(109));
    assert_eq!(table.acquire(&"a", at(119), || 6), Some(&6), "forgotten at the bound");
}

#[test]
fn full_table_forgets_the_longest_idle_and_nobody_in_use() {
    let mut table = Table::new(2, IDLE);
    table.acquire(&1, at(0), || 1);
    table.acquire(&2, at(0), || 2);
    assert_eq!(table.acquire(&3, at(0), || 3), None, "all are in use");
    table.release(&2, at(1));
    table.release(&1, at(2));
    assert_eq!(table.acquire(&3, at(3), || 3), Some(&3));
    assert_eq!(table.acquire(&1, at(3), || 9), Some(&1));
    assert_eq!(table.acquire(&2, at(3), || 9), None);
    assert_eq!(table.len(), 2);
}

proptest! {
    #[test]
    fn never_more_than_it_may_hold(steps in proptest::collection::vec((0u8..6, any::<bool>(), 0u64..4), 1..200)) {
        let mut table = Table::new(3, IDLE);
        let mut now = 0;
        let mut users = [0u32; 6];
        for (key, acquires, passed) in steps {
            now += passed;
            let count = &mut users[usize::from(key)];
            if acquires {
                let known = table.acquire(&key, at(now), || key).copied();
                prop_assert!(known.is_none_or(|known| known == key));
                prop_assert!(known.is_some() || *count == 0, "who is in use stays");
                *count += u32::from(known.is_some());
            } else if *count > 0 {
                *count -= 1;
                table.release(&key, at(now));
            }
            prop_assert!(table.len() <= 3);
        }
    }
}
